//! Lists of operations at once, in orders that would have them wait for one another: all of them end, and none in a deadlock.

use std::time::Duration;

use futures::future::join_all;
use rolegate::grpc::v1::OrganizationRole::Member;
use rolegate::grpc::v1::ProjectRole::{Editor, Reader};

use super::{send, together};
use crate::membership::calls::{self, Call, add, add_member};
use crate::membership::world::World;

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
