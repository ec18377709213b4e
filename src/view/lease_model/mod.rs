//! The leases of ADR 0010, model-checked: a primary and a standby that may take over without the last rows, replicas that renew
//! and read, and a writer that watches them with the real `Replicas`. ADR 0011.
//!
//! Bounds: each test says how many replicas, renewals, crashes and cut connections; time has no end, a lease is two ticks. A
//! pause is no step of its own: nobody has to take its next step, while time goes on.

mod replica;
mod rows;
mod server;
mod steps;
mod watcher;
mod world;
mod writer;

use stateright::{Checker, HasDiscoveries, Model, Path, Property};

use steps::{Bounds, Mutation, Step};
use world::{Place, World};

const FRESH: &str = "no check that begins after the write was acknowledged is answered from before it";
const ACKNOWLEDGED: &str = "a write is acknowledged";

impl Model for Bounds {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![self.begin()]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        self.steps(world, steps);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        self.take(world, step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(FRESH, |_, world: &World| !world.is_stale()),
            Property::sometimes(ACKNOWLEDGED, |_, world: &World| world.writer.acknowledged),
        ]
    }
}

/// Explores all states, and returns the steps to one where a revoked grant is given.
fn counterexample(bounds: &Bounds) -> Option<Vec<Step>> {
    let checker = bounds.clone().checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!("{} states within {bounds:?}", checker.unique_state_count());
    let stale = checker.discovery(FRESH).map(Path::into_actions);
    assert!(stale.is_some() || checker.discovery(ACKNOWLEDGED).is_some(), "nothing was checked");
    stale
}

fn assert_breaks(mutation: Mutation, bounds: &Bounds) {
    let stale = counterexample(&Bounds { mutation: Some(mutation), ..bounds.clone() });
    println!("{stale:?}");
    assert!(stale.is_some(), "the mutation goes unnoticed");
}

const ONE_REPLICA: Bounds = Bounds {
    begun: &[],
    replicas: 1,
    renewals: 2,
    crashes: 0,
    cuts: 0,
    failover: false,
    restarts: 0,
    others: false,
    deletions: true,
    mutation: None,
};
const WITH_CRASH: Bounds = Bounds { crashes: 1, ..ONE_REPLICA };
const ONE_RENEWAL: Bounds = Bounds { renewals: 1, deletions: false, ..ONE_REPLICA };
const TWO_REPLICAS: Bounds = Bounds { begun: &[&REGISTERED], replicas: 2, deletions: true, ..ONE_RENEWAL };
const WITH_RESTART: Bounds = Bounds { restarts: 1, ..ONE_RENEWAL };
const RESTART_WITH_LOSS: Bounds = Bounds { begun: &[&REGISTERED], others: true, ..WITH_RESTART };

/// The standby has nothing, and gets nothing.
const FAILOVER: Bounds = Bounds { begun: &[&[Step::Replicate]], failover: true, deletions: true, ..ONE_RENEWAL };
/// The standby has the row of the replica, which may renew it once more.
const FAILOVER_WITH_LEASE: Bounds =
    Bounds { begun: &[&REGISTERED, &[Step::Replicate]], renewals: 2, deletions: false, ..FAILOVER };
/// The same; and it lacks a write that the replica has applied.
const FAILOVER_WITH_LOSS: Bounds =
    Bounds { begun: &[&REGISTERED, &[Step::Replicate], &OTHER_WRITE_APPLIED], ..FAILOVER_WITH_LEASE };
/// The same, once the replica has given the history another name, which it follows.
const AFTER_RENAMING: Bounds =
    Bounds { begun: &[&REGISTERED, &[Step::Replicate], &OTHER_WRITE_APPLIED, &RENAMED], ..FAILOVER_WITH_LEASE };

/// A replica has a lease, and the writer knows of it.
const REGISTERED: [Step; 7] = [
    Step::AskRenewal(0),
    Step::CommitRenewal(0),
    Step::AnswerRenewal(0),
    Step::ReadLog(0, Place::Old),
    Step::Apply(0),
    Step::Watch(Place::Old),
    Step::Hear,
];

const OTHER_WRITE_APPLIED: [Step; 3] = [Step::OtherWrite, Step::ReadLog(0, Place::Old), Step::Apply(0)];

const RENAMED: [Step; 5] =
    [Step::Failover, Step::ReadLog(0, Place::New), Step::Apply(0), Step::ReadLog(0, Place::New), Step::Apply(0)];

