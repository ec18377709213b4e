//! What a write would change of anybody's role is what it changes: in random worlds, by all four rules, as the SQL oracle reads
//! the rows before and after.

use std::collections::BTreeMap;

use prost_types::Timestamp;
use rolegate::grpc::v1::{
    Effects, HeldRole, OrganizationRole, Origin, ProjectRole, ProjectServiceCreateRequest, WriteRequest,
};

use super::{refusal, send, together};
use crate::agreement::worlds::WORLD;
use crate::agreement::{Dice, setting};
use crate::membership::calls::{self, Call, add, add_member, add_until};
use crate::membership::world::{World, soon};
use crate::support::oracle::{database_clock, on_the_wire};
use crate::support::postgres::connect;
use crate::support::{Matrix, Rules, Service, fresh_database, reason};

/// What users hold on projects, by the user's name in lower case and the project's id.
type Roles = BTreeMap<(String, String), (ProjectRole, Origin, Option<Timestamp>)>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_predicted_is_what_happens() {
    let rounds = setting("ROLEGATE_EFFECTS_WRITES", 16) as usize;
    let (mut done, mut changed) = (0, 0);
    for (number, rules) in Rules::ALL.into_iter().enumerate() {
        let database = fresh_database().await;
        let client = connect(&database).await;
        client.batch_execute(&format!("SELECT setseed(0.{number}7); {WORLD}")).await.unwrap();
        let service = Service::start_by(rules.policy(), database).await;
        let mut dice = Dice::new(100 + number as u64);
        for round in 0..rounds {
            let before = Matrix::read_by(rules, &client, database_clock(&client).await).await;
            let request = random_write(&before, &mut dice, round);
            let tried = send(&service, WriteRequest { validate_only: true, ..request.clone() }).await;
            let written = send(&service, request.clone()).await;
            let tried = match (tried, written) {
                (Ok(tried), Ok(_)) => tried,
                (Err(tried), Err(written)) => {
                    assert_eq!(refusal(&tried), refusal(&written), "{request:?}");
                    continue;
                }
                (tried, written) => panic!("{request:?}: {tried:?}, and then {written:?}"),
            };
            let after = Matrix::read_by(rules, &client, database_clock(&client).await).await;
            let effects = tried.effects.unwrap();
            assert!(effects.complete && effects.left_out.is_empty(), "{effects:?}");
            assert_eq!(effects.total, i64::try_from(effects.role_changes.len()).unwrap());
            let predicted = apply(roles(&before), &effects, &after);
            assert_eq!(difference(&predicted, &roles(&after)), "", "{rules:?}, {request:?}: {effects:?}");
            done += 1;
            changed += effects.role_changes.len();
        }
        service.stop().await;
    }
    println!("{done} writes changed {changed} roles");
    assert!(done > rounds && changed > 200, "hardly anything was written: {done} changed {changed}");
}

#[tokio::test]
async fn another_name_changes_no_role_and_what_is_new_is_called_as_it_will_be() {
    let world = World::acme().await;
    for call in [
        calls::rename_user("mona", "lisa"),
        calls::rename_organization("acme", "zenith"),
        calls::put_plan("x", true, 1, 1),
    ] {
        let effects = world.send(call.clone().dry()).await.effects.unwrap();
        assert_eq!((effects.total, effects.complete), (0, true), "{call:?}: {effects:?}");
    }
    assert!(world.send(calls::rename_user("mona", "lisa")).await.effects.is_none(), "it was done, not tried");
    let effects = world.send(calls::create_project("lisa", "diary").dry()).await.effects.unwrap();
    let change = &effects.role_changes[0];
    assert_eq!((change.user.as_str(), change.path.as_str(), effects.total), ("lisa", "lisa/diary", 1));
    assert_eq!((change.before, change.after.unwrap().origin()), (None, Origin::ProjectOwner));
}

