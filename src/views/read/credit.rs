//! Credit: balances now and back then, lots, entries.

use piperoll_domain::id::{AccountId, LotId, TenantId};
use piperoll_projections::credit::kind;
use sqlx::Row as _;

use super::{
    AsOf, Cursor, Error, Page, PageRequest, Snapshot,
    bound::Bound,
    entries::{self, Sums, Walk},
    query::{Direction, Order, Query},
    rows::{row, wide},
    shares::Share,
};

/// What an account holds of a commodity in a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Of what.
    pub commodity: String,
    /// In which pool.
    pub pool: String,
    /// How much.
    pub held: Held,
}

/// The amounts and their sum. Wider than any one amount: nothing bounds the sum of many lots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// What can be used.
    pub available: i128,
    /// What is set aside.
    pub reserved: i128,
    /// What was used.
    pub consumed: i128,
    /// What lapsed.
    pub expired: i128,
    /// What came in.
    pub minted: i128,
    /// What was taken back.
    pub clawed_back: i128,
    /// What should never have been.
    pub voided: i128,
    /// What went to other accounts.
    pub moved: i128,
    /// What is owed: used, and paid by nothing yet.
    pub owed: i128,
}

row! {
    /// An account.
    Account {
        /// Whose.
        tenant: String,
        /// Which.
        account: String,
        /// When it was opened: by command, or by its first credit.
        opened_at: Option<i64>,
        /// When credit last came in.
        minted_at: Option<i64>,
        /// The event of the later of the two.
        position: Option<i64>,
    }
}

row! {
    /// A lot.
    Lot {
        /// Whose account.
        tenant: String,
        /// Which account.
        account: String,
        /// Which lot.
        lot: String,
        /// Of what.
        commodity: Option<String>,
        /// Where it lies.
        pool: Option<String>,
        /// What it began with.
        minted: Option<i64>,
        /// What can be used.
        available: i64,
        /// What is set aside.
        reserved: i64,
        /// What was used.
        consumed: i64,
        /// What lapsed.
        expired: i64,
        /// What was taken back.
        clawed_back: i64,
        /// What should never have been.
        voided: i64,
        /// What went to other accounts.
        moved: i64,
        /// How much of what is set aside is taken back once it is free.
        awaited: i64,
        /// Of the cost.
        cost_commodity: Option<String>,
        /// What all of it cost.
        cost: Option<i64>,
        /// How much of the cost has gone with what is gone.
        released: i64,
        /// Where it comes from.
        source_kind: Option<String>,
        /// Which one.
        source_id: Option<String>,
        /// Under which offer.
        offer: Option<String>,
        /// Under which version of it.
        offer_version: Option<i64>,
        /// By which payment.
        payment: Option<String>,
        /// Why, where a person did it.
        reason: Option<String>,
        /// Until when it can be spent; none for ever.
        expires_at: Option<i64>,
        /// When it came to be.
        minted_at: Option<i64>,
        /// The event of its mint.
        minted_position: Option<i64>,
        /// Its last event.
        position: i64,
    }
}

row! {
    /// One movement of one lot.
    Entry {
        /// Whose account.
        tenant: String,
        /// Which account.
        account: String,
        /// In which event.
        position: i64,
        /// The event's first movement is 0.
        leg: i64,
        /// A word of the projection's, such as `minted` or `finalized`.
        kind: String,
        /// What came in, or went out with a minus.
        amount: i64,
        /// Of what.
        commodity: String,
        /// In which pool.
        pool: String,
        /// Of which lot; none for what is owed or shared.
        lot: Option<String>,
        /// What was left of it.
        lot_left: Option<i64>,
        /// Of the cost.
        cost_commodity: Option<String>,
        /// What the movement's share of the lot's cost was.
        cost: Option<i64>,
        /// The caller's own name for the use, or the payment of a mint.
        reference: Option<String>,
        /// When it was recorded.
        recorded_at: i64,
        /// When it happened outside.
        effective_at: Option<i64>,
    }
}

