//! The bytes that the view says it takes are the bytes that it takes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

#[path = "integration/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "written for the other tests")]
mod support;

use std::alloc::System;

use futures::stream::{self, StreamExt as _};
use rolegate::domain::actions::ProjectAction;
use rolegate::domain::names::{ProjectName, Username};
use rolegate::domain::policy::Policy;
use rolegate::view::{ProjectKey, ProjectQuestion, View};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio_util::task::AbortOnDropHandle;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const NAMES: usize = 40_000;

// one test, as both halves would count each other's bytes
#[tokio::test]
async fn the_view_takes_as_much_memory_as_it_says_and_no_more_than_it_may() {
    says_what_it_takes().await;
    stays_within_its_setting().await;
}

async fn says_what_it_takes() {
    let (view, _kept) = start_view(1 << 30).await;
    // connections, statements and buffers are there before it counts
    flood(&view, "warm", 1_000).await;
    let (said, allocated) = (view.memory(), allocated());
    flood(&view, "user", NAMES).await;
    let (said, allocated) = (view.memory() - said, self::allocated() - allocated);
    println!("{NAMES} names and paths: the view says {said} bytes, the allocator {allocated}");
    assert!(said > allocated * 9 / 10 && said < allocated * 2, "it says {said} bytes and takes {allocated}");
}

async fn stays_within_its_setting() {
    let limit = 4 << 20;
    let (view, _kept) = start_view(limit).await;
    flood(&view, "user", NAMES).await;
    // what the last batches brought may still be there for who waited for it
    assert!(view.memory() < limit + (1 << 20), "{} bytes of {limit}", view.memory());
    assert!(view.len() > 1_000, "it still keeps what fits");
}

async fn start_view(memory: usize) -> (View, AbortOnDropHandle<()>) {
    support::views::start_view(&support::fresh_database().await, memory).await
}

/// Asks about that many users and projects that there are none of.
async fn flood(view: &View, prefix: &str, names: usize) {
    let policy = &Policy::built_in().unwrap();
    let ask = |number: usize| async move {
        let name = Username::parse(&format!("{prefix}{number}")).unwrap().key();
        let project = ProjectKey::Path((name.clone(), ProjectName::parse("trees").unwrap()));
        let question = ProjectQuestion { user: Some(name), project, rule: policy.project(ProjectAction::ViewProject) };
        assert!(!view.check_project(policy, &question, || None).await.unwrap().value.allowed());
    };
    stream::iter(0..names).map(ask).buffer_unordered(512).collect::<Vec<()>>().await;
}

fn allocated() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}
