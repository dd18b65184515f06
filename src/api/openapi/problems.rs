//! Which problems an operation can answer with: what follows from its shape, and what it alone can.
//!
//! A test reaches every one of them, and no other (`tests/hostile/statuses.rs`).

use std::collections::BTreeSet;

use utoipa::openapi::{
    Ref, RefOr, ResponseBuilder, Schema,
    content::ContentBuilder,
    path::{Operation, ParameterIn},
};

use crate::{
    api::routes::{Needs, Route},
    problem::Code,
};

/// Sizes, encodings and time: whatever is asked.
const ALWAYS: [u16; 4] = [408, 413, 415, 431];

/// Lists and looks at the views, which can be asked for as of a position.
const LOOKS: &[&str] = &[
    "/api/payments",
    "/v1/accounts/{account}/balance",
    "/v1/accounts/{account}/entries",
    "/v1/accounts/{account}/lots",
    "/v1/admin/dead-letters",
    "/v1/admin/dead-letters/{letter}",
    "/v1/admin/events",
    "/v1/admin/ledger/trial-balance",
    "/v1/admin/receipts/refused",
    "/v1/admin/reconciliation/ledger",
    "/v1/admin/reconciliation/payments/runs",
    "/v1/admin/reviews",
    "/v1/admin/tenants/{tenant}/accounts/{account}/balance",
    "/v1/admin/tenants/{tenant}/accounts/{account}/lots",
    "/v1/admin/tenants/{tenant}/billing/doctor",
    "/v1/admin/tenants/{tenant}/billing/readiness",
    "/v1/admin/tenants/{tenant}/campaigns",
    "/v1/admin/tenants/{tenant}/campaigns/{campaign}",
    "/v1/admin/tenants/{tenant}/campaigns/{campaign}/grants",
    "/v1/admin/tenants/{tenant}/lots/{lot}",
    "/v1/admin/tenants/{tenant}/reservations",
    "/v1/campaigns",
    "/v1/campaigns/{campaign}",
    "/v1/campaigns/{campaign}/grants",
    "/v1/entitlements",
    "/v1/entitlements/{entitlement}",
    "/v1/events",
    "/v1/ledger/journal",
    "/v1/ledger/trial-balance",
    "/v1/lots/{lot}",
    "/v1/payments",
    "/v1/receipts",
    "/v1/reservations",
    "/v1/reviews",
];

