//! Of one payment there is one lot, whichever way credit is given by hand, and in whichever order.

use piperoll_domain::{
    bytes::Bytes,
    money::{Amount, Code, Money},
    operation::{Purpose, RecordInstrument, RequestPayment},
    payment::{InstrumentCreated, Protocol},
};
use serde_json::{Value, json};

use super::{
    admin,
    mint::{PATH, deposit, lots, mint, settled, topup, with},
    open,
};
use crate::{
    api::tests::{Shop, msat},
    service::Principal,
};

/// A top-up of bob's whose invoice came to be late, and has this name at its provider.
async fn known_for_bob(shop: &Shop, provider_id: &str) {
    let (service, who) = (&shop.app.service, Principal::Reactor("create"));
    let (tenant, payment) = ("dev".parse().unwrap(), "pay_bobs".parse().unwrap());
    let amount = Amount::new(9_000).unwrap();
    let price = Money { commodity: Code::MSAT, amount };
    let pool = piperoll_domain::id::Pool::general();
    let account = "bob".parse().unwrap();
    let request = RequestPayment {
        purpose: Purpose::TopUp { account, price, pool, expires_after_seconds: None },
        connection: None,
        expiry_seconds: None,
        reference: None,
        metadata: None,
        tenant,
        payment,
    };
    let (tenant, payment) = (request.tenant.clone(), request.payment.clone());
    service.execute(&who, request, None).await.unwrap();
    let created = InstrumentCreated {
        number: 1,
        connection: "default".parse().unwrap(),
        protocol: Protocol::Lightning,
        network: "regtest".into(),
        asset: "BTC".into(),
        provider_id: provider_id.to_owned(),
        payment_hash: Some(Bytes([7; 32])),
        amount: price,
        expires_at: service.moment().now.plus_seconds(3_600),
        invoice: None,
        token: None,
        caveats: vec![],
        callback: None,
    };
    let made = RecordInstrument { tenant, payment, created };
    service.execute(&who, made, None).await.unwrap();
}

/// What the other ways to give credit by hand answer: alone, in a batch, in one that stands or falls
/// as one. Each is another status, its code and its field.
async fn other_ways(shop: &Shop, account: &str, mint: Value) -> Vec<(u64, String, String)> {
    let path = format!("/v1/admin/tenants/dev/accounts/{account}/mint");
    let told = |problem: &Value| {
        let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        (problem["status"].as_u64().unwrap_or_default(), text("code"), text("field"))
    };
    let mut all = vec![told(&shop.operate("POST", &path).json(&mint).fresh().await.json())];
    for mode in ["independent", "atomic"] {
        let mut item = mint.clone();
        item["operation"] = "lot.mint".into();
        item["account"] = account.into();
        item["idempotency_key"] = format!("{mode} {}", shop.head()).into();
        let body = json!({ "mode": mode, "items": [item] });
        let ask = shop.operate("POST", "/v1/admin/tenants/dev/batch").json(&body).fresh();
        let answer = ask.await.json();
        all.push(told(answer["items"].get(0).map_or(&answer, |item| &item["problem"])));
    }
    all
}

fn refused(code: &str, field: &str) -> Vec<(u64, String, String)> {
    let status = if code == "claim_taken" { 409 } else { 422 };
    let all = [field.to_owned(), format!("items.0.{field}"), format!("items.0.{field}")];
    all.map(|field| (status, code.to_owned(), field)).to_vec()
}

#[tokio::test]
async fn whichever_way_credit_is_given_by_hand_a_payment_gives_it_once() {
    let shop = open().await;
    let [payment, hash, provider] = topup(&shop).await;
    let name = format!("nowpay-{provider}");
    let by_name = |source: &str, name: &str, units: u64| json!({ "amount": msat(units), "source": source, "source_id": name, "reason": "x" });
    let other = other_ways(&shop, "bob", by_name("deposit", &name, 9_000)).await;
    assert_eq!(other, refused("mint_invalid", "source_id"), "it is alice's");
    let less = other_ways(&shop, "alice", by_name("deposit", &name, 8_999)).await;
    assert_eq!(less, refused("mint_invalid", "amount"), "she was promised more");
    settled(&shop, &payment, &hash).await;
    for source in ["deposit", "purchase"] {
        let again = other_ways(&shop, "alice", by_name(source, &name, 9_000)).await;
        assert_eq!(again, refused("claim_taken", "source_id"), "{source}");
    }
    for source in ["grant", "commons_dividend"] {
        for name in [&name, &payment, "nowpay-5077125051"] {
            let gift = other_ways(&shop, "alice", by_name(source, name, 9_000)).await;
            assert_eq!(gift, refused("mint_invalid", "source"), "{source} {name}");
            let mut gift = with("sourceId", name);
            gift["sourceType"] = source.into();
            let told = mint(&shop, &gift).await.must_be_problem(422, "field_invalid").json();
            assert_eq!(told["field"], "sourceType", "{source} {name}");
        }
    }
    assert_eq!(lots(&shop).await, 1);
    shop.app.stop().await;
}

