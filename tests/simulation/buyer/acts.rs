//! What a buyer does without a key: pays, comes for what was bought, and tries what must not work.

use piperoll::{
    l402::credential::{Credential, CredentialError},
    providers::sandbox::PayOptions,
    service::{
        Authorized, For, Forwarded, Opens, Redeemed, Refusal, TOPUPS, TOPUPS_PATH, UseRequest,
    },
};
use piperoll_domain::id::PaymentId;

use super::{Bought, Held, Visit};
use crate::simulation::{house::key_of, wallet::Paid, world::Letter};

const PATHS: [&str; 3] = ["/one", "/three/of", "/hour"];

impl Visit {
    pub(super) async fn ask_for_a_challenge(&self) {
        let path = *self.me(|me| me.dice.pick(&PATHS)).unwrap();
        match self.authorize(path, None, None).await {
            Err(Refusal::NoCredential(checkout)) => {
                self.world.step(format!("{} asks for {path}: {}", self.number, checkout.payment));
                self.world.told_head(checkout.head);
                let held = Held::of(&checkout, path);
                self.me(|me| me.invoices.extend(held));
            }
            other => self.step_refused(&format!("asks for {path}"), &other),
        }
    }

    /// Pays an invoice: as it says, or too little, too much, once more, too late.
    pub(super) async fn pay(&self) {
        let held = self.me(|me| {
            let invoices = me.invoices.clone();
            let recent = invoices.len().saturating_sub(4);
            let old = me.dice.below(6) == 0;
            me.dice.pick(if old { &invoices } else { &invoices[recent..] }).cloned()
        });
        let Some(held) = held else { return self.ask_again().await };
        let msat = match self.roll(24) {
            0 => 1 + held.msat / 2,
            1 => held.msat * 2,
            2 => held.msat + 1,
            _ => held.msat,
        };
        let options = PayOptions { amount_msat: Some(msat), faults: None };
        let now = self.service.engine().clock().now();
        match self.world.node.pay(&held.invoice, options, now).await {
            Ok(paid) => {
                let preimage = hex::encode(paid.preimage.reveal());
                let mut state = self.world.state();
                state.wallet.note(held.hash, Paid { msat, at: now });
                let (wall, letters) = (state.trace.steps, paid.deliveries);
                drop(state);
                self.post(letters);
                self.world
                    .step(format!("{} pays {msat} for {} ({wall})", self.number, held.payment));
                self.me(|me| me.bought.push(Bought { held, preimage }));
            }
            Err(error) => {
                self.world.step(format!("{} cannot pay {}: {error}", self.number, held.payment));
            }
        }
    }

    fn post(&self, letters: Vec<piperoll::providers::sandbox::Delivery>) {
        let now = self.uptime.micros();
        let mut state = self.world.state();
        for delivery in letters {
            let after = i64::try_from(delivery.after.as_micros()).unwrap();
            let number = u64::try_from(state.trace.steps).unwrap() * 100
                + u64::try_from(state.mail.len()).unwrap();
            state.mail.push(Letter { number, due: now + after, tries: 0, delivery });
        }
    }

    /// Comes for what was bought, sometimes twice with one request, sometimes twice at once.
    pub(super) async fn use_it(&self) {
        let bought = self.me(|me| {
            let bought = me.bought.clone();
            let recent = bought.len().saturating_sub(5);
            me.dice.pick(&bought[recent..]).cloned()
        });
        let Some(bought) = bought else { return self.pay().await };
        let request = self.me(|me| {
            me.requests += 1;
            format!("request-{}-{}", me.number, me.requests)
        });
        match self.roll(5) {
            0 => {
                tokio::join!(self.come(&bought, &request), self.come(&bought, &request));
            }
            1 => {
                self.come(&bought, &request).await;
                self.come(&bought, &request).await;
            }
            _ => self.come(&bought, &request).await,
        }
    }

    async fn come(&self, bought: &Bought, request: &str) {
        let Some(token) = &bought.held.token else { return };
        let credential = credential(token, &bought.preimage);
        let path = &bought.held.path;
        let redeemed = self.present(path, credential, request).await;
        match redeemed {
            Ok(redeemed) => {
                self.world
                    .step(format!("{} is let in at {path}: {:?}", self.number, redeemed.opens));
                self.let_in(bought, &redeemed);
            }
            Err(refusal) => self.step_refused(&format!("comes to {path}"), &Err::<(), _>(refusal)),
        }
    }

    fn let_in(&self, bought: &Bought, redeemed: &Redeemed) {
        self.world.told_head(redeemed.head);
        let paid = self.world.state().wallet.paid(bought.held.hash);
        self.world.must(paid >= bought.held.msat, "nobody is let in who has not paid", || {
            format!("{paid} of {} for {}", bought.held.msat, bought.held.payment)
        });
        if let Opens::Use { entitlement, number, repeated: false, .. } = &redeemed.opens {
            let used = (entitlement.clone(), *number);
            let new = self.me(|me| {
                let new = !me.uses.contains(&used);
                me.uses.push(used.clone());
                new
            });
            self.world.must(new, "a use is given once", || format!("{used:?}"));
        }
    }

