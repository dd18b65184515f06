//! Histories to try the views on: valid ones, random ones, long ones.

mod metered;

use std::{
    convert::Infallible,
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use piperoll_domain::{
    account::{self, LotMinted, Order, Source as LotSource, SourceKind},
    book::{Book, State},
    bytes::{Bytes, Hash},
    entitlement::{Granted, Released, Used},
    event::{Actor, ActorKind, Envelope, Event, Recorded},
    id::{AccountId, ConnectionId, Kind, LotId, PaymentId, Pool, ReceiptId, Stream, TenantId},
    money::{Amount, Code, Money},
    payment::{
        Consumed, Expired, Funding, Gave, InstrumentCreated, LedTo, PaymentRef, Promise, Protocol,
        Requested, ReviewAction, ReviewKind, ReviewOpened, ReviewResolved, Says, Settled, Truth,
    },
    receipt::{Lookup, Refused, Verification},
    roll::{ClockCorrected, Environment, Opened, ReconciliationFinished},
    time::{Moment, Time},
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{Batch, Mark, Source, follow::Events};

pub(super) fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

pub(super) fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

pub(super) fn usd(units: u64) -> Money {
    Money { commodity: Code::USD, amount: amount(units) }
}

/// A history in the making, with the book beside it so that what is said is valid.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) book: Book,
    pub(super) records: Vec<Recorded>,
    pub(super) clock: i64,
    open: Vec<metered::Open>,
}

impl World {
    pub(super) fn new() -> Self {
        let (book, records, open) = (Book::default(), vec![], vec![]);
        let mut world = Self { book, records, clock: 1_000_000, open };
        let opened = Opened {
            roll_id: Bytes([7; 16]),
            name: "main".to_owned(),
            format: 1,
            environment: Environment::Development,
            piperoll_version: "0.1.0".to_owned(),
        };
        world.say(&Stream::roll(), opened);
        world
    }

    pub(super) fn say(&mut self, stream: &Stream, event: impl Into<Event>) -> u64 {
        self.clock += 1;
        let slot = self.book.streams.get(stream);
        let position = u64::try_from(self.records.len()).unwrap() + 1;
        let envelope = Envelope {
            position,
            stream: stream.clone(),
            version: slot.map_or(0, |slot| slot.version) + 1,
            previous: slot.map_or(0, |slot| slot.last),
            id: Bytes([1; 16]),
            recorded_at: Time::from_micros(self.clock),
            effective_at: None,
            tenant: stream.tenant.clone(),
            tenant_version: position,
            actor: Actor { kind: ActorKind::Key, id: "k".into(), credential: None },
            correlation: Bytes([2; 16]),
            causation: None,
            idempotency: None,
        };
        let recorded = Recorded { envelope, event: event.into() };
        self.book.fold(&recorded);
        assert_eq!(self.book.frozen().next(), None, "{recorded:?}");
        self.records.push(recorded);
        position
    }

    pub(super) fn mint(&mut self, account: &Stream, units: u64, cost: Option<u64>) -> LotId {
        let lot = format!("lot-{}", self.records.len());
        let minted = LotMinted {
            lot: name(&lot),
            amount: usd(units),
            source: LotSource { kind: SourceKind::Deposit, id: lot.clone() },
            pool: Pool::general(),
            expires_at: units.is_multiple_of(3).then(|| Time::from_micros(self.clock + 500)),
            cost: cost.map(|cost| Money::msat(amount(cost))),
            offer: None,
            payment: None,
            reason: Some("a sample".to_owned()),
        };
        self.say(account, minted);
        name(&lot)
    }

    /// Spends if there is enough.
    pub(super) fn spend(&mut self, account: &Stream, units: u64) {
        let moment = Moment::at(Time::from_micros(self.clock));
        let Some(State::Account(state)) = self.book.streams.get(account).map(|slot| &slot.state)
        else {
            return;
        };
        let spent = state.spend(
            usd(units),
            &Pool::general(),
            Some("call".to_owned()),
            Order::default(),
            moment,
        );
        for fact in spent.unwrap_or_default() {
            self.say(account, fact);
        }
    }

    pub(super) fn take_payment(&mut self, tenant: &TenantId, number: usize, fate: u8) {
        let id: PaymentId = name(&format!("pay-{number}"));
        let stream = Stream::new(Kind::Payment, tenant, &id);
        let price = Money::msat(amount(1_000 + u64::from(fate)));
        let hash = Bytes(Sha256::digest(number.to_be_bytes()).into());
        self.say(&stream, requested(price, fate));
        if fate == 0 {
            return;
        }
        self.say(&stream, instrument(number, price, hash, self.clock));
        match fate {
            1 => {}
            2 => self.tell(&stream, Expired { word: "expired".to_owned() }),
            _ => self.settle(tenant, &stream, &id, price, fate),
        }
    }

    /// A payment that was paid and has given nothing yet.
    pub(super) fn paid(&mut self, tenant: &TenantId) -> Stream {
        let number = self.records.len();
        let id: PaymentId = name(&format!("pay-{number}"));
        let stream = Stream::new(Kind::Payment, tenant, &id);
        self.take_payment(tenant, number, 3);
        stream
    }

    fn settle(
        &mut self,
        tenant: &TenantId,
        stream: &Stream,
        id: &PaymentId,
        price: Money,
        fate: u8,
    ) {
        let receipt: ReceiptId = name(&format!("receipt-{}", self.records.len()));
        let at_roll = Stream::new(Kind::Receipt, &TenantId::roll(), &receipt);
        self.say(&at_roll, receipt_of(tenant, id, self.records.len()));
        self.say(stream, settled(price, &receipt, self.clock));
        if fate == 3 {
            self.say(stream, review(1, price, &receipt));
            return;
        }
        if fate == 4 {
            self.say(stream, review(1, price, &receipt));
            self.say(stream, resolved(1, price));
        }
        let entitlement = Stream::new(Kind::Entitlement, tenant, id);
        self.say(&entitlement, granted(id, price));
        let gave = Gave::Entitlement { id: name(id.as_str()) };
        self.say(stream, Consumed { gave, price });
        let earned = price.with(amount(price.amount.units() / 3));
        let used = Used { number: 1, same: Bytes([3; 32]), left: 2, earned };
        self.say(&entitlement, used);
        if fate == 5 {
            let reason = "given back".to_owned();
            self.say(&entitlement, Released { number: 1, reverses: 1, earned, left: 3, reason });
        }
    }

    pub(super) fn correct_clock(&mut self, back: i64) {
        let (was, now) = (Time::from_micros(self.clock), Time::from_micros(self.clock - back));
        self.clock -= back;
        let reason = "the clock ran ahead".to_owned();
        self.say(&Stream::roll(), ClockCorrected { was, now, reason });
    }

    fn act(&mut self, act: &Act, number: usize) {
        let tenant: TenantId = name(["acme", "zeta"][usize::from(act.who % 2)]);
        let account: AccountId = name(["a", "b", "c"][usize::from(act.who % 3)]);
        let account = Stream::new(Kind::Account, &tenant, &account);
        let half = act.units.is_multiple_of(2).then_some(act.units);
        match act.what {
            0 | 1 => drop(self.mint(&account, act.units + 1, half)),
            2..=5 => self.spend(&account, act.units % 40 + 1),
            6 => self.clock += i64::try_from(act.units).unwrap(),
            7 => self.tell(&account, account::Opened {}),
            8 => self.tell(&refusals(), refused(u32::try_from(act.units).unwrap(), self.clock)),
            9 => self.tell(&Stream::roll(), run(self.clock)),
            10 => self.correct_clock(i64::try_from(act.units).unwrap()),
            11..=13 => self.take_payment(&tenant, number, u8::try_from(act.units % 7).unwrap()),
            14 | 15 => self.reserve(&account, act.units),
            _ => self.end(number, act.units),
        }
    }

    fn tell(&mut self, stream: &Stream, event: impl Into<Event>) {
        self.say(stream, event);
    }
}

fn refusals() -> Stream {
    Stream::of_roll(Kind::Receipt, "refused:default")
}

fn refused(count: u32, clock: i64) -> Refused {
    let at = Time::from_micros(clock);
    let (connection, reason) = (ConnectionId::default_one(), "bad_signature".to_owned());
    Refused { connection, reason, count, first: at, last: at, sample: None }
}

fn run(clock: i64) -> ReconciliationFinished {
    let started_at = Time::from_micros(clock);
    ReconciliationFinished { started_at, checked: 9, paid: 3, expired: 2, failed: 1, errors: 0 }
}

fn requested(price: Money, fate: u8) -> Requested {
    Requested {
        promise: Promise::Nothing {},
        account: fate.is_multiple_of(2).then(|| name("a")),
        offer: None,
        price,
        connection: ConnectionId::default_one(),
        reference: Some(format!("order-{fate}")),
        metadata: None,
        expiry_seconds: 600,
    }
}

fn instrument(number: usize, price: Money, hash: Hash, clock: i64) -> InstrumentCreated {
    InstrumentCreated {
        number: 1,
        connection: ConnectionId::default_one(),
        protocol: Protocol::L402,
        network: "regtest".to_owned(),
        asset: "BTC".to_owned(),
        provider_id: format!("provider-{number}"),
        payment_hash: Some(hash),
        amount: price,
        expires_at: Time::from_micros(clock).plus_seconds(600),
        invoice: None,
        token: None,
        caveats: vec![],
        callback: None,
    }
}

fn receipt_of(
    tenant: &TenantId,
    payment: &PaymentId,
    number: usize,
) -> piperoll_domain::receipt::Recorded {
    piperoll_domain::receipt::Recorded {
        connection: ConnectionId::default_one(),
        network: "regtest".to_owned(),
        event_id: Some(format!("event-{number}")),
        digest: Bytes([9; 32]),
        body: None,
        verification: Verification { scheme: "hmac-sha256".to_owned(), key: "current".to_owned() },
        lookup: Lookup { provider_id: None, payment_hash: None },
        says: Says::Paid { received: None },
        settlement: None,
        fee: None,
        occurred_at: None,
        needs_confirmation: false,
        payment: Some(PaymentRef { tenant: tenant.clone(), id: payment.clone() }),
        led_to: LedTo::Applied,
    }
}

fn settled(price: Money, receipt: &ReceiptId, clock: i64) -> Settled {
    Settled {
        instrument: 1,
        requested: price,
        received: price,
        fee: Some(Money::msat(amount(1))),
        funding: Funding::Received {},
        truth: Truth::Webhook,
        connection: ConnectionId::default_one(),
        provider_id: "settlement".to_owned(),
        provider_time: None,
        receipt: Some(receipt.clone()),
        challenged_at: Time::from_micros(clock),
        rate: None,
    }
}

fn review(number: u32, price: Money, receipt: &ReceiptId) -> ReviewOpened {
    ReviewOpened {
        number,
        kind: ReviewKind::Double,
        money: Some(price),
        requested: price,
        instrument: 1,
        truth: Truth::Webhook,
        connection: ConnectionId::default_one(),
        provider_id: "again".to_owned(),
        provider_time: None,
        receipt: Some(receipt.clone()),
    }
}

fn resolved(number: u32, price: Money) -> ReviewResolved {
    ReviewResolved {
        number,
        opener: 1,
        action: ReviewAction::Refund,
        money: Some(price),
        connection: ConnectionId::default_one(),
        reference: Some("txid".to_owned()),
        reason: "paid twice".to_owned(),
    }
}

fn granted(payment: &PaymentId, price: Money) -> Granted {
    Granted {
        payment: payment.clone(),
        offer: None,
        service: name("api"),
        token: Some(Bytes([4; 32])),
        methods: vec!["GET".to_owned(), "POST".to_owned()],
        path: "/v1/*".to_owned(),
        uses: Some(3),
        until: None,
        price,
    }
}

#[derive(Debug, Clone)]
struct Act {
    what: u8,
    who: u8,
    units: u64,
}

/// A random valid history.
pub(super) fn any_history(acts: usize) -> impl Strategy<Value = World> {
    let act =
        (0..18_u8, 0..6_u8, 0..300_u64).prop_map(|(what, who, units)| Act { what, who, units });
    proptest::collection::vec(act, 1..acts).prop_map(|acts| {
        let mut world = World::new();
        acts.iter().enumerate().for_each(|(number, act)| world.act(act, number));
        world
    })
}

/// A roll in memory.
#[derive(Debug)]
pub(super) struct Memory {
    seed: u8,
    records: Mutex<Vec<Recorded>>,
    shown: watch::Sender<u64>,
    /// At most so many events at once.
    pub(super) events_max: usize,
}

impl Memory {
    /// A roll of which only the first `shown` events can be seen yet.
    pub(super) fn showing(records: &[Recorded], shown: u64) -> Arc<Self> {
        Self::of(records, shown, usize::MAX, 0)
    }

    pub(super) fn whole(records: &[Recorded]) -> Arc<Self> {
        Self::showing(records, u64::try_from(records.len()).unwrap())
    }

    pub(super) fn of(records: &[Recorded], shown: u64, events_max: usize, seed: u8) -> Arc<Self> {
        let records = Mutex::new(records.to_vec());
        Arc::new(Self { seed, records, shown: watch::Sender::new(shown), events_max })
    }

    pub(super) fn show(&self, position: u64) {
        self.shown.send_replace(position);
    }

    fn mark(&self, position: u64) -> Mark {
        let hash =
            Bytes(Sha256::digest([&[self.seed], &position.to_be_bytes()[..]].concat()).into());
        Mark { position, hash }
    }
}

impl Events for Vec<Recorded> {
    type Error = Infallible;

    fn each(
        self,
        after: u64,
        take: impl FnMut(&Recorded) -> ControlFlow<()>,
    ) -> Result<(), Infallible> {
        let behind = self.iter().filter(|recorded| recorded.envelope.position > after);
        let _ = behind.map(take).find(ControlFlow::is_break);
        Ok(())
    }
}

impl Source for Memory {
    type Error = Infallible;
    type Events = Vec<Recorded>;

    async fn head(&self) -> Result<Mark, Infallible> {
        Ok(self.mark(*self.shown.borrow()))
    }

    async fn hash_at(&self, position: u64) -> Result<Option<Hash>, Infallible> {
        Ok((position <= *self.shown.borrow()).then(|| self.mark(position).hash))
    }

    async fn read(
        &self,
        after: u64,
        events_max: usize,
    ) -> Result<Option<Batch<Vec<Recorded>>>, Infallible> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = usize::try_from(*self.shown.borrow()).unwrap();
        let from = usize::try_from(after).unwrap();
        let to = shown.min(from.saturating_add(self.events_max.min(events_max)));
        if from >= to {
            return Ok(None);
        }
        let mark = self.mark(u64::try_from(to).unwrap());
        Ok(Some(Batch { events: records[from..to].to_vec(), mark }))
    }

    async fn grown(&self, after: u64) -> Result<(), Infallible> {
        let _ = self.shown.subscribe().wait_for(|shown| *shown > after).await;
        Ok(())
    }
}
