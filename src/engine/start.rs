//! Starting: the index is brought up to the roll, what stands is loaded, then the writer begins.

mod anew;
mod keeper;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use piperoll_domain::{
    bytes::Bytes,
    draft::Meta,
    event::{Actor, ActorKind, Event, Recorded},
    id::{Kind, TenantId},
    operation::{Command, OpenRoll, Operation, StartWriter},
    roll::{Environment, Event as RollEvent, Opened},
    time::Time,
};
use tokio::{runtime::Handle, sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub(super) use self::keeper::News;
use self::{
    anew::Anew,
    keeper::{Keeper, writing},
};
use crate::{
    engine::{
        Clock, Engine, Error, Health, Shared,
        directory::Directory,
        index::{Entries, Index, IndexError, IndexMemory, Names, Reading},
        load::{Reader, decode, decode_at},
        memory::Memory,
        state::{Duties, Frozen},
        writer::{Bounds, Groups, Measures, Work, Writer},
    },
    roll::{self, Head, Roll},
    watch,
};

/// Told of every append, after it succeeded and before anybody is answered.
pub(super) type Hook = Box<dyn Fn(&[Recorded]) + Send + Sync>;

/// How the engine runs.
pub struct Options {
    /// How many commands may wait.
    pub queue: usize,
    /// How many commands a group may hold.
    pub group_commands: usize,
    /// How many bytes of records a group may hold.
    pub group_bytes: usize,
    /// How many streams stay in memory.
    pub streams: usize,
    /// How many claims may wait for the index before commands wait too.
    pub unflushed: usize,
    /// The index's cache.
    pub index_cache_bytes: u64,
    /// An index in memory, in place of the one on disk: for simulations.
    pub index: Option<IndexMemory>,
    /// What time it is.
    pub clock: Clock,
    /// Told of every append.
    pub on_append: Hook,
    /// Whether money is real, for a roll that is opened now.
    pub environment: Environment,
    /// A digest of the configuration, secrets left out.
    pub config: Bytes<32>,
    /// A fingerprint of the machine.
    pub host: Bytes<8>,
    /// Random bytes for the operations of the start.
    pub operation: [Bytes<16>; 2],
    /// Whether the index cannot be written.
    #[cfg(test)]
    pub(crate) index_fails: Arc<AtomicBool>,
}

impl Options {
    /// What a test or a small tool needs.
    pub fn plain(clock: Clock, operation: [Bytes<16>; 2]) -> Self {
        Self {
            queue: 4_096,
            group_commands: 4_096,
            group_bytes: 1 << 20,
            streams: 100_000,
            unflushed: 1_000_000,
            index_cache_bytes: 64 << 20,
            index: None,
            clock,
            on_append: Box::new(|_| {}),
            environment: Environment::Development,
            config: Bytes::ZERO,
            host: Bytes::ZERO,
            operation,
            #[cfg(test)]
            index_fails: Arc::default(),
        }
    }
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The roll could not be read, or is not the one that the index followed.
    #[error("failed to read the roll")]
    Roll(#[from] roll::Error),
    /// The index failed.
    #[error("failed to bring the index up to the roll")]
    Index(#[from] IndexError),
    /// A record could not be read.
    #[error("failed to load what stands: {0}")]
    Load(Error),
    /// The roll is of another environment.
    #[error("the roll is a {found:?} roll for ever, and {asked:?} is asked for")]
    Environment {
        /// What it is.
        found: Environment,
        /// What is asked for.
        asked: Environment,
    },
    /// The first command failed.
    #[error("failed to begin to write")]
    Begin(#[source] Error),
}

/// How many bytes of blocks are read at once while catching up.
const READ_BYTES: usize = if cfg!(test) { 1 << 10 } else { 8 << 20 };

/// Starts the engine over a roll, with its index in `directory`. The handle's task ends after `stop`,
/// when everything that was waiting has been answered and the index is written.
pub async fn start(
    roll: Roll,
    directory: &Path,
    options: Options,
    stop: CancellationToken,
) -> Result<(Engine, JoinHandle<()>), StartError> {
    let index = match &options.index {
        Some(memory) => Index::in_memory(memory.clone())?,
        None => Index::open(directory, options.index_cache_bytes)?,
    };
    let index = Arc::new(index);
    let (head, last_time) = catch_up(&roll, &index).await?;
    options.clock.compare_with_last(last_time);
    let reader = Reader::new(roll.clone(), index.clone());
    let duties = Duties::new(index.all_duties()?, last_time);
    let (names, unread) = index.names(head.position);
    let shared = Arc::new(shown(&roll, &options, head, duties, names));
    let memory = remember(&reader, &shared, options.streams).await?;
    let (queue, receiver) = mpsc::channel(options.queue);
    let (to_index, entries) = mpsc::unbounded_channel();
    let (flushed, trouble) = (watch::Sender::new(head.position), watch::Sender::new(None));
    let (flushed_to, index_trouble) = (flushed.subscribe(), trouble.subscribe());
    let gone = CancellationToken::new();
    let anew =
        Anew { roll, shared: shared.clone(), runtime: Handle::current(), gone: gone.clone() };
    let keeper = Keeper::new(writing(&index, &options), &index, (flushed, trouble), anew);
    let indexing = keeper.begin(entries);
    let writer = Writer {
        shared: shared.clone(),
        queue: receiver,
        reader,
        memory,
        index: to_index,
        flushed: flushed_to,
        index_trouble,
        starved: false,
        bounds: Bounds::of(&options),
        hook: options.on_append,
        head,
        floor: last_time.unwrap_or(Time::EPOCH),
        work: Work::new(),
        measures: Measures::new(),
        groups: Groups::default(),
    };
    let reading = Reading::begin(unread, &index);
    let task = tokio::spawn(async move {
        writer.run(stop).await;
        gone.cancel();
        reading.end().await;
        indexing.finished(index).await;
    });
    let engine = Engine { queue, shared };
    let begin = Begin {
        environment: options.environment,
        config: options.config,
        host: options.host,
        operation: options.operation,
    };
    begin.run(&engine).await?;
    Ok((engine, task))
}

/// What the writer shows at first.
fn shown(roll: &Roll, options: &Options, head: Head, duties: Duties, names: Names) -> Shared {
    Shared {
        roll: roll.clone(),
        clock: options.clock.clone(),
        head: watch::Sender::new(head),
        directory: ArcSwap::from_pointee(Directory::default()),
        duties,
        names,
        frozen: Frozen::default(),
        state: watch::Sender::new(Health::Writing),
        unresolved: AtomicBool::new(false),
        index_away: ArcSwapOption::empty(),
    }
}

/// Brings the index up to the roll. A roll that is shorter than its index, or another, is refused.
async fn catch_up(roll: &Roll, index: &Index) -> Result<(Head, Option<Time>), StartError> {
    let checkpoint = index.checkpoint()?;
    if let Some(known) = checkpoint {
        roll.check_known(known).await?;
    }
    // What may have been lost with the power is folded once more, which changes nothing else.
    let on_disk = index.checkpoint_on_disk()?;
    let mut at = on_disk.map_or(0, |head| head.position);
    if on_disk.is_none() {
        index.clear()?;
    }
    let head = roll.head().await?;
    while at < head.position {
        for block in roll.read(at + 1, READ_BYTES).await? {
            let mut entries = Entries::default();
            entries.up_to = Some(block.head());
            for (position, bytes) in block.iter().filter(|(position, _)| *position > at) {
                entries.fold(&decode_at(position, bytes).map_err(StartError::Load)?);
            }
            entries.settle();
            index.write(&entries)?;
            at = block.last();
        }
    }
    let last = roll.record(head.position).await?;
    let last = last.map(|entry| decode(&entry)).transpose().map_err(StartError::Load)?;
    Ok((head, last.as_ref().map(time_after)))
}

/// After which time the next record stands. A correction is itself a record of the clock before it.
fn time_after(last: &Recorded) -> Time {
    match &last.event {
        Event::Roll(RollEvent::ClockCorrected(corrected)) => corrected.now,
        _ => last.envelope.recorded_at,
    }
}

/// What the writer has in memory from the start: how much tenants have, and what stands.
async fn remember(
    reader: &Reader,
    shared: &Arc<Shared>,
    streams_max: usize,
) -> Result<Memory, StartError> {
    let tenants: HashMap<TenantId, u64> = reader.index.all_tenants()?.into_iter().collect();
    let mut memory = Memory::new(shared.clone(), tenants, streams_max);
    let mut standing = vec![];
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_standing()) {
        for stream in reader.index.streams_of(kind)? {
            let slot = reader.stream(&stream, None).await.map_err(StartError::Load)?;
            let Some(slot) = slot else { continue };
            memory.take_in_stream(stream.clone(), slot.clone());
            standing.push((stream, slot));
        }
    }
    shared.directory.store(Arc::new(Directory::default().with(standing)));
    Ok(memory)
}

/// The first commands of a run.
struct Begin {
    environment: Environment,
    config: Bytes<32>,
    host: Bytes<8>,
    operation: [Bytes<16>; 2],
}

impl Begin {
    async fn run(self, engine: &Engine) -> Result<(), StartError> {
        let release = env!("CARGO_PKG_VERSION").to_owned();
        let identity = engine.roll().identity();
        let opened = Opened {
            roll_id: identity.id,
            name: identity.name.clone(),
            format: 1,
            environment: self.environment,
            piperoll_version: release.clone(),
        };
        let begin = [
            Operation::from(OpenRoll { opened }),
            StartWriter { release, host: self.host, config: self.config }.into(),
        ];
        for (operation, id) in begin.into_iter().zip(self.operation) {
            let command = Command { meta: meta(id), operation };
            engine.execute(command).await.map_err(StartError::Begin)?;
            self.check_environment(engine)?;
        }
        Ok(())
    }

    fn check_environment(&self, engine: &Engine) -> Result<(), StartError> {
        let found = engine.directory().environment();
        if found == self.environment {
            return Ok(());
        }
        Err(StartError::Environment { found, asked: self.environment })
    }
}

fn meta(operation: Bytes<16>) -> Meta {
    let actor = Actor { kind: ActorKind::Reactor, id: "engine".into(), credential: None };
    Meta {
        operation,
        tenant: TenantId::roll(),
        actor,
        correlation: operation,
        causation: None,
        idempotency: None,
        effective_at: None,
    }
}
