//! What a stream's facts say, one by one, where its state does not keep it.

use piperoll_domain::{
    bytes::Id16,
    event::Recorded,
    id::Stream,
    payment::{Event as PaymentEvent, Failed, InstrumentCreated},
    wire,
};

use crate::{
    engine::{self, Engine},
    service::{Error, Service},
};

/// What a command follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cause {
    /// Shared by all that follows from one request.
    pub(crate) correlation: Id16,
    /// The fact itself.
    pub(crate) causation: Id16,
}

impl Cause {
    /// A fact as a cause.
    pub(crate) const fn of(recorded: &Recorded) -> Self {
        let envelope = &recorded.envelope;
        Self { correlation: envelope.correlation, causation: envelope.id }
    }
}

/// How asking for an invoice ended, the first time.
pub(super) enum Ended {
    Shown(Box<InstrumentCreated>),
    Failed(Failed),
    Abandoned,
}

impl Service {
    /// The fact at a position.
    pub(crate) async fn fact(&self, position: u64) -> Result<Recorded, Error> {
        Ok(fact(self.engine(), position).await?)
    }

    /// A stream's facts, oldest first.
    async fn facts(&self, stream: &Stream) -> Result<Vec<Recorded>, Error> {
        let slot = self.engine().look(stream).await?;
        let mut position = slot.map_or(0, |slot| slot.last);
        let mut facts = vec![];
        while position > 0 {
            let fact = self.fact(position).await?;
            position = fact.envelope.previous;
            facts.push(fact);
        }
        facts.reverse();
        Ok(facts)
    }

    /// What whatever happens to a stream follows from: its first fact.
    pub(super) async fn cause_of(&self, stream: &Stream) -> Result<Option<Cause>, Error> {
        Ok(self.facts(stream).await?.first().map(Cause::of))
    }

    /// How a payment's request ended, if it has; later facts do not change the answer.
    pub(super) async fn first_end(&self, stream: &Stream) -> Result<Option<Ended>, Error> {
        let facts = self.facts(stream).await?;
        Ok(facts.into_iter().find_map(|fact| match fact.event {
            piperoll_domain::event::Event::Payment(event) => end(event),
            _ => None,
        }))
    }
}

fn end(event: PaymentEvent) -> Option<Ended> {
    match event {
        PaymentEvent::InstrumentCreated(created) => Some(Ended::Shown(Box::new(created))),
        PaymentEvent::Failed(failed) => Some(Ended::Failed(failed)),
        PaymentEvent::Abandoned(_) => Some(Ended::Abandoned),
        _ => None,
    }
}

async fn fact(engine: &Engine, position: u64) -> Result<Recorded, engine::Error> {
    let unreadable = |why: &dyn std::fmt::Display| {
        engine::Error::Unreadable(format!("position {position}: {why}"))
    };
    let entry = engine.roll().record(position).await.map_err(|error| unreadable(&error))?;
    let entry = entry.ok_or_else(|| unreadable(&"it is beyond the end"))?;
    let record = entry.record().map_err(|error| unreadable(&error))?;
    let event = wire::decode(record.name, record.data).map_err(|error| unreadable(&error))?;
    let envelope = record.envelope().map_err(|error| unreadable(&error))?;
    Ok(Recorded { envelope, event })
}
