//! A wallet's server that refuses everything, and says back all that it was told: the worst provider.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub(super) struct Listening {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Listening {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(vec![]));
        let all = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(say_back(stream, all.clone()));
            }
        });
        Self { port, heard }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The tokens in the addresses that it was told to call.
    pub(super) fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let bodies = heard.iter().filter_map(|text| text.split_once("\r\n\r\n"));
        let called = bodies.filter_map(|(_, body)| {
            let body: Value = serde_json::from_str(body).ok()?;
            let url = body["webhook"].as_str()?.to_owned();
            Some(url.rsplit('.').next()?.to_owned())
        });
        called.collect()
    }
}

async fn say_back(mut stream: TcpStream, all: Arc<Mutex<Vec<String>>>) {
    let mut bytes = vec![0; 65_536];
    let mut read = 0;
    loop {
        read += stream.read(&mut bytes[read..]).await.unwrap_or(0);
        let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return };
        let length = head.to_ascii_lowercase();
        let length =
            length.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() < length.unwrap_or(0) {
            continue;
        }
        all.lock().unwrap().push(text.clone());
        let detail = serde_json::json!({ "detail": text }).to_string();
        let answer = format!(
            "HTTP/1.1 520 Payment failed\r\ncontent-type: application/json\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{detail}",
            detail.len()
        );
        drop(stream.write_all(answer.as_bytes()).await);
        return;
    }
}
