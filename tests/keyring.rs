//! A keyring that was mislaid is missed before anything is sealed under another.

use std::fs;

use crate::server::Server;

const MISSED: &str = "there is a roll and no keyring";

#[tokio::test(flavor = "multi_thread")]
async fn a_start_beside_a_roll_says_that_its_keyring_is_not_there_and_no_other_start_does() {
    let mut server = Server::start(&[]).await;
    server.terminate().await;
    server.open().await;
    assert!(!server.log().contains(MISSED), "{}", server.log());
    server.terminate().await;
    let keyring = server.data().join("keyring.db");
    let kept = server.data().join("elsewhere");
    for emptied in [false, true] {
        fs::rename(&keyring, &kept).unwrap();
        if emptied {
            fs::write(&keyring, "").unwrap();
        }
        let before = server.log().len();
        server.open().await;
        let said = server.log().split_off(before);
        let line = said.lines().find(|line| line.contains(MISSED)).expect("it is told");
        assert!(line.contains("WARN") && line.contains("keyring.db"), "{line}");
        server.terminate().await;
        fs::rename(&kept, &keyring).unwrap();
    }
    let before = server.log().len();
    server.open().await;
    assert!(!server.log().split_off(before).contains(MISSED), "it is back");
}
