//! When each provider account last answered: a provider that speaks is not a silent one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use piperoll_domain::{id::ConnectionId, time::Time};

/// The last answers, since the process began.
#[derive(Debug, Default)]
pub(super) struct Answered(Mutex<HashMap<ConnectionId, Time>>);

impl Answered {
    pub(super) fn note(&self, connection: &ConnectionId, now: Time) {
        // Nothing panics while it is held.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.insert(connection.clone(), now);
    }

    /// Whether nothing was heard for so long; also when nothing ever was.
    pub(super) fn is_silent(&self, connection: &ConnectionId, now: Time, seconds: u32) -> bool {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(connection).is_none_or(|last| now >= last.plus_seconds(seconds))
    }
}
