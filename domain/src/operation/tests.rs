//! Wishes over the whole book: what lands together, what is refused, what is owed.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "what overflows or is not meant ends the test"
)]

use super::*;
use crate::{
    account::{Source, SourceKind},
    book::State,
    bytes::Bytes,
    chart::Chart,
    claim::Claim,
    duty::{Kind as Duty, Name},
    id::{Kind, Pool, Stream, TenantId},
    money::Amount,
    offer::{Gives, Terms},
    payment::Gave,
    roll::{DutyWaived, Environment, Opened},
    settings::Settings,
    testing::*,
};

mod anomaly;
mod batch;
mod bounds;
mod seeded;

mod freeze {
    use super::*;
    use crate::account::{ORDER, Spent};

    fn frozen() -> Story {
        let wrong =
            Spent { total: msat(9), parts: vec![], order: ORDER.to_owned(), reference: None };
        shop()
            .and(until(100, grant("alice", "lot_1", msat(10))))
            .fact(&stream(Kind::Account, "alice"), wrong)
    }

    fn acknowledge(position: u64) -> AcknowledgeAnomaly {
        let stream = stream(Kind::Account, "alice");
        AcknowledgeAnomaly { stream, position, reason: "a bug of 0.0.9".to_owned() }
    }

    #[test]
    fn a_frozen_stream_refuses_until_it_is_acknowledged() {
        let story = frozen();
        let position = story.history.last().unwrap().envelope.position;
        let refused = Rejection::StreamFrozen { stream: stream(Kind::Account, "alice"), position };
        let story = story.when(spend("alice", msat(1))).rejected(&refused);
        let story = story.when(acknowledge(position + 1)).rejected(&Rejection::NothingFrozen);
        let story = story.when(acknowledge(position)).says(&["anomaly.acknowledged.v1"]);
        let slot = story.slot(&stream(Kind::Account, "alice"));
        assert_eq!((slot.frozen.clone(), slot.acknowledged.len()), (None, 1));
        let story = story.when(spend("alice", msat(10))).says(&["credit.spent.v1"]);
        story.when(acknowledge(position)).rejected(&Rejection::NothingFrozen);
    }

    #[test]
    fn a_frozen_stream_stays_as_it_stood_whatever_follows() {
        let alice = stream(Kind::Account, "alice");
        let story = frozen();
        let before = story.slot(&alice).clone();
        let story = story.fact(&alice, crate::account::Opened {});
        let part = crate::account::Part {
            lot: id("lot_1"),
            amount: units(4),
            left: units(6),
            cost: None,
            source: SourceKind::Grant,
            pool: Pool::general(),
        };
        let (total, order) = (msat(4), ORDER.to_owned());
        let sound = Spent { total, parts: vec![part], order, reference: None };
        let story = story.fact(&alice, sound);
        let after = story.slot(&alice);
        assert_eq!((&after.state, &after.frozen), (&before.state, &before.frozen));
        assert_eq!(after.version, before.version + 2, "its end is still known");
    }

    #[test]
    fn a_frozen_stream_leaves_the_others_alone() {
        let story = frozen().and(grant("bob", "lot_2", msat(1)));
        story.when(spend("bob", msat(1))).says(&["credit.spent.v1"]);
    }

    #[test]
    fn a_gap_in_a_stream_freezes_it() {
        let mut story = shop().and(grant("alice", "lot_1", msat(10))).and(spend("alice", msat(1)));
        let mut last = story.history.last().unwrap().clone();
        last.envelope.version += 1;
        story.book.fold(&last);
        assert_eq!(story.book.frozen().count(), 1);
    }

    #[test]
    fn an_event_in_a_foreign_stream_freezes_it() {
        let event = crate::account::Opened {};
        let story = shop().fact(&stream(Kind::Offer, "report"), event);
        assert_eq!(story.book.frozen().count(), 1);
    }

    #[test]
    fn a_claim_taken_twice_is_remembered() {
        let story = shop().and(grant("alice", "lot_1", msat(10)));
        let mut again = story.history.last().unwrap().clone();
        again.envelope.stream = stream(Kind::Account, "bob");
        let mut book = story.book;
        book.fold(&again);
        let doubled: Vec<bool> = book.doubled.iter().map(|(_, claim)| claim.is_bare()).collect();
        assert_eq!(doubled, [false, false], "source and name");
    }

