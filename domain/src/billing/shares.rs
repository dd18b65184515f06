//! Who shares in what is used: rules, proposed by one and approved by another, and what they give.
//!
//! A rule holds once its wait is over by recorded time; the newest of them wins. What was approved holds
//! no more once a newer one does, and what is older than an approved one cannot be approved. Rule 0 stands
//! from the beginning: 5 % to the commons, 70 % to the community, the rest to the foundation.

use serde::{Deserialize, Serialize};

use super::InForce;
use crate::{
    book::Broken,
    event::Actor,
    money::Amount,
    rejection::Rejection,
    time::{Moment, Time},
};

/// The three accounts that every tenant has from its beginning: commons, community, foundation.
pub const SYSTEM: [&str; 3] = ["sys-commons", "sys-community-pool", "sys-foundation"];

/// The whole, in ten-thousandths.
const WHOLE_BPS: u32 = 10_000;

/// How use is shared, in ten-thousandths of it. What rounding leaves goes to the foundation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// To the commons.
    pub commons_bps: u32,
    /// To the community.
    pub community_bps: u32,
    /// To the foundation.
    pub foundation_bps: u32,
}

impl Default for Cut {
    fn default() -> Self {
        Self { commons_bps: 500, community_bps: 7_000, foundation_bps: 2_500 }
    }
}

impl Cut {
    fn check(self) -> Result<(), Rejection> {
        let sum = u64::from(self.commons_bps)
            .saturating_add(self.community_bps.into())
            .saturating_add(self.foundation_bps.into());
        let what = "commons_bps, community_bps and foundation_bps must add up to 10000";
        if sum == u64::from(WHOLE_BPS) {
            Ok(())
        } else {
            Err(Rejection::SharesInvalid { field: "foundation_bps", what })
        }
    }

    fn part(base: Amount, bps: u32) -> Amount {
        let of = |units: u32| Amount::new(units.into()).unwrap_or_default();
        base.share(of(bps), of(WHOLE_BPS)).unwrap_or_default()
    }
}

/// What one use, or its reversal, is worth to each of the three. They add up to the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// By which rule; 0 is the one that stands from the beginning.
    pub rule: u32,
    /// How much is shared.
    pub base: Amount,
    /// To `sys-commons`.
    pub commons: Amount,
    /// To `sys-community-pool`.
    pub community: Amount,
    /// To `sys-foundation`.
    pub foundation: Amount,
}

impl Shares {
    /// What a rule gives of `base`; nothing of nothing.
    pub fn of(base: Amount, (rule, cut): (u32, Cut)) -> Option<Self> {
        let commons = Cut::part(base, cut.commons_bps);
        let community = Cut::part(base, cut.community_bps);
        let foundation = base.saturating_sub(commons).saturating_sub(community);
        let shares = Self { rule, base, commons, community, foundation };
        (!base.is_zero()).then_some(shares)
    }

    /// The accounts with what each gets.
    pub fn each(&self) -> [(&'static str, Amount); 3] {
        let [commons, community, foundation] = SYSTEM;
        [(commons, self.commons), (community, self.community), (foundation, self.foundation)]
    }
}

/// Somebody wants other shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    /// 1, 2, 3 …
    pub rule: u32,
    /// What it would say.
    pub cut: Cut,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// Somebody else agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// Which rule.
    pub rule: u32,
    /// What it says.
    pub cut: Cut,
    /// From when it holds.
    pub from: Time,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// Somebody did not agree, or stopped what was approved before it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Which rule.
    pub rule: u32,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// An emergency: an approved rule holds at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hastened {
    /// Which rule.
    pub rule: u32,
    /// From when it would have held.
    pub was: Time,
    /// From when it holds.
    pub from: Time,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// Where a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nobody else has agreed yet.
    Proposed {},
    /// Agreed; it holds from then on.
    Approved {
        /// When its wait is over.
        from: Time,
    },
    /// It will never hold.
    Rejected {},
}

/// A rule of shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// What it says.
    pub cut: Cut,
    /// Who proposed it.
    pub by: Actor,
    /// Where it stands.
    pub stage: Stage,
}

impl InForce {
    /// The rule that holds at that moment.
    pub fn rule_at(&self, moment: Moment) -> (u32, Cut) {
        let holds = |(number, rule): (&u32, &Rule)| match rule.stage {
            Stage::Approved { from } if moment.has_begun(from) => Some((*number, rule.cut)),
            Stage::Approved { .. } | Stage::Proposed {} | Stage::Rejected {} => None,
        };
        self.rules.iter().rev().find_map(holds).unwrap_or((0, Cut::default()))
    }

