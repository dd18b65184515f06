//! L402: making and checking tokens that a Lightning payment buys. Bytes only.

pub mod caveat;
pub mod identifier;
pub mod path;
pub mod preimage;
pub mod scope;
pub mod secret;
