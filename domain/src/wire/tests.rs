//! Every wire name, both directions, and the bytes themselves.

use super::*;
use crate::{
    book::{Book, Slot},
    bytes::Blob,
    event::Recorded,
    id::Kind,
    roll::FeatureEnabled,
    testing::*,
};

fn bytes(event: &Event) -> Vec<u8> {
    let mut bytes = vec![];
    encode(event, &mut bytes).unwrap();
    bytes
}

fn hex(bytes: &[u8]) -> String {
    Blob(bytes.to_vec()).to_string()
}

#[test]
fn there_is_one_sample_of_every_name_and_no_name_twice() {
    let names: Vec<&str> = Event::names().collect();
    let sampled: Vec<&str> = samples().iter().map(|sample| sample.event.name()).collect();
    assert_eq!(sampled, names);
    let distinct: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(distinct.len(), names.len());
}

#[test]
fn names_are_a_category_a_fact_and_a_version() {
    for name in Event::names() {
        let words: Vec<&str> = name.split('.').collect();
        let [category, fact, version] = words[..] else { panic!("{name}") };
        let plain = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        assert!(plain(category) && plain(fact) && version == "v1", "{name}");
    }
}

#[test]
fn every_fact_reads_back_from_its_bytes_and_from_what_people_read() {
    for Recorded { event, .. } in samples() {
        let stored = bytes(&event);
        assert_eq!(decode(event.name(), &stored).unwrap(), event);
        assert_eq!(stored, bytes(&decode(event.name(), &stored).unwrap()), "{}", event.name());
        let json = serde_json::to_string(&Readable(&event)).unwrap();
        let mut reader = serde_json::Deserializer::from_str(&json);
        assert_eq!(from_readable(event.name(), &mut reader).unwrap().unwrap(), event, "{json}");
    }
}

#[test]
fn every_fact_is_a_map_by_field_name_and_carries_no_float() {
    for Recorded { event, .. } in samples() {
        let stored = bytes(&event);
        assert!((0x80..=0x8f).contains(&stored[0]) || stored[0] == 0xde, "{}", event.name());
        let json = serde_json::to_value(Readable(&event)).unwrap();
        assert!(json.is_object(), "{}", event.name());
        assert!(!any_float(&json), "{json}");
    }
}

fn any_float(json: &serde_json::Value) -> bool {
    match json {
        serde_json::Value::Number(number) => number.is_f64(),
        serde_json::Value::Array(values) => values.iter().any(any_float),
        serde_json::Value::Object(fields) => fields.values().any(any_float),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::String(_) => {
            false
        }
    }
}

#[test]
fn what_is_not_known_or_not_whole_is_refused() {
    let event: Event = FeatureEnabled { feature: "deliveries".to_owned() }.into();
    let stored = bytes(&event);
    for unknown in ["feature.enabled.v2", "feature.enabled", "ghost.seen.v1", "", "."] {
        assert!(matches!(decode(unknown, &stored), Err(Error::Unknown(_))), "{unknown}");
    }
    for cut in 0..stored.len() {
        assert!(decode(event.name(), &stored[..cut]).is_err(), "{cut}");
    }
    for more in 0..=u8::MAX {
        let longer = [&stored[..], &[more]].concat();
        assert!(matches!(decode(event.name(), &longer), Err(Error::Trailing(_))), "{more:#x}");
    }
    assert!(matches!(decode("roll.opened.v1", &stored), Err(Error::Malformed { .. })));
}

#[test]
fn no_bytes_make_the_decoder_panic() {
    for Recorded { event, .. } in samples() {
        let stored = bytes(&event);
        for (index, mask) in (0..stored.len()).flat_map(|index| [(index, 0x01), (index, 0xff)]) {
            let mut wrong = stored.clone();
            wrong[index] ^= mask;
            let _ = decode(event.name(), &wrong);
        }
    }
}

/// Published: these bytes stand in rolls for ever.
#[test]
fn the_bytes_of_some_facts_are_pinned() {
    let pinned = [
        ("account.opened.v1", "80"),
        (
            "roll.opened.v1",
            "85a7726f6c6c5f6964c410ababababababababababababababababa46e616d65a46d61696ea6666f726d6174\
             01ab656e7669726f6e6d656e74ab646576656c6f706d656e74b070697065726f6c6c5f76657273696f6ea530\
             2e312e30",
        ),
        ("feature.enabled.v1", "81a766656174757265aa64656c69766572696573"),
        (
            "credit.spent.v1",
            "84a5746f74616c82a9636f6d6d6f64697479a3555344a6616d6f756e741ea570617274739186a36c6f74a56c\
             6f745f31a6616d6f756e741ea46c65667446a4636f737482a9636f6d6d6f64697479a44d534154a6616d6f75\
             6e7403a6736f75726365a87075726368617365a4706f6f6ca767656e6572616ca56f72646572b2706f6f6c2d\
             6578706972792d6167652e7631a97265666572656e6365a663616c6c2d39",
        ),
        (
            "lot.minted.v1",
            "89a36c6f74a56c6f745f31a6616d6f756e7482a9636f6d6d6f64697479a3555344a6616d6f756e7464a6736f\
             7572636582a46b696e64a87075726368617365a26964a57061795f31a4706f6f6ca767656e6572616caa6578\
             70697265735f6174cf00060a3835f5a000a4636f737482a9636f6d6d6f64697479a44d534154a6616d6f756e\
             740aa56f6666657282a26964a67265706f7274a776657273696f6e01a77061796d656e74a57061795f31a672\
             6561736f6eae6c6f6f6b656420696e746f206974",
        ),
        (
            "payment.settled.v1",
            "8caa696e737472756d656e7401a972657175657374656482a9636f6d6d6f64697479a44d534154a6616d6f75\
             6e74cd2710a8726563656976656482a9636f6d6d6f64697479a44d534154a6616d6f756e74cd2ee0a3666565\
             82a9636f6d6d6f64697479a44d534154a6616d6f756e740aa766756e64696e6781a9636f6d706c6574656481\
             a76172726976656482a9636f6d6d6f64697479a44d534154a6616d6f756e74cd1770a57472757468a7776562\
             686f6f6baa636f6e6e656374696f6ea764656661756c74ab70726f76696465725f6964a57365745f31ad7072\
             6f76696465725f74696d65cf00060a2419e80380a772656365697074a6726370745f31ad6368616c6c656e67\
             65645f6174cf00060a24182d8240a47261746584a470616972a74254432f555344a576616c7565a839373132\
             332e3435a6736f75726365a46465736ba26174cf00060a2419e80380",
        ),
        (
            "receipt.matched.v1",
            "82a77061796d656e7482a674656e616e74a461636d65a26964a57061795f31a66c65645f746fa67265766965\
             77",
        ),
    ];
    for (name, expected) in pinned {
        let sample = samples().into_iter().find(|sample| sample.event.name() == name).unwrap();
        assert_eq!(hex(&bytes(&sample.event)), expected, "{name}");
    }
}

#[test]
fn snapshots_of_every_kind_read_back() {
    let mut book = Book::default();
    for sample in samples() {
        book.fold(&sample);
    }
    let kinds: std::collections::BTreeSet<Kind> =
        book.streams.keys().map(|stream| stream.kind).collect();
    assert_eq!(kinds.len(), Kind::ALL.len());
    for (stream, slot) in &book.streams {
        for stored in [rmp_serde::to_vec(slot).unwrap(), rmp_serde::to_vec_named(slot).unwrap()] {
            assert_eq!(&rmp_serde::from_slice::<Slot>(&stored).unwrap(), slot, "{stream}");
        }
    }
}
