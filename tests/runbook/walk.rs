//! The runbook's steps, taken one after another against a server that runs.

use std::process::Output;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Sqlite, queries as q};
use crate::server::{Answer, Ask, Server, bearer, client, piperoll, run, told};

const INTERNAL: &str = "an-internal-secret-that-only-this-test-knows";
const ADMIN: &str = "an-admin-secret-that-only-this-test-knows";

/// The runbook's table of variables, whole.
const VARIABLES: [(&str, &str); 7] = [
    ("FEATURE_BILLING_ENABLED", "true"),
    ("BILLING_INTERNAL_JWT_SECRET", INTERNAL),
    ("BILLING_ADMIN_JWT_SECRET", ADMIN),
    ("BILLING_ADMIN_JWT_SECRET_PREV", "the-admin-secret-that-was-used-before-it"),
    ("BILLING_CEILING_MICRO", "1000000000000"),
    ("NOWPAYMENTS_API_KEY", "a-key-of-nowpayments"),
    ("NOWPAYMENTS_IPN_SECRET", "a-secret-of-nowpayments"),
];

/// A server, and the key of its tenant `default`.
struct Walk {
    server: Server,
    key: String,
}

impl Walk {
    async fn begin() -> Self {
        let server = Server::start(&VARIABLES).await;
        let mut walk = Self { server, key: String::new() };
        walk.done(&["tenant", "open", "default"]).await;
        let issued = walk.done(&[
            "keys",
            "issue",
            "meter",
            "--tenant",
            "default",
            "--role",
            "credit,read,operate",
        ]);
        issued.await["secret"].as_str().unwrap().clone_into(&mut walk.key);
        walk
    }

    /// Runs a command of ours as an operator.
    async fn command(&self, arguments: &[&str]) -> Output {
        let door = self.server.door();
        let mut command = piperoll(&[&["--json"], arguments].concat());
        command.env("PIPEROLL_URL", &door.url).env("PIPEROLL_ADMIN_TOKEN", &door.admin_token);
        command.env("PIPEROLL_DATA", self.server.data()).env("PIPEROLL_TOKEN", &self.key);
        run(command).await
    }

    /// The answer to a command that must succeed.
    async fn done(&self, arguments: &[&str]) -> Value {
        self.exits(arguments, 0).await
    }

    /// The answer to a command that must end like this.
    async fn exits(&self, arguments: &[&str], code: i32) -> Value {
        let output = self.command(arguments).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", told(&output));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    async fn set(&self, mode: &str, words: &[&str]) -> Value {
        let verb = ["billing", "mode", "set", mode, "--reason", "the runbook"];
        self.done(&[&verb, words].concat()).await
    }

    /// The runbook's call, as curl sends it.
    async fn mint(&self, account: &str, micro: &str) -> Answer {
        let path = format!("/admin/billing/accounts/{account}/mint");
        let body = json!({ "amountMicro": micro, "sourceType": "deposit",
            "description": "Manual NOWPayments recovery" });
        let ask = self.server.door().ask(&client(), Method::POST, &path);
        let token = bearer(ADMIN, "arrakis-admin", "arrakis-billing-admin", "ada");
        let form = "application/x-www-form-urlencoded";
        ask.bearer_auth(token).header("content-type", form).body(body.to_string()).answer().await
    }

    /// As the tenant.
    async fn post(&self, path: &str, body: &Value) -> Answer {
        let ask = self.server.door().ask(&client(), Method::POST, path);
        let key = uuid::Uuid::new_v4().to_string();
        ask.bearer_auth(&self.key).header("idempotency-key", key).json(body).answer().await
    }

    async fn reserve(&self, account: &str, name: &str, micro: &str) -> Answer {
        let path = format!("/v1/accounts/{account}/reservations");
        let body =
            json!({ "reservation": name, "amount": { "commodity": "USD", "amount": micro } });
        let ask = self.server.door().ask(&client(), Method::POST, &path);
        ask.bearer_auth(&self.key).header("idempotency-key", name).json(&body).answer().await
    }

