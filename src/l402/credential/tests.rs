use proptest::{collection::vec, prelude::*};

use super::*;
use crate::l402::token::tests::{preimage, sold};

const PREIMAGE: &str = "1111111111111111111111111111111111111111111111111111111111111111";

fn read(lines: &[&str], carriers: &[&str]) -> Result<Credential, CredentialError> {
    let bytes = |line: &&str| -> Vec<u8> { line.as_bytes().to_vec() };
    let lines: Vec<_> = lines.iter().map(bytes).collect();
    let carriers: Vec<_> = carriers.iter().map(bytes).collect();
    Credential::read(lines.iter().map(Vec::as_slice), carriers.iter().map(Vec::as_slice))
}

fn sound() -> String {
    format!("{}:{PREIMAGE}", sold().to_base64())
}

#[track_caller]
fn accepted(lines: &[&str], carriers: &[&str]) {
    let credential = read(lines, carriers).unwrap();
    assert_eq!(credential.token.identifier(), sold().identifier());
    assert!(credential.preimage.equals(&preimage()));
}

#[track_caller]
fn malformed(line: &str) -> Malformed {
    match read(&[line], &[]) {
        Err(CredentialError::Malformed(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_schemes_are_read_in_any_case() {
    for scheme in ["L402", "l402", "LSAT", "lsat", "Lsat", " L402 ", "L402 L402", "lsat L402"] {
        accepted(&[&format!("{scheme} {}", sound())], &[]);
    }
}

#[test]
fn preimages_of_either_case_are_read() {
    let upper = format!("L402 {}:{}", sold().to_base64(), "AB".repeat(32));
    let lower = format!("L402 {}:{}", sold().to_base64(), "ab".repeat(32));
    let [upper, lower] = [upper, lower].map(|line| read(&[&line], &[]).unwrap().preimage);
    assert!(upper.equals(&lower));
}

#[test]
fn other_schemes_are_passed_over() {
    let line = format!("L402 {}", sound());
    accepted(&["Bearer abc", &line], &[]);
    accepted(&["Bearer abc:def", "Basic \u{7}", &line, "L402 later"], &[]);
    accepted(&["L402 broken", &line], &[]);
    for lines in [vec![], vec!["Bearer abc"], vec![""], vec!["L4020 a:b"], vec!["L402:x"]] {
        assert!(matches!(read(&lines, &[]), Err(CredentialError::Absent)), "{lines:?}");
    }
}

#[test]
fn what_is_wrong_is_told() {
    let token = sold().to_base64();
    assert!(matches!(malformed("L402"), Malformed::Colon));
    assert!(matches!(malformed(&format!("L402 {token}")), Malformed::Colon));
    assert!(matches!(malformed(&format!("L402 {token}:")), Malformed::Preimage));
    assert!(matches!(malformed(&format!("L402 {token}:{}", &PREIMAGE[1..])), Malformed::Preimage));
    assert!(matches!(malformed(&format!("L402 {token}:{PREIMAGE}1")), Malformed::Preimage));
    assert!(matches!(malformed(&format!("L402 {token}:{}", "zz".repeat(32))), Malformed::Preimage));
    assert!(matches!(malformed(&format!("L402 :{PREIMAGE}")), Malformed::Token(_)));
    assert!(matches!(malformed(&format!("L402 x:{token}:{PREIMAGE}")), Malformed::Token(_)));
    assert!(matches!(malformed(&format!("L402 {token}\t:{PREIMAGE}")), Malformed::Characters));
    assert!(matches!(malformed(&format!("L402\t{token}:{PREIMAGE}")), Malformed::Characters));
    assert!(matches!(malformed(&format!("L402 {token}\0:{PREIMAGE}")), Malformed::Characters));
    assert!(matches!(malformed(&format!("L402 {token}ü:{PREIMAGE}")), Malformed::Characters));
    let padding = " ".repeat(TEXT_BYTES_MAX);
    assert!(matches!(malformed(&format!("L402 {padding}{}", sound())), Malformed::TooLong));
}

#[test]
fn the_first_attempt_is_the_one_complained_about() {
    let refusal = read(&["L402 nocolon", "L402 a:b"], &[]);
    assert!(matches!(refusal, Err(CredentialError::Malformed(Malformed::Colon))));
}

#[test]
fn of_several_tokens_exactly_one_may_be_ours() {
    let token = sold().to_base64();
    accepted(&[&format!("L402 {token},AgEEZm9v:{PREIMAGE}")], &[]);
    accepted(&[&format!("L402 AgEEZm9v, {token}:{PREIMAGE}")], &[]);
    let two = malformed(&format!("L402 {token},{token}:{PREIMAGE}"));
    assert!(matches!(two, Malformed::SeveralTokens));
    let none = malformed(&format!("L402 AgEE,AgEE:{PREIMAGE}"));
    assert!(matches!(none, Malformed::Token(_)));
}

#[test]
fn a_carrier_brings_the_preimage_inside() {
    let token = sold().narrowed(&format!("preimage={PREIMAGE}")).unwrap();
    let carrier = hex::encode(token.as_bytes());
    accepted(&[], &[&carrier]);
    accepted(&["Bearer abc"], &["0201", "no hex", &carrier.to_uppercase()]);
    let alone = read(&[], &[&hex::encode(sold().as_bytes())]);
    assert!(matches!(alone, Err(CredentialError::Malformed(Malformed::NoPreimage))));
    for foreign in ["", "0201036c6e64", "zz", &"00".repeat(8192)] {
        assert!(matches!(read(&[], &[foreign]), Err(CredentialError::Absent)), "{foreign}");
    }
}

#[test]
fn authorization_goes_before_carriers() {
    let other = sold().narrowed(&format!("preimage={}", "22".repeat(32))).unwrap();
    accepted(&[&format!("L402 {}", sound())], &[&hex::encode(other.as_bytes())]);
}

#[test]
fn the_seventeenth_line_is_not_looked_at() {
    let line = format!("L402 {}", sound());
    let mut lines = vec!["Bearer abc"; 16];
    lines.push(&line);
    assert!(matches!(read(&lines, &[]), Err(CredentialError::Absent)));
    accepted(&lines[1..], &[]);
}

#[test]
fn credentials_are_not_printed() {
    let shown = format!("{:?}", read(&[&format!("L402 {}", sound())], &[]).unwrap());
    assert!(!shown.contains("1111"), "{shown}");
}

proptest! {
    #[test]
    fn any_lines_are_read_or_refused(
        lines in vec(vec(any::<u8>(), 0..80), 0..4), carriers in vec(vec(any::<u8>(), 0..80), 0..4),
    ) {
        let prefixed: Vec<_> = lines.iter().map(|line| [b"L402 ", &line[..]].concat()).collect();
        let slices = |lines: &[Vec<u8>]| -> Vec<Vec<u8>> { lines.to_vec() };
        for lines in [slices(&lines), prefixed] {
            let carriers = carriers.iter().map(Vec::as_slice);
            let _ = Credential::read(lines.iter().map(Vec::as_slice), carriers);
        }
    }

    #[test]
    fn almost_credentials_are_read_or_refused(text in "(L402|lsat|Bearer)? ?[A-Za-z0-9+/=_,:-]{0,200}(:[0-9a-f]{64})?") {
        let _ = Credential::read([text.as_bytes()], [text.as_bytes()]);
    }
}
