//! Records as the log keeps them: what a change was before, and what it is after.

use serde_json::{Value, json};

use super::scope::Scope;
use crate::domain::change::Object;
use crate::domain::records::{Account, AccountKind, Collaborator, Member, Plan, Project, Team};

impl Scope<'_> {
    /// Records a user or an organization that is new, changed or gone.
    pub(super) fn log_account(&mut self, before: Option<&Account>, after: Option<&Account>) {
        let Some(account) = after.or(before) else { return };
        let object = if account.is_user() { Object::User } else { Object::Organization };
        let name = before.unwrap_or(account).username.clone();
        self.changes.record(object, name, "", before.map(account_value), after.map(account_value));
    }

    /// Records a place in an organization.
    pub(super) fn log_member(&mut self, organization: &Account, before: Option<&Member>, after: Option<&Member>) {
        let Some(member) = after.or(before) else { return };
        let (before, after) = (before.map(member_value), after.map(member_value));
        self.changes.record(Object::Member, &organization.username, &member.username, before, after);
    }

    /// Records a team.
    pub(super) fn log_team(&mut self, before: Option<&Team>, after: Option<&Team>) {
        let Some(team) = before.or(after) else { return };
        self.changes.record(Object::Team, team.path(), "", before.map(team_value), after.map(team_value));
    }

    /// Records a place in a team: given, or taken away.
    pub(super) fn log_team_member(&mut self, team: &str, user: &str, given: bool) {
        let place = Some(json!({}));
        let (before, after) = if given { (None, place) } else { (place, None) };
        self.changes.record(Object::TeamMember, team, user, before, after);
    }

    /// Records a project.
    pub(super) fn log_project(&mut self, before: Option<&Project>, after: Option<&Project>) {
        let Some(project) = before.or(after) else { return };
        let (before, after) = (before.map(project_value), after.map(project_value));
        self.changes.record(Object::Project, project.path(), "", before, after);
    }

    /// Records a role on a project.
    pub(super) fn log_collaborator(&mut self, before: Option<&Collaborator>, after: Option<&Collaborator>) {
        let Some(row) = before.or(after) else { return };
        let value = |row: &Collaborator| json!(row.grant);
        self.changes.record(Object::Collaborator, &row.project_path, &row.name, before.map(value), after.map(value));
    }

    /// Records a plan.
    pub(super) fn log_plan(&mut self, before: Option<&Plan>, after: Option<&Plan>) {
        let Some(plan) = after.or(before) else { return };
        self.changes.record(Object::Plan, &plan.code, "", before.map(plan_value), after.map(plan_value));
    }
}

fn account_value(account: &Account) -> Value {
    let (username, plan) = (&account.username, &account.plan.code);
    match &account.kind {
        AccountKind::User { active } => json!({"username": username, "plan": plan, "active": active}),
        AccountKind::Organization { owner_name, default_project_role, .. } => {
            let role = default_project_role.map(|role| role.name());
            json!({"username": username, "plan": plan, "owner": owner_name, "default_project_role": role})
        }
    }
}

fn member_value(member: &Member) -> Value {
    json!({"role": member.role.name(), "public": member.public})
}

fn team_value(team: &Team) -> Value {
    json!({"organization": team.organization_name, "name": team.name})
}

fn project_value(project: &Project) -> Value {
    let settings = project.settings;
    json!({"id": project.id.to_string(), "owner": project.owner_name, "name": project.name, "settings": settings})
}

fn plan_value(plan: &Plan) -> Value {
    let rules = &plan.rules;
    json!({
        "premium": rules.premium,
        "max_collaborators_per_private_project": rules.collaborator_limit,
        "max_organization_members": rules.member_limit,
        "personal_projects_up_to_reporter": rules.personal_projects_up_to_reporter,
    })
}
