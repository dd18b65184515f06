//! Campaigns: what they give, what they refuse, how they end.

#![allow(clippy::wildcard_enum_match_arm, reason = "what is not meant ends the test")]

use super::*;
use crate::{
    book::State,
    chart::Chart,
    event::Event as Fact,
    id::{Kind, Pool},
    operation::GrantCredit,
    postings::postings,
    testing::{Story, *},
};

const SPENT: &str = "campaign.budget_spent.v1";
const GIVEN: &str = "grant.given.v1";
const MINTED: &str = "lot.minted.v1";
const REACHED: &str = "campaign.threshold_reached.v1";

fn usd(amount: u64) -> Money {
    money("USD", amount)
}

fn active(terms: Terms) -> Story {
    shop().and(plan("welcome", terms)).and(activate("welcome"))
}

fn one(grant: &str, account: &str, amount: u64) -> GrantCredit {
    give("welcome", grant, account, usd(amount))
}

fn spent(story: &Story) -> u64 {
    let State::Campaign(campaign) = &story.slot(&stream(Kind::Campaign, "welcome")).state else {
        panic!()
    };
    campaign.spent.units()
}

#[test]
fn a_grant_spends_the_budget_before_it_makes_credit() {
    let terms = Terms {
        pool: id("campaign:welcome"),
        lots_expire_after_seconds: Some(60),
        ..gifts(usd(100))
    };
    let story = active(terms).when(one("g1", "alice", 40)).says(&[SPENT, GIVEN, MINTED]);
    let last = story.history.last().unwrap();
    let Fact::Account(crate::account::Event::LotMinted(minted)) = &last.event else { panic!() };
    assert_eq!(minted.pool, id::<Pool>("campaign:welcome"));
    assert_eq!(minted.lot, id("g1"));
    assert_eq!((minted.cost, minted.payment.as_ref()), (None, None));
    let legs = postings(last);
    let charts: Vec<_> = legs.iter().map(|leg| (leg.account, leg.amount)).collect();
    assert_eq!(charts, [(Chart::CreditIssued, 40), (Chart::Credit, -40)]);
    assert_eq!(legs[0].holder, "grant");
}

#[test]
fn the_budget_cannot_be_overspent() {
    let story = active(gifts(usd(100)))
        .and(one("g1", "alice", 99))
        .when(one("g2", "bob", 2))
        .rejected(&Rejection::BudgetExceeded { left: usd(1) })
        .and(one("g2", "bob", 1))
        .when(one("g3", "bob", 1))
        .rejected(&Rejection::BudgetExceeded { left: usd(0) });
    assert_eq!(spent(&story), 100);
}

#[test]
fn an_account_gets_no_more_than_its_cap_from_one_campaign() {
    let capped = Terms { account_cap: Some(units(50)), ..gifts(usd(1_000)) };
    active(capped.clone())
        .and(one("g1", "alice", 30))
        .when(one("g2", "alice", 21))
        .rejected(&Rejection::CapExceeded { left: usd(20) })
        .and(one("g2", "alice", 20))
        .and(one("g3", "bob", 50))
        .and(plan("again", capped))
        .and(activate("again"))
        .when(give("again", "g4", "alice", usd(50)))
        .accepted();
}

#[test]
fn the_threshold_is_told_once() {
    let story = active(gifts(usd(100)))
        .when(one("g1", "alice", 89))
        .says(&[SPENT, GIVEN, MINTED])
        .when(one("g2", "alice", 1))
        .says(&[SPENT, REACHED, GIVEN, MINTED])
        .and(pause("welcome"))
        .and(activate("welcome"))
        .when(one("g3", "alice", 10))
        .says(&[SPENT, GIVEN, MINTED]);
    assert_eq!(spent(&story), 100);
    let early = Terms { threshold_percent: 1, ..gifts(usd(1_000)) };
    active(early)
        .and(one("g1", "alice", 9))
        .when(one("g2", "alice", 1))
        .says(&[SPENT, REACHED, GIVEN, MINTED]);
}

#[test]
fn only_an_active_campaign_gives() {
    let not = |status| Rejection::CampaignNotActive { status };
    shop()
        .when(one("g1", "alice", 1))
        .rejected(&Rejection::CampaignNotFound)
        .and(plan("welcome", gifts(usd(100))))
        .when(one("g1", "alice", 1))
        .rejected(&not(Status::Draft))
        .and(activate("welcome"))
        .and(one("g1", "alice", 1))
        .and(pause("welcome"))
        .when(one("g2", "alice", 1))
        .rejected(&not(Status::Paused))
        .and(activate("welcome"))
        .and(one("g2", "alice", 1))
        .and(complete("welcome"))
        .when(one("g3", "alice", 1))
        .rejected(&not(Status::Completed))
        .when(activate("welcome"))
        .rejected(&Rejection::CampaignWrongStatus { status: Status::Completed });
}

#[test]
fn what_is_done_already_causes_nothing() {
    active(gifts(usd(100)))
        .when(activate("welcome"))
        .nothing()
        .and(pause("welcome"))
        .when(pause("welcome"))
        .nothing()
        .and(complete("welcome"))
        .when(complete("welcome"))
        .nothing();
}

