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
use super::writes::{Ending, Output, Write};
use super::{Services, fields, resources};
use crate::domain::etag::Etag;
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
        self.carry_out(request).await
    }

    async fn get(&self, request: Request<OrganizationServiceGetRequest>) -> Answer<OrganizationServiceGetResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
        let name = fields::username("username", &request.username)?;
        let organization = self.read(deadline, reader.organization(&name)).await?;
        let organization = Some(resources::organization(organization));
        Ok(Response::new(OrganizationServiceGetResponse { organization }))
    }

    async fn list(&self, request: Request<OrganizationServiceListRequest>) -> Answer<OrganizationServiceListResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
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
        self.carry_out(request).await
    }

    async fn delete(
        &self,
        request: Request<OrganizationServiceDeleteRequest>,
    ) -> Answer<OrganizationServiceDeleteResponse> {
        self.carry_out(request).await
    }

    async fn transfer(
        &self,
        request: Request<OrganizationServiceTransferRequest>,
    ) -> Answer<OrganizationServiceTransferResponse> {
        self.carry_out(request).await
    }

    async fn add_member(&self, request: Request<AddMemberRequest>) -> Answer<AddMemberResponse> {
        self.carry_out(request).await
    }

    async fn get_member(&self, request: Request<GetMemberRequest>) -> Answer<GetMemberResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
        let organization = fields::username("organization", &request.organization)?;
        let user = fields::username("user", &request.user)?;
        let found = self.read(deadline, reader.member(&organization, &user)).await?;
        let (organization, member) = found;
        Ok(Response::new(GetMemberResponse { member: Some(resources::member(&organization, member)) }))
    }

    async fn list_members(&self, request: Request<ListMembersRequest>) -> Answer<ListMembersResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
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
        self.carry_out(request).await
    }

    async fn remove_member(&self, request: Request<RemoveMemberRequest>) -> Answer<RemoveMemberResponse> {
        self.carry_out(request).await
    }
}

impl Write for OrganizationServiceCreateRequest {
    type Operation = CreateOrganization;
    type Response = OrganizationServiceCreateResponse;

    fn operation(self) -> Result<CreateOrganization, Status> {
        let role = self.default_project_role;
        Ok(CreateOrganization {
            username: fields::new_username("username", &self.username)?,
            owner: fields::optional_username("owner", &self.owner)?,
            default_project_role: fields::optional_project_role("default_project_role", role)?,
            plan: fields::optional_plan("plan", &self.plan)?,
        })
    }

    fn answer(output: Output<Self>, ending: Ending) -> OrganizationServiceCreateResponse {
        let Ending { effects, .. } = ending;
        let organization = Some(resources::organization(output));
        OrganizationServiceCreateResponse { organization, effects, ..Default::default() }
    }
}

impl Write for OrganizationServiceUpdateRequest {
    type Operation = UpdateOrganization;
    type Response = OrganizationServiceUpdateResponse;

    fn operation(self) -> Result<UpdateOrganization, Status> {
        let known = ["new_username", "default_project_role", "plan"];
        let mask = fields::mask(self.update_mask.as_ref(), &known)?;
        let username = fields::username("username", &self.username)?;
        let mut operation = UpdateOrganization {
            username,
            new_username: None,
            default_project_role: None,
            plan: None,
            etag: Etag::given(&self.etag),
        };
        if mask.contains("new_username") {
            operation.new_username = Some(fields::new_username("new_username", &self.new_username)?);
        }
        if mask.contains("default_project_role") {
            let role = fields::optional_project_role("default_project_role", self.default_project_role)?;
            operation.default_project_role = Some(role);
        }
        if mask.contains("plan") {
            operation.plan = Some(fields::plan("plan", &self.plan)?);
        }
        Ok(operation)
    }

    fn answer(output: Output<Self>, ending: Ending) -> OrganizationServiceUpdateResponse {
        let Ending { effects, .. } = ending;
        let organization = Some(resources::organization(output));
        OrganizationServiceUpdateResponse { organization, effects, ..Default::default() }
    }
}

impl Write for OrganizationServiceDeleteRequest {
    type Operation = DeleteOrganization;
    type Response = OrganizationServiceDeleteResponse;

    fn operation(self) -> Result<DeleteOrganization, Status> {
        Ok(DeleteOrganization {
            username: fields::username("username", &self.username)?,
            etag: Etag::given(&self.etag),
            allow_missing: self.allow_missing,
        })
    }

    fn answer((): Output<Self>, ending: Ending) -> OrganizationServiceDeleteResponse {
        let Ending { removals, effects } = ending;
        OrganizationServiceDeleteResponse { removals, effects, ..Default::default() }
    }
}

impl Write for OrganizationServiceTransferRequest {
    type Operation = TransferOrganization;
    type Response = OrganizationServiceTransferResponse;

    fn operation(self) -> Result<TransferOrganization, Status> {
        Ok(TransferOrganization {
            username: fields::username("username", &self.username)?,
            new_owner: fields::username("new_owner", &self.new_owner)?,
            etag: Etag::given(&self.etag),
        })
    }

    fn answer(output: Output<Self>, ending: Ending) -> OrganizationServiceTransferResponse {
        let Ending { removals, effects } = ending;
        let organization = Some(resources::organization(output));
        OrganizationServiceTransferResponse { organization, removals, effects, ..Default::default() }
    }
}

impl Write for AddMemberRequest {
    type Operation = AddMember;
    type Response = AddMemberResponse;

    fn operation(self) -> Result<AddMember, Status> {
        Ok(AddMember {
            organization: fields::username("organization", &self.organization)?,
            user: fields::username("user", &self.user)?,
            role: fields::optional_organization_role("role", self.role)?.unwrap_or(OrganizationRole::Member),
            public: self.public,
            upsert: self.upsert,
        })
    }

    fn answer(output: Output<Self>, ending: Ending) -> AddMemberResponse {
        let Ending { effects, .. } = ending;
        let (organization, member) = output;
        AddMemberResponse { member: Some(resources::member(&organization, member)), effects, ..Default::default() }
    }
}

impl Write for UpdateMemberRequest {
    type Operation = UpdateMember;
    type Response = UpdateMemberResponse;

    fn operation(self) -> Result<UpdateMember, Status> {
        let mask = fields::mask(self.update_mask.as_ref(), &["role", "public"])?;
        let mut operation = UpdateMember {
            organization: fields::username("organization", &self.organization)?,
            user: fields::username("user", &self.user)?,
            role: None,
            public: mask.contains("public").then_some(self.public),
            etag: Etag::given(&self.etag),
        };
        if mask.contains("role") {
            operation.role = Some(fields::organization_role("role", self.role)?);
        }
        Ok(operation)
    }

    fn answer(output: Output<Self>, ending: Ending) -> UpdateMemberResponse {
        let Ending { effects, .. } = ending;
        let (organization, member) = output;
        UpdateMemberResponse { member: Some(resources::member(&organization, member)), effects, ..Default::default() }
    }
}

impl Write for RemoveMemberRequest {
    type Operation = RemoveMember;
    type Response = RemoveMemberResponse;

    fn operation(self) -> Result<RemoveMember, Status> {
        Ok(RemoveMember {
            organization: fields::username("organization", &self.organization)?,
            user: fields::username("user", &self.user)?,
            etag: Etag::given(&self.etag),
            allow_missing: self.allow_missing,
        })
    }

    fn answer((): Output<Self>, ending: Ending) -> RemoveMemberResponse {
        let Ending { removals, effects } = ending;
        RemoveMemberResponse { removals, effects, ..Default::default() }
    }
}
