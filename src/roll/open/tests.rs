//! What is not a roll is not opened as one, and says what it is.

use std::{fs, path::PathBuf};

use piperoll_domain::{bytes::Bytes, time::Time};
use tempfile::TempDir;

use super::*;

fn place() -> (TempDir, DirectoryLock, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let lock = DirectoryLock::acquire(directory.path(), "test").unwrap();
    let path = directory.path().join(FILE);
    (directory, lock, path)
}

fn identity() -> Identity {
    Identity { id: Bytes([3; 16]), name: "main".into(), created: Time::from_micros(5) }
}

async fn foreign(path: &Path) -> Foreign {
    let directory = path.parent().unwrap();
    match open_beside(directory, None).await {
        Err(Error::Foreign { found, .. }) => found,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_directory_without_a_roll_says_so() {
    let (directory, lock, _) = place();
    let missing = open(&lock, None).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    let missing = open_beside(&directory.path().join("nowhere"), None).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
}

#[tokio::test]
async fn files_of_others_are_told_apart_and_left_alone() {
    let (_directory, _lock, path) = place();
    fs::create_dir(&path).unwrap();
    assert_eq!(foreign(&path).await, Foreign::NotAFile);
    fs::remove_dir(&path).unwrap();
    for (bytes, found) in [
        (Vec::new(), Foreign::Empty),
        (b"SQLite format 3\0".to_vec(), Foreign::NotSqlite),
        (vec![b'x'; 9000], Foreign::NotSqlite),
    ] {
        fs::write(&path, &bytes).unwrap();
        assert_eq!(foreign(&path).await, found);
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[tokio::test]
async fn another_program_s_database_is_refused() {
    let (_directory, lock, path) = place();
    let mut connection = creating(&path).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql("PRAGMA application_id = 7; CREATE TABLE t (x)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    assert_eq!(foreign(&path).await, Foreign::Application(7));
    let before = fs::read(&path).unwrap();
    assert!(open(&lock, None).await.is_err());
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_format_to_come_is_refused() {
    let (_directory, lock, path) = place();
    create(&lock, &identity()).await.unwrap();
    let mut connection = writing(&path).connect().await.unwrap();
    sqlx::raw_sql("PRAGMA user_version = 2").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let refused = open(&lock, None).await;
    assert!(matches!(refused, Err(Error::Format { found: 2, known: 1 })), "{refused:?}");
}

#[tokio::test]
async fn a_database_that_does_not_say_which_roll_it_is_is_refused() {
    let (_directory, lock, path) = place();
    create(&lock, &identity()).await.unwrap();
    let mut connection = writing(&path).connect().await.unwrap();
    sqlx::raw_sql("DELETE FROM roll").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(foreign(&path).await, Foreign::Nameless);
}

#[tokio::test]
async fn a_roll_is_created_once() {
    let (_directory, lock, _) = place();
    create(&lock, &identity()).await.unwrap();
    let again = create(&lock, &Identity { name: "other".into(), ..identity() }).await;
    assert!(matches!(again, Err(Error::AlreadyThere { .. })), "{again:?}");
    assert_eq!(open(&lock, None).await.unwrap().identity(), &identity());
}

#[tokio::test]
async fn what_an_interrupted_creation_left_is_no_roll_and_in_nobody_s_way() {
    let (_directory, lock, path) = place();
    fs::write(beside(&path, ".unfinished"), b"half").unwrap();
    fs::write(beside(&path, ".unfinished-journal"), b"half").unwrap();
    assert!(matches!(open(&lock, None).await, Err(Error::NotFound { .. })));
    create(&lock, &identity()).await.unwrap();
    open(&lock, None).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_roll() {
    use std::os::unix::fs::PermissionsExt;

    let (_directory, lock, path) = place();
    create(&lock, &identity()).await.unwrap();
    let _roll = open(&lock, None).await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let mode = beside(&path, suffix).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
}

#[tokio::test]
async fn a_roll_is_held_until_its_last_handle_is_gone() {
    let (directory, lock, _) = place();
    create(&lock, &identity()).await.unwrap();
    let roll = open(&lock, None).await.unwrap();
    drop(lock);
    assert!(DirectoryLock::acquire(directory.path(), "test").is_err());
    roll.close().await;
    drop(roll);
    DirectoryLock::acquire(directory.path(), "test").unwrap();
}

#[test]
fn an_sqlite_that_corrupts_its_log_is_refused() {
    for old in ["3.46.0", "3.51.2", "3.7.17", "2.8.17", ""] {
        assert!(matches!(check_version(old.into()), Err(Error::OldSqlite { .. })), "{old}");
    }
    for good in ["3.51.3", "3.52.0", "4.0.0"] {
        assert!(check_version(good.into()).is_ok(), "{good}");
    }
}
