//! Frozen streams are noted once, and a tenant's billing is changed as the settings say.

use super::*;
use crate::{
    billing::{Billing, Mode},
    event::Event,
    operation::{ChangeBilling, NoteAnomaly},
    settings::OnViolation,
};

/// A tenant that bills live, one of whose accounts is frozen.
fn frozen_under(on_lot_violation: OnViolation) -> Story {
    let settings = Settings { on_lot_violation, ..Settings::default() };
    let billing = Billing { mode: Mode::Live, ..Billing::default() };
    let live =
        ChangeBilling { tenant: tenant("acme"), billing, reason: "go live".to_owned(), over: None };
    let story = if on_lot_violation == OnViolation::Alert {
        shop()
    } else {
        shop().and(ChangeSettings { settings })
    };
    story.and(live).and(open_account("alice")).fact(&alice(), broken_spend())
}

fn note() -> NoteAnomaly {
    NoteAnomaly { stream: alice() }
}

fn billing(story: &Story) -> (bool, Mode) {
    match &story.slot(&stream(Kind::Billing, "acme")).state {
        State::Billing(in_force) => (in_force.billing.enabled, in_force.billing.mode),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_broken_account_changes_billing_as_the_settings_say_and_once() {
    for (on_violation, said, after) in [
        (OnViolation::Alert, &["anomaly.found.v1"][..], (true, Mode::Live)),
        (OnViolation::Shadow, &["anomaly.found.v1", "billing.changed.v1"], (true, Mode::Shadow)),
        (OnViolation::Stop, &["anomaly.found.v1", "billing.changed.v1"], (false, Mode::Live)),
    ] {
        let story = frozen_under(on_violation).when(note()).says(said);
        assert_eq!(billing(&story), after);
        let again = Billing { mode: Mode::Live, ..Billing::default() };
        let again = ChangeBilling {
            tenant: tenant("acme"),
            billing: again,
            reason: "seen to".to_owned(),
            over: None,
        };
        let story = story.and(again).when(note()).nothing();
        assert_eq!(billing(&story), (true, Mode::Live), "an operator's word holds");
    }
}

#[test]
fn what_is_acknowledged_counts_no_more_and_may_be_found_again() {
    let story = frozen_under(OnViolation::Alert).and(note());
    let position = story.book.frozen().next().unwrap().1.position;
    let said = ["anomaly.acknowledged.v1", "anomaly.closed.v1"];
    let story = story.when(acknowledge(alice(), position)).says(&said);
    let story = story.when(note()).nothing();
    story.fact(&alice(), broken_spend()).when(note()).says(&["anomaly.found.v1"]);
}

#[test]
fn what_nobody_noted_is_acknowledged_as_ever() {
    let story = frozen_under(OnViolation::Stop);
    let position = story.book.frozen().next().unwrap().1.position;
    story.when(acknowledge(alice(), position)).says(&["anomaly.acknowledged.v1"]);
}

#[test]
fn settings_of_earlier_releases_are_read_and_written_as_they_stood() {
    let event = Event::from(crate::settings::Changed { version: 1, settings: Settings::default() });
    let mut bytes = vec![];
    crate::wire::encode(&event, &mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(!text.contains("on_lot_violation"));
    assert_eq!(crate::wire::decode(event.name(), &bytes).unwrap(), event);
}
