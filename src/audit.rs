//! Why you may believe the roll: everything it says and everything derived from it, checked anew.
//!
//! An audit needs no keys and no server, and changes nothing. It works beside a running server: the
//! roll and the views are read as they are committed, the index as a copy.

mod book;
mod chain;
mod credit;
pub mod health;
mod index;
pub mod line;
pub mod migrations;
pub mod readiness;
pub mod replay;
mod report;
mod rows;
pub mod scratch;
mod transit;

use std::{fmt, path::PathBuf, str::FromStr};

use self::{
    book::Books,
    chain::Walk,
    index::{Copy, Found},
    report::Tally,
    rows::Rows,
};
pub use self::{
    chain::prove,
    index::CopyError,
    report::{Check, Finding, Named, Outcome, Report},
    rows::RowsError,
};
use crate::{
    engine::Closed,
    roll::{self, Head, Roll},
};

/// What is to be audited, and how.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The data directory.
    pub directory: PathBuf,
    /// What somebody kept of this roll.
    pub anchors: Vec<Anchor>,
    /// Where a copy of the index may lie meanwhile.
    pub scratch: PathBuf,
    /// How many events' worth of state may be held at once; a larger roll is walked several times.
    pub events_held: u64,
}

/// A position and the beginning of the chain's hash there, as an auditor kept it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The position.
    pub position: u64,
    /// At least 8 hexadecimal digits.
    pub hash: String,
}

/// Text that is no anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an anchor is POSITION:HASH, with 8 to 64 hexadecimal digits of the hash")]
pub struct InvalidAnchor;

impl FromStr for Anchor {
    type Err = InvalidAnchor;

    /// Reads `12:89abcdef…`, and `main:12:89abcdef` as answers show it.
    fn from_str(text: &str) -> Result<Self, InvalidAnchor> {
        let (front, hash) = text.rsplit_once(':').ok_or(InvalidAnchor)?;
        let position = front.rsplit(':').next().and_then(|position| position.parse().ok());
        let digits = hash.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !digits || !(8..=64).contains(&hash.len()) {
            return Err(InvalidAnchor);
        }
        let position = position.ok_or(InvalidAnchor)?;
        Ok(Self { position, hash: hash.to_ascii_lowercase() })
    }
}

/// Told how far an audit is.
pub trait Progress: Sync {
    /// So much of a check is done.
    fn step(&self, check: &'static str, done: u64, of: u64);
}

/// Nobody wants to know.
impl Progress for () {
    fn step(&self, _: &'static str, _: u64, _: u64) {}
}

/// Why an audit could not be done. What it found is never an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The roll could not be read, though nothing says that it is broken.
    #[error("failed to read the roll")]
    Roll(#[from] roll::Error),
    /// The index could not be copied.
    #[error("failed to look at the index")]
    Index(#[from] CopyError),
    /// The views could not be compared.
    #[error("failed to look at the views")]
    Rows(#[from] RowsError),
}

/// How often an index that is being written is copied again before a difference is believed.
const INDEX_TRIES: u32 = 3;

/// Checks everything.
pub async fn verify(ask: &Ask, progress: &dyn Progress) -> Result<Report, Error> {
    let mut report = Report::default();
    let mut storage = Tally::new("storage", "files");
    let roll = match roll::open_to_audit(&ask.directory).await {
        Ok(roll) => roll,
        Err(error) => {
            storage.found(damage(error)?);
            report.checks.push(storage.finish());
            return Ok(report);
        }
    };
    let done = Audit { ask, roll: &roll, progress }.run(storage, &mut report).await;
    roll.close().await;
    done.map(|()| report)
}

/// An audit under way.
struct Audit<'a> {
    ask: &'a Ask,
    roll: &'a Roll,
    progress: &'a dyn Progress,
}

impl Audit<'_> {
    async fn run(&self, mut storage: Tally, report: &mut Report) -> Result<(), Error> {
        storage.count();
        if let Err(error) = self.roll.check_storage().await {
            storage.found(damage(error)?);
        }
        // The index first: what it knows, the roll must know by now.
        let index = self.copy().await;
        let head = match self.roll.head().await {
            Ok(head) => head,
            Err(error) => {
                storage.found(damage(error)?);
                report.checks.push(storage.finish());
                return Ok(());
            }
        };
        report.roll = Some(Named::of(self.roll.identity(), head));
        let mut walk = Walk::new(self.roll.identity());
        walk.run(self.roll, head, self.progress).await?;
        let anchors = chain::anchors(self.roll, head, &self.ask.anchors).await?;
        let believed = !walk.chain.has_failed() && walk.stopped.is_none();
        let Walk { chain, decoding, times, tenants, postings, .. } = walk;
        let tallies = [storage, chain, anchors, decoding, times, tenants, postings];
        report.checks.extend(tallies.map(Tally::finish));
        let derived = if believed {
            self.derived(head, index, report).await?
        } else {
            let why = "the roll cannot be read to its end";
            let names = [("streams", "streams"), ("index", "entries"), ("views", "rows")];
            names.map(|(name, unit)| skipped(name, unit, why)).into()
        };
        report.checks.extend(derived);
        Ok(())
    }

    /// What follows from the roll.
    async fn derived(
        &self,
        head: Head,
        first: Copied,
        report: &mut Report,
    ) -> Result<Vec<Check>, Error> {
        let mut follows = Tally::new("index_history", "checkpoints");
        let mut index = self.believable(first, head, &mut follows).await?;
        let mut tries = 1;
        let books = loop {
            let most = self.ask.events_held;
            let copy = index.as_ref();
            let mut books = Books::check(self.roll, head, copy, most, self.progress).await?;
            if copy.is_none() {
                books.compared.skip("there is no index to compare with");
            }
            if !books.compared.has_failed() || tries == INDEX_TRIES {
                break books;
            }
            tries += 1;
            drop(books);
            let again = self.copy().await;
            index = self.believable(again, head, &mut follows).await?;
        };
        let Books { ids, streams, lots, claims, credit, acknowledged, compared } = books;
        let credit::Tallies { ledger, transit, shares, shadow } = credit;
        report.acknowledged = acknowledged;
        let rows_held = usize::try_from(self.ask.events_held).unwrap_or(usize::MAX);
        let views = Rows::check(self.roll, &self.ask.directory, rows_held, self.progress).await?;
        let Rows { storage, follows: views_follow, cells } = views;
        let tallies = [ids, streams, lots, ledger, transit, shares, shadow, claims, follows]
            .into_iter()
            .chain(compared.each());
        let tallies = tallies.chain([storage, views_follow, cells]);
        Ok(tallies.map(Tally::finish).collect())
    }

    /// A copy of the index, and what it was closed as. One that is not as it was closed is not opened.
    async fn copy(&self) -> Copied {
        let directory = self.ask.directory.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let closed = index::noted(&directory).and_then(Result::ok);
            index::closed_finding(&directory).map(|finding| (finding, closed))
        });
        match looked.await {
            Ok(Ok((Some(finding), _))) => Copied::Changed(finding),
            Ok(Err(error)) => Copied::Copy(Err(error), None),
            Ok(Ok((None, closed))) => {
                let copy = Copy::take(&self.ask.directory, &self.ask.scratch).await;
                let now = index::noted(&self.ask.directory).and_then(Result::ok);
                Copied::Copy(copy, closed.filter(|closed| now.as_ref() == Some(closed)))
            }
            Err(_) => Copied::Copy(Ok(Found::Nothing), None),
        }
    }

