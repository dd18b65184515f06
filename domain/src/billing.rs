//! How a tenant bills for use: the mode, the bounds, the order of lots, and who shares.
//!
//! A tenant that never said anything bills in shadow: what would have happened is recorded, and no
//! lot is touched.

mod shares;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use shares::{Approved, Cut, Hastened, Proposed, Rejected, Rule, SYSTEM, Shares, Stage};

use crate::{
    account::Order,
    book::Broken,
    event::Envelope,
    id::Pool,
    money::{Amount, Code, Money},
    rejection::Rejection,
    time::Moment,
    wire::events,
};

/// How strictly credit is demanded. Captured on each reservation.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// What would have happened is recorded; no lot and no balance is touched.
    #[default]
    Shadow,
    /// Use is charged; what credit is missing becomes a debt.
    Soft,
    /// Nothing is charged beyond what was reserved, and nothing is reserved that is not there.
    Live,
}

impl Mode {
    /// The word that the API and metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Soft => "soft",
            Self::Live => "live",
        }
    }
}

/// Who sets a ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CeilingOf {
    /// The environment that the process runs in.
    Environment,
    /// The tenant's setting.
    Setting,
}

impl CeilingOf {
    /// The word that answers use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Setting => "setting",
        }
    }
}

/// All of it at once; a change carries the whole new value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Billing {
    /// Off: nothing is reserved and nothing finalized.
    pub enabled: bool,
    /// How strictly credit is demanded of reservations from here on.
    pub mode: Mode,
    /// How long a reservation lasts where nobody says otherwise.
    pub reserve_ttl_seconds: u32,
    /// What an estimate is multiplied by before it is reserved, in ten-thousandths; rounded up.
    pub safety_multiplier_bps: u32,
    /// The most that one reservation, charge or credit by hand may come to, by commodity; none where none stands.
    pub ceilings: BTreeMap<Code, Amount>,
    /// The order in which lots are used, by the pool that is asked for.
    pub orders: BTreeMap<Pool, Order>,
    /// Whether credit that was given, not sold, is shared out too when it is used.
    pub share_gifts: bool,
    /// How long after its approval a rule of shares waits before it holds.
    pub shares_cooldown_seconds: u32,
}

/// 100,000 USD in micro.
const CEILING_USD: u64 = 100_000_000_000;
/// The longest that a reservation can last: a day.
pub const TTL_SECONDS_MAX: u32 = 86_400;
/// A multiplier of one.
const ONE_BPS: u32 = 10_000;

impl Default for Billing {
    fn default() -> Self {
        let ceiling = Amount::new(CEILING_USD).unwrap_or(Amount::MAX);
        Self {
            enabled: true,
            mode: Mode::Shadow,
            reserve_ttl_seconds: 300,
            safety_multiplier_bps: 11_000,
            ceilings: BTreeMap::from([(Code::USD, ceiling)]),
            orders: BTreeMap::new(),
            share_gifts: false,
            shares_cooldown_seconds: 48 * 60 * 60,
        }
    }
}

impl Billing {
    fn check(&self) -> Result<(), Rejection> {
        let refuse = |field, what| Err(Rejection::SettingsContradict { field, what });
        if !(1..=TTL_SECONDS_MAX).contains(&self.reserve_ttl_seconds) {
            return refuse(
                "billing.reserve_ttl_seconds",
                "reserve_ttl_seconds must be between 1 and 86400",
            );
        }
        if !(ONE_BPS..=ONE_BPS.saturating_mul(100)).contains(&self.safety_multiplier_bps) {
            return refuse(
                "billing.safety_multiplier_bps",
                "safety_multiplier_bps must be between 10000 and 1000000",
            );
        }
        if self.ceilings.values().any(|ceiling| ceiling.is_zero()) {
            return refuse("billing.ceilings", "a ceiling must not be zero");
        }
        Ok(())
    }
}

/// An operator changed how a tenant bills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// 1, 2, 3 …
    pub version: u32,
    /// What holds from here on.
    pub billing: Billing,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

events!(Billing {
    /// It changed.
    Changed = "billing.changed.v1",
    /// Somebody wants other shares.
    Proposed = "shares.proposed.v1",
    /// Somebody else agreed.
    Approved = "shares.approved.v1",
    /// Somebody did not.
    Rejected = "shares.rejected.v1",
    /// The wait was cut short.
    Hastened = "shares.hastened.v1",
});

