//! The latest value, and a way to wait for the next.
//!
//! Like tokio's `watch`, but those who wait are woken in the order in which they began to: with
//! nothing left to chance, a simulated house runs the same way each time.

use std::{
    ops::Deref,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use tokio::sync::Notify;

/// Where values come from. When it goes, everybody who waits is told.
#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

/// Where they are seen. Clones go their own ways.
#[derive(Debug)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

#[derive(Debug)]
struct Shared<T> {
    latest: RwLock<Latest<T>>,
    moved: Notify,
}

#[derive(Debug)]
struct Latest<T> {
    value: T,
    version: u64,
    closed: bool,
}

/// A look at the latest value. A sender waits while it is held.
#[derive(Debug)]
pub struct Ref<'a, T>(RwLockReadGuard<'a, Latest<T>>);

/// The sender is gone, and with it the next value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there will be no other value")]
pub struct Closed;

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> Shared<T> {
    // A value is replaced whole or changed by closures that do not panic.
    fn read(&self) -> RwLockReadGuard<'_, Latest<T>> {
        self.latest.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Latest<T>> {
        self.latest.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Sender<T> {
    /// Begins with a value.
    pub fn new(value: T) -> Self {
        let latest = RwLock::new(Latest { value, version: 0, closed: false });
        Self(Arc::new(Shared { latest, moved: Notify::new() }))
    }

    /// The latest value.
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref(self.0.read())
    }

    /// Another value.
    pub fn send_replace(&self, value: T) {
        self.send_modify(|latest| *latest = value);
    }

    /// The same value, changed.
    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        self.send_if_modified(|latest| {
            modify(latest);
            true
        });
    }

    /// The same value, changed if `modify` says so; only then is anybody woken.
    pub fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        let mut latest = self.0.write();
        let modified = modify(&mut latest.value);
        if modified {
            latest.version = latest.version.wrapping_add(1);
        }
        drop(latest);
        if modified {
            self.0.moved.notify_waiters();
        }
        modified
    }

    /// Somebody who has seen what there is, and waits for the next.
    pub fn subscribe(&self) -> Receiver<T> {
        let seen = self.0.read().version;
        Receiver { shared: self.0.clone(), seen }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.write().closed = true;
        self.0.moved.notify_waiters();
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), seen: self.seen }
    }
}

impl<T> Receiver<T> {
    /// The latest value.
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref(self.shared.read())
    }

    /// The latest value, which counts as seen from here on.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let latest = self.shared.read();
        self.seen = latest.version;
        Ref(latest)
    }

    /// Waits for a value that was not seen.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        self.shared.next(&mut self.seen).await
    }

    /// Waits until a value is as it should be; the present one counts too.
    pub async fn wait_for(&mut self, fits: impl Fn(&T) -> bool) -> Result<Ref<'_, T>, Closed> {
        let Self { shared, seen } = self;
        loop {
            {
                let latest = shared.read();
                *seen = latest.version;
                if fits(&latest.value) {
                    return Ok(Ref(latest));
                }
            }
            shared.next(seen).await?;
        }
    }
}

impl<T> Shared<T> {
    async fn next(&self, seen: &mut u64) -> Result<(), Closed> {
        loop {
            // Whatever happens from here on wakes it.
            let moved = self.moved.notified();
            {
                let latest = self.read();
                if latest.version != *seen {
                    *seen = latest.version;
                    return Ok(());
                }
                if latest.closed {
                    return Err(Closed);
                }
            }
            moved.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_not_seen_is_waited_for_and_no_value_is_seen_twice() {
        let sender = Sender::new(1);
        let mut receiver = sender.subscribe();
        assert!(tokio::time::timeout(std::time::Duration::ZERO, receiver.changed()).await.is_err());
        sender.send_replace(2);
        sender.send_replace(3);
        receiver.changed().await.unwrap();
        assert_eq!(*receiver.borrow(), 3);
        assert!(tokio::time::timeout(std::time::Duration::ZERO, receiver.changed()).await.is_err());
        assert!(!sender.send_if_modified(|_| false));
        assert_eq!(*receiver.wait_for(|value| *value == 3).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn the_last_value_is_seen_before_the_end() {
        let sender = Sender::new(1);
        let mut receiver = sender.subscribe();
        sender.send_replace(2);
        drop(sender);
        assert_eq!(receiver.changed().await, Ok(()));
        assert_eq!(receiver.changed().await, Err(Closed));
        assert_eq!(*receiver.borrow(), 2);
        assert!(receiver.wait_for(|value| *value == 3).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waited_first_is_woken_first() {
        for _ in 0..20 {
            let (sender, woken) = (Sender::new(0), Arc::new(std::sync::Mutex::new(vec![])));
            let mut tasks = tokio::task::JoinSet::new();
            for number in 0..20 {
                let (mut receiver, woken) = (sender.subscribe(), woken.clone());
                tasks.spawn(async move {
                    receiver.changed().await.unwrap();
                    woken.lock().unwrap().push(number);
                });
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            sender.send_replace(1);
            while tasks.join_next().await.is_some() {}
            assert_eq!(*woken.lock().unwrap(), (0..20).collect::<Vec<_>>());
        }
    }
}
