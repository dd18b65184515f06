//! What this room reads, for those who throw garbage at it.

use std::collections::{BTreeMap, BTreeSet};

use piperoll_domain::{
    bytes::Bytes,
    id::{KeyId, TenantId},
    tenant::Role,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    api::{
        accounts, batch as batches,
        caller::Of,
        campaigns, connections, corrections,
        extract::{self, read_query},
        keys, l402, offers, payments,
        position::Position,
        reservations, reviews, topups,
    },
    problem::Problem,
    service::Principal,
};

/// A body as its fields, and all that is wrong with it as each kind of request.
pub fn body(bytes: &[u8], depth_max: usize) -> (Result<Value, Problem>, Vec<Problem>) {
    let fields = extract::read::<Map<String, Value>>(bytes, depth_max).map(|read| read.fields);
    let requests = [
        as_request::<topups::TopUp>,
        as_request::<payments::NewPayment>,
        as_request::<l402::NewChallenge>,
        as_request::<l402::Shown>,
        as_request::<l402::Release>,
        as_request::<accounts::NewAccount>,
        as_request::<accounts::SpendBody>,
        as_request::<offers::NewOffer>,
        as_request::<connections::NewConnection>,
        as_request::<keys::NewKey>,
        as_request::<reviews::Decision>,
        as_request::<reservations::NewReservation>,
        as_request::<reservations::Cost>,
        as_request::<corrections::NewRefund>,
        as_request::<corrections::NewClawback>,
        as_request::<corrections::NewTransfer>,
        as_request::<campaigns::NewCampaign>,
        as_request::<campaigns::NewGrant>,
        as_request::<piperoll_domain::settings::Settings>,
    ];
    let refused = requests.into_iter().filter_map(|read| read(bytes, depth_max));
    (fields, refused.collect())
}

fn as_request<T: DeserializeOwned>(bytes: &[u8], depth_max: usize) -> Option<Problem> {
    extract::read::<T>(bytes, depth_max).err()
}

/// What is wrong with a batch, or with each of its items.
pub fn batch(bytes: &[u8], key: KeyId, depth_max: usize) -> Result<Vec<Problem>, Problem> {
    let (tenant, roles) = (TenantId::roll(), BTreeSet::from([Role::Admin]));
    let who = Principal::Key { tenant: tenant.clone(), key, roles, fingerprint: Bytes::ZERO };
    batches::wrong(bytes, &Of { who, tenant }, depth_max)
}

/// A query as names and values.
pub fn query(text: &str) -> Result<BTreeMap<String, String>, Problem> {
    read_query(text)
}

/// A position, written again.
pub fn position(text: &str) -> Option<String> {
    text.parse::<Position>().ok().map(|position| position.to_string())
}
