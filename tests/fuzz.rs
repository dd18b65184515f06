//! Every parser under garbage, on the stable toolchain: the corpora, then thousands of changes to
//! them, the same ones every time.
//!
//! `cd tests/fuzz && cargo +nightly fuzz run credential` looks for longer, at the same targets.

mod mutations;
#[allow(unreachable_pub, reason = "the crate beside it calls them too")]
mod targets;

use std::{collections::BTreeSet, env, fs, panic::catch_unwind, path::PathBuf};

use piperoll::fuzzing;
use serde_json::Value;

use self::mutations::Mutator;
use crate::crash::chance::Chance;

/// How many changed inputs a target gets, unless `PIPEROLL_FUZZ_CASES` says otherwise.
const CASES: u64 = 4_000;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from("tests/fuzz/corpus").join(name);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Runs a target over its corpus and over changes to it; what breaks it is told so that it can be
/// added to the corpus.
fn bear(name: &str) {
    let seeds = corpus(name);
    let taken = seeds.iter().filter(|seed| targets::run(name, seed)).count();
    assert!(taken > 0, "nothing in the corpus of {name} is taken: it proves nothing");
    assert!(taken < seeds.len(), "everything in the corpus of {name} is taken");
    let cases = env::var("PIPEROLL_FUZZ_CASES").map_or(CASES, |text| text.parse().unwrap());
    let seed = name.bytes().fold(0_u64, |sum, byte| sum.rotate_left(7) ^ u64::from(byte));
    let mut mutator = Mutator::new(Chance::new(seed), seeds);
    for case in 0..cases {
        let input = mutator.change();
        let bore = catch_unwind(|| targets::run(name, &input));
        assert!(
            bore.is_ok(),
            "{name} broke at case {case}, as hexadecimal: {}",
            hex::encode(&input)
        );
    }
}

macro_rules! targets_bear_garbage {
    ($($name:ident,)+) => {
        $(#[test] fn $name() { bear(stringify!($name)); })+

        #[test]
        fn every_target_has_a_test() {
            let tested = [$(stringify!($name)),+];
            assert_eq!(targets::TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), tested);
        }
    };
}

targets_bear_garbage! {
    credential, macaroon, identifier, caveats, path, jwt, webhook_sandbox, webhook_lnbits, callback,
    bolt11, envelope, block, event, body, batch, query, cursor, position, names, configuration,
}

/// Bodies of many items: the target of batches reads these.
const OF_MANY: [&str; 4] = ["Batch", "BatchItem", "Grants", "GrantItem"];

/// What the document calls the bodies of requests.
fn documented() -> BTreeSet<String> {
    let document = serde_json::to_value(piperoll::api::document()).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    let contents =
        operations.filter_map(|operation| operation["requestBody"]["content"].as_object());
    let schemas = contents.flat_map(|content| content.values().map(|said| &said["schema"]));
    let named = schemas.filter_map(|schema| schema["$ref"].as_str()?.rsplit('/').next());
    named.map(str::to_owned).collect()
}

#[test]
fn every_body_that_the_document_names_is_read_by_a_target() {
    let kinds = fuzzing::KINDS.iter().map(|kind| (kind.name)().into_owned());
    let read: BTreeSet<String> = kinds.chain(OF_MANY.map(str::to_owned)).collect();
    assert_eq!(read, documented(), "src/api/fuzzing.rs lists what every request may say");
    assert_eq!(read.len(), fuzzing::KINDS.len() + OF_MANY.len(), "a name stands twice");
}

#[test]
fn every_kind_of_body_has_a_seed_that_says_much() {
    let seeds = corpus("body");
    let seeds: Vec<Value> = seeds.iter().filter_map(|seed| fuzzing::body(seed, 32).ok()).collect();
    for kind in fuzzing::KINDS {
        let says = |seed: &&Value| {
            kind.wrong(seed).is_none() && seed.as_object().is_some_and(|it| !it.is_empty())
        };
        assert!(seeds.iter().any(|seed| says(&seed)), "no seed is a {}", (kind.name)());
    }
}
