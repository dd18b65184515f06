//! The chapter on metered work: credit set aside before it and charged after it, a refusal, and what
//! mends it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    super::{
        DemoError,
        talk::{Said, Talk},
    },
    ask_for_credit, comes_to, must, pay, show, top_up,
};

/// Work whose price nobody knows before it is done.
pub(super) async fn tell(talk: &Talk) -> Result<(), DemoError> {
    talk.chapter("6. Erin's work costs what it costs, and never more than she has")?;
    demand_credit(talk).await?;
    buy(talk, "erin-1", "10000").await?;
    comes_to(talk, "erin", "10000").await?;
    talk.aside("   Before the work, credit is set aside; after it, what it cost is charged:")?;
    let reserved = reserve(talk, "job-1", "6000").await?;
    must(reserved.status == StatusCode::CREATED, "credit that is there is set aside")?;
    comes_to(talk, "erin", "4000").await?;
    finalize(talk, "job-1", "4200").await?;
    comes_to(talk, "erin", "5800").await?;
    talk.held("6000 set aside, 4200 charged, 1800 given back")?;
    overdraw(talk).await
}

/// From here on credit is demanded. An operator overrules the checklist, and says why.
async fn demand_credit(talk: &Talk) -> Result<(), DemoError> {
    let path = "/v1/admin/tenants/dev/billing";
    let said = talk.operator(Method::GET, path).quietly().await?;
    let mut billing = said.body.pointer("/billing").cloned().unwrap_or(Value::Null);
    must(billing["mode"] == "shadow", "a tenant bills in shadow until it says otherwise")?;
    billing["mode"] = json!("live");
    let reason = "a demo has no seven days";
    let body = json!({ "billing": billing, "reason": "show what live means", "override": reason });
    let said = talk.operator(Method::PUT, path).key("billing-1").json(&body).quietly().await?;
    must(said.status.is_success(), "an operator can overrule the checklist")?;
    Ok(talk.aside("   An operator turns billing from `shadow` to `live`, and says why.")?)
}

async fn buy(talk: &Talk, key: &str, amount: &str) -> Result<(), DemoError> {
    let (mut bought, _) = ask_for_credit(talk, key, top_up("erin", amount)).await?;
    pay(talk, &mut bought, Value::Null).await?;
    let said = show(talk, &bought).await?;
    must(said.status == StatusCode::CREATED, "the paid credential gets its lot")
}

async fn reserve(talk: &Talk, job: &str, amount: &str) -> Result<Said, DemoError> {
    let body = json!({
        "reservation": job, "amount": { "commodity": "MSAT", "amount": amount },
    });
    let ask = talk.shop(Method::POST, "/v1/accounts/erin/reservations").key(job).json(&body);
    Ok(ask.tell(&[], &["/code", "/missing/amount", "/mode"]).await?)
}

async fn finalize(talk: &Talk, job: &str, cost: &str) -> Result<(), DemoError> {
    let path = format!("/v1/reservations/{job}/finalize");
    let body = json!({ "cost": { "commodity": "MSAT", "amount": cost } });
    let key = format!("{job}-done");
    let ask = talk.shop(Method::POST, &path).key(&key).json(&body);
    let said = ask.tell(&["piperoll-position"], &["/status"]).await?;
    must(said.status == StatusCode::OK, "what was set aside can be charged")
}

/// More than there is: refused, topped up, and asked again under the same key.
async fn overdraw(talk: &Talk) -> Result<(), DemoError> {
    talk.aside("   The next job is larger than what is left:")?;
    let refused = reserve(talk, "job-2", "20000").await?;
    must(refused.status == StatusCode::PAYMENT_REQUIRED, "what is not there is not set aside")?;
    must(refused.text("/missing/amount") == "14200", "a refusal tells how much is missing")?;
    comes_to(talk, "erin", "5800").await?;
    talk.held("402: nothing was set aside, and the answer tells how much is missing")?;
    buy(talk, "erin-2", "14200").await?;
    comes_to(talk, "erin", "20000").await?;
    talk.aside("   The same request again, under the same key, which the refusal did not use up:")?;
    let reserved = reserve(talk, "job-2", "20000").await?;
    must(reserved.status == StatusCode::CREATED, "what was refused goes through once it is paid")?;
    finalize(talk, "job-2", "19000").await?;
    comes_to(talk, "erin", "1000").await?;
    talk.held("refused, paid, done: 19000 of two lots, and 1000 came back")?;
    Ok(())
}
