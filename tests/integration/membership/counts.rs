//! How many members an organization has is kept beside them: right whoever writes, however, and at the same time as whom.

use std::io::Cursor;
use std::pin::pin;

use futures::SinkExt as _;
use rolegate::grpc::v1::OrganizationRole::Member;
use tokio_postgres::{Client, Row};
use tonic::Code::FailedPrecondition;

use super::calls::{self, Call, add_member};
use super::overlaps::{HELD_BACK, begin, hold};
use super::world::World;
use crate::lists::costs::{Prepared, even};
use crate::support::postgres::{connect, miscounted, until_waiting};
use crate::support::reason;

/// acme of [`World::acme`], and `bolt` of `sam` with two of its members.
async fn two() -> World {
    let world = World::acme().await;
    world.send(calls::create_organization("bolt", "sam")).await;
    world.all(["mia", "max"].map(|user| add_member("bolt", user, Member))).await;
    world
}

/// How many members each organization is said to have.
async fn counts(world: &World) -> Vec<(String, i64)> {
    assert_eq!(miscounted(&world.database).await, []);
    let sql = "SELECT username, sum(members)::bigint FROM member_count JOIN account ON id = organization_id
               GROUP BY username ORDER BY username";
    world.database.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn acme_and_bolt(acme: i64, bolt: i64) -> Vec<(String, i64)> {
    vec![("acme".to_owned(), acme), ("bolt".to_owned(), bolt)]
}

#[tokio::test]
async fn every_write_that_adds_or_takes_members_is_counted() {
    let world = two().await;
    assert_eq!(counts(&world).await, acme_and_bolt(10, 2));
    world.all([add_member("acme", "sam", Member), calls::set_member_public("acme", "sam", false)]).await;
    assert_eq!(counts(&world).await, acme_and_bolt(11, 2));
    world.send(calls::remove_member("acme", "rita")).await;
    assert_eq!(counts(&world).await, acme_and_bolt(10, 2));
    // sam is its member no more, and olga becomes one
    world.send(calls::transfer_organization("acme", "sam")).await;
    assert_eq!(counts(&world).await, acme_and_bolt(10, 2));
    world.send(calls::offboard("mia")).await;
    assert_eq!(counts(&world).await, acme_and_bolt(9, 1));
    world.send(calls::delete_user("max")).await;
    assert_eq!(counts(&world).await, [("acme".to_owned(), 8)], "who has none is not in there");
    world.all([add_member("bolt", "mona", Member), calls::delete_organization("acme")]).await;
    assert_eq!(counts(&world).await, [("bolt".to_owned(), 1)]);
    world.send(calls::delete_user("sam")).await;
    assert_eq!(counts(&world).await, [], "its organization goes with it");
}

/// Statements that write members of two organizations at once, in whatever way, and how many there are then.
const BY_HAND: &[(&str, i64, i64)] = &[
    ("DELETE FROM member USING account WHERE id = user_id AND username IN ('mia', 'max', 'rita')", 7, 0),
    ("DELETE FROM member WHERE false", 7, 0),
    (
        "INSERT INTO member (organization_id, user_id, role, public)
         SELECT organization.id, person.id, 'member', true FROM account AS organization, account AS person
         WHERE organization.username IN ('acme', 'bolt') AND person.username IN ('mia', 'max', 'pia')
         ON CONFLICT DO NOTHING",
        10,
        3,
    ),
    (
        "INSERT INTO member (organization_id, user_id, role, public)
         SELECT organization.id, person.id, 'member', true FROM account AS organization, account AS person
         WHERE organization.username IN ('acme', 'bolt') AND person.username IN ('mia', 'pam')
         ON CONFLICT (organization_id, user_id) DO UPDATE SET role = 'admin'",
        11,
        4,
    ),
    ("UPDATE member SET role = 'creator', organization_id = organization_id", 11, 4),
    ("BEGIN; DELETE FROM member; ROLLBACK", 11, 4),
    ("BEGIN; SAVEPOINT one; DELETE FROM member; ROLLBACK TO one; DELETE FROM member WHERE false; COMMIT", 11, 4),
    (
        "WITH gone AS (
             DELETE FROM member USING account WHERE id = user_id AND username IN ('mia', 'pam') RETURNING member.*
         )
         INSERT INTO member (organization_id, user_id, role, public)
         SELECT DISTINCT organization_id, id, 'member', true FROM gone, account WHERE username = 'sam'",
        10,
        3,
    ),
];

