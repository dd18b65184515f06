//! What is derived fails: the index and the views. Nobody who writes notices, and they mend themselves.

use std::time::Duration;

use reqwest::Method;

use super::{
    Customers, Shim,
    shim::{EIO, ENOSPC, Fault, Mode, SYNC, WRITE},
};
use crate::{
    crash::chance::Chance,
    server::{Answer, Ask as _, Server, client},
};

async fn health(server: &Server) -> Answer {
    server.door().ask(&client(), Method::GET, "/health").answer().await
}

/// Lets customers ask while a file of that name cannot be written, and then while it can again.
async fn written_all_the_same(file: &'static str, error: u64) -> (Server, Customers) {
    let seed = Chance::seed();
    eprintln!("seed {seed}");
    let mut chance = Chance::new(seed);
    let mut server = Server::new(&[]);
    let mut shim = Shim::under(&mut server);
    server.open().await;
    let asking = Customers::new(&mut chance).ask(&server);
    asking.until_done(20, "before").await;
    let handle = shim.fail(Fault {
        file,
        ops: WRITE | SYNC,
        mode: Mode::Torn,
        error,
        after: chance.below(5),
        times: 0,
    });
    asking.until_done(100, "while it fails").await;
    assert!(shim.struck(&handle) > 0, "it did not fail");
    if file == "views" {
        assert_ne!(health(&server).await.is(200).body["view_failures"], 0);
    }
    shim.mend();
    asking.until_done(20, "when it is mended").await;
    let mut customers = asking.stop().await;
    assert!(!customers.was_anything_refused());
    customers.resolve(&server).await;
    customers.repeat(&server).await;
    (server, customers)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_cannot_be_written_keeps_nobody_waiting_and_is_opened_again() {
    for error in [ENOSPC, EIO] {
        let (mut server, customers) = written_all_the_same("index/", error).await;
        for _ in 0..200 {
            if server.log().contains("the index is open again") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(server.log().contains("the index is open again"), "{}", server.log());
        customers.must_be_what_the_views_say(&server).await;
        assert_eq!(server.terminate().await.code(), Some(0), "{}", server.log());
        customers.must_be_what_the_roll_says(&server).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_cannot_be_written_keep_nobody_waiting_and_catch_up_by_themselves() {
    for error in [ENOSPC, EIO] {
        let (mut server, customers) = written_all_the_same("views", error).await;
        customers.views_catch_up(&server).await;
        assert_eq!(health(&server).await.is(200).body["view_failures"], 0);
        customers.must_be_what_the_views_say(&server).await;
        assert_eq!(server.terminate().await.code(), Some(0), "{}", server.log());
        customers.must_be_what_the_roll_says(&server).await;
    }
}