#[test]
fn a_write_is_acknowledged_only_when_the_replica_has_it_or_may_not_answer() {
    assert_eq!(counterexample(&Bounds { cuts: 1, ..ONE_REPLICA }), None);
}

#[test]
fn a_replica_that_crashes_and_comes_back_is_waited_for() {
    assert_eq!(counterexample(&WITH_CRASH), None);
}

#[test]
fn two_replicas_are_waited_for() {
    assert_eq!(counterexample(&TWO_REPLICAS), None);
}

#[test]
fn leases_that_are_lost_in_a_failover_are_waited_for() {
    assert_eq!(counterexample(&FAILOVER), None);
}

#[test]
fn a_crash_of_the_server_loses_no_lease() {
    assert_eq!(counterexample(&WITH_RESTART), None);
}

#[test]
fn without_the_read_after_the_renewal_a_replica_misses_a_write() {
    assert_breaks(Mutation::LeaseWithoutRead, &ONE_REPLICA);
}

#[test]
fn with_a_lease_counted_from_the_answer_a_replica_answers_too_long() {
    assert_breaks(Mutation::LeaseFromAnswer, &ONE_REPLICA);
}

#[test]
fn with_replicas_read_before_the_commit_a_new_one_is_not_waited_for() {
    assert_breaks(Mutation::ReplicasBeforeCommit, &ONE_REPLICA);
}

#[test]
fn with_times_from_the_database_a_clock_that_jumps_ends_leases() {
    assert_breaks(Mutation::WallClock, &ONE_REPLICA);
}

#[test]
fn with_a_renewal_noted_before_its_read_was_over_a_lease_ends_too_soon() {
    assert_breaks(Mutation::SeenBeforeRead, &ONE_REPLICA);
}

#[test]
fn with_a_row_deleted_whatever_its_number_a_lease_is_lost() {
    assert_breaks(Mutation::DeleteAnyNumber, &ONE_REPLICA);
}

#[test]
fn with_its_old_number_a_replica_that_comes_back_is_not_waited_for() {
    assert_breaks(Mutation::OldNumber, &WITH_CRASH);
}

#[test]
fn with_renewals_that_are_lost_in_a_crash_a_lease_is_lost() {
    assert_breaks(Mutation::RenewalsNotFlushed, &WITH_RESTART);
}

#[test]
fn without_a_row_for_those_unknown_a_failover_loses_leases() {
    assert_breaks(Mutation::NoUnknown, &FAILOVER);
}

#[test]
fn with_a_read_that_need_not_show_the_renewal_an_old_primary_renews_a_lease() {
    assert_breaks(Mutation::ReadWithoutRenewal, &FAILOVER);
}

#[test]
fn with_a_read_that_need_not_show_the_write_an_old_primary_confirms_it() {
    assert_breaks(Mutation::ReplicasWithoutWrite, &FAILOVER);
}

#[test]
fn with_replicas_taken_in_before_the_log_was_judged_an_old_primary_hides_them() {
    assert_breaks(Mutation::ReplicasUnjudged, &FAILOVER);
}

#[test]
fn with_claims_that_do_not_name_the_write_a_lost_one_vouches_for_it() {
    assert_breaks(Mutation::ClaimsByRevision, &RESTART_WITH_LOSS);
}

#[test]
fn with_its_lease_kept_a_view_that_starts_over_goes_back() {
    assert_breaks(Mutation::StartOverKeepsLease, &AFTER_RENAMING);
}

#[test]
fn with_claims_that_were_heard_before_a_crash_a_lost_write_vouches_for_another() {
    assert_breaks(Mutation::ClaimsKept, &RESTART_WITH_LOSS);
}

#[test]
fn a_lease_that_the_standby_has_is_waited_for_after_a_failover() {
    assert_eq!(counterexample(&FAILOVER_WITH_LEASE), None);
}

#[test]
fn in_a_history_that_was_renamed_a_replica_that_goes_back_may_not_answer() {
    assert_eq!(counterexample(&AFTER_RENAMING), None);
}

#[test]
fn a_write_that_is_lost_in_a_failover_vouches_for_no_other() {
    assert_eq!(counterexample(&FAILOVER_WITH_LOSS), None);
}

#[test]
fn a_write_that_is_lost_in_a_crash_vouches_for_no_other() {
    assert_eq!(counterexample(&RESTART_WITH_LOSS), None);
}
