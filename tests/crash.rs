//! kill -9 and power cuts of a real server under load, again and again: nothing acknowledged is lost,
//! nothing is doubled.
//!
//! `PIPEROLL_CRASH_ROUNDS` says how often it is ended in each way, `PIPEROLL_CRASH_SEED` repeats a
//! run's choices (not its timing).

mod buyer;
pub(crate) mod chance;
mod ending;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

pub(crate) use self::ending::{Ending, Mortal};
use self::{buyer::Buyer, chance::Chance};
use crate::server::{Server, client, told};

/// How often the server is ended in each way unless told.
const ROUNDS: u64 = 20;
/// How often on one roll, so that the audits after each time stay short.
const LIFE: u64 = 10;
/// How many ask at once; the first half of them shares one account.
const BUYERS: u64 = 6;
/// What signs webhooks: the buyers take the provider's part as well.
const WEBHOOK_SECRET: &str = "a-webhook-secret-that-only-this-test-knows";

pub(crate) fn of_environment(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_doubled_by_kill_nine() {
    again_and_again(Ending::Kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_doubled_by_power_cuts() {
    again_and_again(Ending::PowerCut).await;
}

async fn again_and_again(ending: Ending) {
    let rounds = of_environment("PIPEROLL_CRASH_ROUNDS").unwrap_or(ROUNDS);
    let seed = of_environment("PIPEROLL_CRASH_SEED").unwrap_or_else(Chance::seed);
    eprintln!("{ending:?}: PIPEROLL_CRASH_SEED={seed}");
    let mut chance = Chance::new(seed);
    let mut left = rounds;
    while left > 0 {
        live(ending, left.min(LIFE), &mut chance).await;
        left = left.saturating_sub(LIFE);
    }
}

/// A roll from its first record to a clean end, cut short so often.
async fn live(ending: Ending, rounds: u64, chance: &mut Chance) {
    let mut mortal = Mortal::new(&[
        ("PAYMENT_WEBHOOK_SECRET", WEBHOOK_SECRET),
        ("PIPEROLL_LIMITS__CHALLENGES_PER_TENANT_PER_MINUTE", "1000000"),
    ]);
    // A sync takes a while, so that many an end comes in the middle of one.
    mortal.shim.slow(1_000);
    mortal.open().await;
    let mut buyers =
        (0..BUYERS).map(|number| buyer(number, chance, &mortal.server)).collect::<Vec<_>>();
    for _ in 0..rounds {
        buyers = ended_under_load(&mut mortal, ending, buyers, chance).await;
        if ending == Ending::Kill {
            must_hold(&mortal.server, &buyers).await;
        }
        ended_while_it_starts(&mut mortal, ending, chance).await;
        mortal.open().await;
        // What is derived may be torn by a power cut; now it has been mended.
        must_hold(&mortal.server, &buyers).await;
        buyers = together(buyers, async |mut buyer: Buyer| {
            buyer.resolve().await;
            buyer.repeat_the_latest().await;
            buyer
        })
        .await;
        must_agree(&mortal.server, &buyers).await;
    }
    buyers = together(buyers, async |buyer: Buyer| {
        buyer.repeat_everything().await;
        buyer
    })
    .await;
    let Mortal { mut server, .. } = mortal;
    must_agree(&server, &buyers).await;
    assert_eq!(server.terminate().await.code(), Some(0), "{}", server.log());
    must_hold(&server, &buyers).await;
    let log = server.log();
    // What is derived may be torn by a power cut, and is made anew.
    let torn = |line: &str| ending == Ending::PowerCut && line.contains("the index is");
    let bad = |line: &str| line.contains("panicked at src") || line.contains("damaged");
    assert!(!log.lines().any(|line| bad(line) && !torn(line)), "{log}");
    tell(&buyers, rounds);
}

fn buyer(number: u64, chance: &mut Chance, server: &Server) -> Buyer {
    let account = if number < BUYERS / 2 { "shared".to_owned() } else { format!("own-{number}") };
    Buyer::new(number, account, chance.another(), server.door().clone())
}

/// Does the same for all buyers at once.
async fn together<Fut: Future<Output = Buyer> + Send + 'static>(
    buyers: Vec<Buyer>,
    each: impl Fn(Buyer) -> Fut,
) -> Vec<Buyer> {
    let mut set: JoinSet<Buyer> = buyers.into_iter().map(each).collect();
    let mut back = vec![];
    while let Some(buyer) = set.join_next().await {
        back.push(buyer.unwrap());
    }
    back.sort_by_key(|buyer| buyer.number);
    back
}

async fn ended_under_load(
    mortal: &mut Mortal,
    ending: Ending,
    buyers: Vec<Buyer>,
    chance: &mut Chance,
) -> Vec<Buyer> {
    // Either the sandbox calls twice, or never, and the buyers call in its stead.
    let by_buyers = chance.one_in(2);
    let webhook = if by_buyers { json!({ "lost": true }) } else { json!({ "doubled": true }) };
    mortal.server.faults(&json!({ "webhook": webhook })).await;
    let buying = tokio::spawn(together(buyers, move |mut buyer: Buyer| async move {
        buyer.begin(client());
        while buyer.step(by_buyers).await {}
        buyer
    }));
    tokio::time::sleep(Duration::from_millis(40 + chance.below(500))).await;
    mortal.end(ending, chance);
    buying.await.unwrap()
}

/// Sometimes it ends again before it is ready.
async fn ended_while_it_starts(mortal: &mut Mortal, ending: Ending, chance: &mut Chance) {
    while chance.one_in(3) {
        mortal.begin();
        tokio::time::sleep(Duration::from_millis(chance.below(250))).await;
        mortal.end(ending, chance);
    }
}

/// That the directory is sound, and every position that was ever shown still stands in it.
async fn must_hold(server: &Server, buyers: &[Buyer]) {
    let shown = buyers.iter().flat_map(Buyer::positions).map(String::as_str);
    let words: Vec<&str> = shown.flat_map(|position| ["--anchor", position]).collect();
    let output = server.verify(&words).await;
    assert_eq!(output.status.code(), Some(0), "{}\n{}", told(&output), server.log());
}

/// That every account holds what its buyers were told that it does.
async fn must_agree(server: &Server, buyers: &[Buyer]) {
    let accounts: BTreeSet<&str> = buyers.iter().map(|buyer| buyer.account.as_str()).collect();
    for account in accounts {
        let own = || buyers.iter().filter(|buyer| buyer.account == account);
        let bought: i64 = own().map(Buyer::bought).sum();
        let spent: i64 = own().map(Buyer::spent).sum();
        assert_eq!(server.available(account).await, bought - spent, "{account}");
        let expected: BTreeMap<String, i64> = own().flat_map(Buyer::lots).collect();
        assert_eq!(lots(server, account).await, expected, "{account}");
    }
    server.must_be_sound().await;
}

/// The lots of an account and what each began with, by the payment that it came from.
async fn lots(server: &Server, account: &str) -> BTreeMap<String, i64> {
    let (mut found, mut after) = (BTreeMap::new(), None::<String>);
    loop {
        let page = after.map(|after| format!("&after={after}")).unwrap_or_default();
        let answer = server.read(&format!("/v1/accounts/{account}/lots?limit=1000{page}")).await;
        for lot in answer.body["items"].as_array().into_iter().flatten() {
            let text = |name: &str| lot[name].as_str().unwrap().to_owned();
            let before = found.insert(text("payment"), text("minted").parse().unwrap());
            assert_eq!(before, None, "two lots for one payment: {lot}");
        }
        match &answer.body["next"] {
            Value::String(next) => after = Some(next.clone()),
            _ => return found,
        }
    }
}

fn tell(buyers: &[Buyer], rounds: u64) {
    let (bought, spends, doubts) =
        buyers.iter().map(Buyer::counts).fold((0, 0, 0), |(bought, spends, doubts), (b, s, d)| {
            (bought + b, spends + s, doubts + d)
        });
    eprintln!("{rounds} ends, {bought} lots, {spends} spends, {doubts} answers lost");
    assert!(bought > rounds && spends > rounds, "there was load");
}
