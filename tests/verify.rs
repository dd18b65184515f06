//! What `verify` finds, and where it says it is.

mod ending;
mod transit;

use std::path::{Path, PathBuf};

use piperoll::{
    audit::{Finding, Outcome, Report},
    engine::{End, Entries, Index, claim_key},
    roll::{self, BlockBuilder, DirectoryLock, Head},
};
use piperoll_domain::{
    account::{ORDER, Part, Source, SourceKind, Spent},
    book::Slot,
    bytes::Bytes,
    claim::Claim,
    duty,
    event::{Event, Idempotency, Recorded},
    id::{Kind, Pool, Stream},
    roll::{AnomalyAcknowledged, ClockCorrected, FeatureEnabled},
    testing::{after, envelope, hash, id, msat, stream, tenant, top_up},
    wire,
};

use crate::house::{House, audit, audit_with, head, meddle};

#[track_caller]
fn failed<'a>(report: &'a Report, check: &str) -> &'a Finding {
    let found = report.checks.iter().find(|one| one.name == check);
    match &found.unwrap_or_else(|| panic!("no check `{check}`")).outcome {
        Outcome::Failed { first, .. } => first,
        other => panic!("`{check}` did not fail: {other:?}"),
    }
}

#[track_caller]
fn sound(report: &Report) {
    assert!(report.is_sound(), "{:?}", report.first());
}

fn views(directory: &Path) -> PathBuf {
    directory.join(std::fs::read_to_string(directory.join("views.current")).unwrap().trim())
}

#[tokio::test]
async fn a_sound_house_is_found_sound_beside_its_writer_and_after_it() {
    let house = House::busy().await;
    let report = audit(house.path()).await;
    sound(&report);
    let directory = house.close().await;
    let report = audit(directory.path()).await;
    sound(&report);
    let skipped: Vec<_> = report
        .checks
        .iter()
        .filter(|check| matches!(check.outcome, Outcome::Skipped { .. }))
        .map(|check| check.name)
        .collect();
    assert_eq!(skipped, ["anchors"]);
    for check in report.checks.iter().filter(|check| check.name != "anchors") {
        let none = ["index_snapshots", "transit", "shares", "shadow"].contains(&check.name);
        assert!(check.checked > 0 || none, "`{}` looked at nothing", check.name);
    }
}

#[tokio::test]
async fn a_roll_larger_than_memory_is_audited_in_parts_to_the_same_end() {
    let house = House::busy().await;
    house.build_views().await;
    // Beside a writer the index may grow from one audit to the next.
    let house = house.close().await;
    let (whole, parts) = (audit(house.path()).await, audit_with(house.path(), vec![], 3).await);
    sound(&parts);
    let without = |report: Report| {
        // Each part looks at the views' checkpoint for itself.
        let checks = report.checks.into_iter().filter(|check| check.name != "views_history");
        (report.roll, checks.collect::<Vec<_>>())
    };
    assert_eq!(without(whole), without(parts));
}

#[tokio::test]
async fn an_anchor_holds_or_is_named() {
    let house = House::busy().await;
    let known = head(house.path()).await;
    let anchor = |position: u64, hash: &str| format!("{position}:{hash}").parse().unwrap();
    let hash = known.hash.to_string();
    let good = [anchor(known.position, &hash), anchor(known.position, &hash[..8])];
    sound(&audit_with(house.path(), good.into(), 1 << 20).await);
    let other = audit_with(house.path(), vec![anchor(3, &hash)], 1 << 20).await;
    assert_eq!(failed(&other, "anchors").position, Some(3));
    let longer = audit_with(house.path(), vec![anchor(known.position + 1, &hash)], 1 << 20).await;
    assert!(failed(&longer, "anchors").found.starts_with("the roll ends at"), "{longer:?}");
}

