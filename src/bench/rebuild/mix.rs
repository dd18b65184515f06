//! A day of business for the bench, the same for every run of the same seed.
//!
//! By events, 60 % are uses of credit, 20 % top-ups with their payments, 20 % the rest: accesses
//! bought and used, payments that lapse, webhooks refused. The book is kept beside it, so what is
//! said is what the rules would have said.

mod payment;

use std::collections::HashMap;

use piperoll_domain::{
    account::{LotMinted, Order, Source, SourceKind},
    book::{Book, State},
    bytes::{Bytes, Id16},
    entitlement::{Granted, Repeated, Used},
    event::{Actor, ActorKind, Envelope, Event, Idempotency, Recorded},
    id::{AccountId, ConnectionId, InvalidName, Kind, LotId, PaymentId, Pool, Stream, TenantId},
    money::{Amount, Money},
    payment::{Consumed, Expired, Gave, Promise},
    receipt,
    roll::{Environment, Opened},
    time::{Moment, Time},
};

use crate::{
    bench::{Random, float},
    roll::event_id,
};

/// What of a hundred events is of which kind: uses, top-ups, the rest.
const SHARES: [u64; 3] = [60, 20, 20];
/// What a top-up gives, in millisatoshi; a use takes about a twentieth of it.
const TOP_UP: u64 = 20_000;
/// How long after the last happening the next one comes, in microseconds.
const PAUSE: i64 = 40;

/// The history in the making.
pub(super) struct Mix {
    random: Random,
    book: Book,
    clock: i64,
    tenant: TenantId,
    accounts: Vec<Stream>,
    funded: Vec<usize>,
    counts: [u64; 3],
    tenants: HashMap<TenantId, u64>,
    number: u64,
    /// The operation that speaks, and how much it has said.
    operation: (Id16, u32),
    position: u64,
    said: Vec<Recorded>,
}

