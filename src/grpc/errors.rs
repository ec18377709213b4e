//! The one map from errors to `google.rpc.Status`: code, message, reason, and what helps a caller to act.
//!
//! What the database said is logged here, once and in full, and never leaves the service.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use tracing::error;

use super::{revision, v1};
use crate::callers::Scope;
use crate::changes::WatchError;
use crate::domain::names::NameError;
use crate::domain::refusal::Refusal;
use crate::membership::MembershipError;
use crate::view::{LoadError, Token, ViewError};
use v1::ErrorReason as Reason;

const DOMAIN: &str = "rolegate";
const RETRY_SOON: Duration = Duration::from_millis(200);

/// The most characters of a list of actions: an error travels in headers, which clients bound.
const LONGEST_LIST: usize = 1_500;

/// A caller that nobody knows. It says neither what was wrong nor whether anything was right.
pub(super) fn caller_unknown() -> Status {
    let message = "failed to find out who calls; show a client certificate, or send `authorization: Bearer` with a key or token, \
                   that the caller file of the service lists";
    status(Code::Unauthenticated, Reason::CallerUnknown, message, ErrorDetails::new())
}

/// A caller that the file does not trust with this.
pub(super) fn scope_missing(scope: Scope) -> Status {
    let message = format!("the caller lacks the scope `{}`", scope.name());
    let metadata = HashMap::from([("scope".to_owned(), scope.name().to_owned())]);
    with_metadata(Code::PermissionDenied, Reason::ScopeMissing, &message, metadata, ErrorDetails::new())
}

/// A caller that is confined to other accounts than this is about. Whether there is any such thing is not said.
pub(super) fn out_of_bounds() -> Status {
    let message = "the caller is confined to organizations that this is not about, or not about alone";
    status(Code::PermissionDenied, Reason::OrganizationOutOfBounds, message, ErrorDetails::new())
}

/// A field that makes no sense.
pub(super) fn invalid_field(field: &str, problem: &str) -> Status {
    invalid(Reason::InvalidField, field, problem)
}

/// A name that cannot be.
pub(super) fn invalid_name(field: &str, error: NameError) -> Status {
    let reason = match error {
        NameError::Username => Reason::UsernameInvalid,
        NameError::Reserved => Reason::UsernameReserved,
        NameError::Project => Reason::ProjectNameInvalid,
        NameError::ProjectReference | NameError::Team | NameError::PlanCode => Reason::InvalidField,
    };
    invalid(reason, field, &error.to_string())
}

/// A request that can't be read, as tonic found it.
pub(super) fn unreadable(found: &Status) -> Status {
    let problem: String = found.message().chars().take(LONGEST_LIST).collect();
    status(
        Code::InvalidArgument,
        Reason::UnreadableRequest,
        &format!("the request can't be read: {problem}"),
        ErrorDetails::new(),
    )
}

/// An action that there is none of.
pub(super) fn unknown_action<'a>(action: &str, known: impl Iterator<Item = &'a str>) -> Status {
    let shown: String = action.chars().take(100).collect();
    let mut listed = String::new();
    for name in known {
        if listed.len() > LONGEST_LIST {
            listed.push_str(", …");
            break;
        }
        let comma = if listed.is_empty() { "" } else { ", " };
        listed.push_str(comma);
        listed.push_str(name);
    }
    invalid(Reason::UnknownAction, "action", &format!("`{shown}` is no action; there are: {listed}"))
}

/// A page token that is not ours, or another request's.
pub(super) fn invalid_page_token() -> Status {
    invalid(Reason::InvalidPageToken, "page_token", "is not one that this request was given; start without one")
}

/// A revision that is not ours, or another history's.
pub(super) fn invalid_revision() -> Status {
    let problem = "is no revision of this database; ask again without it";
    invalid(Reason::InvalidRevision, "consistency.at_least_as_fresh", problem)
}

