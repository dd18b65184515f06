//! Master keys: they wrap the subjects' keys and are kept elsewhere than both.

use std::{fmt, iter};

use piperoll_domain::{
    bytes::{Bytes, Id16},
    time::Time,
};
use zeroize::Zeroizing;

use super::{
    Error,
    cipher::{self, Key, Nonce},
    store::Row,
};
use crate::secret::{Secret, Secrets};

const NAME: &[u8] = b"piperoll.keyring.name.v1";
const MASTER: &[u8] = b"piperoll.keyring.master.v1";
const WRAP: &[u8] = b"piperoll.keyring.wrap.v1";

/// Names a master key without telling it.
pub type MasterName = Bytes<8>;

/// A master key.
pub(super) struct Master {
    name: MasterName,
    key: Key,
}

impl Master {
    fn new(secret: &Secret) -> Self {
        let name = secret.derive(NAME).first_chunk().copied().map_or(Bytes::ZERO, Bytes);
        Self { name, key: secret.derive(MASTER) }
    }

    pub(super) const fn name(&self) -> MasterName {
        self.name
    }
}

/// The master key in force and those on their way out.
pub struct Masters {
    current: Master,
    previous: Vec<Master>,
}

impl fmt::Debug for Masters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = iter::once(&self.current).chain(&self.previous).map(Master::name);
        f.debug_list().entries(names).finish()
    }
}

impl Masters {
    /// Derives the keys from the secrets of the configuration.
    pub fn new(secrets: &Secrets) -> Self {
        let previous = secrets.previous.iter().map(Master::new).collect();
        Self { current: Master::new(&secrets.current), previous }
    }

    pub(super) const fn current(&self) -> &Master {
        &self.current
    }

    pub(super) fn find(&self, name: MasterName) -> Option<&Master> {
        iter::once(&self.current).chain(&self.previous).find(|master| master.name == name)
    }

    pub(super) fn wrap(
        &self,
        subject: Id16,
        id: Id16,
        key: &Key,
        nonce: Nonce,
        created: Time,
    ) -> Result<Row, Error> {
        let Master { name, key: master } = &self.current;
        let wrapped = cipher::seal(master, &nonce, key.as_slice(), &bound_to(subject, id));
        let wrapped = wrapped.ok_or(Error::TooLong)?;
        Ok(Row { subject, key: id, master: *name, nonce, wrapped, created })
    }

    pub(super) fn unwrap(&self, row: &Row) -> Result<Key, Error> {
        let master = self.find(row.master).ok_or(Error::MasterUnknown { name: row.master })?;
        let data = bound_to(row.subject, row.key);
        let opened = cipher::open(&master.key, &row.nonce, &row.wrapped, &data);
        let opened = opened.map(Zeroizing::new);
        let key = opened.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        key.map(Zeroizing::new).ok_or(Error::KeyDamaged { subject: row.subject })
    }

    pub(super) fn rewrap(&self, row: &Row, nonce: Nonce) -> Result<Row, Error> {
        self.wrap(row.subject, row.key, &self.unwrap(row)?, nonce, row.created)
    }
}

/// A wrapped key that was moved to another subject's row opens nothing.
fn bound_to(subject: Id16, id: Id16) -> Vec<u8> {
    [WRAP, &subject.0, &id.0].concat()
}
