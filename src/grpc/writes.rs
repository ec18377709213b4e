//! What all writes have in common: on whose behalf, whether only to try, whom to wait for, until when, under which id; how
//! they answer, the first time and again; and what is logged of those that are refused.

use prost::Message;
use tonic::{Request, Response, Status};
use tracing::info;

use super::capacity::caller_of;
use super::{Services, deadline, effects, errors, fields, gate, revision, v1};
use crate::callers::{Caller, Scope};
use crate::domain::bounds::Bounds;
use crate::domain::change::{Change, Object};
use crate::domain::names::Username;
use crate::membership::{Answer, MembershipError, Operation, RequestKey, WriteContext, Written};

/// How many removals an answer spells out.
pub(super) const REMOVALS: usize = 1_000;

/// The most characters of an id of a request.
const LONGEST_REQUEST_ID: usize = 128;

/// The fields that every write has.
pub(super) trait WriteRequest: Message {
    /// Tells requests of the same fields apart.
    const NAME: &'static str;

    fn actor(&self) -> &str;
    fn validate_only(&self) -> bool;
    fn request_id(&self) -> &str;

    /// What has no say in what is written.
    fn wait_for_replicas(&mut self) -> &mut Option<bool>;

    /// What it is about, or what that belongs to.
    fn object(&self) -> &str;
}

/// An answer of a write: all of it but the revision is known before the write is in the log.
pub(super) trait WriteAnswer: Answer {
    fn set_revision(&mut self, revision: String);
}

/// A request for a write: what it asks for, and how that is answered.
pub(super) trait Write: WriteRequest + Sized {
    type Operation: Operation + 'static;
    type Response: WriteAnswer;

    /// What it asks for; what makes no sense is refused by the field's name.
    fn operation(self) -> Result<Self::Operation, Status>;

    /// What is answered, but for the revision.
    fn answer(output: Output<Self>, ending: Ending) -> Self::Response;
}

/// What the operation of a request comes to.
pub(super) type Output<R> = <<R as Write>::Operation as Operation>::Output;

/// What the answers of all writes have, as far as they have it.
pub(super) struct Ending {
    /// What was taken away besides.
    pub(super) removals: Option<v1::Removals>,
    /// Whose roles would change, where it was only tried.
    pub(super) effects: Option<v1::Effects>,
}

/// How a write is asked for, as the services hand it on.
pub(super) struct Asked {
    context: WriteContext,
    /// What it is about, for the log.
    object: String,
}

macro_rules! write_request {
    ($request:ident => $answer:ident, $object:expr) => {
        impl WriteRequest for v1::$request {
            const NAME: &'static str = stringify!($request);

            fn actor(&self) -> &str {
                &self.actor
            }

            fn validate_only(&self) -> bool {
                self.validate_only
            }

            fn request_id(&self) -> &str {
                &self.request_id
            }

            fn wait_for_replicas(&mut self) -> &mut Option<bool> {
                &mut self.wait_for_replicas
            }

            fn object(&self) -> &str {
                let object: fn(&Self) -> &str = $object;
                object(self)
            }
        }

        impl Answer for v1::$answer {
            fn to_bytes(&self) -> Vec<u8> {
                self.encode_to_vec()
            }

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                Self::decode(bytes).ok()
            }
        }
    };
}

macro_rules! writes {
    ($($request:ident => $answer:ident, $object:expr;)+) => {
        $(write_request!($request => $answer, $object);

        impl WriteAnswer for v1::$answer {
            fn set_revision(&mut self, revision: String) {
                self.revision = revision;
            }
        })+
    };
}

writes! {
    UserServiceCreateRequest => UserServiceCreateResponse, |request| &request.username;
    UserServiceUpdateRequest => UserServiceUpdateResponse, |request| &request.username;
    UserServiceDeleteRequest => UserServiceDeleteResponse, |request| &request.username;
    RemoveUserEverywhereRequest => RemoveUserEverywhereResponse, |request| &request.username;
    OrganizationServiceCreateRequest => OrganizationServiceCreateResponse, |request| &request.username;
    OrganizationServiceUpdateRequest => OrganizationServiceUpdateResponse, |request| &request.username;
    OrganizationServiceDeleteRequest => OrganizationServiceDeleteResponse, |request| &request.username;
    OrganizationServiceTransferRequest => OrganizationServiceTransferResponse, |request| &request.username;
    AddMemberRequest => AddMemberResponse, |request| &request.organization;
    UpdateMemberRequest => UpdateMemberResponse, |request| &request.organization;
    RemoveMemberRequest => RemoveMemberResponse, |request| &request.organization;
    TeamServiceCreateRequest => TeamServiceCreateResponse, |request| &request.team;
    TeamServiceUpdateRequest => TeamServiceUpdateResponse, |request| &request.team;
    TeamServiceDeleteRequest => TeamServiceDeleteResponse, |request| &request.team;
    AddTeamMemberRequest => AddTeamMemberResponse, |request| &request.team;
    RemoveTeamMemberRequest => RemoveTeamMemberResponse, |request| &request.team;
    ProjectServiceCreateRequest => ProjectServiceCreateResponse, |request| &request.owner;
    ProjectServiceUpdateRequest => ProjectServiceUpdateResponse, |request| &request.project;
    ProjectServiceDeleteRequest => ProjectServiceDeleteResponse, |request| &request.project;
    ProjectServiceTransferRequest => ProjectServiceTransferResponse, |request| &request.project;
    CollaboratorServiceAddRequest => CollaboratorServiceAddResponse, |request| &request.project;
    CollaboratorServiceUpdateRequest => CollaboratorServiceUpdateResponse, |request| &request.project;
    CollaboratorServiceRemoveRequest => CollaboratorServiceRemoveResponse, |request| &request.project;
    PlanServicePutRequest => PlanServicePutResponse, |request| request.plan.as_ref().map_or("", |plan| &plan.code);
    PlanServiceDeleteRequest => PlanServiceDeleteResponse, |request| &request.code;
}

