//! A connection: a named provider account, what it can do and where its secrets are found.

use serde::{Deserialize, Serialize};

use crate::{book::Broken, rejection::Rejection, wire::events};

/// What a provider account is, all of it at once. Secrets are named here, never held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// `sandbox`, `lnbits`, `generic` …
    pub kind: String,
    /// `bitcoin`, `testnet`, `signet`, `regtest`.
    pub network: String,
    /// Where it is reached, if it is reached over the network.
    pub base_url: Option<String>,
    /// The name of the environment variable that holds its API key.
    pub key_from: Option<String>,
    /// The name of the environment variable that holds its webhook secret; `<name>_PREV` holds the
    /// previous ones.
    pub webhook_secret_from: Option<String>,
    /// What it can do, by name, sorted; see `docs/glossary.md`.
    pub capabilities: Vec<String>,
}

/// The account was named, or described anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// 1, 2, 3 …
    pub version: u32,
    /// What holds from here on.
    pub account: Account,
}

/// No new payment goes through it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

events!(Connection {
    /// Named, or described anew.
    Declared = "connection.declared.v1",
    /// No new payment goes through it.
    Retired = "connection.retired.v1",
});

/// A connection's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// 0 while absent.
    pub version: u32,
    /// The latest description.
    pub account: Option<Account>,
    /// Whether new payments are refused.
    pub retired: bool,
}

impl Connection {
    /// What declaring `account` causes; the same again causes nothing.
    pub fn declare(&self, account: Account) -> Option<Declared> {
        if self.account.as_ref() == Some(&account) && !self.retired {
            return None;
        }
        Some(Declared { version: self.version.saturating_add(1), account })
    }

    /// What retiring causes; twice is once.
    pub fn retire(&self, reason: String) -> Result<Option<Retired>, Rejection> {
        if self.account.is_none() {
            return Err(Rejection::ConnectionNotFound);
        }
        Ok((!self.retired).then_some(Retired { reason }))
    }

    /// Refuses unless new payments may go through it.
    pub fn must_be_open(&self) -> Result<&Account, Rejection> {
        let account = self.account.as_ref().filter(|_| !self.retired);
        account.ok_or(Rejection::ConnectionNotFound)
    }

    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event) -> Result<(), Broken> {
        match event {
            Event::Declared(Declared { version, account }) => {
                let next = self.version.saturating_add(1);
                Broken::unless(*version == next, "versions are gapless", next, version)?;
                *self = Self { version: *version, account: Some(account.clone()), retired: false };
            }
            Event::Retired(_) => {
                Broken::unless(self.account.is_some(), "only what exists retires", "open", "none")?;
                self.retired = true;
            }
        }
        Ok(())
    }
}
