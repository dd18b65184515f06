//! An operator, and everything that happens to a house without anybody's asking.

use std::sync::Arc;

use piperoll::{
    engine::{self, Clock},
    providers::sandbox::{CreateFault, Faults, WebhookFaults},
    service::{Principal, Service},
};
use piperoll_domain::{
    billing::{Billing, Mode},
    book::{Slot, State},
    bytes::Bytes,
    duty::Kind,
    id::{AccountId, Kind as StreamKind, LotId, PaymentId, Stream},
    money::Amount,
    operation::{
        ChangeBilling, ClawBack, CorrectClock, Operation, PublishOffer, RefundPayment,
        ResolveReview, RevokeKey, WaiveDuty,
    },
    payment::ReviewAction,
};
use reqwest::header::HeaderMap;
use tokio::time::sleep;

use super::{
    dice::Dice,
    furniture::{issue, offers, terms},
    house::{House, msat, tenant},
    world::World,
};

/// Whoever looks after a house, and its fate.
pub(super) struct Operator {
    world: Arc<World>,
    service: Service,
    clock: Clock,
    dice: Dice,
    keys: u64,
}

impl Operator {
    pub(super) fn new(house: &House) -> Self {
        let lives = house.world.state().lives;
        Self {
            world: house.world.clone(),
            service: house.service.clone(),
            clock: house.clock.clone(),
            dice: house.world.dice.of(4_000 + lives),
            keys: lives * 1_000,
        }
    }

    pub(super) async fn run(mut self) {
        while !self.world.is_over() {
            sleep(self.dice.millis(self.world.plan.think * 2)).await;
            if self.dice.happens(self.world.plan.node.moods) {
                self.change_the_nodes_mood();
            }
            if self.dice.happens(self.world.plan.clock) {
                self.set_the_clock();
            }
            if self.dice.happens(60) {
                let mut state = self.world.state();
                state.older = state.index.copy();
            }
            match self.dice.below(36) {
                0 | 1 => self.sweep().await,
                2 | 3 => self.review().await,
                4 | 5 => self.mind_the_clock().await,
                6 => self.rotate().await,
                7 => self.publish().await,
                8 => self.waive().await,
                13 => self.be_a_stranger().await,
                9..=12 => self.compare().await,
                30..=32 => self.bill().await,
                33 => self.claw_back().await,
                34 => self.refund().await,
                _ => {}
            }
        }
    }

    fn change_the_nodes_mood(&mut self) {
        let plan = self.world.plan.node.clone();
        let dice = &mut self.dice;
        let create = match dice.below(3) {
            _ if !dice.happens(plan.create) => CreateFault::None,
            0 => CreateFault::Unreachable,
            1 => CreateFault::Refused,
            _ => CreateFault::AnswerLost,
        };
        let webhook = WebhookFaults {
            lost: dice.happens(plan.lost),
            doubled: dice.happens(plan.doubled),
            forged: dice.happens(plan.forged),
            reordered: dice.happens(plan.reordered),
            late: dice.happens(plan.late).then(|| dice.millis(90_000)),
        };
        let faults = Faults {
            create,
            webhook,
            status_unreachable: dice.happens(plan.silent),
            status_lies_for: dice.happens(plan.lies).then(|| dice.millis(120_000)),
            accepts_late: dice.happens(500),
            accepts_double: dice.happens(500),
            slow: (plan.slow > 0).then(|| dice.millis(plan.slow)),
        };
        self.world.node.set_faults(faults);
        self.world.step(format!("the node's mood: {faults:?}"));
    }

    /// A step back that nobody notices, one that stops writes, a jump that time rests after.
    fn set_the_clock(&mut self) {
        let seconds = match self.dice.below(8) {
            0..3 => -self.seconds(4),
            3 | 4 => self.seconds(120),
            5 | 6 => -self.seconds(180),
            _ => 660 + self.seconds(7_200),
        };
        self.clock.advance(seconds * 1_000_000, 0);
        self.world.step(format!("the clock moves by {seconds} s"));
    }

    fn seconds(&mut self, below: u64) -> i64 {
        i64::try_from(self.dice.below(below)).unwrap()
    }