    async fn present(
        &self,
        path: &str,
        credential: Credential,
        request: &str,
    ) -> Result<Redeemed, Refusal> {
        if path != TOPUPS_PATH {
            return match self.authorize(path, Some(credential), Some(request)).await? {
                Authorized::Paid(redeemed) => Ok(redeemed),
                Authorized::Unmetered { .. } => Err(Refusal::Denied),
            };
        }
        let request = UseRequest {
            who: self.who().0,
            service: TOPUPS.parse().unwrap(),
            method: "POST".to_owned(),
            path: path.to_owned(),
            request_id: Some(request.to_owned()),
            body_digest: None,
            buyer: For::Application,
        };
        self.service.redeem(credential, request).await
    }

    async fn authorize(
        &self,
        path: &str,
        credential: Option<Credential>,
        request: Option<&str>,
    ) -> Result<Authorized, Refusal> {
        let (who, _) = self.who();
        let forwarded = Forwarded {
            service: "api".parse().unwrap(),
            host: Some("api.example".into()),
            method: "GET".into(),
            path: path.into(),
            credential: credential.ok_or(CredentialError::Absent),
            request_id: request.map(str::to_owned),
            body_digest: None,
            client: Some("203.0.113.7".parse().unwrap()),
            user: (self.roll(2) == 0).then(|| format!("user-{}", self.number)),
            account: None,
            deny_401: false,
        };
        self.service.authorize(&who, forwarded).await
    }

    /// Tries another's preimage, and a bought credential at another tenant's door.
    pub(super) async fn steal(&self) {
        let (unpaid, bought) = self.me(|me| {
            let (invoices, bought) = (me.invoices.clone(), me.bought.clone());
            (me.dice.pick(&invoices).cloned(), me.dice.pick(&bought).cloned())
        });
        let Some(bought) = bought else { return };
        if let Some(unpaid) = unpaid.filter(|unpaid| unpaid.hash != bought.held.hash) {
            let Some(token) = &unpaid.token else { return };
            let stolen = credential(token, &bought.preimage);
            let outcome = self.present(&unpaid.path, stolen, "stolen").await;
            self.world.step(format!(
                "{} steals {}: {}",
                self.number,
                unpaid.payment,
                outcome.is_ok()
            ));
            self.world.must(outcome.is_err(), "another's preimage opens nothing", || {
                format!("{outcome:?}")
            });
            return;
        }
        self.trespass(&bought).await;
    }

    async fn trespass(&self, bought: &Bought) {
        let Some(token) = &bought.held.token else { return };
        let stranger = if self.me(|me| me.tenant) == "acme" { "other" } else { "acme" };
        let request = UseRequest {
            who: key_of(stranger),
            service: "api".parse().unwrap(),
            method: "GET".to_owned(),
            path: bought.held.path.clone(),
            request_id: None,
            body_digest: None,
            buyer: For::Application,
        };
        let outcome = self.service.redeem(credential(token, &bought.preimage), request).await;
        self.world.step(format!("{} trespasses: {}", self.number, outcome.is_ok()));
        self.world.must(outcome.is_err(), "no tenant's door opens to another's token", || {
            format!("{outcome:?}")
        });
    }

    /// Asks how a payment stands, which asks the provider.
    pub(super) async fn look(&self) {
        let payment: Option<PaymentId> = self.me(|me| {
            let invoices = me.invoices.clone();
            me.dice.pick(&invoices).map(|held| held.payment.clone())
        });
        let Some(payment) = payment else { return };
        let tenant = self.me(|me| me.tenant).parse().unwrap();
        let stands = self.service.sync(&tenant, &payment).await;
        let stands = stands.map(|payment| payment.status).map_err(|error| error.to_string());
        self.world.step(format!("{} asks about {payment}: {stands:?}", self.number));
    }

    fn step_refused(&self, doing: &str, outcome: &Result<impl std::fmt::Debug, Refusal>) {
        let said = match outcome {
            Ok(let_in) => format!("{let_in:?}"),
            Err(Refusal::Error(error)) => error.to_string(),
            Err(refusal) => refusal.to_string(),
        };
        if let Err(
            Refusal::Unsettled(checkout)
            | Refusal::UsedUp(checkout)
            | Refusal::Expired(checkout)
            | Refusal::NoCredential(checkout),
        ) = outcome
        {
            self.world.told_head(checkout.head);
        }
        self.world.step(format!("{} {doing}: {said}", self.number));
    }
}

fn credential(token: &str, preimage: &str) -> Credential {
    let line = format!("L402 {token}:{preimage}");
    Credential::read([line.as_bytes()], []).unwrap()
}