#[tokio::test]
async fn what_was_given_by_any_way_before_its_webhook_is_not_given_again() {
    let shop = open().await;
    let [payment, hash, provider] = topup(&shop).await;
    let body = json!({ "amount": msat(9_000), "source": "deposit", "reason": "late news",
        "source_id": format!("nowpay-{provider}") });
    let path = "/v1/admin/tenants/dev/accounts/alice/mint";
    let ask = || shop.operate("POST", path).header("idempotency-key", "k").json(&body).send();
    let first = ask().await.must_be(201).json();
    settled(&shop, &payment, &hash).await;
    let again = ask().await.must_be(201);
    assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", first));
    assert_eq!(lots(&shop).await, 1);
    let told = shop.get("/v1/accounts/alice/lots").await.json();
    assert_eq!(told["items"][0]["source_id"], payment.as_str(), "{told}");
    shop.app.stop().await;
}

#[tokio::test]
async fn a_key_gives_its_first_answer_though_the_payment_is_known_for_another_by_now() {
    let shop = open().await;
    let body = with("providerPaymentId", "late-1");
    let ask = || {
        let ask = shop.ask("POST", PATH).header("authorization", &admin("ada"));
        ask.header("idempotency-key", "k").json(&body).send()
    };
    let first = ask().await.must_be(201).json();
    known_for_bob(&shop, "late-1").await;
    let again = ask().await.must_be(201);
    assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", first));
    mint(&shop, &body).await.must_be_problem(422, "field_invalid");
    shop.app.stop().await;
}

#[tokio::test]
async fn a_payment_that_was_recovered_before_it_was_known_is_not_given_again_under_its_own_name() {
    let shop = open().await;
    let body = json!({ "amountMicro": "5000000", "sourceType": "deposit", "description": "x",
        "providerPaymentId": "late-2" });
    let ask = || {
        let ask = shop.ask("POST", "/admin/billing/accounts/bob/mint");
        ask.header("authorization", &admin("ada")).json(&body).send()
    };
    let first = ask().await.must_be(201).json();
    assert_eq!(first["sourceId"], "nowpay-late-2");
    known_for_bob(&shop, "late-2").await;
    assert_eq!(ask().await.must_be(200).json()["lotId"], first["lotId"]);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_key_that_names_the_source_names_it_for_one_operation() {
    let shop = open().await;
    let runbooks = shop.ask("POST", PATH).header("authorization", &admin("ada"));
    let runbooks = runbooks.header("idempotency-key", "k").json(&deposit()).await;
    assert_eq!(runbooks.must_be(201).json()["sourceId"], "manual:k");
    let path = "/v1/admin/tenants/dev/accounts/alice/mint";
    let body = json!({ "amount": { "commodity": "USD", "amount": "5000000" },
        "source": "deposit", "reason": "x" });
    let alone = || shop.operate("POST", path).header("idempotency-key", "k");
    alone().json(&body).await.must_be(201);
    let item = json!({ "operation": "lot.mint", "idempotency_key": "k", "account": "alice",
        "amount": { "commodity": "USD", "amount": "5000000" }, "source": "deposit", "reason": "x" });
    let batch = json!({ "mode": "atomic", "items": [item] });
    let ask = shop.operate("POST", "/v1/admin/tenants/dev/batch").json(&batch).fresh();
    assert_eq!(ask.await.must_be(200).json()["items"][0]["replayed"], true);
    assert_eq!(lots(&shop).await, 2);
    // Nobody takes such a name away from whoever will use the key.
    for name in ["manual:k2", "key:k2"] {
        let mut named = body.clone();
        named["source_id"] = name.into();
        let all = other_ways(&shop, "alice", named).await;
        assert_eq!(all, refused("field_invalid", "source_id"), "{name}");
        let told = mint(&shop, &with("sourceId", name)).await;
        assert_eq!(told.must_be_problem(422, "field_invalid").json()["field"], "sourceId");
    }
    assert_eq!(lots(&shop).await, 2);
    shop.app.stop().await;
}
