//! Orders as the requests that the API takes, and what its answers mean to who asked.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost_types::FieldMask;
use rolegate::grpc::v1;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

use super::history::{Outcome, Token};
use super::world::{Fact, HIGHEST, Kind, ORGANIZATION, Order, PROJECTS, TEAMS, USERS, holder_name};
use crate::support::{Clients, reason};

/// What the rules may say to a writer that does not know what its lost writes came to.
const REFUSALS: [&str; 7] = [
    "NOT_FOUND",
    "ALREADY_MEMBER",
    "ALREADY_TEAM_MEMBER",
    "ALREADY_COLLABORATOR",
    "NOT_ORGANIZATION_MEMBER",
    "TEAM_NOT_IN_ORGANIZATION",
    "INVALID_FIELD",
];

/// What may keep a write from being done, and says that it was not.
const FAILURES: [&str; 4] = ["DATABASE_UNAVAILABLE", "DEADLINE_EXCEEDED", "CONFLICT", "SHUTTING_DOWN"];

macro_rules! request {
    ($limit:expr, $message:expr) => {{
        let mut request = Request::new($message);
        request.set_timeout($limit);
        request
    }};
}

/// Asks for a write, and returns its revision.
pub async fn send(clients: &Clients, order: &Order, limit: Duration) -> Result<String, Status> {
    let wait_for_replicas = order.waits;
    match order.fact {
        Fact::Active(user) => {
            let message = v1::UserServiceUpdateRequest {
                username: USERS[user].to_owned(),
                update_mask: mask(&["active"]),
                active: order.value.role == HIGHEST,
                wait_for_replicas,
                ..Default::default()
            };
            clients.users().update(request!(limit, message)).await.map(|answer| answer.into_inner().revision)
        }
        Fact::Public(project) => {
            let message = v1::ProjectServiceUpdateRequest {
                project: PROJECTS[project].to_owned(),
                update_mask: mask(&["public"]),
                public: order.value.role > 0,
                wait_for_replicas,
                ..Default::default()
            };
            clients.projects().update(request!(limit, message)).await.map(|answer| answer.into_inner().revision)
        }
        Fact::Member(user) => send_member(clients, order, USERS[user], limit).await,
        Fact::Place(team, user) => send_place(clients, order, (TEAMS[team], USERS[user]), limit).await,
        Fact::Grant(project, holder) => {
            send_grant(clients, order, (PROJECTS[project], holder_name(holder)), limit).await
        }
    }
}

async fn send_member(clients: &Clients, order: &Order, user: &str, limit: Duration) -> Result<String, Status> {
    let wait_for_replicas = order.waits;
    let (organization, user) = (ORGANIZATION.to_owned(), user.to_owned());
    let role = if order.value.role == HIGHEST { v1::OrganizationRole::Admin } else { v1::OrganizationRole::Member };
    let (role, mut client) = (role.into(), clients.organizations());
    match order.kind {
        Kind::Add => {
            let message = v1::AddMemberRequest { organization, user, role, wait_for_replicas, ..Default::default() };
            client.add_member(request!(limit, message)).await.map(|answer| answer.into_inner().revision)
        }
        Kind::Update => {
            let update_mask = mask(&["role"]);
            let message = v1::UpdateMemberRequest {
                organization,
                user,
                role,
                update_mask,
                wait_for_replicas,
                ..Default::default()
            };
            client.update_member(request!(limit, message)).await.map(|answer| answer.into_inner().revision)
        }
        Kind::Remove => {
            let message = v1::RemoveMemberRequest { organization, user, wait_for_replicas, ..Default::default() };
            client.remove_member(request!(limit, message)).await.map(|answer| answer.into_inner().revision)
        }
    }
}

async fn send_place(
    clients: &Clients,
    order: &Order,
    (team, user): (&str, &str),
    limit: Duration,
) -> Result<String, Status> {
    let wait_for_replicas = order.waits;
    let (team, user) = (team.to_owned(), user.to_owned());
    if order.kind == Kind::Remove {
        let message = v1::RemoveTeamMemberRequest { team, user, wait_for_replicas, ..Default::default() };
        return clients
            .teams()
            .remove_team_member(request!(limit, message))
            .await
            .map(|gone| gone.into_inner().revision);
    }
    let message = v1::AddTeamMemberRequest { team, user, wait_for_replicas, ..Default::default() };
    clients.teams().add_team_member(request!(limit, message)).await.map(|added| added.into_inner().revision)
}

async fn send_grant(
    clients: &Clients,
    order: &Order,
    (project, holder): (&str, &str),
    limit: Duration,
) -> Result<String, Status> {
    let wait_for_replicas = order.waits;
    let (project, collaborator, mut client) = (project.to_owned(), holder.to_owned(), clients.collaborators());
    let (role, expires_at) = (i32::from(order.value.role), order.value.ends.map(timestamp));
    match order.kind {
        Kind::Add => {
            let message = v1::CollaboratorServiceAddRequest {
                project,
                collaborator,
                role,
                expires_at,
                wait_for_replicas,
                ..Default::default()
            };
            client.add(request!(limit, message)).await.map(|answer| answer.into_inner().revision)
        }
        Kind::Update => {
            let update_mask = mask(&["role", "expires_at"]);
            let message = v1::CollaboratorServiceUpdateRequest {
                project,
                collaborator,
                update_mask,
                role,
                expires_at,
                wait_for_replicas,
                ..Default::default()
            };
            client.update(request!(limit, message)).await.map(|answer| answer.into_inner().revision)
        }
        Kind::Remove => {
            let message =
                v1::CollaboratorServiceRemoveRequest { project, collaborator, wait_for_replicas, ..Default::default() };
            client.remove(request!(limit, message)).await.map(|answer| answer.into_inner().revision)
        }
    }
}

/// What an answer to a write means, or why it means nothing.
pub fn outcome(order: &Order, answer: Result<String, Status>) -> Result<Outcome, String> {
    let status = match answer {
        Ok(revision) => {
            let at = decode(&revision).ok_or(format!("no revision: {revision}"))?;
            return Ok(if order.waits == Some(false) { Outcome::Committed(at) } else { Outcome::Done(at) });
        }
        Err(status) => status,
    };
    let reason = reason(&status);
    match reason.as_str() {
        "REPLICAS_BEHIND" => {
            let metadata = status.get_details_error_info().map(|info| info.metadata).unwrap_or_default();
            let revision = metadata.get("revision").and_then(|revision| decode(revision));
            revision.map(Outcome::Committed).ok_or(format!("no revision: {status:?}"))
        }
        // what did not come from the service says nothing
        "" | "OUTCOME_UNKNOWN" => Ok(Outcome::Unknown(format!("{:?} {}", status.code(), status.message()))),
        known if REFUSALS.contains(&known) => Ok(Outcome::Refused(reason)),
        known if FAILURES.contains(&known) => Ok(Outcome::Failed(reason)),
        _ => Err(format!("{status:?}")),
    }
}

/// Reads a revision as callers hold it.
pub fn decode(text: &str) -> Option<Token> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let number = |from| bytes.get(from..from + 8).map(|bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap()));
    Some(Token { history: number(0)?, revision: number(8)?.cast_signed() })
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

fn timestamp(micros: i64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap(),
    }
}
