//! Against a real LNbits, where one is named: `PIPEROLL_TEST_LNBITS_{URL,INKEY,PAYER_KEY}`.

use std::{env, time::SystemTime};

use super::*;
use crate::providers::Says;

struct Live {
    url: String,
    inkey: String,
    payer_key: String,
}

impl Live {
    fn named() -> Option<Self> {
        let name = |what| env::var(format!("PIPEROLL_TEST_LNBITS_{what}")).ok();
        Some(Self { url: name("URL")?, inkey: name("INKEY")?, payer_key: name("PAYER_KEY")? })
    }

    fn wallet(&self, key: &str) -> Provider {
        let settings = ConnectionSettings {
            kind: Kind::Lnbits { base_url: self.url.clone(), key: Secret::try_new(key).unwrap() },
            network: Network::Bitcoin,
            webhook_secrets: Secrets::default(),
            timeout: Duration::from_secs(10),
            real_money_in_development: true,
        };
        open(settings, Environment::Development).unwrap()
    }

    async fn pay(&self, bolt11: &str) -> u16 {
        let http = Http::try_new(Duration::from_secs(10)).unwrap();
        let request = http
            .client()
            .post(format!("{}/api/v1/payments", self.url))
            .header("x-api-key", &self.payer_key)
            .json(&json!({"out": true, "bolt11": bolt11}));
        http.send(request).await.unwrap().status.as_u16()
    }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Time::from_micros(i64::try_from(since.as_micros()).unwrap())
}

fn wish(name: &str, webhook_url: Option<String>) -> CreateInvoice {
    let reference = format!("{name}_{}", now().micros());
    CreateInvoice { reference, webhook_url, ..asked() }
}

fn lookup(invoice: &Invoice) -> Lookup {
    Lookup { provider_id: invoice.provider_id.clone(), payment_hash: invoice.payment_hash }
}

#[tokio::test]
async fn a_real_wallet_makes_finds_and_settles_an_invoice_and_tells_of_it() {
    let Some(live) = Live::named() else { return };
    let wallet = live.wallet(&live.inkey);
    assert!(wallet.probe().await.unwrap().is_some());
    let hook = server::Server::saying(200, b"{}").await;
    let wish = wish("settles", Some(format!("{}/hook?token=t", hook.url)));
    assert_eq!(wallet.find(&wish).await.unwrap(), None);
    let invoice = wallet.create(&wish, now()).await.unwrap();
    assert_eq!(wallet.find(&wish).await.unwrap(), Some(invoice.clone()));
    let report = wallet.status(&lookup(&invoice), now()).await.unwrap();
    assert_eq!(report.status, Status::Pending { detail: "pending".into() });
    assert!(report.date.unwrap().micros_since(now()).abs() < 60_000_000);

    assert_eq!(live.pay(&invoice.payment_request).await, 201);
    let report = wallet.status(&lookup(&invoice), now()).await.unwrap();
    let Status::Paid { received_msat, provider_time, .. } = report.status else {
        panic!("{report:?}")
    };
    assert_eq!(received_msat, 42_000);
    assert!(provider_time.unwrap().micros_since(now()).abs() < 60_000_000);

    for _ in 0..100 {
        if hook.requests().len() > 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let requests = hook.requests();
    assert!(!requests.is_empty(), "the webhook came");
    for request in requests {
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        let heard = wallet.receive(&HeaderMap::new(), body.as_bytes(), true, now());
        let Heard::Verified(notice) = heard else { panic!("{heard:?}") };
        assert_eq!(notice.payment_hash, Some(invoice.payment_hash));
        assert_eq!(notice.says, Says::Paid { received_msat: Some(42_000) });
    }
}

#[tokio::test]
async fn a_real_wallet_says_expired_and_does_not_know_strangers() {
    let Some(live) = Live::named() else { return };
    let wallet = live.wallet(&live.inkey);
    let wish = CreateInvoice { expiry_seconds: 1, ..wish("expires", None) };
    let invoice = wallet.create(&wish, now()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    for _ in 0..2 {
        let report = wallet.status(&lookup(&invoice), now()).await.unwrap();
        assert_eq!(report.status, Status::Expired);
    }
    let stranger = Lookup { provider_id: "x".into(), payment_hash: Bytes([0x5a; 32]) };
    let report = wallet.status(&stranger, now()).await.unwrap();
    assert_eq!(report.status, Status::NotFound);
}

#[tokio::test]
async fn a_real_server_tells_a_wrong_key() {
    let Some(live) = Live::named() else { return };
    let invoice = live.wallet(&live.inkey).create(&wish("key", None), now()).await.unwrap();
    let wrong = live.wallet("no_such_key");
    let error = wrong.create(&wish("wrong", None), now()).await.unwrap_err();
    assert!(matches!(error, CreateError::Refused { class: Class::Auth, .. }), "{error:?}");
    for error in [
        wrong.status(&lookup(&invoice), now()).await.unwrap_err(),
        wrong.find(&wish("wrong", None)).await.unwrap_err(),
        wrong.probe().await.unwrap_err(),
    ] {
        assert!(matches!(error, StatusError::Credentials { .. }), "{error:?}");
    }
}
