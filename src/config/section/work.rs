//! How the parts behind the listener work: the writer, the views, the sweeps, the log.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::config::Period;

/// What holds for all providers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Providers {
    /// Every call ends within this.
    pub timeout: Period,
    /// After so many creates in a row that failed, no more are tried for a while.
    pub breaker_failures: NonZeroU32,
    /// For how long.
    pub breaker_cool_down: Period,
}

/// How pending payments are asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconciliation {
    /// How often.
    pub interval: Period,
    /// How long one is left alone before.
    pub stale_after: Period,
    /// How many in one sweep.
    pub batch: NonZeroU32,
}

/// How the writer works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Commands that wait.
    pub queue_max: NonZeroU32,
    /// Events in one append.
    pub group_events_max: NonZeroU32,
    /// Bytes in one append.
    pub group_bytes_max: NonZeroU32,
    /// Streams kept in memory.
    pub streams_in_memory_max: NonZeroU32,
    /// Bytes of the index's tables kept in memory.
    pub index_cache_bytes_max: NonZeroU32,
    /// Bytes of unpacked blocks kept in memory.
    pub block_cache_bytes_max: NonZeroU32,
}

/// How the views follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Views {
    /// Events folded in one transaction.
    pub batch_events_max: NonZeroU32,
}

/// How the log is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// What is written.
    pub filter: String,
}

/// Who reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// People.
    Text,
    /// Machines.
    Json,
}
