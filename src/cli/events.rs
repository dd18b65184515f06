//! `piperoll events`: the events of a roll, a line each, or as a table.

mod table;

use std::path::PathBuf;

use clap::Args;
use piperoll_domain::{event::Recorded, id::Stream};

use self::table::Table;
use super::{
    client::Server,
    error::Error,
    exit::Exit,
    output::{Output, is_closed},
    place::Place,
};
use crate::{
    audit::line::{Line, Raw},
    fact::{self, Named},
    roll::{self, Entry, Roll},
};

/// Print the events of a roll, one line of JSON each.
#[derive(Debug, Args)]
pub(super) struct Events {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    server: Server,
    /// Ask the server at --url instead of reading the data directory.
    #[arg(long, conflicts_with_all = ["raw", "sqlite"])]
    remote: bool,
    /// Print position, hash and the stored record in base64: what a verifier needs.
    #[arg(long)]
    raw: bool,
    /// Write a table `events` into a new SQLite file instead.
    #[arg(long, value_name = "FILE", conflicts_with = "raw")]
    sqlite: Option<PathBuf>,
    #[command(flatten)]
    wanted: Wanted,
}

/// Which events.
#[derive(Debug, Clone, Args)]
struct Wanted {
    /// Behind this position.
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    after: u64,
    /// Of this stream, such as `account-acme-alice`.
    #[arg(long)]
    stream: Option<Stream>,
    /// Of this type, such as `payment.settled.v1`, or of all that begin like `payment.*`.
    #[arg(long = "type", value_name = "TYPE")]
    name: Option<Named>,
    /// At most so many.
    #[arg(long)]
    limit: Option<u64>,
}

impl Wanted {
    fn holds(&self, stream: &str, name: &str) -> bool {
        let of_type = self.name.as_ref().is_none_or(|wanted| wanted.holds(name));
        of_type && self.stream.as_ref().is_none_or(|wanted| wanted.to_string() == stream)
    }

    fn query(&self) -> [(&'static str, Option<String>); 4] {
        [
            ("after", Some(self.after.to_string())),
            ("stream", self.stream.as_ref().map(ToString::to_string)),
            ("type", self.name.as_ref().map(ToString::to_string)),
            ("limit", self.limit.map(|limit| limit.to_string())),
        ]
    }
}

impl Events {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let done = if self.remote { self.ask().await } else { self.read().await };
        match done {
            // Whoever reads has seen enough.
            Err(Error::Output(error)) if is_closed(&error) => Ok(Exit::Done),
            done => done.map(|()| Exit::Done),
        }
    }

    async fn ask(self) -> Result<(), Error> {
        let mut stream = Output::stream();
        let path: &[&str] =
            if self.server.is_tenant() { &["v1", "events"] } else { &["v1", "admin", "events"] };
        let client = self.server.tenant();
        let told = client.lines(path, &self.wanted.query(), |line| stream.line(line)).await?;
        told.and_then(|()| stream.finish()).map_err(Error::from)
    }

    async fn read(self) -> Result<(), Error> {
        let directory = self.place.data.clone();
        let failed =
            |source| Error::Roll { directory: directory.clone(), source: Box::new(source) };
        let roll = roll::open_beside(&directory, None).await.map_err(failed)?;
        let mut sink = match &self.sqlite {
            Some(path) => Sink::Table(Table::create(path).await?),
            None => Sink::Lines(Output::stream(), self.raw),
        };
        let read = self.copy(&roll, &mut sink, &failed).await;
        roll.close().await;
        read?;
        sink.finish().await
    }

    async fn copy(
        &self,
        roll: &Roll,
        sink: &mut Sink,
        failed: &impl Fn(roll::Error) -> Error,
    ) -> Result<(), Error> {
        let head = roll.head().await.map_err(failed)?;
        let mut left = self.wanted.limit.unwrap_or(u64::MAX);
        let mut position = self.wanted.after;
        while position < head.position && left > 0 {
            position += 1;
            let Some(entry) = roll.record(position).await.map_err(failed)? else { break };
            let record =
                entry.record().map_err(|source| fact::Unreadable::Record { position, source })?;
            if self.wanted.holds(record.stream, record.name) {
                sink.take(&entry).await?;
                left -= 1;
            }
        }
        Ok(())
    }
}

/// Where events go.
enum Sink {
    Lines(super::output::Stream, bool),
    Table(Table),
}

impl Sink {
    async fn take(&mut self, entry: &Entry) -> Result<(), Error> {
        let hash = entry.head().hash;
        match self {
            Self::Lines(stream, true) => {
                let raw = Raw::new(entry.position(), hash, entry.bytes());
                stream.line(&serde_json::to_string(&raw)?)?;
            }
            Self::Lines(stream, false) => {
                let recorded: Recorded = fact::decode_entry(entry)?;
                let line = Line { hash: Some(hash), recorded };
                stream.line(&serde_json::to_string(&line)?)?;
            }
            Self::Table(table) => table.insert(entry).await?,
        }
        Ok(())
    }

    async fn finish(self) -> Result<(), Error> {
        match self {
            Self::Lines(stream, _) => Ok(stream.finish()?),
            Self::Table(table) => table.finish().await,
        }
    }
}
