//! Requests with a key, or a name in place of one: put once, asked again as often as it takes, answered the same each time.

use piperoll::{
    engine::{self, Done},
    service::{Ask, Checkout, Error, For, Metered, Principal},
};
use piperoll_domain::{
    account::{Source, SourceKind},
    bytes::Bytes,
    event::Idempotency,
    id::{EntitlementId, Pool, ReservationId},
    operation::{Finalize, Mint, Operation, Purpose, Release, ReleaseUse, Reserve, Spend},
};
use sha2::{Digest, Sha256};

use super::{Answer, Held, Visit};
use crate::simulation::house::{key_of, msat, tenant};

/// What is wished for under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulation) enum Wish {
    TopUp { msat: u64 },
    Spend { msat: u64 },
    Release { entitlement: EntitlementId, number: u32 },
    Deposit { source: u64, msat: u64 },
    Reserve { number: u64, msat: u64, seconds: u32 },
    Finalize { reservation: ReservationId, msat: u64 },
    GiveBack { reservation: ReservationId },
}

impl Wish {
    /// Whether it is put without a key.
    const fn is_known_by_name(&self) -> bool {
        match self {
            Self::Reserve { number: chosen, .. } | Self::Finalize { msat: chosen, .. } => {
                chosen.is_multiple_of(3)
            }
            _ => false,
        }
    }
}

impl Visit {
    pub(super) async fn top_up(&self) {
        let msat = 1_000 * (1 + self.roll(20));
        self.begin(Wish::TopUp { msat }).await;
    }

    pub(super) async fn spend(&self) {
        let msat = 1 + self.roll(9_000);
        self.begin(Wish::Spend { msat }).await;
    }

    pub(super) async fn deposit(&self) {
        // A few names for many deposits, so that some are asked for twice under different keys.
        let (source, msat) = (self.roll(6), 500 + self.roll(3));
        self.begin(Wish::Deposit { source, msat }).await;
    }

    pub(super) async fn release(&self) {
        let used = self.me(|me| {
            let uses = me.uses.clone();
            me.dice.pick(&uses).cloned()
        });
        if let Some((entitlement, number)) = used {
            self.begin(Wish::Release { entitlement, number }).await;
        }
    }

    /// Sets credit aside; some of it for so short that it lapses while the work is done.
    pub(super) async fn reserve(&self) {
        let (msat, seconds) = (1 + self.roll(6_000), [1, 30, 300][self.index(3)]);
        let number = self.me(|me| {
            me.keys += 1;
            me.keys
        });
        let reservation = self.reservation(number);
        self.me(|me| me.reservations.push(reservation));
        self.begin(Wish::Reserve { number, msat, seconds }).await;
    }

    /// Charges for a reservation or gives it back; some are ended twice, and in both ways.
    pub(super) async fn end_a_reservation(&self) {
        let known = self.me(|me| {
            let all = me.reservations.clone();
            let recent = all.len().saturating_sub(3);
            me.dice.pick(&all[recent..]).cloned()
        });
        let Some(reservation) = known else { return self.reserve().await };
        let charge = Wish::Finalize { reservation: reservation.clone(), msat: self.roll(8_000) };
        match self.roll(6) {
            0 => self.begin(Wish::GiveBack { reservation }).await,
            1 => {
                tokio::join!(self.begin(charge), self.begin(Wish::GiveBack { reservation }));
            }
            _ => self.begin(charge).await,
        }
    }

    fn reservation(&self, number: u64) -> ReservationId {
        format!("work-{}-{number}", self.number).parse().unwrap()
    }

    fn index(&self, below: u64) -> usize {
        usize::try_from(self.roll(below)).unwrap()
    }

    async fn begin(&self, wish: Wish) {
        let key = self.me(|me| {
            me.keys += 1;
            me.open.insert(me.keys, wish.clone());
            me.keys
        });
        self.put(key, wish.clone()).await;
        if self.roll(8) == 0 {
            self.put(key, wish).await;
        }
    }