#[tokio::test]
async fn a_flipped_bit_in_a_record_is_found_at_its_position() {
    let house = House::busy().await;
    let directory = house.close().await;
    let file = directory.path().join("roll.db");
    // The last byte of a body belongs to its last record, whatever it is packed with.
    meddle(
        &file,
        "UPDATE blocks SET body = CAST(substr(body, 1, length(body) - 1) || x'00' AS BLOB)
         WHERE first = 5",
    )
    .await;
    let report = audit(directory.path()).await;
    let first = failed(&report, "chain");
    assert_eq!(first.position, Some(5), "{first}");
    assert_eq!(report.first(), Some(first));
}

#[tokio::test]
async fn a_row_of_the_roll_that_says_something_else_than_its_records_is_found() {
    for (column, value) in
        [("after", "zeroblob(32)"), ("before", "zeroblob(32)"), ("count", "count + 1")]
    {
        let directory = House::busy().await.close().await;
        let unchecked = "PRAGMA ignore_check_constraints = 1";
        let words = format!("{unchecked}; UPDATE blocks SET {column} = {value} WHERE first = 6");
        meddle(&directory.path().join("roll.db"), &words).await;
        let report = audit(directory.path()).await;
        assert_eq!(failed(&report, "chain").position, Some(6), "{column}");
    }
}

#[tokio::test]
async fn a_roll_that_lost_its_end_is_shorter_than_its_followers() {
    let directory = House::busy().await.close().await;
    let file = directory.path().join("roll.db");
    meddle(&file, "DELETE FROM blocks WHERE first = (SELECT max(first) FROM blocks)").await;
    let report = audit(directory.path()).await;
    assert!(failed(&report, "index_history").found.starts_with("the roll ends at"));
    assert!(failed(&report, "views_history").found.starts_with("the roll ends at"));
}

#[tokio::test]
async fn a_gap_in_the_middle_is_found_where_it_begins() {
    let directory = House::busy().await.close().await;
    meddle(&directory.path().join("roll.db"), "DELETE FROM blocks WHERE first = 4").await;
    let report = audit(directory.path()).await;
    assert_eq!(failed(&report, "chain").position, Some(4));
}

#[tokio::test]
async fn every_kind_of_meddling_with_a_view_is_found_by_table_key_and_column() {
    let words = [
        (
            "UPDATE balances SET available = available + 1 WHERE account = 'bob'",
            "balances",
            "available",
        ),
        ("UPDATE lots SET source_id = 'x' WHERE lot = 'lot_b'", "lots", "source_id"),
        ("UPDATE payments SET status = 'expired' WHERE payment = 'pay_2'", "payments", "status"),
        ("UPDATE ledger SET credit_over = 1 WHERE account = 9300", "ledger", "credit"),
        ("UPDATE moments SET era = NULL", "moments", "era"),
    ];
    for (words, table, column) in words {
        let directory = House::busy().await.close().await;
        meddle(&views(directory.path()), words).await;
        let report = audit(directory.path()).await;
        let first = failed(&report, "views");
        assert_eq!(first.table.as_deref(), Some(table), "{words}: {first}");
        assert_eq!(first.column.as_deref(), Some(column), "{words}: {first}");
        assert!(first.key.is_some() && first.expected != first.found, "{words}: {first}");
    }
}

#[tokio::test]
async fn a_row_too_few_and_a_row_too_many_are_found() {
    let directory = House::busy().await.close().await;
    meddle(&views(directory.path()), "DELETE FROM entries WHERE account = 'bob' AND leg = 0").await;
    let report = audit(directory.path()).await;
    let first = failed(&report, "views");
    assert_eq!((&*first.expected, &*first.found), ("a row", "none"));
    let directory = House::busy().await.close().await;
    let words = "INSERT INTO accounts (tenant, account) VALUES ('acme', 'zoe')";
    meddle(&views(directory.path()), words).await;
    let report = audit_with(directory.path(), vec![], 2).await;
    let first = failed(&report, "views");
    assert_eq!(first.key.as_deref(), Some("acme, zoe"));
    assert_eq!((&*first.expected, &*first.found), ("none", "a row"));
}

#[tokio::test]
async fn a_view_that_was_defined_anew_is_found() {
    let directory = House::busy().await.close().await;
    let words = "DROP VIEW lot_invariant; CREATE VIEW lot_invariant AS SELECT 1 WHERE 0;
                 UPDATE checkpoint SET one = 1";
    meddle(&views(directory.path()), words).await;
    let report = audit(directory.path()).await;
    assert!(failed(&report, "views_storage").found.contains("lot_invariant"));
}

