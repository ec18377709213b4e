//! The leases of ADR 0010, model-checked.

mod steps;
mod watcher;
mod world;

use stateright::{Checker, HasDiscoveries, Model, Property};

use steps::{Bounds, Mutation, Step};
use world::World;

const FRESH: &str = "no check that begins after the write was acknowledged is answered from before it";

impl Model for Bounds {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new()]
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
            Property::sometimes("acknowledged", |_, world: &World| world.writer.acknowledged),
        ]
    }
}

fn explore(bounds: Bounds) -> Option<Vec<Step>> {
    let begun = std::time::Instant::now();
    let checker = bounds.clone().checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!("{bounds:?}: {} states, {:?}", checker.unique_state_count(), begun.elapsed());
    checker.discovery("acknowledged").expect("some write is acknowledged");
    checker.discovery(FRESH).map(stateright::Path::into_actions)
}

const ONE: Bounds =
    Bounds { replicas: 1, renewals: 2, crashes: 0, cuts: 0, failover: false, restarts: 0, mutation: None };

#[test]
fn small() {
    assert_eq!(explore(ONE), None);
}
#[test]
fn crash() {
    assert_eq!(explore(Bounds { crashes: 1, cuts: 1, ..ONE }), None);
}
#[test]
fn fail_over() {
    assert_eq!(explore(Bounds { failover: true, renewals: 1, ..ONE }), None);
}
#[test]
fn mutations() {
    use Mutation::*;
    for mutation in [LeaseWithoutRead, LeaseFromAnswer, ReplicasBeforeCommit, WallClock, SeenBeforeRead, OldNumber, DeleteAnyNumber, RenewalsNotFlushed, NoUnknown, ReplicasWithoutWrite, ReplicasUnjudged, ReadWithoutRenewal, ClaimsByRevision, StartOverKeepsLease,] {
        let failover = matches!(mutation, ReadWithoutRenewal | ReplicasWithoutWrite | ReplicasUnjudged | NoUnknown | ClaimsByRevision | StartOverKeepsLease);
        let renewals = if failover {1} else {2};
        let restarts = if mutation == RenewalsNotFlushed { 1 } else { 0 };
        let crashes = if mutation == OldNumber { 1 } else { 0 };
        println!("{mutation:?} {:?}", explore(Bounds { mutation: Some(mutation), failover, renewals, restarts, crashes, ..ONE }));
    }
}
