use std::{collections::BTreeSet, fs, path::PathBuf};

use tempfile::TempDir;

use super::*;
use crate::secret::{Secret, Secrets};

const NOW: Time = Time::from_seconds(1_700_000_000);
const ROLL: Id16 = Bytes([7; 16]);
const FIRST: &str = "the-first-master-key-0123456789abcdef";
const SECOND: &str = "the-second-master-key-0123456789abcde";

struct Place {
    _directory: TempDir,
    file: PathBuf,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    Place { file: directory.path().join("keyring.db"), _directory: directory }
}

fn masters(current: &str, previous: &[&str]) -> Masters {
    let previous = previous.iter().map(|text| Secret::parse(text).unwrap()).collect();
    Masters::new(&Secrets { current: Secret::parse(current).unwrap(), previous })
}

async fn opened(place: &Place) -> Keyring {
    Keyring::open(&place.file, masters(FIRST, &[])).await.unwrap()
}

fn metadata() -> AssociatedData {
    AssociatedData::new(ROLL, None, "payment.requested.v1", "metadata")
}

fn writer(keyring: &Keyring) -> &Writer {
    match &keyring.shelf {
        Shelf::File { writer, .. } => writer,
        Shelf::Memory(_) => panic!("there is no file"),
    }
}

#[tokio::test]
async fn what_was_sealed_opens_after_a_restart() {
    let place = place();
    let keyring = opened(&place).await;
    let sealed = keyring.seal(&metadata(), b"order 7", NOW).await.unwrap();
    assert!(!sealed.ciphertext.0.windows(5).any(|window| window == b"order"));
    drop(keyring);

    let keyring = opened(&place).await;
    let text = keyring.unseal(&sealed, &metadata()).await.unwrap();
    assert_eq!(text.as_deref(), Some(&b"order 7"[..]));
}

#[tokio::test]
async fn a_key_is_on_disk_before_anything_sealed_under_it_is_handed_out() {
    let place = place();
    let keyring = opened(&place).await;
    let sealed = keyring.seal(&metadata(), b"x", NOW).await.unwrap();

    // Another process sees it at once, though this one never closed.
    let other = opened(&place).await;
    assert!(other.unseal(&sealed, &metadata()).await.unwrap().is_some());
}

#[tokio::test]
async fn one_changed_bit_is_noticed() {
    let place = place();
    let keyring = opened(&place).await;
    let sealed = keyring.seal(&metadata(), b"order 7", NOW).await.unwrap();

    for index in 0..sealed.ciphertext.0.len() {
        let mut forged = sealed.clone();
        forged.ciphertext.0[index] ^= 1;
        let outcome = keyring.unseal(&forged, &metadata()).await;
        assert!(matches!(outcome, Err(Error::Forged { .. })), "{index}: {outcome:?}");
    }
    let mut forged = sealed.clone();
    forged.nonce.0[0] ^= 1;
    assert!(matches!(keyring.unseal(&forged, &metadata()).await, Err(Error::Forged { .. })));
    let short = Sealed { ciphertext: Blob(vec![1, 2]), ..sealed.clone() };
    assert!(matches!(keyring.unseal(&short, &metadata()).await, Err(Error::Forged { .. })));
    let newer = Sealed { v: 2, ..sealed };
    assert!(matches!(keyring.unseal(&newer, &metadata()).await, Err(Error::Scheme { v: 2 })));
}

#[tokio::test]
async fn a_text_opens_only_where_it_was_sealed() {
    let place = place();
    let keyring = opened(&place).await;
    let sealed = keyring.seal(&metadata(), b"order 7", NOW).await.unwrap();

    let elsewhere = [
        AssociatedData::new(Bytes([8; 16]), None, "payment.requested.v1", "metadata"),
        AssociatedData::new(ROLL, Some(Bytes([1; 16])), "payment.requested.v1", "metadata"),
        AssociatedData::new(ROLL, None, "payment.requested.v2", "metadata"),
        AssociatedData::new(ROLL, None, "payment.requested.v1", "invoice"),
    ];
    for place in elsewhere {
        let outcome = keyring.unseal(&sealed, &place).await;
        assert!(matches!(outcome, Err(Error::Forged { .. })), "{place:?}");
    }
}

