//! What is measured: the writer with its index alone, or the whole program.

use std::{path::Path, sync::Arc, time::Duration};

use piperoll_domain::bytes::Bytes;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Error, bare::Random, failed};
use crate::{
    app::App,
    config::{Config, Persist},
    engine::{self, Clock, Options},
    roll::{self, DirectoryLock, Identity, Roll},
    telemetry,
};

/// How long the views may take to catch up.
const CATCH_UP: Duration = Duration::from_mins(10);

/// A roll, its writer and its index, without views, reactors and listeners.
pub struct Writer {
    /// The writer.
    pub engine: engine::Engine,
    /// The roll.
    pub roll: Roll,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

/// The settings of development, for a directory, in which its secrets are kept.
fn settings(directory: &Path, more: &[(&str, &str)]) -> Result<Config, Error> {
    let data = directory.to_string_lossy().into_owned();
    let mut variables = vec![
        ("PIPEROLL_DATA".to_owned(), data),
        ("PIPEROLL_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
    ];
    variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let loaded = Config::load(None, variables, Persist::Yes);
    loaded.map(|loaded| loaded.config).map_err(failed("make settings"))
}

impl Writer {
    /// Starts on an empty directory.
    pub async fn start(directory: &Path) -> Result<Self, Error> {
        telemetry::install().map_err(failed("set up the metrics"))?;
        std::fs::create_dir_all(directory).map_err(failed("make a directory"))?;
        let config = settings(directory, &[])?;
        let lock = DirectoryLock::acquire(directory, "piperoll bench");
        let lock = lock.map_err(failed("take the directory"))?;
        let (clock, mut random) = (Clock::system(), Random::seeded()?);
        let identity = Identity { id: random.id(), name: "main".to_owned(), created: clock.now() };
        roll::create(&lock, &identity).await.map_err(failed("create the roll"))?;
        let roll = roll::open(&lock, None).await.map_err(failed("open the roll"))?;
        let options = options(&config, clock, &mut random);
        let stop = CancellationToken::new();
        let started = engine::start(roll.clone(), directory, options, stop.clone()).await;
        let (engine, task) = started.map_err(failed("start the engine"))?;
        Ok(Self { engine, roll, task, stop })
    }

    /// Finishes what was begun, and closes the files.
    pub async fn stop(self) -> Result<(), Error> {
        self.stop.cancel();
        drop(self.engine);
        self.task.await.map_err(failed("stop the engine"))?;
        self.roll.close().await;
        Ok(())
    }
}

fn options(config: &Config, clock: Clock, random: &mut Random) -> Options {
    let size = |number: std::num::NonZeroU32| usize::try_from(number.get()).unwrap_or(usize::MAX);
    Options {
        queue: size(config.engine.queue_max),
        group_commands: size(config.engine.group_events_max),
        group_bytes: size(config.engine.group_bytes_max),
        streams: size(config.engine.streams_in_memory_max),
        index_cache_bytes: config.engine.index_cache_bytes_max.get().into(),
        config: Bytes::ZERO,
        ..Options::plain(clock, [random.id(), random.id()])
    }
}

/// The whole program on a directory of its own: engine, index, views, reactors, listener.
pub struct House {
    /// The program.
    pub app: App,
}

impl House {
    /// Starts on an empty directory, with settings by the names of their variables.
    pub async fn start(directory: &Path, more: &[(&str, &str)]) -> Result<Self, Error> {
        let config = settings(directory, more)?;
        let app = App::start(&config, Arc::new(|_| None)).await.map_err(failed("start"))?;
        Ok(Self { app })
    }

    /// The writer.
    pub fn engine(&self) -> &engine::Engine {
        self.app.service.engine()
    }

    /// How many events the views still have to take in.
    pub fn lag(&self) -> u64 {
        self.engine().head().position.saturating_sub(self.app.views.applied())
    }

    /// Waits until the views have taken in everything, and says how long that took.
    pub async fn catch_up(&self) -> Result<Duration, Error> {
        let began = std::time::Instant::now();
        let head = self.engine().head().position;
        let caught = self.app.views.wait_for(head, CATCH_UP).await;
        caught.map_err(failed("wait for the views"))?;
        Ok(began.elapsed())
    }

    /// Stops everything.
    pub async fn stop(self) {
        self.app.stop().await;
    }
}
