//! Letters from the first refusal to their end, on a clock that only moves when it is told to.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "what overflows or is not meant ends the test"
)]

use super::*;
use crate::{
    book::State,
    duty::{Kind as Duty, Name},
    id::{Kind, LetterId, Stream},
    operation::WaiveDuty,
    testing::*,
};

fn refused() -> Ended {
    Ended::Refused(refused_as_frozen())
}

/// A refused top-up with its letter, and the letter's name.
fn with_letter() -> (Story, String) {
    let story = refused_top_up().when(open_letter("pay_1")).says(&["letter.opened.v1"]);
    let opened = story.history.last().unwrap();
    let letter = opened.envelope.stream.id.to_string();
    (story, letter)
}

fn letter(story: &Story, letter: &str) -> Letter {
    match &story.slot(&stream_of(letter)).state {
        State::Letter(letter) => (**letter).clone(),
        other => panic!("{other:?}"),
    }
}

fn stream_of(letter: &str) -> Stream {
    id::<LetterId>(letter).stream(&tenant("acme"))
}

fn stage(story: &Story, name: &str) -> &'static str {
    letter(story, name).stage.as_str()
}

/// What is owed of a kind, with its item.
fn owed(story: &Story, kind: Duty) -> Vec<String> {
    let of_kind = |name: &&Name| name.kind == kind;
    let names = story.book.duties.keys().filter(of_kind);
    names.map(|name| name.item.as_ref().map(ToString::to_string).unwrap_or_default()).collect()
}

/// An attempt that is refused.
fn attempt(story: Story, letter: &str, number: u32, said: &str) -> Story {
    let story = story.when(take_letter(letter)).says(&["letter.taken.v1"]);
    story.when(end_attempt(letter, number, refused())).says(&[said])
}

/// Everything up to the person who has to look.
fn escalated() -> (Story, String) {
    let (story, name) = with_letter();
    let story = attempt(story.later(61), &name, 1, "letter.refused.v1");
    let story = attempt(story.later(301), &name, 2, "letter.refused.v1");
    (attempt(story.later(1_801), &name, 3, "letter.escalated.v1"), name)
}

#[test]
fn what_fails_four_times_is_tried_after_60_300_and_1800_seconds_and_then_reviewed() {
    let (mut story, name) = with_letter();
    for (number, seconds) in (1..).zip(PAUSES_SECONDS) {
        let failed_at = story.history.last().unwrap().envelope.recorded_at;
        let due = failed_at.plus_seconds(seconds);
        let state = letter(&story, &name);
        assert_eq!(state.stage, Stage::Pending { due, asked: false });
        assert!(state.take(Moment::at(due.plus_micros(-1)), true).is_none(), "no sooner");
        assert!(state.take(Moment::at(due), true).is_some(), "no later");
        assert!(state.take(Moment::in_doubt(due, due), true).is_none(), "time rests");
        let said = if number < 3 { "letter.refused.v1" } else { "letter.escalated.v1" };
        story = attempt(story.later(seconds + 1), &name, number, said);
    }
    let state = letter(&story, &name);
    assert_eq!((state.stage, state.retry_count), (Stage::ManualReview, RETRIES_MAX));
    assert_eq!(owed(&story, Duty::ManualReview), ["payment-acme-pay_1"]);
    assert!(owed(&story, Duty::Retry).is_empty());
    story.later(1_000_000).when(take_letter(&name)).nothing();
}

#[test]
fn a_duty_has_one_letter_however_often_it_is_refused() {
    let (story, _) = with_letter();
    assert_eq!(owed(&story, Duty::Retry), ["payment-acme-pay_1"]);
    assert_eq!(owed(&story, Duty::Fulfil).len(), 1, "the duty itself stays open");
    let story = story.when(open_letter("pay_1")).nothing();
    let nothing_owed = duty_to_fulfil("pay_2");
    let wish = crate::operation::OpenLetter { duty: nothing_owed, failure: refused_as_frozen() };
    story.when(wish).nothing();
}

#[test]
fn a_letter_and_its_duty_find_each_other_by_name() {
    let lapse = Name {
        kind: Duty::Lapse,
        stream: stream(Kind::Account, "a-b"),
        item: Some("lot one".to_owned().into()),
    };
    let duty = crate::duty::Duty { name: lapse, due: Time::EPOCH, opener: 42 };
    for name in duty.letters().unwrap() {
        assert_eq!(name.stream.to_string(), "letter-acme-lapse.42");
        let about = name.about().unwrap();
        assert_eq!((about.duty, about.opener), (duty.name.clone(), 42));
        let of_letter = crate::duty::Duty { name, ..duty.clone() };
        assert_eq!(of_letter.letters(), None, "a letter has no letter");
    }
    assert_eq!(duty.name.about(), None);
}

#[test]
fn a_retry_that_does_the_duty_completes_the_letter() {
    let (story, name) = with_letter();
    let broken = letter_of_anomaly(&story);
    let story = story.and(acknowledge(alice(), broken)).later(61);
    let story = story.and(take_letter(&name)).and(fulfil("pay_1"));
    let story = story.when(end_attempt(&name, 1, Ended::Done)).says(&["letter.completed.v1"]);
    assert_eq!(stage(&story, &name), "completed");
    assert!(owed(&story, Duty::Retry).is_empty() && owed(&story, Duty::Fulfil).is_empty());
    let story = story.when(take_letter(&name)).nothing();
    story.when(end_attempt(&name, 1, refused())).nothing();
}

fn letter_of_anomaly(story: &Story) -> u64 {
    story.book.frozen().next().unwrap().1.position
}

