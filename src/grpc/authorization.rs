//! `AuthorizationService`: the hot path, and the other questions that callers have.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::capacity::caller_of;
use super::decisions::At;
use super::gate::Pass;
use super::v1::authorization_service_server::AuthorizationService;
use super::v1::{
    BatchCheckRequest, BatchCheckResponse, CheckAccountRequest, CheckAccountResponse, CheckOrganizationRequest,
    CheckOrganizationResponse, CheckRequest, CheckResponse, ExplainRequest, ExplainResponse, ListActionsRequest,
    ListActionsResponse, ListProjectsRequest, ListProjectsResponse, ListUsersRequest, ListUsersResponse,
    StreamCheckRequest, StreamCheckResponse,
};
use super::{Services, decisions, errors, fields, questions, resources, revision};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl AuthorizationService for Services {
    async fn check(&self, request: Request<CheckRequest>) -> Answer<CheckResponse> {
        let (view, deadline) = (self.view_for(&request), self.admit(&request, 1)?);
        let asked = request.get_ref();
        let policy = &self.inner.policy;
        let question = questions::project(policy, &asked.user, &asked.project, &asked.action)?;
        let wanted = self.be_as_fresh(asked.consistency.as_ref(), || *deadline).await?;
        let answer = view.check_project(policy, &question, || Some(*deadline)).await.map_err(errors::view)?;
        wanted.met_by(answer.token)?;
        Ok(Response::new(decisions::project(&answer.value, At::of(&answer))))
    }

    async fn check_organization(
        &self,
        request: Request<CheckOrganizationRequest>,
    ) -> Answer<CheckOrganizationResponse> {
        let (view, deadline) = (self.view_for(&request), self.admit(&request, 1)?);
        let asked = request.get_ref();
        let policy = &self.inner.policy;
        let question = questions::organization(policy, &asked.user, &asked.organization, &asked.action)?;
        let wanted = self.be_as_fresh(asked.consistency.as_ref(), || *deadline).await?;
        let answer = view.check_organization(&question, || Some(*deadline)).await.map_err(errors::view)?;
        wanted.met_by(answer.token)?;
        Ok(Response::new(decisions::organization(&answer.value, At::of(&answer))))
    }

    async fn check_account(&self, request: Request<CheckAccountRequest>) -> Answer<CheckAccountResponse> {
        let (view, deadline) = (self.view_for(&request), self.admit(&request, 1)?);
        let asked = request.get_ref();
        let policy = &self.inner.policy;
        let question = questions::account(policy, &asked.user, &asked.account, &asked.action)?;
        let wanted = self.be_as_fresh(asked.consistency.as_ref(), || *deadline).await?;
        let answer = view.check_account(&question, || Some(*deadline)).await.map_err(errors::view)?;
        wanted.met_by(answer.token)?;
        Ok(Response::new(decisions::account(&answer.value, At::of(&answer))))
    }

    async fn batch_check(&self, request: Request<BatchCheckRequest>) -> Answer<BatchCheckResponse> {
        let (view, count) = (self.view_for(&request), request.get_ref().checks.len().max(1));
        let (deadline, request) = self.take_many(request, count)?;
        self.check_batch(&view, request, deadline).await.map(Response::new)
    }

    type StreamCheckStream = Pin<Box<dyn Stream<Item = Result<StreamCheckResponse, Status>> + Send>>;

    async fn stream_check(&self, request: Request<Streaming<StreamCheckRequest>>) -> Answer<Self::StreamCheckStream> {
        let place = self.inner.capacity.streams.enter_for_long()?;
        let (view, pass) = (self.view_for(&request).into_owned(), request.extensions().get::<Pass>().cloned());
        let caller = caller_of(&request).map(Arc::from);
        Ok(Response::new(Box::pin(self.clone().check_stream((view, pass), request.into_inner(), caller, place))))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Answer<ExplainResponse> {
        let access = self.access_for(&request);
        let (deadline, request) = self.take(request)?;
        self.explain_check(&access, request, deadline).await.map(Response::new)
    }

    async fn list_actions(&self, request: Request<ListActionsRequest>) -> Answer<ListActionsResponse> {
        let (view, deadline) = (self.view_for(&request), self.admit(&request, 1)?);
        let asked = request.get_ref();
        let policy = &self.inner.policy;
        let user = fields::optional_name_key("user", &asked.user)?;
        let project = questions::project_key(&asked.project)?;
        let wanted = self.be_as_fresh(asked.consistency.as_ref(), || *deadline).await?;
        let decided = view.check_every_action(policy, user.as_ref(), &project, || Some(*deadline)).await;
        let answer = decided.map_err(errors::view)?;
        wanted.met_by(answer.token)?;
        let names = policy.project_actions().map(|(name, _)| name);
        let allowed = names.zip(&answer.value).filter(|(_, decision)| decision.allowed());
        // what is held is the same whatever the action
        let any = answer.value.first();
        let held = any.and_then(|decision| decision.held);
        let without_role = any.filter(|_| held.is_none());
        Ok(Response::new(ListActionsResponse {
            actions: allowed.map(|(name, _)| name.to_owned()).collect(),
            role: held.map(|held| resources::project_role(held.role)).unwrap_or_default().into(),
            origin: held.map(|held| resources::origin(held.origin)).unwrap_or_default().into(),
            reason: without_role.map(|decision| decisions::reason(decision.reason)).unwrap_or_default().into(),
            over_limit: any.is_some_and(|decision| decision.over_limit),
            expires_at: held.and_then(|held| decisions::end(held.ends_at)),
            revision: revision::encode(answer.token),
            stale: answer.stale,
        }))
    }

    async fn list_projects(&self, request: Request<ListProjectsRequest>) -> Answer<ListProjectsResponse> {
        let access = self.access_for(&request);
        let (deadline, request) = self.take(request)?;
        self.projects_of_user(&access, request, deadline).await.map(Response::new)
    }

    async fn list_users(&self, request: Request<ListUsersRequest>) -> Answer<ListUsersResponse> {
        let access = self.access_for(&request);
        let (deadline, request) = self.take(request)?;
        self.users_of_project(&access, request, deadline).await.map(Response::new)
    }
}
