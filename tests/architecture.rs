//! What the rooms promise about each other, and files about themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Who stands on whom: a module of `src/`, and the modules it may use. A room uses only rooms below
/// its own, so no arrow runs up and none in a circle.
const FLOORS: &[(&str, &[&str])] = &[
    ("l402", &[]),
    ("secret", &[]),
    ("entropy", &[]),
    ("watch", &[]),
    ("idempotency", &[]),
    ("problem", &[]),
    ("roll", &[]),
    ("providers", &[]),
    ("fact", &["roll"]),
    ("keyring", &["entropy", "secret"]),
    ("jwt", &["secret"]),
    ("config", &["jwt", "providers", "secret"]),
    ("engine", &["roll", "watch"]),
    ("views", &["fact", "roll"]),
    ("audit", &["engine", "fact", "roll", "views"]),
    ("telemetry", &["engine", "providers", "views"]),
    (
        "service",
        &[
            "config",
            "engine",
            "entropy",
            "idempotency",
            "jwt",
            "keyring",
            "l402",
            "providers",
            "roll",
            "secret",
            "views",
            "watch",
        ],
    ),
    ("reactors", &["engine", "service"]),
    (
        "api",
        &[
            "audit",
            "config",
            "engine",
            "fact",
            "idempotency",
            "l402",
            "problem",
            "providers",
            "roll",
            "secret",
            "service",
            "telemetry",
            "views",
        ],
    ),
    (
        "app",
        &[
            "api",
            "config",
            "engine",
            "fact",
            "keyring",
            "l402",
            "providers",
            "reactors",
            "roll",
            "secret",
            "service",
            "telemetry",
            "views",
        ],
    ),
    ("exports", &[]),
    ("fuzzing", &["api", "service", "views"]),
    ("bench", &["app", "audit", "config", "engine", "l402", "roll", "telemetry", "views"]),
    (
        "cli",
        &[
            "api",
            "app",
            "audit",
            "bench",
            "config",
            "exports",
            "fact",
            "providers",
            "roll",
            "secret",
            "views",
        ],
    ),
];

/// What the rules may know of the world.
const DOMAIN: &[&str] = &["rmp-serde", "serde", "sha2", "smol_str", "thiserror"];
/// What the folds may know of it.
const PROJECTIONS: &[&str] =
    &["piperoll-domain", "foldhash", "indexmap", "serde", "serde_json", "smol_str"];

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Folders that tools fill, wherever they stand: a fuzz build leaves a `target` among the tests.
const MADE_BY_TOOLS: [&str; 2] = ["node_modules", "target"];

/// Every file below a folder whose name ends like this, without what tools made.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                let is_ours = path
                    .file_name()
                    .is_none_or(|name| !MADE_BY_TOOLS.iter().any(|made| name == *made));
                folders.extend(is_ours.then_some(path));
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<PathBuf> {
    let rooms = ["src", "domain/src", "projections/src", "tests"];
    rooms.iter().flat_map(|folder| files(folder, ".rs")).collect()
}

/// The module of `src/` that a file belongs to; none for the crate's own files.
fn room(path: &Path) -> Option<String> {
    let inside = path.strip_prefix("src").ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!["lib", "main", "bin"].contains(&name)).then(|| name.to_owned())
}

/// The modules that a text names behind `crate::`, also in braces.
fn used(text: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with(|c: char| c == '$' || c == '_' || c.is_alphanumeric()) {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => used.extend(heads(group)),
            None => used.extend(head(rest)),
        }
    }
    used
}

/// The word that a path begins with, if it is a module's.
fn head(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    word.starts_with(|c: char| c.is_ascii_lowercase()).then_some(word)
}

/// The words that the paths of a group begin with.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut found) = (0, 0, vec![]);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                found.extend(head(group[start..at].trim_start()));
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

#[test]
fn groups_of_paths_are_read_to_their_end() {
    let text = "use crate::{\n    engine::{self, Clock},\n    roll::Head,\n};\nuse crate::views;
        pub(crate) fn x() -> crate::fact::Y { $crate::no!() }";
    let expected = ["engine", "fact", "roll", "views"].map(str::to_owned);
    assert_eq!(used(text), expected.into());
}

#[test]
fn the_floors_stand_in_order() {
    let mut below = BTreeSet::new();
    for (room, may) in FLOORS {
        let above: Vec<_> = may.iter().filter(|name| !below.contains(*name)).collect();
        assert!(above.is_empty(), "`{room}` would stand on {above:?}, which stand above it");
        below.insert(*room);
    }
}

