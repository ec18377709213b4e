//! Which changes of the log somebody asks for.

use jiff::Timestamp;

use super::change::{LoggedChange, Object};

/// What is asked for; whatever is empty matches all. Names match without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// What sort of thing.
    pub object: Option<Object>,
    /// What it is called, or belongs to.
    pub name: String,
    /// Who has the place or the role.
    pub subject: String,
    /// On whose behalf.
    pub actor: String,
    /// The service that asked, in just these letters.
    pub caller: String,
    /// Committed then or later.
    pub from: Option<Timestamp>,
    /// Committed before then.
    pub until: Option<Timestamp>,
}

impl ChangeFilter {
    /// Whether this change is asked for.
    pub fn takes(&self, logged: &LoggedChange) -> bool {
        let change = &logged.change;
        self.object.is_none_or(|object| object == change.object)
            && same(&self.name, &change.name)
            && same(&self.subject, &change.subject)
            && same(&self.actor, logged.actor.as_deref().unwrap_or_default())
            && (self.caller.is_empty() || logged.caller.as_ref() == Some(&self.caller))
            && self.from.is_none_or(|from| logged.committed_at >= from)
            && self.until.is_none_or(|until| logged.committed_at < until)
    }
}

fn same(asked: &str, name: &str) -> bool {
    asked.is_empty() || asked.eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::{Change, ChangeKind, EXPIRY};
    use crate::domain::ids::Revision;
    use serde_json::json;

    fn logged() -> LoggedChange {
        let (before, after) = (None, Some(json!({})));
        LoggedChange {
            revision: Revision(1),
            ordinal: 1,
            committed_at: Timestamp::from_second(100).unwrap(),
            operation: "add_member".to_owned(),
            actor: Some("Ann".to_owned()),
            caller: Some("Portal".to_owned()),
            request_id: None,
            change: Change {
                object: Object::Member,
                name: "Acme".to_owned(),
                subject: "bob".to_owned(),
                before,
                after,
            },
        }
    }

    #[test]
    fn every_field_that_is_set_must_match_and_names_match_without_regard_to_case() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let (name, subject, actor) = ("ACME".to_owned(), "Bob".to_owned(), "ann".to_owned());
        let (object, caller) = (Some(Object::Member), "Portal".to_owned());
        let all = ChangeFilter { object, name, subject, actor, caller, from: at(100), until: at(101) };
        assert!(ChangeFilter::default().takes(&logged()) && all.takes(&logged()));
        for (other, why) in [
            (ChangeFilter { object: Some(Object::Team), ..all.clone() }, "object"),
            (ChangeFilter { name: "acm".to_owned(), ..all.clone() }, "name"),
            (ChangeFilter { subject: "bob2".to_owned(), ..all.clone() }, "subject"),
            (ChangeFilter { actor: "bob".to_owned(), ..all.clone() }, "actor"),
            (ChangeFilter { caller: "portal".to_owned(), ..all.clone() }, "caller, which is no name of ours"),
            (ChangeFilter { from: at(101), ..all.clone() }, "from"),
            (ChangeFilter { until: at(100), ..all.clone() }, "until is not included"),
        ] {
            assert!(!other.takes(&logged()), "{why}");
        }
        let nobody = LoggedChange { actor: None, ..logged() };
        assert!(!all.takes(&nobody), "a caller in its own right is no actor");
    }

    #[test]
    fn what_became_of_a_thing_shows_in_what_it_was_and_is() {
        let kind = |operation: &str, before: bool, after: bool| {
            let value = |there: bool| there.then(|| json!({}));
            let change = Change { before: value(before), after: value(after), ..logged().change };
            LoggedChange { operation: operation.to_owned(), change, ..logged() }.kind()
        };
        assert_eq!(kind("add_member", false, true), ChangeKind::Created);
        assert_eq!(kind("update_member", true, true), ChangeKind::Updated);
        assert_eq!(kind("remove_member", true, false), ChangeKind::Removed);
        assert_eq!(kind(EXPIRY, true, true), ChangeKind::Expired);
    }
}
