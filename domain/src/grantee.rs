//! A grantee: what one account got of one campaign.
//!
//! One stream for each pair, so that neither a campaign with a million accounts nor an account in a
//! thousand campaigns has a state that grows.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    book::Broken,
    bytes::Bytes,
    id::{AccountId, CampaignId, GrantId, Id, LotId, Pool},
    money::{Amount, Money},
    rejection::Rejection,
    time::Time,
    wire::events,
};

/// Names the pair of a campaign and an account: half of a digest, for both names together may be
/// longer than a stream's can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GranteeId(Id);

impl GranteeId {
    /// First 16 bytes of SHA-256("piperoll.grantee.v1" ‖ campaign ‖ "/" ‖ account), as hexadecimal
    /// digits. No name contains a slash.
    pub fn of(campaign: &CampaignId, account: &AccountId) -> Self {
        let mut digest = Sha256::new_with_prefix("piperoll.grantee.v1");
        digest.update(campaign.as_str());
        digest.update("/");
        digest.update(account.as_str());
        let mut half = [0; 16];
        half.iter_mut().zip(digest.finalize()).for_each(|(byte, of)| *byte = of);
        Self(Id::of_digest(&Bytes(half)))
    }
}

impl From<&GranteeId> for Id {
    fn from(id: &GranteeId) -> Self {
        id.0.clone()
    }
}

impl fmt::Display for GranteeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The account got credit of the campaign, in the append that makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The grant's name.
    pub grant: GrantId,
    /// Of which campaign.
    pub campaign: CampaignId,
    /// To which account.
    pub account: AccountId,
    /// As which lot.
    pub lot: LotId,
    /// How much.
    pub amount: Money,
    /// How much the account got of the campaign in all, with this.
    pub total: Amount,
    /// Where the credit lies.
    pub pool: Pool,
    /// Until when it can be used; none for ever.
    pub expires_at: Option<Time>,
}

events!(Grantee {
    /// Credit was given.
    Given = "grant.given.v1",
});

/// What one account got of one campaign.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grantee {
    /// Which two; none before the first grant.
    pub pair: Option<(CampaignId, AccountId)>,
    /// How much in all.
    pub total: Amount,
}

impl Grantee {
    /// How much it will have got with `amount` more, if its cap allows that.
    pub fn with(&self, amount: Money, cap: Option<Amount>) -> Result<Amount, Rejection> {
        let cap = cap.unwrap_or(Amount::MAX);
        let sum = self.total.checked_add(amount.amount).filter(|sum| *sum <= cap);
        let left = || amount.with(cap.saturating_sub(self.total));
        sum.ok_or_else(|| Rejection::CapExceeded { left: left() })
    }

    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event, stream: &Id) -> Result<(), Broken> {
        let Event::Given(Given { campaign, account, amount, total, .. }) = event;
        let own = Id::from(&GranteeId::of(campaign, account));
        Broken::unless(own == *stream, "a pair has one stream", own, stream)?;
        let sum = self.total.checked_add(amount.amount);
        let adds_up = sum == Some(*total);
        Broken::unless(adds_up, "what an account got adds up", self.total, total)?;
        *self = Self { pair: Some((campaign.clone(), account.clone())), total: *total };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::id;

    /// Frozen: streams are named by it.
    #[test]
    fn a_pairs_name_is_its_digest() {
        let named = |campaign, account| GranteeId::of(&id(campaign), &id(account)).to_string();
        assert_eq!(named("welcome", "alice"), "32266c1344b8ca13737b964f362dcf18");
        assert_ne!(named("ab", "c"), named("a", "bc"));
    }
}
