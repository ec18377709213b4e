//! Every RPC by every scope: allowed or refused as written here, and here stands every RPC that there is.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::FileDescriptorSet;
use rolegate::grpc::{scopes, v1};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use super::{House, Listed, assert_unknown};
use crate::support::reason;

const SCOPES: [&str; 5] = ["check", "read", "write", "admin", "audit"];

/// Each RPC with the scopes that are let in. `write`: an actor must be named, which an empty request does not; `admin` then does
/// without one. A `*` is an RPC that goes on.
const TABLE: &str = "
    AuthorizationService/Check                check
    AuthorizationService/CheckOrganization    check
    AuthorizationService/CheckAccount         check
    AuthorizationService/BatchCheck           check
    AuthorizationService/StreamCheck *        check
    AuthorizationService/ListActions          check
    AuthorizationService/Explain              read
    AuthorizationService/ListProjects         read
    AuthorizationService/ListUsers            read
    UserService/Create                        admin
    UserService/Get                           read
    UserService/List                          read
    UserService/Update                        write
    UserService/Delete                        write
    UserService/RemoveUserEverywhere          write
    OrganizationService/Create                write
    OrganizationService/Get                   read
    OrganizationService/List                  read
    OrganizationService/Update                write
    OrganizationService/Delete                write
    OrganizationService/Transfer              write
    OrganizationService/AddMember             write
    OrganizationService/GetMember             read
    OrganizationService/ListMembers           read
    OrganizationService/UpdateMember          write
    OrganizationService/RemoveMember          write
    TeamService/Create                        write
    TeamService/Get                           read
    TeamService/List                          read
    TeamService/Update                        write
    TeamService/Delete                        write
    TeamService/AddTeamMember                 write
    TeamService/ListTeamMembers               read
    TeamService/RemoveTeamMember              write
    ProjectService/Create                     write
    ProjectService/Get                        read
    ProjectService/List                       read
    ProjectService/Update                     write
    ProjectService/Delete                     write
    ProjectService/Transfer                   write
    CollaboratorService/Add                   write
    CollaboratorService/Get                   read
    CollaboratorService/List                  read
    CollaboratorService/Update                write
    CollaboratorService/Remove                write
    PlanService/Put                           admin
    PlanService/Get                           read
    PlanService/List                          read
    PlanService/Delete                        admin
    WriteService/Write                        write
    ChangeService/List                        audit
    ChangeService/Watch *                     audit
    ReplicaService/List                       read
";

/// The table: what is needed, and whether it goes on, by path.
fn table() -> BTreeMap<String, (&'static str, bool)> {
    let lines = TABLE.lines().map(str::trim).filter(|line| !line.is_empty());
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    words.map(|words| (format!("/rolegate.v1.{}", words[0]), (words[words.len() - 1], words.contains(&"*")))).collect()
}

#[test]
fn every_rpc_of_the_api_stands_in_the_table_of_scopes() {
    let set = FileDescriptorSet::decode(v1::FILE_DESCRIPTOR_SET).unwrap();
    let mut offered = BTreeMap::new();
    for file in set.file.iter().filter(|file| file.package() == "rolegate.v1") {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/rolegate.v1.{}/{}", service.name(), method.name());
                offered.insert(path, method.server_streaming());
            }
        }
    }
    let written: BTreeMap<_, _> = table().into_iter().map(|(path, (_, goes_on))| (path, goes_on)).collect();
    assert_eq!(written, offered, "the table of this test");
    let kept: BTreeMap<_, _> = scopes::all().map(|(path, rule)| (path, rule.is_stream)).collect();
    assert_eq!(kept, offered, "the table of the gate");
    for (path, rule) in scopes::all() {
        assert_eq!(rule.scope.name(), table()[&path].0, "{path}");
    }
}

