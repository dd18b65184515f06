//! What is derived fails: the index and the views. Nobody who writes notices, and they mend themselves.

use std::{
    fs::{self, File},
    time::Duration,
};

use reqwest::Method;

use super::{
    Customers, Shim,
    customers::Asking,
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
async fn written_all_the_same(file: &'static str, mode: Mode, error: u64) -> (Server, Customers) {
    let seed = Chance::seed();
    eprintln!("seed {seed}");
    let mut chance = Chance::new(seed);
    let mut server = Server::new(&[]);
    let mut shim = Shim::under(&mut server);
    server.open().await;
    let asking = Customers::new(&mut chance).ask(&server);
    asking.until_done(20, "before").await;
    let handle =
        shim.fail(Fault { file, ops: WRITE | SYNC, mode, error, after: chance.below(5), times: 0 });
    asking.until_done(100, "while it fails").await;
    // What is derived is written a little later than it is answered.
    for _ in 0..600 {
        if shim.struck(&handle) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(shim.struck(&handle) > 0, "it did not fail");
    if file == "views" {
        views_have_failed(&server).await;
    }
    let customers = asking.stop().await;
    shim.mend();
    assert!(!customers.was_anything_refused());
    (server, customers)
}

/// Waits for the follower to say so.
async fn views_have_failed(server: &Server) {
    for _ in 0..600 {
        if health(server).await.is(200).body["view_failures"] != 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the views have not failed:\n{}", server.log());
}

/// That all is as it was told, now and after a stop.
async fn all_is_well(mut server: Server, mut customers: Customers) {
    customers.resolve(&server).await;
    customers.repeat(&server).await;
    customers.views_catch_up(&server).await;
    customers.must_be_what_the_views_say(&server).await;
    assert_eq!(health(&server).await.is(200).body["view_failures"], 0);
    assert_eq!(server.terminate().await.code(), Some(0), "{}", server.log());
    customers.must_be_what_the_roll_says(&server).await;
}

/// Waits until the log says one of these.
async fn says(server: &Server, words: &[&str]) {
    for _ in 0..1_200 {
        let log = server.log();
        if words.iter().any(|word| log.contains(word)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing happens:\n{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_cannot_be_written_keeps_nobody_waiting_and_is_opened_again() {
    let (server, customers) = written_all_the_same("index/", Mode::Fail, EIO).await;
    says(&server, &["the index is open again"]).await;
    all_is_well(server, customers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_a_full_disk_tore_keeps_nobody_waiting_and_is_made_anew_at_worst() {
    let (server, customers) = written_all_the_same("index/", Mode::Torn, ENOSPC).await;
    says(&server, &["the index is open again", "the index is whole again"]).await;
    all_is_well(server, customers).await;
}

/// A server whose index lost its journals while it could not be written, and can now; with customers
/// who go on asking.
async fn with_a_lost_index(chance: &mut Chance) -> (Server, Asking) {
    let mut server = Server::new(&[]);
    let mut shim = Shim::under(&mut server);
    server.open().await;
    let asking = Customers::new(chance).ask(&server);
    asking.until_done(100, "before").await;
    let fault =
        Fault { file: "index/", ops: WRITE, mode: Mode::Fail, error: EIO, after: 0, times: 0 };
    shim.fail(fault);
    says(&server, &["the index could not be written"]).await;
    for entry in fs::read_dir(server.data().join("index")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "jnl") {
            File::options().write(true).open(path).unwrap().set_len(0).unwrap();
        }
    }
    shim.mend();
    (server, asking)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_lost_is_made_anew_while_the_server_runs() {
    let seed = Chance::seed();
    eprintln!("seed {seed}");
    let (server, asking) = with_a_lost_index(&mut Chance::new(seed)).await;
    says(&server, &["the index is lost"]).await;
    says(&server, &["the index is whole again"]).await;
    asking.until_done(50, "after it was made anew").await;
    let customers = asking.stop().await;
    assert_eq!(health(&server).await.is(200).word("/status"), "ok");
    all_is_well(server, customers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_while_it_makes_its_index_anew_doubles_nothing() {
    let seed = Chance::seed();
    eprintln!("seed {seed}");
    let mut chance = Chance::new(seed);
    for _ in 0..4 {
        let (mut server, asking) = with_a_lost_index(&mut chance).await;
        says(&server, &["the index is lost"]).await;
        tokio::time::sleep(Duration::from_millis(chance.below(60))).await;
        server.kill();
        let customers = asking.stop().await;
        server.must_be_sound().await;
        server.open().await;
        all_is_well(server, customers).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_cannot_be_written_keep_nobody_waiting_and_catch_up_by_themselves() {
    for error in [ENOSPC, EIO] {
        let (server, customers) = written_all_the_same("views", Mode::Torn, error).await;
        all_is_well(server, customers).await;
    }
}
