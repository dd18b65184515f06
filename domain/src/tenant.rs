//! A tenant and its API keys. Keys are known by their digest; several may live at once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    book::Broken,
    bytes::{Hash, Id16},
    id::KeyId,
    money::Code,
    rejection::Rejection,
    wire::events,
};

/// What a key may do. A key without roles is a reverse proxy's: it fixes the tenant, nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look at the tenant's own.
    Read,
    /// Payments and entitlements.
    Sell,
    /// Spend credit.
    Credit,
    /// Offers, reviews, sweeps.
    Operate,
    /// Keys and everything else of the tenant.
    Admin,
}

/// A tenant came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Random; part of what seals its text.
    pub uid: Id16,
    /// An IANA name; reports cut days by it.
    pub time_zone: String,
    /// A BCP 47 tag.
    pub locale: String,
    /// What its books are kept in.
    pub functional_currency: Code,
}

/// A key was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyIssued {
    /// Its name.
    pub key: KeyId,
    /// SHA-256 of the key itself.
    pub digest: Hash,
    /// What it may do, sorted.
    pub roles: BTreeSet<Role>,
}

/// A key stopped working.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRevoked {
    /// Its name.
    pub key: KeyId,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

events!(Tenant {
    /// It came to be.
    Opened = "tenant.opened.v1",
    /// A key was handed out.
    KeyIssued = "key.issued.v1",
    /// A key stopped working.
    KeyRevoked = "key.revoked.v1",
});

/// A key as its tenant knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// SHA-256 of the key itself.
    pub digest: Hash,
    /// What it may do.
    pub roles: BTreeSet<Role>,
    /// Whether it works no more.
    pub revoked: bool,
}

/// A tenant's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// How it was opened; none while absent.
    pub opened: Option<Opened>,
    /// Every key it ever had.
    pub keys: BTreeMap<KeyId, Key>,
}

impl Tenant {
    /// What opening causes; a tenant opens once.
    pub fn open(&self, opened: Opened) -> Result<Opened, Rejection> {
        if self.opened.is_some() { Err(Rejection::TenantExists) } else { Ok(opened) }
    }

    /// Refuses while the tenant is absent.
    pub fn must_be_open(&self) -> Result<&Opened, Rejection> {
        self.opened.as_ref().ok_or(Rejection::TenantNotFound)
    }

    /// What handing out a key causes.
    pub fn issue(&self, issued: KeyIssued) -> Result<KeyIssued, Rejection> {
        self.must_be_open()?;
        if self.keys.contains_key(&issued.key) { Err(Rejection::KeyExists) } else { Ok(issued) }
    }

    /// What revoking a key causes; twice is once.
    pub fn revoke(&self, key: &KeyId, reason: &str) -> Result<Option<KeyRevoked>, Rejection> {
        let known = self.keys.get(key).ok_or(Rejection::KeyNotFound)?;
        let revoked = KeyRevoked { key: key.clone(), reason: reason.to_owned() };
        Ok((!known.revoked).then_some(revoked))
    }

    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event) -> Result<(), Broken> {
        match event {
            Event::Opened(opened) => {
                Broken::unless(self.opened.is_none(), "a tenant opens once", "absent", "open")?;
                self.opened = Some(opened.clone());
            }
            Event::KeyIssued(KeyIssued { key, digest, roles }) => {
                let new = !self.keys.contains_key(key);
                Broken::unless(new, "a key is issued once", "a new name", key)?;
                let issued = Key { digest: *digest, roles: roles.clone(), revoked: false };
                self.keys.insert(key.clone(), issued);
            }
            Event::KeyRevoked(KeyRevoked { key, .. }) => {
                let known = self.keys.get_mut(key);
                let known =
                    known.ok_or_else(|| Broken::new("a revoked key exists", key, "none"))?;
                known.revoked = true;
            }
        }
        Ok(())
    }
}
