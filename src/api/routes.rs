//! Every route and who may call it: the one table. What is not in it may be called by nobody.

use std::{collections::HashMap, sync::LazyLock};

use foldhash::fast::RandomState;
use piperoll_domain::tenant::Role;

use self::Needs::{
    Administrator, Nothing, One, Operator, OperatorOr, OperatorOrAdministrator, Peer, Provider,
    Tenant, TenantOrAdministrator,
};

/// What a caller must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nobody in particular.
    Nothing,
    /// Whoever holds the metrics token, or the operator's.
    Metrics,
    /// Whoever the connection's adapter believes.
    Provider,
    /// Any key of a tenant, with or without roles.
    Tenant,
    /// A key of a tenant with one of these roles.
    One(&'static [Role]),
    /// An operator.
    Operator,
    /// Another service of the house, with a token that it signed.
    Peer,
    /// Somebody who administrates billing, with a token of their own: it names a person.
    Administrator,
    /// An operator, or somebody who administrates billing.
    OperatorOrAdministrator,
    /// Any key of a tenant, or somebody who administrates its billing.
    TenantOrAdministrator,
    /// An operator, or a key of a tenant with one of these roles.
    OperatorOr(&'static [Role]),
}

/// Whether a route takes an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// It does not.
    Never,
    /// It does; this tells where it may be left out.
    Unless(&'static str),
    /// It must have one.
    Needed,
}

/// A route: its method, its template, who may call it, and whether it takes a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    /// Its method; `ANY` for all.
    pub(super) method: &'static str,
    /// Its template.
    pub(super) path: &'static str,
    /// Who may call it.
    pub(super) needs: Needs,
    /// Whether it takes an idempotency key.
    pub(super) key: Key,
}

const READ: &[Role] = &[Role::Read];
const SEE: &[Role] = &[Role::Read, Role::Sell];
const SELL: &[Role] = &[Role::Sell];
const CREDIT: &[Role] = &[Role::Credit];
const METER: &[Role] = &[Role::Read, Role::Credit];
/// Who reads, and who sets right what is read.
const RIGHT: &[Role] = &[Role::Read, Role::Operate];
const OPERATE: &[Role] = &[Role::Operate];
const ADMIN: &[Role] = &[Role::Admin];

const fn read(path: &'static str, needs: Needs) -> Route {
    Route { method: "GET", path, needs, key: Key::Never }
}

const fn write(method: &'static str, path: &'static str, needs: Needs) -> Route {
    Route { method, path, needs, key: Key::Needed }
}

/// A write that needs no key where something else makes asking again harmless.
const fn named(
    method: &'static str,
    path: &'static str,
    needs: Needs,
    unless: &'static str,
) -> Route {
    Route { method, path, needs, key: Key::Unless(unless) }
}

const BEGINS_ONCE: &str = "It may be left out where the body names the `reservation`.";
const ENDS_ONCE: &str = "It may be left out: a reservation ends once.";
const GIVEN_ONCE: &str =
    "It may be left out, best where `sourceId` or `providerPaymentId` is said.";
const OPTIONAL: &str = "It may be left out.";

const fn call(method: &'static str, path: &'static str, needs: Needs) -> Route {
    Route { method, path, needs, key: Key::Never }
}

