//! How a tenant bills: looked at as it is now, and what it was changed to before.

use piperoll_domain::{
    billing::{Billing, InForce},
    book::{Slot, State},
    claim::Claim,
    event::Idempotency,
    id::{Kind, Stream, TenantId},
    operation::{OpenSeededTenant, OpenTenant},
    time::Moment,
};

use crate::{
    config::Seed,
    engine::Done,
    service::{Error, Principal, Service},
};

impl Service {
    /// How a tenant bills now: the roll's word, never a view's. Another tenant's does not exist.
    pub async fn billing(&self, who: &Principal, tenant: &TenantId) -> Result<InForce, Error> {
        let open = self.engine().directory().opened(tenant).is_some();
        if !open || who.tenant().is_some_and(|own| own != tenant) {
            return Err(Error::TenantNotFound { tenant: tenant.clone() });
        }
        match self.engine().look(&Stream::new(Kind::Billing, tenant, tenant)).await? {
            Some(Slot { state: State::Billing(state), .. }) => Ok(*state),
            _ => Ok(InForce::default()),
        }
    }

    /// Opens a tenant. The first of the roll bills as the environment says, if it does; that stands in
    /// the same append, so that there is no second time.
    pub async fn open_tenant(
        &self,
        who: &Principal,
        open: OpenTenant,
        key: Option<Idempotency>,
    ) -> Result<Done, Error> {
        let Some(Seed { mode, reason }) = self.settings().seed.clone() else {
            return self.execute(who, open, key).await;
        };
        let _alone = self.0.opening.lock().await;
        if self.engine().directory().tenants().next().is_some() {
            return self.execute(who, open, key).await;
        }
        tracing::warn!(tenant = %open.tenant, mode = mode.as_str(), "BILLING_MODE seeds billing");
        let billing = Billing { mode, ..Billing::default() };
        self.execute(who, OpenSeededTenant { open, billing, reason }, key).await
    }

    /// What a change was answered with that was made before under this key; none if that is so long
    /// ago that the key counts no more. Whatever a change has to pass, its repeat has passed.
    pub async fn billing_changed_before(
        &self,
        tenant: &TenantId,
        key: &Idempotency,
    ) -> Result<Option<Done>, Error> {
        let engine = self.engine();
        match engine.taker(&Claim::idempotency(tenant, key)).await? {
            Some(taker) => Ok(engine.first_answer(&taker, key).await?),
            None => Ok(None),
        }
    }

    /// What time it is, as far as the clock is believed.
    pub fn moment(&self) -> Moment {
        self.engine().clock().moment()
    }
}
