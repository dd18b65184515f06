//! HTTP by hand: requests that no library would send.

use std::{fs, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::server::Door;

/// How long anybody waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
    /// The body, if it is JSON.
    pub(crate) body: Value,
}

/// A request, as its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { line: format!("{method} {path} HTTP/1.1"), headers: vec![], body: vec![] }
    }

    /// Adds a field; the last of a name counts where the name may stand once.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if ["content-type", "piperoll-key"].contains(&name) {
            self.headers.retain(|(other, _)| other != name);
        }
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With this key, whatever it is.
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("piperoll-key", key)
    }

    fn says(&self, name: &str) -> bool {
        self.headers.iter().any(|(other, _)| other == name)
    }

    /// With the tenant's key and an idempotency key, unless it has its own.
    pub(crate) fn of(mut self, door: &Door) -> Self {
        let own = ["piperoll-key", "authorization"].iter().any(|name| self.says(name));
        if !own {
            self = self.header("piperoll-key", &door.key);
        }
        if !self.says("idempotency-key") {
            self = self.header("idempotency-key", &uuid::Uuid::new_v4().to_string());
        }
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut lines = vec![self.line.clone(), "host: localhost".to_owned()];
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        if !self.body.is_empty() && !self.says("content-length") {
            lines.push(format!("content-length: {}", self.body.len()));
        }
        let head = lines.join("\r\n") + "\r\n";
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }

    pub(crate) async fn ask(&self, port: u16) -> Option<Heard> {
        say(port, &self.bytes()).await
    }
}

/// Says these bytes, and hears the first answer; none where the connection ends without one.
pub(crate) async fn say(port: u16, bytes: &[u8]) -> Option<Heard> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let (mut from, mut to) = stream.into_split();
    let bytes = bytes.to_vec();
    // Whoever refuses early may not read to the end.
    let saying = tokio::spawn(async move {
        drop(to.write_all(&bytes).await);
        to
    });
    let mut heard = vec![];
    let mut piece = vec![0; 65_536];
    let answer = timeout(PATIENCE, async {
        loop {
            match from.read(&mut piece).await {
                Ok(0) | Err(_) => break whole(&heard, true),
                Ok(read) => heard.extend_from_slice(&piece[..read]),
            }
            if let Some(answer) = whole(&heard, false) {
                break Some(answer);
            }
        }
    });
    let answer = answer.await.expect("an answer or an end within twenty seconds");
    saying.abort();
    answer
}

fn whole(bytes: &[u8], ended: bool) -> Option<Heard> {
    let text = String::from_utf8_lossy(bytes);
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    if rest.len() < length && !ended {
        return None;
    }
    let text: String = rest.chars().take(length).collect();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Some(Heard { status, head: head.clone(), text, body })
}

/// How many bytes a process holds in memory.
pub(crate) fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse().unwrap();
    kilobytes * 1_024
}
