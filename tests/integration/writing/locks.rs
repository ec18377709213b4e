//! Lists of operations at once, in orders that would have them wait for one another: all of them end, and none in a deadlock.

use std::time::Duration;

use futures::future::join_all;
use rolegate::grpc::v1::OrganizationRole::Member;
use rolegate::grpc::v1::ProjectRole::{Editor, Reader};
use tokio_postgres::Client;

use super::{send, together};
use crate::membership::calls::{self, Call, add, add_member};
use crate::membership::world::World;
use crate::support::postgres::{connect, until_waiting};

const PLACES: usize = 4;
const AT_ONCE: usize = 8;
const ROUNDS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_in_opposite_orders_do_not_wait_for_one_another() {
    let world = World::empty().await;
    world.all(["ann", "bob", "cyd"].map(calls::create_user)).await;
    for place in 0..PLACES {
        let (organization, project) = (format!("org{place}"), format!("org{place}/trees"));
        world
            .all([calls::create_organization(&organization, "ann"), calls::create_project(&organization, "trees")])
            .await;
        world.all([add_member(&organization, "bob", Member), add(&project, "bob", Reader)]).await;
    }
    for _ in 0..ROUNDS {
        let sent =
            join_all((0..AT_ONCE).map(async |number| send(&world.service, together("ann", &list(number))).await));
        for ended in tokio::time::timeout(Duration::from_secs(60), sent).await.unwrap() {
            ended.unwrap();
        }
    }
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let deadlocks: i64 = world.database.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(deadlocks, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_that_meet_over_plans_and_names_wait_and_are_not_run_again() {
    let world = World::empty().await;
    world.all(["ann", "bob", "cyd", "dan", "zoe"].map(calls::create_user)).await;
    world.send(put("middle")).await;
    let watcher = connect(&world.service.database).await;
    // the ends of two lists, and how often a plan is put where each list runs once: one whose names are taken is refused at once
    let meetings = [
        ([put("near"), put("far")], [put("far"), put("near")], 6),
        (
            [calls::create_user("eve"), calls::create_user("fay")],
            [calls::create_user("fay"), calls::create_user("eve")],
            1,
        ),
        (
            [calls::rename_user("ann", "gus"), calls::rename_user("bob", "hal")],
            [calls::rename_user("cyd", "hal"), calls::rename_user("dan", "gus")],
            1,
        ),
        (
            [calls::create_organization("acme", "zoe"), calls::create_organization("bolt", "zoe")],
            [calls::create_organization("bolt", "zoe"), calls::create_organization("acme", "zoe")],
            1,
        ),
        (
            [calls::create_project("zoe", "home"), calls::create_project("zoe", "work")],
            [calls::create_project("zoe", "work"), calls::create_project("zoe", "home")],
            1,
        ),
    ];
    for (ours, theirs, puts) in meetings {
        let shown = format!("{ours:?}");
        let before = plans_put(&watcher).await;
        // both are stopped between their ends
        world.database.batch_execute("BEGIN; SELECT FROM plan WHERE code = 'middle' FOR UPDATE").await.unwrap();
        let lists = [ours, theirs].map(|[first, last]| together("", &[first, put("middle"), last]));
        let sent = join_all(lists.map(|list| send(&world.service, list)));
        let let_on = async {
            until_waiting(&watcher, 2).await;
            world.database.batch_execute("COMMIT").await.unwrap();
        };
        let met = async { tokio::join!(sent, let_on).0 };
        let ended = tokio::time::timeout(Duration::from_secs(60), met).await.unwrap();
        assert!(ended.iter().any(Result::is_ok), "{ended:?}");
        assert_eq!(plans_put(&watcher).await - before, puts, "{shown}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_missing_before_a_list_waited_for_a_lock_is_asked_for_again() {
    let world = World::empty().await;
    world.all(["bob", "zoe"].map(calls::create_user)).await;
    world.all([calls::create_organization("acme", "zoe")]).await;
    let watcher = connect(&world.service.database).await;
    // the list waits for bob, before it has acme
    let held = "BEGIN; SELECT pg_advisory_xact_lock(id) FROM account WHERE username = 'bob'";
    world.database.batch_execute(held).await.unwrap();
    let absent = [calls::remove_member("acme", "eve"), calls::delete_project("acme/trees")];
    let list = absent.map(Call::if_there).into_iter().chain([calls::rename_user("bob", "rob")]).collect::<Vec<_>>();
    let list = send(&world.service, together("", &list));
    let meanwhile = async {
        until_waiting(&watcher, 1).await;
        world.all([calls::create_user("eve"), calls::create_project("acme", "trees")]).await;
        world.all([add_member("acme", "eve", Member)]).await;
        world.database.batch_execute("COMMIT").await.unwrap();
    };
    let met = async { tokio::join!(list, meanwhile).0 };
    tokio::time::timeout(Duration::from_secs(60), met).await.unwrap().unwrap();
    let left = "SELECT (SELECT count(*) FROM member) + (SELECT count(*) FROM project)";
    let left: i64 = watcher.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, 0, "both were there when it had its locks, and it said that they were gone");
}

fn put(code: &str) -> Call {
    calls::put_plan(code, true, -1, -1)
}

/// How often a plan was put, undone or not: each time takes a number.
async fn plans_put(client: &Client) -> i64 {
    let sql = "SELECT pg_sequence_last_value(pg_get_serial_sequence('plan', 'id')::regclass)";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Something for the people and something for the project of every organization, forwards or backwards.
fn list(number: usize) -> Vec<Call> {
    let role = if number < AT_ONCE / 2 { Reader } else { Editor };
    let mut calls: Vec<Call> = (0..PLACES)
        .flat_map(|place| {
            let (organization, project) = (format!("org{place}"), format!("org{place}/trees"));
            [
                add(&project, "bob", role).or_update(),
                add_member(&organization, "cyd", Member).or_update(),
                calls::set_public(&project, number.is_multiple_of(3)),
            ]
        })
        .collect();
    if number % 2 == 1 {
        calls.reverse();
    }
    calls
}
