//! What Prometheus reads: on a listener of its own, or for whoever shows a token.

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header::CONTENT_TYPE},
    routing::get,
};
use piperoll_domain::time::Time;

use crate::{
    api::{Api, Problem, caller},
    service::Principal,
    telemetry::gauges,
    views,
};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/metrics", get(guarded))
}

/// Without a token, for a listener of their own.
pub(super) fn open_routes() -> Router<Api> {
    Router::new().route("/metrics", get(open))
}

type Text = ([(HeaderName, HeaderValue); 1], String);

/// Shows every metric.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses(
    (status = 200, body = String, content_type = "text/plain")
))]
pub(super) async fn guarded(State(api): State<Api>, request: Request) -> Result<Text, Problem> {
    let (parts, _) = request.into_parts();
    let presented = caller::presented(&parts.headers)?.ok_or_else(caller::unauthorized)?;
    let token = api.settings().metrics_token.as_ref();
    let by_token = token.is_some_and(|token| token.is(presented.as_bytes()));
    if !by_token {
        match api.service().authenticate(presented) {
            Some(Principal::Admin { .. }) => {}
            Some(_) => return Err(caller::forbidden()),
            None => return Err(caller::wrong(&parts, &api, None)),
        }
    }
    Ok(open(State(api)).await)
}

async fn open(State(api): State<Api>) -> Text {
    let engine = api.service().engine();
    gauges::of_engine(engine);
    let lag = engine.head().position.saturating_sub(api.views().applied());
    gauges::of_views(lag, counted(&api, engine.clock().now()).await);
    if let Some(drift) = api.compared().lately(api.views()).await {
        gauges::of_ledger(&drift);
    }
    of_campaigns(&api).await;
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, text)], api.metrics().render())
}

/// What has ended is no number any more, so that nobody is told of it for ever.
async fn of_campaigns(api: &Api) {
    let measured = async { api.views().snapshot().await?.campaigns_measured().await };
    match measured.await {
        Ok(campaigns) => {
            for row in campaigns {
                let open = matches!(row.status.as_deref(), Some("draft" | "active" | "paused"));
                let (spent, budget) = (row.spent.unwrap_or(0), row.budget.unwrap_or(0));
                let share = open.then(|| gauges::ratio(spent, budget));
                gauges::of_campaign(&row.tenant, &row.campaign, share);
            }
        }
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the campaigns could not be measured");
        }
    }
}

/// None when the views cannot be read: an old number is better than a wrong one.
async fn counted(api: &Api, now: Time) -> Option<gauges::Views> {
    match try_counted(api, now).await {
        Ok(views) => Some(views),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "what stands in the views could not be counted");
            None
        }
    }
}

async fn try_counted(api: &Api, now: Time) -> Result<gauges::Views, views::Error> {
    let before = now.plus_micros(-15 * 60 * 1_000_000);
    let mut snapshot = api.views().snapshot().await?;
    let pending_over_15m = snapshot.counts(before).await?.pending_over;
    let letters = snapshot.letters_by_status().await?;
    // Answered from an order that holds broken lots only.
    let lots_broken = snapshot.lot_violations().await?;
    Ok(gauges::Views { pending_over_15m, letters, lots_broken })
}
