//! What must hold of every block.

use proptest::prelude::*;

use super::*;
use crate::roll::{record, samples};

fn genesis() -> Head {
    Head::genesis(samples::ROLL)
}

#[test]
fn three_records_have_the_published_bytes_and_hashes() {
    let block = samples::block(genesis(), 3);
    let published = include_str!("vectors.txt").lines().filter(|line| !line.starts_with('#'));
    let lines: Vec<&str> = published.collect();
    assert_eq!(lines.len(), 6);
    for ((position, bytes), published) in block.iter().zip(lines.chunks(2)) {
        assert_eq!([hex::encode(bytes), block.hash_at(position).unwrap().to_string()], published);
    }
}

#[test]
fn a_block_comes_back_as_it_was_stored() {
    let block = samples::block(genesis(), 100);
    let read = Block::read(&block.claims(), &block.body()).unwrap();
    assert!(read == block);
    for (position, bytes) in read.iter() {
        let record = Record::read(bytes).unwrap();
        assert_eq!(record.envelope(), Ok(samples::envelope(position)));
        assert_eq!((record.name, record.data), (samples::NAME, &*samples::data(position)));
        assert_eq!(read.record(position), Some(bytes));
    }
    assert_eq!(read.iter().count(), 100);
    assert_eq!((read.record(0), read.record(101)), (None, None));
}

#[test]
fn positions_must_be_contiguous() {
    let mut builder = BlockBuilder::new(genesis().position);
    let refused = builder.push(&samples::envelope(2), samples::NAME, b"");
    assert_eq!(refused, Err(PushError::Position { found: 2, expected: 1 }));
    assert!(builder.finish(genesis()).is_none());
}

#[test]
fn records_become_no_block_behind_another_position() {
    let mut builder = BlockBuilder::new(genesis().position);
    builder.push(&samples::envelope(1), samples::NAME, b"").unwrap();
    assert!(builder.finish(samples::block(genesis(), 1).head()).is_none());
}

#[test]
fn a_refused_record_leaves_the_block_as_it_was() {
    let mut builder = BlockBuilder::new(genesis().position);
    builder.push(&samples::envelope(1), samples::NAME, &samples::data(1)).unwrap();
    let mut stranger = samples::envelope(2);
    stranger.tenant = "other".parse().unwrap();
    let refused = builder.push(&stranger, samples::NAME, b"");
    assert!(matches!(refused, Err(PushError::Record(record::Error::Tenant { .. }))));
    let huge = vec![0; BLOCK_BYTES_MAX];
    assert_eq!(builder.push(&samples::envelope(2), samples::NAME, &huge), Err(PushError::Full));
    builder.push(&samples::envelope(2), samples::NAME, &samples::data(2)).unwrap();
    assert!(builder.finish(genesis()).unwrap() == samples::block(genesis(), 2));
}

#[test]
fn whatever_a_row_says_must_equal_what_its_records_say() {
    let block = samples::block(samples::block(genesis(), 4).head(), 3);
    let (claims, body) = (block.claims(), block.body());
    let other = chain::genesis(samples::ROLL);
    let lies = [
        Claims { first: 4, ..claims },
        Claims { last: 8, ..claims },
        Claims { count: 2, ..claims },
        Claims { first: 6, last: 8, ..claims },
        Claims { first: 0, last: 2, ..claims },
        Claims { first: u64::MAX, last: u64::MAX, ..claims },
        Claims { before: other, ..claims },
        Claims { after: other, ..claims },
    ];
    for lie in lies {
        assert!(Block::read(&lie, &body).is_err(), "{lie:?}");
    }
    assert!(Block::read(&claims, &body).is_ok());
}

#[test]
fn the_first_broken_position_is_named() {
    let mut builder = BlockBuilder::new(genesis().position);
    for position in 1..=3 {
        builder.push(&samples::envelope(position), samples::NAME, b"x").unwrap();
    }
    let mut block = builder.finish(genesis()).unwrap();
    // The position stands behind a map header (3), `v` (3), and its own name (9), after the prefix.
    let second = place(block.ends[0]) + PREFIX + 15;
    assert_eq!(block.bytes[second], 2);
    block.bytes[second] = 9;
    let (position, damage) = Block::read(&block.claims(), &block.body()).unwrap_err();
    assert_eq!(position, 2);
    assert!(matches!(damage, Damage::Position { found: 9 }), "{damage:?}");
}

proptest! {
    #[test]
    fn the_same_records_have_the_same_hashes_however_they_are_grouped(
        cuts in proptest::collection::vec(1_u64..9, 1..12),
    ) {
        let total: u64 = cuts.iter().sum();
        let whole = samples::block(genesis(), total);
        let mut head = genesis();
        for records in cuts {
            let block = samples::block(head, records);
            prop_assert_eq!(block.before(), head);
            for (position, bytes) in block.iter() {
                prop_assert_eq!(block.hash_at(position), whole.hash_at(position));
                prop_assert_eq!(Some(bytes), whole.record(position));
            }
            head = block.head();
        }
        prop_assert_eq!(head, whole.head());
    }

    #[test]
    fn no_changed_record_byte_goes_unseen(at in 0_usize..1_000, bit in 0_u32..8) {
        let mut block = samples::block(genesis(), 3);
        let claims = block.claims();
        let at = at % block.bytes.len();
        block.bytes[at] ^= 1 << bit;
        prop_assert!(Block::read(&claims, &block.body()).is_err());
    }

    #[test]
    fn a_changed_body_gives_an_error_or_the_same_records(at in 0_usize..1_000, bit in 0_u32..8) {
        let block = samples::block(genesis(), 3);
        let mut body = block.body();
        let at = at % body.len();
        body[at] ^= 1 << bit;
        if let Ok(read) = Block::read(&block.claims(), &body) {
            prop_assert!(read == block);
        }
    }
}
