//! A database that lacks what was applied, as a primary of the past does: its word that there is nothing to change is not taken.

use std::sync::Arc;

use rolegate::domain::names::Username;
use rolegate::domain::policy::Policy;
use rolegate::membership::users::{CreateUser, DeleteUser};
use rolegate::membership::{MembershipError, WriteContext, Writer};

use crate::support::fresh_database;
use crate::support::postgres::connect;
use crate::support::views::{databases, start_view};

#[tokio::test]
async fn a_primary_of_the_past_is_not_believed_that_there_is_nothing_to_change() {
    let (present, past) = (fresh_database().await, fresh_database().await);
    let history: uuid::Uuid =
        connect(&present).await.query_one("SELECT history FROM revision", &[]).await.unwrap().get(0);
    connect(&past).await.execute("UPDATE revision SET history = $1", &[&history]).await.unwrap();
    let (view, _kept) = start_view(&present, 1 << 20).await;
    let policy = Arc::new(Policy::built_in().unwrap());
    let [here, there] =
        [&present, &past].map(|config| Writer::new(databases(config).main, view.clone(), Arc::clone(&policy)));
    let ann = || Username::parse_new("ann").unwrap();
    let waiting = WriteContext { wait_for_replicas: true, ..Default::default() };
    here.run(&waiting, &CreateUser { username: ann(), active: true, plan: None }, |_| ()).await.unwrap();

    let delete = DeleteUser { username: ann(), etag: None, allow_missing: true };
    for context in [WriteContext::default(), waiting.clone(), WriteContext { validate_only: true, ..waiting.clone() }] {
        let answered = there.run(&context, &delete, |_| ()).await;
        assert!(matches!(answered, Err(MembershipError::Conflict)), "{context:?}: {answered:?}");
    }
    here.run(&waiting, &delete, |_| ()).await.unwrap();
    // and where it is gone there is indeed nothing to change
    here.run(&waiting, &delete, |_| ()).await.unwrap();
}
