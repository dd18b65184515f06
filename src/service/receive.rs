//! Taking in webhooks: the sender is judged over the raw bytes, and the receipt and what it leads to
//! are one append.
//!
//! Whom a webhook is about, the provider's own names tell, or the token in the URL that we handed
//! out for one payment (see `callback`). Its tenant is the payment's; nothing in the body is asked.

use piperoll_domain::{
    bytes::{Bytes, Hash},
    claim::Claim,
    event::Event,
    id::{ConnectionId, PaymentId, ReceiptId},
    operation::ReceiveWebhook,
    payment::{LedTo, PaymentRef, Says, Status},
    receipt::{self, Lookup, Recorded, Verification},
    rejection::Rejection,
};
use reqwest::header::HeaderMap;
use sha2::{Digest, Sha256};

use crate::{
    engine::Done,
    providers::{self, Heard, Notice, Provider, Refusal},
    service::{
        Error, Principal, Service, WebhookAnswer, callback, connections::Line, seal::Field,
        settle::msat,
    },
};

/// So much of a body is kept.
const BODY_BYTES: usize = 64 * 1024;

impl Service {
    pub(super) async fn take_in(
        &self,
        connection: &ConnectionId,
        url_token: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<WebhookAnswer, Error> {
        let line = self.line(connection)?;
        let by_token = match url_token {
            Some(token) => self.proved_by(token).await?,
            None => None,
        };
        let heard = line.provider().receive(headers, body, by_token.is_some(), line.now());
        match heard {
            Heard::Verified(notice) => self.verified(&line, notice, by_token, body).await,
            Heard::Hint(notice) => self.hinted(&line, &notice, body).await,
            Heard::Refused(refusal) => Ok(self.refused(&line, refusal, body).await),
        }
    }

    /// The payment that a URL's token proves, if it does.
    async fn proved_by(&self, token: &str) -> Result<Option<PaymentRef>, Error> {
        let Some(at) = callback::names(token) else { return Ok(None) };
        let state = match self.known(&at).await {
            Ok(known) => Some(known.state),
            Err(error) if error.rejection() == Some(&Rejection::PaymentNotFound) => None,
            Err(error) => return Err(error),
        };
        // A payment that is not there is nobody's, whoever signed its name.
        let known = state.is_some();
        let proved = callback::proves(&self.settings().callbacks, token, &at, state.as_ref());
        Ok((proved && known).then_some(at))
    }

    async fn verified(
        &self,
        line: &Line,
        notice: Notice,
        by_token: Option<PaymentRef>,
        body: &[u8],
    ) -> Result<WebhookAnswer, Error> {
        let by_token =
            by_token.filter(|_| notice.verification == providers::Verification::UrlToken);
        let receipt: ReceiptId = format!("rcp_{}", self.random::<16>()?).parse()?;
        let kept = body.get(..BODY_BYTES).unwrap_or(body);
        let sealed = self.seal(None, Field::Body, kept).await?;
        let told = Recorded {
            digest: Bytes(Sha256::digest(body).into()),
            body: Some(sealed),
            ..told(line, &notice)
        };
        let (who, at) = (Principal::Provider(line.connection.clone()), notice.occurred_at);
        let wish = ReceiveWebhook { receipt: receipt.clone(), told, by_token: by_token.clone() };
        match self.happened(&who, wish, None, at).await {
            Ok(done) => Ok(taken_in(&done, receipt)),
            Err(error) if error.rejection() == Some(&Rejection::EventReceived) => {
                if notice.needs_confirmation {
                    self.follow(line, &notice, by_token).await?;
                }
                Ok(WebhookAnswer { accepted: true, duplicate: true, ..WebhookAnswer::default() })
            }
            Err(error) => Err(error),
        }
    }

    /// A word that anybody could have sent: counted, and a reason to ask.
    async fn hinted(
        &self,
        line: &Line,
        notice: &Notice,
        body: &[u8],
    ) -> Result<WebhookAnswer, Error> {
        self.refuse(&line.connection, receipt::HINT, body).await;
        let known = self.follow(line, notice, None).await?;
        let answer = WebhookAnswer { accepted: true, reason: Some("hint"), ..<_>::default() };
        Ok(WebhookAnswer { unknown_payment: !known, ..answer })
    }

    /// Asks the provider about the payment that a notice means; says whether there is one.
    async fn follow(
        &self,
        line: &Line,
        notice: &Notice,
        by_token: Option<PaymentRef>,
    ) -> Result<bool, Error> {
        let meant = match by_token {
            Some(at) => Some(at),
            None => self.meant(line, notice).await?,
        };
        let Some(at) = meant else { return Ok(false) };
        let known = self.known(&at).await?;
        if known.requested.connection == line.connection && known.state.status == Status::Pending {
            self.follow_hint(&at);
        }
        Ok(true)
    }

    /// The payment that a notice means, by the provider's names.
    async fn meant(&self, line: &Line, notice: &Notice) -> Result<Option<PaymentRef>, Error> {
        let connection = line.connection.clone();
        let by_id = notice.provider_id.clone().map(|id| Claim::ProviderPayment { connection, id });
        let network = line.provider().network().as_str().to_owned();
        let by_hash = notice.payment_hash.map(|hash| Claim::PaymentHash { network, hash });
        for claim in by_id.into_iter().chain(by_hash) {
            if let Some(taker) = self.engine().taker(&claim).await? {
                let (tenant, id) = (taker.stream.tenant, PaymentId::from(&taker.stream.id));
                return Ok(Some(PaymentRef { tenant, id }));
            }
        }
        Ok(None)
    }

    async fn refused(&self, line: &Line, refusal: Refusal, body: &[u8]) -> WebhookAnswer {
        self.refuse(&line.connection, refusal.as_str(), body).await;
        let reason = Some(refusal.as_str());
        WebhookAnswer { refused: Some(refusal), reason, ..WebhookAnswer::default() }
    }
}

/// What a receipt led to, as an answer.
fn taken_in(done: &Done, receipt: ReceiptId) -> WebhookAnswer {
    let recorded = done.events.iter().find_map(|fact| match &fact.event {
        Event::Receipt(receipt::Event::Recorded(recorded)) => Some(recorded),
        _ => None,
    });
    let led_to = recorded.map_or(LedTo::NoEffect, |recorded| recorded.led_to);
    // A hint opens a duty: the `match` reactor asks the provider, also after a crash.
    WebhookAnswer {
        accepted: true,
        unknown_payment: led_to == LedTo::Parked,
        applied: led_to == LedTo::Applied,
        reason: reason(led_to),
        receipt: Some(receipt),
        ..WebhookAnswer::default()
    }
}

const fn reason(led_to: LedTo) -> Option<&'static str> {
    match led_to {
        LedTo::Applied => None,
        LedTo::NoEffect => Some("no_effect"),
        LedTo::Parked => Some("unknown_payment"),
        LedTo::Asks => Some("needs_confirmation"),
        LedTo::Violation => Some("invalid_transition"),
        LedTo::Review => Some("review"),
        LedTo::GivenUp => Some("given_up"),
    }
}

