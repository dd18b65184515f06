//! What an SQLite roll does when the disk, the machine or somebody with an editor is against it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use piperoll_domain::time::Time;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::*;
use crate::roll::{DirectoryLock, Roll, create, open, open_beside, samples};

struct Place {
    lock: DirectoryLock,
    directory: TempDir,
}

impl Place {
    /// A roll of blocks of these sizes, closed.
    async fn with(sizes: &[u64]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let lock = DirectoryLock::acquire(directory.path(), "test").unwrap();
        let identity = Identity { id: samples::ROLL, name: "main".into(), created: Time::EPOCH };
        create(&lock, &identity).await.unwrap();
        let place = Self { lock, directory };
        let roll = place.open().await.unwrap();
        fill(&roll, sizes).await;
        roll.close().await;
        place
    }

    async fn open(&self) -> Result<Roll, Error> {
        open(&self.lock, None).await
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join(FILE)
    }

    /// Lets somebody else's hand into the file.
    async fn meddle(&self, sql: &'static str) {
        let options = SqliteConnectOptions::new()
            .filename(self.path())
            .pragma("ignore_check_constraints", "ON");
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn fences(&self) -> i64 {
        let options = SqliteConnectOptions::new().filename(self.path());
        let mut connection = options.connect().await.unwrap();
        sqlx::query_scalar("SELECT count FROM fence").fetch_one(&mut connection).await.unwrap()
    }
}

async fn fill(roll: &Roll, sizes: &[u64]) -> Head {
    let mut head = roll.head().await.unwrap();
    for records in sizes {
        head = roll.append(head, &samples::block(head, *records)).await.unwrap();
    }
    head
}

async fn read_all(roll: &Roll) -> Result<u64, Error> {
    let blocks = roll.read(1, usize::MAX).await?;
    Ok(blocks.last().map_or(0, |block| block.last()))
}

/// Makes the commit that brings position 4 fail, after everything before it went well.
const FAILING_COMMIT: &str = "
    CREATE TABLE nobody (id INTEGER PRIMARY KEY);
    CREATE TABLE orphan (parent INTEGER REFERENCES nobody DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER fail AFTER INSERT ON blocks WHEN new.first = 4
        BEGIN INSERT INTO orphan VALUES (1); END;
";
const FAILING_FENCE: &str =
    "CREATE TRIGGER fence BEFORE UPDATE ON fence BEGIN SELECT RAISE(ABORT, 'no'); END;";

#[tokio::test]
async fn a_commit_that_failed_is_proved_absent_behind_a_commit_of_our_own() {
    let place = Place::with(&[3]).await;
    place.meddle(FAILING_COMMIT).await;
    let roll = place.open().await.unwrap();
    let (head, fences) = (roll.head().await.unwrap(), place.fences().await);
    let block = samples::block(head, 2);
    let refused = roll.append(head, &block).await;
    assert!(matches!(refused, Err(AppendError::Refused { .. })), "{refused:?}");
    assert_eq!(place.fences().await, fences + 1);
    assert_eq!(*roll.tail().borrow(), head);
    place.meddle("DROP TRIGGER fail").await;
    assert_eq!(roll.append(head, &block).await.unwrap(), block.head());
}

#[tokio::test]
async fn an_outcome_stays_unknown_until_the_head_can_be_read_beyond_doubt() {
    let place = Place::with(&[3]).await;
    place.meddle(FAILING_COMMIT).await;
    let roll = place.open().await.unwrap();
    place.meddle(FAILING_FENCE).await;
    let head = *roll.tail().borrow();
    let block = samples::block(head, 2);
    for _ in 0..2 {
        let unknown = roll.append(head, &block).await;
        assert!(matches!(unknown, Err(AppendError::Unknown { .. })), "{unknown:?}");
        assert!(roll.head().await.is_err());
    }
    place.meddle("DROP TRIGGER fence; DROP TRIGGER fail").await;
    assert_eq!(roll.head().await.unwrap(), head);
    assert_eq!(roll.append(head, &block).await.unwrap(), block.head());
}

#[tokio::test]
async fn an_insert_that_failed_refuses_its_block_and_leaves_a_roll_that_works() {
    let place = Place::with(&[3]).await;
    let head = place.open().await.unwrap().head().await.unwrap();
    // As many pages as there are: what SQLite says then is what it says of a full disk.
    let full = writing(&place.path()).pragma("max_page_count", "1");
    let genesis = Head::genesis(samples::ROLL);
    let mut writer = Writer::open(full, genesis, place.lock.clone()).await.unwrap();
    let long = Row::of(&samples::block(head, 5_000)).unwrap();
    for _ in 0..3 {
        let refused = writer.append(head, &long).await;
        assert!(matches!(refused, Err(AppendError::Refused { .. })), "{refused:?}");
    }
    let short = Row::of(&samples::block(head, 1)).unwrap();
    assert_eq!(writer.append(head, &short).await.unwrap(), short.head);
}

#[tokio::test]
async fn a_killed_writer_leaves_everything_it_had_answered() {
    let place = Place::with(&[3]).await;
    let roll = place.open().await.unwrap();
    let head = fill(&roll, &[2, 5, 1]).await;
    // What a kill leaves: the file and its log as they are, nothing closed.
    let grave = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        let from = beside(&place.path(), suffix);
        fs::copy(from, beside(&grave.path().join(FILE), suffix)).unwrap();
    }
    assert!(length(&beside(&grave.path().join(FILE), "-wal")) > 0);
    let lock = DirectoryLock::acquire(grave.path(), "test").unwrap();
    let again = open(&lock, Some(head)).await.unwrap();
    assert_eq!(again.head().await.unwrap(), head);
    assert_eq!(read_all(&again).await.unwrap(), 11);
    fill(&again, &[1]).await;
}

#[tokio::test]
async fn a_log_that_was_cut_is_a_shorter_roll_that_only_a_witness_can_tell() {
    let place = Place::with(&[3]).await;
    let roll = place.open().await.unwrap();
    let head = fill(&roll, &[2]).await;
    let grave = tempfile::tempdir().unwrap();
    fs::copy(place.path(), grave.path().join(FILE)).unwrap();
    let lock = DirectoryLock::acquire(grave.path(), "test").unwrap();
    let shortened = open(&lock, Some(head)).await;
    let Err(Error::Shortened { file, known }) = shortened else { panic!("{shortened:?}") };
    assert!(file.position < known.position && known == head);
    assert!(open(&lock, None).await.is_ok());
}

#[tokio::test]
async fn another_history_is_not_taken_for_the_known_one() {
    let place = Place::with(&[3]).await;
    let head = *place.open().await.unwrap().tail().borrow();
    let known = Head { position: 2, hash: head.hash };
    let refused = open(&place.lock, Some(known)).await;
    assert!(matches!(refused, Err(Error::OtherHistory { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_reader_beside_the_writer_sees_what_it_writes_and_cannot_write() {
    let place = Place::with(&[3]).await;
    let roll = place.open().await.unwrap();
    let reader = open_beside(place.directory.path(), None).await.unwrap();
    let mut tail = reader.tail();
    let head = fill(&roll, &[2]).await;
    assert_eq!(reader.head().await.unwrap(), head);
    assert_eq!(read_all(&reader).await.unwrap(), 5);
    assert_eq!(*tail.borrow_and_update(), head);
    let head = fill(&roll, &[1]).await;
    tail.changed().await.unwrap();
    assert_eq!(*tail.borrow_and_update(), head);
    let refused = reader.append(head, &samples::block(head, 1)).await;
    let Err(AppendError::Refused { source: Error::Reading }) = refused else {
        panic!("{refused:?}")
    };
}

#[tokio::test]
async fn a_closed_roll_is_one_file_that_reads_as_it_lies() {
    let place = Place::with(&[3, 2]).await;
    assert!(!beside(&place.path(), "-wal").exists());
    let copy = tempfile::tempdir().unwrap();
    fs::copy(place.path(), copy.path().join(FILE)).unwrap();
    let readers = immutable(&copy.path().join(FILE));
    let roll = SqliteRoll::connect(copy.path().join(FILE), readers).await.unwrap();
    roll.check_end().await.unwrap();
    assert_eq!(read_all(&Roll::Sqlite(roll)).await.unwrap(), 5);
    assert_eq!(fs::read_dir(copy.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn the_log_is_carried_into_the_file_while_the_roll_is_open() {
    let place = Place::with(&[]).await;
    let roll = place.open().await.unwrap();
    let before = length(&place.path());
    fill(&roll, &[5_000]).await;
    let grown = async {
        while length(&place.path()) == before {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), grown).await.unwrap();
}

#[tokio::test]
async fn rows_that_disagree_with_their_records_are_found_at_their_position() {
    let meddlings = [
        ("UPDATE blocks SET first = 5, last = 7 WHERE first = 4", 4),
        ("UPDATE blocks SET last = 7 WHERE first = 4", 4),
        ("UPDATE blocks SET count = 1 WHERE first = 4", 4),
        ("UPDATE blocks SET before = zeroblob(32) WHERE first = 4", 4),
        ("UPDATE blocks SET after = zeroblob(32) WHERE first = 4", 4),
        ("UPDATE blocks SET after = zeroblob(31) WHERE first = 4", 4),
        ("UPDATE blocks SET body = zeroblob(9) WHERE first = 4", 4),
        ("UPDATE blocks SET body = (SELECT body FROM blocks WHERE first = 1) WHERE first = 4", 4),
        ("DELETE FROM blocks WHERE first = 4", 4),
        ("DELETE FROM blocks WHERE first = 1", 1),
        ("UPDATE blocks SET first = -1, last = 1 WHERE first = 1", 1),
    ];
    for (sql, expected) in meddlings {
        let place = Place::with(&[3, 3, 3, 3]).await;
        place.meddle(sql).await;
        let roll = place.open().await.unwrap();
        let damaged = roll.read(1, usize::MAX).await;
        let Err(Error::Damaged { position, .. }) = damaged else { panic!("{sql}: {damaged:?}") };
        assert_eq!(position, expected, "{sql}: {damaged:?}");
        assert!(roll.read(4, 0).await.is_err() || expected == 1, "{sql}");
    }
}

#[tokio::test]
async fn an_end_that_cannot_be_believed_is_not_opened() {
    let meddlings = [
        "UPDATE blocks SET after = zeroblob(32) WHERE first = 7",
        "UPDATE blocks SET body = zeroblob(9) WHERE first = 7",
        "UPDATE blocks SET last = 10 WHERE first = 7",
        "UPDATE blocks SET after = zeroblob(32) WHERE first = 4",
        "DELETE FROM blocks WHERE first = 4",
    ];
    for sql in meddlings {
        let place = Place::with(&[3, 3, 3]).await;
        place.meddle(sql).await;
        let refused = place.open().await;
        assert!(matches!(refused, Err(Error::Damaged { .. })), "{sql}: {refused:?}");
    }
}

#[tokio::test]
async fn no_changed_byte_of_the_file_changes_what_is_read() {
    let place = Place::with(&[3, 40]).await;
    let file = fs::read(place.path()).unwrap();
    let genuine = place.open().await.unwrap().read(1, usize::MAX).await.unwrap();
    let mut found = 0;
    // A stride that is prime to the page size meets every part of a page.
    for at in (0..file.len()).step_by(97) {
        let grave = tempfile::tempdir().unwrap();
        let mut changed = file.clone();
        changed[at] ^= 0x10;
        fs::write(grave.path().join(FILE), changed).unwrap();
        let read = match open_beside(grave.path(), None).await {
            Ok(roll) => roll.read(1, usize::MAX).await,
            Err(error) => Err(error),
        };
        match read {
            Ok(read) => assert!(read == genuine, "byte {at}"),
            Err(_) => found += 1,
        }
    }
    assert!(found > 0);
}

#[tokio::test]
async fn a_file_that_was_cut_is_torn() {
    let place = Place::with(&[3, 2_000]).await;
    let whole = length(&place.path());
    for bytes in [whole - 1, whole / 2, 8192, 100] {
        let file = fs::OpenOptions::new().write(true).open(place.path()).unwrap();
        file.set_len(bytes).unwrap();
        let refused = place.open().await;
        let Err(Error::Torn { found, expected, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!((found, expected), (bytes, whole));
    }
}

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_want_a_block_at_once_do_not_each_unpack_it() {
    let place = Place::with(&[2_000]).await;
    let Roll::Sqlite(roll) = place.open().await.unwrap() else { panic!("it is on disk") };
    let asked = (0..200).map(|number| {
        let roll = roll.clone();
        tokio::spawn(async move { roll.block_at(1 + number).await.unwrap().unwrap() })
    });
    let asked: Vec<_> = asked.collect();
    let mut blocks = vec![];
    for block in asked {
        blocks.push(block.await.unwrap());
    }
    let unpacked: std::collections::BTreeSet<_> = blocks.iter().map(Arc::as_ptr).collect();
    assert!(unpacked.len() <= LOOKING_MAX, "{} times", unpacked.len());
    roll.close().await;
}
