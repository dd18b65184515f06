//! What other programs make of our exports: bean-check counts every lot again, by booking of its own.

mod histories;

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use chrono::NaiveDate;
use piperoll::{
    audit::line,
    exports::beancount::{Export, Scope, Summary},
};
use piperoll_domain::{
    account::{self, ORDER, Part, SourceKind, Spent},
    event::Recorded,
    id::Kind,
    testing::*,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{house::House, peers::peer};

/// How many random histories are checked.
const HISTORIES: u64 = 300;

fn export(history: &[Recorded], scope: Scope) -> (String, Summary) {
    let mut text = vec![];
    let mut export = Export::begin(&mut text, "a test", scope).unwrap();
    for recorded in history {
        if !export.fold(recorded).unwrap() {
            break;
        }
    }
    let summary = export.finish().unwrap();
    (String::from_utf8(text).unwrap(), summary)
}

fn fixtures() -> Vec<(String, Vec<Recorded>)> {
    let folders = fs::read_dir("replay-fixtures").unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = folders.filter(|path| path.is_dir()).collect();
    folders.sort();
    let read = |folder: &PathBuf| {
        let text = fs::read_to_string(folder.join("events.jsonl")).unwrap();
        let lines = (1..).zip(text.lines());
        let events = lines.map(|(number, text)| line::read(number, text).unwrap().recorded);
        (folder.file_name().unwrap().to_string_lossy().into_owned(), events.collect())
    };
    folders.iter().map(read).collect()
}

/// beancount, if it is there, and a folder for what it reads.
struct Bean {
    home: PathBuf,
    folder: TempDir,
}

impl Bean {
    fn found() -> Option<Self> {
        let home = peer("PIPEROLL_TEST_BEANCOUNT")?;
        Some(Self { home, folder: tempfile::tempdir().unwrap() })
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.beancount"));
        fs::write(&path, text).unwrap();
        path
    }

    /// The program itself.
    fn check(&self, path: &Path) -> Output {
        let mut command = Command::new(self.home.join("bin/bean-check"));
        command.arg("--no-cache").arg(path).stdin(Stdio::null()).output().unwrap()
    }

    /// How many errors it finds in each of many texts, and the first of them.
    fn errors(&self, texts: &[String]) -> Vec<(u64, String)> {
        let write = |(number, text): (usize, &String)| self.write(&format!("{number}"), text);
        let paths: Vec<PathBuf> = texts.iter().enumerate().map(write).collect();
        let mut command = Command::new(self.home.join("bin/python"));
        command.arg("tests/peers/bean_check.py").env("BEANCOUNT_DISABLE_LOAD_CACHE", "1");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        child.stdin.take().unwrap().write_all(names.join("\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let told = String::from_utf8(output.stdout).unwrap();
        let lines = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let found: Vec<(u64, String)> = lines
            .map(|line| (line["errors"].as_u64().unwrap(), line["first"].to_string()))
            .collect();
        assert_eq!(found.len(), texts.len());
        found
    }
}

#[test]
fn bean_check_accepts_every_fixture() {
    let Some(bean) = Bean::found() else { return };
    for (name, history) in fixtures() {
        let (text, summary) = export(&history, Scope::default());
        let output = bean.check(&bean.write(&name, &text));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{name}: {told}\n{text}");
        assert!(summary.transactions > 0 && summary.assertions > 0, "{name}: {summary:?}");
    }
}

#[test]
fn bean_check_accepts_random_histories_and_parts_of_them() {
    let Some(bean) = Bean::found() else { return };
    let (mut texts, mut about, mut seen) = (vec![], vec![], BTreeSet::new());
    for seed in 0..HISTORIES {
        let history = histories::history(seed);
        seen.extend(history.iter().map(|recorded| recorded.event.name()));
        for scope in scopes(seed) {
            let (text, summary) = export(&history, scope.clone());
            assert!(summary.refused.is_empty() && summary.frozen.is_empty(), "{summary:?}");
            texts.push(text);
            about.push((seed, scope));
        }
    }
    let missing: Vec<_> =
        account::Event::NAMES.iter().filter(|name| !seen.contains(*name)).collect();
    assert_eq!(
        missing,
        [&"account.opened.v1"],
        "a history in which nothing happens proves nothing"
    );
    for ((errors, first), (about, text)) in bean.errors(&texts).iter().zip(about.iter().zip(&texts))
    {
        assert_eq!(*errors, 0, "{about:?}: {first}\n{text}");
    }
}

/// All of it, and one part of it after another.
fn scopes(seed: u64) -> Vec<Scope> {
    let day = |day| NaiveDate::from_ymd_opt(2023, 11, day);
    let part = match seed % 5 {
        0 => Scope { account: Some(id("alice")), ..Scope::default() },
        1 => Scope { from: day(17), ..Scope::default() },
        2 => Scope { to: day(18), ..Scope::default() },
        3 => Scope { from: day(16), to: day(19), ..Scope::default() },
        _ => Scope {
            tenant: Some(tenant("acme")),
            account: Some(id("cus_7")),
            from: day(16),
            ..Scope::default()
        },
    };
    vec![Scope::default(), part]
}

#[test]
fn every_number_that_is_wrong_by_one_fails() {
    let Some(bean) = Bean::found() else { return };
    let mut texts = vec![];
    for (name, history) in fixtures() {
        if ["debts-and-corrections", "reservations", "a-day-of-business"].contains(&name.as_str()) {
            texts.extend(corrupted(&export(&history, Scope::default()).0));
        }
    }
    assert!(texts.len() > 100, "{}", texts.len());
    for ((errors, _), text) in bean.errors(&texts).iter().zip(&texts) {
        assert!(*errors > 0, "it was accepted:\n{text}");
    }
}

/// The text with one line changed, for each line with a number: its last digit counts one more, or
/// another lot is named.
fn corrupted(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut texts = vec![];
    let mut change = |at: usize, line: String| {
        let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        changed[at] = line;
        texts.push(changed.join("\n"));
    };
    for (at, line) in lines.iter().enumerate() {
        let is_leg = line.starts_with("  ") && line.contains(':') && !line.contains(": ");
        if !is_leg && !line.contains(" balance ") {
            continue;
        }
        let cells: Vec<&str> = line.split_whitespace().collect();
        let number = cells.iter().position(|cell| cell.parse::<f64>().is_ok()).unwrap();
        // Fractions of a smallest unit are no money: roundings end in nothing that matters.
        if !line.contains("Rounding") {
            let more = format!("  {} ", one_more(cells[number]));
            change(at, line.replace(&format!("  {} ", cells[number]), &more));
        }
        // A lot that nothing leaves may be called anything.
        if line.ends_with("\"}") && !cells[number].starts_with('-') {
            change(at, line.replace("\"}", "-other\"}"));
        }
    }
    texts
}

fn one_more(number: &str) -> String {
    let (head, last) = number.split_at(number.len() - 1);
    format!("{head}{}", (last.parse::<u8>().unwrap() + 1) % 10)
}

#[test]
fn the_same_history_gives_the_same_bytes_and_every_event_one_transaction() {
    let history = histories::history(7);
    let (text, summary) = export(&history, Scope::default());
    assert_eq!(export(&history, Scope::default()).0, text);
    let positions = text.lines().filter_map(|line| line.strip_prefix("  position: "));
    let positions: Vec<u64> = positions.map(|position| position.parse().unwrap()).collect();
    assert!(positions.is_sorted_by(|one, next| one < next), "{positions:?}");
    assert_eq!(u64::try_from(positions.len()).unwrap(), summary.transactions);
}

#[test]
fn a_lot_is_held_at_its_cost_and_what_leaves_names_it() {
    let story = shop()
        .and(deposit("alice", "lot_1", msat(3), money("USD", 10)))
        .and(grant("alice", "gift", msat(5)))
        .and(spend("alice", msat(1)));
    let (text, _) = export(&story.history, Scope::default());
    let lines = [
        "option \"booking_method\" \"STRICT\"",
        "  Liabilities:Acme:Credit:Alice  -3 CREDIT-MSAT {0.00000333333333 USD, \"lot_1\"}",
        "  Equity:Acme:Rounding  -0.00000000000001 USD",
        "  Assets:Acme:Clearing:Outside  0.000010 USD",
        "  Liabilities:Acme:Credit:Alice  -5 CREDIT-MSAT {0 MSAT, \"gift\"}",
        "  Liabilities:Acme:Credit:Alice  1 CREDIT-MSAT {0.00000333333333 USD, \"lot_1\"}",
        "  Income:Acme:Revenue  -0.000003 USD",
        "2023-11-15 balance Liabilities:Acme:Credit:Alice  -7 ~ 0 CREDIT-MSAT",
    ];
    for line in lines {
        assert!(text.lines().any(|written| written == line), "`{line}` is not in:\n{text}");
    }
}

#[test]
fn what_an_account_refused_moves_nothing_and_is_told() {
    let part = Part {
        lot: id("lot_1"),
        amount: units(9),
        left: units(0),
        cost: None,
        source: SourceKind::Grant,
        pool: id("general"),
    };
    let order = ORDER.to_owned();
    let broken = Spent { total: msat(9), parts: vec![part], order, reference: None };
    let story =
        shop().and(grant("alice", "lot_1", msat(5))).fact(&stream(Kind::Account, "alice"), broken);
    let (text, summary) = export(&story.history, Scope::default());
    assert_eq!(summary.refused, [5]);
    assert_eq!(summary.frozen, [stream(Kind::Account, "alice")]);
    assert!(text.contains("; position 5: "), "{text}");
    let Some(bean) = Bean::found() else { return };
    assert_eq!(bean.errors(&[text])[0].0, 0);
}

fn piperoll(arguments: &[&str], directory: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_piperoll"));
    command.args(["export", "beancount"]).args(arguments).arg("--data").arg(directory);
    command.env_clear().stdin(Stdio::null()).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_is_exported_beside_its_writer() {
    let house = House::busy().await;
    let (directory, folder) = (house.path().to_owned(), tempfile::tempdir().unwrap());
    let file = folder.path().join("books.beancount");
    let name = file.display().to_string();
    let ask = move || {
        let nowhere = folder.path().join("none");
        let asked = [
            (piperoll(&["-o", &name], &directory), 0),
            (piperoll(&["-o", &name], &directory), 6),
            (piperoll(&["--from", "2024-01-01", "--to", "2024-01-01"], &directory), 2),
            (piperoll(&["--from", "soon"], &directory), 2),
            (piperoll(&[], &nowhere), 5),
        ];
        for (output, code) in asked {
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(code), "{told}");
        }
        for whose in [
            &["--tenant", "nope"][..],
            &["--account", "nope"],
            &["--tenant", "acme", "--account", "nope"],
        ] {
            let file = folder.path().join("nobody");
            let output = piperoll(&[whose, &["-o", file.to_str().unwrap()]].concat(), &directory);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!((output.status.code(), file.exists()), (Some(5), false), "{told}");
            assert!(told.contains("`nope`") && output.stdout.is_empty(), "{told}");
        }
        let before = ["--tenant", "acme", "--account", "alice", "--to", "1971-01-01"];
        assert_eq!(piperoll(&before, &directory).status.code(), Some(0), "it was not yet");
        let printed = piperoll(&[], &directory).stdout;
        assert_eq!(fs::read(&name).unwrap(), printed);
        // Kept until here, so that what was written can be read.
        drop(folder);
        String::from_utf8(printed).unwrap()
    };
    let text = tokio::task::spawn_blocking(ask).await.unwrap();
    assert!(text.contains("MSAT, \"lot_b\"}"), "{text}");
    let Some(bean) = Bean::found() else { return };
    assert_eq!(bean.errors(&[text])[0].0, 0);
    house.close().await;
}
