//! piperoll, the program: parses, does, exits.

use std::process::ExitCode;

use piperoll::cli;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run().await.into()
}
