//! What the mix promises.

use piperoll_domain::bytes::Bytes;

use super::mix::Mix;

#[test]
fn the_same_seed_says_the_same_and_the_rules_would_have_said_it() {
    let said = |seed| {
        let mut mix = Mix::new(seed, 20, Bytes([7; 16])).unwrap();
        let mut said = vec![];
        while said.len() < 3_000 {
            said.extend(mix.next(100).unwrap());
        }
        assert!(mix.is_sound());
        (said, mix.shares())
    };
    let (first, shares) = said(1);
    assert_eq!(first, said(1).0);
    assert_ne!(first, said(2).0);
    assert!(first.iter().zip(1..).all(|(recorded, at)| recorded.envelope.position == at));
    for (share, must) in shares.into_iter().zip([60.0, 20.0, 20.0]) {
        assert!((share - must).abs() < 2.0, "{shares:?}");
    }
}
