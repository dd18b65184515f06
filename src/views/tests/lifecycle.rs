//! Beginning, stopping, crashing, rebuilding; files that must not be used.

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_the_fold_whatever_the_size_of_the_batches(world in any_history(120)) {
        let truth = Tables::of(&world.records);
        runtime().block_on(async {
            for events_max in [1, 7, 1_000] {
                let directory = tempfile::tempdir().unwrap();
                let head = u64::try_from(world.records.len()).unwrap();
                let source = Memory::of(&world.records, head, events_max, 0);
                let store = built(directory.path(), &source).await;
                let mut snapshot = snapshot(store).await;
                assert_eq!(snapshot.mark().position, head);
                assert_eq!(differences(&mut snapshot, &truth, 13).await, vec![]);
                assert_eq!(snapshot.lot_violations().await.unwrap(), 0);
                assert_eq!(snapshot.provider_events_doubled().await.unwrap(), 0);
            }
        });
    }

    #[test]
    fn a_follower_that_stops_anywhere_goes_on_where_it_was(
        world in any_history(80),
        stops in proptest::collection::vec(1_u64..80, 1..4),
    ) {
        let truth = Tables::of(&world.records);
        let head = u64::try_from(world.records.len()).unwrap();
        runtime().block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let source = Memory::of(&world.records, 1, 5, 0);
            built(directory.path(), &source).await.writer.close().await;
            for stop in stops.into_iter().chain([head]) {
                let goal = stop.min(head).max(source_head(&source).await);
                source.show(goal);
                let Opened::Ready(store) = store::open(directory.path(), &*source).await.unwrap()
                else { panic!("what was written is of this history") };
                let (views, token, task) = started(directory.path(), *store, &source);
                // The last one catches up; the others are stopped wherever they are.
                if goal == head {
                    views.wait_for(head, SOON).await.unwrap();
                }
                token.cancel();
                task.await.unwrap();
            }
            let store = store::open(directory.path(), &*source).await.unwrap();
            let Opened::Ready(store) = store else { panic!("{store:?}") };
            assert_eq!(differences(&mut snapshot(*store).await, &truth, 1_000).await, vec![]);
        });
    }
}

async fn source_head(source: &Arc<Memory>) -> u64 {
    use crate::views::Source as _;
    source.head().await.unwrap().position
}

