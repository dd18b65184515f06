//! Wishes and values with short names. Amounts are millisatoshi unless said otherwise.

use std::{collections::BTreeSet, fmt, str::FromStr};

use crate::{
    account::{Source, SourceKind},
    bytes::{Blob, Bytes, Hash, Id16},
    connection::Account,
    event::Envelope,
    id::{
        AccountId, ConnectionId, EntitlementId, Kind, LotId, OfferId, PaymentId, Pool, ReceiptId,
        Stream, TenantId,
    },
    money::{Amount, Money},
    offer::{Gives, Terms},
    operation::{
        AbandonPayment, DeclareConnection, ExpireLot, Fulfil, HearStatus, IssueKey, MatchReceipt,
        Mint, NoteSilence, OpenAccount, OpenRoll, OpenTenant, Operation, PublishOffer, Purpose,
        ReceiveWebhook, RecordCreateFailed, RecordCreateUnknown, RecordInstrument, ReleaseUse,
        RequestPayment, ResolveReview, Spend, UseEntitlement,
    },
    payment::{
        Failed, Heard, InstrumentCreated, LedTo, PaymentRef, Protocol, ReviewAction, Says, Truth,
    },
    receipt::{Lookup, Recorded, Verification},
    roll::{Environment, Opened},
    sealed::Sealed,
    tenant::{self, Role},
    testing::{BEGIN, story},
    time::Time,
};

/// A name of whichever kind.
#[track_caller]
pub fn id<T: FromStr<Err: fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// A tenant's name.
pub fn tenant(name: &str) -> TenantId {
    id(name)
}

/// So many smallest units.
pub fn units(count: u64) -> Amount {
    Amount::new(count).unwrap()
}

/// So many millisatoshi.
pub fn msat(count: u64) -> Money {
    Money::msat(units(count))
}

/// So many of any commodity.
pub fn money(code: &str, count: u64) -> Money {
    Money { commodity: id(code), amount: units(count) }
}

/// 32 bytes, told apart by one.
pub fn hash(byte: u8) -> Hash {
    Bytes([byte; 32])
}

/// A stream of `acme`.
pub fn stream(kind: Kind, name: &str) -> Stream {
    Stream { kind, tenant: tenant("acme"), id: id(name) }
}

/// A payment of `acme`, as other aggregates name it.
pub fn payment_ref(payment: &str) -> PaymentRef {
    PaymentRef { tenant: tenant("acme"), id: id(payment) }
}

/// Text that nobody will ever open.
pub fn sealed() -> Sealed {
    Sealed {
        v: 1,
        subject: Bytes([1; 16]),
        key: Bytes([2; 16]),
        nonce: Bytes([3; 24]),
        ciphertext: Blob(vec![4, 5, 6]),
    }
}

/// The first event of a stream, at `position`.
pub fn envelope(stream: &Stream, position: u64) -> Envelope {
    Envelope {
        position,
        stream: stream.clone(),
        version: 1,
        previous: 0,
        id: Id16::from_slice(&u128::from(position).to_be_bytes()).unwrap(),
        recorded_at: BEGIN.plus_micros(i64::try_from(position).unwrap()),
        effective_at: None,
        tenant: stream.tenant.clone(),
        tenant_version: position,
        actor: story::actor(),
        correlation: Bytes([9; 16]),
        causation: None,
        idempotency: None,
    }
}

/// How a development roll begins.
pub fn opened() -> Opened {
    Opened {
        roll_id: Bytes([0xab; 16]),
        name: "main".to_owned(),
        format: 1,
        environment: Environment::Development,
        piperoll_version: "0.1.0".to_owned(),
    }
}

/// Opens a development roll.
pub fn open_roll() -> Operation {
    OpenRoll { opened: opened() }.into()
}

/// A sandbox account on regtest.
pub fn sandbox() -> Account {
    Account {
        kind: "sandbox".to_owned(),
        network: "regtest".to_owned(),
        base_url: None,
        key_from: None,
        webhook_secret_from: None,
        capabilities: vec![],
    }
}

/// Declares a sandbox connection.
pub fn declare_connection(connection: &str) -> Operation {
    DeclareConnection { connection: id(connection), account: sandbox() }.into()
}

/// How a tenant begins.
pub fn tenant_opened(uid: u8) -> tenant::Opened {
    tenant::Opened {
        uid: Bytes([uid; 16]),
        time_zone: "Europe/Oslo".to_owned(),
        locale: "nb-NO".to_owned(),
        functional_currency: id("USD"),
    }
}

/// Opens a tenant.
pub fn open_tenant(name: &str) -> Operation {
    OpenTenant { tenant: id(name), opened: tenant_opened(1) }.into()
}

/// Hands out a key of `acme`, whose digest is this byte.
pub fn issue_key(key: &str, digest: u8) -> Operation {
    let roles = BTreeSet::from([Role::Read, Role::Sell]);
    IssueKey { tenant: tenant("acme"), key: id(key), digest: hash(digest), roles }.into()
}

