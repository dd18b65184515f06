//! The program's own listener with nothing behind it: what a bench compares with.

use std::{net::SocketAddr, time::Duration};

use super::listener::{self, Error, Limits, Listening};
use crate::api;

/// Generous; nobody is kept out.
const LIMITS: Limits = Limits { header_bytes_max: 16 * 1024, connections_max: 4_096 };

/// A listener that answers and remembers nothing.
pub struct Bare {
    /// Where it is reached.
    pub address: SocketAddr,
    listening: Listening,
}

impl Bare {
    /// Starts it on a port of its own.
    pub async fn start() -> Result<Self, Error> {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listening = listener::listen(address, api::bare(), None, LIMITS).await?;
        Ok(Self { address: listening.address, listening })
    }

    /// Stops it.
    pub async fn stop(self) {
        self.listening.stop(Duration::ZERO).await;
    }
}