#[tokio::test]
async fn each_scope_lets_in_to_what_is_written_and_to_nothing_else() {
    let callers: Vec<Listed<'_>> = SCOPES.iter().map(|scope| (*scope, std::slice::from_ref(scope), "")).collect();
    let house = House::open(&callers).await;
    for (path, (needed, _)) in table() {
        for scope in SCOPES {
            let answer = call(&house.service.channel, &path, house.by(scope, ())).await;
            let what = format!("{path} by {scope}: {answer:?}");
            match (needed, scope) {
                // no actor is named: let in by the table, and held up where the write is read
                ("write", "write") => assert_lacks(answer, "admin", &what),
                ("write", "admin") => assert_let_in(answer, &what),
                (needed, scope) if needed == scope => assert_let_in(answer, &what),
                (needed, _) => assert_lacks(answer, needed, &what),
            }
        }
        assert_unknown(call(&house.service.channel, &path, Request::new(())).await, &path);
    }
    for scope in SCOPES {
        let made_up = call(&house.service.channel, "/rolegate.v1.UserService/Promote", house.by(scope, ())).await;
        assert_eq!(made_up.unwrap_err().code(), Code::Unimplemented);
    }
    house.service.stop().await;
}

#[tokio::test]
async fn a_write_needs_an_actor_or_a_caller_in_its_own_right() {
    let house = House::open(&[("web", &["write"], ""), ("sync", &["admin"], "")]).await;
    let service = &house.service;
    let user = |name: &str| v1::UserServiceCreateRequest { username: name.to_owned(), ..Default::default() };
    for name in ["ann", "bob"] {
        service.users().create(house.by("sync", user(name))).await.unwrap();
    }
    let create = |name: &str, actor: &str| v1::ProjectServiceCreateRequest {
        owner: "ann".to_owned(),
        name: name.to_owned(),
        actor: actor.to_owned(),
        ..Default::default()
    };
    assert_lacks(service.projects().create(house.by("web", create("one", ""))).await, "admin", "no actor");
    service.projects().create(house.by("web", create("one", "ann"))).await.expect("an actor who may");
    let refused = service.projects().create(house.by("web", create("two", "bob"))).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "PERMISSION_DENIED"));
    service.projects().create(house.by("sync", create("two", ""))).await.expect("in its own right");
    service.projects().create(house.by("sync", create("three", "ann"))).await.expect("or as an actor");
    let tried = v1::ProjectServiceCreateRequest { validate_only: true, ..create("four", "") };
    assert_lacks(service.projects().create(house.by("web", tried)).await, "admin", "a try is no way round");
    assert_lacks(
        service.users().create(house.by("web", user("cyd"))).await,
        "admin",
        "users are made in one's own right",
    );
    house.service.stop().await;
}

/// Calls an RPC with an empty message, and takes the first answer, where there is one soon.
async fn call(channel: &Channel, path: &str, request: Request<()>) -> Result<(), Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let (path, codec) = (path.parse().unwrap(), ProstCodec::<(), ()>::default());
    let (metadata, extensions, ()) = request.into_parts();
    let messages = futures::stream::iter([()]);
    let request = Request::from_parts(metadata, extensions, messages);
    let mut answers = client.streaming(request, path, codec).await?.into_inner();
    match tokio::time::timeout(std::time::Duration::from_millis(300), answers.message()).await {
        Ok(answer) => answer.map(drop),
        // it goes on, and has nothing to say yet
        Err(_) => Ok(()),
    }
}

/// Whatever became of it, it was not for the caller's sake.
fn assert_let_in<T>(answer: Result<T, Status>, what: &str) {
    if let Err(status) = answer {
        assert!(!["CALLER_UNKNOWN", "SCOPE_MISSING"].contains(&reason(&status).as_str()), "{what}");
        assert!(![Code::Unimplemented, Code::Internal, Code::Unauthenticated].contains(&status.code()), "{what}");
    }
}

fn assert_lacks<T>(answer: Result<T, Status>, scope: &str, what: &str) {
    let status = answer.err().unwrap_or_else(|| panic!("let in: {what}"));
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "SCOPE_MISSING"), "{what}");
    let metadata = status.get_details_error_info().unwrap().metadata;
    assert_eq!(metadata, [("scope".to_owned(), scope.to_owned())].into(), "{what}");
}
