//! Lists at the command line: a page at a time, and never in silence.

use super::who::Who;
use crate::server::{Server, told};

/// Two lots of alice's, and two reservations.
async fn busy(server: &Server) {
    let (operator, tenant) = (Who::operator(server), Who::tenant(server));
    let mint =
        ["accounts", "mint", "alice", "--tenant", "dev", "--amount", "2", "--reason", "test"];
    for name in ["one", "two"] {
        operator.json(&[&mint[..], &["--source-id", name]].concat()).await;
        let reserve = ["reservations", "reserve", "alice", "--amount", "1", "--reservation", name];
        tenant.json(&reserve).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_goes_on_says_so_and_how() {
    let server = Server::start(&[]).await;
    busy(&server).await;
    let tenant = Who::tenant(&server);
    for list in [
        &["accounts", "lots", "alice"][..],
        &["accounts", "entries", "alice"],
        &["lots", "list", "--account", "alice"],
        &["reservations", "list", "--account", "alice"],
    ] {
        let rows = tenant.json(list).await["items"].as_array().unwrap().len();
        let mut words = [list, &["--limit", "1"]].concat();
        let mut cursors = vec![];
        loop {
            let after = cursors.last().map_or("", String::as_str).to_owned();
            let page = [&words[..], &["--after", &after]].concat();
            let output = tenant.ask(if after.is_empty() { &words } else { &page }).await;
            let said = String::from_utf8(output.stdout.clone()).unwrap();
            assert_eq!(said.lines().count(), 2, "{list:?}: {}", told(&output));
            let told = String::from_utf8(output.stderr).unwrap();
            let Some((_, next)) = told.trim_end().split_once("go on with --after ") else { break };
            cursors.push(next.to_owned());
        }
        assert_eq!(cursors.len() + 1, rows, "{list:?}");
        words = [list, &["--limit", "1001"]].concat();
        assert!(tenant.fails(&words, 1).await.contains("between 1 and 1000"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_names_the_tenant_sees_what_it_holds() {
    let server = Server::start(&[]).await;
    busy(&server).await;
    let (operator, tenant) = (Who::operator(&server), Who::tenant(&server));
    for words in [
        &["accounts", "balance", "alice"][..],
        &["accounts", "balance", "alice", "--as-of", "1"],
        &["accounts", "lots", "alice"],
        &["accounts", "lots", "alice", "--limit", "1"],
        &["reservations", "show", "one"],
        &["reservations", "list"],
    ] {
        let named = operator.json(&[words, &["--tenant", "dev"]].concat()).await;
        assert_eq!(named, tenant.json(words).await, "{words:?}");
    }
    operator.fails(&["accounts", "balance", "alice", "--tenant", "nobody"], 5).await;
    operator.fails(&["accounts", "balance", "alice"], 4).await;
}
