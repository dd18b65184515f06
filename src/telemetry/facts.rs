//! Counting what was appended: each fact once, never a request, never a repeat.

mod credit;
mod recent;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use metrics::{counter, histogram};
use piperoll_domain::{
    connection,
    event::{Envelope, Event, Recorded},
    id::{ConnectionId, Stream},
    payment::{self, Funding, LedTo, Promise, Says, Settled, TransitionRefused},
    receipt, roll,
};

pub(super) use self::credit::zero as zero_credit;
use self::{credit::Counters, recent::Recent};
use crate::providers::{Class, Refusal};

/// Counts facts. The engine tells it of every append.
#[derive(Default)]
pub struct Facts {
    known: Mutex<Known>,
    credit: OnceLock<Counters>,
}

/// What a fact does not say itself, remembered from earlier ones.
#[derive(Debug, Default)]
struct Known {
    /// The kind of provider behind a connection, which is what `provider` labels say.
    kinds: BTreeMap<ConnectionId, String>,
    /// Payments that were asked for and have no invoice yet.
    asked: Recent,
    /// Payments for credit that have not ended.
    topups: Recent,
}

impl Facts {
    /// Remembers what kind of provider a connection is, and begins its counters at zero.
    pub fn connection(&self, id: &ConnectionId, kind: &str) {
        self.known().kinds.insert(id.clone(), kind.to_owned());
        zero(kind);
    }

