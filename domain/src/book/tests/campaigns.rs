//! Campaigns the plain slow way: every grant there ever was, in one list that is summed anew for
//! every question. It decides each wish by itself, and is then compared with what the rules made.

use std::collections::BTreeMap;

use crate::{
    account,
    book::{Book, State},
    campaign::{self, Status, Terms},
    claim::Claim,
    event::{Event, Recorded},
    id::{Kind, Stream},
    operation::{GrantCredit, Operation},
    testing::tenant,
    time::Moment,
};

type Refused = &'static str;

#[derive(Debug, Clone)]
struct Plan {
    status: Status,
    terms: Terms,
    warnings: u32,
}

impl Plan {
    fn is_over(&self, moment: Moment) -> bool {
        self.is_open() && self.terms.ends_at.is_some_and(|end| !moment.rests && moment.now >= end)
    }

    fn is_open(&self) -> bool {
        !matches!(self.status, Status::Completed | Status::Expired)
    }
}

#[derive(Debug, Clone)]
struct Grant {
    campaign: String,
    account: String,
    amount: u128,
}

/// What every campaign should have given.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    plans: BTreeMap<String, Plan>,
    grants: BTreeMap<String, Grant>,
}

impl Model {
    /// Compares what was said with what should have been.
    pub(super) fn check(
        &mut self,
        wish: &Operation,
        moment: Moment,
        said: Result<&[Recorded], &str>,
        book: &Book,
    ) {
        let mut after = self.clone();
        match after.decide(wish, moment) {
            Some(Ok(())) => assert!(said.is_ok(), "{wish:?} was refused: {said:?}"),
            Some(Err(code)) => assert_eq!(said.err(), Some(code), "{wish:?}"),
            None => {}
        }
        if said.is_ok() {
            *self = after;
        }
        for recorded in said.unwrap_or_default() {
            self.hear(recorded);
        }
        self.agrees(book);
    }

    fn decide(&mut self, wish: &Operation, moment: Moment) -> Option<Result<(), Refused>> {
        Some(match wish {
            Operation::CreateCampaign(wish) => {
                self.create(wish.campaign.as_str(), &wish.terms, moment)
            }
            Operation::ActivateCampaign(wish) => {
                self.go(wish.campaign.as_str(), moment, Status::Active)
            }
            Operation::PauseCampaign(wish) => {
                self.go(wish.campaign.as_str(), moment, Status::Paused)
            }
            Operation::CompleteCampaign(wish) => {
                self.go(wish.campaign.as_str(), moment, Status::Completed)
            }
            Operation::ExpireCampaign(wish) => {
                self.go(wish.campaign.as_str(), moment, Status::Expired)
            }
            Operation::GrantCredit(wish) => self.grant(wish, moment),
            _ => return None,
        })
    }

    fn create(&mut self, name: &str, terms: &Terms, moment: Moment) -> Result<(), Refused> {
        if !["MSAT", "USD"].contains(&terms.budget.commodity.as_str()) {
            return Err("commodity_unknown");
        }
        if self.plans.contains_key(name) {
            return Err("campaign_exists");
        }
        let budget = terms.budget.amount.units();
        let cap = terms.account_cap.map_or(1, crate::money::Amount::units);
        let end = terms.ends_at;
        let lots = terms.lots_expire_at;
        let possible = budget > 0
            && cap > 0
            && cap <= budget
            && terms.threshold_percent > 0
            && terms.threshold_percent <= 100
            && end.is_none_or(|end| end > moment.now)
            && terms.lots_expire_after_seconds != Some(0)
            && lots.is_none_or(|lots| end.is_some_and(|end| lots >= end));
        if !possible {
            return Err("campaign_invalid");
        }
        let plan = Plan { status: Status::Draft, terms: terms.clone(), warnings: 0 };
        self.plans.insert(name.to_owned(), plan);
        Ok(())
    }

