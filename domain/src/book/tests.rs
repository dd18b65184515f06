//! Random histories, checked against plain slow models after every command.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "what overflows or is not meant ends the test"
)]

mod arrivals;
mod campaigns;
mod credit;
mod history;
mod ledger;
mod model;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{
    draft::Stop,
    duty::Kind as DutyKind,
    letter::Stage,
    operation::Operation,
    payment::Status,
    testing::{Story, shop},
    time::Time,
    wire,
};
use history::{Step, any_campaign_step, any_credit_step, any_step};

/// What the states themselves say is owed.
fn owed(book: &Book) -> BTreeSet<Name> {
    let mut owed = BTreeSet::new();
    for (stream, slot) in &book.streams {
        let mut expect = |kind, item| owed.insert(Name { kind, stream: stream.clone(), item });
        match &slot.state {
            State::Payment(payment) => match payment.status {
                Status::Requested | Status::Unknown => {
                    expect(DutyKind::Create, None);
                }
                Status::Pending => {
                    expect(DutyKind::Sweep, None);
                    expect(DutyKind::Expire, None);
                }
                Status::Paid => {
                    expect(DutyKind::Fulfil, None);
                }
                Status::Absent
                | Status::Consumed
                | Status::Expired
                | Status::Failed
                | Status::Abandoned => {}
            },
            State::Receipt(receipt) if receipt.parked || receipt.asks => {
                expect(DutyKind::Match, None);
            }
            State::Account(account) => {
                let left = account.lots().filter(|lot| !lot.left().is_zero());
                for lot in left.filter(|lot| lot.place.expires_at != Time::MAX) {
                    expect(DutyKind::Lapse, Some((&lot.place.lot).into()));
                }
                for (reservation, _) in account.reservations() {
                    expect(DutyKind::Return, Some(reservation.into()));
                }
            }
            State::Letter(letter) => {
                if let Some((kind, item)) = owed_by_letter(letter) {
                    expect(kind, item.map(Into::into));
                }
            }
            State::Campaign(campaign) => {
                if campaign.is_open() && campaign.ends_at().is_some() {
                    expect(DutyKind::End, None);
                }
            }
            State::Receipt(_)
            | State::Grantee(_)
            | State::Roll(_)
            | State::Commodity(_)
            | State::Settings(_)
            | State::Tenant(_)
            | State::Connection(_)
            | State::Offer(_)
            | State::Entitlement(_)
            | State::Billing(_) => {}
        }
    }
    owed
}

fn owed_by_letter(letter: &Letter) -> Option<(DutyKind, Option<String>)> {
    let item = letter.opened.as_ref().map(|opened| opened.about.duty.stream.to_string());
    match letter.stage {
        Stage::Pending { .. } | Stage::Processing { .. } => Some((DutyKind::Retry, item)),
        Stage::ManualReview => Some((DutyKind::ManualReview, item)),
        Stage::Absent | Stage::Completed | Stage::Failed => None,
    }
}

fn lots_add_up(book: &Book) {
    for slot in book.streams.values() {
        let State::Account(account) = &slot.state else { continue };
        for lot in account.lots() {
            assert_eq!(lot.sum(), lot.minted, "{lot:?}");
            assert!(lot.awaited <= lot.reserved, "{lot:?}");
            assert!(lot.indebted.units() <= lot.consumed.units() + lot.moved.units(), "{lot:?}");
        }
    }
}

fn reads_back(recorded: &Recorded) {
    let mut bytes = vec![];
    wire::encode(&recorded.event, &mut bytes).unwrap();
    assert_eq!(wire::decode(recorded.event.name(), &bytes).unwrap(), recorded.event);
    let json = serde_json::to_value(wire::Readable(&recorded.event)).unwrap();
    let read = wire::from_readable(recorded.event.name(), json).unwrap().unwrap();
    assert_eq!(read, recorded.event);
}

