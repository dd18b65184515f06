//! A roll in memory, with faults on demand: for tests and simulations of what stands above it.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::{AppendError, Block, Error, Head, Identity};

/// What shall go wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The next append stores nothing, and says so.
    RefuseAppend,
    /// The next append stores nothing, and cannot tell.
    LoseBlock,
    /// The next append stores its block, and cannot tell.
    LoseAnswer,
    /// The next append stores nothing, and says that it did: no store may, and every check of one
    /// must see it.
    Lie,
    /// The next question for the head fails.
    FailHead,
    /// The next read fails.
    FailRead,
}

/// What is asked of the roll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A block is to be stored.
    Append,
    /// Somebody wants to know where it stands.
    Head,
    /// Blocks are to be read.
    Read,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turn {
    /// How long it takes until it is done.
    pub before: Duration,
    /// What goes wrong with it.
    pub fault: Option<Fault>,
    /// How long it takes until the answer is there.
    pub after: Duration,
}

/// Decides about every call, as weather does.
struct Weather(Box<dyn FnMut(Call) -> Turn + Send>);

impl fmt::Debug for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Weather")
    }
}

/// A roll in memory. Clones are handles on the same one.
#[derive(Debug, Clone)]
pub struct MemoryRoll {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    identity: Identity,
    state: Mutex<State>,
    tail: watch::Sender<Head>,
}

#[derive(Debug, Default)]
struct State {
    blocks: Vec<Arc<Block>>,
    faults: VecDeque<Fault>,
    weather: Option<Weather>,
}

impl MemoryRoll {
    /// An empty roll.
    pub fn new(identity: Identity) -> Self {
        let tail = watch::Sender::new(Head::genesis(identity.id));
        Self { shared: Arc::new(Shared { identity, state: Mutex::default(), tail }) }
    }

    /// What a new process would find: the same blocks, no faults, and a tail of its own.
    #[must_use]
    pub fn reopen(&self) -> Self {
        let again = Self::new(self.shared.identity.clone());
        again.state().blocks.clone_from(&self.state().blocks);
        again.shared.tail.send_replace(self.stored_head());
        again
    }

