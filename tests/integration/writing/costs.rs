//! What a write asks of PostgreSQL: each thing once, what is read under locks together with them, and never before them.

use std::collections::BTreeMap;

use rolegate::grpc::v1::OrganizationRole::{Admin, Creator, Member};
use rolegate::grpc::v1::ProjectRole::{Editor, Manager, Reader, Reporter};

use crate::membership::calls::{self, Call};
use crate::membership::world::World;
use crate::support::Service;
use crate::support::postgres::{connect, until_waiting};
use crate::support::proxy::{Proxy, Purpose};

/// What other parts of the service ask for meanwhile.
const BESIDE: [&str; 6] =
    ["follow_log", "renew_lease", "publish_applied", "note_longest_lease", "next_expiry", "forget_requests"];

/// A service behind a proxy, on the world's database.
async fn behind_a_proxy(world: &World, flags: &[&str]) -> (Proxy, Service) {
    let proxy = Proxy::start(&world.service.database).await;
    let service = Service::start_on(proxy.config(&world.service.database), flags).await;
    (proxy, service)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_asks_for_each_thing_once() {
    let world = World::acme().await;
    let (proxy, service) = behind_a_proxy(&world, &[]).await;
    let member = "look_up_accounts lock_accounts accounts_by_ids_now member append_changes";
    let collaborator = "look_up_accounts project_by_path lock_accounts lock_project accounts_by_ids_now member given \
                        append_changes";
    let acting = "load_name load_project";
    // the same write twice, as what is prepared is asked for once more
    let writes: [([Call; 2], String); 6] = [
        ([Member, Creator].map(|role| calls::set_member_role("acme", "mia", role)), format!("{member} update_member")),
        (
            [Member, Creator].map(|role| calls::set_member_role("acme", "mia", role).by("adam")),
            format!("{member} update_member load_name"),
        ),
        (["sam", "pam"].map(|user| calls::add_member("acme", user, Member)), format!("{member} insert_member")),
        (
            [Reader, Editor].map(|role| calls::set_role("acme/trees", "rita", role)),
            format!("{collaborator} update_collaborator_user"),
        ),
        (
            [Reader, Editor].map(|role| calls::set_role("acme/trees", "rita", role).by("mona")),
            format!("{collaborator} update_collaborator_user {acting}"),
        ),
        (
            ["sam", "mia"].map(|user| calls::add("acme/trees", user, Reader)),
            format!("{collaborator} insert_collaborator"),
        ),
    ];
    for ([first, second], expected) in writes {
        first.send(&service).await.unwrap();
        let before = proxy.all_executions();
        second.send(&service).await.unwrap();
        let mut asked = proxy.all_executions();
        asked.retain(|name, times| {
            *times -= before.get(name).unwrap_or(&0);
            *times > 0 && !BESIDE.contains(&name.as_str())
        });
        let expected: BTreeMap<String, u64> = expected.split(' ').map(|name| (name.to_owned(), 1)).collect();
        assert_eq!(asked.into_iter().collect::<BTreeMap<_, _>>(), expected, "{second:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_write_reads_is_asked_for_before_its_locks_are_granted() {
    let world = World::acme().await;
    // one connection, which has all prepared
    let (proxy, service) = behind_a_proxy(&world, &["--database-connections", "1"]).await;
    calls::set_role("acme/trees", "rita", Reporter).by("mona").send(&service).await.unwrap();
    let reads = ["accounts_by_ids_now", "load_name", "load_project", "member", "given"];
    let before = reads.map(|name| proxy.executions(name));
    proxy.hold_from("lock_accounts", Purpose::Writes);
    let channel = service.channel.clone();
    let write =
        tokio::spawn(async move { calls::set_role("acme/trees", "rita", Reader).by("mona").send_on(channel).await });
    for (name, before) in reads.into_iter().zip(before) {
        // not one answer has been handed out since the locks were asked for
        proxy.until_executed(name, before + 1).await;
    }
    proxy.release(Purpose::Writes);
    write.await.unwrap().unwrap();
    assert_eq!(world.role("rita", "acme/trees").await.unwrap().0, Reader);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_write_reads_is_what_its_locks_waited_for_on_a_connection_that_has_prepared_nothing_too() {
    let world = World::acme().await;
    for is_fresh in [true, false] {
        let (_, service) = behind_a_proxy(&world, &[]).await;
        if !is_fresh {
            calls::set_role("acme/trees", "rita", Reporter).send(&service).await.unwrap();
            calls::set_member_role("acme", "rita", Member).send(&service).await.unwrap();
        }
        // another write, in the middle: it holds acme, and the project's row, and takes away what the next one may go by
        let other = connect(&world.service.database).await;
        let holds = "BEGIN; SELECT pg_advisory_xact_lock(id) FROM account WHERE username = 'acme';
                     SELECT FROM project WHERE name = 'trees' FOR NO KEY UPDATE;
                     UPDATE member SET public = NOT public WHERE user_id = (SELECT id FROM account WHERE username = 'rita');
                     UPDATE collaborator SET role = 'reader' WHERE user_id = (SELECT id FROM account WHERE username = 'mona')";
        other.batch_execute(holds).await.unwrap();
        let public = "SELECT public FROM member WHERE user_id = (SELECT id FROM account WHERE username = 'rita')";
        let left: bool = other.query_one(public, &[]).await.unwrap().get(0);
        let writes = [
            calls::set_member_role("acme", "rita", Creator),
            calls::set_role("acme/trees", "rita", Manager).by("mona"),
        ];
        let mut waiting = Vec::new();
        for (place, write) in writes.into_iter().enumerate() {
            let channel = service.channel.clone();
            waiting.push(tokio::spawn(async move { write.send_on(channel).await }));
            until_waiting(&world.database, place as i64 + 1).await;
        }
        other.batch_execute("COMMIT").await.unwrap();
        let refused = waiting.pop().unwrap().await.unwrap().unwrap_err();
        assert_eq!(refused.code(), tonic::Code::PermissionDenied, "mona was a manager before the lock was granted");
        waiting.pop().unwrap().await.unwrap().unwrap();
        let row: bool = world.database.query_one(public, &[]).await.unwrap().get(0);
        assert_eq!(row, left, "the role was written beside what the lock waited for");
        let undone =
            "UPDATE collaborator SET role = 'manager' WHERE user_id = (SELECT id FROM account WHERE username = 'mona')";
        world.database.batch_execute(undone).await.unwrap();
    }
    calls::set_member_role("acme", "rita", Admin).send(&world.service).await.unwrap();
}
