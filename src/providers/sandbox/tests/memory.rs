//! A node that remembers, whatever happens to its process.

use std::fs;

use super::*;

#[tokio::test]
async fn what_was_made_and_paid_survives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.ndjson");
    let (invoice, payment) = paid(&at(&file), "paid", PayOptions::default()).await;
    let open = at(&file).create(&asked("open"), NOW).await.unwrap();

    let node = at(&file);
    assert!(matches!(status(&node, &invoice, NOW), Status::Paid { .. }));
    let again = node.pay(&invoice.payment_request, PayOptions::default(), NOW).await;
    assert!(matches!(again, Err(PayError::AlreadyPaid)), "{again:?}");
    assert_eq!(node.find(&asked("open")).unwrap(), Some(open.clone()));
    let late = node.pay(&open.payment_request, PayOptions::default(), NOW).await.unwrap();
    assert_eq!(late.preimage.payment_hash(), open.payment_hash);
    assert_ne!(late.preimage, payment.preimage);
}

#[tokio::test]
async fn every_tear_of_the_last_line_is_cut_off_and_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.ndjson");
    let (first, _) = paid(&at(&file), "first", PayOptions::default()).await;
    let kept = fs::read(&file).unwrap();
    at(&file).create(&asked("second"), NOW).await.unwrap();
    let whole = fs::read(&file).unwrap();
    for length in kept.len()..whole.len() {
        fs::write(&file, &whole[..length]).unwrap();
        let node = at(&file);
        assert_eq!(node.find(&asked("second")).unwrap(), None, "{length}");
        assert!(matches!(status(&node, &first, NOW), Status::Paid { .. }));
        drop(node);
        assert_eq!(fs::read(&file).unwrap(), kept);
    }
    at(&file).create(&asked("second"), NOW).await.unwrap();
    assert_eq!(fs::read(&file).unwrap(), whole);
}

#[tokio::test]
async fn a_line_that_no_node_wrote_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.ndjson");
    paid(&at(&file), "r", PayOptions::default()).await;
    let whole = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<&str> = whole.lines().collect();
    lines.swap(0, 1);
    for (text, wrong) in [(format!("{whole}garbage\n"), 3), (lines.join("\n") + "\n", 1)] {
        fs::write(&file, text).unwrap();
        let outcome = Sandbox::open(&SEED, secrets(), Some(&file));
        assert!(
            matches!(outcome, Err(OpenError::Corrupt { line, .. }) if line == wrong),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn two_processes_cannot_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.ndjson");
    let _first = at(&file);
    let second = Sandbox::open(&SEED, secrets(), Some(&file));
    assert!(matches!(second, Err(OpenError::InUse(_))), "{second:?}");
}

#[test]
fn nobody_else_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.ndjson");
    at(&file);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn many_creates_at_once_all_reach_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.ndjson");
    let node = at(&file);
    let creates: Vec<_> = (0..50)
        .map(|n| {
            let node = node.clone();
            tokio::spawn(async move { node.create(&asked(&format!("r{n}")), NOW).await.unwrap() })
        })
        .collect();
    for create in creates {
        create.await.unwrap();
    }
    drop(node);
    let node = at(&file);
    for n in 0..50 {
        assert!(node.find(&asked(&format!("r{n}"))).unwrap().is_some(), "{n}");
    }
}
