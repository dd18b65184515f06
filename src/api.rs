//! The HTTP edge: parse, execute, render. A file a resource, and no rule about money.
#![expect(clippy::struct_field_names, reason = "a field's name is its name on the wire")]

#[expect(unused_qualifications, reason = "utoipa's macro names types in full")]
mod accounts;
mod admin;
mod asking;
mod authorize;
mod bare;
#[expect(unused_qualifications, reason = "utoipa's macro names types in full")]
mod batch;
mod caller;
mod campaigns;
mod challenge;
mod compared;
mod connections;
mod corrections;
mod demand;
mod entitlements;
#[expect(unused_qualifications, reason = "utoipa's macro names types in full")]
mod events;
mod extract;
mod finalize;
mod forwarded;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod health;
mod keys;
mod l402;
#[expect(unused_qualifications, reason = "utoipa's macro names types in full")]
mod ledger;
mod limits;
mod listing;
mod metrics;
mod offers;
mod openapi;
#[expect(unused_qualifications, reason = "utoipa's macro names types in full")]
mod payments;
mod position;
mod problem;
#[expect(unused_qualifications, reason = "utoipa's macro names types in full")]
mod receipts;
mod render;
#[expect(unused_qualifications, reason = "utoipa's macro names types in full")]
mod reservations;
mod reviews;
mod routes;
#[cfg(test)]
mod tests;
mod topups;
mod watch;
mod webhooks;

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{Router, extract::DefaultBodyLimit, http::Uri, middleware::from_fn_with_state};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use self::problem::{Code, Problem};
use crate::{
    config::{Compat, Config},
    secret::Secret,
    service::Service,
    views::Views,
};

pub use self::{bare::bare, openapi::document};

/// What handlers share. Clones are handles on the same.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    service: Service,
    views: Views,
    settings: Settings,
    metrics: PrometheusHandle,
    compared: compared::Compared,
    in_flight: Semaphore,
    coming_in: Semaphore,
}

/// How the edge behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The longest body.
    pub body_bytes_max: usize,
    /// All header fields together.
    pub header_bytes_max: usize,
    /// Arrays and objects within each other.
    pub json_depth_max: usize,
    /// Requests in flight.
    pub concurrency_max: usize,
    /// How long a body may take to come in.
    pub body_timeout: Duration,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// Whose answers to bad credentials are given.
    pub compat: Compat,
    /// Paid credentials are refused over plain http.
    pub require_https: bool,
    /// The first `WWW-Authenticate` line of a challenge is left out.
    pub drop_lsat_line: bool,
    /// Our own listener speaks TLS.
    pub tls: bool,
    /// Whose word about the original request is believed.
    pub trusts: Trusts,
    /// Opens the metrics, beside the operators' token.
    pub metrics_token: Option<Secret>,
}

/// Whose word about the original request is believed.
#[derive(Debug, Clone)]
pub struct Trusts {
    server: crate::config::Server,
    /// This machine's own processes, in development.
    loopback: bool,
}

impl Trusts {
    /// Whether a peer is one of our reverse proxies.
    pub fn proxy(&self, peer: IpAddr) -> bool {
        self.server.trusts(peer) || (self.loopback && peer.to_canonical().is_loopback())
    }
}

impl Settings {
    /// What a configuration says of the edge.
    pub fn of(config: &Config) -> Self {
        let limits = &config.limits;
        let size =
            |number: std::num::NonZeroU32| usize::try_from(number.get()).unwrap_or(usize::MAX);
        let development = config.env == piperoll_domain::roll::Environment::Development;
        Self {
            body_bytes_max: size(limits.body_bytes_max),
            header_bytes_max: size(limits.header_bytes_max),
            json_depth_max: size(limits.json_depth_max),
            concurrency_max: size(limits.concurrency_max),
            body_timeout: limits.body_timeout.duration(),
            request_timeout: limits.request_timeout.duration(),
            compat: config.l402.compat,
            require_https: config.l402.require_https,
            drop_lsat_line: config.l402.drop_lsat_line,
            tls: config.tls.is_some(),
            trusts: Trusts { server: config.server.clone(), loopback: development },
            metrics_token: config.metrics.token.clone(),
        }
    }
}

impl Api {
    /// Everything that handlers need.
    pub fn new(
        service: Service,
        views: Views,
        settings: Settings,
        metrics: PrometheusHandle,
    ) -> Self {
        let in_flight = Semaphore::new(settings.concurrency_max.min(Semaphore::MAX_PERMITS));
        let coming_in = Semaphore::new(limits::BYTES_MAX);
        let compared = compared::Compared::default();
        Self(Arc::new(Inner { service, views, settings, metrics, compared, in_flight, coming_in }))
    }

    fn service(&self) -> &Service {
        &self.0.service
    }

    fn views(&self) -> &Views {
        &self.0.views
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn metrics(&self) -> &PrometheusHandle {
        &self.0.metrics
    }

    fn compared(&self) -> &compared::Compared {
        &self.0.compared
    }

    fn in_flight(&self) -> &Semaphore {
        &self.0.in_flight
    }

    fn coming_in(&self) -> &Semaphore {
        &self.0.coming_in
    }

    /// Every route, behind every limit. The outermost layer is the last one here.
    pub fn router(self) -> Router {
        let body_bytes_max = self.settings().body_bytes_max;
        resources()
            .fallback(nowhere)
            .method_not_allowed_fallback(not_so)
            .layer(DefaultBodyLimit::max(body_bytes_max))
            .layer(from_fn_with_state(self.clone(), watch::around))
            .with_state(self)
    }

    /// Only what a listener for metrics serves.
    pub fn metrics_router(self) -> Router {
        metrics::open_routes().fallback(nowhere).with_state(self)
    }
}

fn resources() -> Router<Api> {
    Router::new()
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(openapi::routes())
        .merge(topups::routes())
        .merge(payments::routes())
        .merge(l402::routes())
        .merge(authorize::routes())
        .merge(webhooks::routes())
        .merge(accounts::routes())
        .merge(finalize::routes())
        .merge(reservations::routes())
        .merge(corrections::routes())
        .merge(batch::routes())
        .merge(campaigns::routes())
        .merge(events::routes())
        .merge(offers::routes())
        .merge(connections::routes())
        .merge(keys::routes())
        .merge(entitlements::routes())
        .merge(receipts::routes())
        .merge(reviews::routes())
        .merge(ledger::routes())
        .merge(admin::routes())
}

async fn nowhere() -> Problem {
    Problem::new(Code::NotFound, "there is nothing here")
}

async fn not_so(uri: Uri) -> Problem {
    let detail = format!("`{}` does not know this method", uri.path());
    Problem::new(Code::MethodNotAllowed, detail)
}
