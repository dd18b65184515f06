//! What an index holds after it was opened again, and after the power failed.

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
    assert!(matches!(index.taker(Bytes::ZERO), Err(IndexError::Closed)));
}
