//! Somebody who tops up and spends, and remembers what was acknowledged and what was not.

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{WEBHOOK_SECRET, chance::Chance};
use crate::server::{Answer, Ask, Door, client, msat};

/// A top-up, as far as it came.
struct TopUp {
    key: String,
    amount: i64,
    asked: Option<Asked>,
    /// The wallet was told to pay; whether it did may be in doubt.
    paying: bool,
    preimage: Option<String>,
    /// The lot that an answer named.
    lot: Option<String>,
    /// Whether we told of it as the provider would; true once that was acknowledged.
    called: Option<bool>,
    /// It is known to be paid.
    paid: bool,
}

/// What a 402 said.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Asked {
    payment: String,
    hash: String,
    invoice: String,
    token: String,
}

impl TopUp {
    const fn new(key: String, amount: i64) -> Self {
        let (asked, preimage, lot, called) = (None, None, None, None);
        Self { key, amount, asked, paying: false, preimage, lot, called, paid: false }
    }
}

/// A spend, and its answer, if one came.
struct Spend {
    key: String,
    amount: i64,
    answer: Option<Value>,
}

pub(super) struct Buyer {
    pub(super) number: u64,
    pub(super) account: String,
    chance: Chance,
    door: Door,
    client: Client,
    keys: u64,
    top_ups: Vec<TopUp>,
    spends: Vec<Spend>,
    /// How many of them had been repeated before this round.
    repeated: (usize, usize),
    doubts: usize,
    positions: Vec<String>,
}

impl Buyer {
    pub(super) fn new(number: u64, account: String, chance: Chance, door: Door) -> Self {
        let (top_ups, spends, positions) = (vec![], vec![], vec![]);
        let (keys, repeated, doubts, client) = (0, (0, 0), 0, client());
        Self {
            number,
            account,
            chance,
            door,
            client,
            keys,
            top_ups,
            spends,
            repeated,
            doubts,
            positions,
        }
    }

    /// A new round, with connections of its own.
    pub(super) fn begin(&mut self, client: Client) {
        self.client = client;
        self.repeated = (self.top_ups.len(), self.spends.len());
    }

    /// Does one thing; whether the server still answers.
    pub(super) async fn step(&mut self, calls: bool) -> bool {
        let least = 100;
        let done = if self.spendable() >= least && !self.chance.one_in(4) {
            let all = self.spendable() - least;
            let part = self.chance.below(u64::try_from(all / 2 + 1).unwrap());
            self.spend(least + i64::try_from(part).unwrap()).await
        } else {
            self.top_up(calls).await
        };
        self.doubts += usize::from(done.is_none());
        done.is_some()
    }

    fn key(&mut self) -> String {
        self.keys += 1;
        format!("{}-{}", self.number, self.keys)
    }

    /// What may be spent whatever became of the requests in doubt.
    fn spendable(&self) -> i64 {
        let sure = self.top_ups.iter().filter(|top_up| top_up.lot.is_some() || top_up.paid);
        sure.map(|top_up| top_up.amount).sum::<i64>() - self.spent()
    }

    async fn spend(&mut self, amount: i64) -> Option<()> {
        let key = self.key();
        self.spends.push(Spend { key, amount, answer: None });
        let at = self.spends.len() - 1;
        let answer = self.spending(&self.spends[at]).sent().await?.is(201);
        self.note(&answer);
        self.spends[at].answer = Some(answer.body);
        Some(())
    }

    fn spending(&self, Spend { key, amount, .. }: &Spend) -> RequestBuilder {
        let path = format!("/v1/accounts/{}/spend", self.account);
        let ask = self.door.shop(&self.client, Method::POST, &path);
        ask.header("idempotency-key", key).json(&json!({ "amount": msat(*amount) }))
    }

