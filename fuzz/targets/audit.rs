//! A log of some writes, and what somebody did to it afterwards: intact only if it is what was chained, and otherwise the first
//! finding is not after the first thing that is wrong. What is right is found out here by a walk that stops at the first flaw.

#![no_main]

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use rolegate::domain::audit::{Audit, AuditReport, AuditedWrite, Ends, Head};
use rolegate::domain::chain::{Content, Hash, Link};
use rolegate::domain::change::{Change, Object};
use rolegate::domain::ids::Revision;
use serde_json::Value;
use uuid::Uuid;

fuzz_target!(|bytes: &[u8]| {
    // the rest of what runs out is zeros
    let _ = run(&mut Unstructured::new(bytes));
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(head) = Head::parse(text) {
        assert_eq!(Head::parse(&head.to_string()), Some(head), "a head is read as another");
    }
});

fn run(from: &mut Unstructured<'_>) -> Result<()> {
    let start = Head { revision: Revision(from.int_in_range(0..=3)?), hash: Hash(from.arbitrary()?) };
    // the chain may begin with the log's own start, or lie before it where some of it was forgotten
    let began = if from.arbitrary()? { start.revision } else { Revision(0) };
    let mut log = Vec::new();
    for revision in 1..=from.int_in_range(0..=6)? {
        log.push(write(from, start.revision.0 + revision)?);
    }
    let mut ends = Ends { began, start, head: start };
    ends.head = chain(&mut log, start);
    let heads: Vec<_> = log.iter().filter_map(head_of).collect();
    for kept in heads.iter().copied().map(Some).chain([None]) {
        let report = audit(&log, ends, kept);
        let expected = (u64::try_from(log.len()).unwrap(), 0, 0, ends.head);
        assert_eq!((report.writes, report.flaws, report.older, report.head), expected, "{log:?}");
    }

    let untouched = format!("{log:?}");
    for _ in 0..from.int_in_range(1..=3)? {
        tamper(from, &mut log, &mut ends)?;
    }
    let report = audit(&log, ends, None);
    let wrong = first_wrong(&log, ends);
    match (wrong, report.findings.first()) {
        (None, None) => {}
        (Some(wrong), Some(found)) => assert!(found.revision <= wrong, "wrong at {wrong}: {report:?} {ends:?} {log:?}"),
        (wrong, _) => panic!("wrong at {wrong:?}: {report:?} {ends:?} {log:?}"),
    }

    // written anew as if nothing had been: told by any head that was kept of what is no longer so
    if from.arbitrary()? && log.iter().all(|write| write.changes.is_some()) {
        log.retain(|write| write.revision > start.revision);
        log.sort_by_key(|write| write.revision);
        ends.head = chain(&mut log, start);
        let report = audit(&log, ends, heads.last().copied());
        let same = heads.last().is_none_or(|kept| log.iter().filter_map(head_of).any(|head| head == *kept));
        assert_eq!(report.findings.is_empty(), same && first_wrong(&log, ends).is_none(), "{untouched} {log:?}");
    }
    Ok(())
}

/// All that the report says is within its own bounds, whatever it was given.
fn audit(log: &[AuditedWrite], ends: Ends, kept: Option<Head>) -> AuditReport {
    let mut audit = Audit::new(ends, kept);
    log.iter().for_each(|write| audit.take(write));
    let report = audit.finish();
    let findings = u64::try_from(report.findings.len()).unwrap();
    assert!(findings == report.flaws.min(100), "{report:?}");
    assert!(report.writes + report.older <= u64::try_from(log.len()).unwrap(), "{report:?}");
    assert!(report.findings.iter().all(|finding| !finding.flaw.to_string().is_empty()));
    report
}

/// Where a walk of the log that trusts nothing stops, if it does before the end.
fn first_wrong(log: &[AuditedWrite], ends: Ends) -> Option<Revision> {
    let mut last = ends.start;
    for write in log {
        let older = ends.start.revision == ends.began && write.revision.0 >= 1 && write.revision <= ends.began;
        if older {
            continue;
        }
        let next = Revision(last.revision.0 + 1);
        let hash = hash_of(write, last.hash);
        if write.revision != next || write.revision > ends.head.revision || hash.is_none() || hash != write.hash {
            return Some(write.revision.max(next));
        }
        last = Head { revision: next, hash: hash? };
    }
    (last != ends.head).then(|| last.revision.max(ends.head.revision))
}

/// Gives every write its hash; says what the last one has.
fn chain(log: &mut [AuditedWrite], start: Head) -> Head {
    log.iter_mut().fold(start, |last, write| {
        write.hash = hash_of(write, last.hash);
        head_of(write).unwrap_or(last)
    })
}

fn hash_of(write: &AuditedWrite, previous: Hash) -> Option<Hash> {
    let content = Content {
        operation: &write.operation,
        actor: write.actor.as_deref(),
        caller: write.caller.as_deref(),
        request_id: write.request_id.as_deref(),
    };
    let link = Link { revision: write.revision, id: write.id, committed_at: write.committed_at };
    Some(link.hash(previous, content.digest(write.changes.as_ref()?)))
}

