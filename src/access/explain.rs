//! Why one check is answered as it is.

use super::{Access, Demand, Moment, in_snapshot, must_be_within};
use crate::domain::bounds::Bounds;
use crate::domain::decision::{Asker, Decision, decide_project};
use crate::domain::explain::{Finding, explain_origins};
use crate::domain::facts::Named;
use crate::domain::ids::{AccountId, TeamId};
use crate::domain::names::{NameKey, ProjectReference, Username};
use crate::domain::policy::{Policy, ProjectRule, Resolution};
use crate::domain::records::Project;
use crate::domain::remedy::{Step, remedies};
use crate::membership::MembershipError;
use crate::store::access::{self, NamedTeam};
use crate::store::loads::{self, LoadedProject};
use crate::store::{Client, projects};
use crate::view::Token;

/// Why may this user do this on this project, or why not?
#[derive(Debug, Clone)]
pub struct ExplainQuestion {
    /// Who; `None` is an anonymous visitor.
    pub user: Option<Username>,
    /// On what.
    pub project: ProjectReference,
    /// What: the rule of the action.
    pub rule: ProjectRule,
}

/// The decision, and all that led to it.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The decision.
    pub decision: Decision,
    /// How one role was picked of several.
    pub resolution: Resolution,
    /// What each origin gives, in their order.
    pub origins: Vec<Finding>,
    /// What would allow it: sets of steps, each with whom or what it is about.
    pub remedies: Vec<Vec<(Step, String)>>,
    /// What teams are called.
    pub teams: Vec<NamedTeam>,
    /// What it is true at.
    pub token: Token,
}

impl Access {
    /// Explains a check.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn explain(&self, question: &ExplainQuestion) -> Result<Explained, MembershipError> {
        in_snapshot!(self, |client, demand| read(client, demand, (&self.policy, self.bounds.as_ref()), question))
    }
}

async fn read(
    client: &mut Client,
    demand: &Demand<'_>,
    (policy, bounds): (&Policy, Option<&Bounds>),
    question: &ExplainQuestion,
) -> Result<Explained, MembershipError> {
    let ExplainQuestion { user: username, project, rule } = question;
    let snapshot = access::begin_snapshot(client).await?;
    let Moment { token, now } = Moment::read(&snapshot, demand).await?;
    let named = match username {
        None => None,
        Some(name) => loads::load_name(&snapshot, &name.key()).await?,
    };
    let asker = username.as_ref().map_or(Asker::Anonymous, |_| Asker::named(named.as_ref()));
    let (id, own_teams) = match &named {
        Some(Named::User(user)) => (Some(user.id), &*user.teams),
        Some(Named::Organization(_)) | None => (None, &[][..]),
    };
    let teams = access::name_teams(&snapshot, own_teams).await?;
    let record = projects::find(&snapshot, project).await?;
    must_be_within(bounds, record.as_ref().map(|project| NameKey::of(&project.owner_name)).as_ref())?;
    let loaded = match &record {
        None => None,
        Some(record) => {
            let users: Vec<AccountId> = id.into_iter().collect();
            loads::load_projects_for(&snapshot, &[record.id], &users, own_teams).await?.pop()
        }
    };
    let owned = loaded.as_ref().map(LoadedProject::owned);
    let of_owner = teams.iter().filter(|team| record.as_ref().is_some_and(|record| record.owner == team.organization));
    let of_owner: Vec<TeamId> = of_owner.map(|team| team.id).collect();
    let remedies = remedies(policy, asker, owned, rule, now, &of_owner);
    let subject = |step: Step| (step, subject(step, username.as_ref(), record.as_ref(), &teams));
    Ok(Explained {
        decision: decide_project(policy, asker, owned, rule, now),
        resolution: policy.resolution,
        origins: explain_origins(policy.resolution, asker, owned, now),
        remedies: remedies.into_iter().map(|steps| steps.into_iter().map(subject).collect()).collect(),
        teams,
        token,
    })
}

/// Whom or what a step is about.
fn subject(step: Step, user: Option<&Username>, project: Option<&Project>, teams: &[NamedTeam]) -> String {
    let user = || user.map(ToString::to_string).unwrap_or_default();
    let owner = || project.map(|project| project.owner_name.clone()).unwrap_or_default();
    let path = || project.map(|project| format!("{}/{}", project.owner_name, project.name)).unwrap_or_default();
    match step {
        Step::ActivateUser | Step::AddMember | Step::GiveCollaboratorRole(_) | Step::MakeOrganizationAdmin => user(),
        Step::UnsetTemplate | Step::LiftFileRestriction | Step::KeepCollaboratorLimit | Step::MakePublic => path(),
        Step::TransferProject => path(),
        Step::GiveTeamRole(team, _) => {
            teams.iter().find(|named| named.id == team).map(|named| named.path.clone()).unwrap_or_default()
        }
        Step::SetDefaultProjectRole(_) | Step::TransferOrganization => owner(),
    }
}
