//! Payments, their reviews, and what they gave.

use piperoll_domain::{
    bytes::Hash,
    id::{AccountId, ConnectionId, EntitlementId, PaymentId, TenantId},
    payment::Status,
    time::Time,
};
use piperoll_projections::value::Value;

use super::{
    Error, Page, PageRequest, Snapshot,
    query::{Direction, Order as KeyOrder, Query},
    rows::row,
};

row! {
    /// A payment as it stands. Times are microseconds, hashes lower-case hexadecimal.
    Payment {
        /// Whose.
        tenant: String,
        /// Which.
        payment: String,
        /// Where it stands; none where history began without a request.
        status: Option<String>,
        /// `nothing`, `credit` or `access`.
        promise: Option<String>,
        /// Of the price and of what was received.
        commodity: Option<String>,
        /// What it costs.
        price: Option<i64>,
        /// What arrived, once it is paid.
        received: Option<i64>,
        /// What the provider kept, if it told.
        fee: Option<i64>,
        /// In what.
        fee_commodity: Option<String>,
        /// Through which provider account.
        connection: Option<String>,
        /// How it is asked for.
        protocol: Option<String>,
        /// `bitcoin`, `regtest` …
        network: Option<String>,
        /// The provider's own name for it.
        provider_id: Option<String>,
        /// The Lightning payment hash.
        payment_hash: Option<String>,
        /// Whose account it concerns.
        account: Option<String>,
        /// Under which offer.
        offer: Option<String>,
        /// Under which version of it.
        offer_version: Option<i64>,
        /// To which service it gives access.
        service: Option<String>,
        /// The caller's own name for it.
        reference: Option<String>,
        /// How we know that it is paid.
        truth: Option<String>,
        /// The provider's name for the settlement.
        settled_by: Option<String>,
        /// `nothing`, `lot`, `recovered` or `entitlement`, once it is consumed.
        gave_kind: Option<String>,
        /// In whose account the lot is.
        gave_account: Option<String>,
        /// The lot's or the entitlement's name.
        gave: Option<String>,
        /// The provider's own word.
        detail: Option<String>,
        /// Why it failed, was lost or abandoned.
        reason: Option<String>,
        /// When it was asked for.
        requested_at: Option<i64>,
        /// When there was an invoice.
        pending_at: Option<i64>,
        /// Until when the invoice can be paid.
        expires_at: Option<i64>,
        /// When we knew that it is paid.
        settled_at: Option<i64>,
        /// When the provider says that it was paid.
        provider_time: Option<i64>,
        /// When what was promised had been given.
        consumed_at: Option<i64>,
        /// When it ended without money.
        ended_at: Option<i64>,
        /// How many invoices there were.
        instruments: i64,
        /// How many reviews there were.
        reviews: i64,
        /// How many are open.
        reviews_open: i64,
        /// How often a source asked for what cannot be.
        refused_transitions: i64,
        /// What the request belongs to.
        correlation: Option<String>,
        /// The event that asked for it.
        requested_position: Option<i64>,
        /// Its last event.
        position: i64,
    }
}

row! {
    /// What an operator has to decide, or has decided.
    Review {
        /// Whose.
        tenant: String,
        /// About which payment.
        payment: String,
        /// Which of its reviews.
        number: i64,
        /// `open` or `resolved`.
        state: String,
        /// Why it was opened.
        kind: Option<String>,
        /// What lies in suspense, if anything.
        commodity: Option<String>,
        /// How much of it.
        amount: Option<i64>,
        /// What had been asked.
        requested_commodity: Option<String>,
        /// How much of it.
        requested: Option<i64>,
        /// Through which provider account.
        connection: Option<String>,
        /// The provider's name for the settlement, or for the payment.
        provider_id: Option<String>,
        /// How we know.
        truth: Option<String>,
        /// The receipt that told us.
        receipt: Option<String>,
        /// When.
        opened_at: Option<i64>,
        /// What was decided.
        action: Option<String>,
        /// Where the refund can be found.
        reference: Option<String>,
        /// Why it was decided so.
        reason: Option<String>,
        /// When.
        resolved_at: Option<i64>,
        /// Its last event.
        position: i64,
    }
}

