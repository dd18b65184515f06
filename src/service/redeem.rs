//! Letting a paid credential in.
//!
//! # Correctness
//! In this order: we made the token, the preimage is its own, **our roll says that it is paid**, the
//! caveats allow the request, what was promised has been given, and a use of it is left. A preimage
//! alone opens nothing: several backends show it before anybody has paid.

use std::sync::Arc;

use piperoll_domain::{
    book::State,
    bytes::{Bytes, Hash},
    claim::Claim,
    entitlement::{self, Entitlement, Use},
    event::Event,
    id::{AccountId, EntitlementId, Kind, PaymentId, Stream},
    operation::{Fulfil, Purpose, UseEntitlement},
    payment::{self, Gave, PaymentRef, Promise, Requested, ReviewKind},
    rejection::Rejection,
};
use sha2::{Digest, Sha256};
use tokio::time::{Duration, Instant};

use crate::{
    engine::Done,
    l402::{
        self, Proven,
        caveat::Condition,
        credential::Credential,
        identifier::Identifier,
        scope::{CaveatRefusal, Request},
    },
    roll::Head,
    service::{
        Ask, Checkout, Error, Opens, Principal, Redeemed, Refusal, Service, UseRequest,
        render::{Known, stream},
    },
};

/// How often our own roll is looked at, and the provider asked at first, while a payer waits.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const ASK_EVERY: Duration = Duration::from_millis(250);
const LABEL: &[u8] = b"piperoll.use.v1";

impl Service {
    pub(super) async fn let_in(
        &self,
        credential: &Credential,
        request: &UseRequest,
    ) -> Result<Redeemed, Refusal> {
        let (proven, known) = self.behind(credential, &request.who).await?;
        let known = self.settled(known, request).await?;
        self.allowed(&proven, &known, request).await?;
        let (tenant, token) = (known.at.tenant.clone(), proven.identifier().token_id);
        let who = Principal::Token { tenant, token };
        let (gave, head) = self.given(&who, &known).await?;
        let (opens, head) = match gave {
            Gave::Nothing {} => (Opens::Paid, head),
            Gave::Lot { account, lot } => (Opens::Credit { account, lot: Some(lot) }, head),
            Gave::Recovered { account, lot, .. } => (Opens::Credit { account, lot }, head),
            Gave::Entitlement { id } => self.used(&who, &known, id, request).await?,
        };
        let PaymentRef { tenant, id: payment } = known.at.clone();
        let (account, offer) = (known.requested.account.clone(), known.requested.offer.clone());
        Ok(Redeemed { tenant, payment, token, account, offer, opens, head })
    }