#[test]
fn associated_data_is_roll_tenant_type_and_field() {
    let tenant = Bytes([9; 16]);
    let data = AssociatedData::new(ROLL, Some(tenant), "a.b.v1", "f");
    assert_eq!(data.as_bytes(), [&[7; 16][..], &[9; 16], b"a.b.v1f"].concat());
    let data = AssociatedData::new(ROLL, None, "a.b.v1", "f");
    assert_eq!(data.as_bytes(), [&[7; 16][..], &[0; 16], b"a.b.v1f"].concat());
}

#[tokio::test]
async fn several_texts_of_one_subject_are_erased_together() {
    let place = place();
    let keyring = opened(&place).await;
    let subject = keyring.create(NOW).await.unwrap();
    let one = keyring.seal_for(subject, &metadata(), b"one").await.unwrap();
    let two = keyring.seal_for(subject, &metadata(), b"two").await.unwrap();
    let other = keyring.seal(&metadata(), b"other", NOW).await.unwrap();
    assert_ne!(one.nonce, two.nonce);

    assert!(keyring.destroy(subject).await.unwrap());
    assert_eq!(keyring.unseal(&one, &metadata()).await.unwrap(), None);
    assert_eq!(keyring.unseal(&two, &metadata()).await.unwrap(), None);
    assert!(keyring.unseal(&other, &metadata()).await.unwrap().is_some());

    assert!(!keyring.destroy(subject).await.unwrap(), "again is harmless");
    let more = keyring.seal_for(subject, &metadata(), b"three").await;
    assert!(matches!(more, Err(Error::Erased { .. })), "{more:?}");
}

#[tokio::test]
async fn no_byte_of_a_destroyed_key_is_left_in_the_files() {
    let place = place();
    let keyring = opened(&place).await;
    let sealed = keyring.seal(&metadata(), b"x", NOW).await.unwrap();
    let _read = keyring.unseal(&sealed, &metadata()).await.unwrap();
    let row = keyring.find(sealed.subject).await.unwrap().unwrap();
    let everywhere = || {
        ["", "-wal"]
            .map(|suffix| format!("{}{suffix}", place.file.display()))
            .iter()
            .flat_map(|file| fs::read(file).unwrap_or_default())
            .collect::<Vec<_>>()
    };
    let holds = |needle: &[u8]| everywhere().windows(needle.len()).any(|window| window == needle);
    assert!(holds(&row.wrapped));

    keyring.destroy(sealed.subject).await.unwrap();
    assert!(!holds(&row.wrapped));
    assert!(!holds(&row.nonce.0));
}

#[tokio::test]
async fn a_master_key_can_be_replaced_without_losing_anything() {
    let place = place();
    let keyring = opened(&place).await;
    let mut sealed = Vec::new();
    for number in 0..20_u8 {
        sealed.push((number, keyring.seal(&metadata(), &[number], NOW).await.unwrap()));
    }
    drop(keyring);

    let both = Keyring::open(&place.file, masters(SECOND, &[FIRST])).await.unwrap();
    sealed.push((99, both.seal(&metadata(), &[99], NOW).await.unwrap()));
    assert_eq!(both.in_use().await.unwrap().iter().map(|(_, keys)| keys).sum::<u64>(), 21);
    assert_eq!(both.rewrap().await.unwrap(), 20);
    assert_eq!(both.rewrap().await.unwrap(), 0);
    assert_eq!(both.in_use().await.unwrap().len(), 1);
    drop(both);

    let second = Keyring::open(&place.file, masters(SECOND, &[])).await.unwrap();
    for (number, sealed) in sealed {
        assert_eq!(second.unseal(&sealed, &metadata()).await.unwrap(), Some(vec![number]));
    }
}

