//! `piperoll migrate`: what formats the stores have, and what a start would change.

use clap::{Args, Subcommand};

use super::{
    error::Error,
    exit::Exit,
    output::{Output, columns, enough},
    place::Place,
};
use crate::audit::{
    self,
    migrations::{Status, status},
};

/// Formats of the stores.
#[derive(Debug, Subcommand)]
pub(super) enum Migrate {
    /// Show where the stores stand and what wrote them. Exits with 10 where a start would make
    /// something anew.
    ///
    /// There is nothing to apply: events are read as they were written, and a start makes anew what
    /// is derived. Works beside a running server.
    Status(Where),
}

/// Which data directory.
#[derive(Debug, Args)]
pub(super) struct Where {
    #[command(flatten)]
    place: Place,
}

impl Migrate {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let Self::Status(Where { place }) = self;
        let directory = place.data;
        let found = status(&directory).await.map_err(|source: audit::Error| Error::Audit {
            directory: directory.clone(),
            source: Box::new(source),
        })?;
        if output.is_json() {
            Output::document(&found)?;
        } else {
            let mut stream = Output::stream();
            let told = lines(&found).iter().try_for_each(|line| stream.line(line));
            enough(told.and_then(|()| stream.finish()))?;
        }
        Ok(if found.is_current() { Exit::Done } else { Exit::WouldChange })
    }
}

fn lines(found: &Status) -> Vec<String> {
    let Status { release, stores, events_known, steps } = found;
    let stores = stores.iter().map(|store| {
        let word = if store.current { "current" } else { "OUTDATED" };
        vec![word.to_owned(), store.store.to_owned(), store.state.clone()]
    });
    let stores: Vec<_> = stores.collect();
    let steps = steps.iter().map(|step| {
        vec![step.applied_at.clone(), step.name.clone(), format!("position {}", step.id)]
    });
    let steps: Vec<_> = steps.collect();
    let first = format!("release {release}, which reads {events_known} kinds of events");
    let stores = columns(&stores);
    [first].into_iter().chain(stores).chain(columns(&steps)).collect()
}
