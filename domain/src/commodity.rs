//! Commodities: what money is counted in. Declared once, immutable; a wrong one is retired.

use serde::{Deserialize, Serialize};

use crate::{book::Broken, money::Code, rejection::Rejection, wire::events};

/// The most decimal places a commodity may have.
pub const SCALE_MAX: u8 = 12;

/// A commodity came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Its code.
    pub code: Code,
    /// How many decimal places its smallest unit has.
    pub scale: u8,
}

/// A commodity is used no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// Its code.
    pub code: Code,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

events!(Commodity {
    /// It came to be.
    Declared = "commodity.declared.v1",
    /// It is used no more.
    Retired = "commodity.retired.v1",
});

/// A commodity's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Commodity {
    /// Nobody declared it.
    #[default]
    Unknown,
    /// In use, with this scale.
    Declared {
        /// Decimal places of the smallest unit.
        scale: u8,
    },
    /// In use no more.
    Retired {
        /// Decimal places of the smallest unit.
        scale: u8,
    },
}

/// The commodities that need no declaration, with their scales.
pub const BUILT_IN: [(Code, u8); 2] = [(Code::MSAT, 0), (Code::USD, 6)];

/// The scale of a built-in commodity.
pub fn built_in(code: Code) -> Option<u8> {
    BUILT_IN.iter().find(|(known, _)| *known == code).map(|(_, scale)| *scale)
}

impl Commodity {
    /// What declaring it with `scale` causes; the same again causes nothing.
    pub fn declare(self, code: Code, scale: u8) -> Result<Option<Declared>, Rejection> {
        if scale > SCALE_MAX {
            return Err(Rejection::ScaleTooLarge { max: SCALE_MAX });
        }
        if let Some(known) = built_in(code) {
            return if known == scale { Ok(None) } else { Err(Rejection::CommodityTaken { code }) };
        }
        match self {
            Self::Unknown => Ok(Some(Declared { code, scale })),
            Self::Declared { scale: known } if known == scale => Ok(None),
            Self::Declared { .. } | Self::Retired { .. } => Err(Rejection::CommodityTaken { code }),
        }
    }

    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event) -> Result<(), Broken> {
        *self = match (*self, event) {
            (Self::Unknown, Event::Declared(Declared { scale, .. })) => {
                Self::Declared { scale: *scale }
            }
            (Self::Declared { scale }, Event::Retired(_)) => Self::Retired { scale },
            (now, Event::Declared(_) | Event::Retired(_)) => {
                return Err(Broken::order("commodity", &now, event.name()));
            }
        };
        Ok(())
    }
}
