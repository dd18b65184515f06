//! What sets something right: in every mode, once, with a reason, and never beyond what there is.

use piperoll_domain::billing::Mode;
use serde_json::{Value, json};

use super::{
    Shop,
    metering::{deposit, finalize, hold, holds, shop, switch, usd},
    msat,
};

const MODES: [Mode; 3] = [Mode::Shadow, Mode::Soft, Mode::Live];

fn lot_path(account: &str, lot: &str, what: &str) -> String {
    format!("/v1/accounts/{account}/lots/{lot}/{what}")
}

async fn lots(shop: &Shop, account: &str) -> Vec<Value> {
    shop.settle().await;
    let page = shop.get(format!("/v1/accounts/{account}/lots")).await.must_be(200).json();
    page["items"].as_array().unwrap().clone()
}

/// What the entries of `alice` add up to in USD, and her balance.
async fn sums(shop: &Shop) -> (i64, i64) {
    shop.settle().await;
    let number = |value: &Value| value.as_str().unwrap().parse::<i64>().unwrap();
    let page = shop.get("/v1/accounts/alice/entries?limit=1000").await.must_be(200).json();
    let entries = page["items"].as_array().unwrap().iter();
    let ours = entries.filter(|entry| entry["amount"]["commodity"] == "USD");
    let shared = |entry: &&Value| !entry["kind"].as_str().unwrap().contains("share");
    let sum = ours.filter(shared).map(|entry| number(&entry["amount"]["amount"])).sum();
    let balances = shop.get("/v1/accounts/alice/balance").await.must_be(200).json();
    let balances = balances["balances"].as_array().unwrap().clone();
    let balance = balances.iter().filter(|row| row["commodity"] == "USD");
    (sum, balance.map(|row| number(&row["balance"])).sum())
}

