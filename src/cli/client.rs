//! The server, as commands ask it: one request, one answer, one exit code.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use piperoll_domain::money::Code;
use reqwest::{Method, RequestBuilder, StatusCode, Url, header::HeaderValue};
use serde_json::Value;

use super::{
    exit::Exit,
    offline::{self, Offline},
    output::Output,
};
use crate::providers::http::install_tls;

/// The headers that a request may have.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const MIN_POSITION: &str = "piperoll-min-position";
/// The position of everything that was acknowledged before.
const HEAD: &str = "head";
/// The problem of views that have not come as far.
const VIEW_BEHIND: &str = "view_behind";

/// How long a server may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// A token on the command line; never shown.
#[derive(Clone)]
struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Which server, and who asks.
#[derive(Debug, Clone, Args)]
pub(super) struct Server {
    /// The server.
    #[arg(long, value_name = "URL", env = "PIPEROLL_URL", default_value = "http://127.0.0.1:4020")]
    url: Url,
    /// A key of a tenant.
    #[arg(long, value_name = "KEY", env = "PIPEROLL_TOKEN", hide_env_values = true)]
    token: Option<Token>,
    /// The operators' token.
    #[arg(long, value_name = "TOKEN", env = "PIPEROLL_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<Token>,
    #[arg(from_global)]
    json: bool,
}

/// Which server, or which data directory that no server holds, and who asks.
#[derive(Debug, Clone, Args)]
pub(super) struct Target {
    #[command(flatten)]
    server: Server,
    /// The data directory to work on, where no server holds it; with the settings of `serve`.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Why the server did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// There is no way to ask.
    #[error("failed to prepare the request")]
    Prepare(#[source] reqwest::Error),
    /// A token that no header can hold.
    #[error("the token is not printable ASCII")]
    Token,
    /// Nobody answered.
    #[error("failed to reach {url}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It said no.
    #[error("{url} answered {status}{}", told(problem))]
    Refused {
        /// Where.
        url: String,
        /// The status.
        status: StatusCode,
        /// What it says of it; null where it says nothing that can be read.
        problem: Box<Value>,
    },
    /// The data directory cannot be used without a server.
    #[error(transparent)]
    Offline(#[from] Box<offline::Error>),
    /// It answered something else than JSON.
    #[error("{url} did not answer in JSON; is it a piperoll server?")]
    NotJson {
        /// Where.
        url: String,
    },
}

fn told(problem: &Value) -> String {
    let detail = said(problem).map(|said| format!(": {said}")).unwrap_or_default();
    let code = problem["code"].as_str();
    let code = code.map(|code| format!(" ({code}; see docs/problems/{code}.md)"));
    detail + &code.unwrap_or_default()
}

/// What a problem says, behind the field that it is about.
pub(super) fn said(problem: &Value) -> Option<String> {
    let detail = problem["detail"].as_str()?;
    let field = problem["field"].as_str().filter(|field| !field.is_empty());
    Some(field.map_or_else(|| detail.to_owned(), |field| format!("{field}: {detail}")))
}

impl Error {
    /// All that the server said of it.
    pub(super) fn problem(&self) -> Option<&Value> {
        match self {
            Self::Refused { problem, .. } if problem.is_object() => Some(problem),
            _ => None,
        }
    }

    /// The exit code.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Offline(error) => error.exit(),
            Self::Unreachable { .. } => Exit::Unreachable,
            Self::Token => Exit::Usage,
            Self::Prepare(_) | Self::NotJson { .. } => Exit::Failed,
            Self::Refused { status, .. } => match status.as_u16() {
                401 | 403 => Exit::NotAuthorised,
                404 => Exit::NotFound,
                409 => Exit::Conflict,
                _ => Exit::Failed,
            },
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Tenant,
    Operator,
}

impl Server {
    /// Asks as a tenant; as an operator where no key of a tenant is given.
    pub(super) fn tenant(&self) -> Client<'_> {
        let caller = if self.token.is_some() { Caller::Tenant } else { Caller::Operator };
        Client { server: self, caller, data: None }
    }

    /// Asks as an operator; with the tenant's key where no token of operators is given.
    pub(super) fn operator(&self) -> Client<'_> {
        let caller = if self.admin_token.is_some() { Caller::Operator } else { Caller::Tenant };
        Client { server: self, caller, data: None }
    }

    /// Whether a tenant's key is given.
    pub(super) const fn is_tenant(&self) -> bool {
        self.token.is_some()
    }
}

impl Target {
    /// Asks as a tenant; as an operator where no key of a tenant is given.
    pub(super) fn tenant(&self) -> Client<'_> {
        Client { data: self.data.as_deref(), ..self.server.tenant() }
    }

    /// Asks as an operator. Whoever may open the data directory is one.
    pub(super) fn operator(&self) -> Client<'_> {
        let client = Client { data: self.data.as_deref(), ..self.server.operator() };
        let caller = if client.data.is_some() { Caller::Operator } else { client.caller };
        Client { caller, ..client }
    }

    /// Whether a tenant's key is given.
    pub(super) const fn is_tenant(&self) -> bool {
        self.server.is_tenant()
    }

    /// How many decimal places a commodity has, as far as whoever asks is told.
    pub(super) async fn scale(&self, commodity: Code) -> Result<Scale, Error> {
        let client = self.operator();
        if client.caller == Caller::Tenant {
            return Ok(Scale::Untold);
        }
        let path = ["v1", "admin", "commodities", commodity.as_str()];
        match client.get(&path, &[]).await {
            Ok(told) => {
                let scale = told["scale"].as_u64().and_then(|scale| u8::try_from(scale).ok());
                Ok(scale.map_or(Scale::Untold, Scale::Known))
            }
            Err(Error::Refused { status: StatusCode::NOT_FOUND, .. }) => Ok(Scale::Undeclared),
            // The verb itself may be open to what opens nothing here, as an administrator's token does.
            Err(Error::Refused {
                status:
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS,
                ..
            }) => Ok(Scale::Untold),
            Err(error) => Err(error),
        }
    }
}