/// A revision to watch after that is not ours, or another history's.
pub(super) fn invalid_start() -> Status {
    let problem = "is no revision of this database; read everything anew and watch from now on";
    invalid(Reason::InvalidRevision, "after", problem)
}

/// Why a watch ended, or could not begin.
pub(super) fn watch(failure: WatchError) -> Status {
    let message = format!("failed to {failure}");
    match failure {
        WatchError::Pruned(start) => {
            let metadata = HashMap::from([("revision".to_owned(), revision::encode(start))]);
            with_metadata(Code::OutOfRange, Reason::LogPruned, &message, metadata, ErrorDetails::new())
        }
        WatchError::HistoryChanged => status(Code::Aborted, Reason::HistoryChanged, &message, ErrorDetails::new()),
        WatchError::View(failure) => view(failure),
        WatchError::Store(failure) => {
            error!(error = &failure as &dyn std::error::Error, "failed to read the log for a watch");
            internal()
        }
    }
}

/// A watch whose caller took nothing for too long.
pub(super) fn watcher_too_slow(told: Token) -> Status {
    let message = "failed to go on: nothing was taken for too long; watch again after the revision that was reached";
    let metadata = HashMap::from([("revision".to_owned(), revision::encode(told))]);
    with_metadata(Code::ResourceExhausted, Reason::WatcherTooSlow, message, metadata, ErrorDetails::new())
}

/// What the view could not answer.
pub(super) fn view(failure: ViewError) -> Status {
    let message = format!("failed to {failure}");
    match failure {
        ViewError::NotFresh => unavailable(Reason::ViewNotFresh, &message),
        ViewError::RevisionNotReached { .. } => unavailable(Reason::RevisionNotReached, &message),
        ViewError::DeadlineExceeded => {
            status(Code::DeadlineExceeded, Reason::DeadlineExceeded, &message, ErrorDetails::new())
        }
        ViewError::Load(LoadError::Overloaded) => overloaded("checks that are not answered from memory", RETRY_SOON),
        ViewError::Load(LoadError::Unavailable) => unavailable(Reason::DatabaseUnavailable, &message),
        ViewError::Load(LoadError::Internal) => internal(),
        ViewError::OutOfBounds => out_of_bounds(),
    }
}

/// What became of a write, or of a read of the resources.
pub(super) fn membership(failure: MembershipError) -> Status {
    let message = format!("failed to {failure}");
    if let MembershipError::Unavailable(_) | MembershipError::Internal(_) = failure {
        error!(error = &failure as &dyn std::error::Error, "failed in the database");
    }
    match failure {
        MembershipError::Refused(refusal) => refused(&refusal),
        MembershipError::NotFound { object, ref name } => {
            let mut details = ErrorDetails::new();
            details.set_resource_info(object.name(), name, "", failure.to_string());
            status(Code::NotFound, Reason::NotFound, &failure.to_string(), details)
        }
        MembershipError::InvalidField { field, problem } => invalid_field(field, &problem),
        MembershipError::Operation { index, name, failure } => of_operation(index, name, &membership(*failure)),
        MembershipError::Moved | MembershipError::Met | MembershipError::Conflict => {
            let mut details = ErrorDetails::new();
            details.set_retry_info(Some(RETRY_SOON));
            status(Code::Aborted, Reason::Conflict, &message, details)
        }
        MembershipError::DeadlineExceeded => {
            status(Code::DeadlineExceeded, Reason::DeadlineExceeded, &message, ErrorDetails::new())
        }
        MembershipError::OutcomeUnknown => {
            status(Code::Unavailable, Reason::OutcomeUnknown, &message, ErrorDetails::new())
        }
        MembershipError::ReplicasBehind { token, names } => {
            let mut replicas = names.join(",");
            replicas.truncate(replicas.floor_char_boundary(LONGEST_LIST));
            let revision = revision::encode(token);
            let metadata = HashMap::from([("revision".to_owned(), revision), ("replicas".to_owned(), replicas)]);
            with_metadata(Code::DeadlineExceeded, Reason::ReplicasBehind, &message, metadata, ErrorDetails::new())
        }
        MembershipError::RequestIdReused(_) => {
            let mut details = ErrorDetails::new();
            details.add_precondition_failure_violation(name(Reason::RequestIdReused), "request_id", &message);
            status(Code::FailedPrecondition, Reason::RequestIdReused, &message, details)
        }
        MembershipError::OutOfBounds => out_of_bounds(),
        MembershipError::Unavailable(_) => unavailable(Reason::DatabaseUnavailable, &message),
        MembershipError::Internal(_) => internal(),
    }
}

