//! An item of a batch: what it says, who may say it, and what it is answered with.

mod schema;

use std::collections::BTreeSet;

use axum::http::StatusCode;
use piperoll_domain::{
    event::Idempotency,
    id::{AccountId, CampaignId, ReservationId, TenantId},
    operation::{OpenAccount, Wish},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

pub(in crate::api) use self::schema::{BatchItem, GrantItem};
use crate::{
    api::{
        Api, Problem,
        accounts::{self, Account, NewAccount, SpendBody, Spent, untold},
        admin::mint::{self, Minted, NewLot},
        batch::{GRANTS, GRANTS_OF},
        caller::{self, Of},
        campaigns::{self, Given, NewGrant},
        extract::{bound, strict, typed},
        problem::{self, Code},
        reservations::{self, Cost, Ended, NewReservation, OfAccount, Reservation},
        routes,
    },
    engine::Done,
    idempotency,
};

/// The field, or the path's part, that names a campaign.
const CAMPAIGN: &str = "campaign";

/// What can stand in a batch, under the name that its keys are bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    OpenAccount,
    Spend,
    Reserve,
    Finalize,
    Release,
    Mint,
    Grant,
}

/// An item, ready to be carried out.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) about: About,
    pub(super) wish: Wish,
    pub(super) key: Idempotency,
}

/// What its answer is about.
#[derive(Debug)]
pub(super) enum About {
    Account(AccountId),
    Use(AccountId),
    Beginning,
    End(TenantId, ReservationId),
    Credit(TenantId, AccountId),
    Gift,
}

/// What an item is answered with: the same as alone.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(in crate::api) enum Outcome {
    Account(Account),
    Spent(Spent),
    Given(Box<Given>),
    Reservation(Box<Reservation>),
    Ended(Box<Ended>),
    Minted(Minted),
}

/// An item, taken apart.
type Read = (About, Wish, Idempotency);

impl Kind {
    const ALL: [Self; 7] = [
        Self::OpenAccount,
        Self::Spend,
        Self::Reserve,
        Self::Finalize,
        Self::Release,
        Self::Mint,
        Self::Grant,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::OpenAccount => "account.open",
            Self::Spend => "account.spend",
            Self::Reserve => "reservation.reserve",
            Self::Finalize => "reservation.finalize",
            Self::Release => "reservation.release",
            Self::Mint => "lot.mint",
            Self::Grant => "campaign.grant",
        }
    }

    /// The routes that do the same alone: whoever may call one may put this into a batch.
    const fn routes(self) -> &'static [&'static str] {
        match self {
            Self::OpenAccount => &["/v1/accounts"],
            Self::Spend => &["/v1/accounts/{account}/spend"],
            Self::Reserve => &["/v1/accounts/{account}/reservations"],
            Self::Finalize => &["/v1/reservations/{reservation}/finalize"],
            Self::Release => &[
                "/v1/reservations/{reservation}/release",
                "/v1/admin/tenants/{tenant}/reservations/{reservation}/release",
            ],
            Self::Mint => &["/v1/admin/tenants/{tenant}/accounts/{account}/mint"],
            Self::Grant => &[GRANTS, GRANTS_OF],
        }
    }

    fn must_be_allowed(self, of: &Of) -> Result<(), Problem> {
        let mut routes = self.routes().iter().filter_map(|path| routes::route("POST", path));
        let allowed = routes.any(|route| caller::may(&of.who, route.needs));
        if allowed { Ok(()) } else { Err(caller::forbidden().field("operation")) }
    }

    /// The wish, what its answer is about, and the caller's key, bound to what its own route would
    /// bind it to.
    fn read(self, of: &Of, fields: Fields) -> Result<Read, Problem> {
        let tenant = of.tenant.clone();
        match self {
            Self::OpenAccount => {
                let (fields, key) = fields.bound(self, &[])?;
                let NewAccount { account } = typed(&fields)?;
                let wish = OpenAccount { tenant, account: account.clone() };
                Ok((About::Account(account), Wish::OpenAccount(wish), key))
            }
            Self::Spend => {
                let (account, fields, key) = fields.of_account(self)?;
                let wish = typed::<SpendBody>(&fields)?.of(tenant, account.clone())?;
                Ok((About::Use(account), Wish::Spend(wish), key))
            }
            Self::Reserve => {
                let (account, fields, key) = fields.of_account(self)?;
                let wish = typed::<NewReservation>(&fields)?.of(tenant, account)?;
                Ok((About::Beginning, Wish::Reserve(wish.into()), key))
            }
            Self::Finalize => {
                let (reservation, fields, key) = fields.of_reservation(self)?;
                let wish = typed::<Cost>(&fields)?.of(tenant.clone(), reservation.clone());
                Ok((About::End(tenant, reservation), Wish::Finalize(wish.into()), key))
            }
            Self::Release => {
                let (reservation, fields, key) = fields.of_reservation(self)?;
                let wish = typed::<OfAccount>(&fields)?.of(tenant.clone(), reservation.clone());
                Ok((About::End(tenant, reservation), Wish::Release(wish), key))
            }
            Self::Mint => {
                let mut fields = fields;
                let account: AccountId = taken(&mut fields.rest, "account")?;
                let (fields, key) = fields.bound(self, &[tenant.as_str(), account.as_str()])?;
                let wish = typed::<NewLot>(&fields)?.of(tenant.clone(), account.clone(), &key)?;
                Ok((About::Credit(tenant, account), Wish::Mint(wish.into()), key))
            }
            Self::Grant => {
                let mut fields = fields;
                let campaign: CampaignId = taken(&mut fields.rest, CAMPAIGN)?;
                let (fields, key) = fields.bound(self, &[campaign.as_str()])?;
                let wish = typed::<NewGrant>(&fields)?.of(tenant, campaign)?;
                Ok((About::Gift, Wish::Grant(wish), key))
            }
        }
    }
}

