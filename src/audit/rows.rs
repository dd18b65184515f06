//! Every row of every view, compared with what the roll adds up to.
//!
//! Rows are taken in ranges of keys, each range in one look at the file that also tells how far the
//! views had come; then the roll is folded up to there, as far as the range goes. So memory stays
//! bounded, and a server that goes on writing disturbs nothing.

use std::{path::Path, sync::Arc};

use piperoll_projections::{
    SCHEMAS,
    change::Key,
    diff::{Difference, diff},
    schema::Schema,
    tables::Tables,
};

use super::{
    Progress, chain,
    report::{Finding, Tally},
};
use crate::{
    roll::{self, Head, Roll, shape},
    views::{
        self, Outdated, Snapshot,
        read::TableRow,
        store::{Generation, look_beside},
    },
};

/// How many rows are read at once.
const PAGE_ROWS: u32 = 4_096;

/// Why the views could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The roll could not be read.
    #[error("failed to read the roll")]
    Roll(#[from] roll::Error),
    /// The views could not be read, though nothing says that they are broken.
    #[error("failed to read the views")]
    Views(#[from] views::Error),
}

/// What is checked.
pub(super) struct Rows {
    pub(super) storage: Tally,
    pub(super) follows: Tally,
    pub(super) cells: Tally,
}

/// A place among all rows of all tables: in a table, behind a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place {
    table: usize,
    after: Option<Key>,
}

/// Rows between two places, the second none at the end.
struct Range {
    from: Place,
    to: Option<Place>,
    rows: Vec<(&'static Schema, Vec<TableRow>)>,
}

impl Range {
    /// Reads so many rows or a few more.
    async fn read(
        snapshot: &mut Snapshot,
        from: Place,
        rows_held: usize,
    ) -> Result<Self, views::Error> {
        let mut range = Self { from: from.clone(), to: None, rows: vec![] };
        let (mut held, mut after) = (0, from.after);
        for schema in SCHEMAS.into_iter().skip(from.table) {
            let mut ours: Vec<TableRow> = vec![];
            loop {
                let page = snapshot.rows_behind(schema, after.as_ref(), PAGE_ROWS).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.0.clone());
                held += page.len();
                ours.extend(page);
                if held >= rows_held {
                    range.rows.push((schema, ours));
                    range.to = Some(Place { table: schema.index, after });
                    return Ok(range);
                }
            }
            range.rows.push((schema, ours));
            after = None;
        }
        Ok(range)
    }

    fn holds(&self, schema: &Schema, key: &Key) -> bool {
        let behind = schema.index > self.from.table
            || (schema.index == self.from.table
                && self.from.after.as_ref().is_none_or(|after| key > after));
        let before = self.to.as_ref().is_none_or(|to| {
            schema.index < to.table
                || (schema.index == to.table && to.after.as_ref().is_some_and(|last| key <= last))
        });
        behind && before
    }
}

impl Rows {
    /// Compares all rows.
    pub(super) async fn check(
        roll: &Roll,
        directory: &Path,
        rows_held: usize,
        progress: &dyn Progress,
    ) -> Result<Self, RowsError> {
        let mut rows = Self {
            storage: Tally::new("views_storage", "files"),
            follows: Tally::new("views_history", "checkpoints"),
            cells: Tally::new("views", "rows"),
        };
        match look_beside(directory).await? {
            Ok(generation) => rows.compare(roll, Arc::new(generation), rows_held, progress).await?,
            Err(Outdated::Foreign) => {
                let found = Outdated::Foreign.to_string();
                let what = "the views are as they were written";
                rows.storage.found(Finding::new(what, "an intact database file", found));
                rows.skip("the views cannot be read");
            }
            Err(outdated) => rows.skip(&format!("{outdated}; the server makes them anew")),
        }
        Ok(rows)
    }

    fn skip(&mut self, why: &str) {
        let Self { storage, follows, cells } = self;
        for tally in [storage, follows, cells] {
            tally.skip(why);
        }
    }

