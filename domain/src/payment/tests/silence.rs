//! A provider that does not answer.

use super::*;

#[test]
fn a_silent_day_opens_one_review() {
    let day = 24 * 60 * 60;
    let story = standing(Status::Pending).later(day - 1);
    let story = story.when(note_silence("pay_1")).rejected(&Rejection::PaymentTooEarly);
    let story = story.later(2).and(note_silence("pay_1"));
    assert_eq!(reviews(&story), [(ReviewKind::ProviderSilent, 0)]);
    let story = story.later(day).when(note_silence("pay_1")).nothing();
    let story = story
        .when(resolve("pay_1", 1, ReviewAction::Apply))
        .rejected(&Rejection::ReviewNotApplicable);
    // Another day has to pass after it was looked into.
    let story = story.and(resolve("pay_1", 1, ReviewAction::Dismiss));
    let story = story.later(1).and(note_silence("pay_1"));
    assert_eq!(reviews(&story).len(), 2);
    let story = story.and(resolve("pay_1", 2, ReviewAction::Dismiss));
    story.when(note_silence("pay_1")).rejected(&Rejection::PaymentTooEarly);
}

#[test]
fn silence_about_what_is_not_pending_is_nothing() {
    standing(Status::Paid).later(100_000).when(note_silence("pay_1")).nothing();
}