row! {
    /// What a paid offer gave.
    Entitlement {
        /// Whose.
        tenant: String,
        /// Which.
        entitlement: String,
        /// By which payment.
        payment: Option<String>,
        /// Under which offer.
        offer: Option<String>,
        /// Under which version of it.
        offer_version: Option<i64>,
        /// To which service.
        service: Option<String>,
        /// The L402 token id, in hexadecimal.
        token: Option<String>,
        /// By which methods, with commas; empty for every one.
        methods: Option<String>,
        /// Where.
        path: Option<String>,
        /// How often; none for as often as one likes.
        uses: Option<i64>,
        /// Until when; none without an end.
        until: Option<i64>,
        /// Of the price and of what is earned.
        commodity: Option<String>,
        /// What was paid for it.
        price: Option<i64>,
        /// Uses that count.
        used: i64,
        /// Uses that were the same again.
        repeated: i64,
        /// How much of the price is earned.
        earned: i64,
        /// When it was given.
        granted_at: Option<i64>,
        /// When it was last used.
        used_at: Option<i64>,
        /// When it stopped opening anything.
        revoked_at: Option<i64>,
        /// Why.
        revoked_because: Option<String>,
        /// Its last event.
        position: i64,
    }
}

/// Which payments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentFilter {
    /// Whose; none for everybody's, which is the operator's to ask.
    pub tenant: Option<TenantId>,
    /// Where they stand.
    pub status: Option<Status>,
    /// Asked for before.
    pub requested_before: Option<Time>,
    /// Asked for then or later.
    pub requested_from: Option<Time>,
    /// Concerning an account.
    pub account: Option<AccountId>,
    /// Through a provider account.
    pub connection: Option<ConnectionId>,
    /// By the caller's own name for them.
    pub reference: Option<String>,
}

/// Which payments come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The latest.
    #[default]
    Latest,
    /// The oldest.
    Oldest,
}

impl Snapshot {
    /// A page of payments.
    pub async fn payments(
        &mut self,
        filter: &PaymentFilter,
        order: Order,
        page: &PageRequest,
    ) -> Result<Page<Payment>, Error> {
        let mut query = Query::over(Payment::SELECT);
        query.words(" FROM payments").only_where("requested_at IS NOT NULL");
        filter.narrow(&mut query);
        let columns: &[(&str, bool)] =
            &[("requested_at", true), ("tenant", false), ("payment", false)];
        let (list, direction) = match order {
            Order::Latest => ("payments.latest", Direction::Down),
            Order::Oldest => ("payments.oldest", Direction::Up),
        };
        let order = KeyOrder { list, columns, direction };
        let read = |row: &_| {
            let payment = Payment::read(row)?;
            let at = payment.requested_at.unwrap_or(0);
            let key = vec![at.into(), (&payment.tenant).into(), (&payment.payment).into()];
            Ok((payment, key))
        };
        order.page(query, page, self, read).await
    }

    /// A payment.
    pub async fn payment(
        &mut self,
        tenant: &TenantId,
        payment: &PaymentId,
    ) -> Result<Option<Payment>, Error> {
        let mut query = Query::over(Payment::SELECT);
        query.words(" FROM payments").only("tenant =", tenant).only("payment =", payment);
        self.one_payment(query).await
    }

    /// The payment of a Lightning payment hash.
    pub async fn payment_by_hash(&mut self, hash: Hash) -> Result<Option<Payment>, Error> {
        let mut query = Query::over(Payment::SELECT);
        query.words(" FROM payments").only("payment_hash =", hash).words(" LIMIT 1");
        self.one_payment(query).await
    }

    /// The payment that a provider calls so.
    pub async fn payment_by_provider_id(
        &mut self,
        connection: &ConnectionId,
        provider_id: &str,
    ) -> Result<Option<Payment>, Error> {
        let mut query = Query::over(Payment::SELECT);
        query
            .words(" FROM payments")
            .only("connection =", connection)
            .only("provider_id =", provider_id.to_owned())
            .words(" LIMIT 1");
        self.one_payment(query).await
    }

