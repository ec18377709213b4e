//! Random lists of operations, twice: one by one among some people, as one write among others. They are allowed and refused at
//! the same place for the same reason, and come to the same; refused together, they leave nothing.

use proptest::collection::vec;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{refusal, send, together};
use crate::membership::calls;
use crate::membership::sequences::{ACTORS, Case, KINDS, Levels, PEOPLE, PLACES, Step, TARGETS};
use crate::membership::world::World;
use crate::support::reason;

const CASES: u32 = 20;
const LISTS: usize = 12;
const LONGEST: usize = 3;

#[test]
fn together_operations_are_what_they_are_one_by_one() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = runtime.block_on(World::empty());
    runtime.block_on(world.send(calls::put_plan("default", true, -1, -1)));
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 30, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let step = (select(ACTORS), 0..KINDS, select(TARGETS), select(PLACES), 1..=5_i32);
    let (next, done) = (AtomicU32::new(0), AtomicU32::new(0));
    let result = runner.run(&vec(vec(step, 1..=LONGEST), LISTS), |lists| {
        let number = next.fetch_add(2, Ordering::Relaxed);
        let pair = [number, number + 1].map(|number| Case { world: &world, number });
        done.fetch_add(runtime.block_on(run(&pair, &lists))?, Ordering::Relaxed);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(done.into_inner() > CASES, "hardly any list was carried out");
}

/// Runs lists until one is refused in its middle; returns how many were carried out.
async fn run([singly, jointly]: &[Case<'_>; 2], lists: &[Vec<Step>]) -> Result<u32, TestCaseError> {
    singly.set_up().await;
    jointly.set_up().await;
    let mut done = 0;
    for list in lists {
        // on behalf of the first one's actor, all of them
        let steps: Vec<Step> = list.iter().map(|step| (list[0].0, step.1, step.2, step.3, step.4)).collect();
        let actor = jointly.name(PEOPLE[list[0].0]);
        let calls: Vec<_> = steps.iter().map(|step| jointly.call(*step).by("")).collect();
        let before = jointly.levels().await;
        let joint = send(&jointly.world.service, together(&actor, &calls)).await;
        let mut single = Ok(());
        for (index, step) in steps.iter().enumerate() {
            if let Err(status) = singly.call(*step).send(&singly.world.service).await {
                single = Err((index.to_string(), reason(&status)));
                break;
            }
        }
        if joint.as_ref().map(drop).map_err(refusal) != single {
            return Err(TestCaseError::fail(format!("{single:?} one by one, and {joint:?} together: {calls:?}")));
        }
        let after = jointly.levels().await;
        let expected = if joint.is_ok() { of_all(singly, &singly.levels().await) } else { of_all(jointly, &before) };
        if of_all(jointly, &after) != expected {
            return Err(TestCaseError::fail(format!("{expected:?} one by one, and {after:?} together: {calls:?}")));
        }
        match single {
            Ok(()) => done += 1,
            Err((place, _)) if place == "0" => {}
            // one by one, what came before the refusal stays: from here on they are two stories
            Err(_) => break,
        }
    }
    Ok(done)
}

/// The levels without what tells one case from another.
fn of_all(case: &Case<'_>, levels: &Levels) -> Vec<(String, String, i32)> {
    let (name, id) = (case.name(""), format!("-8000-{:08x}", case.number));
    let plain = |text: &str| text.replace(&name, "").replace(&id, "");
    levels.iter().map(|((object, user), level)| (plain(object), plain(user), *level)).collect()
}
