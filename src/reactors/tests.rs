//! The reactors as they run: nobody steps them.

use std::time::Duration;

use piperoll_domain::payment::Status;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::service::tests::house::{House, key};

#[tokio::test]
async fn what_is_paid_is_given_and_everything_ends_when_it_is_told_to() {
    let house = House::new().await;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    super::start(&house.service, &tasks, &stop);
    let ask = House::top_up("alice", 9_000);
    let checkout = house.service.checkout(&key("acme"), ask, None).await.unwrap();
    let paid = house.pay(&checkout).await;
    house.deliver(&paid.deliveries[0]).await;
    house.pass(1);
    let given = async {
        while house.payment(&checkout.payment).await.status != Status::Consumed {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), given).await.unwrap();
    assert_eq!(house.credit("alice").await, 9_000);
    stop.cancel();
    tasks.close();
    tokio::time::timeout(Duration::from_secs(5), tasks.wait()).await.unwrap();
}

#[tokio::test]
async fn a_duty_that_cannot_be_done_holds_no_other_up() {
    let house = House::new().await;
    let node = crate::service::tests::node::Node::start(&house).await;
    let connection = Some("node".parse().unwrap());
    let ask = crate::service::Ask { connection, ..House::top_up("alice", 9_000) };
    let stuck = house.service.checkout(&key("acme"), ask, None).await.unwrap();
    let challenge = house.challenge("/one").await;
    node.down(true);
    house.pass(4_000);
    house.react().await;
    assert_eq!(house.payment(&stuck.payment).await.status, Status::Pending);
    assert_eq!(house.payment(&challenge.payment).await.status, Status::Expired);
}
