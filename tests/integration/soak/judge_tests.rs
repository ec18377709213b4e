//! The test of the test: every kind of wrong that a history can have is found, and nothing is found in one that has none.

use std::time::Duration;

use super::super::history::{
    Answer, Check, ClockSetting, Fault, History, Moment, Outcome, Revision, Token, Wanted, Write,
};
use super::super::timeline::{Entry, Log};
use super::super::world::{Fact, HIGHEST, Holder, Kind, Order, Value};
use super::{Terms, judge};

const HISTORY: u64 = 7;
const GRANT: Fact = Fact::Grant(2, Holder::User(0));
const TERMS: Terms =
    Terms { lease: Duration::from_secs(2), margin: Duration::from_secs(1), recovery: Duration::from_secs(1) };

/// A user who is active from the first revision on, is given a role at the second, and loses it at the third: asked for at
/// 1,000 and 2,000, and acknowledged a hundred microseconds later.
fn scene() -> (History, Log) {
    let (given, gone) = (Value::lasting(3), Value::default());
    let entry = |revision, kind, value| Entry {
        revision,
        operation: Order::new(kind, GRANT, value).operation(),
        changes: vec![(GRANT, value)],
    };
    let created = Entry {
        revision: 1,
        operation: "create_user".to_owned(),
        changes: vec![(Fact::Active(0), Value::lasting(HIGHEST))],
    };
    let entries = vec![created, entry(2, Kind::Add, given), entry(3, Kind::Remove, gone)];
    let writes = vec![write(1_000, Kind::Add, given, done(2)), write(2_000, Kind::Remove, gone, done(3))];
    (History { writes, ..History::default() }, Log { history: HISTORY, first: 1, entries })
}

fn done(revision: Revision) -> Outcome {
    Outcome::Done(Token { history: HISTORY, revision })
}

fn write(asked: Moment, kind: Kind, value: Value, outcome: Outcome) -> Write {
    Write { order: Order::new(kind, GRANT, value), replica: 0, asked, answered: asked + 100, outcome }
}

/// One question that was asked then, answered ten microseconds later, and says the same of a role and of what it may do.
fn check(asked: Moment, revision: Revision, role: u8) -> Check {
    let answer = Answer { user: 0, project: 2, needed: 3, allowed: role >= 3, role };
    let at = Token { history: HISTORY, revision };
    Check { replica: 1, asked, answered: asked + 10, wanted: Wanted::Anything, at, answers: vec![answer] }
}

/// The kinds of wrong in the scene with these checks.
fn wrong_with(checks: Vec<Check>) -> Vec<String> {
    let (history, log) = scene();
    kinds(&History { checks, ..history }, &log)
}

fn kinds(history: &History, log: &Log) -> Vec<String> {
    let wrong = judge(history, log, TERMS);
    wrong.iter().map(|wrong| wrong.split(':').next().unwrap().to_owned()).collect()
}

#[test]
fn a_history_without_a_fault_is_found_to_have_none() {
    let while_given = Check { answered: 1_060, ..check(1_050, 2, 3) };
    let while_taken = check(2_050, 2, 3);
    let checks =
        vec![check(500, 1, 0), check(1_050, 1, 0), while_given, check(1_500, 2, 3), while_taken, check(2_500, 3, 0)];
    assert_eq!(wrong_with(checks), [""; 0]);
}

#[test]
fn a_grant_after_the_revoke_was_acknowledged_is_found_without_its_revision_and_by_it() {
    assert_eq!(wrong_with(vec![check(2_101, 2, 3)]), ["STALE", "REVOKED AND GRANTED"]);
    let (history, mut log) = scene();
    log.entries.push(Entry { revision: 4, operation: "put_plan".to_owned(), changes: Vec::new() });
    log.first = 1;
    let lied = kinds(&History { checks: vec![check(2_101, 3, 3)], ..history }, &log);
    assert_eq!(lied, ["PHANTOM", "REVOKED AND GRANTED", "UNTRUE"], "and where the revision is a new one");
}

