//! `OrganizationService`.

use tonic::{Request, Response, Status};

use super::pages::Paging;
use super::v1::organization_service_server::OrganizationService;
use super::v1::{
    AddMemberRequest, AddMemberResponse, GetMemberRequest, GetMemberResponse, ListMembersRequest, ListMembersResponse,
    OrganizationServiceCreateRequest, OrganizationServiceCreateResponse, OrganizationServiceDeleteRequest,
    OrganizationServiceDeleteResponse, OrganizationServiceGetRequest, OrganizationServiceGetResponse,
    OrganizationServiceListRequest, OrganizationServiceListResponse, OrganizationServiceTransferRequest,
    OrganizationServiceTransferResponse, OrganizationServiceUpdateRequest, OrganizationServiceUpdateResponse,
    RemoveMemberRequest, RemoveMemberResponse, UpdateMemberRequest, UpdateMemberResponse,
};
use super::{Services, fields, resources, writes};
use crate::domain::roles::OrganizationRole;
use crate::membership::members::{AddMember, RemoveMember, UpdateMember};
use crate::membership::organizations::{
    CreateOrganization, DeleteOrganization, TransferOrganization, UpdateOrganization,
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl OrganizationService for Services {
    async fn create(
        &self,
        request: Request<OrganizationServiceCreateRequest>,
    ) -> Answer<OrganizationServiceCreateResponse> {
        let (context, request) = self.accept(request)?;
        let role = request.default_project_role;
        let operation = CreateOrganization {
            username: fields::new_username("username", &request.username)?,
            owner: fields::optional_username("owner", &request.owner)?,
            default_project_role: fields::optional_project_role("default_project_role", role)?,
            plan: fields::optional_plan("plan", &request.plan)?,
        };
        let written = self.write(&context, &operation).await?;
        let revision = writes::revision(&written);
        let organization = Some(resources::organization(written.output));
        Ok(Response::new(OrganizationServiceCreateResponse { organization, revision }))
    }

    async fn get(&self, request: Request<OrganizationServiceGetRequest>) -> Answer<OrganizationServiceGetResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request);
        let name = fields::username("username", &request.username)?;
        let organization = self.read(deadline, reader.organization(&name)).await?;
        let organization = Some(resources::organization(organization));
        Ok(Response::new(OrganizationServiceGetResponse { organization }))
    }

    async fn list(&self, request: Request<OrganizationServiceListRequest>) -> Answer<OrganizationServiceListResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request);
        let paging = Paging::new(self.seal().await?, vec!["organizations"], request.page_size, &request.page_token)?;
        let found = self.read(deadline, reader.organizations(paging.page())).await?;
        let (found, next_page_token) = paging.cut(found, |account| account.key().as_str().to_owned());
        let organizations = found.into_iter().map(resources::organization).collect();
        Ok(Response::new(OrganizationServiceListResponse { organizations, next_page_token }))
    }

    async fn update(
        &self,
        request: Request<OrganizationServiceUpdateRequest>,
    ) -> Answer<OrganizationServiceUpdateResponse> {
        let (context, request) = self.accept(request)?;
        let known = ["new_username", "default_project_role", "plan"];
        let mask = fields::mask(request.update_mask.as_ref(), &known)?;
        let username = fields::username("username", &request.username)?;
        let mut operation = UpdateOrganization { username, new_username: None, default_project_role: None, plan: None };
        if mask.contains("new_username") {
            operation.new_username = Some(fields::new_username("new_username", &request.new_username)?);
        }
        if mask.contains("default_project_role") {
            let role = fields::optional_project_role("default_project_role", request.default_project_role)?;
            operation.default_project_role = Some(role);
        }
        if mask.contains("plan") {
            operation.plan = Some(fields::plan("plan", &request.plan)?);
        }
        let written = self.write(&context, &operation).await?;
        let revision = writes::revision(&written);
        let organization = Some(resources::organization(written.output));
        Ok(Response::new(OrganizationServiceUpdateResponse { organization, revision }))
    }

    async fn delete(
        &self,
        request: Request<OrganizationServiceDeleteRequest>,
    ) -> Answer<OrganizationServiceDeleteResponse> {
        let (context, request) = self.accept(request)?;
        let operation = DeleteOrganization { username: fields::username("username", &request.username)? };
        let written = self.write(&context, &operation).await?;
        let (removals, revision) = (writes::removals(&written), writes::revision(&written));
        Ok(Response::new(OrganizationServiceDeleteResponse { removals, revision }))
    }

    async fn transfer(
        &self,
        request: Request<OrganizationServiceTransferRequest>,
    ) -> Answer<OrganizationServiceTransferResponse> {
        let (context, request) = self.accept(request)?;
        let operation = TransferOrganization {
            username: fields::username("username", &request.username)?,
            new_owner: fields::username("new_owner", &request.new_owner)?,
        };
        let written = self.write(&context, &operation).await?;
        let (removals, revision) = (writes::removals(&written), writes::revision(&written));
        let organization = Some(resources::organization(written.output));
        Ok(Response::new(OrganizationServiceTransferResponse { organization, removals, revision }))
    }

    async fn add_member(&self, request: Request<AddMemberRequest>) -> Answer<AddMemberResponse> {
        let (context, request) = self.accept(request)?;
        let operation = AddMember {
            organization: fields::username("organization", &request.organization)?,
            user: fields::username("user", &request.user)?,
            role: fields::optional_organization_role("role", request.role)?.unwrap_or(OrganizationRole::Member),
            public: request.public,
        };
        let written = self.write(&context, &operation).await?;
        let revision = writes::revision(&written);
        let (organization, member) = written.output;
        Ok(Response::new(AddMemberResponse { member: Some(resources::member(&organization, member)), revision }))
    }

    async fn get_member(&self, request: Request<GetMemberRequest>) -> Answer<GetMemberResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request);
        let organization = fields::username("organization", &request.organization)?;
        let user = fields::username("user", &request.user)?;
        let found = self.read(deadline, reader.member(&organization, &user)).await?;
        let (organization, member) = found;
        Ok(Response::new(GetMemberResponse { member: Some(resources::member(&organization, member)) }))
    }

    async fn list_members(&self, request: Request<ListMembersRequest>) -> Answer<ListMembersResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request);
        let organization = fields::username("organization", &request.organization)?;
        let (key, hidden) = (organization.key(), if request.include_hidden { "hidden too" } else { "" });
        let bound = vec!["members", key.as_str(), hidden];
        let paging = Paging::new(self.seal().await?, bound, request.page_size, &request.page_token)?;
        let found = self.read(deadline, reader.members(&organization, request.include_hidden, paging.page())).await?;
        let (organization, members) = found;
        let (members, next_page_token) = paging.cut(members, |member| member.username.to_ascii_lowercase());
        let members = members.into_iter().map(|member| resources::member(&organization, member)).collect();
        Ok(Response::new(ListMembersResponse { members, next_page_token }))
    }

    async fn update_member(&self, request: Request<UpdateMemberRequest>) -> Answer<UpdateMemberResponse> {
        let (context, request) = self.accept(request)?;
        let mask = fields::mask(request.update_mask.as_ref(), &["role", "public"])?;
        let mut operation = UpdateMember {
            organization: fields::username("organization", &request.organization)?,
            user: fields::username("user", &request.user)?,
            role: None,
            public: mask.contains("public").then_some(request.public),
        };
        if mask.contains("role") {
            operation.role = Some(fields::organization_role("role", request.role)?);
        }
        let written = self.write(&context, &operation).await?;
        let revision = writes::revision(&written);
        let (organization, member) = written.output;
        Ok(Response::new(UpdateMemberResponse { member: Some(resources::member(&organization, member)), revision }))
    }

    async fn remove_member(&self, request: Request<RemoveMemberRequest>) -> Answer<RemoveMemberResponse> {
        let (context, request) = self.accept(request)?;
        let operation = RemoveMember {
            organization: fields::username("organization", &request.organization)?,
            user: fields::username("user", &request.user)?,
        };
        let written = self.write(&context, &operation).await?;
        let (removals, revision) = (writes::removals(&written), writes::revision(&written));
        Ok(Response::new(RemoveMemberResponse { removals, revision }))
    }
}
