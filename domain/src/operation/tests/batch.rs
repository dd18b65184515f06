//! Several wishes at once: all of them or none, each under its own key.

use proptest::prelude::*;

use super::*;
use crate::{book::Book, draft::Stop, event::Idempotency};

fn key(name: &str) -> Idempotency {
    let (operation, fingerprint) = ("test".into(), Bytes([7; 33]));
    Idempotency { operation, key: name.into(), fingerprint }
}

fn using(account: &str, amount: u64) -> Wish {
    Wish::Spend(Spend {
        tenant: tenant("acme"),
        account: id(account),
        total: msat(amount),
        pool: Pool::general(),
        reference: None,
        ceiling: None,
    })
}

fn opening(account: &str) -> Wish {
    Wish::OpenAccount(OpenAccount { tenant: tenant("acme"), account: id(account) })
}

/// The wishes, under the keys `k0`, `k1` and so on.
fn batch(wishes: impl IntoIterator<Item = Wish>) -> Batch {
    let item = |(wish, number): (Wish, u32)| Item {
        key: key(&format!("k{number}")),
        forgotten: None,
        wish,
    };
    Batch { tenant: tenant("acme"), items: wishes.into_iter().zip(0..).map(item).collect() }
}

fn bank() -> Story {
    shop().and(grant("alice", "lot_1", msat(10))).and(grant("bob", "lot_2", msat(5)))
}

fn refused(index: usize, refusal: Rejection) -> Rejection {
    Rejection::Item { index, refusal: Box::new(refusal) }
}

#[test]
fn all_of_it_lands_and_each_item_sees_what_came_before_it() {
    let wishes = [using("alice", 6), opening("carol"), using("bob", 5), using("alice", 4)];
    let spent = "credit.spent.v1";
    let story = bank().when(batch(wishes)).says(&[spent, "account.opened.v1", spent, spent]);
    let keys = story.history.iter().rev().take(4).rev();
    let keys: Vec<_> = keys.filter_map(|said| said.envelope.idempotency.clone()).collect();
    assert_eq!(keys, ["k0", "k1", "k2", "k3"].map(key));
    assert_eq!(story.book.doubled, []);
}

#[test]
fn one_refusal_refuses_all_of_it_and_is_named() {
    let missing = Rejection::CreditInsufficient { missing: msat(1) };
    let wishes = [using("alice", 6), using("alice", 5), using("nobody", 1)];
    let story = bank().when(batch(wishes)).rejected(&refused(1, missing));
    story.when(batch([using("alice", 10)])).says(&["credit.spent.v1"]);
}

#[test]
fn what_was_done_under_its_key_is_told_and_nothing_is_done() {
    let story = bank().and(batch([using("alice", 1), using("bob", 1)]));
    let taker = |number: u64| story.history[usize::try_from(number).unwrap()].envelope.position;
    let (alice, bob) = (taker(5), taker(6));
    let mut story = story;
    let Err(Stop::Repeats(repeats)) =
        story.put(batch([using("alice", 1), using("bob", 1), using("bob", 1)]))
    else {
        panic!("done again");
    };
    let found: Vec<_> = repeats.iter().map(|it| (it.index, it.taker.position)).collect();
    assert_eq!(found, [(0, alice), (1, bob)]);
    let mut rest = batch([using("alice", 1), using("bob", 1)]);
    rest.items[0].forgotten = Some(alice);
    rest.items[1].forgotten = Some(alice);
    assert!(matches!(story.put(rest.clone()), Err(Stop::Repeats(_))), "it was taken by another");
    rest.items[1].forgotten = Some(bob);
    let mut story = story.when(rest.clone()).says(&["credit.spent.v1", "credit.spent.v1"]);
    assert!(matches!(story.put(rest), Err(Stop::Repeats(_))), "once");
}

#[test]
fn a_key_stands_once_in_it_and_its_tenant_is_one() {
    let mut twice = batch([using("alice", 1), using("bob", 1)]);
    twice.items[1].key = key("k0");
    bank().when(twice).rejected_as("claim_taken");
    let mut foreign = batch([using("alice", 1)]);
    foreign.tenant = tenant("rival");
    bank().and(open_tenant("rival")).when(foreign).rejected(&Rejection::TenantNotFound);
}

#[test]
fn an_empty_one_says_nothing() {
    bank().when(batch([])).nothing();
}

fn any_wish() -> impl Strategy<Value = Wish> {
    let account = || prop_oneof![Just("alice"), Just("bob"), Just("carol")];
    prop_oneof![
        4 => (account(), 0..5_u64).prop_map(|(account, amount)| using(account, amount)),
        1 => account().prop_map(opening),
    ]
}

/// Everything but what names the command, and when in it a fact was said.
fn plain(book: &Book) -> Vec<(Stream, String)> {
    let slot = |(stream, slot): (&Stream, &crate::book::Slot)| {
        (stream.clone(), format!("{:?} {} {}", slot.state, slot.version, slot.last))
    };
    book.streams.iter().map(slot).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_is_its_wishes_one_by_one_or_nothing(wishes in prop::collection::vec(any_wish(), 0..8)) {
        let mut alone = bank();
        let (mut said, mut first_refusal) = (vec![], None);
        for (index, wish) in wishes.iter().enumerate() {
            let outcome = alone.clone().keyed(&format!("k{index}")).when(wish.clone());
            match outcome.result() {
                Ok(facts) => said.extend(facts.iter().map(|fact| fact.event.clone())),
                Err(Stop::Rejected(why)) => {
                    first_refusal = Some((index, why.clone()));
                    break;
                }
                Err(stop) => panic!("{stop:?}"),
            }
            alone = outcome.accepted();
        }
        let outcome = bank().when(batch(wishes));
        if let Some((index, why)) = first_refusal {
            outcome.rejected(&refused(index, why));
        } else {
            prop_assert_eq!(plain(&outcome.then(said).book), plain(&alone.book));
        }
    }
}

#[test]
fn money_that_two_items_call_by_two_names_comes_in_once() {
    let given = [SourceKind::Deposit, SourceKind::Purchase].map(|kind| {
        let source = Source { kind, id: "nowpay-10".to_owned() };
        let lot = deposit("alice", &format!("lot_{}", kind.as_str()), msat(50), msat(50));
        Wish::Mint(Mint { source, ..lot }.into())
    });
    let story = bank().when(batch(given.clone())).rejected_as("claim_taken");
    story.when(batch(given.into_iter().take(1))).accepted();
}