    /// Lets something go wrong, once. Faults of one kind happen in the order they were asked for.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push_back(fault);
    }

    /// Lets `weather` decide about every call from now on.
    pub fn expose(&self, weather: impl FnMut(Call) -> Turn + Send + 'static) {
        self.state().weather = Some(Weather(Box::new(weather)));
    }

    /// The blocks behind a position, whatever the weather.
    pub fn blocks_after(&self, position: u64) -> Vec<Arc<Block>> {
        let state = self.state();
        let start = state.blocks.partition_point(|block| block.last() <= position);
        state.blocks[start..].to_vec()
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    pub(super) async fn head(&self) -> Result<Head, Error> {
        let turn = self.turn(Call::Head, &[Fault::FailHead]);
        pass(turn.before).await;
        let answer = turn.fault.map_or_else(|| Ok(self.stored_head()), |_| Err(Error::Injected));
        pass(turn.after).await;
        answer
    }

    pub(super) async fn append(&self, expected: Head, block: &Block) -> Result<Head, AppendError> {
        let faults = [Fault::RefuseAppend, Fault::LoseBlock, Fault::LoseAnswer, Fault::Lie];
        let turn = self.turn(Call::Append, &faults);
        pass(turn.before).await;
        let answer = self.append_now(expected, block, turn.fault);
        pass(turn.after).await;
        answer
    }

    fn append_now(
        &self,
        expected: Head,
        block: &Block,
        fault: Option<Fault>,
    ) -> Result<Head, AppendError> {
        match fault {
            Some(Fault::RefuseAppend) => Err(AppendError::Refused { source: Error::Injected }),
            Some(Fault::LoseBlock) => Err(AppendError::Unknown { source: Error::Injected }),
            Some(Fault::LoseAnswer) => {
                self.store(expected, block)?;
                Err(AppendError::Unknown { source: Error::Injected })
            }
            Some(Fault::Lie) => Ok(block.head()),
            Some(Fault::FailHead | Fault::FailRead) | None => self.store(expected, block),
        }
    }

    fn store(&self, expected: Head, block: &Block) -> Result<Head, AppendError> {
        let mut state = self.state();
        let head = state.head(&self.shared.identity);
        if head == block.head() {
            return Ok(head);
        }
        if head != expected {
            return Err(AppendError::HeadMoved { head });
        }
        state.blocks.push(Arc::new(block.clone()));
        self.shared.tail.send_replace(block.head());
        Ok(block.head())
    }

    pub(super) async fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<Arc<Block>>, Error> {
        let turn = self.turn(Call::Read, &[Fault::FailRead]);
        pass(turn.before).await;
        let blocks = self.read_now(from, bytes_max);
        pass(turn.after).await;
        turn.fault.map_or(Ok(blocks), |_| Err(Error::Injected))
    }

    fn read_now(&self, from: u64, bytes_max: usize) -> Vec<Arc<Block>> {
        let state = self.state();
        let start = state.blocks.partition_point(|block| block.last() < from);
        let mut bytes = 0;
        let fits = |block: &&Arc<Block>| {
            let first = bytes == 0;
            bytes += block.size();
            first || bytes <= bytes_max
        };
        state.blocks[start..].iter().take_while(fits).cloned().collect()
    }

    pub(super) async fn block_at(&self, position: u64) -> Result<Option<Arc<Block>>, Error> {
        Ok(self.read(position, 0).await?.pop())
    }

    pub(super) fn tail(&self) -> watch::Receiver<Head> {
        self.shared.tail.subscribe()
    }

    fn stored_head(&self) -> Head {
        self.state().head(&self.shared.identity)
    }

    /// What becomes of a call: what the weather says, and any fault that was asked for.
    fn turn(&self, call: Call, kinds: &[Fault]) -> Turn {
        let mut state = self.state();
        let turn = state.weather.as_mut().map_or_else(Turn::default, |weather| (weather.0)(call));
        let asked = state.faults.iter().position(|fault| kinds.contains(fault));
        let asked = asked.and_then(|index| state.faults.remove(index));
        Turn { fault: asked.or(turn.fault.filter(|fault| kinds.contains(fault))), ..turn }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs between two changes that belong together.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No time at all is not even a chance for others.
async fn pass(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

impl State {
    fn head(&self, identity: &Identity) -> Head {
        self.blocks.last().map_or_else(|| Head::genesis(identity.id), |block| block.head())
    }
}

#[cfg(test)]
mod tests {
    use piperoll_domain::time::Time;

    use super::*;
    use crate::roll::samples;

    fn roll() -> MemoryRoll {
        MemoryRoll::new(Identity { id: samples::ROLL, name: "main".into(), created: Time::EPOCH })
    }

    #[tokio::test]
    async fn faults_happen_once_and_say_what_they_did() {
        let genesis = Head::genesis(samples::ROLL);
        let block = samples::block(genesis, 2);
        for (fault, stored) in [
            (Fault::RefuseAppend, genesis),
            (Fault::LoseBlock, genesis),
            (Fault::LoseAnswer, block.head()),
        ] {
            let roll = roll();
            roll.inject(fault);
            let failed = roll.append(genesis, &block).await.unwrap_err();
            let refused = matches!(failed, AppendError::Refused { .. });
            assert_eq!(refused, fault == Fault::RefuseAppend, "{failed:?}");
            assert_eq!(roll.head().await.unwrap(), stored, "{fault:?}");
            assert_eq!(roll.append(genesis, &block).await.unwrap(), block.head());
        }
    }

    #[tokio::test]
    async fn reads_and_heads_fail_when_asked_to() {
        let roll = roll();
        roll.inject(Fault::FailRead);
        roll.inject(Fault::FailHead);
        assert!(roll.head().await.is_err());
        assert!(roll.head().await.is_ok());
        assert!(roll.read(1, 0).await.is_err());
        assert!(roll.read(1, 0).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_weather_takes_its_time_and_decides_what_goes_wrong() {
        let roll = roll();
        roll.expose(|call| Turn {
            before: Duration::from_millis(5),
            fault: (call == Call::Append).then_some(Fault::Lie),
            after: Duration::from_millis(3),
        });
        let (began, genesis) = (tokio::time::Instant::now(), Head::genesis(samples::ROLL));
        let block = samples::block(genesis, 2);
        assert_eq!(roll.append(genesis, &block).await.unwrap(), block.head());
        assert_eq!(began.elapsed(), Duration::from_millis(8));
        assert_eq!(roll.head().await.unwrap(), genesis);
        assert!(roll.blocks_after(0).is_empty());
    }

    #[tokio::test]
    async fn a_reopened_roll_goes_its_own_way() {
        let roll = roll();
        let genesis = Head::genesis(samples::ROLL);
        let head = roll.append(genesis, &samples::block(genesis, 2)).await.unwrap();
        let again = roll.reopen();
        assert_eq!(*again.tail().borrow(), head);
        again.append(head, &samples::rival(head)).await.unwrap();
        assert_eq!(roll.head().await.unwrap(), head);
    }
}
