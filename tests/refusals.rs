//! What does not work, as the program says it: an exit code, a sentence, a place; never a panic, a
//! stack trace or a secret.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::{
        fs::{FileExt as _, MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Output},
};

use reqwest::Method;
use serde_json::json;

use crate::{
    house::{House, head, meddle},
    server::{Ask, Server, client, free_port, msat, piperoll, run, told},
};

/// Every secret that a server can be given, all different.
const SECRETS: [(&str, &str); 8] = [
    ("PIPEROLL_ADMIN_TOKEN", "admin-token-0123456789abcdefghijklmn"),
    ("PIPEROLL_ADMIN_TOKEN_PREV", "admin-before-0123456789abcdefghijklm"),
    ("PIPEROLL_MASTER_KEY", "master-key-0123456789abcdefghijklmno"),
    ("L402_SECRET", "l402-secret-0123456789abcdefghijklmn"),
    ("L402_SECRET_PREV", "l402-before-0123456789abcdefghijklmn"),
    ("PAYMENT_WEBHOOK_SECRET", "webhook-secret-0123456789abcdefghijk"),
    ("PAYMENT_WEBHOOK_SECRET_PREV", "webhook-before-0123456789abcdefghijk"),
    ("PIPEROLL_METRICS_TOKEN", "metrics-token-0123456789abcdefghijkl"),
];

/// That it ended with this code and a sentence, and says nothing that it must not.
#[track_caller]
fn refused(output: &Output, code: i32) -> String {
    let told = told(output);
    assert_eq!(output.status.code(), Some(code), "{told}");
    is_clean(&told);
    told
}

/// No panic, no stack trace, no secret.
#[track_caller]
fn is_clean(told: &str) {
    for word in ["panicked", "RUST_BACKTRACE", "stack backtrace", "src/", "unwrap()", ".rs:"] {
        assert!(!told.contains(word), "`{word}` in:\n{told}");
    }
    for (name, secret) in SECRETS {
        assert!(!told.contains(secret), "the secret of {name} in:\n{told}");
    }
}

fn serve(data: &Path, listen: &str) -> Command {
    let mut command = piperoll(&["serve", "--listen", listen]);
    command.arg("--data").arg(data).envs(SECRETS);
    command
}

