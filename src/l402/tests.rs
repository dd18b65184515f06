use super::{
    caveat::Condition,
    preimage::Preimage,
    scope::tests::{Asked, scope},
    token::tests::{preimage, secrets, sold},
    *,
};

fn presented(token: Token) -> Credential {
    Credential { token, preimage: preimage() }
}

#[test]
fn a_sound_credential_is_good_for_what_was_sold() {
    let checked = check(&secrets(), &presented(sold()), &Asked::fitting().lend()).unwrap();
    assert_eq!(checked, Checked { identifier: *sold().identifier(), scope: scope() });
}

#[test]
fn a_wrong_preimage_of_a_sound_token_is_refused() {
    let credential = Credential { token: sold(), preimage: Preimage::new([0x12; 32]) };
    assert_eq!(prove(&secrets(), &credential).err(), Some(Refusal::Preimage));
}

#[test]
fn the_preimage_inside_must_be_the_one_behind() {
    let same = sold().narrowed(&format!("preimage={}", "11".repeat(32))).unwrap();
    assert!(check(&secrets(), &presented(same.clone()), &Asked::fitting().lend()).is_ok());
    let other = same.narrowed(&format!("preimage={}", "12".repeat(32))).unwrap();
    assert_eq!(prove(&secrets(), &presented(other)).err(), Some(Refusal::Preimage));
}

#[test]
fn refusals_come_in_the_order_of_the_checks() {
    let mut asked = Asked::fitting();
    asked.now_seconds = i64::MAX;
    asked.method = "DELETE".into();
    let mut credential = presented(sold());
    credential.preimage = Preimage::new([0; 32]);
    let foreign = Secrets::try_new(b"another", []).unwrap();

    let refused = |secrets: &Secrets, credential: &Credential, asked: &Asked| {
        check(secrets, credential, &asked.lend()).unwrap_err()
    };
    let unknown = Refusal::Forged(Forged::UnknownSecret);
    assert_eq!(refused(&foreign, &credential, &asked), unknown);
    assert_eq!(refused(&secrets(), &credential, &asked), Refusal::Preimage);
    credential.preimage = preimage();
    let scope = Refusal::Caveats(CaveatRefusal::WrongScope(Condition::Method));
    assert_eq!(refused(&secrets(), &credential, &asked), scope);
    asked.method = "GET".into();
    let expired = Refusal::Caveats(CaveatRefusal::Expired);
    assert_eq!(refused(&secrets(), &credential, &asked), expired);
}

#[test]
fn a_header_is_read_and_checked_from_end_to_end() {
    let narrowed = sold().narrowed("method = GET").unwrap();
    let line = format!("LSAT {}:{}", narrowed.to_base64(), "11".repeat(32));
    let lines: [&[u8]; 2] = [b"Bearer key", line.as_bytes()];
    let credential = Credential::read(lines, []).unwrap();
    let checked = check(&secrets(), &credential, &Asked::fitting().lend()).unwrap();
    assert_eq!(checked.scope, Scope { methods: "GET".parse().unwrap(), ..scope() });
}