    /// Asks again what was not answered, or what was, to hear the same.
    pub(super) async fn ask_again(&self) {
        let (open, answered) = self.me(|me| (me.open.clone(), me.answered.clone()));
        let open: Vec<_> = open.into_iter().collect();
        let answered: Vec<_> = answered.into_iter().map(|(key, (wish, _))| (key, wish)).collect();
        let list = if open.is_empty() || self.roll(4) == 0 { &answered } else { &open };
        let again = self.me(|me| me.dice.pick(list).cloned());
        if let Some((key, wish)) = again {
            if self.roll(4) == 0 {
                tokio::join!(self.put(key, wish.clone()), self.put(key, wish));
            } else {
                self.put(key, wish).await;
            }
        }
    }

    /// Every request without an answer is asked once more.
    pub(in crate::simulation) async fn ask_all_again(&self) {
        for (key, wish) in self.me(|me| me.open.clone()) {
            self.put(key, wish).await;
        }
    }

    async fn put(&self, key: u64, wish: Wish) {
        match &wish {
            Wish::TopUp { msat } => {
                let outcome = self.checkout(key, *msat, &wish).await;
                self.note_checkout(key, &wish, outcome);
            }
            _ => self.execute(key, &wish).await,
        }
    }

    async fn checkout(&self, key: u64, units: u64, wish: &Wish) -> Result<Checkout, Error> {
        let (who, account) = self.who();
        let purpose = Purpose::TopUp {
            account: account.parse().unwrap(),
            price: msat(units),
            pool: Pool::general(),
            expires_after_seconds: units.is_multiple_of(7_000).then_some(900),
        };
        let ask = Ask {
            expiry_seconds: Some(if units.is_multiple_of(3_000) { 60 } else { 600 }),
            metadata: units.is_multiple_of(2_000).then(|| b"{\"a\":1}".to_vec()),
            ..Ask::plainly(purpose, For::Application)
        };
        self.service.checkout(&who, ask, Some(self.idempotency(key, wish))).await
    }

    fn note_checkout(&self, key: u64, wish: &Wish, outcome: Result<Checkout, Error>) {
        let name = self.name(key);
        match outcome {
            Ok(checkout) => {
                let payment = checkout.payment.clone();
                self.world.step(format!("{name} {wish:?}: invoice of {payment}"));
                self.world.told_head(checkout.head);
                self.answered(key, wish, &Answer::Payment(payment));
                if let Some(held) = Held::of(&checkout, piperoll::service::TOPUPS_PATH) {
                    self.me(|me| me.invoices.push(held));
                }
            }
            Err(error) => {
                self.world.step(format!("{name} {wish:?}: {error}"));
                if is_definite(&error) {
                    self.me(|me| me.open.remove(&key));
                }
            }
        }
    }

    async fn execute(&self, key: u64, wish: &Wish) {
        let (who, account) = self.who();
        let operation = self.operation(wish, &account);
        let name = self.name(key);
        let outcome = if wish.is_known_by_name() {
            self.by_name(&who, operation).await
        } else {
            self.service.execute(&who, operation, Some(self.idempotency(key, wish))).await
        };
        match outcome {
            Ok(done) => {
                self.world.told(format!("{name} {wish:?}"), &done);
                let ids = done.events.iter().map(|event| event.envelope.id).collect();
                // Where nothing was left to do nothing was written, not even the key.
                if !done.events.is_empty() {
                    self.answered(key, wish, &Answer::Facts(ids));
                }
                self.me(|me| me.open.remove(&key));
            }
            Err(error) => {
                self.world.step(format!("{name} {wish:?}: {error}"));
                if is_definite(&error) {
                    self.me(|me| me.open.remove(&key));
                }
            }
        }
    }

    /// Without a key: a reservation's name says which request it is.
    async fn by_name(&self, who: &Principal, operation: Operation) -> Result<Done, Error> {
        let metered = match operation {
            Operation::Reserve(wish) => self.service.reserve(who, *wish, None).await,
            Operation::Finalize(wish) => self.service.finalize(who, *wish, None).await,
            other => unreachable!("{other:?} has no name"),
        };
        metered.map(|Metered { fact, head, replayed }| Done { events: vec![fact], head, replayed })
    }

