use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{
    house::House,
    server::{piperoll, run, told},
};

fn verify(data: &Path, scratch: &Path) -> Command {
    let mut command = piperoll(&["verify"]);
    command.arg("--data").arg(data).arg("--scratch").arg(scratch);
    command
}

fn inside(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// An audit that waits for ever while it copies the index, because a pipe lies in it.
struct Waiting {
    child: Child,
    scratch: tempfile::TempDir,
    _house: tempfile::TempDir,
}

impl Waiting {
    async fn begin() -> Self {
        let house = House::busy().await.close().await;
        let pipe = house.path().join("index/pipe");
        fs::remove_file(house.path().join("index.closed")).unwrap();
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        let scratch = tempfile::tempdir().unwrap();
        let mut command = verify(house.path(), scratch.path());
        let child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        for _ in 0..3_000 {
            if !inside(scratch.path()).is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(inside(scratch.path()).len(), 1, "it makes a folder for its copy");
        Self { child, scratch, _house: house }
    }

    fn send(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_that_is_asked_to_end_leaves_no_copy_behind() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let mut waiting = Waiting::begin().await;
        waiting.send(signal);
        assert_eq!(waiting.child.wait().unwrap().code(), Some(code), "{signal}");
        assert_eq!(inside(waiting.scratch.path()).len(), 0, "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_audit_left_behind_the_next_one_removes() {
    let mut waiting = Waiting::begin().await;
    waiting.send("-KILL");
    waiting.child.wait().unwrap();
    assert_eq!(inside(waiting.scratch.path()).len(), 1, "nobody could tidy up");
    let house = House::busy().await.close().await;
    let output = run(verify(house.path(), waiting.scratch.path())).await;
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(inside(waiting.scratch.path()).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_that_panics_or_finds_something_leaves_no_copy_behind() {
    let house = House::busy().await.close().await;
    fs::remove_file(house.path().join("index.closed")).unwrap();
    for keyspace in inside(&house.path().join("index/keyspaces")) {
        for file in inside(&keyspace) {
            if file.file_name().unwrap().to_string_lossy().starts_with('v') {
                let mut bytes = fs::read(&file).unwrap();
                bytes[8] = 18;
                fs::write(&file, bytes).unwrap();
            }
        }
    }
    let scratch = tempfile::tempdir().unwrap();
    let output = run(verify(house.path(), scratch.path())).await;
    assert_eq!(output.status.code(), Some(7), "{}", told(&output));
    assert!(told(&output).contains("FAILED: something"), "{}", told(&output));
    assert_eq!(inside(scratch.path()).len(), 0);
    fs::remove_dir_all(house.path().join("index")).unwrap();
    let output = run(verify(&house.path().join("nowhere"), scratch.path())).await;
    assert_eq!(output.status.code(), Some(5), "{}", told(&output));
    assert_eq!(inside(scratch.path()).len(), 0);
}