    /// Asks, pays and, now and then, shows what paying revealed: the webhook does as well.
    async fn top_up(&mut self, calls: bool) -> Option<()> {
        let amount = 1_000 * (1 + i64::try_from(self.chance.below(20)).unwrap());
        let key = self.key();
        self.top_ups.push(TopUp::new(key, amount));
        let at = self.top_ups.len() - 1;
        self.ask(at).await?;
        if self.chance.one_in(8) {
            return Some(());
        }
        self.top_ups[at].paying = true;
        let asked = self.top_ups[at].asked.clone().unwrap();
        let paid = self.door.pay(&self.client, &asked.invoice).sent().await?.is(200);
        self.note(&paid);
        self.top_ups[at].preimage = Some(paid.word("/preimage"));
        self.top_ups[at].called = calls.then_some(false);
        let at_once = self.chance.one_in(2);
        // Both at once: whoever is first settles it.
        let (called, shown) = tokio::join!(
            async { if calls { self.call_twice(&asked, amount).await } else { Some(()) } },
            async { if at_once { self.show(at).await.map(Some) } else { Some(None) } },
        );
        self.top_ups[at].called = calls.then_some(called.is_some());
        if let Some(Some(answer)) = &shown {
            self.note(answer);
            self.top_ups[at].lot = Some(answer.word("/lot"));
        }
        called.and(shown).map(drop)
    }

    fn asking(&self, TopUp { key, amount, .. }: &TopUp) -> RequestBuilder {
        let ask = self.door.shop(&self.client, Method::POST, "/v1/topups");
        let body = json!({ "account": self.account, "amount": msat(*amount), "reference": key });
        ask.header("idempotency-key", key).json(&body)
    }

    /// Gets the invoice of a top-up; again, it is the same one.
    async fn ask(&mut self, at: usize) -> Option<()> {
        let answer = self.asking(&self.top_ups[at]).sent().await?.is(402);
        self.note(&answer);
        let asked = Asked::of(&answer);
        let before = self.top_ups[at].asked.replace(asked.clone());
        assert!(before.is_none_or(|before| before == asked), "the same key, another invoice");
        Some(())
    }

    /// Shows the credential of a top-up.
    async fn show(&self, at: usize) -> Option<Answer> {
        let top_up = &self.top_ups[at];
        let token = top_up.asked.as_ref().map(|asked| &asked.token)?;
        let credential = format!("L402 {token}:{}", top_up.preimage.as_ref()?);
        let answer = self.asking(top_up).header("authorization", credential).sent().await?.is(201);
        assert!(top_up.lot.as_ref().is_none_or(|lot| *lot == answer.word("/lot")), "another lot");
        Some(answer)
    }

    /// Tells of a payment as its provider would, twice at once.
    async fn call_twice(&self, asked: &Asked, amount: i64) -> Option<()> {
        let (one, other) = tokio::join!(self.call(asked, amount), self.call(asked, amount));
        let (one, other) = (one?.is(202), other?.is(202));
        let duplicate = |answer: &Answer| answer.body["duplicate"] == true;
        assert!(duplicate(&one) != duplicate(&other), "{} {}", one.text, other.text);
        Some(())
    }

