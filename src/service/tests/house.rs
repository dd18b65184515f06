//! A house with everything in it: a tenant, its offers, a sandbox to pay in.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use piperoll_domain::{
    book::State,
    bytes::{Bytes, Id16},
    connection::Account,
    duty::Kind as DutyKind,
    event::Event,
    id::{Kind, PaymentId, Service as Sold, Stream, TenantId},
    money::{Amount, Code, Money},
    offer::{Gives, Terms},
    operation::{DeclareConnection, IssueKey, OpenTenant, PublishOffer, Purpose},
    payment::Payment,
    tenant::{self, Role},
    time::Time,
};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    engine::{Clock, Engine, Options, start},
    keyring::{Keyring, Masters},
    l402::{self, credential::Credential},
    providers::sandbox::{Delivery, Faults, PayOptions, Sandbox},
    reactors::{ONE_BY_ONE, Reactor},
    roll::{Identity, MemoryRoll, Roll},
    secret::{Secret, Secrets},
    service::{
        Ask, Authorized, Checkout, For, Forwarded, Parts, Principal, Rate, Redeemed, Refusal,
        Service, Settings, WebhookAnswer, connections::Line,
    },
};

pub(crate) const START: Time = Time::from_seconds(1_750_000_000);
pub(crate) const SECOND: i64 = 1_000_000;
const TOKENS: &str = "what-tokens-are-sold-under-0123456789";

pub(crate) struct House {
    pub(crate) roll: MemoryRoll,
    directory: TempDir,
    pub(crate) clock: Clock,
    pub(crate) service: Service,
    engine: JoinHandle<()>,
    stop: CancellationToken,
    pub(crate) plan: Plan,
}

/// What differs from house to house.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) settle_wait: Duration,
    pub(crate) create_wait: Duration,
    pub(crate) per_address: Rate,
    pub(crate) tokens: Vec<&'static str>,
    pub(crate) vars: BTreeMap<String, String>,
    pub(crate) provider_timeout: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        let hook = ("HOOK".to_owned(), "the-webhook-secret".to_owned());
        Self {
            settle_wait: Duration::from_millis(400),
            create_wait: Duration::from_millis(400),
            per_address: Rate { burst: 1_000, per_minute: 1_000 },
            tokens: vec![TOKENS],
            vars: BTreeMap::from([hook, ("KEY".to_owned(), "the-wallets-key".to_owned())]),
            provider_timeout: Duration::from_secs(5),
        }
    }
}

pub(crate) fn random() -> Id16 {
    Bytes(*uuid::Uuid::new_v4().as_bytes())
}

fn secret(text: &str) -> Secret {
    Secret::parse(text).unwrap()
}

pub(crate) fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

pub(crate) fn acme() -> TenantId {
    tenant("acme")
}

pub(crate) fn msat(units: u64) -> Money {
    Money::msat(Amount::new(units).unwrap())
}

pub(crate) fn api() -> Sold {
    "api".parse().unwrap()
}

pub(crate) fn key(tenant: &str) -> Principal {
    let (tenant, roles) = (self::tenant(tenant), BTreeSet::from([Role::Sell]));
    Principal::Key { tenant, key: "k1".parse().unwrap(), roles, fingerprint: Bytes([1; 8]) }
}

pub(crate) fn terms(path: &str, gives: Gives) -> Terms {
    Terms {
        service: api(),
        host: None,
        methods: vec![],
        path: path.into(),
        price: msat(5_000),
        gives,
        least: None,
        most: None,
        enforcement_percent: 100,
        connection: None,
        expiry_seconds: 600,
    }
}