/// Writes into the index, as nobody should.
fn scribble(directory: &Path, entries: &Entries) {
    let index = Index::open(directory, 16 << 20).unwrap();
    index.write(entries).unwrap();
    index.sync().unwrap();
}

fn with(write: impl FnOnce(&mut Entries)) -> Entries {
    let mut entries = Entries::default();
    write(&mut entries);
    entries
}

#[tokio::test]
async fn every_kind_of_entry_of_the_index_is_compared() {
    let alice = stream(Kind::Account, "alice");
    let end = |stream: &Stream| {
        let end = (stream.clone(), End { last: 7, version: 1 });
        with(|entries| entries.streams.push(end))
    };
    let claim = |claim: &Claim| {
        let taken = (claim_key(claim), 2);
        with(|entries| entries.claims.push(taken))
    };
    let item = Some("lot_x".to_owned());
    let lapse =
        duty::Name { kind: duty::Kind::Lapse, stream: alice.clone(), item: item.map(Into::into) };
    let duty = |change| with(|entries| entries.duties.push(change));
    let open = duty::Duty { name: lapse, due: after(1), opener: 3 };
    let owed = stream(Kind::Payment, "pay_2");
    let create = duty::Name { kind: duty::Kind::Create, stream: owed, item: None };
    let snapshot = |bytes| with(|entries| entries.snapshots.push((alice.clone(), bytes)));
    let state = Slot { version: 2, ..Slot::absent(Kind::Account) };
    let cases = [
        ("index_streams", end(&alice)),
        ("index_streams", end(&stream(Kind::Account, "nobody"))),
        ("index_claims", claim(&Claim::Lot { tenant: tenant("acme"), lot: id("lot_b") })),
        ("index_claims", claim(&Claim::ApiKey { digest: hash(77) })),
        ("index_duties", duty(duty::Change::Open(open))),
        ("index_duties", duty(duty::Change::Close(create))),
        ("index_tenants", with(|entries| entries.tenants.push((tenant("acme"), 1)))),
        ("index_snapshots", snapshot(rmp_serde::to_vec(&state).unwrap())),
        ("index_snapshots", snapshot(vec![1])),
    ];
    for (check, entries) in cases {
        let directory = House::busy().await.close().await;
        scribble(directory.path(), &entries);
        let report = audit(directory.path()).await;
        let first = failed(&report, check);
        assert!(first.table.as_deref().is_some_and(|table| table.starts_with("index.")), "{first}");
        assert_eq!(report.checks.iter().filter(|one| is_failed(one)).count(), 1, "{report:?}");
    }
}

/// Says of an index that another release wrote it.
fn relabel(directory: &Path, format: &str) {
    let index = fjall::Database::builder(directory.join("index")).open().unwrap();
    let meta = index.keyspace("meta", fjall::KeyspaceCreateOptions::default).unwrap();
    meta.insert("format", format).unwrap();
    index.persist(fjall::PersistMode::SyncAll).unwrap();
}

#[tokio::test]
async fn an_index_of_another_release_is_not_compared_and_not_called_damaged() {
    let directory = House::busy().await.close().await;
    let end = (stream(Kind::Account, "alice"), End { last: 7, version: 1 });
    scribble(directory.path(), &with(|entries| entries.streams.push(end)));
    relabel(directory.path(), "piperoll.index.v3");
    let report = audit(directory.path()).await;
    sound(&report);
    let why = "the index is piperoll.index.v3; the server makes it anew";
    let history = report.checks.iter().find(|check| check.name == "index_history").unwrap();
    assert_eq!(history.outcome, Outcome::Skipped { why: why.to_owned() });
    relabel(directory.path(), "piperoll.index.x");
    let report = audit(directory.path()).await;
    assert!(failed(&report, "index_history").found.contains("`format` is damaged"), "{report:?}");
}

fn is_failed(check: &piperoll::audit::Check) -> bool {
    matches!(check.outcome, Outcome::Failed { .. })
}

