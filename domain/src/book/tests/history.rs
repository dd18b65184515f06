//! Wishes, valid and not, over a few payments, accounts, entitlements and campaigns.

mod campaigns;

use proptest::prelude::*;

use crate::{
    account::{Order, Source, SourceKind},
    billing::{Billing, Mode},
    id::{Kind, Stream, TenantId},
    money::Money,
    offer::Gives,
    operation::{
        AnswerReceipt, Finalize, HearStatus, MatchReceipt, Mint, Operation, Release, Reserve,
        RevokeEntitlement, TransferCredit,
    },
    payment::{Heard, ReviewAction, Says, Truth},
    receipt::{Lookup, Recorded},
    testing::*,
};

/// One step of a random history.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Time passes.
    Pass(u32),
    /// The clock is doubted, or trusted again.
    Rest(bool),
    /// Wishes are put, one after the other.
    Wishes(Vec<Operation>),
}

const PRICE: u64 = 10_000;

fn payment() -> impl Strategy<Value = String> {
    prop_oneof![Just("p1"), Just("p2"), Just("p3"), Just("p4")].prop_map(str::to_owned)
}

fn account() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just("alice"), 2 => Just("bob"), 1 => Just("ghost")].prop_map(str::to_owned)
}

fn name(prefix: &'static str, count: u8) -> impl Strategy<Value = String> {
    (0..count).prop_map(move |number| format!("{prefix}{number}"))
}

fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1..50_u64, Just(PRICE / 2), Just(PRICE), Just(2 * PRICE), 1..20_000_u64]
}

fn some_money() -> impl Strategy<Value = Money> {
    (amount(), prop_oneof![6 => Just("MSAT"), 1 => Just("USD"), 1 => Just("EUR")])
        .prop_map(|(amount, code)| money(code, amount))
}

fn says() -> impl Strategy<Value = Says> {
    prop_oneof![
        3 => Just(paid()),
        4 => some_money().prop_map(|money| Says::Paid { received: Some(money) }),
        1 => Just(expired()),
        1 => Just(failed()),
        1 => Just(pending(None)),
        1 => Just(pending(Some("confirming"))),
        1 => Just(Says::NotFound {}),
    ]
}

fn settlement() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        2 => Just(None),
        1 => name("set_", 3).prop_map(Some),
        1 => payment().prop_map(|payment| Some(format!("inv-{payment}"))),
    ]
}

fn hearing() -> impl Strategy<Value = Heard> {
    let truth = prop_oneof![Just(Truth::Status), Just(Truth::Stream)];
    let fee = prop::option::of((0..100_u64).prop_map(msat));
    (says(), settlement(), truth, fee).prop_map(|(says, settlement, truth, fee)| Heard {
        truth,
        settlement,
        fee,
        ..heard(says)
    })
}

fn asking() -> impl Strategy<Value = Operation> {
    let offer = prop_oneof![Just("uses"), Just("time"), Just("credit")];
    prop_oneof![
        payment().prop_map(|payment| plain(&payment, PRICE)),
        (payment(), account()).prop_map(|(payment, account)| top_up(&payment, &account, PRICE)),
        (payment(), offer, 0..3_u32).prop_map(|(payment, offer, n)| buy(&payment, offer, n)),
        payment().prop_map(|payment| invoice(&payment, PRICE)),
        payment().prop_map(|payment| invoice(&payment, PRICE)),
        payment().prop_map(|payment| create_failed(&payment)),
        payment().prop_map(|payment| create_unknown(&payment)),
        payment().prop_map(|payment| abandon(&payment)),
    ]
}

fn publish_as(offer: &str, price: u64) -> Operation {
    let gives = match offer {
        "uses" => Gives::Uses { count: 3 },
        "time" => Gives::Time { seconds: 600 },
        _ => Gives::Credit {
            amount: msat(7_777),
            pool: id("prepaid"),
            expires_after_seconds: Some(900),
        },
    };
    publish(offer, price, gives)
}

fn selling() -> impl Strategy<Value = Operation> {
    let offer = prop_oneof![Just("uses"), Just("time"), Just("credit")];
    (offer, prop_oneof![Just(PRICE), Just(PRICE + 1)])
        .prop_map(|(offer, price)| publish_as(offer, price))
}

