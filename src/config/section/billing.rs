//! Whether use is billed in this process, and up to how much at once.

use piperoll_domain::money::{Amount, Code, Money};
use serde::{Deserialize, Serialize};

/// What holds for all tenants, whatever their own settings say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Billing {
    /// Off: nothing is reserved, finalized, released or spent. Reads and corrections go on.
    #[serde(deserialize_with = "crate::config::switch::read")]
    pub enabled: bool,
    /// The most that one reservation or charge may come to, in micro USD.
    pub ceiling_micro: Amount,
}

impl Billing {
    /// The most that one reservation or charge may come to.
    pub const fn ceiling(&self) -> Money {
        Money { commodity: Code::USD, amount: self.ceiling_micro }
    }
}
