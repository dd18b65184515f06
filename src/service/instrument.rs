//! An invoice that a provider made, taken into the roll with the token that it pays for.

use piperoll_domain::{
    bytes::{Bytes, Id16},
    id::Service as Sold,
    operation::RecordInstrument,
    payment::{InstrumentCreated, Promise, Protocol, Requested},
    time::Time,
};

use crate::{
    l402::{
        caveat::{Methods, VALID_FOR_EVER},
        path::PathPattern,
        scope::Scope,
        token::Token,
    },
    providers::{Invoice, Push},
    service::{
        Error, Service, TOPUPS, TOPUPS_PATH, callback, checkout::Begun, connections::Line,
        seal::Field,
    },
};

impl Service {
    /// Records an invoice. Asked again with the same one, the roll keeps what it has.
    pub(super) async fn record(
        &self,
        begun: &Begun,
        line: &Line,
        invoice: Invoice,
        subject: Id16,
    ) -> Result<(), Error> {
        let tenant = &begun.at.tenant;
        let text = invoice.payment_request.as_bytes();
        let sealed = self.seal_for(subject, tenant, Field::Invoice, text).await?;
        let sold = self.scope(begun, invoice.expires_at)?;
        let token = sold.as_ref().map(|sold| self.mint(&invoice, sold)).transpose()?;
        let unsigned = line.provider().capabilities().push == Push::Unsigned;
        let callback = || callback::digest(&callback::token(&self.settings().callbacks, &begun.at));
        let created = InstrumentCreated {
            // The payment numbers it.
            number: 0,
            connection: line.connection.clone(),
            protocol: if token.is_some() { Protocol::L402 } else { Protocol::Lightning },
            network: line.provider().network().as_str().to_owned(),
            asset: "BTC".to_owned(),
            provider_id: invoice.provider_id,
            payment_hash: Some(invoice.payment_hash),
            amount: begun.requested.price,
            expires_at: invoice.expires_at,
            invoice: Some(sealed),
            token: token.map(|token| token.identifier().token_id),
            caveats: sold.map_or_else(Vec::new, |sold| sold.caveats().into()),
            callback: unsigned.then(callback),
        };
        let (tenant, payment) = (tenant.clone(), begun.at.id.clone());
        let record = RecordInstrument { tenant, payment, created };
        self.insist(&begun.who, record, Some(begun.cause)).await?;
        Ok(())
    }

    fn mint(&self, invoice: &Invoice, sold: &Scope) -> Result<Token, Error> {
        let Bytes(random) = self.random()?;
        Ok(Token::mint(&self.0.tokens, invoice.payment_hash, random, sold)?)
    }

    /// What the token of a payment is good for; none where nothing is sold that a token opens.
    /// Everything in it is in the roll, so that it is the same whoever records the invoice.
    pub(super) fn scope(&self, begun: &Begun, expires_at: Time) -> Result<Option<Scope>, Error> {
        let Requested { promise, price, .. } = &begun.requested;
        let Some((service, methods, path)) = self.sold(begun)? else { return Ok(None) };
        let methods = methods.join(",");
        let methods = if methods.is_empty() { Ok(Methods::Any) } else { methods.parse() };
        let path: Result<PathPattern, _> = path.parse();
        let grace = self.engine().directory().settings().settlement_grace_seconds;
        let valid_until = match promise {
            Promise::Access { seconds: Some(seconds), .. } => {
                // Bought time starts at settlement, which comes at the latest after the grace.
                let end = expires_at.plus_seconds(grace).plus_seconds(*seconds);
                end.seconds().saturating_add(1).clamp(1, VALID_FOR_EVER)
            }
            Promise::Nothing {} | Promise::Credit { .. } | Promise::Access { .. } => VALID_FOR_EVER,
        };
        Ok(Some(Scope {
            service,
            methods: methods.map_err(|_| Error::Scope)?,
            path: path.map_err(|_| Error::Scope)?,
            tenant: begun.at.tenant.clone(),
            amount_msat: price.amount,
            valid_until,
        }))
    }

    fn sold(&self, begun: &Begun) -> Result<Option<(Sold, Vec<String>, String)>, Error> {
        match (&begun.requested.promise, &begun.requested.offer) {
            (Promise::Nothing {}, _) => Ok(None),
            (Promise::Access { service, methods, path, .. }, _) => {
                Ok(Some((service.clone(), methods.clone(), path.clone())))
            }
            (Promise::Credit { .. }, Some(offer)) => {
                let directory = self.engine().directory();
                let known = directory.offer(&begun.at.tenant, &offer.id);
                let terms = known.and_then(|known| known.terms.as_ref()).ok_or(Error::Scope)?;
                Ok(Some((terms.service.clone(), terms.methods.clone(), terms.path.clone())))
            }
            (Promise::Credit { .. }, None) => {
                let service = TOPUPS.parse().map_err(|_| Error::Scope)?;
                Ok(Some((service, vec![], TOPUPS_PATH.to_owned())))
            }
        }
    }
}