#[test]
fn a_denial_while_the_role_was_certainly_held_is_found() {
    assert_eq!(wrong_with(vec![check(1_101, 2, 0)]), ["GRANTED AND DENIED", "UNTRUE"]);
    assert_eq!(wrong_with(vec![check(1_101, 1, 0)]), ["STALE", "GRANTED AND DENIED"]);
}

#[test]
fn an_answer_that_is_not_what_its_revision_says_is_found_whenever_it_was_given() {
    assert_eq!(wrong_with(vec![check(2_050, 3, 3)]), ["UNTRUE"]);
    assert_eq!(wrong_with(vec![check(2_050, 2, 0)]), ["UNTRUE"]);
    let mut other_role = check(2_050, 2, 3);
    other_role.answers[0].role = 4;
    assert_eq!(wrong_with(vec![other_role]), ["UNTRUE"]);
    let mut against_itself = check(2_050, 2, 3);
    against_itself.answers[0].allowed = false;
    assert_eq!(wrong_with(vec![against_itself]), ["UNTRUE"]);
}

#[test]
fn an_answer_below_the_token_it_was_asked_with_is_found() {
    let asked_with = |wanted| Check { wanted, ..check(2_050, 2, 3) };
    assert_eq!(wrong_with(vec![asked_with(Wanted::AtLeast(2))]), [""; 0]);
    assert_eq!(wrong_with(vec![asked_with(Wanted::AtLeast(3))]), ["WENT BACK"]);
}

#[test]
fn a_fully_consistent_answer_without_what_another_answer_had_shown_is_found() {
    let shown = check(2_020, 3, 0);
    let later = Check { wanted: Wanted::Everything, ..check(2_050, 2, 3) };
    assert_eq!(wrong_with(vec![shown.clone(), check(2_050, 2, 3)]), [""; 0], "nobody had acknowledged it yet");
    assert_eq!(wrong_with(vec![shown, later]), ["NOT ALL"]);
}

#[test]
fn revisions_that_are_not_there_or_not_yet_or_of_another_history_are_found() {
    assert_eq!(wrong_with(vec![check(2_500, 4, 0)]), ["NOWHERE", "UNTRUE"][..1]);
    assert_eq!(wrong_with(vec![check(1_500, 3, 3)]), ["FROM THE FUTURE", "UNTRUE"]);
    let mut elsewhere = check(2_500, 3, 0);
    elsewhere.at.history = 8;
    assert_eq!(wrong_with(vec![elsewhere]), ["NOWHERE"]);
}

