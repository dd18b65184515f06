//! A provider that tells the truth in any order, late, again and by any name: its money is booked
//! once, and all of it.

use proptest::prelude::*;

use crate::{
    chart::Chart,
    operation::HearStatus,
    payment::{Heard, Says},
    postings::postings,
    testing::*,
};

const PRICE: u64 = 10_000;
const NAMES: [&str; 3] = ["set_0", "set_1", "inv-p1"];

/// What happens at the provider, and what it says of it.
#[derive(Debug, Clone)]
enum Happens {
    /// Money arrives under a name.
    Arrives(usize, u64),
    /// It says what it has under a name.
    Names(usize),
    /// It says what it has in all.
    Totals,
    /// It says something that was true a while ago, again.
    Repeats(usize),
    /// The payment ends without us, for now.
    Fails,
    /// What was promised is given.
    Gives,
}

fn any_event() -> impl Strategy<Value = Happens> {
    let amount = prop_oneof![1..30_u64, Just(PRICE / 2), Just(PRICE), 1..2 * PRICE];
    prop_oneof![
        4 => (0..3_usize, amount).prop_map(|(name, amount)| Happens::Arrives(name, amount)),
        4 => (0..3_usize).prop_map(Happens::Names),
        3 => Just(Happens::Totals),
        2 => any::<prop::sample::Index>().prop_map(|index| Happens::Repeats(index.index(64))),
        1 => Just(Happens::Fails),
        1 => Just(Happens::Gives),
    ]
}

fn hear(story: &mut Story, word: &(Option<&str>, u64)) {
    let settlement = word.0.map(str::to_owned);
    let received = Some(msat(word.1));
    let heard = Heard { settlement, ..heard(Says::Paid { received }) };
    story.put(HearStatus { tenant: tenant("acme"), payment: id("p1"), heard }).unwrap();
}

fn booked(story: &Story) -> i128 {
    let legs = story.history.iter().flat_map(postings);
    let clearing = legs.filter(|leg| leg.account == Chart::ProviderClearing);
    clearing.map(|leg| i128::from(leg.amount)).sum()
}

proptest! {
    #[test]
    fn money_is_booked_once_and_all_of_it(
        events in prop::collection::vec(any_event(), 0..40),
        ends_with_names in any::<bool>(),
    ) {
        let mut story = shop().and(top_up("p1", "alice", PRICE)).and(invoice("p1", PRICE));
        let mut at_provider = [0_u64; 3];
        let mut said: Vec<(Option<&str>, u64)> = vec![];
        let words = |at: &[u64; 3]| -> Vec<(Option<&str>, u64)> {
            NAMES.iter().zip(at).map(|(name, amount)| (Some(*name), *amount)).collect()
        };
        for event in events {
            match event {
                Happens::Arrives(name, amount) => at_provider[name] += amount,
                Happens::Names(name) => said.push((Some(NAMES[name]), at_provider[name])),
                Happens::Totals => said.push((None, at_provider.iter().sum())),
                Happens::Repeats(index) => {
                    let again = said.len().checked_rem(index + 1).and_then(|i| said.get(i)).copied();
                    said.extend(again);
                }
                Happens::Fails => drop(story.put(status("p1", failed()))),
                Happens::Gives => drop(story.put(fulfil("p1"))),
            }
            if let Some(word) = said.last() {
                hear(&mut story, word);
            }
            let truth = at_provider.iter().map(|amount| i128::from(*amount)).sum::<i128>();
            prop_assert!(booked(&story) <= truth, "{} of {truth} at {said:?}", booked(&story));
        }
        let end = if ends_with_names {
            words(&at_provider)
        } else {
            vec![(None, at_provider.iter().sum())]
        };
        for word in &end {
            hear(&mut story, word);
        }
        let truth = at_provider.iter().map(|amount| i128::from(*amount)).sum::<i128>();
        prop_assert_eq!(booked(&story), truth, "{:?} then {:?}", said, end);
    }
}
