//! The first walk over the roll: bytes, hashes, and everything that one event after another tells.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use piperoll_domain::{
    bytes::Hash,
    event::{Event, Recorded},
    id::TenantId,
    money::Code,
    postings::postings,
    roll,
    time::Time,
};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    Progress,
    report::{Finding, Tally},
};
use crate::{
    fact::{Unreadable, decode},
    roll::{Block, Damage, Error, Head, Identity, Roll},
};

/// How many bytes of blocks are read at once.
const READ_BYTES: usize = 4 << 20;
/// How often is told how far a walk has come.
const STEP: u64 = 1 << 12;
/// How many reads may be ahead of what is being looked at.
const READS_AHEAD: usize = 2;

/// Reads blocks from behind `after` to `to`, in order and ahead of whoever takes them; `work` is begun
/// on each read. Each block was proved by the roll. After an error nothing follows.
fn ahead<T: Send + 'static>(
    roll: &Roll,
    after: u64,
    to: u64,
    work: impl Fn(Vec<Arc<Block>>) -> T + Send + 'static,
) -> mpsc::Receiver<Result<T, Error>> {
    let (sender, receiver) = mpsc::channel(READS_AHEAD);
    let roll = roll.clone();
    tokio::spawn(async move {
        let mut at = after;
        while at < to {
            let (last, read) = match next(&roll, at).await {
                Ok((last, blocks)) => (last, Ok(work(blocks))),
                Err(error) => (to, Err(error)),
            };
            at = last;
            if sender.send(read).await.is_err() {
                return;
            }
        }
    });
    receiver
}

/// The blocks behind a position, and where they end.
async fn next(roll: &Roll, after: u64) -> Result<(u64, Vec<Arc<Block>>), Error> {
    let position = after.saturating_add(1);
    let blocks = roll.read(position, READ_BYTES).await?;
    let absent = || Error::Damaged { position, source: Damage::Absent };
    blocks.last().map(|last| last.last()).ok_or_else(absent).map(|last| (last, blocks))
}

/// Proves the chain from behind `after` to `to` and nothing else; says how many records it holds.
pub async fn prove(roll: &Roll, after: u64, to: u64) -> Result<u64, Error> {
    let count = |blocks: Vec<Arc<Block>>| blocks.iter().map(|block| block.len()).sum::<u64>();
    let (mut reads, mut proved) = (ahead(roll, after, to, count), 0_u64);
    while let Some(records) = reads.recv().await {
        proved = proved.saturating_add(records?);
    }
    Ok(proved)
}

/// An event, or why there is none, and its position.
type Decoded = (u64, Result<Recorded, Unreadable>);

/// Reads and decodes events from behind `after` to `to`, on as many cores as there are, in order.
async fn decoded(
    roll: &Roll,
    after: u64,
    to: u64,
    mut visit: impl FnMut(Decoded),
) -> Result<(), Error> {
    let wanted = after.saturating_add(1)..=to;
    let decode_all = move |blocks: Vec<Arc<Block>>| {
        let wanted = wanted.clone();
        spawn_blocking(move || {
            let records = blocks.iter().flat_map(|block| block.iter());
            let records = records.filter(|(position, _)| wanted.contains(position));
            records.map(|(at, bytes)| (at, decode(at, bytes))).collect::<Vec<Decoded>>()
        })
    };
    let mut reads = ahead(roll, after, to, decode_all);
    while let Some(read) = reads.recv().await {
        read?.await.map_err(|_| Error::Interrupted)?.into_iter().for_each(&mut visit);
    }
    Ok(())
}

/// Reads events from behind `after` to `to`, in order. The first walk has shown that all of them can
/// be decoded; one that cannot ends the walk silently.
pub(super) async fn events(
    roll: &Roll,
    after: u64,
    to: u64,
    mut visit: impl FnMut(&Recorded),
) -> Result<(), Error> {
    decoded(roll, after, to, |(_, event)| event.iter().for_each(&mut visit)).await
}

/// What the first walk checks.
pub(super) struct Walk {
    pub(super) chain: Tally,
    pub(super) decoding: Tally,
    pub(super) times: Tally,
    pub(super) tenants: Tally,
    pub(super) postings: Tally,
    /// What the store says that the roll is.
    identity: Identity,
    /// The event that could not be read.
    pub(super) stopped: Option<u64>,
    last: Option<(Time, bool)>,
    counts: HashMap<TenantId, u64>,
    sums: BTreeMap<Code, i128>,
}

impl Walk {
    pub(super) fn new(identity: &Identity) -> Self {
        Self {
            identity: identity.clone(),
            chain: Tally::new("chain", "records"),
            decoding: Tally::new("events", "events"),
            times: Tally::new("times", "events"),
            tenants: Tally::new("tenant_counts", "events"),
            postings: Tally::new("postings", "legs"),
            stopped: None,
            last: None,
            counts: HashMap::new(),
            sums: BTreeMap::new(),
        }
    }

