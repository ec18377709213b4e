//! Callers that take too much: each is bounded in what it can use up, and those who behave are none the worse.

mod classes;
mod connections;
mod deadlines;
mod good_clients;
mod names;
mod rates;

use std::time::Duration;

use futures::future::BoxFuture;
use rolegate::grpc::v1::{ListProjectsRequest, ProjectRole};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::support::{Clients, Service, fresh_database, reason};

/// Long enough for a machine that has much to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A service with these flags, at which ann owns a public project that the view knows.
async fn garden(flags: &[&str]) -> Service {
    let service = Service::start_on(fresh_database().await, flags).await;
    service.create_users(&["ann", "bob"]).await;
    service.create_project("ann/trees", true).await;
    assert!(may(&service).await);
    service
}

/// Whether ann may see her project: a good caller's check, which must succeed whatever others do.
async fn may(clients: &Clients) -> bool {
    let check = clients.check("ann", "ann/trees", "view_project");
    tokio::time::timeout(PATIENCE, check).await.expect("an answer in time").unwrap().allowed
}

/// What ann may see, by a list.
async fn list(clients: &Clients, limit: Option<Duration>) -> Result<usize, Status> {
    let (user, action) = ("ann".to_owned(), "view_project".to_owned());
    let mut request = Request::new(ListProjectsRequest { user, action, ..Default::default() });
    limit.into_iter().for_each(|limit| request.set_timeout(limit));
    clients.authorization().list_projects(request).await.map(|listed| listed.into_inner().projects.len())
}

/// Shares ann's project with somebody.
async fn share(clients: &Clients, who: &str) -> Result<String, Status> {
    clients.add_collaborator("ann/trees", who, ProjectRole::Reader).await
}

/// Waits until it is so.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("it comes to be so");
}

/// Asks the same again and again until it is refused as too much; how.
async fn until_refused<'a, T>(mut ask: impl FnMut() -> BoxFuture<'a, Result<T, Status>>) -> Status {
    let refused = async {
        loop {
            match ask().await {
                Err(status) if status.code() == Code::ResourceExhausted => return status,
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("it is refused in the end")
}

/// It says that it was too much, and when to try again.
fn says_when(status: &Status, because: &str) {
    assert_eq!((status.code(), reason(status).as_str()), (Code::ResourceExhausted, because), "{status:?}");
    let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    assert!(after.is_some_and(|after| after > Duration::ZERO && after <= Duration::from_secs(60)), "{status:?}");
}
