//! One fact of every wire name, every field filled that can be.

mod campaigns;
mod letters;
mod metered;

use std::collections::BTreeSet;

use crate::{
    account::{self, LotExpired, LotMinted, ORDER, Part, Source, SourceKind, Spent},
    bytes::Bytes,
    commodity, connection, entitlement,
    event::{Event, Recorded},
    grantee::GranteeId,
    id::{Kind, Pool, Stream},
    offer::{self, Gives, OfferRef},
    payment::{
        self, Abandoned, Consumed, DetailNoted, Expired, Failed, Funding, Gave, OutcomeUnknown,
        Promise, Rate, Requested, ReviewAction, ReviewKind, ReviewOpened, ReviewResolved, Settled,
        SettlementNamed, Status, TransitionRefused, Truth,
    },
    receipt::{self, Matched},
    roll::{
        AnomalyAcknowledged, AnomalyClosed, AnomalyFound, ClockCorrected, DutyWaived,
        FeatureEnabled, ReconciliationFinished, WorkerPaused, WorkerResumed, WriterStarted,
    },
    settings::{self, OnViolation, Settings},
    tenant::{KeyIssued, KeyRevoked, Role},
    testing::build::{
        after, envelope, hash, id, instrument, money, msat, opened, payment_ref, sandbox, sealed,
        stream, tenant_opened, terms, told, units,
    },
    worker::Worker,
};

/// One fact of every wire name, in the order of [`Event::names`], at positions 1, 2, 3 …
///
/// Each stands at the beginning of a stream of its kind: they are samples, not a history.
pub fn samples() -> Vec<Recorded> {
    let events = [roll(), rules(), names(), offers(), payments(), ends(), receipts(), credit()];
    let events = events.into_iter().flatten();
    let events = events.chain(metered::credit()).chain(access()).chain(metered::bills());
    let events = events.chain(letters::letters());
    let events = events.chain(campaigns::all());
    let placed = |(event, position): (Event, u64)| Recorded {
        envelope: envelope(&stream_of(&event), position),
        event,
    };
    events.zip(1..).map(placed).collect()
}

fn stream_of(event: &Event) -> Stream {
    match event {
        Event::Roll(_) => Stream::roll(),
        Event::Commodity(_) => Stream::of_roll(Kind::Commodity, "EUR"),
        Event::Settings(_) => Stream::of_roll(Kind::Settings, "roll"),
        Event::Tenant(_) => stream(Kind::Tenant, "acme"),
        Event::Connection(_) => Stream::of_roll(Kind::Connection, "default"),
        Event::Offer(_) => stream(Kind::Offer, "report"),
        Event::Payment(_) => stream(Kind::Payment, "pay_1"),
        Event::Receipt(_) => stream(Kind::Receipt, "rcpt_1"),
        Event::Account(_) => stream(Kind::Account, "alice"),
        Event::Entitlement(_) => stream(Kind::Entitlement, "pay_1"),
        Event::Billing(_) => stream(Kind::Billing, "acme"),
        Event::Letter(_) => stream(Kind::Letter, "fulfil.7"),
        Event::Campaign(_) => stream(Kind::Campaign, "welcome"),
        Event::Grantee(_) => {
            let pair = GranteeId::of(&id("welcome"), &id("alice"));
            Stream::new(Kind::Grantee, &id("acme"), &pair)
        }
    }
}

fn reason() -> String {
    "looked into it".to_owned()
}

fn roll() -> Vec<Event> {
    vec![
        opened().into(),
        WriterStarted { release: "0.1.0".to_owned(), host: Bytes([1; 8]), config: hash(2) }.into(),
        ClockCorrected { was: after(10), now: after(5), reason: reason() }.into(),
        FeatureEnabled { feature: "deliveries".to_owned() }.into(),
        AnomalyAcknowledged {
            position: 7,
            check: "parts add up to the total".to_owned(),
            expected: "10".to_owned(),
            found: "11".to_owned(),
            reason: reason(),
        }
        .into(),
        AnomalyFound {
            stream: stream(Kind::Account, "alice"),
            position: 7,
            check: "parts add up to the total".to_owned(),
            expected: "10".to_owned(),
            found: "11".to_owned(),
        }
        .into(),
        AnomalyClosed { stream: stream(Kind::Account, "alice"), position: 7 }.into(),
        DutyWaived {
            duty: "lapse".to_owned(),
            item: Some("lot_1".to_owned()),
            opener: 7,
            reason: reason(),
        }
        .into(),
        ReconciliationFinished {
            started_at: after(1),
            checked: 5,
            paid: 1,
            expired: 2,
            failed: 1,
            errors: 1,
        }
        .into(),
        WorkerPaused { worker: Worker::Sweeper, reason: reason() }.into(),
        WorkerResumed { worker: Worker::Sweeper, reason: reason() }.into(),
    ]
}

