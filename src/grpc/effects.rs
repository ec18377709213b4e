//! What a write would change of anybody's role, as it goes on the wire.

use super::{decisions, resources, v1};
use crate::domain::decision::Held;
use crate::membership::{Effects, RoleChange, Whose};

/// How many role changes an answer spells out.
const ROLE_CHANGES: usize = 1_000;

/// How much of what was left out it names.
const LEFT_OUT: usize = 100;

pub(super) fn effects(effects: Effects) -> v1::Effects {
    let count = |length| i64::try_from(length).unwrap_or(i64::MAX);
    v1::Effects {
        total: count(effects.role_changes.len()),
        complete: effects.left_out.is_empty(),
        left_out_total: count(effects.left_out.len()),
        role_changes: effects.role_changes.into_iter().take(ROLE_CHANGES).map(role_change).collect(),
        left_out: effects.left_out.into_iter().take(LEFT_OUT).collect(),
    }
}

fn role_change(change: RoleChange) -> v1::RoleChange {
    let (user, everyone) = match change.who {
        Whose::Everyone => (String::new(), true),
        Whose::User(user) => (user, false),
    };
    v1::RoleChange {
        user,
        everyone,
        project: change.project.to_string(),
        path: change.path,
        before: change.before.map(held),
        after: change.after.map(held),
    }
}

fn held(held: Held) -> v1::HeldRole {
    v1::HeldRole {
        role: resources::project_role(held.role).into(),
        origin: resources::origin(held.origin).into(),
        expires_at: decisions::end(held.ends_at),
    }
}
