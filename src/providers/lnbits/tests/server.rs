//! A server of a few lines, which can break off wherever it is told to.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What the server does once it has read a request.
#[derive(Clone)]
pub(super) enum Act {
    /// Writes these bytes and closes.
    Write(Vec<u8>),
    /// Writes these bytes before it is asked anything.
    Blurt(Vec<u8>),
    /// Says nothing until the client goes away.
    Silence,
    /// Writes these bytes, then says nothing more.
    Stall(Vec<u8>),
}

pub(super) struct Server {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) async fn start(act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, act.clone(), Arc::clone(&seen)));
            }
        });
        Self { url, requests }
    }

    pub(super) async fn answering(status: u16, body: &Value) -> Self {
        Self::saying(status, body.to_string().as_bytes()).await
    }

    pub(super) async fn saying(status: u16, body: &[u8]) -> Self {
        Self::start(Act::Write(answer(status, body))).await
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

pub(super) fn answer(status: u16, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let date = "Tue, 14 Nov 2023 22:13:25 GMT";
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nlocation: /first_install\r\n\
         date: {date}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

async fn serve(mut stream: TcpStream, act: Act, seen: Arc<Mutex<Vec<String>>>) {
    if let Act::Blurt(bytes) = &act {
        let _ = stream.write_all(bytes).await;
    }
    let request = read(&mut stream).await;
    seen.lock().unwrap().push(request);
    match act {
        Act::Write(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Act::Blurt(_) | Act::Silence => wait(&mut stream).await,
        Act::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            wait(&mut stream).await;
        }
    }
}

async fn wait(stream: &mut TcpStream) {
    let _ = stream.read(&mut [0]).await;
}

async fn read(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        match stream.read(&mut chunk).await.unwrap_or(0) {
            0 => return text,
            n => request.extend_from_slice(&chunk[..n]),
        }
    }
}