    fn operation(&self, wish: &Wish, account: &str) -> Operation {
        let (tenant, account) = (tenant(self.me(|me| me.tenant)), account.parse().unwrap());
        match wish {
            Wish::TopUp { .. } => unreachable!("a top-up goes through the service"),
            Wish::Spend { msat: units } => Spend {
                tenant,
                account,
                total: msat(*units),
                pool: Pool::general(),
                reference: None,
                ceiling: None,
            }
            .into(),
            Wish::Release { entitlement, number } => {
                let (entitlement, number) = (entitlement.clone(), *number);
                ReleaseUse { tenant, entitlement, number, reason: "the upstream failed".into() }
                    .into()
            }
            Wish::Reserve { number, msat: units, seconds } => Reserve {
                tenant,
                account,
                reservation: self.reservation(*number),
                amount: msat(*units),
                is_estimate: number.is_multiple_of(2),
                pool: Pool::general(),
                ttl_seconds: Some(*seconds),
                reference: None,
                ceiling: None,
            }
            .into(),
            Wish::Finalize { reservation, msat: units } => Finalize {
                tenant,
                account: units.is_multiple_of(2).then_some(account),
                reservation: reservation.clone(),
                cost: msat(*units),
                ceiling: None,
            }
            .into(),
            Wish::GiveBack { reservation } => {
                Release { tenant, account: Some(account), reservation: reservation.clone() }.into()
            }
            Wish::Deposit { source, msat: units } => {
                let id = format!("deposit-{source}");
                Mint {
                    tenant,
                    lot: format!("lot-{account}-{source}").parse().unwrap(),
                    account,
                    amount: msat(*units),
                    source: Source { kind: SourceKind::Deposit, id },
                    pool: Pool::general(),
                    expires_at: None,
                    cost: Some(msat(*units)),
                    reason: "paid at the counter".into(),
                    ceiling: None,
                }
                .into()
            }
        }
    }

    /// The answer to a key is the same, however often it is asked for.
    fn answered(&self, key: u64, wish: &Wish, answer: &Answer) {
        let before = self.me(|me| {
            me.open.remove(&key);
            me.answered.insert(key, (wish.clone(), answer.clone())).map(|(_, before)| before)
        });
        let same = before.as_ref().is_none_or(|before| before == answer);
        self.world.must(same, "a key is answered the same each time", || {
            format!("{}: {before:?}, then {answer:?}", self.name(key))
        });
    }

    fn idempotency(&self, key: u64, wish: &Wish) -> Idempotency {
        let digest: [u8; 32] = Sha256::digest(format!("{wish:?}")).into();
        let mut fingerprint = [1; 33];
        fingerprint[1..].copy_from_slice(&digest);
        let operation = match wish {
            Wish::TopUp { .. } => "topups.create",
            Wish::Spend { .. } => "credit.spend",
            Wish::Release { .. } => "l402.release",
            Wish::Deposit { .. } => "credit.mint",
            Wish::Reserve { .. } => "credit.reserve",
            Wish::Finalize { .. } => "credit.finalize",
            Wish::GiveBack { .. } => "credit.release",
        };
        let (operation, key) = (operation.into(), self.name(key).into());
        Idempotency { operation, key, fingerprint: Bytes(fingerprint) }
    }

    fn name(&self, key: u64) -> String {
        format!("buyer-{}-{key}", self.number)
    }

    pub(super) fn who(&self) -> (Principal, String) {
        self.me(|me| (key_of(me.tenant), me.account.clone()))
    }
}

/// Whether an error says that nothing will come of the request; all others are asked again.
fn is_definite(error: &Error) -> bool {
    match error {
        Error::Engine(error) => matches!(error, engine::Error::Rejected(_)),
        Error::ProviderRefused { .. }
        | Error::ProviderUnavailable { .. }
        | Error::Abandoned { .. } => true,
        _ => false,
    }
}
