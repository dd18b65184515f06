//! Every secret of a whole run, looked for in everything that the run left behind: log lines at their
//! loudest, answers, metrics, facts, files, commands, messages of panics.

mod known;
mod listening;

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use self::{known::Known, listening::Listening};
use crate::server::{Answer, Ask, Server, bearer, client, msat, piperoll, told};

/// What is given to the server: a variable and its value, of which no two share a part.
const GIVEN: [(&str, &str); 15] = [
    ("PIPEROLL_ADMIN_TOKEN", "operator-Wd3k8TqzR1mVbX5nYc7LpHs2Jf9Gu4Ea"),
    ("PIPEROLL_ADMIN_TOKEN_PREV", "operator-before-Qe6ZtUi0PoKlMnBvCxYs8DfG"),
    ("PIPEROLL_MASTER_KEY", "master-Ac5Xw9Er2Ty7Ui4Op1Qs6Df3Gh8Jk0Lz"),
    ("PIPEROLL_MASTER_KEY_PREV", "master-before-Mn7Bv3Cx9Za1Sd5Fg2Hj6Kl"),
    ("L402_SECRET", "tokens-Rt4Yh8Uj2Ik6Ol0Pm5Nb9Vc3Xz7Lk1Jh"),
    ("L402_SECRET_PREV", "tokens-before-Gf6Ds2Aq8Zw4Sx0Ed5Cr9Fv3Tg"),
    ("PAYMENT_WEBHOOK_SECRET", "webhooks-By7Nh1Uj5Mk9Il3Ol8Pp2Qa6Ws0Ed"),
    ("PAYMENT_WEBHOOK_SECRET_PREV", "webhooks-before-Rf4Tg8Yh2Uj6Ik0Ol5Pz9"),
    ("PIPEROLL_METRICS_TOKEN", "metrics-Xc3Vb7Nm1Qw5Er9Ty2Ui6Op0As4Df8G"),
    ("PIPEROLL_CONNECTION__SANDBOX_SEED", "seed-Hj2Kl6Zx0Cv4Bn8Mq3We7Rt1Yu5Io9Pa"),
    ("BILLING_INTERNAL_JWT_SECRET", "services-Zk4Lp9Wn2Xb7Vc1Qe5Rt8Yu3Io6Ma0"),
    ("BILLING_INTERNAL_JWT_SECRET_PREV", "services-before-Gh7Jd2Sf5Ka9Pw1Oe4Iu8"),
    ("BILLING_ADMIN_JWT_SECRET", "administrators-Tq3Bn8Vm1Cx6Zl0Kj5Hg9Fd2Sa"),
    ("BILLING_ADMIN_JWT_SECRET_PREV", "administrators-before-Ue5Iy9Ot2Rw7Qp4Lk"),
    ("SHOP_KEY", "wallet-Sd6Fg0Hj4Kl8Zx2Cv7Bn1Mq5We9Rt3Yu"),
];
/// What a buyer says and nobody else should read.
const PERSONAL: &str = "Erika-Mustermann-Heidestrasse-17-Koeln";

/// A run, and everything that it said.
struct Run {
    server: Server,
    known: Known,
    answers: Vec<(String, Answer)>,
}

impl Run {
    async fn start(listening: &Listening) -> Self {
        let mut variables = GIVEN.to_vec();
        variables.extend([
            ("RUST_LOG", "trace"),
            ("PIPEROLL_PUBLIC_URL", "http://127.0.0.1:1"),
            ("PIPEROLL_ADMIN_JWT__TENANT", "dev"),
        ]);
        let server = Server::start(&variables).await;
        let mut known = Known::default();
        for (name, value) in GIVEN {
            known.learn(name, value);
        }
        known.learn("the key of development", &server.door().key);
        known.learn("what a buyer says", PERSONAL);
        let mut run = Self { server, known, answers: vec![] };
        run.open_a_shop(listening).await;
        run
    }

