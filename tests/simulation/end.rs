//! The end of a run: nothing goes wrong any more, time passes, and everything owed must be done.

use std::{sync::Arc, time::Duration};

use piperoll::providers::sandbox::Faults;
use piperoll_domain::{book::State, claim::Claim, duty::Duty, payment::Status};
use tokio::time::sleep;

use super::{
    furniture,
    house::House,
    ledger::must,
    operator::{self, Operator, open_reviews},
    postman,
    weather::Weather,
    world::World,
};

/// How often time passes before nothing may be owed any more.
const ROUNDS: u32 = 24;
const ROUND_MICROS: i64 = 5 * 60 * 1_000_000;

/// A last life in fair weather.
pub(super) async fn come(world: &Arc<World>) {
    let weather = Weather::new(i64::MAX);
    weather.calm.store(true, std::sync::atomic::Ordering::Relaxed);
    world.node.set_faults(Faults::default());
    let house = House::start(world, weather).await;
    world.must(house.is_some(), "a house starts on whatever a crash left", String::new);
    let Some(house) = house else { return };
    furniture::bring(world, &house.service).await;
    house.begin_reactors();
    let people = world.state().buyers.len();
    for _ in 0..ROUNDS {
        Operator::new(&house).mind_the_clock().await;
        postman::bring(world, &house.service, house.uptime).await;
        for number in 0..people {
            house.visit(number).ask_all_again().await;
        }
        sleep(Duration::from_secs(20)).await;
        drop(house.service.reconcile().await);
        house.clock.advance(ROUND_MICROS, ROUND_MICROS);
    }
    sleep(Duration::from_secs(20)).await;
    world.step("everything had its time");
    nothing_is_owed(world, &house);
    everybody_is_answered(world);
    what_was_paid_is_known(world);
    the_engine_agrees(world, &house).await;
    house.stop().await;
    world.step("the end");
    let state = world.state();
    let again = state.ledger.again(&state.roll, &state.wallet, &world.identity);
    drop(state);
    world.state().note(again);
}

/// A duty that is long due is done, or somebody was asked to look at it.
fn nothing_is_owed(world: &World, house: &House) {
    let (reviews, now) = (open_reviews(world), house.clock.now());
    let state = world.state();
    let due = |duty: &&Duty| now.micros_since(duty.due) > 2 * ROUND_MICROS;
    let looked_at = |duty: &&Duty| reviews.iter().any(|(stream, _)| *stream == duty.name.stream);
    let owed: Vec<Duty> = state.ledger.book.duties.values().filter(due).cloned().collect();
    drop(state);
    let owed: Vec<&Duty> = owed.iter().filter(|duty| !looked_at(duty)).collect();
    world.must(owed.is_empty(), "what is owed is done in the end", || {
        format!("{owed:?} at {now:?}")
    });
}

fn everybody_is_answered(world: &World) {
    let open: Vec<_> = {
        let state = world.state();
        let waiting = state.buyers.iter().filter(|buyer| !buyer.open.is_empty());
        waiting.map(|buyer| (buyer.number, buyer.open.clone())).collect()
    };
    world.must(open.is_empty(), "everybody is answered in the end", || format!("{open:?}"));
}

/// Who paid an invoice in time, and enough, has what he paid for, or somebody looks at it.
fn what_was_paid_is_known(world: &World) {
    let state = world.state();
    let mut lost = vec![];
    for (hash, payments) in state.wallet.all() {
        let claim = Claim::PaymentHash { network: "regtest".to_owned(), hash: *hash };
        let Some(taker) = state.ledger.book.claims.get(&claim) else {
            lost.push(format!("nobody knows the invoice {hash}"));
            continue;
        };
        let slot = state.ledger.book.streams.get(&taker.stream);
        let Some(State::Payment(payment)) = slot.map(|slot| &slot.state) else { continue };
        let Some(shown) = payment.instrument_shown() else { continue };
        let in_time = payments.iter().filter(|paid| paid.at < shown.expires_at);
        let enough = in_time.map(|paid| paid.msat).sum::<u64>() >= shown.amount.amount.units();
        let known = payment.status == Status::Consumed
            || payment.reviews.iter().any(|review| review.opened.money.is_some());
        if enough && !known {
            lost.push(format!("{} was paid and is {:?}", taker.stream, payment.status));
        }
    }
    drop(state);
    let outcome =
        must(lost.is_empty(), "money that came in time is not lost", || format!("{lost:?}"));
    world.state().note(outcome);
}

/// Streams, claims and duties are, to the engine, what the roll adds up to.
async fn the_engine_agrees(world: &World, house: &House) {
    let book = world.state().ledger.book.clone();
    let engine = house.service.engine();
    for (stream, slot) in &book.streams {
        let found = engine.look(stream).await;
        let same = matches!(&found, Ok(Some(found)) if found == slot || found.last > slot.last);
        world.must(same, "the engine's state is the fold of the roll", || {
            format!("{stream}: {found:?} and not {slot:?}")
        });
        operator::compare(world, stream, found);
    }
    for (claim, taker) in &book.claims {
        let found = engine.taker(claim).await;
        let same = matches!(&found, Ok(Some(found)) if found.position == taker.position);
        world.must(same, "the engine knows every claim", || format!("{claim}: {found:?}"));
    }
    world.step("the engine was asked about everything");
    let ours = world.state().ledger.book.duties.len();
    let theirs: usize = engine.open_duties().iter().map(|open| open.count).sum();
    world.must(ours == theirs, "the engine knows every duty", || format!("{theirs}, not {ours}"));
}
