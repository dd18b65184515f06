//! Reservations over HTTP: every mode, every edge, and every answer again.

mod named;
mod paid;
mod plain;
mod together;

use piperoll_domain::{
    billing::{Billing, Mode},
    money::{Amount, Code},
    operation::ChangeBilling,
};
use serde_json::{Value, json};

use super::{Answer, Shop};
use crate::service::Principal;

pub(super) fn usd(units: u64) -> Value {
    json!({"commodity": "USD", "amount": units.to_string()})
}

/// A shop whose tenant bills in this mode, and whose `alice` paid for 100.
pub(super) async fn shop(mode: Mode) -> Shop {
    let shop = Shop::open().await;
    switch(&shop, mode).await;
    deposit(&shop, "alice", "paid", 100).await;
    shop
}

pub(super) async fn switch(shop: &Shop, mode: Mode) {
    bill(shop, Billing { mode, ..Billing::default() }).await;
}

pub(super) async fn bill(shop: &Shop, billing: Billing) {
    let tenant = "dev".parse().unwrap();
    let wish = ChangeBilling { tenant, billing, over: None, reason: "test".into() };
    shop.app.service.execute(&Principal::Cli, wish, None).await.unwrap();
}

pub(super) async fn deposit(shop: &Shop, account: &str, source: &str, units: u64) -> String {
    let path = format!("/v1/admin/tenants/dev/accounts/{account}/mint");
    let lot = json!({"amount": usd(units), "source": "deposit", "source_id": source,
        "cost": usd(units), "reason": "test"});
    let minted = shop.operate("POST", path).json(&lot).fresh().await.must_be(201);
    minted.json()["lot"].as_str().unwrap().to_owned()
}

pub(super) async fn hold(shop: &Shop, name: &str, units: u64) -> Answer {
    let body = json!({"reservation": name, "amount": usd(units)});
    shop.post("/v1/accounts/alice/reservations", &body).await
}

pub(super) async fn finalize(shop: &Shop, name: &str, cost: u64) -> Answer {
    let path = format!("/v1/reservations/{name}/finalize");
    shop.post(path, &json!({"cost": usd(cost)})).await
}

async fn release(shop: &Shop, name: &str) -> Answer {
    shop.post(format!("/v1/reservations/{name}/release"), &json!({})).await
}

