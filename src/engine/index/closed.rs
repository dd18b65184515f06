//! The note beside an index that was closed in good order: where it stood, and the sums of its files.
//!
//! The index's store does not look at all of its bytes, drops the end of its journal where that is
//! damaged, as after a crash, and ends the process over some other damage. Of a closed index this note
//! tells all of it. Every opening removes the note first.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use piperoll_domain::bytes::{Bytes, Hash};
use sha2::{Digest, Sha256};

use super::IndexError;
use crate::roll::Head;

const NOTE: &str = "index.closed";
/// How much of a file is looked at at once.
const PIECE_BYTES: usize = 64 << 10;

/// The sums of files, by their names below a folder.
pub type Sums = BTreeMap<String, Hash>;

/// What the note says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Up to where the index held.
    pub head: Head,
    /// Its files.
    pub files: Sums,
}

impl Closed {
    fn text(&self) -> String {
        let mut text = format!("{}:{}\n", self.head.position, self.head.hash);
        for (name, sum) in &self.files {
            // Nothing is refused by a string.
            let _ = writeln!(text, "{sum} {name}");
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (position, hash) = lines.next()?.split_once(':')?;
        let head = Head { position: position.parse().ok()?, hash: sum(hash)? };
        let files = lines.map(|line| {
            let (digits, name) = line.split_once(' ')?;
            Some((name.to_owned(), sum(digits)?))
        });
        let closed = Self { head, files: files.collect::<Option<_>>()? };
        (closed.text() == text).then_some(closed)
    }
}

fn sum(digits: &str) -> Option<Hash> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(Bytes(bytes))
}

/// What the note of a data directory says; none if there is none, an error if it cannot be read.
pub fn closed_at(directory: &Path) -> Result<Option<Closed>, IndexError> {
    let path = directory.join(NOTE);
    let read = match fs::read(&path) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(IndexError::Note { doing: "read", path, source }),
    };
    let closed = str::from_utf8(&read).ok().and_then(Closed::parse);
    closed.map(Some).ok_or_else(|| IndexError::Damaged(NOTE.to_owned()))
}

/// The sum of every file in a folder and in those below it.
pub fn sums(folder: &Path) -> io::Result<Sums> {
    let (mut sums, mut folders) = (Sums::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
            sums.insert(name, sum_of(File::open(&path)?)?);
        }
    }
    Ok(sums)
}

/// SHA-256 over the pieces that are not all zeros, each behind its place, and the length: a journal is
/// made far longer than what is in it.
fn sum_of(mut file: impl Read) -> io::Result<Hash> {
    let (mut piece, zeros) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    let (mut hasher, mut at) = (Sha256::new_with_prefix(b"piperoll.file.v1"), 0_u64);
    loop {
        let length = fill(&mut file, &mut piece)?;
        let read = &piece[..length];
        if read != &zeros[..length] {
            hasher.update(at.to_be_bytes());
            hasher.update(read);
        }
        at = at.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        if length < PIECE_BYTES {
            hasher.update(at.to_be_bytes());
            return Ok(Bytes(hasher.finalize().into()));
        }
    }
}

/// Reads until the piece is full or the file ends.
fn fill(file: &mut impl Read, piece: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < piece.len() {
        match file.read(&mut piece[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Writes the note of an index that nobody holds open any more.
pub(super) fn write(directory: &Path, head: Head) -> Result<(), IndexError> {
    let path = directory.join(NOTE);
    let written = || {
        let files = sums(&directory.join("index"))?;
        fs::write(&path, Closed { head, files }.text())
    };
    written().map_err(|source| IndexError::Note { doing: "write", path: path.clone(), source })
}

pub(super) fn remove(directory: &Path) -> Result<(), IndexError> {
    let path = directory.join(NOTE);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(IndexError::Note { doing: "remove", path, source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_back_and_no_other_text_is_one() {
        let (head, sum) = (Head { position: 7, hash: Bytes([0xab; 32]) }, Bytes([1; 32]));
        let closed = Closed { head, files: [("a b/0.jnl".to_owned(), sum)].into() };
        let text = closed.text();
        assert_eq!(Closed::parse(&text), Some(closed));
        for other in [text.to_uppercase(), text.trim_end().to_owned(), format!("0{text}")] {
            assert_eq!(Closed::parse(&other), None, "{other}");
        }
    }

    #[test]
    fn a_sum_tells_every_byte_and_the_length() {
        let zeros = vec![0; 3 * PIECE_BYTES];
        let whole = sum_of(zeros.as_slice()).unwrap();
        for at in [0, 1, PIECE_BYTES, 3 * PIECE_BYTES - 1] {
            let mut turned = zeros.clone();
            turned[at] = 1;
            assert_ne!(sum_of(turned.as_slice()).unwrap(), whole, "{at}");
        }
        assert_ne!(sum_of(&zeros[1..]).unwrap(), whole);
    }
}
