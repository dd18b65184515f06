//! Every byte of a roll, of its views and of its index turned over, one at a time: `verify` says so, or
//! the byte is shown to be one that nobody reads, by the name of what it is.
//!
//! A run looks at some of the bytes, always the same ones; with `PIPEROLL_FLIPS=all` at all of them.

mod index;
mod pages;
mod tail;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
    process::Command,
    sync::Arc,
};

use piperoll::{
    audit::{self, Ask},
    roll,
};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use self::pages::Pages;
use crate::house::House;

/// How many bytes are turned over at once, each in a directory of its own.
const AT_ONCE: usize = 4;

/// Looks at every byte, if that is asked for, or else at one in so many.
fn one_in(some: usize) -> usize {
    if std::env::var("PIPEROLL_FLIPS").is_ok_and(|which| which == "all") { 1 } else { some }
}

/// A bit of a byte; which one depends on where the byte is.
fn turned(byte: u8, at: usize) -> u8 {
    byte ^ (1 << (at * 5 % 8))
}

fn flip(file: &Path, at: usize) -> u8 {
    let open = File::options().read(true).write(true).open(file).unwrap();
    let (mut byte, place) = ([0], u64::try_from(at).unwrap());
    open.read_exact_at(&mut byte, place).unwrap();
    open.write_all_at(&[turned(byte[0], at)], place).unwrap();
    byte[0]
}

fn restore(file: &Path, at: usize, byte: u8) {
    let open = File::options().write(true).open(file).unwrap();
    open.write_all_at(&[byte], u64::try_from(at).unwrap()).unwrap();
}

fn copied(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    let done = Command::new("cp").arg("-a").arg(from.join(".")).arg(to.path()).status();
    assert!(done.unwrap().success());
    to
}

/// The first thing that an audit of a directory finds.
async fn finding(directory: &Path) -> Option<String> {
    let scratch = tempfile::tempdir().unwrap();
    let ask = Ask {
        directory: directory.to_owned(),
        anchors: vec![],
        scratch: scratch.path().to_owned(),
        events_held: 1 << 20,
    };
    let report = audit::verify(&ask, &()).await.unwrap();
    report.first().map(ToString::to_string)
}

async fn open(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).read_only(true).connect().await.unwrap()
}

async fn roots(file: &Path) -> Vec<usize> {
    let mut connection = open(file).await;
    let query = "SELECT rootpage FROM sqlite_schema WHERE rootpage > 0";
    let roots: Vec<i64> = sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let roots = roots.into_iter().map(|root| usize::try_from(root).unwrap());
    std::iter::once(1).chain(roots).collect()
}

/// Turns bytes of a file over, and returns those that no audit noticed.
async fn unnoticed(directory: &Path, file: &str, places: Vec<usize>) -> Vec<usize> {
    let places = Arc::new(places);
    let mut turning = tokio::task::JoinSet::new();
    for share in 0..AT_ONCE {
        let (directory, file, places) = (copied(directory), file.to_owned(), places.clone());
        turning.spawn(async move {
            let (path, mut silent) = (directory.path().join(file), vec![]);
            for at in places.iter().copied().skip(share).step_by(AT_ONCE) {
                let byte = flip(&path, at);
                if finding(directory.path()).await.is_none() {
                    silent.push(at);
                }
                restore(&path, at, byte);
            }
            assert_eq!(finding(directory.path()).await, None, "all is as it was");
            silent
        });
    }
    let mut silent: Vec<usize> = turning.join_all().await.into_iter().flatten().collect();
    silent.sort_unstable();
    silent
}

/// The places of a file that SQLite reads, one in so many, and how many it does not, by what they are.
async fn places(file: &Path, some: usize) -> (Vec<usize>, BTreeMap<&'static str, usize>) {
    let bytes = fs::read(file).unwrap();
    let pages = Pages::of(&bytes, &roots(file).await);
    let mut idle = BTreeMap::new();
    let mut read = vec![];
    for at in 0..bytes.len() {
        match pages.idle(at) {
            Some(what) => *idle.entry(what).or_insert(0) += 1,
            None => read.push(at),
        }
    }
    (read.into_iter().step_by(some).collect(), idle)
}

/// First, last, count, before, after.
type Columns = (i64, i64, i64, Vec<u8>, Vec<u8>);

