//! What may be opened where.

use super::*;
use crate::providers::Push;

fn secret() -> Secret {
    Secret::try_new("whsec_open_test").unwrap()
}

fn sandbox() -> ConnectionSettings {
    ConnectionSettings {
        kind: Kind::Sandbox { seed: [1; 32], file: None },
        network: Network::Regtest,
        webhook_secrets: Secrets::only(secret()),
        timeout: Duration::from_secs(10),
        real_money_in_development: false,
    }
}

fn lnbits(base_url: &str) -> ConnectionSettings {
    ConnectionSettings {
        kind: Kind::Lnbits { base_url: base_url.into(), key: secret() },
        network: Network::Bitcoin,
        webhook_secrets: Secrets::default(),
        ..sandbox()
    }
}

#[test]
fn the_sandbox_opens_in_development_only() {
    let provider = open(sandbox(), Environment::Development).unwrap();
    assert_eq!((provider.name(), provider.network()), ("sandbox", Network::Regtest));
    assert_eq!(provider.capabilities().push, Push::Hmac);
    let refused = open(sandbox(), Environment::Production);
    assert!(matches!(refused, Err(OpenError::SandboxInProduction)), "{refused:?}");
}

#[test]
fn the_sandbox_signs_and_stays_on_its_own_chain() {
    let unsigned = ConnectionSettings { webhook_secrets: Secrets::default(), ..sandbox() };
    let refused = open(unsigned, Environment::Development);
    assert!(matches!(refused, Err(OpenError::NoWebhookSecret)), "{refused:?}");
    let mainnet = ConnectionSettings { network: Network::Bitcoin, ..sandbox() };
    let refused = open(mainnet, Environment::Development);
    assert!(matches!(refused, Err(OpenError::SandboxNetwork(Network::Bitcoin))), "{refused:?}");
}

#[test]
fn real_money_opens_in_production_or_when_somebody_insists() {
    let url = "https://pay.example.com";
    assert!(open(lnbits(url), Environment::Production).is_ok());
    let refused = open(lnbits(url), Environment::Development);
    assert!(matches!(refused, Err(OpenError::RealMoneyInDevelopment)), "{refused:?}");
    let insists = ConnectionSettings { real_money_in_development: true, ..lnbits(url) };
    assert!(open(insists, Environment::Development).is_ok());
    let testnet = ConnectionSettings { network: Network::Testnet, ..lnbits(url) };
    assert!(open(testnet, Environment::Development).is_ok());
}

#[test]
fn a_base_url_must_be_private_whole_and_bare() {
    for url in ["http://pay.example.com", "http://127.0.0.1:5000", "ftp://a.example", "pay", ""] {
        let refused = open(lnbits(url), Environment::Production);
        assert!(matches!(refused, Err(OpenError::BaseUrl(_))), "{url}: {refused:?}");
    }
    for url in ["https://u:p@a.example", "https://a.example/?x=1", "https://a.example/#x"] {
        let refused = open(lnbits(url), Environment::Production);
        assert!(matches!(refused, Err(OpenError::BaseUrl(_))), "{url}: {refused:?}");
    }
}

#[test]
fn plain_http_is_for_loopback_in_development() {
    let check = Environment::Development;
    for url in
        ["http://127.0.0.1:5000/x", "http://localhost", "http://[::1]:80", "http://127.9.9.9"]
    {
        assert!(check.check_url(url).is_ok(), "{url}");
        assert_eq!(Environment::Production.check_url(url), Err(BadUrl::Plain), "{url}");
    }
    for url in ["http://127.0.0.1.example.com", "http://10.0.0.1", "http://localhost.example"] {
        assert_eq!(check.check_url(url), Err(BadUrl::Plain), "{url}");
    }
}

#[test]
fn no_key_is_ever_printed() {
    let settings = lnbits("https://pay.example.com");
    let provider = open(settings.clone(), Environment::Production);
    assert!(!format!("{settings:?} {provider:?}").contains("whsec_open_test"));
}

#[test]
fn a_timeout_of_nothing_is_refused() {
    let settings = ConnectionSettings { timeout: Duration::ZERO, ..sandbox() };
    let refused = open(settings, Environment::Development);
    assert!(matches!(refused, Err(OpenError::Timeout)), "{refused:?}");
}
