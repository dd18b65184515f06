//! `bench http`: bare commands over HTTP, against a handler with the same JSON and nothing behind it.

use super::{Ask, Edge, Error, Load, Machine, Outside, Place, Plan, Report, closed_loop, failed};
use crate::app::Bare;

/// What it is compared with.
pub(super) const ECHO: &str = "a handler with the same JSON in and out, behind the same listener and \
                               nothing else, requests a second";

/// What is asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// What all benches are asked.
    pub ask: Ask,
    /// Accounts that are spent from.
    pub accounts: usize,
}

/// Measures.
pub async fn run(options: &Options) -> Result<Report, Error> {
    let place = Place::make(options.ask.data.as_deref())?;
    let durability = "each command is synced before it is answered";
    let mut report = Report::new("http", durability, Machine::look(place.path())?);
    report.asked("connections", options.ask.callers);
    report.asked("accounts", options.accounts);
    report.asked("seconds", options.ask.seconds.as_secs_f64());
    let outside = Outside::start()?;
    let edge = Edge::start(&place.house("http"), options.accounts).await?;
    let plan = options.ask.plan();
    let echo = echo(&outside, &edge, plan.part(3), &mut report).await?;
    let load = spend(&outside, &edge, plan, "http", &mut report).await?;
    edge.tell_lag(&mut report).await?;
    report.against(ECHO, echo.per_second(), load.per_second());
    alone(&outside, &edge, plan.part(3), &mut report).await?;
    edge.house.app.rest_views();
    let rest = spend(&outside, &edge, plan.part(3), "views_off", &mut report).await?;
    report.found("views_off_ratio", rest.per_second() / echo.per_second());
    edge.stop().await;
    Ok(report)
}

/// The limit, under the same requests.
pub(super) async fn echo(
    outside: &Outside,
    edge: &Edge,
    plan: Plan,
    report: &mut Report,
) -> Result<Load, Error> {
    let bare = Bare::start().await.map_err(failed("start the echo"))?;
    let load = outside.ask(plan, edge.spenders(bare.address)?).await?;
    report.load("echo", &load);
    bare.stop().await;
    Ok(load)
}

/// Bare commands. What was acknowledged is what was appended, or the run is broken.
pub(super) async fn spend(
    outside: &Outside,
    edge: &Edge,
    plan: Plan,
    name: &str,
    report: &mut Report,
) -> Result<Load, Error> {
    let before = edge.house.engine().head().position;
    let load = outside.ask(plan, edge.spenders(edge.address())?).await?;
    let appended = edge.house.engine().head().position.saturating_sub(before);
    report.must(appended == load.units_ever, || {
        format!("{name}: {} commands were answered and {appended} appended", load.units_ever)
    });
    report.load(name, &load);
    Ok(load)
}

/// One connection, against one caller of the engine itself.
async fn alone(
    outside: &Outside,
    edge: &Edge,
    plan: Plan,
    report: &mut Report,
) -> Result<(), Error> {
    let plan = Plan { callers: 1, ..plan };
    let engine = closed_loop(plan, edge.bare()?).await?;
    report.load("engine_one", &engine);
    let load = spend(outside, edge, plan, "one", report).await?;
    report.found("one_ratio", load.per_second() / engine.per_second());
    Ok(())
}