    /// As the other service of the house does.
    async fn finalize(&self, reservation: &str, micro: &str) -> Answer {
        self.finalize_by(INTERNAL, reservation, micro).await
    }

    async fn finalize_by(&self, secret: &str, reservation: &str, micro: &str) -> Answer {
        let body = json!({ "reservationId": reservation, "actualCostMicro": micro });
        let ask = self.server.door().ask(&client(), Method::POST, "/api/internal/finalize");
        let token = bearer(secret, "loa-finn", "arrakis-internal", "default");
        ask.bearer_auth(token).json(&body).answer().await
    }

    /// The views, once they have seen all that was answered so far.
    async fn sqlite(&self) -> Sqlite {
        // Offers are read from where the roll stands, the others from where the views do.
        let offers = self.server.door().ask(&client(), Method::GET, "/v1/offers");
        let head = offers.bearer_auth(&self.key).answer().await.is(200);
        let head = head.lines("piperoll-position").remove(0);
        let seen = self.server.door().ask(&client(), Method::GET, "/v1/reservations");
        let seen = seen.bearer_auth(&self.key).header("piperoll-min-position", head);
        seen.answer().await.is(200);
        Sqlite::of(&self.server.data()).unwrap()
    }

    async fn ask(&self, words: &str) -> Vec<String> {
        self.sqlite().await.ask(words)
    }
}

