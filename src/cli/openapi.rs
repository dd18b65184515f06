//! `piperoll openapi`: the API, described for machines.

use clap::Args;

use super::{error::Error, exit::Exit, output::Output};

/// Print the description of the API, OpenAPI 3.1.
#[derive(Debug, Args)]
pub(super) struct Openapi {}

impl Openapi {
    #[expect(clippy::unused_self, reason = "every verb runs the same way")]
    pub(super) fn run(self) -> Result<Exit, Error> {
        Output::document(&crate::api::document())?;
        Ok(Exit::Done)
    }
}
