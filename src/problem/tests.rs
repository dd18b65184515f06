use std::{collections::BTreeSet, fs, path::Path};

use http_body_util::BodyExt;
use piperoll_domain::{
    billing::CeilingOf,
    campaign,
    claim::Claim,
    id::Stream,
    money::{Amount, Code as Commodity, Money},
    payment,
};

use super::*;

fn msat(amount: u64) -> Money {
    Money::msat(Amount::new(amount).unwrap())
}

fn pages() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/problems");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_str().unwrap().strip_suffix(".md").unwrap().to_owned()).collect()
}

fn page(code: Code) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/problems");
    fs::read_to_string(folder.join(code.as_str()).with_extension("md")).unwrap()
}

/// One of each.
#[expect(clippy::too_many_lines, reason = "a table, a line a refusal")]
fn rejections() -> Vec<Rejection> {
    let (status, position, field) = (payment::Status::Pending, 7, "x");
    let claim = Claim::ApiKey { digest: piperoll_domain::bytes::Bytes([1; 32]) };
    vec![
        Rejection::AmountZero { field },
        Rejection::AmountOutOfRange { field, least: msat(1), most: msat(2) },
        Rejection::CostOfGift,
        Rejection::DurationOutOfRange { field, most: 9 },
        Rejection::AmountOverflow { field },
        Rejection::CommodityForeign { field, code: Commodity::MSAT },
        Rejection::CommodityUnknown { field, code: Commodity::MSAT },
        Rejection::CommodityTaken { code: Commodity::MSAT },
        Rejection::ScaleTooLarge { max: 12 },
        Rejection::SettingsContradict { field, what: "x" },
        Rejection::TenantExists,
        Rejection::TenantNotFound,
        Rejection::KeyExists,
        Rejection::KeyNotFound,
        Rejection::ConnectionNotFound,
        Rejection::ConnectionForbidden { kind: "sandbox".into() },
        Rejection::OfferNotFound,
        Rejection::OfferInvalid { field, what: "x" },
        Rejection::AccountRequired,
        Rejection::AccountNotFound,
        Rejection::CreditInsufficient { missing: msat(5) },
        Rejection::AccountReserved { field },
        Rejection::AccountSame,
        Rejection::BillingOff,
        Rejection::CeilingExceeded { field, ceiling: msat(5), of: CeilingOf::Environment },
        Rejection::ReservationExists,
        Rejection::ReservationNotFound,
        Rejection::ReservationExpired,
        Rejection::ReservationNotExpired,
        Rejection::ReservationFinalized { cost: msat(5) },
        Rejection::MintInvalid { field, what: "x" },
        Rejection::CampaignExists,
        Rejection::CampaignNotFound,
        Rejection::CampaignInvalid { field, what: "x" },
        Rejection::CampaignNotActive { status: campaign::Status::Paused },
        Rejection::CampaignWrongStatus { status: campaign::Status::Draft },
        Rejection::CampaignNotOver,
        Rejection::BudgetExceeded { left: msat(5) },
        Rejection::CapExceeded { left: msat(5) },
        Rejection::GrantExists,
        Rejection::LotNotFound,
        Rejection::LotEmpty,
        Rejection::LotReserved,
        Rejection::ClawbackExceeds { left: msat(5) },
        Rejection::RefundExceeds { left: msat(5) },
        Rejection::SharesInvalid { field, what: "x" },
        Rejection::SharesNotFound,
        Rejection::SharesNotOpen,
        Rejection::FourEyes,
        Rejection::BillingChanged { version: 3 },
        Rejection::PossibleDuplicate { position },
        Rejection::LotExists,
        Rejection::LotNotExpired,
        Rejection::PaymentExists,
        Rejection::PaymentNotFound,
        Rejection::PaymentTooLate { status },
        Rejection::PaymentTooEarly,
        Rejection::PaymentNotPaid { status },
        Rejection::ReviewNotFound,
        Rejection::ReviewClosed,
        Rejection::ReviewNotApplicable,
        Rejection::EventReceived,
        Rejection::ReceiptNotParked,
        Rejection::EntitlementNotFound,
        Rejection::EntitlementUsedUp,
        Rejection::EntitlementEnded,
        Rejection::EntitlementRevoked,
        Rejection::UseNotFound,
        Rejection::IdempotencyMismatch,
        Rejection::ClaimTaken { claim, position },
        Rejection::StreamFrozen { stream: Stream::roll(), position },
        Rejection::NothingFrozen,
        Rejection::DutyNotOpen,
        Rejection::LetterNotFound,
        Rejection::LetterEnded,
        Rejection::LetterBusy,
        Rejection::ReasonNeeded,
        Rejection::Item { index: 3, refusal: Box::new(Rejection::AmountZero { field }) },
    ]
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(codes.len(), Code::ALL.len(), "two codes are the same word");
    assert_eq!(codes, pages());
}

#[test]
fn every_page_tells_the_status_and_answers_the_three_questions() {
    for code in Code::ALL {
        let (page, status) = (page(*code), code.status().as_u16());
        let begin = format!("# `{}`\n\n{status}: {}.\n", code.as_str(), code.title());
        assert!(page.starts_with(&begin), "{} does not begin with {begin}", code.as_str());
        for heading in ["## What it means", "## Likely cause", "## What to do"] {
            let said = page.split(heading).nth(1).unwrap_or_default().trim();
            assert!(!said.is_empty() && !said.starts_with('#'), "{}: {heading}", code.as_str());
        }
    }
}