/// Whether there is a program to ask the views with.
fn has_sqlite() -> bool {
    crate::peers::peer("PIPEROLL_TEST_SQLITE").is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn billing_goes_from_shadow_to_live_and_back() {
    if !has_sqlite() {
        return;
    }
    let walk = Walk::begin().await;
    // Part 1: what a new house looks like.
    let migrations = walk.ask(q::MIGRATIONS).await;
    assert!(migrations.concat().contains("roll format 1"), "{migrations:?}");
    assert_eq!(walk.ask(q::BROKEN_LOTS).await, ["0"]);
    assert_eq!(walk.ask(q::SEEDED_MODE).await, ["billing_mode|shadow"]);
    assert_eq!(walk.ask(q::SYSTEM_ACCOUNTS).await.len(), 3);
    shadow(&walk).await;
    soft(&walk).await;
    live(&walk).await;
    look(&walk).await;
    incidents(&walk).await;
    a_deposit_that_came_twice(&walk).await;
    a_campaign_that_gave_too_much(&walk).await;
    walk.server.must_be_sound().await;
}

/// Part 2: shadow records what would happen, and changes nothing.
async fn shadow(walk: &Walk) {
    walk.mint("alice", "5000000").await.is(201);
    walk.reserve("alice", "s1", "1000000").await.is(201);
    walk.finalize("s1", "900000").await.is(200);
    walk.reserve("alice", "s2", "9000000").await.is(201);
    let types = "SELECT entry_type, amount_micro FROM credit_ledger \
                 WHERE entry_type LIKE 'shadow_%' ORDER BY entry_type, entry_seq";
    let expected = ["shadow_finalize|900000", "shadow_reserve|1000000", "shadow_reserve|9000000"];
    assert_eq!(walk.ask(types).await, expected);
    let balance = "SELECT available_micro FROM credit_balances WHERE account_id = 'alice'";
    assert_eq!(walk.ask(balance).await, ["5000000"]);
}

/// Part 2: soft is refused before its time, set with a reason, and lets accounts owe.
async fn soft(walk: &Walk) {
    let refused = walk.sqlite().await.refuses(q::SET_SOFT);
    assert!(refused.contains("piperoll billing mode set"), "{refused}");
    let set = ["billing", "mode", "set", "soft", "--reason", "the runbook"];
    let refused = walk.command(&set).await;
    assert_eq!(refused.status.code(), Some(6), "{}", told(&refused));
    assert!(told(&refused).contains("billing_not_ready"), "{}", told(&refused));
    let list = walk.exits(&["readiness", "billing"], 8).await;
    assert_eq!((&list["to"], &list["ready"]), (&json!("soft"), &json!(false)));
    walk.set("soft", &["--override", "a rehearsal"]).await;
    assert_eq!(walk.ask(q::MODE).await, ["soft"]);
    walk.reserve("alice", "a1", "4000000").await.is(201);
    walk.finalize("a1", "6000001").await.is(200);
    let owed = "SELECT available_micro, debt_micro FROM credit_balances WHERE account_id = 'alice'";
    assert_eq!(walk.ask(owed).await, ["0|1000001"]);
}

/// Part 2: live refuses what is not there, and charges no more than was set aside.
async fn live(walk: &Walk) {
    walk.set("live", &["--override", "a rehearsal"]).await;
    walk.mint("bob", "3000000").await.is(201);
    walk.reserve("bob", "b1", "3000001").await.is(402);
    walk.reserve("bob", "b2", "1000000").await.is(201);
    let ended = walk.finalize("b2", "1500000").await.is(200);
    assert_eq!(
        (&ended.body["finalizedMicro"], &ended.body["billingMode"]),
        (&json!("1000000"), &json!("live"))
    );
    walk.reserve("bob", "b3", "500000").await.is(201);
    let overrun = "SELECT charged_micro, overrun_micro, uncollected_micro \
                   FROM credit_reservations WHERE id = 'b2'";
    assert_eq!(walk.ask(overrun).await, ["1000000|500000|500000"]);
}

/// Part 3: the queries that are asked every day.
async fn look(walk: &Walk) {
    for letters in [q::LETTERS, q::LETTERS_PENDING, q::LETTERS_FOR_REVIEW] {
        assert_eq!(walk.ask(letters).await, Vec::<String>::new());
    }
    // s2, in shadow, and b3.
    assert_eq!(walk.ask(q::PENDING).await, ["2"]);
    let result: Value = serde_json::from_str(&walk.ask(q::RECONCILIATION).await.concat()).unwrap();
    assert_eq!(result["passed"], true, "{result}");
    // 5,000,000 that alice had and 1,000,000 of bob's were collected; debts are not shared.
    let shared = ["commons_contribution|300000", "revenue_share|5700000"];
    assert_eq!(walk.ask(q::SHARED).await, shared);
    assert_eq!(walk.done(&["reconcile", "ledger"]).await["passed"], true);
}

/// Part 4, 5 and 8: a spike of 402s, a deposit that came twice, a cache that is none.
async fn incidents(walk: &Walk) {
    assert_eq!(walk.ask(q::MODE).await, ["live"]);
    let report = walk.done(&["billing", "doctor"]).await;
    assert_eq!((&report["mode"], &report["accounts_in_debt"]), (&json!("live"), &json!(1)));
    assert_eq!(report["answers_payment_required"], 1, "{report}");
    walk.set("soft", &[]).await;
    assert_eq!(walk.ask(q::MODE).await, ["soft"]);
    assert_eq!(walk.ask(q::BROKEN_LOTS_ALL).await, Vec::<String>::new());
    let of_bob = "SELECT entry_type, amount_micro FROM credit_ledger WHERE account_id = 'bob' \
                  ORDER BY entry_seq DESC, id DESC LIMIT 1";
    assert_eq!(walk.ask(of_bob).await, ["reserve|-500000"]);
    assert_eq!(walk.ask(q::DEPOSIT_KEYS).await.len(), 2);
    walk.mint("bob", "3000000").await.is(409);
    assert_eq!(walk.ask(q::PAYMENT).await, Vec::<String>::new());
    let dropped = walk.done(&["cache", "reset", "--account", "bob"]).await;
    assert_eq!(
        (&dropped["dropped"], &dropped["key"]),
        (&json!(0), &json!("billing:balance:bob:general"))
    );
    let status = walk.done(&["migrate", "status"]).await;
    assert_eq!(
        status["stores"][0]["state"].as_str().map(|s| s.starts_with("format 1")),
        Some(true)
    );
}

/// Part 4: one of the two is void, and shows just what the runbook would have written.
async fn a_deposit_that_came_twice(walk: &Walk) {
    let lot = walk.mint("dave", "7000").await.is(201).word("/lotId");
    let write = format!(
        "UPDATE credit_lots SET available_micro = 0, consumed_micro = original_micro \
         WHERE id = '{lot}'"
    );
    assert!(walk.sqlite().await.refuses(&write).contains("read-only: use `piperoll lots void`"));
    let path = format!("/v1/accounts/dave/lots/{lot}/void");
    walk.post(&path, &json!({ "reason": "paid twice" })).await.is(201);
    let numbers = format!(
        "SELECT original_micro, available_micro, reserved_micro, consumed_micro FROM credit_lots \
         WHERE id = '{lot}'"
    );
    assert_eq!(walk.ask(&numbers).await, ["7000|0|0|7000"]);
    assert_eq!(walk.ask(q::BROKEN_LOTS).await, ["0"]);
}

/// Part 4: a campaign is paused by command, and what it gave is told.
async fn a_campaign_that_gave_too_much(walk: &Walk) {
    let usd = |micro: &str| json!({ "commodity": "USD", "amount": micro });
    walk.post("/v1/campaigns", &json!({ "campaign": "promo", "budget": usd("100") })).await.is(201);
    let reason = json!({ "reason": "launch" });
    walk.post("/v1/campaigns/promo/activate", &reason).await.is(200);
    let item = json!({ "idempotency_key": "g1", "account": "carol", "amount": usd("40") });
    let grants = json!({ "mode": "atomic", "items": [item] });
    walk.post("/v1/campaigns/promo/grants", &grants).await.is(200);
    let of = |words: &str| words.replace('?', "'promo'");
    let refused = walk.sqlite().await.refuses(&of(q::PAUSE_CAMPAIGN));
    assert!(refused.contains("piperoll campaigns pause"), "{refused}");
    assert_eq!(walk.ask(&of(q::GRANTED)).await, ["40"]);
    walk.done(&["campaigns", "pause", "promo", "--reason", "too much"]).await;
    let status = "SELECT status, budget_micro, spent_micro FROM credit_campaigns";
    assert_eq!(walk.ask(status).await, ["paused|100|40"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_service_is_told_what_the_runbook_says_it_is_told() {
    if !has_sqlite() {
        return;
    }
    let walk = Walk::begin().await;
    walk.mint("alice", "5000000").await.is(201);
    walk.reserve("alice", "r1", "1000000").await.is(201);
    walk.finalize_by("another-secret-that-does-not-match-it", "r1", "5").await.is(401);
    walk.finalize("nobody", "5").await.is(404);
    walk.finalize("r1", "900000").await.is(200);
    walk.finalize("r1", "900000").await.is(200);
    walk.finalize("r1", "900001").await.is(409);
    let mut last = 0;
    for _ in 0..200 {
        last = walk.finalize("nobody", "5").await.status;
    }
    assert_eq!(last, 429, "200 a minute and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn billing_that_is_switched_off_refuses_and_still_shows() {
    if !has_sqlite() {
        return;
    }
    let mut walk = Walk::begin().await;
    walk.mint("alice", "5000000").await.is(201);
    walk.server.terminate().await;
    walk.server.set("FEATURE_BILLING_ENABLED", "false");
    walk.server.open().await;
    walk.reserve("alice", "r1", "1000000").await.is(503);
    walk.finalize("r1", "5").await.is(503);
    assert_eq!(walk.ask(q::BROKEN_LOTS).await, ["0"]);
}