// its operations say what it is about
write_request!(WriteRequest => WriteResponse, |_| "");

impl Services {
    /// Takes a write apart: how it is asked for, and what. Without an actor the caller acts in its own right, and must be trusted
    /// with that.
    pub(super) fn accept<R: WriteRequest>(&self, request: Request<R>) -> Result<(Asked, R), Status> {
        self.accept_many(request, 1)
    }

    /// The same for one that counts as so many.
    pub(super) fn accept_many<R: WriteRequest>(&self, request: Request<R>, count: usize) -> Result<(Asked, R), Status> {
        self.inner.capacity.let_send(caller_of(&request), count)?;
        let deadline = deadline::deadline(request.metadata(), self.inner.timeout);
        let caller = request.extensions().get::<Caller>().cloned();
        let mut request = request.into_inner();
        let actor = fields::optional_username("actor", request.actor())?;
        if let Some(caller) = caller.as_ref().filter(|_| actor.is_none()) {
            gate::may(caller, Scope::Admin)?;
        }
        let bounds = caller.as_ref().and_then(Caller::bounds).cloned();
        let wait_for_replicas = request.wait_for_replicas().take().unwrap_or(true);
        let context = WriteContext {
            actor,
            caller: caller.as_ref().map(|caller| caller.name().to_owned()),
            validate_only: request.validate_only(),
            wait_for_replicas,
            request: request_key(&request, bounds.as_ref())?,
            bounds,
            deadline: Some(deadline),
        };
        Ok((Asked { context, object: request.object().to_owned() }, request))
    }

    /// Does what a request asks for, and answers it.
    pub(super) async fn carry_out<R: Write>(&self, request: Request<R>) -> Result<Response<R::Response>, Status> {
        let (asked, request) = self.accept(request)?;
        let operation = request.operation()?;
        let answer = |written: Written<'_, Output<R>>| {
            let removals = Some(removals(written.removals(), REMOVALS));
            R::answer(written.output, Ending { removals, effects: written.effects.map(effects::effects) })
        };
        self.write(&asked, &operation, answer).await
    }

    /// Runs a write, if there is a place for one, and puts what `answer` makes of it on the wire.
    pub(super) async fn write<O: Operation, A: WriteAnswer>(
        &self,
        asked: &Asked,
        operation: &O,
        answer: impl Fn(Written<'_, O::Output>) -> A + Sync,
    ) -> Result<Response<A>, Status> {
        let _place = self.inner.capacity.writes.enter()?;
        let ended = self.inner.writer.run(&asked.context, operation, answer).await;
        let (mut answer, token) = ended.map_err(|failure| failed(O::NAME, asked, failure))?;
        // empty where it was only tried
        answer.set_revision(token.map(revision::encode).unwrap_or_default());
        Ok(Response::new(answer))
    }
}

/// What the caller calls its request, and what it is, whomever it waits for. Within other bounds it is another one.
fn request_key<R: WriteRequest>(request: &R, bounds: Option<&Bounds>) -> Result<Option<RequestKey>, Status> {
    let id = request.request_id();
    if id.is_empty() {
        return Ok(None);
    }
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    if id.len() > LONGEST_REQUEST_ID || !id.bytes().all(known) {
        let problem = "must be 1 to 128 letters, digits or `-_.:/+=`, or empty";
        return Err(errors::invalid_field("request_id", problem));
    }
    let mut digest = blake3::Hasher::new();
    for account in bounds.into_iter().flat_map(Bounds::accounts) {
        digest.update(account.as_str().as_bytes()).update(b"/");
    }
    digest.update(R::NAME.as_bytes()).update(b"\0").update(&request.encode_to_vec());
    Ok(Some(RequestKey { id: id.to_owned(), digest: digest.finalize().into() }))
}

/// What became of a write that failed. One that was refused is logged: who wanted what.
fn failed(operation: &str, asked: &Asked, failure: MembershipError) -> Status {
    let refused = matches!(
        failure,
        MembershipError::Refused(_)
            | MembershipError::NotFound { .. }
            | MembershipError::Operation { .. }
            | MembershipError::OutOfBounds
            | MembershipError::RequestIdReused(_)
    );
    let status = errors::membership(failure);
    if refused {
        let Asked { context, object } = asked;
        let (actor, caller) = (context.actor.as_ref().map(Username::as_str), context.caller.as_deref());
        let request_id = context.request.as_ref().map(|request| request.id.as_str());
        let reason = errors::reason_name(&status);
        let (why, validate_only) = (status.message(), context.validate_only);
        info!(operation, actor, caller, object, reason, request_id, validate_only, why, "refused a write");
    }
    status
}

/// What a write took away, so many of them spelled out.
pub(super) fn removals<'a>(removals: impl Iterator<Item = &'a Change> + Clone, most: usize) -> v1::Removals {
    let total = i64::try_from(removals.clone().count()).unwrap_or(i64::MAX);
    v1::Removals { removals: removals.take(most).map(removal).collect(), total }
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
