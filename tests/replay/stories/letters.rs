//! Duties that are refused: tried again, put to a person, done at last or given up.

use piperoll_domain::{
    letter::{Decision, Ended},
    operation::SwitchWorkers,
    testing::*,
    worker::Worker,
};

/// The letter that was opened last.
fn last_letter(story: &Story) -> String {
    let opened = story.history.iter().rev().find(|at| at.event.name() == "letter.opened.v1");
    opened.unwrap().envelope.stream.id.to_string()
}

fn attempt(story: Story, letter: &str, number: u32, ended: Ended) -> Story {
    story.and(take_letter(letter)).and(end_attempt(letter, number, ended))
}

fn switch(worker: Worker, paused: bool) -> SwitchWorkers {
    SwitchWorkers { workers: [worker].into(), paused, reason: "maintenance".to_owned() }
}

pub(super) fn dead_letters() -> Story {
    let broken = refused_top_up();
    let position = broken.history.last().unwrap().envelope.position;
    let story = broken.and(open_letter("pay_1"));
    let letter = last_letter(&story);
    let refused = || Ended::Refused(refused_as_frozen());
    let story = attempt(story.later(61), &letter, 1, refused());
    let story = attempt(story.later(301), &letter, 2, refused());
    let story = attempt(story.later(1_801), &letter, 3, refused());
    let story = story
        .and(top_up("pay_2", "bob", 5_000))
        .and(invoice("pay_2", 5_000))
        .and(status("pay_2", paid()))
        .and(open_letter("pay_2"));
    let second = last_letter(&story);
    let story = story.and(switch(Worker::Dlq, true)).later(61).and(take_letter(&second));
    let story = story.later(121).and(take_letter(&second)).and(switch(Worker::Dlq, false));
    let story = story.and(resolve_letter(&second, Decision::Failed));
    let story = story.and(acknowledge(alice(), position)).and(retry_letter(&letter));
    let story = story.and(take_letter(&letter)).and(fulfil("pay_1"));
    story.and(end_attempt(&letter, 4, Ended::Done))
}
