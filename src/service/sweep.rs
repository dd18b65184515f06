//! The sweep: stale payments are asked about at their providers, whatever webhooks did not say.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use piperoll_domain::{
    duty::{Duty, Kind, Name},
    id::{ConnectionId, PaymentId},
    operation::{FinishReconciliation, NoteSilence},
    payment::PaymentRef,
    rejection::Rejection,
    roll::ReconciliationFinished,
};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    engine,
    service::{Error, Principal, Service, settle::Told},
};

/// After so many questions without an answer, a sweep leaves a provider account alone.
const FAILURES_MAX: u32 = 5;
const WHO: Principal = Principal::Reactor("reconcile");

/// Which sweep last asked about each payment, so that the ones that never change let the others have
/// their turn. Lost at a crash, which costs a question asked too early.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<Asked>);

#[derive(Debug, Default)]
struct Asked {
    sweeps: u64,
    last: HashMap<Name, u64>,
}

impl Turns {
    /// The `most` duties that were asked about least recently.
    fn next(&self, due: Vec<Duty>, most: usize) -> Vec<Duty> {
        // Nothing panics while it is held.
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = due.iter().filter_map(|duty| {
            let sweep = asked.last.get(&duty.name)?;
            Some((duty.name.clone(), *sweep))
        });
        let mut kept: HashMap<Name, u64> = known.collect();
        let (mut due, sweep) = (due, asked.sweeps.wrapping_add(1));
        due.sort_by_key(|duty| kept.get(&duty.name).copied());
        due.truncate(most);
        kept.extend(due.iter().map(|duty| (duty.name.clone(), sweep)));
        *asked = Asked { sweeps: sweep, last: kept };
        due
    }
}

/// Which provider accounts answer, in one sweep.
#[derive(Debug, Default)]
struct Failures(Mutex<BTreeMap<ConnectionId, u32>>);

impl Failures {
    fn note(&self, connection: &ConnectionId, failed: bool) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(connection.clone()).or_default();
        *count = if failed { count.saturating_add(1) } else { 0 };
    }

    fn leaves_alone(&self, connection: &ConnectionId) -> bool {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(connection).is_some_and(|count| *count >= FAILURES_MAX)
    }
}

impl Service {
    pub(super) async fn sweep(&self) -> Result<ReconciliationFinished, Error> {
        let service = self.clone();
        let run = self.0.sweeping.join((), || async move { service.sweep_once().await });
        run.await.unwrap_or(Err(Error::Interrupted))
    }

    async fn sweep_once(self) -> Result<ReconciliationFinished, Error> {
        let started_at = self.engine().clock().now();
        let stale = i64::try_from(self.settings().stale_after.as_micros()).unwrap_or(i64::MAX);
        let due = self.engine().due(Kind::Sweep, started_at.plus_micros(-stale), usize::MAX);
        let batch = self.0.turns.next(due, self.settings().sweep_batch);
        let mut run = ReconciliationFinished {
            started_at,
            checked: 0,
            paid: 0,
            expired: 0,
            failed: 0,
            errors: 0,
        };
        let at_once = Arc::new(Semaphore::new(self.settings().concurrency.max(1)));
        let failures = Arc::new(Failures::default());
        let mut asked = JoinSet::new();
        for duty in batch {
            let (service, at_once, failures) = (self.clone(), at_once.clone(), failures.clone());
            asked.spawn(async move {
                let _permit = at_once.acquire().await;
                service.sweep_one(&payment_of(&duty), &failures).await
            });
        }
        while let Some(told) = asked.join_next().await {
            count(&mut run, told.ok().flatten());
        }
        if run.checked > 0 {
            self.insist(&WHO, FinishReconciliation { run }, None).await?;
        }
        Ok(run)
    }

    /// One payment's answer; none if there was none.
    async fn sweep_one(&self, at: &PaymentRef, failures: &Failures) -> Option<Told> {
        let connection = match self.known(at).await {
            Ok(known) => known.requested.connection,
            Err(error) => {
                tracing::warn!(payment.id = %at.id, %error, "a payment could not be swept");
                return None;
            }
        };
        if failures.leaves_alone(&connection) {
            return None;
        }
        let told = self.ask_provider(at, WHO).await;
        failures.note(&connection, told.is_err());
        match told {
            Ok(told) => {
                if told.not_found {
                    self.note_silence(at).await;
                }
                Some(told)
            }
            Err(error) => {
                tracing::debug!(payment.id = %at.id, %error, "a provider did not answer a sweep");
                let patience = self.engine().directory().settings().provider_silence_seconds;
                let now = self.engine().clock().now();
                if self.0.answered.is_silent(&connection, now, patience) {
                    self.note_silence(at).await;
                }
                None
            }
        }
    }

    /// A provider that has not said anything about a payment for a day is somebody's to look at.
    async fn note_silence(&self, at: &PaymentRef) {
        let PaymentRef { tenant, id } = at.clone();
        let noted = self.command(&WHO, NoteSilence { tenant, payment: id }, None, None).await;
        match noted {
            Ok(_) | Err(Error::Engine(engine::Error::Rejected(Rejection::PaymentTooEarly))) => {}
            Err(error) => {
                tracing::warn!(payment.id = %at.id, %error, "a silence could not be noted");
            }
        }
    }
}

/// The payment that a duty is about.
pub(crate) fn payment_of(duty: &Duty) -> PaymentRef {
    let stream = &duty.name.stream;
    PaymentRef { tenant: stream.tenant.clone(), id: PaymentId::from(&stream.id) }
}

fn count(run: &mut ReconciliationFinished, told: Option<Told>) {
    let one = u32::from;
    run.checked = run.checked.saturating_add(1);
    match told {
        None => run.errors = run.errors.saturating_add(1),
        Some(told) => {
            run.paid = run.paid.saturating_add(one(told.paid));
            run.expired = run.expired.saturating_add(one(told.expired));
            run.failed = run.failed.saturating_add(one(told.failed));
        }
    }
}
