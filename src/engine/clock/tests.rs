//! Whether the clock is believed when it should be, and not otherwise.

use super::*;

const MINUTE: i64 = 60_000_000;

#[test]
fn a_clock_that_goes_with_the_machine_is_believed() {
    let clock = Clock::manual(Time::from_seconds(1_000_000));
    clock.advance(600 * MINUTE, 600 * MINUTE);
    assert_eq!(clock.doubt(), None);
}

#[test]
fn a_jump_rests_until_it_is_accepted_even_if_it_goes_back() {
    let clock = Clock::manual(Time::from_seconds(1_000_000));
    clock.advance(11 * MINUTE, 0);
    assert_eq!(clock.doubt(), Some(Doubt::Jumped { micros: 11 * MINUTE }));
    clock.advance(-11 * MINUTE, 0);
    assert!(clock.doubt().is_some());
    clock.accept();
    assert_eq!(clock.doubt(), None);
}

#[test]
fn a_long_absence_rests_until_a_witness_agrees() {
    let clock = Clock::manual(Time::from_seconds(1_000_000));
    clock.compare_with_last(Some(Time::from_seconds(1_000_000 - 25 * 3600)));
    assert!(clock.doubt().is_some());
    assert!(!clock.witness(Time::from_seconds(1_000_000 + 301)));
    assert!(clock.doubt().is_some());
    assert!(clock.witness(Time::from_seconds(1_000_000 + 299)));
    assert_eq!(clock.doubt(), None);
}

#[test]
fn the_machine_knows_its_uptime() {
    assert_eq!(Clock::system().doubt(), None);
}

#[test]
fn a_doubt_outlives_the_process_until_it_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::kept_in(directory.path());
    clock.compare_with_last(Some(Time::from_seconds(1_000_000)));
    let doubt = clock.doubt();
    assert!(matches!(doubt, Some(Doubt::LongAbsence { .. })), "{doubt:?}");
    let again = Clock::kept_in(directory.path());
    again.compare_with_last(Some(again.now()));
    assert_eq!(again.doubt(), doubt);
    again.accept();
    assert_eq!(Clock::kept_in(directory.path()).doubt(), None);
}

#[test]
fn what_is_beyond_doubt_ends_with_the_last_record_before_it_and_outlives_the_process() {
    let last = Time::from_seconds(1_000_000);
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::kept_in(directory.path());
    clock.compare_with_last(Some(last));
    clock.recorded(clock.now());
    let again = Clock::kept_in(directory.path());
    again.compare_with_last(Some(again.now()));
    for clock in [&clock, &again] {
        let moment = clock.moment();
        assert!(moment.rests && moment.has_begun(last) && !moment.has_begun(last.plus_micros(1)));
    }
    again.accept();
    assert!(again.moment().has_begun(last.plus_micros(1)));
}

#[test]
fn a_memory_of_before_that_was_kept_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let kept = r#"{"believed":0,"doubt":{"jumped":{"micros":7}},"boot":""}"#;
    std::fs::write(directory.path().join("clock"), kept).unwrap();
    let clock = Clock::kept_in(directory.path());
    assert_eq!(clock.doubt(), Some(Doubt::Jumped { micros: 7 }));
    assert!(!clock.moment().has_begun(Time::EPOCH));
}

#[test]
fn a_torn_memory_of_the_clock_is_none() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("clock"), "{\"bel").unwrap();
    assert_eq!(Clock::kept_in(directory.path()).doubt(), None);
}

#[test]
fn a_clock_is_behind_only_by_more_than_five_seconds() {
    let clock = Clock::manual(Time::from_seconds(1_000_000));
    assert_eq!(clock.behind_micros(), None);
    clock.recorded(Time::from_seconds(1_000_005));
    assert_eq!(clock.behind_micros(), None);
    clock.recorded(Time::from_seconds(1_000_006));
    assert_eq!(clock.behind_micros(), Some(6_000_000));
}
