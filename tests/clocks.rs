//! Clocks that step, jump and stand still under a real server: nothing is lost, and time alone
//! causes nothing that it should not.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    crash::chance::Chance,
    faults::{Customers, Shim},
    server::{Answer, Server, msat, piperoll, run, signal},
};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// A server whose clocks can be moved.
struct House {
    server: Server,
    shim: Shim,
}

impl House {
    async fn open() -> Self {
        let mut server = Server::new(&[("PIPEROLL_LIMITS__REQUEST_TIMEOUT", "5s")]);
        let shim = Shim::under(&mut server);
        server.open().await;
        Self { server, shim }
    }

    async fn mint(&self, account: &str, key: &str, lasting: Option<i64>) -> Answer {
        let tenant = &self.server.door().tenant;
        let path = format!("/v1/admin/tenants/{tenant}/accounts/{account}/mint");
        let until = |seconds| Utc::now() + TimeDelta::seconds(seconds);
        let until =
            lasting.map(|seconds| until(seconds).to_rfc3339_opts(SecondsFormat::Secs, true));
        let body = json!({ "amount": msat(100), "reason": "a test", "expires_at": until });
        let ask = self.server.door().operator(&crate::server::client(), Method::POST, &path);
        crate::server::Ask::answer(ask.header("idempotency-key", key).json(&body)).await
    }

    async fn spend(&self, account: &str, key: &str) -> Answer {
        let path = format!("/v1/accounts/{account}/spend");
        self.server.post(&path, key, &json!({ "amount": msat(1) })).await
    }

    async fn clock(&self, verb: &str, body: &Value) {
        let path = format!("/v1/admin/clock/{verb}");
        self.server.operate(Method::POST, &path, body).await.is(200);
    }

    async fn doubt(&self) -> Value {
        self.server.operate(Method::GET, "/v1/admin/clock", &json!({})).await.is(200).body["doubt"]
            .clone()
    }

    async fn until_available(&self, account: &str, amount: &str) {
        let path = format!("/v1/accounts/{account}/balance");
        let so = |answer: &Answer| answer.body["balances"][0]["available"] == amount;
        self.server.until(&path, so).await;
    }

    async fn ready(&self) -> u16 {
        let ask = self.server.door().ask(&crate::server::client(), Method::GET, "/ready");
        crate::server::Ask::answer(ask).await.status
    }