#[test]
fn its_time_being_over_counts_before_anybody_says_so() {
    let terms = Terms { ends_at: Some(after(600)), ..gifts(usd(100)) };
    let story = active(terms.clone());
    assert_eq!(story.book.duties.len(), 1);
    let over = Rejection::CampaignNotActive { status: Status::Expired };
    let story = story
        .when(end("welcome"))
        .rejected(&Rejection::CampaignNotOver)
        .later(600)
        .when(one("g1", "alice", 1))
        .rejected(&over)
        .when(end("welcome"))
        .says(&["campaign.expired.v1"])
        .when(end("welcome"))
        .nothing()
        .when(one("g1", "alice", 1))
        .rejected(&over);
    assert_eq!(story.book.duties.len(), 0);
    let drafted = shop().and(plan("welcome", terms)).later(600);
    drafted.when(activate("welcome")).rejected(&over).when(end("welcome")).accepted();
}

#[test]
fn while_time_rests_no_campaign_is_over() {
    let terms = Terms { ends_at: Some(after(600)), ..gifts(usd(100)) };
    active(terms)
        .later(600)
        .resting()
        .when(end("welcome"))
        .rejected(&Rejection::CampaignNotOver)
        .when(one("g1", "alice", 1))
        .accepted();
}

#[test]
fn granted_credit_lapses_at_the_earlier_of_its_two_ends() {
    let terms = Terms {
        ends_at: Some(after(600)),
        lots_expire_after_seconds: Some(500),
        lots_expire_at: Some(after(800)),
        ..gifts(usd(100))
    };
    let story = active(terms).later(10).and(one("g1", "alice", 1)).later(500);
    let ends: Vec<_> = story
        .history
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Fact::Grantee(crate::grantee::Event::Given(given)) => given.expires_at,
            _ => None,
        })
        .collect();
    assert!(ends[0] > after(509) && ends[0] < after(511), "{ends:?}");
    let story = story.and(one("g2", "alice", 1));
    let lots = story.book.duties.values().map(|duty| duty.due);
    assert!(lots.into_iter().any(|due| due == after(800)));
}

#[test]
fn a_grants_name_is_taken_once() {
    active(gifts(usd(100)))
        .and(one("g1", "alice", 1))
        .when(one("g1", "bob", 1))
        .rejected(&Rejection::GrantExists)
        .and(grant("alice", "lot_1", usd(1)))
        .when(one("lot_1", "bob", 1))
        .rejected(&Rejection::GrantExists)
        .when(grant("carol", "g1", usd(1)))
        .rejected_as("claim_taken");
}

#[test]
fn no_grant_takes_the_name_of_a_payments_lot() {
    let story = active(gifts(usd(100))).and(top_up("pay_1", "victor", 5_000));
    let story = story.and(invoice("pay_1", 5_000));
    let story = story.when(one("pay_1", "mallory", 1)).rejected_as("mint_invalid");
    let story = story.when(one("pay_2", "mallory", 1)).rejected_as("mint_invalid");
    let webhook = settled_webhook("rcpt_1", "pay_1", "set_1", paid());
    story.and(webhook).when(fulfil("pay_1")).accepted();
}

#[test]
fn gifts_repay_no_debt_and_go_to_no_system_account() {
    active(gifts(usd(100)))
        .and(billing(crate::billing::Mode::Soft))
        .and(open_account("alice"))
        .and(hold("alice", "res_1", usd(5)))
        .and(finalize("res_1", usd(5)))
        .when(one("g1", "alice", 10))
        .says(&[SPENT, GIVEN, MINTED])
        .when(one("g2", "sys-commons", 1))
        .rejected(&Rejection::AccountReserved { field: "account" });
}

#[test]
fn terms_that_cannot_hold_are_refused() {
    let good = || gifts(usd(100));
    for bad in [
        gifts(usd(0)),
        Terms { account_cap: Some(units(0)), ..good() },
        Terms { account_cap: Some(units(101)), ..good() },
        Terms { threshold_percent: 0, ..good() },
        Terms { threshold_percent: 101, ..good() },
        Terms { ends_at: Some(after(0)), ..good() },
        Terms { lots_expire_after_seconds: Some(0), ..good() },
        Terms { lots_expire_at: Some(after(60)), ..good() },
        Terms { ends_at: Some(after(60)), lots_expire_at: Some(after(59)), ..good() },
    ] {
        shop().when(plan("welcome", bad)).rejected_as("campaign_invalid");
    }
    shop().when(plan("welcome", gifts(money("EUR", 1)))).rejected_as("commodity_unknown");
    active(good()).when(plan("welcome", good())).rejected(&Rejection::CampaignExists);
}

#[test]
fn a_history_that_overspends_freezes_the_campaign() {
    let welcome = stream(Kind::Campaign, "welcome");
    let said =
        BudgetSpent { grant: id("g1"), account: id("alice"), amount: usd(101), spent: units(101) };
    let story = active(gifts(usd(100))).fact(&welcome, said);
    let frozen: Vec<_> = story.book.frozen().map(|(_, frozen)| &frozen.broken.check).collect();
    assert_eq!(frozen, ["no more is given than there is"]);
    story.when(one("g2", "alice", 1)).rejected_as("stream_frozen");
}
