//! Listeners: HTTP/1.1 and 2, TLS where there is a certificate, and nobody waits for a slow stranger.

mod guard;

use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use axum::Router;
use axum_server::{
    Handle, Server,
    accept::NoDelayAcceptor,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{net::TcpListener, task::JoinHandle};

use self::guard::{Gate, Guard};
use crate::config::Tls;

/// How long a client may take to say what it wants.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Header fields of a request.
const HEADER_FIELDS_MAX: usize = 100;
/// The smallest buffer that the HTTP/1 parser takes.
const BUFFER_LEAST: usize = 8_192;
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 100;
/// Streams that a client may reset before we have looked at them.
const RESETS_PENDING_MAX: usize = 20;
/// Streams of ours that a client may make us reset.
const RESETS_LOCAL_MAX: usize = 256;
/// How often we ask whether an HTTP/2 client is still there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How long it may take to answer that.
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// Why a listener does not listen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be had.
    #[error("failed to listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate or its key cannot be read.
    #[error("failed to read {}", path.display())]
    Pem {
        /// Which file.
        path: std::path::PathBuf,
        /// What is wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// The certificate and the key do not go together.
    #[error("failed to use the certificate")]
    Certificate(#[source] rustls::Error),
}

/// How a listener listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// All header fields together.
    pub(super) header_bytes_max: usize,
    /// Connections at once.
    pub(super) connections_max: usize,
}

/// A listener that listens.
#[derive(Debug)]
pub(super) struct Listening {
    /// Where.
    pub(super) address: SocketAddr,
    handle: Handle<SocketAddr>,
    task: JoinHandle<io::Result<()>>,
}

impl Listening {
    /// Takes no more connections, and gives those that are busy so long to finish.
    pub(super) async fn stop(self, grace: Duration) {
        self.handle.graceful_shutdown(Some(grace));
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "a listener ended badly"),
            Err(error) => tracing::warn!(%error, "a listener did not end"),
        }
    }
}

/// Listens, and serves a router.
pub(super) async fn listen(
    address: SocketAddr,
    router: Router,
    tls: Option<&Tls>,
    limits: Limits,
) -> Result<Listening, Error> {
    let failed = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let handle = Handle::new();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let gate = Gate::new(limits.connections_max, HEADERS_WITHIN, tls.is_none());
    let server = Server::from_listener(listener).handle(handle.clone());
    let task = match tls {
        None => {
            let mut server = server.acceptor(Guard::new(gate, NoDelayAcceptor));
            bound(server.http_builder(), limits);
            tokio::spawn(server.serve(service))
        }
        Some(tls) => {
            let config = RustlsConfig::from_config(Arc::new(certificate(tls)?));
            let inner = RustlsAcceptor::new(config).handshake_timeout(HANDSHAKE_WITHIN);
            let acceptor = Guard::new(gate, inner.acceptor(NoDelayAcceptor));
            let mut server = server.acceptor(acceptor);
            bound(server.http_builder(), limits);
            tokio::spawn(server.serve(service))
        }
    };
    Ok(Listening { address, handle, task })
}

/// Bounds what one connection can ask of us.
fn bound(builder: &mut Builder<TokioExecutor>, limits: Limits) {
    let Limits { header_bytes_max, .. } = limits;
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_headers(HEADER_FIELDS_MAX)
        .max_buf_size(header_bytes_max.saturating_mul(2).max(BUFFER_LEAST));
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WITHIN)
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
        .max_local_error_reset_streams(RESETS_LOCAL_MAX)
        .max_header_list_size(u32::try_from(header_bytes_max).unwrap_or(u32::MAX));
}

fn certificate(tls: &Tls) -> Result<ServerConfig, Error> {
    let unread = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(&tls.cert).map_err(unread(&tls.cert))?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(unread(&tls.cert))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(unread(&tls.key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(Error::Certificate)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests;
