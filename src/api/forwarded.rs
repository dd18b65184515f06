//! The request behind a request: what a reverse proxy says of the one that it asks about.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, Uri, header::HOST, request},
};

use crate::api::{
    Api, Problem,
    problem::{self, Code},
};

/// How the original request is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Original {
    /// Its method, if the proxy tells of it.
    pub(super) method: Option<String>,
    /// Its path with its query, if the proxy tells of it.
    pub(super) path: Option<String>,
    /// Its host, without its port.
    pub(super) host: Option<String>,
    /// The client's address.
    pub(super) client: Option<IpAddr>,
    /// Whether it came over https, as far as anybody we believe knows.
    pub(super) https: bool,
    /// Whether the proxy is one that we believe.
    pub(super) believed: bool,
    /// The user, if the proxy knows one.
    pub(super) user: Option<String>,
}

impl FromRequestParts<Api> for Original {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, api: &Api) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let settings = api.settings();
        let believed = peer.is_some_and(|peer| settings.trusts.proxy(peer));
        let headers = &parts.headers;
        let host = one(headers, HOST.as_str())?.or_else(|| parts.uri.host().map(str::to_owned));
        let direct = Self {
            method: None,
            path: None,
            host: host.as_deref().map(without_port),
            client: peer.map(|peer| peer.to_canonical()),
            https: settings.tls,
            believed,
            user: None,
        };
        if !believed {
            return Ok(direct);
        }
        let forwarded_host = one(headers, "x-forwarded-host")?;
        let proto = one(headers, "x-forwarded-proto")?;
        Ok(Self {
            method: agreed(headers, &["x-forwarded-method", "x-original-method"])?,
            path: path(headers)?,
            host: forwarded_host.as_deref().map(first).map(without_port).or(direct.host),
            client: client(headers, api).or(direct.client),
            https: proto.map_or(direct.https, |proto| first(&proto).eq_ignore_ascii_case("https")),
            believed,
            user: one(headers, "x-forwarded-user")?,
        })
    }
}

/// The client's address, as far as anybody we believe knows.
pub(super) fn address_of(parts: &request::Parts, api: &Api) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())?;
    let believed = api.settings().trusts.proxy(peer);
    let told = believed.then(|| client(&parts.headers, api)).flatten();
    Some(told.unwrap_or_else(|| peer.to_canonical()))
}

impl Original {
    /// That it came over https, where that is demanded.
    pub(super) fn must_be_safe(&self, api: &Api) -> Result<(), Problem> {
        if self.https || !api.settings().require_https {
            return Ok(());
        }
        let detail = "a paid credential is a bearer token: use https, and have the proxy say so";
        Err(Problem::new(Code::HttpsRequired, detail))
    }
}

/// One header field, at most once: of two we do not choose.
fn one(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.any(|other| other != first) {
        return Err(ambiguous(name));
    }
    let text = first.to_str().map_err(|error| problem::field(name, &error.to_string()))?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// What several fields say, if they say the same.
fn agreed(headers: &HeaderMap, names: &[&str]) -> Result<Option<String>, Problem> {
    let mut said: Option<String> = None;
    for name in names {
        let Some(value) = one(headers, name)? else { continue };
        if said.as_ref().is_some_and(|other| *other != value) {
            return Err(ambiguous(name));
        }
        said = Some(value);
    }
    Ok(said)
}

fn path(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut said = agreed(headers, &["x-forwarded-uri", "x-original-uri"])?;
    if let Some(url) = one(headers, "x-original-url")? {
        let uri = url.parse::<Uri>();
        let uri = uri.map_err(|error| problem::field("x-original-url", &error.to_string()))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        if said.as_ref().is_some_and(|other| *other != path) {
            return Err(ambiguous("x-original-url"));
        }
        said = Some(path);
    }
    Ok(said)
}

fn ambiguous(name: &str) -> Problem {
    problem::field(name, "it is told differently elsewhere in the same request")
}

fn first(list: &str) -> &str {
    list.split(',').next().unwrap_or_default().trim()
}

fn without_port(host: impl AsRef<str>) -> String {
    let host = host.as_ref();
    let bare =
        match host.rsplit_once(':') {
            Some((bare, port))
                if !bare.ends_with(':') && port.bytes().all(|b| b.is_ascii_digit()) =>
            {
                if bare.contains(':') && !bare.ends_with(']') { host } else { bare }
            }
            _ => host,
        };
    bare.to_ascii_lowercase()
}

/// The last hop that is none of our own proxies.
fn client(headers: &HeaderMap, api: &Api) -> Option<IpAddr> {
    let lines = headers.get_all("x-forwarded-for").iter();
    let hops: Vec<&str> =
        lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).collect();
    let hops = hops.into_iter().rev().map_while(|hop| address(hop.trim()));
    let mut last = None;
    for hop in hops {
        last = Some(hop);
        if !api.settings().trusts.proxy(hop) {
            break;
        }
    }
    last
}

fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().or_else(|_| hop.parse::<SocketAddr>().map(|peer| peer.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_path_is_told_in_one_of_three_fields() {
        for lines in [
            [("x-forwarded-uri", "/a?b=1")],
            [("x-original-uri", "/a?b=1")],
            [("x-original-url", "https://shop.example/a?b=1")],
        ] {
            assert_eq!(path(&headers(&lines)).unwrap().as_deref(), Some("/a?b=1"), "{lines:?}");
        }
        assert_eq!(path(&headers(&[])).unwrap(), None);
    }

    #[test]
    fn of_two_stories_none_is_believed() {
        for lines in [
            [("x-forwarded-uri", "/free"), ("x-original-uri", "/dear")],
            [("x-forwarded-uri", "/free"), ("x-forwarded-uri", "/dear")],
            [("x-original-uri", "/free"), ("x-original-url", "http://a/dear")],
        ] {
            assert!(path(&headers(&lines)).is_err(), "{lines:?}");
        }
    }

    #[test]
    fn hosts_lose_their_ports() {
        for (host, bare) in [
            ("Shop.Example", "shop.example"),
            ("shop.example:8080", "shop.example"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("::1", "::1"),
        ] {
            assert_eq!(without_port(host), bare);
        }
    }
}