fn answering() -> impl Strategy<Value = Operation> {
    let asked = (payment(), hearing()).prop_map(|(payment, heard)| {
        HearStatus { tenant: tenant("acme"), payment: id(&payment), heard }.into()
    });
    let action = prop_oneof![
        Just(ReviewAction::Apply),
        Just(ReviewAction::Refund),
        Just(ReviewAction::Dismiss)
    ];
    prop_oneof![
        6 => asked,
        4 => payment().prop_map(|payment| fulfil(&payment)),
        3 => (payment(), 1..4_u32, action).prop_map(|(p, review, action)| resolve(&p, review, action)),
        1 => payment().prop_map(|payment| note_silence(&payment)),
    ]
}

fn hooks() -> impl Strategy<Value = Operation> {
    let event = prop::option::of(name("evt_", 12));
    let hook = (name("r", 12), event, payment(), says(), settlement(), any::<bool>(), 0..3_u8)
        .prop_map(|(receipt, event, payment, says, settlement, needs_confirmation, by)| {
            let lookup = Lookup {
                provider_id: (by == 0).then(|| format!("inv-{payment}")),
                payment_hash: (by == 1).then(|| payment_hash(&payment)),
            };
            let base = told(event.as_deref(), &payment, says);
            let told = Recorded { lookup, settlement, needs_confirmation, ..base };
            webhook(&receipt, told)
        });
    let stream = || {
        (name("r", 12), any::<bool>()).prop_map(|(receipt, ours)| Stream {
            kind: Kind::Receipt,
            tenant: if ours { tenant("acme") } else { TenantId::roll() },
            id: id(&receipt),
        })
    };
    let give_up_after = after(5_000);
    prop_oneof![
        3 => hook,
        2 => stream().prop_map(move |stream| MatchReceipt { stream, give_up_after }.into()),
        2 => (stream(), hearing()).prop_map(|(stream, heard)| AnswerReceipt { stream, heard }.into()),
    ]
}

fn crediting() -> impl Strategy<Value = Operation> {
    let mint = (account(), name("lot", 20), 0..60_u64, prop::option::of(0..4_000_u32), 0..3_u8);
    let mint = mint.prop_map(|(account, lot, amount, expiry, kind)| {
        let given = match kind {
            0 => grant(&account, &lot, msat(amount)),
            1 => deposit(&account, &lot, msat(amount), msat(amount.wrapping_mul(7) % 100)),
            _ => pooled("prepaid", grant(&account, &lot, msat(amount))),
        };
        // Two names may come from one source.
        let source = Source {
            kind: SourceKind::Grant,
            id: format!("s{}", lot.len().wrapping_add(usize::from(kind))),
        };
        let given = if lot.ends_with('9') { Mint { source, cost: None, ..given } } else { given };
        expiry.map_or(given.clone(), |expiry| until(expiry, given)).into()
    });
    let lot = prop_oneof![name("lot", 20), payment()];
    let pool = prop_oneof![Just("general"), Just("prepaid")];
    let spent = prop_oneof![0..40_u64, amount()];
    prop_oneof![
        3 => mint,
        1 => account().prop_map(|account| open_account(&account)),
        4 => (account(), spent, pool).prop_map(|(a, amount, pool)| spend_from(&a, msat(amount), pool)),
        1 => (account(), lot).prop_map(|(account, lot)| expire_lot(&account, &lot)),
    ]
}

fn reservation() -> impl Strategy<Value = String> {
    name("res", 24)
}

fn mode() -> impl Strategy<Value = Operation> {
    let mode = prop_oneof![2 => Just(Mode::Live), 2 => Just(Mode::Soft), 1 => Just(Mode::Shadow)];
    let order = prop_oneof![Just(Order::PoolExpiryAge), Just(Order::PoolAge)];
    let pool = prop_oneof![Just("general"), Just("prepaid")];
    (mode, order, pool, 0..12_u8).prop_map(|(mode, order, pool, number)| {
        let orders = [(id(pool), order)].into();
        let ceilings = [(id("MSAT"), units(if number == 1 { 30 } else { 100_000 }))].into();
        bill(Billing { mode, orders, ceilings, enabled: number != 0, ..Billing::default() })
    })
}

