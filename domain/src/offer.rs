//! An offer: one versioned price of what a tenant sells, where it applies and what it gives.

use serde::{Deserialize, Serialize};

use crate::{
    book::Broken,
    id::{ConnectionId, OfferId, Pool, Service},
    money::{Amount, Money},
    rejection::Rejection,
    wire::events,
};

/// What a paid offer gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Gives {
    /// So many uses, with no end in time.
    Uses {
        /// At least one.
        count: u32,
    },
    /// As many uses as one likes, for so long after settlement.
    Time {
        /// At least one.
        seconds: u32,
    },
    /// Credit for an account.
    Credit {
        /// So much for each time the price is paid.
        amount: Money,
        /// Where it lies.
        pool: Pool,
        /// How long after settlement it lasts; none for ever.
        expires_after_seconds: Option<u32>,
    },
}

/// One version of an offer, all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// What is sold.
    pub service: Service,
    /// The host it applies to; none for every host.
    pub host: Option<String>,
    /// The methods it applies to, upper case and sorted; empty for every method.
    pub methods: Vec<String>,
    /// The normalised path: exact, or a prefix that ends in `/*`.
    pub path: String,
    /// What it costs, in millisatoshi.
    pub price: Money,
    /// What it gives.
    pub gives: Gives,
    /// The least that may be paid at once, where the buyer chooses.
    pub least: Option<Amount>,
    /// The most that may be paid at once, where the buyer chooses.
    pub most: Option<Amount>,
    /// How many of a hundred principals must pay; the others pass.
    pub enforcement_percent: u8,
    /// Through which provider account; none for the default one.
    pub connection: Option<ConnectionId>,
    /// How long an invoice can be paid.
    pub expiry_seconds: u32,
}

/// A version of an offer, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OfferRef {
    /// Which offer.
    pub id: OfferId,
    /// Which version of it.
    pub version: u32,
}

/// A version was put up for sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// 1, 2, 3 …
    pub version: u32,
    /// What holds from here on.
    pub terms: Terms,
}

/// It is sold no more; what was sold stays valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

events!(Offer {
    /// A version was put up for sale.
    Published = "offer.published.v1",
    /// It is sold no more.
    Withdrawn = "offer.withdrawn.v1",
});

/// An offer's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// 0 while absent.
    pub version: u32,
    /// The latest terms.
    pub terms: Option<Terms>,
    /// Whether it is sold no more.
    pub withdrawn: bool,
}

/// The longest that an invoice can be payable: a year.
pub const EXPIRY_SECONDS_MAX: u32 = 31_536_000;

/// Upper-case methods in order, each once: so that equal terms are equal bytes.
fn are_methods(methods: &[String]) -> bool {
    let word = |method: &String| {
        (1..=32).contains(&method.len()) && method.bytes().all(|b| b.is_ascii_uppercase())
    };
    methods.iter().all(word) && methods.is_sorted_by(|one, next| one < next)
}

/// A path from the root, exact or a prefix that ends in `/*`, with nothing that a normal form lacks.
fn is_path(path: &str) -> bool {
    let exact = path.strip_suffix("/*").unwrap_or(path);
    let rooted = exact.starts_with('/') || (exact.is_empty() && path == "/*");
    let plain = exact.bytes().all(|b| b.is_ascii_graphic() && !b"?#".contains(&b));
    let dotless = exact.split('/').all(|segment| segment != "." && segment != "..");
    rooted && plain && dotless && path.len() <= 1024
}

impl Terms {
    /// Refuses what cannot be sold.
    fn check(&self) -> Result<(), Rejection> {
        let refuse = |field, what| Err(Rejection::OfferInvalid { field, what });
        if self.price.amount.is_zero() {
            return refuse("price.amount", "price.amount must not be zero");
        }
        if self.price.commodity != crate::money::Code::MSAT {
            return refuse("price.commodity", "price.commodity must be MSAT");
        }
        if self.enforcement_percent > 100 {
            return refuse("enforcement_percent", "enforcement_percent must be at most 100");
        }
        if !are_methods(&self.methods) {
            return refuse("methods", "methods must be upper-case words, sorted, each once");
        }
        if !is_path(&self.path) {
            return refuse("path", "path must be a normal path, exact or ending in /*");
        }
        if !(1..=EXPIRY_SECONDS_MAX).contains(&self.expiry_seconds) {
            return refuse("expiry_seconds", "expiry_seconds must be between 1 and 31536000");
        }
        if self.least.zip(self.most).is_some_and(|(least, most)| least > most) {
            return refuse("least", "least must not be above most");
        }
        match &self.gives {
            Gives::Uses { count: 0 } => {
                refuse("gives.uses.count", "gives.uses.count must not be zero")
            }
            Gives::Time { seconds: 0 } => {
                refuse("gives.time.seconds", "gives.time.seconds must not be zero")
            }
            Gives::Credit { amount, .. } if amount.amount.is_zero() => {
                refuse("gives.credit.amount.amount", "gives.credit.amount must not be zero")
            }
            Gives::Credit { expires_after_seconds: Some(0), .. } => refuse(
                "gives.credit.expires_after_seconds",
                "gives.credit.expires_after_seconds must not be zero",
            ),
            Gives::Uses { .. } | Gives::Time { .. } | Gives::Credit { .. } => Ok(()),
        }
    }
}

impl Offer {
    /// What publishing `terms` causes; the same again causes nothing.
    pub fn publish(&self, terms: Terms) -> Result<Option<Published>, Rejection> {
        terms.check()?;
        if self.terms.as_ref() == Some(&terms) && !self.withdrawn {
            return Ok(None);
        }
        Ok(Some(Published { version: self.version.saturating_add(1), terms }))
    }

    /// What withdrawing causes; twice is once.
    pub fn withdraw(&self, reason: String) -> Result<Option<Withdrawn>, Rejection> {
        if self.terms.is_none() {
            return Err(Rejection::OfferNotFound);
        }
        Ok((!self.withdrawn).then_some(Withdrawn { reason }))
    }

    /// The terms on sale now.
    pub fn on_sale(&self) -> Result<&Terms, Rejection> {
        self.terms.as_ref().filter(|_| !self.withdrawn).ok_or(Rejection::OfferNotFound)
    }

    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event) -> Result<(), Broken> {
        match event {
            Event::Published(Published { version, terms }) => {
                let next = self.version.saturating_add(1);
                Broken::unless(*version == next, "versions are gapless", next, version)?;
                *self = Self { version: *version, terms: Some(terms.clone()), withdrawn: false };
            }
            Event::Withdrawn(_) => {
                Broken::unless(self.terms.is_some(), "only what exists ends", "on sale", "none")?;
                self.withdrawn = true;
            }
        }
        Ok(())
    }
}
