//! A book that grows by commands, and what is expected of the next one.

use crate::{
    book::{Book, Slot},
    bytes::Id16,
    claim::Claim,
    draft::{Known, Memory, Meta, Seen, Stop},
    duty::{Duty, Name},
    event::{Actor, ActorKind, Event, Idempotency, Recorded},
    id::{Stream, TenantId},
    operation::{Command, Operation},
    rejection::Rejection,
    testing::build,
    time::{Moment, Time},
};

/// When every story begins: 2023-11-14T22:13:20Z.
pub const BEGIN: Time = Time::from_seconds(1_700_000_000);

/// A roll with its history.
#[derive(Debug, Clone)]
pub struct Story {
    /// What it adds up to.
    pub book: Book,
    /// Every fact, in order.
    pub history: Vec<Recorded>,
    now: Time,
    /// The time of the last fact before the clock was in doubt, while it is.
    doubt: Option<Time>,
    commands: u64,
    key: Option<Idempotency>,
    caller: String,
}

/// A new roll in which all of these were accepted.
#[track_caller]
pub fn given(wishes: impl IntoIterator<Item = Operation>) -> Story {
    let empty = Story {
        book: Book::default(),
        history: vec![],
        now: BEGIN,
        doubt: None,
        commands: 0,
        key: None,
        caller: actor().id.to_string(),
    };
    wishes.into_iter().fold(empty, Story::and)
}

/// A roll with a connection `default` (sandbox, regtest) and an open tenant `acme`.
#[track_caller]
pub fn shop() -> Story {
    given([build::open_roll(), build::declare_connection("default"), build::open_tenant("acme")])
}

impl Story {
    /// One more wish that is accepted.
    #[must_use]
    #[track_caller]
    pub fn and(self, wish: impl Into<Operation>) -> Self {
        self.when(wish).accepted()
    }

    /// A fact as it stands, whether or not the rules would say it.
    #[must_use]
    pub fn fact(mut self, stream: &Stream, event: impl Into<Event>) -> Self {
        let slot = self.book.streams.get(stream);
        let (version, previous) = slot.map_or((0, 0), |slot| (slot.version, slot.last));
        let count = self.book.tenants.get(&stream.tenant).copied().unwrap_or(0);
        let mut envelope = build::envelope(stream, self.next());
        envelope.version = version.saturating_add(1);
        envelope.previous = previous;
        envelope.tenant_version = count.saturating_add(1);
        envelope.recorded_at = self.moment().now;
        self.record(vec![Recorded { envelope, event: event.into() }]);
        self
    }

    /// So many seconds later.
    #[must_use]
    pub fn later(mut self, seconds: u32) -> Self {
        self.now = self.now.plus_seconds(seconds);
        self
    }

    /// From here on the clock is in doubt.
    #[must_use]
    pub fn resting(mut self) -> Self {
        self.rest(true);
        self
    }

    /// The next command carries this caller's key.
    #[must_use]
    pub fn keyed(mut self, key: &str) -> Self {
        let (operation, fingerprint) = ("test".into(), crate::bytes::Bytes([7; 33]));
        self.key = Some(Idempotency { operation, key: key.into(), fingerprint });
        self
    }

    /// From here on another caller asks.
    #[must_use]
    pub fn by(mut self, caller: &str) -> Self {
        caller.clone_into(&mut self.caller);
        self
    }

    /// Puts a wish.
    pub fn when(mut self, wish: impl Into<Operation>) -> Outcome {
        let result = self.decide(wish);
        Outcome { story: self, result }
    }

    /// Puts a wish and takes in what it says; for long random histories.
    pub fn put(&mut self, wish: impl Into<Operation>) -> Result<Vec<Recorded>, Stop> {
        let said = self.decide(wish)?;
        self.record(said.clone());
        Ok(said)
    }

    /// Lets time pass, in place.
    pub fn pass(&mut self, seconds: u32) {
        self.now = self.now.plus_seconds(seconds);
    }

    /// Doubts the clock, or trusts it again, in place.
    pub fn rest(&mut self, rests: bool) {
        let last = self.history.last().map_or(self.now, |last| last.envelope.recorded_at);
        self.doubt = rests.then(|| self.doubt.unwrap_or(last));
    }

    /// What time the next command is told.
    pub fn moment(&self) -> Moment {
        let last = self.history.last().map(|last| last.envelope.recorded_at.plus_micros(1));
        let now = last.map_or(self.now, |last| last.max(self.now));
        self.doubt.map_or(Moment::at(now), |since| Moment::in_doubt(now, since))
    }

    /// A stream's state.
    #[track_caller]
    pub fn slot(&self, stream: &Stream) -> &Slot {
        self.book.streams.get(stream).unwrap_or_else(|| panic!("{stream} has no events"))
    }