    async fn ask(&mut self, what: &str, ask: RequestBuilder) -> Answer {
        let answer = ask.answer().await;
        self.answers.push((what.to_owned(), answer.clone()));
        answer
    }

    fn shop(&self, method: Method, path: &str, body: &Value) -> RequestBuilder {
        let ask = self.server.door().shop(&client(), method, path);
        ask.header("idempotency-key", uuid::Uuid::new_v4().to_string()).json(body)
    }

    fn operator(&self, method: Method, path: &str, body: &Value) -> RequestBuilder {
        let ask = self.server.door().operator(&client(), method, path);
        ask.header("idempotency-key", uuid::Uuid::new_v4().to_string()).json(body)
    }

    /// A tenant, a key, an offer, and a wallet whose server says back whatever it is told.
    async fn open_a_shop(&mut self, listening: &Listening) {
        let body = json!({ "tenant": "acme" });
        let opened = self.operator(Method::POST, "/v1/admin/tenants", &body);
        self.ask("tenant", opened).await.is(201);
        let body = json!({ "key": "second", "roles": ["sell", "read"] });
        let issued = self.operator(Method::POST, "/v1/admin/tenants/acme/keys", &body);
        let issued = issued.answer().await.is(201);
        self.known.learn("a key that was issued", issued.body["secret"].as_str().unwrap());
        let body = json!({ "kind": "lnbits", "network": "regtest", "base_url": listening.url(),
            "key_from": "SHOP_KEY" });
        let wallet = self.operator(Method::PUT, "/v1/admin/connections/wallet", &body);
        self.ask("connection", wallet).await.is(200);
        let body = json!({ "service": "api", "path": "/paid/*", "price": msat(1_000) });
        let offer = self.shop(Method::PUT, "/v1/offers/paid", &body);
        self.ask("offer", offer).await.is(200);
    }

    /// A payment from its request to its use. What is shown to the buyer may be shown: it is learnt,
    /// and looked for everywhere else.
    async fn sell(&mut self) -> String {
        let body = json!({ "account": "alice", "amount": msat(5_000), "description": PERSONAL,
            "metadata": { "buyer": PERSONAL } });
        let door = self.server.door().clone();
        let ask = || {
            let ask = door.shop(&client(), Method::POST, "/v1/topups").json(&body);
            ask.header("idempotency-key", "sold")
        };
        let challenge = ask().answer().await.is(402);
        let token = challenge.token();
        self.known.learn("a macaroon", &token);
        self.known.learn_bytes("a macaroon's signature", &signature(&token));
        self.known.learn_bytes("a root key", &root_key(&token));
        let pay = json!({ "invoice": challenge.word("/payment_request") });
        let pay = self.operator(Method::POST, "/v1/admin/sandbox/pay", &pay);
        let preimage = pay.answer().await.is(200).word("/preimage");
        self.known.learn_bytes("a preimage", &hex::decode(&preimage).unwrap());
        let credential = format!("L402 {token}:{preimage}");
        let show = ask().header("authorization", &credential);
        self.ask("top-up", show).await.is(201);
        let forged = format!("L402 {token}:{}", "ab".repeat(32));
        let show = ask().header("authorization", forged);
        self.ask("a wrong preimage", show).await.is(401);
        credential
    }

