//! The index, compared entry by entry with what the roll adds up to.
//!
//! Two processes cannot open one index, so a copy of its folder is read. A copy that was taken while
//! the engine was writing may be torn; such a one does not open, and another is taken.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use piperoll_domain::{
    book::{Book, Slot},
    claim::Claim,
    id::Stream,
};
use tempfile::TempDir;

use super::{
    book::Part,
    report::{Finding, Tally},
};
use crate::{
    engine::{ClaimKey, Closed, Index, IndexError, Sums, claim_key, closed_at, sums},
    roll::Head,
};

/// How often a copy is taken before it is given up.
const COPIES_MAX: u32 = 12;
/// How much is copied at once; less than that much of zeros is copied as it is.
const COPY_BYTES: usize = 64 << 10;
const BETWEEN_COPIES: Duration = Duration::from_millis(250);

/// Why the index could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A file could not be copied.
    #[error("failed to copy {} to {}", from.display(), to.display())]
    File {
        /// Which.
        from: PathBuf,
        /// Where to.
        to: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no place for a copy.
    #[error("failed to make a folder for copies in {}", path.display())]
    Scratch {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No copy could be opened.
    #[error("failed to open a copy of the index, {COPIES_MAX} times")]
    Open {
        /// What was said the last time.
        source: IndexError,
    },
}

/// What lies where the index should.
pub(super) enum Found {
    /// Nothing to compare with.
    Nothing,
    /// What another release wrote, in this format.
    Foreign(String),
    /// An index.
    Copy(Copy),
}

/// A copy of the index that can be read at leisure.
pub(super) struct Copy {
    index: Index,
    pub(super) checkpoint: Head,
    /// Removed with this.
    _folder: TempDir,
}

/// What a data directory says of its index, if that was closed in good order.
pub(super) fn noted(directory: &Path) -> Option<Result<Closed, String>> {
    closed_at(directory).map_err(|error| super::chain_of(&error)).transpose()
}

/// Compares the files of an index with those that were closed. The note is looked at again afterwards:
/// one that came or went meanwhile tells of another index.
pub(super) fn closed_finding(directory: &Path) -> Result<Option<Finding>, CopyError> {
    let (from, noted_before) = (directory.join("index"), noted(directory));
    let Some(noted_before) = noted_before.filter(|_| from.is_dir()) else { return Ok(None) };
    let found = sums(&from).map_err(file_error(&from, &from))?;
    if noted(directory).as_ref() != Some(&noted_before) {
        return Ok(None);
    }
    let what = "the index is as it was closed";
    let closed = match noted_before {
        Ok(closed) => closed,
        Err(damaged) => return Ok(Some(Finding::new(what, "a note of its files", damaged))),
    };
    let names: BTreeSet<&String> = closed.files.keys().chain(found.keys()).collect();
    let differs = |name: &&&String| closed.files.get(**name) != found.get(**name);
    Ok(names.iter().find(differs).map(|name| {
        let told = |sums: &Sums| sums.get(*name).map_or("none".to_owned(), ToString::to_string);
        Finding::new(what, told(&closed.files), told(&found)).row("index", name)
    }))
}

/// What a claim is known by in the index.
pub(super) fn key(claim: &Claim) -> ClaimKey {
    claim_key(claim)
}

impl Copy {
    /// Copies the index of a data directory; nothing where there is none, or an empty one, or one that
    /// nobody got past opening: whoever comes next makes it anew.
    pub(super) async fn take(directory: &Path, scratch: &Path) -> Result<Found, CopyError> {
        let from = directory.join("index");
        if !from.is_dir() {
            return Ok(Found::Nothing);
        }
        let mut last = None;
        for _ in 0..COPIES_MAX {
            if Index::is_being_opened(directory) {
                last = None;
                tokio::time::sleep(BETWEEN_COPIES).await;
                continue;
            }
            let (from, scratch) = (from.clone(), scratch.to_owned());
            let copied = tokio::task::spawn_blocking(move || Self::try_take(&from, &scratch));
            match copied.await {
                Ok(Ok(copy)) => return Ok(copy),
                Ok(Err(error)) => last = Some(error),
                Err(_) => {}
            }
            tokio::time::sleep(BETWEEN_COPIES).await;
        }
        last.map_or(Ok(Found::Nothing), Err)
    }

    fn try_take(from: &Path, scratch: &Path) -> Result<Found, CopyError> {
        let folder = TempDir::new_in(scratch)
            .map_err(|source| CopyError::Scratch { path: scratch.to_owned(), source })?;
        let to = folder.path().join("index");
        let before = listing(from)?;
        copy(from, &to)?;
        if before != listing(from)? {
            // Files came or went meanwhile: what was copied may not belong together.
            let source = io::Error::other("the index changed while it was copied");
            return Err(CopyError::File { from: from.to_owned(), to, source });
        }
        let opened = |source| CopyError::Open { source };
        let index = Index::open_copy(&to).map_err(opened)?;
        if let Some(format) = index.foreign_format().map_err(opened)? {
            return Ok(Found::Foreign(format));
        }
        let checkpoint = index.checkpoint().map_err(opened)?;
        Ok(checkpoint.map_or(Found::Nothing, |checkpoint| {
            Found::Copy(Self { index, checkpoint, _folder: folder })
        }))
    }

    /// The snapshots of a part's streams.
    pub(super) fn snapshots(&self, part: Part, compared: &mut Compared) -> Snapshots {
        let mut snapshots = HashMap::new();
        for entry in self.index.all_snapshots() {
            match entry {
                Ok((stream, _)) if !part.holds(&stream) => {}
                Ok((stream, Some(slot))) => drop(snapshots.insert(stream, slot)),
                Ok((stream, None)) => {
                    let what = "a snapshot can be read";
                    let finding = Finding::new(what, "a state", "damaged bytes");
                    compared.snapshots.found(finding.row("index.snapshots", stream));
                }
                Err(error) if part.number == 0 => {
                    compared.snapshots.found(unreadable("index.snapshots", &error));
                }
                Err(_) => {}
            }
        }
        Snapshots(snapshots)
    }
}

fn file_error<'a>(from: &'a Path, to: &'a Path) -> impl FnOnce(io::Error) -> CopyError + 'a {
    |source| CopyError::File { from: from.to_owned(), to: to.to_owned(), source }
}

/// Which files there are, by name.
fn listing(folder: &Path) -> Result<Vec<PathBuf>, CopyError> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).map_err(file_error(folder, folder))? {
        let path = entry.map_err(file_error(folder, folder))?.path();
        if path.is_dir() {
            found.extend(listing(&path)?);
        }
        found.push(path);
    }
    found.sort();
    Ok(found)
}

