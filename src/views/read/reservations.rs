//! Reservations: what was set aside, and what became of it.

use piperoll_domain::id::{AccountId, TenantId};
use piperoll_projections::reservations::status;

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

    /// Said as words, so that SQLite may use the small index of those that somebody looks for.
    const fn words(self) -> &'static str {
        match self {
            Self::Pending => "status = 'pending'",
            Self::Finalized => "status = 'finalized'",
            Self::Released => "status = 'released'",
            Self::Expired => "status = 'expired'",
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
    /// all others by their names.
    pub async fn reservations(
        &mut self,
        tenant: &TenantId,
        filter: &ReservationFilter,
        page: &PageRequest,
    ) -> Result<Page<Reservation>, Error> {
        let mut query = Query::over(Reservation::SELECT);
        query.words(" FROM reservations").only("tenant =", tenant);
        query.only_where("reserved_at IS NOT NULL");
        if let Some(status) = filter.status {
            query.only_where(status.words());
        }
        if let Some(account) = &filter.account {
            query.only("account =", account);
        }
        let (list, at) = filter.order();
        let columns: &[(&str, bool)] = match at {
            At::Made => &[("reserved_at", true), ("reservation", false)],
            At::Ends => &[("expires_at", true), ("reservation", false)],
            At::Name => &[("reservation", false)],
        };
        let order = Order { list, columns, direction: Direction::Up };
        let read = |row: &_| {
            let row = Reservation::read(row)?;
            let time = match at {
                At::Made => row.reserved_at,
                At::Ends => row.expires_at,
                At::Name => None,
            };
            let key = time.map(Into::into).into_iter().chain([(&row.reservation).into()]);
            let key = key.collect();
            Ok((row, key))
        };
        order.page(query, page, self, read).await
    }
}

/// What a list goes by.
#[derive(Clone, Copy)]
enum At {
    Made,
    Ends,
    Name,
}

impl ReservationFilter {
    const fn order(&self) -> (&'static str, At) {
        match (&self.account, self.status) {
            (Some(_), _) => ("reservations.made", At::Made),
            (None, Some(ReservationStatus::Pending)) => ("reservations.ends", At::Ends),
            (None, _) => ("reservations", At::Name),
        }
    }
}
