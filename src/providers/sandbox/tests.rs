//! A node that keeps its word, remembers it, and breaks it on request.

use std::{fs, sync::Mutex, time::Duration};

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

#[tokio::test]
async fn a_lost_answer_leaves_an_invoice_that_can_be_found() {
    let node = node();
    node.set_faults(Faults { create: CreateFault::AnswerLost, ..Faults::default() });
    let error = node.create(&asked("r"), NOW).await.unwrap_err();
    assert!(matches!(error, CreateError::Unknown { class: Class::Timeout, .. }), "{error:?}");
    let found = node.find(&asked("r")).unwrap().unwrap();
    node.pay(&found.payment_request, PayOptions::default(), NOW).await.unwrap();
}

#[tokio::test]
async fn an_unreachable_or_refusing_node_makes_nothing() {
    let node = node();
    for (create, class) in
        [(CreateFault::Unreachable, Class::Connect), (CreateFault::Refused, Class::HttpStatus)]
    {
        node.set_faults(Faults { create, ..Faults::default() });
        assert_eq!(node.create(&asked("r"), NOW).await.unwrap_err().class(), class);
        assert_eq!(node.find(&asked("r")).unwrap(), None);
    }
    node.set_faults(Faults { status_unreachable: true, ..Faults::default() });
    let error = node.find(&asked("r")).unwrap_err();
    assert!(matches!(error, StatusError::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn webhooks_get_lost_doubled_forged_and_late_on_request() {
    let node = node();
    let lost = WebhookFaults { lost: true, ..WebhookFaults::default() };
    assert!(paid(&node, "lost", webhook(lost)).await.1.deliveries.is_empty());

    let doubled = WebhookFaults { doubled: true, ..WebhookFaults::default() };
    let deliveries = paid(&node, "doubled", webhook(doubled)).await.1.deliveries;
    assert_eq!(deliveries.len(), 2);
    assert_eq!(deliveries[0], deliveries[1]);

    let forged = WebhookFaults { forged: true, ..WebhookFaults::default() };
    let deliveries = paid(&node, "forged", webhook(forged)).await.1.deliveries;
    assert_eq!(hear(&node, &deliveries[0]), Heard::Refused(Refusal::BadSignature));

    let late = Some(Duration::from_secs(90));
    let late = WebhookFaults { late, ..WebhookFaults::default() };
    let deliveries = paid(&node, "late", webhook(late)).await.1.deliveries;
    assert_eq!(deliveries[0].after, Duration::from_secs(90));
}

#[tokio::test]
async fn a_webhook_is_overtaken_by_the_next_one_on_request() {
    let node = node();
    let reordered = WebhookFaults { reordered: true, ..WebhookFaults::default() };
    let (first, payment) = paid(&node, "1", webhook(reordered)).await;
    assert!(payment.deliveries.is_empty());
    let (second, payment) = paid(&node, "2", PayOptions::default()).await;
    let order: Vec<_> = payment
        .deliveries
        .iter()
        .map(|delivery| match hear(&node, delivery) {
            Heard::Verified(notice) => notice.payment_hash.unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(order, [second.payment_hash, first.payment_hash]);
    assert!(node.take_held_back().is_empty());
}

#[tokio::test]
async fn a_second_settlement_is_another_event_and_shows_in_the_sum() {
    let node = node();
    let (invoice, first) = paid(&node, "r", PayOptions::default()).await;
    let double = Faults { accepts_double: true, ..Faults::default() };
    let second = node.pay(&invoice.payment_request, with(double), NOW).await.unwrap();
    let key = |delivery| match hear(&node, delivery) {
        Heard::Verified(notice) => notice.replay_key(),
        other => panic!("{other:?}"),
    };
    assert_ne!(key(&first.deliveries[0]), key(&second.deliveries[0]));
    let Status::Paid { received_msat, .. } = status(&node, &invoice, NOW) else { panic!("paid") };
    assert_eq!(received_msat, 43_000);
}

#[tokio::test]
async fn too_little_too_much_and_too_late_pass_on_request() {
    let node = node();
    for (reference, amount) in [("little", 21_000), ("much", 90_000)] {
        let options = PayOptions { amount_msat: Some(amount), faults: None };
        let (invoice, _) = paid(&node, reference, options).await;
        let Status::Paid { received_msat, .. } = status(&node, &invoice, NOW) else {
            panic!("paid")
        };
        assert_eq!(received_msat, amount);
    }
    let invoice = node.create(&asked("late"), NOW).await.unwrap();
    let after = invoice.expires_at.plus_seconds(5);
    let late = Faults { accepts_late: true, ..Faults::default() };
    node.pay(&invoice.payment_request, with(late), after).await.unwrap();
    assert!(matches!(status(&node, &invoice, after), Status::Paid { .. }));
    let nothing = PayOptions { amount_msat: Some(0), faults: None };
    let invoice = node.create(&asked("nothing"), NOW).await.unwrap();
    let outcome = node.pay(&invoice.payment_request, nothing, NOW).await;
    assert!(matches!(outcome, Err(PayError::NoAmount)), "{outcome:?}");
}

#[tokio::test]
async fn a_lying_status_says_pending_for_a_while_even_past_the_end() {
    let node = node();
    let lies = Faults { status_lies_for: Some(Duration::from_mins(15)), ..Faults::default() };
    let (invoice, _) = paid(&node, "r", with(lies)).await;
    for seconds in [0, 599, 600, 899] {
        let said = status(&node, &invoice, NOW.plus_seconds(seconds));
        assert!(matches!(said, Status::Pending { .. }), "{seconds}: {said:?}");
    }
    let said = status(&node, &invoice, NOW.plus_seconds(900));
    assert!(matches!(said, Status::Paid { .. }), "{said:?}");
}

#[tokio::test]
async fn what_was_made_and_paid_survives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.ndjson");
    let (invoice, payment) = paid(&at(&file), "paid", PayOptions::default()).await;
    let open = at(&file).create(&asked("open"), NOW).await.unwrap();

    let node = at(&file);
    assert!(matches!(status(&node, &invoice, NOW), Status::Paid { .. }));
    let again = node.pay(&invoice.payment_request, PayOptions::default(), NOW).await;
    assert!(matches!(again, Err(PayError::AlreadyPaid)), "{again:?}");
    assert_eq!(node.find(&asked("open")).unwrap(), Some(open.clone()));
    let late = node.pay(&open.payment_request, PayOptions::default(), NOW).await.unwrap();
    assert_eq!(late.preimage.payment_hash(), open.payment_hash);
    assert_ne!(late.preimage, payment.preimage);
}

#[tokio::test]
async fn every_tear_of_the_last_line_is_cut_off_and_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.ndjson");
    let (first, _) = paid(&at(&file), "first", PayOptions::default()).await;
    let kept = fs::read(&file).unwrap();
    at(&file).create(&asked("second"), NOW).await.unwrap();
    let whole = fs::read(&file).unwrap();
    for length in kept.len()..whole.len() {
        fs::write(&file, &whole[..length]).unwrap();
        let node = at(&file);
        assert_eq!(node.find(&asked("second")).unwrap(), None, "{length}");
        assert!(matches!(status(&node, &first, NOW), Status::Paid { .. }));
        drop(node);
        assert_eq!(fs::read(&file).unwrap(), kept);
    }
    at(&file).create(&asked("second"), NOW).await.unwrap();
    assert_eq!(fs::read(&file).unwrap(), whole);
}

#[tokio::test]
async fn a_line_that_no_node_wrote_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.ndjson");
    paid(&at(&file), "r", PayOptions::default()).await;
    let whole = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<&str> = whole.lines().collect();
    lines.swap(0, 1);
    for (text, wrong) in [(format!("{whole}garbage\n"), 3), (lines.join("\n") + "\n", 1)] {
        fs::write(&file, text).unwrap();
        let outcome = Sandbox::open(&SEED, secrets(), Some(&file));
        assert!(
            matches!(outcome, Err(OpenError::Corrupt { line, .. }) if line == wrong),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn two_processes_cannot_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.ndjson");
    let _first = at(&file);
    let second = Sandbox::open(&SEED, secrets(), Some(&file));
    assert!(matches!(second, Err(OpenError::InUse(_))), "{second:?}");
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.ndjson");
    at(&file);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn many_creates_at_once_all_reach_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.ndjson");
    let node = at(&file);
    let creates: Vec<_> = (0..50)
        .map(|n| {
            let node = node.clone();
            tokio::spawn(async move { node.create(&asked(&format!("r{n}")), NOW).await.unwrap() })
        })
        .collect();
    for create in creates {
        create.await.unwrap();
    }
    drop(node);
    let node = at(&file);
    for n in 0..50 {
        assert!(node.find(&asked(&format!("r{n}"))).unwrap().is_some(), "{n}");
    }
}

#[tokio::test]
async fn a_callback_to_a_foreign_host_must_be_private() {
    let webhook_url = Some("http://example.com/hook".into());
    let error = node().create(&CreateInvoice { webhook_url, ..asked("r") }, NOW).await;
    assert_eq!(error.unwrap_err().class(), Class::CallbackRefused);
}

#[tokio::test(start_paused = true)]
async fn deliveries_wait_their_time_and_keep_their_order() {
    let node = node();
    let late = Some(Duration::from_mins(1));
    let late = WebhookFaults { late, ..WebhookFaults::default() };
    let mut deliveries = paid(&node, "late", webhook(late)).await.1.deliveries;
    deliveries.extend(paid(&node, "now", PayOptions::default()).await.1.deliveries);
    let start = tokio::time::Instant::now();
    let seen = Mutex::new(Vec::new());
    deliver(deliveries, |_| {
        seen.lock().unwrap().push(start.elapsed().as_secs());
        std::future::ready(())
    })
    .await;
    assert_eq!(*seen.lock().unwrap(), [0, 60]);
}
