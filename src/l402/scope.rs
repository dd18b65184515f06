//! What a token is good for: six caveats when it is sold, narrowed by whatever was added since.

use std::collections::BTreeSet;

use piperoll_domain::{
    id::{Service, TenantId},
    money::Amount,
};

use super::{
    caveat::{self, Caveat, Condition, Methods, Unreadable},
    path::{Path, PathPattern},
};

/// What a token is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The service that it was sold for.
    pub service: Service,
    /// The methods of that service.
    pub methods: Methods,
    /// The paths of that service.
    pub path: PathPattern,
    /// Whose service it is.
    pub tenant: TenantId,
    /// The price of the invoice, in millisatoshi.
    pub amount_msat: Amount,
    /// Good before this second; [`caveat::VALID_FOR_EVER`] where uses are sold, not time.
    pub valid_until: i64,
}

impl Scope {
    /// The texts that a new token carries, in their order.
    pub fn caveats(&self) -> [String; 6] {
        [
            format!("services={}:0", self.service),
            format!("method={}", self.methods),
            format!("path={}", self.path),
            format!("tenant={}", self.tenant),
            format!("amount_msat={}", self.amount_msat),
            caveat::render_valid_until(&self.service, self.valid_until),
        ]
    }
}

/// What a token is presented for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The service that was asked for.
    pub service: &'a Service,
    /// The method, as the request spells it.
    pub method: &'a str,
    /// The path, as the request spells it; a query is ignored.
    pub path: &'a str,
    /// Whose service it is.
    pub tenant: &'a TenantId,
    /// What the token must have been sold at, where that is known.
    pub amount_msat: Option<Amount>,
    /// Unix time.
    pub now_seconds: i64,
}

/// Why a token's caveats refuse a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaveatRefusal {
    /// A known condition has a value that cannot be read.
    #[error("the token is broken")]
    Unreadable(#[from] Unreadable),
    /// A repeated condition allows more than the one before it.
    #[error("the token is broken: a later caveat `{0}` allows more than an earlier one")]
    Widening(Condition),
    /// A condition that all our tokens have is not there.
    #[error("the token is broken: it has no caveat `{0}`")]
    Missing(Condition),
    /// The token is sound and was sold for something else.
    #[error("the token does not cover the request: `{0}` differs")]
    WrongScope(Condition),
    /// The token is sound, was sold for this, and its time is over.
    #[error("the token has expired")]
    Expired,
}

impl CaveatRefusal {
    /// Whether no honest holder has such a token.
    pub const fn is_broken(self) -> bool {
        match self {
            Self::Unreadable(_) | Self::Widening(_) | Self::Missing(_) => true,
            Self::WrongScope(_) | Self::Expired => false,
        }
    }
}

/// Walks the caveats in their order and holds the final values against the request.
///
/// Later caveats of one condition must be at least as strict as earlier ones; foreign ones are
/// ignored, for they can only have been added by a holder and bind nobody who does not know them.
/// What is broken is told before what does not fit, and that before what is over.
pub fn verify_caveats<C: AsRef<[u8]>>(
    caveats: &[C],
    request: &Request<'_>,
) -> Result<Scope, CaveatRefusal> {
    let mut terms = Terms::default();
    for caveat in caveats {
        terms.narrow(Caveat::parse(caveat.as_ref())?, request.service)?;
    }
    terms.fit(request)
}

/// The strictest value of each condition so far.
#[derive(Default)]
struct Terms {
    services: Option<BTreeSet<Service>>,
    methods: Option<Methods>,
    path: Option<PathPattern>,
    tenant: Option<TenantId>,
    amount: Option<Amount>,
    valid_until: Option<i64>,
    expires_at: Option<i64>,
}

impl Terms {
    fn narrow(&mut self, caveat: Caveat, asked: &Service) -> Result<(), CaveatRefusal> {
        use Condition as C;
        let no_later = |earlier: &i64, later: &i64| later <= earlier;
        match caveat {
            Caveat::Services(it) => {
                narrow(&mut self.services, it, C::Services, |a, b| b.is_subset(a))
            }
            Caveat::Method(it) => narrow(&mut self.methods, it, C::Method, Methods::covers),
            Caveat::Path(it) => narrow(&mut self.path, it, C::Path, PathPattern::covers),
            Caveat::Tenant(it) => narrow(&mut self.tenant, it, C::Tenant, PartialEq::eq),
            Caveat::Amount(it) => narrow(&mut self.amount, it, C::Amount, |a, b| b <= a),
            Caveat::ExpiresAt(it) => narrow(&mut self.expires_at, it, C::ExpiresAt, no_later),
            Caveat::ValidUntil(service, it) if service == *asked => {
                narrow(&mut self.valid_until, it, C::ValidUntil, no_later)
            }
            // The end of another service, and what was compared before the caveats are looked at.
            Caveat::ValidUntil(..) | Caveat::Preimage(_) | Caveat::Foreign => Ok(()),
        }
    }

    fn fit(self, request: &Request<'_>) -> Result<Scope, CaveatRefusal> {
        let services = present(self.services, Condition::Services)?;
        let methods = present(self.methods, Condition::Method)?;
        let pattern = present(self.path, Condition::Path)?;
        let tenant = present(self.tenant, Condition::Tenant)?;
        let amount_msat = present(self.amount, Condition::Amount)?;

        fits(services.contains(request.service), Condition::Services)?;
        // Before this point the end may be missing because the token is for another service.
        let valid_until = present(self.valid_until, Condition::ValidUntil)?;
        fits(tenant == *request.tenant, Condition::Tenant)?;
        fits(methods.allows(request.method), Condition::Method)?;
        let path = Path::normalise(request.path);
        fits(path.is_ok_and(|path| pattern.allows(&path)), Condition::Path)?;
        let priced = request.amount_msat.is_none_or(|price| price == amount_msat);
        fits(priced, Condition::Amount)?;

        let valid_until = self.expires_at.map_or(valid_until, |end| end.min(valid_until));
        if request.now_seconds >= valid_until {
            return Err(CaveatRefusal::Expired);
        }
        let service = request.service.clone();
        Ok(Scope { service, methods, path: pattern, tenant, amount_msat, valid_until })
    }
}

fn narrow<T>(
    slot: &mut Option<T>,
    next: T,
    condition: Condition,
    covers: impl Fn(&T, &T) -> bool,
) -> Result<(), CaveatRefusal> {
    if slot.as_ref().is_some_and(|earlier| !covers(earlier, &next)) {
        return Err(CaveatRefusal::Widening(condition));
    }
    *slot = Some(next);
    Ok(())
}

fn present<T>(value: Option<T>, condition: Condition) -> Result<T, CaveatRefusal> {
    value.ok_or(CaveatRefusal::Missing(condition))
}

fn fits(does: bool, condition: Condition) -> Result<(), CaveatRefusal> {
    if does { Ok(()) } else { Err(CaveatRefusal::WrongScope(condition)) }
}

#[cfg(test)]
pub(super) mod tests;
