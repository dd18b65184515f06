//! When to try again: sooner at first, later and later, and told of once.

use std::{collections::HashMap, time::Duration};

use piperoll_domain::{
    duty::{Duty, Kind, Name},
    time::Time,
};

use super::Outcome;
use crate::service::Error;

/// Duties that were tried, and when they are tried again.
pub(super) struct Retries {
    first: Duration,
    longest: Duration,
    waiting: HashMap<Name, Waiting>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    again: Time,
    pause: Duration,
    told: bool,
}

impl Waiting {
    /// A clock that went back does not make the pause longer than it is.
    fn is_over(&self, now: Time) -> bool {
        let micros = i64::try_from(self.pause.as_micros()).unwrap_or(i64::MAX);
        now >= self.again || self.again.micros_since(now) > micros
    }
}

impl Retries {
    pub(super) fn new(kind: Kind) -> Self {
        // A provider is asked less often than our own roll.
        let (first, longest) = match kind {
            Kind::Fulfil
            | Kind::Lapse
            | Kind::Return
            | Kind::End
            | Kind::Retry
            | Kind::ManualReview => (Duration::from_secs(1), Duration::from_mins(1)),
            Kind::Match => (Duration::from_secs(1), Duration::from_mins(5)),
            Kind::Create => (Duration::from_secs(5), Duration::from_mins(2)),
            Kind::Expire | Kind::Sweep => (Duration::from_secs(15), Duration::from_mins(15)),
        };
        Self { first, longest, waiting: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Those of `due` whose turn it is. Each gets a pause now, in case it never comes back.
    pub(super) fn ready(&mut self, due: Vec<Duty>, now: Time) -> Vec<Duty> {
        let still: HashMap<Name, Waiting> = due
            .iter()
            .filter_map(|duty| Some((duty.name.clone(), *self.waiting.get(&duty.name)?)))
            .collect();
        self.waiting = still;
        let is_ready =
            |duty: &Duty| self.waiting.get(&duty.name).is_none_or(|waiting| waiting.is_over(now));
        let ready: Vec<Duty> = due.into_iter().filter(is_ready).collect();
        for duty in &ready {
            self.wait(&duty.name, now);
        }
        ready
    }

    fn wait(&mut self, name: &Name, now: Time) {
        let before = self.waiting.get(name);
        let pause = before.map_or(self.first, |before| (before.pause * 2).min(self.longest));
        let micros = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
        let told = before.is_some_and(|before| before.told);
        self.waiting.insert(name.clone(), Waiting { again: now.plus_micros(micros), pause, told });
    }

    /// What came of one; a failure is told of once.
    pub(super) fn note(&mut self, duty: &Duty, outcome: &Result<Outcome, Error>) {
        let Err(error) = outcome else { return };
        let Some(waiting) = self.waiting.get_mut(&duty.name) else { return };
        let (kind, stream) = (duty.name.kind.as_str(), &duty.name.stream);
        if waiting.told {
            tracing::debug!(duty = kind, %stream, %error, "a duty failed again");
        } else {
            waiting.told = true;
            tracing::warn!(duty = kind, %stream, %error, "a duty failed; it is tried again");
        }
    }
}

#[cfg(test)]
mod tests {
    use piperoll_domain::id::Stream;

    use super::*;

    fn duty(name: &str) -> Duty {
        let stream: Stream = format!("payment-acme-{name}").parse().unwrap();
        let name = Name { kind: Kind::Fulfil, stream, item: None };
        Duty { name, due: Time::EPOCH, opener: 1 }
    }

    #[test]
    fn a_duty_is_tried_later_and_later_and_holds_nobody_up() {
        let mut retries = Retries::new(Kind::Fulfil);
        let mut tried = vec![];
        for second in 0..200 {
            let now = Time::from_seconds(second);
            let mut due = vec![duty("stuck")];
            if second == 100 {
                due.push(duty("fresh"));
            }
            for ready in retries.ready(due, now) {
                tried.push((second, ready.name.stream.id.to_string()));
            }
        }
        let stuck: Vec<i64> =
            tried.iter().filter(|(_, name)| name == "stuck").map(|(second, _)| *second).collect();
        assert_eq!(stuck, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
        assert!(tried.contains(&(100, "fresh".into())));
    }

    #[test]
    fn a_duty_that_was_done_is_forgotten() {
        let mut retries = Retries::new(Kind::Fulfil);
        assert_eq!(retries.ready(vec![duty("a")], Time::EPOCH).len(), 1);
        assert_eq!(retries.ready(vec![], Time::EPOCH).len(), 0);
        assert_eq!(retries.len(), 0);
    }
}