    /// Walks to `head`. A roll that cannot be read further is a finding; a machine that failed is an
    /// error.
    pub(super) async fn run(
        &mut self,
        roll: &Roll,
        head: Head,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let walked = decoded(roll, 0, head.position, |(position, event)| {
            self.record(position, event);
            if position.is_multiple_of(STEP) {
                progress.step("chain", position, head.position);
            }
        });
        match walked.await {
            Ok(()) => {}
            Err(error) => self.chain.found(super::damage(error)?),
        }
        for (code, sum) in &self.sums {
            let total =
                || Finding::new("postings sum to zero in total", "0", format!("{sum} {code}"));
            self.postings.expect(*sum == 0, total);
        }
        Ok(())
    }

    fn record(&mut self, position: u64, event: Result<Recorded, Unreadable>) {
        self.chain.count();
        match event {
            _ if self.stopped.is_some() => {}
            Ok(recorded) => self.event(&recorded),
            Err(unreadable) => {
                self.stopped = Some(position);
                let found = super::chain_of(&unreadable);
                let what = "every event can be decoded";
                self.decoding.found(Finding::new(what, "a known event", found).at(position));
            }
        }
    }

    fn event(&mut self, recorded: &Recorded) {
        self.decoding.count();
        self.opening(recorded);
        self.time(recorded);
        self.tenant(recorded);
        self.posting(recorded);
    }

    fn opening(&mut self, recorded: &Recorded) {
        let opens = matches!(&recorded.event, Event::Roll(roll::Event::Opened(_)));
        let position = recorded.envelope.position;
        if opens != (position == 1) {
            let (expected, found) = ("roll.opened.v1 at position 1 only", recorded.event.name());
            let finding = Finding::new("a roll begins with its opening", expected, found);
            self.decoding.found(finding.at(position));
        }
        if let Event::Roll(roll::Event::Opened(opened)) = &recorded.event {
            let told = |name: &str, id| format!("{name} ({id})");
            let must = told(&opened.name, opened.roll_id);
            let found = told(&self.identity.name, self.identity.id);
            if must != found {
                let what = "the store names the roll as its opening does";
                self.decoding.found(Finding::new(what, must, found).at(position));
            }
        }
    }

    /// Strictly increasing, except straight after an operator set the clock.
    fn time(&mut self, recorded: &Recorded) {
        let at = &recorded.envelope;
        if let Some((last, corrected)) = self.last {
            let grows = at.recorded_at > last || corrected;
            self.times.expect(grows, || {
                let expected = format!("later than {}", last.micros());
                let what = "recorded times strictly increase";
                Finding::new(what, expected, at.recorded_at.micros()).at(at.position)
            });
        } else {
            self.times.count();
        }
        let corrects = matches!(&recorded.event, Event::Roll(roll::Event::ClockCorrected(_)));
        self.last = Some((at.recorded_at, corrects));
    }

    fn tenant(&mut self, recorded: &Recorded) {
        let at = &recorded.envelope;
        let count = self.counts.entry(at.tenant.clone()).or_default();
        let next = count.saturating_add(1);
        *count = at.tenant_version;
        self.tenants.expect(at.tenant_version == next, || {
            let found = format!("{} of `{}`", at.tenant_version, at.tenant);
            Finding::new("a tenant's events are counted without gaps", next, found).at(at.position)
        });
    }

    fn posting(&mut self, recorded: &Recorded) {
        let mut sums: BTreeMap<Code, i128> = BTreeMap::new();
        for leg in postings(recorded) {
            self.postings.count();
            *sums.entry(leg.commodity).or_default() += i128::from(leg.amount);
        }
        for (code, sum) in sums {
            *self.sums.entry(code).or_default() += sum;
            if sum != 0 {
                let found = format!("{sum} {code}");
                let finding = Finding::new("an event's postings sum to zero", "0", found);
                self.postings.found(finding.at(recorded.envelope.position));
            }
        }
    }
}

/// Proves that the roll holds what somebody kept of it.
pub(super) async fn anchors(
    roll: &Roll,
    head: Head,
    anchors: &[super::Anchor],
) -> Result<Tally, Error> {
    let mut tally = Tally::new("anchors", "anchors");
    if anchors.is_empty() {
        tally.skip("none was given");
    }
    for anchor in anchors {
        let known = if anchor.position > head.position {
            None
        } else {
            match roll.hash_at(anchor.position).await {
                Ok(hash) => hash,
                Err(error) => {
                    tally.found(super::damage(error)?);
                    continue;
                }
            }
        };
        let matches = |hash: &Hash| hash.to_string().starts_with(&anchor.hash);
        tally.expect(known.as_ref().is_some_and(matches), || {
            let end = || format!("the roll ends at {head}");
            let found = known.map_or_else(end, |hash| hash.to_string());
            Finding::new("the roll holds the anchor", &anchor.hash, found).at(anchor.position)
        });
    }
    Ok(tally)
}
