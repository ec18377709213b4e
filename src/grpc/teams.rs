//! `TeamService`.

use tonic::{Request, Response, Status};

use super::pages::Paging;
use super::v1::team_service_server::TeamService;
use super::v1::{
    AddTeamMemberRequest, AddTeamMemberResponse, ListTeamMembersRequest, ListTeamMembersResponse,
    RemoveTeamMemberRequest, RemoveTeamMemberResponse, TeamServiceCreateRequest, TeamServiceCreateResponse,
    TeamServiceDeleteRequest, TeamServiceDeleteResponse, TeamServiceGetRequest, TeamServiceGetResponse,
    TeamServiceListRequest, TeamServiceListResponse, TeamServiceUpdateRequest, TeamServiceUpdateResponse,
};
use super::writes::{Ending, Output, Write};
use super::{Services, fields, resources};
use crate::domain::etag::Etag;
use crate::membership::teams::{AddTeamMember, CreateTeam, DeleteTeam, RemoveTeamMember, RenameTeam};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl TeamService for Services {
    async fn create(&self, request: Request<TeamServiceCreateRequest>) -> Answer<TeamServiceCreateResponse> {
        self.carry_out(request).await
    }

    async fn get(&self, request: Request<TeamServiceGetRequest>) -> Answer<TeamServiceGetResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
        let path = fields::team("team", &request.team)?;
        let team = self.read(deadline, reader.team(&path)).await?;
        Ok(Response::new(TeamServiceGetResponse { team: Some(resources::team(team)) }))
    }

    async fn list(&self, request: Request<TeamServiceListRequest>) -> Answer<TeamServiceListResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
        let organization = fields::username("organization", &request.organization)?;
        let key = organization.key();
        let bound = vec!["teams", key.as_str()];
        let paging = Paging::new(self.seal().await?, bound, request.page_size, &request.page_token)?;
        let teams = self.read(deadline, reader.teams(&organization, paging.page())).await?;
        let (teams, next_page_token) = paging.cut(teams, |team| team.name.to_ascii_lowercase());
        let teams = teams.into_iter().map(resources::team).collect();
        Ok(Response::new(TeamServiceListResponse { teams, next_page_token }))
    }

    async fn update(&self, request: Request<TeamServiceUpdateRequest>) -> Answer<TeamServiceUpdateResponse> {
        self.carry_out(request).await
    }

    async fn delete(&self, request: Request<TeamServiceDeleteRequest>) -> Answer<TeamServiceDeleteResponse> {
        self.carry_out(request).await
    }

    async fn add_team_member(&self, request: Request<AddTeamMemberRequest>) -> Answer<AddTeamMemberResponse> {
        self.carry_out(request).await
    }

    async fn list_team_members(&self, request: Request<ListTeamMembersRequest>) -> Answer<ListTeamMembersResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
        let path = fields::team("team", &request.team)?;
        let (organization, name) = (path.organization.key(), path.team.key());
        let bound = vec!["team members", organization.as_str(), name.as_str()];
        let paging = Paging::new(self.seal().await?, bound, request.page_size, &request.page_token)?;
        let found = self.read(deadline, reader.team_members(&path, paging.page())).await?;
        let (team, members) = found;
        let (members, next_page_token) = paging.cut(members, |member| member.username.to_ascii_lowercase());
        let team_members = members.into_iter().map(|member| resources::team_member(&team, member)).collect();
        Ok(Response::new(ListTeamMembersResponse { team_members, next_page_token }))
    }

    async fn remove_team_member(&self, request: Request<RemoveTeamMemberRequest>) -> Answer<RemoveTeamMemberResponse> {
        self.carry_out(request).await
    }
}

impl Write for TeamServiceCreateRequest {
    type Operation = CreateTeam;
    type Response = TeamServiceCreateResponse;

    fn operation(self) -> Result<CreateTeam, Status> {
        Ok(CreateTeam { team: fields::new_team("team", &self.team)? })
    }

    fn answer(output: Output<Self>, ending: Ending) -> TeamServiceCreateResponse {
        let Ending { effects, .. } = ending;
        TeamServiceCreateResponse { team: Some(resources::team(output)), effects, ..Default::default() }
    }
}

impl Write for TeamServiceUpdateRequest {
    type Operation = RenameTeam;
    type Response = TeamServiceUpdateResponse;

    fn operation(self) -> Result<RenameTeam, Status> {
        Ok(RenameTeam {
            team: fields::team("team", &self.team)?,
            new_name: fields::new_team_name("new_name", &self.new_name)?,
            etag: Etag::given(&self.etag),
        })
    }

    fn answer(output: Output<Self>, ending: Ending) -> TeamServiceUpdateResponse {
        let Ending { effects, .. } = ending;
        TeamServiceUpdateResponse { team: Some(resources::team(output)), effects, ..Default::default() }
    }
}

impl Write for TeamServiceDeleteRequest {
    type Operation = DeleteTeam;
    type Response = TeamServiceDeleteResponse;

    fn operation(self) -> Result<DeleteTeam, Status> {
        Ok(DeleteTeam {
            team: fields::team("team", &self.team)?,
            etag: Etag::given(&self.etag),
            allow_missing: self.allow_missing,
        })
    }

    fn answer((): Output<Self>, ending: Ending) -> TeamServiceDeleteResponse {
        let Ending { removals, effects } = ending;
        TeamServiceDeleteResponse { removals, effects, ..Default::default() }
    }
}

impl Write for AddTeamMemberRequest {
    type Operation = AddTeamMember;
    type Response = AddTeamMemberResponse;

    fn operation(self) -> Result<AddTeamMember, Status> {
        Ok(AddTeamMember {
            team: fields::team("team", &self.team)?,
            user: fields::username("user", &self.user)?,
            upsert: self.upsert,
        })
    }

    fn answer(output: Output<Self>, ending: Ending) -> AddTeamMemberResponse {
        let Ending { effects, .. } = ending;
        let (team, member) = output;
        let team_member = Some(resources::team_member(&team, member));
        AddTeamMemberResponse { team_member, effects, ..Default::default() }
    }
}

impl Write for RemoveTeamMemberRequest {
    type Operation = RemoveTeamMember;
    type Response = RemoveTeamMemberResponse;

    fn operation(self) -> Result<RemoveTeamMember, Status> {
        Ok(RemoveTeamMember {
            team: fields::team("team", &self.team)?,
            user: fields::username("user", &self.user)?,
            etag: Etag::given(&self.etag),
            allow_missing: self.allow_missing,
        })
    }

    fn answer((): Output<Self>, ending: Ending) -> RemoveTeamMemberResponse {
        let Ending { effects, .. } = ending;
        RemoveTeamMemberResponse { effects, ..Default::default() }
    }
}