/// Appends facts as no engine would: as they stand.
pub(crate) async fn forge(directory: &Path, facts: Vec<Recorded>, name: Option<&str>) {
    let lock = DirectoryLock::acquire(directory, "a forger").unwrap();
    let roll = roll::open(&lock, None).await.unwrap();
    let before = roll.head().await.unwrap();
    let mut builder = BlockBuilder::new(before.position);
    for fact in &facts {
        let mut data = vec![];
        wire::encode(&fact.event, &mut data).unwrap();
        builder.push(&fact.envelope, name.unwrap_or(fact.event.name()), &data).unwrap();
    }
    let block = builder.finish(before).unwrap();
    roll.append(before, &block).await.unwrap();
    roll.close().await;
}

/// The next fact of a stream, on top of what is there.
pub(crate) async fn next(directory: &Path, stream: &Stream, event: impl Into<Event>) -> Recorded {
    let roll = roll::open_beside(directory, None).await.unwrap();
    let Head { position, .. } = roll.head().await.unwrap();
    let (mut version, mut previous, mut count) = (0, 0, 0);
    let mut last = after(0);
    for position in 1..=position {
        let entry = roll.record(position).await.unwrap().unwrap();
        let at = piperoll::fact::decode_entry(&entry).unwrap().envelope;
        last = at.recorded_at;
        count += u64::from(at.tenant == stream.tenant);
        if at.stream == *stream {
            (version, previous) = (at.version, at.position);
        }
    }
    roll.close().await;
    let mut envelope = envelope(stream, position + 1);
    envelope.version = version + 1;
    envelope.previous = previous;
    envelope.tenant_version = count + 1;
    envelope.recorded_at = last.plus_micros(1);
    Recorded { envelope, event: event.into() }
}

fn overspent() -> Event {
    let part = Part {
        lot: id("lot_b"),
        amount: msat(1).amount,
        left: msat(0).amount,
        cost: None,
        source: SourceKind::Deposit,
        pool: Pool::general(),
    };
    let (order, reference) = (ORDER.to_owned(), None);
    Spent { total: msat(5), parts: vec![part], order, reference }.into()
}

#[tokio::test]
async fn a_frozen_stream_fails_until_somebody_accepts_it() {
    let directory = House::busy().await.close().await;
    let bob = stream(Kind::Account, "bob");
    let broken = next(directory.path(), &bob, overspent()).await;
    let position = broken.envelope.position;
    forge(directory.path(), vec![broken], None).await;
    let report = audit(directory.path()).await;
    let first = failed(&report, "streams");
    assert_eq!(first.position, Some(position));
    assert!(first.what.contains("account-acme-bob: parts add up to the total"), "{first}");
    let acknowledged = AnomalyAcknowledged {
        position,
        check: "parts add up to the total".to_owned(),
        expected: "5".to_owned(),
        found: "1".to_owned(),
        reason: "an old bug".to_owned(),
    };
    let accepted = next(directory.path(), &bob, acknowledged).await;
    forge(directory.path(), vec![accepted], None).await;
    let report = audit(directory.path()).await;
    sound(&report);
    assert_eq!(report.acknowledged.len(), 1);
}

#[tokio::test]
async fn an_unknown_type_stops_with_its_position_and_name() {
    let directory = House::busy().await.close().await;
    let fact = next(directory.path(), &stream(Kind::Account, "bob"), overspent()).await;
    let position = fact.envelope.position;
    forge(directory.path(), vec![fact], Some("credit.teleported.v1")).await;
    let report = audit(directory.path()).await;
    let first = failed(&report, "events");
    assert_eq!(first.position, Some(position));
    assert!(first.found.contains("`credit.teleported.v1` is not known"), "{first}");
    let index = report.checks.iter().find(|check| check.name == "index").unwrap();
    assert!(matches!(index.outcome, Outcome::Skipped { .. }), "{index:?}");
}

