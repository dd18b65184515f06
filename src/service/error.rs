//! Why something could not be done, typed; the edges say it in their own words.

use std::{sync::Arc, time::Duration};

use piperoll_domain::{
    id::{ConnectionId, InvalidName, PaymentId, TenantId},
    rejection::Rejection,
};

use crate::{
    engine, keyring, l402,
    providers::{Class, sandbox::PayError},
    service::connections::CannotOpen,
};

/// Why something could not be done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The rules refuse, or the engine failed.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// Text could not be sealed or opened.
    #[error("failed to seal or open text")]
    Keyring(#[source] Arc<keyring::Error>),
    /// The provider account is not usable as it is configured.
    #[error("the connection `{connection}` cannot be used")]
    Connection {
        /// Which.
        connection: ConnectionId,
        /// Why.
        #[source]
        source: Arc<CannotOpen>,
    },
    /// The provider could not be asked, or its answer says nothing. Nothing is known to have changed.
    #[error("the provider of `{connection}` could not be asked ({})", .class.as_str())]
    ProviderUnavailable {
        /// Through which provider account.
        connection: ConnectionId,
        /// What kind of failure.
        class: Class,
    },
    /// The provider made no invoice; the payment has failed.
    #[error("the provider made no invoice for the payment `{payment}` ({class})")]
    ProviderRefused {
        /// The payment that failed.
        payment: PaymentId,
        /// The word that stands in its fact.
        class: String,
    },
    /// Whether an invoice was made is not known yet; the payment tells, once it is.
    #[error("it is not known whether the provider made an invoice for the payment `{payment}`")]
    OutcomeUnknown {
        /// The payment to ask for.
        payment: PaymentId,
    },
    /// Nobody ever learnt whether there was an invoice.
    #[error("the payment `{payment}` was abandoned: its provider never said what became of it")]
    Abandoned {
        /// Which.
        payment: PaymentId,
    },
    /// The first request with this key is still at the provider.
    #[error("the first request with this key is still under way, as payment `{payment}`")]
    InProgress {
        /// The payment that it is about.
        payment: PaymentId,
        /// When to ask again.
        retry_after: Duration,
    },
    /// Too many invoices were asked for.
    #[error("too many invoices were asked for")]
    RateLimited {
        /// When to ask again.
        retry_after: Duration,
    },
    /// There is no such tenant, or none that the caller can see.
    #[error("the tenant `{tenant}` does not exist")]
    TenantNotFound {
        /// Which.
        tenant: TenantId,
    },
    /// The caller's credential fixes no tenant.
    #[error("the credential belongs to no tenant")]
    NoTenant,
    /// The roll, or the tenant, was never opened.
    #[error("the roll or the tenant is not open")]
    NotOpen,
    /// Something got a name that is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The system has no random bytes.
    #[error("failed to get random bytes")]
    Random(#[source] getrandom::Error),
    /// No token could be made for what is sold.
    #[error("failed to make a token")]
    Token(#[source] Arc<l402::token::MintError>),
    /// The invoice cannot stand in a header.
    #[error("failed to make a challenge")]
    Challenge(#[from] l402::challenge::NotAnInvoice),
    /// What is sold cannot be written as a token's caveats.
    #[error("what the payment buys cannot be written into a token")]
    Scope,
    /// There is no sandbox that made the invoice.
    #[error("no sandbox of this roll made the invoice")]
    NoSandbox,
    /// The sandbox did not take the payment.
    #[error("the sandbox did not take the payment")]
    Sandbox(#[source] Arc<PayError>),
    /// What was under way ended without an answer.
    #[error("the work ended without an answer")]
    Interrupted,
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::Engine(rejection.into())
    }
}

impl From<keyring::Error> for Error {
    fn from(error: keyring::Error) -> Self {
        Self::Keyring(Arc::new(error))
    }
}

impl From<l402::token::MintError> for Error {
    fn from(error: l402::token::MintError) -> Self {
        Self::Token(Arc::new(error))
    }
}

impl Error {
    /// The refusal of the rules, if that is what it is.
    pub const fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Engine(engine::Error::Rejected(rejection)) => Some(rejection),
            Self::TenantNotFound { .. } => Some(&Rejection::TenantNotFound),
            _ => None,
        }
    }
}