    async fn put(&mut self, doing: &str, wish: impl Into<Operation>) {
        match self.service.execute(&Principal::Cli, wish, None).await {
            Ok(done) => self.world.told(doing, &done),
            Err(error) => self.world.step(format!("{doing}: {error}")),
        }
    }

    async fn sweep(&self) {
        let run = self.service.reconcile().await.map_err(|error| error.to_string());
        self.world
            .step(format!("a sweep: {:?}", run.map(|run| (run.checked, run.paid, run.errors))));
    }

    async fn review(&mut self) {
        let open = open_reviews(&self.world);
        let Some((stream, review)) = self.dice.pick(&open).cloned() else { return };
        let actions = [ReviewAction::Apply, ReviewAction::Refund, ReviewAction::Dismiss];
        let action = *self.dice.pick(&actions).unwrap();
        let (tenant, payment) = (stream.tenant.clone(), PaymentId::from(&stream.id));
        let reference = (action == ReviewAction::Refund).then(|| "refund-1".to_owned());
        let reason = "looked at it".to_owned();
        let wish = ResolveReview { tenant, payment, review, action, reference, reason };
        self.put(&format!("{action:?} review {review} of {stream}"), wish).await;
    }

    /// Accepts a clock that is in doubt, corrects one that is behind the roll.
    pub(super) async fn mind_the_clock(&mut self) {
        let (was, now) = (self.world.state().ledger.last_time(), self.clock.now());
        if was.micros_since(now) > 5_000_000 {
            let reason = "it was ahead".to_owned();
            self.put("the clock is corrected", CorrectClock { was, now, reason }).await;
        } else if self.clock.doubt().is_some() {
            self.clock.accept();
            self.world.step("the clock is accepted");
        }
    }

    /// A key that was revoked opens nothing from the next call on.
    async fn rotate(&mut self) {
        self.keys += 1;
        let key = format!("k{}", self.keys);
        self.put("a key is issued", issue("acme", &key)).await;
        let (name, reason) = (key.parse().unwrap(), "it is old".to_owned());
        let wish = RevokeKey { tenant: tenant("acme"), key: name, reason };
        let done = self.service.execute(&Principal::Cli, wish, None).await;
        let opens = self.service.authenticate(&format!("{key}-of-acme")).is_some();
        self.world.step(format!("{key} is revoked: {}", done.is_ok()));
        self.world.must(done.is_err() || !opens, "a revoked key opens nothing", || key);
    }

    async fn publish(&mut self) {
        let offers = offers();
        let (offer, path, gives) = self.dice.pick(&offers).cloned().unwrap();
        let terms = terms(path, gives, 1_000 * (4 + self.dice.below(3)));
        let (tenant, offer) = (tenant("acme"), offer.parse().unwrap());
        self.put("an offer changes", PublishOffer { tenant, offer, terms }).await;
    }

    /// Another mode, with reservations in flight.
    async fn bill(&mut self) {
        let mode = *self.dice.pick(&[Mode::Shadow, Mode::Soft, Mode::Live]).unwrap();
        let name = *self.dice.pick(&["acme", "other"]).unwrap();
        let enabled = !self.dice.happens(100);
        let billing = Billing { mode, enabled, share_gifts: true, ..Billing::default() };
        let (tenant, reason) = (tenant(name), "to see what happens".to_owned());
        let doing = format!("{name} bills in {mode:?}, {enabled}");
        self.put(&doing, ChangeBilling { tenant, billing, over: None, reason }).await;
    }

    async fn claw_back(&mut self) {
        let lots = self.lots();
        let Some((stream, lot)) = self.dice.pick(&lots).cloned() else { return };
        let (tenant, account) = (stream.tenant.clone(), AccountId::from(&stream.id));
        let (amount, refund) = (Amount::new(1 + self.dice.below(2_000)), None);
        let (doing, reason) = (format!("{lot} is clawed back"), "it was a mistake".to_owned());
        self.put(
            &doing,
            ClawBack { tenant, account, lot, amount, commodity: None, refund, reason },
        )
        .await;
    }