#[test]
fn a_duty_that_is_done_by_other_means_completes_its_letter_at_any_time() {
    let (story, name) = with_letter();
    let broken = letter_of_anomaly(&story);
    let done = |story: Story| story.and(acknowledge(alice(), broken)).and(fulfil("pay_1"));
    let pending = done(story).when(take_letter(&name)).says(&["letter.completed.v1"]);
    assert_eq!(stage(&pending, &name), "completed");
    let (story, name) = escalated();
    let reviewed = done(story).when(take_letter(&name)).says(&["letter.completed.v1"]);
    assert!(owed(&reviewed, Duty::ManualReview).is_empty());
}

#[test]
fn an_attempt_whose_process_dies_is_over_with_its_lease_and_costs_no_attempt() {
    let (story, name) = with_letter();
    let story = story.later(61).and(take_letter(&name));
    assert_eq!(stage(&story, &name), "processing");
    let story = story.when(take_letter(&name)).nothing();
    let story =
        story.later(LEASE_SECONDS + 1).when(take_letter(&name)).says(&["letter.returned.v1"]);
    assert_eq!((stage(&story, &name), letter(&story, &name).retry_count), ("pending", 0));
    let story = story.when(end_attempt(&name, 1, refused())).nothing();
    let story = attempt(story, &name, 2, "letter.refused.v1");
    assert_eq!(letter(&story, &name).retry_count, 1);
}

#[test]
fn attempts_that_are_lost_again_and_again_are_put_to_a_person() {
    let (mut story, name) = with_letter();
    story.pass(61);
    for said in ["letter.returned.v1", "letter.returned.v1", "letter.escalated.v1"] {
        story = story.and(take_letter(&name)).later(LEASE_SECONDS + 1);
        story = story.when(take_letter(&name)).says(&[said]);
    }
    assert_eq!(stage(&story, &name), "manual_review");
}

#[test]
fn a_person_gets_another_attempt_at_once_also_while_the_clock_is_in_doubt() {
    let (story, name) = escalated();
    let story = story.resting().when(retry_letter(&name)).says(&["letter.requeued.v1"]);
    let state = letter(&story, &name);
    assert_eq!((state.stage.as_str(), state.retry_count), ("pending", 0));
    assert!(owed(&story, Duty::ManualReview).is_empty());
    let story = attempt(story, &name, 4, "letter.refused.v1");
    let story = story.later(1_000_000).when(take_letter(&name)).nothing();
    story.when(retry_letter("fulfil.999")).rejected(&Rejection::LetterNotFound);
}

#[test]
fn a_person_ends_a_letter_and_with_it_the_duty() {
    for (outcome, said, ends) in [
        (Decision::Completed, "letter.completed.v1", "completed"),
        (Decision::Failed, "letter.given_up.v1", "failed"),
    ] {
        let (story, name) = escalated();
        let story = story.when(resolve_letter(&name, outcome)).says(&[said, "duty.waived.v1"]);
        assert_eq!(stage(&story, &name), ends);
        let left = [Duty::Fulfil, Duty::Retry, Duty::ManualReview].map(|kind| owed(&story, kind));
        assert!(left.iter().all(Vec::is_empty), "{left:?}");
        let story = story.when(resolve_letter(&name, outcome)).rejected(&Rejection::LetterEnded);
        story.when(retry_letter(&name)).rejected(&Rejection::LetterEnded);
    }
}

#[test]
fn nobody_decides_over_an_attempt_that_is_being_made() {
    let (story, name) = with_letter();
    let story = story.later(61).and(take_letter(&name));
    let wish = resolve_letter(&name, Decision::Failed);
    let story = story.when(wish.clone()).rejected(&Rejection::LetterBusy);
    let story = story.when(retry_letter(&name)).rejected(&Rejection::LetterBusy);
    story.later(LEASE_SECONDS + 1).when(wish).says(&["letter.given_up.v1", "duty.waived.v1"]);
}

#[test]
fn what_a_letter_owes_is_not_waived_beside_it() {
    let (story, _) = with_letter();
    let name = story.book.duties.keys().find(|name| name.kind == Duty::Retry).unwrap().clone();
    let waive = WaiveDuty { name, reason: "no".to_owned() };
    story.when(waive).rejected(&Rejection::DutyNotOpen);
}

#[test]
fn a_clock_that_was_wrong_and_is_corrected_makes_no_wait_longer_than_it_is() {
    let (story, name) = with_letter();
    let Stage::Pending { due, .. } = letter(&story, &name).stage else { panic!() };
    let state = letter(&story, &name);
    let at = |seconds: i64| Moment::at(due.plus_micros(-seconds * 1_000_000));
    assert!(state.take(at(1), true).is_none());
    assert!(state.take(at(i64::from(WAIT_MAX_SECONDS)), true).is_none());
    assert!(state.take(at(i64::from(WAIT_MAX_SECONDS) + 1), true).is_some(), "meant by no clock");
}

#[test]
fn a_failure_is_kept_in_one_line_of_bounded_length() {
    let failure = Failure::new("code", &format!("a\nb{}", "ü".repeat(600)));
    assert!(failure.message.starts_with("a b") && failure.message.chars().count() == 500);
}

#[test]
fn a_letter_that_was_handed_back_may_be_opened_again_and_begins_anew() {
    let (story, name) = with_letter();
    let story = story.later(61).and(take_letter(&name));
    let story = story.when(end_attempt(&name, 1, Ended::Later)).says(&["letter.completed.v1"]);
    assert_eq!(owed(&story, Duty::Fulfil).len(), 1, "its own reactor goes on with it");
    let story = story.when(open_letter("pay_1")).says(&["letter.opened.v1"]);
    assert_eq!(stage(&story, &name), "pending");
    attempt(story.later(61), &name, 2, "letter.refused.v1");
}
