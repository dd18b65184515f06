//! The program itself, serving: a child on a directory and a port of its own, killed and started at
//! will, and gone when the test is.

mod bearer;
mod http;

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    net::TcpListener,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;
use tempfile::TempDir;

pub(crate) use self::{
    bearer::bearer,
    http::{Answer, Ask, client, msat},
};

/// How long a server may take to open its door, or to close it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Variables that whoever runs the tests may have set for a server of their own.
const FOREIGN: [&str; 9] = [
    "PIPEROLL_",
    "LNBITS_",
    "PAYMENT_",
    "L402_",
    "BILLING_",
    "FEATURE_",
    "ADMIN_TOKEN",
    "RUST_LOG",
    "RUST_BACKTRACE",
];

/// Where a server is, and what opens it: the line that `serve` prints for programs.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Door {
    pub(crate) url: String,
    pub(crate) tenant: String,
    pub(crate) key: String,
    pub(crate) admin_token: String,
}

/// A server, running or not, and its directory.
pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    variables: BTreeMap<String, String>,
    child: Option<Child>,
    door: Option<Door>,
}

/// A port that nobody has just now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// This program, with nothing of the caller's own configuration.
pub(crate) fn piperoll(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_piperoll"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if FOREIGN.iter().any(|foreign| text.starts_with(foreign)) {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command to its end, off the test's own thread.
pub(crate) async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Both streams of a command that has ended.
pub(crate) fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

impl Server {
    /// A place for a server that differs from the defaults in these variables; it is not started.
    pub(crate) fn new(variables: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            variables: variables.iter().map(own).collect(),
            child: None,
            door: None,
        }
    }

    /// A server with play money that runs.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        let mut server = Self::new(variables);
        server.open().await;
        server
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn door(&self) -> &Door {
        self.door.as_ref().expect("the server was started")
    }

    /// The process id of the server that runs.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Sets a variable for the next start.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Starts the server, and waits until it says where it is.
    pub(crate) async fn open(&mut self) {
        self.begin();
        let door = self.said().await;
        assert!(door.is_some(), "the server did not start:\n{}", self.log());
        self.door = door;
    }

    /// Starts the server, and does not wait for it.
    pub(crate) fn begin(&mut self) {
        assert!(self.child.is_none(), "a server runs already");
        let log = File::options().create(true).append(true).open(self.file("log")).unwrap();
        let listen = format!("127.0.0.1:{}", self.port);
        let child = piperoll(&["--json", "serve", "--listen", &listen])
            .arg("--data")
            .arg(self.data())
            .envs(&self.variables)
            .stdout(File::create(self.file("said")).unwrap())
            .stderr(log)
            // A group of its own, so that it can be ended with all that it might start.
            .process_group(0)
            .spawn()
            .unwrap();
        register(child.id());
        self.child = Some(child);
    }

    /// Whether a server that was begun opens its door; one that does not has ended, and failed.
    pub(crate) async fn opened_or_ended(&mut self) -> bool {
        self.door = self.said().await;
        if self.door.is_some() {
            return true;
        }
        let status = self.ended_by_itself().await;
        assert_ne!(status.code(), Some(0), "{}", self.log());
        false
    }

    /// What it says when it is ready; nothing if it ended before.
    async fn said(&mut self) -> Option<Door> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = fs::read_to_string(self.file("said")).unwrap();
            if let Some(line) = said.strip_suffix('\n') {
                return Some(serde_json::from_str(line).unwrap());
            }
            if self.ended().is_some() || Instant::now() > deadline {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().unwrap())
    }

    /// Ends the server between two instructions, as a power cut would.
    pub(crate) fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        child.kill().unwrap();
        let status = child.wait().unwrap();
        unregister(child.id());
        assert_eq!(status.signal(), Some(9), "it had ended by itself: {status}\n{}", self.log());
    }

    /// Ends the server as an operator would, and says how it went.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        signal("TERM", self.pid());
        self.ended_by_itself().await
    }

    /// Waits until the server has ended, and says how it went.
    pub(crate) async fn ended_by_itself(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.ended() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not stop:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        unregister(self.pid());
        self.child = None;
        status
    }

    /// Everything that its processes said on stderr.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Audits the data directory, beside the server or after it.
    pub(crate) async fn verify(&self, more: &[&str]) -> Output {
        let mut command = piperoll(&["verify"]);
        command.args(more).arg("--data").arg(self.data());
        run(command).await
    }

    /// That the audit finds nothing.
    pub(crate) async fn must_be_sound(&self) {
        let output = self.verify(&[]).await;
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the server's last words:\n{}", self.log());
        }
        let Some(mut child) = self.child.take() else { return };
        // It may have ended by itself; there is nobody to tell if not.
        drop((child.kill(), child.wait()));
        unregister(child.id());
    }
}

/// Sends a signal to a process that we started.
pub(crate) fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(sent.unwrap().success(), "there is a process {pid}");
}

/// Notes a process group where `tests/run` ends what a broken test leaves behind.
pub(crate) fn register(pid: u32) {
    let Some(folder) = env::var_os("PIPEROLL_TEST_SERVERS") else { return };
    // The 22nd field of stat, counted behind the name, which may hold anything.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let behind = stat.rsplit_once(") ").map_or("", |(_, behind)| behind);
    let born = behind.split(' ').nth(19).unwrap_or_default();
    fs::write(noted(Path::new(&folder), pid), format!("{pid} {born}\n")).unwrap();
}

pub(crate) fn unregister(pid: u32) {
    let Some(folder) = env::var_os("PIPEROLL_TEST_SERVERS") else { return };
    drop(fs::remove_file(noted(Path::new(&folder), pid)));
}

fn noted(folder: &Path, pid: u32) -> PathBuf {
    folder.join(format!("server-{pid}"))
}
