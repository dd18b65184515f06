//! Short-lived tokens that others sign: with what, who they are, and for whom they may act.

use piperoll_domain::id::TenantId;
use serde::{Deserialize, Serialize};

use crate::{
    config::list,
    jwt::Rules,
    secret::{Secret, Secrets},
};

/// Whose tokens are believed, and for which tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// The tenant whose accounts their bearers act on. A token cannot choose it.
    pub tenant: TenantId,
    secret: Option<Secret>,
    #[serde(deserialize_with = "list::read")]
    secret_previous: Vec<Secret>,
    #[serde(deserialize_with = "list::read")]
    issuers: Vec<String>,
    #[serde(deserialize_with = "list::read")]
    audiences: Vec<String>,
}

impl Jwt {
    /// What they are signed with; none where nobody signs any.
    pub fn secrets(&self) -> Option<Secrets> {
        let previous = self.secret_previous.clone();
        self.secret.clone().map(|current| Secrets { current, previous })
    }

    /// Which tokens are believed; none where nobody signs any.
    pub fn rules(&self) -> Option<Rules> {
        let (issuers, audiences) = (self.issuers.clone(), self.audiences.clone());
        self.secrets().map(|secrets| Rules { secrets, issuers, audiences })
    }

    /// Whether secrets are on their way out that no other follows.
    pub(in crate::config) fn is_without_current(&self) -> bool {
        self.secret.is_none() && !self.secret_previous.is_empty()
    }

    /// The lists that are empty, or hold an empty name.
    pub(in crate::config) fn nameless(&self) -> impl Iterator<Item = &'static str> {
        let lists = [("issuers", &self.issuers), ("audiences", &self.audiences)];
        let bad = |list: &Vec<String>| list.is_empty() || list.iter().any(String::is_empty);
        lists.into_iter().filter(move |(_, list)| bad(list)).map(|(name, _)| name)
    }
}
