//! Names: of tenants, streams and everything that lives in one. Each kind is its own type.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use smallstr::SmallString;
use smol_str::SmolStr;

use crate::bytes::Bytes;

/// Text that is not a name of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must match {grammar}")]
pub struct InvalidName {
    /// Which kind of name was expected.
    pub what: &'static str,
    /// What it must look like.
    pub grammar: &'static str,
}

const ID: &str = "[A-Za-z0-9._:~-]{1,80}";
const WORD: &str = "[a-z0-9_]{1,32}";

fn is_id(text: &str) -> bool {
    (1..=80).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:~-".contains(&b))
}

fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

const fn is_text(_: &str) -> bool {
    true
}

/// Text that lies where it is used up to the length of a UUID with a prefix: what is many and soon over,
/// and is named by callers.
type Passing = SmallString<[u8; 36]>;

/// What a name's text lies in.
trait Lies {
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

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $grammar:expr, $check:expr) => {
        name!($(#[$doc])* $name(SmolStr), $what, $grammar, $check);
    };
    ($(#[$doc:meta])* $name:ident($text:ty), $what:literal, $grammar:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($text);

        impl Clone for $name {
            fn clone(&self) -> Self {
                Self(self.0.copy())
            }
        }

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                if $check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { what: $what, grammar: $grammar })
                }
            }
        }

        impl From<&$name> for SmolStr {
            fn from(name: &$name) -> Self {
                name.0.share()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

name!(
    /// Names a tenant. `_` is the roll's own and cannot be opened.
    TenantId, "a tenant", WORD, is_word
);
name!(
    /// Names what a tenant sells.
    Service, "a service", WORD, is_word
);
name!(
    /// Names a pool of credit inside an account, such as `general`.
    Pool, "a pool", ID, is_id
);
name!(
    /// Names an aggregate inside its tenant and kind.
    Id, "an id", ID, is_id
);
name!(
    /// Names a part of an aggregate, where what is owed of it is told apart. Any text.
    Item(Passing), "an item", ".*", is_text
);
name!(
    /// Names a payment.
    PaymentId, "a payment id", ID, is_id
);
name!(
    /// Names an account. Opaque; holds no personal data.
    AccountId, "an account id", ID, is_id
);
name!(
    /// Names a lot.
    LotId, "a lot id", ID, is_id
);
name!(
    /// Names a reservation of credit.
    ReservationId(Passing), "a reservation id", ID, is_id
);
name!(
    /// Names a refund: of a payment, and of the credit that it had given.
    RefundId, "a refund id", ID, is_id
);
name!(
    /// Names a transfer of credit from one account to another.
    TransferId, "a transfer id", ID, is_id
);
name!(
    /// Names a campaign that gives credit away.
    CampaignId, "a campaign id", ID, is_id
);
name!(
    /// Names a grant of a campaign, and the lot that it is.
    GrantId, "a grant id", ID, is_id
);
name!(
    /// Names an offer.
    OfferId, "an offer id", ID, is_id
);
name!(
    /// Names an entitlement.
    EntitlementId, "an entitlement id", ID, is_id
);
name!(
    /// Names a provider account.
    ConnectionId, "a connection", ID, is_id
);
name!(
    /// Names a webhook receipt.
    ReceiptId, "a receipt id", ID, is_id
);
name!(
    /// Names a dead letter: the kind of duty that it is about, and the position that opened it.
    LetterId, "a dead letter", ID, is_id
);
name!(
    /// Names an API key.
    KeyId, "a key id", ID, is_id
);

impl TenantId {
    /// The roll's own tenant, `_`.
    pub fn roll() -> Self {
        Self(SmolStr::new_static("_"))
    }

    /// Whether this is the roll's own tenant.
    pub fn is_roll(&self) -> bool {
        self.0 == "_"
    }
}

impl ConnectionId {
    /// The connection that the runbooks' environment variables describe.
    pub fn default_one() -> Self {
        Self(SmolStr::new_static("default"))
    }
}

impl AccountId {
    /// The prefix of the accounts that every tenant has from its beginning, and of no others.
    pub const SYSTEM_PREFIX: &'static str = "sys-";

    /// Whether nobody may open it, give to it or take from it by command.
    pub fn is_system(&self) -> bool {
        self.0.starts_with(Self::SYSTEM_PREFIX)
    }
}

impl LotId {
    /// Sorts before every lot's name, and is none.
    pub(crate) fn lowest() -> Self {
        Self(SmolStr::new_static(""))
    }
}

impl Pool {
    /// The pool that credit lies in unless somebody says otherwise.
    pub fn general() -> Self {
        Self(SmolStr::new_static("general"))
    }
}

impl Id {
    /// Sixteen bytes, as hexadecimal digits.
    pub(crate) fn of_digest(digest: &Bytes<16>) -> Self {
        Self(digest.to_string().into())
    }
}

/// The kinds of aggregates; the first word of their stream names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The roll itself: its opening, its writers, its clock.
    Roll,
    /// A commodity that money is counted in.
    Commodity,
    /// The roll's settings.
    Settings,
    /// A tenant and its keys.
    Tenant,
    /// A provider account.
    Connection,
    /// What a tenant sells.
    Offer,
    /// A request to be paid.
    Payment,
    /// A webhook that was received.
    Receipt,
    /// A holder of lots.
    Account,
    /// What a paid offer gave.
    Entitlement,
    /// How a tenant bills for use.
    Billing,
    /// A duty that was refused.
    Letter,
    /// Credit that is given away, out of a budget.
    Campaign,
    /// What one account got of one campaign.
    Grantee,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Roll,
        Self::Commodity,
        Self::Settings,
        Self::Tenant,
        Self::Connection,
        Self::Offer,
        Self::Payment,
        Self::Receipt,
        Self::Account,
        Self::Entitlement,
        Self::Billing,
        Self::Letter,
        Self::Campaign,
        Self::Grantee,
    ];

    /// The word that stands in stream names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Roll => "roll",
            Self::Commodity => "commodity",
            Self::Settings => "settings",
            Self::Tenant => "tenant",
            Self::Connection => "connection",
            Self::Offer => "offer",
            Self::Payment => "payment",
            Self::Receipt => "receipt",
            Self::Account => "account",
            Self::Entitlement => "entitlement",
            Self::Billing => "billing",
            Self::Letter => "letter",
            Self::Campaign => "campaign",
            Self::Grantee => "grantee",
        }
    }

    /// Few, small and asked on every request: kept in memory for as long as the process lives.
    pub const fn is_standing(self) -> bool {
        match self {
            Self::Roll
            | Self::Commodity
            | Self::Settings
            | Self::Tenant
            | Self::Connection
            | Self::Offer
            | Self::Billing => true,
            Self::Payment
            | Self::Receipt
            | Self::Account
            | Self::Entitlement
            | Self::Letter
            | Self::Campaign
            | Self::Grantee => false,
        }
    }
}

