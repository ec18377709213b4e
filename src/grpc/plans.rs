//! `PlanService`.

use tonic::{Request, Response, Status};

use super::pages::Paging;
use super::v1::plan_service_server::PlanService;
use super::v1::{
    PlanServiceDeleteRequest, PlanServiceDeleteResponse, PlanServiceGetRequest, PlanServiceGetResponse,
    PlanServiceListRequest, PlanServiceListResponse, PlanServicePutRequest, PlanServicePutResponse,
};
use super::writes::{Ending, Output, Write};
use super::{Services, errors, fields, resources};
use crate::domain::etag::Etag;
use crate::domain::rules::PlanRules;
use crate::membership::plans::{DeletePlan, PutPlan};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl PlanService for Services {
    async fn put(&self, request: Request<PlanServicePutRequest>) -> Answer<PlanServicePutResponse> {
        self.carry_out(request).await
    }

    async fn get(&self, request: Request<PlanServiceGetRequest>) -> Answer<PlanServiceGetResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
        let code = fields::plan("code", &request.code)?;
        let plan = self.read(deadline, reader.plan(&code)).await?;
        Ok(Response::new(PlanServiceGetResponse { plan: Some(resources::plan(plan)) }))
    }

    async fn list(&self, request: Request<PlanServiceListRequest>) -> Answer<PlanServiceListResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
        let paging = Paging::new(self.seal().await?, vec!["plans"], request.page_size, &request.page_token)?;
        let plans = self.read(deadline, reader.plans(paging.page())).await?;
        let (plans, next_page_token) = paging.cut(plans, |plan| plan.code.clone());
        let plans = plans.into_iter().map(resources::plan).collect();
        Ok(Response::new(PlanServiceListResponse { plans, next_page_token }))
    }

    async fn delete(&self, request: Request<PlanServiceDeleteRequest>) -> Answer<PlanServiceDeleteResponse> {
        self.carry_out(request).await
    }
}

impl Write for PlanServicePutRequest {
    type Operation = PutPlan;
    type Response = PlanServicePutResponse;

    fn operation(self) -> Result<PutPlan, Status> {
        let plan = self.plan.ok_or_else(|| errors::invalid_field("plan", "must be given"))?;
        let collaborators = plan.max_collaborators_per_private_project;
        let rules = PlanRules {
            premium: plan.premium,
            collaborator_limit: fields::limit("plan.max_collaborators_per_private_project", collaborators)?,
            member_limit: fields::limit("plan.max_organization_members", plan.max_organization_members)?,
            personal_projects_up_to_reporter: plan.personal_projects_up_to_reporter,
        };
        Ok(PutPlan { code: fields::plan("plan.code", &plan.code)?, rules, etag: Etag::given(&plan.etag) })
    }

    fn answer(output: Output<Self>, ending: Ending) -> PlanServicePutResponse {
        let Ending { effects, .. } = ending;
        PlanServicePutResponse { plan: Some(resources::plan(output)), effects, ..Default::default() }
    }
}

impl Write for PlanServiceDeleteRequest {
    type Operation = DeletePlan;
    type Response = PlanServiceDeleteResponse;

    fn operation(self) -> Result<DeletePlan, Status> {
        Ok(DeletePlan {
            code: fields::plan("code", &self.code)?,
            etag: Etag::given(&self.etag),
            allow_missing: self.allow_missing,
        })
    }

    fn answer((): Output<Self>, ending: Ending) -> PlanServiceDeleteResponse {
        let Ending { effects, .. } = ending;
        PlanServiceDeleteResponse { effects, ..Default::default() }
    }
}
