//! One account that everybody takes from, with a history.

use piperoll_domain::{
    id::{AccountId, Pool, TenantId},
    money::{Amount, Money},
    operation::{Operation, Spend},
};
use tokio::task::JoinSet;

use crate::{
    bench::{
        Error, Random, Stock,
        bare::{AT_ONCE, HOLDS, command, mint},
        failed,
    },
    engine::Engine,
};

/// What many lots hold together: some are used up while it is measured.
const TOGETHER: u64 = 1 << 32;

/// An account under construction.
pub(super) struct Hot<'a> {
    engine: &'a Engine,
    tenant: &'a TenantId,
    account: AccountId,
    random: Random,
}

impl<'a> Hot<'a> {
    fn new(engine: &'a Engine, tenant: &'a TenantId, name: &str) -> Result<Self, Error> {
        let account = name.parse().map_err(failed("name an account"))?;
        Ok(Self { engine, tenant, account, random: Random::seeded()? })
    }

    /// One with one lot.
    pub(super) async fn one(engine: &Engine, tenant: &TenantId) -> Result<Stock, Error> {
        let mut hot = Hot::new(engine, tenant, "hot_1")?;
        hot.mint(1, HOLDS).await?;
        Ok(hot.stock())
    }

    /// One that has had so many lots, all of them used up, and has one.
    pub(super) async fn had(
        engine: &Engine,
        tenant: &TenantId,
        lots: usize,
    ) -> Result<Stock, Error> {
        let mut hot = Hot::new(engine, tenant, &format!("had_{lots}"))?;
        let each = Money::msat(Amount::new(1).unwrap_or(Amount::ZERO));
        let mut left = lots;
        while left > 0 {
            let some = left.min(AT_ONCE);
            hot.mint(some, each.amount.units()).await?;
            let amount = u64::try_from(some).ok().and_then(Amount::new).unwrap_or(each.amount);
            hot.spend(each.with(amount)).await?;
            left = left.saturating_sub(some);
        }
        hot.mint(1, HOLDS).await?;
        Ok(hot.stock())
    }

    /// One that has so many lots.
    pub(super) async fn live(
        engine: &Engine,
        tenant: &TenantId,
        lots: usize,
    ) -> Result<Stock, Error> {
        let mut hot = Hot::new(engine, tenant, &format!("live_{lots}"))?;
        let each = TOGETHER.checked_div(u64::try_from(lots).unwrap_or(u64::MAX));
        hot.mint(lots, each.unwrap_or(TOGETHER).max(1)).await?;
        Ok(hot.stock())
    }

    fn stock(self) -> Stock {
        Stock { tenant: self.tenant.clone(), accounts: [self.account].into() }
    }

    async fn mint(&mut self, lots: usize, units: u64) -> Result<(), Error> {
        let mut left = lots;
        while left > 0 {
            let some = left.min(AT_ONCE);
            let mut minting = JoinSet::new();
            for _ in 0..some {
                let name = self.random.id().to_string();
                let wish = mint(self.tenant, &self.account, &name, units)?;
                let command = command(self.tenant, wish, self.random.id(), None);
                let engine = self.engine.clone();
                minting.spawn(async move { engine.execute(command).await });
            }
            while let Some(minted) = minting.join_next().await {
                minted.map_err(failed("give a lot"))?.map_err(failed("give a lot"))?;
            }
            left = left.saturating_sub(some);
        }
        Ok(())
    }

    /// Uses lots up, in one movement.
    async fn spend(&mut self, total: Money) -> Result<(), Error> {
        let wish: Operation = Spend {
            tenant: self.tenant.clone(),
            account: self.account.clone(),
            total,
            pool: Pool::general(),
            reference: None,
            ceiling: None,
        }
        .into();
        let command = command(self.tenant, wish, self.random.id(), None);
        self.engine.execute(command).await.map_err(failed("use lots up"))?;
        Ok(())
    }
}