fn sample() -> World {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut world = any_history(300).new_tree(&mut runner).unwrap().current();
    while world.records.len() < 150 {
        world = any_history(300).new_tree(&mut runner).unwrap().current();
    }
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_beside_a_live_one_gives_the_same_rows_and_takes_its_place() {
    let (world, directory) = (sample(), tempfile::tempdir().unwrap());
    let head = u64::try_from(world.records.len()).unwrap();
    let source = Memory::of(&world.records, 10, 3, 0);
    let store = built(directory.path(), &source).await;
    let (views, stop, task) = started(directory.path(), store, &source);
    source.show(head / 2);
    views.wait_for(head / 2, SOON).await.unwrap();

    let mut old = views.snapshot().await.unwrap();
    let mut seen = vec![];
    views.rebuild(&source, |progress| seen.push(progress)).await.unwrap();
    assert_eq!(views.generation().number(), 2);
    assert!(seen.last().is_some_and(|last| last.position == head / 2 && last.head == head / 2));
    assert!(seen.is_sorted_by_key(|progress| progress.position));

    // Who still reads the old one keeps it; then it goes.
    let half = usize::try_from(head / 2).unwrap();
    let truth = Tables::of(&world.records[..half]);
    assert!(file(directory.path(), 1).exists());
    assert_eq!(differences(&mut old, &truth, 50).await, vec![]);
    assert_eq!(differences(&mut views.snapshot().await.unwrap(), &truth, 50).await, vec![]);
    drop(old);
    assert!(!file(directory.path(), 1).exists());

    source.show(head);
    let mut new = views.snapshot_with(head, SOON).await.unwrap();
    let truth = Tables::of(&world.records);
    assert_eq!(differences(&mut new, &truth, 50).await, vec![]);
    assert_eq!(views.lag().borrow().behind(head), 0);
    stop.cancel();
    task.await.unwrap();
    assert!(matches!(
        store::open(directory.path(), &*source).await.unwrap(),
        Opened::Ready(store) if store.generation.number() == 2
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_looks_from_beside_always_finds_views_and_keeps_what_was_found() {
    let (world, directory) = (sample(), tempfile::tempdir().unwrap());
    let head = u64::try_from(world.records.len()).unwrap();
    let source = Memory::of(&world.records, head, 50, 0);
    let store = built(directory.path(), &source).await;
    let (views, stop, task) = started(directory.path(), store, &source);
    let first = Arc::new(store::look_beside(directory.path()).await.unwrap().unwrap());

    let rebuilding = async {
        for _ in 0..10 {
            views.rebuild(&source, |_| {}).await.unwrap();
        }
    };
    let over = std::sync::atomic::AtomicBool::new(false);
    let looking = async {
        while !over.load(std::sync::atomic::Ordering::Relaxed) {
            store::look_beside(directory.path()).await.unwrap().unwrap();
        }
    };
    tokio::join!(looking, async {
        rebuilding.await;
        over.store(true, std::sync::atomic::Ordering::Relaxed);
    });

    assert!(!file(directory.path(), first.number()).exists());
    let truth = Tables::of(&world.records);
    for _ in 0..3 {
        let mut kept = Snapshot::of(first.clone()).await.unwrap();
        assert_eq!(differences(&mut kept, &truth, 50).await, vec![]);
    }
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_rebuild_that_nobody_waits_for_leaves_nothing_behind() {
    let (world, directory) = (sample(), tempfile::tempdir().unwrap());
    let source = Memory::of(&world.records, 150, 1, 0);
    let begun = tokio::sync::Notify::new();
    let progress = |progress: crate::views::Progress| {
        if progress.position > 2 {
            assert!(file(directory.path(), 1).exists());
            begun.notify_one();
        }
    };
    tokio::select! {
        biased;
        () = begun.notified() => {}
        built = rebuild(directory.path(), &source, progress) => panic!("{built:?}"),
    }
    assert!(!file(directory.path(), 1).exists());
    assert!(matches!(
        store::open(directory.path(), &*source).await.unwrap(),
        Opened::Outdated(Outdated::Missing)
    ));
}

/// Lets the header say what a checkpoint of zeros says.
async fn restamp(path: &Path) {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::query("PRAGMA user_version = 0").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn what_may_not_be_used_is_told_apart() {
    let (world, directory) = (sample(), tempfile::tempdir().unwrap());
    let path = directory.path();
    let source = Memory::whole(&world.records);
    let outdated = async || match store::open(path, &*source).await.unwrap() {
        Opened::Outdated(why) => Some(why),
        Opened::Ready(store) => {
            store.writer.close().await;
            None
        }
    };
    assert_eq!(outdated().await, Some(Outdated::Missing));
    built(path, &source).await.writer.close().await;
    assert_eq!(outdated().await, None);

    tamper(&file(path, 1), "UPDATE checkpoint SET schema = zeroblob(32)").await;
    assert_eq!(outdated().await, Some(Outdated::Foreign), "the header says otherwise");
    restamp(&file(path, 1)).await;
    assert_eq!(outdated().await, Some(Outdated::OtherSchema));
    built(path, &source).await.writer.close().await;
    assert_eq!(outdated().await, None);
    assert!(!file(path, 1).exists(), "the old one is gone");

    tamper(&file(path, 2), "DELETE FROM checkpoint").await;
    assert_eq!(outdated().await, Some(Outdated::Foreign));
    std::fs::write(
        file(path, 2),
        b"nothing that SQLite knows, but long enough for a header of it, \
        which takes a hundred bytes at the very least",
    )
    .unwrap();
    assert_eq!(outdated().await, Some(Outdated::Foreign));
    std::fs::remove_file(file(path, 2)).unwrap();
    assert_eq!(outdated().await, Some(Outdated::Missing));
}

#[tokio::test]
async fn another_history_and_a_shorter_roll_are_refused() {
    let (world, directory) = (sample(), tempfile::tempdir().unwrap());
    let head = u64::try_from(world.records.len()).unwrap();
    built(directory.path(), &Memory::whole(&world.records)).await.writer.close().await;
    for source in
        [Memory::of(&world.records, head, 1_000, 1), Memory::showing(&world.records, head - 1)]
    {
        let opened = store::open(directory.path(), &*source).await.unwrap();
        let Opened::Outdated(why) = opened else { panic!("{opened:?}") };
        assert_eq!(why, Outdated::OtherHistory(head));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_transaction_counts_for_nothing_and_is_made_up_for() {
    let (world, directory) = (sample(), tempfile::tempdir().unwrap());
    let head = u64::try_from(world.records.len()).unwrap();
    let source = Memory::of(&world.records, 20, 10, 0);
    let store = built(directory.path(), &source).await;
    // From here on no batch gets through, until the trigger is gone.
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON checkpoint \
                  BEGIN SELECT raise(FAIL, 'not now'); END";
    let options = SqliteConnectOptions::new().filename(file(directory.path(), 1));
    let mut outside = options.connect().await.unwrap();
    sqlx::query(refuse).execute(&mut outside).await.unwrap();
    let (views, stop, task) = started(directory.path(), store, &source);
    source.show(head);
    let mut lag = views.lag();
    let failed = lag.wait_for(|lag| lag.failures > 0).await.unwrap().clone();
    assert!(failed.failure.unwrap().contains("not now"));
    assert_eq!(failed.applied.position, 20);
    let half = Tables::of(&world.records[..20]);
    assert_eq!(differences(&mut views.snapshot().await.unwrap(), &half, 50).await, vec![]);

    sqlx::query("DROP TRIGGER refuse").execute(&mut outside).await.unwrap();
    views.wait_for(head, SOON).await.unwrap();
    assert_eq!(views.lag().borrow().failures, 0);
    let truth = Tables::of(&world.records);
    assert_eq!(differences(&mut views.snapshot().await.unwrap(), &truth, 50).await, vec![]);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn of_two_writers_on_one_file_the_second_is_refused() {
    let (world, directory) = (sample(), tempfile::tempdir().unwrap());
    let source = Memory::showing(&world.records, 10);
    let mut first = built(directory.path(), &source).await.writer;
    let Opened::Ready(second) = store::open(directory.path(), &*source).await.unwrap() else {
        panic!("it is fit for use")
    };
    let mut second = second.writer;
    let empty = || store::Statements::of(piperoll_projections::batch::Batch::default()).unwrap();
    let mark = |position| store::Mark { position, hash: first_hash(position) };
    first.write(empty(), mark(11)).await.unwrap();
    let refused = second.write(empty(), mark(11)).await.unwrap_err();
    assert!(matches!(refused, store::Error::Moved { expected: 10 }), "{refused:?}");
}

fn first_hash(position: u64) -> piperoll_domain::bytes::Hash {
    piperoll_domain::bytes::Bytes([u8::try_from(position).unwrap(); 32])
}

#[tokio::test]
async fn a_cell_that_was_tampered_with_is_named() {
    let (world, directory) = (sample(), tempfile::tempdir().unwrap());
    let source = Memory::whole(&world.records);
    let truth = Tables::of(&world.records);
    for (sql, table, column) in [
        ("UPDATE lots SET consumed = consumed + 1", "lots", Some("consumed")),
        ("UPDATE balances SET available_over = 1", "balances", Some("available")),
        (
            "DELETE FROM entries WHERE position = (SELECT min(position) FROM entries)",
            "entries",
            None,
        ),
        ("INSERT INTO accounts (tenant, account) VALUES ('acme', 'ghost')", "accounts", None),
        (
            "UPDATE payments SET status = 'paid' WHERE status = 'pending'",
            "payments",
            Some("status"),
        ),
        ("UPDATE journal_pages SET entries = ''", "journal_pages", Some("entries")),
    ] {
        let store = built(directory.path(), &source).await;
        tamper(store.writer.path(), sql).await;
        let found = differences(&mut snapshot(store).await, &truth, 10).await;
        assert!(!found.is_empty(), "{sql}");
        for difference in found {
            assert_eq!((difference.table, difference.column), (table, column), "{difference}");
        }
    }
}
