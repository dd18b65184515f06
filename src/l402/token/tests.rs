use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use piperoll_domain::bytes::Bytes;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::l402::{preimage::Preimage, scope::tests::scope};

pub(in crate::l402) fn secrets() -> Secrets {
    Secrets::try_new(b"a secret for tests only", []).unwrap()
}

pub(in crate::l402) fn preimage() -> Preimage {
    Preimage::new([0x11; 32])
}

pub(in crate::l402) fn sold() -> Token {
    Token::mint(&secrets(), preimage().hash(), [0x22; 28], &scope()).unwrap()
}

const GOLDEN: &str = "AgEEbHNhdAJCAAAC1EmjH7smfI81Lplop54+X8lcG76qUC/WRU695aS+3CIiIiIiIiIiIiIiIiIi\
                      IiIiIiIiIiIiIiIiIiIiIiIiAAIPc2VydmljZXM9ZGVtbzowAAIcZGVtb19jYXBhYmlsaXRpZXM9\
                      cmVhZCx3cml0ZQACG2RlbW9fdmFsaWRfdW50aWw9MTg5MzQ1NjAwMAAABiDzIQQACI6evNeNMeoy\
                      LC8+LIrR/20o9QiSYqbhOGcc7Q==";
const GOLDEN_CAVEATS: [&str; 3] =
    ["services=demo:0", "demo_capabilities=read,write", "demo_valid_until=1893456000"];
/// What a library makes that takes the root key as it is.
const RAW_KEY_SIGNATURE: &str = "223a45e7d1ceeda932e67f0fb010d49f7cf7ad945bd55a7ef2f8e9a0068c8870";

fn golden_root() -> [u8; 32] {
    std::array::from_fn(|index| u8::try_from(index).unwrap())
}

fn golden_identifier() -> Identifier {
    Identifier { payment_hash: preimage().hash(), token_id: Bytes([0x22; 32]) }
}

fn signature(token: &Token) -> String {
    Bytes::<32>::from_slice(token.as_bytes().last_chunk::<32>().unwrap()).unwrap().to_string()
}

#[test]
fn the_golden_token_is_made_and_read() {
    let made = sign(&golden_root(), golden_identifier(), &GOLDEN_CAVEATS).unwrap();
    assert_eq!(made.to_base64(), GOLDEN);
    assert_eq!(made.as_bytes().len(), 190);
    let read = Token::parse(GOLDEN).unwrap();
    assert!(read.is_signed_by(&golden_root()));
    assert_eq!(*read.identifier(), golden_identifier());
    assert_eq!(read.caveats(), GOLDEN_CAVEATS.map(str::as_bytes));
}

#[test]
fn a_signature_by_the_raw_root_key_is_rejected() {
    let mut bytes = Token::parse(GOLDEN).unwrap().bytes;
    let raw = Bytes::<32>::from_hex(RAW_KEY_SIGNATURE).unwrap();
    *bytes.last_chunk_mut::<32>().unwrap() = raw.0;
    let token = Token::from_bytes(bytes).unwrap();
    assert!(!token.is_signed_by(&golden_root()));
}

#[test]
fn the_chain_is_that_of_the_other_libraries() {
    let hash = "ec4916dd28fc4c10d78e287ca5d9cc51ee1ae73cbfde08c6b37324cbfaac8bc5";
    let identifier =
        Identifier { payment_hash: Bytes::from_hex(hash).unwrap(), token_id: Bytes([0x11; 32]) };
    let token = sign(&[0; 32], identifier, &["method=POST", "path=/v1/x"]).unwrap();
    let derived = "5ea4c3c8f1669c0adc66eb98fd90063a84adc0b1fa47ed57e8c7ba635909266d";
    assert_eq!(signature(&token), derived);
    let raw = "c1e0efe6238b1158a4baab010a580faa31f7a66cfdc66401c953391789c07660";
    let mut bytes = token.bytes.clone();
    *bytes.last_chunk_mut::<32>().unwrap() = Bytes::<32>::from_hex(raw).unwrap().0;
    assert!(!Token::from_bytes(bytes).unwrap().is_signed_by(&[0; 32]));
}

