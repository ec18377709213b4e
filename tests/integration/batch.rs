//! `BatchCheck`: in order, each item its own decision or error, all true at one revision, loaded together.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rolegate::domain::actions::{AccountAction, OrganizationAction, ProjectAction};
use rolegate::grpc::v1::consistency::Requirement;
use rolegate::grpc::v1::{AddTeamMemberRequest, OrganizationRole};
use rolegate::grpc::v1::{BatchCheckRequest, CheckItem, ErrorReason as Reason, ProjectRole, RemoveTeamMemberRequest};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::support::postgres::connect;
use crate::support::proxy::{Proxy, Purpose};
use crate::support::questions::{all_allowed, consistency, on_account, on_nothing, on_organization, on_project};
use crate::support::scene::{PROJECT, Scene};
use crate::support::{Service, fresh_database, reason};

const LOADS: [&str; 5] = ["load_names", "load_projects", "load_paths", "load_accounts", "load_plans"];

/// Questions of all kinds, mixed.
fn mixed(project: &str) -> Vec<CheckItem> {
    let mut items = Vec::new();
    let actions =
        ProjectAction::ALL.iter().zip(OrganizationAction::ALL.iter().cycle()).zip(AccountAction::ALL.iter().cycle());
    for ((on_it, in_it), of_it) in actions {
        for user in ["ann", "BOB", "cyd", "nobody", "acme", ""] {
            items.push(on_project(user, if items.len() % 2 == 0 { PROJECT } else { project }, on_it.name()));
            items.push(on_organization(user, "Acme", in_it.name()));
            items.push(on_account(user, if items.len() % 4 == 0 { "bob" } else { "acme" }, of_it.name()));
        }
        items.push(on_project("ann", "acme/none", on_it.name()));
        items.push(on_organization("ann", "bob", in_it.name()));
        items.push(on_account("ann", "nobody", of_it.name()));
    }
    items
}

#[tokio::test]
async fn a_batch_answers_in_order_what_the_single_checks_answer() {
    let scene = Scene::set(&[]).await;
    let items = mixed(&scene.project);
    let answer = scene.here.batch(items.clone()).await.unwrap();
    assert_eq!(answer.results.len(), items.len());
    for (item, result) in items.iter().zip(&answer.results) {
        let (single, revision) = scene.elsewhere.ask(item).await.unwrap();
        assert_eq!((result, &answer.revision), (&single, &revision), "{item:?}");
    }
    let granted = all_allowed(&answer).iter().filter(|allowed| **allowed == Ok(true)).count();
    assert!(granted > 50 && granted < items.len() - 50, "{granted} of {} granted", items.len());
}

#[tokio::test]
async fn a_malformed_item_is_an_error_of_its_own() {
    let scene = Scene::set(&[]).await;
    let good = || on_project("bob", PROJECT, "delete_files");
    let (invalid, unknown) = (Err((Code::InvalidArgument, Reason::InvalidField)), Reason::UnknownAction);
    let items = [
        (good(), Ok(true)),
        (on_project("bob", PROJECT, "destroy"), Err((Code::InvalidArgument, unknown))),
        (on_project("b", PROJECT, "delete_files"), invalid),
        (good(), Ok(true)),
        (on_project("bob", "trees", "delete_files"), invalid),
        (on_organization("bob", "a/b", "read_members"), invalid),
        (on_organization("bob", "acme", "delete_files"), Err((Code::InvalidArgument, unknown))),
        (on_account("bob", "", "get_status"), invalid),
        (on_nothing("bob", "delete_files"), invalid),
        (CheckItem::default(), invalid),
        (on_project("nobody", PROJECT, "delete_files"), Ok(false)),
        (good(), Ok(true)),
    ];
    let (items, expected): (Vec<_>, Vec<_>) = items.into_iter().unzip();
    let answer = scene.here.batch(items).await.unwrap();
    assert_eq!(all_allowed(&answer), expected);
    let of_nothing_good = scene.here.batch(vec![CheckItem::default(); 3]).await.unwrap();
    assert_eq!(all_allowed(&of_nothing_good), [invalid; 3]);
    assert_eq!(of_nothing_good.revision, answer.revision);
}