/// How a tenant bills now, and every rule of shares that was ever proposed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// 0 before the first change.
    pub version: u32,
    /// What holds.
    pub billing: Billing,
    /// Rules of shares by their number, which counts from 1.
    pub rules: BTreeMap<u32, Rule>,
}

/// What one decision needs of all that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How strictly credit is demanded.
    pub mode: Mode,
    /// The order of lots.
    pub order: Order,
    /// The rule of shares: its number and what it says.
    pub rule: (u32, Cut),
    /// Whether gifts are shared out.
    pub share_gifts: bool,
}

impl InForce {
    /// What changing to `billing` causes; the same again causes nothing.
    pub fn change(&self, billing: Billing, reason: &str) -> Result<Option<Changed>, Rejection> {
        billing.check()?;
        if billing == self.billing {
            return Ok(None);
        }
        let reason = reason.to_owned();
        Ok(Some(Changed { version: self.version.saturating_add(1), billing, reason }))
    }

    /// What holds for credit of `pool` at that moment.
    pub fn terms(&self, pool: &Pool, moment: Moment) -> Terms {
        Terms {
            mode: self.billing.mode,
            order: self.billing.orders.get(pool).copied().unwrap_or_default(),
            rule: self.rule_at(moment),
            share_gifts: self.billing.share_gifts,
        }
    }

    /// Refuses while billing is off.
    pub fn must_be_on(&self) -> Result<(), Rejection> {
        if self.billing.enabled { Ok(()) } else { Err(Rejection::BillingOff) }
    }

    /// Refuses more than the setting and the environment allow, and says which of them it was.
    pub fn must_be_below_ceiling(
        &self,
        field: &'static str,
        money: Money,
        environment: Option<Money>,
    ) -> Result<(), Rejection> {
        let set = self.billing.ceilings.get(&money.commodity).copied();
        let given = environment.filter(|ceiling| ceiling.commodity == money.commodity);
        let set = set.map(|ceiling| (ceiling, CeilingOf::Setting));
        let given = given.map(|ceiling| (ceiling.amount, CeilingOf::Environment));
        let lowest = set.into_iter().chain(given).min_by_key(|(ceiling, _)| *ceiling);
        match lowest {
            Some((ceiling, of)) if money.amount > ceiling => {
                Err(Rejection::CeilingExceeded { field, ceiling: money.with(ceiling), of })
            }
            _ => Ok(()),
        }
    }

    /// An estimate with the safety that the settings put on it, rounded up.
    pub fn with_safety(&self, estimate: Money) -> Result<Money, Rejection> {
        let bps = u128::from(self.billing.safety_multiplier_bps);
        let product = u128::from(estimate.amount.units()).checked_mul(bps);
        let above = product.and_then(|product| product.checked_add(u128::from(ONE_BPS - 1)));
        let amount = above.and_then(|above| above.checked_div(u128::from(ONE_BPS)));
        let amount = amount.and_then(|amount| u64::try_from(amount).ok()).and_then(Amount::new);
        amount
            .map(|amount| estimate.with(amount))
            .ok_or(Rejection::AmountOverflow { field: "estimate" })
    }

    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event, at: &Envelope) -> Result<(), Broken> {
        match event {
            Event::Changed(Changed { version, billing, .. }) => {
                let next = self.version.saturating_add(1);
                Broken::unless(*version == next, "billing versions are gapless", next, version)?;
                (self.version, self.billing) = (*version, billing.clone());
                Ok(())
            }
            Event::Proposed(proposed) => self.take_proposal(proposed, &at.actor),
            Event::Approved(Approved { rule, from, .. }) => {
                self.move_rule(*rule, "proposed", Stage::Approved { from: *from }, |stage| {
                    matches!(stage, Stage::Proposed {})
                })
            }
            Event::Rejected(Rejected { rule, .. }) => {
                self.move_rule(*rule, "not rejected", Stage::Rejected {}, |stage| {
                    !matches!(stage, Stage::Rejected {})
                })
            }
            Event::Hastened(Hastened { rule, from, .. }) => {
                self.move_rule(*rule, "approved", Stage::Approved { from: *from }, |stage| {
                    matches!(stage, Stage::Approved { .. })
                })
            }
        }
    }
}