impl Mix {
    /// A roll that was just opened.
    pub(super) fn new(seed: u64, accounts: usize, roll_id: Id16) -> Result<Self, InvalidName> {
        let tenant: TenantId = "shop".parse()?;
        let account = |number| -> Result<Stream, InvalidName> {
            let id: AccountId = format!("acc_{number:012x}").parse()?;
            Ok(Stream::new(Kind::Account, &tenant, &id))
        };
        let mut random = Random::of(seed);
        let names = std::iter::repeat_with(|| random.number() >> 16).take(accounts.max(1));
        let accounts = names.map(account).collect::<Result<_, _>>()?;
        let mut mix = Self {
            random,
            book: Book::default(),
            clock: 1_700_000_000_000_000,
            tenant,
            accounts,
            funded: vec![],
            counts: [0; 3],
            tenants: HashMap::new(),
            number: 0,
            operation: (Bytes::ZERO, 0),
            position: 0,
            said: vec![],
        };
        let opened = Opened {
            roll_id,
            name: "main".to_owned(),
            format: 1,
            environment: Environment::Development,
            piperoll_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        mix.begin();
        mix.say(&Stream::roll(), opened, false);
        Ok(mix)
    }

    /// What is said next: so many events, or a few more.
    pub(super) fn next(&mut self, events: usize) -> Result<Vec<Recorded>, InvalidName> {
        while self.said.len() < events {
            let before = self.position;
            let due = |kind: &usize| self.counts[*kind] * 100 / SHARES[*kind];
            let kind = (0..SHARES.len()).min_by_key(due).unwrap_or(0);
            self.clock += PAUSE;
            match kind {
                0 if !self.funded.is_empty() => self.spend(),
                0 | 1 => self.top_up()?,
                _ => self.something_else()?,
            }
            self.counts[kind] += self.position - before;
        }
        Ok(std::mem::take(&mut self.said))
    }

    /// Whether the rules took all of it.
    pub(super) fn is_sound(&self) -> bool {
        self.book.frozen().next().is_none()
    }

    /// What of a hundred events was of which kind.
    pub(super) fn shares(&self) -> [f64; 3] {
        let all = self.counts.iter().sum::<u64>().max(1);
        self.counts.map(|count| float(count) * 100.0 / float(all))
    }

    fn begin(&mut self) {
        self.operation = (self.random.id(), 0);
    }

    fn say(&mut self, stream: &Stream, event: impl Into<Event>, keyed: bool) {
        self.clock += 1;
        self.position += 1;
        let slot = self.book.streams.get(stream);
        let (version, previous) = slot.map_or((0, 0), |slot| (slot.version, slot.last));
        let tenant_version = self.tenants.entry(stream.tenant.clone()).or_default();
        *tenant_version += 1;
        let (operation, index) = self.operation;
        self.operation.1 += 1;
        let idempotency = keyed.then(|| Idempotency {
            operation: "account.spend".into(),
            key: self.random.key().into(),
            fingerprint: Bytes([1; 33]),
        });
        let credential = Some(Bytes([7; 8]));
        let envelope = Envelope {
            position: self.position,
            stream: stream.clone(),
            version: version + 1,
            previous,
            id: event_id(operation, index),
            recorded_at: Time::from_micros(self.clock),
            effective_at: None,
            tenant: stream.tenant.clone(),
            tenant_version: *tenant_version,
            actor: Actor { kind: ActorKind::Key, id: "key_bench".into(), credential },
            correlation: operation,
            causation: None,
            idempotency,
        };
        let recorded = Recorded { envelope, event: event.into() };
        self.book.fold(&recorded);
        self.said.push(recorded);
    }

    fn spend(&mut self) {
        let which = self.random.below(self.funded.len());
        let account = self.accounts[self.funded[which]].clone();
        let total = Money::msat(amount(500 + self.random.number() % 1_000));
        let moment = Moment::at(Time::from_micros(self.clock));
        let state = self.book.streams.get(&account).map(|slot| &slot.state);
        let Some(State::Account(state)) = state else { return };
        let reference = Some(format!("req-{:x}", self.random.number() >> 32));
        match state.spend(total, &Pool::general(), reference, Order::default(), moment) {
            Ok(facts) => {
                self.begin();
                for fact in facts {
                    self.say(&account, fact, true);
                }
            }
            Err(_) => drop(self.funded.swap_remove(which)),
        }
    }

    fn top_up(&mut self) -> Result<(), InvalidName> {
        let which = self.random.below(self.accounts.len());
        let stream = self.accounts[which].clone();
        let (account, id): (AccountId, PaymentId) =
            (stream.id.as_str().parse()?, self.name("pay")?);
        let (price, pool) = (Money::msat(amount(TOP_UP)), Pool::general());
        let promise = Promise::Credit {
            account: account.clone(),
            amount: price,
            pool: pool.clone(),
            expires_after_seconds: None,
        };
        let payment = self.paid(&id, promise, Some(account.clone()), price)?;
        let lot: LotId = id.as_str().parse()?;
        let minted = LotMinted {
            lot: lot.clone(),
            amount: price,
            source: Source { kind: SourceKind::Deposit, id: id.to_string() },
            pool,
            expires_at: None,
            cost: Some(price),
            offer: None,
            payment: Some(id),
            reason: None,
        };
        self.begin();
        self.say(&stream, minted, false);
        self.say(&payment, Consumed { gave: Gave::Lot { account, lot }, price }, false);
        self.funded.push(which);
        Ok(())
    }

    fn something_else(&mut self) -> Result<(), InvalidName> {
        match self.random.below(4) {
            0 | 1 => self.access(),
            2 => self.lapse(),
            _ => {
                self.refuse();
                Ok(())
            }
        }
    }

    /// Access is bought and used.
    fn access(&mut self) -> Result<(), InvalidName> {
        let (id, uses): (PaymentId, u32) = (self.name("pay")?, 8);
        let price = Money::msat(amount(8_000));
        let (methods, path) = (vec!["GET".to_owned()], "/v1/reports/*".to_owned());
        let promise = Promise::Access {
            service: "reports".parse()?,
            methods: methods.clone(),
            path: path.clone(),
            uses: Some(uses),
            seconds: None,
        };
        let payment = self.paid(&id, promise, None, price)?;
        let stream = Stream::new(Kind::Entitlement, &self.tenant, &id);
        let granted = Granted {
            payment: id.clone(),
            offer: None,
            service: "reports".parse()?,
            token: Some(Bytes([4; 32])),
            methods,
            path,
            uses: Some(uses),
            until: None,
            price,
        };
        self.begin();
        self.say(&stream, granted, false);
        let gave = Gave::Entitlement { id: id.as_str().parse()? };
        self.say(&payment, Consumed { gave, price }, false);
        for number in 1..=uses {
            self.begin();
            let (same, earned) = (Bytes([3; 32]), price.with(amount(1_000)));
            self.say(&stream, Used { number, same, left: uses - number, earned }, false);
            if number == uses {
                self.say(&stream, Repeated { number, times: 1 }, false);
            }
        }
        Ok(())
    }

    fn lapse(&mut self) -> Result<(), InvalidName> {
        let (id, price) = (self.name("pay")?, Money::msat(amount(1_000)));
        let payment = self.pending(&id, Promise::Nothing {}, None, price);
        self.begin();
        self.say(&payment, Expired { word: "expired".to_owned() }, false);
        Ok(())
    }

    fn refuse(&mut self) {
        let stream = Stream::of_roll(Kind::Receipt, "refused:default");
        let at = Time::from_micros(self.clock);
        let (connection, reason) = (ConnectionId::default_one(), "bad_signature".to_owned());
        self.begin();
        let refused =
            receipt::Refused { connection, reason, count: 3, first: at, last: at, sample: None };
        self.say(&stream, refused, false);
    }

    fn hash(&mut self) -> Bytes<32> {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.random.id().0);
        bytes[16..].copy_from_slice(&self.random.id().0);
        Bytes(bytes)
    }

    fn name<T: std::str::FromStr<Err = InvalidName>>(
        &mut self,
        kind: &str,
    ) -> Result<T, InvalidName> {
        self.number += 1;
        let random = self.random.number();
        format!("{kind}_{:010x}{random:016x}", self.clock >> 10).parse()
    }
}

fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap_or(Amount::ZERO)
}