#[test]
fn a_token_is_ours_under_its_own_secret_only() {
    let token = sold();
    assert_eq!(token.verify(&secrets()), Ok(()));
    let previous: Vec<&[u8]> = vec![b"another", b"a secret for tests only"];
    assert_eq!(token.verify(&Secrets::try_new(b"new", previous).unwrap()), Ok(()));
    let foreign = Secrets::try_new(b"new", []).unwrap();
    assert_eq!(token.verify(&foreign), Err(Forged::UnknownSecret));
    let forged = sign(&[0; 32], token.identifier, &scope().caveats()).unwrap();
    assert_eq!(forged.verify(&secrets()), Err(Forged::Signature));
}

#[test]
fn a_holder_narrows_and_the_chain_still_holds() {
    let narrowed = sold().narrowed("method=GET").unwrap();
    assert_eq!(narrowed.verify(&secrets()), Ok(()));
    assert_eq!(narrowed.caveats().len(), 7);
    assert_eq!(narrowed.identifier(), sold().identifier());
    let read = Token::parse(&narrowed.to_base64()).unwrap();
    assert_eq!(read.caveats(), narrowed.caveats());
}

#[test]
fn a_caveat_taken_off_breaks_the_chain() {
    let narrowed = sold().narrowed("method=GET").unwrap();
    let (head, tail) = narrowed.bytes.split_at(narrowed.bytes.len() - 35);
    let shorter = head.strip_suffix(b"\x02\x0amethod=GET\0").unwrap();
    let token = Token::from_bytes([shorter, tail].concat()).unwrap();
    assert_eq!(token.caveats().len(), 6);
    assert_eq!(token.verify(&secrets()), Err(Forged::Signature));
}

#[test]
fn what_is_not_ours_is_refused_by_name() {
    let key = MacaroonKey::generate(b"key");
    let id = golden_identifier().encode();
    let render = |macaroon: &Macaroon| macaroon.serialize(Format::V2).unwrap();
    let plain = || Macaroon::create(Some(LOCATION), &key, id).unwrap();

    let elsewhere = Macaroon::create(Some("wordclaw-l402"), &key, id).unwrap();
    assert!(matches!(Token::parse(&render(&elsewhere)), Err(BadToken::Location)));
    let nowhere = Macaroon::create(None, &key, id).unwrap();
    assert!(matches!(Token::parse(&render(&nowhere)), Err(BadToken::Location)));
    let short = Macaroon::create(Some(LOCATION), &key, &id[..65]).unwrap();
    assert!(matches!(Token::parse(&render(&short)), Err(BadToken::Identifier(_))));
    let version_1 = plain().serialize(Format::V1).unwrap();
    assert!(matches!(Token::parse(&version_1), Err(BadToken::Version)));
    let mut third = plain();
    third.add_third_party_caveat("there", &key, "id").unwrap();
    assert!(matches!(Token::parse(&render(&third)), Err(BadToken::ThirdParty)));
    let mut long = plain();
    long.add_first_party_caveat([b'x'; 513]).unwrap();
    assert!(matches!(Token::parse(&render(&long)), Err(BadToken::CaveatTooLong)));
    let mut many = plain();
    for _ in 0..65 {
        many.add_first_party_caveat("x=y").unwrap();
    }
    assert!(matches!(Token::parse(&render(&many)), Err(BadToken::TooManyCaveats)));
    let trailing = [sold().as_bytes(), &[0]].concat();
    assert!(matches!(Token::from_bytes(trailing), Err(BadToken::Macaroon(_))));
    let twice = [sold().as_bytes(), sold().as_bytes()].concat();
    assert!(matches!(Token::from_bytes(twice), Err(BadToken::Macaroon(_))));
    for text in ["{\"v\":2}", "+-==", "A", "🦀", "AgEE bHNh"] {
        assert!(matches!(Token::parse(text), Err(BadToken::Base64(_))), "{text}");
    }
    assert!(matches!(Token::parse(""), Err(BadToken::Version)));
    assert!(matches!(Token::parse(&"A".repeat(8193)), Err(BadToken::TooLong)));
}

