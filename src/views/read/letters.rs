//! Dead letters: lists of them, one of them, how many stand where.

use piperoll_domain::{id::LetterId, letter::STATUSES};
use sqlx::Row as _;

use super::{
    Error, Page, PageRequest, Snapshot,
    query::{Direction, Order, Query},
    rows::row,
};

row! {
    /// A duty that was refused.
    Letter {
        /// Whose.
        tenant: String,
        /// Its name.
        letter: String,
        /// What sort of operation it is.
        operation_type: Option<String>,
        /// The kind of duty.
        duty: Option<String>,
        /// To what it is owed.
        stream: Option<String>,
        /// Which of it.
        item: Option<String>,
        /// The event that opened the duty.
        opener: Option<i64>,
        /// Where it stands.
        status: Option<String>,
        /// Why it was refused the last time, for programs.
        error_code: Option<String>,
        /// The same, for people.
        error_message: Option<String>,
        /// How many attempts were refused.
        retry_count: Option<i64>,
        /// How many there are.
        max_retries: Option<i64>,
        /// When the next one is due, while it is pending.
        next_retry_at: Option<i64>,
        /// Until when an attempt may last, while one is made.
        lease_until: Option<i64>,
        /// How it ended.
        ended: Option<String>,
        /// What a person said about it.
        reason: Option<String>,
        /// When it was opened.
        created_at: Option<i64>,
        /// When anything happened to it.
        updated_at: Option<i64>,
        /// Its last event.
        position: i64,
    }
}

impl Snapshot {
    /// A page of everybody's dead letters, the oldest first.
    pub async fn letters(
        &mut self,
        status: Option<&'static str>,
        page: &PageRequest,
    ) -> Result<Page<Letter>, Error> {
        let mut query = Query::over(Letter::SELECT);
        query.words(" FROM dead_letters");
        if let Some(status) = status {
            query.only("status =", status);
        }
        let columns: &[(&str, bool)] = &[("created_at", true), ("letter", false)];
        let order = Order { list: "dead_letters", columns, direction: Direction::Up };
        let read = |row: &_| {
            let letter = Letter::read(row)?;
            let key = vec![letter.created_at.unwrap_or(0).into(), letter.letter.clone().into()];
            Ok((letter, key))
        };
        order.page(query, page, self, read).await
    }

    /// One of them.
    pub async fn letter(&mut self, letter: &LetterId) -> Result<Option<Letter>, Error> {
        let mut query = Query::over(Letter::SELECT);
        query.words(" FROM dead_letters").only("letter =", letter.to_string());
        query.one(self).await?.map(|row| Letter::read(&row).map_err(Error::Read)).transpose()
    }

    /// How many stand where; each status is told.
    pub async fn letters_by_status(&mut self) -> Result<Vec<(&'static str, u64)>, Error> {
        let query = Query::over("SELECT status, count(*) AS n FROM dead_letters GROUP BY status");
        let mut counts: Vec<_> = STATUSES.map(|status| (status, 0)).into();
        for row in query.all(self).await? {
            let status: Option<String> = row.try_get("status").map_err(Error::Read)?;
            let count: i64 = row.try_get("n").map_err(Error::Read)?;
            let known = counts.iter_mut().find(|(known, _)| status.as_deref() == Some(*known));
            if let Some((_, known)) = known {
                *known = u64::try_from(count).unwrap_or(0);
            }
        }
        Ok(counts)
    }
}