    async fn compare(
        &mut self,
        roll: &Roll,
        generation: Arc<Generation>,
        rows_held: usize,
        progress: &dyn Progress,
    ) -> Result<(), RowsError> {
        let broken = match self.look(&generation, rows_held, roll, progress).await {
            Err(RowsError::Views(error)) => damage(error)?,
            Err(error) => return Err(error),
            Ok(()) => return Ok(()),
        };
        self.cells.found(broken);
        Ok(())
    }

    async fn look(
        &mut self,
        generation: &Arc<Generation>,
        rows_held: usize,
        roll: &Roll,
        progress: &dyn Progress,
    ) -> Result<(), RowsError> {
        let of = self.storage(generation).await?;
        let mut place = Some(Place::default());
        while let Some(from) = place {
            let mut snapshot = Snapshot::of(generation.clone()).await?;
            let mark = snapshot.mark();
            let range = Range::read(&mut snapshot, from, rows_held).await?;
            drop(snapshot);
            let known = Head { position: mark.position, hash: mark.hash };
            if !self.follows(roll, known).await? {
                self.cells.skip("the views follow another history");
                return Ok(());
            }
            self.range(roll, known, &range).await?;
            progress.step("views", self.cells.checked.min(of), of);
            place = range.to;
        }
        Ok(())
    }

    /// The file itself: its structure, and that its tables are ours. Returns how many rows it has.
    async fn storage(&mut self, generation: &Arc<Generation>) -> Result<u64, RowsError> {
        let mut snapshot = Snapshot::of(generation.clone()).await?;
        self.storage.count();
        if let Some(finding) = snapshot.storage_finding().await? {
            let what = "the views are as they were written";
            self.storage.found(Finding::new(what, "an intact database file", finding));
        }
        if let Some(finding) = snapshot.shape_finding().await? {
            let what = "the views' file has our tables";
            self.storage.found(Finding::new(what, "the tables of this release", finding));
        }
        Ok(snapshot.row_counts().await?.iter().map(|(_, count)| count).sum())
    }

    /// Whether the roll holds what the views have seen.
    async fn follows(&mut self, roll: &Roll, known: Head) -> Result<bool, RowsError> {
        let right = super::follows(roll, known).await?;
        let is_right = right.is_ok();
        self.follows.expect(is_right, || {
            let found = right.err().unwrap_or_default();
            Finding::new("the roll holds what the views have seen", known, found).at(known.position)
        });
        Ok(is_right)
    }

    async fn range(&mut self, roll: &Roll, known: Head, range: &Range) -> Result<(), roll::Error> {
        let mut tables = Tables::default();
        chain::events(roll, 0, known.position, |recorded| {
            tables.fold_some(recorded, |schema, key| range.holds(schema, key));
        })
        .await?;
        for (schema, expected) in tables.iter() {
            let found = range.rows.iter().find(|(ours, _)| ours.index == schema.index);
            let found = found.map_or(&[][..], |(_, rows)| rows.as_slice());
            let rows = expected.len().max(found.len());
            self.cells.checked += u64::try_from(rows).unwrap_or(u64::MAX);
            let differences = diff(schema, expected, found.iter().cloned());
            for difference in differences {
                self.cells.found(finding(difference));
            }
        }
        Ok(())
    }
}

fn finding(difference: Difference) -> Finding {
    let Difference { table, key, column, expected, found } = difference;
    let what = "a row is what the roll adds up to";
    let key: Vec<String> = key.iter().map(ToString::to_string).collect();
    let finding = Finding::new(what, expected, found).row(table, key.join(", "));
    Finding { column: column.map(str::to_owned), ..finding }
}

/// An error that says that the views are broken, as a finding; any other stays an error.
fn damage(error: views::Error) -> Result<Finding, views::Error> {
    let what = "the views can be read";
    let found = super::chain_of(&error);
    let finding = || Finding::new(what, "rows of the tables' shape", found);
    match &error {
        views::Error::Shape(table) => Ok(Finding { table: Some((*table).to_owned()), ..finding() }),
        views::Error::Read(source) if shape::is_damage(source) => Ok(finding()),
        _ => Err(error),
    }
}
