//! A node that breaks its word on request.

use std::{sync::Mutex, time::Duration};

use axum::body::Bytes;
use reqwest::StatusCode;
use tokio::net::TcpListener;

use super::*;
use crate::providers::http::Http;

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

#[tokio::test]
async fn a_delivery_arrives_as_it_was_signed_and_a_failing_one_says_so() {
    let folder: Arc<Mutex<Vec<(HeaderMap, Bytes)>>> = Arc::default();
    let inbox = Arc::clone(&folder);
    let hook = axum::routing::post(|headers: HeaderMap, body: Bytes| async move {
        inbox.lock().unwrap().push((headers, body));
        StatusCode::ACCEPTED
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        axum::serve(listener, axum::Router::new().route("/hook", hook)).await
    });

    let node = node();
    let webhook_url = Some(format!("http://{address}/hook?token=t"));
    let wish = CreateInvoice { webhook_url, ..asked("r") };
    let invoice = node.create(&wish, NOW).await.unwrap();
    let payment = node.pay(&invoice.payment_request, PayOptions::default(), NOW).await.unwrap();
    let http = Http::try_new(Duration::from_secs(5)).unwrap();
    let [delivery] = payment.deliveries.try_into().unwrap();
    assert_eq!(delivery.clone().post(&http).await.unwrap(), StatusCode::ACCEPTED);
    let (headers, body) = folder.lock().unwrap().pop().unwrap();
    assert!(matches!(node.receive(&headers, &body, NOW), Heard::Verified(_)));

    server.abort();
    let _ = server.await;
    let failure = delivery.post(&http).await.unwrap_err();
    assert!(matches!(failure.class, Class::Connect | Class::ConnectionLost), "{failure:?}");
}
