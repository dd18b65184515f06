//! A file put back to an earlier state, and blocks in the places of others.

use std::{fs, path::Path};

use piperoll::audit::{self, Ask};
use tempfile::TempDir;

use super::{copied, finding};
use crate::house::{House, head, meddle};

/// A directory now, and its roll as it was some events ago.
async fn with_an_older_roll() -> (TempDir, Vec<u8>) {
    let house = House::busy().await;
    let earlier = copied(house.path());
    // What is in the log moves into the file when the last one closes it.
    meddle(&earlier.path().join("roll.db"), "UPDATE fence SET count = count + 1").await;
    let roll = fs::read(earlier.path().join("roll.db")).unwrap();
    house.put(piperoll_domain::testing::open_tenant("other")).await;
    house.build_views().await;
    (house.close().await, roll)
}

fn remove(directory: &Path, names: &[&str]) {
    for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap()) {
        let name = entry.file_name().into_string().unwrap();
        if names.iter().any(|start| name.starts_with(start)) {
            let path = entry.path();
            let is_folder = path.is_dir();
            if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_that_was_cut_off_is_told_by_each_follower_and_by_an_anchor() {
    let (directory, earlier) = with_an_older_roll().await;
    assert_eq!(finding(directory.path()).await, None);
    let known = head(directory.path()).await;
    fs::write(directory.path().join("roll.db"), earlier).unwrap();
    let cut = head(directory.path()).await;
    assert!(cut.position < known.position, "{cut} {known}");
    for (gone, told) in [
        (&["nothing"][..], "the roll holds what the index has seen"),
        (&["views"][..], "the roll holds what the index has seen"),
        (&["index"][..], "the roll holds what the views have seen"),
    ] {
        let copy = copied(directory.path());
        remove(copy.path(), gone);
        let found = finding(copy.path()).await.unwrap_or_default();
        assert!(found.contains(told), "without {gone:?}: {found}");
    }
    remove(directory.path(), &["index", "views"]);
    assert_eq!(finding(directory.path()).await, None, "it is a roll like any other");
    let scratch = tempfile::tempdir().unwrap();
    let ask = Ask {
        directory: directory.path().to_owned(),
        anchors: vec![format!("{}:{}", known.position, known.hash).parse().unwrap()],
        scratch: scratch.path().to_owned(),
        events_held: 1 << 20,
    };
    let report = audit::verify(&ask, &()).await.unwrap();
    assert_eq!(report.first().unwrap().position, Some(known.position), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_cut_in_the_middle_is_refused() {
    let directory = House::busy().await.close().await;
    for file in ["roll.db", "views-1.db"] {
        let length = fs::metadata(directory.path().join(file)).unwrap().len();
        for kept in [0, 1, 99, 100, 8_192, length / 2, length - 8_192, length - 1] {
            let copy = copied(directory.path());
            let open = fs::File::options().write(true).open(copy.path().join(file)).unwrap();
            open.set_len(kept).unwrap();
            let found = finding(copy.path()).await;
            assert!(found.is_some(), "{file} of {kept} bytes");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_changed_places_are_told() {
    let directory = super::roll_alone().await;
    let swap = "UPDATE blocks SET body = (SELECT other.body FROM blocks AS other
                WHERE other.first = CASE blocks.first WHEN 5 THEN 6 ELSE 5 END)
                WHERE first IN (5, 6)";
    let neighbour = "UPDATE blocks SET body = (SELECT other.body FROM blocks AS other
                     WHERE other.first = 6) WHERE first = 5";
    let rows = "PRAGMA ignore_check_constraints = 1;
                UPDATE blocks SET first = -first WHERE first IN (5, 6);
                UPDATE blocks SET first = CASE first WHEN -5 THEN 6 ELSE 5 END WHERE first < 0";
    let twice = "PRAGMA ignore_check_constraints = 1;
                 UPDATE blocks SET (last, count, before, after, body) =
                 (SELECT last, count, before, after, body FROM blocks WHERE first = 4)
                 WHERE first = 5";
    for words in [swap, neighbour, rows, twice] {
        let copy = copied(directory.path());
        meddle(&copy.path().join("roll.db"), words).await;
        let found = finding(copy.path()).await.unwrap_or_default();
        assert!(found.starts_with("position 5"), "{words}: {found}");
    }
}
