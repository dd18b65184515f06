//! Credit by hand under the runbooks' path: for a payment whose news were lost, and for gifts.
//!
//! Whoever names where the credit comes from may ask again without fear, also after the news arrived
//! late. Whoever does not is warned, and doubted when he asks the same again within a day.

use axum::{Router, extract::State, http::StatusCode, routing::post};
use piperoll_domain::{
    account::{self, LotMinted, Source, SourceKind},
    claim::Claim,
    event::{Event, Recorded},
    id::{AccountId, LotId, Pool, TenantId},
    money::{Amount, Code as Commodity, Money},
    operation::{Mint, MintUnnamed, Operation},
    rejection::Rejection,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mint::{NewSource, must_be_source};
use crate::{
    api::{
        Api, Problem,
        caller::Caller,
        extract::{Loose, Path, is_printable, must_be_reference},
        problem::{self, Code},
        render::Answer,
    },
    engine::Done,
    service::{Error, Principal, Sold},
};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/admin/billing/accounts/{account}/mint", post(recover))
}

/// How long a description or a reason may be.
const TEXT_CHARS_MAX: usize = 500;
const WARNING: &str = "neither an Idempotency-Key nor sourceId nor providerPaymentId was said: \
    asking again after a day, or with force, gives the credit again";

/// Credit to be given, in micro USD.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::api) struct Recovery {
    /// How much: whole micro USD.
    #[schema(value_type = String, example = "5000000")]
    amount_micro: Amount,
    /// `grant`, `deposit`, `purchase` or `commons_dividend`; `grant` unless said.
    #[serde(default)]
    source_type: NewSource,
    /// What it is; 1 to 500 characters, no place for personal data.
    description: String,
    /// Where it shall lie; `general` unless said.
    #[schema(value_type = Option<String>)]
    pool_id: Option<Pool>,
    /// The source's own name: of one source there is one lot.
    source_id: Option<String>,
    /// The payment that it recovers, as its provider names it; it gave a `deposit` or a `purchase`.
    provider_payment_id: Option<String>,
    /// Give it although as much was given without a name less than a day ago.
    #[serde(default)]
    force: bool,
    /// Why it is not the same again; needed with `force`.
    reason: Option<String>,
}

/// Credit that was given.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Recovered {
    /// Which lot.
    lot_id: String,
    /// Which account.
    account_id: String,
    /// How much, in micro USD.
    amount_micro: String,
    /// Where it lies.
    pool_id: String,
    /// Where it comes from.
    source_type: &'static str,
    /// Which one.
    source_id: String,
    /// Whether it had been given before, by hand or by the payment itself.
    already_minted: bool,
    /// What to mind when asking again.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

impl Recovered {
    fn of(account: &AccountId, minted: &LotMinted) -> Self {
        Self {
            lot_id: minted.lot.to_string(),
            account_id: account.to_string(),
            amount_micro: minted.amount.amount.to_string(),
            pool_id: minted.pool.to_string(),
            source_type: minted.source.kind.as_str(),
            source_id: minted.source.id.clone(),
            already_minted: false,
            warning: None,
        }
    }
}

/// Gives credit by hand, once for each source that is named.
#[utoipa::path(post, path = "/admin/billing/accounts/{account}/mint", tag = "runbooks",
    params(("account" = String, Path)), request_body = Recovery,
    responses((status = 201, body = Recovered), (status = 200, body = Recovered)))]
pub(in crate::api) async fn recover(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(account): Path<AccountId>,
    write: Loose<Recovery>,
) -> Result<Answer<Recovered>, Problem> {
    let key = write.key("lot.recover", &[account.as_str()])?;
    let body = write.body;
    body.check()?;
    let tenant = api.service().settings().administrators.tenant.clone();
    let sold = body.sold(&api, &tenant).await?;
    let named = body.name(key.as_ref().map(|key| key.key.as_str()));
    let warning = named.is_none().then_some(WARNING);
    let wish = body.wish(tenant, account.clone(), named, sold.as_ref())?;
    match api.service().execute(&who, wish, key).await {
        Ok(done) => given(&api, &account, &done, warning),
        Err(error) => refused(&api, &who, &account, &body, sold, error).await,
    }
}

/// What was given before is told, and what is wrong by the names that this body has.
async fn refused(
    api: &Api,
    who: &Principal,
    account: &AccountId,
    body: &Recovery,
    sold: Option<Sold>,
    error: Error,
) -> Result<Answer<Recovered>, Problem> {
    let is_of_another = sold.and_then(|sold| sold.account).is_some_and(|other| other != *account);
    match error.rejection() {
        Some(
            Rejection::ClaimTaken { claim: Claim::Source { .. }, .. }
            | Rejection::MintInvalid { .. },
        ) if is_of_another => {
            Err(problem::field(body.source(), "that payment is for another account"))
        }
        Some(Rejection::ClaimTaken { claim: Claim::Source { .. }, position }) => {
            before(api, who, account, body, *position).await
        }
        Some(Rejection::MintInvalid { field: "source", what }) => {
            Err(problem::field("sourceType", what))
        }
        _ => {
            let other = [("amount", "amountMicro"), ("source_id", body.source())];
            Err(Problem::from(error).renamed(&other))
        }
    }
}

