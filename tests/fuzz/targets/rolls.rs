//! What lies in a roll: nobody may have written there but us, and a disk may have lied.

use piperoll::roll::{Block, Claims, Record, write_record};
use piperoll_domain::{bytes::Hash, wire};

use super::lines;

/// A record: read, it is byte for byte what writing it again gives.
pub fn envelope(input: &[u8]) -> bool {
    let Ok(record) = Record::read(input) else { return false };
    let Ok(envelope) = record.envelope() else { return false };
    let mut again = vec![];
    write_record(&mut again, &envelope, record.name, record.data)
        .expect("what reads can be written");
    assert_eq!(again, input, "a record has one encoding");
    true
}

/// How long what stands before a block's body is: first, last and count, then both hashes.
const HEADER: usize = 3 * 8 + 2 * 32;

/// A block of a store: what is said beside it, and its body.
pub fn block(input: &[u8]) -> bool {
    let Some((said, body)) = input.split_at_checked(HEADER) else { return false };
    let number = |at: usize| u64::from_be_bytes(said[at * 8..][..8].try_into().unwrap());
    let hash = |at: usize| Hash::from_slice(&said[at..at + 32]).unwrap();
    let claims = Claims {
        first: number(0),
        last: number(1),
        count: number(2),
        before: hash(24),
        after: hash(56),
    };
    let Ok(block) = Block::read(&claims, body) else { return false };
    assert_eq!(block.claims(), claims);
    assert_eq!(block.iter().count(), usize::try_from(claims.count).unwrap());
    for (position, bytes) in block.iter() {
        assert_eq!(block.record(position), Some(bytes));
        assert_eq!(Record::read(bytes).expect("it was proved").position, position);
    }
    let again = Block::read(&claims, &block.body()).expect("what was packed unpacks");
    assert!(again == block);
    true
}

/// An event's name, a line's end, and its fields.
pub fn event(input: &[u8]) -> bool {
    let name = lines(input).next().unwrap_or_default();
    let Some(data) = input.get(name.len() + 1..) else { return false };
    let Ok(event) = wire::decode(&String::from_utf8_lossy(name), data) else { return false };
    let mut once = vec![];
    wire::encode(&event, &mut once).expect("what reads can be written");
    let again = wire::decode(event.name(), &once).expect("what was written reads");
    assert_eq!(again, event);
    let mut twice = vec![];
    wire::encode(&again, &mut twice).unwrap();
    assert_eq!(once, twice, "an event has one encoding");
    assert!(serde_json::to_string(&wire::Readable(&event)).is_ok());
    true
}
