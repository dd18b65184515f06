//! The shim in a server's place between it and its disk and clock, and the hand that moves it.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt as _,
    path::PathBuf,
    process::Command,
    sync::OnceLock,
};

use tempfile::TempDir;

use crate::server::Server;

/// What the shim's `struct control` and `struct rule` take, and where rules begin.
const CONTROL_BYTES: u64 = RULES_AT + 8 * RULE_BYTES;
const RULES_AT: u64 = 64;
const RULE_BYTES: u64 = 128;
const RULES: u64 = 8;

pub(crate) const EIO: u64 = 5;
pub(crate) const EMFILE: u64 = 24;
pub(crate) const ENOSPC: u64 = 28;

/// What is done to a file; may be added up.
pub(crate) const WRITE: u64 = 1;
pub(crate) const SYNC: u64 = 2;
pub(crate) const READ: u64 = 4;
pub(crate) const OPEN: u64 = 8;
pub(crate) const TRUNCATE: u64 = 16;

/// How it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is not done, and says so.
    Fail = 1,
    /// Half is done, and says how much.
    Short = 2,
    /// Half is done, and says that it failed.
    Torn = 3,
    /// It is done, and says that it failed.
    Land = 4,
}

/// Something that goes wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// A part of the file's name; the empty one stands for all of them.
    pub(crate) file: &'static str,
    pub(crate) ops: u64,
    pub(crate) mode: Mode,
    pub(crate) error: u64,
    /// How often it goes well before.
    pub(crate) after: u64,
    /// How often it goes wrong; 0: until it is mended.
    pub(crate) times: u64,
}

/// Nothing can be written any more, whatever it is.
pub(crate) const fn full_disk() -> Fault {
    Fault { file: "", ops: WRITE, mode: Mode::Torn, error: ENOSPC, after: 0, times: 0 }
}

/// A server's shim.
pub(crate) struct Shim {
    folder: TempDir,
    control: File,
    next: u64,
}

/// The shim as a library, made once by the C compiler that Rust links with as well.
fn library() -> PathBuf {
    static LIBRARY: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shim.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shim.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]);
        let made = compiler.arg(&path).arg(source).status();
        assert!(made.unwrap().success(), "cc makes a library of {source}");
        (folder, path)
    };
    LIBRARY.get_or_init(make).1.clone()
}

impl Shim {
    /// Puts a shim under a server from its next start on.
    pub(crate) fn under(server: &mut Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let options = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let control = options.unwrap();
        control.set_len(CONTROL_BYTES).unwrap();
        fs::create_dir_all(server.data()).unwrap();
        let data = server.data().canonicalize().unwrap();
        server.set("LD_PRELOAD", library().to_str().unwrap());
        server.set("FAULTS_CONTROL", path.to_str().unwrap());
        server.set("FAULTS_DATA", data.to_str().unwrap());
        Self { folder, control, next: 0 }
    }

    /// Has everything told that the server does to its files from its next start on.
    pub(crate) fn tell(&self, server: &mut Server, life: u64) -> PathBuf {
        let path = self.folder.path().join(format!("log-{life}"));
        server.set("FAULTS_LOG", path.to_str().unwrap());
        path
    }

    fn put(&self, at: u64, number: u64) {
        self.control.write_all_at(&number.to_ne_bytes(), at).unwrap();
    }

    /// Moves the wall clock and the time since boot by so many seconds against the true ones.
    pub(crate) fn clocks(&self, wall_seconds: i64, boot_seconds: i64) {
        let nanos = |seconds: i64| (seconds * 1_000_000_000).cast_unsigned();
        self.put(8, nanos(boot_seconds));
        self.put(0, nanos(wall_seconds));
    }

    /// For the process so many seconds pass at once, as if it had stood still.
    pub(crate) fn stands_still(&self, seconds: i64) {
        self.clocks(seconds, seconds);
        self.put(24, (seconds * 1_000_000_000).cast_unsigned());
    }

    /// How long a sync takes.
    pub(crate) fn slow(&self, sync_micros: u64) {
        self.put(16, sync_micros);
    }

    /// Lets something go wrong from now on.
    pub(crate) fn fail(&mut self, fault: Fault) -> Handle {
        let at = RULES_AT + self.next % RULES * RULE_BYTES;
        self.next += 1;
        self.put(at, 0);
        let Fault { ops, error, after, times, .. } = fault;
        #[expect(clippy::as_conversions, reason = "the shim's numbers")]
        let mode = fault.mode as u64;
        let numbers = [ops, mode, error, after, times, 0, 0];
        for (place, number) in (1..).zip(numbers) {
            self.put(at + 8 * place, number);
        }
        let mut name = [0; 64];
        name[..fault.file.len()].copy_from_slice(fault.file.as_bytes());
        self.control.write_all_at(&name, at + 64).unwrap();
        self.put(at, 1);
        Handle { at }
    }

    /// Everything works again.
    pub(crate) fn mend(&self) {
        (0..RULES).for_each(|rule| self.put(RULES_AT + rule * RULE_BYTES, 0));
    }

    /// How often a fault has struck.
    pub(crate) fn struck(&self, handle: &Handle) -> u64 {
        let mut number = [0; 8];
        self.control.read_exact_at(&mut number, handle.at + 56).unwrap();
        u64::from_ne_bytes(number)
    }
}

/// A fault that was ordered.
pub(crate) struct Handle {
    at: u64,
}