/// What stands in an item beside its operation.
struct Fields {
    key: idempotency::Key,
    rest: Map<String, Value>,
}

impl Fields {
    /// What its own route takes as its body, and the key bound to that and to the path's part.
    fn bound(self, kind: Kind, path: &[&str]) -> Result<(Value, Idempotency), Problem> {
        let fields = Value::Object(self.rest);
        let key = bound(self.key, kind.name(), path, &fields)?;
        Ok((fields, key))
    }

    fn of_account(mut self, kind: Kind) -> Result<(AccountId, Value, Idempotency), Problem> {
        let account: AccountId = taken(&mut self.rest, "account")?;
        let (fields, key) = self.bound(kind, &[account.as_str()])?;
        Ok((account, fields, key))
    }

    fn of_reservation(
        mut self,
        kind: Kind,
    ) -> Result<(ReservationId, Value, Idempotency), Problem> {
        let reservation: ReservationId = taken(&mut self.rest, "reservation")?;
        let (fields, key) = self.bound(kind, &[reservation.as_str()])?;
        Ok((reservation, fields, key))
    }
}

impl Item {
    /// Reads an item as it stands in the body. Where a campaign is named, it is a grant of it, and
    /// names neither.
    pub(super) fn read(
        raw: &[u8],
        of: &Of,
        depth_max: usize,
        campaign: Option<&CampaignId>,
    ) -> Result<Self, Problem> {
        let Value::Object(mut fields) = strict(raw, depth_max)? else {
            return Err(problem::field("", "an item is an object"));
        };
        let kind = match campaign {
            Some(campaign) => {
                if fields.insert(CAMPAIGN.to_owned(), campaign.as_str().into()).is_some() {
                    let detail = "the path names it already";
                    return Err(Problem::new(Code::UnknownField, detail).field(CAMPAIGN));
                }
                Kind::Grant
            }
            None => kind(&mut fields)?,
        };
        kind.must_be_allowed(of)?;
        let key = key(&mut fields)?;
        let (about, wish, key) = kind.read(of, Fields { key, rest: fields })?;
        Ok(Self { about, wish, key })
    }
}

fn kind(fields: &mut Map<String, Value>) -> Result<Kind, Problem> {
    let operation: String = taken(fields, "operation")?;
    Kind::ALL.into_iter().find(|kind| kind.name() == operation).ok_or_else(|| {
        let known = Kind::ALL.map(Kind::name).join(", ");
        problem::field("operation", &format!("it is one of {known}"))
    })
}

impl About {
    /// What the item is answered with alone.
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::Account(_) | Self::Use(_) | Self::Beginning | Self::Credit(..) | Self::Gift => {
                StatusCode::CREATED
            }
            Self::End(..) => StatusCode::OK,
        }
    }

    /// What the item would be answered with alone, and whether that is a first answer given again.
    pub(super) async fn outcome(&self, api: &Api, done: &Done) -> Result<(Outcome, bool), Problem> {
        let outcome = match self {
            Self::Account(account) => Some(Outcome::Account(Account::named(account))),
            Self::Use(account) => accounts::spent(account, &done.events).map(Outcome::Spent),
            Self::Beginning => {
                let told = done.events.iter().find_map(reservations::begun);
                told.map(|told| Outcome::Reservation(told.into()))
            }
            Self::End(tenant, reservation) => {
                let metered = api.service().end_of(tenant, reservation, done).await?;
                let told = reservations::ended(&metered.fact).ok_or_else(untold)?;
                return Ok((Outcome::Ended(told.into()), metered.replayed));
            }
            Self::Credit(tenant, account) => {
                mint::minted(&done.events, tenant, account).map(Outcome::Minted)
            }
            Self::Gift => campaigns::given(&done.events).map(|given| Outcome::Given(given.into())),
        };
        Ok((outcome.ok_or_else(untold)?, done.replayed))
    }
}

/// A field that is no part of what the item's own route takes as its body.
fn taken<T: DeserializeOwned>(fields: &mut Map<String, Value>, name: &str) -> Result<T, Problem> {
    let value = fields.remove(name);
    let value = value.ok_or_else(|| problem::field(name, &format!("missing field `{name}`")))?;
    serde_json::from_value(value).map_err(|error| problem::field(name, &error.to_string()))
}

fn key(fields: &mut Map<String, Value>) -> Result<idempotency::Key, Problem> {
    const NAME: &str = "idempotency_key";
    if !fields.contains_key(NAME) {
        let detail = "say which request this is, so that asking again is harmless";
        return Err(Problem::new(Code::IdempotencyKeyMissing, detail).field(NAME));
    }
    let text: String = taken(fields, NAME)?;
    idempotency::Key::parse(text)
        .map_err(|error| Problem::new(Code::IdempotencyKeyInvalid, error.to_string()).field(NAME))
}

/// In a batch that stands or falls as one, two items with the same key would be one.
pub(super) fn must_differ(items: &[Item]) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    let mut names = items.iter().map(|item| (&item.key.operation, &item.key.key));
    match names.position(|name| !seen.insert(name)) {
        None => Ok(()),
        Some(index) => {
            Err(problem::field("idempotency_key", "it stands twice in the batch").of_item(index))
        }
    }
}
