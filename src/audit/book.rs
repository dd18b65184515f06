//! The second walk: every stream, claim and duty folded anew, and compared with the index.
//!
//! A history larger than memory is folded in parts: each part holds the streams, claims and event
//! ids whose names fall into it, and walks the whole roll.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hasher as _},
};

use piperoll_domain::{
    account::Lot,
    book::{Book, Frozen, State},
    bytes::Id16,
    claim::Claim,
    event::{Event, Recorded},
    id::{LotId, Stream},
    roll, settings,
    settings::Settings,
};

use super::{
    Progress, chain,
    credit::{Credit, Tallies},
    index::{Compared, Copy},
    report::{Finding, Tally},
    transit::Transit,
};
use crate::{
    fact::decode_entry,
    roll::{Error, Head, Roll},
};

/// What the second walk checks.
pub(super) struct Books {
    pub(super) ids: Tally,
    pub(super) streams: Tally,
    pub(super) lots: Tally,
    pub(super) claims: Tally,
    pub(super) credit: Tallies,
    pub(super) acknowledged: Vec<Finding>,
    pub(super) compared: Compared,
}

/// Which part of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) number: u64,
    pub(super) of: u64,
}

impl Part {
    /// Whether a name falls into it.
    pub(super) fn holds(self, name: impl std::hash::Hash) -> bool {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        self.of <= 1 || hasher.finish() % self.of == self.number
    }
}

impl Books {
    fn new() -> Self {
        Self {
            ids: Tally::new("event_ids", "events"),
            streams: Tally::new("streams", "streams"),
            lots: Tally::new("lots", "movements"),
            claims: Tally::new("claims", "claims"),
            credit: Tallies::new(),
            acknowledged: vec![],
            compared: Compared::new(),
        }
    }

    /// Folds the roll up to `head`, in as many parts as it takes to stay within `events_held`.
    pub(super) async fn check(
        roll: &Roll,
        head: Head,
        index: Option<&Copy>,
        events_held: u64,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let mut books = Self::new();
        let of = head.position.div_ceil(events_held.max(1)).max(1);
        for number in 0..of {
            let part = Part { number, of };
            let walked = number.saturating_mul(head.position);
            let step = |position: u64| {
                let of = of.saturating_mul(head.position);
                progress.step("streams", walked.saturating_add(position), of);
            };
            books.check_part(roll, head, index, part, &step).await?;
        }
        Ok(books)
    }

    async fn check_part(
        &mut self,
        roll: &Roll,
        head: Head,
        index: Option<&Copy>,
        part: Part,
        step: &(dyn Fn(u64) + Sync),
    ) -> Result<(), Error> {
        let checkpoint = index.map_or(0, |index| index.checkpoint.position).min(head.position);
        let snapshots = index.map(|index| index.snapshots(part, &mut self.compared));
        let mut fold = Fold::new(part, snapshots.unwrap_or_default());
        let visit = |fold: &mut Fold, books: &mut Self, recorded: &Recorded| {
            if recorded.envelope.position.is_multiple_of(1 << 14) {
                step(recorded.envelope.position);
            }
            fold.event(recorded, books);
        };
        chain::events(roll, 0, checkpoint, |recorded| visit(&mut fold, self, recorded)).await?;
        if let Some(index) = index {
            self.compared.unreached(&fold.snapshots);
            self.compared.compare(index, part, &fold.book);
        }
        chain::events(roll, checkpoint, head.position, |recorded| visit(&mut fold, self, recorded))
            .await?;
        step(head.position);
        self.conclude(roll, fold).await
    }

    async fn conclude(&mut self, roll: &Roll, fold: Fold) -> Result<(), Error> {
        let Fold { book, renewed, credit, transit, .. } = fold;
        for (stream, slot) in &book.streams {
            self.streams.count();
            let of = |frozen: &Frozen| {
                let what = format!("{stream}: {}", frozen.broken.check);
                let (expected, found) = (&frozen.broken.expected, &frozen.broken.found);
                Finding::new(&what, expected, found).at(frozen.position)
            };
            slot.frozen.iter().for_each(|frozen| self.streams.found(of(frozen)));
            self.acknowledged.extend(slot.acknowledged.iter().map(of));
        }
        credit.compare(book.streams.iter(), &mut self.credit.ledger);
        transit.conclude(&mut self.credit.transit);
        self.claims.checked += u64::try_from(book.claims.len()).unwrap_or(u64::MAX);
        for (position, claim) in &book.doubled {
            let first = book.claims.get(claim).map_or(0, |taker| taker.position);
            let what = format!("{claim} is taken once");
            let found = format!("taken again; the first is at {first}");
            self.claims.found(Finding::new(&what, "free", found).at(*position));
        }
        for renewal in renewed {
            self.check_renewal(roll, renewal).await?;
        }
        Ok(())
    }

