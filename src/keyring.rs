//! The keys of sealed text: one for each subject, apart from the roll, gone for good once destroyed.
//!
//! # Correctness
//! A key is on disk before anything sealed under it is handed out, so nothing in the roll can be
//! sealed under a key that a crash took away. One task writes; creations that wait for it share one
//! transaction and one sync. Nothing is cached: a destroyed key opens nothing from the next call on.

mod associated;
mod cipher;
mod error;
mod master;
mod store;
mod writer;

pub use associated::AssociatedData;
pub use error::Error;
pub use master::{MasterName, Masters};

use std::{path::Path, sync::Arc};

use piperoll_domain::{
    bytes::{Blob, Bytes, Id16},
    sealed::Sealed,
    time::Time,
};
use sqlx::SqlitePool;

use cipher::Key;
use writer::Writer;

/// The scheme that `Sealed.v` names.
const SCHEME: u8 = 1;

/// The keys of all subjects. Clones share them.
#[derive(Debug, Clone)]
pub struct Keyring {
    readers: SqlitePool,
    writer: Writer,
    masters: Arc<Masters>,
}

impl Keyring {
    /// Opens the keyring, or makes it; refuses when a master key that wraps anything is not there.
    pub async fn open(file: &Path, masters: Masters) -> Result<Self, Error> {
        store::create(file)?;
        let mut connection = store::connect(file).await?;
        store::migrate(&mut connection, file).await?;
        let wrapping = store::masters(&mut connection).await?;
        if let Some(name) = wrapping.into_iter().find(|name| masters.find(*name).is_none()) {
            return Err(Error::MasterUnknown { name });
        }
        store::declare_master(&mut connection, masters.current().name()).await?;
        // A crash may have come between the end of a key and the end of its old pages.
        writer::empty_log(&mut connection)
            .await
            .map_err(Error::storage("empty the keyring's write-ahead log"))?;
        let readers = store::readers(file);
        let writer = Writer::start(connection, file.to_owned());
        Ok(Self { readers, writer, masters: Arc::new(masters) })
    }

    /// Makes a subject with a key of its own; durable when this returns.
    pub async fn create(&self, now: Time) -> Result<Id16, Error> {
        let (subject, _, _) = self.created(now).await?;
        Ok(subject)
    }

    /// Seals a text under a subject of its own; its key is durable when this returns.
    pub async fn seal(
        &self,
        data: &AssociatedData,
        plaintext: &[u8],
        now: Time,
    ) -> Result<Sealed, Error> {
        let (subject, id, key) = self.created(now).await?;
        sealed(subject, id, &key, data, plaintext)
    }

    /// Seals one more text of a subject; refused once its key is destroyed.
    pub async fn seal_for(
        &self,
        subject: Id16,
        data: &AssociatedData,
        plaintext: &[u8],
    ) -> Result<Sealed, Error> {
        let row = store::find(&self.readers, subject).await?.ok_or(Error::Erased { subject })?;
        let key = self.masters.unwrap(&row)?;
        sealed(subject, row.key, &key, data, plaintext)
    }

    /// Opens a text; `None` once its key is destroyed.
    pub async fn unseal(
        &self,
        sealed: &Sealed,
        data: &AssociatedData,
    ) -> Result<Option<Vec<u8>>, Error> {
        if sealed.v != SCHEME {
            return Err(Error::Scheme { v: sealed.v });
        }
        let row = store::find(&self.readers, sealed.subject).await?;
        let Some(row) = row.filter(|row| row.key == sealed.key) else {
            return Ok(None);
        };
        let key = self.masters.unwrap(&row)?;
        let opened = cipher::open(&key, &sealed.nonce, &sealed.ciphertext.0, data.as_bytes());
        opened.map(Some).ok_or(Error::Forged { subject: sealed.subject })
    }

    /// Destroys a subject's key; says whether there was one. Again is harmless.
    ///
    /// The bytes are overwritten, deleted, and driven out of the write-ahead log.
    pub async fn destroy(&self, subject: Id16) -> Result<bool, Error> {
        self.writer.destroy(subject).await
    }

    /// Wraps every key anew under the master key in force; says how many were not.
    ///
    /// After this, the previous master keys may be taken away.
    pub async fn rewrap(&self) -> Result<u64, Error> {
        let mut moved = 0_u64;
        loop {
            let rows =
                store::wrapped_otherwise(&self.readers, self.masters.current().name()).await?;
            if rows.is_empty() {
                break;
            }
            let rewrapped = rows.iter().map(|row| self.masters.rewrap(row));
            let rewrapped = rewrapped.collect::<Result<Vec<_>, _>>()?;
            moved = moved.saturating_add(self.writer.replace(rewrapped).await?);
        }
        self.writer.forget_masters_but(self.masters.current().name()).await?;
        Ok(moved)
    }

    /// How many keys each master key wraps.
    pub async fn in_use(&self) -> Result<Vec<(MasterName, u64)>, Error> {
        store::in_use(&self.readers).await
    }

    async fn created(&self, now: Time) -> Result<(Id16, Id16, Key), Error> {
        let (subject, id) = (Bytes(cipher::random()?), Bytes(cipher::random()?));
        let key = cipher::random_key()?;
        let row = self.masters.wrap(subject, id, &key, now)?;
        self.writer.create(row).await?;
        Ok((subject, id, key))
    }
}

fn sealed(
    subject: Id16,
    id: Id16,
    key: &Key,
    data: &AssociatedData,
    plaintext: &[u8],
) -> Result<Sealed, Error> {
    let nonce = Bytes(cipher::random()?);
    let ciphertext = cipher::seal(key, &nonce, plaintext, data.as_bytes()).ok_or(Error::TooLong)?;
    Ok(Sealed { v: SCHEME, subject, key: id, nonce, ciphertext: Blob(ciphertext) })
}

#[cfg(test)]
mod tests;
