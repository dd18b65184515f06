//! What may have happened to an account and its lots.

use serde::{Deserialize, Serialize};

use super::{
    ClawedBack, DebtRepaid, Finalized, LotReceived, LotVoided, Released, Reserved, ShadowFinalized,
    ShadowReleased, ShadowReserved, TransferredOut,
};
use crate::{
    id::{LotId, PaymentId, Pool, ReservationId},
    money::{Amount, Money},
    offer::OfferRef,
    time::Time,
    wire::events,
};

/// Where a lot comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// Money that was paid in.
    Deposit,
    /// Given, not sold.
    Grant,
    /// An offer that was bought.
    Purchase,
    /// Moved from another account.
    TransferIn,
    /// A share of the commons.
    CommonsDividend,
    /// Suspended money that a review applied.
    Review,
}

impl SourceKind {
    /// The word that stands in claims and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deposit => "deposit",
            Self::Grant => "grant",
            Self::Purchase => "purchase",
            Self::TransferIn => "transfer_in",
            Self::CommonsDividend => "commons_dividend",
            Self::Review => "review",
        }
    }
}

/// Where a lot comes from, by name. A tenant's source can be claimed once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Of what kind.
    pub kind: SourceKind,
    /// Which one.
    pub id: String,
}

/// What the name of a source begins with that nobody named.
const UNNAMED: &str = "manual:";

impl Source {
    /// A source that nobody named; `apart` tells it from all others.
    pub fn unnamed(kind: SourceKind, apart: &str) -> Self {
        Self { kind, id: format!("{UNNAMED}{apart}") }
    }

    /// Whether its name is of the sort that is made up where nobody gave one.
    pub fn is_unnamed(&self) -> bool {
        self.id.starts_with(UNNAMED)
    }
}

/// The account was opened by command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {}

/// Credit came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotMinted {
    /// Its name.
    pub lot: LotId,
    /// How much.
    pub amount: Money,
    /// Where it comes from.
    pub source: Source,
    /// Where it lies.
    pub pool: Pool,
    /// Until when it can be spent; none for ever.
    pub expires_at: Option<Time>,
    /// What was paid for all of it; none for credit that was given.
    pub cost: Option<Money>,
    /// Under which offer.
    pub offer: Option<OfferRef>,
    /// By which payment.
    pub payment: Option<PaymentId>,
    /// Why, where a person did it. Plain text, no place for personal data.
    pub reason: Option<String>,
}

/// One lot's part of a movement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which lot.
    pub lot: LotId,
    /// How much of it.
    pub amount: Amount,
    /// How much of it remains, available and reserved.
    pub left: Amount,
    /// Its share of the lot's cost.
    pub cost: Option<Money>,
    /// Where the lot comes from.
    pub source: SourceKind,
    /// Where it lies.
    pub pool: Pool,
}

/// Credit was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// How much in all.
    pub total: Money,
    /// From which lots, in the order in which they were taken.
    pub parts: Vec<Part>,
    /// The policy that chose the order.
    pub order: String,
    /// The caller's own name for the use; opaque, no personal data.
    pub reference: Option<String>,
}

/// What was left of a lot lapsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotExpired {
    /// In which commodity.
    pub amount: Money,
    /// Which lot, and its share of the cost.
    pub part: Part,
}

impl Event {
    /// The reservation that it begins or ends, if it does.
    pub fn reservation(&self) -> Option<&ReservationId> {
        match self {
            Self::Reserved(said) => Some(&said.reservation),
            Self::Finalized(said) => Some(&said.reservation),
            Self::Released(said) => Some(&said.reservation),
            Self::ShadowReserved(said) => Some(&said.reservation),
            Self::ShadowFinalized(said) => Some(&said.reservation),
            Self::ShadowReleased(said) => Some(&said.reservation),
            Self::Opened(_)
            | Self::LotMinted(_)
            | Self::LotReceived(_)
            | Self::Spent(_)
            | Self::LotExpired(_)
            | Self::LotVoided(_)
            | Self::DebtRepaid(_)
            | Self::ClawedBack(_)
            | Self::TransferredOut(_) => None,
        }
    }

    /// The lots that it touches, some perhaps twice.
    pub fn lots(&self) -> Vec<&LotId> {
        match self {
            Self::LotMinted(minted) => vec![&minted.lot],
            Self::LotReceived(received) => vec![&received.lot],
            Self::Spent(spent) => of(&spent.parts).collect(),
            Self::LotExpired(LotExpired { part, .. })
            | Self::LotVoided(LotVoided { part, .. })
            | Self::DebtRepaid(DebtRepaid { part, .. }) => vec![&part.lot],
            Self::ClawedBack(clawed) => vec![&clawed.lot],
            Self::TransferredOut(out) => out.debits.iter().map(|debit| &debit.part.lot).collect(),
            Self::Reserved(reserved) => reserved.held.iter().map(|held| &held.lot).collect(),
            Self::Finalized(said) => {
                let Finalized { parts, returned, clawed_back, .. } = &**said;
                let returned = returned.iter().map(|held| &held.lot);
                of(parts).chain(returned).chain(of(clawed_back)).collect()
            }
            Self::Released(Released { returned, clawed_back, .. }) => {
                returned.iter().map(|held| &held.lot).chain(of(clawed_back)).collect()
            }
            Self::Opened(_)
            | Self::ShadowReserved(_)
            | Self::ShadowFinalized(_)
            | Self::ShadowReleased(_) => vec![],
        }
    }
}

fn of(parts: &[Part]) -> impl Iterator<Item = &LotId> {
    parts.iter().map(|part| &part.lot)
}

events!(Account {
    /// Opened by command.
    Opened = "account.opened.v1",
    /// Credit came to be.
    LotMinted = "lot.minted.v1",
    /// Credit was used.
    Spent = "credit.spent.v1",
    /// What was left of a lot lapsed.
    LotExpired = "lot.expired.v1",
    /// Credit was set aside.
    Reserved = "credit.reserved.v1",
    /// The work was done, and this is what it cost.
    Finalized in Box = "credit.finalized.v1",
    /// Credit that was set aside is free again.
    Released = "credit.released.v1",
    /// What would have been set aside.
    ShadowReserved = "credit.shadow_reserved.v1",
    /// What would have been charged.
    ShadowFinalized = "credit.shadow_finalized.v1",
    /// The end of what would have been set aside.
    ShadowReleased = "credit.shadow_released.v1",
    /// New credit went to what was owed.
    DebtRepaid = "debt.repaid.v1",
    /// Credit was taken back.
    ClawedBack in Box = "lot.clawed_back.v1",
    /// A lot should never have been.
    LotVoided = "lot.voided.v1",
    /// Credit went to another account.
    TransferredOut = "credit.transferred_out.v1",
    /// Credit came from another account.
    LotReceived = "lot.received.v1",
});
