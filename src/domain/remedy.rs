//! The smallest changes that would allow what is denied. Each is tried on the facts, and named only if it works.

use super::decision::{Asker, OwnedProject, decide_project};
use super::facts::{Account, Grant, Plan, Project, Time, User};
use super::ids::{AccountId, TeamId};
use super::policy::{Policy, ProjectRule};
use super::roles::{OrganizationRole, Origin, ProjectLevel, ProjectRole};

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Make the user active.
    ActivateUser,
    /// Let the project be no template any more.
    UnsetTemplate,
    /// Let managers no longer be the only ones to change the project file.
    LiftFileRestriction,
    /// Bring the project within the limit of its owner's plan.
    KeepCollaboratorLimit,
    /// Make the user a member of the organization.
    AddMember,
    /// Give the user this role on the project.
    GiveCollaboratorRole(ProjectRole),
    /// Give a team of the user this role on the project.
    GiveTeamRole(TeamId, ProjectRole),
    /// Give the organization's members this role on all its projects.
    SetDefaultProjectRole(ProjectRole),
    /// Make the project public.
    MakePublic,
    /// Make the user an admin of the organization.
    MakeOrganizationAdmin,
    /// Hand the project to the user.
    TransferProject,
    /// Hand the organization to the user.
    TransferOrganization,
}

/// What would allow it: sets of steps, each on its own and none with a step that it could do without; those that change
/// less for others first. `own_teams` are the user's teams in the organization that owns the
/// project. Empty where it is allowed, or where no change of these would allow it.
pub fn remedies(
    policy: &Policy,
    asker: Asker<'_>,
    project: Option<OwnedProject<'_>>,
    rule: &ProjectRule,
    now: Time,
    own_teams: &[TeamId],
) -> Vec<Vec<Step>> {
    let (Asker::User(user), Some(owned)) = (asker, project) else { return Vec::new() };
    let trial = Trial { policy, rule, now, facts: Facts::of(user, owned) };
    if trial.allowed(&[]) {
        return Vec::new();
    }
    let found = trial.try_all(&ways(own_teams));
    if found.is_empty() {
        trial.try_all(&[Way::Plain(Step::TransferProject), Way::Plain(Step::TransferOrganization)])
    } else {
        found
    }
}

/// How a role may come to the user.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// It has the role already.
    Held,
    /// By a step that gives one role only.
    Plain(Step),
    /// By a step that gives any role.
    WithRole(fn(ProjectRole) -> Step),
    /// By a team's role.
    Team(TeamId),
}

/// All ways but transfers, those that change less for others first.
fn ways(own_teams: &[TeamId]) -> Vec<Way> {
    let teams = own_teams.iter().map(|team| Way::Team(*team));
    let others = [
        Way::Plain(Step::AddMember),
        Way::WithRole(Step::SetDefaultProjectRole),
        Way::Plain(Step::MakePublic),
        Way::Plain(Step::MakeOrganizationAdmin),
    ];
    [Way::Held, Way::WithRole(Step::GiveCollaboratorRole)].into_iter().chain(teams).chain(others).collect()
}

struct Trial<'a> {
    policy: &'a Policy,
    rule: &'a ProjectRule,
    now: Time,
    facts: Facts,
}

#[derive(Debug, Clone)]
struct Facts {
    user: User,
    project: Project,
    owner: Account,
    plan: Plan,
}

impl Trial<'_> {
    /// What works on each way, with the restriction of files as it is and without it.
    fn try_all(&self, ways: &[Way]) -> Vec<Vec<Step>> {
        let lift: &[Step] =
            if self.facts.project.restricted_project_files { &[Step::LiftFileRestriction] } else { &[] };
        let mut found: Vec<Vec<Step>> = Vec::new();
        for way in ways {
            for lifting in [&[][..], lift] {
                if let Some(steps) = self.least(lifting, *way).filter(|steps| !found.contains(steps)) {
                    found.push(steps);
                }
            }
        }
        let all = found.clone();
        let holds =
            |steps: &[Step], fewer: &[Step]| fewer.len() < steps.len() && fewer.iter().all(|one| steps.contains(one));
        found.retain(|steps| !all.iter().any(|fewer| holds(steps, fewer)));
        found
    }

    /// The least that works on a way: the lowest role, and no step that it could do without.
    fn least(&self, lifting: &[Step], way: Way) -> Option<Vec<Step>> {
        let Facts { user, project, owner, plan } = &self.facts;
        let outside = owner.organization_owner.is_some() && user.role_in(project.owner).is_none();
        let over_limit = project.is_over_limit(owner, plan, self.policy.over_limit);
        let before = [
            (!user.active).then_some(Step::ActivateUser),
            (self.rule.never_on_template && project.template).then_some(Step::UnsetTemplate),
            (self.rule.never_over_limit && over_limit).then_some(Step::KeepCollaboratorLimit),
        ];
        let before: Vec<Step> = before.into_iter().flatten().chain(lifting.iter().copied()).collect();
        let joining = outside.then_some(Step::AddMember);
        let with_roles = |step: &dyn Fn(ProjectRole) -> Step| {
            let join = |role: &ProjectRole| before.iter().copied().chain(joining).chain([step(*role)]).collect();
            ProjectRole::ALL.iter().map(join).collect::<Vec<Vec<Step>>>()
        };
        let tries = match way {
            Way::Held => vec![before],
            Way::Plain(step) => vec![before.iter().copied().chain([step]).collect()],
            Way::WithRole(step) => with_roles(&step),
            Way::Team(team) => with_roles(&|role| Step::GiveTeamRole(team, role)),
        };
        tries.into_iter().find(|steps| self.allowed(steps)).map(|steps| self.without_idle(steps))
    }

    /// Leaves out every step without which it is allowed all the same.
    fn without_idle(&self, mut steps: Vec<Step>) -> Vec<Step> {
        let without = |steps: &[Step], place: usize| {
            let fewer = steps.iter().enumerate().filter(|(other, _)| *other != place);
            fewer.map(|(_, step)| *step).collect::<Vec<Step>>()
        };
        // one that is left out may be what another was needed for
        while let Some(fewer) = (0..steps.len()).map(|place| without(&steps, place)).find(|fewer| self.allowed(fewer)) {
            steps = fewer;
        }
        steps
    }

    fn allowed(&self, steps: &[Step]) -> bool {
        let mut facts = self.facts.clone();
        if !steps.iter().all(|step| facts.take(*step)) {
            return false;
        }
        let owned = OwnedProject { project: &facts.project, owner: &facts.owner, plan: &facts.plan };
        decide_project(self.policy, Asker::User(&facts.user), Some(owned), self.rule, self.now).allowed()
    }
}

