//! What every store of a roll must do: one suite, run on each adapter.

use std::sync::Arc;

use piperoll_domain::{bytes::Bytes, time::Time};
use tempfile::TempDir;

use super::{samples, *};

/// Somewhere to keep one roll.
trait Place {
    /// A handle for writing; a second one is a second writer.
    async fn open(&self) -> Roll;
}

struct Directory {
    lock: DirectoryLock,
    _directory: TempDir,
}

impl Directory {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let lock = DirectoryLock::acquire(directory.path(), "test").unwrap();
        create(&lock, &identity()).await.unwrap();
        Self { lock, _directory: directory }
    }
}

impl Place for Directory {
    async fn open(&self) -> Roll {
        open(&self.lock, None).await.unwrap()
    }
}

struct Memory(MemoryRoll);

impl Memory {
    #[expect(clippy::unused_async, reason = "made like the others")]
    async fn new() -> Self {
        Self(MemoryRoll::new(identity()))
    }
}

impl Place for Memory {
    async fn open(&self) -> Roll {
        Roll::Memory(self.0.clone())
    }
}

fn identity() -> Identity {
    Identity { id: samples::ROLL, name: "main".into(), created: Time::from_micros(1) }
}

fn genesis_head() -> Head {
    Head::genesis(samples::ROLL)
}

/// Appends blocks of these sizes, one after the other.
async fn fill(roll: &Roll, sizes: &[u64]) -> Vec<Block> {
    let mut head = roll.head().await.unwrap();
    let mut blocks = Vec::new();
    for records in sizes {
        let block = samples::block(head, *records);
        head = roll.append(head, &block).await.unwrap();
        assert_eq!(head, block.head());
        blocks.push(block);
    }
    blocks
}

fn plain(blocks: &[Arc<Block>]) -> Vec<Block> {
    blocks.iter().map(|block| Block::clone(block)).collect()
}

macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name(super::Directory::new().await).await; })*
        }
        mod memory {
            $(#[tokio::test] async fn $name() { super::$name(super::Memory::new().await).await; })*
        }
    };
}

contract!(
    a_new_roll_stands_at_its_genesis,
    blocks_come_back_in_order_and_as_they_were,
    reading_begins_with_the_block_that_holds_the_position,
    reading_stops_at_the_size_asked_for,
    any_record_and_hash_can_be_asked_for,
    a_block_after_another_head_is_refused,
    a_block_that_does_not_follow_its_own_head_is_refused,
    the_same_block_again_is_recognised,
    of_many_writers_one_wins,
    the_tail_wakes_when_the_head_moves,
    reopening_keeps_everything,
    a_block_of_many_megabytes_comes_back,
    a_known_head_must_be_in_the_history,
    an_append_whose_caller_went_away_is_whole_or_absent,
    what_is_appended_while_it_is_looked_for_is_no_damage,
);

async fn a_new_roll_stands_at_its_genesis(place: impl Place) {
    let roll = place.open().await;
    assert_eq!(roll.identity(), &identity());
    assert_eq!(roll.head().await.unwrap(), genesis_head());
    assert_eq!(*roll.tail().borrow(), genesis_head());
    assert!(roll.read(1, usize::MAX).await.unwrap().is_empty());
    assert!(roll.record(1).await.unwrap().is_none());
    assert_eq!(roll.hash_at(0).await.unwrap(), Some(genesis(samples::ROLL)));
}

async fn blocks_come_back_in_order_and_as_they_were(place: impl Place) {
    let roll = place.open().await;
    let blocks = fill(&roll, &[1, 3, 2, 40]).await;
    assert!(plain(&roll.read(1, usize::MAX).await.unwrap()) == blocks);
    assert!(plain(&roll.read(0, usize::MAX).await.unwrap()) == blocks);
    assert_eq!(roll.head().await.unwrap(), blocks[3].head());
    roll.check_storage().await.unwrap();
}

