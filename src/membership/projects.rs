//! Writes of projects.

use uuid::Uuid;

use super::ahead::Locks;
use super::cascade::missing_is_gone;
use super::error::MembershipError;
use super::scope::{Scope, Who};
use super::writer::Operation;
use crate::domain::actions::ProjectAction;
use crate::domain::change::{EntryKey, Object};
use crate::domain::etag::Etag;
use crate::domain::ids::ProjectId;
use crate::domain::names::{ProjectName, ProjectReference, Username};
use crate::domain::records::{GrantSettings, Project, ProjectSettings, Subject};
use crate::domain::refusal::Refusal;
use crate::domain::roles::{OrganizationRole, ProjectRole};
use crate::store::collaborators::{self, Which};
use crate::store::locks::Strength;
use crate::store::{StoreError, projects};

/// Creates a project.
#[derive(Debug)]
pub struct CreateProject {
    /// Who will own it.
    pub owner: Username,
    /// Its name.
    pub name: ProjectName,
    /// Its settings.
    pub settings: ProjectSettings,
    /// Its id; `None`: a new one.
    pub id: Option<ProjectId>,
}

/// Changes a project; what is `None` stays.
#[derive(Debug)]
pub struct UpdateProject {
    /// Which.
    pub project: ProjectReference,
    /// Another name.
    pub name: Option<ProjectName>,
    /// Whether every active user is a reader.
    pub public: Option<bool>,
    /// Whether the QGIS project file is for managers.
    pub restricted_project_files: Option<bool>,
    /// Whether it is a template.
    pub template: Option<bool>,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
}

/// Deletes a project.
#[derive(Debug)]
pub struct DeleteProject {
    /// Which.
    pub project: ProjectReference,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
    /// Whether it may be absent.
    pub allow_missing: bool,
}

/// Hands a project to another owner.
#[derive(Debug)]
pub struct TransferProject {
    /// Which.
    pub project: ProjectReference,
    /// To whom.
    pub new_owner: Username,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
}

impl Operation for CreateProject {
    const NAME: &'static str = "create_project";
    const IS_BOUNDED: bool = true;
    type Output = Project;

    fn locks(&self) -> Locks<'_> {
        Locks::default().shared(&self.owner).new_project(&self.owner, &self.name, self.id)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Project, MembershipError> {
        scope.name_within_bounds(&self.owner)?;
        let locked = scope.lock(&[(Who::Name(&self.owner), Strength::Shared)]).await?;
        let missing = || MembershipError::not_found(Object::User, &self.owner);
        let owner = scope.within_bounds(locked.into_iter().flatten().next(), missing)?;
        if self.id.is_some() {
            // whether it is in use says something of everybody's projects
            scope.unconfined_only()?;
        }
        scope.authorize_creation(&owner).await?;
        let id = self.id.map_or_else(Uuid::now_v7, |id| id.0);
        let inserted = projects::insert(&scope.transaction, id, owner.id, self.name.as_str(), self.settings).await;
        let id_taken = || Refusal::ProjectIdTaken(id.to_string());
        inserted.map_err(|error| match error {
            StoreError::Constraint(name) if name == "project_pk" => id_taken().into(),
            other => name_taken(other, self.name.as_str()),
        })?;
        let project = scope.project(ProjectId(id)).await?;
        scope.changes.touch(EntryKey::Project(project.id));
        scope.changes.touch(project.key());
        scope.log_project(None, Some(&project));
        if scope.organization_role(owner.id) == Some(OrganizationRole::Creator) {
            scope.make_creator_admin(&project).await?;
        }
        Ok(project)
    }
}

impl Operation for UpdateProject {
    const NAME: &'static str = "update_project";
    const IS_BOUNDED: bool = true;
    type Output = Project;

    fn locks(&self) -> Locks<'_> {
        Locks::default().project(&self.project)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Project, MembershipError> {
        let (before, _, _) = scope.lock_project(&self.project, &[]).await?;
        scope.authorize_project(before.id, ProjectAction::UpdateProject)?;
        before.etag().must_be(self.etag.as_ref(), || before.path())?;
        let mut after = before.clone();
        let settings = &mut after.settings;
        settings.public = self.public.unwrap_or(settings.public);
        settings.restricted_project_files = self.restricted_project_files.unwrap_or(settings.restricted_project_files);
        settings.template = self.template.unwrap_or(settings.template);
        if let Some(name) = &self.name {
            after.name = name.as_str().to_owned();
        }
        scope.settle_project(before, after).await
    }
}

