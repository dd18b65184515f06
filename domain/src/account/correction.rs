//! Credit that is owed, taken back, should never have been, or went elsewhere.

use serde::{Deserialize, Serialize};

use crate::{
    account::{Part, SourceKind},
    billing::Shares,
    id::{AccountId, LotId, Pool, RefundId, TransferId},
    money::{Amount, Money},
    time::Time,
};

/// Why something is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// More was used than there was.
    Overrun {},
    /// Used credit was taken back.
    Clawback {
        /// Of which lot.
        lot: LotId,
    },
}

/// What an account owes from here on. Credit that could have been used for it repays it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debt {
    /// In which pool it counts.
    pub pool: Pool,
    /// How much.
    pub amount: Amount,
    /// How much the pool owes by now in all.
    pub owed: Amount,
    /// Why.
    pub cause: Cause,
}

/// What a pool owes no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repaid {
    /// In which pool it counted.
    pub pool: Pool,
    /// How much.
    pub amount: Amount,
    /// How much the pool still owes.
    pub owed: Amount,
}

/// New credit went to what was owed, before anybody could use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebtRepaid {
    /// How much in all.
    pub total: Money,
    /// Out of which lot.
    pub part: Part,
    /// Of which pools.
    pub debts: Vec<Repaid>,
    /// Who shares in what is collected now.
    pub shares: Option<Shares>,
}

/// Credit was taken back: what is there at once, what is reserved once it is free, and what is used
/// as a debt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClawedBack {
    /// The refund that it belongs to, if there is one.
    pub refund: Option<RefundId>,
    /// Of which lot.
    pub lot: LotId,
    /// How much in all.
    pub total: Money,
    /// What was there.
    pub part: Option<Part>,
    /// What is taken once it is free.
    pub awaited: Amount,
    /// What is owed for what is gone.
    pub debt: Option<Debt>,
    /// What the three give back of what they got for it.
    pub reversed: Option<Shares>,
    /// The lot as it ended, where nothing of it was left to remember.
    pub past: Option<Past>,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// A lot of which nothing is left, told again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Position of its mint.
    pub position: u64,
    /// What it began with.
    pub minted: Amount,
    /// How much of it lapsed; the rest was used.
    pub expired: Amount,
    /// What all of it cost.
    pub cost: Option<Money>,
    /// Where it lay.
    pub pool: Pool,
    /// Until when it could be spent.
    pub expires_at: Option<Time>,
    /// Where it came from.
    pub source: SourceKind,
    /// Where it first came from.
    pub origin: SourceKind,
    /// Whether it came with a payment that piperoll took.
    pub by_payment: bool,
}

/// A lot should never have been: what was left of it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotVoided {
    /// In which commodity.
    pub amount: Money,
    /// Which lot, and its share of the cost.
    pub part: Part,
    /// Whether it came with a payment that piperoll took.
    pub by_payment: bool,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// One lot's part of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debit {
    /// The lot's part.
    pub part: Part,
    /// Until when it can be spent, there as here.
    pub expires_at: Option<Time>,
    /// Where it first came from.
    pub origin: SourceKind,
    /// Whether it came with a payment that piperoll took.
    pub by_payment: bool,
}

/// Credit went to another account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferredOut {
    /// Its name.
    pub transfer: TransferId,
    /// To whom.
    pub to: AccountId,
    /// How much in all.
    pub total: Money,
    /// From which lots, in the order in which they were taken.
    pub debits: Vec<Debit>,
    /// The policy that chose the order.
    pub order: crate::account::Order,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// Where a lot that was received was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// In whose account.
    pub account: AccountId,
    /// Part of which lot.
    pub lot: LotId,
    /// Where it first came from.
    pub source: SourceKind,
    /// Whether it came with a payment that piperoll took.
    pub by_payment: bool,
}

/// Credit came from another account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotReceived {
    /// Its name here.
    pub lot: LotId,
    /// How much.
    pub amount: Money,
    /// By which transfer.
    pub transfer: TransferId,
    /// Where it was before.
    pub origin: Origin,
    /// Where it lies.
    pub pool: Pool,
    /// Until when it can be spent; none for ever.
    pub expires_at: Option<Time>,
    /// What this much of it cost.
    pub cost: Option<Money>,
}
