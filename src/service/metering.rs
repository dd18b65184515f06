//! Metered use: credit is set aside before the work, and charged after it.
//!
//! # Correctness
//! A reservation's name and its end are claims for ever, so whoever asks again without a key that is
//! remembered gets the stored answer all the same: that of the fact which took the claim.

use piperoll_domain::{
    account::Event as AccountEvent,
    claim::Claim,
    event::{Event, Idempotency, Recorded},
    id::{ReservationId, TenantId},
    operation::{Finalize, Release, Reserve},
    rejection::Rejection,
};

use crate::{
    engine::Done,
    roll::Head,
    service::{Error, Principal, Service},
};

/// What a wish about a reservation came to.
#[derive(Debug, Clone)]
pub struct Metered {
    /// The fact that says it; its stream is the account's.
    pub fact: Recorded,
    /// The roll, as far as this answer depends on it.
    pub head: Head,
    /// It was there before.
    pub replayed: bool,
}

/// A reservation as it was made, and how it ended.
#[derive(Debug, Clone)]
pub struct Metering {
    /// How it began.
    pub begun: Recorded,
    /// How it ended; none while it is open.
    pub ended: Option<Recorded>,
    /// The roll, as far as this answer depends on it.
    pub head: Head,
}

impl Service {
    /// Sets credit aside. Asked again without a key, under the same name, it gives the stored answer.
    pub async fn reserve(
        &self,
        who: &Principal,
        wish: Reserve,
        key: Option<Idempotency>,
    ) -> Result<Metered, Error> {
        let (tenant, reservation) = (wish.tenant.clone(), wish.reservation.clone());
        let done = self.execute(who, wish, key).await?;
        match begun(&done) {
            Some(metered) => Ok(metered),
            None => self.stored(&Claim::Reservation { tenant, reservation }).await,
        }
    }

    /// Charges what the work cost. Asked again at the same cost it gives the stored answer.
    pub async fn finalize(
        &self,
        who: &Principal,
        wish: Finalize,
        key: Option<Idempotency>,
    ) -> Result<Metered, Error> {
        let (tenant, reservation) = (wish.tenant.clone(), wish.reservation.clone());
        let done = self.execute(who, wish, key).await?;
        self.end_of(&tenant, &reservation, &done).await
    }

    /// Gives back what was set aside. Asked again it gives the stored answer.
    pub async fn release(
        &self,
        who: &Principal,
        wish: Release,
        key: Option<Idempotency>,
    ) -> Result<Metered, Error> {
        let (tenant, reservation) = (wish.tenant.clone(), wish.reservation.clone());
        let done = self.execute(who, wish, key).await?;
        self.end_of(&tenant, &reservation, &done).await
    }

    /// A reservation, from the roll itself.
    pub async fn reservation(
        &self,
        tenant: &TenantId,
        reservation: &ReservationId,
    ) -> Result<Metering, Error> {
        let head = self.engine().head();
        let (tenant, reservation) = (tenant.clone(), reservation.clone());
        let begins =
            Claim::Reservation { tenant: tenant.clone(), reservation: reservation.clone() };
        let begun = self.taken(&begins).await?.ok_or(Rejection::ReservationNotFound)?;
        let ended = self.taken(&Claim::ReservationEnd { tenant, reservation }).await?;
        Ok(Metering { begun, ended, head })
    }

    /// How a reservation ended, by this command or before it.
    pub(crate) async fn end_of(
        &self,
        tenant: &TenantId,
        reservation: &ReservationId,
        done: &Done,
    ) -> Result<Metered, Error> {
        if let Some(fact) = done.events.iter().find(|fact| ends(fact, reservation)) {
            return Ok(Metered { fact: fact.clone(), head: done.head, replayed: done.replayed });
        }
        let (tenant, reservation) = (tenant.clone(), reservation.clone());
        self.stored(&Claim::ReservationEnd { tenant, reservation }).await
    }

    /// The answer of before: that of the fact which took a claim.
    async fn stored(&self, claim: &Claim) -> Result<Metered, Error> {
        let fact = self.taken(claim).await?.ok_or(Rejection::ReservationNotFound)?;
        Ok(Metered { fact, head: self.engine().head(), replayed: true })
    }

    /// The fact that took a claim.
    async fn taken(&self, claim: &Claim) -> Result<Option<Recorded>, Error> {
        match self.engine().taker(claim).await? {
            Some(taker) => Ok(Some(self.fact(taker.position).await?)),
            None => Ok(None),
        }
    }
}

/// The reservation that a command made; what ended on the way is told by other facts.
pub(crate) fn begun(done: &Done) -> Option<Metered> {
    let is = |fact: &&Recorded| {
        matches!(
            fact.event,
            Event::Account(AccountEvent::Reserved(_) | AccountEvent::ShadowReserved(_))
        )
    };
    let fact = done.events.iter().find(is)?.clone();
    Some(Metered { fact, head: done.head, replayed: done.replayed })
}

fn ends(fact: &Recorded, name: &ReservationId) -> bool {
    let Event::Account(event) = &fact.event else { return false };
    match event {
        AccountEvent::Finalized(ended) => ended.reservation == *name,
        AccountEvent::ShadowFinalized(ended) => ended.reservation == *name,
        AccountEvent::Released(ended) => ended.reservation == *name,
        AccountEvent::ShadowReleased(ended) => ended.reservation == *name,
        _ => false,
    }
}
