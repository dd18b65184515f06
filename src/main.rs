//! piperoll, the program: parses, does, exits.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use piperoll::cli;
use tokio::runtime::Builder;

/// What is allocated on one thread is mostly freed on another: callers, writer, index, views.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Threads for what waits for a disk or a name server. Each keeps room for itself, and they take
/// turns: many more would hold many times what all of them need.
const WAITING_THREADS_MAX: usize = 64;

fn main() -> std::io::Result<ExitCode> {
    small_pages();
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.enable_all().max_blocking_threads(WAITING_THREADS_MAX).build()?;
    Ok(runtime.block_on(cli::run()).into())
}

/// Takes memory in small pages. A huge one is cleared as a whole when its first byte is used, by
/// whoever happens to be first, and a caller waits meanwhile; most of it is never used at all.
fn small_pages() {
    // Where the system cannot, it is only slower and larger.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