fn rules() -> Vec<Event> {
    let euro = id("EUR");
    vec![
        commodity::Declared { code: euro, scale: 2 }.into(),
        commodity::Retired { code: euro, reason: reason() }.into(),
        settings::Changed { version: 1, settings: every_setting() }.into(),
    ]
}

fn every_setting() -> Settings {
    Settings { on_lot_violation: OnViolation::Shadow, ..Settings::default() }
}

fn names() -> Vec<Event> {
    let roles = BTreeSet::from([Role::Read, Role::Sell, Role::Credit, Role::Operate, Role::Admin]);
    let account = connection::Account {
        base_url: Some("https://lnbits.example".to_owned()),
        key_from: Some("LNBITS_API_KEY".to_owned()),
        webhook_secret_from: Some("LNBITS_WEBHOOK_SECRET".to_owned()),
        capabilities: vec!["msat".to_owned()],
        ..sandbox()
    };
    vec![
        tenant_opened(1).into(),
        KeyIssued { key: id("key_1"), digest: hash(3), roles }.into(),
        KeyRevoked { key: id("key_1"), reason: reason() }.into(),
        connection::Declared { version: 1, account }.into(),
        connection::Retired { reason: reason() }.into(),
    ]
}

fn offers() -> Vec<Event> {
    let gives = Gives::Credit {
        amount: money("USD", 5_000_000),
        pool: Pool::general(),
        expires_after_seconds: Some(86_400),
    };
    let terms = offer::Terms {
        host: Some("api.example".to_owned()),
        least: Some(units(1_000)),
        most: Some(units(1_000_000)),
        connection: Some(id("default")),
        ..terms(10_000, gives)
    };
    vec![
        offer::Published { version: 1, terms }.into(),
        offer::Withdrawn { reason: reason() }.into(),
    ]
}

fn offer() -> OfferRef {
    OfferRef { id: id("report"), version: 1 }
}

fn payments() -> Vec<Event> {
    let promise = Promise::Access {
        service: id("api"),
        methods: vec!["GET".to_owned()],
        path: "/v1/report".to_owned(),
        uses: Some(3),
        seconds: None,
    };
    vec![
        Requested {
            promise,
            account: Some(id("alice")),
            offer: Some(offer()),
            price: msat(10_000),
            connection: id("default"),
            reference: Some("order-17".to_owned()),
            metadata: Some(sealed()),
            expiry_seconds: 600,
        }
        .into(),
        payment::InstrumentCreated {
            number: 1,
            callback: Some(hash(4)),
            ..instrument("pay_1", msat(10_000))
        }
        .into(),
        Failed { reason: "refused".to_owned(), detail: "no route".to_owned() }.into(),
        OutcomeUnknown { class: "timeout".to_owned() }.into(),
        Abandoned { reason: reason() }.into(),
        DetailNoted { word: "confirming".to_owned() }.into(),
        settled().into(),
        SettlementNamed {
            provider_id: "set_1".to_owned(),
            money: msat(10_000),
            truth: Truth::Webhook,
            receipt: Some(id("rcpt_1")),
        }
        .into(),
    ]
}

fn settled() -> Settled {
    let rate = Rate {
        pair: "BTC/USD".to_owned(),
        value: "97123.45".to_owned(),
        source: "desk".to_owned(),
        at: after(30),
    };
    Settled {
        instrument: 1,
        requested: msat(10_000),
        received: msat(12_000),
        fee: Some(msat(10)),
        funding: Funding::Completed { arrived: msat(6_000) },
        truth: Truth::Webhook,
        connection: id("default"),
        provider_id: "set_1".to_owned(),
        provider_time: Some(after(30)),
        receipt: Some(id("rcpt_1")),
        challenged_at: after(1),
        rate: Some(rate),
    }
}

