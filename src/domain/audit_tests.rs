use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::domain::change::Object;

/// A log of so many writes, and its ends.
fn log(writes: i64, start: i64) -> (Vec<AuditedWrite>, Ends) {
    let start = Head { revision: Revision(start), hash: Hash([7; 32]) };
    let mut hash = start.hash;
    let write = |revision: i64| AuditedWrite {
        revision: Revision(revision),
        id: Uuid::from_u128(revision.unsigned_abs().into()),
        committed_at: revision / 3,
        operation: "add_member".to_owned(),
        actor: (revision % 2 == 0).then(|| "ann".to_owned()),
        caller: None,
        request_id: None,
        changes: Some((0..revision % 4).map(change).collect()),
        hash: None,
    };
    let chained = |mut write: AuditedWrite| {
        hash = write.due(hash).unwrap();
        write.hash = Some(hash);
        write
    };
    let writes: Vec<_> = (1..=writes).map(|place| write(start.revision.0 + place)).map(chained).collect();
    let head = writes.last().map_or(start, |last| Head { revision: last.revision, hash: last.hash.unwrap() });
    (writes, Ends { began: Revision(0), start, head })
}

fn change(place: i64) -> Change {
    let after = Some(json!({ "role": "member", "place": place }));
    Change { object: Object::Member, name: "acme".to_owned(), subject: "bob".to_owned(), before: None, after }
}

fn audit(writes: &[AuditedWrite], ends: Ends, kept: Option<Head>) -> AuditReport {
    let mut audit = Audit::new(ends, kept);
    writes.iter().for_each(|write| audit.take(write));
    audit.finish()
}

/// Does something to one write, or to two; says to which first.
fn tamper(writes: &mut Vec<AuditedWrite>, (one, other): (usize, usize), how: u8) -> Revision {
    let revision = writes[one].revision;
    let write = &mut writes[one];
    match how {
        0 => write.id = Uuid::nil(),
        1 => write.committed_at += 1,
        2 => write.operation.push('s'),
        3 => write.actor = Some(write.actor.take().map_or(String::new(), |actor| actor + "2")),
        4 => write.caller = Some("portal".to_owned()),
        5 => write.request_id = Some(String::new()),
        6 => write.changes.as_mut().unwrap().push(change(9)),
        7 => write.changes = None,
        8 => write.hash = Some(Hash([9; 32])),
        9 => write.hash = None,
        10 => drop(writes.remove(one)),
        _ => {
            let (first, second) = (writes[one].revision, writes[other].revision);
            writes.swap(one, other);
            (writes[one].revision, writes[other].revision) = (first, second);
            return first.min(second);
        }
    }
    revision
}

proptest! {
    #[test]
    fn an_untouched_log_is_intact_with_each_of_its_heads(writes in 0..20i64, start in 0..5i64) {
        let (writes, ends) = log(writes, start);
        for kept in writes.iter().map(|write| Head { revision: write.revision, hash: write.hash.unwrap() }) {
            let report = audit(&writes, ends, Some(kept));
            prop_assert_eq!((report.writes, report.flaws, report.out_of_reach), (writes.len() as u64, 0, None));
        }
        prop_assert_eq!(audit(&writes, ends, None).flaws, 0);
    }

    #[test]
    fn whatever_is_done_to_a_log_is_found_at_the_first_write_that_it_was_done_to(
        (count, one, other) in (2..20usize).prop_flat_map(|count| (Just(count), 0..count, 0..count)),
        start in 0..5i64,
        how in 0..12u8,
    ) {
        prop_assume!(how < 11 || one != other);
        let (mut writes, ends) = log(count as i64, start);
        let first = tamper(&mut writes, (one, other), how);
        let report = audit(&writes, ends, None);
        prop_assert!(report.flaws > 0);
        prop_assert_eq!(report.findings[0].revision, first);
    }

    #[test]
    fn no_head_is_read_but_as_it_was_written(text in "[0-9]{0,3}:?[0-9a-fA-F]{60,66}") {
        if let Some(head) = Head::parse(&text) {
            prop_assert_eq!(Head::parse(&head.to_string()), Some(head));
        }
    }
}

#[test]
fn of_many_flaws_all_are_counted_and_the_first_are_told() {
    let (mut writes, ends) = log(300, 0);
    writes.iter_mut().for_each(|write| write.caller = Some("portal".to_owned()));
    let report = audit(&writes, ends, None);
    assert_eq!((report.flaws, report.findings.len()), (300, FINDINGS));
    assert!(report.findings.iter().all(|found| found.flaw == Flaw::Changed), "{report:?}");
}

#[test]
fn nothing_can_be_held_against_a_head_that_is_older_than_the_log() {
    let (writes, ends) = log(3, 5);
    let kept = Head { revision: Revision(4), hash: Hash([1; 32]) };
    let report = audit(&writes, ends, Some(kept));
    assert_eq!((report.flaws, report.out_of_reach), (0, Some(Revision(4))));
}

#[test]
fn a_counter_that_went_back_before_the_start_of_the_log_is_told_though_it_has_the_hash_of_the_start() {
    let (writes, ends) = log(0, 5);
    assert_eq!(audit(&writes, ends, None).flaws, 0);
    let back = Ends { head: Head { revision: Revision(3), ..ends.head }, ..ends };
    let found = Finding { revision: Revision(3), flaw: Flaw::Severed };
    assert_eq!(audit(&writes, back, None).findings, [found]);
}

#[test]
fn a_number_that_is_there_twice_is_told_though_both_writes_chain() {
    let (mut writes, mut ends) = log(2, 0);
    let (mut others, _) = log(2, 0);
    let mut second = others.remove(1);
    second.hash = second.due(writes[1].hash.unwrap());
    ends.head.hash = second.hash.unwrap();
    writes.push(second);
    let findings = audit(&writes, ends, None).findings;
    assert_eq!(findings.first(), Some(&Finding { revision: Revision(2), flaw: Flaw::Inserted }));
}