impl Facts {
    fn of(user: &User, owned: OwnedProject<'_>) -> Self {
        let OwnedProject { project, owner, plan } = owned;
        Self { user: user.clone(), project: project.clone(), owner: *owner, plan: *plan }
    }

    /// Takes a step; `false` where there is nothing to step on.
    fn take(&mut self, step: Step) -> bool {
        let of_organization = self.owner.organization_owner.is_some();
        let place = self.user.role_in(self.project.owner);
        let (user, organization) = (self.user.id, self.project.owner);
        match step {
            Step::ActivateUser => self.user.active = true,
            Step::UnsetTemplate => self.project.template = false,
            Step::LiftFileRestriction => self.project.restricted_project_files = false,
            Step::KeepCollaboratorLimit => self.plan.collaborator_limit = None,
            Step::AddMember if of_organization && place.is_none() => self.join(organization, OrganizationRole::Member),
            // only an organization's own people are added to its projects
            Step::GiveCollaboratorRole(_) if of_organization && place.is_none() => return false,
            Step::GiveCollaboratorRole(role) => {
                let before = self.project.direct_grant(user).copied();
                self.project.user_collaborators += u32::from(before.is_none());
                self.project.listed_collaborators += u32::from(before.is_none_or(|grant| grant.incognito()));
                give(&mut self.project.collaborators, user, role);
            }
            Step::GiveTeamRole(team, role) => give(&mut self.project.teams, team, role),
            Step::SetDefaultProjectRole(role) if of_organization => self.owner.default_project_role = Some(role),
            Step::MakePublic => self.project.public = true,
            Step::MakeOrganizationAdmin if of_organization => self.join(organization, OrganizationRole::Admin),
            Step::TransferProject => {
                self.project.owner = user;
                self.owner = Account { id: user, organization_owner: None, default_project_role: None, ..self.owner };
            }
            Step::TransferOrganization if of_organization => self.join(organization, OrganizationRole::Owner),
            Step::AddMember
            | Step::SetDefaultProjectRole(_)
            | Step::MakeOrganizationAdmin
            | Step::TransferOrganization => return false,
        }
        true
    }

    fn join(&mut self, organization: AccountId, role: OrganizationRole) {
        let others = self.user.organizations.iter().copied().filter(|(id, _)| *id != organization);
        let mut all: Vec<_> = others.chain([(organization, role)]).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        self.user.organizations = all.into();
    }
}

/// Gives a lasting role, in place of one that was given before.
fn give<S: Ord + Copy>(grants: &mut Box<[Grant<S>]>, subject: S, role: ProjectRole) {
    let others = grants.iter().copied().filter(|grant| grant.subject != subject);
    let grant = Grant::new(subject, role, false, Time::NEVER);
    let mut all: Vec<_> = others.chain([grant]).collect();
    all.sort_unstable_by_key(|grant| grant.subject);
    *grants = all.into();
}

impl Step {
    /// The role that it gives, and through which origin.
    pub fn gives(self) -> Option<(ProjectLevel, Origin)> {
        match self {
            Self::GiveCollaboratorRole(role) => Some((role.level(), Origin::Collaborator)),
            Self::GiveTeamRole(_, role) => Some((role.level(), Origin::TeamMember)),
            Self::SetDefaultProjectRole(role) => Some((role.level(), Origin::OrganizationMember)),
            Self::MakePublic => Some((ProjectLevel::Reader, Origin::Public)),
            Self::MakeOrganizationAdmin => Some((ProjectLevel::Admin, Origin::OrganizationAdmin)),
            Self::TransferProject => Some((ProjectLevel::Owner, Origin::ProjectOwner)),
            Self::TransferOrganization => Some((ProjectLevel::Owner, Origin::OrganizationOwner)),
            Self::ActivateUser
            | Self::UnsetTemplate
            | Self::LiftFileRestriction
            | Self::KeepCollaboratorLimit
            | Self::AddMember => None,
        }
    }
}

#[cfg(test)]
#[path = "remedy_tests.rs"]
mod tests;
