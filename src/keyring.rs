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
mod memory;
mod store;
mod writer;

pub use associated::AssociatedData;
pub use error::Error;
pub use master::{MasterName, Masters};
pub use memory::KeyMemory;

use std::{path::Path, sync::Arc};

use piperoll_domain::{
    bytes::{Blob, Bytes, Id16},
    sealed::Sealed,
    time::Time,
};
use sqlx::SqlitePool;

use cipher::Key;
use writer::Writer;

use crate::entropy::Entropy;

/// The scheme that `Sealed.v` names.
const SCHEME: u8 = 1;

/// The keys of all subjects. Clones share them.
#[derive(Debug, Clone)]
pub struct Keyring {
    shelf: Shelf,
    masters: Arc<Masters>,
    entropy: Entropy,
}

/// Where keys lie.
#[derive(Debug, Clone)]
enum Shelf {
    /// In a file of their own.
    File { readers: SqlitePool, writer: Writer },
    /// In this process.
    Memory(KeyMemory),
}

impl Keyring {
    /// Opens the keyring, or makes it; refuses a damaged one, and when a master key that wraps
    /// anything is not there.
    pub async fn open(file: &Path, masters: Masters) -> Result<Self, Error> {
        store::create(file)?;
        let mut connection = store::connect(file).await?;
        store::migrate(&mut connection, file).await?;
        store::must_be_whole(&mut connection).await?;
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
        let (shelf, masters) = (Shelf::File { readers, writer }, Arc::new(masters));
        Ok(Self { shelf, masters, entropy: Entropy::system() })
    }

    /// One whose keys lie in memory, made from `entropy`: for simulations.
    pub fn in_memory(memory: KeyMemory, masters: Masters, entropy: Entropy) -> Self {
        Self { shelf: Shelf::Memory(memory), masters: Arc::new(masters), entropy }
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
        self.sealed(subject, id, &key, data, plaintext)
    }

    /// Seals one more text of a subject; refused once its key is destroyed.
    pub async fn seal_for(
        &self,
        subject: Id16,
        data: &AssociatedData,
        plaintext: &[u8],
    ) -> Result<Sealed, Error> {
        let row = self.find(subject).await?.ok_or(Error::Erased { subject })?;
        let key = self.masters.unwrap(&row)?;
        self.sealed(subject, row.key, &key, data, plaintext)
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
        let row = self.find(sealed.subject).await?;
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
        match &self.shelf {
            Shelf::File { writer, .. } => writer.destroy(subject).await,
            Shelf::Memory(memory) => Ok(memory.destroy(subject)),
        }
    }

    /// Wraps every key anew under the master key in force; says how many were not.
    ///
    /// After this, the previous master keys may be taken away.
    pub async fn rewrap(&self) -> Result<u64, Error> {
        let mut moved = 0_u64;
        loop {
            let rows = self.wrapped_otherwise().await?;
            if rows.is_empty() {
                break;
            }
            let rewrap = |row| self.masters.rewrap(row, self.random()?);
            let rewrapped = rows.iter().map(rewrap).collect::<Result<Vec<_>, _>>()?;
            moved = moved.saturating_add(match &self.shelf {
                Shelf::File { writer, .. } => writer.replace(rewrapped).await?,
                Shelf::Memory(memory) => memory.replace(rewrapped),
            });
        }
        if let Shelf::File { writer, .. } = &self.shelf {
            writer.forget_masters_but(self.masters.current().name()).await?;
        }
        Ok(moved)
    }

    /// How many keys each master key wraps.
    pub async fn in_use(&self) -> Result<Vec<(MasterName, u64)>, Error> {
        match &self.shelf {
            Shelf::File { readers, .. } => store::in_use(readers).await,
            Shelf::Memory(memory) => Ok(memory.in_use()),
        }
    }

    async fn created(&self, now: Time) -> Result<(Id16, Id16, Key), Error> {
        let (subject, id) = (self.random()?, self.random()?);
        let key = cipher::random_key(&self.entropy)?;
        let row = self.masters.wrap(subject, id, &key, self.random()?, now)?;
        match &self.shelf {
            Shelf::File { writer, .. } => writer.create(row).await?,
            Shelf::Memory(memory) => memory.create(row),
        }
        Ok((subject, id, key))
    }

    async fn find(&self, subject: Id16) -> Result<Option<store::Row>, Error> {
        match &self.shelf {
            Shelf::File { readers, .. } => store::find(readers, subject).await,
            Shelf::Memory(memory) => Ok(memory.find(subject)),
        }
    }

    async fn wrapped_otherwise(&self) -> Result<Vec<store::Row>, Error> {
        let current = self.masters.current().name();
        match &self.shelf {
            Shelf::File { readers, .. } => store::wrapped_otherwise(readers, current).await,
            Shelf::Memory(memory) => Ok(memory.wrapped_otherwise(current)),
        }
    }

    fn sealed(
        &self,
        subject: Id16,
        id: Id16,
        key: &Key,
        data: &AssociatedData,
        plaintext: &[u8],
    ) -> Result<Sealed, Error> {
        let nonce = self.random()?;
        let ciphertext = cipher::seal(key, &nonce, plaintext, data.as_bytes());
        let ciphertext = Blob(ciphertext.ok_or(Error::TooLong)?);
        Ok(Sealed { v: SCHEME, subject, key: id, nonce, ciphertext })
    }

    /// Bytes that nobody can guess.
    fn random<const N: usize>(&self) -> Result<Bytes<N>, Error> {
        self.entropy.bytes().map_err(Error::Random)
    }
}

#[cfg(test)]
mod tests;
