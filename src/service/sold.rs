//! A payment of ours as its provider names it: what its own news would give credit under.

use piperoll_domain::{
    book::{Slot, State},
    claim::Claim,
    event::Recorded,
    id::{AccountId, Kind, PaymentId, TenantId},
    money::Money,
    operation::BY_PROVIDER,
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
