//! The order in which lots are used: a policy that stands in every fact that it decided.

use serde::{Deserialize, Serialize};

use crate::{
    id::{LotId, Pool},
    money::Code,
    time::Time,
};

/// A policy. Lots of the pool that is asked for come before those of the general pool in each.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Order {
    /// Earliest expiry (none last), then oldest, then id.
    #[default]
    #[serde(rename = "pool-expiry-age.v1")]
    PoolExpiryAge,
    /// Oldest, then id.
    #[serde(rename = "pool-age.v1")]
    PoolAge,
}

impl Order {
    /// Every policy.
    pub const ALL: [Self; 2] = [Self::PoolExpiryAge, Self::PoolAge];

    /// Its name in facts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PoolExpiryAge => super::ORDER,
            Self::PoolAge => "pool-age.v1",
        }
    }
}

/// Where a lot lies: what every policy orders by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Lots of one commodity stand together.
    pub commodity: Code,
    /// Lots of one pool stand together.
    pub pool: Pool,
    /// [`Time::MAX`] for a lot that never expires.
    pub expires_at: Time,
    /// Position of its mint.
    pub minted: u64,
    /// The last tie-break.
    pub lot: LotId,
}

/// Where a lot stands under a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    order: Order,
    place: Place,
}

impl Rank {
    pub(super) fn of(order: Order, place: &Place) -> Self {
        let expires_at = match order {
            Order::PoolExpiryAge => place.expires_at,
            Order::PoolAge => Time::EPOCH,
        };
        Self { order, place: Place { expires_at, ..place.clone() } }
    }

    /// Where a lot stands under every policy.
    pub(super) fn all(lot: &super::Lot) -> [Self; 2] {
        Order::ALL.map(|order| Self::of(order, &lot.place))
    }

    /// Before every lot of a pool.
    pub(super) fn before(order: Order, commodity: Code, pool: &Pool) -> Self {
        let expires_at = Time::from_micros(i64::MIN);
        let place =
            Place { commodity, pool: pool.clone(), expires_at, minted: 0, lot: LotId::lowest() };
        Self { order, place }
    }

    pub(super) fn lot(&self) -> &LotId {
        &self.place.lot
    }

    /// Whether both stand in one row.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        self.order == other.order
            && self.place.commodity == other.place.commodity
            && self.place.pool == other.place.pool
    }
}