/// What `alice` holds of USD: available, reserved, consumed.
pub(super) async fn holds(shop: &Shop) -> [String; 3] {
    shop.settle().await;
    let balance = shop.get("/v1/accounts/alice/balance").await.must_be(200).json();
    let usd = balance["balances"].as_array().unwrap().iter().find(|row| row["commodity"] == "USD");
    let usd = usd.unwrap();
    ["available", "reserved", "consumed"].map(|name| usd[name].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn live_work_is_held_then_charged_and_never_beyond_what_was_held() {
    let shop = shop(Mode::Live).await;
    let held = hold(&shop, "res_1", 60).await.must_be(201).json();
    assert_eq!((&held["status"], &held["mode"]), (&json!("pending"), &json!("live")));
    assert_eq!((&held["wanted"], &held["reserved"]), (&usd(60), &usd(60)));
    assert_eq!(held["lots"][0]["amount"], usd(60));
    assert_eq!((&held["end"], &held["would_be_402"]), (&Value::Null, &json!(false)));
    assert_eq!(holds(&shop).await, ["40", "60", "0"]);
    let refused = hold(&shop, "res_2", 41).await.must_be_problem(402, "credit_insufficient");
    assert_eq!(refused.json()["missing"], usd(1));
    let ended = finalize(&shop, "res_1", 75).await.must_be(200).json();
    assert_eq!((&ended["status"], &ended["cost"]), (&json!("finalized"), &usd(75)));
    assert_eq!((&ended["charged"], &ended["overrun"]), (&usd(60), &usd(15)));
    assert_eq!((&ended["uncollected"], &ended["owed"]), (&usd(15), &usd(0)));
    assert_eq!(ended["lots"][0]["left"], usd(40));
    assert_eq!(ended["shares"]["base"], usd(60));
    assert_eq!(holds(&shop).await, ["40", "0", "60"]);
    let shown = shop.get("/v1/reservations/res_1").await.must_be(200).json();
    assert_eq!((&shown["status"], &shown["end"]), (&json!("finalized"), &ended));
    shop.app.stop().await;
}

#[tokio::test]
async fn soft_work_is_done_without_credit_and_owed() {
    let shop = shop(Mode::Soft).await;
    let held = hold(&shop, "res_1", 130).await.must_be(201).json();
    assert_eq!((&held["reserved"], &held["missing"]), (&usd(100), &usd(30)));
    assert_eq!(held["would_be_402"], true);
    let ended = finalize(&shop, "res_1", 150).await.must_be(200).json();
    assert_eq!((&ended["charged"], &ended["owed"]), (&usd(150), &usd(50)));
    assert_eq!((&ended["overrun"], &ended["uncollected"]), (&usd(50), &usd(0)));
    assert_eq!(ended["debts"][0]["cause"], "overrun");
    assert_eq!(ended["shares"]["base"], usd(100), "what is owed is not collected");
    assert_eq!(holds(&shop).await, ["0", "0", "100"]);
    shop.app.stop().await;
}

#[tokio::test]
async fn shadow_work_touches_nothing_and_tells_what_would_have_been() {
    let shop = shop(Mode::Shadow).await;
    let held = hold(&shop, "res_1", 130).await.must_be(201).json();
    assert_eq!((&held["mode"], &held["reserved"]), (&json!("shadow"), &usd(0)));
    assert_eq!((&held["missing"], &held["would_be_402"]), (&usd(30), &json!(true)));
    assert_eq!(held["lots"], json!([]));
    assert_eq!(holds(&shop).await, ["100", "0", "0"]);
    let ended = finalize(&shop, "res_1", 140).await.must_be(200).json();
    assert_eq!((&ended["cost"], &ended["charged"]), (&usd(140), &usd(0)));
    assert_eq!((&ended["missing"], &ended["would_be_402"]), (&usd(40), &json!(true)));
    assert_eq!((&ended["lots"], &ended["shares"]), (&json!([]), &Value::Null));
    assert_eq!(holds(&shop).await, ["100", "0", "0"]);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_repeat_gives_the_first_answer_whatever_happened_since() {
    let shop = shop(Mode::Live).await;
    let ask = || {
        let path = "/v1/accounts/alice/reservations";
        let ask = shop.ask("POST", path).key(&shop.keys.key).json(&json!({"amount": usd(10)}));
        ask.header("idempotency-key", "k1")
    };
    let first = ask().await.must_be(201);
    let name = first.json()["reservation"].as_str().unwrap().to_owned();
    let ended = finalize(&shop, &name, 7).await.must_be(200).json();
    let again = ask().await.must_be(201);
    assert_eq!(again.json(), first.json());
    assert_eq!(
        (first.header("idempotency-replayed"), again.header("idempotency-replayed")),
        ("", "true")
    );
    let before = shop.head();
    let same = finalize(&shop, &name, 7).await.must_be(200);
    assert_eq!((same.json(), same.header("idempotency-replayed")), (ended, "true"));
    assert_eq!(shop.head(), before);
    let other = finalize(&shop, &name, 8).await.must_be_problem(409, "reservation_finalized");
    assert_eq!(other.json()["cost"], usd(7));
    release(&shop, &name).await.must_be_problem(409, "reservation_finalized");
    shop.app.stop().await;
}

#[tokio::test]
async fn what_is_given_back_is_free_again_once_and_cannot_be_charged() {
    let shop = shop(Mode::Live).await;
    hold(&shop, "res_1", 100).await.must_be(201);
    let given = release(&shop, "res_1").await.must_be(200);
    assert_eq!(
        (&given.json()["status"], &given.json()["returned"][0]["amount"]),
        (&json!("released"), &usd(100))
    );
    let again = release(&shop, "res_1").await.must_be(200);
    assert_eq!((again.json(), again.header("idempotency-replayed")), (given.json(), "true"));
    // A caller who takes 409 for done must not lose a charge: what is gone is 404.
    finalize(&shop, "res_1", 5).await.must_be_problem(404, "reservation_not_found");
    finalize(&shop, "res_9", 5).await.must_be_problem(404, "reservation_not_found");
    release(&shop, "res_9").await.must_be_problem(404, "reservation_not_found");
    shop.get("/v1/reservations/res_9").await.must_be_problem(404, "reservation_not_found");
    assert_eq!(holds(&shop).await, ["100", "0", "0"]);
    shop.app.stop().await;
}

#[tokio::test]
async fn in_every_mode_what_is_unknown_or_over_cannot_be_charged() {
    for mode in [Mode::Shadow, Mode::Soft, Mode::Live] {
        let shop = shop(mode).await;
        let body = json!({"reservation": "over", "amount": usd(60), "ttl_seconds": 1});
        shop.post("/v1/accounts/alice/reservations", &body).await.must_be(201);
        let ended = "/v1/reservations?status=expired";
        shop.until(ended, |page| page["items"][0]["reservation"] == "over").await;
        let head = shop.head();
        for (refused, code) in [
            (finalize(&shop, "over", 5).await, "reservation_expired"),
            (finalize(&shop, "unknown", 5).await, "reservation_not_found"),
            (release(&shop, "unknown").await, "reservation_not_found"),
        ] {
            let told = refused.must_be_problem(404, code).json();
            assert_eq!(told.get("error"), None, "it is not about credit");
        }
        let again = release(&shop, "over").await.must_be(200);
        assert_eq!(again.json()["status"], "expired", "how it ended is told again");
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!((shop.head(), holds(&shop).await), (head, ["100", "0", "0"].map(str::to_owned)));
        shop.app.stop().await;
    }
}

#[tokio::test]
async fn a_reservation_that_cannot_be_made_is_refused_by_name_and_changes_nothing() {
    let shop = shop(Mode::Live).await;
    let before = shop.head();
    let ask = async |account: &str, body: &Value| {
        shop.post(format!("/v1/accounts/{account}/reservations"), body).await
    };
    ask("nobody", &json!({"amount": usd(1)})).await.must_be_problem(404, "account_not_found");
    let foreign = json!({"amount": {"commodity": "EUR", "amount": "1"}});
    ask("alice", &foreign).await.must_be_problem(422, "commodity_unknown");
    ask("alice", &json!({"amount": usd(0)})).await.must_be_problem(422, "amount_zero");
    for seconds in [0, 86_401] {
        let refused = ask("alice", &json!({"amount": usd(1), "ttl_seconds": seconds})).await;
        refused.must_be_problem(422, "duration_out_of_range");
    }
    for (more, field) in [
        (json!({"amount": null}), "amount"),
        (json!({"estimate": usd(1)}), "estimate"),
        (json!({"pool": "no pool"}), "pool"),
        (json!({"reservation": "a/b"}), "reservation"),
        (json!({"reference": "a\nb"}), "reference"),
        (json!({"amount": {"commodity": "USD", "amount": "1.5"}}), "amount.amount"),
        (json!({"colour": "red"}), "colour"),
    ] {
        let mut body = json!({"amount": usd(1)});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let refused = ask("alice", &body).await.must_be(422).json();
        assert_eq!(refused["field"], field, "{body}");
    }
    assert_eq!(shop.head(), before);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_pool_that_nobody_used_is_served_by_the_general_one_to_the_last_micro() {
    let shop = shop(Mode::Live).await;
    let path = "/v1/accounts/alice/reservations";
    let unused = json!({"amount": usd(1), "pool": "unused", "reservation": "res_1"});
    shop.post(path, &unused).await.must_be(201);
    shop.post(path, &unused).await.must_be_problem(409, "reservation_exists");
    let micro = finalize(&shop, "res_1", 1).await.must_be(200);
    assert_eq!(micro.json()["charged"], usd(1));
    shop.app.stop().await;
}

#[tokio::test]
async fn each_ceiling_says_who_set_it_and_bounds_every_charge() {
    let shop = Shop::with(&[("BILLING_CEILING_MICRO", "50")]).await;
    switch(&shop, Mode::Live).await;
    deposit(&shop, "alice", "paid", 50).await;
    deposit(&shop, "alice", "paid again", 50).await;
    let refused = hold(&shop, "res_1", 51).await.must_be_problem(422, "ceiling_exceeded").json();
    assert_eq!((&refused["set_by"], &refused["ceiling"]), (&json!("environment"), &usd(50)));
    hold(&shop, "res_1", 50).await.must_be(201);
    let charged = finalize(&shop, "res_1", 51).await.must_be(200).json();
    assert_eq!((&charged["charged"], &charged["uncollected"]), (&usd(50), &usd(1)));
    let use_of =
        async |units| shop.post("/v1/accounts/alice/spend", &json!({"amount": usd(units)})).await;
    let refused = use_of(51).await.must_be_problem(422, "ceiling_exceeded").json();
    assert_eq!(refused["set_by"], "environment");
    let ceilings = [(Code::USD, Amount::new(20).unwrap())].into();
    bill(&shop, Billing { mode: Mode::Live, ceilings, ..Billing::default() }).await;
    let refused = hold(&shop, "res_2", 21).await.must_be_problem(422, "ceiling_exceeded").json();
    assert_eq!((&refused["set_by"], &refused["ceiling"]), (&json!("setting"), &usd(20)));
    use_of(20).await.must_be(201);
    shop.app.stop().await;
}

#[tokio::test]
async fn with_billing_switched_off_nothing_is_charged_and_everything_can_be_read() {
    let shop = Shop::with(&[("FEATURE_BILLING_ENABLED", "no")]).await;
    deposit(&shop, "alice", "paid", 100).await;
    let before = shop.head();
    for refused in [
        hold(&shop, "res_1", 1).await,
        finalize(&shop, "res_1", 1).await,
        release(&shop, "res_1").await,
        shop.post("/v1/accounts/alice/spend", &json!({"amount": usd(1)})).await,
    ] {
        let refused = refused.must_be_problem(503, "billing_off");
        assert_eq!(refused.header("retry-after"), "5");
    }
    assert_eq!(shop.head(), before);
    shop.settle().await;
    shop.get("/v1/reservations").await.must_be(200);
    assert_eq!(holds(&shop).await, ["100", "0", "0"]);
    shop.app.stop().await;
}

#[tokio::test]
async fn reservations_are_listed_by_account_and_by_where_they_stand() {
    let shop = shop(Mode::Live).await;
    for (name, account, units) in [("c", "alice", 1), ("b", "alice", 2), ("a", "bob", 3)] {
        deposit(&shop, account, name, 10).await;
        let body = json!({"reservation": name, "amount": usd(units), "reference": "job 7"});
        shop.post(format!("/v1/accounts/{account}/reservations"), &body).await.must_be(201);
    }
    finalize(&shop, "c", 1).await.must_be(200);
    release(&shop, "b").await.must_be(200);
    shop.settle().await;
    let listed = async |query: &str| -> Vec<String> {
        let page = shop.get(format!("/v1/reservations{query}")).await.must_be(200).json();
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["reservation"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed("").await, ["a", "b", "c"]);
    assert_eq!(listed("?account=alice").await, ["c", "b"]);
    assert_eq!(listed("?status=pending").await, ["a"]);
    assert_eq!(listed("?status=released&account=alice").await, ["b"]);
    assert_eq!(listed("?status=expired").await, Vec::<String>::new());
    let first = shop.get("/v1/reservations?limit=2").await.must_be(200).json();
    assert_eq!(first["items"][0]["reference"], "job 7");
    let next = first["next"].as_str().unwrap();
    assert_eq!(listed(&format!("?after={next}")).await, ["c"]);
    shop.get(format!("/v1/reservations?account=alice&after={next}"))
        .await
        .must_be_problem(400, "cursor_invalid");
    shop.get("/v1/reservations?status=open").await.must_be_problem(422, "field_invalid");
    let other = shop.tenant("acme", json!(["admin"])).await;
    let foreign = shop.ask("GET", "/v1/reservations/a").key(&other).await;
    foreign.must_be_problem(404, "reservation_not_found");
    shop.app.stop().await;
}

#[tokio::test]
async fn of_two_who_finalize_at_once_one_charges_and_the_other_hears_it() {
    let shop = shop(Mode::Live).await;
    hold(&shop, "res_1", 60).await.must_be(201);
    let (one, other) = tokio::join!(finalize(&shop, "res_1", 40), finalize(&shop, "res_1", 40));
    let (one, other) = (one.must_be(200), other.must_be(200));
    assert_eq!(one.json(), other.json());
    let replayed = [&one, &other].map(|answer| answer.header("idempotency-replayed") == "true");
    assert_eq!(replayed.into_iter().filter(|replayed| *replayed).count(), 1);
    assert_eq!(holds(&shop).await, ["60", "0", "40"]);
    hold(&shop, "res_2", 10).await.must_be(201);
    let (one, other) = tokio::join!(finalize(&shop, "res_2", 4), finalize(&shop, "res_2", 5));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_reservation_ends_in_the_mode_it_was_made_in() {
    let shop = shop(Mode::Live).await;
    hold(&shop, "live", 60).await.must_be(201);
    switch(&shop, Mode::Soft).await;
    hold(&shop, "soft", 60).await.must_be(201);
    switch(&shop, Mode::Shadow).await;
    hold(&shop, "shadow", 60).await.must_be(201);
    let live = finalize(&shop, "live", 70).await.must_be(200).json();
    assert_eq!(
        (&live["mode"], &live["charged"], &live["uncollected"]),
        (&json!("live"), &usd(60), &usd(10))
    );
    let soft = finalize(&shop, "soft", 60).await.must_be(200).json();
    assert_eq!(
        (&soft["mode"], &soft["charged"], &soft["owed"]),
        (&json!("soft"), &usd(60), &usd(20))
    );
    switch(&shop, Mode::Live).await;
    let shadow = finalize(&shop, "shadow", 60).await.must_be(200).json();
    assert_eq!((&shadow["mode"], &shadow["charged"]), (&json!("shadow"), &usd(0)));
    assert_eq!(holds(&shop).await, ["0", "0", "100"]);
    shop.app.stop().await;
}

async fn sells(shop: &Shop, name: &str, gives: u64, price: u64) {
    let offer = json!({"service": "credit", "path": "/credit", "price": super::msat(price),
        "gives": {"credit": {"amount": usd(gives)}}});
    let put = shop.ask("PUT", format!("/v1/offers/{name}")).key(&shop.keys.key).json(&offer);
    put.fresh().await.must_be(200);
}

#[tokio::test]
async fn who_is_short_is_offered_credit_once_and_goes_on_when_it_is_paid() {
    let shop = shop(Mode::Live).await;
    sells(&shop, "small", 10, 2_000).await;
    sells(&shop, "large", 100, 9_000).await;
    let ask = || {
        let body = json!({"reservation": "res_1", "amount": usd(135)});
        let ask = shop.ask("POST", "/v1/accounts/alice/reservations").key(&shop.keys.key);
        ask.json(&body).header("idempotency-key", "k1")
    };
    let short = ask().await.must_be_problem(402, "credit_insufficient");
    let lines: Vec<_> = short.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[1].to_str().unwrap().starts_with("L402 "));
    let told = short.json();
    assert_eq!((&told["missing"], &told["offer"]), (&usd(35), &json!("small")));
    assert_eq!(
        (&told["amount_msat"], &told["payment"]),
        (&json!(8_000), &json!(short.header("piperoll-payment")))
    );
    let again = ask().await.must_be_problem(402, "credit_insufficient").json();
    assert_eq!(
        (&again["payment"], &again["payment_request"]),
        (&told["payment"], &told["payment_request"])
    );
    let invoice = json!({"invoice": told["payment_request"]});
    shop.operate("POST", "/v1/admin/sandbox/pay").json(&invoice).fresh().await.must_be(200);
    let sync = format!("/v1/payments/{}/sync", told["payment"].as_str().unwrap());
    while shop.post(&*sync, &json!({})).await.must_be(200).json()["gave"].is_null() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    ask().await.must_be(201);
    assert_eq!(holds(&shop).await, ["5", "135", "0"]);
    shop.app.stop().await;
}

#[tokio::test]
async fn only_live_work_that_is_short_is_offered_anything() {
    for (mode, status) in [(Mode::Shadow, 201), (Mode::Soft, 201), (Mode::Live, 402)] {
        let shop = shop(mode).await;
        let other = json!({"service": "credit", "path": "/x", "price": super::msat(2_000),
            "gives": {"credit": {"amount": super::msat(1)}}});
        let put = shop.ask("PUT", "/v1/offers/other").key(&shop.keys.key).json(&other).fresh();
        put.await.must_be(200);
        if mode != Mode::Live {
            sells(&shop, "credit", 100, 9_000).await;
        }
        let answer = hold(&shop, "res_1", 150).await.must_be(status);
        assert_eq!(answer.header("www-authenticate"), "", "{mode:?}");
        shop.settle().await;
        let payments = shop.get("/v1/payments").await.must_be(200).json();
        assert_eq!(payments["items"], json!([]), "{mode:?}");
        shop.app.stop().await;
    }
}
