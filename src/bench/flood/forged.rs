//! What a stranger sends who has no right to: every request is another, and each must be refused.

use std::net::SocketAddr;

use crate::bench::{BoxError, Caller, Wire, edge};

/// What they are answered with: the second is for those who guess keys, one after the other.
const REFUSED: [u16; 2] = [401, 429];
/// Signs nothing, and pays nothing.
const NOTHING: &str = "abababababababababababababababababababababababababababababababab";
/// A command that would cost the house something.
const TOPUP: &str = r#"{"account":"alice","amount":{"commodity":"MSAT","amount":"5000"}}"#;

/// What is forged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Words of a provider.
    Webhooks,
    /// Keys, tokens of operators, and paid credentials.
    Credentials,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Webhooks, Self::Credentials];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Webhooks => "webhooks",
            Self::Credentials => "credentials",
        }
    }
}

/// A stranger with a connection that he keeps.
pub(super) struct Forger {
    kind: Kind,
    wire: Wire,
    key: String,
    shown: String,
    number: u64,
    out: Vec<u8>,
}

impl Forger {
    /// One of many, with a token that was sold and a proof that is none.
    pub(super) fn new(
        kind: Kind,
        address: SocketAddr,
        key: &str,
        token: &str,
        number: usize,
    ) -> Self {
        let number = u64::try_from(number).unwrap_or(u64::MAX).saturating_mul(1 << 32);
        let (key, shown) = (key.to_owned(), format!("L402 {token}:{NOTHING}"));
        Self { kind, wire: Wire::to(address), key, shown, number, out: vec![] }
    }

    fn webhook(&mut self) {
        let Self { number, .. } = *self;
        let body = format!(r#"{{"eventId":"{number}","paymentHash":"{NOTHING}","status":"paid"}}"#);
        let (path, signed) = match number % 4 {
            0 => ("/webhooks/default".to_owned(), true),
            1 => ("/webhooks/default".to_owned(), false),
            2 => ("/api/payments/webhooks/default/settled".to_owned(), true),
            _ => (format!("/webhooks/default/dev.pay_{number}.{NOTHING}"), false),
        };
        let all = [("content-type", "application/json"), ("x-wordclaw-payment-signature", NOTHING)];
        let fields = if signed { &all[..] } else { &all[..1] };
        edge::request(&format!("POST {path}"), fields, &body, &mut self.out);
    }

    fn credential(&mut self) {
        let number = self.number.to_string();
        let stolen = format!("Bearer prk_{number}_{NOTHING}");
        let shared = [("content-type", "application/json"), ("idempotency-key", number.as_str())];
        let (line, own): (_, &[(&str, &str)]) = match self.number % 3 {
            0 => ("POST /v1/topups", &[("authorization", stolen.as_str())]),
            1 => ("GET /v1/admin/tenants", &[("x-admin-token", stolen.as_str())]),
            _ => {
                let shown = [("piperoll-key", &*self.key), ("authorization", &*self.shown)];
                let fields = [&shared[..], &shown[..]].concat();
                return edge::request("POST /v1/topups", &fields, TOPUP, &mut self.out);
            }
        };
        edge::request(line, &[&shared[..], own].concat(), TOPUP, &mut self.out);
    }
}

impl Caller for Forger {
    async fn call(&mut self) -> Result<u64, BoxError> {
        match self.kind {
            Kind::Webhooks => self.webhook(),
            Kind::Credentials => self.credential(),
        }
        self.number = self.number.wrapping_add(1);
        let status = self.wire.ask(&self.out).await?.status;
        if REFUSED.contains(&status) {
            Ok(1)
        } else {
            Err(format!("answered with {status}").into())
        }
    }
}
