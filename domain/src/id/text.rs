//! What the text of a name lies in.

use smallstr::SmallString;
use smol_str::SmolStr;

/// Text that lies where it is used up to the length of a UUID with a prefix: what is many and soon over,
/// and is named by callers.
pub(super) type Passing = SmallString<[u8; 36]>;

/// What a name's text lies in.
pub(super) trait Lies {
    fn copy(&self) -> Self;
    fn share(&self) -> SmolStr;
}

impl Lies for SmolStr {
    fn copy(&self) -> Self {
        self.clone()
    }

    fn share(&self) -> SmolStr {
        self.clone()
    }
}

impl Lies for Passing {
    fn copy(&self) -> Self {
        // At once: its own `clone` goes byte by byte.
        self.as_str().into()
    }

    fn share(&self) -> SmolStr {
        self.as_str().into()
    }
}
