//! Several writes as one: in order, all or none, allowed and refused as each would be by itself.

use rolegate::grpc::v1::OrganizationRole::{Admin as OrgAdmin, Creator, Member};
use rolegate::grpc::v1::ProjectRole::{Admin, Editor, Manager, Reader};
use rolegate::grpc::v1::write_result::Result as Answered;
use rolegate::grpc::v1::{Origin, WriteOperation, WriteRequest};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{refusal, send, together};
use crate::membership::calls::{self, Call, add, add_member};
use crate::membership::world::World;
use crate::support::reason;

#[tokio::test]
async fn each_operation_sees_what_those_before_it_wrote() {
    let world = World::empty().await;
    let calls = [
        calls::create_user("ann"),
        calls::create_user("bob"),
        calls::create_organization("acme", "ann"),
        add_member("acme", "bob", Creator),
        calls::create_team("@acme/crew"),
        calls::add_team_member("@acme/crew", "bob"),
        calls::create_project("acme", "trees"),
        add("acme/trees", "@acme/crew", Editor),
        calls::rename_organization("acme", "acme2"),
        add("acme2/trees", "bob", Reader),
        calls::remove("acme2/trees", "@acme2/crew"),
        calls::delete_team("@acme2/crew"),
    ];
    let before = world.revision().await;
    let answer = send(&world.service, together("", &calls)).await.unwrap();
    assert_eq!(world.revision().await, before + 1, "one write");
    assert_eq!(world.role("bob", "acme2/trees").await, Some((Reader, Origin::Collaborator)));
    assert_eq!(answer.results.len(), calls.len());
    let of = |index: usize| answer.results[index].result.clone().unwrap();
    let Answered::CreateUser(bob) = of(1) else { panic!("{:?}", of(1)) };
    assert_eq!((bob.user.unwrap().username.as_str(), &bob.revision), ("bob", &answer.revision));
    let Answered::AddMember(member) = of(3) else { panic!("{:?}", of(3)) };
    assert_eq!(member.member.unwrap().role(), Creator);
    let Answered::DeleteTeam(gone) = of(11) else { panic!("{:?}", of(11)) };
    assert_eq!(gone.removals.unwrap().total, 2, "the team, and bob's place in it");
    let logged = world.database.query_one("SELECT operation FROM change_set ORDER BY revision DESC LIMIT 1", &[]);
    assert_eq!(logged.await.unwrap().get::<_, String>(0), "write");
    assert_eq!(world.last_changes().await.len(), 13, "each of them, and bob's place");
}

#[tokio::test]
async fn where_one_is_refused_nothing_is_written_and_the_error_names_it() {
    let world = World::acme().await;
    let good = [
        calls::create_user("zoe"),
        add_member("acme", "zoe", Member),
        calls::add_team_member("@acme/crew", "zoe"),
        add("acme/trees", "zoe", Editor),
        calls::put_plan("club", true, 1, 1),
        calls::set_public("acme/trees", true),
    ];
    let bad = [
        (add_member("acme", "mia", Member), Code::AlreadyExists, "ALREADY_MEMBER"),
        (calls::create_user("MIA"), Code::AlreadyExists, "USERNAME_TAKEN"),
        (calls::delete_project("acme/ghosts"), Code::NotFound, "NOT_FOUND"),
        (add("acme/trees", "sam", Reader), Code::FailedPrecondition, "NOT_ORGANIZATION_MEMBER"),
        (calls::delete_plan("premium"), Code::FailedPrecondition, "PLAN_IN_USE"),
        (calls::set_role("acme/trees", "rita", Admin).only_if("stale"), Code::Aborted, "ETAG_MISMATCH"),
    ];
    let before = world.dump().await;
    for place in 0..=good.len() {
        for (call, code, expected) in &bad {
            let mut calls = good.to_vec();
            calls.insert(place, call.clone());
            let status = send(&world.service, together("", &calls)).await.unwrap_err();
            assert_eq!(status.code(), *code, "{call:?} at {place}: {status:?}");
            assert_eq!(refusal(&status), (place.to_string(), (*expected).to_owned()), "{call:?}");
            assert_eq!(world.dump().await, before, "{call:?} at {place}");
        }
    }
    send(&world.service, together("", &good)).await.unwrap();
}

#[tokio::test]
async fn what_makes_no_sense_is_named_by_its_place() {
    let world = World::acme().await;
    let fine = calls::create_user("zoe");
    let dry = calls::create_user("zac").dry();
    let Call::AddMember(waiting) = add_member("acme", "sam", Member) else { panic!() };
    let waiting = Call::AddMember(rolegate::grpc::v1::AddMemberRequest { wait_for_replicas: Some(true), ..waiting });
    let table = [
        (vec![fine.clone(), add_member("acme", "m", Member)], "operations[1].add_member.user", "1"),
        (vec![add_member("acme", "sam", Member).by("adam")], "operations[0].add_member.actor", "0"),
        (vec![fine.clone(), fine.clone(), dry], "operations[2].create_user.validate_only", "2"),
        (vec![waiting], "operations[0].add_member.wait_for_replicas", "0"),
        (
            vec![fine.clone(), calls::add_until("acme/trees", "mia", Reader, crate::membership::world::soon(-9))],
            "operations[1].add_collaborator.expires_at",
            "1",
        ),
    ];
    let before = world.dump().await;
    for (calls, field, operation) in table {
        let status = send(&world.service, together("", &calls)).await.unwrap_err();
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!((status.code(), violations[0].field.as_str()), (Code::InvalidArgument, field), "{status:?}");
        assert_eq!(status.get_details_error_info().unwrap().metadata["operation"], operation);
    }
    let nothing = WriteOperation { operation: None };
    let many = vec![nothing.clone(); 1_001];
    for (operations, field) in
        [(vec![], "operations"), (many, "operations"), (vec![nothing], "operations[0].operation")]
    {
        let status = send(&world.service, WriteRequest { operations, ..Default::default() }).await.unwrap_err();
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!((status.code(), violations[0].field.as_str()), (Code::InvalidArgument, field), "{status:?}");
    }
    assert_eq!(world.dump().await, before);
}

