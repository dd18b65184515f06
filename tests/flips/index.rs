//! The index, as it lies when it was closed: the sums in its note tell every byte.

use std::{collections::BTreeMap, fs, path::Path};

use super::{one_in, unnoticed};
use crate::house::House;

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// How many bytes of a file there are up to the last that is not zero, and some more.
fn used(bytes: &[u8]) -> usize {
    let zeros = vec![0; 1 << 16];
    let idle = bytes.rchunks(1 << 16).take_while(|piece| *piece == &zeros[..piece.len()]).count();
    let rest = bytes.len().saturating_sub(idle << 16);
    let end = bytes[..rest].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.len().min(end + 16)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_of_a_closed_index_is_missed() {
    let directory = House::busy().await.close().await;
    let root = directory.path();
    let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for file in files(&root.join("index")).into_iter().chain([root.join("index.closed")]) {
        let bytes = fs::read(&file).unwrap();
        let name = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        // Of the room that a journal was given ahead, a few bytes stand for all.
        let ahead = (used(&bytes)..bytes.len()).step_by(9 << 20);
        all.insert(name, (0..used(&bytes)).chain(ahead).collect());
    }
    assert!(all.contains_key("index/0.jnl") && all.len() > 10, "{:?}", all.keys());
    for (file, places) in all {
        let some = one_in((places.len() / 2).max(1));
        let silent = unnoticed(root, &file, places.into_iter().step_by(some).collect()).await;
        assert!(silent.is_empty(), "nobody noticed {silent:?} of {file}");
    }
}
