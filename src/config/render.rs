//! What is in force, to be read and to be compared.

use piperoll_domain::bytes::Hash;
use sha2::{Digest, Sha256};

use super::{Config, Error, names::SECRETS};

impl Config {
    /// As TOML; of a secret only its fingerprint.
    pub fn render(&self) -> Result<String, Error> {
        toml::to_string(self).map_err(Error::Render)
    }

    /// A SHA-256 of all that is no secret; equal settings give equal digests.
    pub fn digest(&self) -> Result<Hash, Error> {
        let mut table = toml::Table::try_from(self).map_err(Error::Render)?;
        for secret in &SECRETS {
            let (section, name) = secret.key.split_once('.').unwrap_or_default();
            if let Some(toml::Value::Table(section)) = table.get_mut(section) {
                section.remove(name);
            }
        }
        let text = toml::to_string(&table).map_err(Error::Render)?;
        let hash = Sha256::new().chain_update(b"piperoll.config.v1").chain_update(text);
        Ok(piperoll_domain::bytes::Bytes(hash.finalize().into()))
    }
}
