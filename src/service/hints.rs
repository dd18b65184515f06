//! Hints: words that anybody could have sent. Each is a reason to ask the provider; all of them
//! together are no reason to ask it all the time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use piperoll_domain::payment::PaymentRef;
use tokio::time::Instant;

use crate::service::{PaymentName, Principal, Service};

/// How much time lies between two questions about one payment that hints make us ask.
const BETWEEN: Duration = Duration::from_secs(2);
/// More payments than this are not told apart from those that were just asked about.
const REMEMBERED_MAX: usize = 10_000;

/// When hints last made us ask about each payment.
#[derive(Debug, Default)]
pub(super) struct Hints(Mutex<HashMap<PaymentName, Instant>>);

impl Hints {
    /// How long to wait before a hint is followed.
    fn wait(&self, name: &PaymentName, now: Instant) -> Duration {
        // Nothing panics while it is held.
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = |at: Instant| (at + BETWEEN).saturating_duration_since(now);
        if asked.len() >= REMEMBERED_MAX {
            asked.retain(|_, at| !rest(*at).is_zero());
        }
        if asked.len() >= REMEMBERED_MAX {
            return BETWEEN;
        }
        let wait = asked.get(name).map_or(Duration::ZERO, |at| rest(*at));
        asked.insert(name.clone(), now + wait);
        wait
    }
}

impl Service {
    /// Asks the provider soon; nobody waits for it, and nothing is owed if it never happens.
    pub(super) fn follow_hint(&self, at: &PaymentRef) {
        let (service, at) = (self.clone(), at.clone());
        let name = (at.tenant.clone(), at.id.clone());
        self.0.following.begin(name.clone(), || async move {
            tokio::time::sleep(service.0.hints.wait(&name, Instant::now())).await;
            if let Err(error) = service.ask_provider(&at, Principal::Reactor("hint")).await {
                tracing::debug!(payment.id = %at.id, %error, "a hint could not be followed");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_followed_at_once_and_the_next_after_a_pause() {
        let (hints, now) = (Hints::default(), Instant::now());
        let name = |id: &str| ("acme".parse().unwrap(), id.parse().unwrap());
        let wait = |id, ms| hints.wait(&name(id), now + Duration::from_millis(ms)).as_millis();
        assert_eq!([wait("a", 0), wait("b", 0)], [0, 0]);
        assert_eq!(wait("a", 500), 1_500);
        // The pause that was begun counts from the question that it leads to.
        assert_eq!(wait("a", 2_000), 2_000);
        assert_eq!(wait("a", 9_000), 0);
    }
}