async fn reading_begins_with_the_block_that_holds_the_position(place: impl Place) {
    let roll = place.open().await;
    let blocks = fill(&roll, &[3, 1, 3]).await;
    for (from, start) in [(1, 0), (3, 0), (4, 1), (5, 2), (7, 2), (8, 3), (u64::MAX, 3)] {
        let read = roll.read(from, usize::MAX).await.unwrap();
        assert!(plain(&read) == blocks[start..], "from {from}");
    }
}

async fn reading_stops_at_the_size_asked_for(place: impl Place) {
    let roll = place.open().await;
    let blocks = fill(&roll, &[2, 2, 2]).await;
    for (bytes, read) in [
        (0, 1),
        (blocks[0].size() + blocks[1].size() - 1, 1),
        (blocks[0].size() + blocks[1].size(), 2),
        (usize::MAX, 3),
    ] {
        assert_eq!(roll.read(1, bytes).await.unwrap().len(), read, "{bytes}");
    }
}

async fn any_record_and_hash_can_be_asked_for(place: impl Place) {
    let roll = place.open().await;
    let blocks = fill(&roll, &[3, 1, 4]).await;
    for position in [5, 1, 8, 4, 5, 3, 2, 7, 6] {
        let entry = roll.record(position).await.unwrap().unwrap();
        let record = entry.record().unwrap();
        assert_eq!(record.envelope(), Ok(samples::envelope(position)));
        assert_eq!(record.data, samples::data(position));
        let hash = blocks.iter().find_map(|block| block.hash_at(position));
        assert_eq!(roll.hash_at(position).await.unwrap(), hash);
        assert_eq!((entry.position(), Some(entry.head().hash)), (position, hash));
    }
    assert!(roll.record(0).await.unwrap().is_none());
    assert!(roll.record(9).await.unwrap().is_none());
    assert!(roll.record(u64::MAX).await.unwrap().is_none());
}

async fn a_block_after_another_head_is_refused(place: impl Place) {
    let roll = place.open().await;
    let first = fill(&roll, &[2]).await.remove(0);
    let rival = samples::rival(genesis_head());
    let refused = roll.append(genesis_head(), &rival).await;
    let Err(AppendError::HeadMoved { head }) = refused else { panic!("{refused:?}") };
    assert_eq!(head, first.head());
    // The same position with another hash is another history.
    let elsewhere = Head { position: 2, hash: Bytes([1; 32]) };
    let refused = roll.append(elsewhere, &samples::block(elsewhere, 1)).await;
    assert!(matches!(refused, Err(AppendError::HeadMoved { .. })), "{refused:?}");
    assert!(plain(&roll.read(1, usize::MAX).await.unwrap()) == [first]);
    fill(&roll, &[1]).await;
}

async fn a_block_that_does_not_follow_its_own_head_is_refused(place: impl Place) {
    let roll = place.open().await;
    let head = fill(&roll, &[2]).await[0].head();
    let refused = roll.append(head, &samples::block(genesis_head(), 1)).await;
    let Err(AppendError::Refused { source }) = refused else { panic!("{refused:?}") };
    assert!(matches!(source, Error::DoesNotFollow { first: 1, .. }), "{source:?}");
    assert_eq!(roll.head().await.unwrap(), head);
}

async fn the_same_block_again_is_recognised(place: impl Place) {
    let roll = place.open().await;
    let block = samples::block(genesis_head(), 3);
    roll.append(genesis_head(), &block).await.unwrap();
    assert_eq!(roll.append(genesis_head(), &block).await.unwrap(), block.head());
    assert_eq!(roll.read(1, usize::MAX).await.unwrap().len(), 1);
}