#[tokio::test]
async fn a_missing_master_key_is_noticed_at_start() {
    let place = place();
    drop(opened(&place).await);
    let outcome = Keyring::open(&place.file, masters(SECOND, &[])).await;
    assert!(matches!(outcome, Err(Error::MasterUnknown { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_wrapped_key_in_another_subjects_row_opens_nothing() {
    let place = place();
    let keyring = opened(&place).await;
    let one = keyring.create(NOW).await.unwrap();
    let other = keyring.seal(&metadata(), b"x", NOW).await.unwrap();
    let row = keyring.find(one).await.unwrap().unwrap();
    let swapped = store::Row { subject: other.subject, key: other.key, ..row };
    assert_eq!(writer(&keyring).replace(vec![swapped]).await.unwrap(), 1);

    let outcome = keyring.unseal(&other, &metadata()).await;
    assert!(matches!(outcome, Err(Error::KeyDamaged { .. })), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_seals_at_once_each_get_a_key_of_their_own() {
    let place = place();
    let keyring = opened(&place).await;
    let tasks = (0..200_u16).map(|number| {
        let keyring = keyring.clone();
        tokio::spawn(async move {
            let text = number.to_be_bytes();
            let sealed = keyring.seal(&metadata(), &text, NOW).await.unwrap();
            assert_eq!(keyring.unseal(&sealed, &metadata()).await.unwrap(), Some(text.to_vec()));
            sealed
        })
    });
    let mut subjects = BTreeSet::new();
    for task in tasks.collect::<Vec<_>>() {
        subjects.insert(task.await.unwrap().subject);
    }
    assert_eq!(subjects.len(), 200);
}

#[tokio::test]
async fn the_writer_goes_on_after_a_failure() {
    let place = place();
    let keyring = opened(&place).await;
    let subject = keyring.create(NOW).await.unwrap();
    let row = keyring.find(subject).await.unwrap().unwrap();
    let twice = writer(&keyring).create(row).await;
    assert!(matches!(twice, Err(Error::Storage { .. })), "{twice:?}");
    let sealed = keyring.seal(&metadata(), b"x", NOW).await.unwrap();
    assert!(keyring.unseal(&sealed, &metadata()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_strangers_database_is_left_alone() {
    let place = place();
    store::create(&place.file).unwrap();
    let mut stranger = store::connect(&place.file).await.unwrap();
    sqlx::raw_sql("CREATE TABLE theirs (x)").execute(&mut stranger).await.unwrap();
    let outcome = Keyring::open(&place.file, masters(FIRST, &[])).await;
    assert!(matches!(outcome, Err(Error::Foreign { .. })), "{outcome:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let place = place();
    let keyring = opened(&place).await;
    keyring.create(NOW).await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", place.file.display());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{file}");
    }
}

#[test]
fn master_keys_never_show_themselves() {
    let shown = format!("{:?}", masters(FIRST, &[SECOND]));
    assert!(!shown.contains("master-key"), "{shown}");
    assert_ne!(masters(FIRST, &[]).current().name(), masters(SECOND, &[]).current().name());
}

#[tokio::test]
async fn keys_in_memory_are_kept_wrapped_anew_and_destroyed_like_those_in_a_file() {
    let (memory, entropy) = (KeyMemory::default(), Entropy::seeded([1; 32]));
    let keyring = Keyring::in_memory(memory.clone(), masters(FIRST, &[]), entropy.clone());
    let (one, other) = (keyring.create(Time::EPOCH).await.unwrap(), keyring.create(Time::EPOCH));
    let other = other.await.unwrap();
    let again = Keyring::in_memory(memory, masters(SECOND, &[FIRST]), entropy);
    assert_eq!(again.rewrap().await.unwrap(), 2);
    assert!(again.destroy(one).await.unwrap() && !again.destroy(one).await.unwrap());
    assert!(again.find(one).await.unwrap().is_none());
    assert!(again.find(other).await.unwrap().is_some());
    assert_eq!(again.in_use().await.unwrap().len(), 1);
}
