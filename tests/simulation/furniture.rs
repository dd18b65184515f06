//! What stands in the house before anybody comes: tenants, their keys and offers, a provider.

use std::{collections::BTreeSet, time::Duration};

use piperoll::service::{Principal, Service};
use piperoll_domain::{
    bytes::Bytes,
    connection::Account,
    money::Code,
    offer::{Gives, Terms},
    operation::{ChangeSettings, DeclareConnection, IssueKey, OpenTenant, Operation, PublishOffer},
    settings::Settings,
    tenant::{self, Role},
};
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::{
    house::{msat, tenant},
    world::World,
};

/// Brings what is not there yet. The store may fail all the while.
pub(super) async fn bring(world: &World, service: &Service) {
    for wish in all(world) {
        for _ in 0..200 {
            match service.execute(&Principal::Cli, wish.clone(), None).await {
                Ok(done) => {
                    world.told(format!("the house gets {}", wish.name()), &done);
                    break;
                }
                Err(error) if error.rejection().is_some() => break,
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

fn all(world: &World) -> Vec<Operation> {
    let mut wishes = vec![];
    let settings = Settings {
        create_patience_seconds: 60,
        settlement_grace_seconds: 30,
        provider_silence_seconds: 600,
        ..Settings::default()
    };
    wishes.push(ChangeSettings { settings }.into());
    let connection = "default".parse().unwrap();
    wishes.push(DeclareConnection { connection, account: sandbox() }.into());
    for (number, name) in (0..).zip(["acme", "other"]) {
        let uid: [u8; 16] = world.dice.of(50 + number).bytes()[..16].try_into().unwrap();
        let opened = tenant::Opened {
            uid: Bytes(uid),
            time_zone: "UTC".into(),
            locale: "en".into(),
            functional_currency: Code::USD,
        };
        wishes.push(OpenTenant { tenant: tenant(name), opened }.into());
        wishes.push(issue(name, "k1"));
        for (offer, path, gives) in offers() {
            let (offer, terms) = (offer.parse().unwrap(), terms(path, gives, 5_000));
            wishes.push(PublishOffer { tenant: tenant(name), offer, terms }.into());
        }
    }
    wishes
}

pub(super) fn issue(name: &str, key: &str) -> Operation {
    let digest = Bytes(Sha256::digest(format!("{key}-of-{name}")).into());
    let (tenant, key) = (tenant(name), key.parse().unwrap());
    IssueKey { tenant, key, digest, roles: BTreeSet::from([Role::Sell]) }.into()
}

pub(super) fn offers() -> [(&'static str, &'static str, Gives); 3] {
    [
        ("one", "/one", Gives::Uses { count: 1 }),
        ("three", "/three/*", Gives::Uses { count: 3 }),
        ("hour", "/hour", Gives::Time { seconds: 3_600 }),
    ]
}

pub(super) fn terms(path: &str, gives: Gives, price: u64) -> Terms {
    Terms {
        service: "api".parse().unwrap(),
        host: None,
        methods: vec![],
        path: path.into(),
        price: msat(price),
        gives,
        least: None,
        most: None,
        enforcement_percent: 100,
        connection: None,
        expiry_seconds: 600,
    }
}

fn sandbox() -> Account {
    Account {
        kind: "sandbox".into(),
        network: "regtest".into(),
        base_url: None,
        key_from: None,
        webhook_secret_from: Some("HOOK".into()),
        capabilities: vec![],
    }
}
