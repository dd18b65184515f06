//! Which machine this is, without saying its name.

use std::fs;

use piperoll_domain::bytes::Bytes;
use sha2::{Digest, Sha256};

/// Where systems keep what tells them apart, the steadiest first.
const SOURCES: [&str; 3] =
    ["/etc/machine-id", "/var/lib/dbus/machine-id", "/proc/sys/kernel/hostname"];

/// The first 8 bytes of a hash of the machine's id; of nothing where it has none.
pub fn fingerprint() -> Bytes<8> {
    let told = SOURCES.iter().find_map(|file| {
        let text = fs::read_to_string(file).ok()?;
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    });
    of(&told.unwrap_or_default())
}

fn of(machine: &str) -> Bytes<8> {
    let digest = Sha256::new().chain_update(b"piperoll.host.v1").chain_update(machine).finalize();
    digest.first_chunk().copied().map_or(Bytes::ZERO, Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_one_fingerprint_and_another_machine_another() {
        assert_eq!(fingerprint(), fingerprint());
        assert_ne!(of("one"), of("other"));
    }
}