#[tokio::test]
async fn a_batch_has_up_to_a_thousand_checks_and_may_have_none() {
    let scene = Scene::set(&[]).await;
    let items = |count: usize| vec![on_project("bob", PROJECT, "delete_files"); count];
    let none = scene.here.batch(items(0)).await.unwrap();
    assert!(none.results.is_empty() && !none.revision.is_empty());
    let all = scene.here.batch(items(1_000)).await.unwrap();
    assert_eq!(all_allowed(&all), [Ok(true)].repeat(1_000));
    for checks in [items(1_001), items(5_000)] {
        let status = scene.here.batch(checks).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations.iter().map(|one| one.field.as_str()).collect::<Vec<_>>(), ["checks"]);
        assert!(status.message().contains("1,000"), "{}", status.message());
    }
}

/// What must be granted at a revision: bob on P, bob on Q, cyd on P, cyd on Q, dan on P through a team.
type Truth = [bool; 5];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_true_at_one_revision_while_everything_changes() {
    let scene = Scene::set(&[]).await;
    let (write, read) = (&scene.elsewhere, &scene.here);
    write.create_users(&["dan"]).await;
    write.add_member("acme", "dan", OrganizationRole::Member).await.unwrap();
    write.create_team("@acme/swap", &["dan"]).await;
    write.create_project("acme/q", false).await;
    let over = Arc::new(AtomicBool::new(false));
    let first = write.add_collaborator(PROJECT, "cyd", ProjectRole::Editor).await.unwrap();
    let mut truth = HashMap::from([(first, [true, false, true, false, false])]);
    let writer = async {
        let mut now: Truth = [true, false, true, false, false];
        while !over.load(Ordering::SeqCst) {
            for step in 0..8 {
                let token = take(write, step, &now, truth.len()).await;
                match step {
                    0 => (now[0], now[1]) = (false, false),
                    1 => (now[0], now[1]) = (truth.len() % 3 == 0, truth.len() % 3 != 0),
                    2 => (now[2], now[3]) = (true, true),
                    3 => (now[2], now[3]) = (truth.len() % 2 != 0, truth.len() % 2 == 0),
                    _ => {}
                }
                truth.insert(token.unwrap(), now);
            }
        }
        truth
    };
    let reader = async {
        let mut seen = Vec::new();
        let questions = [("bob", PROJECT), ("bob", "acme/q"), ("cyd", PROJECT), ("cyd", "acme/q"), ("dan", PROJECT)];
        let items: Vec<_> = questions.iter().map(|(user, on)| on_project(user, on, "delete_files")).collect();
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_secs(3) {
            let answer = read.batch(items.clone()).await.unwrap();
            let granted: Vec<bool> = all_allowed(&answer).into_iter().map(Result::unwrap).collect();
            seen.push((answer.revision, granted));
        }
        over.store(true, Ordering::SeqCst);
        seen
    };
    let (truth, seen) = tokio::join!(writer, reader);
    let revisions: std::collections::HashSet<_> = seen.iter().map(|(revision, _)| revision).collect();
    assert!(revisions.len() > 20, "only {} revisions were seen in {} batches", revisions.len(), seen.len());
    for (revision, granted) in &seen {
        assert_eq!(granted, &truth[revision].to_vec(), "at {revision}");
        assert!(!granted[4], "dan left the team before it was added");
    }
    println!("{} batches at {} of {} revisions", seen.len(), revisions.len(), truth.len());
}

/// The next of eight writes: bob is on one of the projects or on neither, cyd on one or on both, dan and P never in the team
/// together.
async fn take(write: &Service, step: u8, now: &Truth, count: usize) -> Result<String, tonic::Status> {
    let (p, q, editor) = (PROJECT, "acme/q", ProjectRole::Editor);
    match step {
        0 => write.remove_collaborator(if now[0] { p } else { q }, "bob").await,
        1 => write.add_collaborator(if count.is_multiple_of(3) { p } else { q }, "bob", editor).await,
        2 => write.add_collaborator(if now[2] { q } else { p }, "cyd", editor).await,
        3 => write.remove_collaborator(if count.is_multiple_of(2) { p } else { q }, "cyd").await,
        4 => team(write, "dan", false).await,
        5 => write.add_collaborator(p, "@acme/swap", editor).await,
        6 => write.remove_collaborator(p, "@acme/swap").await,
        _ => team(write, "dan", true).await,
    }
}