#[test]
fn every_refusal_keeps_its_code() {
    let rejections = rejections();
    for rejection in &rejections {
        assert_eq!(Code::from(rejection).as_str(), rejection.code());
        let status = Code::from(rejection).status();
        let off = *rejection == Rejection::BillingOff;
        assert!(status.is_client_error() != off, "{rejection:?}: {status}");
    }
    // Counted in the source, so that one of each really is one of each.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("domain/src/rejection.rs");
    let source = fs::read_to_string(file).unwrap();
    let arms = source.lines().filter(|line| line.contains("=> \"")).count();
    let distinct: BTreeSet<_> = rejections.iter().map(Rejection::code).collect();
    assert_eq!(distinct.len(), arms);
}

#[tokio::test]
async fn an_answer_is_a_problem_of_rfc_9457() {
    let problem = Problem::new(Code::FieldInvalid, "must be positive")
        .field("price.amount")
        .instance("req_1")
        .with("least", 1)
        .with("code", "overwritten?");
    let response = problem.into_response();
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    assert!(!response.headers().contains_key(header::RETRY_AFTER));
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        body,
        json!({
            "type": "urn:piperoll:problem:field_invalid",
            "title": "A field is missing or not what it should be",
            "status": 422,
            "code": "field_invalid",
            "detail": "must be positive",
            "field": "price.amount",
            "instance": "req_1",
            "least": 1,
        })
    );
}

#[test]
fn patience_is_told_where_it_helps() {
    for code in Code::ALL {
        let response = Problem::new(*code, "x").into_response();
        let told = response.headers().contains_key(header::RETRY_AFTER);
        assert_eq!(told, code.retry_after().is_some(), "{}", code.as_str());
        if code.status() == StatusCode::SERVICE_UNAVAILABLE {
            assert!(told, "{}", code.as_str());
        }
    }
    let response = Problem::new(Code::Busy, "x").retry_after(30).into_response();
    assert_eq!(response.headers()[header::RETRY_AFTER], "30");
}

#[test]
fn a_path_of_the_runbooks_may_answer_with_another_status() {
    let stripe = Problem::new(Code::WebhookSignatureInvalid, "x").status(StatusCode::BAD_REQUEST);
    assert_eq!(stripe.body()["status"], 400);
    assert_eq!(stripe.into_response().status(), StatusCode::BAD_REQUEST);
}

#[test]
fn who_is_not_known_is_told_how_to_make_himself_known() {
    let response = Problem::new(Code::Unauthenticated, "x").into_response();
    assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
    let response = Problem::new(Code::CredentialInvalid, "x").into_response();
    assert!(!response.headers().contains_key(header::WWW_AUTHENTICATE));
}

#[test]
fn a_refusal_tells_what_a_program_needs_and_nothing_of_others() {
    let short = Problem::from(Rejection::CreditInsufficient { missing: msat(5) });
    assert_eq!(short.body()["missing"], json!({ "commodity": "MSAT", "amount": "5" }));
    assert_eq!(short.body()["error"], "insufficient_credits");
    let long = Problem::from(Rejection::DurationOutOfRange { field: "x", most: 9 });
    assert_eq!(long.body()["most_seconds"], 9);
    let late = Problem::from(Rejection::PaymentTooLate { status: payment::Status::Expired });
    assert_eq!(late.body()["payment_status"], "expired");

    let digest = piperoll_domain::bytes::Bytes([0xab; 32]);
    let taken = Rejection::ClaimTaken { claim: Claim::ApiKey { digest }, position: 4_711 };
    let told = Problem::from(taken).body().to_string();
    assert!(!told.contains("abab") && !told.contains("4711"), "{told}");
}

#[test]
fn what_is_wrong_with_a_request_is_named() {
    for rejection in rejections() {
        let named = Problem::from(&rejection).body().get("field").is_some();
        let is_wrong = Code::from(&rejection).status() == StatusCode::UNPROCESSABLE_ENTITY;
        let of_header = rejection == Rejection::IdempotencyMismatch;
        assert!(named || !is_wrong || of_header, "{rejection:?}");
    }
    let claim = Claim::Refund { tenant: "shop".parse().unwrap(), refund: "r".parse().unwrap() };
    let taken = Rejection::ClaimTaken { claim, position: 7 };
    let item = Rejection::Item { index: 3, refusal: Box::new(taken) };
    assert_eq!(Problem::from(item).body()["field"], "items.3.refund");
}

#[test]
fn a_body_with_other_names_is_told_by_its_own() {
    let zero = || Problem::from(Rejection::AmountZero { field: "amount" });
    let names = [("cost", "actualCost"), ("amount", "amountMicro")];
    assert_eq!(zero().renamed(&names).body()["field"], "amountMicro");
    assert_eq!(zero().renamed(&names[..1]).body()["field"], "amount");
}

#[test]
fn f06_what_costs_more_than_there_is_is_known_by_its_type_and_answered_402() {
    let short = Rejection::CreditInsufficient { missing: msat(5) };
    let words = short.to_string();
    let response = Problem::from(short).into_response();
    assert_eq!(response.status(), 402);
    // The same words under another type are another answer: nobody reads messages.
    let response = Problem::new(Code::FieldInvalid, words).into_response();
    assert_eq!(response.status(), 422);
}

#[test]
fn a_cause_is_logged_and_not_told() {
    let cause = std::io::Error::other("disk /dev/sda1 is full");
    let told = Problem::internal(&cause).body().to_string();
    assert!(!told.contains("sda1"), "{told}");
}
