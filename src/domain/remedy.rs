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

/// What would allow it: sets of steps, each on its own, the smallest first. `own_teams` are the user's teams in the
/// organization that owns the project. Empty where it is allowed, or where no change of these would allow it.
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
    let base = trial.base();
    let with_base = |steps: Vec<Step>| [&base[..], &steps].concat();
    if trial.allowed(&base) {
        return vec![base];
    }
    let mut found: Vec<Vec<Step>> =
        trial.candidates(own_teams).into_iter().filter_map(|way| trial.least(&base, &way)).collect();
    let all = found.clone();
    found.retain(|steps| {
        !all.iter().any(|fewer| fewer.len() < steps.len() && fewer.iter().all(|one| steps.contains(one)))
    });
    if found.is_empty() {
        let transfers = [Step::TransferProject, Step::TransferOrganization].map(|step| with_base(vec![step]));
        found = transfers.into_iter().filter(|steps| trial.allowed(steps)).collect();
    }
    found
}

/// Whom or what a role is given to.
#[derive(Debug, Clone, Copy)]
enum Way {
    Steps(&'static [Step]),
    Collaborator,
    Team(TeamId),
    DefaultRole,
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
    /// What must be so whatever role the user has.
    fn base(&self) -> Vec<Step> {
        let Facts { user, project, owner, plan } = &self.facts;
        let over_limit = project.is_over_limit(owner, plan, self.policy.over_limit);
        let steps = [
            (!user.active).then_some(Step::ActivateUser),
            (self.rule.never_on_template && project.template).then_some(Step::UnsetTemplate),
            (self.rule.never_over_limit && over_limit).then_some(Step::KeepCollaboratorLimit),
        ];
        steps.into_iter().flatten().collect()
    }

    /// All ways there are to more, those that change less for others first.
    fn candidates(&self, own_teams: &[TeamId]) -> Vec<Way> {
        let mut ways = vec![Way::Steps(&[Step::LiftFileRestriction]), Way::Collaborator];
        ways.extend(own_teams.iter().map(|team| Way::Team(*team)));
        ways.extend([
            Way::Steps(&[Step::AddMember]),
            Way::DefaultRole,
            Way::Steps(&[Step::MakePublic]),
            Way::Steps(&[Step::MakeOrganizationAdmin]),
        ]);
        ways
    }

    /// The least that works on a way, if anything does.
    fn least(&self, base: &[Step], way: &Way) -> Option<Vec<Step>> {
        // a public project has no limit to keep
        let without_limit: Vec<Step> =
            base.iter().copied().filter(|step| *step != Step::KeepCollaboratorLimit).collect();
        self.first_that_works(&without_limit, way).or_else(|| self.first_that_works(base, way))
    }

    /// The first that works on a way after these steps: roles are tried from the lowest.
    fn first_that_works(&self, base: &[Step], way: &Way) -> Option<Vec<Step>> {
        let Facts { user, project, owner, .. } = &self.facts;
        let outside = owner.organization_owner.is_some() && user.role_in(project.owner).is_none();
        let joining: &[Step] = if outside { &[Step::AddMember] } else { &[] };
        let with_role = |step: fn(ProjectRole) -> Step| {
            let tries = ProjectRole::ALL.iter().map(move |role| [base, joining, &[step(*role)]].concat());
            tries.into_iter().find(|steps| self.allowed(steps))
        };
        match way {
            Way::Steps(steps) => Some([base, steps].concat()).filter(|steps| self.allowed(steps)),
            Way::Collaborator => with_role(Step::GiveCollaboratorRole),
            Way::DefaultRole => with_role(Step::SetDefaultProjectRole),
            Way::Team(team) => {
                let tries = ProjectRole::ALL.iter().map(|role| [base, &[Step::GiveTeamRole(*team, *role)]].concat());
                tries.into_iter().find(|steps| self.allowed(steps))
            }
        }
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
            Step::GiveCollaboratorRole(role) => give(&mut self.project.collaborators, user, role),
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
    let grant = Grant { subject, role, incognito: false, ends_at: Time::NEVER };
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
