//! Amounts at the command line: in major units, of whatever was declared.

use serde_json::json;

use super::who::Who;
use crate::server::{Server, bearer};

fn mint<'a>(commodity: &'a str, amount: &'a str, source: &'a str) -> Vec<&'a str> {
    let words = ["accounts", "mint", "gus", "--tenant", "dev", "--reason", "a test"];
    let more = ["--commodity", commodity, "--amount", amount, "--source-id", source];
    [&words[..], &more].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_declared_scale_counts_whatever_is_said_of_it() {
    let server = Server::start(&[]).await;
    let operator = Who::operator(&server);
    operator.json(&["commodities", "declare", "GEM", "--scale", "2"]).await;
    let minted = operator.json(&mint("GEM", "5", "one")).await;
    assert_eq!(minted["amount"], json!({ "commodity": "GEM", "amount": "500" }));
    operator.json(&[&mint("GEM", "5", "two")[..], &["--scale", "2"]].concat()).await;
    for (commodity, scale, says) in [
        ("GEM", "6", "`GEM` has 2 decimal places, and --scale says 6"),
        ("USD", "2", "`USD` has 6 decimal places, and --scale says 2"),
        ("NONE", "2", "`NONE` was never declared"),
        ("gem", "2", "`gem` is no commodity"),
        ("GEM", "18", "18 is not in 0..=12"),
    ] {
        let words = [&mint(commodity, "5", "three")[..], &["--scale", scale]].concat();
        let told = operator.fails(&words, 2).await;
        assert!(told.contains(says), "{told}");
    }
    let set = ["billing", "set", "--tenant", "dev", "--reason", "a test"];
    let both = [&set[..], &["--ceiling", "GEM=10", "--ceiling", "USD=3"]].concat();
    operator.fails(&[&both[..], &["--scale", "6"]].concat(), 2).await;
    let held = operator.json(&[&both[..], &["--scale", "2"]].concat()).await;
    assert_eq!(held["billing"]["ceilings"], json!({ "GEM": "1000", "USD": "3000000" }));
    let usd = [&set[..], &["--ceiling", "USD=3", "--scale", "2"]].concat();
    operator.fails(&usd, 2).await;
    let budget = ["campaigns", "create", "gems", "--tenant", "dev", "--budget", "1.25"];
    let planned = operator.json(&[&budget[..], &["--commodity", "GEM"]].concat()).await;
    assert_eq!(planned["budget"]["amount"], "125");
    server.must_be_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_key_alone_says_the_scale_that_it_is_not_told() {
    let server = Server::start(&[]).await;
    let operator = Who::operator(&server);
    operator.json(&["commodities", "declare", "GEM", "--scale", "2"]).await;
    operator.json(&mint("GEM", "10", "one")).await;
    let tenant = Who::tenant(&server);
    let reserve = ["reservations", "reserve", "gus", "--commodity", "GEM", "--amount", "5"];
    let told = tenant.fails(&reserve, 2).await;
    assert!(told.contains("the decimal places of `GEM`: say them with --scale"), "{told}");
    let held = tenant.json(&[&reserve[..], &["--scale", "2"]].concat()).await;
    assert_eq!(held["wanted"], json!({ "commodity": "GEM", "amount": "500" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_are_shown_is_in_major_units_throughout() {
    let server = Server::start(&[]).await;
    let operator = Who::operator(&server);
    operator.json(&["commodities", "declare", "GEM", "--scale", "2"]).await;
    let paid =
        [&mint("USD", "10", "paid")[..], &["--source", "deposit", "--cost", "USD=9"]].concat();
    operator.json(&paid).await;
    let (minted, told) = operator.plain(&mint("GEM", "5", "one")).await;
    assert!(minted.contains("amount: 5.00 GEM") && told.is_empty(), "{minted}{told}");
    let ours = ["--account", "gus", "--tenant", "dev"];
    let (lots, _) = operator.plain(&[&["lots", "list"], &ours[..]].concat()).await;
    for shown in ["9.000000 USD", "0.000000", "5.00"] {
        assert!(lots.contains(shown), "{lots}");
    }
    let set = ["billing", "set", "--tenant", "dev", "--reason", "a test"];
    let (held, _) = operator.plain(&[&set[..], &["--ceiling", "GEM=10"]].concat()).await;
    assert!(held.contains("\"GEM\":\"10.00\""), "{held}");
    let (entries, told) = Who::tenant(&server).plain(&["accounts", "entries", "gus"]).await;
    assert!(entries.contains("10.000000") && !entries.contains("10000000"), "{entries}");
    assert!(entries.contains("500 GEM") && told.contains("amounts of GEM are in its"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovered_deposit_is_booked_at_what_was_paid_for_it() {
    let server = Server::start(&[]).await;
    let operator = Who::operator(&server);
    operator.json(&["commodities", "declare", "GEM", "--scale", "2"]).await;
    let paid = ["--source", "deposit", "--cost", "USD=4.50", "--pool", "reports"];
    let until = ["--expires-at", "2099-12-31T23:00:00Z"];
    let lot = operator.json(&[&mint("GEM", "5", "paid")[..], &paid, &until].concat()).await;
    let shown = ["lots", "show", lot["lot"].as_str().unwrap(), "--tenant", "dev"];
    let shown = operator.json(&shown).await;
    assert_eq!(shown["cost"], json!({ "commodity": "USD", "amount": "4500000" }));
    assert_eq!((&shown["pool"], &shown["source"]), (&json!("reports"), &json!("deposit")));
    assert!(shown["expires_at"].as_str().unwrap().starts_with("2099-12-31T23:00:00"), "{shown}");
    for (cost, exit) in [("4.50", 2), ("USD=4.0000001", 2), ("USD", 2)] {
        let words = [&mint("GEM", "5", "again")[..], &["--cost", cost]].concat();
        operator.fails(&words, exit).await;
    }
    server.must_be_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_who_is_not_told_a_scale_says_it() {
    let secret = "administrators-Tq3Bn8Vm1Cx6Zl0Kj5Hg9Fd2Sa";
    let variables = [("BILLING_ADMIN_JWT_SECRET", secret), ("PIPEROLL_ADMIN_JWT__TENANT", "dev")];
    let server = Server::start(&variables).await;
    Who::operator(&server).json(&["commodities", "declare", "GEM", "--scale", "2"]).await;
    let token = bearer(secret, "arrakis-admin", "arrakis-billing-admin", "ada");
    let ada = Who::signed(&server, &token);
    let told = ada.fails(&mint("GEM", "5", "one"), 2).await;
    assert!(told.contains("only operators are told the decimal places of `GEM`"), "{told}");
    let minted = ada.json(&[&mint("GEM", "5", "one")[..], &["--scale", "2"]].concat()).await;
    assert_eq!(minted["amount"]["amount"], "500");
    let (shown, told) =
        ada.plain(&[&mint("GEM", "5", "two")[..], &["--scale", "2"]].concat()).await;
    assert!(shown.contains("500 GEM") && told.contains("smallest units"), "{shown}{told}");
}