/// The table.
pub(super) const ROUTES: &[Route] = &[
    read("/health", Nothing),
    read("/ready", Nothing),
    read("/metrics", Needs::Metrics),
    read("/openapi.json", Nothing),
    write("POST", "/v1/topups", One(SELL)),
    write("POST", "/v1/payments", One(SELL)),
    read("/v1/payments", One(SEE)),
    read("/v1/payments/{payment}", One(SEE)),
    call("POST", "/v1/payments/{payment}/sync", One(SEE)),
    read("/api/payments", OperatorOr(SEE)),
    write("POST", "/v1/l402/challenge", One(SELL)),
    call("POST", "/v1/l402/redeem", One(SELL)),
    write("POST", "/v1/l402/release", One(SELL)),
    call("ANY", "/v1/l402/authorize/{service}", Tenant),
    call("ANY", "/v1/l402/authorize/{service}/{*path}", Tenant),
    call("ANY", "/v1/l402/challenge/{service}", Tenant),
    call("ANY", "/v1/l402/challenge/{service}/{*path}", Tenant),
    call("POST", "/webhooks/{connection}", Provider),
    call("POST", "/webhooks/{connection}/{token}", Provider),
    call("POST", "/api/payments/webhooks/{provider}/settled", Provider),
    write("POST", "/v1/accounts", One(CREDIT)),
    read("/v1/accounts/{account}/balance", One(READ)),
    read("/v1/accounts/{account}/lots", One(READ)),
    read("/v1/lots/{lot}", One(RIGHT)),
    read("/v1/accounts/{account}/entries", One(READ)),
    write("POST", "/v1/accounts/{account}/spend", One(CREDIT)),
    named("POST", "/v1/accounts/{account}/reservations", One(CREDIT), BEGINS_ONCE),
    read("/v1/reservations", One(METER)),
    read("/v1/reservations/{reservation}", One(METER)),
    named("POST", "/v1/reservations/{reservation}/finalize", One(CREDIT), ENDS_ONCE),
    named("POST", "/v1/reservations/{reservation}/release", One(CREDIT), ENDS_ONCE),
    write("POST", "/v1/payments/{payment}/refunds", One(OPERATE)),
    write("POST", "/v1/accounts/{account}/lots/{lot}/clawback", One(OPERATE)),
    write("POST", "/v1/accounts/{account}/lots/{lot}/void", One(OPERATE)),
    write("POST", "/v1/transfers", One(OPERATE)),
    call("POST", "/v1/batch", TenantOrAdministrator),
    call("POST", "/api/internal/billing/finalize", Peer),
    call("POST", "/api/billing/internal/finalize", Peer),
    call("POST", "/api/internal/finalize", Peer),
    read("/v1/campaigns", One(READ)),
    write("POST", "/v1/campaigns", One(OPERATE)),
    read("/v1/campaigns/{campaign}", One(READ)),
    write("POST", "/v1/campaigns/{campaign}/activate", One(OPERATE)),
    write("POST", "/v1/campaigns/{campaign}/pause", One(OPERATE)),
    write("POST", "/v1/campaigns/{campaign}/complete", One(OPERATE)),
    read("/v1/campaigns/{campaign}/grants", One(READ)),
    // Whoever plans how much is given need not be who gives it: a service that spends credit may.
    call("POST", "/v1/campaigns/{campaign}/grants", One(CREDIT)),
    read("/v1/events", One(READ)),
    read("/v1/events/{position}", One(READ)),
    read("/v1/offers", One(SEE)),
    read("/v1/offers/{offer}", One(SEE)),
    write("PUT", "/v1/offers/{offer}", One(OPERATE)),
    write("DELETE", "/v1/offers/{offer}", One(OPERATE)),
    read("/v1/connections", One(SEE)),
    read("/v1/keys", One(ADMIN)),
    write("POST", "/v1/keys", One(ADMIN)),
    write("DELETE", "/v1/keys/{key}", One(ADMIN)),
    read("/v1/entitlements", One(SEE)),
    read("/v1/entitlements/{entitlement}", One(SEE)),
    write("DELETE", "/v1/entitlements/{entitlement}", One(OPERATE)),
    read("/v1/receipts", One(READ)),
    read("/v1/reviews", One(READ)),
    write("POST", "/v1/reviews/{payment}/{number}", One(OPERATE)),
    read("/v1/ledger/trial-balance", One(READ)),
    read("/v1/ledger/journal", One(READ)),
    read("/v1/admin/tenants", Operator),
    write("POST", "/v1/admin/tenants", Operator),
    read("/v1/admin/tenants/{tenant}/keys", Operator),
    write("POST", "/v1/admin/tenants/{tenant}/keys", Operator),
    write("DELETE", "/v1/admin/tenants/{tenant}/keys/{key}", Operator),
    read("/v1/admin/tenants/{tenant}/accounts/{account}/balance", OperatorOrAdministrator),
    read("/v1/admin/tenants/{tenant}/accounts/{account}/lots", OperatorOrAdministrator),
    read("/v1/admin/tenants/{tenant}/lots/{lot}", OperatorOrAdministrator),
    write("POST", "/v1/admin/tenants/{tenant}/accounts/{account}/mint", OperatorOrAdministrator),
    write("POST", "/v1/admin/tenants/{tenant}/reviews/{payment}/{number}", Operator),
    write("POST", "/v1/admin/tenants/{tenant}/payments/{payment}/refunds", OperatorOrAdministrator),
    write(
        "POST",
        "/v1/admin/tenants/{tenant}/accounts/{account}/lots/{lot}/clawback",
        OperatorOrAdministrator,
    ),
    write(
        "POST",
        "/v1/admin/tenants/{tenant}/accounts/{account}/lots/{lot}/void",
        OperatorOrAdministrator,
    ),
    write("POST", "/v1/admin/tenants/{tenant}/transfers", OperatorOrAdministrator),
    call("POST", "/v1/admin/tenants/{tenant}/batch", OperatorOrAdministrator),
    read("/v1/admin/tenants/{tenant}/campaigns", OperatorOrAdministrator),
    write("POST", "/v1/admin/tenants/{tenant}/campaigns", OperatorOrAdministrator),
    read("/v1/admin/tenants/{tenant}/campaigns/{campaign}", OperatorOrAdministrator),
    write(
        "POST",
        "/v1/admin/tenants/{tenant}/campaigns/{campaign}/activate",
        OperatorOrAdministrator,
    ),
    write("POST", "/v1/admin/tenants/{tenant}/campaigns/{campaign}/pause", OperatorOrAdministrator),
    write(
        "POST",
        "/v1/admin/tenants/{tenant}/campaigns/{campaign}/complete",
        OperatorOrAdministrator,
    ),
    read("/v1/admin/tenants/{tenant}/campaigns/{campaign}/grants", OperatorOrAdministrator),
    call("POST", "/v1/admin/tenants/{tenant}/campaigns/{campaign}/grants", OperatorOrAdministrator),
    read("/v1/admin/tenants/{tenant}/billing", OperatorOrAdministrator),
    write("PUT", "/v1/admin/tenants/{tenant}/billing", OperatorOrAdministrator),
    read("/v1/admin/tenants/{tenant}/billing/readiness", OperatorOrAdministrator),
    read("/v1/admin/tenants/{tenant}/billing/doctor", OperatorOrAdministrator),
    read("/v1/admin/tenants/{tenant}/billing/shares", OperatorOrAdministrator),
    write("POST", "/v1/admin/tenants/{tenant}/billing/shares", OperatorOrAdministrator),
    write(
        "POST",
        "/v1/admin/tenants/{tenant}/billing/shares/{rule}/approve",
        OperatorOrAdministrator,
    ),
    write(
        "POST",
        "/v1/admin/tenants/{tenant}/billing/shares/{rule}/reject",
        OperatorOrAdministrator,
    ),
    write(
        "POST",
        "/v1/admin/tenants/{tenant}/billing/shares/{rule}/hasten",
        OperatorOrAdministrator,
    ),
    read("/admin/billing/config", OperatorOrAdministrator),
    named("PUT", "/admin/billing/config", OperatorOrAdministrator, OPTIONAL),
    named("POST", "/admin/billing/accounts/{account}/mint", Administrator, GIVEN_ONCE),
    read("/v1/admin/tenants/{tenant}/reservations", OperatorOrAdministrator),
    read("/v1/admin/tenants/{tenant}/reservations/{reservation}", OperatorOrAdministrator),
    named(
        "POST",
        "/v1/admin/tenants/{tenant}/reservations/{reservation}/release",
        OperatorOrAdministrator,
        ENDS_ONCE,
    ),
    read("/v1/admin/connections", Operator),
    write("PUT", "/v1/admin/connections/{connection}", Operator),
    write("DELETE", "/v1/admin/connections/{connection}", Operator),
    call("POST", "/v1/admin/reconciliation/payments/run", Operator),
    call("POST", "/admin/reconciliation/payments/run", Operator),
    read("/v1/admin/reconciliation/payments/runs", Operator),
    read("/v1/admin/reconciliation/ledger", Operator),
    read("/v1/admin/reviews", Operator),
    read("/v1/admin/receipts/refused", Operator),
    read("/v1/admin/settings", Operator),
    write("PUT", "/v1/admin/settings", Operator),
    read("/v1/admin/commodities/{code}", Operator),
    write("PUT", "/v1/admin/commodities/{code}", Operator),
    read("/v1/admin/clock", Operator),
    call("POST", "/v1/admin/clock/accept", Operator),
    write("POST", "/v1/admin/clock/correct", Operator),
    write("POST", "/v1/admin/anomalies/acknowledge", Operator),
    read("/v1/admin/duties", Operator),
    write("POST", "/v1/admin/duties/waive", Operator),
    read("/v1/admin/dead-letters", Operator),
    read("/v1/admin/dead-letters/{letter}", Operator),
    write("POST", "/v1/admin/dead-letters/{letter}/retry", Operator),
    write("POST", "/v1/admin/dead-letters/{letter}/resolve", Operator),
    read("/v1/admin/workers", Operator),
    write("PUT", "/v1/admin/workers", Operator),
    read("/v1/admin/events", Operator),
    read("/v1/admin/ledger/trial-balance", Operator),
    call("POST", "/v1/admin/views/rebuild", Operator),
    call("POST", "/v1/admin/sandbox/pay", Operator),
    call("PUT", "/v1/admin/sandbox/{connection}/faults", Operator),
];

/// The routes of each template.
static TEMPLATES: LazyLock<HashMap<&'static str, Vec<&'static Route>, RandomState>> =
    LazyLock::new(|| {
        let mut templates = HashMap::<_, Vec<_>, _>::default();
        for route in ROUTES {
            templates.entry(route.path).or_default().push(route);
        }
        templates
    });

/// A template as it stands in the table.
pub(super) fn template(path: &str) -> Option<&'static str> {
    TEMPLATES.get_key_value(path).map(|(template, _)| *template)
}

/// The route that a request came in by.
pub(super) fn route(method: &str, template: &str) -> Option<&'static Route> {
    let method = if method == "HEAD" { "GET" } else { method };
    let fits = |route: &&&Route| route.method == "ANY" || route.method == method;
    TEMPLATES.get(template)?.iter().find(fits).copied()
}
