use super::*;

/// A configuration that production accepts.
fn production() -> Given {
    given([
        ("PIPEROLL_ENV", "production"),
        ("PAYMENT_PROVIDER", "lnbits"),
        ("LNBITS_BASE_URL", "https://lnbits.acme.dev"),
        ("LNBITS_ADMIN_KEY", "b6e3fe4b1b5c4f0a9c31d1c2a6bd1f0d"),
        ("L402_SECRET", "a58f0d3cbd9a41fd9cb0ba1b0ad6b5a1"),
        ("PAYMENT_WEBHOOK_SECRET", "b58f0d3cbd9a41fd9cb0ba1b0ad6b5a1"),
        ("PIPEROLL_ADMIN_TOKEN", "c58f0d3cbd9a41fd9cb0ba1b0ad6b5a1"),
        ("PIPEROLL_MASTER_KEY", "d58f0d3cbd9a41fd9cb0ba1b0ad6b5a1"),
    ])
}

#[test]
fn nothing_but_the_word_production_is_refused_with_all_that_is_missing() {
    given([("PIPEROLL_ENV", "production")]).refuses([
        "admin.token",
        "connection.provider",
        "connection.webhook_secret",
        "keyring.master_key",
        "l402.secret",
    ]);
}

#[test]
fn a_complete_configuration_is_accepted_and_nothing_is_made_up() {
    let given = production();
    let loaded = given.load().unwrap();
    assert_eq!(loaded.development, None);
    assert_eq!(loaded.config.env, Environment::Production);
    assert!(!given.directory.path().join("data").exists());
    let none = given.and("PAYMENT_PROVIDER", "none").config();
    assert_eq!(none.connection.account(), None);
}

#[test]
fn the_sandbox_is_refused() {
    for name in ["mock", "sandbox"] {
        let problems = production().and("PAYMENT_PROVIDER", name).problems();
        assert_eq!(problems[0].key, "connection.provider");
        assert_eq!(problems.len(), 1, "{problems:?}");
    }
}

#[test]
fn short_padded_placeholder_and_missing_secrets_are_refused_together() {
    production()
        .and("L402_SECRET", "a58f0d3cbd9a41fd9cb0ba1b0ad6b5a")
        .and("PAYMENT_WEBHOOK_SECRET", "b58f0d3cbd9a41fd9cb0ba1b0ad6b5a1\n")
        .and("PIPEROLL_ADMIN_TOKEN", "CHANGE_ME_CHANGE_ME_CHANGE_ME_CHANGE_ME")
        .without("PIPEROLL_MASTER_KEY")
        .and("PIPEROLL_METRICS_TOKEN", "short")
        .and("L402_SECRET_PREV", "short-too")
        .refuses([
            "admin.token",
            "connection.webhook_secret",
            "keyring.master_key",
            "l402.secret",
            "l402.secret_previous",
            "metrics.token",
        ]);
}

#[test]
fn plain_http_is_refused_even_to_this_machine() {
    production()
        .and("LNBITS_BASE_URL", "http://127.0.0.1:5000")
        .and("PIPEROLL_PUBLIC_URL", "http://pay.acme.dev")
        .refuses(["connection.base_url", "server.public_url"]);
}

#[test]
fn one_secret_serves_one_purpose() {
    production()
        .and("PAYMENT_WEBHOOK_SECRET", "a58f0d3cbd9a41fd9cb0ba1b0ad6b5a1")
        .refuses(["connection.webhook_secret"]);
    production()
        .and("L402_SECRET_PREV", "c58f0d3cbd9a41fd9cb0ba1b0ad6b5a1")
        .refuses(["l402.secret_previous"]);
}

#[test]
fn a_rotation_must_change_something() {
    production()
        .and("L402_SECRET_PREV", "a58f0d3cbd9a41fd9cb0ba1b0ad6b5a1")
        .refuses(["l402.secret_previous"]);
    let previous = "e58f0d3cbd9a41fd9cb0ba1b0ad6b5a1,f58f0d3cbd9a41fd9cb0ba1b0ad6b5a1";
    let config = production().and("L402_SECRET_PREV", previous).config();
    assert_eq!(config.l402.secrets().previous.len(), 2);
}

#[test]
fn an_unknown_environment_is_refused_and_makes_nothing_up() {
    let given = production().and("PIPEROLL_ENV", "staging").without("L402_SECRET");
    given.refuses(["env"]);
    assert!(!given.directory.path().join("data").exists());
}

const TOKENS: [(&str, &str); 2] =
    [("BILLING_INTERNAL_JWT_SECRET", "internal_jwt"), ("BILLING_ADMIN_JWT_SECRET", "admin_jwt")];

#[test]
fn secrets_of_services_and_administrators_are_as_long_and_as_different_as_ours() {
    for (name, section) in TOKENS {
        let (key, previous) = (format!("{section}.secret"), format!("{section}.secret_previous"));
        let long = "e58f0d3cbd9a41fd9cb0ba1b0ad6b5a1";
        let config = production().and(name, long).and(&format!("{name}_PREV"), &long[1..]);
        config.refuses([previous.as_str()]);
        production().and(name, &long[1..]).refuses([key.as_str()]);
        production().and(name, "with space e58f0d3cbd9a41fd9cb0ba1b0ad6").refuses([key.as_str()]);
        production().and(name, "a58f0d3cbd9a41fd9cb0ba1b0ad6b5a1").refuses([key.as_str()]);
        production()
            .and(name, long)
            .and(&format!("{name}_PREV"), long)
            .refuses([previous.as_str()]);
    }
}

#[test]
fn nobody_signs_where_no_secret_is_set() {
    let config = production().config();
    assert!(config.internal_jwt.rules().is_none() && config.admin_jwt.rules().is_none());
    for (name, section) in TOKENS {
        let long = "e58f0d3cbd9a41fd9cb0ba1b0ad6b5a1";
        let key = format!("{section}.secret");
        production().and(&format!("{name}_PREV"), long).refuses([key.as_str()]);
        let variable = format!("PIPEROLL_{}__", section.to_uppercase());
        for list in ["issuers", "audiences"] {
            let key = format!("{section}.{list}");
            let nobody = production().and(&format!("{variable}{}", list.to_uppercase()), ",");
            nobody.refuses([key.as_str()]);
        }
        production()
            .and(&format!("{variable}TENANT"), "_")
            .refuses([format!("{section}.tenant").as_str()]);
    }
    let rules = production().and(TOKENS[0].0, "e58f0d3cbd9a41fd9cb0ba1b0ad6b5a1").config();
    let rules = rules.internal_jwt.rules().unwrap();
    assert_eq!(rules.issuers, ["loa-finn"]);
    assert_eq!(rules.audiences, ["arrakis-internal"]);
}