/// An offer: `GET /v1/report` of service `api`.
pub fn terms(price: u64, gives: Gives) -> Terms {
    Terms {
        service: id("api"),
        host: None,
        methods: vec!["GET".to_owned()],
        path: "/v1/report".to_owned(),
        price: msat(price),
        gives,
        least: None,
        most: None,
        enforcement_percent: 100,
        connection: None,
        expiry_seconds: 600,
    }
}

/// Puts an offer of `acme` up for sale.
pub fn publish(offer: &str, price: u64, gives: Gives) -> Operation {
    PublishOffer { tenant: tenant("acme"), offer: id(offer), terms: terms(price, gives) }.into()
}

/// Asks for a payment.
pub fn request(payment: &str, purpose: Purpose) -> RequestPayment {
    RequestPayment {
        tenant: tenant("acme"),
        payment: id(payment),
        purpose,
        connection: None,
        expiry_seconds: Some(3600),
        reference: None,
        metadata: None,
    }
}

/// Asks for a payment whose promise the application keeps by itself.
pub fn plain(payment: &str, price: u64) -> Operation {
    request(payment, Purpose::Plain { price: msat(price), account: None }).into()
}

/// Asks for a payment that gives as much credit.
pub fn top_up(payment: &str, account: &str, price: u64) -> Operation {
    let purpose = Purpose::TopUp {
        account: id(account),
        price: msat(price),
        pool: Pool::general(),
        expires_after_seconds: None,
    };
    request(payment, purpose).into()
}

/// Asks for a payment that buys an offer, for an account `alice` if that is what it takes.
pub fn buy(payment: &str, offer: &str, quantity: u32) -> Operation {
    let account = Some(id::<AccountId>("alice"));
    request(payment, Purpose::Offer { offer: id::<OfferId>(offer), quantity, account }).into()
}

/// The invoice that the sandbox makes for a payment: its provider id is `inv-` and the payment's id,
/// it can be paid for an hour after the beginning.
pub fn instrument(payment: &str, amount: Money) -> InstrumentCreated {
    InstrumentCreated {
        number: 0,
        connection: ConnectionId::default_one(),
        protocol: Protocol::L402,
        network: "regtest".to_owned(),
        asset: "BTC".to_owned(),
        provider_id: format!("inv-{payment}"),
        payment_hash: Some(payment_hash(payment)),
        amount,
        expires_at: BEGIN.plus_seconds(3600),
        invoice: Some(sealed()),
        token: Some(hash(8)),
        caveats: vec!["services=api:0".to_owned()],
        callback: None,
    }
}

/// The payment hash of a payment's invoice: its id, padded.
pub fn payment_hash(payment: &str) -> Hash {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(payment.bytes()).for_each(|(byte, letter)| *byte = letter);
    Bytes(bytes)
}

/// Remembers a payment's invoice.
pub fn invoice(payment: &str, amount: u64) -> Operation {
    let created = instrument(payment, msat(amount));
    RecordInstrument { tenant: tenant("acme"), payment: id(payment), created }.into()
}

/// Remembers that there will be no invoice.
pub fn create_failed(payment: &str) -> Operation {
    let failed = Failed { reason: "refused".to_owned(), detail: "no route".to_owned() };
    RecordCreateFailed { tenant: tenant("acme"), payment: id(payment), failed }.into()
}

/// Remembers that the provider's answer was lost.
pub fn create_unknown(payment: &str) -> Operation {
    let class = "timeout".to_owned();
    RecordCreateUnknown { tenant: tenant("acme"), payment: id(payment), class }.into()
}

/// Gives up on a lost answer.
pub fn abandon(payment: &str) -> Operation {
    let reason = "nobody knows".to_owned();
    AbandonPayment { tenant: tenant("acme"), payment: id(payment), reason }.into()
}

/// Paid, without a number.
pub fn paid() -> Says {
    Says::Paid { received: None }
}

/// Paid so much in all.
pub fn paid_msat(amount: u64) -> Says {
    Says::Paid { received: Some(msat(amount)) }
}

/// The provider says that it has expired.
pub fn expired() -> Says {
    Says::Expired { word: "expired".to_owned() }
}

/// The provider says that it has failed.
pub fn failed() -> Says {
    Says::Failed { word: "failed".to_owned() }
}

/// The provider says that it is on its way.
pub fn pending(word: Option<&str>) -> Says {
    Says::Pending { word: word.map(str::to_owned) }
}

/// A word, as the answer to a question.
pub fn heard(says: Says) -> Heard {
    Heard {
        says,
        truth: Truth::Status,
        settlement: None,
        fee: None,
        provider_time: None,
        receipt: None,
    }
}

/// Takes in what the provider answered.
pub fn status(payment: &str, says: Says) -> Operation {
    HearStatus { tenant: tenant("acme"), payment: id(payment), heard: heard(says) }.into()
}

/// Takes in what the provider answered about one settlement.
pub fn status_of(payment: &str, settlement: &str, says: Says) -> Operation {
    let heard = Heard { settlement: Some(settlement.to_owned()), ..heard(says) };
    HearStatus { tenant: tenant("acme"), payment: id(payment), heard }.into()
}