    /// Everything that goes wrong.
    async fn stumble(&mut self, credential: &str) {
        let key = self.server.door().key.clone();
        let webhook = |path: &str| self.server.door().ask(&client(), Method::POST, path);
        let door = self.server.door();
        let gift = json!({ "amountMicro": "5", "description": "a gift" });
        let asks = [
            ("garbage", webhook("/webhooks/default").body("{")),
            ("unsigned", webhook("/webhooks/wallet").json(&json!({ "payment_hash": "ab".repeat(32), "status": "success", "amount": 1 }))),
            ("a key with a tail", door.ask(&client(), Method::GET, "/v1/offers").bearer_auth(format!("{key}x"))),
            ("two credentials", door.shop(&client(), Method::GET, "/v1/offers").bearer_auth(GIVEN[0].1)),
            ("another's key", door.ask(&client(), Method::GET, "/v1/admin/tenants").bearer_auth(&key)),
            ("a use out of scope", door.shop(&client(), Method::GET, "/v1/l402/authorize/api/paid/x?deny=401").header("authorization", credential)),
            ("an unpaid use", door.shop(&client(), Method::GET, "/v1/l402/authorize/api/paid/x?deny=401")),
            ("a wallet that fails", self.shop(Method::POST, "/v1/payments", &json!({ "amount": msat(21_000), "account": "alice", "connection": "wallet", "description": PERSONAL }))),
            ("a secret in place of its name", self.operator(Method::PUT, "/v1/admin/connections/more", &json!({ "kind": "lnbits", "network": "regtest", "base_url": "http://me:word@127.0.0.1/" }))),
            ("a bearer who signed with the wrong secret", door.ask(&client(), Method::POST, "/admin/billing/accounts/alice/mint").bearer_auth(bearer(GIVEN[11].1, "arrakis-admin", "arrakis-admin", "ada")).json(&gift)),
            ("nowhere", door.ask(&client(), Method::GET, "/nowhere").bearer_auth(&key)),
        ];
        for (what, ask) in asks {
            self.ask(what, ask).await;
        }
    }

    /// Tokens that others sign, with every secret that they may sign with.
    async fn administrate(&mut self) {
        let gift = json!({ "amountMicro": "5", "description": "a gift", "sourceId": "once" });
        for (at, status) in [(12, 201), (13, 200)] {
            let token = bearer(GIVEN[at].1, "arrakis-admin", "arrakis-billing-admin", "ada");
            let signature = token.rsplit_once('.').unwrap().1.to_owned();
            self.known.learn("a signature of an administrator's", &signature);
            let door = self.server.door().clone();
            let ask = door.ask(&client(), Method::POST, "/admin/billing/accounts/alice/mint");
            let ask = ask.bearer_auth(&token).json(&gift);
            self.ask("a gift", ask).await.is(status);
        }
    }

    /// Whatever may be read.
    async fn read(&mut self) {
        let ours = [
            "/v1/payments",
            "/v1/receipts",
            "/v1/reviews",
            "/v1/entitlements",
            "/v1/keys",
            "/v1/offers",
            "/v1/connections",
            "/v1/events?limit=1000",
            "/v1/ledger/journal",
        ];
        for path in ours {
            let ask = self.shop(Method::GET, path, &json!({}));
            self.ask(path, ask).await.is(200);
        }
        let all = [
            "/v1/admin/events?limit=1000",
            "/v1/admin/connections",
            "/v1/admin/settings",
            "/v1/admin/receipts/refused",
            "/v1/admin/duties",
            "/v1/admin/tenants",
            "/metrics",
            "/health",
            "/ready",
        ];
        for path in all {
            let ask = self.operator(Method::GET, path, &json!({}));
            self.ask(path, ask).await.is(200);
        }
    }

    /// Every record of the roll, as it was stored and before it was packed.
    async fn records(&self) -> Vec<u8> {
        let ask = self.operator(Method::GET, "/v1/admin/events?raw=true&limit=1000", &json!({}));
        let page = ask.answer().await.is(200);
        assert_eq!(page.body["end"], true);
        let events = page.body["events"].as_array().unwrap();
        let record = |event: &Value| STANDARD.decode(event["record"].as_str().unwrap()).unwrap();
        events.iter().flat_map(record).collect()
    }
}

/// The last 32 bytes of a macaroon: who has them can narrow it, and forge nothing else.
fn signature(token: &str) -> Vec<u8> {
    let bytes = STANDARD.decode(token).unwrap();
    bytes[bytes.len() - 32..].to_vec()
}

