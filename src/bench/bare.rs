//! The bare command: one unit spent from one lot, under a random key. One event.

use std::sync::Arc;

use piperoll_domain::{
    account::{Source, SourceKind},
    bytes::{Bytes, Id16},
    draft::Meta,
    event::{Actor, ActorKind, Idempotency},
    id::{AccountId, Pool, TenantId},
    money::{Amount, Code, Money},
    operation::{Command, Mint, OpenTenant, Operation, Spend},
    rejection::Rejection,
    tenant::Opened,
};
use tokio::task::JoinSet;

use super::{BoxError, Caller, Error, failed};
use crate::engine::{self, Engine};

/// The tenant that development begins with.
const TENANT: &str = "dev";
/// What an account holds: more than any bench spends.
pub(super) const HOLDS: u64 = 1 << 40;
/// Accounts that are stocked at once.
pub(super) const AT_ONCE: usize = 1_000;

/// Accounts with one lot each.
#[derive(Debug, Clone)]
pub struct Stock {
    /// Whose they are.
    pub tenant: TenantId,
    /// Their names.
    pub accounts: Arc<[AccountId]>,
}

impl Stock {
    /// Gives so many accounts a lot each, unless they have it.
    pub async fn of(engine: &Engine, accounts: usize) -> Result<Self, Error> {
        let Self { tenant, accounts } = Self::named(accounts)?;
        let mut random = Random::seeded()?;
        if engine.directory().tenant(&tenant).is_none() {
            let wish = open(tenant.clone(), random.id());
            let command = command(&tenant, wish, random.id(), None);
            engine.execute(command).await.map_err(failed("open the tenant"))?;
        }
        for some in accounts.chunks(AT_ONCE) {
            let mut minting = JoinSet::new();
            for account in some {
                let wish = mint(&tenant, account, account.as_str(), HOLDS)?;
                let (engine, command) = (engine.clone(), command(&tenant, wish, random.id(), None));
                minting.spawn(async move { engine.execute(command).await });
            }
            while let Some(minted) = minting.join_next().await {
                match minted.map_err(failed("stock an account"))? {
                    // It was stocked before, by an earlier run over the same roll.
                    Ok(_) | Err(engine::Error::Rejected(Rejection::LotExists)) => {}
                    Err(error) => return Err(failed("stock an account")(error)),
                }
            }
        }
        Ok(Self { tenant, accounts })
    }

    /// What they are called.
    pub(super) fn named(accounts: usize) -> Result<Self, Error> {
        let tenant = TENANT.parse().map_err(failed("name the tenant"))?;
        let names: Result<Vec<AccountId>, _> =
            (0..accounts).map(|number| format!("account_{number:06}").parse()).collect();
        Ok(Self { tenant, accounts: names.map_err(failed("name the accounts"))?.into() })
    }
}

fn open(tenant: TenantId, uid: Id16) -> Operation {
    let opened = Opened {
        uid,
        time_zone: "UTC".to_owned(),
        locale: "en".to_owned(),
        functional_currency: Code::USD,
    };
    OpenTenant { tenant, opened }.into()
}

/// Gives an account a lot; `name` is the lot's, and its source's.
pub(super) fn mint(
    tenant: &TenantId,
    account: &AccountId,
    name: &str,
    units: u64,
) -> Result<Operation, Error> {
    let amount = Amount::new(units).ok_or("too much").map_err(failed("stock an account"))?;
    let wish = Mint {
        tenant: tenant.clone(),
        account: account.clone(),
        lot: format!("lot_{name}").parse().map_err(failed("name a lot"))?,
        amount: Money::msat(amount),
        source: Source { kind: SourceKind::Grant, id: name.to_owned() },
        pool: Pool::general(),
        expires_at: None,
        cost: None,
        reason: "a bench".to_owned(),
        ceiling: None,
    };
    Ok(wish.into())
}

/// A wish of the bench's caller.
pub(super) fn command(
    tenant: &TenantId,
    operation: Operation,
    id: Id16,
    idempotency: Option<Idempotency>,
) -> Command {
    let credential = Some(Bytes([7; 8]));
    let actor = Actor { kind: ActorKind::Key, id: "key_bench".into(), credential };
    let meta = Meta {
        operation: id,
        tenant: tenant.clone(),
        actor,
        correlation: id,
        causation: None,
        idempotency,
        effective_at: None,
    };
    Command { meta, operation }
}

/// Random enough for keys that must differ, and so cheap that it is not what is measured.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Begins where no other begins.
    pub fn seeded() -> Result<Self, Error> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(failed("get random bytes"))?;
        Ok(Self(u64::from_le_bytes(seed)))
    }

    /// The same numbers for the same seed.
    pub const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Another, which begins elsewhere.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.number())
    }

    /// The next number: `SplitMix64`.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `count`.
    pub fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count.max(1)).unwrap_or(1);
        usize::try_from(self.number() % count).unwrap_or(0)
    }

    /// The bytes of a random id.
    pub fn id(&mut self) -> Id16 {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.number().to_le_bytes());
        bytes[8..].copy_from_slice(&self.number().to_le_bytes());
        Bytes(bytes)
    }

    /// A random UUID as a key.
    pub fn key(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.id().0).into_uuid().to_string()
    }
}

/// A caller in this process who puts one bare command after another to the engine.
#[derive(Debug)]
pub struct Bare {
    engine: Engine,
    stock: Stock,
    random: Random,
    spent: Money,
}

impl Bare {
    /// A caller whose keys nobody else uses.
    pub fn new(engine: &Engine, stock: &Stock, random: &mut Random) -> Self {
        let spent = Money::msat(Amount::new(1).unwrap_or(Amount::ZERO));
        Self { engine: engine.clone(), stock: stock.clone(), random: random.fork(), spent }
    }

    /// The next command, of any of the accounts.
    pub fn command(&mut self) -> Command {
        let account = self.random.below(self.stock.accounts.len());
        let wish = Spend {
            tenant: self.stock.tenant.clone(),
            account: self.stock.accounts[account].clone(),
            total: self.spent,
            pool: Pool::general(),
            reference: None,
            ceiling: None,
        };
        let key = key("account.spend", &mut self.random);
        command(&self.stock.tenant, wish.into(), self.random.id(), Some(key))
    }
}

/// A caller's key that nobody used before.
pub(super) fn key(operation: &str, random: &mut Random) -> Idempotency {
    let fingerprint = Bytes([1; 33]);
    Idempotency { operation: operation.into(), key: random.key().into(), fingerprint }
}

impl Caller for Bare {
    async fn call(&mut self) -> Result<u64, BoxError> {
        let command = self.command();
        self.engine.execute(command).await?;
        Ok(1)
    }
}