#[test]
fn no_token_is_made_that_nobody_could_use() {
    let mint = |change: fn(&mut Scope)| {
        let mut scope = scope();
        change(&mut scope);
        Token::mint(&secrets(), preimage().hash(), [0; 28], &scope).unwrap_err()
    };
    assert!(matches!(mint(|it| it.methods = only(&[])), MintError::Scope));
    assert!(matches!(mint(|it| it.methods = only(&["get"])), MintError::Scope));
    assert!(matches!(mint(|it| it.valid_until = 0), MintError::Scope));
    assert!(matches!(mint(|it| it.valid_until = VALID_FOR_EVER + 1), MintError::Scope));
    let long = |it: &mut Scope| it.path = format!("/{}", "x".repeat(508)).parse().unwrap();
    assert!(matches!(mint(long), MintError::CaveatTooLong));
    assert!(matches!(sold().narrowed(&"x".repeat(513)), Err(MintError::CaveatTooLong)));
    let full = (6..64).fold(sold(), |token, _| token.narrowed("x=y").unwrap());
    assert!(matches!(full.narrowed("x=y"), Err(MintError::TooManyCaveats)));
    assert!(Token::parse(&full.to_base64()).is_ok());
}

fn only(methods: &[&str]) -> crate::l402::caveat::Methods {
    let methods = methods.iter().map(|method| (*method).to_owned());
    crate::l402::caveat::Methods::Only(methods.collect())
}

#[test]
fn neither_signature_nor_caveats_are_printed() {
    let token = sold().narrowed(&format!("preimage={}", "11".repeat(32))).unwrap();
    let shown = format!("{token:?}");
    assert_eq!(shown, format!("Token({:?})", token.identifier()));
}

#[test]
fn any_byte_flipped_in_any_bit_is_refused() {
    let sound = sold().bytes;
    for index in 0..sound.len() {
        for bit in 0..8 {
            let mut bytes = sound.clone();
            bytes[index] ^= 1 << bit;
            let refused = match Token::from_bytes(bytes) {
                Err(_) => true,
                Ok(token) => token.verify(&secrets()).is_err(),
            };
            assert!(refused, "byte {index}, bit {bit}");
        }
    }
}

proptest! {
    #[test]
    fn tokens_read_back_in_every_form_of_base64(
        hash: [u8; 32], random: [u8; 28], added in vec("[ -~]{0,40}", 0..4),
    ) {
        let token = Token::mint(&secrets(), Bytes(hash), random, &scope()).unwrap();
        let token = added.iter().fold(token, |token, caveat| token.narrowed(caveat).unwrap());
        for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
            let read = Token::parse(&engine.encode(token.as_bytes())).unwrap();
            prop_assert_eq!(read.as_bytes(), token.as_bytes());
            prop_assert_eq!(read.identifier(), token.identifier());
            prop_assert_eq!(read.caveats(), token.caveats());
            prop_assert_eq!(read.verify(&secrets()), Ok(()));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Token::from_bytes(bytes.clone());
        let _ = Token::from_bytes([&[VERSION_2][..], &bytes].concat());
        let _ = Token::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn damaged_tokens_are_refused(
        index: prop::sample::Index, other: u8, cut: prop::sample::Index, splice in vec(any::<u8>(), 0..8),
    ) {
        let sound = sold().bytes;
        let mut bytes = sound.clone();
        *index.get_mut(&mut bytes) = other;
        let at = cut.index(bytes.len());
        bytes.splice(at..at, splice);
        let accepted = Token::from_bytes(bytes.clone()).is_ok_and(|it| it.verify(&secrets()).is_ok());
        prop_assert_eq!(accepted, bytes == sound);
    }
}
