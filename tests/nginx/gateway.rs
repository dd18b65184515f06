//! nginx, piperoll behind it, and the API that is sold.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, body::to_bytes, extract::Request};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    peers::peer,
    server::{Server, client, free_port, register, unregister},
};

const TEMPLATE: &str = "docs/deploy/nginx/nginx.conf.template";

/// A request as the API that is sold got it.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) method: String,
    pub(super) uri: String,
    pub(super) body: String,
    headers: Vec<(String, String)>,
}

impl Heard {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let of = |(known, value): &'_ (String, String)| (known == name).then(|| value.clone());
        debug_assert!(self.headers.iter().filter_map(of).count() < 2, "{name} stands twice");
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

pub(super) struct Gateway {
    pub(super) piperoll: Server,
    client: Client,
    url: String,
    proxy_key: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    api: JoinHandle<()>,
    nginx: Child,
    folder: TempDir,
}

impl Gateway {
    /// All three, running; nothing where there is no nginx.
    pub(super) async fn up() -> Option<Self> {
        let program = peer("PIPEROLL_TEST_NGINX")?;
        let piperoll = Server::start(&[("PIPEROLL_TRUSTED_PROXIES", "127.0.0.1")]).await;
        let key = json!({ "key": "nginx", "roles": [] });
        let proxy_key = piperoll.post("/v1/keys", "key-1", &key).await.is(201).word("/secret");
        let (heard, upstream, api) = api().await;
        let listen = format!("127.0.0.1:{}", free_port());
        let folder = configured(&[
            ("LISTEN", &listen),
            ("PIPEROLL", &format!("127.0.0.1:{}", piperoll.port())),
            ("UPSTREAM", &upstream),
            ("SERVICE", "reports"),
            ("PIPEROLL_PROXY_KEY", &proxy_key),
        ]);
        let nginx = start(&program, folder.path());
        let (client, url) = (client(), format!("http://{listen}"));
        let gateway = Self { piperoll, client, url, proxy_key, heard, api, nginx, folder };
        gateway.ready().await;
        Some(gateway)
    }

    async fn ready(&self) {
        for _ in 0..500 {
            if tokio::net::TcpStream::connect(self.url.trim_start_matches("http://")).await.is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nginx does not listen");
    }

    /// Asks as a client from outside.
    pub(super) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// Asks as nginx does, in its first step.
    pub(super) fn authorize(&self, path: &str) -> RequestBuilder {
        let door = self.piperoll.door();
        let ask = door.ask(&self.client, Method::GET, "/v1/l402/authorize/reports?deny=401");
        let ask = ask.header("piperoll-key", &self.proxy_key);
        ask.header("x-original-method", "GET").header("x-original-uri", path)
    }

    /// How many payments there are.
    pub(super) async fn payments(&self) -> usize {
        let payments = self.piperoll.read("/v1/payments?limit=1000").await.is(200);
        payments.body["items"].as_array().unwrap().len()
    }

    /// What the API has heard so far.
    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.api.abort();
        // Its master ends its workers when it is asked to, not when it is killed.
        let pid = self.nginx.id();
        crate::server::signal("TERM", pid);
        drop(self.nginx.wait());
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log"));
            eprintln!("nginx said:\n{}", log.unwrap_or_default());
        }
        unregister(pid);
    }
}

/// The template with every name replaced, in a folder that nginx' workers may enter.
fn configured(names: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(folder.path().join("tmp")).unwrap();
    let template = fs::read_to_string(TEMPLATE).unwrap();
    // Its comments name them too.
    let replaced = names
        .iter()
        .fold(template, |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
    assert!(!replaced.replace("${NAME}", "").contains("${"), "a name is not replaced");
    fs::write(folder.path().join("nginx.conf"), replaced).unwrap();
    folder
}

fn start(program: &Path, folder: &Path) -> Child {
    let nginx = Command::new(program)
        .arg("-p")
        .arg(folder)
        .args(["-c", "nginx.conf", "-g", "daemon off;"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("log")).unwrap())
        .process_group(0)
        .spawn()
        .unwrap();
    register(nginx.id());
    nginx
}

/// The API: writes down what it gets, and says so.
async fn api() -> (Arc<Mutex<Vec<Heard>>>, String, JoinHandle<()>) {
    let heard = Arc::new(Mutex::new(vec![]));
    let note = heard.clone();
    let router = Router::new().fallback(move |request: Request| take(note, request));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (heard, address, serving)
}

async fn take(note: Arc<Mutex<Vec<Heard>>>, request: Request) -> Json<Value> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    note.lock().unwrap().push(Heard {
        method: parts.method.to_string(),
        uri: parts.uri.to_string(),
        body: String::from_utf8(body.to_vec()).unwrap(),
        headers: headers.collect(),
    });
    Json(json!({ "report": "all is well" }))
}
