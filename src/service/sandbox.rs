//! The wallet of a sandbox: pays its invoices, and sends the webhooks that tell of it.

use std::sync::Arc;

use crate::{
    providers::{
        http::Http,
        sandbox::{Delivery, PayError, PayOptions, Payment, Preimage, deliver},
    },
    service::{Error, Service},
};

impl Service {
    /// Pays an invoice of a sandbox of this roll, as a wallet would.
    ///
    /// The webhooks are sent from a task of their own, as late, as often and as wrong as the
    /// sandbox' faults say.
    pub async fn pay_sandbox(&self, invoice: &str, options: PayOptions) -> Result<Preimage, Error> {
        let paid = self.pay_in_sandbox(invoice, options).await?;
        self.send(paid.deliveries);
        Ok(paid.preimage)
    }

    /// The same; the caller sends the webhooks.
    pub(crate) async fn pay_in_sandbox(
        &self,
        invoice: &str,
        options: PayOptions,
    ) -> Result<Payment, Error> {
        let directory = self.engine().directory();
        let lines = directory.connections().filter_map(|(name, _)| self.line(&name).ok());
        for line in lines.collect::<Vec<_>>() {
            let Some(sandbox) = line.sandbox() else { continue };
            match sandbox.pay(invoice, options, line.now()).await {
                Ok(paid) => return Ok(paid),
                Err(PayError::Foreign) => {}
                Err(error) => return Err(Error::Sandbox(Arc::new(error))),
            }
        }
        Err(Error::NoSandbox)
    }

    fn send(&self, deliveries: Vec<Delivery>) {
        let timeout = self.settings().provider_timeout;
        self.0.tasks.spawn(async move {
            let http = match Http::try_new(timeout) {
                Ok(http) => http,
                Err(error) => return tracing::warn!(%error, "the sandbox cannot send webhooks"),
            };
            deliver(deliveries, async |delivery: Delivery| {
                if let Err(error) = delivery.post(&http).await {
                    tracing::debug!(%error, "a webhook of the sandbox was not taken");
                }
            })
            .await;
        });
    }
}