    fn lots(&self) -> Vec<(Stream, LotId)> {
        let state = self.world.state();
        let lots = state.ledger.book.streams.iter().flat_map(|(stream, slot)| match &slot.state {
            State::Account(account) => {
                account.lots().map(|lot| (stream.clone(), lot.place.lot.clone())).collect()
            }
            _ => vec![],
        });
        lots.collect()
    }

    /// Money goes back, a part of it at a time; more than was paid never does.
    async fn refund(&mut self) {
        let payments: Vec<Stream> = {
            let state = self.world.state();
            let streams = state.ledger.book.streams.keys();
            streams.filter(|stream| stream.kind == StreamKind::Payment).cloned().collect()
        };
        let Some(stream) = self.dice.pick(&payments).cloned() else { return };
        let (tenant, payment) = (stream.tenant.clone(), PaymentId::from(&stream.id));
        self.keys += 1;
        let refund = format!("refund-{}", self.keys).parse().unwrap();
        let amount = msat(1_000 * (1 + self.dice.below(8)));
        let (reference, reason) = (None, "the buyer was unhappy".to_owned());
        let wish = RefundPayment { tenant, payment, refund, amount, reference, reason };
        self.put(&format!("a refund of {stream}"), wish).await;
    }

    /// Receipts that nobody can place are let go now and then.
    async fn waive(&mut self) {
        let open: Vec<_> = self.world.state().ledger.book.duties.keys().cloned().collect();
        let parked: Vec<_> = open.into_iter().filter(|name| name.kind == Kind::Match).collect();
        let Some(name) = self.dice.pick(&parked).cloned() else { return };
        let reason = "nobody knows it".to_owned();
        self.put("a duty is waived", WaiveDuty { name, reason }).await;
    }

    /// Anybody can send anything; without the secret it settles nothing.
    async fn be_a_stranger(&mut self) {
        let hashes: Vec<_> = self.world.state().ledger.hashes().collect();
        let hash = self.dice.pick(&hashes).copied().unwrap_or(Bytes::ZERO);
        let body = format!(
            r#"{{"eventId":"evt_{}","paymentHash":"{hash}","status":"paid","receivedMsat":99000}}"#,
            self.dice.below(9)
        );
        let mut headers = HeaderMap::new();
        if self.dice.happens(500) {
            let signature = hex::encode(self.dice.bytes());
            headers.insert("x-wordclaw-payment-signature", signature.parse().unwrap());
        }
        let connection = "default".parse().unwrap();
        let answer = self.service.receive(&connection, None, &headers, body.as_bytes()).await;
        let taken = answer.as_ref().is_ok_and(|answer| answer.refused.is_none());
        self.world.step(format!("a stranger's webhook is taken: {taken}"));
        self.world
            .must(!taken, "a webhook without the secret is refused", || format!("{answer:?}"));
    }

    /// What the engine has of a stream is what the roll adds up to.
    async fn compare(&mut self) {
        let streams: Vec<Stream> = self.world.state().ledger.book.streams.keys().cloned().collect();
        let Some(stream) = self.dice.pick(&streams).cloned() else { return };
        let found = self.service.engine().look(&stream).await;
        self.world.step(format!("a look at {stream}"));
        compare(&self.world, &stream, found);
    }
}

/// The engine may be a moment behind a store that has not answered yet, and no other way apart.
pub(super) fn compare(world: &World, stream: &Stream, found: Result<Option<Slot>, engine::Error>) {
    let Ok(Some(slot)) = found else { return };
    let known = world.state().ledger.book.streams.get(stream).cloned();
    let same = known.as_ref().is_some_and(|known| known.last != slot.last || *known == slot);
    world.must(same, "the engine's state is the fold of the roll", || {
        format!("{stream}: {slot:?} and not {known:?}")
    });
}

/// Every review that waits for somebody.
pub(super) fn open_reviews(world: &World) -> Vec<(Stream, u32)> {
    let state = world.state();
    let payments =
        state.ledger.book.streams.iter().filter(|(stream, _)| stream.kind == StreamKind::Payment);
    let open = payments.flat_map(|(stream, slot)| match &slot.state {
        State::Payment(payment) => {
            let open = payment.reviews.iter().filter(|review| review.resolved.is_none());
            open.map(|review| (stream.clone(), review.opened.number)).collect()
        }
        _ => vec![],
    });
    open.collect()
}
