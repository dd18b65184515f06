//! Programs that we did not write, where `tests/run` says they are.

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A peer that `tests/run` names in the variable. Without `tests/run` a test passes without it, and
/// says that it has proved nothing.
pub(crate) fn peer(variable: &str) -> Option<PathBuf> {
    let found = env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    if found.is_none() {
        // LNbits alone may be missing there: it wants a Python that not every machine has.
        let needed = env::var_os("PIPEROLL_TEST_PEERS").is_some() && !variable.contains("LNBITS");
        assert!(!needed, "{variable} names no program");
        eprintln!("{variable} is not set, so this test has proved nothing; tests/run sets it");
    }
    found
}

/// Runs a script beside the peers with node, off the test's own thread.
pub(crate) async fn node(node: &Path, script: &str, arguments: &[&str], stdin: &str) -> Output {
    let mut command = Command::new(node);
    command.arg(Path::new("tests/peers").join(script)).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let stdin = stdin.to_owned();
    let run = move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// A real LNbits of a test's own, with play money; gone when the test is.
pub(crate) struct Lnbits {
    script: PathBuf,
    folder: TempDir,
    /// Its address and its wallets' keys.
    said: Value,
}

impl Lnbits {
    /// One with a shop's wallet and a payer's.
    pub(crate) async fn up() -> Option<Self> {
        Self::started("up").await
    }

    /// One that was never started before: it has no wallets, and redirects every question.
    pub(crate) async fn bare() -> Option<Self> {
        Self::started("bare").await
    }

    async fn started(verb: &str) -> Option<Self> {
        let script = peer("PIPEROLL_TEST_LNBITS")?;
        let folder = tempfile::tempdir().unwrap();
        let mut lnbits = Self { script, folder, said: Value::Null };
        lnbits.said = lnbits.call(verb).await;
        Some(lnbits)
    }

    pub(crate) async fn stop(&self) {
        self.call("stop").await;
    }

    /// On the same port, with the same wallets.
    pub(crate) async fn start(&self) {
        self.call("start").await;
    }

    pub(crate) fn url(&self) -> &str {
        self.word("/url")
    }

    pub(crate) fn shop_key(&self) -> &str {
        self.word("/shop/inkey")
    }

    pub(crate) fn payer_key(&self) -> &str {
        self.word("/payer/adminkey")
    }

    fn word(&self, pointer: &str) -> &str {
        self.said.pointer(pointer).and_then(Value::as_str).unwrap()
    }

    async fn call(&self, verb: &str) -> Value {
        let mut command = self.command(verb);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "lnbits.sh {verb}: {told}");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.script);
        command.arg(verb).arg(self.folder.path().join("lnbits")).stdin(Stdio::null());
        command
    }
}

impl Drop for Lnbits {
    fn drop(&mut self) {
        let ended = self.command("down").stderr(Stdio::null()).status();
        // A test that has failed says so itself.
        drop(ended);
        drop(fs::remove_dir_all(self.folder.path()));
    }
}
