//! Every metric's name, sort and meaning: the one list.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};

/// What sort of metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Only grows, until the process ends.
    Counter,
    /// Stands.
    Gauge,
    /// Falls into buckets.
    Histogram,
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// Its name.
    pub name: &'static str,
    /// Its sort.
    pub sort: Sort,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

macro_rules! names {
    ($($sort:ident $name:ident [$($label:literal),*] $help:literal;)+) => {
        /// Every metric.
        pub const NAMES: &[Name] = &[$(Name {
            name: stringify!($name),
            sort: Sort::$sort,
            labels: &[$($label),*],
            help: $help,
        }),+];
    };
}

names! {
    Counter invoice_create_success_total ["provider"] "Invoices that providers made.";
    Counter invoice_create_failure_total ["provider", "reason"] "Invoices that were asked for and not made, or not known to be made.";
    Counter challenge_to_paid_latency_ms_total [] "Milliseconds from a challenge to its settlement, summed up.";
    Counter challenge_to_paid_latency_samples_total [] "Settlements in challenge_to_paid_latency_ms_total.";
    Histogram challenge_to_paid_latency_seconds [] "Seconds from a challenge to its settlement.";
    Counter webhook_verify_fail_total ["provider", "reason"] "Webhooks whose sender was not proved.";
    Counter webhook_events_total ["provider", "type", "status"] "Webhooks, by what became of them.";
    Counter webhook_secret_used_total ["provider", "key"] "Webhooks, by the secret that verified them.";
    Counter jwt_secret_used_total ["audience", "key"] "Tokens of services and administrators, by the secret that they were signed with.";
    Counter jwt_refused_total ["audience", "reason"] "Tokens of services and administrators that were not believed.";
    Counter billing_finalize_conflicts_total [] "Reservations that a service finalized again at another cost: it drops one of the two.";
    Counter reconciliation_corrections_total [] "Payments that a sweep moved, because no webhook had.";
    Counter reconciliation_fail_total [] "Questions to providers that failed in sweeps.";
    Gauge reconciliation_consecutive_failures [] "Sweeps in a row, up to the latest, with a question that failed.";
    Gauge pending_over_15m_count [] "Payments that have been pending for more than 15 minutes.";
    Gauge campaign_budget_spent_ratio ["tenant", "campaign"] "How much of a campaign's budget is given, from 0 to 1; not a number once it has ended.";
    Counter payment_transition_violations_total ["from", "to", "source"] "Moves that a verified source wanted and the rules refused.";
    Counter topup_total ["provider", "outcome"] "Payments for credit that ended, by what they came to.";
    Counter billing_finalize_total ["mode", "outcome"] "Charges of reservations: exact, under or over what was set aside.";
    Counter reservations_total ["mode", "outcome"] "Reservations that ended: finalized, released or expired.";
    Counter billing_shadow_reservations_total [] "Reservations that shadow mode recorded.";
    Counter billing_would_have_402_total [] "Reservations in shadow that live mode would have refused with a 402.";
    Counter balance_cache_requests_total ["result"] "Balances asked of a cache, and whether it had them; there is none, so nothing counts.";
    Gauge lot_invariant_violations [] "Lots whose parts do not add up to what was minted.";
    Gauge accounts_total [] "Accounts that the ledger was last compared for.";
    Gauge reconciliation_drift_accounts [] "Accounts whose lots do not add up to what they hold.";
    Gauge reconciliation_drift_amount ["commodity"] "How far lots and balances are apart, summed up over accounts.";
    Counter provider_requests_total ["provider", "op", "outcome"] "Requests to providers.";
    Gauge piperoll_provider_circuit_open ["connection"] "Whether a provider failed so often that it is asked for no new invoices.";
    Counter http_requests_total ["method", "path", "status"] "Requests answered, by route template.";
    Counter batch_items_total ["status"] "Items of batches, by what each would have been answered with alone.";
    Histogram http_request_duration_seconds ["method", "path"] "Seconds until a request was answered, by route template.";
    Counter rate_limited_total ["scope"] "Requests turned away because there were too many.";
    Histogram piperoll_engine_queue_wait_seconds [] "Seconds that the command of a group which waited longest waited for the writer.";
    Histogram piperoll_engine_decide_seconds [] "Seconds to decide a group.";
    Histogram piperoll_engine_append_seconds [] "Seconds to append a group.";
    Histogram piperoll_engine_group_commands [] "Commands in a group.";
    Gauge piperoll_view_lag_events [] "Events that views are behind the roll.";
    Gauge piperoll_duties_open ["kind"] "Duties that are open.";
    Gauge piperoll_duty_oldest_age_seconds ["kind"] "Seconds since the oldest open duty was due.";
    Gauge billing_dlq_depth ["status"] "Dead letters, by status.";
    Gauge piperoll_accounts_frozen [] "Accounts whose history breaks an invariant, until that is acknowledged.";
    Gauge workers_paused ["worker"] "Whether an operator paused a worker.";
    Gauge piperoll_roll_head_position [] "The roll's last position.";
    Gauge piperoll_roll_writable [] "Whether writes are taken.";
    Gauge piperoll_clock_in_doubt [] "Whether time rests because the clock is in doubt.";
}

/// Tells the recorder what every name means.
pub(super) fn describe() {
    for Name { name, sort, help, .. } in NAMES {
        let unit = if name.ends_with("_seconds") { Unit::Seconds } else { Unit::Count };
        match sort {
            Sort::Counter => describe_counter!(*name, unit, *help),
            Sort::Gauge => describe_gauge!(*name, unit, *help),
            Sort::Histogram => describe_histogram!(*name, unit, *help),
        }
    }
}

/// Begins every counter without labels at zero, and those whose labels are known beforehand, so
/// that the first count is seen as a rise.
pub(super) fn zero() {
    for Name { name, sort, labels, .. } in NAMES {
        if *sort == Sort::Counter && labels.is_empty() {
            counter!(*name).increment(0);
        }
    }
    for scope in ["invoices", "finalizes", "credentials"] {
        counter!("rate_limited_total", "scope" => scope).increment(0);
    }
    for audience in ["internal", "admin"] {
        for key in ["current", "previous"] {
            counter!("jwt_secret_used_total", &[("audience", audience), ("key", key)]).increment(0);
        }
        let labels = [("audience", audience), ("reason", "signature")];
        counter!("jwt_refused_total", &labels).increment(0);
    }
    super::facts::zero_credit();
}
