//! Those who ask all the while, remember every answer, and settle accounts in the end.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    crash::chance::Chance,
    server::{Answer, Ask as _, Door, Server, client, msat, piperoll, run, told},
};

/// How many ask at once; two share an account.
const CUSTOMERS: u64 = 6;

/// How long each rests before it asks again.
const PAUSE: Duration = Duration::from_millis(10);

/// What became of a command, as far as who gave it was told.
#[derive(Debug, Clone, PartialEq)]
enum Told {
    /// It is done.
    Done(Value),
    /// It was not done.
    Refused,
    /// Perhaps.
    Unknown,
}

/// A command, by its key.
#[derive(Debug, Clone)]
struct Wish {
    key: String,
    account: String,
    /// Given, or spent where it is negative.
    amount: i64,
    told: Told,
}

/// One who asks, one thing after another.
struct Customer {
    number: u64,
    chance: Chance,
    wishes: Vec<Wish>,
}

/// All of them.
pub(crate) struct Customers {
    all: Vec<Customer>,
}

/// Customers who are asking.
pub(crate) struct Asking {
    set: JoinSet<Customer>,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
}

impl Asking {
    /// Waits until so many more are done, for half a minute: the server is well.
    pub(crate) async fn until_done(&self, more: u64, why: &str) {
        let goal = self.done.load(Relaxed) + more;
        for _ in 0..600 {
            if self.done.load(Relaxed) >= goal {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nothing is done any more: {why}");
    }

    pub(crate) async fn stop(mut self) -> Customers {
        self.stop.store(true, Relaxed);
        let mut all = vec![];
        while let Some(customer) = self.set.join_next().await {
            all.push(customer.unwrap());
        }
        all.sort_by_key(|customer| customer.number);
        Customers { all }
    }
}

impl Customers {
    pub(crate) fn new(chance: &mut Chance) -> Self {
        let new = |number| Customer { number, chance: chance.another(), wishes: vec![] };
        Self { all: (0..CUSTOMERS).map(new).collect() }
    }

    /// Lets them ask until they are stopped, whatever they are told.
    pub(crate) fn ask(self, server: &Server) -> Asking {
        let (stop, done) = <(Arc<AtomicBool>, Arc<AtomicU64>)>::default();
        let mut set = JoinSet::new();
        for mut customer in self.all {
            let (stop, done) = (stop.clone(), done.clone());
            let (door, client) = (server.door().clone(), client());
            set.spawn(async move {
                while !stop.load(Relaxed) {
                    tokio::time::sleep(PAUSE).await;
                    if let Told::Done(_) = customer.step(&door, &client).await {
                        done.fetch_add(1, Relaxed);
                    }
                }
                customer
            });
        }
        Asking { set, stop, done }
    }

    /// Asks again for everything whose outcome is not known: it is done, once.
    pub(crate) async fn resolve(&mut self, server: &Server) {
        let client = client();
        for wish in self.all.iter_mut().flat_map(|customer| &mut customer.wishes) {
            if wish.told == Told::Unknown {
                let answer = wish.until_there(server.door(), &client).await.is(201);
                wish.told = Told::Done(answer.body);
            }
        }
    }

    /// Asks again for everything that was done: the same answers.
    pub(crate) async fn repeat(&self, server: &Server) {
        let client = client();
        for wish in self.wishes() {
            if let Told::Done(body) = &wish.told {
                let answer = wish.until_there(server.door(), &client).await.is(201);
                assert_eq!(answer.lines("idempotency-replayed"), ["true"], "{wish:?}");
                assert_eq!(answer.body, *body, "{wish:?}");
            }
        }
    }

    pub(crate) fn was_anything_refused(&self) -> bool {
        self.wishes().any(|wish| wish.told == Told::Refused)
    }

    /// Waits until the views have seen everything.
    pub(crate) async fn views_catch_up(&self, server: &Server) {
        for _ in 0..1200 {
            let health = server.door().ask(&client(), Method::GET, "/health").answer().await;
            if health.body["view_lag_events"] == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the views stay behind:\n{}", server.log());
    }

    fn wishes(&self) -> impl Iterator<Item = &Wish> {
        self.all.iter().flat_map(|customer| &customer.wishes)
    }

    /// That the roll of a stopped server holds exactly what was acknowledged: each once, and nothing
    /// that was refused.
    pub(crate) async fn must_be_what_the_roll_says(&self, server: &Server) {
        server.must_be_sound().await;
        let mut command = piperoll(&["events"]);
        command.arg("--data").arg(server.data());
        let output = run(command).await;
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        let mut found = BTreeMap::<String, u64>::new();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            if let Some(key) = event["idempotency"]["key"].as_str() {
                *found.entry(key.to_owned()).or_default() += 1;
            }
        }
        for wish in self.wishes() {
            let expected = match wish.told {
                Told::Done(_) => 1,
                Told::Refused => 0,
                Told::Unknown => panic!("nobody asked again for {wish:?}"),
            };
            assert_eq!(found.get(&wish.key).copied().unwrap_or(0), expected, "{wish:?}");
        }
    }

    /// That every account holds what it was told to hold, in the views as well.
    pub(crate) async fn must_be_what_the_views_say(&self, server: &Server) {
        let mut accounts = BTreeMap::<&str, i64>::new();
        for wish in self.wishes().filter(|wish| matches!(wish.told, Told::Done(_))) {
            *accounts.entry(&wish.account).or_default() += wish.amount;
        }
        for (account, amount) in accounts {
            assert_eq!(server.available(account).await, amount, "{account}");
        }
    }
}

impl Customer {
    async fn step(&mut self, door: &Door, client: &Client) -> Told {
        let account = format!("customer-{}", self.number / 2);
        let sure: i64 = self.wishes.iter().map(Wish::surely).sum();
        let few = i64::try_from(self.chance.below(100)).unwrap() + 1;
        let spend = sure >= 100 && !self.chance.one_in(3);
        let amount = if spend { -few } else { 10 * few };
        let key = format!("{}-{}", self.number, self.wishes.len());
        let mut wish = Wish { key, account, amount, told: Told::Unknown };
        let answer = wish.put(door, client).sent().await;
        wish.told = answer.map_or(Told::Unknown, |answer| Told::of(answer, &wish));
        self.wishes.push(wish.clone());
        wish.told
    }
}

impl Wish {
    /// What the account has at least because of it.
    fn surely(&self) -> i64 {
        match self.told {
            Told::Done(_) => self.amount,
            Told::Refused => 0,
            Told::Unknown => self.amount.min(0),
        }
    }

    fn put(&self, door: &Door, client: &Client) -> RequestBuilder {
        let Self { key, account, amount, .. } = self;
        let (body, ask) = if *amount < 0 {
            let path = format!("/v1/accounts/{account}/spend");
            (json!({ "amount": msat(-amount) }), door.shop(client, Method::POST, &path))
        } else {
            let path = format!("/v1/admin/tenants/{}/accounts/{account}/mint", door.tenant);
            let body = json!({ "amount": msat(*amount), "reason": "a test" });
            (body, door.operator(client, Method::POST, &path))
        };
        ask.header("idempotency-key", key).json(&body)
    }

    /// The same, again for as long as it is told to ask again: an index that a fault tore may still be
    /// opening.
    async fn until_there(&self, door: &Door, client: &Client) -> Answer {
        let mut answer = self.put(door, client).answer().await;
        for _ in 0..40 {
            if answer.status != 503 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            answer = self.put(door, client).answer().await;
        }
        answer
    }
}

impl Told {
    fn of(answer: Answer, wish: &Wish) -> Self {
        match answer.status {
            201 => Self::Done(answer.body),
            503 if answer.text.contains("not known") => Self::Unknown,
            503 => Self::Refused,
            _ => panic!("{wish:?}: {} {}", answer.status, answer.text),
        }
    }
}
