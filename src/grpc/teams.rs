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
use super::{Services, fields, resources, writes};
use crate::membership::teams::{AddTeamMember, CreateTeam, DeleteTeam, RemoveTeamMember, RenameTeam};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl TeamService for Services {
    async fn create(&self, request: Request<TeamServiceCreateRequest>) -> Answer<TeamServiceCreateResponse> {
        let (context, request) = self.accept(request)?;
        let operation = CreateTeam { team: fields::new_team("team", &request.team)? };
        let written = self.write(&context, &operation).await?;
        let revision = writes::revision(&written);
        Ok(Response::new(TeamServiceCreateResponse { team: Some(resources::team(written.output)), revision }))
    }

    async fn get(&self, request: Request<TeamServiceGetRequest>) -> Answer<TeamServiceGetResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request);
        let path = fields::team("team", &request.team)?;
        let team = self.read(deadline, reader.team(&path)).await?;
        Ok(Response::new(TeamServiceGetResponse { team: Some(resources::team(team)) }))
    }

    async fn list(&self, request: Request<TeamServiceListRequest>) -> Answer<TeamServiceListResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request);
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
        let (context, request) = self.accept(request)?;
        let operation = RenameTeam {
            team: fields::team("team", &request.team)?,
            new_name: fields::new_team_name("new_name", &request.new_name)?,
        };
        let written = self.write(&context, &operation).await?;
        let revision = writes::revision(&written);
        Ok(Response::new(TeamServiceUpdateResponse { team: Some(resources::team(written.output)), revision }))
    }

    async fn delete(&self, request: Request<TeamServiceDeleteRequest>) -> Answer<TeamServiceDeleteResponse> {
        let (context, request) = self.accept(request)?;
        let operation = DeleteTeam { team: fields::team("team", &request.team)? };
        let written = self.write(&context, &operation).await?;
        let (removals, revision) = (writes::removals(&written), writes::revision(&written));
        Ok(Response::new(TeamServiceDeleteResponse { removals, revision }))
    }

    async fn add_team_member(&self, request: Request<AddTeamMemberRequest>) -> Answer<AddTeamMemberResponse> {
        let (context, request) = self.accept(request)?;
        let operation = AddTeamMember {
            team: fields::team("team", &request.team)?,
            user: fields::username("user", &request.user)?,
        };
        let written = self.write(&context, &operation).await?;
        let revision = writes::revision(&written);
        let (team, member) = written.output;
        let team_member = Some(resources::team_member(&team, member));
        Ok(Response::new(AddTeamMemberResponse { team_member, revision }))
    }

    async fn list_team_members(&self, request: Request<ListTeamMembersRequest>) -> Answer<ListTeamMembersResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request);
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
        let (context, request) = self.accept(request)?;
        let operation = RemoveTeamMember {
            team: fields::team("team", &request.team)?,
            user: fields::username("user", &request.user)?,
        };
        let written = self.write(&context, &operation).await?;
        Ok(Response::new(RemoveTeamMemberResponse { revision: writes::revision(&written) }))
    }
}
