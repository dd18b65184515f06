//! A gate before HTTP: so many connections at once, and none that never says a word.
//!
//! The parser's own clock starts when it knows which HTTP it hears. Until then a connection costs a
//! place, so whoever has not said enough to tell is cut off.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum_server::accept::Accept;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep, timeout},
};

/// What tells HTTP/2; anything that differs is HTTP/1.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is said to one who finds no place.
const COME_BACK: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/problem+json\r\nretry-after: 1\r\nconnection: close\r\n\
    content-length: 125\r\n\r\n\
    {\"type\":\"urn:piperoll:problem:busy\",\"title\":\"Too much is waiting\",\"status\":503,\"code\":\"busy\",\
    \"detail\":\"too many connections\"}";
/// How many are being told so at once; others just hear nothing.
const TOLD_MAX: usize = 256;
/// How long telling takes at most.
const TOLD_WITHIN: Duration = Duration::from_secs(1);
/// So much of what he says meanwhile is read.
const WORDS_MAX: u64 = 64 * 1024;

/// How many may come in, and how long they may hesitate.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    places: Arc<Semaphore>,
    within: Duration,
    /// Whether what is said before anything else is understood: without TLS it is.
    plain: bool,
    told: Arc<Semaphore>,
}

impl Gate {
    pub(super) fn new(connections_max: usize, within: Duration, plain: bool) -> Self {
        let places = connections_max.min(Semaphore::MAX_PERMITS);
        let told = Arc::new(Semaphore::new(TOLD_MAX));
        Self { places: Arc::new(Semaphore::new(places)), within, plain, told }
    }
}

/// An acceptor behind a gate.
#[derive(Debug, Clone)]
pub(super) struct Guard<A> {
    gate: Gate,
    inner: A,
}

impl<A> Guard<A> {
    pub(super) const fn new(gate: Gate, inner: A) -> Self {
        Self { gate, inner }
    }
}

type Accepting<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

impl<A, S> Accept<TcpStream, S> for Guard<A>
where
    A: Accept<TcpStream, S>,
    A::Future: Send + 'static,
{
    type Stream = Guarded<A::Stream>;
    type Service = A::Service;
    type Future = Accepting<(Self::Stream, Self::Service)>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Ok(place) = Arc::clone(&self.gate.places).try_acquire_owned() else {
            let told =
                self.gate.plain.then(|| Arc::clone(&self.gate.told).try_acquire_owned().ok());
            return Box::pin(async { Err(turned_away(stream, told.flatten()).await) });
        };
        let accepting = self.inner.accept(stream, service);
        let within = self.gate.within;
        Box::pin(async move {
            let (stream, service) = accepting.await?;
            let hesitates = Some(Box::pin(sleep(within)));
            Ok((Guarded { stream, hesitates, heard: 0, _place: place }, service))
        })
    }
}

/// Tells a client to come back, where that can be said in plain words and not too many are being
/// told it.
async fn turned_away(mut stream: TcpStream, told: Option<OwnedSemaphorePermit>) -> io::Error {
    if told.is_some() {
        let said = async {
            stream.write_all(COME_BACK).await?;
            stream.shutdown().await?;
            // Closed with his words unread, he would hear of a reset in place of ours.
            tokio::io::copy(&mut stream.take(WORDS_MAX), &mut tokio::io::sink()).await
        };
        // Whether he heard it is his affair.
        drop(timeout(TOLD_WITHIN, said).await);
    }
    io::ErrorKind::ConnectionRefused.into()
}

/// A connection that holds a place.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: S,
    /// Runs until enough was said.
    hesitates: Option<Pin<Box<Sleep>>>,
    heard: usize,
    _place: OwnedSemaphorePermit,
}

impl<S> Guarded<S> {
    /// Stops the clock once the words tell which HTTP it is.
    fn hear(&mut self, words: &[u8]) {
        let rest = PREFACE.get(self.heard..).unwrap_or_default();
        self.heard = self.heard.saturating_add(words.len());
        let same = words.len() < rest.len() && rest.starts_with(words);
        if !same {
            self.hesitates = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(hesitates) = &mut self.hesitates
            && hesitates.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.hesitates.is_some() && read.is_ready() {
            let words = buffer.filled().get(before..).unwrap_or_default().to_vec();
            self.hear(&words);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }
}