async fn team(service: &Service, user: &str, is_in: bool) -> Result<String, tonic::Status> {
    let (team, user) = ("@acme/swap".to_owned(), user.to_owned());
    if is_in {
        let request = AddTeamMemberRequest { team, user, ..Default::default() };
        return service.teams().add_team_member(request).await.map(|added| added.into_inner().revision);
    }
    let request = RemoveTeamMemberRequest { team, user, ..Default::default() };
    service.teams().remove_team_member(request).await.map(|removed| removed.into_inner().revision)
}

/// A thousand users, of whom each owns every second of five hundred projects: item n asks of user n on project n / 2.
async fn crowd() -> (tokio_postgres::Config, Vec<CheckItem>, Vec<Result<bool, (Code, Reason)>>) {
    let database = fresh_database().await;
    let client = connect(&database).await;
    let users = "INSERT INTO account (kind, username, plan_id)
                 SELECT 'user', 'user-' || n, plan.id FROM generate_series(0, 999) AS n, plan WHERE code = 'default'";
    let projects = "INSERT INTO project (id, owner_id, name, public, restricted_project_files, template)
                    SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, id, 'p', false, false, false
                    FROM generate_series(0, 499) AS n JOIN account ON username = 'user-' || 2 * n";
    client.batch_execute(&format!("{users}; {projects}")).await.unwrap();
    let id = |place: u128| Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0000 | place).to_string();
    let items = (0..1_000).map(|n| on_project(&format!("user-{n}"), &id(n / 2), "transfer_project"));
    (database, items.collect(), (0..1_000).map(|n| Ok(n % 2 == 0)).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_batch_misses_is_loaded_together() {
    let (database, items, expected) = crowd().await;
    let proxy = Proxy::start(&database).await;
    let service = Service::start_on(proxy.config(&database), &[]).await;
    let answer = service.batch(items.clone()).await.unwrap();
    assert_eq!(all_allowed(&answer), expected);
    let statements: Vec<u64> = LOADS.iter().map(|name| proxy.executions(name)).collect();
    println!("statements of a cold batch: {statements:?}");
    assert!(statements.iter().sum::<u64>() <= 20, "{LOADS:?}: {statements:?}");
    let again = service.batch(items).await.unwrap();
    assert_eq!(again, answer);
    assert_eq!(LOADS.iter().map(|name| proxy.executions(name)).collect::<Vec<_>>(), statements, "all of it is known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_does_not_fit_into_the_view_is_answered_right() {
    let (database, items, expected) = crowd().await;
    for memory in [0, 50_000, 300_000] {
        let service = Service::start_forgetful(database.clone(), memory).await;
        let asked = std::iter::repeat_with(|| service.batch(items.clone())).take(3);
        for answer in futures::future::join_all(asked).await {
            assert_eq!(all_allowed(&answer.unwrap()), expected, "{memory} bytes");
        }
        service.stop().await;
    }
}

#[tokio::test]
async fn without_the_database_what_is_known_is_answered_and_the_rest_unavailable() {
    let scene = Scene::set(&["--lease", "2m"]).await;
    assert!(scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed);
    scene.proxy.sever();
    let items = vec![
        on_project("bob", PROJECT, "delete_files"),
        on_project("ann", PROJECT, "delete_files"),
        on_project("bob", PROJECT, "read_secrets"),
        on_project("bob", "acme/other", "view_project"),
        on_project("b", PROJECT, "view_project"),
        on_account("bob", "bob", "update_account"),
    ];
    let away = Err((Code::Unavailable, Reason::DatabaseUnavailable));
    let malformed = Err((Code::InvalidArgument, Reason::InvalidField));
    let answer = scene.here.batch(items.clone()).await.unwrap();
    assert_eq!(all_allowed(&answer), [Ok(true), away, Ok(false), away, malformed, Ok(true)]);
    scene.proxy.mend();
    let expected = [Ok(true), Ok(true), Ok(false), Ok(false), malformed, Ok(true)];
    let mended = async {
        while all_allowed(&scene.here.batch(items.clone()).await.unwrap()) != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), mended).await.expect("it loads again");
}

#[tokio::test]
async fn without_a_lease_a_batch_is_unavailable_as_a_whole() {
    let scene = Scene::set(&["--lease", "1s", "--heartbeat", "100ms"]).await;
    assert!(scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed);
    scene.proxy.sever();
    scene.here.until(tonic_health::pb::health_check_response::ServingStatus::NotServing).await;
    for items in [vec![on_project("bob", PROJECT, "delete_files")], vec![CheckItem::default()], vec![]] {
        let status = scene.here.batch(items).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "VIEW_NOT_FRESH"));
    }
}

