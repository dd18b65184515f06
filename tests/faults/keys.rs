//! The keyring's file fails under it: whatever was sealed and acknowledged opens, whatever was refused is
//! not there, and a file that is not what was written is found before anything is sealed.

use std::{fs, path::Path, time::Duration};

use futures_util::future::join_all;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};
use tokio::task::JoinSet;

use super::shim::{EIO, EMFILE, ENOSPC, Fault, Mode, OPEN, READ, SYNC, Shim, TRUNCATE, WRITE};
use crate::{
    crash::{Ending, Mortal, chance::Chance, of_environment},
    server::{Answer, Ask as _, Door, Server, client, msat, piperoll, run, told},
};

/// What may go wrong: where, at what, how.
const FAULTS: [(&str, u64, Mode, u64); 11] = [
    ("keyring.db-wal", WRITE, Mode::Fail, EIO),
    ("keyring.db-wal", WRITE, Mode::Short, 0),
    ("keyring.db-wal", WRITE, Mode::Torn, ENOSPC),
    ("keyring.db-wal", WRITE, Mode::Land, EIO),
    ("keyring.db-wal", SYNC, Mode::Fail, EIO),
    ("keyring.db-wal", SYNC, Mode::Land, EIO),
    ("keyring.db-wal", READ | TRUNCATE, Mode::Fail, EIO),
    ("keyring.db", READ, Mode::Fail, EIO),
    ("keyring.db", OPEN, Mode::Fail, EMFILE),
    ("keyring.db", WRITE | SYNC, Mode::Fail, EIO),
    ("keyring.db", WRITE | SYNC | OPEN | READ | TRUNCATE, Mode::Fail, EIO),
];
/// How often one keyring is troubled, by every fault as often; unless told, there is one.
const LIFE: u64 = 11;
/// How many ask at once.
const SELLERS: u64 = 4;
/// No start does more to the file than this.
const STEPS_MAX: u64 = 200;

/// A payment that was asked for with a text to be sealed, and what was answered.
#[derive(Debug, Clone)]
struct Asked {
    key: String,
    answer: Option<Value>,
}

impl Asked {
    fn new(key: String) -> Self {
        Self { key, answer: None }
    }

    async fn put(&self, door: &Door, client: &Client) -> Option<Answer> {
        let body = json!({ "amount": msat(5_000), "metadata": { "order": self.key } });
        let ask = door.shop(client, Method::POST, "/v1/payments");
        ask.header("idempotency-key", &self.key).json(&body).sent().await
    }

