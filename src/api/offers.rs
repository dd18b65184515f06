//! Offers: what a tenant sells, at what price, and what it gives.

use axum::{Router, extract::State, routing::get};
use piperoll_domain::{
    id::{ConnectionId, OfferId, Pool, Service},
    money::{Amount, Money},
    offer::{self, Gives, Terms},
    operation::{PublishOffer, WithdrawOffer},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::{
    Api, Problem,
    caller::Of,
    extract::{Path, Write},
    listing::Listed,
    problem::{self, Code},
    render::{Answer, Sum},
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/offers", get(list))
        .route("/v1/offers/{offer}", get(show).put(publish).delete(withdraw))
}

/// What an offer says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOffer {
    /// The service that it opens.
    #[schema(value_type = String, example = "weather")]
    service: Service,
    /// The host that it holds for; every one unless said.
    host: Option<String>,
    /// The methods that it holds for; every one unless said.
    #[serde(default)]
    methods: Vec<String>,
    /// The path that it holds for: exact, or a prefix that ends in `/*`.
    #[schema(example = "/forecast/*")]
    path: String,
    /// What it costs, in MSAT.
    #[schema(value_type = Sum)]
    price: Money,
    /// What it gives.
    #[serde(default = "one_use")]
    gives: NewGives,
    /// The least that one payment may be, in the price's smallest units.
    #[schema(value_type = Option<u64>)]
    least: Option<Amount>,
    /// The most that one payment may be.
    #[schema(value_type = Option<u64>)]
    most: Option<Amount>,
    /// For how many callers in a hundred it is enforced; all unless said.
    #[serde(default = "all")]
    #[schema(maximum = 100)]
    enforcement_percent: u8,
    /// Through which provider account.
    #[schema(value_type = Option<String>)]
    connection: Option<ConnectionId>,
    /// How long its invoices can be paid; an hour unless said.
    #[serde(default = "an_hour")]
    expiry_seconds: u32,
}

const fn all() -> u8 {
    100
}

const fn an_hour() -> u32 {
    3_600
}

const fn one_use() -> NewGives {
    NewGives::Uses { count: 1 }
}

/// What an offer gives.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum NewGives {
    /// So many uses.
    Uses {
        /// How many.
        count: u32,
    },
    /// As many uses as one likes, for a time.
    Time {
        /// How long from settlement.
        seconds: u32,
    },
    /// Credit.
    Credit {
        /// How much for one price.
        #[schema(value_type = Sum)]
        amount: Money,
        /// Where it lies; `general` unless said.
        #[serde(default = "Pool::general")]
        #[schema(value_type = String)]
        pool: Pool,
        /// How long it lasts; for ever unless said.
        expires_after_seconds: Option<u32>,
    },
}

impl NewOffer {
    fn terms(self) -> Result<Terms, Problem> {
        let token = |text: &String| {
            (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase())
        };
        if !self.methods.iter().all(token) || self.methods.len() > 16 {
            return Err(problem::field("methods", "they are words such as GET, 16 at most"));
        }
        let plain = |text: &str| text.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
        if !self.path.starts_with('/') || self.path.len() > 1_024 || !plain(&self.path) {
            return Err(problem::field("path", "it begins with / and is at most 1024 plain bytes"));
        }
        let host = self.host.map(|host| host.to_ascii_lowercase());
        if host.as_ref().is_some_and(|host| host.is_empty() || host.len() > 253 || !plain(host)) {
            return Err(problem::field("host", "it is a name of at most 253 plain bytes"));
        }
        Ok(Terms {
            service: self.service,
            host,
            methods: self.methods,
            path: self.path,
            price: self.price,
            gives: self.gives.into(),
            least: self.least,
            most: self.most,
            enforcement_percent: self.enforcement_percent,
            connection: self.connection,
            expiry_seconds: self.expiry_seconds,
        })
    }
}

impl From<NewGives> for Gives {
    fn from(gives: NewGives) -> Self {
        match gives {
            NewGives::Uses { count } => Self::Uses { count },
            NewGives::Time { seconds } => Self::Time { seconds },
            NewGives::Credit { amount, pool, expires_after_seconds } => {
                Self::Credit { amount, pool, expires_after_seconds }
            }
        }
    }
}

