//! How the first tenant of an empty roll bills, where the environment says it.

use std::sync::Arc;

use piperoll_domain::{
    billing::{self, InForce, Mode},
    event::{Event, Recorded},
};
use reqwest::Response;
use serde_json::json;

use super::{config, start};
use crate::{
    app::{App, Error},
    service::Principal,
};

const ADMIN_TOKEN: &str = "5c1f0e8a9b7d46f2a3c4e5d6f7a8b9c0";
const LIVE: [(&str, &str); 2] =
    [("BILLING_MODE", "live"), ("PIPEROLL_BILLING__MODE_OVERRIDE", "billed elsewhere for a year")];

/// What a roll for real money is opened with; it has no tenant until somebody opens one.
const PRODUCTION: [(&str, &str); 6] = [
    ("PIPEROLL_ENV", "production"),
    ("PAYMENT_PROVIDER", "none"),
    ("PIPEROLL_ADMIN_TOKEN", ADMIN_TOKEN),
    ("PIPEROLL_MASTER_KEY", "d2b8e3f4a5c60718293a4b5c6d7e8f90"),
    ("L402_SECRET", "7e6d5c4b3a29180716f5e4d3c2b1a09f"),
    ("PAYMENT_WEBHOOK_SECRET", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"),
];

async fn bills(app: &App, tenant: &str) -> InForce {
    app.service.billing(&Principal::Cli, &tenant.parse().unwrap()).await.unwrap()
}

async fn facts(app: &App) -> Vec<Recorded> {
    let mut facts = vec![];
    for position in 1..=app.service.engine().head().position {
        facts.push(app.service.fact(position).await.unwrap());
    }
    facts
}

async fn names(app: &App) -> Vec<&'static str> {
    facts(app).await.iter().map(|fact| fact.event.name()).collect()
}

async fn open(app: &App, tenant: &str) -> Response {
    let request = reqwest::Client::new()
        .post(format!("http://{}/v1/admin/tenants", app.address))
        .bearer_auth(ADMIN_TOKEN)
        .header("idempotency-key", tenant)
        .json(&json!({"tenant": tenant}));
    let opened = request.send().await.unwrap();
    assert_eq!(opened.status(), 201);
    opened
}

#[tokio::test]
async fn an_empty_roll_is_seeded_once_and_the_roll_counts_from_then_on() {
    let directory = tempfile::tempdir().unwrap();
    let app = start(&config(&directory, &LIVE)).await;
    let seeded = bills(&app, "dev").await;
    assert_eq!((seeded.billing.mode, seeded.version), (Mode::Live, 1));
    let facts = facts(&app).await;
    let at = facts.iter().position(|fact| fact.event.name() == "tenant.opened.v1").unwrap();
    let Event::Billing(billing::Event::Changed(said)) = &facts[at + 1].event else {
        panic!("{:?}", facts[at + 1]);
    };
    assert_eq!(
        said.reason,
        "seeded by BILLING_MODE, since the roll was empty \
         (not asked whether it is ready: billed elsewhere for a year)"
    );
    let [opened, changed] = [&facts[at], &facts[at + 1]].map(|fact| &fact.envelope);
    assert_eq!(opened.recorded_at.plus_micros(1), changed.recorded_at, "one append");
    app.stop().await;
    for other in [&[("BILLING_MODE", "soft")][..], &[("BILLING_MODE", "shadow")], &LIVE, &[]] {
        let app = start(&config(&directory, other)).await;
        assert_eq!(bills(&app, "dev").await, seeded, "{other:?}");
        let said = names(&app).await.into_iter().filter(|name| *name == "billing.changed.v1");
        assert_eq!(said.count(), 1, "{other:?}");
        app.stop().await;
    }
}

#[tokio::test]
async fn a_mode_that_nothing_is_ready_for_wants_a_reason_and_no_tenant_is_opened_without() {
    let directory = tempfile::tempdir().unwrap();
    for mode in ["soft", "live"] {
        let config = config(&directory, &[("BILLING_MODE", mode)]);
        let error = App::start(&config, Arc::new(|_| None)).await.err().unwrap();
        assert!(matches!(error, Error::Unready { .. }), "{error}");
        let told = error.to_string();
        for word in [
            &format!("(BILLING_MODE) is {mode},"),
            "PIPEROLL_BILLING__MODE_OVERRIDE",
            &format!("`piperoll billing mode set {mode} --override WHY --reason WHY`"),
        ] {
            assert!(told.contains(word), "{told}");
        }
    }
    let app = start(&config(&directory, &[])).await;
    assert_eq!(bills(&app, "dev").await, InForce::default());
    app.stop().await;
    // A roll that has a tenant is not empty, however little happened in it.
    let app = start(&config(&directory, &LIVE)).await;
    assert_eq!(bills(&app, "dev").await, InForce::default());
    app.stop().await;
}

#[tokio::test]
async fn shadow_is_how_everybody_begins_so_that_there_is_nothing_to_say() {
    for more in [&[("BILLING_MODE", "shadow")][..], &LIVE[1..], &[]] {
        let directory = tempfile::tempdir().unwrap();
        let app = start(&config(&directory, more)).await;
        assert_eq!(bills(&app, "dev").await, InForce::default());
        assert!(!names(&app).await.contains(&"billing.changed.v1"));
        app.stop().await;
    }
}

#[tokio::test]
async fn the_first_tenant_that_an_operator_opens_is_seeded_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(&directory, &[&PRODUCTION[..], &LIVE].concat());
    let app = start(&config).await;
    assert!(!names(&app).await.contains(&"billing.changed.v1"), "there is no tenant yet");
    let (first, same) = tokio::join!(open(&app, "acme"), open(&app, "acme"));
    let replayed = [first, same].map(|it| it.headers().contains_key("idempotency-replayed"));
    assert_eq!(replayed.into_iter().filter(|replayed| *replayed).count(), 1);
    let head = app.service.engine().head();
    assert_eq!(open(&app, "acme").await.headers()["idempotency-replayed"], "true");
    assert_eq!(app.service.engine().head(), head);
    open(&app, "default").await;
    assert_eq!(bills(&app, "acme").await.billing.mode, Mode::Live);
    assert_eq!(bills(&app, "default").await, InForce::default());
    app.stop().await;
    let app = start(&config).await;
    open(&app, "later").await;
    assert_eq!(bills(&app, "later").await, InForce::default());
    app.stop().await;
}

#[tokio::test]
async fn of_two_first_tenants_at_once_one_is_seeded() {
    let directory = tempfile::tempdir().unwrap();
    let app = start(&config(&directory, &[&PRODUCTION[..], &LIVE].concat())).await;
    tokio::join!(open(&app, "one"), open(&app, "two"));
    let modes = [bills(&app, "one").await, bills(&app, "two").await].map(|it| it.billing.mode);
    assert_eq!(modes.into_iter().filter(|mode| *mode == Mode::Live).count(), 1);
    app.stop().await;
}
