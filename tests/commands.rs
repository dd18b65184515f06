//! The program itself, as a stranger or a script meets it.

mod amounts;
mod errors;
mod events;
mod lists;
mod who;

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::{
    events_page::verifier,
    house::{House, head, meddle},
};

fn piperoll<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_piperoll"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// Runs it off the test's own thread, on which an engine may be running.
async fn run(command: Command) -> Output {
    let mut command = command;
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn of(verb: &[&str], directory: &Path) -> Command {
    let mut command = piperoll(verb);
    command.arg("--data").arg(directory);
    command
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn exits(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}{}", said(output), told(output));
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_says_sound_beside_a_writer_and_seven_after_meddling() {
    let house = House::busy().await;
    let output = run(of(&["verify"], house.path())).await;
    exits(&output, 0);
    assert!(said(&output).ends_with("sound\n"), "{}", said(&output));
    let directory = house.close().await;
    let pointer = fs::read_to_string(directory.path().join("views.current")).unwrap();
    let views = directory.path().join(pointer.trim());
    meddle(&views, "UPDATE balances SET available = 7 WHERE account = 'bob'").await;
    let output = run(of(&["verify"], directory.path())).await;
    exits(&output, 7);
    let last = said(&output).lines().last().unwrap().to_owned();
    assert!(last.starts_with("FAILED at balances [acme, bob, USD, general] available:"), "{last}");
    let output = run(of(&["verify", "--json"], directory.path())).await;
    exits(&output, 7);
    let report: Value = serde_json::from_str(&said(&output)).unwrap();
    let failed = report["checks"].as_array().unwrap().iter().find(|c| c["outcome"] == "failed");
    assert_eq!(failed.unwrap()["first"]["column"], "available");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_takes_anchors_as_answers_show_them() {
    let directory = House::busy().await.close().await;
    let head = head(directory.path()).await;
    let good = format!("main:{head}");
    exits(&run(of(&["verify", "--anchor", &good], directory.path())).await, 0);
    exits(&run(of(&["verify", "--anchor", "3:00000000"], directory.path())).await, 7);
    exits(&run(of(&["verify", "--anchor", "three"], directory.path())).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_events_convince_the_verifier_of_the_page() {
    let house = House::busy().await;
    let output = run(of(&["events", "--raw"], house.path())).await;
    exits(&output, 0);
    let head = head(house.path()).await;
    let verified = verifier(&said(&output));
    assert_eq!(said(&verified), format!("{} {}\n", head.position, head.hash));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_filtered_by_position_stream_type_and_number() {
    let house = House::busy().await;
    let positions = |output: &Output| -> Vec<u64> {
        exits(output, 0);
        let text = said(output);
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| line["position"].as_u64().unwrap()).collect()
    };
    let all = positions(&run(of(&["events"], house.path())).await);
    assert_eq!(all, (1..=u64::try_from(all.len()).unwrap()).collect::<Vec<_>>());
    let last = positions(&run(of(&["events", "--after", "5", "--limit", "2"], house.path())).await);
    assert_eq!(last, [6, 7]);
    let payments = run(of(&["events", "--type", "payment.*"], house.path())).await;
    assert!(said(&payments).lines().all(|line| line.contains("\"type\":\"payment.")));
    assert_eq!(positions(&payments).len(), 5);
    let bob = ["events", "--stream", "account-acme-bob", "--type", "lot.minted.v1"];
    assert_eq!(positions(&run(of(&bob, house.path())).await).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_become_a_table_once() {
    let house = House::busy().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.db");
    let verb = ["events", "--sqlite", file.to_str().unwrap()];
    exits(&run(of(&verb, house.path())).await, 0);
    meddle(&file, "UPDATE events SET data = json(data) WHERE type = 'lot.minted.v1'").await;
    let again = run(of(&verb, house.path())).await;
    exits(&again, 6);
    assert!(told(&again).contains("is there already"), "{}", told(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_a_rolls_events_is_what_the_fixtures_are() {
    let output = run(piperoll(["replay", "replay-fixtures/a-lots-life"])).await;
    exits(&output, 0);
    let state = fs::read_to_string("replay-fixtures/a-lots-life/state.json").unwrap();
    assert!(said(&output) == state, "the program and the fixture differ");
    let same = ["--expect", "replay-fixtures/a-lots-life/state.json"];
    let verb = ["replay", "replay-fixtures/a-lots-life/roll.jsonl"];
    exits(&run(piperoll(verb.iter().chain(&same))).await, 0);
    let other =
        run(piperoll(["replay", "replay-fixtures/illegal-edges"].iter().chain(&same))).await;
    exits(&other, 7);
    assert!(said(&other).starts_with("line 2: expected"), "{}", said(&other));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_live_roll_replay_from_stdin() {
    let house = House::busy().await;
    let events = run(of(&["events"], house.path())).await;
    exits(&events, 0);
    let mut child =
        piperoll(["replay", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&events.stdout).unwrap();
    let output = child.wait_with_output().unwrap();
    exits(&output, 0);
    let state: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(state["hash"], head(house.path()).await.hash.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_waits_for_no_server_and_names_who_is_in_the_way() {
    let house = House::busy().await;
    let held = run(of(&["rebuild"], house.path())).await;
    exits(&held, 6);
    assert!(told(&held).contains(&std::process::id().to_string()), "{}", told(&held));
    let directory = house.close().await;
    exits(&run(of(&["rebuild", "--dry-run"], directory.path())).await, 0);
    fs::remove_file(directory.path().join("views.current")).unwrap();
    exits(&run(of(&["rebuild", "--dry-run"], directory.path())).await, 10);
    exits(&run(of(&["rebuild"], directory.path())).await, 0);
    exits(&run(of(&["verify"], directory.path())).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_scripts_what_happened() {
    let nowhere = tempfile::tempdir().unwrap();
    exits(&run(piperoll(["verify", "--no-such-option"])).await, 2);
    exits(&run(piperoll::<&str>([])).await, 2);
    exits(&run(piperoll(["--help"])).await, 0);
    exits(&run(of(&["verify"], nowhere.path())).await, 5);
    exits(&run(of(&["events"], nowhere.path())).await, 5);
    exits(&run(of(&["rebuild"], &nowhere.path().join("none"))).await, 5);
    let server = ["payments", "list", "--url", "http://127.0.0.1:9"];
    let output = run(piperoll(server)).await;
    exits(&output, 3);
    assert!(told(&output).contains("because:"), "{}", told(&output));
    let output = run(piperoll(server.iter().chain(&["--json"]))).await;
    let error: Value = serde_json::from_str(told(&output).trim()).unwrap();
    assert_eq!(error["exit"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_ever_shown() {
    let secret = "a-token-that-must-not-be-seen";
    let mut command = piperoll(["payments", "list", "--url", "http://127.0.0.1:9", "--help"]);
    let output = run({
        command.env("PIPEROLL_TOKEN", secret).env("PIPEROLL_ADMIN_TOKEN", secret);
        command
    })
    .await;
    assert!(!said(&output).contains(secret) && !told(&output).contains(secret));
    let mut command = piperoll(["payments", "list", "--url", "http://127.0.0.1:9"]);
    command.env("PIPEROLL_TOKEN", secret);
    let output = run(command).await;
    assert!(!said(&output).contains(secret) && !told(&output).contains(secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_completions_and_manual_pages_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = piperoll(["config"]);
    config.env("PIPEROLL_DATA", folder.path());
    let output = run(config).await;
    exits(&output, 0);
    assert!(said(&output).contains("[server]"), "{}", said(&output));
    let output = run(piperoll(["completions", "bash"])).await;
    exits(&output, 0);
    assert!(said(&output).contains("_piperoll"));
    let pages = folder.path().join("man");
    exits(&run(piperoll(["man", pages.to_str().unwrap()])).await, 0);
    assert!(pages.join("piperoll-verify.1").exists());
}

/// A server of its own, and what it said to a newcomer.
struct Server {
    child: std::process::Child,
    url: String,
    token: String,
    admin_token: String,
    directory: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = piperoll(["serve"]);
        command.env("PIPEROLL_DATA", directory.path()).env("PIPEROLL_LISTEN", "127.0.0.1:0");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines =
            std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        let mut after = |mark: &str| {
            let told = lines
                .by_ref()
                .map(Result::unwrap)
                .find_map(|line| line.split_once(mark).map(|(_, rest)| rest.trim().to_owned()));
            told.unwrap_or_else(|| panic!("the server never said `{mark}`"))
        };
        let url = after("PIPEROLL_URL=");
        let (token, admin_token) = (after("PIPEROLL_TOKEN="), after("PIPEROLL_ADMIN_TOKEN="));
        // Whatever it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url, token, admin_token, directory }
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = piperoll(arguments);
        command.env("PIPEROLL_URL", &self.url).env("PIPEROLL_TOKEN", &self.token);
        command.env("PIPEROLL_ADMIN_TOKEN", &self.admin_token).output().unwrap()
    }

    fn stop(&mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "it stops in good order");
    }
}

impl Drop for Server {
    /// A test that failed leaves no server behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_serves_commands_beside_audits_and_stops_in_good_order() {
    let mut server = Server::start();
    exits(&server.ask(&["payments", "list"]), 0);
    exits(&server.ask(&["payments", "show", "pay_none"]), 5);
    exits(&server.ask(&["tenant", "list"]), 0);
    exits(&server.ask(&["connections", "list"]), 0);
    exits(&server.ask(&["clock", "show"]), 0);
    exits(&server.ask(&["reconcile", "payments"]), 0);
    exits(&server.ask(&["keys", "issue", "till", "--role", "sell,read"]), 0);
    exits(&server.ask(&["keys", "revoke", "till", "--reason", "a test"]), 0);
    exits(&server.ask(&["tenant", "open", "other"]), 0);
    exits(&server.ask(&["payments", "list", "--token", "wrong"]), 4);
    exits(&server.ask(&["accounts", "balance", "early"]), 5);
    exits(&server.ask(&["accounts", "open", "early"]), 0);
    exits(&server.ask(&["accounts", "open", "early"]), 0);
    exits(&server.ask(&["accounts", "balance", "early"]), 0);
    exits(&server.ask(&["accounts", "open", "a b"]), 1);
    let minted = gift(&server, "other");
    exits(&minted, 0);
    exits(&gift(&server, "other"), 6);
    exits(&server.ask(&["clock", "accept"]), 0);
    exits(&server.ask(&["payments", "review", "list"]), 0);
    exits(&server.ask(&["settings", "show"]), 0);
    bills(&server);
    exits(&server.ask(&["commodities", "declare", "USDC", "--scale", "6"]), 0);
    exits(&server.ask(&["commodities", "show", "USDC"]), 0);
    let accepted = ["anomalies", "acknowledge", "account-other-alice", "3", "--reason", "a test"];
    exits(&server.ask(&accepted), 5);
    exits(&server.ask(&["rebuild", "--remote"]), 0);
    exits(&server.ask(&["events", "--remote", "--limit", "3"]), 0);
    let data = server.directory.path().to_owned();
    exits(&of(&["verify"], &data).output().unwrap(), 0);
    let mut second = piperoll(["serve"]);
    second.env("PIPEROLL_DATA", &data).env("PIPEROLL_LISTEN", "127.0.0.1:0");
    exits(&second.output().unwrap(), 6);
    server.stop();
    let output = of(&["verify"], &data).output().unwrap();
    exits(&output, 0);
}

/// 500 MSAT of alice's.
fn gift(server: &Server, tenant: &str) -> Output {
    let words =
        "accounts mint alice --amount 500 --commodity MSAT --source-id gift-1 --reason test";
    let words: Vec<_> = words.split(' ').chain(["--tenant", tenant]).collect();
    server.ask(&words)
}

/// A line of a batch: so much spent by alice, under this key.
fn spend_line(key: &str, amount: u64) -> String {
    let amount = serde_json::json!({ "commodity": "MSAT", "amount": amount.to_string() });
    let line = serde_json::json!({
        "operation": "account.spend", "idempotency_key": key, "account": "alice", "amount": amount,
    });
    format!("{line}\n")
}

#[test]
fn a_file_of_commands_is_a_batch_and_says_by_its_exit_how_it_went() {
    let server = Server::start();
    exits(&gift(&server, "dev"), 0);
    let folder = tempfile::tempdir().unwrap();
    let batch = |name: &str, mode: &str, lines: &[String]| {
        let path = folder.path().join(name);
        fs::write(&path, lines.concat()).unwrap();
        server.ask(&["--json", "batch", "--mode", mode, path.to_str().unwrap()])
    };
    let some = [spend_line("one", 100), "\n".to_owned(), spend_line("two", 50)];
    let done = batch("some", "independent", &some);
    exits(&done, 0);
    let answer: Value = serde_json::from_str(&said(&done)).unwrap();
    let statuses: Vec<_> =
        answer["items"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, [201, 201]);
    // Again, as after a lost answer: nothing is spent twice.
    exits(&batch("again", "atomic", &some), 0);
    let too_much = [spend_line("three", 1), spend_line("four", 10_000)];
    exits(&batch("all", "atomic", &too_much), 1);
    exits(&batch("each", "independent", &too_much), 1);
    let each = folder.path().join("each");
    let told = server.ask(&["batch", "--mode", "independent", each.to_str().unwrap()]);
    exits(&told, 1);
    let told = said(&told);
    let refused = told.lines().nth(2).unwrap();
    assert!(refused.contains("402") && refused.contains("credit_insufficient: "), "{told}");
    exits(&batch("none", "independent", &["{".to_owned()]), 1);
    exits(&server.ask(&["batch", "--mode", "atomic", "no-such-file"]), 1);
    exits(&server.ask(&["batch", "no-mode"]), 2);
    let balance = server.ask(&["--json", "accounts", "balance", "alice"]);
    exits(&balance, 0);
    let balance: Value = serde_json::from_str(&said(&balance)).unwrap();
    assert_eq!(balance["balances"][0]["available"], "349", "{balance}");
}

#[test]
fn pages_name_the_mode_wherever_they_name_commands_out_of_a_file() {
    let mut named = 0;
    for page in ["docs/operations.md", "docs/changelog.md", "README.md"] {
        let text = fs::read_to_string(page).unwrap();
        let words = text.split('`').skip(1).step_by(2);
        let out_of_files = words.filter(|word| word.contains(" FILE") && !word.contains("-o FILE"));
        for word in out_of_files.filter(|word| word.contains("batch") || word.contains("grant")) {
            assert!(word.contains("--mode "), "{page}: `{word}`");
            named += 1;
        }
    }
    assert!(named > 0, "no page names them any more");
}

/// How a tenant bills, from the command line.
fn bills(server: &Server) {
    let ask = |words: &[&str], exit| {
        let why = ["--tenant", "other", "--reason", "a test"];
        exits(&server.ask(&[&["billing"], words, &why].concat()), exit);
    };
    let show = |tenant, exit| {
        let output = server.ask(&["--json", "billing", "show", "--tenant", tenant]);
        exits(&output, exit);
        output
    };
    show("nobody", 5);
    ask(&["mode", "set", "shadow"], 0);
    let set = ["set", "--reserve-ttl", "600", "--ceiling", "USD=5.25", "--ceiling", "MSAT=none"];
    ask(&set, 0);
    let held: Value = serde_json::from_slice(&show("other", 0).stdout).unwrap();
    assert_eq!(held["version"], 1, "{held}");
    assert_eq!(held["billing"]["reserve_ttl_seconds"], 600);
    assert_eq!(held["billing"]["ceilings"], json!({ "USD": "5250000" }));
    ask(&["set", "--order", "reports=pool-age.v1", "--order", "jobs=pool-age.v1"], 0);
    ask(&["set", "--order", "jobs=none"], 0);
    let held: Value = serde_json::from_slice(&show("other", 0).stdout).unwrap();
    assert_eq!(held["billing"]["orders"], json!({ "reports": "pool-age.v1" }));
    ask(&["set", "--order", "reports=youngest"], 1);
    ask(&["set", "--order", "reports"], 2);
    ask(&["set", "--ceiling", "EUR=5"], 2);
    ask(&["set", "--ceiling", "USD=0.0000001"], 2);
    ask(&["set", "--reserve-ttl", "0"], 1);
    ask(&["mode", "set", "strict"], 2);
    let cut = ["--commons", "0", "--community", "0", "--foundation", "10000"];
    ask(&[&["shares", "propose"], &cut[..]].concat(), 0);
    ask(&["shares", "approve", "1"], 4);
    ask(&["shares", "hasten", "1"], 6);
    ask(&["shares", "reject", "1"], 0);
    ask(&["shares", "reject", "2"], 5);
    exits(&server.ask(&["billing", "shares", "list", "--tenant", "other"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_over_which_its_store_panics_fails_the_audit() {
    let directory = House::busy().await.close().await;
    // As after a crash: nothing tells what the files were.
    fs::remove_file(directory.path().join("index.closed")).unwrap();
    let mut meddled = 0;
    for keyspace in fs::read_dir(directory.path().join("index/keyspaces")).unwrap() {
        for file in fs::read_dir(keyspace.unwrap().path()).unwrap().map(|file| file.unwrap()) {
            if !file.file_name().to_string_lossy().starts_with('v') {
                continue;
            }
            // Format, release, kind, and how many levels: no sum guards them.
            let mut bytes = fs::read(file.path()).unwrap();
            assert_eq!(bytes[8], 7, "the store's files begin otherwise now");
            bytes[8] = 18;
            fs::write(file.path(), bytes).unwrap();
            meddled += 1;
        }
    }
    assert!(meddled > 0);
    let output = run(of(&["verify"], directory.path())).await;
    exits(&output, 7);
    assert!(told(&output).starts_with("FAILED: "), "{}", told(&output));
}