    /// A caller's key counts for so many days; only then may it be used anew.
    async fn check_renewal(&mut self, roll: &Roll, renewal: Renewal) -> Result<(), Error> {
        let Some(entry) = roll.record(renewal.before).await? else { return Ok(()) };
        let Ok(first) = decode_entry(&entry) else { return Ok(()) };
        let micros = renewal.at.micros_since(first.envelope.recorded_at);
        let days = micros / (24 * 60 * 60 * 1_000_000);
        if days >= i64::from(renewal.days) {
            return Ok(());
        }
        let what = "an idempotency key is used anew only once it is forgotten";
        let expected = format!("{} days after position {}", renewal.days, renewal.before);
        self.claims.found(Finding::new(what, expected, format!("{days} days")).at(renewal.after));
        Ok(())
    }
}

/// A caller's key that was used anew.
struct Renewal {
    before: u64,
    after: u64,
    at: piperoll_domain::time::Time,
    days: u32,
}

/// One part's fold.
pub(super) struct Fold {
    part: Part,
    book: Book,
    ids: HashSet<Id16>,
    snapshots: super::index::Snapshots,
    renewed: Vec<Renewal>,
    credit: Credit,
    transit: Transit,
    settings: Settings,
    /// The last time the clock was set; ages across it are not compared.
    clock_set: u64,
}

impl Fold {
    fn new(part: Part, snapshots: super::index::Snapshots) -> Self {
        Self {
            part,
            book: Book::default(),
            ids: HashSet::new(),
            snapshots,
            renewed: vec![],
            credit: Credit::new(),
            transit: Transit::default(),
            settings: Settings::default(),
            clock_set: 0,
        }
    }

    fn event(&mut self, recorded: &Recorded, books: &mut Books) {
        let at = &recorded.envelope;
        let part = self.part;
        match &recorded.event {
            Event::Settings(settings::Event::Changed(changed)) => self.settings = changed.settings,
            Event::Roll(roll::Event::ClockCorrected(_)) => self.clock_set = at.position,
            _ => {}
        }
        if part.holds(at.id) {
            let new = self.ids.insert(at.id);
            let what = "an event's id is its own";
            books.ids.expect(new, || Finding::new(what, "a new id", at.id).at(at.position));
        }
        let ours = part.holds(&at.stream);
        let of_claim = |claim: &Claim| part.holds(super::index::key(claim));
        self.book.fold_some(recorded, |_| ours, of_claim);
        if ours {
            self.lots(recorded, books);
            self.credit.event(recorded, &mut books.credit);
            if let Some(slot) = self.book.streams.get(&at.stream) {
                self.snapshots.compare(&at.stream, slot, &mut books.compared);
            }
        }
        self.transit.event(recorded, part, &mut books.credit.transit);
        self.note_renewals(recorded);
    }

    fn note_renewals(&mut self, recorded: &Recorded) {
        let (at, days) = (recorded.envelope.recorded_at, self.settings.idempotency_days);
        let clock_set = self.clock_set;
        let since = |(before, _): &(u64, u64)| *before > clock_set;
        let renewed = self.book.renewed.drain(..).filter(since);
        self.renewed.extend(renewed.map(|(before, after)| Renewal { before, after, at, days }));
    }

    /// In every lot that an event touches: what is there and what has gone add up to what was minted.
    fn lots(&self, recorded: &Recorded, books: &mut Books) {
        let Event::Account(event) = &recorded.event else { return };
        let slot = self.book.streams.get(&recorded.envelope.stream);
        let Some(State::Account(account)) = slot.map(|slot| &slot.state) else { return };
        for lot in event.lots() {
            books.lots.count();
            // An emptied lot is history: the fold checked its last movement.
            let Some(state) = account.lot(lot) else { continue };
            if let Some(finding) = unbalanced(&recorded.envelope.stream, lot, state) {
                books.lots.found(finding.at(recorded.envelope.position));
            }
        }
    }
}

fn unbalanced(stream: &Stream, lot: &LotId, state: &Lot) -> Option<Finding> {
    let sum = state.sum();
    if sum != state.minted {
        let what = format!("{stream}: the parts of lot {lot} add up to what was minted");
        return Some(Finding::new(&what, state.minted, sum));
    }
    let cost = state.cost.map_or(0, |cost| cost.amount.units());
    let what = || format!("{stream}: lot {lot} releases its cost once");
    let over = state.released.units() > cost;
    over.then(|| Finding::new(&what(), format!("at most {cost}"), state.released))
}
