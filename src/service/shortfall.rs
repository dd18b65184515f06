//! Who is short of credit is offered some, where the tenant sells it.

use piperoll_domain::{
    id::{AccountId, OfferId, Pool, TenantId},
    money::{Amount, Money},
    offer::{Gives, Terms},
    operation::Purpose,
    settings,
};

use crate::{
    l402::credential::Credential,
    service::{Ask, Checkout, Error, For, Principal, Refusal, Service, TOPUPS, UseRequest},
};

/// What somebody is short of, and where he asked.
#[derive(Debug, Clone)]
pub struct Shortfall {
    /// Whose account.
    pub account: AccountId,
    /// The pool that was asked for.
    pub pool: Pool,
    /// How much is missing.
    pub missing: Money,
    /// The path of the request, so that asking again shows the same invoice.
    pub path: String,
}

/// So often an offer's price, for what is missing.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fitting {
    price: u64,
    offer: OfferId,
    quantity: u32,
}

impl Service {
    /// An invoice for the credit that is missing; none where nothing on sale makes up for it. One
    /// account is one buyer: it is shown the same invoice again, and minting limits hold.
    pub async fn offer_credit(
        &self,
        who: &Principal,
        short: Shortfall,
    ) -> Result<Option<Checkout>, Error> {
        let tenant = who.tenant().ok_or(Error::NoTenant)?;
        let Some(Fitting { offer, quantity, .. }) = self.fitting(tenant, &short) else {
            return Ok(None);
        };
        let buyer = For::Buyer(short.account.to_string());
        let purpose = Purpose::Offer { offer, quantity, account: Some(short.account) };
        let at = Some(("POST".to_owned(), short.path));
        let ask = Ask { at, ..Ask::plainly(purpose, buyer) };
        self.checkout(who, ask, None).await.map(Some)
    }

    /// Whoever was short, paid what he was offered and asks again at once, his webhook lost, is waited
    /// for as at every door. False where the credential was sold for something else.
    pub async fn paid_for_credit(
        &self,
        who: &Principal,
        credential: &Credential,
        account: &AccountId,
        path: String,
    ) -> Result<bool, Refusal> {
        let service = TOPUPS.parse().map_err(|_| Refusal::Invalid)?;
        let request = UseRequest {
            who: who.clone(),
            service,
            method: "POST".to_owned(),
            path,
            request_id: None,
            body_digest: None,
            buyer: For::Buyer(account.to_string()),
        };
        self.credit_behind(credential, account, &request).await
    }

    /// What costs least; of two that cost the same, the name decides, so that it is always the same.
    fn fitting(&self, tenant: &TenantId, short: &Shortfall) -> Option<Fitting> {
        let directory = self.engine().directory();
        let settings = directory.settings();
        let on_sale = directory.offers(tenant).filter_map(|(offer, known)| {
            let (price, quantity) = fits(known.on_sale().ok()?, short, &settings)?;
            Some(Fitting { price, offer, quantity })
        });
        on_sale.min()
    }
}

/// What an offer asks for what is missing, and how often its price; none if it does not sell that,
/// or not so much at once.
fn fits(terms: &Terms, short: &Shortfall, settings: &settings::Settings) -> Option<(u64, u32)> {
    let Gives::Credit { amount, pool, .. } = &terms.gives else { return None };
    let usable = *pool == short.pool || *pool == Pool::general();
    if !usable || amount.commodity != short.missing.commodity {
        return None;
    }
    let each = terms.price.amount.units();
    let least = terms.least.unwrap_or(Amount::ZERO).max(settings.invoice_min_msat).units();
    let most = terms.most.unwrap_or(Amount::MAX).min(settings.invoice_max_msat).units();
    let enough = short.missing.amount.units().div_ceil(amount.amount.units().max(1));
    let quantity = enough.max(least.div_ceil(each.max(1))).max(1);
    let price = each.checked_mul(quantity).filter(|price| *price <= most)?;
    Some((price, quantity.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(units: u64) -> Money {
        Money { commodity: "USD".parse().unwrap(), amount: Amount::new(units).unwrap() }
    }

    fn terms(gives: u64, price: u64) -> Terms {
        let gives = Gives::Credit {
            amount: usd(gives),
            pool: Pool::general(),
            expires_after_seconds: None,
        };
        Terms {
            price: Money::msat(Amount::new(price).unwrap()),
            ..crate::service::tests::house::terms("/credit", gives)
        }
    }

    fn short(missing: u64) -> Shortfall {
        Shortfall {
            account: "alice".parse().unwrap(),
            pool: "reports".parse().unwrap(),
            missing: usd(missing),
            path: "/".into(),
        }
    }

    #[test]
    fn an_offer_is_sold_as_often_as_it_takes_and_within_its_limits() {
        let settings = settings::Settings::default();
        let fits = |terms: &Terms, missing| fits(terms, &short(missing), &settings);
        assert_eq!(fits(&terms(100, 2_000), 1), Some((2_000, 1)));
        assert_eq!(fits(&terms(100, 2_000), 101), Some((4_000, 2)));
        let least = Amount::new(9_000);
        assert_eq!(fits(&Terms { least, ..terms(100, 2_000) }, 1), Some((10_000, 5)));
        let most = Amount::new(3_000);
        assert_eq!(fits(&Terms { most, ..terms(100, 2_000) }, 101), None);
        assert_eq!(fits(&terms(1, u64::from(u32::MAX)), u64::from(u32::MAX)), None);
    }

    #[test]
    fn only_credit_of_the_same_kind_that_could_be_used_is_offered() {
        let settings = settings::Settings::default();
        let fits = |gives: Gives| fits(&Terms { gives, ..terms(1, 2_000) }, &short(1), &settings);
        let credit = |amount: Money, pool: &str| Gives::Credit {
            amount,
            pool: pool.parse().unwrap(),
            expires_after_seconds: None,
        };
        assert!(fits(credit(usd(1), "general")).is_some());
        assert!(fits(credit(usd(1), "reports")).is_some());
        assert_eq!(fits(credit(usd(1), "other")), None);
        assert_eq!(fits(credit(Money::msat(Amount::new(1).unwrap()), "general")), None);
        assert_eq!(fits(Gives::Uses { count: 1 }), None);
    }
}