impl Snapshot {
    /// An account; none if nothing ever happened to it.
    pub async fn account(
        &mut self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, Error> {
        let mut query = Query::over(Account::SELECT);
        query.words(" FROM accounts").only("tenant =", tenant).only("account =", account);
        let row = query.one(self).await?;
        row.as_ref().map(Account::read).transpose().map_err(Error::Read)
    }

    /// A page of a tenant's accounts, in order of their names.
    pub async fn accounts(
        &mut self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<Account>, Error> {
        let mut query = Query::over(Account::SELECT);
        query.words(" FROM accounts").only("tenant =", tenant);
        let columns: &[(&str, bool)] = &[("tenant", false), ("account", false)];
        let order = Order { list: "accounts", columns, direction: Direction::Up };
        let read = |row: &_| {
            let row = Account::read(row)?;
            let key = vec![(&row.tenant).into(), (&row.account).into()];
            Ok((row, key))
        };
        order.page(query, page, self, read).await
    }

    /// What an account holds, by commodity and pool; as of now, or of any moment before.
    pub async fn balances(
        &mut self,
        tenant: &TenantId,
        account: &AccountId,
        as_of: AsOf,
    ) -> Result<Vec<Balance>, Error> {
        match as_of {
            AsOf::Now => self.balances_now(tenant, account).await,
            AsOf::Position(_) | AsOf::Time(_) => self.balances_then(tenant, account, as_of).await,
        }
    }

    async fn balances_now(
        &mut self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Vec<Balance>, Error> {
        let mut query = Query::over("SELECT * FROM balances");
        query.only("tenant =", tenant).only("account =", account);
        query.words(" ORDER BY commodity, pool");
        let rows = query.all(self).await?;
        let read = |row: &_| {
            Ok(Balance {
                commodity: sqlx::sqlite::SqliteRow::try_get(row, "commodity")?,
                pool: row.try_get("pool")?,
                held: Held {
                    available: wide(row, "available", "available_over")?,
                    reserved: wide(row, "reserved", "reserved_over")?,
                    consumed: wide(row, "consumed", "consumed_over")?,
                    expired: wide(row, "expired", "expired_over")?,
                    minted: wide(row, "minted", "minted_over")?,
                    clawed_back: wide(row, "clawed_back", "clawed_back_over")?,
                    voided: wide(row, "voided", "voided_over")?,
                    moved: wide(row, "moved", "moved_over")?,
                    owed: wide(row, "owed", "owed_over")?,
                },
            })
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(Error::Read)
    }

    /// The sum of the entries until then: what whole steps add up to, and the rest one by one.
    async fn balances_then(
        &mut self,
        tenant: &TenantId,
        account: &AccountId,
        as_of: AsOf,
    ) -> Result<Vec<Balance>, Error> {
        let mut sums = Sums::new();
        if let Some(share) = Share::of(account) {
            self.add_shares(tenant, share, as_of, &mut sums).await?;
            return Ok(balances(sums));
        }
        let bound = self.bound(as_of).await?;
        let (surely, at_most) = self.between(as_of).await?;
        let of = Walk { tenant, account };
        let whole = of.mark_before(self, surely).await?;
        let mut stop = 0;
        if let Some((position, step)) = whole {
            stop = position;
            of.add_steps(self, step, &mut sums).await?;
            let first = of.marks_behind(self, 0, 1).await?;
            let first = first.first().copied().unwrap_or(0);
            of.add_up(self, first, 0, Bound::None, &mut sums).await?;
        }
        let start = of.start(self, at_most).await?;
        of.add_up(self, start, stop, bound, &mut sums).await?;
        Ok(balances(sums))
    }

    /// Narrows a query over rows with `position` and `recorded_at` to what was there by then.
    pub(super) async fn until(&mut self, query: &mut Query, as_of: AsOf) -> Result<(), Error> {
        match as_of {
            AsOf::Now => {}
            AsOf::Position(position) => {
                query.only("position <=", position);
            }
            AsOf::Time(time) => {
                // Time grows but where the clock was set: everything before the last such place
                // at or before then had been recorded, whatever time it bears.
                let start = self.era(time).await?;
                query.only("(position <", start).words(" OR recorded_at <= ").value(time);
                query.words(")");
            }
        }
        Ok(())
    }

    /// A page of an account's lots, in order of their names.
    pub async fn lots(
        &mut self,
        tenant: &TenantId,
        account: &AccountId,
        page: &PageRequest,
    ) -> Result<Page<Lot>, Error> {
        let mut query = Query::over(Lot::SELECT);
        query.words(" FROM lots").only("tenant =", tenant).only("account =", account);
        let columns: &[(&str, bool)] = &[("tenant", false), ("account", false), ("lot", false)];
        let order = Order { list: "lots", columns, direction: Direction::Up };
        let read = |row: &_| {
            let row = Lot::read(row)?;
            let key = vec![(&row.tenant).into(), (&row.account).into(), (&row.lot).into()];
            Ok((row, key))
        };
        order.page(query, page, self, read).await
    }

    /// A lot.
    pub async fn lot(
        &mut self,
        tenant: &TenantId,
        account: &AccountId,
        lot: &LotId,
    ) -> Result<Option<Lot>, Error> {
        let mut query = Query::over(Lot::SELECT);
        query.words(" FROM lots").only("tenant =", tenant).only("account =", account);
        query.only("lot =", lot);
        let row = query.one(self).await?;
        row.as_ref().map(Lot::read).transpose().map_err(Error::Read)
    }

    /// A page of an account's entries.
    pub async fn entries(
        &mut self,
        tenant: &TenantId,
        account: &AccountId,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<Entry>, Error> {
        if let Some(share) = Share::of(account) {
            return self.shared(tenant, (account, share), direction, page).await;
        }
        let wanted = usize::try_from(page.limit()).unwrap_or(usize::MAX);
        let list = match direction {
            Direction::Up => "entries.up",
            Direction::Down => "entries.down",
        };
        let place = page.after.as_ref().map(|cursor| cursor.key(list, &ENTRY_KEY)).transpose()?;
        let place = place.as_deref().and_then(entries::place);
        let of = Walk { tenant, account };
        let mut items = match direction {
            Direction::Up => of.up(self, place, wanted.saturating_add(1)).await?,
            Direction::Down => of.down(self, place, wanted.saturating_add(1)).await?,
        };
        let more = items.len() > wanted;
        items.truncate(wanted);
        let end = items.last().filter(|_| more);
        let next = end.map(|end| {
            let (tenant, account) = ((&end.tenant).into(), (&end.account).into());
            Cursor::behind(list, &[tenant, account, end.position.into(), end.leg.into()])
        });
        Ok(Page { items, next })
    }
}

fn balances(sums: Sums) -> Vec<Balance> {
    let balance = |((commodity, pool), held)| Balance { commodity, pool, held };
    sums.into_iter().map(balance).collect()
}

/// Which parts of a cursor behind an entry are numbers.
const ENTRY_KEY: [bool; 4] = [false, false, true, true];

impl Held {
    /// Takes in an entry, or the sum of entries of one kind; what goes out has a minus.
    pub(super) fn take(&mut self, of: &str, sum: i128) -> Result<(), Error> {
        let gone = 0_i128.saturating_sub(sum);
        let (column, change) = match of {
            kind::MINTED | kind::RECEIVED | kind::SHARED => (&mut self.minted, sum),
            kind::SPENT | kind::FINALIZED | kind::REPAID => (&mut self.consumed, gone),
            kind::EXPIRED => (&mut self.expired, gone),
            kind::RESERVED | kind::RELEASED => (&mut self.reserved, gone),
            kind::CLAWED_BACK => (&mut self.clawed_back, gone),
            kind::VOIDED => (&mut self.voided, gone),
            kind::SENT => (&mut self.moved, gone),
            // What is owed touches no lot.
            kind::OWED | kind::SETTLED => {
                self.owed = self.owed.saturating_add(gone);
                return Ok(());
            }
            _ => return Err(Error::Shape("entries")),
        };
        *column = column.saturating_add(change);
        self.available = self.available.saturating_add(sum);
        Ok(())
    }
}