/// An offer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Offer {
    /// Its name.
    offer: String,
    /// 1, 2, 3 …
    version: u32,
    /// Whether it is sold no more.
    withdrawn: bool,
    /// What it says.
    #[schema(value_type = Option<Object>)]
    terms: Option<Terms>,
}

impl Offer {
    fn of(id: &OfferId, offer: &offer::Offer) -> Self {
        let offer::Offer { version, terms, withdrawn } = offer.clone();
        Self { offer: id.to_string(), version, withdrawn, terms }
    }
}

/// Lists a tenant's offers.
#[utoipa::path(get, path = "/v1/offers", tag = "offers", responses((status = 200, body = Listed<Offer>)))]
pub(super) async fn list(State(api): State<Api>, of: Of) -> Answer<Listed<Offer>> {
    let engine = api.service().engine();
    let (head, directory) = (engine.head(), engine.directory());
    let offers = directory.offers(&of.tenant).map(|(id, offer)| Offer::of(&id, offer));
    Answer::at(&api, head, Listed::all(offers.collect()))
}

/// Tells one offer.
#[utoipa::path(get, path = "/v1/offers/{offer}", tag = "offers", params(("offer" = String, Path)),
    responses((status = 200, body = Offer)))]
pub(super) async fn show(
    State(api): State<Api>,
    of: Of,
    Path(offer): Path<OfferId>,
) -> Result<Answer<Offer>, Problem> {
    let engine = api.service().engine();
    let (head, directory) = (engine.head(), engine.directory());
    let known = directory.offer(&of.tenant, &offer);
    let absent = || Problem::new(Code::OfferNotFound, "the offer does not exist");
    Ok(Answer::at(&api, head, Offer::of(&offer, known.ok_or_else(absent)?)))
}

/// Puts an offer up for sale, or a new version of it. What was sold under an earlier one stays.
#[utoipa::path(put, path = "/v1/offers/{offer}", tag = "offers", params(("offer" = String, Path)),
    request_body = NewOffer, responses((status = 200, body = Offer)))]
pub(super) async fn publish(
    State(api): State<Api>,
    of: Of,
    Path(offer): Path<OfferId>,
    write: Write<NewOffer>,
) -> Result<Answer<Offer>, Problem> {
    let key = write.key("offer.publish", &[offer.as_str()])?;
    let terms = write.body.terms()?;
    let operation = PublishOffer { tenant: of.tenant.clone(), offer: offer.clone(), terms };
    let done = api.service().execute(&of.who, operation, Some(key)).await?;
    Ok(Answer::done(&api, &done, stands(&api, &of, &offer)?))
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// Why; 1 to 500 characters, no place for personal data.
    #[schema(min_length = 1, max_length = 500)]
    #[serde(deserialize_with = "crate::api::extract::line")]
    pub(super) reason: String,
}

/// Sells an offer no more.
#[utoipa::path(delete, path = "/v1/offers/{offer}", tag = "offers", params(("offer" = String, Path)),
    request_body = Reason, responses((status = 200, body = Offer)))]
pub(super) async fn withdraw(
    State(api): State<Api>,
    of: Of,
    Path(offer): Path<OfferId>,
    write: Write<Reason>,
) -> Result<Answer<Offer>, Problem> {
    let key = write.key("offer.withdraw", &[offer.as_str()])?;
    let reason = write.body.reason;
    let operation = WithdrawOffer { tenant: of.tenant.clone(), offer: offer.clone(), reason };
    let done = api.service().execute(&of.who, operation, Some(key)).await?;
    Ok(Answer::done(&api, &done, stands(&api, &of, &offer)?))
}

fn stands(api: &Api, of: &Of, offer: &OfferId) -> Result<Offer, Problem> {
    let directory = api.service().engine().directory();
    let known = directory.offer(&of.tenant, offer);
    let absent = || Problem::new(Code::OfferNotFound, "the offer does not exist");
    Ok(Offer::of(offer, known.ok_or_else(absent)?))
}
