//! The chain is whole, whoever writes at the same time, however much is forgotten, and wherever it began.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use rolegate::domain::ids::Revision;
use rolegate::domain::names::Username;
use rolegate::domain::policy::Policy;
use rolegate::membership::users::CreateUser;
use rolegate::membership::{WriteContext, Writer};
use rolegate::store::{audit, retention};
use tonic::transport::Channel;

use super::{WRITES, number, verify, world};
use crate::support::binary::{Process, run, url};
use crate::support::postgres::{connect, empty_database, until_waiting};
use crate::support::views::{databases, start_view};
use crate::support::{Clients, Service, fresh_database};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_two_processes_at_once_leave_one_chain() {
    let database = fresh_database().await;
    let url = url(&database);
    let flags = ["--database-url", &url];
    let processes = [Process::start("serve", &flags).await, Process::start("serve", &flags).await];
    for process in &processes {
        rolegate::server::until_serving(process.channel.clone()).await;
    }
    let write = |channel: Channel, name: String| async move {
        let service = Clients::on(channel);
        for place in 0..10 {
            service.create_users(&[&format!("{name}-{place}")]).await;
        }
    };
    let writers = (0..16).map(|place| write(processes[place % 2].channel.clone(), format!("user-{place}")));
    join_all(writers).await;
    let client = connect(&database).await;
    assert_eq!(number(&client).await, 160);
    verify(&database, &[]).await.is_intact(160);
    // they met: the time is that of the moment at which a write got its number, not of the one at which it began to wait
    let in_order = "SELECT bool_and(committed_at >= before) FROM (
                        SELECT committed_at, lag(committed_at) OVER (ORDER BY revision) AS before FROM change_set
                    ) AS one";
    assert!(client.query_one(in_order, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_waited_for_one_that_was_rolled_back_are_chained_to_the_one_before_it() {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    let (mut client, observer) = (connect(&database).await, connect(&database).await);
    service.create_users(&["first"]).await;
    for round in 0..3 {
        let held = client.transaction().await.unwrap();
        held.batch_execute("UPDATE revision SET number = number + 1, hash = sha256('lost')").await.unwrap();
        let names: Vec<_> = (0..5).map(|place| format!("user-{round}-{place}")).collect();
        let waiting = join_all(names.iter().map(|name| service.create_user(name)));
        let release = async {
            until_waiting(&observer, 5).await;
            held.rollback().await.unwrap();
        };
        let (waited, ()) = tokio::join!(waiting, release);
        assert!(waited.iter().all(Result::is_ok), "{waited:?}");
    }
    verify(&database, &[]).await.is_intact(16);
}

#[tokio::test]
async fn a_database_without_a_write_is_intact_and_one_without_the_schema_can_not_be_told() {
    let database = fresh_database().await;
    let verdict = verify(&database, &[]).await;
    verdict.is_intact(0);
    assert_eq!(verdict.head(), format!("0:{}", "0".repeat(64)));
    let verdict = verify(&empty_database().await, &[]).await;
    assert_eq!(verdict.status, 2);
    assert!(verdict.errors.contains("rolegate migrate"), "{}", verdict.errors);
    let output = run(&["audit", "verify", "--database-url", "host=/nowhere user=x dbname=x"]).await;
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_stays_chained_to_what_was_forgotten() {
    let database = world().await;
    let client = connect(&database).await;
    let head = verify(&database, &[]).await.head().to_owned();
    // a replica that was stopped needs nothing
    let mut pooled = databases(&database).main.client().await.unwrap();
    for through in [4, 6] {
        while retention::prune(&mut pooled, Revision(through)).await.unwrap() > 0 {}
        verify(&database, &["--head", &head]).await.is_intact(WRITES - through.unsigned_abs());
    }
    let start = retention::raise_start(&pooled, Duration::ZERO).await.unwrap();
    while retention::prune(&mut pooled, start.revision).await.unwrap() > 0 {}
    verify(&database, &["--head", &head]).await.is_intact(1);
    client.batch_execute("UPDATE change_set SET actor = 'bob'").await.unwrap();
    assert_eq!(verify(&database, &[]).await.findings(), ["10 changed"], "also the only one that is left");
}

#[tokio::test]
async fn a_log_that_is_older_than_the_chain_is_chained_from_then_on() {
    let database = empty_database().await;
    let client = connect(&database).await;
    for migration in [
        include_str!("../../../migrations/V1__first.sql"),
        include_str!("../../../migrations/V2__lists.sql"),
        include_str!("../../../migrations/V3__replicas.sql"),
        include_str!("../../../migrations/V4__changes.sql"),
        "INSERT INTO change_set (revision, operation, names, projects, path_owners, path_names, accounts, plans)
         SELECT place, 'old', '{}', '{}', '{}', '{}', '{}', '{}' FROM generate_series(1, 3) AS place;
         UPDATE revision SET (number, change_id) = (SELECT 3, id FROM change_set WHERE revision = 3)",
        include_str!("../../../migrations/V6__audit.sql"),
        include_str!("../../../migrations/V7__member_count.sql"),
    ] {
        client.batch_execute(migration).await.unwrap();
    }
    let (view, _kept) = start_view(&database, 1 << 20).await;
    let writer = Writer::new(databases(&database).main, view, Arc::new(Policy::built_in().unwrap()));
    let user = CreateUser { username: Username::parse_new("ann").unwrap(), active: true, plan: None };
    writer.run(&WriteContext::default(), &user, |_| ()).await.unwrap();
    let verified = audit::verify(&database, None, |_, _| {}).await.unwrap();
    assert_eq!((verified.writes, verified.older, verified.flaws), (1, 3, 0));
    let mut pooled = databases(&database).main.client().await.unwrap();
    while retention::prune(&mut pooled, Revision(2)).await.unwrap() > 0 {}
    let verified = audit::verify(&database, None, |_, _| {}).await.unwrap();
    assert_eq!((verified.writes, verified.older, verified.flaws), (1, 1, 0));
}
