//! Loads a world into an empty service through its public writes.
//!
//! Everybody is active and every account is on a plan that forbids nothing until all rows are there: the real plans may
//! forbid rows that were written before they were assigned.

use std::future::Future;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tonic::Status;

use super::ConformanceError;
use super::api::{Api, Mode, Outcome};
use super::read_back;
use super::rows::{Row, Rows, left_out, rows};
use super::world::{Facts, Project, World};
use crate::grpc::v1::{self, ProjectServiceCreateRequest};

/// The plan that forbids nothing.
pub(super) const OPEN_PLAN: &str = "conformance_open";

/// Writes under way at a time.
const AT_ONCE: usize = 8;

/// Loads one state of a world; returns the rows that rolegate does not let exist, which were not written.
pub(super) async fn load(api: &mut Api, world: &World, facts: &Facts) -> Result<Rows, ConformanceError> {
    plans(api, world).await?;
    let rows = rows(facts);
    let left_out = left_out(&rows);
    accounts(api, facts).await?;
    people_of_organizations(api, facts).await?;
    for project in &facts.projects {
        must(&project.id, api.create_project(new_project(project)).await)?;
    }
    let api = &*api;
    let written = each(rows.difference(&left_out), |row| async move {
        let Row::Collaborator { project, who, role, incognito } = row else { return Ok(()) };
        must(row, api.add_collaborator((project, who, role), *incognito, Mode::Write).await)
    });
    written.await?;
    settle(api, facts).await?;
    Ok(left_out)
}

/// Checks that the service holds exactly these rows.
pub(super) async fn verify(api: &Api, written: &Rows) -> Result<(), ConformanceError> {
    let found = read_back::read(api).await?;
    let differing = found.symmetric_difference(written).map(ToString::to_string).collect::<Vec<_>>();
    if differing.is_empty() { Ok(()) } else { Err(ConformanceError::Astray(differing.join(", "))) }
}

async fn plans(api: &Api, world: &World) -> Result<(), ConformanceError> {
    let open = v1::Plan {
        code: OPEN_PLAN.to_owned(),
        premium: true,
        max_collaborators_per_private_project: -1,
        max_organization_members: -1,
        personal_projects_up_to_reporter: false,
        etag: String::new(),
    };
    must(OPEN_PLAN, api.put_plan(open).await)?;
    for plan in &world.plans {
        let put = v1::Plan {
            code: plan.code.clone(),
            premium: plan.is_premium,
            max_collaborators_per_private_project: plan.max_premium_collaborators_per_private_project,
            max_organization_members: plan.max_organization_members,
            personal_projects_up_to_reporter: false,
            etag: String::new(),
        };
        must(&plan.code, api.put_plan(put).await)?;
    }
    Ok(())
}

async fn accounts(api: &Api, facts: &Facts) -> Result<(), ConformanceError> {
    let people =
        each(&facts.people, |person| async move { must(&person.id, api.create_user(&person.id, OPEN_PLAN).await) });
    people.await?;
    let organizations = each(&facts.organizations, |organization| async move {
        let (id, owner) = (&organization.id, &organization.owner);
        must(id, api.create_organization(id, owner, OPEN_PLAN).await)?;
        match organization.default_project_role_for_members.as_ref().and_then(Option::as_deref) {
            Some(role) => must(id, api.set_default_role(id, Some(role)).await),
            None => Ok(()),
        }
    });
    organizations.await
}

async fn people_of_organizations(api: &Api, facts: &Facts) -> Result<(), ConformanceError> {
    let members = facts
        .organizations
        .iter()
        .flat_map(|organization| organization.members.iter().map(move |member| (organization.id.as_str(), member)));
    let members = each(members, |(organization, member)| async move {
        let row = (organization, member.member.as_str(), member.role.as_str());
        must(organization, api.add_member(row, member.is_public, Mode::Write).await)
    });
    members.await?;
    let teams = each(&facts.teams, |team| async move {
        must(&team.id, api.create_team(&team.id).await)?;
        for person in &team.members {
            must(&team.id, api.add_team_member(&team.id, person, Mode::Write).await)?;
        }
        Ok(())
    });
    teams.await
}

/// The real plans, and who is not active.
async fn settle(api: &Api, facts: &Facts) -> Result<(), ConformanceError> {
    let organizations = each(&facts.organizations, |organization| async move {
        must(&organization.id, api.set_plan(&organization.id, &organization.subscription.plan, true).await)
    });
    organizations.await?;
    let people = each(&facts.people, |person| async move {
        must(&person.id, api.set_plan(&person.id, &person.subscription.plan, false).await)?;
        if person.is_active { Ok(()) } else { must(&person.id, api.set_active(&person.id, false).await) }
    });
    people.await
}

fn new_project(project: &Project) -> ProjectServiceCreateRequest {
    ProjectServiceCreateRequest {
        owner: project.owner.clone(),
        name: project.id.clone(),
        public: project.is_public,
        restricted_project_files: project.has_restricted_projectfiles,
        template: project.is_template(),
        ..Default::default()
    }
}

/// Writes for all of them, several at a time.
async fn each<I: IntoIterator, W: Future<Output = Result<(), ConformanceError>>>(
    items: I,
    write: impl FnMut(I::Item) -> W,
) -> Result<(), ConformanceError> {
    stream::iter(items).map(write).buffer_unordered(AT_ONCE).try_collect().await
}

/// A write that nothing should refuse.
pub(super) fn must(what: impl std::fmt::Display, answer: Result<Outcome, Status>) -> Result<(), ConformanceError> {
    answer?.map_err(|refused| ConformanceError::Refused {
        what: what.to_string(),
        reason: refused.reason,
        message: refused.message,
    })
}
