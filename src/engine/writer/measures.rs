//! What the writer measures of itself: names are looked up once, not for every group.

use metrics::{Histogram, histogram};

/// Where the measurements go.
pub(in crate::engine) struct Measures {
    /// How long the command that waited longest had waited.
    pub(super) queue_wait: Histogram,
    /// How long a group took to decide.
    pub(super) decide: Histogram,
    /// How long it took to append.
    pub(super) append: Histogram,
    commands: Histogram,
}

impl Measures {
    /// Whoever counts in this process by now gets them.
    pub(in crate::engine) fn new() -> Self {
        Self {
            queue_wait: histogram!("piperoll_engine_queue_wait_seconds"),
            decide: histogram!("piperoll_engine_decide_seconds"),
            append: histogram!("piperoll_engine_append_seconds"),
            commands: histogram!("piperoll_engine_group_commands"),
        }
    }

    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a metric")]
    pub(super) fn commands(&self, count: usize) {
        self.commands.record(count as f64);
    }
}
