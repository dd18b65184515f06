//! Who was short, paid and asks again with what he paid for: known at once, as at every door.

use piperoll_domain::billing::Mode;
use serde_json::{Value, json};

use super::{deposit, hold, holds, sells, switch, usd};
use crate::api::tests::{Answer, Shop};

/// A shop that bills live and sells ten for 2,000; `alice` has 100, and no webhook ever arrives.
async fn shop(settings: &[(&str, &str)], faults: Value) -> Shop {
    let shop = Shop::with(settings).await;
    switch(&shop, Mode::Live).await;
    deposit(&shop, "alice", "paid", 100).await;
    sells(&shop, "small", 10, 2_000).await;
    fault(&shop, faults).await;
    shop
}

async fn fault(shop: &Shop, mut faults: Value) {
    faults["webhook"] = json!({"lost": true});
    let path = "/v1/admin/sandbox/default/faults";
    shop.operate("PUT", path).json(&faults).fresh().await.must_be(200);
}

async fn ask(shop: &Shop, account: &str, units: u64, credential: Option<&str>) -> Answer {
    let body = json!({"reservation": "res_1", "amount": usd(units)});
    let path = format!("/v1/accounts/{account}/reservations");
    let ask = shop.ask("POST", path).key(&shop.keys.key).json(&body);
    let ask = ask.header("idempotency-key", &format!("{account}-{units}"));
    match credential {
        Some(credential) => ask.header("authorization", credential).await,
        None => ask.await,
    }
}

/// What was offered, paid: its payment, and what shows that.
async fn pay(shop: &Shop, short: &Answer) -> (String, String) {
    let told = short.json();
    let invoice = json!({"invoice": told["payment_request"]});
    let paid = shop.operate("POST", "/v1/admin/sandbox/pay").json(&invoice).fresh().await;
    let preimage = paid.must_be(200).json()["preimage"].as_str().unwrap().to_owned();
    let mut lines = short.headers.get_all("www-authenticate").iter();
    let line = lines.next_back().unwrap().to_str().unwrap();
    let token = line.split_once("macaroon=\"").unwrap().1.split_once('"').unwrap().0;
    (told["payment"].as_str().unwrap().to_owned(), format!("L402 {token}:{preimage}"))
}

#[tokio::test]
async fn whoever_paid_goes_on_at_once_though_the_webhook_is_lost() {
    let shop = shop(&[], json!({})).await;
    let short = ask(&shop, "alice", 135, None).await.must_be_problem(402, "credit_insufficient");
    let (_, credential) = pay(&shop, &short).await;
    ask(&shop, "alice", 135, None).await.must_be_problem(402, "credit_insufficient");
    let held = ask(&shop, "alice", 135, Some(&credential)).await.must_be(201);
    assert_eq!(held.header("idempotency-replayed"), "");
    let again = ask(&shop, "alice", 135, Some(&credential)).await.must_be(201);
    assert_eq!(
        (again.json(), again.header("idempotency-replayed")),
        (held.json(), "true"),
        "one reservation, and one lot"
    );
    assert_eq!(holds(&shop).await, ["5", "135", "0"]);
    shop.app.stop().await;
}

#[tokio::test]
async fn what_was_paid_for_helps_once_and_then_more_is_offered() {
    let shop = shop(&[], json!({})).await;
    let short = ask(&shop, "alice", 105, None).await.must_be(402);
    let (payment, credential) = pay(&shop, &short).await;
    ask(&shop, "alice", 105, Some(&credential)).await.must_be(201);
    let body = json!({"reservation": "res_2", "amount": usd(10)});
    let more = shop.post("/v1/accounts/alice/reservations", &body);
    let more = more.header("authorization", &credential).await;
    let more = more.must_be_problem(402, "credit_insufficient").json();
    assert_eq!((&more["missing"], &more["offer"]), (&usd(5), &json!("small")));
    assert_ne!(more["payment"], json!(payment));
    assert_eq!(holds(&shop).await, ["5", "105", "0"]);
    shop.app.stop().await;
}

#[tokio::test]
async fn what_is_not_settled_yet_is_shown_again() {
    let wait = [("PIPEROLL_L402__SETTLE_WAIT_MS", "100")];
    let shop = shop(&wait, json!({"status_lies_for_seconds": 3_600})).await;
    let short = ask(&shop, "alice", 105, None).await.must_be(402);
    let (payment, credential) = pay(&shop, &short).await;
    let pending = ask(&shop, "alice", 105, Some(&credential)).await;
    let pending = pending.must_be_problem(402, "credential_unsettled");
    assert_eq!(pending.header("retry-after"), "1");
    assert_eq!(pending.json()["payment"], json!(payment));
    assert_eq!(pending.json()["payment_request"], short.json()["payment_request"]);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_provider_who_cannot_be_asked_is_worth_another_try_and_no_other_invoice() {
    let shop = shop(&[], json!({"status_unreachable": true})).await;
    let short = ask(&shop, "alice", 105, None).await.must_be(402);
    let (_, credential) = pay(&shop, &short).await;
    let before = shop.head();
    let unknown = ask(&shop, "alice", 105, Some(&credential)).await;
    unknown.must_be_problem(503, "provider_unavailable");
    assert_eq!(shop.head(), before);
    fault(&shop, json!({})).await;
    ask(&shop, "alice", 105, Some(&credential)).await.must_be(201);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_credential_that_cannot_help_is_told_so_and_only_where_help_is_needed() {
    let shop = shop(&[], json!({})).await;
    deposit(&shop, "bob", "paid too", 100).await;
    let short = ask(&shop, "bob", 105, None).await.must_be(402);
    let (_, credential) = pay(&shop, &short).await;
    let (token, _) = credential.rsplit_once(':').unwrap();
    let before = shop.head();
    for (shown, status, code) in [
        (credential.clone(), 403, "credential_wrong_scope"),
        (format!("{token}:{}", "ab".repeat(32)), 401, "credential_invalid"),
        ("L402 nothing".to_owned(), 401, "credential_malformed"),
    ] {
        let refused = ask(&shop, "alice", 105, Some(&shown)).await;
        refused.must_be_problem(status, code);
    }
    assert_eq!(shop.head(), before, "nothing was minted, and no invoice made");
    for (units, shown) in [(20, credential.as_str()), (30, "L402 nothing")] {
        let body = json!({"reservation": format!("res_{units}"), "amount": usd(units)});
        let ask = shop.post("/v1/accounts/alice/reservations", &body);
        ask.header("authorization", shown).await.must_be(201);
    }
    hold(&shop, "res_3", 50).await.must_be(201);
    ask(&shop, "bob", 105, Some(&credential)).await.must_be(201);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_credential_wants_https_where_it_is_demanded() {
    let demands =
        [("PIPEROLL_L402__REQUIRE_HTTPS", "true"), ("PIPEROLL_TRUSTED_PROXIES", "10.0.0.0/8")];
    let shop = shop(&demands, json!({})).await;
    let refused = ask(&shop, "alice", 5, Some("L402 nothing")).await;
    refused.must_be_problem(403, "https_required");
    ask(&shop, "alice", 5, None).await.must_be(201);
    shop.app.stop().await;
}
