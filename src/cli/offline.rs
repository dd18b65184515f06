//! A server of our own for one command, where no other holds the data directory.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use reqwest::Url;

use super::{error::is_held, exit::Exit};
use crate::{
    app::{App, Vars},
    config::{self, Config, Persist, of_process},
};

/// Why a data directory cannot be used without a server.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// There is no roll in it.
    #[error("there is no roll in {}", directory.display())]
    NoRoll {
        /// Which.
        directory: PathBuf,
    },
    /// The settings it is served with are wrong.
    #[error("failed to read the configuration")]
    Config(#[from] config::Error),
    /// It could not be opened, or another process holds it.
    #[error("failed to open the data directory")]
    Start(#[from] crate::app::Error),
}

impl Error {
    /// The exit code.
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::NoRoll { .. } => Exit::NotFound,
            Self::Config(_) => Exit::Usage,
            Self::Start(error) if is_held(error) => Exit::Conflict,
            Self::Start(_) => Exit::Failed,
        }
    }
}

/// The server, while the command runs. It listens on loopback only, on a port of its own.
pub(super) struct Offline {
    app: App,
    token: String,
}

impl Offline {
    /// Opens a data directory with the settings of the environment, as `serve` would.
    pub(super) async fn open(directory: &Path) -> Result<Self, Error> {
        if !directory.join("roll.db").exists() {
            return Err(Error::NoRoll { directory: directory.to_owned() });
        }
        let said: [(OsString, OsString); 2] = [
            ("PIPEROLL_DATA".into(), directory.into()),
            ("PIPEROLL_LISTEN".into(), "127.0.0.1:0".into()),
        ];
        let ours =
            |(name, _): &(OsString, OsString)| name != "PIPEROLL_DATA" && name != "PIPEROLL_LISTEN";
        let environment = of_process().filter(ours).chain(said);
        let mut config = Config::load(None, environment, Persist::Yes)?.config;
        config.tls = None;
        config.metrics.listen = None;
        let vars: Vars = Arc::new(|name| std::env::var(name).ok());
        let app = App::start(&config, vars).await?;
        let token = config.admin.tokens().current.expose().to_owned();
        Ok(Self { app, token })
    }

    /// Where it is, in place of the server that `url` names.
    pub(super) fn instead_of(&self, url: &Url) -> Url {
        let mut own = url.clone();
        // None of these can fail: the scheme stays one with a host.
        let _ = own.set_scheme("http");
        let _ = own.set_ip_host(self.app.address.ip());
        let _ = own.set_port(Some(self.app.address.port()));
        own
    }

    /// The operators' token.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Ends it, with everything on disk.
    pub(super) async fn close(self) {
        self.app.stop().await;
    }
}
