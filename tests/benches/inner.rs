//! The inner parts, each alone: `cargo bench`. What they come to together is `piperoll bench`.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench may fail, and its functions are made by a macro"
)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use piperoll::{
    l402::{
        check,
        credential::Credential,
        preimage::Preimage,
        scope::{Request, Scope},
        secret::Secrets,
        token::Token,
    },
    roll::{Block, BlockBuilder, Head, Record, genesis, leaf, link, write_record},
};
use piperoll_domain::{
    billing::Mode,
    bytes::Bytes,
    event::Recorded,
    money::Amount,
    postings::postings,
    testing::{Story, billing, deposit, finalize, hold, msat, shop, spend},
    wire,
};

/// A use of credit, which is most of what a roll holds.
fn spent(story: &mut Story) -> Recorded {
    story.put(spend("alice", msat(1))).unwrap().remove(0)
}

fn paying() -> Story {
    shop().and(deposit("alice", "lot_a", msat(1_000_000_000), msat(1_000_000_000)))
}

fn events(criterion: &mut Criterion) {
    let fact = spent(&mut paying());
    let mut data = vec![];
    wire::encode(&fact.event, &mut data).unwrap();
    let name = fact.event.name();
    let mut bytes = vec![];
    write_record(&mut bytes, &fact.envelope, name, &data).unwrap();
    let mut group = criterion.benchmark_group("event");
    group.throughput(Throughput::Elements(1));
    group.bench_function("encode", |bench| {
        let mut out = Vec::with_capacity(4_096);
        bench.iter(|| {
            out.clear();
            wire::encode(black_box(&fact.event), &mut out).unwrap();
        });
    });
    group.bench_function("decode", |bench| {
        bench.iter(|| wire::decode(name, black_box(&data)).unwrap());
    });
    group.bench_function("postings", |bench| bench.iter(|| postings(black_box(&fact))));
    group.bench_function("record written", |bench| {
        let mut out = Vec::with_capacity(4_096);
        bench.iter(|| {
            out.clear();
            write_record(&mut out, black_box(&fact.envelope), name, &data).unwrap();
        });
    });
    group.bench_function("record read", |bench| {
        bench.iter(|| Record::read(black_box(&bytes)).unwrap().envelope().unwrap());
    });
    group.bench_function("leaf and link", |bench| {
        let before = genesis(Bytes([7; 16]));
        bench.iter(|| link(before, leaf(black_box(&bytes))));
    });
    group.finish();
}

/// A thousand uses of credit, as one group makes them.
fn blocks(criterion: &mut Criterion) {
    let mut story = paying();
    let head = Head { position: story.history.len().try_into().unwrap(), hash: Bytes([7; 32]) };
    let mut builder = BlockBuilder::new(head.position);
    for _ in 0..1_000 {
        let fact = spent(&mut story);
        let mut data = vec![];
        wire::encode(&fact.event, &mut data).unwrap();
        builder.push(&fact.envelope, fact.event.name(), &data).unwrap();
    }
    let block = builder.finish(head).unwrap();
    let (claims, body) = (block.claims(), block.body());
    let mut group = criterion.benchmark_group("block of 1,000");
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("packed", |bench| bench.iter(|| black_box(&block).body()));
    group.bench_function("unpacked and proved", |bench| {
        bench.iter(|| Block::read(&claims, black_box(&body)).unwrap());
    });
    group.finish();
}

fn rules(criterion: &mut Criterion) {
    let story = paying();
    let mut group = criterion.benchmark_group("rules");
    group.bench_function("a spend decided and folded", |bench| {
        bench.iter_batched_ref(
            || story.clone(),
            |story| story.put(spend("alice", msat(1))).unwrap(),
            BatchSize::SmallInput,
        );
    });
    let metered = paying().and(billing(Mode::Live));
    group.bench_function("credit reserved, charged and folded", |bench| {
        bench.iter_batched_ref(
            || metered.clone(),
            |story| {
                story.put(hold("alice", "one", msat(2))).unwrap();
                story.put(finalize("one", msat(1))).unwrap()
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("an amount read and added", |bench| {
        bench.iter(|| {
            let amount: u64 = black_box("5000000").parse().unwrap();
            Amount::new(amount).unwrap().checked_add(black_box(Amount::ZERO))
        });
    });
    group.finish();
}

fn credentials(criterion: &mut Criterion) {
    let secrets = Secrets::try_new(b"a secret of a bench, which is long enough", []).unwrap();
    let scope = Scope {
        service: "answers".parse().unwrap(),
        methods: "GET,POST".parse().unwrap(),
        path: "/v1/answers/*".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        amount_msat: Amount::new(5_000).unwrap(),
        valid_until: 9_999_999_999,
    };
    let token = Token::mint(&secrets, Preimage::new([3; 32]).hash(), [4; 28], &scope).unwrap();
    let line = format!("L402 {}:{}", token.to_base64(), Bytes([3; 32]));
    let request = Request {
        service: &scope.service,
        method: "GET",
        path: "/v1/answers/17?verbose=1",
        tenant: &scope.tenant,
        amount_msat: Some(scope.amount_msat),
        now_seconds: 1_800_000_000,
    };
    let mut group = criterion.benchmark_group("l402");
    group.throughput(Throughput::Elements(1));
    group.bench_function("credential read", |bench| {
        bench.iter(|| Credential::read([black_box(line.as_bytes())], []).unwrap());
    });
    group.bench_function("credential read and checked", |bench| {
        bench.iter(|| {
            let read = Credential::read([black_box(line.as_bytes())], []).unwrap();
            check(&secrets, &read, &request).unwrap()
        });
    });
    group.finish();
}

criterion_group!(inner, events, blocks, rules, credentials);
criterion_main!(inner);