    #[test]
    fn a_duty_can_be_closed_by_hand() {
        let stream = stream(Kind::Account, "alice");
        let name = Name { kind: Duty::Lapse, stream, item: Some("lot_1".to_owned().into()) };
        let waive = || WaiveDuty { name: name.clone(), reason: "keeps it".to_owned() };
        let story = shop().and(until(100, grant("alice", "lot_1", msat(10))));
        let opener = story.history.last().unwrap().envelope.position;
        let story = story.when(waive()).then([DutyWaived {
            duty: "lapse".to_owned(),
            item: Some("lot_1".to_owned()),
            opener,
            reason: "keeps it".to_owned(),
        }]);
        assert!(story.book.duties.is_empty());
        story.when(waive()).rejected(&Rejection::DutyNotOpen);
    }
}

mod envelopes {
    use super::*;

    #[test]
    fn every_fact_of_a_keyed_command_carries_the_key() {
        let story = shop().and(top_up("pay_1", "alice", 5_000)).and(invoice("pay_1", 5_000));
        let story = story.and(status("pay_1", paid())).keyed("k-1");
        let outcome = story.when(fulfil("pay_1"));
        let keys = outcome.recorded().iter().map(|said| said.envelope.idempotency.is_some());
        assert_eq!(keys.collect::<Vec<_>>(), [true, true]);
        let story = outcome.accepted();
        let key = story.history.last().unwrap().envelope.idempotency.clone().unwrap();
        let taker = &story.book.claims[&Claim::idempotency(&tenant("acme"), &key)];
        assert_eq!(taker.stream, stream(Kind::Account, "alice"), "the first fact is the taker");
        assert_eq!(story.book.doubled, []);
    }

    #[test]
    fn positions_versions_and_counts_have_no_gaps() {
        let story = shop()
            .and(top_up("pay_1", "alice", 5_000))
            .and(invoice("pay_1", 5_000))
            .and(webhook("rcpt_1", told(Some("evt_1"), "pay_1", paid_msat(6_000))))
            .and(fulfil("pay_1"))
            .and(spend("alice", msat(10)));
        let mut last = std::collections::BTreeMap::new();
        let mut counts = std::collections::BTreeMap::new();
        for (said, position) in story.history.iter().zip(1..) {
            let at = &said.envelope;
            assert_eq!(at.position, position);
            let (version, previous) =
                last.insert(&at.stream, (at.version, position)).unwrap_or((0, 0));
            assert_eq!((at.version, at.previous), (version + 1, previous), "{}", at.stream);
            let count = counts.entry(&at.tenant).or_insert(0_u64);
            *count += 1;
            assert_eq!(at.tenant_version, *count);
        }
        let times: Vec<_> = story.history.iter().map(|said| said.envelope.recorded_at).collect();
        assert!(times.is_sorted_by(|one, next| one < next));
    }
}

mod selling {
    use super::*;

    #[test]
    fn credit_is_sold_for_an_account_and_minted_once() {
        let gives = Gives::Credit {
            amount: money("USD", 5_000_000),
            pool: id("prepaid"),
            expires_after_seconds: Some(60),
        };
        let story = shop().and(publish("pack", 10_000, gives));
        let nobody =
            request("pay_0", Purpose::Offer { offer: id("pack"), quantity: 1, account: None });
        let story = story.when(nobody).rejected(&Rejection::AccountRequired);
        let story = story.and(buy("pay_1", "pack", 2)).and(invoice("pay_1", 20_000));
        let story = story.and(status("pay_1", paid())).later(10);
        let story = story.when(fulfil("pay_1")).says(&["lot.minted.v1", "payment.consumed.v1"]);
        let story = story.when(fulfil("pay_1")).nothing();
        let short = Rejection::CreditInsufficient { missing: money("USD", 1) };
        let story =
            story.when(spend_from("alice", money("USD", 10_000_001), "prepaid")).rejected(&short);
        let story = story.and(spend_from("alice", money("USD", 9_000_000), "prepaid"));
        // Sixty seconds from settlement, ten of which had passed.
        story.later(51).when(expire_lot("alice", "pay_1")).says(&["lot.expired.v1"]);
    }

