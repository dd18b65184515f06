//! Positions: told on every answer, waited for, and never of another history.

use serde_json::json;

use axum::{http::StatusCode, response::IntoResponse};

use super::Shop;
use crate::{api::Problem, views};

#[tokio::test]
async fn every_answer_says_where_the_roll_stands() {
    let shop = Shop::open().await;
    for path in ["/health", "/v1/payments", "/v1/offers", "/v1/payments/none", "/nowhere"] {
        let answer = shop.get(path).await;
        assert!(answer.header("piperoll-position").starts_with("main:"), "{path} {answer:?}");
    }
    shop.app.stop().await;
}

#[tokio::test]
async fn a_position_of_another_history_is_a_conflict() {
    let shop = Shop::open().await;
    let written = shop.post("/v1/accounts", &json!({"account": "alice"})).await.must_be(201);
    let position = written.header("piperoll-position").to_owned();
    let (rest, _) = position.rsplit_once(':').unwrap();
    let read = |position: &str| {
        shop.get("/v1/accounts/alice/balance").header("piperoll-min-position", position)
    };
    read(&position).await.must_be(200);
    for other in [
        format!("{rest}:00000000"),
        format!("other{}", position.strip_prefix("main").unwrap()),
        "main:99999999:deadbeef".to_owned(),
    ] {
        read(&other).await.must_be_problem(409, "position_of_other_history");
    }
    read("yesterday").await.must_be_problem(422, "field_invalid");
    let listed = shop.get(format!("/v1/events?after={rest}:00000000")).await;
    listed.must_be_problem(409, "position_of_other_history");
    shop.app.stop().await;
}

#[tokio::test]
async fn a_reader_of_the_head_sees_all_that_was_acknowledged() {
    let shop = Shop::open().await;
    for number in 0..20 {
        let account = format!("account-{number}");
        shop.post("/v1/accounts", &json!({ "account": account })).await.must_be(201);
        let read = shop.get(format!("/v1/accounts/{account}/balance"));
        read.header("piperoll-min-position", "head").await.must_be(200);
    }
    shop.app.stop().await;
}

#[test]
fn views_that_stay_behind_are_worth_another_try() {
    let behind = Problem::from(views::Error::Behind { wanted: 9, applied: 4 }).into_response();
    assert_eq!(behind.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(behind.headers().contains_key("retry-after"), "{behind:?}");
}
