//! Reservations: what was set aside, and what became of it.

use piperoll_domain::id::{AccountId, TenantId};
use piperoll_projections::{reservations::status, value::Value};

use super::{
    Error, Page, PageRequest, Snapshot,
    query::{Direction, Order, Query},
    rows::row,
};

row! {
    /// A reservation as it stands.
    Reservation {
        /// Whose.
        tenant: String,
        /// Which.
        reservation: String,
        /// Whose credit.
        account: Option<String>,
        /// `pending`, `finalized`, `released` or `expired`.
        status: Option<String>,
        /// In which mode it was made.
        mode: Option<String>,
        /// Of what.
        commodity: Option<String>,
        /// The pool that was asked for.
        pool: Option<String>,
        /// What was to be set aside.
        wanted: Option<i64>,
        /// What was.
        reserved: Option<i64>,
        /// How much was not there.
        missing: Option<i64>,
        /// What the work cost.
        cost: Option<i64>,
        /// What was charged.
        charged: Option<i64>,
        /// How much more it cost than was set aside.
        overrun: Option<i64>,
        /// How much of that nobody pays.
        uncollected: Option<i64>,
        /// How much of the charge is owed.
        owed: Option<i64>,
        /// The caller's own name for the use.
        reference: Option<String>,
        /// When it was made.
        reserved_at: Option<i64>,
        /// When it ends if nobody ends it before.
        expires_at: Option<i64>,
        /// When it ended.
        ended_at: Option<i64>,
        /// Its last event.
        position: i64,
    }
}

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationStatus {
    /// Nobody has ended it.
    Pending,
    /// The work was done and charged.
    Finalized,
    /// It was given back.
    Released,
    /// Its time was over.
    Expired,
}

impl ReservationStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Finalized, Self::Released, Self::Expired];

    /// The word that stands in the rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => status::PENDING,
            Self::Finalized => status::FINALIZED,
            Self::Released => status::RELEASED,
            Self::Expired => status::EXPIRED,
        }
    }

    /// Said as words, so that SQLite may use the index of those that are pending, or that have ended.
    const fn words(self) -> &'static str {
        match self {
            Self::Pending => "status = 'pending'",
            Self::Finalized => "status = 'finalized' AND ended_at IS NOT NULL",
            Self::Released => "status = 'released' AND ended_at IS NOT NULL",
            Self::Expired => "status = 'expired' AND ended_at IS NOT NULL",
        }
    }
}

/// Which reservations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReservationFilter {
    /// Where they stand.
    pub status: Option<ReservationStatus>,
    /// Of which account.
    pub account: Option<AccountId>,
}

impl Snapshot {
    /// A page of a tenant's reservations: an account's as they were made, pending ones as they end,
    /// those of another status as they ended, all of them by their names.
    pub async fn reservations(
        &mut self,
        tenant: &TenantId,
        filter: &ReservationFilter,
        page: &PageRequest,
    ) -> Result<Page<Reservation>, Error> {
        let (query, order, at) = listing(tenant, filter);
        let read = |row: &_| {
            let row = Reservation::read(row)?;
            let key = at.key(&row);
            Ok((row, key))
        };
        order.page(query, page, self, read).await
    }
}

fn listing(tenant: &TenantId, filter: &ReservationFilter) -> (Query, Order, At) {
    let (list, at, from) = filter.order();
    let mut query = Query::over(Reservation::SELECT);
    query.words(from).only("tenant =", tenant);
    query.only_where("reserved_at IS NOT NULL");
    if let Some(status) = filter.status {
        query.only_where(status.words());
    }
    if let Some(account) = &filter.account {
        query.only("account =", account);
    }
    let columns: &[(&str, bool)] = match at {
        At::Made => &[("reserved_at", true), ("reservation", false)],
        At::Ends => &[("expires_at", true), ("reservation", false)],
        At::Ended => &[("position", true)],
        At::Name => &[("reservation", false)],
    };
    (query, Order { list, columns, direction: Direction::Up }, at)
}

/// What a list goes by.
#[derive(Clone, Copy)]
enum At {
    Made,
    Ends,
    Ended,
    Name,
}

impl At {
    /// Where a row stands in the list.
    fn key(self, row: &Reservation) -> Vec<Value> {
        let name = || Value::from(&row.reservation);
        let named = |time: Option<i64>| time.map(Value::from).into_iter().chain([name()]).collect();
        match self {
            Self::Made => named(row.reserved_at),
            Self::Ends => named(row.expires_at),
            Self::Ended => vec![row.position.into()],
            Self::Name => vec![name()],
        }
    }
}

/// SQLite would sooner walk all of a tenant's by their names; the few that lapsed among a million are
/// found without that.
const ENDED: &str = " FROM reservations INDEXED BY reservations_ended";
const ALL: &str = " FROM reservations";

impl ReservationFilter {
    /// The list's name, what it goes by, and where it is looked for.
    const fn order(&self) -> (&'static str, At, &'static str) {
        match (&self.account, self.status) {
            (Some(_), _) => ("reservations.made", At::Made, ALL),
            (None, Some(ReservationStatus::Pending)) => ("reservations.ends", At::Ends, ALL),
            (None, Some(_)) => ("reservations.ended", At::Ended, ENDED),
            (None, None) => ("reservations", At::Name, ALL),
        }
    }
}

#[cfg(test)]
impl Snapshot {
    /// How SQLite looks for a page of reservations behind another.
    pub(in crate::views) async fn plan_of_reservations(
        &mut self,
        tenant: &TenantId,
        filter: &ReservationFilter,
    ) -> Vec<String> {
        let (query, order, _) = listing(tenant, filter);
        let key = order.columns.iter().map(
            |(_, number)| {
                if *number { Value::Integer(1) } else { tenant.into() }
            },
        );
        order.plan(query, key.collect(), self).await
    }
}