    /// Counts what was appended.
    pub fn observe(&self, appended: &[Recorded]) {
        let mut known = self.known();
        let credit = self.credit.get_or_init(Counters::look_up);
        for Recorded { envelope, event } in appended {
            match event {
                Event::Payment(event) => known.payment(envelope, event),
                Event::Receipt(event) => known.receipt(event),
                Event::Roll(roll::Event::ReconciliationFinished(run)) => {
                    let moved = [run.paid, run.expired, run.failed];
                    let moved = moved.into_iter().map(u64::from).sum();
                    counter!("reconciliation_corrections_total").increment(moved);
                    counter!("reconciliation_fail_total").increment(run.errors.into());
                }
                Event::Connection(connection::Event::Declared(declared)) => {
                    let id = ConnectionId::from(&envelope.stream.id);
                    known.kinds.insert(id, declared.account.kind.clone());
                    zero(&declared.account.kind);
                }
                Event::Account(event) => credit.count(event),
                Event::Roll(_)
                | Event::Connection(_)
                | Event::Commodity(_)
                | Event::Settings(_)
                | Event::Tenant(_)
                | Event::Offer(_)
                | Event::Entitlement(_)
                | Event::Billing(_)
                | Event::Letter(_)
                | Event::Campaign(_)
                | Event::Grantee(_) => {}
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Counting never panics half-way.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn provider(&self, connection: &ConnectionId) -> String {
        let kind = self.kinds.get(connection).cloned();
        kind.unwrap_or_else(|| connection.to_string())
    }

    fn payment(&mut self, at: &Envelope, event: &payment::Event) {
        if let Some(outcome) = credit::ends_topup(event)
            && let Some(connection) = self.topups.remove(&at.stream)
        {
            credit::topup(self.provider(&connection), outcome);
        }
        match event {
            payment::Event::Requested(requested) => {
                self.asked.insert(&at.stream, &requested.connection);
                if let Promise::Credit { .. } = requested.promise {
                    self.topups.insert(&at.stream, &requested.connection);
                }
            }
            payment::Event::InstrumentCreated(created) => {
                self.asked.remove(&at.stream);
                let provider = self.provider(&created.connection);
                counter!("invoice_create_success_total", "provider" => provider).increment(1);
            }
            // A later version is what became of an invoice, or of an outcome that was counted.
            payment::Event::Failed(failed) if at.version == 2 => {
                // The class of the failure, where there is one, tells more than what it came to.
                let class = Class::ALL.into_iter().find(|class| class.as_str() == failed.detail);
                let reason = class.map_or_else(|| failed.reason.as_str(), |class| class.as_str());
                self.create_failed(&at.stream, reason);
            }
            payment::Event::Abandoned(_) if at.version == 2 => {
                self.create_failed(&at.stream, "abandoned");
            }
            payment::Event::OutcomeUnknown(lost) => self.create_failed(&at.stream, &lost.class),
            payment::Event::Settled(settled) => settled_after(at, settled),
            payment::Event::TransitionRefused(refused) => violated(refused),
            payment::Event::Failed(_)
            | payment::Event::Abandoned(_)
            | payment::Event::DetailNoted(_)
            | payment::Event::SettlementNamed(_)
            | payment::Event::Consumed(_)
            | payment::Event::Expired(_)
            | payment::Event::ReviewOpened(_)
            | payment::Event::ReviewResolved(_)
            | payment::Event::Refunded(_) => {}
        }
    }

    fn create_failed(&mut self, stream: &Stream, reason: &str) {
        let connection = self.asked.remove(stream);
        let provider = connection.map_or_else(|| "unknown".to_owned(), |id| self.provider(&id));
        let reason = known_reason(reason);
        counter!("invoice_create_failure_total", "provider" => provider, "reason" => reason)
            .increment(1);
    }

    fn receipt(&self, event: &receipt::Event) {
        match event {
            receipt::Event::Recorded(told) => {
                let provider = self.provider(&told.connection);
                let key = told.verification.key.clone();
                counter!("webhook_secret_used_total", "provider" => provider.clone(), "key" => key)
                    .increment(1);
                webhook(&provider, said(&told.says), "received");
                if told.led_to == LedTo::Applied {
                    webhook(&provider, said(&told.says), "success");
                }
            }
            // An unsigned word where none are signed is no failure: it made us ask.
            receipt::Event::Refused(refused) if refused.reason == receipt::HINT => {
                let provider = self.provider(&refused.connection);
                let status = receipt::HINT;
                counter!("webhook_events_total", "provider" => provider, "type" => "any", "status" => status)
                    .increment(refused.count.into());
            }
            receipt::Event::Refused(refused) => {
                let provider = self.provider(&refused.connection);
                // Told together, at most once a minute for each reason.
                let count = refused.count.into();
                let reason = refused.reason.clone();
                counter!("webhook_verify_fail_total", "provider" => provider, "reason" => reason)
                    .increment(count);
            }
            receipt::Event::Matched(_) => {}
        }
    }
}

/// Begins a provider's counters at zero.
fn zero(provider: &str) {
    let provider = provider.to_owned();
    counter!("invoice_create_success_total", "provider" => provider.clone()).increment(0);
    for class in Class::ALL {
        let labels = [("provider", provider.clone()), ("reason", class.as_str().to_owned())];
        counter!("invoice_create_failure_total", &labels).increment(0);
    }
    for refusal in [Refusal::Missing, Refusal::BadSignature, Refusal::Stale, Refusal::Malformed] {
        let labels = [("provider", provider.clone()), ("reason", refusal.as_str().to_owned())];
        counter!("webhook_verify_fail_total", &labels).increment(0);
    }
    for key in ["current", "previous"] {
        let labels = [("provider", provider.clone()), ("key", key.to_owned())];
        counter!("webhook_secret_used_total", &labels).increment(0);
    }
    credit::zero_topups(&provider);
}

/// Counts a webhook that became a fact, or was one already.
pub fn webhook(provider: &str, says: &'static str, status: &'static str) {
    let provider = provider.to_owned();
    counter!("webhook_events_total", "provider" => provider, "type" => says, "status" => status)
        .increment(1);
}

/// Words of the provider's own never become labels.
fn said(says: &Says) -> &'static str {
    match says {
        Says::Paid { .. } => "paid",
        Says::Expired { .. } => "expired",
        Says::Failed { .. } => "failed",
        Says::Pending { .. } => "pending",
        Says::NotFound {} => "not_found",
    }
}

fn known_reason(reason: &str) -> &'static str {
    let class = Class::ALL.into_iter().map(Class::as_str).find(|class| *class == reason);
    class.unwrap_or(match reason {
        "abandoned" => "abandoned",
        "refused" => "refused",
        "provider" => "provider",
        _ => "other",
    })
}

fn violated(refused: &TransitionRefused) {
    let TransitionRefused { from, to, truth, .. } = refused;
    let labels = [("from", from.as_str()), ("to", to.as_str()), ("source", truth.as_str())];
    counter!("payment_transition_violations_total", &labels).increment(1);
}

/// Only the edge from pending to paid: money that a review applied tells nothing about latency.
fn settled_after(at: &Envelope, settled: &Settled) {
    if !matches!(settled.funding, Funding::Received {}) {
        return;
    }
    let micros = at.recorded_at.micros_since(settled.challenged_at).max(0);
    let millis = u64::try_from(micros / 1_000).unwrap_or(0);
    counter!("challenge_to_paid_latency_ms_total").increment(millis);
    counter!("challenge_to_paid_latency_samples_total").increment(1);
    let lasted = std::time::Duration::from_millis(millis);
    histogram!("challenge_to_paid_latency_seconds").record(lasted);
}
