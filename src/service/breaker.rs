//! A circuit breaker: a provider that fails again and again is left alone for a while, so that
//! buyers hear at once what they would hear anyway.
//!
//! Only new invoices stop. What was sold is asked about all the same, or nobody would learn of it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use metrics::gauge;
use piperoll_domain::{id::ConnectionId, time::Time};

/// When a provider is left alone, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// After so many failures in a row.
    pub failures: u32,
    /// Then for so long; after that one request tries.
    pub cool_down: Duration,
}

/// One connection's breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    connection: ConnectionId,
    patience: Patience,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Failures in a row.
    failures: u32,
    /// Whoever comes earlier is turned away, once there are too many.
    closed_until: Time,
}

impl Breaker {
    pub(super) fn new(connection: ConnectionId, patience: Patience) -> Self {
        let breaker = Self { connection, patience, state: Mutex::default() };
        breaker.show(false);
        breaker
    }

    /// Whether the provider may be asked. Of those who come after the pause, the first one tries.
    pub(super) fn admits(&self, now: Time) -> bool {
        let mut state = self.lock();
        if state.failures < self.patience.failures {
            return true;
        }
        // A clock that went back does not make the pause longer than it is.
        let over = now >= state.closed_until || self.pause_from(now) < state.closed_until;
        if over {
            state.closed_until = self.pause_from(now);
        }
        over
    }

    pub(super) fn note(&self, failed: bool, now: Time) {
        let mut state = self.lock();
        if !failed {
            state.failures = 0;
            self.show(false);
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= self.patience.failures {
            state.closed_until = self.pause_from(now);
            self.show(true);
        }
    }

    fn pause_from(&self, now: Time) -> Time {
        let micros = self.patience.cool_down.as_micros();
        now.plus_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    fn show(&self, open: bool) {
        let connection = self.connection.to_string();
        let open = if open { 1.0 } else { 0.0 };
        gauge!("piperoll_provider_circuit_open", "connection" => connection).set(open);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_seconds(1_750_000_000);

    fn breaker() -> Breaker {
        let patience = Patience { failures: 3, cool_down: Duration::from_secs(30) };
        Breaker::new("default".parse().unwrap(), patience)
    }

    fn failing(times: u32) -> Breaker {
        let breaker = breaker();
        (0..times).for_each(|_| breaker.note(true, NOW));
        breaker
    }

    #[test]
    fn so_many_failures_in_a_row_and_no_fewer_turn_away() {
        assert!(failing(2).admits(NOW));
        assert!(!failing(3).admits(NOW));
        let breaker = failing(2);
        breaker.note(false, NOW);
        breaker.note(true, NOW);
        assert!(breaker.admits(NOW), "not in a row");
    }

    #[test]
    fn after_the_pause_one_tries_and_its_luck_is_everybodys() {
        let breaker = failing(3);
        assert!(!breaker.admits(NOW.plus_seconds(29)));
        let later = NOW.plus_seconds(30);
        assert!(breaker.admits(later));
        assert!(!breaker.admits(later), "one, and not all of them");
        breaker.note(true, later);
        assert!(!breaker.admits(later.plus_seconds(29)));
        assert!(breaker.admits(later.plus_seconds(30)));
        breaker.note(false, later.plus_seconds(31));
        assert!(breaker.admits(later.plus_seconds(31)) && breaker.admits(later.plus_seconds(31)));
    }

    #[test]
    fn a_clock_that_goes_back_closes_nothing_for_longer() {
        let breaker = failing(3);
        assert!(breaker.admits(NOW.plus_micros(-3_600_000_000)));
    }
}
