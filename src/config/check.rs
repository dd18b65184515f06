//! What no single setting can say: whether they hold together, and whether they do for production.

mod secrets;

use std::path::Path;

use piperoll_domain::{id::TenantId, roll::Environment};

use super::{Config, Jwt, Problem, ProviderKind, WebUrl};
use crate::providers::Network;

/// Deeper than this, the JSON parser itself refuses.
const JSON_DEPTH_MOST: u32 = 100;
const BATCH_MOST: u32 = 10_000;
const BODY_LEAST: u32 = 1_024;
const HEADERS_LEAST: u32 = 4_096;
/// So that the whole reason, with what is said around it, can stand in an event.
const OVERRIDE_MOST: usize = 300;
const INVOICE_EXPIRY_SECONDS_LEAST: u64 = 60;
const INVOICE_EXPIRY_SECONDS_MOST: u64 = 30 * 24 * 60 * 60;

/// Everything that is wrong. `env_said` tells that the environment is not merely the default.
pub(super) fn check(config: &Config, env_said: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    listener(config, env_said, &mut problems);
    files(config, &mut problems);
    connection(config, &mut problems);
    urls(config, &mut problems);
    l402(config, &mut problems);
    billing(config, &mut problems);
    limits(config, &mut problems);
    jwt("internal_jwt", &config.internal_jwt, &mut problems);
    jwt("admin_jwt", &config.admin_jwt, &mut problems);
    secrets::check(config, &mut problems);
    problems
}

fn listener(config: &Config, env_said: bool, problems: &mut Vec<Problem>) {
    let server = &config.server;
    if config.metrics.listen.is_some_and(|listen| listen.port() != 0 && listen == server.listen) {
        let hint = "give the metrics another port";
        problems.push(Problem::new("metrics.listen", "is the server's own address", hint));
    }
    if server.listen.ip().to_canonical().is_loopback() {
        return;
    }
    if !env_said {
        let hint = "set PIPEROLL_ENV to development or production";
        let problem = "must be said when others can reach the listener";
        problems.push(Problem::new("env", problem, hint));
    }
    if config.tls.is_none() && server.trusted_proxies.is_empty() {
        let hint = "set tls.cert and tls.key, or server.trusted_proxies, or listen on 127.0.0.1";
        let problem = format!("is {}: others would reach it over plain http", server.listen);
        problems.push(Problem::new("server.listen", problem, hint));
    }
}

fn files(config: &Config, problems: &mut Vec<Problem>) {
    let Some(tls) = &config.tls else {
        return;
    };
    let mut must_be_file = |key: &str, path: &Path| {
        if !path.is_file() {
            let problem = format!("names no file: {}", path.display());
            problems.push(Problem::new(key, problem, "name a PEM file"));
        }
    };
    must_be_file("tls.cert", &tls.cert);
    must_be_file("tls.key", &tls.key);
}

fn connection(config: &Config, problems: &mut Vec<Problem>) {
    let connection = &config.connection;
    match connection.provider {
        ProviderKind::None => {}
        ProviderKind::Sandbox => sandbox(config, problems),
        ProviderKind::Lnbits => {
            if connection.base_url.is_none() {
                let hint = "set LNBITS_BASE_URL to where the LNbits server is reached";
                problems.push(Problem::new("connection.base_url", "is missing", hint));
            }
            if connection.key.is_none() {
                let hint = "set LNBITS_ADMIN_KEY to a key of the wallet; its invoice key is enough";
                problems.push(Problem::new("connection.key", "is missing", hint));
            }
            let real = connection.network() == Network::Bitcoin;
            let insists = connection.real_money_in_development;
            if real && config.env == Environment::Development && !insists {
                let problem = "is real money in development";
                let hint = "say a network of play money, or set real_money_in_development = true";
                problems.push(Problem::new("connection.network", problem, hint));
            }
        }
    }
}

fn sandbox(config: &Config, problems: &mut Vec<Problem>) {
    if config.env == Environment::Production {
        let hint = "set PAYMENT_PROVIDER to lnbits, or to none";
        let problem = "is the sandbox, whose money is not real, in production";
        problems.push(Problem::new("connection.provider", problem, hint));
    }
    if config.connection.network() != Network::Regtest {
        let hint = "leave it out, or say regtest";
        problems.push(Problem::new("connection.network", "is not the sandbox's", hint));
    }
}

