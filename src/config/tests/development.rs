use super::*;

#[test]
fn without_any_settings_it_starts_in_development_on_this_machine() {
    let config = given([]).config();
    assert_eq!(config.env, Environment::Development);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:4020");
    assert!(matches!(config.connection.account(), Some(Account::Sandbox { .. })));
    assert_eq!(config.connection.network(), Network::Regtest);
    assert_eq!(
        (config.reconciliation.interval.seconds(), config.reconciliation.batch.get()),
        (900, 200)
    );
    assert_eq!(config.reconciliation.stale_after.seconds(), 300);
    assert_eq!(config.l402.settle_wait_ms, 3_000);
}

#[test]
fn the_mock_of_the_runbooks_is_the_sandbox() {
    let config = given([("PAYMENT_PROVIDER", "mock")]).config();
    assert_eq!(config.connection.provider, ProviderKind::Sandbox);
}

#[test]
fn secrets_are_made_once_and_survive_a_restart() {
    let given = given([]);
    let first = given.load().unwrap();
    let made = first.development.unwrap();
    assert!(made.fresh);
    assert_eq!(made.keys.len(), 5);
    assert!(!first.config.l402.secrets().current.is_short());

    let second = given.load().unwrap();
    assert_eq!(second.config, first.config);
    let made = second.development.unwrap();
    assert!(!made.fresh);
    assert_eq!(made.keys.len(), 5);
}

#[test]
fn secrets_that_are_given_are_not_made() {
    let given = given([("L402_SECRET", "my-own-secret"), ("PIPEROLL_ADMIN_TOKEN", "my-own-token")]);
    let loaded = given.load().unwrap();
    assert!(loaded.config.l402.secrets().current.is(b"my-own-secret"));
    let keys = loaded.development.unwrap().keys;
    assert!(!keys.iter().any(|key| key == "l402.secret" || key == "admin.token"), "{keys:?}");

    // Taken away again: made then, and kept beside the others.
    let before = loaded.config.keyring.master_keys().current;
    let loaded = given.without("L402_SECRET").load().unwrap();
    assert!(loaded.development.unwrap().fresh);
    assert!(!loaded.config.l402.secrets().current.is(b"my-own-secret"));
    assert_eq!(loaded.config.keyring.master_keys().current, before);
}

#[test]
fn nothing_is_written_when_nothing_shall_be_or_something_is_wrong() {
    let wrong = given([("PIPEROLL_LIMITS__COLOR", "red")]);
    wrong.refuses(["limits.color"]);
    assert!(!wrong.directory.path().join("data").exists());

    let given = given([]);
    let loaded = Config::load(None, given.variables.clone(), Persist::No).unwrap();
    assert!(loaded.development.unwrap().fresh);
    assert!(!given.directory.path().join("data").exists());
}

#[cfg(unix)]
#[test]
fn made_secrets_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let given = given([]);
    let file = given.load().unwrap().development.unwrap().file;
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let beside = fs::read_dir(file.parent().unwrap()).unwrap().count();
    assert_eq!(beside, 1, "nothing unfinished is left");
}

#[test]
fn of_many_first_starts_at_once_all_get_the_same_secrets() {
    let given = given([]);
    let start = || given.load().unwrap().config.l402.secrets().current;
    let secrets: Vec<_> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    assert_eq!(start(), secrets[0]);
}

#[test]
fn real_money_is_let_in_only_when_said() {
    let lnbits = given([
        ("PAYMENT_PROVIDER", "lnbits"),
        ("LNBITS_BASE_URL", "http://127.0.0.1:5000"),
        ("LNBITS_ADMIN_KEY", "b6e3fe4b1b5c4f0a9c31d1c2a6bd1f0d"),
    ]);
    lnbits.refuses(["connection.network"]);
    let play = lnbits.and("PIPEROLL_CONNECTION__NETWORK", "regtest");
    assert_eq!(play.config().connection.network(), Network::Regtest);
    let real = play.and("PIPEROLL_CONNECTION__NETWORK", "bitcoin");
    real.and("PIPEROLL_CONNECTION__REAL_MONEY_IN_DEVELOPMENT", "yes").config();
}

#[test]
fn lnbits_needs_an_address_and_a_key() {
    given([("PAYMENT_PROVIDER", "lnbits"), ("PIPEROLL_CONNECTION__NETWORK", "regtest")])
        .refuses(["connection.base_url", "connection.key"]);
}

#[test]
fn plain_http_goes_to_this_machine_only() {
    for url in ["http://127.0.0.1:5000", "http://localhost", "https://pay.acme.dev"] {
        given([("PIPEROLL_PUBLIC_URL", url)]).config();
    }
    given([("PIPEROLL_PUBLIC_URL", "http://pay.acme.dev")]).refuses(["server.public_url"]);
}

#[test]
fn a_listener_that_others_reach_needs_an_environment_and_encryption() {
    let open = given([("PIPEROLL_LISTEN", "0.0.0.0:4020")]);
    open.refuses(["env", "server.listen"]);
    let said = open.and("PIPEROLL_ENV", "development");
    said.refuses(["server.listen"]);
    let config = said.and("PIPEROLL_TRUSTED_PROXIES", "10.0.0.0/8").config();
    assert!(config.server.trusts("10.1.2.3".parse().unwrap()));
    assert!(!config.server.trusts("192.168.0.1".parse().unwrap()));

    let place = given([("PIPEROLL_LISTEN", "[::]:4020"), ("PIPEROLL_ENV", "development")]);
    let pem = place.directory.path().join("cert.pem");
    let place = place.and("PIPEROLL_TLS__CERT", pem.to_str().unwrap());
    let place = place.and("PIPEROLL_TLS__KEY", pem.to_str().unwrap());
    place.refuses(["tls.cert", "tls.key"]);
    fs::write(&pem, "x").unwrap();
    assert!(place.config().tls.is_some());
}

#[test]
fn limits_hold_together() {
    given([("PIPEROLL_L402__SETTLE_WAIT_MS", "30000")]).refuses(["l402.settle_wait_ms"]);
    given([("L402_INVOICE_EXPIRY_SECONDS", "59")]).refuses(["l402.invoice_expiry"]);
    given([("PIPEROLL_ENGINE__GROUP_BYTES_MAX", "100")]).refuses(["engine.group_bytes_max"]);
    given([("PIPEROLL_METRICS_LISTEN", "127.0.0.1:4020")]).refuses(["metrics.listen"]);
    given([("PIPEROLL_L402__REQUIRE_HTTPS", "true")]).refuses(["l402.require_https"]);
    given([("PIPEROLL_CONNECTION__NETWORK", "bitcoin")]).refuses(["connection.network"]);
}
