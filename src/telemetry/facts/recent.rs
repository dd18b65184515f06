//! Payments that something is still expected of: as many as may be remembered, the oldest go first.

use std::collections::{HashMap, VecDeque};

use piperoll_domain::id::{ConnectionId, Stream};

/// Payments that are remembered at most.
const MAX: usize = 10_000;

/// Payments, and by which connection each was asked for.
#[derive(Debug, Default)]
pub(super) struct Recent {
    known: HashMap<Stream, ConnectionId>,
    order: VecDeque<Stream>,
}

impl Recent {
    /// Remembers one; the oldest goes if there are too many.
    pub(super) fn insert(&mut self, stream: &Stream, connection: &ConnectionId) {
        self.known.insert(stream.clone(), connection.clone());
        self.order.push_back(stream.clone());
        if self.order.len() > MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Forgets one, and says by which connection it was asked for.
    pub(super) fn remove(&mut self, stream: &Stream) -> Option<ConnectionId> {
        self.known.remove(stream)
    }
}