    async fn one_payment(&mut self, query: Query) -> Result<Option<Payment>, Error> {
        let row = query.one(self).await?;
        row.as_ref().map(Payment::read).transpose().map_err(Error::Read)
    }

    /// A page of open reviews, by tenant, the oldest first; of everybody's without a tenant.
    pub async fn reviews_open(
        &mut self,
        tenant: Option<&TenantId>,
        page: &PageRequest,
    ) -> Result<Page<Review>, Error> {
        let mut query = Query::over(Review::SELECT);
        query.words(" FROM reviews").only_where("state = 'open'");
        if let Some(tenant) = tenant {
            query.only("tenant =", tenant);
        }
        let columns: &[(&str, bool)] =
            &[("tenant", false), ("opened_at", true), ("payment", false), ("number", true)];
        let order = KeyOrder { list: "reviews.open", columns, direction: Direction::Up };
        let read = |row: &_| {
            let review = Review::read(row)?;
            let at = review.opened_at.unwrap_or(0);
            let payment = Value::from(&review.payment);
            let key = vec![(&review.tenant).into(), at.into(), payment, review.number.into()];
            Ok((review, key))
        };
        order.page(query, page, self, read).await
    }

    /// All reviews of a payment.
    pub async fn reviews_of(
        &mut self,
        tenant: &TenantId,
        payment: &PaymentId,
    ) -> Result<Vec<Review>, Error> {
        let mut query = Query::over(Review::SELECT);
        query.words(" FROM reviews").only("tenant =", tenant).only("payment =", payment);
        query.words(" ORDER BY number");
        let rows = query.all(self).await?;
        rows.iter().map(Review::read).collect::<Result<_, _>>().map_err(Error::Read)
    }

    /// A page of a tenant's entitlements, in order of their names.
    pub async fn entitlements(
        &mut self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<Entitlement>, Error> {
        let mut query = Query::over(Entitlement::SELECT);
        query.words(" FROM entitlements").only("tenant =", tenant);
        let columns: &[(&str, bool)] = &[("tenant", false), ("entitlement", false)];
        let order = KeyOrder { list: "entitlements", columns, direction: Direction::Up };
        let read = |row: &_| {
            let row = Entitlement::read(row)?;
            let key = vec![(&row.tenant).into(), (&row.entitlement).into()];
            Ok((row, key))
        };
        order.page(query, page, self, read).await
    }

    /// An entitlement.
    pub async fn entitlement(
        &mut self,
        tenant: &TenantId,
        entitlement: &EntitlementId,
    ) -> Result<Option<Entitlement>, Error> {
        let mut query = Query::over(Entitlement::SELECT);
        query.words(" FROM entitlements").only("tenant =", tenant);
        query.only("entitlement =", entitlement);
        let row = query.one(self).await?;
        row.as_ref().map(Entitlement::read).transpose().map_err(Error::Read)
    }
}

impl PaymentFilter {
    fn narrow(&self, query: &mut Query) {
        if let Some(tenant) = &self.tenant {
            query.only("tenant =", tenant);
        }
        if let Some(status) = self.status {
            query.only("status =", status.as_str());
            if matches!(status, Status::Requested | Status::Unknown | Status::Pending) {
                // Said as a word, so that SQLite may use the small index of unsettled payments.
                query.only_where("status IN ('requested', 'unknown', 'pending')");
            }
        }
        if let Some(before) = self.requested_before {
            query.only("requested_at <", before);
        }
        if let Some(from) = self.requested_from {
            query.only("requested_at >=", from);
        }
        if let Some(account) = &self.account {
            query.only("account =", account);
        }
        if let Some(connection) = &self.connection {
            query.only("connection =", connection);
        }
        if let Some(reference) = &self.reference {
            query.only("reference =", reference);
        }
    }
}