fn anywhere() -> String {
    format!("127.0.0.1:{}", free_port())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_a_directory_names_the_first_and_leaves_it_alone() {
    let server = Server::start(&SECRETS).await;
    let output = run(serve(&server.data(), &anywhere())).await;
    let told = refused(&output, 6);
    assert!(told.contains(&server.pid().to_string()), "{told}");
    server.read("/v1/offers").await.is(200);
    is_clean(&server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let told = refused(&run(serve(&data, &address)).await, 1);
    assert!(told.contains(&address), "{told}");
    // What stood already was taken down in order.
    let output = run(verify(&data)).await;
    assert_eq!(output.status.code(), Some(0), "{}", crate::server::told(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_cannot_be_a_directory_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    for place in [file.join("data"), file, PathBuf::from("/proc/piperoll")] {
        let told = refused(&run(serve(&place, &anywhere())).await, 1);
        assert!(told.contains(place.to_str().unwrap()), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_may_only_be_read_is_named() {
    let open = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), 0o755);
    // The build may lie where only we can go.
    let program = folder.path().join("piperoll");
    fs::copy(env!("CARGO_BIN_EXE_piperoll"), &program).unwrap();
    for history in [false, true] {
        let data = folder.path().join(history.to_string());
        fs::create_dir(&data).unwrap();
        if history {
            copied(directory().await.path(), &data);
        }
        open(&data, 0o555);
        let mut command = Command::new(&program);
        command.args(["serve", "--listen", &anywhere(), "--data"]).arg(&data).env_clear();
        command.current_dir(folder.path());
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            // Nothing is closed to root, so nobody asks.
            command.uid(65_534).gid(65_534);
        }
        let told = refused(&run(command).await, 1);
        assert!(told.contains(data.to_str().unwrap()), "{told}");
        open(&data, 0o755);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_of_a_configuration_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(&folder.path().join("data"), "0.0.0.0:0");
    command
        .env("PIPEROLL_ENV", "production")
        .env("PAYMENT_PROVIDER", "lnbits")
        .env("LNBITS_BASE_URL", "http://lnbits.example.org")
        .env("PIPEROLL_LIMITS__JSON_DEPTH_MAX", "many")
        .env("PIPEROLL_L402__INVOICE_EXPIRY", "1s")
        .env("L402_SECRET", "too-short")
        .env("PIPEROLL_SERVER__NO_SUCH_SETTING", "1");
    let told = refused(&run(command).await, 2);
    for key in [
        "LNBITS_BASE_URL",
        "LNBITS_ADMIN_KEY",
        "PIPEROLL_LIMITS__JSON_DEPTH_MAX",
        "L402_INVOICE_EXPIRY_SECONDS",
        "L402_SECRET",
        "PIPEROLL_LISTEN",
        "PIPEROLL_SERVER__NO_SUCH_SETTING",
    ] {
        assert!(told.contains(key), "{key} is not among:\n{told}");
    }
    assert!(!told.contains("too-short"), "{told}");
    assert!(!folder.path().join("data/roll.db").exists(), "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_billing_mode_that_is_none_or_that_nothing_is_ready_for_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    for (mode, says) in [("on", "one of shadow, soft, live"), ("live", "mode set live --override")]
    {
        let mut command = serve(&data, &anywhere());
        command.env("BILLING_MODE", mode);
        let told = refused(&run(command).await, 2);
        assert!(told.contains("billing.mode (BILLING_MODE) is") && told.contains(says), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn play_money_is_refused_in_production() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(&folder.path().join("data"), &anywhere());
    command.env("PIPEROLL_ENV", "production").env("PAYMENT_PROVIDER", "mock");
    let told = refused(&run(command).await, 2);
    assert!(told.contains("PAYMENT_PROVIDER"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_say_by_their_exit_code_what_was_wrong() {
    let server = Server::start(&SECRETS).await;
    let at = |url: &str, token: &str, verb: &[&str]| {
        let mut command = piperoll(verb);
        command.envs([("PIPEROLL_URL", url), ("PIPEROLL_TOKEN", token)]);
        command
    };
    let (url, key) = (server.door().url.clone(), server.door().key.clone());
    let nowhere = format!("http://{}", anywhere());
    let show = ["payments", "show", "pay_of_nobody"];
    refused(&run(piperoll(&["no-such-noun"])).await, 2);
    refused(&run(piperoll(&["payments", "show"])).await, 2);
    refused(&run(at(&nowhere, &key, &show)).await, 3);
    refused(&run(at(&url, "prk_wrong", &show)).await, 4);
    let told = refused(&run(at(&url, &key, &show)).await, 5);
    assert!(told.contains("payment_not_found"), "{told}");
    assert!(!told.contains(&key), "{told}");
    is_clean(&server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_anything_that_a_server_says() {
    let variables: Vec<_> = SECRETS.into_iter().chain([("RUST_LOG", "trace")]).collect();
    let mut server = Server::start(&variables).await;
    let body = json!({ "account": "alice", "amount": msat(5_000) });
    let challenge = server.post("/v1/topups", "k", &body).await.is(402);
    let preimage = server.pay(&challenge.word("/payment_request")).await;
    let show = server.door().shop(&client(), Method::POST, "/v1/topups").json(&body);
    let credential = format!("L402 {}:{preimage}", challenge.token());
    let show = show.header("idempotency-key", "k").header("authorization", credential);
    show.answer().await.is(201);
    for path in ["/v1/events?limit=1000", "/openapi.json", "/health", "/v1/connections", "/v1/keys"]
    {
        let answer = server.read(path).await;
        assert!(!answer.text.contains(&preimage), "{path} shows the preimage");
        is_clean(&answer.text.replace("src/", ""));
    }
    let key = server.door().key.clone();
    assert_eq!(server.terminate().await.code(), Some(0));
    let log = server.log();
    for (what, secret) in [("preimage", &preimage), ("key", &key), ("token", &challenge.token())] {
        assert!(!log.contains(secret.as_str()), "the {what} is in the log");
    }
    for (name, secret) in SECRETS {
        assert!(!log.contains(secret), "the secret of {name} is in the log");
    }
    let mut config = piperoll(&["config"]);
    config.envs(SECRETS).arg("--json");
    let output = run(config).await;
    refused(&output, 0);
}

/// A sound directory with some history, that nobody holds.
async fn directory() -> tempfile::TempDir {
    let directory = House::busy().await.close().await;
    let output = run(verify(directory.path())).await;
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    directory
}

fn verify(data: &Path) -> Command {
    let mut command = piperoll(&["verify"]);
    command.arg("--data").arg(data);
    command
}

/// Turns one bit of a file over.
fn flip(file: &Path, at: u64) {
    let open = fs::File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    open.read_exact_at(&mut byte, at).unwrap();
    open.write_all_at(&[byte[0] ^ 0x01], at).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_of_a_record_is_named_by_its_position() {
    let directory = directory().await;
    let last = head(directory.path()).await.position;
    for position in [5, last] {
        let copy = tempfile::tempdir().unwrap();
        copied(directory.path(), copy.path());
        let words = format!(
            "UPDATE blocks SET body = CAST(substr(body, 1, length(body) - 1) || \
             CASE WHEN substr(body, -1) = x'00' THEN x'01' ELSE x'00' END AS BLOB) \
             WHERE last >= {position} AND first <= {position}"
        );
        meddle(&copy.path().join("roll.db"), &words).await;
        let named = format!("position {position}");
        let told = refused(&run(verify(copy.path())).await, 7);
        assert!(told.contains(&named), "{told}");
        if position == last {
            // What is written next would stand on it.
            let told = refused(&run(serve(copy.path(), &anywhere())).await, 1);
            assert!(told.contains(&named), "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_of_the_file_never_passes_unseen_by_whoever_meets_it() {
    let sound = directory().await;
    let size = fs::metadata(sound.path().join("roll.db")).unwrap().len();
    let mut found = 0;
    for at in (100..size).step_by(usize::try_from(size / 12).unwrap()) {
        let copy = tempfile::tempdir().unwrap();
        copied(sound.path(), copy.path());
        flip(&copy.path().join("roll.db"), at);
        let output = run(verify(copy.path())).await;
        let told = told(&output);
        is_clean(&told);
        let code = output.status.code();
        // A bit of a page that nobody uses is nobody's.
        assert!([Some(0), Some(1), Some(7)].contains(&code), "{code:?} {told}");
        found += u32::from(code != Some(0));
    }
    assert!(found > 0, "some of the bits were in use");
}

fn copied(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status();
    assert!(done.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_of_a_view_is_named() {
    let directory = directory().await;
    let views = fs::read_to_string(directory.path().join("views.current")).unwrap();
    let views = directory.path().join(views.trim());
    meddle(&views, "UPDATE balances SET consumed = consumed + 1 WHERE account = 'alice'").await;
    let told = refused(&run(verify(directory.path())).await, 7);
    assert!(told.contains("balances [acme, alice"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_entry_of_the_index_is_found() {
    let directory = directory().await;
    let found = damaged_index(directory.path()).await;
    assert!(found, "no bit of the index matters");
}

/// Flips bits in the index' files until the audit finds one.
async fn damaged_index(directory: &Path) -> bool {
    let files = Command::new("find").arg(directory.join("index")).args(["-type", "f"]).output();
    let files = String::from_utf8(files.unwrap().stdout).unwrap();
    for file in files.lines() {
        let size = fs::metadata(file).unwrap().len();
        for at in [size / 4, size / 2, size * 3 / 4].into_iter().filter(|at| *at < size) {
            let copy = tempfile::tempdir().unwrap();
            copied(directory, copy.path());
            let inside = Path::new(file).strip_prefix(directory).unwrap();
            flip(&copy.path().join(inside), at);
            let output = run(verify(copy.path())).await;
            let told = told(&output);
            is_clean(&told);
            match output.status.code() {
                Some(7) => {
                    assert!(told.contains("index"), "{told}");
                    return true;
                }
                code => assert!([Some(0), Some(1)].contains(&code), "{code:?}: {told}"),
            }
        }
    }
    false
}
