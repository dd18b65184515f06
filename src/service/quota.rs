//! How often one caller may do something in any minute, whoever it does it for.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);

/// So many in any sixty seconds, for each name. Names come out of our own configuration, so there
/// are few.
#[derive(Debug)]
pub(super) struct Quota {
    per_minute: usize,
    taken: Mutex<BTreeMap<String, VecDeque<Instant>>>,
}

impl Quota {
    pub(super) fn new(per_minute: usize) -> Self {
        Self { per_minute, taken: Mutex::default() }
    }

    /// Takes one; or says after how long there is one again.
    pub(super) fn take(&self, name: &str) -> Result<(), Duration> {
        self.take_at(name, Instant::now())
    }

    fn take_at(&self, name: &str, now: Instant) -> Result<(), Duration> {
        // Nothing panics while it is held.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = taken.entry(name.to_owned()).or_default();
        while taken.front().is_some_and(|first| now.duration_since(*first) >= MINUTE) {
            taken.pop_front();
        }
        if taken.len() < self.per_minute {
            taken.push_back(now);
            return Ok(());
        }
        let oldest = taken.front().map(|first| now.duration_since(*first));
        Err(MINUTE.saturating_sub(oldest.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_any_minute_for_each_name() {
        let (quota, began) = (Quota::new(3), Instant::now());
        let at = |seconds| quota.take_at("loa-finn", began + Duration::from_secs(seconds));
        assert_eq!([at(0), at(30), at(59)], [Ok(()); 3]);
        assert_eq!(at(59), Err(Duration::from_secs(1)));
        assert_eq!(quota.take_at("another", began), Ok(()));
        assert_eq!(at(60), Ok(()), "the first is a minute ago");
        assert_eq!(at(61), Err(Duration::from_secs(29)));
        assert_eq!(at(90), Ok(()));
        assert_eq!(at(90), Err(Duration::from_secs(29)));
    }
}
