//! Floods of names that nobody has: the view keeps within its memory, and keeps what is asked for all the time.

use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use rolegate::domain::actions::ProjectAction;
use rolegate::domain::names::{ProjectName, Username};
use rolegate::domain::policy::Policy;
use rolegate::view::{ProjectKey, ProjectQuestion, View};

use crate::support::fresh_database;
use crate::support::proxy::{Proxy, Purpose};
use crate::support::views::start_view;

const MEMORY: usize = 4 << 20;
const REGULARS: usize = 100;
const FLOOD: usize = 40_000;

/// What the loads under way may bring before room is made for it.
const UNDER_WAY: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_unknown_names_takes_no_more_than_its_share_and_the_regulars_stay() {
    let database = fresh_database().await;
    let proxy = Proxy::start(&database).await;
    let (view, _kept) = start_view(&proxy.config(&database), MEMORY).await;
    // the regulars come again, as they do
    for _ in 0..2 {
        all(&view, "regular", 0..REGULARS).await;
    }
    for wave in 0..FLOOD / 1_000 {
        all(&view, "unknown", wave * 1_000..(wave + 1) * 1_000).await;
        all(&view, "regular", 0..REGULARS).await;
        assert!(view.memory() < MEMORY + UNDER_WAY, "{} bytes in wave {wave}", view.memory());
    }
    // and are away for as long as it takes to fill the view many times over
    all(&view, "others", 0..FLOOD).await;
    proxy.hold(Purpose::Loads);
    let asked = all(&view, "regular", 0..REGULARS);
    tokio::time::timeout(Duration::from_secs(20), asked).await.expect("all of them are answered from memory");
}

/// Asks for each of these names, and a project that it does not have.
async fn all(view: &View, prefix: &str, numbers: std::ops::Range<usize>) {
    let policy = &Policy::built_in().unwrap();
    let ask = |number: usize| async move {
        let name = Username::parse(&format!("{prefix}{number}")).unwrap().key();
        let project = ProjectKey::Path((name.clone(), ProjectName::parse("trees").unwrap()));
        let question = ProjectQuestion { user: Some(name), project, rule: policy.project(ProjectAction::ViewProject) };
        assert!(!view.check_project(policy, &question, || None).await.unwrap().value.allowed());
    };
    stream::iter(numbers).map(ask).buffer_unordered(256).collect::<Vec<()>>().await;
}
