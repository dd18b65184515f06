//! A buyer: tops up, pays, uses what was bought, and asks again whatever was left without an answer.

mod acts;
mod keyed;

use std::{collections::BTreeMap, sync::Arc};

use piperoll::service::{Checkout, Service};
use piperoll_domain::{
    bytes::{Hash, Id16},
    id::{EntitlementId, PaymentId, ReservationId},
};
use tokio::time::sleep;

use self::keyed::Wish;
use super::{dice::Dice, house::Uptime, world::World};

/// What one buyer remembers. It survives every crash of the house.
#[derive(Clone)]
pub(super) struct Buyer {
    pub(super) number: u64,
    dice: Dice,
    pub(super) tenant: &'static str,
    account: String,
    keys: u64,
    /// What was asked with a key and not answered yet.
    pub(super) open: BTreeMap<u64, Wish>,
    /// What was answered: asking again must say the same.
    answered: BTreeMap<u64, (Wish, Answer)>,
    invoices: Vec<Held>,
    bought: Vec<Bought>,
    uses: Vec<(EntitlementId, u32)>,
    reservations: Vec<ReservationId>,
    requests: u64,
}

/// What a keyed request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Payment(PaymentId),
    Facts(Vec<Id16>),
}

/// An invoice that can be paid.
#[derive(Clone)]
struct Held {
    payment: PaymentId,
    invoice: String,
    hash: Hash,
    msat: u64,
    token: Option<String>,
    path: String,
}

/// A token and the preimage that was paid for.
#[derive(Clone)]
struct Bought {
    held: Held,
    preimage: String,
}

impl Held {
    fn of(checkout: &Checkout, path: &str) -> Option<Self> {
        Some(Self {
            payment: checkout.payment.clone(),
            invoice: checkout.invoice.clone()?,
            hash: checkout.instrument.payment_hash?,
            msat: checkout.requested.price.amount.units(),
            token: checkout.token.clone(),
            path: path.to_owned(),
        })
    }
}

impl Buyer {
    pub(super) fn new(number: u64, dice: &Dice) -> Self {
        Self {
            number,
            dice: dice.of(100 + number),
            tenant: if number % 3 == 2 { "other" } else { "acme" },
            account: format!("account-{}", number / 2),
            keys: 0,
            open: BTreeMap::new(),
            answered: BTreeMap::new(),
            invoices: vec![],
            bought: vec![],
            uses: vec![],
            reservations: vec![],
            requests: 0,
        }
    }
}

/// A buyer at the counter of a running house.
#[derive(Clone)]
pub(super) struct Visit {
    pub(super) world: Arc<World>,
    pub(super) service: Service,
    pub(super) uptime: Uptime,
    pub(super) number: usize,
}

impl Visit {
    /// Does one thing after the other until there is nothing left to do.
    pub(super) async fn run(self) {
        loop {
            let pause = self.me(|me| me.dice.millis(self.world.plan.think));
            sleep(pause).await;
            if self.world.is_over() {
                return;
            }
            Box::pin(self.act()).await;
        }
    }

    /// A look at what the buyer remembers; nobody waits in it.
    fn me<T>(&self, look: impl FnOnce(&mut Buyer) -> T) -> T {
        look(&mut self.world.state().buyers[self.number])
    }

    fn roll(&self, below: u64) -> u64 {
        self.me(|me| me.dice.below(below))
    }

    async fn act(&self) {
        match self.roll(100) {
            0..17 => self.top_up().await,
            17..27 => self.ask_for_a_challenge().await,
            27..47 => self.pay().await,
            47..62 => Box::pin(self.use_it()).await,
            62..67 => self.spend().await,
            67..75 => self.reserve().await,
            75..82 => self.end_a_reservation().await,
            82..85 => self.release().await,
            85..88 => self.steal().await,
            88..92 => self.deposit().await,
            92..94 => self.look().await,
            _ => Box::pin(self.ask_again()).await,
        }
    }
}
