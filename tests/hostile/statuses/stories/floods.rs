//! Strangers who want more than the limits give.

use serde_json::{Value, json};

use super::{FORWARDED, GET, POST, Teller, by_another};
use crate::server::client;

/// Strangers who ask for one invoice after another.
pub(super) async fn told(teller: &mut Teller<'_>, used_up: &Value) {
    for path in FORWARDED {
        for method in [GET, POST] {
            let path = path.replace("/paid/x", "/%0B");
            let ask = teller.door.shop(&client(), method.clone(), &path);
            let ask = ask.header("x-forwarded-uri", "/%0B").header("x-forwarded-method", "GET");
            teller.hear(method.clone(), &path, ask).await.is(400);
        }
    }
    // The limit gives way a little with time: each way is asked until it is refused.
    for turn in 0..200 {
        let wanted = json!({ "offer": "paid", "buyer": format!("eve-{turn}") });
        if teller.shop(POST, "/v1/l402/challenge", wanted).await.status == 429 {
            break;
        }
    }
    for _ in 0..200 {
        if teller.shop(POST, "/v1/l402/redeem", by_another(used_up)).await.status == 429 {
            break;
        }
    }
    for path in FORWARDED {
        for method in [GET, POST] {
            for _ in 0..5 {
                let ask = teller
                    .door
                    .shop(&client(), method.clone(), path)
                    .header("x-forwarded-uri", "/paid/x")
                    .header("x-forwarded-method", "GET");
                if teller.hear(method.clone(), path, ask).await.status == 429 {
                    break;
                }
            }
        }
    }
}
