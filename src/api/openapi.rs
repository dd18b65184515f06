//! The document that describes every route: OpenAPI 3.1.

mod problems;

use axum::{Json, Router, routing::get};
use serde::Serialize;
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::{
        Components, Required,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
        schema::{ObjectBuilder, Type},
        security::{
            ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
        },
    },
};

use crate::api::{
    Api, accounts, admin, authorize, batch, campaigns, connections, corrections, entitlements,
    events, finalize, health, keys, l402, ledger, metrics, offers, payments, receipts,
    render::Sum,
    reservations, reviews,
    routes::{self, Key, Needs, Route},
    topups, webhooks,
};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/openapi.json", get(show))
}

/// Shows this document.
#[utoipa::path(get, path = "/openapi.json", tag = "operation",
    responses((status = 200, body = Object)))]
pub(super) async fn show() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}

/// The whole document.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    document.merge(admin::Document::openapi());
    Completed.modify(&mut document);
    document
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "piperoll",
        description = "The ledger under APIs that charge: payments, credit and access on one \
                       append-only, hash-chained roll. Amounts are whole numbers of smallest units."
    ),
    components(schemas(Told, Short)),
    paths(
        health::health,
        health::ready,
        metrics::guarded,
        show,
        topups::top_up,
        payments::ask,
        payments::list,
        payments::show,
        payments::sync,
        payments::list_for_runbooks,
        l402::challenge_for,
        l402::redeem,
        l402::release,
        authorize::authorize,
        authorize::authorize_under,
        authorize::charge,
        authorize::charge_under,
        webhooks::receive,
        webhooks::receive_by_token,
        webhooks::receive_for_runbooks,
        accounts::open,
        accounts::balance::balance,
        accounts::balance::balance_of,
        accounts::lots::lots,
        accounts::lots::lots_of,
        accounts::lots::show,
        accounts::lots::show_of,
        accounts::entries::entries,
        accounts::spend,
        finalize::finalize,
        finalize::under_internal,
        finalize::under_billing,
        reservations::reserve,
        reservations::finalize,
        reservations::release,
        reservations::show,
        reservations::list::list,
        reservations::release_of,
        reservations::show_of,
        reservations::list::list_of,
        corrections::refund,
        corrections::claw_back,
        corrections::void,
        corrections::transfer,
        corrections::refund_of,
        corrections::claw_back_of,
        corrections::void_of,
        corrections::transfer_of,
        batch::batch,
        batch::batch_of,
        campaigns::list,
        campaigns::create,
        campaigns::show,
        campaigns::activate,
        campaigns::pause,
        campaigns::complete,
        campaigns::grants::give,
        campaigns::grants::list_grants,
        campaigns::of_tenant::list,
        campaigns::of_tenant::create,
        campaigns::of_tenant::show,
        campaigns::of_tenant::activate,
        campaigns::of_tenant::pause,
        campaigns::of_tenant::complete,
        campaigns::of_tenant::give,
        campaigns::of_tenant::list_grants,
        events::list,
        events::show,
        events::list_all,
        offers::list,
        offers::show,
        offers::publish,
        offers::withdraw,
        connections::list,
        connections::list_all,
        connections::declare,
        connections::retire,
        keys::list,
        keys::issue,
        keys::revoke,
        keys::list_of,
        keys::issue_for,
        keys::revoke_of,
        entitlements::list,
        entitlements::show,
        entitlements::revoke,
        receipts::list,
        receipts::list_refused,
        reviews::list,
        reviews::resolve,
        reviews::list_all,
        reviews::resolve_of,
        ledger::trial_balance,
        ledger::journal,
        ledger::trial_balance_of_all,
    )
)]
struct Document;

/// What went wrong: RFC 9457. Some codes tell more members.
#[derive(Serialize, ToSchema)]
struct Told {
    /// A name of the code: `urn:piperoll:problem:…`.
    r#type: String,
    /// The code, for people.
    title: String,
    /// The status.
    status: u16,
    /// For programs: one of a closed set.
    code: String,
    /// What is wrong here, for people.
    detail: String,
    /// The field or parameter that is wrong.
    field: Option<String>,
}

