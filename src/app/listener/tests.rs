//! Who never says a word is cut off, and there are only so many places.

use std::time::Duration;

use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{HEADERS_WITHIN, Limits, Listening, listen};

async fn listening(connections_max: usize) -> Listening {
    let router = Router::new().route("/", get(|| async { "here" }));
    let limits = Limits { header_bytes_max: 16_384, connections_max };
    listen("127.0.0.1:0".parse().unwrap(), router, None, limits).await.unwrap()
}

async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text).await;
    text
}

#[tokio::test]
async fn a_stranger_who_says_nothing_is_cut_off() {
    let server = listening(10).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    // As HTTP/2 begins, and no further.
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(b"PRI * HT").await.unwrap();
    let patience = HEADERS_WITHIN + Duration::from_secs(5);
    for stream in [&mut silent, &mut half] {
        let end = tokio::time::timeout(patience, stream.read(&mut [0; 8])).await.unwrap();
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
    server.stop(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn there_are_only_so_many_places() {
    let server = listening(1).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(b"GET").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut second = TcpStream::connect(server.address).await.unwrap();
    let told = ask(&mut second).await;
    let (head, body) = told.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nretry-after: 1\r\n"), "{told}");
    assert!(head.ends_with(&format!("\r\ncontent-length: {}", body.len())), "{told}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(body).unwrap()["code"], "busy");
    drop(first);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut third = TcpStream::connect(server.address).await.unwrap();
    assert!(ask(&mut third).await.ends_with("here"));
    server.stop(Duration::from_secs(1)).await;
}
