//! What every bench prints, never how fast it was: that is the machine's affair.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Every bench, with what keeps it short.
const BENCHES: &[&[&str]] = &[
    &["engine", "--callers", "16", "--accounts", "10", "--seconds", "0.2"],
    &["engine", "--callers", "2", "--hot", "--views", "off", "--seconds", "0.2"],
    &["credits", "--callers", "4", "--accounts", "10", "--lots", "30", "--seconds", "0.3"],
    &["http", "--connections", "4", "--accounts", "10", "--seconds", "0.3"],
    &["bulk", "--connections", "2", "--items", "10", "--accounts", "10", "--seconds", "0.3"],
    &[
        "bulk",
        "--connections",
        "2",
        "--items",
        "3",
        "--atomic",
        "--accounts",
        "10",
        "--seconds",
        "0.3",
    ],
    &["authorize", "--connections", "2", "--seconds", "0.6"],
    &["replays", "--connections", "4", "--accounts", "10", "--seconds", "0.3"],
    &[
        "flood",
        "--connections",
        "2",
        "--accounts",
        "10",
        "--rate",
        "50",
        "--strangers",
        "2",
        "--seconds",
        "0.6",
    ],
    &["rebuild", "--events", "4000", "--accounts", "50"],
    &["growth", "--events", "500,1000", "--accounts", "10", "--rounds", "1"],
    &["verify", "--events", "2048"],
    &["l402", "--seconds", "0.2"],
];

fn bench(arguments: &[&str], json: bool) -> Output {
    let scratch = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_piperoll"));
    command.env_clear().stdin(Stdio::null()).args(json.then_some("--json"));
    command.arg("bench").args(arguments).arg("--data").arg(scratch.path());
    let output = command.output().unwrap();
    let left = std::fs::read_dir(scratch.path()).unwrap().count();
    assert_eq!(left, 0, "a bench leaves nothing behind");
    output
}

fn is_number(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number.is_finite() && number >= 0.0)
}

#[test]
fn every_bench_prints_one_object_with_its_figures_against_a_limit() {
    for arguments in BENCHES.iter().copied() {
        let output = bench(arguments, true);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {told}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["bench"], arguments[0]);
        let figures = report["figures"].as_object().unwrap();
        assert!(!figures.is_empty() && figures.values().all(is_number), "{figures:?}");
        assert!(!report["limit"]["what"].as_str().unwrap().is_empty());
        assert!(is_number(&report["limit"]["value"]) && is_number(&report["ratio"]), "{report}");
        assert_eq!(report["broken"], serde_json::json!([]));
        for about in ["cpu", "cores", "memory_bytes", "kernel", "file_system", "fsync_p50_us"] {
            assert!(!report["machine"][about].is_null(), "{about}");
        }
        assert!(report["parameters"].as_object().is_some_and(|asked| !asked.is_empty()));
        assert!(!report["durability"].as_str().unwrap().is_empty());
    }
}

#[test]
fn people_read_names_and_values() {
    let output = bench(BENCHES[1], false);
    let text = String::from_utf8(output.stdout).unwrap();
    for word in ["machine", "disk", "alone_per_second", "alone_p99_9_us", "limit: ", "ratio"] {
        assert!(text.lines().any(|line| line.starts_with(word)), "{word} in:\n{text}");
    }
}

#[test]
fn a_time_that_is_none_is_a_usage_error() {
    for seconds in ["0", "-1", "nan", "4000", "soon"] {
        let output = bench(&["engine", &format!("--seconds={seconds}")], false);
        assert_eq!(output.status.code(), Some(2), "{seconds}");
    }
}
