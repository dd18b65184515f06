//! Wishes about metered use: set credit aside before the work, charge after it.

use crate::{
    account::{self, Charge, Hold, Reservation, finalized_again, released_again},
    billing::{Mode, TTL_SECONDS_MAX},
    claim::{Claim, Taker},
    draft::{Draft, Stop},
    event::{Event, Recorded},
    id::{AccountId, Kind, Pool, ReservationId, Stream, TenantId},
    money::Money,
    rejection::Rejection,
};

/// Set credit aside, as strictly as the tenant's billing says now. Without a caller's key, the same again
/// under the same name causes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserve {
    /// Whose.
    pub tenant: TenantId,
    /// Of which account.
    pub account: AccountId,
    /// The reservation's name.
    pub reservation: ReservationId,
    /// How much.
    pub amount: Money,
    /// Whether that is an estimate, to be multiplied by the tenant's safety.
    pub is_estimate: bool,
    /// From which pool first.
    pub pool: Pool,
    /// How long; none for as long as the tenant's billing says.
    pub ttl_seconds: Option<u32>,
    /// The caller's own name for the use.
    pub reference: Option<String>,
    /// The ceiling that the environment sets.
    pub ceiling: Option<Money>,
}

impl Reserve {
    /// What it takes, if it is not refused.
    pub(super) fn takes(&self) -> Claim {
        begins(&self.tenant, &self.reservation)
    }

    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let moment = draft.moment();
        let begins = self.takes();
        let taken = draft.claim(&begins)?;
        if taken.is_none() {
            draft.note_free(begins);
        }
        let billing = draft.billing(&self.tenant)?;
        billing.must_be_on()?;
        if let Some(before) = taken {
            return self.again(draft, before.position);
        }
        let (amount, commodity) = self.fields();
        let wanted = if self.is_estimate { billing.with_safety(self.amount)? } else { self.amount };
        billing.must_be_below_ceiling(amount, wanted, self.ceiling)?;
        let terms = billing.terms(&self.pool, moment);
        let seconds = self.ttl_seconds.unwrap_or(billing.billing.reserve_ttl_seconds);
        if !(1..=TTL_SECONDS_MAX).contains(&seconds) {
            let (field, most) = ("ttl_seconds", TTL_SECONDS_MAX);
            return Err(Rejection::DurationOutOfRange { field, most }.into());
        }
        draft.must_be_known(commodity, self.amount.commodity)?;
        let hold = Hold {
            reservation: self.reservation.clone(),
            estimate: self.is_estimate.then_some(self.amount),
            wanted,
            pool: self.pool.clone(),
            expires_at: moment.now.plus_seconds(seconds),
            reference: self.reference.clone(),
        };
        let facts = draft.account(&self.tenant, &self.account)?.reserve(hold, &terms, moment)?;
        draft.say_all(&Stream::new(Kind::Account, &self.tenant, &self.account), facts)
    }

    /// The parts that say how much, and of what.
    const fn fields(&self) -> (&'static str, &'static str) {
        if self.is_estimate {
            ("estimate", "estimate.commodity")
        } else {
            ("amount", "amount.commodity")
        }
    }

    /// The name is taken. Without a key it says which request this is, so the same again causes
    /// nothing; a key says that this is another one.
    fn again(&self, draft: &Draft<'_>, position: u64) -> Result<(), Stop> {
        if !draft.is_keyed() && self.is_as(draft.fact(position)?) {
            return Ok(());
        }
        Err(Rejection::ReservationExists.into())
    }

    /// Whether it asks for what was set aside before. How long it lasts is not compared where that was
    /// left to the tenant's billing, which may have changed since.
    fn is_as(&self, before: &Recorded) -> bool {
        let Recorded { envelope, event } = before;
        let (estimate, wanted, pool, until, reference) =
            if let Event::Account(account::Event::Reserved(said)) = event {
                (said.estimate, said.wanted, &said.pool, said.expires_at, &said.reference)
            } else if let Event::Account(account::Event::ShadowReserved(said)) = event {
                (said.estimate, said.wanted, &said.pool, said.expires_at, &said.reference)
            } else {
                return false;
            };
        let asked = if self.is_estimate { estimate } else { estimate.xor(Some(wanted)) };
        // From when the command was decided; its facts stand some microseconds after that.
        let began = |seconds: u32| until.plus_micros(i64::from(seconds).saturating_mul(-1_000_000));
        let is_as_long =
            |seconds| (0..1_000_000).contains(&envelope.recorded_at.micros_since(began(seconds)));
        AccountId::from(&envelope.stream.id) == self.account
            && asked == Some(self.amount)
            && *pool == self.pool
            && *reference == self.reference
            && self.ttl_seconds.is_none_or(is_as_long)
    }
}

/// Charge what the work cost. The same again, at the same cost, causes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finalize {
    /// Whose.
    pub tenant: TenantId,
    /// Of which account, if the caller knows.
    pub account: Option<AccountId>,
    /// Which reservation.
    pub reservation: ReservationId,
    /// What the work cost.
    pub cost: Money,
    /// The ceiling that the environment sets.
    pub ceiling: Option<Money>,
}

