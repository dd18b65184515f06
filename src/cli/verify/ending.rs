//! An audit that ends before its time leaves nothing behind.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process,
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    audit::{
        CopyError,
        scratch::{Scratch, remove},
    },
    cli::exit::Exit,
};

/// What shells add to a signal's number.
const BY_SIGNAL: i32 = 128;

/// A folder for copies that a panic, and the signals that ask a process to end, remove too.
pub(super) fn scratch(parent: &Path) -> Result<Scratch, CopyError> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    // Caught before there is anything to remove. One that cannot be caught ends the process as
    // ever, and the next audit tidies up.
    let caught = kinds.map(|kind| signal(kind).map(|caught| (caught, kind)));
    let scratch = Scratch::new(parent)?;
    let folder = scratch.path();
    tell_of_panics(folder.to_owned());
    for (caught, kind) in caught.into_iter().flatten() {
        tokio::spawn(end(caught, kind, folder.to_owned()));
    }
    Ok(scratch)
}

async fn end(mut caught: Signal, kind: SignalKind, folder: PathBuf) {
    if caught.recv().await.is_some() {
        remove(&folder);
        process::exit(BY_SIGNAL.saturating_add(kind.as_raw_value()));
    }
}

/// The index's store panics over some damage, and again while it cleans up, which would abort: no
/// script would know that the audit failed. So the first panic ends the process, in the audit's words.
fn tell_of_panics(folder: PathBuf) {
    std::panic::set_hook(Box::new(move |panic| {
        remove(&folder);
        // There is nobody else to tell.
        let _ = writeln!(
            std::io::stderr(),
            "FAILED: something, most likely the index, is damaged so that it cannot be opened: {panic}"
        );
        process::exit(i32::from(Exit::AuditFailed.code()));
    }));
}
