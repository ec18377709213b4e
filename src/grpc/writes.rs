//! What all writes have in common: on whose behalf, whether only to try, whom to wait for, until when; and how they answer.

use tonic::{Request, Response, Status};

use super::{Services, deadline, effects, errors, fields, revision, v1};
use crate::domain::change::{Change, Object};
use crate::membership::{Operation, WriteContext, Written};

/// How many removals an answer spells out.
pub(super) const REMOVALS: usize = 1_000;

/// The fields that every write has.
pub(super) trait WriteRequest {
    fn actor(&self) -> &str;
    fn validate_only(&self) -> bool;
    fn wait_for_replicas(&self) -> Option<bool>;
}

/// A request for a write: what it asks for, and how that is answered.
pub(super) trait Write: WriteRequest + Sized {
    type Operation: Operation + 'static;
    type Response: Send;

    /// What it asks for; what makes no sense is refused by the field's name.
    fn operation(self) -> Result<Self::Operation, Status>;

    /// What is answered.
    fn answer(output: Output<Self>, ending: Ending) -> Self::Response;
}

/// What the operation of a request comes to.
pub(super) type Output<R> = <<R as Write>::Operation as Operation>::Output;

/// What the answers of all writes have, as far as they have it.
pub(super) struct Ending {
    /// Empty where it was only tried.
    pub(super) revision: String,
    /// What was taken away besides.
    pub(super) removals: Option<v1::Removals>,
    /// Whose roles would change, where it was only tried.
    pub(super) effects: Option<v1::Effects>,
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

            fn wait_for_replicas(&self) -> Option<bool> {
                self.wait_for_replicas
            }
        })+
    };
}

write_requests!(
    UserServiceCreateRequest,
    UserServiceUpdateRequest,
    UserServiceDeleteRequest,
    RemoveUserEverywhereRequest,
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
    WriteRequest,
);

impl Services {
    /// Takes a write apart: how it is asked for, and what.
    pub(super) fn accept<R: WriteRequest>(&self, request: Request<R>) -> Result<(WriteContext, R), Status> {
        let deadline = deadline::deadline(request.metadata(), self.inner.timeout);
        let request = request.into_inner();
        let actor = fields::optional_username("actor", request.actor())?;
        let context = WriteContext {
            actor,
            validate_only: request.validate_only(),
            wait_for_replicas: request.wait_for_replicas().unwrap_or(true),
            deadline: Some(deadline),
        };
        Ok((context, request))
    }

    /// Does what a request asks for, and answers it.
    pub(super) async fn carry_out<R: Write>(&self, request: Request<R>) -> Result<Response<R::Response>, Status> {
        let (context, request) = self.accept(request)?;
        let written = self.write(&context, &request.operation()?).await?;
        let (revision, removals) = (revision(&written), removals(&written.removals, REMOVALS));
        let ending = Ending { revision, removals: Some(removals), effects: written.effects.map(effects::effects) };
        Ok(Response::new(R::answer(written.output, ending)))
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

/// The revision that a write answers; empty where it was only tried.
pub(super) fn revision<T>(written: &Written<T>) -> String {
    written.token.map(revision::encode).unwrap_or_default()
}

/// What a write took away, so many of them spelled out.
pub(super) fn removals(removals: &[Change], most: usize) -> v1::Removals {
    let total = i64::try_from(removals.len()).unwrap_or(i64::MAX);
    v1::Removals { removals: removals.iter().take(most).map(removal).collect(), total }
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
