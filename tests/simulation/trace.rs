//! What happened, for people and as one hash.

use std::{collections::VecDeque, fmt};

use sha2::{Digest, Sha256};

/// So many of the last steps are shown.
const SHOWN: usize = 30;

/// The steps of a run.
#[derive(Default)]
pub(super) struct Trace {
    last: VecDeque<String>,
    pub(super) steps: usize,
    hash: Sha256,
}

impl Trace {
    pub(super) fn note(&mut self, step: impl fmt::Display) {
        let line = format!("{:>5}  {step}", self.steps);
        self.hash.update(line.as_bytes());
        self.hash.update(b"\n");
        self.steps += 1;
        if self.last.len() == SHOWN {
            self.last.pop_front();
        }
        if std::env::var_os("PIPEROLL_SIMULATION_ALOUD").is_some() {
            eprintln!("{line}");
        }
        self.last.push_back(line);
    }

    /// One hash over every step so far.
    pub(super) fn hash(&self) -> String {
        hex::encode(self.hash.clone().finalize())
    }

    pub(super) fn tail(&self) -> String {
        self.last.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}
