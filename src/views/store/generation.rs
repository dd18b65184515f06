//! A generation as its readers hold it.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use sqlx::sqlite::SqlitePool;

use super::{Error, connect, pointer};

/// One file of views. When it is no longer in force, its last reader takes it away.
#[derive(Debug)]
pub struct Generation {
    number: u64,
    path: PathBuf,
    readers: SqlitePool,
    retired: AtomicBool,
}

impl Generation {
    pub(super) fn open(number: u64, path: PathBuf) -> Self {
        let readers = connect::reading(&path);
        Self { number, path, readers, retired: AtomicBool::new(false) }
    }

    /// One that stays readable when its file is taken away.
    pub(super) async fn beside(number: u64, path: PathBuf) -> Result<Self, Error> {
        let opened = connect::reading_beside(&path).await;
        let readers = opened.map_err(|source| Error::Open { path: path.clone(), source })?;
        Ok(Self { number, path, readers, retired: AtomicBool::new(false) })
    }

    /// Its number; the next one's is higher.
    pub const fn number(&self) -> u64 {
        self.number
    }

    pub(in crate::views) const fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// No longer in force: the file goes with the last holder.
    pub(in crate::views) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if self.retired.load(Ordering::Acquire)
            && let Err(error) = pointer::remove(&self.path)
        {
            // Nobody is left to be told; the next start removes it.
            let error: &dyn std::error::Error = &error;
            tracing::warn!(generation = self.number, error, "an old generation of views stays");
        }
    }
}
