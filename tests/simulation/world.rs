//! What outlives the house's process: the roll, what is left of the index, the keys, the provider,
//! and what people remember.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use piperoll::{
    engine::{Done, IndexMemory},
    entropy::Entropy,
    keyring::KeyMemory,
    providers::{
        self,
        sandbox::{Delivery, Sandbox},
    },
    roll::{Head, Identity, MemoryRoll},
};
use piperoll_domain::{bytes::Bytes, time::Time};

use super::{
    buyer::Buyer,
    dice::Dice,
    ledger::{Broken, Ledger, must},
    plan::Plan,
    trace::Trace,
    wallet::Wallet,
};

pub(super) const START: Time = Time::from_seconds(1_750_000_000);
pub(super) const HOOK: &str = "the-webhook-secret";

/// One seed's world.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) dice: Dice,
    pub(super) identity: Identity,
    pub(super) keys: KeyMemory,
    pub(super) entropy: Entropy,
    pub(super) node: Sandbox,
    state: Mutex<State>,
}

/// What changes in it.
pub(super) struct State {
    pub(super) roll: MemoryRoll,
    pub(super) index: IndexMemory,
    /// The index as it was some time ago: what a power cut may leave.
    pub(super) older: IndexMemory,
    pub(super) trace: Trace,
    pub(super) ledger: Ledger,
    pub(super) wallet: Wallet,
    pub(super) buyers: Vec<Buyer>,
    pub(super) mail: Vec<Letter>,
    /// What tokens are sold under, the one in force first.
    pub(super) tokens: Vec<String>,
    /// What the wall says when a life begins, and how long the machine has been up.
    pub(super) wall: i64,
    pub(super) boot: i64,
    /// How many lives there were.
    pub(super) lives: u64,
    pub(super) broken: Option<Broken>,
}

/// A webhook on its way.
#[derive(Clone)]
pub(super) struct Letter {
    pub(super) number: u64,
    pub(super) due: i64,
    pub(super) tries: u32,
    pub(super) delivery: Delivery,
}

impl World {
    pub(super) fn new(seed: u64, change: impl FnOnce(&mut Plan)) -> Arc<Self> {
        let dice = Dice::new(seed);
        let mut plan = Plan::of(&mut dice.of(1));
        change(&mut plan);
        let mut own = dice.of(2);
        let id = Bytes(own.bytes()[..16].try_into().unwrap());
        let identity = Identity { id, name: "main".to_owned(), created: START };
        let secret = providers::Secret::try_new(HOOK).unwrap();
        let secrets = providers::Secrets { current: Some(secret), previous: vec![] };
        let index = IndexMemory::default().slow(plan.index_pace);
        let state = State {
            roll: MemoryRoll::new(identity.clone()),
            older: index.copy(),
            index,
            trace: Trace::default(),
            ledger: Ledger::new(&identity),
            wallet: Wallet::default(),
            buyers: (0..plan.buyers).map(|number| Buyer::new(number, &dice)).collect(),
            mail: vec![],
            tokens: vec!["what-tokens-are-sold-under-0123456789".to_owned()],
            wall: START.micros(),
            boot: 0,
            lives: 0,
            broken: None,
        };
        Arc::new(Self {
            keys: KeyMemory::default(),
            entropy: Entropy::seeded(own.bytes()),
            node: Sandbox::open(&own.bytes(), secrets, None).unwrap(),
            plan,
            dice,
            identity,
            state: Mutex::new(state),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened; whatever it did to the roll is checked before anything else happens.
    pub(super) fn step(&self, what: impl std::fmt::Display) {
        let mut state = self.state();
        let State { ledger, roll, wallet, .. } = &mut *state;
        let outcome = ledger.observe(roll, wallet);
        let head = ledger.head;
        state.trace.note(format!("{head} {what}"));
        state.note(outcome);
    }

    pub(super) fn must(
        &self,
        holds: bool,
        invariant: &'static str,
        found: impl FnOnce() -> String,
    ) {
        let outcome = must(holds, invariant, found);
        self.state().note(outcome);
    }

    pub(super) fn is_over(&self) -> bool {
        let state = self.state();
        state.broken.is_some() || state.trace.steps >= self.plan.steps
    }

    /// Somebody was told that this is in the roll.
    pub(super) fn told(&self, what: impl std::fmt::Display, done: &Done) {
        let at = done.events.first().map(|first| first.envelope.position);
        self.step(format!(
            "{what}: {} facts at {at:?}, replayed {}",
            done.events.len(),
            done.replayed
        ));
        let state = self.state();
        let missing = done.events.iter().find(|event| !state.ledger.holds(event)).cloned();
        drop(state);
        self.must(missing.is_none(), ACKNOWLEDGED, || format!("{missing:?}"));
        self.told_head(done.head);
    }

    /// Somebody was told that the roll has been there.
    pub(super) fn told_head(&self, head: Head) {
        let mut state = self.state();
        let State { ledger, roll, wallet, .. } = &mut *state;
        let outcome = ledger.observe(roll, wallet);
        let has_been = ledger.has_been(head);
        state.note(outcome);
        drop(state);
        self.must(has_been, ACKNOWLEDGED, || format!("nothing is at {head}"));
    }
}

const ACKNOWLEDGED: &str = "what was acknowledged stands in the roll";

impl State {
    pub(super) fn note(&mut self, outcome: Result<(), Broken>) {
        if let Err(broken) = outcome {
            // The first one tells most.
            self.broken.get_or_insert(broken);
        }
    }
}