pub(crate) fn sandbox_account() -> Account {
    Account {
        kind: "sandbox".into(),
        network: "regtest".into(),
        base_url: None,
        key_from: None,
        webhook_secret_from: Some("HOOK".into()),
        capabilities: vec![],
    }
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::planned(Plan::default()).await
    }

    pub(crate) async fn planned(plan: Plan) -> Self {
        let identity = Identity { id: random(), name: "main".into(), created: START };
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::manual(START);
        let house = Self::on(MemoryRoll::new(identity), directory, clock, plan).await;
        house.furnish().await;
        house
    }

    async fn on(roll: MemoryRoll, directory: TempDir, clock: Clock, plan: Plan) -> Self {
        let stop = CancellationToken::new();
        let options = Options::plain(clock.clone(), [random(), random()]);
        let roll_handle = Roll::Memory(roll.clone());
        let started = start(roll_handle, directory.path(), options, stop.clone()).await;
        let (engine, task) = started.unwrap();
        let service = Service::new(parts(engine, &directory, &plan).await);
        Self { roll, directory, clock, service, engine: task, stop, plan }
    }

    async fn furnish(&self) {
        for name in ["acme", "other"] {
            self.open(name).await;
        }
        let connection = "default".parse().unwrap();
        let account = sandbox_account();
        self.cli(DeclareConnection { connection, account }).await;
        self.offer("one", terms("/one", Gives::Uses { count: 1 })).await;
        self.offer("three", terms("/three/*", Gives::Uses { count: 3 })).await;
        self.offer("hour", terms("/hour", Gives::Time { seconds: 3_600 })).await;
    }

    async fn open(&self, name: &str) {
        let opened = tenant::Opened {
            uid: random(),
            time_zone: "UTC".into(),
            locale: "en".into(),
            functional_currency: Code::USD,
        };
        self.cli(OpenTenant { tenant: tenant(name), opened }).await;
        self.cli(IssueKey {
            tenant: tenant(name),
            key: "k1".parse().unwrap(),
            digest: Bytes(Sha256::digest(format!("key-of-{name}")).into()),
            roles: BTreeSet::from([Role::Sell]),
        })
        .await;
    }

    pub(crate) async fn offer(&self, name: &str, terms: Terms) {
        let wish = PublishOffer { tenant: acme(), offer: name.parse().unwrap(), terms };
        self.cli(wish).await;
    }

    pub(crate) async fn cli(
        &self,
        wish: impl Into<piperoll_domain::operation::Operation>,
    ) -> Vec<Event> {
        let done = self.service.execute(&Principal::Cli, wish, None).await.unwrap();
        done.events.into_iter().map(|fact| fact.event).collect()
    }

    /// The process dies and another begins on what is on disk.
    pub(crate) async fn killed(self) -> Self {
        let plan = self.plan.clone();
        self.killed_into(plan).await
    }

    pub(crate) async fn killed_into(self, plan: Plan) -> Self {
        let Self { roll, directory, clock, service, engine, stop, .. } = self;
        service.finish().await;
        drop(service);
        stop.cancel();
        engine.await.unwrap();
        Self::on(roll.reopen(), directory, clock, plan).await
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(seconds * SECOND, seconds * SECOND);
    }

    /// The writer's time is ahead of a clock that stands still.
    fn blink(&self) {
        self.clock.advance(1_000, 1_000);
    }

    pub(crate) fn line(&self) -> Line {
        self.service.line(&"default".parse().unwrap()).unwrap()
    }

    pub(crate) fn sandbox(&self) -> Sandbox {
        self.line().sandbox().unwrap().clone()
    }

    pub(crate) fn faults(&self, faults: Faults) {
        self.sandbox().set_faults(faults);
    }

    /// Does everything that is due, until nothing is.
    pub(crate) async fn react(&self) {
        self.blink();
        for kind in ONE_BY_ONE {
            Reactor::new(self.service.clone(), kind).step().await;
        }
        crate::reactors::guard::step(&self.service).await;
    }

    pub(crate) async fn react_to(&self, kind: DutyKind) -> usize {
        self.blink();
        Reactor::new(self.service.clone(), kind).step().await
    }

    pub(crate) fn owes(&self, kind: DutyKind) -> usize {
        let open = self.service.engine().open_duties();
        open.into_iter().find(|open| open.kind == kind).unwrap().count
    }

    pub(crate) async fn payment(&self, id: &PaymentId) -> Payment {
        let stream = Stream::new(Kind::Payment, &acme(), id);
        match self.service.engine().look(&stream).await.unwrap().unwrap().state {
            State::Payment(payment) => *payment,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn ask(
        &self,
        path: &str,
        credential: Option<Credential>,
    ) -> Result<Authorized, Refusal> {
        self.service.authorize(&key("acme"), forwarded(path, credential)).await
    }

    /// Asks without a credential, for a challenge.
    pub(crate) async fn challenge(&self, path: &str) -> Checkout {
        match self.ask(path, None).await {
            Err(Refusal::NoCredential(checkout)) => *checkout,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn let_in(
        &self,
        path: &str,
        credential: Credential,
    ) -> Result<Redeemed, Refusal> {
        match self.ask(path, Some(credential)).await? {
            Authorized::Paid(redeemed) => Ok(redeemed),
            Authorized::Unmetered { offer } => panic!("`{offer}` is unmetered"),
        }
    }

    pub(crate) async fn pay(&self, checkout: &Checkout) -> Paid {
        self.pay_with(checkout, PayOptions::default()).await
    }

    pub(crate) async fn pay_with(&self, checkout: &Checkout, options: PayOptions) -> Paid {
        let invoice = checkout.invoice.as_deref().unwrap();
        let paid = self.service.pay_in_sandbox(invoice, options).await.unwrap();
        let preimage = hex::encode(paid.preimage.reveal());
        Paid { credential: credential(checkout, &preimage), deliveries: paid.deliveries }
    }

    pub(crate) async fn deliver(&self, delivery: &Delivery) -> WebhookAnswer {
        self.try_deliver(delivery).await.unwrap()
    }

    pub(crate) async fn try_deliver(
        &self,
        delivery: &Delivery,
    ) -> Result<WebhookAnswer, crate::service::Error> {
        let headers = headers(delivery);
        let connection = "default".parse().unwrap();
        self.service.receive(&connection, None, &headers, &delivery.body).await
    }

    pub(crate) fn top_up(account: &str, units: u64) -> Ask {
        let purpose = Purpose::TopUp {
            account: account.parse().unwrap(),
            price: msat(units),
            pool: piperoll_domain::id::Pool::general(),
            expires_after_seconds: None,
        };
        Ask::plainly(purpose, For::Application)
    }

    pub(crate) async fn credit(&self, account: &str) -> u64 {
        let stream: Stream = format!("account-acme-{account}").parse().unwrap();
        match self.service.engine().look(&stream).await.unwrap().map(|slot| slot.state) {
            Some(State::Account(account)) => account.lots().map(|lot| lot.available.units()).sum(),
            _ => 0,
        }
    }

    /// The names of all facts, in order.
    pub(crate) async fn facts(&self) -> Vec<&'static str> {
        let last = self.service.engine().head().position;
        let mut names = vec![];
        for position in 1..=last {
            names.push(self.service.fact(position).await.unwrap().event.name());
        }
        names
    }

    pub(crate) async fn count(&self, name: &str) -> usize {
        self.facts().await.into_iter().filter(|fact| *fact == name).count()
    }
}

/// A payment that went through: what to show for it, and the webhooks that tell of it.
pub(crate) struct Paid {
    pub(crate) credential: Credential,
    pub(crate) deliveries: Vec<Delivery>,
}

pub(crate) fn credential(checkout: &Checkout, preimage: &str) -> Credential {
    let line = format!("L402 {}:{preimage}", checkout.token.as_deref().unwrap());
    Credential::read([line.as_bytes()], []).unwrap()
}

pub(crate) fn headers(delivery: &Delivery) -> HeaderMap {
    let headers = delivery.headers.iter().map(|(name, value)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    });
    headers.collect()
}

pub(crate) fn forwarded(path: &str, credential: Option<Credential>) -> Forwarded {
    let absent = l402::credential::CredentialError::Absent;
    Forwarded {
        service: api(),
        host: Some("api.example".into()),
        method: "GET".into(),
        path: path.into(),
        credential: credential.ok_or(absent),
        request_id: None,
        body_digest: None,
        client: Some("203.0.113.7".parse().unwrap()),
        user: None,
        account: None,
        deny_401: false,
    }
}

async fn parts(engine: Engine, directory: &TempDir, plan: &Plan) -> Parts {
    let master = secret("the-master-key-of-a-house-0123456789");
    let masters = Masters::new(&Secrets { current: master, previous: vec![] });
    let keyring = Keyring::open(&directory.path().join("keyring.db"), masters).await.unwrap();
    let mut secrets = plan.tokens.iter().map(|text| text.as_bytes());
    let current = secrets.next().unwrap();
    let tokens = l402::secret::Secrets::try_new(current, secrets).unwrap();
    let vars = plan.vars.clone();
    let callbacks = secret("what-callbacks-are-signed-with-012345");
    let vars = Arc::new(move |name: &str| vars.get(name).cloned());
    let settings = Settings {
        public_url: Some("http://127.0.0.1:4020/".into()),
        settle_wait: plan.settle_wait,
        create_wait: plan.create_wait,
        mint_per_address: plan.per_address,
        provider_timeout: plan.provider_timeout,
        real_money_in_development: true,
        sandbox_directory: Some(directory.path().join("sandbox")),
        sandbox_seed: [7; 32],
        ..Settings::plain(callbacks, vars)
    };
    let admin = Some(Secrets { current: secret("the-operators-token"), previous: vec![] });
    Parts { engine, keyring, tokens, admin, settings }
}
