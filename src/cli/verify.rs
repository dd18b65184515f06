//! `piperoll verify`: everything checked anew, the first thing that is wrong said first.

mod ending;

use std::path::PathBuf;

use clap::Args;

use super::{
    error::Error,
    exit::Exit,
    output::{Output, columns, enough},
    place::Place,
};
use crate::audit::{self, Anchor, Ask, Check, Outcome, Report};

/// What a megabyte of memory holds, about, while streams are folded.
const EVENTS_PER_MIB: u64 = 1_024;

/// Prove that the roll, the index and every row of the views are what they must be.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    place: Place,
    /// A position and at least 8 digits of the hash there, as you kept them; may be repeated.
    #[arg(long, value_name = "POSITION:HASH")]
    anchor: Vec<Anchor>,
    /// About how much memory to use; a roll that needs more is walked several times.
    #[arg(long, value_name = "MIB", default_value_t = 1_024, value_parser = clap::value_parser!(u64).range(1..))]
    memory: u64,
    /// Where a copy of the index may lie meanwhile; the system's own folder unless said otherwise.
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

impl Verify {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let directory = self.place.data;
        let failed = |source: audit::Error| Error::Audit {
            directory: directory.clone(),
            source: Box::new(source),
        };
        let scratch = self.scratch.unwrap_or_else(std::env::temp_dir);
        let scratch = ending::scratch(&scratch).map_err(|error| failed(error.into()))?;
        let ask = Ask {
            directory: directory.clone(),
            anchors: self.anchor,
            scratch: scratch.path().to_owned(),
            events_held: self.memory.saturating_mul(EVENTS_PER_MIB),
        };
        let bar = output.bar();
        let verified = audit::verify(&ask, &bar).await;
        drop(bar);
        let report = verified.map_err(failed)?;
        if output.is_json() {
            Output::document(&report)?;
        } else {
            let mut stream = Output::stream();
            let told = lines(&report).iter().try_for_each(|line| stream.line(line));
            enough(told.and_then(|()| stream.finish()))?;
        }
        Ok(if report.is_sound() { Exit::Done } else { Exit::AuditFailed })
    }
}

/// The report for people.
fn lines(report: &Report) -> Vec<String> {
    let of_roll = report.roll.as_ref().map(|roll| {
        let hash = roll.hash.get(..8).unwrap_or_default();
        format!("roll {} ({}) up to {}:{}:{hash}", roll.name, roll.id, roll.name, roll.position)
    });
    let checks: Vec<Vec<String>> = report.checks.iter().map(cells).collect();
    let acknowledged = report.acknowledged.iter().map(|one| format!("acknowledged: {one}"));
    let last = match report.first() {
        None => "sound".to_owned(),
        Some(first) => format!("FAILED at {first}"),
    };
    of_roll.into_iter().chain(columns(&checks)).chain(acknowledged).chain([last]).collect()
}

fn cells(check: &Check) -> Vec<String> {
    let (word, remark) = match &check.outcome {
        Outcome::Passed {} => ("ok", String::new()),
        Outcome::Failed { first, more: 0 } => ("FAILED", first.to_string()),
        Outcome::Failed { first, more } => ("FAILED", format!("{first} (and {more} more)")),
        Outcome::Skipped { why } => ("skipped", why.clone()),
    };
    vec![
        word.to_owned(),
        check.name.to_owned(),
        format!("{} {}", check.checked, check.unit),
        remark,
    ]
}
