//! Whether use is billed in this process, and up to how much at once.

use piperoll_domain::{
    billing::Mode,
    money::{Amount, Code, Money},
};
use serde::{Deserialize, Serialize};

/// What holds for all tenants, whatever their own settings say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Billing {
    /// Off: nothing is reserved, finalized, released or spent. Reads and corrections go on.
    #[serde(deserialize_with = "crate::config::switch::read")]
    pub enabled: bool,
    /// The most that one reservation, charge or credit by hand may come to, in micro USD.
    pub ceiling_micro: Amount,
    /// How the first tenant of an empty roll bills; afterwards only the roll counts.
    pub mode: Option<Mode>,
    /// Why that need not be asked whether it is ready, where it is stricter than shadow.
    pub mode_override: Option<String>,
}

/// How the first tenant of an empty roll bills, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// How strictly credit is demanded.
    pub mode: Mode,
    /// Why; stands in the roll.
    pub reason: String,
}

impl Billing {
    /// The most that one reservation, charge or credit by hand may come to.
    pub const fn ceiling(&self) -> Money {
        Money { commodity: Code::USD, amount: self.ceiling_micro }
    }

    /// What the first tenant's billing is changed to; none where it stays as it begins, in shadow.
    /// As by command, nobody begins with a stricter mode who does not say why it may be.
    pub fn seed(&self) -> Option<Seed> {
        let (mode, why) = (self.mode?, self.mode_override.as_deref()?);
        let reason = format!(
            "seeded by BILLING_MODE, since the roll was empty (not asked whether it is ready: {why})"
        );
        (mode > Mode::Shadow).then_some(Seed { mode, reason })
    }

    /// The mode that an empty roll cannot be given, since nobody says why it may be.
    pub fn unreasoned(&self) -> Option<Mode> {
        self.mode.filter(|mode| *mode > Mode::Shadow && self.mode_override.is_none())
    }
}