    fn go(&mut self, name: &str, moment: Moment, to: Status) -> Result<(), Refused> {
        let plan = self.plans.get_mut(name).ok_or("campaign_not_found")?;
        let over = plan.is_over(moment);
        match (plan.status, to) {
            (_, Status::Active) if over => return Err("campaign_not_active"),
            (_, Status::Expired) if !plan.is_open() => return Ok(()),
            (_, Status::Expired) if !over => return Err("campaign_not_over"),
            (from, to) if from == to => {}
            (Status::Draft | Status::Paused, Status::Active)
            | (Status::Active, Status::Paused)
            | (Status::Active | Status::Paused, Status::Completed)
            | (_, Status::Expired) => {}
            _ => return Err("campaign_wrong_status"),
        }
        plan.status = to;
        Ok(())
    }

    fn given(&self, of: impl Fn(&Grant) -> bool) -> u128 {
        self.grants.values().filter(|grant| of(grant)).map(|grant| grant.amount).sum()
    }

    fn grant(&mut self, wish: &GrantCredit, moment: Moment) -> Result<(), Refused> {
        let name = wish.campaign.to_string();
        let (account, amount) = (wish.account.to_string(), u128::from(wish.amount.amount.units()));
        if account.starts_with("sys-") {
            return Err("account_reserved");
        }
        if self.grants.contains_key(wish.grant.as_str()) {
            return Err("grant_exists");
        }
        let plan = self.plans.get(&name).ok_or("campaign_not_found")?;
        if plan.is_over(moment) || plan.status != Status::Active {
            return Err("campaign_not_active");
        }
        if amount == 0 {
            return Err("amount_zero");
        }
        if plan.terms.budget.commodity != wish.amount.commodity {
            return Err("commodity_foreign");
        }
        let in_all = self.given(|grant| grant.campaign == name) + amount;
        if in_all > plan.terms.budget.amount.units().into() {
            return Err("budget_exceeded");
        }
        let own = self.given(|grant| grant.campaign == name && grant.account == account) + amount;
        if plan.terms.account_cap.is_some_and(|cap| own > cap.units().into()) {
            return Err("cap_exceeded");
        }
        let grant = Grant { campaign: name, account, amount };
        self.grants.insert(wish.grant.to_string(), grant);
        Ok(())
    }

    /// The threshold is told by the very grant that reaches it, and by no other.
    fn hear(&mut self, recorded: &Recorded) {
        let name = recorded.envelope.stream.id.to_string();
        match &recorded.event {
            Event::Campaign(campaign::Event::ThresholdReached(_)) => {
                self.plans.get_mut(&name).unwrap().warnings += 1;
            }
            Event::Account(account::Event::LotMinted(minted)) => {
                if let Some(grant) = self.grants.get(minted.lot.as_str()) {
                    assert_eq!(name, grant.account);
                    assert_eq!(u128::from(minted.amount.amount.units()), grant.amount);
                    assert_eq!(minted.cost, None, "a gift has no cost");
                }
            }
            _ => {}
        }
    }

    fn agrees(&self, book: &Book) {
        for (name, plan) in &self.plans {
            let stream =
                Stream { kind: Kind::Campaign, tenant: tenant("acme"), id: name.parse().unwrap() };
            let State::Campaign(state) = &book.streams[&stream].state else { panic!("{stream}") };
            let spent = self.given(|grant| grant.campaign == *name);
            let budget = u128::from(plan.terms.budget.amount.units());
            assert!(spent <= budget, "{name} is overspent");
            assert_eq!((state.status, u128::from(state.spent.units())), (plan.status, spent));
            let reached = spent * 100 >= budget * u128::from(plan.terms.threshold_percent);
            assert_eq!(plan.warnings, u32::from(reached), "{name}: {spent} of {budget}");
        }
        let streams = book.streams.values();
        let totals: u128 = streams
            .filter_map(|slot| match &slot.state {
                State::Grantee(grantee) => Some(u128::from(grantee.total.units())),
                _ => None,
            })
            .sum();
        assert_eq!(totals, self.given(|_| true));
        for grant in self.grants.keys() {
            let lot = Claim::Lot { tenant: tenant("acme"), lot: grant.parse().unwrap() };
            assert!(book.claims.contains_key(&lot), "{grant} has no lot");
        }
    }
}
