//! How many bytes an entry takes, allocations included.

use std::mem::{size_of, size_of_val};

use smallvec::{Array, SmallVec};

use super::cell::Entry;
use crate::domain::facts::{Account, Named, Plan, Project};
use crate::domain::ids::{AccountId, PlanId, ProjectId};
use crate::domain::names::{NAME_IN_PLACE, NameKey, ProjectName};

/// What an allocation costs beyond its size.
const ALLOCATION: usize = 16;

/// Knows what it takes in memory behind itself: not its own size.
pub(super) trait Weight {
    /// The bytes that it owns elsewhere.
    fn heap(&self) -> usize;
}

impl<V: Weight> Weight for Entry<V> {
    fn heap(&self) -> usize {
        self.value.as_ref().map_or(0, Weight::heap)
    }
}

impl Weight for Named {
    fn heap(&self) -> usize {
        match self {
            Self::User(user) => few(&user.organizations) + few(&user.teams),
            Self::Organization(_) => 0,
        }
    }
}

impl Weight for Project {
    fn heap(&self) -> usize {
        slice(&self.collaborators) + slice(&self.teams)
    }
}

impl Weight for NameKey {
    fn heap(&self) -> usize {
        text(self.as_str())
    }
}

impl Weight for (NameKey, ProjectName) {
    fn heap(&self) -> usize {
        self.0.heap() + text(self.1.as_str())
    }
}

macro_rules! weightless {
    ($($name:ty),+) => {
        $(impl Weight for $name {
            fn heap(&self) -> usize {
                0
            }
        })+
    };
}

weightless!(Account, Plan, AccountId, PlanId, ProjectId);

/// Short names stand in place, others in an allocation with two counters.
fn text(name: &str) -> usize {
    if name.len() <= NAME_IN_PLACE { 0 } else { ALLOCATION + 2 * size_of::<usize>() + name.len() }
}

/// So few as to stand in place, or a slice.
fn few<A: Array>(items: &SmallVec<A>) -> usize {
    if items.spilled() { ALLOCATION + items.capacity() * size_of::<A::Item>() } else { 0 }
}

fn slice<T>(items: &[T]) -> usize {
    if items.is_empty() { 0 } else { ALLOCATION + size_of_val(items) }
}
