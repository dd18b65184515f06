//! Every history that was ever possible still means what it meant.
//!
//! In each folder of `replay-fixtures/`, `events.jsonl` is what some release recorded, for people;
//! `roll.jsonl` is the same as stored, byte for byte, with the chain's hashes. Both are added, never
//! changed. `state.json` is what they add up to; `UPDATE_FIXTURES=1` writes it anew.
//!
//! A new history is a story in `stories.rs`; `NEW_FIXTURES=1` writes the folder of one that has none.

mod stories;

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use piperoll::{
    audit::{
        line::{self, Line, Raw},
        replay::Replay,
    },
    roll::{Head, leaf, link},
};
use piperoll_domain::event::{Event, Recorded};

const FIXTURES: &str = "replay-fixtures";

fn fixtures() -> Vec<PathBuf> {
    let folders = fs::read_dir(FIXTURES).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn lines(fixture: &Path) -> Vec<Line> {
    let text = read(&fixture.join("events.jsonl"));
    (1..).zip(text.lines()).map(|(number, text)| line::read(number, text).unwrap()).collect()
}

fn raw(fixture: &Path) -> Vec<Raw> {
    let text = read(&fixture.join("roll.jsonl"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines as stored, each with the chain's hash.
fn chained(history: &[Recorded]) -> (Vec<Line>, Vec<Raw>) {
    let Event::Roll(piperoll_domain::roll::Event::Opened(opened)) = &history[0].event else {
        panic!("a roll begins with its opening");
    };
    let mut head = Head::genesis(opened.roll_id);
    let both = history.iter().map(|recorded| {
        let bytes = line::record(recorded).unwrap();
        let hash = link(head.hash, leaf(&bytes));
        head = Head { position: recorded.envelope.position, hash };
        let line = Line { hash: Some(hash), recorded: recorded.clone() };
        (line, Raw::new(head.position, hash, &bytes))
    });
    both.collect()
}

fn text<T: serde::Serialize>(lines: &[T]) -> String {
    let line = |line| serde_json::to_string(line).unwrap() + "\n";
    lines.iter().map(line).collect()
}

#[test]
fn every_story_has_its_fixture() {
    for (name, history) in stories::all() {
        let folder = Path::new(FIXTURES).join(name);
        if folder.exists() {
            continue;
        }
        assert!(
            env::var_os("NEW_FIXTURES").is_some(),
            "NEW_FIXTURES=1 writes the fixture `{name}`"
        );
        let (lines, raw) = chained(&history);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("events.jsonl"), text(&lines)).unwrap();
        fs::write(folder.join("roll.jsonl"), text(&raw)).unwrap();
        let state = Replay::read(text(&lines).as_bytes()).unwrap().state().unwrap();
        fs::write(folder.join("state.json"), state).unwrap();
    }
}

#[test]
fn every_fixture_is_read_to_the_same_facts_and_written_to_the_same_bytes() {
    for fixture in fixtures() {
        let (lines, raw) = (lines(&fixture), raw(&fixture));
        assert_eq!(lines.len(), raw.len(), "{}", fixture.display());
        for (line, raw) in lines.iter().zip(&raw) {
            let at = format!("{} at {}", fixture.display(), raw.position);
            let bytes = raw.bytes().unwrap();
            assert_eq!(line::record(&line.recorded).unwrap(), bytes, "{at}");
            assert_eq!(
                piperoll::fact::decode(raw.position, &bytes).unwrap(),
                line.recorded,
                "{at}"
            );
            assert_eq!(line.hash, Some(raw.hash), "{at}");
        }
        let history: Vec<_> = lines.iter().map(|line| line.recorded.clone()).collect();
        assert_eq!(chained(&history).1, raw, "{}: the chain", fixture.display());
        assert_eq!(text(&lines), read(&fixture.join("events.jsonl")), "{}", fixture.display());
    }
}

#[test]
fn every_fixture_adds_up_to_its_state() {
    for fixture in fixtures() {
        let path = fixture.join("state.json");
        let found = Replay::read(read(&fixture.join("events.jsonl")).as_bytes());
        let found = found.unwrap().state().unwrap();
        if env::var_os("UPDATE_FIXTURES").is_some() {
            fs::write(&path, &found).unwrap();
        }
        assert!(
            found == read(&path),
            "{} no longer adds up: run `piperoll replay`",
            path.display()
        );
        let raw = Replay::read(read(&fixture.join("roll.jsonl")).as_bytes());
        assert!(raw.unwrap().state().unwrap() == found, "{}: as stored", fixture.display());
    }
}

#[test]
fn every_wire_name_stands_in_a_fixture() {
    let standing: BTreeSet<_> = fixtures()
        .iter()
        .flat_map(|fixture| lines(fixture))
        .map(|line| line.recorded.event.name())
        .collect();
    let missing: Vec<_> = Event::names().filter(|name| !standing.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?} stand in no fixture: add them to a story");
}

#[test]
fn a_line_that_was_tampered_with_is_noticed() {
    let fixture = Path::new(FIXTURES).join("a-lots-life");
    let text = read(&fixture.join("events.jsonl"));
    let amount = text.replacen("\"amount\":\"1000\"", "\"amount\":\"1001\"", 1);
    assert_ne!(amount, text, "the fixture mints 1000 of something");
    let error = Replay::read(amount.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("the chain's hash at position"), "{error}");
    let gap = text.lines().skip(1).collect::<Vec<_>>().join("\n");
    let error = Replay::read(gap.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("a replay needs a whole roll"), "{error}");
}
