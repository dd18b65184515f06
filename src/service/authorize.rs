//! Forward authorization: a reverse proxy asks whether a request may go on.

use piperoll_domain::{
    id::{OfferId, TenantId},
    offer::Terms,
    operation::Purpose,
    rejection::Rejection,
};
use sha2::{Digest, Sha256};

use crate::{
    engine::Directory,
    l402::{
        credential::{Credential, CredentialError},
        path::{Path, PathPattern},
    },
    service::{Ask, Authorized, Error, For, Forwarded, Principal, Refusal, Service, UseRequest},
};

const LABEL: &[u8] = b"piperoll.enforcement.v1";

impl Service {
    pub(super) async fn decide_for_proxy(
        &self,
        who: &Principal,
        request: Forwarded,
    ) -> Result<Authorized, Refusal> {
        let tenant = who.tenant().ok_or(Error::NoTenant)?;
        let path = Path::normalise(&request.path).map_err(Refusal::Path)?;
        let directory = self.engine().directory();
        let found = pick(&directory, tenant, &request, &path);
        let (offer, terms) = found.ok_or(Error::from(Rejection::OfferNotFound))?;
        let name = principal(&request);
        if !is_enforced(tenant, &offer, name.as_deref(), terms.enforcement_percent) {
            return Ok(Authorized::Unmetered { offer });
        }
        let buyer = match &request.user {
            Some(user) => For::Buyer(user.clone()),
            None => For::Anybody(request.client),
        };
        match request.credential {
            Ok(credential) => {
                let used = UseRequest {
                    who: who.clone(),
                    service: request.service,
                    method: request.method,
                    path: request.path,
                    request_id: request.request_id,
                    body_digest: request.body_digest,
                    buyer,
                };
                Ok(Authorized::Paid(self.let_in(&credential, &used).await?))
            }
            Err(error @ CredentialError::Malformed(_)) => Err(Refusal::Malformed(error)),
            Err(CredentialError::Absent) if request.deny_401 => Err(Refusal::Denied),
            Err(CredentialError::Absent) => {
                let purpose = Purpose::Offer { offer, quantity: 1, account: request.account };
                let at = Some((request.method, path.as_str().to_owned()));
                let ask = Ask { at, ..Ask::plainly(purpose, buyer) };
                let fresh = self.ask_to_be_paid(who, ask, None).await?;
                Err(Refusal::NoCredential(Box::new(fresh)))
            }
        }
    }
}

/// Who the gradual rollout counts: the end user, the credential, or the address.
fn principal(request: &Forwarded) -> Option<String> {
    let credential = |credential: &Credential| credential.token.identifier().token_id.to_string();
    let user = request.user.clone();
    user.or_else(|| request.credential.as_ref().ok().map(credential))
        .or_else(|| request.client.map(|client| client.to_string()))
}

/// The offer that covers a request most narrowly: path first, then host, then method.
fn pick<'a>(
    directory: &'a Directory,
    tenant: &'a TenantId,
    request: &Forwarded,
    path: &Path,
) -> Option<(OfferId, &'a Terms)> {
    let on_sale =
        directory.offers(tenant).filter_map(|(id, offer)| Some((id, offer.on_sale().ok()?)));
    let fitting =
        on_sale.filter_map(|(id, terms)| Some((narrowness(terms, request, path)?, id, terms)));
    // Of two that are as narrow, the name decides, so that it is always the same one.
    let best = fitting.max_by(|(one, one_id, _), (other, other_id, _)| {
        one.cmp(other).then_with(|| other_id.cmp(one_id))
    });
    best.map(|(_, id, terms)| (id, terms))
}

/// How narrowly an offer covers a request; none if it does not.
fn narrowness(
    terms: &Terms,
    request: &Forwarded,
    path: &Path,
) -> Option<(bool, usize, bool, bool)> {
    let pattern: PathPattern = terms.path.parse().ok()?;
    let host = terms.host.as_deref().is_none_or(|host| {
        request.host.as_deref().is_some_and(|asked| asked.eq_ignore_ascii_case(host))
    });
    let method = terms.methods.is_empty() || terms.methods.contains(&request.method);
    let fits = terms.service == request.service && host && method && pattern.allows(path);
    let exact = !terms.path.ends_with("/*");
    let narrow = (exact, terms.path.len(), terms.host.is_some(), !terms.methods.is_empty());
    fits.then_some(narrow)
}

/// Whether this principal is one of those who must pay. Whom nothing names must.
fn is_enforced(tenant: &TenantId, offer: &OfferId, principal: Option<&str>, percent: u8) -> bool {
    let Some(principal) = principal else { return percent > 0 };
    let mut hash = Sha256::new_with_prefix(LABEL);
    for part in [tenant.as_str(), offer.as_str(), principal] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    let share = hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first) % 100);
    share < u64::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enforced(percent: u8) -> usize {
        let (tenant, offer) = ("acme".parse().unwrap(), "o".parse().unwrap());
        let principals = (0..2_000).map(|n| format!("198.51.100.{n}"));
        principals.filter(|name| is_enforced(&tenant, &offer, Some(name), percent)).count()
    }

    #[test]
    fn a_rollout_reaches_its_share_of_principals() {
        assert_eq!(enforced(0), 0);
        assert_eq!(enforced(100), 2_000);
        assert!((400..=600).contains(&enforced(25)), "{}", enforced(25));
    }

    #[test]
    fn who_must_pay_at_a_smaller_share_must_at_a_larger_one() {
        let (tenant, offer) = ("acme".parse().unwrap(), "o".parse().unwrap());
        for n in 0..500 {
            let name = n.to_string();
            let at = |percent| is_enforced(&tenant, &offer, Some(&name), percent);
            assert!(!at(10) || at(50), "{name}");
        }
        assert!(is_enforced(&tenant, &offer, None, 1));
    }
}
