//! Credit whose source nobody names: the same again within a day is doubted, and nothing else is.

use crate::{
    account::{Event, SourceKind},
    event::Event as Fact,
    id::LotId,
    operation::{Mint, MintUnnamed, Operation},
    rejection::Rejection,
    testing::{Story, deposit, grant, id, msat, open_tenant, shop, tenant, void},
};

const DAY: u32 = 24 * 60 * 60;

fn unnamed(mint: Mint) -> Operation {
    MintUnnamed { mint, again: None }.into()
}

fn forced(mint: Mint, why: &str) -> Operation {
    MintUnnamed { mint, again: Some(why.to_owned()) }.into()
}

fn given() -> Story {
    shop().and(unnamed(grant("alice", "lot_1", msat(5))))
}

#[test]
fn the_same_again_within_a_day_is_refused_and_tells_where_it_stands() {
    let first = given().history.last().unwrap().envelope.position;
    let refused = Rejection::PossibleDuplicate { position: first };
    let story = given().when(unnamed(grant("alice", "lot_2", msat(5)))).rejected(&refused);
    let story = story.later(DAY - 1).when(unnamed(grant("alice", "lot_2", msat(5))));
    let story = story.rejected(&refused);
    let story = story.later(2).and(unnamed(grant("alice", "lot_2", msat(5))));
    story.when(unnamed(grant("alice", "lot_3", msat(5)))).rejected_as("possible_duplicate");
}

#[test]
fn another_account_amount_kind_or_tenant_is_another_gift() {
    let story = given();
    let story = story.and(unnamed(grant("bob", "lot_2", msat(5))));
    let story = story.and(unnamed(grant("alice", "lot_3", msat(6))));
    let story = story.and(unnamed(deposit("alice", "lot_4", msat(5), msat(5))));
    let story = story.and(open_tenant("rival"));
    let theirs = Mint { tenant: tenant("rival"), ..grant("alice", "lot_1", msat(5)) };
    story.when(unnamed(theirs)).says(&["lot.minted.v1"]);
}

#[test]
fn a_reason_lets_it_through_and_stands_beside_the_first_one() {
    let story =
        given().when(forced(grant("alice", "lot_2", msat(5)), " ")).rejected_as("reason_needed");
    let story = story.and(forced(grant("alice", "lot_2", msat(5)), "two invoices"));
    let Fact::Account(Event::LotMinted(minted)) = &story.history.last().unwrap().event else {
        panic!()
    };
    assert_eq!(minted.reason.as_deref(), Some("welcome; once more: two invoices"));
    let day_later = story.later(DAY - 1);
    day_later.when(unnamed(grant("alice", "lot_3", msat(5)))).rejected_as("possible_duplicate");
}

#[test]
fn a_gift_with_a_key_or_a_name_is_no_unnamed_one() {
    let lot: LotId = id("lot_1");
    let story = shop().and(grant("alice", "lot_1", msat(5)));
    let story = story.when(unnamed(grant("alice", "lot_2", msat(5))));
    story.says(&["lot.minted.v1"]);
    let mut keyed = grant("alice", "lot_3", msat(5));
    keyed.source.id = format!("manual:{lot}");
    let story = shop().keyed("k1").and(keyed);
    story.when(unnamed(grant("alice", "lot_4", msat(5)))).says(&["lot.minted.v1"]);
}

#[test]
fn a_lot_that_was_void_is_still_remembered() {
    let story = given().and(void("alice", "lot_1"));
    story.when(unnamed(grant("alice", "lot_2", msat(5)))).rejected_as("possible_duplicate");
}

#[test]
fn time_that_rests_ends_no_doubt() {
    let story = given().later(2 * DAY).resting();
    story.when(unnamed(grant("alice", "lot_2", msat(5)))).rejected_as("possible_duplicate");
}

#[test]
fn its_source_is_of_its_kind_and_made_up() {
    let story = shop().and(unnamed(deposit("alice", "lot_1", msat(5), msat(5))));
    let Fact::Account(Event::LotMinted(minted)) = &story.history.last().unwrap().event else {
        panic!()
    };
    assert_eq!((minted.source.kind, &*minted.source.id), (SourceKind::Deposit, "manual:lot_1"));
}
