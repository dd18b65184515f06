//! `bench authorize`: a reverse proxy asks whether those who paid may pass.

use std::{net::SocketAddr, sync::Arc};

use serde_json::{Value, json};

use super::{
    Ask, BoxError, Caller, Edge, Error, Load, Machine, Outside, Place, Plan, Report, Wire, edge,
    failed, http,
};

/// Credentials that are bought of each kind.
const BUYERS: usize = 64;
/// More uses than any bench needs.
pub(super) const USES: u32 = 1_000_000_000;
const DAY: u32 = 86_400;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// What all benches are asked.
    pub ask: Ask,
}

/// Measures.
pub async fn run(options: &Options) -> Result<Report, Error> {
    let place = Place::make(options.ask.data.as_deref())?;
    let durability = "each counted use is synced before it is answered";
    let mut report = Report::new("authorize", durability, Machine::look(place.path())?);
    report.asked("connections", options.ask.callers);
    report.asked("credentials", BUYERS);
    report.asked("seconds", options.ask.seconds.as_secs_f64());
    let outside = Outside::start()?;
    let edge = Edge::start(&place.house("authorize"), 1).await?;
    let plan = options.ask.plan();
    let echo = http::echo(&outside, &edge, plan.part(3), &mut report).await?;
    let pass = asked(&outside, &edge, plan, "pass", json!({ "time": { "seconds": DAY } })).await?;
    report.load("pass", &pass);
    report.found("pass_ratio", pass.per_second() / echo.per_second());
    let before = edge.house.engine().head().position;
    let uses = asked(&outside, &edge, plan, "uses", json!({ "uses": { "count": USES } })).await?;
    let appended = edge.house.engine().head().position.saturating_sub(before);
    report.must(appended >= uses.units_ever, || {
        format!("{} uses were answered and {appended} events appended", uses.units_ever)
    });
    report.load("uses", &uses);
    edge.tell_lag(&mut report).await?;
    report.against(http::ECHO, echo.per_second(), uses.per_second());
    edge.stop().await;
    Ok(report)
}

/// Sells an offer, and lets those who bought it pass again and again.
async fn asked(
    outside: &Outside,
    edge: &Edge,
    plan: Plan,
    service: &'static str,
    gives: Value,
) -> Result<Load, Error> {
    let mut shop = Shop::of(edge);
    let sold = async move { shop.sell(service, gives).await };
    let requests = outside.run(sold).await?.map_err(failed("sell what is asked for"))?;
    let address = edge.address();
    outside.ask(plan, move |number| Passer::of(address, &requests, number)).await
}

/// A caller who shows the same credential again and again.
pub(super) struct Passer {
    wire: Wire,
    request: Arc<[u8]>,
}

impl Passer {
    /// One of many; nothing is connected yet.
    pub(super) fn of(address: SocketAddr, requests: &[Arc<[u8]>], number: usize) -> Self {
        let request = requests.get(number % BUYERS).cloned().unwrap_or_default();
        Self { wire: Wire::to(address), request }
    }
}

impl Caller for Passer {
    async fn call(&mut self) -> Result<u64, BoxError> {
        self.wire.must(&self.request, 200).await?;
        Ok(1)
    }
}

/// Sells over HTTP, and pays for it.
pub(super) struct Shop {
    wire: Wire,
    key: String,
    admin: String,
}

impl Shop {
    pub(super) fn of(edge: &Edge) -> Self {
        let (key, admin) = (edge.key.clone(), edge.admin.clone());
        Self { wire: Wire::to(edge.address()), key, admin }
    }

    /// Publishes an offer, buys it so many times, and returns what shows each credential.
    pub(super) async fn sell(
        &mut self,
        name: &str,
        gives: Value,
    ) -> Result<Vec<Arc<[u8]>>, BoxError> {
        let price = json!({ "commodity": "MSAT", "amount": "1000" });
        let offer = json!({ "service": name, "path": "/*", "price": price, "gives": gives });
        let key = self.key.clone();
        self.json(&format!("PUT /v1/offers/{name}"), &key, &offer, 200).await?;
        let mut requests = vec![];
        for _ in 0..BUYERS {
            let credential = self.buy(name).await?;
            let fields = [
                ("piperoll-key", self.key.as_str()),
                ("authorization", credential.as_str()),
                ("x-original-method", "GET"),
                ("x-original-uri", "/forecast?day=1"),
            ];
            let mut request = vec![];
            edge::request(&format!("GET /v1/l402/authorize/{name}"), &fields, "", &mut request);
            // The first one gives what was promised.
            self.wire.must(&request, 200).await?;
            requests.push(request.into());
        }
        Ok(requests)
    }

    async fn buy(&mut self, offer: &str) -> Result<String, BoxError> {
        let (key, admin) = (self.key.clone(), self.admin.clone());
        let asked = json!({ "offer": offer });
        let told = self.json("POST /v1/l402/challenge", &key, &asked, 201).await?;
        let bill = json!({ "invoice": text(&told, "payment_request")? });
        let paid = self.json("POST /v1/admin/sandbox/pay", &admin, &bill, 200).await?;
        Ok(format!("L402 {}:{}", text(&told, "token")?, text(&paid, "preimage")?))
    }

    /// A token that was sold; nobody has paid for it.
    pub(super) async fn token(&mut self, offer: &str) -> Result<String, BoxError> {
        let (key, asked) = (self.key.clone(), json!({ "offer": offer }));
        let told = self.json("POST /v1/l402/challenge", &key, &asked, 201).await?;
        Ok(text(&told, "token")?.to_owned())
    }

    async fn json(
        &mut self,
        line: &str,
        key: &str,
        body: &Value,
        status: u16,
    ) -> Result<Value, BoxError> {
        let idempotency = uuid::Uuid::new_v4().to_string();
        let fields = [
            ("piperoll-key", key),
            ("idempotency-key", idempotency.as_str()),
            ("content-type", "application/json"),
        ];
        let mut request = vec![];
        edge::request(line, &fields, &body.to_string(), &mut request);
        Ok(serde_json::from_slice(self.wire.must(&request, status).await?.body)?)
    }
}

fn text<'a>(told: &'a Value, name: &str) -> Result<&'a str, BoxError> {
    told.get(name).and_then(Value::as_str).ok_or_else(|| format!("no {name} in {told}").into())
}