fn head_of(write: &AuditedWrite) -> Option<Head> {
    Some(Head { revision: write.revision, hash: write.hash? })
}

fn write(from: &mut Unstructured<'_>, revision: i64) -> Result<AuditedWrite> {
    let mut changes = Vec::new();
    for _ in 0..from.int_in_range(0..=3)? {
        changes.push(change(from)?);
    }
    Ok(AuditedWrite {
        revision: Revision(revision),
        id: Uuid::from_bytes(from.arbitrary()?),
        committed_at: from.arbitrary()?,
        operation: from.arbitrary()?,
        actor: from.arbitrary()?,
        caller: from.arbitrary()?,
        request_id: from.arbitrary()?,
        changes: Some(changes),
        hash: None,
    })
}

fn twin(write: &AuditedWrite) -> AuditedWrite {
    let AuditedWrite { revision, id, committed_at, hash, .. } = *write;
    let [actor, caller, request_id] = [&write.actor, &write.caller, &write.request_id].map(Clone::clone);
    let (operation, changes) = (write.operation.clone(), write.changes.clone());
    AuditedWrite { revision, id, committed_at, operation, actor, caller, request_id, changes, hash }
}

fn change(from: &mut Unstructured<'_>) -> Result<Change> {
    Ok(Change {
        object: *from.choose(Object::ALL)?,
        name: from.arbitrary()?,
        subject: from.arbitrary()?,
        before: record(from)?,
        after: record(from)?,
    })
}

fn record(from: &mut Unstructured<'_>) -> Result<Option<Value>> {
    if from.arbitrary()? { value(from, 3).map(Some) } else { Ok(None) }
}

fn value(from: &mut Unstructured<'_>, depth: u8) -> Result<Value> {
    let few = |from: &mut Unstructured<'_>| from.int_in_range(0..=3_usize);
    Ok(match from.int_in_range(0..=if depth == 0 { 3 } else { 5 })? {
        0 => Value::Null,
        1 => Value::Bool(from.arbitrary()?),
        2 => Value::from(from.arbitrary::<i64>()?),
        3 => Value::String(from.arbitrary()?),
        4 => (0..few(from)?).map(|_| value(from, depth - 1)).collect::<Result<Vec<_>>>()?.into(),
        _ => {
            let fields = (0..few(from)?).map(|_| Ok((from.arbitrary::<String>()?, value(from, depth - 1)?)));
            Value::Object(fields.collect::<Result<_>>()?)
        }
    })
}

/// One thing that somebody with the database may do to it.
fn tamper(from: &mut Unstructured<'_>, log: &mut Vec<AuditedWrite>, ends: &mut Ends) -> Result<()> {
    let any_revision = |from: &mut Unstructured<'_>| -> Result<i64> {
        if from.arbitrary()? { from.int_in_range(-1..=12) } else { Ok(from.arbitrary::<i64>()?.min(i64::MAX - 1)) }
    };
    let how = from.int_in_range(0..=17)?;
    match how {
        0 => ends.head.revision = Revision(any_revision(from)?.max(0)),
        1 => ends.head.hash = Hash(from.arbitrary()?),
        2 => {
            let revision = any_revision(from)?;
            let mut made_up = write(from, revision)?;
            made_up.hash = if from.arbitrary()? { Some(Hash(from.arbitrary()?)) } else { None };
            log.insert(from.int_in_range(0..=log.len())?, made_up);
        }
        _ if log.is_empty() => {}
        3 => drop(log.remove(from.choose_index(log.len())?)),
        4 => log.truncate(from.choose_index(log.len())?),
        5 => {
            let (one, other) = (from.choose_index(log.len())?, from.choose_index(log.len())?);
            log.swap(one, other);
        }
        6 => {
            // the contents change places, the numbers stay
            let (one, other) = (from.choose_index(log.len())?, from.choose_index(log.len())?);
            let numbers = (log[one].revision, log[other].revision);
            log.swap(one, other);
            (log[one].revision, log[other].revision) = numbers;
        }
        7 => {
            let place = from.choose_index(log.len())?;
            let twin = twin(&log[place]);
            log.insert(from.int_in_range(0..=log.len())?, twin);
        }
        _ => {
            let place = from.choose_index(log.len())?;
            let one = &mut log[place];
            match how {
                8 => one.revision = Revision(any_revision(from)?),
                9 => one.id = Uuid::from_bytes(from.arbitrary()?),
                10 => one.committed_at = from.arbitrary()?,
                11 => one.operation = from.arbitrary()?,
                12 => one.actor = from.arbitrary()?,
                13 => one.caller = from.arbitrary()?,
                14 => one.request_id = from.arbitrary()?,
                15 => one.changes = None,
                16 => one.hash = if from.arbitrary()? { Some(Hash(from.arbitrary()?)) } else { None },
                _ => {
                    let changed = change(from)?;
                    let changes = one.changes.get_or_insert_default();
                    let place = from.int_in_range(0..=changes.len())?;
                    match changes.get_mut(place) {
                        Some(was) => *was = changed,
                        None => changes.push(changed),
                    }
                }
            }
        }
    }
    Ok(())
}