    /// The payment behind a credential, which is of the caller's tenant.
    async fn behind<'a>(
        &self,
        credential: &'a Credential,
        who: &Principal,
    ) -> Result<(Proven<'a>, Arc<Known>), Refusal> {
        let tenant = who.tenant().ok_or(Error::NoTenant)?;
        let proven = l402::prove(&self.0.tokens, credential).map_err(|_| Refusal::Invalid)?;
        let identifier = *proven.identifier();
        let known = if let Some(known) = self.0.bought.get(&identifier) {
            known
        } else {
            let known = self.bought(&identifier).await?.ok_or(Refusal::Invalid)?;
            let known = Arc::new(known);
            self.0.bought.remember(identifier, &known);
            known
        };
        if known.at.tenant != *tenant {
            let refusal = CaveatRefusal::WrongScope(Condition::Tenant);
            return Err(Refusal::WrongScope(refusal));
        }
        Ok((proven, known))
    }

    /// Waits, as for everybody who shows that he paid, until credit is there that was sold for an
    /// account; says whether the credential is for that at all.
    pub(super) async fn credit_behind(
        &self,
        credential: &Credential,
        account: &AccountId,
        request: &UseRequest,
    ) -> Result<bool, Refusal> {
        let (proven, known) = self.behind(credential, &request.who).await?;
        let Promise::Credit { account: of, .. } = &known.requested.promise else {
            return Ok(false);
        };
        if of != account {
            return Ok(false);
        }
        let known = self.settled(known, request).await?;
        let (tenant, token) = (known.at.tenant.clone(), proven.identifier().token_id);
        self.given(&Principal::Token { tenant, token }, &known).await?;
        Ok(true)
    }

    /// The payment that a token was minted for. A token that we made and never recorded is none.
    async fn bought(&self, identifier: &Identifier) -> Result<Option<Known>, Error> {
        let Some(at) = self.payment_of(identifier.payment_hash).await? else { return Ok(None) };
        let known = self.known(&at).await?;
        let mut instruments = known.state.instruments.iter();
        let sold = instruments.any(|(_, shown)| {
            let same = shown.payment_hash == Some(identifier.payment_hash);
            same && shown.token == Some(identifier.token_id)
        });
        Ok(sold.then_some(known))
    }

    /// The payment that an invoice with this hash is for, on whichever network we are.
    pub(super) async fn payment_of(&self, hash: Hash) -> Result<Option<PaymentRef>, Error> {
        let directory = self.engine().directory();
        let accounts = directory.connections().filter_map(|(_, known)| known.account.as_ref());
        let mut networks: Vec<&str> = accounts.map(|account| account.network.as_str()).collect();
        networks.sort_unstable();
        networks.dedup();
        for network in networks {
            let claim = Claim::PaymentHash { network: network.to_owned(), hash };
            if let Some(taker) = self.engine().taker(&claim).await? {
                let Stream { tenant, id, .. } = taker.stream;
                return Ok(Some(PaymentRef { tenant, id: PaymentId::from(&id) }));
            }
        }
        Ok(None)
    }

    /// The payment once our roll says that it is paid. Whoever paid and comes at once, his webhook
    /// lost, is let in all the same: the provider is asked, for as long as patience lasts.
    async fn settled(
        &self,
        known: Arc<Known>,
        request: &UseRequest,
    ) -> Result<Arc<Known>, Refusal> {
        if known.state.status.is_settled() {
            return Ok(known);
        }
        let deadline = Instant::now() + self.settings().settle_wait;
        let mut between = ASK_EVERY;
        loop {
            self.ask_before(&known.at, deadline).await?;
            let ask_again = deadline.min(Instant::now() + between);
            let known = self.watched(&known.at, ask_again).await?;
            if known.state.status.is_settled() {
                return Ok(Arc::new(known));
            }
            if known.state.status.is_lost() || Instant::now() >= deadline {
                return Err(self.unsettled(&known, request).await);
            }
            between = between.saturating_mul(2);
        }
    }

    /// Asks the provider; no answer in time is none.
    async fn ask_before(&self, at: &PaymentRef, deadline: Instant) -> Result<(), Refusal> {
        let asked = self.ask_provider(at, Principal::Reactor("redeem"));
        match tokio::time::timeout_at(deadline.max(Instant::now() + LOOK_EVERY), asked).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error @ (Error::ProviderUnavailable { .. } | Error::Connection { .. }))) => {
                Err(Refusal::ProviderUnavailable(error))
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Refusal::ProviderUnavailable(Error::Interrupted)),
        }
    }

    /// Looks at our own roll until it says something, or until then: a webhook may come meanwhile.
    async fn watched(&self, at: &PaymentRef, until: Instant) -> Result<Known, Error> {
        loop {
            let known = self.known(at).await?;
            let says = known.state.status.is_settled() || known.state.status.is_lost();
            if says || Instant::now() >= until {
                return Ok(known);
            }
            tokio::time::sleep_until(until.min(Instant::now() + LOOK_EVERY)).await;
        }
    }

    /// Not paid, as far as the provider says. Whose money came too late for the payment is not
    /// asked for more: an operator may still apply it.
    async fn unsettled(&self, known: &Known, request: &UseRequest) -> Refusal {
        let arrived = known.state.reviews.iter().any(|review| {
            review.resolved.is_none() && review.opened.kind != ReviewKind::ProviderSilent
        });
        if known.state.status.is_lost() && !arrived {
            return self.fresh(known, request, Refusal::Expired).await;
        }
        let Some(shown) = known.state.instrument_shown() else { return Refusal::Invalid };
        let asked_at = known.state.requested_at;
        match self.as_checkout(&known.at, &known.requested, asked_at, shown).await {
            Ok(shown) => Refusal::Unsettled(Box::new(shown)),
            Err(error) => error.into(),
        }
    }

    async fn allowed(
        &self,
        proven: &Proven<'_>,
        known: &Known,
        request: &UseRequest,
    ) -> Result<(), Refusal> {
        let clock = self.engine().clock();
        // While the clock is in doubt nothing counts as expired.
        let now = match known.state.settled_at.filter(|_| clock.doubt().is_some()) {
            Some(settled_at) => settled_at,
            None => clock.now(),
        };
        let asked = Request {
            service: &request.service,
            method: &request.method,
            path: &request.path,
            tenant: &known.at.tenant,
            amount_msat: Some(known.requested.price.amount),
            now_seconds: now.seconds(),
        };
        match proven.allows(&asked) {
            Ok(_) => Ok(()),
            Err(broken) if broken.is_broken() => Err(Refusal::Invalid),
            Err(CaveatRefusal::Expired) => Err(self.fresh(known, request, Refusal::Expired).await),
            Err(refusal) => Err(Refusal::WrongScope(refusal)),
        }
    }

    /// Another challenge for the same, as it is sold today.
    async fn fresh(
        &self,
        known: &Known,
        request: &UseRequest,
        refusal: fn(Box<Checkout>) -> Refusal,
    ) -> Refusal {
        let path = request.path.split(['?', '#']).next().unwrap_or_default();
        let at = Some((request.method.clone(), path.to_owned()));
        let ask = Ask { at, ..Ask::plainly(same_again(&known.requested), request.buyer.clone()) };
        match self.ask_to_be_paid(&request.who, ask, None).await {
            Ok(fresh) => refusal(Box::new(fresh)),
            Err(error) => error.into(),
        }
    }

    /// What the payment promised, given now unless it was before.
    async fn given(&self, who: &Principal, known: &Known) -> Result<(Gave, Head), Error> {
        if let Some(gave) = &known.state.gave {
            return Ok((gave.clone(), self.engine().head()));
        }
        let cause = self.cause_of(&stream(&known.at)).await?;
        let PaymentRef { tenant, id } = known.at.clone();
        let done = self.command(who, Fulfil { tenant, payment: id }, cause, None).await?;
        let consumed = done.events.iter().find_map(|fact| match &fact.event {
            Event::Payment(payment::Event::Consumed(consumed)) => Some(consumed.gave.clone()),
            _ => None,
        });
        let gave = match consumed {
            Some(gave) => Some(gave),
            // Somebody else was quicker.
            None => self.known(&known.at).await?.state.gave,
        };
        Ok((gave.ok_or(Error::Interrupted)?, done.head))
    }

    async fn used(
        &self,
        who: &Principal,
        known: &Known,
        id: EntitlementId,
        request: &UseRequest,
    ) -> Result<(Opens, Head), Refusal> {
        match self.use_once(who, known, id, request).await {
            Ok(opened) => Ok(opened),
            Err(error) => Err(match error.rejection() {
                Some(Rejection::EntitlementUsedUp) => {
                    self.fresh(known, request, Refusal::UsedUp).await
                }
                Some(Rejection::EntitlementEnded) => {
                    self.fresh(known, request, Refusal::Expired).await
                }
                Some(Rejection::EntitlementRevoked) => {
                    self.fresh(known, request, Refusal::Revoked).await
                }
                _ => error.into(),
            }),
        }
    }

    async fn use_once(
        &self,
        who: &Principal,
        known: &Known,
        id: EntitlementId,
        request: &UseRequest,
    ) -> Result<(Opens, Head), Error> {
        if matches!(known.requested.promise, Promise::Access { uses: None, .. }) {
            let head = self.engine().head();
            return Ok((self.pass(known, id).await?, head));
        }
        let tenant = known.at.tenant.clone();
        let wish =
            UseEntitlement { tenant, entitlement: id.clone(), same: self.same(who, request)? };
        let done = self.command(who, wish, None, None).await?;
        Ok((self.opened(known, id, &done).await?, done.head))
    }

    /// A pass says nothing when it is used, so it need not wait for others' facts to be on disk: the
    /// rules are asked over what the engine has in memory.
    async fn pass(&self, known: &Known, entitlement: EntitlementId) -> Result<Opens, Error> {
        let stream = Stream::new(Kind::Entitlement, &known.at.tenant, &entitlement);
        let slot = self.engine().look(&stream).await?.ok_or(Rejection::EntitlementNotFound)?;
        if let Some(frozen) = slot.frozen {
            return Err(Rejection::StreamFrozen { stream, position: frozen.position }.into());
        }
        let State::Entitlement(state) = slot.state else {
            return Err(Rejection::EntitlementNotFound.into());
        };
        let moment = self.moment();
        let settings = self.engine().directory().settings();
        match state.use_once(Hash::ZERO, moment, &settings)? {
            Use::Pass => {
                Ok(Opens::Pass { entitlement, until: state.granted.and_then(|it| it.until) })
            }
            Use::Counts(_) => Err(Error::Interrupted),
        }
    }

    async fn opened(
        &self,
        known: &Known,
        entitlement: EntitlementId,
        done: &Done,
    ) -> Result<Opens, Error> {
        match done.events.first().map(|fact| &fact.event) {
            Some(Event::Entitlement(entitlement::Event::Used(used))) => {
                let (number, left) = (used.number, used.left);
                Ok(Opens::Use { entitlement, number, left, repeated: false })
            }
            Some(Event::Entitlement(entitlement::Event::Repeated(repeated))) => {
                let left = self.entitlement(known, &entitlement).await?.left().unwrap_or(0);
                Ok(Opens::Use { entitlement, number: repeated.number, left, repeated: true })
            }
            _ => {
                let state = self.entitlement(known, &entitlement).await?;
                let until = state.granted.and_then(|granted| granted.until);
                Ok(Opens::Pass { entitlement, until })
            }
        }
    }

    async fn entitlement(&self, known: &Known, id: &EntitlementId) -> Result<Entitlement, Error> {
        let stream = Stream::new(Kind::Entitlement, &known.at.tenant, id);
        match self.engine().look(&stream).await?.map(|slot| slot.state) {
            Some(State::Entitlement(state)) => Ok(*state),
            _ => Err(Rejection::EntitlementNotFound.into()),
        }
    }
}