    #[test]
    fn f13_a_recovery_by_hand_and_the_payment_give_one_lot_in_either_order() {
        let recover_as = |kind| {
            let source = Source { kind, id: "pay_1".to_owned() };
            Mint { source, ..deposit("alice", "lot_9", msat(5_000), msat(5_000)) }
        };
        let recover = || recover_as(SourceKind::Deposit);
        let paid_for = || {
            shop()
                .and(top_up("pay_1", "alice", 5_000))
                .and(invoice("pay_1", 5_000))
                .and(status("pay_1", paid()))
        };
        for kind in [SourceKind::Deposit, SourceKind::Purchase] {
            let story = paid_for().and(fulfil("pay_1"));
            story.when(recover_as(kind)).rejected_as("claim_taken");
            let story = paid_for().and(recover_as(kind)).when(fulfil("pay_1"));
            let story = story.says(&["payment.consumed.v1"]);
            assert!(story.book.duties.is_empty(), "nothing is owed any more");
            let State::Payment(payment) = &story.slot(&stream(Kind::Payment, "pay_1")).state else {
                panic!()
            };
            let minted = story.history[story.history.len() - 2].envelope.position;
            let (account, lot) = (id("alice"), Some(id("lot_9")));
            assert_eq!(payment.gave, Some(Gave::Recovered { account, lot, minted }));
            let story = story.when(fulfil("pay_1")).nothing();
            let short = Rejection::CreditInsufficient { missing: msat(1) };
            story.when(spend("alice", msat(5_001))).rejected(&short);
        }
        // The webhook comes after the recovery, and after the credit was used.
        let story = shop().and(top_up("pay_1", "alice", 5_000)).and(invoice("pay_1", 5_000));
        let story = story.and(recover()).and(spend("alice", msat(5_000)));
        let story = story.and(status("pay_1", paid())).and(fulfil("pay_1"));
        let State::Payment(payment) = &story.slot(&stream(Kind::Payment, "pay_1")).state else {
            panic!()
        };
        assert!(matches!(payment.gave, Some(Gave::Recovered { lot: Some(_), .. })));
        let sums = story.history.iter().flat_map(crate::postings::postings);
        let of = |chart| sums.clone().filter(move |leg| leg.account == chart).map(|leg| leg.amount);
        assert_eq!(of(Chart::Unapplied).sum::<i64>(), 0, "no money waits for a promise");
        assert_eq!(of(Chart::Revenue).sum::<i64>(), -5_000, "it is earned once");
        assert_eq!(of(Chart::ProviderClearing).sum::<i64>(), 5_000, "and it is there once");
    }

    #[test]
    fn a_bought_pack_that_was_recovered_as_a_deposit_is_not_given_twice() {
        let gives = Gives::Credit {
            amount: msat(7_000),
            pool: Pool::general(),
            expires_after_seconds: None,
        };
        let source = Source { kind: SourceKind::Deposit, id: "pay_1".to_owned() };
        let recover = Mint { source, ..deposit("alice", "lot_9", msat(7_000), msat(5_000)) };
        let story = shop().and(publish("pack", 5_000, gives)).and(buy("pay_1", "pack", 1));
        let story = story.and(invoice("pay_1", 5_000)).and(recover).and(status("pay_1", paid()));
        story.when(fulfil("pay_1")).says(&["payment.consumed.v1"]);
    }

    #[test]
    fn an_offer_changes_by_versions_and_a_payment_keeps_its_own() {
        let story = shop().and(publish("report", 1_000, Gives::Uses { count: 1 }));
        let story = story.when(publish("report", 1_000, Gives::Uses { count: 1 })).nothing();
        let story = story.and(buy("pay_1", "report", 1));
        let story = story.and(publish("report", 2_000, Gives::Uses { count: 1 }));
        let story = story.and(invoice("pay_1", 1_000)).and(status("pay_1", paid()));
        let story = story.and(fulfil("pay_1"));
        let withdraw = || WithdrawOffer {
            tenant: tenant("acme"),
            offer: id("report"),
            reason: "sold out".to_owned(),
        };
        let story = story.and(withdraw()).when(withdraw()).nothing();
        let story = story.when(buy("pay_2", "report", 1)).rejected(&Rejection::OfferNotFound);
        let story = story.when(use_once("pay_1", 1)).says(&["entitlement.used.v1"]);
        story
            .when(publish("report", 2_000, Gives::Uses { count: 1 }))
            .says(&["offer.published.v1"]);
    }

    #[test]
    fn an_offer_keeps_to_its_limits() {
        let limited = Terms {
            least: Some(units(2_000)),
            most: Some(units(3_000)),
            ..terms(1_000, Gives::Uses { count: 1 })
        };
        let wish = PublishOffer { tenant: tenant("acme"), offer: id("report"), terms: limited };
        let range = Rejection::AmountOutOfRange {
            field: "quantity",
            least: msat(2_000),
            most: msat(3_000),
        };
        let story = shop().and(wish).when(buy("pay_1", "report", 1)).rejected(&range);
        let story = story.when(buy("pay_1", "report", 4)).rejected(&range);
        let story = story.and(buy("pay_1", "report", 3));
        let story = story.when(buy("pay_2", "report", 0)).rejected_as("amount_out_of_range");
        let story = story.and(publish("free", 1_000, Gives::Uses { count: 2 }));
        let story = story
            .when(buy("pay_2", "free", 0))
            .rejected(&Rejection::AmountZero { field: "quantity" });
        let story = story.and(publish("many", 1, Gives::Uses { count: u32::MAX }));
        story
            .when(buy("pay_2", "many", 2))
            .rejected(&Rejection::AmountOverflow { field: "quantity" });
    }