#[test]
fn a_room_uses_only_what_it_may() {
    let floors: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    let mut wrong = vec![];
    for path in files("src", ".rs") {
        let Some(room) = room(&path) else { continue };
        let Some(may) = floors.get(room.as_str()) else {
            wrong.push(format!("`{room}` stands on no floor: add it to FLOORS"));
            continue;
        };
        // Tests beside a room may look at the whole house.
        let is_test = path
            .components()
            .any(|part| part.as_os_str().to_str().is_some_and(|part| part.starts_with("tests")));
        let text = read(&path);
        let text =
            if is_test { "" } else { text.split("#[cfg(test)]\nmod tests {").next().unwrap() };
        let others = used(text).into_iter().filter(|name| *name != room);
        let foreign = others.filter(|name| !may.contains(&name.as_str()));
        wrong.extend(foreign.map(|name| format!("{} uses `{name}`", path.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The dependencies that a manifest names, without those of tests.
fn dependencies(manifest: &str) -> Vec<String> {
    let text = read(manifest);
    let (_, rest) = text.split_once("[dependencies]").unwrap();
    let section = rest.split("\n[").next().unwrap();
    let name = |line: &str| line.split(['.', ' ', '=']).next().map(str::to_owned);
    let lines = section.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.filter(|line| !line.starts_with('#')).filter_map(name).collect()
}

#[test]
fn the_rules_know_no_runtime_no_database_and_no_protocol() {
    assert_eq!(dependencies("domain/Cargo.toml"), DOMAIN);
    assert_eq!(dependencies("projections/Cargo.toml"), PROJECTIONS);
}

#[test]
fn the_rules_make_their_vows_in_the_first_lines() {
    for library in ["domain/src/lib.rs", "projections/src/lib.rs"] {
        let text = read(library);
        for vow in ["arithmetic_side_effects", "float_arithmetic", "wildcard_enum_match_arm"] {
            assert!(text.contains(vow), "{library} no longer vows {vow}");
        }
    }
}

#[test]
fn no_module_is_called_mod() {
    let found: Vec<_> = sources().into_iter().filter(|path| path.ends_with("mod.rs")).collect();
    assert!(found.is_empty(), "{found:?}: `room.rs` and `room/`");
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let long = |path: &PathBuf| read(path).lines().count() > 500;
    let found: Vec<_> = sources().into_iter().filter(long).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_file_says_first_what_it_is() {
    let is_tests =
        |path: &PathBuf| path.ends_with("tests.rs") || path.iter().any(|part| part == "tests");
    let silent = |path: &PathBuf| !is_tests(path) && !read(path).starts_with("//! ");
    let found: Vec<_> = sources().into_iter().filter(silent).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_problem_code_has_a_page() {
    let codes: BTreeSet<String> =
        piperoll::problem::Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    let pages: BTreeSet<String> = files("docs/problems", ".md")
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    let missing: Vec<_> = codes.difference(&pages).collect();
    assert!(missing.is_empty(), "write docs/problems/ of {missing:?}");
    let orphaned: Vec<_> = pages.difference(&codes).filter(|page| *page != "README").collect();
    assert!(orphaned.is_empty(), "{orphaned:?} are pages of no code");
}

#[test]
fn every_page_of_a_problem_begins_with_the_status_and_the_title_of_its_code() {
    for code in piperoll::problem::Code::ALL {
        let page = read(format!("docs/problems/{}.md", code.as_str()));
        let lines = [format!("# `{}`", code.as_str()), String::new()];
        let begins = format!("{}: {}.", code.status().as_u16(), code.title());
        let expected = format!("{}\n{begins}\n", lines.join("\n"));
        assert!(page.starts_with(&expected), "{expected}");
    }
}

/// Bugs that others had with money; each has a test of its own that says so in its name.
const BUGS: [&str; 22] = [
    "f01", "f02", "f03", "f04", "f05", "f06", "f07", "f08", "f09", "f10", "f11", "f12", "f13",
    "f14", "f15", "f17", "f18", "f25", "f30", "f31", "f32", "f33",
];

#[test]
fn every_known_bug_has_a_test_of_its_name() {
    let texts: Vec<String> = sources().iter().map(read).collect();
    let named = |bug: &&str| texts.iter().any(|text| text.contains(&format!("fn {bug}_")));
    let missing: Vec<_> = BUGS.into_iter().filter(|bug| !named(bug)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    // Written apart, so that this file does not name them either.
    let told = [["/ho", "me/"], ["/ro", "ot/"], ["/Us", "ers/"], ["/tmp", "/wt"], ["/wo", "rk/"]];
    let registries = [["crates-", "io.proxy"], ["registry.", "npmjs"], ["artifact", "ory"]];
    let words: Vec<String> = told.iter().chain(&registries).map(|parts| parts.concat()).collect();
    let endings = [".rs", ".toml", ".md", ".sql", ".yml", ".yaml", ".json", ".jsonl", ".sh", ".py"];
    let rooms = ["src", "domain", "projections", "tests", "docs", "migrations", "replay-fixtures"];
    let inside = rooms.iter().flat_map(|room| files(room, ""));
    let own = ["Cargo.toml", "README.md"].map(PathBuf::from);
    let mut found = vec![];
    for path in inside.chain(own) {
        let name = path.to_string_lossy().into_owned();
        if !endings.iter().any(|ending| name.ends_with(ending)) {
            continue;
        }
        let text = read(&path);
        found.extend(
            words.iter().filter(|word| text.contains(*word)).map(|word| format!("{name}: {word}")),
        );
    }
    assert!(found.is_empty(), "{found:#?}");
}
