//! What stands around every fact: where, when, by whom, because of what.

use serde::{Deserialize, Serialize};

use crate::{
    bytes::{Bytes, Id16},
    id::{Stream, TenantId},
    time::Time,
};

/// Who caused a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of caller.
    pub kind: ActorKind,
    /// Which one: a key's id, a connection, a reactor's name.
    pub id: String,
    /// A fingerprint of the credential used; never the credential.
    pub credential: Option<Bytes<8>>,
}

/// The kinds of callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A tenant's API key.
    Key,
    /// A paid L402 credential.
    Token,
    /// An operator over HTTP.
    Admin,
    /// A provider, by webhook or status.
    Provider,
    /// Our own worker.
    Reactor,
    /// An operator at the command line.
    Cli,
}

/// A caller's key for one request, and what the request was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The operation that the key is scoped to.
    pub operation: String,
    /// 1–255 printable ASCII characters.
    pub key: String,
    /// Version byte ‖ SHA-256 of the request's own fields.
    pub fingerprint: Bytes<33>,
}

/// Everything about a fact but the fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Its place in the roll: 1, 2, 3 … without gaps.
    pub position: u64,
    /// The aggregate it belongs to.
    pub stream: Stream,
    /// Its place in the stream: 1, 2, 3 … without gaps.
    pub version: u64,
    /// Position of the stream's previous event; 0 for none.
    pub previous: u64,
    /// First 16 bytes of SHA-256("piperoll.event.v1" ‖ operation id ‖ index).
    pub id: Id16,
    /// The writer's time; strictly increasing.
    pub recorded_at: Time,
    /// When it happened outside; accounting uses it, no decision does.
    pub effective_at: Option<Time>,
    /// Whose it is.
    pub tenant: TenantId,
    /// The tenant's own gapless count.
    pub tenant_version: u64,
    /// Who caused it.
    pub actor: Actor,
    /// Shared by all that follows from one request.
    pub correlation: Id16,
    /// The event that this one follows from.
    pub causation: Option<Id16>,
    /// The caller's key, on every event that the keyed command caused.
    pub idempotency: Option<Idempotency>,
}
