//! `piperoll demo`: the whole story in one command, told by the real exchanges.

mod house;
mod story;
mod talk;

use clap::Args;

use self::{
    house::{House, HouseError},
    talk::{Talk, TalkError},
};
use super::{error::Error, exit::Exit};

/// Watch a Lightning payment become credit, the server be killed in the middle, and all of it be
/// proven.
///
/// Starts a server of its own on a temporary directory with play money, and takes everything away
/// again. Exits with 0 only if every step held.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Keep the data directory, and say where it is.
    #[arg(long)]
    keep: bool,
}

/// Why the story ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// The server of the demo failed.
    #[error("the demo's server failed")]
    House(#[from] HouseError),
    /// An exchange failed.
    #[error("an exchange with the demo's server failed")]
    Talk(#[from] TalkError),
    /// Something did not come out as it must.
    #[error("this did not hold: {0}")]
    Broken(&'static str),
    /// The reader went away.
    #[error("failed to print")]
    Print(#[from] std::io::Error),
}

impl Demo {
    pub(super) async fn run(self) -> Result<Exit, Error> {
        let mut house = House::build().map_err(DemoError::from)?;
        house.open().await.map_err(DemoError::from)?;
        let talk = Talk::new(house.door()).map_err(DemoError::from)?;
        let told = story::tell(&talk, &mut house).await;
        let log = told.is_err().then(|| house.last_words());
        let kept = house.leave(self.keep).await;
        if let Some(log) = log {
            talk.aside(&format!("The server's last words:\n{log}")).map_err(DemoError::from)?;
        }
        if let Some(kept) = kept {
            talk.aside(&format!("Everything is kept in {}", kept.display()))
                .map_err(DemoError::from)?;
        }
        told?;
        Ok(Exit::Done)
    }
}
