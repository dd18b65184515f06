//! Counting what happened to metered credit, and what became of top-ups.

use std::cmp::Ordering;

use metrics::{Counter, counter};
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

/// Counters of metered credit, each looked up once: its facts are counted by the thread that all
/// commands wait for.
pub(super) struct Counters {
    charges: ByMode,
    ends: ByMode,
    in_shadow: Counter,
    would_have_402: Counter,
}

/// For each mode, one for each outcome.
type ByMode = [[Counter; 3]; 3];

impl Counters {
    /// All of them, wherever they stand.
    pub(super) fn look_up() -> Self {
        Self {
            charges: by_mode("billing_finalize_total", FINALIZED),
            ends: by_mode("reservations_total", ENDS),
            in_shadow: counter!("billing_shadow_reservations_total"),
            would_have_402: counter!("billing_would_have_402_total"),
        }
    }

    /// Counts what happened to an account.
    pub(super) fn count(&self, event: &Event) {
        match event {
            Event::Finalized(said) => {
                self.finalized(said.mode, said.reserved.amount, said.cost.amount);
            }
            Event::ShadowFinalized(ShadowFinalized { reserved, cost, .. }) => {
                self.finalized(Mode::Shadow, reserved.amount, cost.amount);
            }
            Event::ShadowReserved(ShadowReserved { missing, .. }) => {
                self.in_shadow.increment(1);
                self.would_have_402.increment(u64::from(!missing.is_zero()));
            }
            Event::Released(released) => self.released(released.mode, released.why),
            Event::ShadowReleased(released) => self.released(Mode::Shadow, released.why),
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

    fn finalized(&self, mode: Mode, reserved: Amount, cost: Amount) {
        let [exact, under, over] = of(mode, &self.charges);
        let charge = match cost.cmp(&reserved) {
            Ordering::Equal => exact,
            Ordering::Less => under,
            Ordering::Greater => over,
        };
        charge.increment(1);
        let [finalized, ..] = of(mode, &self.ends);
        finalized.increment(1);
    }

    fn released(&self, mode: Mode, why: Why) {
        let [_, released, expired] = of(mode, &self.ends);
        let end = match why {
            Why::Released => released,
            Why::Expired => expired,
        };
        end.increment(1);
    }
}

/// In the order of [`MODES`].
const fn of(mode: Mode, [shadow, soft, live]: &ByMode) -> &[Counter; 3] {
    match mode {
        Mode::Shadow => shadow,
        Mode::Soft => soft,
        Mode::Live => live,
    }
}

/// Counters of one name, which stand at zero from now on.
fn by_mode(name: &'static str, outcomes: [&'static str; 3]) -> ByMode {
    MODES.map(|mode| {
        outcomes.map(|outcome| {
            let one = counter!(name, "mode" => mode.as_str(), "outcome" => outcome);
            one.increment(0);
            one
        })
    })
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
    drop(Counters::look_up());
}
