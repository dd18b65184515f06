//! The least that an HTTP/1.1 client is: one connection that is kept, one request at a time, its
//! answer read to its end.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::BoxError;

/// Header fields of an answer.
const FIELDS_MAX: usize = 32;
/// What is read at once.
const READ_BYTES: usize = 16 * 1024;

/// A connection.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    stream: Option<TcpStream>,
    heard: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: &'a [u8],
}

/// Why an answer is not what was expected.
#[derive(Debug, thiserror::Error)]
enum Odd {
    #[error("the connection ended within an answer")]
    Ended,
    #[error("an answer does not say how long it is")]
    Length,
    #[error("it was answered with {status}: {body}")]
    Status { status: u16, body: String },
}

impl Wire {
    /// Nothing is connected yet.
    pub const fn to(address: SocketAddr) -> Self {
        Self { address, stream: None, heard: vec![] }
    }

    /// Asks, and hears the whole answer, which must have this status.
    pub async fn must(&mut self, request: &[u8], status: u16) -> Result<Answer<'_>, BoxError> {
        let answer = self.ask(request).await?;
        if answer.status == status {
            return Ok(answer);
        }
        let body = String::from_utf8_lossy(answer.body).into_owned();
        Err(Odd::Status { status: answer.status, body }.into())
    }

    /// Asks, and hears the whole answer.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>, BoxError> {
        // What fails in the middle leaves no connection behind.
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.address).await?,
        };
        stream.write_all(request).await?;
        self.heard.clear();
        let (status, head, length) = loop {
            hear(&mut stream, &mut self.heard).await?;
            if let Some(head) = head(&self.heard)? {
                break head;
            }
        };
        let end = head + length;
        while self.heard.len() < end {
            hear(&mut stream, &mut self.heard).await?;
        }
        self.stream = Some(stream);
        Ok(Answer { status, body: self.heard.get(head..end).unwrap_or_default() })
    }
}

async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn hear(stream: &mut TcpStream, heard: &mut Vec<u8>) -> Result<(), BoxError> {
    heard.reserve(READ_BYTES);
    if stream.read_buf(heard).await? == 0 { Err(Odd::Ended.into()) } else { Ok(()) }
}

/// An answer's status, where its head ends, and how long its body is; none until its head is whole.
fn head(heard: &[u8]) -> Result<Option<(u16, usize, usize)>, BoxError> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut answer = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(end) = answer.parse(heard)? else { return Ok(None) };
    let status = answer.code.unwrap_or_default();
    let stated = answer.headers.iter().find(|it| it.name.eq_ignore_ascii_case("content-length"));
    let length = stated.and_then(|field| std::str::from_utf8(field.value).ok()?.parse().ok());
    Ok(Some((status, end, length.ok_or(Odd::Length)?)))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Answers each request with these bytes, in these pieces.
    async fn server(pieces: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 64];
            while stream.read(&mut asked).await.unwrap() > 0 {
                for piece in pieces {
                    stream.write_all(piece.as_bytes()).await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn an_answer_is_heard_whole_however_it_comes_and_the_connection_is_kept() {
        let pieces = &["HTTP/1.1 20", "1 Created\r\nContent-", "Length: 5\r\n\r\nhel", "lo"];
        let mut wire = Wire::to(server(pieces).await);
        for _ in 0..3 {
            assert_eq!(wire.must(b"ask", 201).await.unwrap().body, b"hello");
        }
        assert!(wire.must(b"ask", 200).await.unwrap_err().to_string().contains("201: hello"));
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_none() {
        let mut wire = Wire::to(server(&["HTTP/1.1 200 OK\r\n\r\nhello"]).await);
        assert!(wire.ask(b"ask").await.is_err());
        assert!(wire.stream.is_none());
    }
}
