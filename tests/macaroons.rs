//! Our tokens in the hands of js-macaroon: it reads them, narrows them, and cannot forge them.

use std::path::PathBuf;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    peers::{node, peer},
    server::{Ask, Server, client, msat, told},
};

const SECRET: &str = "an-l402-secret-that-only-this-test-knows";

/// A shop that has sold a token, and the witness.
struct Sold {
    server: Server,
    node: PathBuf,
    token: String,
    preimage: String,
}

impl Sold {
    async fn open() -> Option<Self> {
        let node = peer("PIPEROLL_TEST_NODE")?;
        let server = Server::start(&[("L402_SECRET", SECRET)]).await;
        let offer = json!({ "service": "maps", "path": "/maps/*", "methods": ["GET", "POST"],
            "price": msat(2_000), "gives": { "uses": { "count": 10 } } });
        server.write(Method::PUT, "/v1/offers/map", "o-1", &offer).await.is(200);
        let ask = server.door().shop(&client(), Method::GET, "/v1/l402/authorize/maps/maps/1");
        let challenge = ask.answer().await.is(402);
        let preimage = server.pay(&challenge.word("/payment_request")).await;
        Some(Self { token: challenge.token(), server, node, preimage })
    }

    /// What the witness says to each task.
    async fn witness(&self, tasks: Value) -> Vec<Value> {
        let script = "macaroon_interop.mjs";
        let output = node(&self.node, script, &[], &tasks.to_string()).await;
        assert!(output.status.success(), "{}", told(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What a request with this token is answered.
    async fn shown(&self, token: &str, method: Method, path: &str) -> u16 {
        let path = format!("/v1/l402/authorize/maps{path}");
        let ask = self.server.door().shop(&client(), method, &path);
        let credential = format!("L402 {token}:{}", self.preimage);
        ask.header("authorization", credential).answer().await.status
    }
}

/// The key of a token's chain, as docs/decisions and the protocol say: the macaroon libraries hash
/// it once more.
fn root_key(secret: &str, identifier: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let mac =
        mac.chain_update("piperoll.l402.root.v1").chain_update(hex::decode(identifier).unwrap());
    hex::encode(mac.finalize().into_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_library_reads_and_verifies_our_tokens() {
    let Some(sold) = Sold::open().await else { return };
    let seen = sold.witness(json!([{ "do": "inspect", "macaroon": sold.token }])).await.remove(0);
    let identifier = seen["identifier"].as_str().unwrap();
    assert_eq!((identifier.len(), &identifier[..4]), (2 * 66, "0000"));
    assert_eq!(seen["location"], "lsat");
    let tenant = format!("tenant={}", sold.server.door().tenant);
    let caveats = [
        "services=maps:0",
        "method=GET,POST",
        "path=/maps/*",
        &tenant,
        "amount_msat=2000",
        "maps_valid_until=9999999999",
    ];
    assert_eq!(seen["caveats"], json!(caveats));
    let verify = |secret| {
        json!({ "do": "verify", "macaroon": sold.token, "accept": caveats,
            "root_key": root_key(secret, identifier) })
    };
    let tasks = json!([verify(SECRET), verify("another-secret-that-is-as-long-as-it")]);
    let verified = sold.witness(tasks).await;
    assert_eq!(verified[0], json!({ "verified": true }));
    assert!(verified[1]["error"].is_string(), "{}", verified[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_library_narrows_is_good_for_less() {
    let Some(sold) = Sold::open().await else { return };
    let narrow =
        |caveats: Value| json!({ "do": "attenuate", "macaroon": sold.token, "caveats": caveats });
    let tasks = json!([
        narrow(json!(["method=GET"])),
        narrow(json!(["path=/maps/1"])),
        narrow(json!(["maps_valid_until=1700000000"])),
        narrow(json!(["method=GET", "method=GET,POST"])),
    ]);
    let narrowed = sold.witness(tasks).await;
    let token =
        |at: usize| narrowed[at]["macaroon"].as_str().unwrap_or_else(|| panic!("{}", narrowed[at]));
    assert_eq!(sold.shown(token(0), Method::GET, "/maps/1").await, 200);
    assert_eq!(sold.shown(token(0), Method::POST, "/maps/1").await, 403);
    assert_eq!(sold.shown(token(1), Method::POST, "/maps/1").await, 200);
    assert_eq!(sold.shown(token(1), Method::POST, "/maps/2").await, 403);
    assert_ne!(sold.shown(token(2), Method::GET, "/maps/1").await, 200, "its time is over");
    assert_ne!(sold.shown(token(3), Method::POST, "/maps/1").await, 200, "it cannot be widened");
    assert_eq!(
        sold.shown(&sold.token, Method::POST, "/maps/2").await,
        200,
        "the whole one is whole"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_library_forges_is_refused_and_the_true_one_is_the_same_bytes() {
    let Some(sold) = Sold::open().await else { return };
    let seen = sold.witness(json!([{ "do": "inspect", "macaroon": sold.token }])).await.remove(0);
    let (identifier, caveats) = (seen["identifier"].as_str().unwrap(), seen["caveats"].clone());
    let mint = |secret: &str, identifier: &str, caveats: &Value| {
        json!({ "do": "mint", "root_key": root_key(secret, identifier), "identifier": identifier,
            "location": "lsat", "caveats": caveats })
    };
    // The payment hash stands behind the two bytes of the version: somebody else's payment.
    let other = format!("{}{}{}", &identifier[..4], "ab".repeat(32), &identifier[68..]);
    let tasks = json!([
        mint(SECRET, identifier, &caveats),
        mint("another-secret-that-is-as-long-as-it", identifier, &caveats),
        mint("another-secret-that-is-as-long-as-it", &other, &caveats),
        mint(SECRET, &other, &caveats),
        mint(SECRET, identifier, &json!([])),
    ]);
    let minted = sold.witness(tasks).await;
    let token = |at: usize| minted[at]["macaroon"].as_str().unwrap();
    assert_eq!(token(0), sold.token, "whoever knows the secret makes the same bytes");
    assert_eq!(sold.shown(token(1), Method::GET, "/maps/1").await, 401);
    assert_eq!(sold.shown(token(2), Method::GET, "/maps/1").await, 401);
    assert_eq!(sold.shown(token(3), Method::GET, "/maps/1").await, 401);
    let bare = sold.shown(token(4), Method::GET, "/maps/1").await;
    assert!(bare == 401 || bare == 403, "a token without its caveats opened something: {bare}");
    assert_eq!(sold.shown(token(0), Method::GET, "/maps/1").await, 200);
    sold.server.must_be_sound().await;
}