impl Operation for DeleteProject {
    const NAME: &'static str = "delete_project";
    const IS_BOUNDED: bool = true;
    type Output = ();

    fn locks(&self) -> Locks<'_> {
        Locks::default().project(&self.project)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        missing_is_gone(self.remove(scope).await, self.allow_missing)
    }
}

impl DeleteProject {
    async fn remove(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        let (project, _, _) = scope.lock_project(&self.project, &[]).await?;
        scope.authorize_project(project.id, ProjectAction::DeleteProject)?;
        project.etag().must_be(self.etag.as_ref(), || project.path())?;
        scope.remove_collaborators(Which::Project(project.id)).await?;
        projects::delete(&scope.transaction, project.id).await?;
        scope.changes.touch(EntryKey::Project(project.id));
        scope.changes.touch(project.key());
        scope.log_project(Some(&project), None);
        Ok(())
    }
}

impl Operation for TransferProject {
    const NAME: &'static str = "transfer_project";
    const IS_BOUNDED: bool = true;
    type Output = Project;

    fn locks(&self) -> Locks<'_> {
        Locks::default().project(&self.project).shared(&self.new_owner)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Project, MembershipError> {
        scope.name_within_bounds(&self.new_owner)?;
        let wanted = [(Who::Name(&self.new_owner), Strength::Shared)];
        let (before, _, others) = scope.lock_project(&self.project, &wanted).await?;
        scope.authorize_project(before.id, ProjectAction::TransferProject)?;
        let missing = || MembershipError::not_found(Object::User, &self.new_owner);
        let heir = scope.within_bounds(others.into_iter().flatten().next(), missing)?;
        scope.authorize_creation(&heir).await?;
        before.etag().must_be(self.etag.as_ref(), || before.path())?;
        if heir.id == before.owner {
            return Ok(before);
        }
        for stranger in collaborators::strangers_to(&scope.transaction, before.id, heir.id).await? {
            scope.remove_collaborators(Which::Of(before.id, stranger.subject)).await?;
        }
        let after = Project { owner: heir.id, owner_name: heir.username, ..before.clone() };
        scope.settle_project(before, after).await
    }
}

impl Scope<'_> {
    /// A project by id, as this transaction sees it.
    async fn project(&self, id: ProjectId) -> Result<Project, MembershipError> {
        let project = projects::find(&self.transaction, &ProjectReference::Id(id)).await?;
        project.ok_or(MembershipError::Moved)
    }

    /// Writes what was changed of a project.
    async fn settle_project(&mut self, before: Project, after: Project) -> Result<Project, MembershipError> {
        let updated = projects::update(&self.transaction, &after).await;
        updated.map_err(|error| name_taken(error, &after.name))?;
        self.changes.touch(EntryKey::Project(after.id));
        self.changes.touch(before.key());
        self.changes.touch(after.key());
        self.log_project(Some(&before), Some(&after));
        Ok(after)
    }

    /// Gives the acting creator the role admin on what it created; no limit is asked, as nobody is let in by it.
    async fn make_creator_admin(&mut self, project: &Project) -> Result<(), MembershipError> {
        let Some(name) = self.actor.name().cloned() else { return Ok(()) };
        let Some(user) = self.actor.id() else { return Ok(()) };
        let grant = GrantSettings { role: ProjectRole::Admin, incognito: false, expires_at: None };
        let subject = Subject::User(user);
        let row = collaborators::insert(&self.transaction, project, subject, &grant, Some(name.as_str())).await?;
        self.log_collaborator(None, Some(&row));
        Ok(())
    }
}

fn name_taken(error: StoreError, name: &str) -> MembershipError {
    MembershipError::constraint(error, "project_name_unique", || Refusal::ProjectNameTaken(name.to_owned()))
}