/// A payment of 5,000 that `alice` got credit for, and the lot.
async fn bought(shop: &Shop) -> (String, String) {
    let body = json!({"account": "alice", "amount": msat(5_000)});
    let asked = shop.post("/v1/topups", &body).await.must_be(402).json();
    let invoice = json!({"invoice": asked["payment_request"]});
    shop.operate("POST", "/v1/admin/sandbox/pay").json(&invoice).fresh().await.must_be(200);
    let payment = asked["payment"].as_str().unwrap().to_owned();
    let path = format!("/v1/payments/{payment}/sync");
    loop {
        let shown = shop.post(&*path, &json!({})).await.must_be(200).json();
        if let Some(lot) = shown["gave"]["lot"].as_str() {
            return (payment, lot.to_owned());
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn must_be_refunded(shop: &Shop, payment: &str, refund: &str, amount: u64) {
    let shown = shop.get(format!("/v1/payments/{payment}")).await.must_be(200).json();
    assert_eq!((&shown["refund"], &shown["refunded"]), (&json!(refund), &msat(amount)));
}

#[tokio::test]
async fn money_goes_back_up_to_what_was_paid_and_takes_its_credit_along_in_every_mode() {
    for mode in MODES {
        let shop = Shop::open().await;
        switch(&shop, mode).await;
        let (payment, lot) = bought(&shop).await;
        let path = format!("/v1/payments/{payment}/refunds");
        let body = json!({"refund": "rfd_1", "amount": msat(2_000), "reason": "was down",
            "reference": "ln 7"});
        let ask = || {
            let ask = shop.ask("POST", &*path).key(&shop.keys.key).json(&body);
            ask.header("idempotency-key", "k1")
        };
        must_be_refunded(&shop, &payment, "none", 0).await;
        let first = ask().await.must_be(201).json();
        must_be_refunded(&shop, &payment, "part", 2_000).await;
        assert_eq!((&first["total"], &first["paid"]), (&msat(2_000), &msat(5_000)));
        assert_eq!(
            (&first["clawback"]["lot"], &first["clawback"]["taken"]),
            (&json!(lot), &msat(2_000))
        );
        assert_eq!(first["clawback"]["refund"], "rfd_1");
        let again = ask().await.must_be(201);
        assert_eq!((again.json(), again.header("idempotency-replayed")), (first, "true"));
        let taken = shop.post(&*path, &body).await.must_be_problem(409, "claim_taken");
        assert_eq!(taken.json()["field"], "refund");
        let beyond = json!({"amount": msat(3_001), "reason": "more"});
        let refused = shop.post(&*path, &beyond).await.must_be_problem(422, "refund_exceeds");
        assert_eq!(refused.json()["left"], msat(3_000));
        let in_usd = json!({"amount": usd(1), "reason": "more"});
        shop.post(&*path, &in_usd).await.must_be_problem(422, "commodity_foreign");
        let silent = json!({"amount": msat(1), "reason": " "});
        shop.post(&*path, &silent).await.must_be_problem(422, "reason_needed");
        let known = &lots(&shop, "alice").await[0];
        assert_eq!((&known["minted"], &known["clawed_back"]), (&json!("5000"), &json!("2000")));
        let rest = json!({"amount": msat(3_000), "reason": "was down for long"});
        shop.post(&*path, &rest).await.must_be(201);
        must_be_refunded(&shop, &payment, "full", 5_000).await;
        shop.app.stop().await;
    }
}

#[tokio::test]
async fn of_many_refunds_at_once_no_more_succeed_than_was_paid() {
    let shop = Shop::open().await;
    let (payment, _) = bought(&shop).await;
    let ours = format!("/v1/payments/{payment}/refunds");
    let operators = format!("/v1/admin/tenants/dev/payments/{payment}/refunds");
    let body = json!({"amount": msat(1_500), "reason": "was down"});
    let asks = (0..8).map(|turn| {
        let ask = if turn % 2 == 0 {
            shop.post(&*ours, &body)
        } else {
            shop.operate("POST", &*operators).json(&body).fresh()
        };
        ask.send()
    });
    let answers = futures_util::future::join_all(asks).await;
    let done = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(done, 3, "3 × 1,500 of 5,000");
    let refused = answers.into_iter().filter(|answer| answer.status != 201);
    refused.for_each(|answer| drop(answer.must_be_problem(422, "refund_exceeds")));
    shop.app.stop().await;
}

#[tokio::test]
async fn what_is_not_paid_cannot_go_back() {
    let shop = Shop::open().await;
    let asked =
        shop.post("/v1/payments", &json!({"amount": msat(5_000)})).await.must_be(201).json();
    let payment = asked["payment"].as_str().unwrap();
    let body = json!({"amount": msat(1), "reason": "none"});
    let path = |payment: &str| format!("/v1/payments/{payment}/refunds");
    shop.post(path(payment), &body).await.must_be_problem(409, "payment_not_paid");
    shop.post(path("pay_none"), &body).await.must_be_problem(404, "payment_not_found");
    shop.app.stop().await;
}

#[tokio::test]
async fn a_clawback_takes_what_is_there_then_what_is_held_and_owes_what_is_used_in_every_mode() {
    for mode in MODES {
        let shop = shop(Mode::Live).await;
        let lot = lots(&shop, "alice").await[0]["lot"].as_str().unwrap().to_owned();
        hold(&shop, "used", 30).await.must_be(201);
        finalize(&shop, "used", 30).await.must_be(200);
        hold(&shop, "held", 50).await.must_be(201);
        switch(&shop, mode).await;
        let path = lot_path("alice", &lot, "clawback");
        let clawed =
            shop.post(&*path, &json!({"reason": "charged back"})).await.must_be(201).json();
        assert_eq!((&clawed["amount"], &clawed["taken"]), (&usd(100), &usd(20)));
        assert_eq!((&clawed["awaited"], &clawed["debt"]["owed"]), (&usd(50), &usd(30)));
        assert_eq!(clawed["reversed"]["base"], usd(30));
        let known = &lots(&shop, "alice").await[0];
        assert_eq!((&known["minted"], &known["clawed_back"]), (&json!("100"), &json!("20")));
        assert_eq!((&known["reserved"], &known["awaited"]), (&json!("50"), &json!("50")));
        shop.post(&*path, &json!({"reason": "again"})).await.must_be_problem(409, "lot_empty");
        shop.post("/v1/reservations/held/release", &json!({})).await.must_be(200);
        assert_eq!(holds(&shop).await, ["0", "0", "30"]);
        let known = &lots(&shop, "alice").await[0];
        assert_eq!((&known["clawed_back"], &known["awaited"]), (&json!("70"), &json!("0")));
        assert_eq!(sums(&shop).await, (-30, -30), "the ledger is the lots less the debt");
        // The next deposit repays first.
        deposit(&shop, "alice", "later", 40).await;
        assert_eq!(sums(&shop).await, (10, 10));
        shop.app.stop().await;
    }
}

#[tokio::test]
async fn soft_overruns_are_in_the_ledger_as_they_are_in_the_balance() {
    let shop = shop(Mode::Soft).await;
    hold(&shop, "res_1", 60).await.must_be(201);
    finalize(&shop, "res_1", 130).await.must_be(200);
    assert_eq!(sums(&shop).await, (-30, -30));
    let balance = shop.get("/v1/accounts/alice/balance").await.must_be(200).json();
    let usd = balance["balances"].as_array().unwrap().iter().find(|row| row["commodity"] == "USD");
    assert_eq!((&usd.unwrap()["owed"], &usd.unwrap()["balance"]), (&json!("30"), &json!("-30")));
    shop.app.stop().await;
}

#[tokio::test]
async fn a_lot_that_was_given_twice_is_voided_once_nothing_of_it_is_held() {
    let shop = shop(Mode::Live).await;
    let double = deposit(&shop, "alice", "paid-twice", 100).await;
    let path = lot_path("alice", &double, "void");
    let reason = json!({"reason": "the same money as `paid`"});
    hold(&shop, "res_1", 150).await.must_be(201);
    shop.post(&*path, &reason).await.must_be_problem(409, "lot_reserved");
    shop.post("/v1/reservations/res_1/release", &json!({})).await.must_be(200);
    let voided = shop.post(&*path, &reason).await.must_be(201).json();
    assert_eq!((&voided["lot"], &voided["amount"]), (&json!(double), &usd(100)));
    assert_eq!(holds(&shop).await, ["100", "0", "0"]);
    let known = lots(&shop, "alice").await;
    let known = known.iter().find(|lot| lot["lot"] == double).unwrap();
    assert_eq!((&known["minted"], &known["voided"]), (&json!("100"), &json!("100")));
    shop.post(&*path, &reason).await.must_be_problem(409, "lot_empty");
    shop.post(lot_path("alice", "lot_none", "void"), &reason)
        .await
        .must_be_problem(404, "lot_not_found");
    shop.post(lot_path("bob", &double, "void"), &reason)
        .await
        .must_be_problem(404, "lot_not_found");
    shop.app.stop().await;
}

#[tokio::test]
async fn credit_moves_with_its_cost_and_its_source() {
    let shop = shop(Mode::Live).await;
    shop.post("/v1/accounts", &json!({"account": "bob"})).await.must_be(201);
    let body = json!({"transfer": "trf_1", "from": "alice", "to": "bob", "amount": usd(40),
        "reason": "two became one"});
    let moved = shop.post("/v1/transfers", &body).await.must_be(201).json();
    assert_eq!((&moved["lots"][0]["cost"], &moved["received"][0]["amount"]), (&usd(40), &usd(40)));
    let arrived = &lots(&shop, "bob").await[0];
    assert_eq!((&arrived["lot"], &arrived["source"]), (&json!("trf_1.1"), &json!("transfer_in")));
    assert_eq!((&arrived["cost"], &arrived["available"]), (&usd(40), &json!("40")));
    assert_eq!(holds(&shop).await, ["60", "0", "0"]);
    let more = |from: &str, to: &str, units| json!({"from": from, "to": to, "amount": usd(units), "reason": "more"});
    for (body, status, code, field) in [
        (body, 409, "lot_exists", Some("transfer")),
        (more("alice", "bob", 61), 402, "credit_insufficient", None),
        (more("alice", "alice", 1), 422, "account_same", Some("to")),
        (more("nobody", "bob", 1), 404, "account_not_found", None),
        (more("alice", "sys-commons", 1), 403, "account_reserved", Some("to")),
        (more("sys-commons", "alice", 1), 403, "account_reserved", Some("from")),
        (more("alice", "bob", 0), 422, "amount_zero", Some("amount")),
    ] {
        let refused = shop.post("/v1/transfers", &body).await.must_be_problem(status, code);
        assert_eq!(refused.json()["field"].as_str(), field, "{body}");
    }
    // As its first mint would, what arrives opens the account.
    shop.post("/v1/transfers", &more("alice", "new", 1)).await.must_be(201);
    shop.app.stop().await;
}

#[tokio::test]
async fn corrections_want_an_operating_key_and_go_on_while_billing_is_off() {
    let shop = Shop::with(&[("FEATURE_BILLING_ENABLED", "false")]).await;
    let lot = deposit(&shop, "alice", "paid", 100).await;
    let meter = shop.key_of("dev", "meter", json!(["credit", "read", "sell"])).await;
    let part = json!({"amount": usd(10), "reason": "charged back"});
    let path = lot_path("alice", &lot, "clawback");
    let refused = shop.ask("POST", &*path).key(&meter).json(&part).fresh().await;
    refused.must_be_problem(403, "forbidden");
    let foreign = json!({"amount": msat(10), "reason": "charged back"});
    shop.post(&*path, &foreign).await.must_be_problem(422, "commodity_foreign");
    shop.post(&*path, &part).await.must_be(201);
    let operators = format!("/v1/admin/tenants/dev/accounts/alice/lots/{lot}/void");
    let reason = json!({"reason": "never paid"});
    shop.operate("POST", operators).json(&reason).fresh().await.must_be(201);
    shop.settle().await;
    let path = "/v1/admin/tenants/dev/accounts/alice/balance";
    let balance = shop.operate("GET", path).await.must_be(200).json();
    assert_eq!(balance["balances"][0]["voided"], "90");
    shop.app.stop().await;
}
