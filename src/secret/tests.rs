use super::*;

#[test]
fn a_secret_never_shows_itself() {
    let secrets = Secrets {
        current: Secret::parse("hunter2-hunter2").unwrap(),
        previous: vec![Secret::parse("hunter1-hunter1").unwrap()],
    };
    let json = serde_json::to_string(&secrets.current).unwrap();
    for shown in [format!("{secrets:?}"), secrets.current.to_string(), json] {
        assert!(!shown.contains("hunter"), "{shown}");
    }
}

#[test]
fn a_fingerprint_is_the_beginning_of_the_sha_256() {
    // printf abc | sha256sum
    assert_eq!(Secret::parse("abc").unwrap().fingerprint().to_string(), "ba7816bf");
}

#[test]
fn what_was_copied_badly_is_refused() {
    for (text, why) in [
        ("", Refused::Empty),
        (" abcdef", Refused::Padded),
        ("abcdef\n", Refused::Padded),
        ("abcdef\r\n", Refused::Padded),
        ("\"abcdef\"", Refused::Quoted),
        ("'abcdef", Refused::Quoted),
        ("\u{201c}abcdef\u{201d}", Refused::Quoted),
        ("abc def", Refused::Unprintable),
        ("abc\ndef", Refused::Unprintable),
        ("abc\0def", Refused::Unprintable),
        ("abc,def", Refused::Unprintable),
        ("abcdéf", Refused::Unprintable),
    ] {
        assert_eq!(Secret::parse(text), Err(why), "{text:?}");
    }
}

#[test]
fn what_was_never_replaced_is_refused() {
    for text in
        ["CHANGE_ME", "changeme123", "<secret>", "Example-secret", "your-key", "${SECRET}", "{{s}}"]
    {
        assert_eq!(Secret::parse(text), Err(Refused::Placeholder), "{text:?}");
    }
    assert_eq!(Secret::parse("xxxxxxxxxxxxxxxx"), Err(Refused::Repeated));
}

#[test]
fn secrets_of_known_systems_are_accepted() {
    for text in ["whsec_test_wordclaw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a/b+c=="] {
        assert_eq!(Secret::parse(text).unwrap().expose(), text);
    }
}

#[test]
fn random_secrets_are_long_enough_for_production_and_differ() {
    let (one, other) = (Secret::random().unwrap(), Secret::random().unwrap());
    assert!(!one.is_short());
    assert_ne!(one, other);
    assert_eq!(Secret::parse(one.expose()).as_ref(), Ok(&one));
}

#[test]
fn it_is_told_which_of_several_secrets_was_used() {
    let previous = vec![Secret::parse("first").unwrap(), Secret::parse("second").unwrap()];
    let secrets = Secrets { current: Secret::parse("third").unwrap(), previous };
    assert_eq!(secrets.used(b"third"), Some(Used::Current));
    assert_eq!(secrets.used(b"first"), Some(Used::Previous));
    assert_eq!(secrets.used(b"second"), Some(Used::Previous));
    assert_eq!(secrets.used(b"thir"), None);
    assert_eq!(secrets.used(b""), None);
}

#[test]
fn a_derived_key_is_an_hmac_whatever_the_length() {
    for length in [1, 31, 32, 63, 64, 65, 200] {
        let text: String = ('a'..='z').cycle().take(length).collect();
        let mac = Hmac::<Sha256>::new_from_slice(text.as_bytes()).unwrap().chain_update(b"label");
        let expected: [u8; 32] = mac.finalize().into_bytes().into();
        assert_eq!(*Secret::parse(&text).unwrap().derive(b"label"), expected, "{length}");
    }
}
