//! `docs/events.md` says what is so: its vectors, its verifier, its tables of fields.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    process::{Command, Output, Stdio},
};

use piperoll::{
    audit::line::Raw,
    roll::{Head, leaf, link},
};
use piperoll_domain::{event::Event, testing::samples, wire::Readable};

fn page() -> String {
    fs::read_to_string("docs/events.md").unwrap()
}

/// The text of the page's block with this name.
fn block(name: &str) -> String {
    let page = page();
    let (_, rest) = page.split_once(&format!("```{name}\n")).unwrap_or_else(|| panic!("no {name}"));
    rest.split_once("\n```").unwrap().0.to_owned() + "\n"
}

/// What the page's verifier says about lines.
pub(crate) fn verifier(lines: &str) -> Output {
    let mut python = Command::new("python3")
        .args(["-c", &block("python verifier")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    // One that has seen enough closes its end.
    let _ = python.stdin.take().unwrap().write_all(lines.as_bytes());
    python.wait_with_output().unwrap()
}

#[test]
fn the_verifier_agrees_about_every_fixture() {
    for fixture in fs::read_dir("replay-fixtures").unwrap() {
        let path = fixture.unwrap().path().join("roll.jsonl");
        let lines = fs::read_to_string(&path).unwrap();
        let said = verifier(&lines);
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let last: Raw = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        let expected = format!("{} {}\n", last.position, last.hash);
        assert_eq!(String::from_utf8(said.stdout).unwrap(), expected, "{}", path.display());
    }
}

#[test]
fn the_verifier_finds_a_record_that_was_changed_left_out_or_moved() {
    let lines = fs::read_to_string("replay-fixtures/a-lots-life/roll.jsonl").unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    let mut changed: Raw = serde_json::from_str(lines[4]).unwrap();
    let mut bytes = changed.bytes().unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    changed = Raw::new(changed.position, changed.hash, &bytes);
    let changed = serde_json::to_string(&changed).unwrap();
    let with = |at: usize, line: &str| {
        let mut lines = lines.clone();
        lines[at] = line;
        lines.join("\n")
    };
    let left_out = [&lines[..4], &lines[5..]].concat().join("\n");
    for wrong in [with(4, &changed), left_out, with(4, lines[5])] {
        let said = verifier(&wrong);
        assert!(!said.status.success());
        let told = String::from_utf8(said.stderr).unwrap();
        assert_eq!(told.trim(), "position 5: the chain is broken");
    }
}

#[test]
fn the_three_records_have_their_hashes_and_stand_in_the_fixture() {
    let fixture = fs::read_to_string("replay-fixtures/a-lots-life/roll.jsonl").unwrap();
    let stored = fixture.lines().map(|line| serde_json::from_str::<Raw>(line).unwrap());
    let text = block("text vectors");
    let vectors: Vec<&str> = text.lines().collect();
    let mut head = Head::genesis(piperoll_domain::testing::opened().roll_id);
    for (pair, stored) in vectors.chunks(2).zip(stored) {
        let record = hex::decode(pair[1].trim()).unwrap();
        let hash = link(head.hash, leaf(&record));
        head = Head { position: head.position + 1, hash };
        assert_eq!(pair[0], format!("{} {hash}", head.position));
        assert_eq!(stored.bytes().unwrap(), record);
    }
    assert_eq!(head.position, 3);
}

/// The fields that the page lists, by event.
fn listed() -> BTreeMap<String, BTreeSet<String>> {
    let page = page();
    let (_, events) = page.split_once("## Events by name").unwrap();
    let (events, _) = events.split_once("\n## ").unwrap();
    let sections = events.split("\n### `").skip(1);
    let of = |section: &str| {
        let (name, rest) = section.split_once('`').unwrap();
        let rows = rest.lines().filter_map(|line| line.strip_prefix("| `"));
        let fields = rows.filter_map(|row| row.split('`').next()).map(str::to_owned);
        (name.to_owned(), fields.collect())
    };
    sections.map(of).collect()
}

#[test]
fn every_event_stands_on_the_page_with_just_its_fields() {
    let listed = listed();
    let names: BTreeSet<_> = Event::names().map(str::to_owned).collect();
    assert_eq!(listed.keys().cloned().collect::<BTreeSet<_>>(), names);
    for sample in samples() {
        let name = sample.event.name();
        let fields = serde_json::to_value(Readable(&sample.event)).unwrap();
        let fields: BTreeSet<_> = fields.as_object().unwrap().keys().cloned().collect();
        assert_eq!(listed[name], fields, "{name}");
    }
}

#[test]
fn every_shape_that_the_page_speaks_of_is_on_it() {
    let page = page();
    let links = page.split("](#").skip(1).filter_map(|rest| rest.split(')').next());
    let headings: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|heading| heading.trim_matches('`').to_lowercase().replace(' ', "-"))
        .collect();
    let missing: BTreeSet<_> = links.filter(|link| !headings.contains(*link)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
