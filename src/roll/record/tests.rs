//! What must hold of every record.

use proptest::prelude::*;

use super::*;
use crate::roll::samples;

fn written(position: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, &samples::envelope(position), samples::NAME, &samples::data(position))
        .unwrap();
    bytes
}

#[test]
fn the_keys_are_exactly_these_in_this_order() {
    let keys = [
        "v",
        "position",
        "stream",
        "version",
        "previous",
        "id",
        "type",
        "data",
        "recorded_at",
        "effective_at",
        "tenant",
        "tenant_version",
        "actor",
        "correlation",
        "causation",
        "idempotency",
    ];
    let bytes = written(1);
    assert_eq!(bytes[..3], [0xde, 0, 16]);
    let mut from = 0;
    for key in keys {
        let encoded = rmp_serde::to_vec(key).unwrap();
        let found = bytes[from..].windows(encoded.len()).position(|window| window == encoded);
        from += found.unwrap_or_else(|| panic!("`{key}` is missing or out of order"));
    }
}

#[test]
fn absent_is_nil_and_data_is_binary() {
    let mut bytes = Vec::new();
    write(&mut bytes, &samples::envelope(1), "x.y.v1", &[1, 2]).unwrap();
    let ends_with = |tail: &[u8]| bytes.windows(tail.len()).any(|window| window == tail);
    assert!(ends_with(b"\xa4data\xc4\x02\x01\x02\xabrecorded_at"));
    assert!(ends_with(b"\xaceffective_at\xc0\xa6tenant"));
    assert!(bytes.ends_with(b"\xabidempotency\xc0"));
}

#[test]
fn a_record_gives_back_what_was_written() {
    for position in 1..10 {
        let bytes = written(position);
        let record = Record::read(&bytes).unwrap();
        assert_eq!(record.envelope(), Ok(samples::envelope(position)));
        assert_eq!(record.data, samples::data(position));
    }
}

#[test]
fn every_shorter_and_every_longer_record_is_refused() {
    let mut bytes = written(2);
    for end in 0..bytes.len() {
        assert!(Record::read(&bytes[..end]).is_err(), "{end}");
    }
    bytes.push(0xc0);
    assert_eq!(Record::read(&bytes), Err(Error::Trailing { bytes: 1 }));
}

/// The record at 1 with one stretch of its bytes replaced.
fn with(found: &[u8], replacement: &[u8]) -> Vec<u8> {
    let bytes = written(1);
    let at = bytes.windows(found.len()).position(|window| window == found).unwrap();
    [&bytes[..at], replacement, &bytes[at + found.len()..]].concat()
}

#[test]
fn an_unknown_field_in_the_place_of_another_is_refused() {
    let bytes = with(b"\xa8previous", b"\xa8previuos");
    assert_eq!(Record::read(&bytes), Err(Error::Missing { field: "previous" }));
    assert_eq!(
        Record::read(&with(&[0xde, 0, 16], &[0xde, 0, 17])),
        Err(Error::Malformed { field: "record" })
    );
}

#[test]
fn another_version_of_the_envelope_is_refused() {
    assert_eq!(Record::read(&with(b"\xa1v\x01", b"\xa1v\x02")), Err(Error::Version { v: 2 }));
}

#[test]
fn a_tenant_other_than_the_stream_s_is_refused() {
    let bytes = with(b"\xa6tenant\xa4acme", b"\xa6tenant\xa4evil");
    assert!(matches!(Record::read(&bytes), Err(Error::Tenant { .. })));
    let mut envelope = samples::envelope(1);
    envelope.tenant = "evil".parse().unwrap();
    let mut out = vec![1];
    assert!(matches!(write(&mut out, &envelope, "x.y.v1", b""), Err(Error::Tenant { .. })));
    assert_eq!(out, [1]);
}

#[test]
fn a_previous_event_that_stands_later_is_refused() {
    let bytes = with(b"\xa8previous\x00", b"\xa8previous\x01");
    assert_eq!(Record::read(&bytes), Err(Error::Previous { position: 1, previous: 1 }));
}

#[test]
fn a_name_outside_its_grammar_is_refused_with_the_envelope() {
    let bytes = with(b"account-acme-acc_1", b"account-acme-acc 1");
    let refused = Record::read(&bytes).unwrap().envelope();
    assert!(matches!(refused, Err(Error::Name { field: "stream", .. })));
}

#[test]
fn the_longest_names_fit() {
    let mut envelope = samples::envelope(1);
    envelope.tenant = "t".repeat(32).parse().unwrap();
    let id: piperoll_domain::id::Id = "i".repeat(80).parse().unwrap();
    for kind in piperoll_domain::id::Kind::ALL {
        envelope.stream = Stream::new(kind, &envelope.tenant, id.clone());
        let mut bytes = Vec::new();
        write(&mut bytes, &envelope, "x.y.v1", b"").unwrap();
        assert_eq!(Record::read(&bytes).unwrap().envelope(), Ok(envelope.clone()));
    }
}

proptest! {
    #[test]
    fn a_record_that_reads_is_what_writing_it_again_gives(
        position in 1_u64..9,
        changes in proptest::collection::vec((0_usize..600, any::<u8>()), 0..4),
    ) {
        let mut bytes = written(position);
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let read = Record::read(&bytes).and_then(|record| Ok((record, record.envelope()?)));
        if let Ok((record, envelope)) = read {
            let mut again = Vec::new();
            write(&mut again, &envelope, record.name, record.data).unwrap();
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn garbage_is_an_error_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Record::read(&bytes).is_err());
    }
}
