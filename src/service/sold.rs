//! A payment of ours as its provider names it: what its own news would give credit under.

use piperoll_domain::{
    account::SourceKind,
    book::{Slot, State},
    claim::Claim,
    event::Recorded,
    id::{AccountId, Kind, PaymentId, TenantId},
    money::Money,
    operation::{BY_PROVIDER, Mint, Operation, Wish},
    payment::{PaymentRef, Promise},
};

use crate::service::{Error, Principal, Service};

/// A payment of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    /// Our name for it, under which its credit is given.
    pub payment: PaymentId,
    /// What it costs.
    pub price: Money,
    /// For whose credit it is, if it gives any.
    pub account: Option<AccountId>,
}

impl Sold {
    /// The name of a source that is a payment which only its provider knows.
    pub fn name_by_provider(id: &str) -> String {
        format!("{BY_PROVIDER}{id}")
    }

    /// The provider's name in the name of such a source.
    pub fn by_provider(source: &str) -> Option<&str> {
        source.strip_prefix(BY_PROVIDER)
    }
}

impl Service {
    /// Calls the sources of credit by hand that are payments of ours by our names for them. Every
    /// caller's wishes come through here, so that of one payment there is one lot, whichever name and
    /// whichever way it is given by.
    pub(super) async fn name_sources(&self, operation: &mut Operation) -> Result<(), Error> {
        match operation {
            Operation::Mint(mint) => self.name_source(mint).await,
            Operation::Batch(batch) => {
                for item in &mut batch.items {
                    if let Wish::Mint(mint) = &mut item.wish {
                        self.name_source(mint).await?;
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn name_source(&self, mint: &mut Mint) -> Result<(), Error> {
        let Some(theirs) = Sold::by_provider(&mint.source.id) else { return Ok(()) };
        let Some(sold) = self.sold_as(&mint.tenant, theirs).await? else { return Ok(()) };
        if self.has_given(&mint.tenant, &mint.source.id).await? {
            return Ok(());
        }
        if is_paid(mint.source.kind) {
            mint.cost = mint.cost.or(Some(sold.price));
        }
        mint.source.id = sold.payment.to_string();
        Ok(())
    }

    /// Whether a lot stands under this name already, given before we knew the payment by it.
    async fn has_given(&self, tenant: &TenantId, source: &str) -> Result<bool, Error> {
        for kind in [SourceKind::Deposit, SourceKind::Purchase] {
            let claim = Claim::Source { tenant: tenant.clone(), kind, id: source.to_owned() };
            if self.engine().taker(&claim).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The tenant's payment that a provider calls so; none that we asked for.
    pub async fn sold_as(&self, tenant: &TenantId, id: &str) -> Result<Option<Sold>, Error> {
        let directory = self.engine().directory();
        let names: Vec<_> = directory.connections().map(|(name, _)| name).collect();
        for connection in names {
            let claim = Claim::ProviderPayment { connection, id: id.to_owned() };
            let Some(taker) = self.engine().taker(&claim).await? else { continue };
            let ours = taker.stream.tenant == *tenant && taker.stream.kind == Kind::Payment;
            if ours {
                let payment = PaymentId::from(&taker.stream.id);
                return self
                    .what_was_sold(PaymentRef { tenant: tenant.clone(), id: payment })
                    .await;
            }
        }
        Ok(None)
    }

    async fn what_was_sold(&self, at: PaymentRef) -> Result<Option<Sold>, Error> {
        let slot = self.engine().look(&super::render::stream(&at)).await?;
        let Some(Slot { state: State::Payment(state), .. }) = slot else { return Ok(None) };
        let requested = state.must_exist()?;
        let account = match &requested.promise {
            Promise::Credit { account, .. } => Some(account.clone()),
            Promise::Nothing {} | Promise::Access { .. } => None,
        };
        Ok(Some(Sold { payment: at.id, price: requested.price, account }))
    }

    /// The fact at a position, if it is of whom the caller acts for.
    pub async fn own_fact(
        &self,
        who: &Principal,
        position: u64,
    ) -> Result<Option<Recorded>, Error> {
        let fact = self.fact(position).await?;
        let own = who.tenant().is_none_or(|tenant| *tenant == fact.envelope.tenant);
        Ok(own.then_some(fact))
    }
}

const fn is_paid(kind: SourceKind) -> bool {
    matches!(kind, SourceKind::Deposit | SourceKind::Purchase)
}
