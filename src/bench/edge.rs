//! The whole program behind its listener, and requests as its callers write them.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::{Bare, BoxError, Caller, Error, House, Random, Report, Stock, Wire, failed, float};

/// The body of a bare command.
const SPEND: &str = r#"{"amount":{"commodity":"MSAT","amount":"1"}}"#;

/// The program, its callers' key, and accounts to spend from.
pub struct Edge {
    /// The program.
    pub house: House,
    /// Accounts with credit.
    pub stock: Stock,
    /// A key that may do everything of its tenant's.
    pub key: String,
    /// An operator's.
    pub admin: String,
}

impl Edge {
    /// Starts on an empty directory, and stocks so many accounts.
    pub async fn start(directory: &Path, accounts: usize) -> Result<Self, Error> {
        let house = House::start(directory, &[]).await?;
        let stock = Stock::of(house.engine(), accounts).await?;
        let keys = house.app.keys.clone().ok_or("there are none");
        let keys = keys.map_err(failed("take the keys of development"))?;
        Ok(Self { house, stock, key: keys.key, admin: keys.admin_token })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.house.app.address
    }

    /// Callers who send bare commands there.
    pub fn spenders(
        &self,
        address: SocketAddr,
    ) -> Result<impl Fn(usize) -> Spender + Send + 'static, Error> {
        let (stock, key, seeds) = (self.stock.clone(), self.key.clone(), Seeds::new()?);
        Ok(move |_| Spender::new(address, stock.clone(), key.clone(), seeds.next()))
    }

    /// Callers who put bare commands to the engine itself.
    pub fn bare(&self) -> Result<impl Fn(usize) -> Bare + Send + 'static, Error> {
        let (engine, stock, seeds) =
            (self.house.engine().clone(), self.stock.clone(), Seeds::new()?);
        Ok(move |_| Bare::new(&engine, &stock, &mut seeds.next()))
    }

    /// How far the views are behind right after a load, and how long they take to catch up.
    pub async fn tell_lag(&self, report: &mut Report) -> Result<(), Error> {
        report.found("views_lag_events", float(self.house.lag()));
        report.found("views_catch_up_ms", self.house.catch_up().await?.as_secs_f64() * 1e3);
        Ok(())
    }

    /// Stops everything.
    pub async fn stop(self) {
        self.house.stop().await;
    }
}

/// Where each caller's chance begins.
pub(super) struct Seeds(Mutex<Random>);

impl Seeds {
    /// Begins where no other begins.
    pub(super) fn new() -> Result<Self, Error> {
        Random::seeded().map(Mutex::new).map(Self)
    }

    /// Another caller's.
    pub(super) fn next(&self) -> Random {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fork()
    }
}

/// A request: its line and header fields, and its body.
pub(super) fn request(line: &str, fields: &[(&str, &str)], body: &str, into: &mut Vec<u8>) {
    let mut text = String::with_capacity(512 + body.len());
    // Writing into a text does not fail.
    let _ = write!(text, "{line} HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    for (name, value) in fields {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let _ = write!(text, "content-length: {}\r\n\r\n{body}", body.len());
    into.clear();
    into.extend_from_slice(text.as_bytes());
}

/// A caller who sends one bare command after another.
#[derive(Debug)]
pub struct Spender {
    wire: Wire,
    stock: Stock,
    key: String,
    random: Random,
    out: Vec<u8>,
}

impl Spender {
    /// Nothing is connected yet.
    pub(super) fn new(address: SocketAddr, stock: Stock, key: String, random: Random) -> Self {
        Self { wire: Wire::to(address), stock, key, random, out: vec![] }
    }

    /// Sends a bare command under this key.
    pub async fn spend(&mut self, account: usize, idempotency: &str) -> Result<u64, BoxError> {
        let account = self.stock.accounts.get(account).map_or("", |account| account.as_str());
        let fields = [
            ("piperoll-key", self.key.as_str()),
            ("idempotency-key", idempotency),
            ("content-type", "application/json"),
        ];
        request(&format!("POST /v1/accounts/{account}/spend"), &fields, SPEND, &mut self.out);
        self.wire.must(&self.out, 201).await?;
        Ok(1)
    }
}

impl Caller for Spender {
    async fn call(&mut self) -> Result<u64, BoxError> {
        let account = self.random.below(self.stock.accounts.len());
        let key = self.random.key();
        self.spend(account, &key).await
    }
}
