//! A node that keeps its word.

mod faulty;
mod memory;

use piperoll_domain::bytes::Bytes;
use reqwest::header::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use super::*;
use crate::providers::{Refusal, Says, Secret, Verification};

const NOW: Time = Time::from_seconds(1_700_000_000);
const SEED: [u8; 32] = [7; 32];

fn secrets() -> Secrets {
    Secrets::only(Secret::try_new("whsec_sandbox_test").unwrap())
}

fn node() -> Sandbox {
    Sandbox::open(&SEED, secrets(), None).unwrap()
}

fn at(file: &Path) -> Sandbox {
    Sandbox::open(&SEED, secrets(), Some(file)).unwrap()
}

fn asked(reference: &str) -> CreateInvoice {
    CreateInvoice {
        reference: reference.into(),
        amount_msat: 21_500,
        description: Some("ten calls".into()),
        expiry_seconds: 600,
        webhook_url: Some("http://127.0.0.1:9/hook?token=t".into()),
    }
}

fn lookup(invoice: &Invoice) -> Lookup {
    Lookup { provider_id: invoice.provider_id.clone(), payment_hash: invoice.payment_hash }
}

fn status(node: &Sandbox, invoice: &Invoice, now: Time) -> Status {
    node.status(&lookup(invoice), now).unwrap().status
}

fn with(faults: Faults) -> PayOptions {
    PayOptions { faults: Some(faults), ..PayOptions::default() }
}

fn webhook(faults: WebhookFaults) -> PayOptions {
    with(Faults { webhook: faults, ..Faults::default() })
}

async fn paid(node: &Sandbox, reference: &str, options: PayOptions) -> (Invoice, Payment) {
    let invoice = node.create(&asked(reference), NOW).await.unwrap();
    let payment = node.pay(&invoice.payment_request, options, NOW).await.unwrap();
    (invoice, payment)
}

fn hear(node: &Sandbox, delivery: &Delivery) -> Heard {
    let headers = delivery
        .headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect();
    node.receive(&headers, &delivery.body, NOW)
}

#[tokio::test]
async fn an_invoice_is_real_and_what_was_asked_for() {
    let invoice = node().create(&asked("pay_1.1"), NOW).await.unwrap();
    assert!(invoice.payment_request.starts_with("lnbcrt"));
    let terms = bolt11::read(&invoice.payment_request).unwrap();
    assert_eq!(terms.payment_hash, invoice.payment_hash);
    assert_eq!(terms.amount_msat, Some(21_500));
    assert_eq!(invoice.expires_at, NOW.plus_seconds(600));
}

#[tokio::test]
async fn the_same_seed_and_reference_make_the_same_invoice_and_others_do_not() {
    let first = node().create(&asked("pay_1.1"), NOW).await.unwrap();
    assert_eq!(node().create(&asked("pay_1.1"), NOW).await.unwrap(), first);
    let other = node().create(&asked("pay_1.2"), NOW).await.unwrap();
    assert_ne!(other.payment_hash, first.payment_hash);
    let foreign = Sandbox::open(&[8; 32], secrets(), None).unwrap();
    let foreign = foreign.create(&asked("pay_1.1"), NOW).await.unwrap();
    assert_ne!(foreign.payment_hash, first.payment_hash);
}

#[tokio::test]
async fn a_reference_is_for_one_wish_only() {
    let node = node();
    let first = node.create(&asked("r"), NOW).await.unwrap();
    let again = node.create(&asked("r"), NOW.plus_seconds(9)).await.unwrap();
    assert_eq!(again, first);
    let other = CreateInvoice { amount_msat: 1, ..asked("r") };
    let error = node.create(&other, NOW).await.unwrap_err();
    assert_eq!(error.class(), Class::ReferenceTaken);
    assert_eq!(node.find(&other).unwrap_err().class(), Class::ReferenceTaken);
}