    fn next(&self) -> u64 {
        u64::try_from(self.history.len()).unwrap().saturating_add(1)
    }

    fn decide(&mut self, wish: impl Into<Operation>) -> Result<Vec<Recorded>, Stop> {
        self.commands = self.commands.saturating_add(1);
        let operation = Id16::from_slice(&u128::from(self.commands).to_be_bytes()).unwrap();
        let meta = Meta {
            operation,
            tenant: build::tenant("acme"),
            actor: Actor { id: self.caller.as_str().into(), ..actor() },
            correlation: operation,
            causation: None,
            idempotency: self.key.take(),
            effective_at: None,
        };
        let command = Command { meta, operation: wish.into() };
        let told = Told { book: &self.book, history: &self.history };
        Ok(command.decide(&told, self.moment(), self.next())?.facts)
    }

    fn record(&mut self, said: Vec<Recorded>) {
        for recorded in &said {
            self.book.fold(recorded);
        }
        self.history.extend(said);
    }
}

/// What a story's commands may ask: its book, and its history by position.
struct Told<'a> {
    book: &'a Book,
    history: &'a [Recorded],
}

impl Memory for Told<'_> {
    fn slot(&self, stream: &Stream) -> Option<Seen<'_>> {
        Some(self.book.streams.get(stream).map_or(Seen::Absent, Seen::Here))
    }

    fn claim(&self, claim: &Claim) -> Option<Known> {
        let taker = self.book.claims.get(claim);
        Some(taker.map_or(Known::Free, |taker| Known::Taken(taker.clone())))
    }

    fn tenant_count(&self, tenant: &TenantId) -> u64 {
        self.book.tenants.get(tenant).copied().unwrap_or(0)
    }

    fn duty(&self, name: &Name) -> Option<Duty> {
        self.book.duties.get(name).cloned()
    }

    fn fact(&self, position: u64) -> Option<&Recorded> {
        self.history.get(usize::try_from(position.checked_sub(1)?).ok()?)
    }
}

/// The caller of every command of a story, unless it says otherwise.
pub(super) fn actor() -> Actor {
    Actor { kind: ActorKind::Key, id: "key_1".into(), credential: None }
}

/// What a wish came to.
#[derive(Debug)]
pub struct Outcome {
    story: Story,
    result: Result<Vec<Recorded>, Stop>,
}

impl Outcome {
    /// These facts were said, in this order, and nothing froze.
    #[track_caller]
    pub fn then<E: Into<Event>>(self, expected: impl IntoIterator<Item = E>) -> Story {
        let expected: Vec<Event> = expected.into_iter().map(Into::into).collect();
        assert_eq!(self.events(), expected);
        self.accepted()
    }

    /// Facts of these wire names were said, in this order, and nothing froze.
    #[track_caller]
    pub fn says(self, expected: &[&str]) -> Story {
        let names: Vec<&str> = self.events().iter().map(Event::name).collect();
        assert_eq!(names, expected, "{:?}", self.events());
        self.accepted()
    }

    /// Nothing was left to do.
    #[track_caller]
    pub fn nothing(self) -> Story {
        self.says(&[])
    }

    /// It was accepted, whatever was said.
    #[track_caller]
    pub fn accepted(self) -> Story {
        let Self { mut story, result } = self;
        let said = result.unwrap_or_else(|stop| panic!("not accepted: {stop:?}"));
        let frozen: Vec<_> = story.book.frozen().map(|(stream, _)| stream.clone()).collect();
        let doubled = story.book.doubled.len();
        story.record(said);
        let new = story.book.frozen().find(|(stream, _)| !frozen.contains(stream));
        assert!(new.is_none(), "an accepted fact froze {new:?}");
        assert_eq!(story.book.doubled.len(), doubled, "an accepted fact took a claim again");
        story
    }

    /// It was refused like this.
    #[track_caller]
    pub fn rejected(self, expected: &Rejection) -> Story {
        assert_eq!(self.result, Err(Stop::Rejected(expected.clone())));
        self.story
    }

    /// It was refused with this code.
    #[track_caller]
    pub fn rejected_as(self, code: &str) -> Story {
        let Err(Stop::Rejected(rejection)) = &self.result else {
            panic!("not rejected: {:?}", self.result)
        };
        assert_eq!(rejection.code(), code, "{rejection:?}");
        self.story
    }

    /// What it came to, before anything is taken in.
    pub const fn result(&self) -> &Result<Vec<Recorded>, Stop> {
        &self.result
    }

    /// The facts themselves, before they are taken in.
    #[track_caller]
    pub fn recorded(&self) -> &[Recorded] {
        self.result.as_deref().unwrap_or_else(|stop| panic!("not accepted: {stop:?}"))
    }

    #[track_caller]
    fn events(&self) -> Vec<Event> {
        self.recorded().iter().map(|recorded| recorded.event.clone()).collect()
    }
}
