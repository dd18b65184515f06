//! The story: each chapter is a real exchange, and ends in what must hold.

mod metered;

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    DemoError,
    house::House,
    talk::{Said, Talk},
};

/// How long something that happens by itself may take.
const SOON: (u32, Duration) = (100, Duration::from_millis(100));

/// Tells everything, from the first request to the proof.
pub(super) async fn tell(talk: &Talk, house: &mut House) -> Result<(), DemoError> {
    prologue(talk)?;
    let bought = buy_credit(talk).await?;
    double_webhook(talk).await?;
    forged_webhook(talk).await?;
    spend(talk).await?;
    sell_a_call(talk).await?;
    metered::tell(talk).await?;
    late_money(talk).await?;
    killed_in_the_middle(talk, house).await?;
    show_again(talk, &bought).await?;
    prove(talk, house).await
}

fn prologue(talk: &Talk) -> Result<(), DemoError> {
    talk.aside("piperoll, a ledger under APIs that charge.")?;
    talk.aside(
        "A server of our own, play money, real Lightning invoices. `>` is asked, `<` is answered.",
    )?;
    Ok(())
}

fn must(holds: bool, what: &'static str) -> Result<(), DemoError> {
    if holds { Ok(()) } else { Err(DemoError::Broken(what)) }
}

/// A top-up that was asked for: its invoice, its token, its payment.
struct Bought {
    key: String,
    body: Value,
    invoice: String,
    payment: String,
    token: String,
    credential: String,
}

async fn ask_for_credit(talk: &Talk, key: &str, body: Value) -> Result<(Bought, Said), DemoError> {
    let said = talk
        .shop(Method::POST, "/v1/topups")
        .key(key)
        .json(&body)
        .tell(&["www-authenticate"], &["/amount_msat", "/expires_at"])
        .await?;
    must(said.status == StatusCode::PAYMENT_REQUIRED, "asking for credit is answered 402")?;
    let line = said.lines("www-authenticate").get(1).map(|line| (*line).to_owned());
    let token = line.as_deref().and_then(|line| quoted(line, "macaroon")).unwrap_or_default();
    let bought = Bought {
        key: key.to_owned(),
        body,
        invoice: said.text("/payment_request"),
        payment: said.text("/payment"),
        token,
        credential: String::new(),
    };
    Ok((bought, said))
}