impl Recovery {
    fn check(&self) -> Result<(), Problem> {
        must_be_text("description", &self.description)?;
        must_be_source("sourceId", self.source_id.as_deref())?;
        must_be_reference(self.provider_payment_id.as_deref())
            .map_err(|problem| problem.field("providerPaymentId"))?;
        if self.source_id.is_some() && self.provider_payment_id.is_some() {
            let what = "it is said together with sourceId; say one of them";
            return Err(problem::field("providerPaymentId", what));
        }
        if self.provider_payment_id.is_some() && !self.is_paid() {
            let what = "what a payment gives is a `deposit` or a `purchase`";
            return Err(problem::field("sourceType", what));
        }
        match (&self.reason, self.force) {
            (Some(reason), true) => must_be_text("reason", reason),
            (None, true) => {
                let detail = "say why it is not the same credit again";
                Err(Problem::new(Code::ReasonNeeded, detail).field("reason"))
            }
            (Some(_), false) => Err(problem::field("reason", "it is said without `force`")),
            (None, false) => Ok(()),
        }
    }

    /// Whether somebody paid for it: such sources can be claimed once, whichever of the two they are called.
    fn is_paid(&self) -> bool {
        matches!(SourceKind::from(self.source_type), SourceKind::Deposit | SourceKind::Purchase)
    }

    /// The payment of ours that is recovered, if it is one.
    async fn sold(&self, api: &Api, tenant: &TenantId) -> Result<Option<Sold>, Problem> {
        let said = self.provider_payment_id.as_deref();
        match said.or_else(|| Sold::by_provider(self.source_id.as_deref()?)) {
            Some(id) => Ok(api.service().sold_as(tenant, id).await?),
            None => Ok(None),
        }
    }

    /// The part that names the source.
    const fn source(&self) -> &'static str {
        if self.provider_payment_id.is_some() { "providerPaymentId" } else { "sourceId" }
    }

    /// What names the source.
    fn name(&self, key: Option<&str>) -> Option<String> {
        let theirs = self.provider_payment_id.as_deref().map(Sold::name_by_provider);
        let by_key = || key.map(|key| format!("manual:{key}"));
        theirs.or_else(|| self.source_id.clone()).or_else(by_key)
    }

    fn wish(
        &self,
        tenant: TenantId,
        account: AccountId,
        named: Option<String>,
        sold: Option<&Sold>,
    ) -> Result<Operation, Problem> {
        let kind = SourceKind::from(self.source_type);
        let amount = Money { commodity: Commodity::USD, amount: self.amount_micro };
        let apart = uuid::Uuid::now_v7().simple().to_string();
        // Credit in micro USD is sold one for one; a payment of ours says itself what it cost.
        let cost = self.is_paid().then(|| sold.map_or(amount, |sold| sold.price));
        let is_named = named.is_some();
        let mint = Mint {
            tenant,
            account,
            lot: lot(&apart)?,
            amount,
            source: Source { kind, id: named.unwrap_or(apart) },
            pool: self.pool_id.clone().unwrap_or_else(Pool::general),
            expires_at: None,
            cost,
            reason: self.description.clone(),
            ceiling: None,
        };
        Ok(if is_named {
            mint.into()
        } else {
            let again = self.reason.clone().filter(|_| self.force);
            MintUnnamed { mint, again }.into()
        })
    }
}

/// A text that stays for ever, and that people read.
fn must_be_text(field: &str, text: &str) -> Result<(), Problem> {
    let length = (1..=TEXT_CHARS_MAX).contains(&text.chars().count());
    if length && !text.trim().is_empty() && text.chars().all(is_printable) {
        return Ok(());
    }
    let what = "it has 1 to 500 characters, and none that cannot be printed";
    Err(problem::field(field, what))
}

fn lot(apart: &str) -> Result<LotId, Problem> {
    format!("lot_{apart}").parse().map_err(|error| problem::field("lot", &format!("{error}")))
}

/// The answer to a repeat names the lot of the first request.
fn given(
    api: &Api,
    account: &AccountId,
    done: &Done,
    warning: Option<&'static str>,
) -> Result<Answer<Recovered>, Problem> {
    let minted = done.events.iter().find_map(minted);
    let untold = || Problem::new(Code::Internal, "the command left nothing to tell");
    let told = Recovered::of(account, minted.ok_or_else(untold)?);
    Ok(Answer::done(api, done, Recovered { warning, ..told }).created())
}

fn minted(fact: &Recorded) -> Option<&LotMinted> {
    match &fact.event {
        Event::Account(account::Event::LotMinted(minted)) => Some(minted),
        _ => None,
    }
}

/// The source was used before: by the payment itself, or by whoever recovered it first. As much for
/// the same account is what was asked for; anything else is a conflict.
async fn before(
    api: &Api,
    who: &Principal,
    account: &AccountId,
    body: &Recovery,
    position: u64,
) -> Result<Answer<Recovered>, Problem> {
    let taken = Problem::new(Code::ClaimTaken, "the source gave credit before, otherwise");
    let taken = taken.field(body.source());
    let Some(fact) = api.service().own_fact(who, position).await? else { return Err(taken) };
    let Some(minted) = minted(&fact) else { return Err(taken) };
    let holder = AccountId::from(&fact.envelope.stream.id);
    let told = Recovered { already_minted: true, ..Recovered::of(&holder, minted) };
    let asked = Money { commodity: Commodity::USD, amount: body.amount_micro };
    let is_there = body.pool_id.as_ref().is_none_or(|pool| *pool == minted.pool);
    if holder == *account && minted.amount == asked && is_there {
        let head = api.service().engine().head();
        return Ok(Answer::at(api, head, told).status(StatusCode::OK));
    }
    let amount = serde_json::json!({
        "commodity": minted.amount.commodity.as_str(),
        "amount": told.amount_micro,
    });
    Err(taken.with("lotId", told.lot_id).with("accountId", told.account_id).with("amount", amount))
}
