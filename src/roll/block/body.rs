//! A block's records as one string of bytes: each behind its length, compressed where that helps.
//!
//! ```text
//! body    = method, 1 byte (0: plain, 1: LZ4) ‖ length of the records, u32 big-endian ‖ packed
//! records = (length, u32 big-endian ‖ record) …
//! ```

use std::cell::RefCell;

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

use super::{PREFIX, place};

/// The most bytes that the records of one block may have: what a reader is willing to unpack.
pub const BLOCK_BYTES_MAX: usize = 64 * 1024 * 1024;

const PLAIN: u8 = 0;
const LZ4: u8 = 1;
const HEADER: usize = 1 + PREFIX;
/// What a thread keeps for the next block; a larger one gives back the rest.
const ROOM_BYTES_MAX: usize = 8 << 20;

/// Why a block's body cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Not even a header.
    #[error("it has {bytes} bytes, less than its header")]
    Short {
        /// How many there are.
        bytes: usize,
    },
    /// Packed in a way that this release does not know.
    #[error("it is packed by method {0}, which this release does not know")]
    Method(u8),
    /// It would unpack to more than a block may hold.
    #[error("it would unpack to {bytes} bytes, more than {BLOCK_BYTES_MAX}")]
    TooLong {
        /// How many.
        bytes: usize,
    },
    /// The compressed bytes are broken.
    #[error("its compressed bytes are broken")]
    Compression(#[source] lz4_flex::block::DecompressError),
    /// It unpacks to another length than it says.
    #[error("it unpacks to {found} bytes and says {expected}")]
    Length {
        /// What came out.
        found: usize,
        /// What it says.
        expected: usize,
    },
    /// A record's length leads past the end.
    #[error("record {index} of the block leads past its end")]
    Record {
        /// Which one, from 0.
        index: usize,
    },
}

thread_local! {
    /// Where blocks are packed: room for a whole one, cleared once and not for each.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn pack(bytes: &[u8]) -> Vec<u8> {
    ROOM.with_borrow_mut(|room| {
        let most = get_maximum_output_size(bytes.len());
        if room.len() < most {
            room.resize(most, 0);
        }
        let body = match compress_into(bytes, room) {
            Ok(packed) if packed < bytes.len() => body(LZ4, bytes.len(), &room[..packed]),
            Ok(_) | Err(_) => body(PLAIN, bytes.len(), bytes),
        };
        room.truncate(ROOM_BYTES_MAX);
        room.shrink_to(ROOM_BYTES_MAX);
        body
    })
}

fn body(method: u8, length: usize, packed: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(HEADER + packed.len());
    body.push(method);
    // `BlockBuilder` lets no block grow beyond `BLOCK_BYTES_MAX`.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(packed);
    body
}

pub(super) fn unpack(body: &[u8]) -> Result<Vec<u8>, BodyError> {
    let short = || BodyError::Short { bytes: body.len() };
    let (method, rest) = body.split_first().ok_or_else(short)?;
    let (length, packed) = rest.split_first_chunk().ok_or_else(short)?;
    let expected = place(u32::from_be_bytes(*length));
    if expected > BLOCK_BYTES_MAX {
        return Err(BodyError::TooLong { bytes: expected });
    }
    let bytes = match *method {
        PLAIN => packed.to_vec(),
        LZ4 => decompress(packed, expected)?,
        other => return Err(BodyError::Method(other)),
    };
    let found = bytes.len();
    if found == expected { Ok(bytes) } else { Err(BodyError::Length { found, expected }) }
}

/// What the header says, for those who only want to know how much they are about to read.
pub(super) fn unpacked_size(body: &[u8]) -> usize {
    let length = body.get(1..HEADER).and_then(|length| length.first_chunk());
    length.map_or(0, |length| place(u32::from_be_bytes(*length)))
}

fn decompress(packed: &[u8], expected: usize) -> Result<Vec<u8>, BodyError> {
    let mut bytes = vec![0; expected];
    let found = decompress_into(packed, &mut bytes).map_err(BodyError::Compression)?;
    bytes.truncate(found);
    Ok(bytes)
}

/// Where each record ends.
pub(super) fn ends(bytes: &[u8]) -> Result<Vec<u32>, BodyError> {
    let mut ends = Vec::new();
    let mut rest = bytes;
    let mut end = 0_u32;
    while !rest.is_empty() {
        let cut = || BodyError::Record { index: ends.len() };
        let (length, after) = rest.split_first_chunk::<PREFIX>().ok_or_else(cut)?;
        let length = u32::from_be_bytes(*length);
        rest = after.get(place(length)..).ok_or_else(cut)?;
        // No overflow: the record was there, and all of them are fewer than `BLOCK_BYTES_MAX`.
        end = end.saturating_add(length).saturating_add(4);
        ends.push(end);
    }
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_packed_unpacks(bytes in proptest::collection::vec(0_u8..4, 0..2_000)) {
            prop_assert_eq!(unpack(&pack(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn garbage_is_an_error_and_no_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut body = body;
            if let Some(length) = body.get_mut(..3) {
                length.copy_from_slice(&[LZ4, 0, 0]);
            }
            if let Ok(bytes) = unpack(&body) {
                let _ = ends(&bytes);
            }
        }
    }

    #[test]
    fn a_body_that_claims_gigabytes_is_refused_before_they_are_allocated() {
        let refused = unpack(&[LZ4, 0xff, 0xff, 0xff, 0xff, 0]);
        assert!(matches!(refused, Err(BodyError::TooLong { .. })), "{refused:?}");
    }

    #[test]
    fn incompressible_bytes_are_stored_plain() {
        let bytes: Vec<u8> = (0..=255).collect();
        let body = pack(&bytes);
        assert_eq!((body[0], body.len()), (PLAIN, HEADER + bytes.len()));
        assert_eq!(unpack(&body).unwrap(), bytes);
        assert!(matches!(unpack(&body[..100]), Err(BodyError::Length { .. })));
    }

    #[test]
    fn a_record_that_leads_past_the_end_is_named() {
        let bytes = [0, 0, 0, 1, 7, 0, 0, 0, 9, 7];
        assert!(matches!(ends(&bytes), Err(BodyError::Record { index: 1 })));
    }
}
