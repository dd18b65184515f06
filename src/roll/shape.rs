//! The shape of a database file of ours: its header, and the words that define its tables.
//!
//! SQLite reads some of this with half an eye, or only to write. What it would not tell is told here.

use sqlx::SqliteExecutor;

/// What SQLite notes of a table, an order, a view or a trigger: its place in the list, kind, name,
/// table, words, and whether it has no pages of its own.
pub type Definition = (i64, String, String, String, Option<String>, bool);

/// Whether SQLite says that a file is broken: that it is, that it is none of its own, that a table or
/// a column of ours is not there, or a value is of another type than its column.
pub fn is_damage(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i64>().ok());
    let shape = matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
    shape || matches!(code.map(|code| code & 0xff), Some(1 | 11 | 26))
}

/// What a file's definitions differ in from those that it was made with.
pub fn difference(expected: &[Definition], found: &[Definition]) -> Option<String> {
    let missing = expected.iter().find(|one| !found.contains(one));
    let missing = missing.map(|one| format!("`{}` is not defined as it was made", one.2));
    let more = || found.iter().find(|one| !expected.contains(one));
    missing.or_else(|| more().map(|one| format!("`{}` is defined, and none of ours", one.2)))
}

/// What a file defines.
pub async fn definitions(
    database: impl SqliteExecutor<'_>,
) -> Result<Vec<Definition>, sqlx::Error> {
    let query = "SELECT rowid, type, name, tbl_name, sql, rootpage = 0 FROM sqlite_schema
                 ORDER BY rowid";
    sqlx::query_as(query).fetch_all(database).await
}

/// Looks at the fields of a header that have but one right value.
pub fn check_header(header: &[u8; 100]) -> Result<(), &'static str> {
    let long = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let must = |right: bool, otherwise| if right { Ok(()) } else { Err(otherwise) };
    must(header[16..18] == [0x20, 0], "its header says that pages have other than 8,192 bytes")?;
    let written = header[18] == header[19] && (header[18] == 1 || header[18] == 2);
    must(written, "its header says that it is written by a release to come")?;
    must(header[20..24] == [0, 64, 32, 32], "its header divides pages in another way")?;
    must((long(32) == 0) == (long(36) == 0), "its header miscounts the free pages")?;
    must(long(44) == 4, "its header tells of another format of tables")?;
    must(long(52) == 0 && long(64) == 0, "its header says that it shrinks by itself")?;
    must(long(56) == 1, "its header says that its text is not UTF-8")?;
    must(header[72..92] == [0; 20], "its header holds more than a header can")
}