/// One aggregate's events: `<kind>-<tenant>-<id>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    /// What kind of aggregate it is.
    pub kind: Kind,
    /// Whose it is.
    pub tenant: TenantId,
    /// Which one.
    pub id: Id,
}

impl Stream {
    /// Names a stream of the roll's own.
    pub fn of_roll(kind: Kind, id: &str) -> Self {
        Self { kind, tenant: TenantId::roll(), id: Id(id.into()) }
    }

    /// Names an aggregate's stream.
    pub fn new(kind: Kind, tenant: &TenantId, id: impl Into<Id>) -> Self {
        Self { kind, tenant: tenant.clone(), id: id.into() }
    }

    /// Where it is noted which of a tenant's streams are frozen.
    pub fn anomalies(tenant: &TenantId) -> Self {
        Self { kind: Kind::Roll, tenant: tenant.clone(), id: Id("anomalies".into()) }
    }

    /// The one stream that tells of the roll itself.
    pub fn roll() -> Self {
        Self::of_roll(Kind::Roll, "main")
    }
}

impl From<String> for Item {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

macro_rules! into_item {
    ($($name:ident),*) => {$(
        impl From<&$name> for Item {
            fn from(name: &$name) -> Self {
                Self(name.as_str().into())
            }
        }
    )*};
}
into_item!(LotId, ReservationId);

macro_rules! into_id {
    ($($name:ident),*) => {$(
        impl From<&$name> for Id {
            fn from(name: &$name) -> Self {
                Self(name.0.clone())
            }
        }
    )*};
}
into_id!(
    TenantId,
    PaymentId,
    AccountId,
    OfferId,
    EntitlementId,
    ConnectionId,
    ReceiptId,
    LetterId,
    CampaignId,
    GrantId
);

macro_rules! from_id {
    ($($name:ident),*) => {$(
        impl From<&Id> for $name {
            fn from(id: &Id) -> Self {
                Self(id.0.clone())
            }
        }
    )*};
}
from_id!(
    PaymentId,
    AccountId,
    OfferId,
    EntitlementId,
    ConnectionId,
    ReceiptId,
    LotId,
    LetterId,
    CampaignId
);

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.kind.as_str(), self.tenant, self.id)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Stream {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid = InvalidName { what: "a stream", grammar: "<kind>-<tenant>-<id>" };
        let mut words = text.splitn(3, '-');
        let (Some(kind), Some(tenant), Some(id)) = (words.next(), words.next(), words.next())
        else {
            return Err(invalid);
        };
        let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or(invalid)?;
        Ok(Self { kind, tenant: tenant.parse()?, id: id.parse()? })
    }
}

impl Serialize for Stream {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_names_read_back() {
        for text in ["payment-acme-pay_01:x~y-z", "roll-_-main", "account-t_1-a-b-c"] {
            assert_eq!(text.parse::<Stream>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn names_outside_the_grammar_are_refused() {
        for text in ["", "Acme", "a-b", &"a".repeat(33)] {
            assert!(text.parse::<TenantId>().is_err(), "{text}");
        }
        for text in ["", "a/b", "a b", "ü", &"a".repeat(81)] {
            assert!(text.parse::<AccountId>().is_err(), "{text}");
        }
        for text in ["payment-acme", "ghost-acme-1", "payment-ACME-1"] {
            assert!(text.parse::<Stream>().is_err(), "{text}");
        }
    }
}
