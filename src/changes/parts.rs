//! Cuts the log into events: a write each, or a part of one that changed much; each says what was told before it.

use crate::domain::change::LoggedChange;
use crate::domain::ids::Revision;

/// The most changes in an event. Names are short by rule, so an event is too.
pub const EVENT_CHANGES: usize = 128;

/// A write, or a part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Everything up to here had been told before the write.
    pub previous: Revision,
    /// The number of the write.
    pub revision: Revision,
    /// Which part of the write it is, from 0.
    pub part: i32,
    /// Another part follows.
    pub more: bool,
    /// What was changed: never nothing.
    pub changes: Vec<LoggedChange>,
}

/// What has been told, and what waits to be: the changes of a write that may have more.
#[derive(Debug)]
pub(super) struct Parts {
    told: Revision,
    part: i32,
    waiting: Vec<LoggedChange>,
}

impl Parts {
    /// Goes on from a revision that everything has been told up to.
    pub(super) fn after(told: Revision) -> Self {
        Self { told, part: 0, waiting: Vec::new() }
    }

    /// Takes changes in the order of the log, and cuts them. No more will come of writes up to `whole`.
    pub(super) fn cut(&mut self, changes: impl Iterator<Item = LoggedChange>, whole: Revision) -> Vec<Event> {
        let mut events = Vec::new();
        for change in changes {
            match self.waiting.first() {
                Some(first) if first.revision != change.revision => events.push(self.event(false)),
                Some(_) if self.waiting.len() == EVENT_CHANGES => events.push(self.event(true)),
                Some(_) | None => {}
            }
            self.waiting.push(change);
        }
        if self.waiting.first().is_some_and(|first| first.revision <= whole) {
            events.push(self.event(false));
        }
        events
    }

    /// Says that nothing was asked for up to `whole`: what was told before, and what is now. Between the parts of a write
    /// neither moves.
    pub(super) fn nothing(&mut self, whole: Revision) -> (Revision, Revision) {
        let previous = self.told;
        if self.part == 0 {
            self.told = self.told.max(whole);
        }
        (previous, self.told)
    }

    fn event(&mut self, more: bool) -> Event {
        let changes = std::mem::take(&mut self.waiting);
        let revision = changes.first().map_or(self.told, |first| first.revision);
        let event = Event { previous: self.told, revision, part: self.part, more, changes };
        (self.told, self.part) = if more { (self.told, self.part + 1) } else { (revision, 0) };
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::{Change, Object};
    use jiff::Timestamp;

    fn changes(revision: i64, ordinals: std::ops::RangeInclusive<i64>) -> Vec<LoggedChange> {
        let change = |ordinal| LoggedChange {
            revision: Revision(revision),
            ordinal,
            committed_at: Timestamp::UNIX_EPOCH,
            operation: String::new(),
            actor: None,
            caller: None,
            request_id: None,
            change: Change {
                object: Object::Plan,
                name: String::new(),
                subject: String::new(),
                before: None,
                after: None,
            },
        };
        ordinals.map(change).collect()
    }

    fn shape(event: &Event) -> (i64, i64, i32, bool, usize) {
        (event.previous.0, event.revision.0, event.part, event.more, event.changes.len())
    }

    /// Feeds a log of writes with so many changes in batches of every size, and expects the same events each time.
    fn cut(writes: &[(i64, i64)], last: i64) -> Vec<(i64, i64, i32, bool, usize)> {
        let log: Vec<LoggedChange> =
            writes.iter().flat_map(|(revision, count)| changes(*revision, 1..=*count)).collect();
        let mut expected = None;
        for size in [1, 2, 127, 128, 129, 1_000] {
            let mut parts = Parts::after(Revision(4));
            let mut told = Vec::new();
            for batch in log.chunks(size) {
                let whole = Revision(batch.last().unwrap().revision.0 - 1);
                told.extend(parts.cut(batch.iter().cloned(), whole));
            }
            told.extend(parts.cut(std::iter::empty(), Revision(last)));
            let all: Vec<LoggedChange> = told.iter().flat_map(|event| event.changes.clone()).collect();
            assert_eq!(all, log, "nothing is lost and nothing told twice in batches of {size}");
            let shapes: Vec<_> = told.iter().map(shape).collect();
            assert_eq!(expected.get_or_insert_with(|| shapes.clone()), &shapes, "in batches of {size}");
        }
        expected.unwrap()
    }

    #[test]
    fn each_write_is_told_whole_and_each_event_begins_where_the_one_before_ended() {
        assert_eq!(cut(&[(5, 1), (7, 3)], 9), [(4, 5, 0, false, 1), (5, 7, 0, false, 3)]);
        assert_eq!(cut(&[(5, 128), (6, 1)], 6), [(4, 5, 0, false, 128), (5, 6, 0, false, 1)]);
        assert_eq!(cut(&[(6, 300)], 6), [(4, 6, 0, true, 128), (4, 6, 1, true, 128), (4, 6, 2, false, 44)]);
        assert_eq!(cut(&[(6, 256)], 6), [(4, 6, 0, true, 128), (4, 6, 1, false, 128)]);
    }

    #[test]
    fn what_was_not_asked_for_is_skipped_in_the_chain_but_never_within_a_write() {
        let mut parts = Parts::after(Revision(4));
        assert_eq!(parts.nothing(Revision(9)), (Revision(4), Revision(9)));
        let told = parts.cut(changes(12, 1..=200).into_iter(), Revision(11));
        assert_eq!(told.iter().map(shape).collect::<Vec<_>>(), [(9, 12, 0, true, 128)]);
        assert_eq!(parts.nothing(Revision(11)), (Revision(9), Revision(9)), "the write has been told by halves");
        let told = parts.cut(std::iter::empty(), Revision(12));
        assert_eq!(told.iter().map(shape).collect::<Vec<_>>(), [(9, 12, 1, false, 72)]);
        assert_eq!(parts.nothing(Revision(12)), (Revision(12), Revision(12)));
    }
}
