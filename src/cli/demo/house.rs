//! The demo's own server: this same program, on a temporary directory, killed and started at will.

use std::{
    fs::File,
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How long the server may take to open its door, and to close it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Variables that a person may have set for a server of their own.
const FOREIGN: [&str; 6] = ["PIPEROLL_", "LNBITS_", "PAYMENT_", "L402_", "ADMIN_TOKEN", "RUST_LOG"];

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HouseError {
    /// The system refused something.
    #[error("failed to {doing}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// It ended before it answered.
    #[error("the server did not open its door: {0}")]
    Silent(String),
}

fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> HouseError {
    move |source| HouseError::System { doing, source }
}

/// Where the server is, and what opens it: the line that `serve --json` prints.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Door {
    /// Its address.
    pub(super) url: String,
    /// A key with every role.
    pub(super) key: String,
    /// The operators' token.
    pub(super) admin_token: String,
}

/// The server and everything of it.
pub(super) struct House {
    directory: PathBuf,
    port: u16,
    server: Option<Child>,
    door: Door,
}

impl House {
    /// Finds a place and a free port.
    pub(super) fn build() -> Result<Self, HouseError> {
        let name = format!("piperoll-demo-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).map_err(failed("make a temporary directory"))?;
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.map_err(failed("find a free port"))?.port();
        Ok(Self { directory, port, server: None, door: Door::default() })
    }

    /// The data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    pub(super) fn door(&self) -> Door {
        self.door.clone()
    }

    /// Starts the server, and waits until it says where it is.
    pub(super) async fn open(&mut self) -> Result<(), HouseError> {
        let log = File::options().create(true).append(true).open(self.log());
        let mut child = self
            .program(&["--json", "serve"])?
            .arg("--listen")
            .arg(format!("127.0.0.1:{}", self.port))
            .stdout(Stdio::piped())
            .stderr(log.map_err(failed("open the server's log"))?)
            .spawn()
            .map_err(failed("start the server"))?;
        let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
        self.server = Some(child);
        let said = match lines {
            Some(mut lines) => timeout(PATIENCE, lines.next_line()).await.ok(),
            None => None,
        };
        let line = said.and_then(Result::ok).flatten().unwrap_or_default();
        let silent = |_| HouseError::Silent(self.last_words());
        self.door = serde_json::from_str(&line).map_err(silent)?;
        Ok(())
    }

    /// This program, with nothing of the caller's own configuration.
    pub(super) fn program(&self, arguments: &[&str]) -> Result<Command, HouseError> {
        let program = std::env::current_exe().map_err(failed("find this program"))?;
        let mut command = Command::new(program);
        command.args(arguments).arg("--data").arg(self.data());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if FOREIGN.iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command.stdin(Stdio::null()).kill_on_drop(true);
        Ok(command)
    }

    /// Ends the server between two instructions, as a power cut would.
    pub(super) async fn kill(&mut self) -> Result<(), HouseError> {
        match self.server.take() {
            Some(mut child) => child.kill().await.map_err(failed("kill the server")),
            None => Ok(()),
        }
    }

    /// Ends the server as an operator would.
    pub(super) async fn close(&mut self) -> Result<(), HouseError> {
        let Some(mut child) = self.server.take() else { return Ok(()) };
        if let Some(pid) = child.id() {
            let mut term = Command::new("kill");
            term.arg("-TERM").arg(pid.to_string());
            term.status().await.map_err(failed("end the server"))?;
        }
        match timeout(PATIENCE, child.wait()).await {
            Ok(ended) => ended.map(drop).map_err(failed("wait for the server")),
            Err(_) => Err(HouseError::Silent(self.last_words())),
        }
    }

    /// The end of the server's log.
    pub(super) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// Takes everything away, or says where it stays.
    pub(super) async fn leave(mut self, keep: bool) -> Option<PathBuf> {
        let _ = self.close().await;
        if keep {
            return Some(self.data());
        }
        remove(&self.directory);
        None
    }
}

fn remove(directory: &Path) {
    if let Err(error) = std::fs::remove_dir_all(directory) {
        tracing::warn!(%error, directory = %directory.display(), "the demo left something behind");
    }
}