/// What a notice tells, in the rules' words; whom it is about and what it leads to, they decide.
fn told(line: &Line, notice: &Notice) -> Recorded {
    let key = notice.verification;
    let scheme = match key {
        providers::Verification::UrlToken => "url_token",
        providers::Verification::Current | providers::Verification::Previous => "hmac-sha256",
        providers::Verification::None => "none",
    };
    Recorded {
        connection: line.connection.clone(),
        network: line.provider().network().as_str().to_owned(),
        event_id: Some(notice.replay_key()),
        digest: Hash::ZERO,
        body: None,
        verification: Verification { scheme: scheme.to_owned(), key: key.as_str().to_owned() },
        lookup: Lookup {
            provider_id: notice.provider_id.clone(),
            payment_hash: notice.payment_hash,
        },
        says: says(&notice.says),
        settlement: settlement(line.provider(), notice),
        fee: None,
        occurred_at: notice.occurred_at,
        needs_confirmation: notice.needs_confirmation,
        payment: None,
        led_to: LedTo::Parked,
    }
}

/// The name of the settlement. An event's id names a message; only the sandbox says that it names
/// the money too. With any other, two messages may tell of the same money.
fn settlement(provider: &Provider, notice: &Notice) -> Option<String> {
    match provider {
        Provider::Sandbox(_) => notice.event_id.clone(),
        Provider::Lnbits(_) => None,
    }
}

fn says(said: &providers::Says) -> Says {
    match said {
        providers::Says::Paid { received_msat } => {
            Says::Paid { received: received_msat.and_then(msat) }
        }
        providers::Says::Expired => Says::Expired { word: "expired".to_owned() },
        providers::Says::Failed => Says::Failed { word: "failed".to_owned() },
        providers::Says::Pending => Says::Pending { word: None },
        providers::Says::Other(word) => Says::Pending { word: Some(word.clone()) },
    }
}
