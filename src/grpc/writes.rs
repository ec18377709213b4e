//! What all writes have in common: on whose behalf, whether only to try, whom to wait for, until when; and how they answer.

use tonic::{Request, Status};

use super::{Services, deadline, errors, fields, gate, revision, v1};
use crate::callers::{Caller, Scope};
use crate::domain::change::{Change, Object};
use crate::membership::{Operation, WriteContext, Written};

/// How many removals an answer spells out.
const REMOVALS: usize = 1_000;

/// The fields that every write has.
pub(super) trait WriteRequest {
    fn actor(&self) -> &str;
    fn validate_only(&self) -> bool;
    fn wait_for_replicas(&self) -> bool;
}

macro_rules! write_requests {
    ($($name:ident),+ $(,)?) => {
        $(impl WriteRequest for v1::$name {
            fn actor(&self) -> &str {
                &self.actor
            }

            fn validate_only(&self) -> bool {
                self.validate_only
            }

            fn wait_for_replicas(&self) -> bool {
                self.wait_for_replicas.unwrap_or(true)
            }
        })+
    };
}

write_requests!(
    UserServiceCreateRequest,
    UserServiceUpdateRequest,
    UserServiceDeleteRequest,
    OrganizationServiceCreateRequest,
    OrganizationServiceUpdateRequest,
    OrganizationServiceDeleteRequest,
    OrganizationServiceTransferRequest,
    AddMemberRequest,
    UpdateMemberRequest,
    RemoveMemberRequest,
    TeamServiceCreateRequest,
    TeamServiceUpdateRequest,
    TeamServiceDeleteRequest,
    AddTeamMemberRequest,
    RemoveTeamMemberRequest,
    ProjectServiceCreateRequest,
    ProjectServiceUpdateRequest,
    ProjectServiceDeleteRequest,
    ProjectServiceTransferRequest,
    CollaboratorServiceAddRequest,
    CollaboratorServiceUpdateRequest,
    CollaboratorServiceRemoveRequest,
    PlanServicePutRequest,
    PlanServiceDeleteRequest,
);

impl Services {
    /// Takes a write apart: how it is asked for, and what. Without an actor the caller acts in its own right, and must be trusted
    /// with that.
    pub(super) fn accept<R: WriteRequest>(&self, request: Request<R>) -> Result<(WriteContext, R), Status> {
        let deadline = deadline::deadline(request.metadata(), self.inner.timeout);
        let caller = request.extensions().get::<Caller>().cloned();
        let request = request.into_inner();
        let actor = fields::optional_username("actor", request.actor())?;
        if let Some(caller) = caller.as_ref().filter(|_| actor.is_none()) {
            gate::may(caller, Scope::Admin)?;
        }
        let context = WriteContext {
            actor,
            bounds: caller.as_ref().and_then(Caller::bounds).cloned(),
            validate_only: request.validate_only(),
            wait_for_replicas: request.wait_for_replicas(),
            deadline: Some(deadline),
        };
        Ok((context, request))
    }

    /// Runs a write.
    pub(super) async fn write<O: Operation>(
        &self,
        context: &WriteContext,
        operation: &O,
    ) -> Result<Written<O::Output>, Status> {
        self.inner.writer.run(context, operation).await.map_err(errors::membership)
    }
}

/// The revision that a write answers; empty where nothing was written.
pub(super) fn revision<T>(written: &Written<T>) -> String {
    written.token.map(revision::encode).unwrap_or_default()
}

/// What a write took away.
pub(super) fn removals<T>(written: &Written<T>) -> Option<v1::Removals> {
    let removals = written.removals.iter().take(REMOVALS).map(removal).collect();
    Some(v1::Removals { removals, total: i64::try_from(written.removals.len()).unwrap_or(i64::MAX) })
}

fn removal(change: &Change) -> v1::Removal {
    let kind = match change.object {
        Object::User => v1::RemovalKind::User,
        Object::Organization => v1::RemovalKind::Organization,
        Object::Member => v1::RemovalKind::Member,
        Object::Team => v1::RemovalKind::Team,
        Object::TeamMember => v1::RemovalKind::TeamMember,
        Object::Project => v1::RemovalKind::Project,
        Object::Collaborator => v1::RemovalKind::Collaborator,
        Object::Plan => v1::RemovalKind::Unspecified,
    };
    v1::Removal { kind: kind.into(), object: change.name.clone(), subject: change.subject.clone() }
}
