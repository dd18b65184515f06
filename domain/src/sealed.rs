//! Text that only a key can read: what strangers told us stands in events in this form only.

use serde::{Deserialize, Serialize};

use crate::bytes::{Blob, Bytes, Id16};

/// Free text or personal data, encrypted at the edge under its subject's key.
///
/// XChaCha20-Poly1305; associated data is roll id ‖ tenant uid (or zeros) ‖ event type ‖ field.
/// No decision and no projection opens one; destroying the subject's key erases it for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The scheme; 1.
    pub v: u8,
    /// Whose data it is: a random id, linked to a person nowhere.
    pub subject: Id16,
    /// Names the key that opens it.
    pub key: Id16,
    /// Never used twice with one key.
    pub nonce: Bytes<24>,
    /// The text and its tag.
    pub ciphertext: Blob,
}