#[tokio::test]
async fn a_clock_that_goes_back_needs_an_operator() {
    for corrected in [false, true] {
        let directory = House::busy().await.close().await;
        let main = Stream::roll();
        let reason = "ran ahead".to_owned();
        let correction = ClockCorrected { was: after(0), now: after(0), reason };
        let feature = || FeatureEnabled { feature: "x".to_owned() };
        let first: Event = if corrected { correction.into() } else { feature().into() };
        let first = next(directory.path(), &main, first).await;
        forge(directory.path(), vec![first], None).await;
        let mut back = next(directory.path(), &main, feature()).await;
        back.envelope.recorded_at = after(0);
        let position = back.envelope.position;
        forge(directory.path(), vec![back], None).await;
        let report = audit(directory.path()).await;
        if corrected {
            sound(&report);
        } else {
            assert_eq!(failed(&report, "times").position, Some(position));
        }
    }
}

#[tokio::test]
async fn a_claim_that_is_taken_twice_is_found() {
    let house = House::busy().await;
    let directory = house.close().await;
    let minted = |lot: &str| piperoll_domain::account::LotMinted {
        lot: id(lot),
        amount: msat(5),
        source: Source { kind: SourceKind::Deposit, id: "lot_b".to_owned() },
        pool: Pool::general(),
        expires_at: None,
        cost: None,
        offer: None,
        payment: None,
        reason: None,
    };
    let twice = next(directory.path(), &stream(Kind::Account, "bob"), minted("lot_c")).await;
    let position = twice.envelope.position;
    forge(directory.path(), vec![twice], None).await;
    let report = audit(directory.path()).await;
    let first = failed(&report, "claims");
    assert_eq!(first.position, Some(position));
    assert!(first.what.starts_with("source/acme/deposit/lot_b"), "{first}");
}

#[tokio::test]
async fn a_key_may_be_used_anew_only_once_it_is_forgotten() {
    let house = House::busy().await;
    house.pass(401 * 24 * 60 * 60);
    house.keyed(top_up("pay_9", "alice", 5_000), "order-1").await;
    // Right behind its last use, which does not make the two one.
    house.pass(401 * 24 * 60 * 60);
    house.keyed(top_up("pay_10", "alice", 5_000), "order-1").await;
    let directory = house.close().await;
    sound(&audit(directory.path()).await);
    let pay = stream(Kind::Payment, "pay_11");
    let noted = piperoll_domain::payment::DetailNoted { word: "x".to_owned() };
    let mut early = next(directory.path(), &pay, noted).await;
    let (operation, key) = ("test".into(), "order-1".into());
    let fingerprint = Bytes([7; 33]);
    early.envelope.idempotency = Some(Idempotency { operation, key, fingerprint });
    let other =
        next(directory.path(), &Stream::roll(), FeatureEnabled { feature: "x".into() }).await;
    let position = other.envelope.position + 1;
    early.envelope.position = position;
    early.envelope.recorded_at = other.envelope.recorded_at.plus_micros(1);
    forge(directory.path(), vec![other, early], None).await;
    let report = audit(directory.path()).await;
    assert_eq!(failed(&report, "claims").position, Some(position));
}

#[tokio::test]
async fn a_missing_count_of_a_tenant_is_found() {
    let directory = House::busy().await.close().await;
    let feature = FeatureEnabled { feature: "x".to_owned() };
    let mut fact = next(directory.path(), &Stream::roll(), feature).await;
    fact.envelope.tenant_version += 1;
    let position = fact.envelope.position;
    forge(directory.path(), vec![fact], None).await;
    assert_eq!(failed(&audit(directory.path()).await, "tenant_counts").position, Some(position));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_beside_a_busy_writer_finds_nothing_that_is_not_there() {
    let house = std::sync::Arc::new(House::busy().await);
    let (writer, stop) =
        (house.clone(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let stopped = stop.clone();
    let writing = tokio::spawn(async move {
        let mut number = 0;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            number += 1;
            writer
                .keyed(top_up(&format!("pay_n{number}"), "alice", 5_000), &format!("k-{number}"))
                .await;
        }
        number
    });
    for _ in 0..5 {
        sound(&audit(house.path()).await);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(writing.await.unwrap() > 10, "the writer wrote meanwhile");
}