#[tokio::test]
async fn what_is_written_by_hand_is_counted() {
    let world = two().await;
    for (sql, acme, bolt) in BY_HAND {
        world.database.batch_execute(sql).await.unwrap();
        let expected: Vec<_> = acme_and_bolt(*acme, *bolt).into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counts(&world).await, expected, "{sql}");
    }
    copy(&world.database).await;
    assert_eq!(counts(&world).await, acme_and_bolt(11, 4));
    let moved = "UPDATE member SET organization_id = (SELECT id FROM account WHERE username = 'bolt')
                 FROM account WHERE account.id = user_id AND username = 'rolf'";
    let refused = world.database.batch_execute(moved).await.unwrap_err();
    assert!(refused.as_db_error().unwrap().message().starts_with("a member is not moved"), "{refused:?}");
    assert_eq!(counts(&world).await, acme_and_bolt(11, 4));
    world.database.batch_execute("TRUNCATE member").await.unwrap();
    assert_eq!(counts(&world).await, []);
    // wherever tables are looked for
    let elsewhere = format!(
        "SET search_path = pg_catalog; {}; RESET search_path",
        add("bolt", "mia").replace("INTO ", "INTO public.").replace("account AS", "public.account AS")
    );
    world.database.batch_execute(&elsewhere).await.unwrap();
    assert_eq!(counts(&world).await, [("bolt".to_owned(), 1)]);
}

/// Adds one to each of the two as a load of rows does.
async fn copy(client: &Client) {
    let rows = "SELECT organization.id, person.id FROM account AS organization, account AS person
                WHERE (organization.username, person.username) IN (('bolt', 'olga'), ('acme', 'pam'))";
    let rows = client.query(rows, &[]).await.unwrap();
    let line = |row: &Row| format!("{}\t{}\tmember\ttrue\n", row.get::<_, i64>(0), row.get::<_, i64>(1));
    let lines: String = rows.iter().map(line).collect();
    let sink = client.copy_in("COPY member (organization_id, user_id, role, public) FROM STDIN").await.unwrap();
    let mut sink = pin!(sink);
    sink.send(Cursor::new(lines.into_bytes())).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), 2);
}

#[tokio::test]
async fn a_transaction_that_sees_only_what_was_there_when_it_began_meets_nobody_by_the_count() {
    let world = two().await;
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let snapshot = connect(&world.service.database).await;
        snapshot.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}; SELECT FROM member")).await.unwrap();
        world.all([calls::remove_member("acme", "rolf"), add_member("bolt", "rolf", Member)]).await;
        for sql in [add("bolt", "rita"), add("bolt", "edda"), take("mia")] {
            snapshot.batch_execute(&sql).await.unwrap();
        }
        let inside = "SELECT sum(members)::bigint FROM member_count JOIN account ON id = organization_id
                      WHERE username = 'bolt'";
        assert_eq!(snapshot.query_one(inside, &[]).await.unwrap().get::<_, i64>(0), 3, "as it sees it");
        snapshot.batch_execute("COMMIT").await.unwrap();
        assert_eq!(counts(&world).await, acme_and_bolt(8, 4));
        // as it was
        world.all(["rita", "edda", "rolf"].map(|user| calls::remove_member("bolt", user))).await;
        world.all(["rolf", "mia"].map(|user| add_member("acme", user, Member))).await;
        world.send(add_member("bolt", "mia", Member)).await;
        assert_eq!(counts(&world).await, acme_and_bolt(10, 2));
    }
}

/// The statement that makes a user a member.
fn add(organization: &str, user: &str) -> String {
    format!(
        "INSERT INTO member (organization_id, user_id, role, public)
         SELECT organization.id, person.id, 'member', true FROM account AS organization, account AS person
         WHERE organization.username = '{organization}' AND person.username = '{user}'"
    )
}

/// The statement that takes users out of all organizations.
fn take(users: &str) -> String {
    format!("DELETE FROM member USING account WHERE id = user_id AND username = ANY (string_to_array('{users}', ' '))")
}

#[tokio::test]
async fn the_last_place_is_given_once_to_two_who_ask_at_the_same_time() {
    let world = two().await;
    world.all([calls::put_plan("eleven", false, -1, 11), calls::set_organization_plan("acme", "eleven")]).await;
    let held = hold(&world, HELD_BACK).await;
    let first = begin(&world, add_member("acme", "sam", Member)).await;
    let second = begin(&world, add_member("acme", "pia", Member)).await;
    held.batch_execute("COMMIT").await.unwrap();
    let (first, second) = (first.await, second.await);
    assert!(first.is_ok(), "{first:?}");
    let status = second.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (FailedPrecondition, "MEMBER_LIMIT_REACHED"));
    assert!(status.message().contains("11 members"), "{status:?}");
    assert_eq!(counts(&world).await, acme_and_bolt(11, 2));
    // a place that has become free, and one that is only tried, is free for one as well
    world.send(calls::remove_member("acme", "sam")).await;
    world.send(add_member("acme", "pia", Member).dry()).await;
    world.send(add_member("acme", "pia", Member)).await;
    world.refused(add_member("acme", "pam", Member).dry(), FailedPrecondition, "MEMBER_LIMIT_REACHED").await;
}

