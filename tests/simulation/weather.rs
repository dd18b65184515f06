//! The roll's weather: what a store may do to a call, and where a process may die.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use piperoll::roll::{Call, Fault, Turn};
use tokio_util::sync::CancellationToken;

use super::{dice::Dice, plan::Plan};

/// Longer than anybody lives.
const NEVER: Duration = Duration::from_hours(365 * 24);

/// What decides about the roll's calls in one life of the house.
#[derive(Clone)]
pub(super) struct Weather {
    /// Nothing goes wrong any more.
    pub(super) calm: Arc<AtomicBool>,
    /// Counts appends down; at zero the process dies in the middle of one.
    dies_in: Arc<AtomicI64>,
    pub(super) dead: CancellationToken,
}

impl Weather {
    pub(super) fn new(dies_in: i64) -> Self {
        let calm = Arc::new(AtomicBool::new(false));
        Self { calm, dies_in: Arc::new(AtomicI64::new(dies_in)), dead: CancellationToken::new() }
    }

    /// Decides about every call, from here on.
    pub(super) fn decide(&self, plan: &Plan, mut dice: Dice) -> impl FnMut(Call) -> Turn + use<> {
        let (weather, plan) = (self.clone(), plan.clone());
        move |call| {
            if weather.dead.is_cancelled() {
                return Turn { before: NEVER, ..Turn::default() };
            }
            if call == Call::Append && weather.dies_in.fetch_sub(1, Ordering::Relaxed) == 0 {
                weather.dead.cancel();
                // Whether the block is in the roll, the next life will see.
                return if dice.happens(500) {
                    Turn { before: NEVER, ..Turn::default() }
                } else {
                    Turn { after: NEVER, ..Turn::default() }
                };
            }
            if weather.calm.load(Ordering::Relaxed) {
                return Turn::default();
            }
            let (before, after) = (dice.millis(plan.roll.slow), dice.millis(plan.roll.slow));
            Turn { before, fault: fault(call, &plan, &mut dice), after }
        }
    }
}

fn fault(call: Call, plan: &Plan, dice: &mut Dice) -> Option<Fault> {
    let faults: &[(u64, Fault)] = match call {
        Call::Append => &[
            (plan.lies, Fault::Lie),
            (plan.roll.refused, Fault::RefuseAppend),
            (plan.roll.lost, Fault::LoseBlock),
            (plan.roll.unanswered, Fault::LoseAnswer),
        ],
        Call::Head => &[(plan.roll.head, Fault::FailHead)],
        Call::Read => &[(plan.roll.read, Fault::FailRead)],
    };
    let mut faults = faults.iter();
    faults.find(|(often, _)| dice.happens(*often)).map(|(_, fault)| *fault)
}