fn quoted(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

/// Pays from the sandbox's wallet; with `faults`, something goes wrong.
async fn pay(talk: &Talk, bought: &mut Bought, faults: Value) -> Result<(), DemoError> {
    let broken = !faults.is_null();
    if broken {
        break_sandbox(talk, &faults).await?;
    }
    let body = json!({ "invoice": bought.invoice });
    let said = talk.operator(Method::POST, "/v1/admin/sandbox/pay").json(&body).quietly().await?;
    if broken {
        break_sandbox(talk, &json!({})).await?;
    }
    must(said.status.is_success(), "the sandbox's wallet pays the invoice")?;
    let preimage = said.text("/preimage");
    talk.aside(&format!(
        "   The wallet pays and learns the preimage {}",
        super::talk::short(&preimage)
    ))?;
    bought.credential = format!("L402 {}:{preimage}", bought.token);
    Ok(())
}

/// Says what goes wrong from now on.
async fn break_sandbox(talk: &Talk, faults: &Value) -> Result<(), DemoError> {
    let path = "/v1/admin/sandbox/default/faults";
    let said = talk.operator(Method::PUT, path).json(faults).quietly().await?;
    must(said.status.is_success(), "the sandbox goes wrong on request")
}

async fn show(talk: &Talk, bought: &Bought) -> Result<Said, DemoError> {
    Ok(talk
        .shop(Method::POST, "/v1/topups")
        .key(&bought.key)
        .header("Authorization", &bought.credential)
        .json(&bought.body)
        .tell(&["piperoll-position"], &["/account", "/lot"])
        .await?)
}

async fn balance(talk: &Talk, account: &str) -> Result<String, DemoError> {
    let path = format!("/v1/accounts/{account}/balance");
    let said = talk.shop(Method::GET, &path).quietly().await?;
    let available = said.body.pointer("/balances/0/available");
    Ok(available.and_then(Value::as_str).unwrap_or("0").to_owned())
}

/// Waits until `account` has `amount` millisatoshi.
async fn comes_to(talk: &Talk, account: &str, amount: &str) -> Result<(), DemoError> {
    for _ in 0..SOON.0 {
        if balance(talk, account).await? == amount {
            return Ok(talk.held(&format!("{account} has {amount} msat"))?);
        }
        tokio::time::sleep(SOON.1).await;
    }
    Err(DemoError::Broken("the balance comes to what was paid"))
}

fn top_up(account: &str, amount: &str) -> Value {
    json!({ "account": account, "amount": { "commodity": "MSAT", "amount": amount } })
}

async fn buy_credit(talk: &Talk) -> Result<Bought, DemoError> {
    talk.chapter("1. Alice buys credit over L402")?;
    let (mut bought, said) = ask_for_credit(talk, "alice-1", top_up("alice", "50000")).await?;
    must(said.lines("www-authenticate").len() == 2, "a 402 carries two challenges")?;
    talk.held("402, with the line that old clients know and the line that new ones know")?;
    let repeat = talk.shop(Method::POST, "/v1/topups").key(&bought.key).json(&bought.body);
    let repeat = repeat.quietly().await?;
    must(repeat.text("/payment_request") == bought.invoice, "a repeat gives the same invoice")?;
    talk.held("the same request again gives the same invoice, not a second one")?;
    pay(talk, &mut bought, Value::Null).await?;
    let said = show(talk, &bought).await?;
    must(said.status == StatusCode::CREATED, "the paid credential gets its lot")?;
    comes_to(talk, "alice", "50000").await?;
    talk.aside("   What the provider's webhook left behind:")?;
    let path = format!("/v1/receipts?payment={}", bought.payment);
    let fields = ["/items/0/scheme", "/items/0/key", "/items/0/says", "/items/0/led_to"];
    talk.shop(Method::GET, &path).tell(&[], &fields).await?;
    Ok(bought)
}

async fn double_webhook(talk: &Talk) -> Result<(), DemoError> {
    talk.chapter("2. The provider calls twice")?;
    let (mut bought, _) = ask_for_credit(talk, "bob-1", top_up("bob", "7000")).await?;
    pay(talk, &mut bought, json!({ "webhook": { "doubled": true } })).await?;
    comes_to(talk, "bob", "7000").await?;
    let receipts = talk.shop(Method::GET, "/v1/receipts").quietly().await?;
    let own = receipts.body.pointer("/items").and_then(Value::as_array).map_or(0, |items| {
        items.iter().filter(|item| item["payment"] == bought.payment.as_str()).count()
    });
    must(own == 1, "two deliveries of one webhook are one receipt")?;
    talk.held(
        "two deliveries, one receipt, one lot: the second was answered `duplicate` and did nothing",
    )?;
    Ok(())
}

async fn forged_webhook(talk: &Talk) -> Result<(), DemoError> {
    talk.chapter("3. Somebody forges a webhook")?;
    let forged = json!({ "eventId": "evil", "paymentHash": "00".repeat(32), "status": "paid" });
    let said = talk
        .ask(Method::POST, "/webhooks/default")
        .header("x-wordclaw-payment-signature", &"0".repeat(64))
        .json(&forged)
        .tell(&[], &["/code", "/detail"])
        .await?;
    must(said.status == StatusCode::UNAUTHORIZED, "a forged webhook is refused")?;
    talk.held("refused, counted, and remembered in the roll in bounded form")?;
    Ok(())
}

async fn spend(talk: &Talk) -> Result<(), DemoError> {
    talk.chapter("4. Alice uses some of it, and her answer is lost")?;
    let body =
        json!({ "amount": { "commodity": "MSAT", "amount": "1500" }, "reference": "job-17" });
    let path = "/v1/accounts/alice/spend";
    let first = talk.shop(Method::POST, path).key("job-17").json(&body);
    let first = first.tell(&["piperoll-position"], &[]).await?;
    must(first.status.is_success(), "credit can be spent")?;
    let again = talk.shop(Method::POST, path).key("job-17").json(&body);
    let again = again.tell(&["idempotency-replayed", "piperoll-position"], &[]).await?;
    must(again.lines("idempotency-replayed") == ["true"], "a repeat is marked as one")?;
    comes_to(talk, "alice", "48500").await?;
    let other = json!({ "amount": { "commodity": "MSAT", "amount": "9" } });
    let other =
        talk.shop(Method::POST, path).key("job-17").json(&other).tell(&[], &["/code"]).await?;
    must(other.status == StatusCode::UNPROCESSABLE_ENTITY, "a key belongs to one request")?;
    talk.held("asked twice, spent once; the same key for another request is refused")?;
    Ok(())
}

async fn sell_a_call(talk: &Talk) -> Result<(), DemoError> {
    talk.chapter("5. A paid API call through forward-auth")?;
    let offer = json!({
        "service": "jokes", "host": null, "methods": ["GET"], "path": "/jokes/*",
        "price": { "commodity": "MSAT", "amount": "3000" }, "gives": { "uses": { "count": 1 } },
        "least": null, "most": null, "enforcement_percent": 100, "connection": null,
        "expiry_seconds": 600,
    });
    let said = talk
        .shop(Method::PUT, "/v1/offers/joke")
        .key("offer-1")
        .json(&offer)
        .tell(&[], &[])
        .await?;
    must(said.status.is_success(), "an offer is published")?;
    talk.aside("   The reverse proxy asks for a stranger without a credential:")?;
    let said = authorize(talk, None, "request-1").await?;
    must(said.status == StatusCode::PAYMENT_REQUIRED, "a stranger is asked to pay")?;
    let line = said.lines("www-authenticate").get(1).map(|line| (*line).to_owned());
    let line = line.unwrap_or_default();
    let mut bought = Bought {
        key: String::new(),
        body: Value::Null,
        invoice: quoted(&line, "invoice").unwrap_or_default(),
        payment: String::new(),
        token: quoted(&line, "macaroon").unwrap_or_default(),
        credential: String::new(),
    };
    let forged = format!("L402 {}:{}", bought.token, "11".repeat(32));
    let said = authorize(talk, Some(&forged), "request-2").await?;
    must(said.status == StatusCode::UNAUTHORIZED, "a wrong preimage opens nothing")?;
    pay(talk, &mut bought, Value::Null).await?;
    let said = authorize(talk, Some(&bought.credential), "request-3").await?;
    must(said.status.is_success(), "a paid credential opens the door")?;
    talk.held("the call goes through")?;
    let said = authorize(talk, Some(&bought.credential), "request-3").await?;
    must(said.status.is_success(), "the same request again costs nothing")?;
    talk.held("the same request again, its answer lost, costs the buyer nothing")?;
    let said = authorize(talk, Some(&bought.credential), "request-4").await?;
    must(said.status == StatusCode::PAYMENT_REQUIRED, "one use is one use")?;
    talk.held("another request: used up, and a fresh challenge")?;
    Ok(())
}

/// What a reverse proxy asks.
async fn authorize(
    talk: &Talk,
    credential: Option<&str>,
    request: &str,
) -> Result<Said, DemoError> {
    let mut ask = talk
        .shop(Method::GET, "/v1/l402/authorize/jokes")
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Uri", "/jokes/today")
        .header("X-Request-Id", request);
    if let Some(credential) = credential {
        ask = ask.header("Authorization", credential);
    }
    Ok(ask.tell(&["www-authenticate", "piperoll-remaining"], &[]).await?)
}

async fn late_money(talk: &Talk) -> Result<(), DemoError> {
    talk.chapter("7. Money that comes too late")?;
    let settings = talk.operator(Method::GET, "/v1/admin/settings").quietly().await?;
    let mut settings = settings.body.pointer("/settings").cloned().unwrap_or(settings.body);
    settings["settlement_grace_seconds"] = json!(0);
    let ask = talk.operator(Method::PUT, "/v1/admin/settings").key("settings-1").json(&settings);
    must(ask.quietly().await?.status.is_success(), "the settings can be changed")?;
    let mut body = top_up("carol", "9000");
    body["expiry_seconds"] = json!(1);
    let (mut bought, _) = ask_for_credit(talk, "carol-1", body).await?;
    talk.aside("   Carol waits until the invoice has expired, and the provider says so ...")?;
    becomes(talk, &bought.payment, "expired").await?;
    pay(talk, &mut bought, json!({ "accepts_late": true })).await?;
    let path = "/v1/reviews";
    let review = wait_for_review(talk, path, &bought.payment).await?;
    talk.held(
        "her money is real: it lies in suspense and a review is open, the payment stays expired",
    )?;
    let path = format!("/v1/reviews/{}/{review}", bought.payment);
    let body = json!({ "action": "apply", "reason": "paid a second too late" });
    let said = talk.shop(Method::POST, &path).key("review-1").json(&body).tell(&[], &[]).await?;
    must(said.status.is_success(), "an operator applies the money")?;
    comes_to(talk, "carol", "9000").await
}

async fn becomes(talk: &Talk, payment: &str, status: &str) -> Result<(), DemoError> {
    let path = format!("/v1/payments/{payment}");
    for _ in 0..SOON.0 {
        let sync = format!("{path}/sync");
        let said = talk.shop(Method::POST, &sync).quietly().await?;
        if said.text("/status") == status {
            return Ok(());
        }
        tokio::time::sleep(SOON.1).await;
    }
    Err(DemoError::Broken("the payment comes to where it must"))
}

async fn wait_for_review(talk: &Talk, path: &str, payment: &str) -> Result<String, DemoError> {
    for _ in 0..SOON.0 {
        let said = talk.shop(Method::GET, path).quietly().await?;
        let items = said.body.pointer("/items").and_then(Value::as_array).cloned();
        let own = items.unwrap_or_default().into_iter().find(|item| item["payment"] == payment);
        if let Some(review) = own {
            return Ok(review["number"].to_string());
        }
        tokio::time::sleep(SOON.1).await;
    }
    Err(DemoError::Broken("late money opens a review"))
}

async fn killed_in_the_middle(talk: &Talk, house: &mut House) -> Result<(), DemoError> {
    talk.chapter("8. Dave pays, the webhook is lost, and the server is killed")?;
    let (mut bought, _) = ask_for_credit(talk, "dave-1", top_up("dave", "21000")).await?;
    pay(talk, &mut bought, json!({ "webhook": { "lost": true } })).await?;
    house.kill().await?;
    talk.aside("   kill -9. Nobody told the server that Dave has paid. It starts again ...")?;
    house.open().await?;
    let said = show(talk, &bought).await?;
    must(said.status == StatusCode::CREATED, "whoever paid gets his lot at the first try")?;
    comes_to(talk, "dave", "21000").await?;
    talk.held("his credential made the server ask the provider: nothing lost, nothing doubled")?;
    Ok(())
}

async fn show_again(talk: &Talk, bought: &Bought) -> Result<(), DemoError> {
    talk.aside("   And Alice shows her old credential again:")?;
    let said = show(talk, bought).await?;
    must(said.status == StatusCode::CREATED, "a credential shown again gives the same lot")?;
    comes_to(talk, "alice", "48500").await
}

async fn prove(talk: &Talk, house: &mut House) -> Result<(), DemoError> {
    talk.chapter("9. All of it is proven")?;
    house.close().await?;
    for (verb, why) in [
        ("rebuild", "every view is thrown away and folded anew from the roll"),
        ("verify", "the chain, every event, every invariant, every index entry, every row"),
    ] {
        talk.aside(&format!("   $ piperoll {verb} --data …    ({why})"))?;
        let ran = house.program(&[verb])?.output().await?;
        for line in String::from_utf8_lossy(&ran.stdout).lines() {
            talk.aside(&format!("   {line}"))?;
        }
        must(ran.status.success(), "the proof holds")?;
    }
    talk.held("every step held")?;
    talk.aside("\nOne payment became credit four times over: by credential, by webhook, by an operator's word,")?;
    talk.aside(
        "and after a crash. Nothing was lost, nothing was doubled, and `verify` can show why.",
    )?;
    talk.aside("\nNext: `piperoll serve`, then docs/operations.md and docs/deploy/.")?;
    Ok(())
}
