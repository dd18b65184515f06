//! Records for tests: of any number, each a little different.

use piperoll_domain::{
    bytes::{Bytes, Id16},
    event::{Actor, ActorKind, Envelope, Idempotency},
    id::{Id, Kind, Stream, TenantId},
    time::Time,
};

use super::{
    block::{Block, BlockBuilder},
    chain::{Head, event_id},
};

/// The roll that every test writes.
pub(crate) const ROLL: Id16 = Bytes([7; 16]);
pub(crate) const NAME: &str = "payment.settled.v1";

/// The envelope at a position, the same whenever it is asked for.
pub(crate) fn envelope(position: u64) -> Envelope {
    let tenant: TenantId = "acme".parse().unwrap();
    let account: Id = format!("acc_{}", position % 3).parse().unwrap();
    let operation = Bytes([u8::try_from(position % 251).unwrap(); 16]);
    Envelope {
        position,
        stream: Stream::new(Kind::Account, &tenant, account),
        version: position.div_ceil(3),
        previous: position.saturating_sub(3),
        id: event_id(operation, 0),
        recorded_at: Time::from_micros(1_700_000_000_000_000)
            .plus_micros(i64::try_from(position).unwrap()),
        effective_at: position.is_multiple_of(2).then_some(Time::from_micros(-1)),
        tenant,
        tenant_version: position,
        actor: Actor {
            kind: ActorKind::Key,
            id: "key_1".into(),
            credential: Some(Bytes([1, 2, 3, 4, 5, 6, 7, 8])),
        },
        correlation: operation,
        causation: (position % 2 == 1).then_some(operation),
        idempotency: position.is_multiple_of(2).then(|| Idempotency {
            operation: "topup".into(),
            key: format!("order-{position}").into(),
            fingerprint: Bytes([9; 33]),
        }),
    }
}

/// The event at a position: any bytes, no two alike.
pub(crate) fn data(position: u64) -> Vec<u8> {
    position.to_be_bytes().repeat(1 + usize::try_from(position % 5).unwrap())
}

/// The block of so many records that follows a head.
pub(crate) fn block(after: Head, records: u64) -> Block {
    let mut builder = BlockBuilder::new(after.position);
    for position in (after.position + 1..).take(usize::try_from(records).unwrap()) {
        builder.push(&envelope(position), NAME, &data(position)).unwrap();
    }
    builder.finish(after).unwrap()
}

/// A block of one record that another writer would have written.
pub(crate) fn rival(after: Head) -> Block {
    let mut builder = BlockBuilder::new(after.position);
    builder.push(&envelope(after.position + 1), NAME, b"another").unwrap();
    builder.finish(after).unwrap()
}
