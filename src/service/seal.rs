//! Sealing and opening text, each bound to the field it stands in.

use piperoll_domain::{bytes::Id16, id::TenantId, payment::Requested, receipt, sealed::Sealed};

use crate::{
    keyring::AssociatedData,
    service::{Error, Service},
};

/// A sealed field of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// The caller's metadata.
    Metadata,
    /// The invoice.
    Invoice,
    /// A webhook's body. Sealed for the roll and not for a tenant: whose it is, is decided later.
    Body,
    /// A body of those that proved nothing.
    Sample,
}

impl Field {
    const fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::Metadata => ("payment.requested.v1", "metadata"),
            Self::Invoice => ("payment.instrument_created.v1", "invoice"),
            Self::Body => ("receipt.recorded.v1", "body"),
            Self::Sample => ("receipts.refused.v1", "sample"),
        }
    }
}

impl Service {
    /// Seals a text under a subject of its own.
    pub(super) async fn seal(
        &self,
        tenant: Option<&TenantId>,
        field: Field,
        text: &[u8],
    ) -> Result<Sealed, Error> {
        let place = self.place(tenant, field)?;
        Ok(self.keyring().seal(&place, text, self.engine().clock().now()).await?)
    }

    /// Seals one more text of a subject.
    pub(super) async fn seal_for(
        &self,
        subject: Id16,
        tenant: &TenantId,
        field: Field,
        text: &[u8],
    ) -> Result<Sealed, Error> {
        let place = self.place(Some(tenant), field)?;
        Ok(self.keyring().seal_for(subject, &place, text).await?)
    }

    /// Opens a text; none once it was erased.
    pub(super) async fn unseal(
        &self,
        tenant: Option<&TenantId>,
        field: Field,
        sealed: Option<&Sealed>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(sealed) = sealed else { return Ok(None) };
        let place = self.place(tenant, field)?;
        Ok(self.keyring().unseal(sealed, &place).await?)
    }

    /// The body of a webhook that was taken in, up to 64 KiB of it; none once it was erased.
    pub async fn webhook_body(
        &self,
        recorded: &receipt::Recorded,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.unseal(None, Field::Body, recorded.body.as_ref()).await
    }

    /// Whose data a payment's sealed text is: one subject for all of it.
    pub(super) async fn subject(&self, requested: &Requested) -> Result<Id16, Error> {
        match &requested.metadata {
            Some(metadata) => Ok(metadata.subject),
            None => Ok(self.keyring().create(self.engine().clock().now()).await?),
        }
    }

    fn place(&self, tenant: Option<&TenantId>, field: Field) -> Result<AssociatedData, Error> {
        let directory = self.engine().directory();
        let roll = directory.roll_id().ok_or(Error::NotOpen)?;
        let opened = tenant.map(|tenant| directory.opened(tenant).ok_or(Error::NotOpen));
        let uid = opened.transpose()?.map(|opened| opened.uid);
        let (event, field) = field.place();
        Ok(AssociatedData::new(roll, uid, event, field))
    }
}
