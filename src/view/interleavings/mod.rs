//! The cells and the freshness rule, model-checked.

mod real;
mod steps;
mod world;

use stateright::{Checker, HasDiscoveries, Model, Property};

use steps::{Bounds, Mutation, Step};
use world::{Check, World};

const TRUE: &str = "no answer was other than what was true at the revision that it names";
const USABLE: &str = "what a check could use now is true";
const ALIVE: &str = "nobody waits for a load that nobody runs";

impl Model for Bounds {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.waits_for)]
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
            Property::sometimes("answered", |_, world: &World| world.checks[0] == Check::Over),
        ]
    }
}

fn explore(bounds: &Bounds) -> Vec<(&'static str, Vec<Step>)> {
    let begun = std::time::Instant::now();
    let checker = bounds.clone().checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!("{bounds:?}: {} states, {:?}", checker.unique_state_count(), begun.elapsed());
    let found = checker.discoveries();
    found.into_iter().map(|(name, path)| (name, path.into_actions())).filter(|(name, _)| *name != "answered").collect()
}

const ONE: Bounds = Bounds {
    writes: 2,
    waits_for: [0, 0],
    second: false,
    alongside: false,
    failover: false,
    evictions: 0,
    failures: 0,
    mutation: None,
};

#[test]
fn one() {
    assert_eq!(explore(&ONE), []);
}
#[test]
fn two() {
    assert_eq!(explore(&Bounds { second: true, evictions: 1, failures: 1, ..ONE }), []);
}
#[test]
fn along() {
    assert_eq!(explore(&Bounds { alongside: true, evictions: 1, writes: 3, ..ONE }), []);
}
#[test]
fn over() {
    assert_eq!(explore(&Bounds { failover: true, ..ONE }), []);
}
#[test]
fn mutations() {
    use Mutation::*;
    for mutation in [NoMark, NoSecondRead, NotVouched, CellAfterRead, NothingSeen, AnyEpoch, CancelledWithLoads] {
        let failover = matches!(mutation, NotVouched | AnyEpoch);
        let alongside = mutation == NothingSeen;
        let second = mutation == CancelledWithLoads;
        println!("{mutation:?} {:?}", explore(&Bounds { mutation: Some(mutation), failover, alongside, second, ..ONE }));
    }
}
