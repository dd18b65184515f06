//! What an index holds after it was opened again, and after the power failed.

use piperoll_domain::duty;

use super::*;

fn head(position: u64) -> Head {
    Head { position, hash: Bytes::ZERO }
}

fn up_to(position: u64) -> Entries {
    let mut entries = Entries::default();
    entries.up_to = Some(head(position));
    entries
}

#[test]
fn what_was_not_synced_does_not_count_after_a_power_cut() {
    let directory = tempfile::tempdir().unwrap();
    let index = Index::open(directory.path(), 1 << 20).unwrap();
    assert_eq!(index.checkpoint_on_disk().unwrap(), None);
    index.write(&up_to(10)).unwrap();
    index.sync().unwrap();
    index.write(&up_to(20)).unwrap();
    assert_eq!(index.checkpoint().unwrap(), Some(head(20)));
    assert_eq!(index.checkpoint_on_disk().unwrap(), Some(head(10)));
}

#[test]
fn an_index_that_is_opened_again_holds_what_it_held() {
    let directory = tempfile::tempdir().unwrap();
    let index = Index::open(directory.path(), 1 << 20).unwrap();
    index.write(&up_to(10)).unwrap();
    index.reopen().unwrap();
    assert_eq!(index.checkpoint().unwrap(), Some(head(10)));
    index.write(&up_to(20)).unwrap();
    assert_eq!(index.checkpoint().unwrap(), Some(head(20)));
}

#[test]
fn an_index_that_lost_something_gives_no_answer_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let index = Index::open(directory.path(), 1 << 20).unwrap();
    index.write(&up_to(10)).unwrap();
    index.written.store(20, Relaxed);
    let lost = index.reopen();
    assert!(matches!(lost, Err(IndexError::Lost { found: 10, written: 20 })), "{lost:?}");
    assert!(matches!(index.taken_at(Bytes::ZERO), Err(IndexError::Closed)));
}

fn opened(entries: &mut Entries, kind: duty::Kind, item: &str, closed: bool) {
    let stream: Stream = "account-acme-alice".parse().unwrap();
    let name = duty::Name { kind, stream, item: Some(item.to_owned().into()) };
    let due = piperoll_domain::time::Time::EPOCH;
    entries.duties.push(Change::Open(Duty { name: name.clone(), due, opener: 1 }));
    entries.duties.extend(closed.then_some(Change::Close(name)));
}

#[test]
fn a_reservation_that_ended_meanwhile_is_never_written() {
    let mut entries = Entries::default();
    opened(&mut entries, duty::Kind::Return, "ended", true);
    opened(&mut entries, duty::Kind::Return, "open", false);
    // What may have been stored before must be removed all the same.
    opened(&mut entries, duty::Kind::Lapse, "lot", true);
    let stream = "account-acme-alice".parse().unwrap();
    let name =
        duty::Name { kind: duty::Kind::Return, stream, item: Some("older".to_owned().into()) };
    entries.duties.push(Change::Close(name));
    entries.settle();
    assert_eq!(entries.duties.len(), 6, "a start folds again what may have been written");
    entries.forget_what_ended();
    let named = entries.duties.iter().map(|change| match change {
        Change::Open(duty) => format!("open {}", duty.name.item.as_ref().unwrap()),
        Change::Close(name) => format!("close {}", name.item.as_ref().unwrap()),
    });
    assert_eq!(named.collect::<Vec<_>>(), ["open open", "open lot", "close lot", "close older"]);
}

#[test]
fn what_an_index_that_was_made_anew_holds_is_not_written_once_more() {
    let (mut known, mut new) = (up_to(20), up_to(30));
    opened(&mut known, duty::Kind::Return, "ended", false);
    let stream: Stream = "account-acme-alice".parse().unwrap();
    known.streams.push((stream.clone(), End { last: 20, version: 2 }));
    let Some(Change::Open(Duty { name, .. })) = known.duties.first().cloned() else { panic!() };
    new.duties.push(Change::Close(name.clone()));
    let mut batch = Entries::default();
    batch.extend_beyond(25, known.clone());
    assert!(batch.are_known(25) && batch.streams.is_empty() && batch.duties.is_empty());
    batch.extend_beyond(25, new);
    batch.settle();
    batch.forget_what_ended();
    assert!(!batch.are_known(25));
    // The index holds it as open.
    assert_eq!(batch.duties, [Change::Close(name)]);
    assert_eq!(batch.up_to, Some(head(30)));
}

#[test]
fn an_index_that_is_made_anew_waits_for_those_who_still_read_the_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let index = Index::open(directory.path(), 1 << 20).unwrap();
    let mut entries = up_to(10);
    let stream: Stream = "account-acme-alice".parse().unwrap();
    entries.streams.push((stream.clone(), End { last: 10, version: 3 }));
    index.write(&entries).unwrap();
    let mut reading = index.all_ends();
    assert!(matches!(index.anew(), Err(IndexError::Read)));
    assert_eq!(reading.next().unwrap().unwrap().0, stream);
    drop(reading);
    let made = index.anew().unwrap();
    assert!(matches!(index.end(&stream), Err(IndexError::Closed)), "nobody asks half an index");
    assert_eq!(made.checkpoint_on_disk().unwrap(), None);
    made.write(&up_to(20)).unwrap();
    index.take(made);
    assert_eq!((index.end(&stream).unwrap(), index.written()), (None, 20));
    index.write(&up_to(30)).unwrap();
    index.reopen().unwrap();
    assert_eq!(index.checkpoint().unwrap(), Some(head(30)));
}

#[test]
fn an_index_without_a_cache_to_speak_of_answers_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let stream: Stream = "account-acme-alice".parse().unwrap();
    let end = End { last: 10, version: 3 };
    for _ in 0..2 {
        // The second time it lies in the store's journal, and is read from there.
        let index = Index::open(directory.path(), 1).unwrap();
        let mut entries = up_to(10);
        entries.streams.push((stream.clone(), end));
        index.write(&entries).unwrap();
        index.reopen().unwrap();
        assert_eq!(index.end(&stream).unwrap(), Some(end));
    }
}