/// What went wrong where credit is demanded: RFC 9457, and the plain body of metered credit. Where the
/// 402 is about something else, such as a payment that is not confirmed yet, only the first part
/// stands.
#[derive(Serialize, ToSchema)]
struct Short {
    #[serde(flatten)]
    told: Told,
    /// `insufficient_credits`.
    error: Option<String>,
    /// How much more there would have to be.
    missing: Option<Sum>,
    /// What there was for this request: what can be used of the pool and the general pool, less what
    /// they owe; below zero for who owes more.
    balance: Option<Sum>,
    /// The same, in micro USD; only where credit in USD was demanded.
    #[schema(example = "1500000")]
    balance_micro: Option<String>,
}

/// How a position is written, and the word for the last.
const POSITION: &str = "^(head|.+:[0-9]+:[0-9a-f]{8})$";

/// Adds what all routes have in common, from the table of routes.
struct Completed;

impl Modify for Completed {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Components::default);
        for (name, scheme) in schemes() {
            components.security_schemes.insert(name.to_owned(), scheme.into());
        }
        for (path, item) in &mut document.paths.paths {
            // The document has one word for the rest of a path.
            let template = path.replace("/{path}", "/{*path}");
            for (method, operation) in operations(item) {
                operation.operation_id = Some(name(method, path));
                if let Some(route) = routes::route(method, &template) {
                    complete(operation, route, path);
                }
            }
        }
    }
}

/// A name that no other operation has: its method, and the words of its path.
fn name(method: &str, path: &str) -> String {
    let words = path.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_");
    format!("{}_{words}", method.to_ascii_lowercase())
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("GET", item.get.as_mut()),
        ("POST", item.post.as_mut()),
        ("PUT", item.put.as_mut()),
        ("DELETE", item.delete.as_mut()),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation?)))
}

fn schemes() -> [(&'static str, SecurityScheme); 6] {
    let bearer = || SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let header = |name| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
    [
        ("key", bearer()),
        ("piperoll_key", header("Piperoll-Key")),
        ("operator", bearer()),
        ("operator_header", header("X-Admin-Token")),
        ("peer", bearer()),
        ("administrator", bearer()),
    ]
}

fn complete(operation: &mut Operation, route: &Route, path: &str) {
    let named = |names: &[&str]| {
        let one = |name: &&str| SecurityRequirement::new::<_, [&str; 0], &str>(*name, []);
        Some(names.iter().map(one).collect::<Vec<_>>())
    };
    operation.security = match route.needs {
        Needs::Nothing | Needs::Provider => None,
        Needs::Metrics | Needs::Operator => named(&["operator", "operator_header"]),
        Needs::Peer => named(&["peer"]),
        Needs::Administrator => named(&["administrator"]),
        Needs::OperatorOrAdministrator => named(&["operator", "operator_header", "administrator"]),
        Needs::Tenant | Needs::One(_) => named(&["piperoll_key", "key"]),
        Needs::TenantOrAdministrator => named(&["piperoll_key", "key", "administrator"]),
        Needs::OperatorOr(_) => named(&["piperoll_key", "key", "operator", "operator_header"]),
    };
    let parameters = operation.parameters.get_or_insert_default();
    let key = match route.key {
        Key::Never => None,
        Key::Unless(unless) => Some((Required::False, unless)),
        Key::Needed => Some((Required::True, "")),
    };
    if let Some((required, unless)) = key {
        let what = "1 to 255 printable characters: the same key is the same request. `X-Idempotency-Key` is taken for it.";
        let what = format!("{what} {unless}");
        parameters.push(header("Idempotency-Key", what.trim_end(), required).into());
    }
    if problems::looks(route, path) {
        let what = "The answer knows of everything up to here: the `Piperoll-Position` of an answer, \
                    or `head` for everything that was acknowledged before.";
        let mut position = header("Piperoll-Min-Position", what, Required::False);
        position.schema = Some(text().pattern(Some(POSITION)).into());
        parameters.push(position.into());
    }
    problems::document(operation, route, path);
}

fn header(name: &str, what: &str, required: Required) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .description(Some(what))
        .schema(Some(text()))
        .build()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}
