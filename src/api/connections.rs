//! Connections: the provider accounts that money comes in by.

use axum::{
    Router,
    extract::State,
    routing::{get, put},
};
use piperoll_domain::{
    connection::{Account, Connection as Known},
    id::ConnectionId,
    operation::{DeclareConnection, RetireConnection},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::{
    Api, Problem,
    caller::{Caller, Of},
    extract::{Path, Write},
    listing::Listed,
    offers::Reason,
    problem::{self, Code},
    render::Answer,
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/connections", get(list))
        .route("/v1/admin/connections", get(list_all))
        .route("/v1/admin/connections/{connection}", put(declare).delete(retire))
}

/// A provider account, as a tenant sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionLine)]
pub(super) struct Line {
    /// Its name.
    connection: String,
    /// What kind of provider it is.
    kind: String,
    /// `bitcoin`, `regtest` …
    network: String,
    /// What it can do.
    capabilities: Vec<String>,
}

/// Lists the provider accounts that can be used.
#[utoipa::path(get, path = "/v1/connections", tag = "connections",
    responses((status = 200, body = Listed<Line>)))]
pub(super) async fn list(State(api): State<Api>, _: Of) -> Answer<Listed<Line>> {
    let engine = api.service().engine();
    let (head, directory) = (engine.head(), engine.directory());
    let line = |(id, known): (ConnectionId, &Known)| {
        let account = known.account.as_ref().filter(|_| !known.retired)?;
        let Account { kind, network, capabilities, .. } = account.clone();
        Some(Line { connection: id.to_string(), kind, network, capabilities })
    };
    Answer::at(&api, head, Listed::all(directory.connections().filter_map(line).collect()))
}

/// A provider account, as an operator sees it. Secrets are named, never told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Connection {
    /// Its name.
    connection: String,
    /// 1, 2, 3 …
    version: u32,
    /// Whether it is used no more for new payments.
    retired: bool,
    /// What it is.
    #[schema(value_type = Option<Object>)]
    account: Option<Account>,
}

impl Connection {
    fn of(id: &ConnectionId, known: &Known) -> Self {
        let Known { version, account, retired } = known.clone();
        Self { connection: id.to_string(), version, retired, account }
    }
}

/// Lists all provider accounts.
#[utoipa::path(get, path = "/v1/admin/connections", tag = "admin",
    responses((status = 200, body = Listed<Connection>)))]
pub(super) async fn list_all(State(api): State<Api>, _: Caller) -> Answer<Listed<Connection>> {
    let engine = api.service().engine();
    let (head, directory) = (engine.head(), engine.directory());
    let all = directory.connections().map(|(id, known)| Connection::of(&id, known));
    Answer::at(&api, head, Listed::all(all.collect()))
}

/// What a provider account is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewConnection {
    /// What kind of provider: `sandbox`, `lnbits`.
    kind: String,
    /// `bitcoin`, `testnet`, `signet` or `regtest`.
    network: String,
    /// Where it is reached.
    base_url: Option<String>,
    /// The environment variable that holds its key.
    key_from: Option<String>,
    /// The environment variable that holds its webhook secret.
    webhook_secret_from: Option<String>,
}

impl NewConnection {
    fn account(self) -> Result<Account, Problem> {
        let Self { kind, network, base_url, key_from, webhook_secret_from } = self;
        if !matches!(&*kind, "sandbox" | "lnbits") {
            return Err(problem::field("kind", "it is sandbox or lnbits"));
        }
        if !matches!(&*network, "bitcoin" | "testnet" | "signet" | "regtest") {
            return Err(problem::field("network", "it is bitcoin, testnet, signet or regtest"));
        }
        must_be_variable("key_from", key_from.as_deref())?;
        must_be_variable("webhook_secret_from", webhook_secret_from.as_deref())?;
        if base_url.as_ref().is_some_and(|url| url.len() > 1_024 || !is_address(url)) {
            let what = "it is an http or https address without a user name, a password or a query";
            return Err(problem::field("base_url", what));
        }
        let capabilities = vec![];
        Ok(Account { kind, network, base_url, key_from, webhook_secret_from, capabilities })
    }
}

/// An address stands in the roll for ever: nothing in it may open anything.
fn is_address(text: &str) -> bool {
    text.parse::<reqwest::Url>().is_ok_and(|url| {
        let plain = url.username().is_empty() && url.password().is_none();
        let bare = url.query().is_none() && url.fragment().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && plain && bare
    })
}

/// A name where a secret is found, and never the secret itself.
fn must_be_variable(field: &str, name: Option<&str>) -> Result<(), Problem> {
    let good = |name: &str| {
        (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    if name.is_none_or(good) {
        return Ok(());
    }
    Err(problem::field(field, "it names an environment variable, in capitals"))
}

/// Names a provider account, or describes it anew.
#[utoipa::path(put, path = "/v1/admin/connections/{connection}", tag = "admin",
    params(("connection" = String, Path)), request_body = NewConnection,
    responses((status = 200, body = Connection)))]
pub(super) async fn declare(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(connection): Path<ConnectionId>,
    write: Write<NewConnection>,
) -> Result<Answer<Connection>, Problem> {
    let key = write.key("connection.declare", &[connection.as_str()])?;
    let account = write.body.account()?;
    let operation = DeclareConnection { connection: connection.clone(), account };
    let done = api.service().execute(&who, operation, Some(key)).await?;
    Ok(Answer::done(&api, &done, stands(&api, &connection)?))
}

/// Stops using a provider account for new payments.
#[utoipa::path(delete, path = "/v1/admin/connections/{connection}", tag = "admin",
    params(("connection" = String, Path)), request_body = Reason,
    responses((status = 200, body = Connection)))]
pub(super) async fn retire(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(connection): Path<ConnectionId>,
    write: Write<Reason>,
) -> Result<Answer<Connection>, Problem> {
    let key = write.key("connection.retire", &[connection.as_str()])?;
    let reason = write.body.reason;
    let operation = RetireConnection { connection: connection.clone(), reason };
    let done = api.service().execute(&who, operation, Some(key)).await?;
    Ok(Answer::done(&api, &done, stands(&api, &connection)?))
}

fn stands(api: &Api, connection: &ConnectionId) -> Result<Connection, Problem> {
    let directory = api.service().engine().directory();
    let known = directory.connection(connection);
    let absent = || Problem::new(Code::ConnectionNotFound, "the connection does not exist");
    Ok(Connection::of(connection, known.ok_or_else(absent)?))
}