/// What became of one operation of several: its own error, with its place.
pub(super) fn of_operation(index: usize, name: &str, status: &Status) -> Status {
    let place = format!("operations[{index}]");
    let mut details = status.get_error_details();
    let (bad, info) = (details.bad_request().cloned(), details.error_info().cloned());
    for violation in bad.into_iter().flat_map(|bad| bad.field_violations).enumerate() {
        let (number, mut violation) = violation;
        violation.field = format!("{place}.{name}.{}", violation.field);
        if number == 0 {
            details.set_bad_request(vec![violation]);
        } else {
            details.add_bad_request_violation(violation.field, violation.description);
        }
    }
    if let Some(mut info) = info {
        info.metadata.insert("operation".to_owned(), index.to_string());
        details.set_error_info(info.reason, info.domain, info.metadata);
    }
    Status::with_error_details(status.code(), format!("{place}: {}", status.message()), details)
}

fn refused(refusal: &Refusal) -> Status {
    let (code, reason) = reason(refusal);
    let message = refusal.to_string();
    let mut details = ErrorDetails::new();
    let mut metadata = HashMap::new();
    match refusal {
        Refusal::PermissionDenied { actor, action } => {
            metadata.insert("actor".to_owned(), actor.clone());
            metadata.insert("action".to_owned(), (*action).to_owned());
        }
        Refusal::RoleAboveOwn { actor, role } | Refusal::TargetRoleAboveOwn { actor, role } => {
            metadata.insert("actor".to_owned(), actor.clone());
            metadata.insert("role".to_owned(), (*role).to_owned());
        }
        _ if code == Code::FailedPrecondition => {
            details.add_precondition_failure_violation(name(reason), "", &message);
        }
        _ => {}
    }
    with_metadata(code, reason, &message, metadata, details)
}

