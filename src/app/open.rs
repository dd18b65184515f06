//! The data directory: locked, its roll opened or made, its engine, keyring and views brought up.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use piperoll_domain::{bytes::Bytes, roll::Environment};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{self, Config},
    engine::{self, Clock, Engine},
    keyring::{self, Keyring, Masters},
    roll::{self, DirectoryLock, Identity, LockError, Roll},
    telemetry::Facts,
    views::{self, Views, follow::Follower, store},
};

/// The only roll of a directory, until there are more.
const NAME: &str = "main";
/// Where the keys of sealed text are.
const KEYRING: &str = "keyring.db";
/// Claims that wait for the index at most before commands wait too.
const UNFLUSHED_MAX: usize = 1_000_000;

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no directory and none can be made.
    #[error("failed to make the directory {}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else holds it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The roll could not be opened or made.
    #[error("failed to open the roll")]
    Roll(#[from] roll::Error),
    /// The settings could not be told apart.
    #[error("failed to digest the configuration")]
    Config(#[from] config::Error),
    /// The writer did not begin.
    #[error("failed to start the engine")]
    Engine(#[from] engine::StartError),
    /// The keys of sealed text could not be opened.
    #[error("failed to open the keyring")]
    Keyring(#[from] keyring::Error),
    /// The views could not be opened or built.
    #[error("failed to open the views")]
    Views(#[from] views::Error),
    /// The system has no random bytes.
    #[error("failed to get random bytes")]
    Random(#[from] getrandom::Error),
}

/// What a data directory holds, in use.
pub(super) struct Opened {
    pub(super) lock: DirectoryLock,
    pub(super) engine: Engine,
    pub(super) writer: JoinHandle<()>,
    pub(super) keyring: Keyring,
    pub(super) views: Views,
    pub(super) follower: Follower<Roll>,
    /// Ends the writer.
    pub(super) stop: CancellationToken,
}

/// Opens everything. What fails to open closes what was open.
pub(super) async fn open(config: &Config, facts: &Arc<Facts>) -> Result<Opened, Error> {
    make_directory(config)?;
    let lock = DirectoryLock::acquire(&config.data, "piperoll serve")?;
    let clock = Clock::kept_in(&config.data);
    let roll = open_roll(&lock, &clock).await?;
    warn_of_lost(&config.data.join(KEYRING), roll.head().await?.position);
    let kept = config.engine.block_cache_bytes_max.get();
    roll.bound_cache(usize::try_from(kept).unwrap_or(usize::MAX));
    let stop = CancellationToken::new();
    let options = options(config, clock, facts)?;
    let (engine, writer) = engine::start(roll.clone(), &config.data, options, stop.clone()).await?;
    match beside(config, &engine, &roll).await {
        Ok((keyring, views, follower)) => {
            Ok(Opened { lock, engine, writer, keyring, views, follower, stop })
        }
        Err(error) => {
            stop.cancel();
            if writer.await.is_err() {
                tracing::error!("the writer did not end");
            }
            roll.close().await;
            Err(error)
        }
    }
}

/// Whoever mislaid the keyring learns so before anything is sealed under another.
fn warn_of_lost(keyring: &Path, position: u64) {
    let is_there = fs::metadata(keyring).is_ok_and(|file| file.len() > 0);
    if position > 0 && !is_there {
        tracing::warn!(
            file = %keyring.display(),
            "there is a roll and no keyring: an empty one is made, which opens nothing that was sealed before. If the file lies elsewhere, stop the server and put it back"
        );
    }
}

async fn beside(
    config: &Config,
    engine: &Engine,
    roll: &Roll,
) -> Result<(Keyring, Views, Follower<Roll>), Error> {
    let masters = Masters::new(&config.keyring.master_keys());
    let keyring = Keyring::open(&config.data.join(KEYRING), masters).await?;
    let source = Arc::new(roll.clone());
    let store = match store::open(&config.data, &*source).await? {
        store::Opened::Ready(store) => *store,
        store::Opened::Outdated(why) => {
            let events = engine.head().position;
            tracing::info!(%why, events, "building the views");
            views::rebuild(&config.data, &source, |_| {}).await?
        }
    };
    let (views, follower) = Views::start(&config.data, store, source);
    let events_max = usize::try_from(config.views.batch_events_max.get()).unwrap_or(usize::MAX);
    Ok((keyring, views, follower.folding(events_max)))
}

/// For nobody but us: the roll tells who paid for what.
fn make_directory(config: &Config) -> Result<(), Error> {
    let path = &config.data;
    let failed = |source| Error::Directory { path: path.clone(), source };
    let mut new = fs::DirBuilder::new();
    new.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut new, 0o700);
    new.create(path).map_err(failed)
}

async fn open_roll(lock: &DirectoryLock, clock: &Clock) -> Result<Roll, Error> {
    match roll::open(lock, None).await {
        Err(roll::Error::NotFound { .. }) => {
            let identity = Identity { id: random()?, name: NAME.to_owned(), created: clock.now() };
            roll::create(lock, &identity).await?;
            Ok(roll::open(lock, None).await?)
        }
        opened => Ok(opened?),
    }
}

fn options(config: &Config, clock: Clock, facts: &Arc<Facts>) -> Result<engine::Options, Error> {
    let size = |number: std::num::NonZeroU32| usize::try_from(number.get()).unwrap_or(usize::MAX);
    let facts = Arc::clone(facts);
    let environment: Environment = config.env;
    Ok(engine::Options {
        queue: size(config.engine.queue_max),
        group_commands: size(config.engine.group_events_max),
        group_bytes: size(config.engine.group_bytes_max),
        streams: size(config.engine.streams_in_memory_max),
        unflushed: UNFLUSHED_MAX,
        index_cache_bytes: config.engine.index_cache_bytes_max.get().into(),
        index: None,
        clock,
        on_append: Box::new(move |appended| facts.observe(appended)),
        environment,
        config: config.digest()?,
        host: config::host_fingerprint(),
        operation: [random()?, random()?],
        #[cfg(test)]
        index_fails: Arc::default(),
    })
}

fn random<const N: usize>() -> Result<Bytes<N>, getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(Bytes(bytes))
}