#[tokio::test]
async fn paying_gives_the_preimage_and_a_webhook_that_verifies() {
    let node = node();
    let (invoice, payment) = paid(&node, "r", PayOptions::default()).await;
    assert_eq!(Bytes(Sha256::digest(payment.preimage.reveal()).into()), invoice.payment_hash);
    let [delivery] = payment.deliveries.as_slice() else { panic!("one webhook") };
    assert_eq!(delivery.url, "http://127.0.0.1:9/hook?token=t");
    let Heard::Verified(notice) = hear(&node, delivery) else { panic!("verified") };
    assert_eq!(notice.payment_hash, Some(invoice.payment_hash));
    assert_eq!(notice.says, Says::Paid { received_msat: Some(21_500) });
    assert_eq!(notice.verification, Verification::Current);
    assert_eq!(notice.occurred_at, Some(NOW));
    assert!(!notice.needs_confirmation);
    let paid = Status::Paid { received_msat: 21_500, provider_time: Some(NOW), fee_msat: Some(0) };
    assert_eq!(status(&node, &invoice, NOW), paid);
}

#[tokio::test]
async fn nothing_printed_shows_a_preimage_or_a_token() {
    let (_, payment) = paid(&node(), "r", PayOptions::default()).await;
    let printed = format!("{payment:?} {:?} {:?}", asked("r"), node());
    assert!(!printed.contains(&hex::encode(payment.preimage.reveal())));
    assert!(!printed.contains("token=t"), "{printed}");
}

#[tokio::test]
async fn an_invoice_is_paid_once_in_time_and_only_here() {
    let node = node();
    let (invoice, _) = paid(&node, "r", PayOptions::default()).await;
    let again = node.pay(&invoice.payment_request, PayOptions::default(), NOW).await;
    assert!(matches!(again, Err(PayError::AlreadyPaid)), "{again:?}");
    let late = node.create(&asked("late"), NOW).await.unwrap();
    let end = NOW.plus_seconds(600);
    let outcome = node.pay(&late.payment_request, PayOptions::default(), end).await;
    assert!(matches!(outcome, Err(PayError::Expired)), "{outcome:?}");
    let foreign = Sandbox::open(&[8; 32], secrets(), None).unwrap();
    let outcome = foreign.pay(&late.payment_request, PayOptions::default(), NOW).await;
    assert!(matches!(outcome, Err(PayError::Foreign)), "{outcome:?}");
    let outcome = node.pay("lnbcrt1garbage", PayOptions::default(), NOW).await;
    assert!(matches!(outcome, Err(PayError::Unreadable)), "{outcome:?}");
}

#[tokio::test]
async fn of_many_wallets_paying_at_once_only_one_pays() {
    let node = node();
    let invoice = node.create(&asked("r"), NOW).await.unwrap();
    let attempts = (0..16).map(|_| {
        let (node, text) = (node.clone(), invoice.payment_request.clone());
        tokio::spawn(async move { node.pay(&text, PayOptions::default(), NOW).await.is_ok() })
    });
    let attempts: Vec<_> = attempts.collect();
    let mut paid = 0;
    for attempt in attempts {
        paid += u32::from(attempt.await.unwrap());
    }
    assert_eq!(paid, 1);
}

#[tokio::test]
async fn unpaid_is_pending_until_it_ends_and_unknown_is_not_found() {
    let node = node();
    let invoice = node.create(&asked("r"), NOW).await.unwrap();
    assert!(matches!(status(&node, &invoice, NOW), Status::Pending { .. }));
    assert_eq!(status(&node, &invoice, invoice.expires_at), Status::Expired);
    let nobody = Lookup { provider_id: "x".into(), payment_hash: Bytes([1; 32]) };
    assert_eq!(node.status(&nobody, NOW).unwrap().status, Status::NotFound);
}

#[cfg(unix)]
#[tokio::test]
async fn a_callback_to_a_foreign_host_must_be_private() {
    let webhook_url = Some("http://example.com/hook".into());
    let error = node().create(&CreateInvoice { webhook_url, ..asked("r") }, NOW).await;
    assert_eq!(error.unwrap_err().class(), Class::CallbackRefused);
}
