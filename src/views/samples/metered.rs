//! Work that is set aside and charged, in any of the modes.

use piperoll_domain::{
    account::{Charge, Hold},
    billing::{Billing, InForce, Mode, Terms},
    book::State,
    event::Event,
    id::{Pool, ReservationId, Stream},
    rejection::Rejection,
    time::{Moment, Time},
};

use super::{World, name, usd};

/// A reservation that is open, as far as we know.
pub(super) type Open = (Stream, ReservationId, Mode);

const MODES: [Mode; 3] = [Mode::Shadow, Mode::Soft, Mode::Live];

fn terms(mode: Mode, moment: Moment) -> Terms {
    let billing = Billing { mode, ..Billing::default() };
    InForce { billing, ..InForce::default() }.terms(&Pool::general(), moment)
}

impl World {
    fn moment(&self) -> Moment {
        Moment::at(Time::from_micros(self.clock))
    }

    /// Sets credit aside, if the account is there and the rules allow it.
    pub(in crate::views) fn reserve(&mut self, account: &Stream, units: u64) {
        let mode = MODES[usize::try_from(units % 3).unwrap()];
        let reservation: ReservationId = name(&format!("work-{}", self.records.len()));
        let moment = self.moment();
        let hold = Hold {
            reservation: reservation.clone(),
            estimate: None,
            wanted: usd(units % 50 + 1),
            pool: Pool::general(),
            expires_at: Time::from_micros(self.clock + 400),
            reference: units.is_multiple_of(2).then(|| "a job".to_owned()),
        };
        let Some(State::Account(state)) = self.book.streams.get(account).map(|slot| &slot.state)
        else {
            return;
        };
        let facts = state.reserve(hold, &terms(mode, moment), moment);
        if self.say_all(account, facts) {
            self.open.push((account.clone(), reservation, mode));
        }
    }

    /// Ends one that is open: charges it, releases it, or lets it lapse.
    pub(in crate::views) fn end(&mut self, which: usize, units: u64) {
        if self.open.is_empty() {
            return;
        }
        let (account, reservation, mode) = self.open.swap_remove(which % self.open.len());
        let moment = self.moment();
        let Some(State::Account(state)) = self.book.streams.get(&account).map(|slot| &slot.state)
        else {
            return;
        };
        let facts = if units.is_multiple_of(4) {
            state.release(&reservation, moment)
        } else {
            let charge = Charge { reservation: reservation.clone(), cost: usd(units % 60) };
            state.finalize(&charge, &terms(mode, moment), moment)
        };
        let late = facts.is_err().then(|| state.release(&reservation, moment));
        self.say_all(&account, late.unwrap_or(facts));
    }

    fn say_all(&mut self, account: &Stream, facts: Result<Vec<Event>, Rejection>) -> bool {
        let facts = facts.unwrap_or_default();
        let any = !facts.is_empty();
        for fact in facts {
            self.say(account, fact);
        }
        any
    }
}