#[tokio::test]
async fn what_becomes_public_is_told_of_everyone_at_once() {
    let world = World::acme().await;
    let effects = world.send(calls::set_public("acme/trees", true).dry()).await.effects.unwrap();
    let everyone: Vec<_> = effects.role_changes.iter().filter(|change| change.everyone).collect();
    assert_eq!((everyone.len(), effects.role_changes.len()), (1, 1), "{effects:?}");
    assert_eq!(everyone[0].after.unwrap().origin(), Origin::Public);
    assert_eq!((everyone[0].before, everyone[0].user.as_str(), everyone[0].path.as_str()), (None, "", "acme/trees"));
}

#[tokio::test]
async fn who_is_renamed_and_deleted_loses_what_is_public_too() {
    let world = World::acme().await;
    world.send(calls::set_public("acme/trees", true)).await;
    for calls in [
        [calls::rename_user("sam", "tom"), calls::delete_user("tom")],
        [calls::rename_user("sam", "tom"), calls::set_active("tom", false)],
    ] {
        let effects = send(&world.service, WriteRequest { validate_only: true, ..together("", &calls) }).await;
        let effects = effects.unwrap().effects.unwrap();
        let told = effects.role_changes.iter().map(|change| (change.path.as_str(), change.after));
        assert_eq!((told.collect::<Vec<_>>(), effects.complete), (vec![("acme/trees", None)], true), "{calls:?}");
    }
}

#[tokio::test]
async fn what_lies_beyond_the_bound_is_named() {
    let world = World::acme().await;
    // 40 projects, each with 600 members who may hold a role
    let crowd = "WITH made AS (
            INSERT INTO account (kind, username, plan_id) SELECT 'user', 'hand' || number, 1 FROM generate_series(1, 600) AS number
            RETURNING id
        ), acme AS (SELECT id FROM account WHERE username_key = 'acme'), joined AS (
            INSERT INTO member (organization_id, user_id, role, public) SELECT acme.id, made.id, 'member', true FROM acme, made
        )
        INSERT INTO project (id, owner_id, name, public, restricted_project_files, template)
        SELECT gen_random_uuid(), acme.id, 'project' || number, false, false, false FROM acme, generate_series(1, 40) AS number";
    world.database.batch_execute(crowd).await.unwrap();
    let effects = world.send(calls::set_default_role("acme", ProjectRole::Reader).dry()).await.effects.unwrap();
    assert!(!effects.complete && effects.left_out.contains(&"acme".to_owned()), "{:?}", effects.left_out);
    assert_eq!(effects.left_out_total, i64::try_from(effects.left_out.len()).unwrap());
    assert!(effects.total > 1_000 && effects.role_changes.len() == 1_000, "{}", effects.total);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trials_beside_writes_of_the_same_end_as_they_would_by_themselves() {
    let world = World::acme().await;
    let (come, go) = (add_member("acme", "sam", OrganizationRole::Member), calls::remove_member("acme", "sam"));
    let writes = async {
        for _ in 0..20 {
            world.send(come.clone()).await;
            world.send(go.clone()).await;
        }
    };
    let trials = async {
        for _ in 0..20 {
            for call in
                [come.clone(), go.clone(), come.clone().or_update(), add("acme/trees", "sam", ProjectRole::Reader)]
            {
                let refused = call.clone().dry().send(&world.service).await.err().map(|status| reason(&status));
                let fair = ["ALREADY_MEMBER", "NOT_FOUND", "NOT_ORGANIZATION_MEMBER"];
                assert!(refused.as_deref().is_none_or(|reason| fair.contains(&reason)), "{call:?}: {refused:?}");
            }
        }
    };
    tokio::join!(writes, trials);
}

/// One to five random operations in the caller's own right, some of which make no sense.
fn random_write(matrix: &Matrix, dice: &mut Dice, round: usize) -> WriteRequest {
    let count = 1 + dice.below(3) * dice.below(2);
    let calls: Vec<Call> = (0..count).map(|index| random_call(matrix, dice, round * 10 + index)).collect();
    together("", &calls)
}