    async fn call(&self, asked: &Asked, amount: i64) -> Option<Answer> {
        let event = format!("of-{}", asked.payment);
        let body = json!({
            "eventId": event, "paymentHash": asked.hash, "status": "paid", "receivedMsat": amount,
        });
        let body = body.to_string();
        let mac = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).unwrap();
        let signature = hex::encode(mac.chain_update(&body).finalize().into_bytes());
        let ask = self.door.ask(&self.client, Method::POST, "/webhooks/default");
        ask.header("x-wordclaw-payment-signature", signature).body(body).sent().await
    }

    /// Asks again about everything whose answer was lost: what was in doubt is done, once.
    pub(super) async fn resolve(&mut self) {
        self.client = client();
        for at in self.repeated.0..self.top_ups.len() {
            if self.is_lost(&self.top_ups[at].key).await {
                assert!(!self.top_ups[at].paying, "an invoice that was shown is known");
                continue;
            }
            self.ask(at).await.expect("the server answers");
            if self.top_ups[at].paying {
                self.see_paid(at).await;
                self.call_again(at).await;
            }
        }
        for at in self.repeated.1..self.spends.len() {
            if self.spends[at].answer.is_none() {
                let answer = self.spending(&self.spends[at]).answer().await.is(201);
                self.note(&answer);
                self.spends[at].answer = Some(answer.body);
            }
        }
    }

    /// Whether the server was killed after it wrote down that it would ask for an invoice and before
    /// the provider made one. Nobody was shown anything, and after its patience it is abandoned.
    async fn is_lost(&self, reference: &str) -> bool {
        let path = format!("/v1/payments?reference={reference}");
        let known = self.door.look(&self.client, &path).await.is(200);
        let Some(payment) = known.body["items"][0]["payment"].as_str() else { return false };
        let path = format!("/v1/payments/{payment}/sync");
        let synced = self.door.shop(&self.client, Method::POST, &path).answer().await.is(200);
        synced.word("/status") == "requested"
    }

    async fn see_paid(&mut self, at: usize) {
        let asked = self.top_ups[at].asked.clone().unwrap();
        if self.top_ups[at].preimage.is_none() {
            let answer = self.door.pay(&self.client, &asked.invoice).answer().await;
            match answer.status {
                200 => self.top_ups[at].preimage = Some(answer.word("/preimage")),
                // It was paid, and only the answer was lost.
                _ => assert!(answer.text.contains("already paid"), "{}", answer.text),
            }
        }
        if self.top_ups[at].preimage.is_some() {
            let answer = self.show(at).await.expect("the server answers");
            self.note(&answer);
            self.top_ups[at].lot = Some(answer.word("/lot"));
        }
        let path = format!("/v1/payments/{}/sync", asked.payment);
        loop {
            let answer = self.door.shop(&self.client, Method::POST, &path).answer().await.is(200);
            match answer.word("/status").as_str() {
                "consumed" => break,
                "paid" => tokio::task::yield_now().await,
                other => panic!("{other}: {}", answer.text),
            }
        }
        self.top_ups[at].paid = true;
    }

    /// Tells again what we told as the provider would: it is taken in, and moves nothing.
    async fn call_again(&self, at: usize) {
        let top_up = &self.top_ups[at];
        let (Some(asked), Some(acknowledged)) = (&top_up.asked, top_up.called) else { return };
        let answer = self.call(asked, top_up.amount).await.expect("the server answers").is(202);
        assert_eq!(answer.body["applied"], false, "{}", answer.text);
        assert!(!acknowledged || answer.body["duplicate"] == true, "{}", answer.text);
    }

    /// Every key of this round again: the same answers.
    pub(super) async fn repeat_the_latest(&self) {
        self.repeat(self.repeated).await;
    }

    /// Every key there ever was again.
    pub(super) async fn repeat_everything(&self) {
        self.repeat((0, 0)).await;
    }

    async fn repeat(&self, (top_ups, spends): (usize, usize)) {
        for top_up in self.top_ups[top_ups..].iter().filter(|top_up| top_up.asked.is_some()) {
            let answer = self.asking(top_up).answer().await.is(402);
            assert_eq!(top_up.asked, Some(Asked::of(&answer)), "{}", top_up.key);
        }
        for spend in &self.spends[spends..] {
            let answer = self.spending(spend).answer().await.is(201);
            assert_eq!(answer.lines("idempotency-replayed"), ["true"], "{}", spend.key);
            assert_eq!(spend.answer.as_ref(), Some(&answer.body), "{}", spend.key);
        }
    }

    fn note(&mut self, answer: &Answer) {
        self.positions = answer.lines("piperoll-position");
    }

    /// The last position that an answer showed.
    pub(super) fn positions(&self) -> impl Iterator<Item = &String> {
        self.positions.iter()
    }

    /// What has come in.
    pub(super) fn bought(&self) -> i64 {
        self.lots().map(|(_, amount)| amount).sum()
    }

    /// The payments that became lots, and how large.
    pub(super) fn lots(&self) -> impl Iterator<Item = (String, i64)> {
        let paid = self.top_ups.iter().filter(|top_up| top_up.paid);
        paid.map(|top_up| (top_up.asked.as_ref().unwrap().payment.clone(), top_up.amount))
    }

    /// What has gone out, or may have.
    pub(super) fn spent(&self) -> i64 {
        self.spends.iter().map(|spend| spend.amount).sum()
    }

    /// Lots, spends and lost answers.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let count = |length: usize| u64::try_from(length).unwrap();
        (count(self.lots().count()), count(self.spends.len()), count(self.doubts))
    }
}

impl Asked {
    fn of(answer: &Answer) -> Self {
        Self {
            payment: answer.word("/payment"),
            hash: answer.word("/payment_hash"),
            invoice: answer.word("/payment_request"),
            token: answer.token(),
        }
    }
}