/// What an operation alone can answer.
const OWN: &[(&str, &str, &[u16])] = &[
    ("POST", "/v1/topups", SELLS),
    ("POST", "/v1/payments", SELLS),
    ("POST", "/v1/l402/challenge", &[404, 409, 429, 502, 504]),
    ("POST", "/v1/l402/redeem", &[429, 502, 504]),
    ("POST", "/v1/l402/release", &[404]),
    ("ANY", "/v1/l402/authorize/{service}", &[400, 404, 429, 502, 504]),
    ("ANY", "/v1/l402/authorize/{service}/{*path}", &[400, 402, 404, 429, 502, 504]),
    ("ANY", "/v1/l402/challenge/{service}", &[400, 404, 429, 502, 504]),
    ("ANY", "/v1/l402/challenge/{service}/{*path}", &[400, 402, 404, 429, 502, 504]),
    ("GET", "/v1/accounts/{account}/balance", &[404]),
    ("GET", "/v1/accounts/{account}/lots", &[404]),
    ("GET", "/v1/admin/tenants/{tenant}/accounts/{account}/balance", &[404]),
    ("GET", "/v1/admin/tenants/{tenant}/accounts/{account}/lots", &[404]),
    ("GET", "/v1/lots/{lot}", &[404]),
    ("GET", "/v1/admin/tenants/{tenant}/lots/{lot}", &[404]),
    ("GET", "/v1/accounts/{account}/entries", &[404]),
    ("POST", "/v1/accounts/{account}/spend", &[402, 404]),
    ("POST", "/api/internal/billing/finalize", FINALIZES),
    ("POST", "/api/billing/internal/finalize", FINALIZES),
    ("POST", "/api/internal/finalize", FINALIZES),
    ("POST", "/v1/accounts/{account}/reservations", &[402, 404, 409]),
    ("GET", "/v1/reservations/{reservation}", &[404]),
    ("POST", "/v1/reservations/{reservation}/finalize", &[404, 409]),
    ("POST", "/v1/reservations/{reservation}/release", &[404, 409]),
    ("POST", "/v1/payments/{payment}/refunds", &[404, 409]),
    ("POST", "/v1/accounts/{account}/lots/{lot}/clawback", &[404, 409]),
    ("POST", "/v1/accounts/{account}/lots/{lot}/void", &[404, 409]),
    ("POST", "/v1/transfers", &[402, 403, 404, 409]),
    ("POST", "/v1/admin/tenants/{tenant}/payments/{payment}/refunds", &[404, 409]),
    ("POST", "/v1/admin/tenants/{tenant}/accounts/{account}/lots/{lot}/clawback", &[404, 409]),
    ("POST", "/v1/admin/tenants/{tenant}/accounts/{account}/lots/{lot}/void", &[404, 409]),
    ("POST", "/v1/admin/tenants/{tenant}/transfers", &[402, 404, 409]),
    ("POST", "/v1/batch", &[402, 404, 409]),
    ("POST", "/v1/admin/tenants/{tenant}/batch", &[404, 409]),
    ("GET", "/v1/admin/tenants/{tenant}/campaigns", &[404]),
    ("POST", "/v1/admin/tenants/{tenant}/campaigns", &[404, 409]),
    ("GET", "/v1/admin/tenants/{tenant}/campaigns/{campaign}", &[404]),
    ("POST", "/v1/admin/tenants/{tenant}/campaigns/{campaign}/activate", &[404, 409]),
    ("POST", "/v1/admin/tenants/{tenant}/campaigns/{campaign}/pause", &[404, 409]),
    ("POST", "/v1/admin/tenants/{tenant}/campaigns/{campaign}/complete", &[404, 409]),
    ("GET", "/v1/admin/tenants/{tenant}/campaigns/{campaign}/grants", &[404]),
    ("POST", "/v1/admin/tenants/{tenant}/campaigns/{campaign}/grants", &[404, 409]),
    ("POST", "/v1/campaigns", &[409]),
    ("GET", "/v1/campaigns/{campaign}", &[404]),
    ("POST", "/v1/campaigns/{campaign}/activate", &[404, 409]),
    ("POST", "/v1/campaigns/{campaign}/pause", &[404, 409]),
    ("POST", "/v1/campaigns/{campaign}/complete", &[404, 409]),
    ("GET", "/v1/campaigns/{campaign}/grants", &[404]),
    ("POST", "/v1/campaigns/{campaign}/grants", &[404, 409]),
    ("GET", "/v1/events/{position}", &[404]),
    ("GET", "/v1/payments/{payment}", &[404]),
    ("POST", "/v1/payments/{payment}/sync", &[404]),
    ("GET", "/v1/offers/{offer}", &[404]),
    ("PUT", "/v1/offers/{offer}", &[404]),
    ("DELETE", "/v1/offers/{offer}", &[404]),
    ("POST", "/v1/keys", &[409]),
    ("DELETE", "/v1/keys/{key}", &[404]),
    ("GET", "/v1/entitlements/{entitlement}", &[404]),
    ("DELETE", "/v1/entitlements/{entitlement}", &[404]),
    ("POST", "/v1/reviews/{payment}/{number}", &[404, 409]),
    ("POST", "/v1/admin/tenants", &[409]),
    ("GET", "/v1/admin/tenants/{tenant}/keys", &[404]),
    ("POST", "/v1/admin/tenants/{tenant}/keys", &[404, 409]),
    ("DELETE", "/v1/admin/tenants/{tenant}/keys/{key}", &[404]),
    ("POST", "/v1/admin/tenants/{tenant}/accounts/{account}/mint", &[404, 409]),
    ("POST", "/v1/admin/tenants/{tenant}/reviews/{payment}/{number}", &[404, 409]),
    ("GET", "/v1/admin/tenants/{tenant}/billing", &[404]),
    ("PUT", "/v1/admin/tenants/{tenant}/billing", &[404, 409]),
    ("GET", "/v1/admin/tenants/{tenant}/billing/readiness", &[404]),
    ("GET", "/v1/admin/tenants/{tenant}/billing/doctor", &[404]),
    ("GET", "/v1/admin/tenants/{tenant}/billing/shares", &[404]),
    ("POST", "/v1/admin/tenants/{tenant}/billing/shares", &[404]),
    ("POST", "/v1/admin/tenants/{tenant}/billing/shares/{rule}/approve", &[404, 409]),
    ("POST", "/v1/admin/tenants/{tenant}/billing/shares/{rule}/reject", &[404, 409]),
    ("POST", "/v1/admin/tenants/{tenant}/billing/shares/{rule}/hasten", &[404, 409]),
    ("GET", "/admin/billing/config", &[404]),
    ("PUT", "/admin/billing/config", &[404, 409]),
    ("POST", "/admin/billing/accounts/{account}/mint", &[404, 409]),
    ("GET", "/v1/admin/tenants/{tenant}/reservations", &[404]),
    ("GET", "/v1/admin/tenants/{tenant}/reservations/{reservation}", &[404]),
    ("POST", "/v1/admin/tenants/{tenant}/reservations/{reservation}/release", &[404, 409]),
    ("DELETE", "/v1/admin/connections/{connection}", &[404]),
    ("GET", "/v1/admin/commodities/{code}", &[404]),
    ("PUT", "/v1/admin/commodities/{code}", &[409]),
    ("POST", "/v1/admin/anomalies/acknowledge", &[404]),
    ("POST", "/v1/admin/duties/waive", &[404]),
    ("GET", "/v1/admin/dead-letters/{letter}", &[404]),
    ("POST", "/v1/admin/dead-letters/{letter}/retry", &[404, 409]),
    ("POST", "/v1/admin/dead-letters/{letter}/resolve", &[404, 409]),
    ("POST", "/v1/admin/sandbox/pay", &[404]),
    ("PUT", "/v1/admin/sandbox/{connection}/faults", &[404]),
];
/// What whoever asks for money may hear beside the rest.
const SELLS: &[u16] = &[404, 409, 502, 504];

