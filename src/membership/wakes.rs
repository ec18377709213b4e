//! Which users a write wakes or puts to sleep: only that changes what they hold on what is public.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::domain::change::{Change, Object};
use crate::domain::names::NameKey;

/// A user through all changes of one write.
struct Life {
    /// What it was called before them; `None` where it is new.
    first: Option<NameKey>,
    /// What it is called after those so far; `None` once it is gone.
    last: Option<NameKey>,
    was_active: bool,
    is_active: bool,
}

/// The users that are active before these changes or after them, and not both: what they are called before, and after. Whatever
/// happens to one on the way, a new name too, counts as one change from its first state to its last.
pub(super) fn waked_or_put_to_sleep(changes: &[Change]) -> BTreeSet<NameKey> {
    let mut lives: Vec<Life> = Vec::new();
    for change in changes.iter().filter(|change| change.object == Object::User) {
        let (before, after) = (name(change.before.as_ref()), name(change.after.as_ref()));
        let is_active = is_active(change.after.as_ref());
        match lives.iter_mut().find(|life| before.is_some() && life.last == before) {
            Some(life) => (life.last, life.is_active) = (after, is_active),
            None => {
                let was_active = self::is_active(change.before.as_ref());
                lives.push(Life { first: before, last: after, was_active, is_active });
            }
        }
    }
    let turned = lives.into_iter().filter(|life| life.was_active != life.is_active);
    turned.flat_map(|life| [life.first, life.last]).flatten().collect()
}

fn name(record: Option<&Value>) -> Option<NameKey> {
    record?.get("username")?.as_str().map(NameKey::of)
}

fn is_active(record: Option<&Value>) -> bool {
    record.and_then(|record| record.get("active")?.as_bool()).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A user that is called so, and whether it is active.
    type State = Option<(&'static str, bool)>;

    fn turned(steps: &[(State, State)]) -> Vec<String> {
        let record = |state: State| state.map(|(username, active)| json!({"username": username, "active": active}));
        let change = |(before, after): &(State, State)| Change {
            object: Object::User,
            name: String::new(),
            subject: String::new(),
            before: record(*before),
            after: record(*after),
        };
        let changes: Vec<Change> = steps.iter().map(change).collect();
        waked_or_put_to_sleep(&changes).iter().map(|key| key.as_str().to_owned()).collect()
    }

    const ANN: State = Some(("Ann", true));
    const ANN_SLEEPS: State = Some(("Ann", false));
    const BEA: State = Some(("Bea", true));
    const BEA_SLEEPS: State = Some(("Bea", false));

    #[test]
    fn one_step_turns_whom_it_begins_ends_or_sets() {
        for (before, after) in [(ANN, None), (None, ANN), (ANN, ANN_SLEEPS), (ANN_SLEEPS, ANN)] {
            assert_eq!(turned(&[(before, after)]), ["ann"], "{before:?} {after:?}");
        }
        assert_eq!(turned(&[(ANN, BEA_SLEEPS)]), ["ann", "bea"]);
        for (before, after) in
            [(ANN, ANN), (ANN, BEA), (None, ANN_SLEEPS), (ANN_SLEEPS, None), (BEA_SLEEPS, ANN_SLEEPS)]
        {
            assert_eq!(turned(&[(before, after)]), [""; 0], "{before:?} {after:?}");
        }
    }

    #[test]
    fn several_steps_count_from_the_first_to_the_last() {
        assert_eq!(turned(&[(ANN, BEA), (BEA, None)]), ["ann"], "it is called so before, and gone after");
        assert_eq!(turned(&[(ANN, BEA), (BEA, BEA_SLEEPS)]), ["ann", "bea"]);
        assert_eq!(turned(&[(None, ANN), (ANN, BEA)]), ["bea"]);
        assert_eq!(turned(&[(ANN, ANN_SLEEPS), (ANN_SLEEPS, ANN)]), [""; 0]);
        assert_eq!(turned(&[(None, ANN), (ANN, None)]), [""; 0]);
    }

    #[test]
    fn a_name_may_pass_from_one_to_another() {
        assert_eq!(turned(&[(ANN, None), (None, ANN)]), ["ann"], "one of that name went, and another came");
        assert_eq!(turned(&[(ANN, BEA), (None, ANN_SLEEPS), (BEA, None)]), ["ann"]);
        assert_eq!(turned(&[(ANN, BEA), (None, ANN), (ANN, None)]), [""; 0], "who came went again");
    }

    #[test]
    fn an_organization_is_no_user() {
        let (name, subject, before) = (String::new(), String::new(), None);
        let after = Some(json!({"username": "acme", "active": true}));
        let made = Change { object: Object::Organization, name, subject, before, after };
        assert!(waked_or_put_to_sleep(&[made]).is_empty());
    }
}
