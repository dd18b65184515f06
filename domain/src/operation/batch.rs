//! Several wishes of one tenant at once: what they say lands together or not at all.

use std::collections::BTreeSet;

use crate::{
    account::SourceKind,
    claim::{Claim, lasting},
    draft::{Draft, Need, Repeat, Stop},
    event::Idempotency,
    id::TenantId,
    operation::{Finalize, GrantCredit, Mint, OpenAccount, Operation, Release, Reserve, Spend},
    rejection::Rejection,
};

/// Wishes that stand or fall together. Each has a key of its own, under which it can be asked
/// again: alone, or in any batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whose.
    pub tenant: TenantId,
    /// What is wished for, in this order.
    pub items: Vec<Item>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The caller's key for it; no two items of a batch have the same.
    pub key: Idempotency,
    /// Who took the key so long ago that it counts no more.
    pub forgotten: Option<u64>,
    /// What is wished for.
    pub wish: Wish,
}

/// What may stand in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Open an account.
    OpenAccount(OpenAccount),
    /// Use credit.
    Spend(Spend),
    /// Set credit aside.
    Reserve(Box<Reserve>),
    /// Charge what work cost.
    Finalize(Box<Finalize>),
    /// Give back what was set aside.
    Release(Release),
    /// Give credit.
    Mint(Box<Mint>),
    /// Give credit out of a campaign's budget.
    Grant(GrantCredit),
}

impl From<Wish> for Operation {
    fn from(wish: Wish) -> Self {
        match wish {
            Wish::OpenAccount(wish) => wish.into(),
            Wish::Spend(wish) => wish.into(),
            Wish::Reserve(wish) => Self::Reserve(wish),
            Wish::Finalize(wish) => Self::Finalize(wish),
            Wish::Release(wish) => wish.into(),
            Wish::Mint(wish) => Self::Mint(wish),
            Wish::Grant(wish) => wish.into(),
        }
    }
}

impl Wish {
    const fn tenant(&self) -> &TenantId {
        match self {
            Self::OpenAccount(wish) => &wish.tenant,
            Self::Spend(wish) => &wish.tenant,
            Self::Reserve(wish) => &wish.tenant,
            Self::Finalize(wish) => &wish.tenant,
            Self::Release(wish) => &wish.tenant,
            Self::Mint(wish) => &wish.tenant,
            Self::Grant(wish) => &wish.tenant,
        }
    }

    /// What it is refused with where another item has taken a name.
    fn taken(&self, claim: Claim, position: u64) -> Rejection {
        match self {
            Self::Reserve(_) => Rejection::ReservationExists,
            Self::Grant(_) => Rejection::GrantExists,
            Self::OpenAccount(_)
            | Self::Spend(_)
            | Self::Finalize(_)
            | Self::Release(_)
            | Self::Mint(_) => Rejection::ClaimTaken { claim, position },
        }
    }

    fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        match self {
            Self::OpenAccount(wish) => wish.decide(draft),
            Self::Spend(wish) => wish.decide(draft),
            Self::Reserve(wish) => wish.decide(draft),
            Self::Finalize(wish) => wish.decide(draft),
            Self::Release(wish) => wish.decide(draft),
            Self::Mint(wish) => wish.decide(draft),
            Self::Grant(wish) => wish.decide(draft),
        }
    }
}

impl Batch {
    pub(super) fn decide<'a>(&'a self, draft: &mut Draft<'a>) -> Result<(), Stop> {
        if self.items.iter().any(|item| *item.wish.tenant() != self.tenant) {
            return Err(Rejection::TenantNotFound.into());
        }
        self.must_be_new(draft)?;
        let (mut missing, mut taken) = (vec![], BTreeSet::new());
        for (index, item) in self.items.iter().enumerate() {
            draft.carry(&item.key);
            let before = draft.said().len();
            let decided = item.wish.decide(draft);
            let said = draft.said().iter().skip(before);
            let twice = said.flat_map(lasting).find(|claim| !taken.insert(as_money(claim)));
            let twice = twice.map(|claim| item.wish.taken(claim, draft.next()).into());
            match twice.map_or(decided, Err) {
                Err(Stop::Rejected(refusal)) if missing.is_empty() => {
                    return Err(Rejection::Item { index, refusal: Box::new(refusal) }.into());
                }
                Err(Stop::Missing(needs)) => missing.extend(needs),
                // A refusal may come only of what is missing: it is decided again.
                Ok(()) | Err(Stop::Rejected(_) | Stop::Repeats(_)) => {}
            }
        }
        all_or_missing(missing)
    }

    /// What was done before under its key is not done again, and not a part of this.
    fn must_be_new(&self, draft: &Draft<'_>) -> Result<(), Stop> {
        let (mut missing, mut repeats, mut ours) = (vec![], vec![], BTreeSet::new());
        for (index, item) in self.items.iter().enumerate() {
            let claim = Claim::idempotency(&self.tenant, &item.key);
            if !ours.insert((&item.key.operation, &item.key.key)) {
                let refusal = Box::new(Rejection::ClaimTaken { claim, position: draft.next() });
                return Err(Rejection::Item { index, refusal }.into());
            }
            match draft.claim(&claim) {
                Ok(None) => {}
                Ok(Some(taker)) if item.forgotten == Some(taker.position) => {}
                Ok(Some(taker)) => repeats.push(Repeat { index, taker }),
                Err(Stop::Missing(needs)) => missing.extend(needs),
                Err(stop) => return Err(stop),
            }
        }
        all_or_missing(missing)?;
        if repeats.is_empty() { Ok(()) } else { Err(Stop::Repeats(repeats)) }
    }
}

/// Money comes in once, whether it is called a deposit or a purchase.
fn as_money(claim: &Claim) -> Claim {
    let mut claim = claim.clone();
    if let Claim::Source { kind: kind @ SourceKind::Purchase, .. } = &mut claim {
        *kind = SourceKind::Deposit;
    }
    claim
}

/// All that is missing is told at once, so that it can be read at once.
pub(super) fn all_or_missing(missing: Vec<Need>) -> Result<(), Stop> {
    if missing.is_empty() { Ok(()) } else { Err(Stop::Missing(missing)) }
}
