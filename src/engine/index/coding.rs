//! Index entries as bytes.

use piperoll_domain::{book::Slot, bytes::Hash, duty::Name, id::Item};

use super::End;
use crate::roll::Head;

pub(super) fn duty_key(name: &Name) -> String {
    let item = name.item.as_ref().map_or("", Item::as_str);
    format!("{}/{}/{item}", name.kind.as_str(), name.stream)
}

pub(super) fn encode_end(end: End) -> [u8; 16] {
    pair(end.last, end.version)
}

fn pair(high: u64, low: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&high.to_be_bytes());
    bytes[8..].copy_from_slice(&low.to_be_bytes());
    bytes
}

pub(super) fn decode_end(bytes: &[u8]) -> Option<End> {
    let (last, version) = bytes.split_first_chunk::<8>()?;
    let version = version.try_into().ok().map(u64::from_be_bytes)?;
    Some(End { last: u64::from_be_bytes(*last), version })
}

pub(super) fn encode_head(head: Head) -> Vec<u8> {
    [&head.position.to_be_bytes()[..], &head.hash.0].concat()
}

pub(super) fn decode_head(bytes: &[u8]) -> Option<Head> {
    let (position, hash) = bytes.split_first_chunk::<8>()?;
    Some(Head { position: u64::from_be_bytes(*position), hash: Hash::from_slice(hash)? })
}

/// A state as it is kept here.
pub(in crate::engine) fn encode_snapshot(slot: &Slot) -> Option<Vec<u8>> {
    rmp_serde::to_vec(slot).ok()
}

pub(super) fn decode_snapshot(bytes: &[u8]) -> Option<Slot> {
    rmp_serde::from_slice(bytes).ok()
}
