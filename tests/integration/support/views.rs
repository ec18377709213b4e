//! A role view of a test's own, without a service around it.

use std::time::Duration;

use rolegate::store::{Database, Databases, Hosts, Role};
use rolegate::view::{Standing, View, ViewSettings};
use tokio_postgres::Config;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Connections to a database.
pub fn databases(config: &Config) -> Databases {
    let hosts = Hosts::new(config, Role::Primary);
    let open = || Database::new(hosts.clone(), 4).unwrap();
    Databases { main: open(), loads: open(), standbys: None }
}

/// How a view is kept that may take so many bytes.
pub fn settings(memory: usize) -> ViewSettings {
    ViewSettings {
        memory,
        loading: 10_000,
        name: "view".to_owned(),
        lease: Duration::from_secs(60),
        stale_for: Duration::ZERO,
        heartbeat: Duration::from_secs(5),
    }
}

/// A view of that database that may take so many bytes, once it answers; and what keeps it.
pub async fn start_view(config: &Config, memory: usize) -> (View, AbortOnDropHandle<()>) {
    let (view, keeper) = View::new(databases(config), settings(memory));
    let kept = AbortOnDropHandle::new(tokio::spawn(keeper.run(CancellationToken::new())));
    until_fresh(&view).await;
    (view, kept)
}

/// Waits until it answers.
pub async fn until_fresh(view: &View) {
    while view.standing() != Standing::Fresh {
        view.standing_changed(view.standing()).await;
    }
}
