//! What a caller is told whose credit is not enough, beside how much is missing: what there was for
//! him, also in the plain body that clients of metered credit know.
//!
//! # Correctness
//! What there was is not read again: another request may have changed it meanwhile. Whoever demands
//! all or nothing is refused with exactly what he lacked, so what there was is the rest: what can be
//! used of the pool and the general pool, less what they owe.

use piperoll_domain::{
    billing::InForce,
    id::TenantId,
    money::{Code, Money},
    operation::{Reserve, Wish},
    rejection::Rejection,
};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::{
    api::{Api, Problem},
    service::{self, Principal},
};

/// Credit of which there must be all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    total: Money,
    /// Whether the tenant's safety is put on it.
    is_estimate: bool,
}

impl Demand {
    pub(super) const fn of(total: Money) -> Self {
        Self { total, is_estimate: false }
    }

    pub(super) const fn to_reserve(wish: &Reserve) -> Self {
        Self { total: wish.amount, is_estimate: wish.is_estimate }
    }

    /// What an item of a batch demands, if it can lack credit.
    pub(super) fn of_item(wish: &Wish) -> Option<Self> {
        match wish {
            Wish::Reserve(wish) => Some(Self::to_reserve(wish)),
            Wish::Spend(wish) => Some(Self::of(wish.total)),
            Wish::OpenAccount(_)
            | Wish::Finalize(_)
            | Wish::Release(_)
            | Wish::Mint(_)
            | Wish::Grant(_) => None,
        }
    }
}

/// Tells a tenant's callers what was refused.
pub(super) struct Refusals<'a> {
    api: &'a Api,
    who: &'a Principal,
    tenant: &'a TenantId,
    /// Looked up once, and only where an estimate was refused.
    billing: OnceCell<Option<InForce>>,
}

impl<'a> Refusals<'a> {
    pub(super) fn to(api: &'a Api, who: &'a Principal, tenant: &'a TenantId) -> Self {
        Self { api, who, tenant, billing: OnceCell::new() }
    }

    /// The refusal; where the demand was for more credit than there is, with what there was.
    pub(super) async fn tell(&self, demand: Option<Demand>, error: service::Error) -> Problem {
        let missing = error.rejection().and_then(missing);
        let problem = Problem::from(error);
        let (Some(demand), Some(missing)) = (demand, missing) else { return problem };
        match self.wanted(demand).await {
            Some(wanted) => with_balance(problem, wanted, missing),
            None => problem,
        }
    }

    async fn wanted(&self, demand: Demand) -> Option<Money> {
        if !demand.is_estimate {
            return Some(demand.total);
        }
        let look = async || self.api.service().billing(self.who, self.tenant).await.ok();
        self.billing.get_or_init(look).await.as_ref()?.with_safety(demand.total).ok()
    }
}

/// How much credit was missing, if that is why.
pub(super) fn missing(refusal: &Rejection) -> Option<Money> {
    match refusal {
        Rejection::CreditInsufficient { missing } => Some(*missing),
        Rejection::Item { refusal, .. } => missing(refusal),
        _ => None,
    }
}

/// `balance_micro` is micro USD wherever it stands, so no other commodity is told under that name.
fn with_balance(problem: Problem, wanted: Money, missing: Money) -> Problem {
    let units = |money: Money| i128::from(money.amount.units());
    let balance = units(wanted).saturating_sub(units(missing)).to_string();
    let commodity = wanted.commodity;
    let problem = if commodity == Code::USD {
        problem.with("balance_micro", balance.as_str())
    } else {
        problem
    };
    problem.with("balance", json!({ "commodity": commodity.as_str(), "amount": balance }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(commodity: &str, units: u64) -> Money {
        let amount = piperoll_domain::money::Amount::new(units).unwrap();
        Money { commodity: commodity.parse().unwrap(), amount }
    }

    fn told(wanted: Money, missing: Money) -> serde_json::Value {
        with_balance(Problem::from(Rejection::CreditInsufficient { missing }), wanted, missing)
            .body()
    }

    #[test]
    fn what_there_was_is_what_was_wanted_less_what_was_missing_and_may_be_a_debt() {
        for (wanted, missing, balance) in [(100, 1, "99"), (100, 100, "0"), (100, 130, "-30")] {
            let told = told(money("USD", wanted), money("USD", missing));
            assert_eq!(told["error"], "insufficient_credits");
            assert_eq!(told["balance_micro"], balance);
            assert_eq!(told["balance"], json!({"commodity": "USD", "amount": balance}));
        }
        let most = u64::MAX / 2;
        let told = told(money("USD", 1), money("USD", most));
        assert_eq!(told["balance_micro"], (1 - i128::from(most)).to_string());
    }

    #[test]
    fn only_micro_usd_is_told_as_micro() {
        let told = told(money("MSAT", 100), money("MSAT", 60));
        assert_eq!(told["balance"], json!({"commodity": "MSAT", "amount": "40"}));
        assert_eq!(told.get("balance_micro"), None);
        assert_eq!(told["error"], "insufficient_credits");
    }

    #[test]
    fn an_item_lacks_what_its_refusal_says_and_other_refusals_lack_nothing() {
        let short = Rejection::CreditInsufficient { missing: money("USD", 5) };
        let item = Rejection::Item { index: 2, refusal: Box::new(short) };
        assert_eq!(missing(&item), Some(money("USD", 5)));
        let other = Rejection::Item { index: 2, refusal: Box::new(Rejection::AccountNotFound) };
        assert_eq!(missing(&other), None);
    }
}
