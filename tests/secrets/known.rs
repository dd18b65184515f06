//! Secrets that are known, and all the ways in which one may be written.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// Secrets by what they are, each as the texts that would give it away.
#[derive(Default)]
pub(super) struct Known(Vec<(String, Vec<Vec<u8>>)>);

impl Known {
    /// A secret that is a text.
    pub(super) fn learn(&mut self, what: &str, secret: &str) {
        let reversed: String = secret.chars().rev().collect();
        let mut written = written(secret.as_bytes());
        written.extend([secret.as_bytes().to_vec(), reversed.into_bytes()]);
        written.push(percent_encode(secret.as_bytes(), NON_ALPHANUMERIC).to_string().into_bytes());
        self.0.push((what.to_owned(), written));
    }

    /// A secret that is bytes.
    pub(super) fn learn_bytes(&mut self, what: &str, secret: &[u8]) {
        let mut written = written(secret);
        written.push(secret.to_vec());
        self.0.push((what.to_owned(), written));
    }

    /// What is found of them in a place. Says what it is, never what it reads.
    pub(super) fn found(&self, place: &str, bytes: &[u8]) -> Vec<String> {
        let given_away = |(_, written): &&(String, Vec<Vec<u8>>)| {
            written.iter().any(|text| contains(bytes, text))
        };
        self.0.iter().filter(given_away).map(|(what, _)| format!("{what} in {place}")).collect()
    }
}

/// Hexadecimal, and base64 at each of the three places at which bytes may stand in a longer text.
fn written(secret: &[u8]) -> Vec<Vec<u8>> {
    let hexadecimal = [hex::encode(secret), hex::encode_upper(secret)];
    let within = (0..3).flat_map(|before| {
        let bytes = [&vec![0; before], secret].concat();
        [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)].map(|text| {
            // The first and the last letters also hold bits of what stands beside it.
            let start = (before * 8).div_ceil(6);
            let end = (before + secret.len()) * 8 / 6;
            text[start..end].to_owned()
        })
    });
    hexadecimal.into_iter().chain(within).map(String::into_bytes).collect()
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == text[0]) {
        if rest[at..].starts_with(text) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

#[test]
fn a_secret_is_found_however_it_is_written() {
    let mut known = Known::default();
    let secret = "correct-horse/battery+staple";
    known.learn("it", secret);
    let reversed: String = secret.chars().rev().collect();
    for text in [
        secret.to_owned(),
        reversed,
        hex::encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(format!("a{secret}bc")),
        STANDARD_NO_PAD.encode(format!("ab{secret}c")),
        "x=correct%2Dhorse%2Fbattery%2Bstaple&y".to_owned(),
    ] {
        assert_eq!(known.found("here", text.as_bytes()), ["it in here"], "{text}");
    }
    assert!(known.found("here", b"correct-horse").is_empty());
}
