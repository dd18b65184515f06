//! What every request for money may say beside its purpose.

use piperoll_domain::{id::ConnectionId, operation::Purpose};
use serde_json::{Map, Value};

use crate::{
    api::{
        Problem,
        extract::{is_printable, must_be_reference},
        problem,
    },
    service::{Ask, For},
};

/// The most that metadata may be, in bytes of JSON.
const METADATA_BYTES_MAX: usize = 16_384;
/// The most that a payer is made to read.
const DESCRIPTION_MAX: usize = 200;
/// The longest that an invoice can be payable.
const EXPIRY_SECONDS_MAX: u32 = 31_536_000;

/// What may be said beside the purpose.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub(super) connection: Option<ConnectionId>,
    pub(super) expiry_seconds: Option<u32>,
    pub(super) reference: Option<String>,
    pub(super) metadata: Option<Map<String, Value>>,
    pub(super) description: Option<String>,
}

impl Beside {
    /// The whole wish.
    pub(super) fn ask(self, purpose: Purpose, buyer: For) -> Result<Ask, Problem> {
        must_be_reference(self.reference.as_deref())?;
        if self.expiry_seconds.is_some_and(|lasts| !(1..=EXPIRY_SECONDS_MAX).contains(&lasts)) {
            let what = format!("it is between 1 and {EXPIRY_SECONDS_MAX}");
            return Err(problem::field("expiry_seconds", &what));
        }
        let long = |text: &String| {
            text.chars().count() > DESCRIPTION_MAX || !text.chars().all(is_printable)
        };
        if self.description.as_ref().is_some_and(long) {
            let what = format!(
                "it has at most {DESCRIPTION_MAX} characters, on one line, and none that cannot be printed"
            );
            return Err(problem::field("description", &what));
        }
        Ok(Ask {
            connection: self.connection,
            expiry_seconds: self.expiry_seconds,
            reference: self.reference,
            metadata: self.metadata.map(bounded).transpose()?,
            description: self.description,
            ..Ask::plainly(purpose, buyer)
        })
    }
}

fn bounded(metadata: Map<String, Value>) -> Result<Vec<u8>, Problem> {
    let bytes = Value::Object(metadata).to_string().into_bytes();
    if bytes.len() > METADATA_BYTES_MAX {
        let what = format!("it is at most {METADATA_BYTES_MAX} bytes of JSON");
        return Err(problem::field("metadata", &what));
    }
    Ok(bytes)
}
