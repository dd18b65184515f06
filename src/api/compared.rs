//! The last comparison of the ledger with itself, as metrics show it: it reads every lot, so it is
//! made anew every few minutes, however often somebody looks.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::views::{Error, Views, read::Drift};

/// How old a comparison may be.
const GOOD_FOR: Duration = Duration::from_mins(5);

/// The last comparison, and when it was made.
#[derive(Debug, Clone, Default)]
pub(super) struct Compared(Arc<tokio::sync::Mutex<()>>, Arc<Mutex<Option<(Instant, Drift)>>>);

impl Compared {
    /// One that is not too old; none if there is no telling.
    pub(super) async fn lately(&self, views: &Views) -> Option<Drift> {
        let (this, views) = (self.clone(), views.clone());
        // A task of its own: whoever asked may give up, and the next one finds the answer.
        tokio::spawn(async move { this.found(&views).await }).await.ok()?
    }

    async fn found(&self, views: &Views) -> Option<Drift> {
        let _alone = self.0.lock().await;
        if let Some(known) = self.known() {
            return Some(known);
        }
        match now(views).await {
            Ok(drift) => {
                *self.1.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some((Instant::now(), drift.clone()));
                Some(drift)
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the ledger could not be compared with itself");
                None
            }
        }
    }

    fn known(&self) -> Option<Drift> {
        let last = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(made, _)| made.elapsed() < GOOD_FOR).map(|(_, drift)| drift.clone())
    }
}

/// A comparison made now.
async fn now(views: &Views) -> Result<Drift, Error> {
    views.snapshot().await?.drift().await
}
