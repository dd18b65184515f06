//! piperoll, the program: parses, does, exits.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use piperoll::cli;

/// What is allocated on one thread is mostly freed on another: callers, writer, index, views.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run().await.into()
}
