//! How fast a rebuild is; run by hand: `cargo test --release --lib speed -- --ignored --nocapture`.

use piperoll_projections::batch::Batch;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a measurement, not a check"]
async fn spends_a_second() {
    for accounts in [1_000, 100_000] {
        let world = World::spends(1_000_000, accounts);
        let (directory, source) = (tempfile::tempdir().unwrap(), Memory::whole(&world.records));
        let records = &world.records[..200_000];
        let began = std::time::Instant::now();
        let batches: Vec<_> = records.chunks(20_000).map(Batch::of).collect();
        let folded = began.elapsed();
        for tables in batches {
            store::Statements::of(tables).unwrap();
        }
        let bound = began.elapsed().saturating_sub(folded);
        let began = std::time::Instant::now();
        let store = built(directory.path(), &source).await;
        let took = began.elapsed();
        let bytes = std::fs::metadata(store.writer.path()).unwrap().len();
        let report = format!(
            "{accounts} accounts: fold {:.0}/s, bind {:.0}/s, rebuild {:.0}/s, {} bytes/event",
            200_000.0 / folded.as_secs_f64(),
            200_000.0 / bound.as_secs_f64(),
            1_000_000.0 / took.as_secs_f64(),
            bytes / 1_000_000
        );
        std::io::Write::write_all(&mut std::io::stderr(), report.as_bytes()).unwrap();
        std::io::Write::write_all(&mut std::io::stderr(), b"\n").unwrap();
    }
}