/// What a signed webhook tells about a payment's invoice.
pub fn told(event: Option<&str>, payment: &str, says: Says) -> Recorded {
    Recorded {
        connection: ConnectionId::default_one(),
        network: "regtest".to_owned(),
        event_id: event.map(str::to_owned),
        digest: hash(6),
        body: Some(sealed()),
        verification: Verification { scheme: "hmac-sha256".to_owned(), key: "current".to_owned() },
        lookup: Lookup { provider_id: Some(format!("inv-{payment}")), payment_hash: None },
        says,
        settlement: None,
        fee: None,
        occurred_at: None,
        needs_confirmation: false,
        payment: None,
        led_to: LedTo::NoEffect,
    }
}

/// Takes in a signed webhook.
pub fn webhook(receipt: &str, told: Recorded) -> Operation {
    ReceiveWebhook { receipt: id::<ReceiptId>(receipt), told, by_token: None }.into()
}

/// Takes in a signed webhook about one settlement of a payment.
pub fn settled_webhook(receipt: &str, payment: &str, settlement: &str, says: Says) -> Operation {
    let settlement = Some(settlement.to_owned());
    webhook(receipt, Recorded { settlement, ..told(Some(receipt), payment, says) })
}

/// Looks for a parked receipt's payment, for an hour after the beginning.
pub fn match_parked(receipt: &str) -> Operation {
    let stream = Stream { kind: Kind::Receipt, tenant: TenantId::roll(), id: id(receipt) };
    MatchReceipt { stream, give_up_after: BEGIN.plus_seconds(3600) }.into()
}

/// Notes that the provider is silent.
pub fn note_silence(payment: &str) -> Operation {
    NoteSilence { tenant: tenant("acme"), payment: id(payment) }.into()
}

/// Gives what was promised.
pub fn fulfil(payment: &str) -> Operation {
    Fulfil { tenant: tenant("acme"), payment: id::<PaymentId>(payment) }.into()
}

/// Decides about suspended money.
pub fn resolve(payment: &str, review: u32, action: ReviewAction) -> Operation {
    ResolveReview {
        tenant: tenant("acme"),
        payment: id(payment),
        review,
        action,
        reference: None,
        reason: "looked into it".to_owned(),
    }
    .into()
}

/// Opens an account of `acme`.
pub fn open_account(account: &str) -> Operation {
    OpenAccount { tenant: tenant("acme"), account: id(account) }.into()
}

/// Credit that is given by hand: a grant, named after its lot, in the general pool.
pub fn grant(account: &str, lot: &str, amount: Money) -> Mint {
    Mint {
        tenant: tenant("acme"),
        account: id(account),
        lot: id(lot),
        amount,
        source: Source { kind: SourceKind::Grant, id: lot.to_owned() },
        pool: Pool::general(),
        expires_at: None,
        cost: None,
        reason: "welcome".to_owned(),
        ceiling: None,
    }
}

/// Credit that was paid for outside, so much for so much.
pub fn deposit(account: &str, lot: &str, amount: Money, cost: Money) -> Mint {
    let source = Source { kind: SourceKind::Deposit, id: lot.to_owned() };
    Mint { source, cost: Some(cost), ..grant(account, lot, amount) }
}

/// The same credit, until so many seconds after the beginning.
#[must_use]
pub fn until(seconds: u32, mint: Mint) -> Mint {
    Mint { expires_at: Some(BEGIN.plus_seconds(seconds)), ..mint }
}

/// The same credit, in another pool.
#[must_use]
pub fn pooled(pool: &str, mint: Mint) -> Mint {
    Mint { pool: id(pool), ..mint }
}

/// Uses credit of the general pool.
pub fn spend(account: &str, total: Money) -> Operation {
    spend_from(account, total, "general")
}

/// Uses credit of a pool first.
pub fn spend_from(account: &str, total: Money, pool: &str) -> Operation {
    Spend {
        tenant: tenant("acme"),
        account: id(account),
        total,
        pool: id(pool),
        reference: None,
        ceiling: None,
    }
    .into()
}

/// Lets a lot lapse.
pub fn expire_lot(account: &str, lot: &str) -> Operation {
    ExpireLot { tenant: tenant("acme"), account: id(account), lot: id::<LotId>(lot) }.into()
}

/// Uses an entitlement; `same` tells uses apart.
pub fn use_once(entitlement: &str, same: u8) -> Operation {
    let entitlement = id::<EntitlementId>(entitlement);
    UseEntitlement { tenant: tenant("acme"), entitlement, same: hash(same) }.into()
}

/// Gives a use back.
pub fn release(entitlement: &str, number: u32) -> Operation {
    let reason = "upstream failed".to_owned();
    ReleaseUse { tenant: tenant("acme"), entitlement: id(entitlement), number, reason }.into()
}

/// So many seconds after the beginning.
pub fn after(seconds: u32) -> Time {
    BEGIN.plus_seconds(seconds)
}
