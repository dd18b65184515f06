//! `piperoll openapi`: the HTTP interface, described for programs.

use clap::Args;

use super::{error::Error, exit::Exit, output::Output};

/// Print the description of the HTTP interface, OpenAPI 3.1.
#[derive(Debug, Args)]
pub(super) struct Openapi {}

impl Openapi {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let Self {} = self;
        Output::document(&crate::api::document())?;
        Ok(Exit::Done)
    }
}