async fn of_many_writers_one_wins(place: impl Place) {
    let mut appends = Vec::new();
    for writer in 0..4_u8 {
        let roll = place.open().await;
        let mut builder = BlockBuilder::new(genesis_head().position);
        builder.push(&samples::envelope(1), samples::NAME, &[writer]).unwrap();
        let block = builder.finish(genesis_head()).unwrap();
        appends.push(tokio::spawn(async move { roll.append(genesis_head(), &block).await }));
    }
    let (mut won, mut told) = (Vec::new(), Vec::new());
    for append in appends {
        match append.await.unwrap() {
            Ok(head) => won.push(head),
            Err(AppendError::HeadMoved { head }) => told.push(head),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(won.len(), 1);
    assert!(told.iter().all(|head| *head == won[0]), "{told:?}");
    assert_eq!(place.open().await.head().await.unwrap(), won[0]);
}

async fn the_tail_wakes_when_the_head_moves(place: impl Place) {
    let roll = place.open().await;
    let mut tail = roll.tail();
    assert!(!tail.has_changed().unwrap());
    let block = samples::block(genesis_head(), 2);
    let (woken, _) = tokio::join!(tail.changed(), roll.append(genesis_head(), &block));
    woken.unwrap();
    assert_eq!(*tail.borrow_and_update(), block.head());
    roll.append(genesis_head(), &block).await.unwrap();
    assert!(!tail.has_changed().unwrap());
}

async fn reopening_keeps_everything(place: impl Place) {
    let mut blocks = Vec::new();
    for round in 0..3 {
        let roll = place.open().await;
        assert!(plain(&roll.read(1, usize::MAX).await.unwrap()) == blocks, "round {round}");
        let tail = *roll.tail().borrow();
        assert_eq!(tail, roll.head().await.unwrap());
        blocks.extend(fill(&roll, &[2, 1]).await);
        if round == 1 {
            roll.close().await;
        }
    }
}

async fn a_block_of_many_megabytes_comes_back(place: impl Place) {
    let roll = place.open().await;
    let mut builder = BlockBuilder::new(genesis_head().position);
    let mut noise = 1_u32;
    let data: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.to_be_bytes()[0]
    })
    .take(3 * 1024 * 1024)
    .collect();
    for position in 1..=4 {
        builder.push(&samples::envelope(position), samples::NAME, &data).unwrap();
    }
    let block = builder.finish(genesis_head()).unwrap();
    roll.append(genesis_head(), &block).await.unwrap();
    assert!(plain(&roll.read(2, 0).await.unwrap()) == [block]);
    assert_eq!(roll.record(3).await.unwrap().unwrap().record().unwrap().data, data);
}

async fn a_known_head_must_be_in_the_history(place: impl Place) {
    let roll = place.open().await;
    let blocks = fill(&roll, &[2, 2]).await;
    let inside = Head { position: 3, hash: blocks[1].hash_at(3).unwrap() };
    for known in [genesis_head(), inside, blocks[1].head()] {
        roll.check_known(known).await.unwrap();
    }
    let beyond = samples::block(blocks[1].head(), 1).head();
    let shortened = roll.check_known(beyond).await;
    assert!(matches!(shortened, Err(Error::Shortened { .. })), "{shortened:?}");
    for position in [0, 3, 4] {
        let other = Head { position, hash: Bytes([1; 32]) };
        let found = roll.check_known(other).await;
        let Err(Error::OtherHistory { known, .. }) = found else { panic!("{found:?}") };
        assert_eq!(known, other);
    }
}

async fn an_append_whose_caller_went_away_is_whole_or_absent(place: impl Place) {
    let roll = place.open().await;
    let mut head = genesis_head();
    for _ in 0..20 {
        let block = samples::block(head, 5);
        tokio::select! {
            biased;
            () = tokio::task::yield_now() => {}
            _ = roll.append(head, &block) => {}
        }
        let now = roll.head().await.unwrap();
        assert!(now == head || now == block.head(), "{now}");
        head = roll.append(head, &block).await.unwrap();
    }
    assert_eq!(head.position, 100);
}

async fn what_is_appended_while_it_is_looked_for_is_no_damage(place: impl Place) {
    let roll = place.open().await;
    let writer = roll.clone();
    let writing = tokio::spawn(async move { fill(&writer, &[1; 400]).await });
    let mut from = 1;
    while from <= 400 {
        let blocks = roll.read(from, usize::MAX).await.unwrap();
        from = blocks.last().map_or(from, |block| block.head().position + 1);
        roll.record(from).await.unwrap();
        // A roll in memory never waits.
        tokio::task::yield_now().await;
    }
    writing.await.unwrap();
}