fn copy(from: &Path, to: &Path) -> Result<(), CopyError> {
    fs::create_dir(to).map_err(file_error(from, to))?;
    for entry in fs::read_dir(from).map_err(file_error(from, to))? {
        let entry = entry.map_err(file_error(from, to))?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            copy_file(&from, &to).map_err(file_error(&from, &to))?;
        }
    }
    Ok(())
}

/// The store makes its journals far longer than what is in them; what is all zeros stays a hole here.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let (mut from, mut to) = (File::open(from)?, File::create_new(to)?);
    let (mut buffer, zeros) = (vec![0; COPY_BYTES], vec![0; COPY_BYTES]);
    loop {
        let length = from.read(&mut buffer)?;
        let piece = &buffer[..length];
        match i64::try_from(length) {
            Ok(0) | Err(_) => break,
            Ok(ahead) if piece == &zeros[..length] => {
                to.seek(SeekFrom::Current(ahead))?;
            }
            Ok(_) => to.write_all(piece)?,
        }
    }
    let length = to.stream_position()?;
    to.set_len(length)
}

/// Snapshots that wait for their stream to come to where they were taken.
#[derive(Default)]
pub(super) struct Snapshots(HashMap<Stream, Slot>);

impl Snapshots {
    /// Compares a stream's snapshot once the stream is at its version.
    pub(super) fn compare(&mut self, stream: &Stream, now: &Slot, compared: &mut Compared) {
        if self.0.get(stream).is_none_or(|snapshot| snapshot.version != now.version) {
            return;
        }
        if let Some(snapshot) = self.0.remove(stream) {
            compared.snapshots.expect(snapshot == *now, || {
                let what = "a snapshot is its stream's state";
                let (expected, found) = (format!("{now:?}"), format!("{snapshot:?}"));
                Finding::new(what, expected, found).row("index.snapshots", stream)
            });
        }
    }
}

/// What is compared with the index.
pub(super) struct Compared {
    pub(super) ends: Tally,
    pub(super) claims: Tally,
    pub(super) duties: Tally,
    pub(super) tenants: Tally,
    pub(super) snapshots: Tally,
}

impl Compared {
    pub(super) const fn new() -> Self {
        Self {
            ends: Tally::new("index_streams", "entries"),
            claims: Tally::new("index_claims", "entries"),
            duties: Tally::new("index_duties", "entries"),
            tenants: Tally::new("index_tenants", "entries"),
            snapshots: Tally::new("index_snapshots", "entries"),
        }
    }

    pub(super) fn each(self) -> [Tally; 5] {
        let Self { ends, claims, duties, tenants, snapshots } = self;
        [ends, claims, duties, tenants, snapshots]
    }

