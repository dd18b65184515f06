//! Many wishes of one tenant in one request: each by itself, or all of them or none.
//!
//! # Correctness
//! A key that was used before gives its first answer, in a batch as alone; what is left of a batch
//! that stands or falls as one lands in one append, or not at all. So a batch whose answer was lost
//! is asked again as it is, and one that repeats a part of another does the rest.

use piperoll_domain::{
    claim::Taker,
    draft::Repeat,
    event::{Idempotency, Recorded},
    id::TenantId,
    operation::{Batch, Item, Wish},
    rejection::Rejection,
};

use crate::{
    engine::{self, Done, Engine},
    service::{Error, Principal, Service},
};

/// How often what was done meanwhile is left out of a batch.
const ROUNDS_MAX: usize = 4;

impl Service {
    /// Puts wishes to the roll, each by itself, all of them before any is waited for. The answers
    /// stand in the order of the wishes.
    pub async fn execute_each(
        &self,
        who: &Principal,
        wishes: Vec<(Wish, Idempotency)>,
    ) -> Vec<Result<Done, Error>> {
        let mut commands = Vec::with_capacity(wishes.len());
        let mut meant = Vec::with_capacity(wishes.len());
        for (wish, key) in wishes {
            let command = self.meant_by(who, wish.into(), Some(key)).await;
            meant.push(command.map(|command| commands.push(command)));
        }
        let mut done = self.engine().execute_all(commands).await.into_iter();
        let answer = |meant: Result<(), Error>| {
            meant?;
            Ok(done.next().ok_or(Error::Interrupted)??)
        };
        meant.into_iter().map(answer).collect()
    }

    /// Puts wishes to the roll that stand or fall together.
    pub async fn execute_together(
        &self,
        who: &Principal,
        tenant: &TenantId,
        wishes: Vec<(Wish, Idempotency)>,
    ) -> Result<Vec<Done>, Error> {
        let mut together = Together::of(wishes);
        for _ in 0..ROUNDS_MAX {
            let Some(batch) = together.left(tenant) else { break };
            match self.put(who, batch.into(), None).await {
                Ok(done) => {
                    together.share(&done);
                    break;
                }
                Err(Error::Engine(engine::Error::Repeats(repeats))) => {
                    // Counted before any is answered.
                    let at: Vec<_> = repeats.iter().map(|it| together.whole(it.index)).collect();
                    for (at, Repeat { taker, .. }) in at.into_iter().zip(repeats) {
                        together.leave_out(self.engine(), at, &taker).await?;
                    }
                }
                Err(error) => return Err(together.named(error)),
            }
        }
        together.finish()
    }
}

/// A batch that stands or falls as one, while it is done.
struct Together {
    items: Vec<(Item, Option<Done>)>,
}

impl Together {
    fn of(wishes: Vec<(Wish, Idempotency)>) -> Self {
        let item = |(wish, key)| (Item { key, forgotten: None, wish }, None);
        Self { items: wishes.into_iter().map(item).collect() }
    }

    /// What is not answered yet.
    fn open(&self) -> impl Iterator<Item = (usize, &Item)> {
        let open = self.items.iter().enumerate().filter(|(_, (_, done))| done.is_none());
        open.map(|(at, (item, _))| (at, item))
    }

    /// What is left to do, if anything is.
    fn left(&self, tenant: &TenantId) -> Option<Batch> {
        let items: Vec<Item> = self.open().map(|(_, item)| item.clone()).collect();
        (!items.is_empty()).then(|| Batch { tenant: tenant.clone(), items })
    }

    /// Where an item of what was left stands in the whole.
    fn whole(&self, index: usize) -> usize {
        self.open().nth(index).map_or(index, |(at, _)| at)
    }

    /// Gives the first answer to an item that was done before, if its key counts still.
    async fn leave_out(&mut self, engine: &Engine, at: usize, taker: &Taker) -> Result<(), Error> {
        let Some((item, done)) = self.items.get_mut(at) else { return Ok(()) };
        match engine.first_answer(taker, &item.key).await {
            Ok(Some(first)) => *done = Some(first),
            Ok(None) => item.forgotten = Some(taker.position),
            Err(engine::Error::Rejected(refusal)) => {
                let refusal = Box::new(refusal);
                return Err(Rejection::Item { index: at, refusal }.into());
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Gives each of what was left its own facts; they stand in the order of the items.
    fn share(&mut self, all: &Done) {
        let mut events = all.events.iter().peekable();
        for (item, done) in self.items.iter_mut().filter(|(_, done)| done.is_none()) {
            let own = |event: &&Recorded| event.envelope.idempotency.as_ref() == Some(&item.key);
            let mut own_events = vec![];
            while let Some(event) = events.next_if(own) {
                own_events.push(event.clone());
            }
            *done = Some(Done { events: own_events, head: all.head, replayed: false });
        }
    }

    /// A refusal names the item as it stands in the whole.
    fn named(&self, error: Error) -> Error {
        match error {
            Error::Engine(engine::Error::Rejected(Rejection::Item { index, refusal })) => {
                Rejection::Item { index: self.whole(index), refusal }.into()
            }
            other => other,
        }
    }

    /// The answers, once there is one to everything.
    fn finish(self) -> Result<Vec<Done>, Error> {
        let done = self.items.into_iter().map(|(_, done)| done);
        done.collect::<Option<_>>().ok_or_else(|| engine::Error::Busy.into())
    }
}
