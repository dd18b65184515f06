//! What this room reads, for those who throw garbage at it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use piperoll_domain::{
    bytes::Bytes,
    id::{CampaignId, KeyId, TenantId},
    settings::Settings,
    tenant::Role,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    api::{
        accounts,
        admin::{
            billing, commodities, letters, mint, operation, recover, sandbox, settings, tenants,
            workers,
        },
        batch as batches,
        caller::Of,
        campaigns, connections, corrections,
        extract::{self, read_query},
        finalize, keys, l402, offers, payments,
        position::Position,
        reservations, reviews, topups,
    },
    problem::Problem,
    service::Principal,
};

/// A kind of body that a request may have.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// What the document calls it.
    pub name: fn() -> Cow<'static, str>,
    read: fn(&Value) -> Option<Problem>,
}

/// Every kind but those of many items, which [`batch`] reads.
pub const KINDS: &[Kind] = &[
    kind::<topups::TopUp>(),
    kind::<payments::NewPayment>(),
    kind::<l402::NewChallenge>(),
    kind::<l402::Shown>(),
    kind::<l402::Release>(),
    kind::<accounts::NewAccount>(),
    kind::<accounts::SpendBody>(),
    kind::<offers::NewOffer>(),
    kind::<offers::Reason>(),
    kind::<connections::NewConnection>(),
    kind::<keys::NewKey>(),
    kind::<reviews::Decision>(),
    kind::<reservations::NewReservation>(),
    kind::<reservations::Cost>(),
    kind::<reservations::OfAccount>(),
    kind::<finalize::Charge>(),
    kind::<corrections::NewRefund>(),
    kind::<corrections::NewClawback>(),
    kind::<corrections::NewTransfer>(),
    kind::<campaigns::NewCampaign>(),
    kind::<mint::NewLot>(),
    kind::<recover::Recovery>(),
    kind::<billing::Change>(),
    kind::<billing::config::Adjusted>(),
    kind::<billing::shares::Proposal>(),
    kind::<tenants::NewTenant>(),
    kind::<commodities::NewCommodity>(),
    kind::<workers::Switch>(),
    kind::<letters::End>(),
    kind::<operation::Anomaly>(),
    kind::<operation::Waiver>(),
    kind::<sandbox::Bill>(),
    kind::<sandbox::NewFaults>(),
    described::<settings::AllSettings, Settings>(),
];

const fn kind<T: ToSchema + DeserializeOwned>() -> Kind {
    described::<T, T>()
}

/// One that is described by another type than it is read as.
const fn described<D: ToSchema, T: DeserializeOwned>() -> Kind {
    Kind { name: D::name, read: |fields| extract::typed::<T>(fields).err() }
}

impl Kind {
    /// What is wrong with these fields as a request of this kind.
    pub fn wrong(self, fields: &Value) -> Option<Problem> {
        (self.read)(fields)
    }
}

/// A body as its fields, as every write reads it first.
pub fn body(bytes: &[u8], depth_max: usize) -> Result<Value, Problem> {
    extract::read::<Map<String, Value>>(bytes, depth_max).map(|read| read.fields)
}

/// What is wrong with a batch, or with each of its items: grants of a campaign, if one is named.
pub fn batch(
    bytes: &[u8],
    key: KeyId,
    campaign: Option<&CampaignId>,
    depth_max: usize,
) -> Result<Vec<Problem>, Problem> {
    let (tenant, roles) = (TenantId::roll(), BTreeSet::from([Role::Admin]));
    let who = Principal::Key { tenant: tenant.clone(), key, roles, fingerprint: Bytes::ZERO };
    batches::wrong(bytes, &Of { who, tenant }, campaign, depth_max)
}

/// A query as names and values.
pub fn query(text: &str) -> Result<BTreeMap<String, String>, Problem> {
    read_query(text)
}

/// A position, written again.
pub fn position(text: &str) -> Option<String> {
    text.parse::<Position>().ok().map(|position| position.to_string())
}