    #[test]
    fn what_cannot_be_sold_is_not_published() {
        let uses = || terms(1_000, Gives::Uses { count: 1 });
        let credit = |expires_after_seconds, amount| Gives::Credit {
            amount: msat(amount),
            pool: Pool::general(),
            expires_after_seconds,
        };
        let wrong = [
            Terms { price: msat(0), ..uses() },
            Terms { price: money("USD", 1), ..uses() },
            Terms { enforcement_percent: 101, ..uses() },
            Terms { expiry_seconds: 0, ..uses() },
            Terms { expiry_seconds: 31_536_001, ..uses() },
            Terms { least: Some(units(2)), most: Some(units(1)), ..uses() },
            Terms { methods: vec!["get".to_owned()], ..uses() },
            Terms { methods: vec!["GET".to_owned(), "GET".to_owned()], ..uses() },
            Terms { methods: vec!["POST".to_owned(), "GET".to_owned()], ..uses() },
            Terms { path: "v1".to_owned(), ..uses() },
            Terms { path: "/v1?x=1".to_owned(), ..uses() },
            Terms { path: "/v1/../admin".to_owned(), ..uses() },
            Terms { path: "/v 1".to_owned(), ..uses() },
            Terms { gives: Gives::Uses { count: 0 }, ..uses() },
            Terms { gives: Gives::Time { seconds: 0 }, ..uses() },
            Terms { gives: credit(None, 0), ..uses() },
            Terms { gives: credit(Some(0), 1), ..uses() },
        ];
        for terms in wrong {
            let wish = PublishOffer { tenant: tenant("acme"), offer: id("x"), terms };
            let _ = shop().when(wish).rejected_as("offer_invalid");
        }
        for path in ["/", "/*", "/v1/*", "/v1/a.b/~c%20"] {
            let terms = Terms { path: path.to_owned(), ..uses() };
            let _ = shop().and(PublishOffer { tenant: tenant("acme"), offer: id("x"), terms });
        }
    }

    #[test]
    fn a_payment_keeps_to_the_settings_limits() {
        let most = Settings::default().invoice_max_msat.units();
        let range = "amount_out_of_range";
        let story = shop().when(plain("pay_1", 999)).rejected_as(range);
        let story = story.when(plain("pay_1", most + 1)).rejected_as(range);
        let story =
            story.when(plain("pay_1", 0)).rejected(&Rejection::AmountZero { field: "amount" });
        let dollars = Purpose::Plain { price: money("USD", 5_000), account: None };
        let foreign = Rejection::CommodityForeign { field: "amount.commodity", code: id("USD") };
        let story = story.when(request("pay_1", dollars)).rejected(&foreign);
        let settings = Settings { invoice_min_msat: units(500), ..Settings::default() };
        let story = story.and(ChangeSettings { settings });
        let story = story.when(ChangeSettings { settings }).nothing();
        let _ = story.and(plain("pay_1", 500)).and(plain("pay_2", most));
    }

    #[test]
    fn an_invoice_lasts_at_least_a_second_and_at_most_a_year() {
        for expiry_seconds in [Some(0), Some(31_536_001)] {
            let purpose = Purpose::Plain { price: msat(5_000), account: None };
            let wish = RequestPayment { expiry_seconds, ..request("pay_1", purpose) };
            let _ = shop().when(wish).rejected_as("duration_out_of_range");
        }
    }

    #[test]
    fn a_payment_needs_its_tenant_and_an_open_connection() {
        let purpose = || Purpose::Plain { price: msat(5_000), account: None };
        let ghost = RequestPayment { tenant: tenant("ghost"), ..request("pay_1", purpose()) };
        let story = shop().when(ghost).rejected(&Rejection::TenantNotFound);
        let other = RequestPayment { connection: Some(id("other")), ..request("pay_1", purpose()) };
        let story = story.when(other).rejected(&Rejection::ConnectionNotFound);
        let retire = || RetireConnection { connection: id("default"), reason: "moved".to_owned() };
        let story = story.and(retire()).when(retire()).nothing();
        let story = story.when(plain("pay_1", 5_000)).rejected(&Rejection::ConnectionNotFound);
        let story = story.and(declare_connection("default"));
        let _ = story.and(plain("pay_1", 5_000));
    }
}

mod governing {
    use super::*;