    /// What proposing a rule causes.
    pub fn propose(&self, cut: Cut, reason: &str) -> Result<Proposed, Rejection> {
        cut.check()?;
        let rule = u32::try_from(self.rules.len()).unwrap_or(u32::MAX).saturating_add(1);
        Ok(Proposed { rule, cut, reason: reason.to_owned() })
    }

    /// What approving it causes, by somebody else than its proposer.
    pub fn approve(
        &self,
        rule: u32,
        by: &Actor,
        reason: &str,
        moment: Moment,
    ) -> Result<Approved, Rejection> {
        let known = self.proposal(rule)?;
        if is_same(&known.by, by) {
            return Err(Rejection::FourEyes);
        }
        let is_approved = |(_, newer): (&u32, &Rule)| matches!(newer.stage, Stage::Approved { .. });
        if self.rules.iter().rev().take_while(|(number, _)| **number > rule).any(is_approved) {
            return Err(Rejection::SharesNotOpen);
        }
        let from = moment.now.plus_seconds(self.billing.shares_cooldown_seconds);
        Ok(Approved { rule, cut: known.cut, from, reason: reason.to_owned() })
    }

    /// What rejecting it causes, until it holds. Its proposer may withdraw it like this, and anybody may
    /// stop what was approved: that is what the wait is for.
    pub fn reject(&self, rule: u32, reason: &str, moment: Moment) -> Result<Rejected, Rejection> {
        let known = self.rules.get(&rule).ok_or(Rejection::SharesNotFound)?;
        match known.stage {
            Stage::Approved { from } if moment.has_begun(from) => Err(Rejection::SharesNotOpen),
            Stage::Rejected {} => Err(Rejection::SharesNotOpen),
            Stage::Proposed {} | Stage::Approved { .. } => {
                Ok(Rejected { rule, reason: reason.to_owned() })
            }
        }
    }

    /// What cutting its wait short causes; one that holds already is left alone. Where a newer one
    /// holds it would change nothing.
    pub fn hasten(
        &self,
        rule: u32,
        reason: &str,
        moment: Moment,
    ) -> Result<Option<Hastened>, Rejection> {
        let known = self.rules.get(&rule).ok_or(Rejection::SharesNotFound)?;
        let Stage::Approved { from: was } = known.stage else {
            return Err(Rejection::SharesNotOpen);
        };
        if self.rule_at(moment).0 > rule {
            return Err(Rejection::SharesNotOpen);
        }
        // Beyond doubt, or it would not hold before the clock is trusted again.
        let hastened = Hastened { rule, was, from: moment.sure, reason: reason.to_owned() };
        Ok((!moment.has_begun(was)).then_some(hastened))
    }

    fn proposal(&self, rule: u32) -> Result<&Rule, Rejection> {
        let known = self.rules.get(&rule).ok_or(Rejection::SharesNotFound)?;
        let open = matches!(known.stage, Stage::Proposed {});
        if open { Ok(known) } else { Err(Rejection::SharesNotOpen) }
    }

    pub(super) fn take_proposal(&mut self, proposed: &Proposed, by: &Actor) -> Result<(), Broken> {
        let next = u32::try_from(self.rules.len()).unwrap_or(u32::MAX).saturating_add(1);
        let gapless = proposed.rule == next;
        Broken::unless(gapless, "rules are numbered without gaps", next, proposed.rule)?;
        let rule = Rule { cut: proposed.cut, by: by.clone(), stage: Stage::Proposed {} };
        self.rules.insert(next, rule);
        Ok(())
    }

    pub(super) fn move_rule(
        &mut self,
        rule: u32,
        expected: &str,
        to: Stage,
        may: fn(&Stage) -> bool,
    ) -> Result<(), Broken> {
        let known = self.rules.get_mut(&rule).filter(|known| may(&known.stage));
        let known = known
            .ok_or_else(|| Broken::new("a rule stands where it moves from", expected, rule))?;
        known.stage = to;
        Ok(())
    }
}

/// Whether two are one person, as far as credentials tell.
fn is_same(one: &Actor, other: &Actor) -> bool {
    let name = |actor: &Actor| (actor.kind, actor.id.clone());
    let credential = one.credential.is_some() && one.credential == other.credential;
    name(one) == name(other) || credential
}