    /// The index's copy, if it is of this history, knows no more than the roll and no less than when it
    /// was closed.
    async fn believable(
        &self,
        copied: Copied,
        head: Head,
        tally: &mut Tally,
    ) -> Result<Option<Copy>, Error> {
        let (copy, closed) = match copied {
            Copied::Changed(finding) => {
                tally.found(finding);
                return Ok(None);
            }
            Copied::Copy(Ok(Found::Copy(copy)), closed) => (copy, closed),
            Copied::Copy(Ok(Found::Nothing), _) => {
                tally.skip("there is no index yet");
                return Ok(None);
            }
            Copied::Copy(Ok(Found::Foreign(format)), _) => {
                tally.skip(&format!("the index is {format}; the server makes it anew"));
                return Ok(None);
            }
            Copied::Copy(Err(CopyError::Open { source }), _) => {
                let finding =
                    Finding::new("the index can be opened", "an index", chain_of(&source));
                tally.found(finding);
                return Ok(None);
            }
            Copied::Copy(Err(error), _) => return Err(error.into()),
        };
        let known = copy.checkpoint;
        if let Some(closed) = closed.filter(|closed| closed.head != known) {
            let what = "the index holds what it was closed with";
            tally.found(Finding::new(what, closed.head, known).at(closed.head.position));
        }
        let right = follows(self.roll, known).await?;
        tally.expect(right.is_ok() && known.position <= head.position, || {
            let found = right.err().unwrap_or_else(|| format!("the roll ends at {head}"));
            Finding::new("the roll holds what the index has seen", known, found).at(known.position)
        });
        Ok((!tally.has_failed()).then_some(copy))
    }
}

/// A copy of the index, if there is one.
enum Copied {
    /// With what its note says.
    Copy(Result<Found, CopyError>, Option<Closed>),
    /// None was made.
    Changed(Finding),
}

/// Whether the roll holds a follower's checkpoint; else what it holds instead.
async fn follows(roll: &Roll, known: Head) -> Result<Result<(), String>, roll::Error> {
    match roll.check_known(known).await {
        Ok(()) => Ok(Ok(())),
        Err(roll::Error::Shortened { file, .. }) => Ok(Err(format!("the roll ends at {file}"))),
        Err(roll::Error::OtherHistory { found, .. }) => Ok(Err(found.to_string())),
        Err(error) => Err(error),
    }
}

fn skipped(name: &'static str, unit: &'static str, why: &str) -> Check {
    Check { name, checked: 0, unit, outcome: Outcome::Skipped { why: why.to_owned() } }
}

/// An error that says that the roll is broken, as a finding; any other stays an error.
fn damage(error: roll::Error) -> Result<Finding, roll::Error> {
    use roll::Error as E;
    let finding =
        |expected: &str| Finding::new("the roll is as it was written", expected, chain_of(&error));
    match &error {
        E::Damaged { position, .. } => Ok(finding("an unbroken chain").at(*position)),
        E::Foreign { .. } | E::Format { .. } => Ok(finding("a roll of a known format")),
        E::Torn { .. } | E::Malformed { .. } | E::Inconsistent { .. } => {
            Ok(finding("an intact database file"))
        }
        E::Storage { source, .. } if roll::shape::is_damage(source) => {
            Ok(finding("an intact database file"))
        }
        E::Shortened { known, .. } | E::OtherHistory { known, .. } => {
            Ok(finding(&known.to_string()).at(known.position))
        }
        _ => Err(error),
    }
}

/// An error and its causes, in one line.
fn chain_of(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.position, self.hash)
    }
}
