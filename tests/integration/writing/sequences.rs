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

const CASES: u32 = 10;
const LISTS: usize = 8;
const LONGEST: usize = 4;

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
    let done = done.into_inner();
    assert!(done > CASES, "only {done} lists were carried out: nothing is tested");
}

/// Runs lists; returns how many were carried out, whole or in part.
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
        if joint.is_err() && jointly.levels().await != before {
            return Err(TestCaseError::fail(format!("refused, and something stays: {calls:?}")));
        }
        // one by one, what came before the refusal stays: together it goes well without the rest
        let kept = single.map_or_else(|(place, _)| place.parse().unwrap(), |()| calls.len());
        if joint.is_err() && kept > 0 {
            let first = send(&jointly.world.service, together(&actor, &calls[..kept])).await;
            first.map_err(|status| TestCaseError::fail(format!("{status:?}: {calls:?}, the first {kept}")))?;
        }
        let (one_by_one, together) = (plain(singly, &singly.levels().await), plain(jointly, &jointly.levels().await));
        if one_by_one != together {
            return Err(TestCaseError::fail(format!("{one_by_one:?}, and {together:?} together: {calls:?}")));
        }
        done += u32::try_from(kept.min(1)).unwrap();
    }
    Ok(done)
}

/// The levels without what tells one case from another.
fn plain(case: &Case<'_>, levels: &Levels) -> Vec<(String, String, i32)> {
    let (name, id) = (case.name(""), format!("-8000-{:08x}", case.number));
    let bare = |text: &str| text.replace(&name, "").replace(&id, "");
    levels.iter().map(|((object, user), level)| (bare(object), bare(user), *level)).collect()
}