fn ends() -> Vec<Event> {
    vec![
        Consumed { gave: Gave::Entitlement { id: id("pay_1") }, price: msat(10_000) }.into(),
        Expired { word: "expired".to_owned() }.into(),
        ReviewOpened {
            number: 1,
            kind: ReviewKind::WrongAsset,
            money: Some(money("EUR", 12)),
            requested: msat(10_000),
            instrument: 1,
            truth: Truth::Status,
            connection: id("default"),
            provider_id: "set_2".to_owned(),
            provider_time: Some(after(31)),
            receipt: Some(id("rcpt_2")),
        }
        .into(),
        ReviewResolved {
            number: 1,
            opener: 25,
            action: ReviewAction::Refund,
            money: Some(money("EUR", 12)),
            connection: id("default"),
            reference: Some("refund-3".to_owned()),
            reason: reason(),
        }
        .into(),
        TransitionRefused {
            from: Status::Consumed,
            to: Status::Failed,
            truth: Truth::Webhook,
            receipt: Some(id("rcpt_3")),
        }
        .into(),
        payment::Refunded {
            refund: id("ref_1"),
            amount: msat(3_000),
            total: msat(5_000),
            paid: msat(10_000),
            connection: id("default"),
            reference: Some("refund-4".to_owned()),
            reason: reason(),
        }
        .into(),
    ]
}

fn receipts() -> Vec<Event> {
    let recorded = receipt::Recorded {
        lookup: receipt::Lookup {
            provider_id: Some("inv-pay_1".to_owned()),
            payment_hash: Some(hash(5)),
        },
        settlement: Some("set_1".to_owned()),
        fee: Some(msat(10)),
        occurred_at: Some(after(30)),
        payment: Some(payment_ref("pay_1")),
        led_to: payment::LedTo::Applied,
        ..told(Some("evt_1"), "pay_1", payment::Says::Paid { received: Some(msat(10_000)) })
    };
    let refused = receipt::Refused {
        connection: id("default"),
        reason: "bad_signature".to_owned(),
        count: 12,
        first: after(1),
        last: after(59),
        sample: Some(sealed()),
    };
    let payment = Some(payment_ref("pay_1"));
    vec![
        recorded.into(),
        Matched { payment, led_to: payment::LedTo::Review }.into(),
        refused.into(),
    ]
}

fn credit() -> Vec<Event> {
    let part = |amount, left, cost| Part {
        lot: id("lot_1"),
        amount: units(amount),
        left: units(left),
        cost: Some(msat(cost)),
        source: SourceKind::Purchase,
        pool: Pool::general(),
    };
    vec![
        account::Opened {}.into(),
        LotMinted {
            lot: id("lot_1"),
            amount: money("USD", 100),
            source: Source { kind: SourceKind::Purchase, id: "pay_1".to_owned() },
            pool: Pool::general(),
            expires_at: Some(after(86_400)),
            cost: Some(msat(10)),
            offer: Some(offer()),
            payment: Some(id("pay_1")),
            reason: Some(reason()),
        }
        .into(),
        Spent {
            total: money("USD", 30),
            parts: vec![part(30, 70, 3)],
            order: ORDER.to_owned(),
            reference: Some("call-9".to_owned()),
        }
        .into(),
        LotExpired { amount: money("USD", 70), part: part(70, 0, 7) }.into(),
    ]
}

fn access() -> Vec<Event> {
    vec![
        entitlement::Granted {
            payment: id("pay_1"),
            offer: Some(offer()),
            service: id("api"),
            token: Some(hash(8)),
            methods: vec!["GET".to_owned()],
            path: "/v1/report".to_owned(),
            uses: Some(3),
            until: Some(after(86_400)),
            price: msat(10_000),
        }
        .into(),
        entitlement::Used { number: 1, same: hash(7), left: 2, earned: msat(3_333) }.into(),
        entitlement::Repeated { number: 1, times: 1 }.into(),
        entitlement::Released {
            number: 1,
            reverses: 2,
            earned: msat(3_333),
            left: 3,
            reason: reason(),
        }
        .into(),
        entitlement::Revoked { reason: reason() }.into(),
    ]
}
