//! A pair: two units set aside, one of them charged, the other given back. Two events, which are known
//! by the reservation's random name; in `keyed` pairs each under a random key too.

use piperoll_domain::{
    billing::{Billing, Mode},
    draft::Meta,
    id::{Pool, ReservationId, TenantId},
    money::{Amount, Money},
    operation::{ChangeBilling, Command, Finalize, Operation, Reserve},
};

use crate::{
    bench::{
        BoxError, Caller, Error, Random, Stock,
        bare::{command, key},
        failed,
    },
    engine::Engine,
};

/// How long a reservation lasts: longer than any group waits.
const TTL_SECONDS: u32 = 3_600;

/// From here on the tenant demands credit.
pub(super) async fn demand(engine: &Engine, tenant: &TenantId) -> Result<(), Error> {
    let billing = Billing { mode: Mode::Live, ..Billing::default() };
    let (tenant_of, reason) = (tenant.clone(), "a bench".to_owned());
    let wish = ChangeBilling { tenant: tenant_of, billing, over: None, reason };
    let command = command(tenant, wish.into(), Random::seeded()?.id(), None);
    engine.execute(command).await.map_err(failed("demand credit"))?;
    Ok(())
}

/// A caller in this process who reserves and finalizes, over and over.
#[derive(Debug)]
pub(super) struct Pair {
    engine: Engine,
    stock: Stock,
    random: Random,
    /// Whether each command has a key beside the reservation's name.
    is_keyed: bool,
}

impl Pair {
    /// A caller whose keys and reservations nobody else uses.
    pub(super) fn new(engine: &Engine, stock: &Stock, random: &mut Random, is_keyed: bool) -> Self {
        Self { engine: engine.clone(), stock: stock.clone(), random: random.fork(), is_keyed }
    }

    /// The next pair, in any of the accounts.
    fn pair(&mut self) -> Result<(Reserve, Finalize), BoxError> {
        let tenant = self.stock.tenant.clone();
        let account = self.stock.accounts[self.random.below(self.stock.accounts.len())].clone();
        let reservation: ReservationId = format!("rsv_{}", self.random.id()).parse()?;
        let finalize = Finalize {
            tenant: tenant.clone(),
            account: Some(account.clone()),
            reservation: reservation.clone(),
            cost: units(1),
            ceiling: None,
        };
        let reserve = Reserve {
            tenant,
            account,
            reservation,
            amount: units(2),
            is_estimate: false,
            pool: Pool::general(),
            ttl_seconds: Some(TTL_SECONDS),
            reference: None,
            ceiling: None,
        };
        Ok((reserve, finalize))
    }

    fn command(&mut self, operation: &str, wish: impl Into<Operation>) -> Command {
        let key = self.is_keyed.then(|| key(operation, &mut self.random));
        command(&self.stock.tenant, wish.into(), self.random.id(), key)
    }
}

fn units(count: u64) -> Money {
    Money::msat(Amount::new(count).unwrap_or(Amount::ZERO))
}

impl Caller for Pair {
    async fn call(&mut self) -> Result<u64, BoxError> {
        let (reserve, finalize) = self.pair()?;
        let reserve = self.command("credits.reserve", reserve);
        let correlation = reserve.meta.correlation;
        self.engine.execute(reserve).await?;
        let finalize = self.command("credits.finalize", finalize);
        let meta = Meta { correlation, ..finalize.meta };
        self.engine.execute(Command { meta, ..finalize }).await?;
        Ok(1)
    }
}
