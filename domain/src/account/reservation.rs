//! Credit that is set aside before the work, and what became of it.

use serde::{Deserialize, Deserializer, Serialize};
use smallvec::{Array, SmallVec};

use crate::{
    account::{Debt, Order, Part, SourceKind},
    billing::{Mode, Shares},
    id::{LotId, Pool, ReservationId},
    money::{Amount, Money},
    time::Time,
};

/// So much of a lot, set aside or given back. Nothing has left the lot, so nothing of its cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which lot.
    pub lot: LotId,
    /// How much of it.
    pub amount: Amount,
    /// Where the lot comes from.
    pub source: SourceKind,
    /// Where it lies.
    pub pool: Pool,
}

/// What is held of lots: mostly of one.
pub type Holds = SmallVec<[Held; 1]>;

/// What was used of what was held: mostly of one lot.
pub type Parts = SmallVec<[Part; 1]>;

/// Reads as a vector is read, which makes no room for more than there are, whatever the bytes promise.
fn in_place<'de, D: Deserializer<'de>, A: Array>(from: D) -> Result<SmallVec<A>, D::Error>
where
    A::Item: Deserialize<'de>,
{
    Vec::deserialize(from).map(|all| all.into_iter().collect())
}

/// Credit was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// Its name.
    pub reservation: ReservationId,
    /// How strictly credit is demanded; captured here. Never `shadow`.
    pub mode: Mode,
    /// What the caller thought it would cost, where that was multiplied by a safety.
    pub estimate: Option<Money>,
    /// What was to be set aside.
    pub wanted: Money,
    /// What was; less than wanted only in soft mode.
    pub total: Money,
    /// From which lots, in the order in which they were taken.
    #[serde(deserialize_with = "in_place")]
    pub held: Holds,
    /// The pool that was asked for.
    pub pool: Pool,
    /// The policy that chose the order.
    pub order: Order,
    /// When it ends if nobody ends it before.
    pub expires_at: Time,
    /// The caller's own name for the use; opaque, no personal data.
    pub reference: Option<String>,
}

/// The work was done, and this is what it cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finalized {
    /// Which reservation.
    pub reservation: ReservationId,
    /// The mode that it was made in.
    pub mode: Mode,
    /// What had been set aside.
    pub reserved: Money,
    /// Of which lots.
    #[serde(deserialize_with = "in_place")]
    pub held: Holds,
    /// What the work cost.
    pub cost: Money,
    /// What was charged: the parts, and in soft mode the debt for what was missing.
    pub charged: Money,
    /// How much more it cost than was set aside.
    pub overrun: Amount,
    /// How much of that nobody pays, in live mode.
    pub uncollected: Amount,
    /// What was used, from which lots: those that were held first.
    #[serde(deserialize_with = "in_place")]
    pub parts: Parts,
    /// What was given back to which lots.
    #[serde(deserialize_with = "in_place")]
    pub returned: Holds,
    /// What was taken back as soon as it was free.
    pub clawed_back: Vec<Part>,
    /// What nobody had.
    pub debts: Vec<Debt>,
    /// Who shares in what was collected.
    pub shares: Option<Shares>,
    /// The policy that chose the order of what was used beyond the reservation.
    pub order: Order,
    /// The caller's own name for the use, as the reservation has it.
    pub reference: Option<String>,
}

/// Why a reservation ended without a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Somebody said so.
    Released,
    /// Its time was over.
    Expired,
}

/// Credit that was set aside is free again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// Which reservation.
    pub reservation: ReservationId,
    /// The mode that it was made in.
    pub mode: Mode,
    /// Why.
    pub why: Why,
    /// What had been set aside.
    pub total: Money,
    /// What was given back to which lots.
    #[serde(deserialize_with = "in_place")]
    pub returned: Holds,
    /// What was taken back as soon as it was free.
    pub clawed_back: Vec<Part>,
}

/// In shadow mode: what would have been set aside. Touches no lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowReserved {
    /// Its name.
    pub reservation: ReservationId,
    /// What the caller thought it would cost, where that was multiplied by a safety.
    pub estimate: Option<Money>,
    /// What would have been set aside.
    pub wanted: Money,
    /// How much of it was not there: more than nothing would have been a 402 in live mode.
    pub missing: Amount,
    /// The pool that was asked for.
    pub pool: Pool,
    /// When it ends if nobody ends it before.
    pub expires_at: Time,
    /// The caller's own name for the use; opaque, no personal data.
    pub reference: Option<String>,
}

/// In shadow mode: what would have been charged. Touches no lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowFinalized {
    /// Which reservation.
    pub reservation: ReservationId,
    /// What would have been set aside.
    pub reserved: Money,
    /// What the work cost.
    pub cost: Money,
    /// How much more it cost than would have been set aside.
    pub overrun: Amount,
    /// How much of what it cost is not there now.
    pub missing: Amount,
    /// The caller's own name for the use, as the reservation has it.
    pub reference: Option<String>,
}

/// In shadow mode: the end of a reservation without a charge. Touches no lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowReleased {
    /// Which reservation.
    pub reservation: ReservationId,
    /// Why.
    pub why: Why,
    /// What would have been set aside.
    pub total: Money,
}

/// An open reservation, as its account knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The mode that it was made in.
    pub mode: Mode,
    /// What is set aside; in shadow mode, what would be.
    pub total: Money,
    /// From which lots, in the order in which they were taken. Nothing in shadow mode.
    #[serde(deserialize_with = "in_place")]
    pub held: Holds,
    /// The pool that was asked for.
    pub pool: Pool,
    /// When it ends if nobody ends it before.
    pub expires_at: Time,
    /// The caller's own name for the use.
    pub reference: Option<String>,
}