#[tokio::test]
async fn a_batch_is_as_fresh_as_it_is_asked_to_be() {
    let scene = Scene::set(&[]).await;
    let ask = |requirement| {
        let checks = vec![on_project("bob", PROJECT, "delete_files"), on_project("ann", PROJECT, "view_project")];
        scene.here.batch_with(BatchCheckRequest { checks, consistency: consistency(Some(requirement)) })
    };
    for turn in 0..10 {
        let there = ask(Requirement::FullyConsistent(true)).await.unwrap();
        assert_eq!(all_allowed(&there), [Ok(true), Ok(true)]);
        let token = scene.elsewhere.remove_collaborator(PROJECT, "bob").await.unwrap();
        let fully = Requirement::FullyConsistent(true);
        let gone = ask(if turn % 2 == 0 { Requirement::AtLeastAsFresh(token.clone()) } else { fully }).await.unwrap();
        assert_eq!((all_allowed(&gone), gone.revision), (vec![Ok(false), Ok(true)], token), "turn {turn}");
        scene.elsewhere.add_collaborator(PROJECT, "bob", ProjectRole::Editor).await.unwrap();
    }
    let status = ask(Requirement::AtLeastAsFresh("garbage".to_owned())).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_REVISION"));
}

#[tokio::test]
async fn a_batch_that_is_late_says_so_and_the_next_one_is_answered() {
    let scene = Scene::set(&["--lease", "2m"]).await;
    scene.proxy.hold(Purpose::Loads);
    let checks = vec![on_project("bob", PROJECT, "delete_files")];
    let mut request = Request::new(BatchCheckRequest { checks: checks.clone(), consistency: None });
    request.set_timeout(Duration::from_millis(300));
    let status = scene.here.batch_with(request).await.unwrap_err();
    // the caller's own clock may run out before the answer is there
    let late = [(Code::DeadlineExceeded, "DEADLINE_EXCEEDED"), (Code::Cancelled, "")];
    assert!(late.contains(&(status.code(), reason(&status).as_str())), "{status:?}");
    scene.proxy.release(Purpose::Loads);
    assert_eq!(all_allowed(&scene.here.batch(checks).await.unwrap()), [Ok(true)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_batch_gets_through_a_storm_of_writes() {
    let (database, items, expected) = crowd().await;
    let service = Service::start_on(database, &[]).await;
    service.batch(items.clone()).await.unwrap();
    let over = AtomicBool::new(false);
    let storm = async {
        let writers = (0..8).map(|writer| {
            let (service, over) = (&service, &over);
            async move {
                let mut written = 0u32;
                while !over.load(Ordering::SeqCst) {
                    service.create_users(&[&format!("new-{writer}-{written}")]).await;
                    written += 1;
                }
                written
            }
        });
        futures::future::join_all(writers).await.into_iter().sum::<u32>()
    };
    let batches = async {
        let mut slowest = Duration::ZERO;
        for _ in 0..30 {
            let begun = std::time::Instant::now();
            let answer = tokio::time::timeout(Duration::from_secs(10), service.batch(items.clone())).await;
            assert_eq!(all_allowed(&answer.expect("it gets through").unwrap()), expected);
            slowest = slowest.max(begun.elapsed());
        }
        over.store(true, Ordering::SeqCst);
        slowest
    };
    let (written, slowest) = tokio::join!(storm, batches);
    println!("30 batches beside {written} writes, the slowest in {slowest:?}");
    assert!(written > 30);
    service.stop().await;
}