#[test]
fn a_write_that_was_lost_or_refused_or_never_asked_for_is_found_in_the_log() {
    let (history, log) = scene();
    let with = |outcome: Outcome| {
        let mut history = History { writes: history.writes.clone(), ..History::default() };
        history.writes[1].outcome = outcome;
        kinds(&history, &log)
    };
    assert_eq!(with(done(9)), ["LOST", "PHANTOM"].map(str::to_owned).iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(with(done(2)), ["LOST", "LOST", "PHANTOM"]);
    assert_eq!(with(Outcome::Refused("NOT_FOUND".to_owned())), ["REFUSED AND WRITTEN"]);
    let mut others = History { writes: history.writes.clone(), ..History::default() };
    others.writes.pop();
    assert_eq!(kinds(&others, &log), ["PHANTOM"]);
}

#[test]
fn a_write_of_unknown_outcome_may_be_in_force_from_its_beginning_until_a_later_one_is_acknowledged() {
    let (history, log) = scene();
    let mut unknown = History { writes: history.writes.clone(), ..History::default() };
    unknown.writes[1].outcome = Outcome::Unknown(String::new());
    unknown.faults = vec![Fault { kind: "kill", interrupts: true, replica: Some(0), began: 0, ended: 3_000 }];
    unknown.checks = vec![check(2_500, 2, 3), check(2_500, 3, 0)];
    assert_eq!(kinds(&unknown, &log), [""; 0]);
    unknown.checks = vec![check(1_500, 3, 0)];
    assert_eq!(kinds(&unknown, &log), ["FROM THE FUTURE", "GRANTED AND DENIED"]);
}

#[test]
fn a_write_that_is_not_in_the_log_was_never_in_force() {
    let (history, mut log) = scene();
    let mut unknown = History { writes: history.writes.clone(), ..History::default() };
    log.entries.pop();
    unknown.writes[1].outcome = Outcome::Unknown(String::new());
    unknown.faults = vec![Fault { kind: "kill", interrupts: true, replica: Some(0), began: 0, ended: 3_000 }];
    unknown.checks = vec![check(2_500, 2, 0)];
    assert_eq!(kinds(&unknown, &log), ["GRANTED AND DENIED", "UNTRUE"]);
}

#[test]
fn a_write_that_takes_longer_than_a_lease_is_found_unless_its_own_replica_or_the_database_was_away() {
    let (mut history, log) = scene();
    history.writes[1].answered += 3_500_000;
    assert_eq!(kinds(&history, &log), ["LATE"]);
    let fault = |replica| Fault { kind: "pause", interrupts: true, replica, began: 1_900, ended: 2_500 };
    history.faults = vec![fault(Some(1))];
    assert_eq!(kinds(&history, &log), ["LATE"], "another replica keeps a write for no longer than its lease");
    history.faults = vec![fault(Some(1)), fault(Some(2))];
    assert_eq!(kinds(&history, &log), [""; 0], "two may, one after the other");
    history.faults = vec![fault(Some(0))];
    assert_eq!(kinds(&history, &log), [""; 0]);
    history.faults = vec![Fault { interrupts: false, ..fault(None) }];
    assert_eq!(kinds(&history, &log), ["LATE"], "a clock that is set is no excuse");
    history.faults = vec![fault(None)];
    assert_eq!(kinds(&history, &log), [""; 0]);
    let (mut failed, mut log) = scene();
    failed.writes[1].outcome = Outcome::Failed("CONFLICT".to_owned());
    log.entries.pop();
    assert_eq!(kinds(&failed, &log), ["FAILED"]);
    let (mut unconfirmed, log) = scene();
    unconfirmed.writes[1].outcome = Outcome::Committed(Token { history: HISTORY, revision: 3 });
    unconfirmed.checks = vec![check(2_500, 2, 3)];
    assert_eq!(kinds(&unconfirmed, &log), ["FAILED"], "others may not have it, and it was asked that they have");
    unconfirmed.writes[1].order.waits = Some(false);
    assert_eq!(kinds(&unconfirmed, &log), [""; 0]);
}

#[test]
fn a_role_that_ends_gives_nothing_after_its_end_by_the_databases_clock() {
    let (mut history, mut log) = scene();
    let ending = Value { role: 3, ends: Some(10_000_000) };
    history.writes.truncate(1);
    log.entries.truncate(2);
    history.writes[0].order.value = ending;
    log.entries[1].changes[0].1 = ending;
    let mut with = |clock: &[(Moment, i64)], checks: Vec<Check>| {
        history.clock = clock.iter().map(|(at, ahead)| ClockSetting { at: *at, ahead: *ahead }).collect();
        history.checks = checks;
        kinds(&history, &log)
    };
    assert_eq!(with(&[], vec![check(7_000_000, 2, 3), check(9_000_000, 2, 3), check(9_000_000, 2, 0)]), [""; 0]);
    assert_eq!(with(&[], vec![check(7_000_000, 2, 0)]), ["GRANTED AND DENIED", "UNTRUE"]);
    assert_eq!(with(&[], vec![check(10_200_000, 2, 3)]), ["REVOKED AND GRANTED", "UNTRUE"]);
    let forward = [(1_000_000, 5_000_000)];
    assert_eq!(with(&forward, vec![check(6_000_000, 2, 3)]), ["REVOKED AND GRANTED", "UNTRUE"]);
    assert_eq!(with(&forward, vec![check(4_500_000, 2, 3), check(4_500_000, 2, 0)]), [""; 0], "it had just been set");
}

#[test]
fn what_nobody_should_be_told_is_told() {
    let (mut history, log) = scene();
    history.nonsense.push("INTERNAL".to_owned());
    assert_eq!(kinds(&history, &log), ["NONSENSE"]);
}