    #[test]
    fn a_roll_and_a_tenant_open_once() {
        let story = shop().when(open_roll()).nothing();
        let story = story.when(open_tenant("acme")).rejected(&Rejection::TenantExists);
        story.when(open_tenant("_")).rejected(&Rejection::TenantExists);
    }

    #[test]
    fn play_money_is_refused_where_money_is_real() {
        let opened = Opened { environment: Environment::Production, ..opened() };
        let story = given([OpenRoll { opened }.into()]);
        story.when(declare_connection("default")).rejected_as("connection_forbidden");
    }

    #[test]
    fn a_key_and_its_digest_are_one_persons() {
        let story = shop().and(issue_key("key_1", 1));
        let story = story.when(issue_key("key_1", 2)).rejected(&Rejection::KeyExists);
        let story = story.when(issue_key("key_2", 1)).rejected_as("claim_taken");
        let revoke = |key: &str| RevokeKey {
            tenant: tenant("acme"),
            key: id(key),
            reason: "leaked".to_owned(),
        };
        let story = story.and(revoke("key_1")).when(revoke("key_1")).nothing();
        let story = story.when(revoke("key_2")).rejected(&Rejection::KeyNotFound);
        story.when(issue_key("key_3", 1)).rejected_as("claim_taken");
    }

    #[test]
    fn a_commodity_is_what_it_was_declared() {
        let declare = |code: &str, scale| DeclareCommodity { code: id(code), scale };
        let taken = |code: &str| Rejection::CommodityTaken { code: id(code) };
        let story = shop().and(declare("EUR", 2)).when(declare("EUR", 2)).nothing();
        let story = story.when(declare("EUR", 3)).rejected(&taken("EUR"));
        let story = story.when(declare("USD", 2)).rejected(&taken("USD"));
        let story = story.when(declare("USD", 6)).nothing();
        let story = story.when(declare("BIG", 13)).rejected(&Rejection::ScaleTooLarge { max: 12 });
        story.when(grant("alice", "lot_1", money("EUR", 5))).says(&["lot.minted.v1"]);
    }

    #[test]
    fn settings_hold_together() {
        for settings in [
            Settings { invoice_min_msat: Amount::MAX, ..Settings::default() },
            Settings { idempotency_days: 0, ..Settings::default() },
        ] {
            let _ = shop().when(ChangeSettings { settings }).rejected_as("settings_contradict");
        }
    }

    #[test]
    fn a_feature_is_enabled_once() {
        let enable = || EnableFeature { feature: "deliveries".to_owned() };
        shop().and(enable()).when(enable()).nothing();
    }

    #[test]
    fn writers_clocks_sweeps_and_refusals_are_remembered() {
        let start =
            StartWriter { release: "0.1.0".to_owned(), host: Bytes([1; 8]), config: hash(2) };
        let clock = |reason: &str| CorrectClock {
            was: after(10),
            now: after(5),
            reason: reason.to_owned(),
        };
        let run = crate::roll::ReconciliationFinished {
            started_at: after(0),
            checked: 1,
            paid: 0,
            expired: 0,
            failed: 0,
            errors: 0,
        };
        let refused = crate::receipt::Refused {
            connection: id("default"),
            reason: "bad_signature".to_owned(),
            count: 3,
            first: after(1),
            last: after(2),
            sample: None,
        };
        let story = shop().and(start.clone()).and(start).and(clock("ntp was off"));
        let story = story.when(clock("")).rejected(&Rejection::ReasonNeeded);
        let mut story = story.and(RefuseReceipts { refused: refused.clone() });
        story = story.and(RefuseReceipts { refused });
        for _ in 0..60 {
            story = story.and(FinishReconciliation { run });
        }
        let stream = Stream::of_roll(Kind::Roll, "reconciliation");
        let State::Roll(state) = &story.slot(&stream).state else { panic!() };
        assert_eq!(state.runs.len(), 50);
    }

    #[test]
    fn what_one_tenant_has_another_has_not() {
        let story = shop().and(open_tenant("rival")).and(grant("alice", "lot_1", msat(10)));
        let theirs = |tenant: TenantId| Spend {
            tenant,
            account: id("alice"),
            total: msat(1),
            pool: Pool::general(),
            reference: None,
            ceiling: None,
        };
        let story = story.when(theirs(tenant("rival"))).rejected(&Rejection::AccountNotFound);
        // Neither the lot's name nor its source is taken for anybody else.
        let mint = Mint { tenant: tenant("rival"), ..grant("alice", "lot_1", msat(10)) };
        story.and(mint).when(theirs(tenant("rival"))).says(&["credit.spent.v1"]);
    }
}
