//! Webhook receipts, and attempts that proved nothing.

use piperoll_domain::{
    id::{ConnectionId, PaymentId, TenantId},
    payment::LedTo,
};

use super::{
    Error, Page, PageRequest, Snapshot,
    query::{Direction, Order, Query},
    rows::row,
};

row! {
    /// What a provider told us.
    Receipt {
        /// In whose name it was recorded; `_` as a rule.
        tenant: String,
        /// Which.
        receipt: String,
        /// Through which provider account.
        connection: Option<String>,
        /// The network that account is on.
        network: Option<String>,
        /// The provider's name for the message.
        event_id: Option<String>,
        /// SHA-256 of the raw body, in hexadecimal.
        digest: Option<String>,
        /// What proved the sender.
        scheme: Option<String>,
        /// Which of its keys.
        scheme_key: Option<String>,
        /// The provider's name for the payment.
        provider_id: Option<String>,
        /// The Lightning payment hash.
        payment_hash: Option<String>,
        /// What it says.
        says: Option<String>,
        /// The provider's name for the settlement.
        settlement: Option<String>,
        /// 1 for a hint that had to be confirmed.
        needs_confirmation: Option<i64>,
        /// Whose payment is meant.
        payment_tenant: Option<String>,
        /// Which payment is meant; none while parked.
        payment: Option<String>,
        /// What it led to.
        led_to: Option<String>,
        /// When it came.
        recorded_at: Option<i64>,
        /// The provider's time.
        occurred_at: Option<i64>,
        /// When a parked one found its payment, or was given up.
        matched_at: Option<i64>,
        /// The event that recorded it.
        received_position: Option<i64>,
        /// Its last event.
        position: i64,
    }
}

row! {
    /// Attempts that proved nothing, by connection and reason.
    Refused {
        /// In whose name they were recorded.
        tenant: String,
        /// Which provider account was addressed.
        connection: String,
        /// Why they were refused.
        reason: String,
        /// How many.
        count: i64,
        /// When the last one came.
        last_at: Option<i64>,
        /// The last event that tells of some.
        position: i64,
    }
}

/// Which receipts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiptFilter {
    /// Concerning a tenant's payments.
    pub payment_tenant: Option<TenantId>,
    /// Concerning a payment.
    pub payment: Option<PaymentId>,
    /// Through a provider account.
    pub connection: Option<ConnectionId>,
    /// By the provider's name for the message.
    pub event_id: Option<String>,
    /// By what they led to.
    pub led_to: Option<LedTo>,
}

impl Snapshot {
    /// A page of receipts, the latest first.
    pub async fn receipts(
        &mut self,
        filter: &ReceiptFilter,
        page: &PageRequest,
    ) -> Result<Page<Receipt>, Error> {
        let mut query = Query::over(Receipt::SELECT);
        query.words(" FROM receipts").only_where("received_position IS NOT NULL");
        filter.narrow(&mut query);
        let columns: &[(&str, bool)] = &[("received_position", true)];
        let order = Order { list: "receipts", columns, direction: Direction::Down };
        let read = |row: &_| {
            let receipt = Receipt::read(row)?;
            let key = vec![receipt.received_position.unwrap_or(0).into()];
            Ok((receipt, key))
        };
        order.page(query, page, self, read).await
    }

    /// What was refused, by connection and reason; few rows by nature.
    pub async fn receipts_refused(&mut self) -> Result<Vec<Refused>, Error> {
        let mut query = Query::over(Refused::SELECT);
        query.words(" FROM receipts_refused ORDER BY tenant, connection, reason LIMIT 1000");
        let rows = query.all(self).await?;
        rows.iter().map(Refused::read).collect::<Result<_, _>>().map_err(Error::Read)
    }
}

impl ReceiptFilter {
    fn narrow(&self, query: &mut Query) {
        if let Some(tenant) = &self.payment_tenant {
            query.only("payment_tenant =", tenant);
        }
        if let Some(payment) = &self.payment {
            query.only("payment =", payment);
        }
        if let Some(connection) = &self.connection {
            query.only("connection =", connection);
        }
        if let Some(event_id) = &self.event_id {
            query.only("event_id =", event_id);
        }
        if let Some(led_to) = self.led_to {
            query.only("led_to =", piperoll_projections::receipts::led_to_word(led_to));
        }
    }
}
