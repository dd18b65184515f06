//! The server as a program of its own, on a directory that has a history.

use std::{
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdout, Command},
};

use crate::bench::{BoxError, Error, failed};

/// What is being done when it fails.
const LOOKING: &str = "look how much memory the server takes";

/// A server that listens.
pub(super) struct Server {
    /// Where.
    pub(super) address: SocketAddr,
    /// A key of the first tenant.
    pub(super) key: String,
    /// How long it took from its beginning until it listened.
    pub(super) took: Duration,
    child: Child,
    /// Kept open, or it could not speak.
    _said: BufReader<ChildStdout>,
}

impl Server {
    /// Starts this very program.
    pub(super) async fn start(
        directory: &Path,
        settings: &[(String, String)],
    ) -> Result<Self, Error> {
        Self::try_start(directory, settings).await.map_err(failed("start the server"))
    }

    async fn try_start(directory: &Path, settings: &[(String, String)]) -> Result<Self, BoxError> {
        let mut command = Command::new(std::env::current_exe()?);
        // What this process was told is none of its business.
        command.env_clear().kill_on_drop(true).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::inherit());
        command.env("RUST_LOG", "error");
        command.envs(settings.iter().map(|(name, to)| (name, to)));
        command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--data"]).arg(directory);
        let began = Instant::now();
        let mut child = command.spawn()?;
        let mut said = BufReader::new(child.stdout.take().ok_or("it cannot speak")?);
        let mut line = String::new();
        said.read_line(&mut line).await?;
        let took = began.elapsed();
        let told: Value = serde_json::from_str(&line)?;
        let text = |name: &str| told.get(name).and_then(Value::as_str).ok_or("it does not say");
        let address = text("url")?.trim_start_matches("http://").parse()?;
        Ok(Self { address, key: text("key")?.to_owned(), took, child, _said: said })
    }

    /// The most memory that it ever held, in kibibytes.
    pub(super) fn memory_kib(&self) -> Result<u64, Error> {
        memory_kib(self.child.id().ok_or("it has ended").map_err(failed(LOOKING))?)
    }

    /// Ends it as a crash would.
    pub(super) async fn kill(mut self) -> Result<(), Error> {
        self.child.kill().await.map_err(failed("end the server"))
    }
}

/// The most memory that a process ever held, in kibibytes.
pub(super) fn memory_kib(process: u32) -> Result<u64, Error> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.map_err(failed(LOOKING))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
    number.ok_or("the system does not say").map_err(failed(LOOKING))
}
