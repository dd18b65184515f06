//! An item of a batch: what it says, who may say it, and what it is answered with.

use std::collections::BTreeSet;

use piperoll_domain::{
    event::Idempotency,
    id::{AccountId, CampaignId},
    operation::{OpenAccount, Wish},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    api::{
        Problem,
        accounts::{self, Account, NewAccount, SpendBody, Spent},
        batch::GRANTS,
        caller::{self, Of},
        campaigns::{self, Given, NewGrant},
        extract::{bound, strict, typed},
        problem::{self, Code},
        render::Sum,
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
pub(super) struct About {
    kind: Kind,
    account: AccountId,
}

/// What an item is answered with: the same as alone.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(in crate::api) enum Outcome {
    Account(Account),
    Spent(Spent),
    Given(Box<Given>),
}

/// A command: what its own route takes, and in `operation` which it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it only describes what a body says")]
pub(in crate::api) enum BatchItem {
    /// As `POST /v1/accounts`.
    #[schema(title = "account.open")]
    OpenAccount(OpenItem),
    /// As `POST /v1/accounts/{account}/spend`.
    #[schema(title = "account.spend")]
    Spend(SpendItem),
    /// As an item of `POST /v1/campaigns/{campaign}/grants`.
    #[schema(title = "campaign.grant")]
    Grant(GrantOfItem),
}

/// An account to be opened.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct OpenItem {
    /// `account.open`.
    operation: String,
    /// 1 to 255 printable characters: the same key is the same request, here and alone.
    #[schema(max_length = 255)]
    idempotency_key: String,
    /// Its name: opaque, no personal data.
    account: String,
}

/// Credit to be used.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct SpendItem {
    /// `account.spend`.
    operation: String,
    /// 1 to 255 printable characters: the same key is the same request, here and alone.
    #[schema(max_length = 255)]
    idempotency_key: String,
    /// Whose credit.
    account: String,
    /// How much.
    amount: Sum,
    /// From which pool first; `general` unless said.
    pool: Option<String>,
    /// The caller's own name for it; opaque.
    #[schema(max_length = 200)]
    reference: Option<String>,
}

/// Credit to be given by a campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct GrantOfItem {
    /// `campaign.grant`.
    operation: String,
    /// Of which campaign.
    campaign: String,
    #[serde(flatten)]
    grant: GrantItem,
}

/// Credit to be given by the campaign that is named elsewhere.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct GrantItem {
    /// 1 to 255 printable characters: the same key is the same request.
    #[schema(max_length = 255)]
    idempotency_key: String,
    /// For which account.
    account: String,
    /// How much, in the budget's commodity.
    amount: Sum,
    /// The grant's name, and its lot's; made up unless said.
    grant: Option<String>,
}

impl Kind {
    const ALL: [Self; 3] = [Self::OpenAccount, Self::Spend, Self::Grant];

    const fn name(self) -> &'static str {
        match self {
            Self::OpenAccount => "account.open",
            Self::Spend => "account.spend",
            Self::Grant => "campaign.grant",
        }
    }

    /// The route that does the same alone: whoever may call it may put this into a batch.
    const fn route(self) -> (&'static str, &'static str) {
        match self {
            Self::OpenAccount => ("POST", "/v1/accounts"),
            Self::Spend => ("POST", "/v1/accounts/{account}/spend"),
            Self::Grant => ("POST", GRANTS),
        }
    }

    fn must_be_allowed(self, of: &Of) -> Result<(), Problem> {
        let (method, path) = self.route();
        let allowed =
            routes::route(method, path).is_some_and(|route| caller::may(&of.who, route.needs));
        if allowed { Ok(()) } else { Err(caller::forbidden().field("operation")) }
    }

    /// The wish, the account that it is about, and the caller's key, bound to what its own route
    /// would bind it to.
    fn wish(
        self,
        of: &Of,
        key: idempotency::Key,
        mut fields: Map<String, Value>,
    ) -> Result<(Wish, AccountId, Idempotency), Problem> {
        let tenant = of.tenant.clone();
        match self {
            Self::OpenAccount => {
                let fields = Value::Object(fields);
                let key = bound(key, self.name(), &[], &fields)?;
                let NewAccount { account } = typed(&fields)?;
                let wish = OpenAccount { tenant, account: account.clone() };
                Ok((Wish::OpenAccount(wish), account, key))
            }
            Self::Spend => {
                let account: AccountId = taken(&mut fields, "account")?;
                let fields = Value::Object(fields);
                let key = bound(key, self.name(), &[account.as_str()], &fields)?;
                let wish = typed::<SpendBody>(&fields)?.of(tenant, account.clone())?;
                Ok((Wish::Spend(wish), account, key))
            }
            Self::Grant => {
                let campaign: CampaignId = taken(&mut fields, CAMPAIGN)?;
                let fields = Value::Object(fields);
                let key = bound(key, self.name(), &[campaign.as_str()], &fields)?;
                let wish = typed::<NewGrant>(&fields)?.of(tenant, campaign)?;
                let account = wish.account.clone();
                Ok((Wish::Grant(wish), account, key))
            }
        }
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
        let (wish, account, key) = kind.wish(of, key, fields)?;
        Ok(Self { about: About { kind, account }, wish, key })
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
    /// What the item would be answered with alone.
    pub(super) fn outcome(&self, done: &Done) -> Result<Outcome, Problem> {
        match self.kind {
            Kind::OpenAccount => Ok(Outcome::Account(Account::named(&self.account))),
            Kind::Spend => {
                let spent = accounts::spent(&self.account, &done.events);
                spent.map(Outcome::Spent).ok_or_else(accounts::untold)
            }
            Kind::Grant => {
                let given = campaigns::given(&done.events);
                given.map(|given| Outcome::Given(Box::new(given))).ok_or_else(accounts::untold)
            }
        }
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