fn root_key(token: &str) -> Vec<u8> {
    use piperoll::l402::{secret::Secrets, token::Token};
    let secrets = Secrets::try_new(GIVEN[4].1.as_bytes(), []).unwrap();
    let token = Token::parse(token).unwrap();
    secrets.root_keys(token.identifier()).next().unwrap().to_vec()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_of_a_whole_run_is_found_where_it_does_not_belong() {
    let listening = Listening::start().await;
    let mut run = Run::start(&listening).await;
    let credential = run.sell().await;
    run.stumble(&credential).await;
    run.administrate().await;
    run.read().await;
    let callbacks = listening.heard();
    assert!(!callbacks.is_empty(), "the wallet was never told where to call");
    for callback in callbacks {
        run.known.learn("a callback's token", &callback);
    }
    let mut found = run.known.found("records", &run.records().await);
    run.server.terminate().await;
    run.server.open().await;
    run.read().await;
    run.server.terminate().await;
    for (what, answer) in &run.answers {
        let personal = what.starts_with("/v1/payments") || what.starts_with("/v1/events");
        let headers = format!("{:?}", answer.headers);
        let text = format!("{headers}{}", answer.text);
        let text = if personal { text.replace(PERSONAL, "") } else { text };
        found.extend(run.known.found(&format!("the answer to {what}"), text.as_bytes()));
    }
    let log = run.server.log();
    assert!(log.contains("DEBUG"), "the log is not at its loudest");
    found.extend(run.known.found("the log", log.as_bytes()));
    for file in files(&run.server.data()) {
        // The play-money node beside us, which is not us, must remember what it knows.
        if !file.ends_with("sandbox.ndjson") {
            found.extend(run.known.found(&file.display().to_string(), &fs::read(&file).unwrap()));
        }
    }
    for arguments in
        [["verify"].as_slice(), &["--json", "verify"], &["events"], &["replay"], &["config"]]
    {
        let mut command = piperoll(arguments);
        command.envs(GIVEN);
        if arguments != ["config"] {
            command.arg("--data").arg(run.server.data());
        }
        let said = told(&crate::server::run(command).await);
        assert!(!said.is_empty());
        found.extend(run.known.found(&format!("piperoll {arguments:?}"), said.as_bytes()));
    }
    found.sort();
    found.dedup();
    assert!(found.is_empty(), "{found:#?}");
}

/// Whoever panics over a thing prints it.
#[test]
fn a_panic_that_prints_what_holds_secrets_tells_none() {
    use piperoll::{
        config::{Config, Persist},
        l402::{challenge::Challenge, credential::Credential},
    };
    let token = "AgEEbHNhdAJCAAAC1EmjH7smfI81Lplop54+X8lcG76qUC/WRU695aS+3CIiIiIiIiIiIiIiIiIiIiIi\
                 IiIiIiIiIiIiIiIiIiIiAAIPc2VydmljZXM9ZGVtbzowAAIcZGVtb19jYXBhYmlsaXRpZXM9cmVhZCx3\
                 cml0ZQACG2RlbW9fdmFsaWRfdW50aWw9MTg5MzQ1NjAwMAAABiDzIQQACI6evNeNMeoyLC8+LIrR/20o\
                 9QiSYqbhOGcc7Q==";
    let mut known = Known::default();
    for (name, value) in GIVEN {
        known.learn(name, value);
    }
    known.learn("a macaroon", token);
    known.learn_bytes("a preimage", &[0x11; 32]);
    let environment = GIVEN.into_iter().chain([("PIPEROLL_DATA", "/nowhere")]);
    let config = Config::load(None, environment, Persist::No).unwrap();
    let line = format!("L402 {token}:{}", "11".repeat(32));
    let credential = Credential::read([line.as_bytes()], []).unwrap();
    let challenge = Challenge::try_new(&credential.token, "lnbcrt1").unwrap();
    let panicked = std::panic::catch_unwind(|| {
        panic!("{config:?} {credential:?} {challenge:?}");
    });
    let message = panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("lnbcrt1") && message.contains("settle_wait_ms"));
    assert_eq!(known.found("the message", message.as_bytes()), Vec::<String>::new());
}
