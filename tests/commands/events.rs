//! The roll's events, asked of a server as they are read from a directory.

use std::process::Output;

use serde_json::Value;

use super::who::Who;
use crate::server::{Server, piperoll, run, told};

async fn here(server: &Server, words: &[&str]) -> Output {
    let mut command = piperoll(words);
    command.arg("--data").arg(server.data());
    run(command).await
}

fn facts(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_filters_and_bounds_events_as_a_directory_does() {
    let server = Server::start(&[]).await;
    let operator = Who::operator(&server);
    for name in ["alice", "bob"] {
        let mint = ["accounts", "mint", name, "--tenant", "dev", "--amount", "1"];
        operator.json(&[&mint[..], &["--source-id", name, "--reason", "test"]].concat()).await;
    }
    for (filters, lines) in [
        (&["--type", "lot.*"][..], 2),
        (&["--type", "lot.*", "--limit", "1"], 1),
        (&["--type", "lot.minted.v1"], 2),
        (&["--limit", "3"], 3),
        (&["--limit", "3", "--after", "2"], 3),
    ] {
        let words = [&["events"], filters].concat();
        let read = here(&server, &words).await;
        let asked = operator.ask(&[&words[..], &["--remote"]].concat()).await;
        assert!(read.status.success() && asked.status.success(), "{}", told(&asked));
        let read = facts(&read);
        assert_eq!(read.len(), lines, "{filters:?}: {read:?}");
        assert_eq!(facts(&asked), read, "{filters:?}");
    }
    for kind in ["lots.*", "lot.minted"] {
        let words = ["events", "--type", kind];
        assert_eq!(here(&server, &words).await.status.code(), Some(2));
        let told = operator.fails(&[&words[..], &["--remote"]].concat(), 2).await;
        assert!(told.contains(&format!("no event is of the type `{kind}`")), "{told}");
    }
}