/// What each refusal is called on the wire.
fn reason(refusal: &Refusal) -> (Code, Reason) {
    use Code::{Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, PermissionDenied};
    match refusal {
        Refusal::OwnerCannotBeCollaborator(_) => (FailedPrecondition, Reason::OwnerCannotBeCollaborator),
        Refusal::AlreadyCollaborator(_) => (AlreadyExists, Reason::AlreadyCollaborator),
        Refusal::AlreadyMember(_) => (AlreadyExists, Reason::AlreadyMember),
        Refusal::AlreadyTeamMember(_) => (AlreadyExists, Reason::AlreadyTeamMember),
        Refusal::NotOrganizationMember { .. } => (FailedPrecondition, Reason::NotOrganizationMember),
        Refusal::TeamNotInOrganization(_) => (FailedPrecondition, Reason::TeamNotInOrganization),
        Refusal::CollaboratorLimitReached { .. } => (FailedPrecondition, Reason::CollaboratorLimitReached),
        Refusal::PremiumRequired(_) => (FailedPrecondition, Reason::PremiumRequired),
        Refusal::RoleNotAllowedOnPersonalProject => (FailedPrecondition, Reason::RoleNotAllowedOnPersonalProject),
        Refusal::OwnerCannotBeMember(_) => (FailedPrecondition, Reason::OwnerCannotBeMember),
        Refusal::MemberLimitReached { .. } => (FailedPrecondition, Reason::MemberLimitReached),
        Refusal::OrganizationOwnerRequired(_) => (FailedPrecondition, Reason::OrganizationOwnerRequired),
        Refusal::NotAPerson(_) => (FailedPrecondition, Reason::NotAPerson),
        Refusal::RoleAboveOwn { .. } | Refusal::OwnRoleOutlasted(_) => (PermissionDenied, Reason::RoleAboveOwn),
        Refusal::TargetRoleAboveOwn { .. } => (PermissionDenied, Reason::TargetRoleAboveOwn),
        Refusal::PermissionDenied { .. } | Refusal::OwnRightOnly(_) => (PermissionDenied, Reason::PermissionDenied),
        Refusal::UsernameTaken(_) => (AlreadyExists, Reason::UsernameTaken),
        Refusal::UsernameInvalid(_) => (InvalidArgument, Reason::UsernameInvalid),
        Refusal::UsernameReserved => (InvalidArgument, Reason::UsernameReserved),
        Refusal::ProjectNameTaken(_) | Refusal::ProjectIdTaken(_) => (AlreadyExists, Reason::ProjectNameTaken),
        Refusal::TeamNameTaken(_) => (AlreadyExists, Reason::TeamNameTaken),
        Refusal::PlanInUse(_) => (FailedPrecondition, Reason::PlanInUse),
        Refusal::EtagMismatch(_) => (Aborted, Reason::EtagMismatch),
    }
}

fn invalid(reason: Reason, field: &str, problem: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation(field, problem);
    status(Code::InvalidArgument, reason, &format!("{field}: {problem}"), details)
}

fn unavailable(reason: Reason, message: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.set_retry_info(Some(RETRY_SOON));
    status(Code::Unavailable, reason, message, details)
}

/// As much of a class of work is under way as is taken at a time.
pub(super) fn overloaded(class: &str, retry_after: Duration) -> Status {
    exhausted(Reason::Overloaded, &format!("failed to begin: too many {class} are under way; try again"), retry_after)
}

/// A caller that sent more than its rate allows, and may go on after that long.
pub(super) fn caller_rate(retry_after: Duration) -> Status {
    let message = "failed to begin: the caller sends more requests a second than it may; slow down";
    exhausted(Reason::CallerRate, message, retry_after)
}

fn exhausted(reason: Reason, message: &str, retry_after: Duration) -> Status {
    let mut details = ErrorDetails::new();
    details.set_retry_info(Some(retry_after));
    status(Code::ResourceExhausted, reason, message, details)
}

/// The service is ending.
pub(super) fn shutting_down() -> Status {
    unavailable(Reason::ShuttingDown, "failed to go on: the service is ending; ask again what was not answered")
}

/// The reason that a status of ours carries.
pub(super) fn reason_of(status: &Status) -> Reason {
    Reason::from_str_name(&format!("ERROR_REASON_{}", reason_name(status))).unwrap_or_default()
}

/// The same by its name.
pub(super) fn reason_name(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// A mistake of ours.
pub(super) fn internal() -> Status {
    let message = "failed by a mistake of the service; its log has the cause under the request id";
    status(Code::Internal, Reason::Internal, message, ErrorDetails::new())
}

fn status(code: Code, reason: Reason, message: &str, details: ErrorDetails) -> Status {
    with_metadata(code, reason, message, HashMap::new(), details)
}

fn with_metadata(
    code: Code,
    reason: Reason,
    message: &str,
    metadata: HashMap<String, String>,
    mut details: ErrorDetails,
) -> Status {
    details.set_error_info(name(reason), DOMAIN, metadata);
    Status::with_error_details(code, message, details)
}

/// The reason as `ErrorInfo` carries it.
fn name(reason: Reason) -> &'static str {
    reason.as_str_name().trim_start_matches("ERROR_REASON_")
}