    /// Stops, and gives the events of a sound roll.
    async fn close(mut self) -> Vec<Value> {
        assert_eq!(self.server.terminate().await.code(), Some(0), "{}", self.server.log());
        self.server.must_be_sound().await;
        let mut command = piperoll(&["events"]);
        command.arg("--data").arg(self.server.data());
        let lines = String::from_utf8(run(command).await.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn times(events: &[Value]) -> Vec<DateTime<Utc>> {
    events.iter().map(|event| event["recorded_at"].as_str().unwrap().parse().unwrap()).collect()
}

fn count(events: &[Value], name: &str) -> usize {
    events.iter().filter(|event| event["type"] == name).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_step_back_goes_unnoticed_and_time_still_grows() {
    let house = House::open().await;
    house.mint("alice", "one", None).await.is(201);
    house.shim.clocks(-3, 0);
    for key in ["a", "b", "c"] {
        house.spend("alice", key).await.is(201);
    }
    let times = times(&house.close().await);
    assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_behind_the_roll_refuses_writes_until_it_has_caught_up() {
    let house = House::open().await;
    house.mint("alice", "one", None).await.is(201);
    house.shim.clocks(-30, 0);
    let refused = house.spend("alice", "a").await.is(503);
    assert_eq!(refused.body["code"], "clock_behind", "{}", refused.text);
    assert!(!refused.lines("retry-after").is_empty());
    assert_eq!(house.ready().await, 503);
    assert_eq!(house.server.available("alice").await, 100, "reading goes on");
    house.shim.clocks(0, 0);
    assert_eq!(house.ready().await, 200);
    house.spend("alice", "a").await.is(201);
    assert_eq!(count(&house.close().await, "credit.spent.v1"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_that_is_ahead_goes_on_after_a_correction_and_over_restarts() {
    let mut house = House::open().await;
    house.shim.clocks(HOUR, 0);
    house.mint("alice", "one", None).await.is(201);
    house.shim.clocks(0, 0);
    house.spend("alice", "a").await.is(503);
    house.clock("correct", &json!({ "reason": "it was an hour ahead" })).await;
    house.spend("alice", "a").await.is(201);
    house.server.kill();
    house.server.open().await;
    house.spend("alice", "b").await.is(201);
    let events = house.close().await;
    let backwards = times(&events).windows(2).filter(|pair| pair[1] <= pair[0]).count();
    assert_eq!((count(&events, "clock.corrected.v1"), backwards), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_jump_nothing_expires_until_the_clock_is_accepted_not_even_by_a_restart() {
    let mut house = House::open().await;
    house.mint("alice", "one", Some(10 * MINUTE)).await.is(201);
    house.shim.clocks(20 * MINUTE, 0);
    house.spend("alice", "a").await.is(201);
    assert!(house.doubt().await.is_string());
    house.server.kill();
    house.server.open().await;
    assert!(house.doubt().await.is_string(), "the doubt is forgotten");
    // Longer than a reactor rests.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    house.spend("alice", "b").await.is(201);
    assert_eq!(house.server.available("alice").await, 98);
    assert!(house.server.log().contains("time rests"), "{}", house.server.log());
    house.clock("accept", &json!({})).await;
    assert!(house.doubt().await.is_null());
    house.until_available("alice", "0").await;
    house.spend("alice", "c").await.is(402);
    assert_eq!(count(&house.close().await, "lot.expired.v1"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_of_absence_nothing_expires_until_the_clock_is_accepted() {
    let mut house = House::open().await;
    house.mint("alice", "one", Some(HOUR)).await.is(201);
    house.server.kill();
    house.shim.clocks(25 * HOUR, 25 * HOUR);
    house.server.open().await;
    assert!(house.doubt().await.is_string());
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    house.spend("alice", "a").await.is(201);
    house.clock("accept", &json!({})).await;
    house.until_available("alice", "0").await;
    assert_eq!(count(&house.close().await, "lot.expired.v1"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_slept_believes_its_clock() {
    let house = House::open().await;
    house.mint("alice", "one", Some(HOUR)).await.is(201);
    house.mint("alice", "two", None).await.is(201);
    signal("STOP", house.server.pid());
    house.shim.clocks(3 * HOUR, 3 * HOUR);
    signal("CONT", house.server.pid());
    house.until_available("alice", "100").await;
    assert!(house.doubt().await.is_null());
    house.spend("alice", "a").await.is(201);
    let events = house.close().await;
    assert_eq!(count(&events, "lot.expired.v1"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_stopped_past_every_timeout_loses_and_doubles_nothing() {
    let seed = Chance::seed();
    eprintln!("seed {seed}");
    let mut chance = Chance::new(seed);
    let mut house = House::open().await;
    let mut customers = Customers::new(&mut chance);
    for round in 1..=3 {
        let asking = customers.ask(&house.server);
        asking.until_done(20, "before").await;
        signal("STOP", house.server.pid());
        // Every timer of the process has run out when it wakes.
        house.shim.stands_still(round * HOUR);
        tokio::time::sleep(Duration::from_millis(chance.below(500))).await;
        signal("CONT", house.server.pid());
        asking.until_done(20, &house.server.log()).await;
        customers = asking.stop().await;
        customers.resolve(&house.server).await;
    }
    customers.repeat(&house.server).await;
    customers.must_be_what_the_views_say(&house.server).await;
    assert_eq!(house.server.terminate().await.code(), Some(0), "{}", house.server.log());
    customers.must_be_what_the_roll_says(&house.server).await;
}
