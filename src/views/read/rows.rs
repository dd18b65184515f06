//! Rows as readers get them.

use sqlx::{Row as _, sqlite::SqliteRow};

/// A struct whose fields are columns of the same names.
macro_rules! row {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)+
        }

        impl $name {
            pub(super) const SELECT: &'static str = concat!("SELECT ", row!(@names $($field)+));

            pub(super) fn read(row: &sqlx::sqlite::SqliteRow) -> Result<Self, sqlx::Error> {
                Ok(Self { $($field: sqlx::Row::try_get(row, stringify!($field))?,)+ })
            }
        }
    };
    (@names $first:ident $($rest:ident)*) => {
        concat!(stringify!($first) $(, ", ", stringify!($rest))*)
    };
}
pub(super) use row;

/// A sum in two columns.
pub(super) fn wide(row: &SqliteRow, low: &str, over: &str) -> Result<i128, sqlx::Error> {
    Ok(piperoll_projections::wide::join(row.try_get(low)?, row.try_get(over)?))
}

/// A sum that SQL took in two halves, because its own `sum` gives up beyond 64 bits:
/// `sum(x >> 32)` and `sum(x & 4294967295)`.
pub(super) fn halves(row: &SqliteRow, high: &str, low: &str) -> Result<i128, sqlx::Error> {
    let (high, low): (Option<i64>, Option<i64>) = (row.try_get(high)?, row.try_get(low)?);
    let high = i128::from(high.unwrap_or(0)).saturating_mul(1 << 32);
    Ok(high.saturating_add(low.unwrap_or(0).into()))
}
