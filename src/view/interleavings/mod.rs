//! The cells and the freshness rule, model-checked: every order of the steps of a writer, the follower, loads, eviction, a
//! start-over and callers, within the bounds that each test states. The steps are taken on the real tables. ADR 0011.
//!
//! Always within: two keys in two tables, which writes touch in turn; three loads at once; one failover that loses one
//! write. Two callers: a check of both keys, and one of the second key alone that may go away at any point.

mod real;
mod steps;
mod world;

use std::collections::BTreeMap;

use stateright::{Checker, HasDiscoveries, Model, Property};

use steps::{Bounds, Mutation, Step};
use world::{Check, World};

const TRUE: &str =
    "an answer is what was true at the revision that it names, which is no less than what was waited for";
const USABLE: &str = "what a check could use now is true";
const ALIVE: &str = "nobody waits for a load that nobody runs: each can end, so nobody waits for ever";
const ANSWERED: &str = "a check is answered";

const TWO_WRITES: Bounds = Bounds {
    writes: 2,
    warm: false,
    waits_for: [0, 0],
    second: false,
    alongside: false,
    failover: false,
    evictions: 0,
    failures: 0,
    mutation: None,
};

const FULL_VIEW_STARTS_OVER: Bounds = Bounds { warm: true, second: true, failover: true, ..TWO_WRITES };
const FULL_VIEW_GOES_ON: Bounds = Bounds { warm: true, second: true, writes: 4, ..TWO_WRITES };

impl Model for Bounds {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![if self.warm { World::warm(self.waits_for) } else { World::new(self.waits_for) }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        self.steps(world, steps);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        self.take(world, step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(TRUE, |_, world: &World| !world.checks.contains(&Check::Wrong)),
            Property::always(USABLE, |_, world: &World| world.is_true()),
            Property::always(ALIVE, |_, world: &World| world.is_alive()),
            Property::sometimes(ANSWERED, |_, world: &World| world.checks.first() == Some(&Check::Over)),
        ]
    }
}

/// Explores all states, and returns what does not hold, with steps that lead there.
fn counterexamples(bounds: &Bounds) -> BTreeMap<&'static str, Vec<Step>> {
    let checker = bounds.clone().checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!("{} states within {bounds:?}", checker.unique_state_count());
    let mut found: BTreeMap<_, _> =
        checker.discoveries().into_iter().map(|(name, path)| (name, path.into_actions())).collect();
    let answered = found.remove(ANSWERED).is_some();
    assert!(answered || !found.is_empty(), "nothing was checked");
    found
}

fn assert_holds(bounds: &Bounds) {
    assert_eq!(counterexamples(bounds), BTreeMap::new());
}

fn assert_breaks(property: &str, bounds: &Bounds) {
    let found = counterexamples(bounds);
    println!("{found:?}");
    assert!(found.contains_key(property), "the mutation goes unnoticed: {found:?}");
}

#[test]
fn a_check_of_two_keys_is_true_at_one_revision_whatever_is_written_evicted_and_loaded() {
    assert_holds(&Bounds { evictions: 1, failures: 1, ..TWO_WRITES });
}

#[test]
fn who_shares_a_load_is_told_whoever_goes_away() {
    assert_holds(&Bounds { writes: 1, second: true, failures: 1, ..TWO_WRITES });
}

#[test]
fn an_entry_that_comes_along_with_another_load_is_never_stale() {
    assert_holds(&Bounds { alongside: true, evictions: 1, ..TWO_WRITES });
}

#[test]
fn an_answer_after_waiting_for_a_revision_names_no_less() {
    assert_holds(&Bounds { waits_for: [1, 2], ..TWO_WRITES });
}

#[test]
fn a_view_that_starts_over_keeps_nothing_of_what_was_lost() {
    assert_holds(&Bounds { failover: true, ..TWO_WRITES });
}

#[test]
fn two_callers_of_a_full_view_that_starts_over_are_never_told_of_two_histories() {
    assert_holds(&FULL_VIEW_STARTS_OVER);
}

#[test]
fn two_callers_of_a_full_view_are_told_what_was_true_while_it_goes_on() {
    assert_holds(&FULL_VIEW_GOES_ON);
}

#[test]
fn without_the_mark_a_load_under_way_puts_the_old_state_back() {
    assert_breaks(USABLE, &Bounds { mutation: Some(Mutation::NoMark), ..TWO_WRITES });
}

#[test]
fn without_the_second_read_of_the_position_an_answer_of_one_history_is_named_by_another() {
    let mutation = Some(Mutation::NoSecondRead);
    assert_breaks(TRUE, &Bounds { mutation, ..FULL_VIEW_STARTS_OVER });
}

#[test]
fn within_one_history_the_revisions_of_entries_do_for_the_second_read() {
    assert_holds(&Bounds { mutation: Some(Mutation::NoSecondRead), ..FULL_VIEW_GOES_ON });
}

#[test]
fn within_one_history_the_second_read_does_for_the_revisions_of_entries() {
    assert_holds(&Bounds { mutation: Some(Mutation::LaterEntries), ..FULL_VIEW_GOES_ON });
}

#[test]
fn without_the_revisions_of_entries_a_view_that_starts_over_answers_from_what_was_lost() {
    let mutation = Some(Mutation::LaterEntries);
    assert_breaks(TRUE, &Bounds { mutation, ..FULL_VIEW_STARTS_OVER });
}

#[test]
fn with_neither_of_them_an_answer_names_a_revision_that_it_is_not_of() {
    assert_breaks(TRUE, &Bounds { mutation: Some(Mutation::NothingCompared), ..FULL_VIEW_GOES_ON });
}

#[test]
fn without_the_question_whether_it_was_applied_a_load_from_a_lost_branch_is_kept() {
    assert_breaks(USABLE, &Bounds { mutation: Some(Mutation::NotVouched), failover: true, ..TWO_WRITES });
}

#[test]
fn without_its_epoch_a_load_from_before_a_start_over_is_kept() {
    assert_breaks(USABLE, &Bounds { mutation: Some(Mutation::AnyEpoch), failover: true, ..TWO_WRITES });
}

#[test]
fn with_a_cell_made_after_the_read_an_invalidation_finds_nothing_to_mark() {
    assert_breaks(USABLE, &Bounds { mutation: Some(Mutation::CellAfterRead), ..TWO_WRITES });
}

#[test]
fn without_word_of_what_has_begun_an_entry_that_comes_along_is_taken_in_late() {
    assert_breaks(USABLE, &Bounds { mutation: Some(Mutation::NothingSeen), alongside: true, ..TWO_WRITES });
}

#[test]
fn with_a_caller_that_takes_its_loads_along_others_wait_for_ever() {
    let mutation = Some(Mutation::CancelledWithLoads);
    assert_breaks(ALIVE, &Bounds { mutation, writes: 0, second: true, ..TWO_WRITES });
}
