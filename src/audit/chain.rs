//! The first walk over the roll: bytes, hashes, and everything that one event after another tells.

use std::collections::{BTreeMap, HashMap};

use piperoll_domain::{
    bytes::Hash,
    event::{Event, Recorded},
    id::TenantId,
    money::Code,
    postings::postings,
    roll,
    time::Time,
};

use super::{
    Progress,
    report::{Finding, Tally},
};
use crate::{
    fact::decode,
    roll::{Block, Error, Head, Roll},
};

/// How many bytes of blocks are read at once.
const READ_BYTES: usize = 8 << 20;

/// Reads blocks from behind `after` to `to`, in order. Each was proved by the roll.
pub(super) async fn blocks(
    roll: &Roll,
    after: u64,
    to: u64,
    mut visit: impl FnMut(&Block),
) -> Result<(), Error> {
    let mut at = after;
    while at < to {
        let blocks = roll.read(at.saturating_add(1), READ_BYTES).await?;
        let Some(last) = blocks.last().map(|block| block.last()) else {
            let source = crate::roll::Damage::Absent;
            return Err(Error::Damaged { position: at.saturating_add(1), source });
        };
        for block in &blocks {
            visit(block);
        }
        at = last;
        tokio::task::yield_now().await;
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
    blocks(roll, after, to, |block| {
        let wanted =
            |(position, _): &(u64, &[u8])| (after.saturating_add(1)..=to).contains(position);
        for (position, bytes) in block.iter().filter(wanted) {
            if let Ok(recorded) = decode(position, bytes) {
                visit(&recorded);
            }
        }
    })
    .await
}

/// What the first walk checks.
pub(super) struct Walk {
    pub(super) chain: Tally,
    pub(super) decoding: Tally,
    pub(super) times: Tally,
    pub(super) tenants: Tally,
    pub(super) postings: Tally,
    /// The event that could not be read.
    pub(super) stopped: Option<u64>,
    last: Option<(Time, bool)>,
    counts: HashMap<TenantId, u64>,
    sums: BTreeMap<Code, i128>,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self {
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
        let walked = blocks(roll, 0, head.position, |block| {
            self.block(block);
            progress.step("chain", block.last(), head.position);
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

    fn block(&mut self, block: &Block) {
        for (position, bytes) in block.iter() {
            self.chain.count();
            if self.stopped.is_some() {
                continue;
            }
            match decode(position, bytes) {
                Ok(recorded) => self.event(&recorded),
                Err(unreadable) => {
                    self.stopped = Some(position);
                    let found = super::chain_of(&unreadable);
                    let what = "every event can be decoded";
                    self.decoding.found(Finding::new(what, "a known event", found).at(position));
                }
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