/// What a service that finalizes may hear beside the rest.
const FINALIZES: &[u16] = &[404, 409, 429];

/// Demands all of some credit, and tells whoever is short what there was.
const DEMANDS: &[&str] = &[
    "/v1/accounts/{account}/reservations",
    "/v1/accounts/{account}/spend",
    "/v1/admin/tenants/{tenant}/transfers",
    "/v1/batch",
    "/v1/transfers",
];

/// Whether it looks at the views.
pub(super) fn looks(route: &Route, path: &str) -> bool {
    route.method == "GET" && LOOKS.contains(&path)
}

/// Documents them all.
pub(super) fn document(operation: &mut Operation, route: &Route, path: &str) {
    for status in statuses(operation, route, path) {
        let is_demand = status == 402 && DEMANDS.contains(&route.path);
        let name = if is_demand { "Short" } else { "Told" };
        let told = RefOr::<Schema>::Ref(Ref::from_schema_name(name));
        let problem = ResponseBuilder::new()
            .description(titles(status))
            .content("application/problem+json", ContentBuilder::new().schema(Some(told)).build());
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_string()).or_insert_with(|| problem.build().into());
    }
}

fn statuses(operation: &Operation, route: &Route, path: &str) -> BTreeSet<u16> {
    let mut all = BTreeSet::from(ALWAYS);
    // Whoever asks how we are is never turned away.
    if !["/health", "/metrics"].contains(&path) {
        all.insert(503);
    }
    match route.needs {
        Needs::Nothing => {}
        Needs::Provider => all.extend([400, 401, 404]),
        Needs::Metrics
        | Needs::Tenant
        | Needs::One(_)
        | Needs::Operator
        | Needs::OperatorOr(_)
        | Needs::Peer
        | Needs::Administrator
        | Needs::OperatorOrAdministrator
        | Needs::TenantOrAdministrator => all.extend([401, 403, 429]),
    }
    if operation.request_body.is_some() && route.needs != Needs::Provider {
        all.extend([400, 422]);
    }
    for parameter in operation.parameters.iter().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        match parameter.parameter_in {
            // Events are listed behind positions, all else behind cursors.
            ParameterIn::Query if parameter.name == "after" && !path.ends_with("/events") => {
                all.extend([400, 422]);
            }
            ParameterIn::Query | ParameterIn::Path => drop(all.insert(422)),
            ParameterIn::QueryString | ParameterIn::Header | ParameterIn::Cookie => {}
        }
    }
    if looks(route, path) {
        all.extend([409, 422]);
    }
    let own = OWN.iter().filter(|(method, of, _)| *method == route.method && *of == route.path);
    all.extend(own.flat_map(|(_, _, statuses)| *statuses));
    all
}

/// What problems of this status are called.
fn titles(status: u16) -> String {
    let codes = Code::ALL.iter().filter(|code| code.status().as_u16() == status);
    let codes: Vec<&str> = codes.map(|code| code.as_str()).collect();
    format!("A problem: one of {}.", codes.join(", "))
}