fn urls(config: &Config, problems: &mut Vec<Problem>) {
    let mut must_be_safe = |key: &str, url: Option<&WebUrl>| {
        let Some(url) = url.filter(|url| !url.is_https()) else {
            return;
        };
        if config.env == Environment::Production {
            let problem = "is plain http in production";
            problems.push(Problem::new(key, problem, "use https://"));
        } else if !url.is_loopback() {
            let problem = "is plain http to another machine";
            problems.push(Problem::new(key, problem, "use https://, or 127.0.0.1"));
        }
    };
    must_be_safe("server.public_url", config.server.public_url.as_ref());
    must_be_safe("connection.base_url", config.connection.base_url.as_ref());
}

fn l402(config: &Config, problems: &mut Vec<Problem>) {
    let l402 = &config.l402;
    let most = INVOICE_EXPIRY_SECONDS_MOST;
    if !(INVOICE_EXPIRY_SECONDS_LEAST..=most).contains(&l402.invoice_expiry.seconds()) {
        let problem = format!("is {}", l402.invoice_expiry);
        problems.push(Problem::new("l402.invoice_expiry", problem, "between 1m and 30days"));
    }
    let timeout = config.limits.request_timeout;
    if u128::from(l402.settle_wait_ms) >= timeout.duration().as_millis() {
        let problem = format!("is {}, as long as a request may take", l402.settle_wait_ms);
        let hint = format!("stay below limits.request_timeout, {timeout}");
        problems.push(Problem::new("l402.settle_wait_ms", problem, hint));
    }
    if l402.require_https && config.tls.is_none() && config.server.trusted_proxies.is_empty() {
        let problem = "can never be met: nobody could tell us of https";
        let hint = "set tls.cert and tls.key, or server.trusted_proxies";
        problems.push(Problem::new("l402.require_https", problem, hint));
    }
}

fn jwt(section: &str, jwt: &Jwt, problems: &mut Vec<Problem>) {
    if jwt.is_without_current() {
        let hint = "set the secret that follows them, or take them away";
        problems.push(Problem::new(format!("{section}.secret"), "is missing", hint));
    }
    for list in jwt.nameless() {
        let key = format!("{section}.{list}");
        problems.push(Problem::new(key, "names nobody", "name at least one"));
    }
    if jwt.tenant == TenantId::roll() {
        let key = format!("{section}.tenant");
        problems.push(Problem::new(key, "is the roll's own", "name one that has accounts"));
    }
}

fn billing(config: &Config, problems: &mut Vec<Problem>) {
    if config.billing.ceiling_micro.is_zero() {
        let hint = "say how many micro USD; FEATURE_BILLING_ENABLED=false is what stops billing";
        problems.push(Problem::new("billing.ceiling_micro", "is 0", hint));
    }
    if config.billing.mode_override.as_deref().is_some_and(|why| !is_reason(why)) {
        let hint = format!("one line of 1 to {OVERRIDE_MOST} characters");
        problems.push(Problem::new("billing.mode_override", "is no reason", hint));
    }
}

fn is_reason(text: &str) -> bool {
    let is_short = text.chars().count() <= OVERRIDE_MOST;
    is_short && !text.trim().is_empty() && !text.chars().any(char::is_control)
}

fn limits(config: &Config, problems: &mut Vec<Problem>) {
    let limits = &config.limits;
    let mut within = |key: &str, value: u32, least: u32, most: u32| {
        if !(least..=most).contains(&value) {
            let hint = if most == u32::MAX {
                format!("at least {least}")
            } else {
                format!("between {least} and {most}")
            };
            problems.push(Problem::new(key, format!("is {value}"), hint));
        }
    };
    within("limits.body_bytes_max", limits.body_bytes_max.get(), BODY_LEAST, u32::MAX);
    within("limits.header_bytes_max", limits.header_bytes_max.get(), HEADERS_LEAST, u32::MAX);
    within("limits.json_depth_max", limits.json_depth_max.get(), 1, JSON_DEPTH_MOST);
    within("reconciliation.batch", config.reconciliation.batch.get(), 1, BATCH_MOST);
    let body = limits.body_bytes_max.get();
    within("engine.group_bytes_max", config.engine.group_bytes_max.get(), body, u32::MAX);
}
