//! Dead letters by name alone: whose they are stands in the event that their name holds.

use piperoll_domain::{
    id::{LetterId, TenantId},
    rejection::Rejection,
};

use crate::service::{Error, Service};

impl Service {
    /// Whose letter it would be, if there is one.
    pub(crate) async fn tenant_of_letter(&self, letter: &LetterId) -> Result<TenantId, Error> {
        let recorded = 1..=self.engine().head().position;
        let opener = letter.opener().filter(|opener| recorded.contains(opener));
        let opener = opener.ok_or(Rejection::LetterNotFound)?;
        Ok(self.fact(opener).await?.envelope.tenant)
    }
}
