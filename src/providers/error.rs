//! How asking a provider can fail, and what may be concluded from it.

use crate::providers::{bolt11::BadInvoice, http::Failure};

/// What kind of failure it was; the label `outcome` of `provider_requests_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// No answer in time.
    Timeout,
    /// Nobody took the connection.
    Connect,
    /// The connection could not be made private.
    Tls,
    /// The name leads nowhere.
    Dns,
    /// The connection broke before the answer was complete.
    ConnectionLost,
    /// Our key is missing, wrong or not allowed to.
    Auth,
    /// Too many requests.
    RateLimited,
    /// It pointed elsewhere; redirects are not followed.
    Redirect,
    /// A status that says no.
    HttpStatus,
    /// An answer that cannot be read.
    Malformed,
    /// An answer longer than we read.
    TooLarge,
    /// An invoice that is not what was asked for.
    RejectedInvoice,
    /// An amount finer than this provider can take.
    NotWholeSat,
    /// A wish that no provider could grant.
    InvalidRequest,
    /// A callback that this environment does not allow.
    CallbackRefused,
    /// The reference was used before for something else.
    ReferenceTaken,
    /// The provider cannot do this.
    Unsupported,
    /// It could not remember.
    Storage,
    /// It failed so often that it is left alone for a while.
    CircuitOpen,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 19] = [
        Self::Timeout,
        Self::Connect,
        Self::Tls,
        Self::Dns,
        Self::ConnectionLost,
        Self::Auth,
        Self::RateLimited,
        Self::Redirect,
        Self::HttpStatus,
        Self::Malformed,
        Self::TooLarge,
        Self::RejectedInvoice,
        Self::NotWholeSat,
        Self::InvalidRequest,
        Self::CallbackRefused,
        Self::ReferenceTaken,
        Self::Unsupported,
        Self::Storage,
        Self::CircuitOpen,
    ];

    /// The word that stands in metrics, facts and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Dns => "dns",
            Self::ConnectionLost => "connection_lost",
            Self::Auth => "auth",
            Self::RateLimited => "rate_limited",
            Self::Redirect => "redirect",
            Self::HttpStatus => "http_status",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::RejectedInvoice => "rejected_invoice",
            Self::NotWholeSat => "not_whole_sat",
            Self::InvalidRequest => "invalid_request",
            Self::CallbackRefused => "callback_refused",
            Self::ReferenceTaken => "reference_taken",
            Self::Unsupported => "unsupported",
            Self::Storage => "storage",
            Self::CircuitOpen => "circuit_open",
        }
    }
}

/// The reason behind an error, where one is known.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The conversation itself failed.
    #[error(transparent)]
    Http(#[from] Failure),
    /// The answer was no answer to this question.
    #[error("the provider answered {status}{}", quoted(.said.as_deref()))]
    Answer {
        /// The HTTP status.
        status: u16,
        /// The provider's own words, cut short.
        said: Option<String>,
    },
    /// The invoice failed a check.
    #[error(transparent)]
    Invoice(#[from] BadInvoice),
    /// The node's file could not be written.
    #[error("the file could not be written")]
    File(#[from] std::io::Error),
}

fn quoted(said: Option<&str>) -> String {
    said.map(|words| format!(": {words}")).unwrap_or_default()
}

/// Why there is no invoice to show.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Nothing was made that anybody could pay; another attempt is a new wish.
    #[error("the provider refused to make an invoice ({})", .class.as_str())]
    Refused {
        /// Why.
        class: Class,
        /// What was behind it.
        source: Option<Cause>,
    },
    /// Something may have been made: find out, never simply ask again.
    #[error("it is not known whether the provider made the invoice ({})", .class.as_str())]
    Unknown {
        /// Why.
        class: Class,
        /// What was behind it.
        source: Option<Cause>,
    },
    /// Nothing was sent, so nothing was made.
    #[error("the provider could not be reached ({})", .class.as_str())]
    Unavailable {
        /// Why.
        class: Class,
        /// What was behind it.
        source: Option<Cause>,
    },
}

impl CreateError {
    /// A refusal of our own.
    pub const fn refused(class: Class) -> Self {
        Self::Refused { class, source: None }
    }

    /// The label for metrics.
    pub const fn class(&self) -> Class {
        match self {
            Self::Refused { class, .. }
            | Self::Unknown { class, .. }
            | Self::Unavailable { class, .. } => *class,
        }
    }
}

/// Why there is no word about an invoice. None of these says anything about the payment.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Nobody could be asked.
    #[error("the provider could not be reached ({})", .class.as_str())]
    Unavailable {
        /// Why.
        class: Class,
        /// What was behind it.
        source: Option<Cause>,
    },
    /// The answer says nothing that can be relied on.
    #[error("the provider's answer says nothing ({})", .class.as_str())]
    Unknown {
        /// Why.
        class: Class,
        /// What was behind it.
        source: Option<Cause>,
    },
    /// Our key was not accepted.
    #[error("the provider did not accept the credentials")]
    Credentials {
        /// What was behind it.
        source: Option<Cause>,
    },
}

impl StatusError {
    /// An answer that says nothing.
    pub const fn unknown(class: Class) -> Self {
        Self::Unknown { class, source: None }
    }

    /// The label for metrics.
    pub const fn class(&self) -> Class {
        match self {
            Self::Unavailable { class, .. } | Self::Unknown { class, .. } => *class,
            Self::Credentials { .. } => Class::Auth,
        }
    }
}

impl From<Failure> for CreateError {
    fn from(failure: Failure) -> Self {
        let class = failure.class;
        if failure.sent {
            Self::Unknown { class, source: Some(failure.into()) }
        } else {
            Self::Unavailable { class, source: Some(failure.into()) }
        }
    }
}

impl From<Failure> for StatusError {
    fn from(failure: Failure) -> Self {
        let class = failure.class;
        match class {
            Class::Malformed | Class::TooLarge => {
                Self::Unknown { class, source: Some(failure.into()) }
            }
            _ => Self::Unavailable { class, source: Some(failure.into()) },
        }
    }
}

impl From<BadInvoice> for CreateError {
    fn from(bad: BadInvoice) -> Self {
        // It exists, but it is never shown, so nobody can pay it.
        Self::Refused { class: Class::RejectedInvoice, source: Some(bad.into()) }
    }
}

impl From<BadInvoice> for StatusError {
    fn from(bad: BadInvoice) -> Self {
        Self::Unknown { class: Class::RejectedInvoice, source: Some(bad.into()) }
    }
}