fn random_call(matrix: &Matrix, dice: &mut Dice, number: usize) -> Call {
    let users: Vec<&str> = matrix.users().collect();
    let projects = matrix.project_ids();
    let (user, project) = (users[dice.below(users.len())], projects[dice.below(projects.len())]);
    let organization = format!("Org{}", 1 + dice.below(6));
    let team = format!("@{organization}/team{}", 1 + dice.below(3));
    let role = ProjectRole::try_from(1 + i32::try_from(dice.below(5)).unwrap()).unwrap();
    let place = OrganizationRole::try_from(1 + i32::try_from(dice.below(3)).unwrap()).unwrap();
    let owner = if dice.below(2) == 0 { user.to_owned() } else { organization.clone() };
    match dice.below(26) {
        0..3 => add(project, user, role).or_update(),
        3 => add_until(project, user, role, soon(86_400)).or_update(),
        4 => calls::remove(project, user).if_there(),
        5 => add(project, &team, role).or_update(),
        6 => calls::remove(project, &team).if_there(),
        7..10 => add_member(&organization, user, place).or_update(),
        10 => calls::remove_member(&organization, user).if_there(),
        11 => calls::add_team_member(&team, user).or_update(),
        12 => calls::remove_team_member(&team, user).if_there(),
        13 => calls::delete_team(&team),
        14 => calls::create_team(&team),
        15 => calls::set_default_role(&organization, role),
        16 => calls::set_default_role(&organization, ProjectRole::Unspecified),
        17 => calls::set_public(project, dice.below(2) == 0),
        18 => calls::transfer_project(project, &owner),
        19 => calls::transfer_organization(&organization, user),
        20 => calls::set_active(user, dice.below(2) == 0),
        21 => calls::offboard(user),
        22 => calls::create_user(&format!("new{number}")),
        23 => Call::CreateProject(ProjectServiceCreateRequest {
            owner,
            name: format!("new{number}"),
            id: format!("00000000-0000-4000-8000-{number:012}"),
            public: dice.below(2) == 0,
            ..Default::default()
        }),
        24 if dice.below(3) == 0 => calls::delete_user(user),
        24 => calls::delete_project(project),
        _ if dice.below(3) == 0 => calls::delete_organization(&organization),
        _ => calls::put_plan("none", true, i32::try_from(dice.below(3)).unwrap(), -1),
    }
}

/// All that is held, as the rows have it.
fn roles(matrix: &Matrix) -> Roles {
    let mut roles = Roles::new();
    for user in matrix.users() {
        for project in matrix.project_ids() {
            let verdict = matrix.verdict(user, project, "view_project");
            if verdict.role != ProjectRole::Unspecified {
                let held = (verdict.role, verdict.origin, verdict.expires_at.map(on_the_wire));
                roles.insert((user.to_lowercase(), project.to_owned()), held);
            }
        }
    }
    roles
}

/// What would be held after these effects, as an answer tells them.
fn apply(mut roles: Roles, effects: &Effects, after: &Matrix) -> Roles {
    let before = roles.clone();
    let held = |held: HeldRole| (held.role(), held.origin(), held.expires_at);
    for change in effects.role_changes.iter().filter(|change| change.everyone) {
        for user in after.users() {
            let key = (user.to_lowercase(), change.project.clone());
            match (change.before.map(held), change.after.map(held)) {
                (None, Some(now)) if !before.contains_key(&key) && after.is_active(user) => {
                    roles.insert(key, now);
                }
                (Some(was), None) if before.get(&key) == Some(&was) => {
                    roles.remove(&key);
                }
                _ => {}
            }
        }
    }
    for change in effects.role_changes.iter().filter(|change| !change.everyone) {
        let key = (change.user.to_lowercase(), change.project.clone());
        assert_eq!(before.get(&key).copied(), change.before.map(held), "{change:?}");
        match change.after {
            Some(now) => roles.insert(key, held(now)),
            None => roles.remove(&key),
        };
    }
    roles
}

fn difference(predicted: &Roles, happened: &Roles) -> String {
    let wrong = |key: &&(String, String)| predicted.get(*key) != happened.get(*key);
    let keys: std::collections::BTreeSet<_> = predicted.keys().chain(happened.keys()).collect();
    let line = |key: &(String, String)| format!("{key:?}: {:?}, and was {:?}\n", predicted.get(key), happened.get(key));
    keys.into_iter().filter(wrong).map(line).collect()
}