#[tokio::test]
async fn an_actor_may_no_more_than_one_by_one() {
    let world = World::acme().await;
    let (raise, give) = (calls::set_role("acme/trees", "mona", Admin), add("acme/trees", "mia", Admin));
    let lose = calls::set_member_role("acme", "adam", Member);
    let add_sam = add_member("acme", "sam", Member);
    let table = [
        ("mona", vec![raise], "0", "ROLE_ABOVE_OWN"),
        ("mona", vec![add("acme/trees", "mia", Manager), give], "1", "ROLE_ABOVE_OWN"),
        ("mona", vec![calls::set_role("acme/trees", "alma", Reader)], "0", "TARGET_ROLE_ABOVE_OWN"),
        // what it may is what it is by then
        ("adam", vec![lose, add_sam.clone()], "1", "PERMISSION_DENIED"),
        (
            "adam",
            vec![add_sam, calls::remove_member("acme", "adam"), calls::delete_team("@acme/crew")],
            "2",
            "PERMISSION_DENIED",
        ),
        (
            "olga",
            vec![calls::transfer_organization("acme", "adam"), calls::delete_organization("acme")],
            "1",
            "PERMISSION_DENIED",
        ),
        ("adam", vec![calls::rename_user("adam", "adama"), calls::create_team("@acme/new")], "1", "PERMISSION_DENIED"),
        ("pia", vec![calls::transfer_project("pia/garden", "pam")], "0", "PERMISSION_DENIED"),
        ("ivan", vec![calls::create_team("@acme/new")], "0", "PERMISSION_DENIED"),
        ("ghost", vec![calls::create_team("@acme/new")], "0", "PERMISSION_DENIED"),
        ("olga", vec![calls::create_team("@acme/new"), calls::create_user("zoe")], "1", "PERMISSION_DENIED"),
    ];
    let before = world.dump().await;
    for (actor, calls, operation, expected) in table {
        let status = send(&world.service, together(actor, &calls)).await.unwrap_err();
        assert_eq!(refusal(&status), (operation.to_owned(), expected.to_owned()), "{actor}: {calls:?}");
        assert_eq!(world.dump().await, before, "{actor}: {calls:?}");
    }
    // what it was given before is what it may after
    let calls = [
        calls::create_organization("mine", "mona"),
        calls::create_team("@mine/crew"),
        calls::create_project("mine", "fen"),
    ];
    send(&world.service, together("mona", &calls)).await.unwrap();
    assert_eq!(world.role("mona", "mine/fen").await, Some((Admin, Origin::OrganizationOwner)));
}

#[tokio::test]
async fn a_thousand_operations_are_one_write() {
    let world = World::acme().await;
    let users: Vec<Call> = (0..500).map(|number| calls::create_user(&format!("hand{number}"))).collect();
    let members = (0..500).map(|number| add_member("acme", &format!("hand{number}"), Member));
    let calls: Vec<Call> = users.into_iter().chain(members).collect();
    let before = world.revision().await;
    let begun = std::time::Instant::now();
    let answer = send(&world.service, together("", &calls)).await.unwrap();
    println!("1,000 operations took {:?}", begun.elapsed());
    assert_eq!((world.revision().await, answer.results.len()), (before + 1, 1_000));
    let mut calls: Vec<Call> =
        (0..999).map(|number| calls::remove_member("acme", &format!("hand{}", number % 500)).if_there()).collect();
    calls.push(calls::remove_member("acme", "olga"));
    let untouched = world.dump().await;
    let status = send(&world.service, together("", &calls)).await.unwrap_err();
    assert_eq!(refusal(&status), ("999".to_owned(), "ORGANIZATION_OWNER_REQUIRED".to_owned()));
    assert_eq!(world.dump().await, untouched);
    calls.pop();
    send(&world.service, together("", &calls)).await.unwrap();
    assert_eq!(world.last_changes().await.len(), 500);
}

#[tokio::test]
async fn nothing_to_change_is_no_write_and_a_trial_is_none_either() {
    let world = World::acme().await;
    let before = world.dump().await;
    let nothing = [add_member("acme", "mia", Member).or_update(), calls::remove("acme/trees", "mia").if_there()];
    let answer = send(&world.service, together("olga", &nothing)).await.unwrap();
    assert!(!answer.revision.is_empty());
    assert_eq!(world.dump().await, before);
    let dry = WriteRequest {
        validate_only: true,
        ..together("olga", &[add("acme/trees", "mia", Manager), calls::set_role("acme/trees", "mia", Editor)])
    };
    let answer = send(&world.service, dry).await.unwrap();
    assert!(answer.revision.is_empty());
    let effects = answer.effects.unwrap();
    assert_eq!((effects.total, effects.complete), (1, true));
    assert_eq!(effects.role_changes[0].after.unwrap().role(), Editor);
    assert_eq!(world.dump().await, before);
    let refused = WriteRequest { validate_only: true, ..together("mia", &[add_member("acme", "sam", OrgAdmin)]) };
    assert_eq!(reason(&send(&world.service, refused).await.unwrap_err()), "PERMISSION_DENIED");
}