/// What a roll's file says, apart from what nobody goes by.
#[derive(Debug, PartialEq)]
struct Reading {
    identity: (Vec<u8>, String, i64),
    columns: Vec<Columns>,
    records: Vec<Vec<u8>>,
}

impl Reading {
    async fn of(directory: &Path) -> (Self, [String; 3]) {
        let mut connection = open(&directory.join("roll.db")).await;
        let one = &mut connection;
        let identity = sqlx::query_as("SELECT id, name, format FROM roll");
        let identity = identity.fetch_one(&mut *one).await.unwrap();
        let columns = sqlx::query_as("SELECT first, last, count, before, after FROM blocks");
        let columns = columns.fetch_all(&mut *one).await.unwrap();
        let idle =
            ["SELECT created FROM roll", "SELECT count FROM fence", "SELECT only FROM fence"];
        let mut numbers = vec![];
        for query in idle {
            let number: i64 = sqlx::query_scalar(query).fetch_one(&mut *one).await.unwrap();
            numbers.push(number.to_string());
        }
        connection.close().await.unwrap();
        let roll = roll::open_beside(directory, None).await.unwrap();
        let blocks = roll.read(1, usize::MAX).await.unwrap();
        let records = blocks.iter().flat_map(|block| block.iter());
        let records = records.map(|(_, record)| record.to_vec()).collect();
        roll.close().await;
        (Self { identity, columns, records }, numbers.try_into().unwrap())
    }
}

/// A roll alone, closed in good order.
async fn roll_alone() -> TempDir {
    let directory = House::busy().await.close().await;
    fs::remove_dir_all(directory.path().join("index")).unwrap();
    for entry in fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_name().to_string_lossy().starts_with("views") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    directory
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_of_a_roll_is_missed_or_means_nothing() {
    let directory = roll_alone().await;
    let file = directory.path().join("roll.db");
    let (places, idle) = places(&file, one_in(17)).await;
    assert!(idle.contains_key("page: between its directory and its rows"), "{idle:?}");
    let (before, numbers) = Reading::of(directory.path()).await;
    let mut excused: BTreeMap<&str, usize> = BTreeMap::new();
    for at in unnoticed(directory.path(), "roll.db", places.clone()).await {
        let byte = flip(&file, at);
        let (after, told) = Reading::of(directory.path()).await;
        assert_eq!(after, before, "nobody noticed byte {at}");
        let why = if told[0] != numbers[0] {
            "roll.created: when the file was made; the first event says when the roll was opened"
        } else if told[1] != numbers[1] {
            "fence.count: a number that each writer counts up, so that it has written"
        } else if told[2] != numbers[2] {
            "fence.only: the name of the only row, by which nobody asks for it"
        } else {
            // Of two copies of the same bytes LZ4 may name either.
            assert!(in_a_body(&file, at, byte).await, "nobody noticed byte {at}, {byte:02x}");
            "blocks.body: another packing of the very same records"
        };
        *excused.entry(why).or_default() += 1;
        restore(&file, at, byte);
    }
    let silent: usize = excused.values().sum();
    assert!(silent * 50 < places.len() + 500, "{excused:?}");
}

/// Whether the byte at a place belongs to a block's body: with it as it was, one body differs.
async fn in_a_body(file: &Path, at: usize, byte: u8) -> bool {
    let bodies = async || {
        let mut connection = open(file).await;
        let query = sqlx::query_scalar("SELECT body FROM blocks ORDER BY first");
        let bodies: Vec<Vec<u8>> = query.fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        bodies
    };
    let turned = bodies().await;
    restore(file, at, byte);
    let were = bodies().await;
    turned.iter().zip(&were).filter(|(turned, were)| turned != were).count() == 1
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_of_the_views_is_missed_or_means_nothing() {
    let directory = House::busy().await.close().await;
    fs::remove_dir_all(directory.path().join("index")).unwrap();
    let file = directory.path().join("views-1.db");
    let (places, _) = places(&file, one_in(41)).await;
    let silent = unnoticed(directory.path(), "views-1.db", places.clone()).await;
    assert!(silent.is_empty(), "nobody noticed {silent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_of_the_views_pointer_is_missed() {
    let directory = House::busy().await.close().await;
    fs::remove_dir_all(directory.path().join("index")).unwrap();
    let length = fs::read(directory.path().join("views.current")).unwrap().len();
    let silent = unnoticed(directory.path(), "views.current", (0..length).collect()).await;
    assert!(silent.is_empty(), "nobody noticed {silent:?}");
}