    pub(super) fn skip(&mut self, why: &str) {
        let Self { ends, claims, duties, tenants, snapshots } = self;
        for tally in [ends, claims, duties, tenants, snapshots] {
            tally.skip(why);
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        let Self { ends, claims, duties, tenants, snapshots } = self;
        [ends, claims, duties, tenants, snapshots].into_iter().any(Tally::has_failed)
    }

    /// Snapshots of versions that their streams never came to.
    pub(super) fn unreached(&mut self, left: &Snapshots) {
        for (stream, slot) in &left.0 {
            let what = "a snapshot is of a version that its stream came to";
            let finding = Finding::new(what, "no snapshot", format!("version {}", slot.version));
            self.snapshots.found(finding.row("index.snapshots", stream));
        }
    }

    /// Compares a part of the index with what the roll adds up to at the index's checkpoint.
    pub(super) fn compare(&mut self, copy: &Copy, part: Part, book: &Book) {
        self.compare_ends(copy, part, book);
        self.compare_claims(copy, part, book);
        self.compare_duties(copy, part, book);
        if part.number == 0 {
            self.compare_tenants(copy, book);
        }
    }

    fn compare_ends(&mut self, copy: &Copy, part: Part, book: &Book) {
        let expected = book.streams.iter().map(|(stream, slot)| {
            (stream.to_string(), format!("position {}, version {}", slot.last, slot.version))
        });
        let found = copy.index.all_ends().filter_map(|entry| match entry {
            Ok((stream, _)) if !part.holds(&stream) => None,
            Ok((stream, end)) => {
                let end = format!("position {}, version {}", end.last, end.version);
                Some(Ok((stream.to_string(), end)))
            }
            Err(error) => (part.number == 0).then_some(Err(error)),
        });
        same("index.streams", "a stream ends where the roll says", expected, found, &mut self.ends);
    }

    fn compare_claims(&mut self, copy: &Copy, part: Part, book: &Book) {
        let told = |position: u64| format!("position {position}");
        let expected = book.claims.iter().map(|(claim, taker)| (key(claim), told(taker.position)));
        let found = copy.index.all_claims().filter_map(|entry| match entry {
            Ok((key, _)) if !part.holds(key) => None,
            Ok((key, position)) => Some(Ok((key, told(position)))),
            Err(error) => (part.number == 0).then_some(Err(error)),
        });
        let what = "a claim is taken by whom the roll says";
        same("index.claims", what, expected, found, &mut self.claims);
    }

    fn compare_duties(&mut self, copy: &Copy, part: Part, book: &Book) {
        let told = |due: i64, opener: u64| format!("due {due}, opened at {opener}");
        let expected = book.duties.values();
        let expected =
            expected.map(|duty| (duty.name.clone(), told(duty.due.micros(), duty.opener)));
        let found = match copy.index.all_duties() {
            Ok(duties) => duties.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        let found = found.into_iter().filter_map(|entry| match entry {
            Ok(duty) if !part.holds(&duty.name.stream) => None,
            Ok(duty) => Some(Ok((duty.name, told(duty.due.micros(), duty.opener)))),
            Err(error) => (part.number == 0).then_some(Err(error)),
        });
        let expected = expected.map(|(name, told)| (Shown(name), told));
        let found = found.map(|entry| entry.map(|(name, told)| (Shown(name), told)));
        let what = "a duty is open if the roll says so";
        same("index.duties", what, expected, found, &mut self.duties);
    }

    fn compare_tenants(&mut self, copy: &Copy, book: &Book) {
        let expected = book.tenants.iter().map(|(name, count)| (name.clone(), count.to_string()));
        let found = match copy.index.all_tenants() {
            Ok(tenants) => tenants.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        let found = found.into_iter().map(|entry| entry.map(|(name, n)| (name, n.to_string())));
        let what = "a tenant has as many events as the roll says";
        same("index.tenants", what, expected, found, &mut self.tenants);
    }
}

/// A duty's name, for people.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Shown(piperoll_domain::duty::Name);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0.kind.as_str(), self.0.stream)?;
        self.0.item.iter().try_for_each(|item| write!(f, " {item}"))
    }
}

fn unreadable(table: &str, error: &IndexError) -> Finding {
    let found = super::chain_of(error);
    let finding = Finding::new("the index can be read", "an entry", found);
    Finding { table: Some(table.to_owned()), ..finding }
}

/// Two tables must hold the same entries.
fn same<K: Ord + std::fmt::Display>(
    table: &str,
    what: &str,
    expected: impl Iterator<Item = (K, String)>,
    found: impl Iterator<Item = Result<(K, String), IndexError>>,
    tally: &mut Tally,
) {
    let mut expected: BTreeMap<K, String> = expected.collect();
    for entry in found {
        let (key, found) = match entry {
            Ok(entry) => entry,
            Err(error) => {
                tally.found(unreadable(table, &error));
                continue;
            }
        };
        let must = expected.remove(&key);
        let right = must.as_ref() == Some(&found);
        let none = || "no entry".to_owned();
        let finding = || Finding::new(what, must.unwrap_or_else(none), found).row(table, key);
        tally.expect(right, finding);
    }
    for (key, must) in expected {
        tally.expect(false, || Finding::new(what, must, "no entry").row(table, key));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_copy_is_byte_for_byte_and_takes_the_room_of_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for (head, length, tail) in [(0, 0, 0), (3, 3, 0), (100_000, 10 << 20, 0), (5, 3 << 20, 7)]
        {
            let mut bytes = vec![0; length];
            bytes[..head].fill(1);
            bytes[length - tail..].fill(2);
            fs::write(&from, &bytes).unwrap();
            copy_file(&from, &to).unwrap();
            assert!(fs::read(&to).unwrap() == bytes, "{length}");
            assert!(fs::metadata(&to).unwrap().blocks() * 512 <= 300_000, "{length}");
            fs::remove_file(&to).unwrap();
        }
    }
}