/// Reservations in every mode, their ends, and what goes wrong with credit.
fn metering() -> impl Strategy<Value = Operation> {
    let pool = || prop_oneof![Just("general"), Just("prepaid")];
    let ttl = prop::option::of(prop_oneof![0..2_u32, 1..1_000_u32, Just(86_401)]);
    // Mostly asked for as it was before, if its name comes again.
    let usual = (account(), reservation())
        .prop_map(|(account, reservation)| hold(&account, &reservation, money("MSAT", 20)).into());
    let reserve = (account(), reservation(), 0..60_u64, pool(), ttl, 0..10_u8);
    let reserve = reserve.prop_map(|(account, reservation, amount, pool, ttl_seconds, number)| {
        let commodity = if number == 0 { "USD" } else { "MSAT" };
        let hold = hold(&account, &reservation, money(commodity, amount));
        Reserve { pool: id(pool), ttl_seconds, is_estimate: number == 1, ..hold }.into()
    });
    let named = || prop::option::of(account());
    let cost = (reservation(), 0..80_u64, named(), 0..12_u8);
    let cost = cost.prop_map(|(reservation, cost, account, number)| {
        let commodity = if number == 0 { "USD" } else { "MSAT" };
        let account = account.as_deref().map(id);
        Finalize { account, ..finalize(&reservation, money(commodity, cost)) }.into()
    });
    let back = (reservation(), named()).prop_map(|(reservation, account)| {
        let account = account.as_deref().map(id);
        Release { tenant: tenant("acme"), account, reservation: id(&reservation) }.into()
    });
    let lot = || prop_oneof![4 => name("lot", 20), 1 => payment(), 1 => name("move1.", 3)];
    let claw = (account(), lot(), prop::option::of(0..40_u64));
    let moved = (name("move", 6), account(), account(), 0..40_u64, pool());
    let moved = moved.prop_map(|(name, from, to, amount, pool)| {
        TransferCredit { pool: id(pool), ..transfer(&name, &from, &to, msat(amount)) }.into()
    });
    prop_oneof![
        5 => reserve,
        3 => usual,
        8 => cost,
        3 => back,
        2 => (account(), reservation()).prop_map(|(account, name)| time_out(&account, &name)),
        3 => claw.prop_map(|(account, lot, amount)| claw_back(&account, &lot, amount)),
        1 => (account(), lot()).prop_map(|(account, lot)| void(&account, &lot)),
        2 => moved,
        2 => mode(),
    ]
}

/// Money that goes back.
fn refunding() -> impl Strategy<Value = Operation> {
    (payment(), name("ref", 30), amount())
        .prop_map(|(payment, name, amount)| refund(&payment, &name, msat(amount)))
}

fn using() -> impl Strategy<Value = Operation> {
    let revoke = payment().prop_map(|entitlement| {
        let reason = "charged back".to_owned();
        RevokeEntitlement { tenant: tenant("acme"), entitlement: id(&entitlement), reason }.into()
    });
    prop_oneof![
        12 => (payment(), 0..4_u8).prop_map(|(entitlement, same)| use_once(&entitlement, same)),
        6 => (payment(), 0..4_u32).prop_map(|(entitlement, number)| release(&entitlement, number)),
        1 => revoke,
    ]
}

pub(super) fn any_step() -> impl Strategy<Value = Step> {
    let wish = prop_oneof![
        6 => asking().boxed(),
        2 => selling().boxed(),
        8 => answering().boxed(),
        4 => hooks().boxed(),
        8 => crediting().boxed(),
        8 => metering().boxed(),
        2 => refunding().boxed(),
        4 => using().boxed(),
        4 => campaigns::campaigning().boxed(),
    ];
    let bought = (payment(), prop_oneof![Just("uses"), Just("credit")]);
    let bought = bought.prop_map(|(payment, offer)| {
        Step::Wishes(vec![
            publish_as(offer, PRICE),
            buy(&payment, offer, 1),
            invoice(&payment, PRICE),
            status(&payment, paid()),
            fulfil(&payment),
        ])
    });
    prop_oneof![
        1 => bought.boxed(),
        1 => campaigns::launched().prop_map(Step::Wishes).boxed(),
        24 => wish.prop_map(|wish| Step::Wishes(vec![wish])).boxed(),
        3 => prop_oneof![0..100_u32, 0..1_000_u32, Just(90_000_u32)].prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Rest),
    ]
}

/// Campaigns, and what else may meet their accounts and lots.
pub(super) fn any_campaign_step() -> impl Strategy<Value = Step> {
    let wish = prop_oneof![8 => campaigns::campaigning().boxed(), 1 => crediting().boxed()];
    prop_oneof![
        16 => wish.prop_map(|wish| Step::Wishes(vec![wish])).boxed(),
        2 => prop_oneof![0..100_u32, 0..1_000_u32].prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Rest),
    ]
}

/// Credit alone, in few accounts, so that everything meets everything.
pub(super) fn any_credit_step() -> impl Strategy<Value = Step> {
    let wish = prop_oneof![3 => crediting().boxed(), 5 => metering().boxed()];
    prop_oneof![
        16 => wish.prop_map(|wish| Step::Wishes(vec![wish])).boxed(),
        2 => prop_oneof![0..100_u32, 0..1_000_u32].prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Rest),
    ]
}
