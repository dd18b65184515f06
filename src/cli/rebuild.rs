//! `piperoll rebuild`: the views, folded anew from the roll.

use std::sync::Arc;

use clap::Args;
use reqwest::Method;

use super::{client::Server, error::Error, exit::Exit, output::Output, place::Place};
use crate::{
    audit::Progress as _,
    roll::{self, DirectoryLock},
    views::{self, Opened},
};

/// Build the views anew from the roll.
#[derive(Debug, Args)]
pub(super) struct Rebuild {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    server: Server,
    /// Ask the server at --url to do it while it goes on, instead of taking the data directory.
    #[arg(long, conflicts_with = "dry_run")]
    remote: bool,
    /// Only say whether the views have to be built anew; 10 if they have to.
    #[arg(long)]
    dry_run: bool,
}

impl Rebuild {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        if self.remote {
            let path = ["v1", "admin", "views", "rebuild"];
            output.answer(&self.server.operator().write(Method::POST, &path, None, None).await?)?;
            return Ok(Exit::Done);
        }
        let directory = self.place.data;
        let lock = DirectoryLock::acquire(&directory, "piperoll rebuild")?;
        let failed =
            |source| Error::Roll { directory: directory.clone(), source: Box::new(source) };
        let roll = roll::open(&lock, None).await.map_err(failed)?;
        let built = build(&directory, &roll, self.dry_run, output).await;
        roll.close().await;
        built
    }
}

async fn build(
    directory: &std::path::Path,
    roll: &roll::Roll,
    dry_run: bool,
    output: Output,
) -> Result<Exit, Error> {
    if dry_run {
        return match views::store::open(directory, roll).await? {
            Opened::Ready(_) => Output::line("the views are usable").map(|()| Exit::Done),
            Opened::Outdated(why) => Output::line(&why.to_string()).map(|()| Exit::WouldChange),
        }
        .map_err(Error::from);
    }
    let bar = output.bar();
    let source = Arc::new(roll.clone());
    let step = |progress: views::Progress| bar.step("events", progress.position, progress.head);
    let built = views::rebuild(directory, &source, step).await?;
    drop(bar);
    let mark = built.writer.mark();
    built.writer.close().await;
    if output.is_json() {
        Output::document(&serde_json::json!({ "position": mark.position, "hash": mark.hash }))?;
    } else {
        Output::line(&format!("built anew up to position {}", mark.position))?;
    }
    Ok(Exit::Done)
}