/// A purpose that asks for what was asked for before.
fn same_again(requested: &Requested) -> Purpose {
    let Requested { promise, account, offer, price, .. } = requested.clone();
    match (offer, promise) {
        (Some(offer), _) => Purpose::Offer { offer: offer.id, quantity: 1, account },
        (None, Promise::Credit { account, pool, expires_after_seconds, .. }) => {
            Purpose::TopUp { account, price, pool, expires_after_seconds }
        }
        (None, Promise::Nothing {} | Promise::Access { .. }) => Purpose::Plain { price, account },
    }
}

impl Service {
    /// What makes two uses the same one. Without an id that somebody we trust gave the request, no two
    /// are: a buyer could otherwise use everything several times.
    fn same(&self, who: &Principal, request: &UseRequest) -> Result<Hash, Error> {
        let Principal::Token { token, .. } = who else { return Err(Error::NoTenant) };
        let nonce = match &request.request_id {
            Some(_) => None,
            None => Some(self.random::<16>()?),
        };
        let parts: [&[u8]; 6] = [
            &token.0,
            request.method.as_bytes(),
            request.path.as_bytes(),
            request.request_id.as_deref().unwrap_or_default().as_bytes(),
            request.body_digest.as_ref().map_or(&[], |digest| &digest.0),
            nonce.as_ref().map_or(&[], |nonce| &nonce.0),
        ];
        let mut hash = Sha256::new_with_prefix(LABEL);
        for part in parts {
            // With its length, so that no two lists of parts are the same bytes.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Ok(Bytes(hash.finalize().into()))
    }
}
