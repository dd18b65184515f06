//! How callers come in: over our own certificate, and with a position that they demand.

use std::{fs, time::Duration};

use reqwest::{Certificate, Client, ClientBuilder, Method, Version};
use serde_json::json;
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::server::{Ask as _, Server, client};

/// A certificate for this machine, its files, and the configuration that names them.
struct Papers {
    folder: TempDir,
    certificate: Certificate,
}

impl Papers {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let path = |name: &str| folder.path().join(name);
        fs::write(path("cert.pem"), &pem).unwrap();
        fs::write(path("key.pem"), key).unwrap();
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| path(name).display().to_string());
        fs::write(path("piperoll.toml"), format!("[tls]\ncert = {cert:?}\nkey = {key:?}\n"))
            .unwrap();
        Self { folder, certificate: Certificate::from_pem(pem.as_bytes()).unwrap() }
    }

    fn configuration(&self) -> String {
        self.folder.path().join("piperoll.toml").display().to_string()
    }

    /// A client that believes this certificate and no other.
    fn client(&self) -> ClientBuilder {
        drop(client()); // The first one says which cryptography is used.
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(30));
        client.tls_certs_only([self.certificate.clone()])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_certificate_guards_the_door_and_plain_callers_stay_outside() {
    let papers = Papers::new();
    let server = Server::start(&[("PIPEROLL_CONFIG", &papers.configuration())]).await;
    let door = server.door().clone();
    assert!(door.url.starts_with("https://127.0.0.1:"), "{}", door.url);
    for (builder, version) in
        [(papers.client(), Version::HTTP_2), (papers.client().http1_only(), Version::HTTP_11)]
    {
        let offers = door.shop(&builder.build().unwrap(), Method::GET, "/v1/offers");
        let offers = offers.send().await.unwrap();
        assert_eq!((offers.status().as_u16(), offers.version()), (200, version));
    }
    let stranger = client().get(format!("{}/health", door.url)).send().await;
    assert!(stranger.is_err(), "a certificate that nobody vouches for is believed");
    let plain = client().get(format!("http://127.0.0.1:{}/health", server.port())).send().await;
    assert!(plain.is_err(), "a plain request is answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_demands_what_the_views_have_not_seen_waits_and_is_told() {
    let server = Server::start(&[]).await;
    let views = server.data().join("views-1.db");
    let mut held = SqliteConnectOptions::new().filename(views).connect().await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut held).await.unwrap();
    let open = server.door().shop(&client(), Method::POST, "/v1/accounts");
    let open = open.header("idempotency-key", "open-a").json(&json!({ "account": "a" }));
    let position = open.answer().await.is(201).lines("piperoll-position").remove(0);
    let look = || {
        let look = server.door().clone().shop(&client(), Method::GET, "/v1/accounts/a/balance");
        look.header("piperoll-min-position", &position)
    };
    let early = look().answer().await.is(503);
    assert_eq!(early.word("/code"), "view_behind");
    assert_eq!(early.lines("retry-after"), ["1"]);
    sqlx::raw_sql("ROLLBACK").execute(&mut held).await.unwrap();
    held.close().await.unwrap();
    let mut late = look().answer().await;
    for _ in 0..30 {
        if late.status == 200 {
            break;
        }
        late = look().answer().await;
    }
    late.is(200);
}
