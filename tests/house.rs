//! A data directory for tests, with a history that the engine itself wrote.

use std::{path::Path, sync::Arc};

use piperoll::{
    audit::{self, Anchor, Ask, Report},
    engine::{self, Clock, Engine, Options},
    roll::{self, DirectoryLock, Head, Identity, Roll},
    views,
};
use piperoll_domain::{
    bytes::{Bytes, Id16},
    draft::Meta,
    event::{Actor, ActorKind, Idempotency},
    operation::{Command, Operation},
    testing::{
        BEGIN, declare_connection, deposit, fulfil, grant, invoice, issue_key, money, msat,
        open_tenant, settled_webhook, spend, tenant, top_up, until,
    },
};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A data directory whose engine runs.
pub(crate) struct House {
    pub(crate) directory: TempDir,
    pub(crate) engine: Engine,
    pub(crate) roll: Roll,
    clock: Clock,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

fn random() -> Id16 {
    Bytes(*uuid::Uuid::new_v4().as_bytes())
}

impl House {
    /// An empty roll, and an engine over it.
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let lock = DirectoryLock::acquire(directory.path(), "a test").unwrap();
        let identity = Identity { id: random(), name: "main".to_owned(), created: BEGIN };
        roll::create(&lock, &identity).await.unwrap();
        let roll = roll::open(&lock, None).await.unwrap();
        let (clock, stop) = (Clock::manual(BEGIN), CancellationToken::new());
        let options = Options::plain(clock.clone(), [random(), random()]);
        let started = engine::start(roll.clone(), directory.path(), options, stop.clone()).await;
        let (engine, task) = started.unwrap();
        Self { directory, engine, roll, clock, task, stop }
    }

    /// A small business: payments, lots, credit used, a lot that will lapse.
    pub(crate) async fn busy() -> Self {
        let house = Self::new().await;
        for wish in [declare_connection("default"), open_tenant("acme"), issue_key("key_1", 3)] {
            house.put(wish).await;
        }
        house.keyed(top_up("pay_1", "alice", 100_000), "order-1").await;
        for wish in [
            invoice("pay_1", 100_000),
            settled_webhook("rcpt_1", "pay_1", "set_1", piperoll_domain::testing::paid()),
            fulfil("pay_1"),
            deposit("bob", "lot_b", money("USD", 500), msat(7)).into(),
            until(900, grant("alice", "lot_g", msat(50))).into(),
            spend("alice", msat(30_000)),
            spend("bob", money("USD", 123)),
            top_up("pay_2", "bob", 10_000),
        ] {
            house.put(wish).await;
        }
        house.build_views().await;
        house
    }

    pub(crate) async fn put(&self, wish: impl Into<Operation>) {
        self.execute("test", wish.into(), None).await;
    }

    /// By somebody else.
    pub(crate) async fn put_by(&self, who: &str, wish: impl Into<Operation>) {
        self.execute(who, wish.into(), None).await;
    }

    pub(crate) async fn keyed(&self, wish: impl Into<Operation>, key: &str) {
        let (operation, key) = ("test".into(), key.into());
        let key = Idempotency { operation, key, fingerprint: Bytes([7; 33]) };
        self.execute("test", wish.into(), Some(key)).await;
    }

    async fn execute(&self, who: &str, operation: Operation, idempotency: Option<Idempotency>) {
        let (id, actor) =
            (random(), Actor { kind: ActorKind::Admin, id: who.into(), credential: None });
        let meta = Meta {
            operation: id,
            tenant: tenant("acme"),
            actor,
            correlation: id,
            causation: None,
            idempotency,
            effective_at: None,
        };
        self.engine.execute(Command { meta, operation }).await.unwrap();
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: u32) {
        let micros = i64::from(seconds) * 1_000_000;
        self.clock.advance(micros, micros);
    }

    pub(crate) async fn build_views(&self) {
        let source = Arc::new(self.roll.clone());
        let built = views::rebuild(self.directory.path(), &source, |_| {}).await.unwrap();
        built.writer.close().await;
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Stops the engine; what is left is a directory.
    pub(crate) async fn close(self) -> TempDir {
        self.stop.cancel();
        self.task.await.unwrap();
        drop(self.engine);
        self.roll.close().await;
        drop(self.roll);
        // Whoever was reading a moment ago may still hold a handle, and with it the lock.
        for _ in 0..500 {
            if DirectoryLock::acquire(self.directory.path(), "a test").is_ok() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        self.directory
    }
}

/// Audits a directory.
pub(crate) async fn audit(directory: &Path) -> Report {
    audit_with(directory, vec![], 1 << 20).await
}

pub(crate) async fn audit_with(directory: &Path, anchors: Vec<Anchor>, events_held: u64) -> Report {
    let scratch = tempfile::tempdir().unwrap();
    let ask = Ask {
        directory: directory.to_owned(),
        anchors,
        scratch: scratch.path().to_owned(),
        events_held,
    };
    audit::verify(&ask, &()).await.unwrap()
}

/// A meddling hand in a database of the directory.
pub(crate) async fn meddle(file: &Path, words: &str) {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection: SqliteConnection = options.connect().await.unwrap();
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(words.to_owned())).execute(&mut connection).await;
    assert!(done.unwrap().rows_affected() > 0, "`{words}` changes something");
    connection.close().await.unwrap();
}

/// Where a roll stands.
pub(crate) async fn head(directory: &Path) -> Head {
    let roll = roll::open_beside(directory, None).await.unwrap();
    let head = roll.head().await.unwrap();
    roll.close().await;
    head
}
