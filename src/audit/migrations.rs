//! Where a data directory's stores stand: their formats, what wrote them, what a start would make anew.

use std::{path::Path, sync::Arc};

use piperoll_domain::event::Event;
use serde::Serialize;

use super::{Error, index::noted};
use crate::{
    roll::{self, Head, Roll},
    views::{
        Snapshot,
        read::Step,
        store::{self, Generation, look_beside},
    },
};

/// How a store stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Store {
    /// Which.
    pub store: &'static str,
    /// Whether this release uses it as it is.
    pub current: bool,
    /// What there is.
    pub state: String,
}

/// How all of it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The release that says so.
    pub release: &'static str,
    /// The roll, and what is derived from it.
    pub stores: Vec<Store>,
    /// How many wire names of events this release reads. A later version of one is lifted out of an
    /// earlier one as it is read; what is stored never changes.
    pub events_known: usize,
    /// What wrote the roll, each with its beginning, as the view `migrations` shows it.
    pub steps: Vec<Step>,
}

impl Status {
    /// Whether a start changes nothing of it.
    pub fn is_current(&self) -> bool {
        self.stores.iter().all(|store| store.current)
    }
}

/// Looks at a data directory, beside a server or after it.
pub async fn status(directory: &Path) -> Result<Status, Error> {
    let roll = roll::open_beside(directory, None).await?;
    let looked = look(directory, &roll).await;
    roll.close().await;
    looked
}

async fn look(directory: &Path, roll: &Roll) -> Result<Status, Error> {
    let head = roll.head().await?;
    let of_roll = Store {
        store: "roll",
        current: true,
        state: format!("format {}, up to position {}", roll::FORMAT, head.position),
    };
    let found = look_beside(directory).await.map_err(super::RowsError::Views)?;
    let (of_views, steps) = match found {
        Ok(generation) => views(generation, head).await?,
        Err(outdated) => {
            let state = format!("{outdated}; the next start makes them anew");
            (Store { store: "views", current: false, state }, vec![])
        }
    };
    let stores = vec![of_roll, index(directory), of_views];
    let events_known = Event::names().count();
    Ok(Status { release: env!("CARGO_PKG_VERSION"), stores, events_known, steps })
}

async fn views(generation: Generation, head: Head) -> Result<(Store, Vec<Step>), Error> {
    let number = generation.number();
    let read = async {
        let mut snapshot = Snapshot::of(Arc::new(generation)).await?;
        Ok((snapshot.mark().position, snapshot.steps().await?))
    };
    let (applied, steps) = read.await.map_err(super::RowsError::Views)?;
    let digest = store::digest().to_string();
    let digest = digest.get(..8).unwrap_or_default();
    let state = format!(
        "generation {number}, schema {digest}, {} events behind",
        head.position.saturating_sub(applied)
    );
    Ok((Store { store: "views", current: true, state }, steps))
}

fn index(directory: &Path) -> Store {
    let (current, state) = match (directory.join("index").is_dir(), noted(directory)) {
        (false, _) => (false, "there is none; the next start makes it".to_owned()),
        (true, Some(Ok(closed))) => (true, format!("closed at position {}", closed.head.position)),
        (true, Some(Err(error))) => (false, error),
        (true, None) => (true, "in use, or not closed in good order".to_owned()),
    };
    Store { store: "index", current, state }
}