    /// Asks until it is done, or is in the roll and waits for a provider that was never called; a
    /// machine that has been mended says so soon.
    async fn insist(&mut self, server: &Server) {
        for _ in 0..200 {
            let answer = self.put(server.door(), &client()).await.expect("an answer");
            match answer.status {
                201 => return self.answer = Some(answer.body),
                409 => return assert_eq!(answer.word("/code"), "idempotency_in_progress"),
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        panic!("{self:?} is never done:\n{}", server.log());
    }

    /// That it is shown as it was sealed, by whoever looks and by whoever asks again.
    async fn opens(&self, server: &Server) {
        let Some(answer) = &self.answer else { return };
        let payment = answer["payment"].as_str().unwrap();
        let shown = server.read(&format!("/v1/payments/{payment}")).await.is(200);
        assert_eq!(shown.body["metadata"], json!({ "order": self.key }), "{}", shown.text);
        let again = self.put(server.door(), &client()).await.unwrap().is(201);
        assert_eq!(again.body["payment_request"], answer["payment_request"], "{}", again.text);
        assert!(answer["payment_request"].is_string(), "{answer}");
    }
}

/// The last line that a server said.
fn last_word(server: &Server) -> String {
    server.log().lines().last().unwrap_or_default().to_owned()
}

/// Starts a server that does not bear this step of its start; says whether there was one so far.
async fn start_fails_or_not(server: &mut Server, shim: &mut Shim, fault: Fault) -> bool {
    let handle = shim.fail(fault);
    server.begin();
    let opened = server.opened_or_ended().await;
    let struck = shim.struck(&handle) > 0;
    shim.mend();
    if opened {
        server.kill();
    } else {
        let last = last_word(server);
        assert!(struck && last.contains("keyring"), "{fault:?}: {}", server.log());
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
    struck
}

/// Lets each step fail that a start takes with the keyring's file, one after another, on a directory
/// that is made for each; afterwards it starts as if nothing had been, and what was sealed opens.
async fn each_step_of_a_start(ops: u64, mode: Mode, error: u64, rotated: bool) {
    for after in 0..STEPS_MAX {
        let mut server = Server::new(&[]);
        let mut shim = Shim::under(&mut server);
        let mut before = Asked::new("before".to_owned());
        if rotated {
            server.set("PIPEROLL_MASTER_KEY", "first-master-key-0123456789-0123456789");
            server.open().await;
            before.insist(&server).await;
            server.terminate().await;
            server.set("PIPEROLL_MASTER_KEY", "other-master-key-0123456789-0123456789");
            server.set("PIPEROLL_MASTER_KEY_PREV", "first-master-key-0123456789-0123456789");
        }
        let fault = Fault { file: "keyring.db", ops, mode, error, after, times: 1 };
        let struck = start_fails_or_not(&mut server, &mut shim, fault).await;
        server.open().await;
        let mut asked = Asked::new("after".to_owned());
        asked.insist(&server).await;
        assert!(asked.answer.is_some() && (before.answer.is_some() || !rotated));
        asked.opens(&server).await;
        before.opens(&server).await;
        if !struck {
            assert!(after > 2, "a start does nothing to the keyring");
            eprintln!("{ops:#b} {mode:?}, rotated: {rotated}: {after} steps");
            return;
        }
    }
    panic!("a start takes more than {STEPS_MAX} steps");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_bears_every_fault_of_the_keyring_or_says_which_it_was() {
    for (ops, mode, error) in [
        (WRITE | SYNC | OPEN | TRUNCATE, Mode::Fail, EIO),
        (WRITE, Mode::Torn, ENOSPC),
        (SYNC, Mode::Land, EIO),
        (READ, Mode::Fail, EIO),
    ] {
        each_step_of_a_start(ops, mode, error, false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_another_master_key_bears_them_too_and_opens_what_the_first_one_wraps() {
    for (ops, mode, error) in
        [(WRITE | SYNC | OPEN | TRUNCATE, Mode::Fail, EIO), (WRITE, Mode::Torn, ENOSPC)]
    {
        each_step_of_a_start(ops, mode, error, true).await;
    }
}

/// Those who sell until they are stopped, and what became of it.
async fn sell(door: Door, seller: u64, round: u64, until: Duration) -> Vec<Asked> {
    let (client, began, mut all) = (client(), std::time::Instant::now(), vec![]);
    while began.elapsed() < until {
        let mut asked = Asked::new(format!("{round}-{seller}-{}", all.len()));
        if let Some(answer) = asked.put(&door, &client).await {
            match answer.status {
                201 => asked.answer = Some(answer.body),
                503 => assert!(!answer.lines("retry-after").is_empty(), "{}", answer.text),
                _ => panic!("{asked:?}: {} {}", answer.status, answer.text),
            }
        }
        all.push(asked);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    all
}

/// One fault under those who sell; the server goes on, or ends in the middle of it.
async fn trouble(mortal: &mut Mortal, round: u64, chance: &mut Chance) -> Vec<Asked> {
    let (file, ops, mode, error) = FAULTS[usize::try_from(round).unwrap() % FAULTS.len()];
    let after = chance.below(if ops == OPEN { 2 } else { 6 });
    let times = [1, 3, 0][usize::try_from(chance.below(3)).unwrap()];
    let ending = [None, Some(Ending::Kill), Some(Ending::PowerCut)]
        [usize::try_from(chance.below(3)).unwrap()];
    let mut sellers = JoinSet::new();
    for seller in 0..SELLERS {
        let door = mortal.server.door().clone();
        sellers.spawn(sell(door, seller, round, Duration::from_millis(900)));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    if ops == OPEN {
        // Only who has to close the file opens it again.
        let first =
            Fault { file: "keyring.db-wal", ops: WRITE, mode, error: EIO, after: 0, times: 1 };
        mortal.shim.fail(first);
    }
    let fault = Fault { file, ops, mode, error, after, times };
    let handle = mortal.shim.fail(fault);
    tokio::time::sleep(Duration::from_millis(100 + chance.below(500))).await;
    if let Some(ending) = ending {
        mortal.end(ending, chance);
    }
    mortal.shim.mend();
    eprintln!("{fault:?} struck {} times; {ending:?}", mortal.shim.struck(&handle));
    let all: Vec<Asked> = sellers.join_all().await.into_iter().flatten().collect();
    if ending.is_some() {
        mortal.open().await;
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_sealed_opens_and_whatever_was_refused_is_asked_for_once() {
    let rounds = of_environment("PIPEROLL_FAULT_ROUNDS").unwrap_or(LIFE);
    let seed = of_environment("PIPEROLL_FAULT_SEED").unwrap_or_else(Chance::seed);
    eprintln!("PIPEROLL_FAULT_SEED={seed}");
    let mut chance = Chance::new(seed);
    let mut left = rounds;
    while left > 0 {
        troubled(left.min(LIFE), &mut chance).await;
        left = left.saturating_sub(LIFE);
    }
}

/// A keyring from its first key to a clean end, with so many troubles in between.
async fn troubled(rounds: u64, chance: &mut Chance) {
    let mut mortal =
        Mortal::new(&[("PIPEROLL_LIMITS__CHALLENGES_PER_TENANT_PER_MINUTE", "1000000")]);
    mortal.open().await;
    let mut all = vec![];
    for round in 0..rounds {
        let mut asked = trouble(&mut mortal, round, chance).await;
        let unsure = asked.iter_mut().filter(|one| one.answer.is_none());
        join_all(unsure.map(|one| one.insist(&mortal.server))).await;
        // Only who was ended between the roll and the provider leaves such a one behind.
        let waiting = asked.iter().filter(|one| one.answer.is_none()).count();
        assert!(waiting <= usize::try_from(SELLERS).unwrap(), "{waiting} wait");
        all.extend(asked);
    }
    for asked in &all {
        asked.opens(&mortal.server).await;
    }
    let mut server = mortal.server;
    assert_eq!(server.terminate().await.code(), Some(0), "{}", server.log());
    assert!(!server.log().contains("panicked at src"), "{}", server.log());
    server.must_be_sound().await;
    each_was_asked_for_once(&server, &all).await;
}

/// That the roll of a stopped server holds one wish for each key.
async fn each_was_asked_for_once(server: &Server, all: &[Asked]) {
    let mut command = piperoll(&["events"]);
    command.arg("--data").arg(server.data());
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let wishes = events.filter(|event| event["type"] == "payment.requested.v1").count();
    assert_eq!(wishes, all.len(), "so many payments were asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_keyring_is_found_by_the_next_start_and_said_to_be_damaged() {
    let mut server = Server::start(&[]).await;
    let mut all = vec![];
    for number in 0..40 {
        let mut asked = Asked::new(format!("order-{number}"));
        asked.insist(&server).await;
        all.push(asked);
    }
    server.terminate().await;
    let file = server.data().join("keyring.db");
    without_log(&file).await;
    let whole = fs::read(&file).unwrap();
    let pages = whole.len() / 4_096;
    assert!(pages >= 4, "{pages} pages");
    for page in 0..pages {
        for (how, torn) in tears(&whole, page * 4_096) {
            fs::write(&file, torn).unwrap();
            server.begin();
            assert!(!server.opened_or_ended().await, "page {page}, {how}: it starts");
            let last = last_word(&server);
            assert!(last.contains("keyring"), "page {page}, {how}: {last}");
        }
    }
    fs::write(&file, whole).unwrap();
    server.open().await;
    for asked in &all {
        asked.opens(&server).await;
    }
}

/// Moves into the file what a server may have left in its log.
async fn without_log(file: &Path) {
    let mut keyring = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut keyring).await.unwrap();
    keyring.close().await.unwrap();
    assert!(!file.with_extension("db-wal").exists(), "the last to close it removes the log");
}

/// A file without a page's second half, without the page, and without all that follows.
fn tears(whole: &[u8], at: usize) -> Vec<(&'static str, Vec<u8>)> {
    let zeroed = |from: usize| {
        let mut torn = whole.to_vec();
        torn[from..at + 4_096].fill(0);
        torn
    };
    let mut tears = vec![("half", zeroed(at + 2_048)), ("all", zeroed(at))];
    if at > 0 {
        tears.push(("cut", whole[..at].to_vec()));
    }
    tears
}