impl Finalize {
    /// What it takes, if it is not refused.
    pub(super) fn takes(&self) -> Claim {
        ends(&self.tenant, &self.reservation)
    }

    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let Self { tenant, reservation, cost, .. } = self;
        let moment = draft.moment();
        draft.billing(tenant)?.must_be_on()?;
        let open = match find(draft, tenant, self.account.as_ref(), reservation)? {
            Found::Open(open) => open,
            Found::Ended(fact) => return Ok(finalized_again(&fact, *cost)?),
        };
        draft.note_free(self.takes());
        let billing = draft.billing(tenant)?;
        if open.takes_more(*cost) {
            billing.must_be_below_ceiling("cost", *cost, self.ceiling)?;
        }
        let terms = billing.terms(&open.pool, moment);
        let charge = Charge { reservation: reservation.clone(), cost: *cost };
        let facts = draft.account(tenant, &open.account)?.finalize(&charge, &terms, moment)?;
        draft.say_all(&Stream::new(Kind::Account, tenant, &open.account), facts)
    }
}

/// Give back what was set aside. The same again causes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Whose.
    pub tenant: TenantId,
    /// Of which account, if the caller knows.
    pub account: Option<AccountId>,
    /// Which reservation.
    pub reservation: ReservationId,
}

impl Release {
    /// What it takes, if it is not refused.
    pub(super) fn takes(&self) -> Claim {
        ends(&self.tenant, &self.reservation)
    }

    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let Self { tenant, account, reservation } = self;
        let moment = draft.moment();
        let open = match find(draft, tenant, account.as_ref(), reservation)? {
            Found::Open(open) => open,
            Found::Ended(fact) => return Ok(released_again(&fact)?),
        };
        draft.note_free(self.takes());
        let facts = draft.account(tenant, &open.account)?.release(reservation, moment)?;
        draft.say_all(&Stream::new(Kind::Account, tenant, &open.account), facts)
    }
}

/// End a reservation whose time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireReservation {
    /// Whose.
    pub tenant: TenantId,
    /// Of which account.
    pub account: AccountId,
    /// Which reservation.
    pub reservation: ReservationId,
}

impl ExpireReservation {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let Self { tenant, account, reservation } = self;
        let moment = draft.moment();
        let facts = draft.account(tenant, account)?.expire_reservation(reservation, moment)?;
        draft.say_all(&Stream::new(Kind::Account, tenant, account), facts)
    }
}

/// A reservation.
enum Found {
    /// It is open.
    Open(Open),
    /// It ended with that fact.
    Ended(Box<Event>),
}

/// What is to be known of an open reservation before it is charged.
struct Open {
    account: AccountId,
    pool: Pool,
    mode: Mode,
    total: Money,
}

impl Open {
    fn new(account: &AccountId, known: &Reservation) -> Self {
        let Reservation { mode, total, pool, .. } = known;
        Self { account: account.clone(), pool: pool.clone(), mode: *mode, total: *total }
    }

    /// Whether more than it set aside is charged at that cost, which live mode never does. Only this is
    /// bound by a ceiling: what is set aside was below the one of its time.
    fn takes_more(&self, cost: Money) -> bool {
        self.mode != Mode::Live && cost.amount > self.total.amount
    }
}

fn begins(tenant: &TenantId, reservation: &ReservationId) -> Claim {
    Claim::Reservation { tenant: tenant.clone(), reservation: reservation.clone() }
}

fn ends(tenant: &TenantId, reservation: &ReservationId) -> Claim {
    Claim::ReservationEnd { tenant: tenant.clone(), reservation: reservation.clone() }
}

/// One that is open in the caller's account needs no claim to be found; others are found by theirs.
/// Another account's reservation does not exist.
fn find(
    draft: &mut Draft<'_>,
    tenant: &TenantId,
    account: Option<&AccountId>,
    reservation: &ReservationId,
) -> Result<Found, Stop> {
    if let Some(account) = account
        && let Some(open) = draft.account(tenant, account)?.reservation(reservation)
    {
        return Ok(Found::Open(Open::new(account, open)));
    }
    let taker = draft.claim(&begins(tenant, reservation))?;
    let owner = taker.map(|Taker { stream, .. }| AccountId::from(&stream.id));
    let owner =
        owner.or_else(|| Some(AccountId::from(&here(draft, reservation)?.envelope.stream.id)));
    let owner = owner.ok_or(Rejection::ReservationNotFound)?;
    if account.is_some_and(|account| *account != owner) {
        return Err(Rejection::ReservationNotFound.into());
    }
    // First, because what has ended is told again even where its account is frozen.
    if let Some(end) = draft.claim(&ends(tenant, reservation))? {
        return Ok(Found::Ended(draft.fact(end.position)?.event.clone().into()));
    }
    if let Some(open) = draft.account(tenant, &owner)?.reservation(reservation) {
        return Ok(Found::Open(Open::new(&owner, open)));
    }
    let end = here(draft, reservation).ok_or(Rejection::ReservationNotFound)?;
    Ok(Found::Ended(end.event.clone().into()))
}

/// What this draft said of a reservation last: items of a batch that stands or falls as one see each
/// other. A draft has one tenant.
fn here<'a>(draft: &'a Draft<'_>, name: &ReservationId) -> Option<&'a Recorded> {
    let is_of = |said: &&Recorded| matches!(&said.event, Event::Account(event) if event.reservation() == Some(name));
    draft.said().iter().rev().find(is_of)
}
