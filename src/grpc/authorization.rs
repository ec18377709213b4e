//! `AuthorizationService`: the hot path.

use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::v1::authorization_service_server::AuthorizationService;
use super::v1::{self, CheckRequest, CheckResponse, DecisionReason};
use super::{Services, deadline, errors, fields, resources, revision};
use crate::domain::actions::ProjectAction;
use crate::domain::decision::Reason;
use crate::domain::facts::Time;
use crate::domain::names::{ProjectReference, Username};
use crate::view::{Answer, Freshness, ProjectKey, ProjectQuestion, ViewError};

#[tonic::async_trait]
impl AuthorizationService for Services {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let deadline = deadline::deadline(request.metadata(), self.inner.timeout);
        let request = request.into_inner();
        let question = question(&request)?;
        self.be_as_fresh(request.consistency, deadline).await?;
        let answer = self.inner.view.check_project(&self.inner.policy, &question, Some(deadline)).await;
        Ok(Response::new(response(&answer.map_err(errors::view)?)))
    }
}

impl Services {
    /// Waits until the view is as fresh as the caller asks.
    async fn be_as_fresh(&self, asked: Option<v1::Consistency>, deadline: Instant) -> Result<(), Status> {
        use v1::consistency::Requirement;
        let view = &self.inner.view;
        let freshness = match asked.and_then(|consistency| consistency.requirement) {
            None | Some(Requirement::FullyConsistent(false)) => return Ok(()),
            Some(Requirement::FullyConsistent(true)) => Freshness::Full,
            Some(Requirement::AtLeastAsFresh(text)) => {
                let token = revision::decode(&text).ok_or_else(errors::invalid_revision)?;
                if !view.is_fresh() {
                    return Err(errors::view(ViewError::NotFresh));
                }
                if token.history != view.token().history {
                    return Err(errors::invalid_revision());
                }
                Freshness::AtLeast(token.revision)
            }
        };
        view.wait_for(freshness, Some(deadline)).await.map_err(errors::view)
    }
}

fn question(request: &CheckRequest) -> Result<ProjectQuestion, Status> {
    let user = fields::optional_username("user", &request.user)?;
    let project = match fields::project("project", &request.project)? {
        ProjectReference::Id(id) => ProjectKey::Id(id),
        ProjectReference::Path(owner, name) => ProjectKey::Path((owner.key(), name)),
    };
    let action = ProjectAction::parse(&request.action).ok_or_else(|| unknown(&request.action))?;
    Ok(ProjectQuestion { user: user.as_ref().map(Username::key), project, action })
}

fn unknown(action: &str) -> Status {
    let known: Vec<&str> = ProjectAction::ALL.iter().map(|action| action.name()).collect();
    errors::unknown_action(action, &known)
}

fn response(answer: &Answer) -> CheckResponse {
    let decision = &answer.decision;
    let held = decision.held;
    CheckResponse {
        allowed: decision.allowed(),
        role: held.map(|held| resources::project_role(held.role)).unwrap_or_default().into(),
        origin: held.map(|held| resources::origin(held.origin)).unwrap_or_default().into(),
        required_role: decision.required.map(resources::project_level).unwrap_or_default().into(),
        reason: reason(decision.reason).into(),
        over_limit: decision.over_limit,
        expires_at: held.and_then(|held| end(held.ends_at)),
        revision: revision::encode(answer.token),
    }
}

fn reason(reason: Reason) -> DecisionReason {
    match reason {
        Reason::Granted => DecisionReason::Granted,
        Reason::Anonymous => DecisionReason::Anonymous,
        Reason::UserNotFound => DecisionReason::UserNotFound,
        Reason::UserInactive => DecisionReason::UserInactive,
        Reason::ProjectNotFound => DecisionReason::ProjectNotFound,
        Reason::NoRole => DecisionReason::NoRole,
        Reason::RoleTooLow => DecisionReason::RoleTooLow,
        Reason::TemplateProject => DecisionReason::TemplateProject,
        Reason::RestrictedProjectFiles => DecisionReason::RestrictedProjectFiles,
    }
}

fn end(time: Time) -> Option<prost_types::Timestamp> {
    let nanos = i32::try_from(time.0.rem_euclid(1_000_000) * 1_000).unwrap_or_default();
    (time != Time::NEVER).then(|| prost_types::Timestamp { seconds: time.0.div_euclid(1_000_000), nanos })
}
