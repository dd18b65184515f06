//! Flights: work that is begun once for everybody who wants it, and that nobody's leaving cuts off.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::task::TaskTracker;

use crate::watch;

/// What is under way, by what it is about.
pub(super) struct Flights<K: Eq + Hash, V> {
    under_way: Mutex<HashMap<K, watch::Receiver<Option<V>>>>,
    tasks: TaskTracker,
}

impl<K, V> Flights<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) fn new(tasks: TaskTracker) -> Arc<Self> {
        Arc::new(Self { under_way: Mutex::default(), tasks })
    }

    /// Joins the flight about `key`, or begins one. None if it broke off.
    pub(super) async fn join<F>(self: &Arc<Self>, key: K, begin: impl FnOnce() -> F) -> Option<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut answer = self.board(key, begin);
        let answer = answer.wait_for(Option::is_some).await;
        answer.ok().and_then(|answer| answer.clone())
    }

    /// Begins a flight about `key` unless there is one; nobody waits for it.
    pub(super) fn begin<F>(self: &Arc<Self>, key: K, begin: impl FnOnce() -> F)
    where
        F: Future<Output = V> + Send + 'static,
    {
        drop(self.board(key, begin));
    }

    fn board<F>(self: &Arc<Self>, key: K, begin: impl FnOnce() -> F) -> watch::Receiver<Option<V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut under_way = self.lock();
        if let Some(known) = under_way.get(&key) {
            return known.clone();
        }
        let answered = watch::Sender::new(None);
        let answer = answered.subscribe();
        under_way.insert(key.clone(), answer.clone());
        let landing = Landing { flights: Arc::clone(self), key };
        let work = begin();
        self.tasks.spawn(async move {
            let value = work.await;
            // Whoever comes from here on begins anew, so an answer is never older than its question.
            drop(landing);
            answered.send_replace(Some(value));
        });
        answer
    }

    pub(super) fn is_under_way(&self, key: &K) -> bool {
        self.lock().contains_key(key)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, watch::Receiver<Option<V>>>> {
        // Nothing panics while it is held.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a flight off the board, also when its work panics.
struct Landing<K: Clone + Eq + Hash + Send + 'static, V: Clone + Send + Sync + 'static> {
    flights: Arc<Flights<K, V>>,
    key: K,
}

impl<K: Clone + Eq + Hash + Send + 'static, V: Clone + Send + Sync + 'static> Drop
    for Landing<K, V>
{
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn those_who_ask_at_once_share_one_answer() {
        let flights = Flights::<u8, u32>::new(TaskTracker::new());
        let count = Arc::new(AtomicU32::new(0));
        let work = || {
            let count = Arc::clone(&count);
            async move {
                tokio::task::yield_now().await;
                count.fetch_add(1, Ordering::Relaxed) + 1
            }
        };
        let (one, two) = tokio::join!(flights.join(1, work), flights.join(1, work));
        assert_eq!((one, two), (Some(1), Some(1)));
        assert_eq!(flights.join(1, work).await, Some(2));
        assert!(!flights.is_under_way(&1));
    }

    #[tokio::test]
    async fn leaving_cuts_nothing_off() {
        let tasks = TaskTracker::new();
        let flights = Flights::<u8, ()>::new(tasks.clone());
        let (done, ended) = tokio::sync::oneshot::channel();
        flights.begin(1, || async move {
            tokio::task::yield_now().await;
            let _ = done.send(());
        });
        ended.await.unwrap();
    }

    #[tokio::test]
    async fn work_that_panics_leaves_the_way_free() {
        let flights = Flights::<u8, u32>::new(TaskTracker::new());
        assert_eq!(flights.join(1, || async { panic!("on purpose") }).await, None);
        assert_eq!(flights.join(1, || async { 7 }).await, Some(7));
    }
}
