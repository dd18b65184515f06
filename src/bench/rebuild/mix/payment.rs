//! A payment as far as its settlement.

use piperoll_domain::{
    id::{AccountId, ConnectionId, InvalidName, Kind, PaymentId, ReceiptId, Stream, TenantId},
    money::Money,
    payment::{
        Funding, InstrumentCreated, LedTo, PaymentRef, Promise, Protocol, Requested, Says, Settled,
        Truth,
    },
    receipt::{self, Lookup, Verification},
    time::Time,
};

use super::{Mix, amount};

impl Mix {
    pub(super) fn pending(
        &mut self,
        id: &PaymentId,
        promise: Promise,
        account: Option<AccountId>,
        price: Money,
    ) -> Stream {
        let stream = Stream::new(Kind::Payment, &self.tenant, id);
        let connection = ConnectionId::default_one();
        let requested = Requested {
            promise,
            account,
            offer: None,
            price,
            connection: connection.clone(),
            reference: Some(format!("order-{}", self.number)),
            metadata: None,
            expiry_seconds: 600,
        };
        self.begin();
        self.say(&stream, requested, true);
        let created = InstrumentCreated {
            number: 1,
            connection,
            protocol: Protocol::L402,
            network: "regtest".to_owned(),
            asset: "BTC".to_owned(),
            provider_id: format!("inv_{}", self.number),
            payment_hash: Some(self.hash()),
            amount: price,
            expires_at: Time::from_micros(self.clock).plus_seconds(600),
            invoice: None,
            token: Some(self.hash()),
            caveats: vec![],
            callback: None,
        };
        self.say(&stream, created, false);
        stream
    }

    /// A payment up to its settlement by webhook.
    pub(super) fn paid(
        &mut self,
        id: &PaymentId,
        promise: Promise,
        account: Option<AccountId>,
        price: Money,
    ) -> Result<Stream, InvalidName> {
        let payment = self.pending(id, promise, account, price);
        let receipt: ReceiptId = self.name("rcpt")?;
        let connection = ConnectionId::default_one();
        self.begin();
        let recorded = self.heard(id, connection.clone());
        self.say(&Stream::new(Kind::Receipt, &TenantId::roll(), &receipt), recorded, false);
        let settled = Settled {
            instrument: 1,
            requested: price,
            received: price,
            fee: Some(Money::msat(amount(1))),
            funding: Funding::Received {},
            truth: Truth::Webhook,
            connection,
            provider_id: format!("set_{}", self.number),
            provider_time: None,
            receipt: Some(receipt),
            challenged_at: Time::from_micros(self.clock),
            rate: None,
        };
        self.say(&payment, settled, false);
        Ok(payment)
    }

    fn heard(&mut self, id: &PaymentId, connection: ConnectionId) -> receipt::Recorded {
        let (scheme, key) = ("hmac-sha256".to_owned(), "current".to_owned());
        receipt::Recorded {
            connection,
            network: "regtest".to_owned(),
            event_id: Some(format!("evt_{}", self.number)),
            digest: self.hash(),
            body: None,
            verification: Verification { scheme, key },
            lookup: Lookup { provider_id: None, payment_hash: None },
            says: Says::Paid { received: None },
            settlement: None,
            fee: None,
            occurred_at: None,
            needs_confirmation: false,
            payment: Some(PaymentRef { tenant: self.tenant.clone(), id: id.clone() }),
            led_to: LedTo::Applied,
        }
    }
}
