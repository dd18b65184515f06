//! Counting what happened to metered credit, and what became of top-ups.

use metrics::counter;
use piperoll_domain::{
    account::{Event, ShadowFinalized, ShadowReserved, Why},
    billing::Mode,
    money::Amount,
    payment,
};

const MODES: [Mode; 3] = [Mode::Shadow, Mode::Soft, Mode::Live];
/// How a charge compares with what was set aside.
const FINALIZED: [&str; 3] = ["exact", "under", "over"];
/// What a reservation comes to.
const ENDS: [&str; 3] = ["finalized", "released", "expired"];
/// What a cache of balances would come to. There is none: what a runbook names stands at zero.
const CACHED: [&str; 2] = ["hit", "miss"];
/// What a top-up comes to.
const TOPUPS: [&str; 3] = ["succeeded", "failed", "expired"];

/// Counts what happened to an account.
pub(super) fn account(event: &Event) {
    match event {
        Event::Finalized(said) => {
            finalized(said.mode, said.reserved.amount, said.cost.amount);
        }
        Event::ShadowFinalized(ShadowFinalized { reserved, cost, .. }) => {
            finalized(Mode::Shadow, reserved.amount, cost.amount);
        }
        Event::ShadowReserved(ShadowReserved { missing, .. }) => {
            counter!("billing_shadow_reservations_total").increment(1);
            let refused = u64::from(!missing.is_zero());
            counter!("billing_would_have_402_total").increment(refused);
        }
        Event::Released(released) => released_for(released.mode, released.why),
        Event::ShadowReleased(released) => released_for(Mode::Shadow, released.why),
        Event::Opened(_)
        | Event::LotMinted(_)
        | Event::LotReceived(_)
        | Event::Spent(_)
        | Event::LotExpired(_)
        | Event::Reserved(_)
        | Event::DebtRepaid(_)
        | Event::ClawedBack(_)
        | Event::LotVoided(_)
        | Event::TransferredOut(_) => {}
    }
}

fn finalized(mode: Mode, reserved: Amount, cost: Amount) {
    let [exact, under, over] = FINALIZED;
    let outcome = match cost.cmp(&reserved) {
        std::cmp::Ordering::Equal => exact,
        std::cmp::Ordering::Less => under,
        std::cmp::Ordering::Greater => over,
    };
    let labels = [("mode", mode.as_str()), ("outcome", outcome)];
    counter!("billing_finalize_total", &labels).increment(1);
    ended(mode, ENDS[0]);
}

fn released_for(mode: Mode, why: Why) {
    let [_, released, expired] = ENDS;
    ended(
        mode,
        match why {
            Why::Released => released,
            Why::Expired => expired,
        },
    );
}

fn ended(mode: Mode, outcome: &'static str) {
    let labels = [("mode", mode.as_str()), ("outcome", outcome)];
    counter!("reservations_total", &labels).increment(1);
}

/// What a payment for credit comes to by an event, if it ends by it.
pub(super) const fn ends_topup(event: &payment::Event) -> Option<&'static str> {
    let [succeeded, failed, expired] = TOPUPS;
    match event {
        payment::Event::Consumed(_) => Some(succeeded),
        payment::Event::Failed(_) | payment::Event::Abandoned(_) => Some(failed),
        payment::Event::Expired(_) => Some(expired),
        payment::Event::Requested(_)
        | payment::Event::InstrumentCreated(_)
        | payment::Event::OutcomeUnknown(_)
        | payment::Event::DetailNoted(_)
        | payment::Event::Settled(_)
        | payment::Event::SettlementNamed(_)
        | payment::Event::ReviewOpened(_)
        | payment::Event::ReviewResolved(_)
        | payment::Event::TransitionRefused(_)
        | payment::Event::Refunded(_) => None,
    }
}

/// Counts what a top-up came to.
pub(super) fn topup(provider: String, outcome: &'static str) {
    counter!("topup_total", "provider" => provider, "outcome" => outcome).increment(1);
}

/// Begins a provider's top-ups at zero.
pub(super) fn zero_topups(provider: &str) {
    for outcome in TOPUPS {
        counter!("topup_total", "provider" => provider.to_owned(), "outcome" => outcome)
            .increment(0);
    }
}

/// Begins the rest at zero.
pub(in crate::telemetry) fn zero() {
    for result in CACHED {
        counter!("balance_cache_requests_total", "result" => result).increment(0);
    }
    for mode in MODES.map(Mode::as_str) {
        for outcome in FINALIZED {
            let labels = [("mode", mode), ("outcome", outcome)];
            counter!("billing_finalize_total", &labels).increment(0);
        }
        for outcome in ENDS {
            counter!("reservations_total", &[("mode", mode), ("outcome", outcome)]).increment(0);
        }
    }
}