/// What a server says of a commodity's decimal places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// So many.
    Known(u8),
    /// There is no such commodity.
    Undeclared,
    /// Whoever asks is not told.
    Untold,
}

/// A server and who asks it.
pub(super) struct Client<'a> {
    server: &'a Server,
    caller: Caller,
    data: Option<&'a Path>,
}

impl Client<'_> {
    /// Reads something, as it is after all that was acknowledged before; as it was, with a warning, where
    /// the views are too far behind for that. Parameters without a value are left out.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
    ) -> Result<Value, Error> {
        let mut url = self.url(path);
        for (name, value) in query {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        match self.ask(Method::GET, url.clone(), &[(MIN_POSITION, HEAD)], None).await {
            Err(Error::Refused { problem, .. }) if problem["code"] == VIEW_BEHIND => {
                let answer = self.ask(Method::GET, url, &[], None).await?;
                let why = said(&problem).unwrap_or_default();
                Output::new(self.server.json).warn(&format!("this may be out of date: {why}"));
                Ok(answer)
            }
            answer => answer,
        }
    }

    /// Changes something, once: the key makes asking again safe.
    pub(super) async fn write(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Value, Error> {
        let minted = uuid::Uuid::new_v4().to_string();
        let key = key.unwrap_or(&minted);
        self.ask(method, self.url(path), &[(IDEMPOTENCY_KEY, key)], body).await
    }

    /// Changes something that its own name tells from everything else: that makes asking again safe.
    pub(super) async fn write_by_name(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Value, Error> {
        let key: Vec<_> = key.into_iter().map(|key| (IDEMPOTENCY_KEY, key)).collect();
        self.ask(method, self.url(path), &key, body).await
    }

    /// The answer as it comes, line by line.
    pub(super) async fn lines(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
        mut line: impl FnMut(&str) -> std::io::Result<()>,
    ) -> Result<std::io::Result<()>, Error> {
        let mut url = self.url(path);
        for (name, value) in query {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let request = self.request(Method::GET, url.clone(), &[], None)?;
        let request = request.header("accept", "application/x-ndjson");
        let unreachable = |source: reqwest::Error| Error::Unreachable {
            url: url.to_string(),
            source: source.without_url(),
        };
        let mut answer = request.send().await.map_err(unreachable)?;
        if !answer.status().is_success() {
            return Err(refusal(&url, answer).await);
        }
        let mut rest = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            rest.extend_from_slice(&chunk);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let told: Vec<u8> = rest.drain(..=end).collect();
                if let Err(error) = line(String::from_utf8_lossy(&told).trim_end()) {
                    return Ok(Err(error));
                }
            }
        }
        let told = String::from_utf8_lossy(&rest);
        Ok(if told.trim().is_empty() { Ok(()) } else { line(told.trim_end()) })
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.server.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    fn request(
        &self,
        method: Method,
        url: Url,
        headers: &[(&str, &str)],
        own: Option<&Offline>,
    ) -> Result<RequestBuilder, Error> {
        install_tls();
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .user_agent(concat!("piperoll-cli/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(Error::Prepare)?;
        let mut request = client.request(method, url);
        let token = match (self.caller, own) {
            (Caller::Tenant, _) => self.server.token.as_ref().map(|Token(token)| token.as_str()),
            (Caller::Operator, Some(own)) => Some(own.token()),
            (Caller::Operator, None) => {
                self.server.admin_token.as_ref().map(|Token(token)| token.as_str())
            }
        };
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut value = value.map_err(|_| Error::Token)?;
            value.set_sensitive(true);
            request = request.header("authorization", value);
        }
        let headers = headers.iter();
        Ok(headers.fold(request, |request, (name, value)| request.header(*name, *value)))
    }

    async fn ask(
        &self,
        method: Method,
        url: Url,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let Some(data) = self.data else {
            return self.ask_at(method, url, headers, body, None).await;
        };
        let own = Offline::open(data).await.map_err(Box::new)?;
        let url = own.instead_of(&url);
        let answer = self.ask_at(method, url, headers, body, Some(&own)).await;
        own.close().await;
        answer
    }

    async fn ask_at(
        &self,
        method: Method,
        url: Url,
        headers: &[(&str, &str)],
        body: Option<&Value>,
        own: Option<&Offline>,
    ) -> Result<Value, Error> {
        let mut request = self.request(method, url.clone(), headers, own)?;
        if let Some(body) = body {
            request = request.json(body);
        }
        let sent = request.send().await;
        let answer = sent.map_err(|source| Error::Unreachable {
            url: url.to_string(),
            source: source.without_url(),
        })?;
        if !answer.status().is_success() {
            return Err(refusal(&url, answer).await);
        }
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        answer.json().await.map_err(|_| Error::NotJson { url: url.to_string() })
    }
}

/// What a problem says.
async fn refusal(url: &Url, answer: reqwest::Response) -> Error {
    let status = answer.status();
    let problem = Box::new(answer.json().await.unwrap_or_default());
    Error::Refused { url: url.to_string(), status, problem }
}
