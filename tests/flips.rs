//! Every byte of a roll and of its views turned over, one at a time: `verify` says so, or it is shown
//! to be a byte that nobody reads.

mod pages;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
};

use piperoll::audit::{self, Ask};
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use self::pages::Pages;
use crate::house::House;

/// What an audit says of a directory: nothing, or what it found, or why it could not be done.
async fn verdict(directory: &Path) -> Option<String> {
    let scratch = tempfile::tempdir().unwrap();
    let ask = Ask {
        directory: directory.to_owned(),
        anchors: vec![],
        scratch: scratch.path().to_owned(),
        events_held: 1 << 20,
    };
    match audit::verify(&ask, &()).await {
        Ok(report) => report.first().map(|first| format!("found: {first}")),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            let causes = std::iter::successors(Some(error), |error| error.source());
            Some(causes.map(|cause| cause.to_string()).collect::<Vec<_>>().join(": "))
        }
    }
}

async fn roots(file: &Path) -> Vec<usize> {
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let query = "SELECT rootpage FROM sqlite_schema WHERE rootpage > 0";
    let roots: Vec<i64> = sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let roots = roots.into_iter().map(|root| usize::try_from(root).unwrap());
    std::iter::once(1).chain(roots).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn explore() {
    let directory = House::busy().await.close().await;
    for entry in walk(directory.path()) {
        println!("{} {}", entry.display(), fs::metadata(&entry).unwrap().len());
    }
    let which = std::env::var("FLIP").unwrap_or("roll.db".to_owned());
    let step: usize = std::env::var("STEP").unwrap_or("7".to_owned()).parse().unwrap();
    let file = directory.path().join(&which);
    let bytes = fs::read(&file).unwrap();
    let roots = roots(&file).await;
    let pages = Pages::of(&bytes, &roots);
    println!("{} pages", pages.count());
    fs::remove_dir_all(directory.path().join("index")).unwrap();
    if which == "roll.db" {
        for f in walk(directory.path()) {
            if f.to_string_lossy().contains("views") {
                fs::remove_file(f).unwrap();
            }
        }
    }
    assert_eq!(verdict(directory.path()).await, None);
    let open = File::options().write(true).open(&file).unwrap();
    let (mut unseen, mut idle, mut all) = (vec![], BTreeMap::new(), 0);
    let mut said: BTreeMap<String, u32> = BTreeMap::new();
    let start = std::time::Instant::now();
    for at in (0..bytes.len()).step_by(step) {
        if let Some(what) = pages.idle(at) {
            *idle.entry(what).or_insert(0) += 1;
            continue;
        }
        all += 1;
        open.write_all_at(&[bytes[at] ^ (1 << (at % 8))], at as u64).unwrap();
        match verdict(directory.path()).await {
            None => unseen.push(at),
            Some(told) => *said.entry(if told.starts_with("failed") { told } else { told.chars().take(60).collect() }).or_default() += 1,
        }
        open.write_all_at(&bytes[at..=at], at as u64).unwrap();
    }
    println!("{all} flips in {:?}", start.elapsed());
    println!("{idle:#?}");
    for (told, n) in said {
        println!("{n} {told}");
    }
    for at in unseen {
        let page = at / 8192;
        println!(
            "UNSEEN {at} page {} offset {} byte {:02x} near {:?}",
            page + 1,
            at % 8192,
            bytes[at],
            String::from_utf8_lossy(&bytes[at.saturating_sub(12)..(at + 12).min(bytes.len())])
        );
    }
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}
