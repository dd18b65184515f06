//! Who is calling: from the credential alone, and allowed by the table of routes alone.

use axum::{
    extract::{FromRequestParts, MatchedPath, RawPathParams},
    http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION, request},
};
use piperoll_domain::{id::TenantId, rejection::Rejection};

use crate::{
    api::{
        Api, Problem, forwarded,
        problem::{self, Code, Limited, seconds},
        routes::{self, Needs},
    },
    service::Principal,
};

/// Where a key stands when L402 has taken `Authorization`.
pub(super) const PIPEROLL_KEY: HeaderName = HeaderName::from_static("piperoll-key");
/// Where the runbooks put the operators' token.
const ADMIN_TOKEN: HeaderName = HeaderName::from_static("x-admin-token");

/// A caller who may call this route.
#[derive(Debug, Clone)]
pub(super) struct Caller(pub(super) Principal);

/// A caller who may call this route, and acts for a tenant.
#[derive(Debug, Clone)]
pub(super) struct Of {
    pub(super) who: Principal,
    pub(super) tenant: TenantId,
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, api: &Api) -> Result<Self, Problem> {
        let template = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
        let route = template.and_then(|path| routes::route(parts.method.as_str(), path));
        let needs = route.map_or(Needs::Operator, |route| route.needs);
        let presented = presented(&parts.headers)?.ok_or_else(unauthorized)?;
        let who = match api.service().authenticate(presented) {
            Some(who) => who,
            None => signed(api, presented, needs).map_err(|why| wrong(parts, api, why))?,
        };
        if !may(&who, needs) {
            return Err(forbidden());
        }
        must_be_own(parts, api, &who).await?;
        Ok(Self(who))
    }
}

/// Whoever administrates billing does so for one tenant; a path that names another names nobody.
async fn must_be_own(
    parts: &mut request::Parts,
    api: &Api,
    who: &Principal,
) -> Result<(), Problem> {
    let Principal::Administrator { tenant, .. } = who else { return Ok(()) };
    let named = RawPathParams::from_request_parts(parts, api).await;
    let named = named.map_err(|_| problem::field("path", "it is not UTF-8"))?;
    let is_other = |(name, value): &(&str, &str)| *name == "tenant" && *value != tenant.as_str();
    let Some((_, other)) = named.iter().find(is_other) else { return Ok(()) };
    // What is no name at all is not said again.
    let known = other.parse().map_err(|_| Rejection::TenantNotFound)?;
    Err(problem::no_tenant(&known))
}

/// Whoever shows a token that others signed, where such are taken; or why it is not believed.
fn signed(api: &Api, token: &str, needs: Needs) -> Result<Principal, Option<&'static str>> {
    match needs {
        Needs::Peer => api.service().peer(token),
        Needs::Administrator | Needs::OperatorOrAdministrator | Needs::TenantOrAdministrator => {
            api.service().administrator(token)
        }
        Needs::Nothing
        | Needs::Metrics
        | Needs::Provider
        | Needs::Tenant
        | Needs::One(_)
        | Needs::Operator
        | Needs::OperatorOr(_) => Err(None),
    }
}

/// A credential that opens nothing is told so; whoever shows one after the other, to wait. Our log
/// tells as many of an address, and no more.
pub(super) fn wrong(parts: &request::Parts, api: &Api, why: Option<&'static str>) -> Problem {
    let address = forwarded::address_of(parts, api);
    if let Some(Err(wait)) = address.map(|address| api.service().count_wrong(address)) {
        let detail = "too many credentials from this address opened nothing";
        let problem = Problem::new(Code::RateLimited, detail).limited(Limited::Credentials);
        return problem.retry_after(seconds(wait));
    }
    if let Some(why) = why {
        tracing::warn!(why, "a token was refused");
    }
    unauthorized()
}

impl FromRequestParts<Api> for Of {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, api: &Api) -> Result<Self, Problem> {
        let Caller(who) = <Caller as FromRequestParts<Api>>::from_request_parts(parts, api).await?;
        let tenant = who.tenant().cloned().ok_or_else(forbidden)?;
        Ok(Self { who, tenant })
    }
}

/// Whether a caller is what a route needs.
pub(super) fn may(who: &Principal, needs: Needs) -> bool {
    let (operator, tenant) = match who {
        Principal::Admin { .. } => (true, false),
        Principal::Key { .. } => (false, true),
        Principal::Peer { .. } => return needs == Needs::Peer,
        Principal::Administrator { .. } => {
            return matches!(
                needs,
                Needs::Administrator
                    | Needs::OperatorOrAdministrator
                    | Needs::TenantOrAdministrator
            );
        }
        Principal::Token { .. }
        | Principal::Provider(_)
        | Principal::Reactor(_)
        | Principal::Cli => (false, false),
    };
    match needs {
        Needs::Nothing | Needs::Provider => true,
        Needs::Peer | Needs::Administrator => false,
        Needs::Metrics | Needs::Operator | Needs::OperatorOrAdministrator => operator,
        Needs::Tenant | Needs::TenantOrAdministrator => tenant,
        Needs::One(roles) => tenant && roles.iter().any(|role| who.may(*role)),
        Needs::OperatorOr(roles) => operator || roles.iter().any(|role| tenant && who.may(*role)),
    }
}

/// The one credential of a request: `Piperoll-Key`, `Authorization: Bearer` or `X-Admin-Token`.
/// Two that differ are refused; we do not choose.
pub(super) fn presented(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut found = None;
    let keys = headers.get_all(PIPEROLL_KEY).iter().chain(headers.get_all(ADMIN_TOKEN));
    let keys = keys.map(|value| value.to_str().map_err(|_| unauthorized()).map(Some));
    let bearers = headers.get_all(AUTHORIZATION).iter().map(|value| Ok(bearer(value)));
    for key in keys.chain(bearers) {
        let Some(key) = key?.map(str::trim) else { continue };
        if found.is_some_and(|other| other != key) {
            let detail = "the request shows two different credentials";
            return Err(Problem::new(Code::Unauthenticated, detail));
        }
        found = Some(key);
    }
    Ok(found)
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

pub(super) fn unauthorized() -> Problem {
    Problem::new(
        Code::Unauthenticated,
        "show a key or a token that is good here, in `Authorization: Bearer` or `Piperoll-Key`",
    )
}

pub(super) fn forbidden() -> Problem {
    Problem::new(Code::Forbidden, "the credential is good, but not for this")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_key_is_found_in_each_of_its_places() {
        for line in [
            ("authorization", "Bearer k"),
            ("authorization", "bearer k"),
            ("piperoll-key", "k"),
            ("x-admin-token", "k"),
        ] {
            assert_eq!(presented(&headers(&[line])).unwrap(), Some("k"), "{line:?}");
        }
        let paid = [("authorization", "L402 abc:def"), ("piperoll-key", "k")];
        assert_eq!(presented(&headers(&paid)).unwrap(), Some("k"));
        assert_eq!(presented(&headers(&[("authorization", "L402 abc:def")])).unwrap(), None);
    }

    #[test]
    fn of_two_different_credentials_none_is_chosen() {
        let two = [("authorization", "Bearer k"), ("piperoll-key", "l")];
        assert!(presented(&headers(&two)).is_err());
        let same = [("authorization", "Bearer k"), ("piperoll-key", "k")];
        assert_eq!(presented(&headers(&same)).unwrap(), Some("k"));
    }
}