fn snapshots_read_back(book: &Book) {
    for (stream, slot) in &book.streams {
        for bytes in [rmp_serde::to_vec(slot).unwrap(), rmp_serde::to_vec_named(slot).unwrap()] {
            assert_eq!(&rmp_serde::from_slice::<Slot>(&bytes).unwrap(), slot, "{stream}");
        }
    }
}

/// What every history is compared with.
#[derive(Default)]
struct Models {
    campaigns: campaigns::Model,
    credit: credit::Model,
    uses: model::Model,
}

fn put(story: &mut Story, models: &mut Models, wish: &Operation) {
    let moment = story.moment();
    let said = story.put(wish.clone());
    if let Err(Stop::Missing(need)) = &said {
        panic!("a whole book lacks {need:?}");
    }
    let code = |stop: &Stop| match stop {
        Stop::Rejected(rejection) => rejection.code(),
        Stop::Missing(_) | Stop::Repeats(_) => "missing",
    };
    models.campaigns.check(wish, moment, said.as_deref().map_err(code), &story.book);
    models.credit.check(wish, moment, said.as_deref().map_err(code), &story.book);
    models.uses.check(said.as_deref().unwrap_or_default());
    said.iter().flatten().for_each(reads_back);
    assert_eq!(story.book.frozen().next(), None, "{wish:?}");
    assert_eq!(story.book.doubled, [], "{wish:?}");
    let open: BTreeSet<Name> = story.book.duties.keys().cloned().collect();
    assert_eq!(open, owed(&story.book), "{wish:?}");
    lots_add_up(&story.book);
}

fn run(steps: Vec<Step>) -> Story {
    let mut story = shop();
    let mut models = Models::default();
    for step in steps {
        match step {
            Step::Pass(seconds) => story.pass(seconds),
            Step::Rest(rests) => story.rest(rests),
            Step::Wishes(wishes) => {
                for wish in &wishes {
                    put(&mut story, &mut models, wish);
                }
            }
        }
    }
    story
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn no_history_breaks_a_rule(steps in prop::collection::vec(any_step(), 0..160)) {
        let story = run(steps);
        ledger::agrees(&story);
        snapshots_read_back(&story.book);
        let mut again = Book::default();
        for recorded in &story.history {
            again.fold(recorded);
        }
        prop_assert_eq!(again, story.book);
    }
}

/// How many histories of credit are tried: some thousands, or as many as `CREDIT_CASES` says.
fn credit_cases() -> u32 {
    std::env::var("CREDIT_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: credit_cases(), ..ProptestConfig::default() })]

    #[test]
    fn no_history_of_credit_differs_from_the_plain_model(
        steps in prop::collection::vec(any_credit_step(), 0..48)
    ) {
        let story = run(steps);
        ledger::agrees(&story);
        snapshots_read_back(&story.book);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: credit_cases(), ..ProptestConfig::default() })]

    #[test]
    fn no_history_of_campaigns_differs_from_the_plain_model(
        steps in prop::collection::vec(any_campaign_step(), 0..48)
    ) {
        let story = run(steps);
        ledger::agrees(&story);
        snapshots_read_back(&story.book);
    }
}

#[test]
fn random_histories_get_everywhere() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..400 {
        let steps = prop::collection::vec(any_step(), 160).new_tree(&mut runner).unwrap();
        let story = run(steps.current());
        seen.extend(story.history.iter().map(|recorded| recorded.event.name()));
    }
    let about = |name: &&str| {
        matches!(
            wire::category(name),
            "payment"
                | "receipt"
                | "lot"
                | "credit"
                | "debt"
                | "account"
                | "entitlement"
                | "campaign"
                | "grant"
        )
    };
    let missing: Vec<&str> =
        Event::names().filter(about).filter(|name| !seen.contains(name)).collect();
    assert_eq!(missing, ["receipts.refused.v1"; 0], "the histories never say these");
}
