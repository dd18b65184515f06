//! Who asks: an API key, an operator, a paid credential, a provider, or one of our own workers.

use std::collections::BTreeSet;

use piperoll_domain::{
    bytes::{Bytes, Hash},
    event::{Actor, ActorKind},
    id::{ConnectionId, KeyId, TenantId},
    tenant::Role,
};

/// A caller whose credential was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A tenant's API key. Without roles it is a reverse proxy's: it fixes the tenant, nothing else.
    Key {
        /// Whose.
        tenant: TenantId,
        /// Which.
        key: KeyId,
        /// What it may do.
        roles: BTreeSet<Role>,
        /// The first bytes of its digest.
        fingerprint: Bytes<8>,
    },
    /// An operator, over HTTP.
    Admin {
        /// The first bytes of the token's digest.
        fingerprint: Bytes<8>,
    },
    /// Another service of the house, by a token that it signed.
    Peer {
        /// For whom it may act.
        tenant: TenantId,
        /// Who it is.
        issuer: String,
        /// The first bytes of the token's digest.
        fingerprint: Bytes<8>,
    },
    /// Somebody who administrates billing, by a token of their own.
    Administrator {
        /// Whose billing.
        tenant: TenantId,
        /// Who it is.
        subject: String,
        /// The first bytes of the token's digest.
        fingerprint: Bytes<8>,
    },
    /// A paid L402 credential.
    Token {
        /// Whose service it pays for.
        tenant: TenantId,
        /// Its token id.
        token: Hash,
    },
    /// Somebody who takes the money.
    Provider(ConnectionId),
    /// One of our own workers.
    Reactor(&'static str),
    /// An operator at the command line.
    Cli,
}

impl Principal {
    /// The tenant that it acts for, where the credential fixes one.
    pub const fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Key { tenant, .. }
            | Self::Token { tenant, .. }
            | Self::Peer { tenant, .. }
            | Self::Administrator { tenant, .. } => Some(tenant),
            Self::Admin { .. } | Self::Provider(_) | Self::Reactor(_) | Self::Cli => None,
        }
    }

    /// Whether it may do what this role stands for. A tenant's administrator may do everything of
    /// the tenant's; an operator may do everything.
    pub fn may(&self, role: Role) -> bool {
        match self {
            Self::Key { roles, .. } => roles.contains(&role) || roles.contains(&Role::Admin),
            Self::Admin { .. } | Self::Reactor(_) | Self::Cli => true,
            Self::Token { .. }
            | Self::Provider(_)
            | Self::Peer { .. }
            | Self::Administrator { .. } => false,
        }
    }

    /// How it stands in facts.
    pub(super) fn actor(&self) -> Actor {
        let (kind, id, credential) = match self {
            Self::Key { key, fingerprint, .. } => (ActorKind::Key, key.into(), Some(*fingerprint)),
            Self::Admin { fingerprint } => (ActorKind::Admin, "admin".into(), Some(*fingerprint)),
            // Its secret is a key of the tenant's, which fixes the tenant as any other does.
            Self::Peer { issuer, fingerprint, .. } => {
                (ActorKind::Key, issuer.as_str().into(), Some(*fingerprint))
            }
            // Two subjects are two people, though one secret signs for both.
            Self::Administrator { subject, fingerprint, .. } => {
                (ActorKind::Admin, subject.as_str().into(), Some(*fingerprint))
            }
            Self::Token { token, .. } => (ActorKind::Token, token.to_string().into(), None),
            Self::Provider(connection) => (ActorKind::Provider, connection.into(), None),
            Self::Reactor(name) => (ActorKind::Reactor, (*name).into(), None),
            Self::Cli => (ActorKind::Cli, "cli".into(), None),
        };
        Actor { kind, id, credential }
    }
}