#[tokio::test]
async fn a_write_that_is_only_tried_waits_for_none_that_adds_or_takes_members() {
    let world = two().await;
    let held = connect(&world.service.database).await;
    held.batch_execute(&format!("BEGIN; {}; {}", add("acme", "pia"), add("bolt", "pia"))).await.unwrap();
    let calls: [Call; 4] = [
        add_member("acme", "sam", Member),
        calls::remove_member("bolt", "mia"),
        calls::offboard("max"),
        calls::delete_user("mia"),
    ];
    for call in calls {
        world.send(call.dry()).await;
    }
    held.batch_execute("COMMIT").await.unwrap();
    assert_eq!(counts(&world).await, acme_and_bolt(11, 3));
}

#[tokio::test]
async fn users_who_leave_several_organizations_and_one_who_comes_are_all_counted() {
    let world = two().await;
    let held = hold(&world, HELD_BACK).await;
    let writes = [
        begin(&world, calls::offboard("mia")).await,
        begin(&world, calls::delete_user("max")).await,
        begin(&world, add_member("bolt", "pia", Member)).await,
        begin(&world, add_member("acme", "sam", Member)).await,
    ];
    held.batch_execute("COMMIT").await.unwrap();
    for write in writes {
        write.await.unwrap();
    }
    assert_eq!(counts(&world).await, acme_and_bolt(9, 1));
}

#[tokio::test]
async fn a_count_that_goes_is_there_for_who_comes_meanwhile() {
    let world = two().await;
    for (end, acme, bolt) in [("ROLLBACK", 10, 3), ("COMMIT", 8, 1)] {
        world.database.batch_execute(&take("sam")).await.unwrap();
        let leave = hold(&world, &take("mia max")).await;
        let comes = connect(&world.service.database).await;
        let comes = tokio::spawn(async move { comes.batch_execute(&add("bolt", "sam")).await });
        until_waiting(&world.database, 1).await;
        leave.batch_execute(end).await.unwrap();
        comes.await.unwrap().unwrap();
        assert_eq!(counts(&world).await, acme_and_bolt(acme, bolt), "{end}");
    }
}

#[tokio::test]
async fn one_statement_holds_counts_in_the_order_of_ids() {
    let world = two().await;
    let first = hold(&world, &add("acme", "pia")).await;
    let both = connect(&world.service.database).await;
    let both = tokio::spawn(async move {
        let sql = "INSERT INTO member (organization_id, user_id, role, public)
                   SELECT organization.id, person.id, 'member', true FROM account AS organization, account AS person
                   WHERE organization.username IN ('acme', 'bolt') AND person.username IN ('pam', 'sam')
                   ORDER BY organization.id DESC";
        both.batch_execute(sql).await
    });
    until_waiting(&world.database, 1).await;
    // it waits for acme, and has not taken bolt before
    first.batch_execute(&add("bolt", "pia")).await.unwrap();
    first.batch_execute("COMMIT").await.unwrap();
    both.await.unwrap().unwrap();
    assert_eq!(counts(&world).await, acme_and_bolt(13, 5));
}

#[tokio::test]
async fn to_ask_how_many_members_there_are_costs_the_same_however_many_they_are() {
    let world = two().await;
    let crowd = "WITH crowd AS (
            INSERT INTO account (kind, username, plan_id)
            SELECT 'user', 'crowd' || number, 1 FROM generate_series(1, 20000) AS number RETURNING id
        )
        INSERT INTO member (organization_id, user_id, role, public)
        SELECT bolt.id, crowd.id, 'member', true FROM crowd, account AS bolt WHERE username = 'bolt'";
    world.database.batch_execute(crowd).await.unwrap();
    assert_eq!(counts(&world).await, acme_and_bolt(10, 20_002));
    let mut costs = Vec::new();
    for organization in ["acme", "bolt"] {
        let id = "SELECT id::text FROM account WHERE username = $1";
        let id: String = world.database.query_one(id, &[&organization]).await.unwrap().get(0);
        let statement = Prepared::new(&world.database, "count_members", "bigint").await;
        costs.push(statement.cost(&id, 1).await);
    }
    even("how many members", &costs);
}
