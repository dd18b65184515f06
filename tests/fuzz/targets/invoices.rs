//! Invoices as providers hand them over.

use piperoll::providers::{
    CreateInvoice,
    bolt11::{BadInvoice, Offered, read},
};

/// A BOLT11 text: what it says is what was asked for, or it is refused.
pub fn bolt11(input: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(input) else { return false };
    let Ok(terms) = read(text) else { return false };
    assert!(text.len() <= 7_089);
    assert_eq!(read(text), Ok(terms), "an invoice reads the same twice");
    let ends = i128::from(terms.made_at.seconds()) + i128::from(terms.life_seconds);
    assert_eq!(i128::from(terms.expires_at.seconds()), ends);
    let Some(amount_msat) = terms.amount_msat else { return true };
    let Ok(expiry_seconds) = u32::try_from(terms.life_seconds) else { return true };
    let asked = CreateInvoice {
        reference: "pay_1/1".to_owned(),
        amount_msat,
        description: None,
        expiry_seconds,
        webhook_url: None,
    };
    let offered =
        Offered { payment_request: text, payment_hash: terms.payment_hash, provider_id: "1" };
    let checked = |asked: &CreateInvoice| offered.check(asked, terms.network, Some(terms.made_at));
    let invoice = checked(&asked).expect("it says what was asked for");
    assert_eq!((invoice.payment_hash, invoice.expires_at), (terms.payment_hash, terms.expires_at));
    let more = CreateInvoice { amount_msat: amount_msat.wrapping_add(1), ..asked.clone() };
    assert_eq!(checked(&more), Err(BadInvoice::Amount));
    let longer = CreateInvoice { expiry_seconds: expiry_seconds.wrapping_add(61), ..asked };
    assert_eq!(checked(&longer), Err(BadInvoice::Expiry));
    true
}
