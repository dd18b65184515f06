//! The table of routes, the router and the document tell the same story.

use std::{collections::BTreeSet, net::SocketAddr};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode},
};
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;

use super::Shop;
use crate::api::{
    document,
    routes::{Needs, ROUTES},
};

/// A path with something in place of its parts.
pub(super) fn filled(template: &str, with: impl Fn(&str) -> String) -> String {
    let part = |part: &str| match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
        Some(name) => with(name.trim_start_matches('*')),
        None => part.to_owned(),
    };
    template.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// The document's operations: method and template.
pub(super) fn documented() -> BTreeSet<(String, String)> {
    let document = serde_json::to_value(document()).unwrap();
    let paths = document["paths"].as_object().unwrap().clone();
    let operation = |(path, item): (String, serde_json::Value)| {
        let methods: Vec<_> = item.as_object().unwrap().keys().cloned().collect();
        methods.into_iter().map(move |method| (method.to_uppercase(), path.clone()))
    };
    paths.into_iter().flat_map(operation).collect()
}

#[test]
fn every_route_is_documented_and_every_document_is_a_route() {
    let documented = documented();
    for route in ROUTES {
        let path = route.path.replace("{*path}", "{path}");
        let told = documented.iter().any(|(method, template)| {
            *template == path && (route.method == "ANY" || route.method == method)
        });
        assert!(told, "{} {}", route.method, route.path);
    }
    for (method, template) in &documented {
        let template = template.replace("/{path}", "/{*path}");
        assert!(crate::api::routes::route(method, &template).is_some(), "{method} {template}");
    }
}

#[test]
fn the_document_is_of_version_3_1_and_names_problems_keys_and_credentials() {
    let document = serde_json::to_value(document()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let spend = &document["paths"]["/v1/accounts/{account}/spend"]["post"];
    for status in ["400", "401", "402", "403", "404", "408", "413", "415", "422", "431", "503"] {
        assert!(spend["responses"][status].is_object(), "{status}");
    }
    let parameters = spend["parameters"].as_array().unwrap();
    assert!(parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key"));
    assert!(spend["security"].is_array());
    assert!(document["components"]["schemas"]["Told"].is_object());
    let of_402 = |path: &str| {
        let told = &document["paths"][path]["post"]["responses"]["402"]["content"];
        told["application/problem+json"]["schema"]["$ref"].as_str().unwrap().to_owned()
    };
    for path in ["/v1/accounts/{account}/reservations", "/v1/transfers", "/v1/batch"] {
        assert_eq!(of_402(path), "#/components/schemas/Short");
    }
    let short = document["components"]["schemas"]["Short"].to_string();
    for member in ["error", "missing", "balance", "balance_micro"] {
        assert!(short.contains(&format!("\"{member}\":")), "{short}");
    }
}

#[tokio::test]
async fn nobody_gets_in_without_a_credential() {
    let shop = Shop::open().await;
    for route in ROUTES {
        let method = if route.method == "ANY" { "GET" } else { route.method };
        let path = filled(route.path, |name| if name == "number" { "1" } else { "default" }.into());
        let answer = shop.ask(method, &*path).json(&json!({})).fresh().await;
        let status = answer.status.as_u16();
        match route.needs {
            Needs::Nothing => assert_eq!(status, 200, "{method} {path}"),
            // Whether it is believed is for the adapter to say.
            Needs::Provider => assert!([401, 404].contains(&status), "{method} {path} {status}"),
            _ => assert_eq!(status, 401, "{method} {path}"),
        }
    }
    shop.app.stop().await;
}

#[tokio::test]
async fn a_key_does_what_its_roles_say_and_an_operator_no_more_than_operate() {
    let shop = Shop::open().await;
    let none = shop.key_of("dev", "proxy", json!([])).await;
    for route in ROUTES {
        let method = if route.method == "ANY" { "GET" } else { route.method };
        let path = filled(route.path, |name| if name == "number" { "1" } else { "default" }.into());
        let ask = || shop.ask(method, &*path).json(&json!({})).fresh();
        let by_proxy = ask().key(&none).await.status.as_u16();
        let by_all = ask().key(&shop.keys.key).await.status.as_u16();
        let by_operator = ask().key(&shop.keys.admin_token).await.status.as_u16();
        match route.needs {
            Needs::Nothing | Needs::Provider => {}
            Needs::Tenant | Needs::TenantOrAdministrator => {
                assert_ne!(by_proxy, 403, "{method} {path}");
                assert_eq!(by_operator, 403, "{method} {path}");
            }
            Needs::One(_) => {
                assert_eq!((by_proxy, by_operator), (403, 403), "{method} {path}");
                assert_ne!(by_all, 403, "{method} {path}");
            }
            Needs::Operator | Needs::Metrics | Needs::OperatorOrAdministrator => {
                assert_eq!((by_proxy, by_all), (403, 403), "{method} {path}");
                assert_ne!(by_operator, 403, "{method} {path}");
            }
            Needs::Peer | Needs::Administrator => {
                assert_eq!((by_proxy, by_all, by_operator), (403, 403, 403), "{method} {path}");
            }
            Needs::OperatorOr(_) => {
                assert_eq!(by_proxy, 403, "{method} {path}");
                assert!(by_all != 403 && by_operator != 403, "{method} {path}");
            }
        }
    }
    shop.app.stop().await;
}

#[tokio::test]
async fn what_is_nowhere_and_what_is_not_so_are_problems() {
    let shop = Shop::open().await;
    shop.get("/v1/nowhere").await.must_be_problem(404, "not_found");
    shop.ask("PATCH", "/v1/payments")
        .key(&shop.keys.key)
        .await
        .must_be_problem(405, "method_not_allowed");
    shop.get("/openapi.json").await.must_be(200);
    let health = shop.ask("GET", "/health").await.must_be(200).json();
    assert_eq!((&health["status"], &health["env"]), (&json!("ok"), &json!("development")));
    shop.app.stop().await;
}

#[tokio::test]
async fn a_writer_that_has_ended_is_told_to_whoever_asks_how_we_are() {
    let Shop { app, router, _directory, .. } = Shop::open().await;
    app.stop().await;
    for (path, says) in [("/health", "\"stopped\""), ("/ready", "\"unavailable\"")] {
        let peer: SocketAddr = "203.0.113.7:4711".parse().unwrap();
        let ask = Request::get(path).extension(ConnectInfo(peer)).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(ask).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains(says), "{path}: {text}");
    }
}
