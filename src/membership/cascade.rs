//! What goes when something it hangs on goes: every row deleted by name, so that the log can say so.

use std::collections::{BTreeMap, BTreeSet};

use super::error::MembershipError;
use super::scope::Scope;
use crate::domain::change::EntryKey;
use crate::domain::ids::AccountId;
use crate::domain::records::{Account, Collaborator, Member, Subject};
use crate::store::collaborators::Which;
use crate::store::teams::Places;
use crate::store::{accounts, collaborators, locks, members, projects, teams};

/// What became of a removal, where what is absent may count as gone. Nothing was changed before it was found to be absent.
pub(super) fn missing_is_gone<T: Default>(
    removed: Result<T, MembershipError>,
    allow_missing: bool,
) -> Result<T, MembershipError> {
    match removed {
        Err(MembershipError::NotFound { .. }) if allow_missing => Ok(T::default()),
        removed => removed,
    }
}

impl Scope<'_> {
    /// Takes roles on projects away.
    pub(super) async fn remove_collaborators(&mut self, which: Which) -> Result<Vec<Collaborator>, MembershipError> {
        let mut rows = collaborators::delete(&self.transaction, which).await?;
        self.hold_users_of(&mut rows).await?;
        for row in &rows {
            self.changes.touch(EntryKey::Project(row.project));
            self.log_collaborator(Some(row), None);
        }
        Ok(rows)
    }

    /// Keeps the users of these rows from being renamed until the commit, and calls them what they are then called: not all of
    /// them are locked by who takes a whole project away. Only once the rows are gone, so that nobody waits in a circle.
    async fn hold_users_of(&self, rows: &mut [Collaborator]) -> Result<(), MembershipError> {
        let user = |row: &Collaborator| match row.subject {
            Subject::User(user) => Some(user),
            Subject::Team(_) => None,
        };
        let users: BTreeSet<AccountId> = rows.iter().filter_map(user).collect();
        if users.is_empty() {
            return Ok(());
        }
        let users: Vec<AccountId> = users.into_iter().collect();
        locks::hold_names(&self.transaction, &users).await?;
        let found = accounts::by_ids(&self.transaction, &users).await?;
        let names: BTreeMap<_, _> = found.into_iter().map(|account| (account.id, account.username)).collect();
        for row in rows {
            if let Some(name) = user(row).and_then(|user| names.get(&user)) {
                row.name.clone_from(name);
            }
        }
        Ok(())
    }

    /// Takes places in teams away.
    pub(super) async fn remove_team_members(&mut self, places: Places) -> Result<usize, MembershipError> {
        let gone = teams::delete_members(&self.transaction, places).await?;
        let users: Vec<AccountId> = gone.iter().map(|place| place.user).collect();
        self.touch_users(&users).await?;
        for place in &gone {
            self.log_team_member(&place.team, &place.username, false);
        }
        Ok(gone.len())
    }

    /// Takes a member off an organization, with its places in the organization's teams and its direct roles on the
    /// organization's projects.
    pub(super) async fn remove_member(
        &mut self,
        organization: &Account,
        member: &Member,
    ) -> Result<(), MembershipError> {
        self.remove_team_members(Places::OfUserAt(member.user, organization.id)).await?;
        self.remove_collaborators(Which::UserAtOwner(member.user, organization.id)).await?;
        members::delete(&self.transaction, organization.id, member.user).await?;
        self.touch_users(&[member.user]).await?;
        self.log_member(organization, Some(member), None);
        Ok(())
    }

    /// Deletes all projects of an account, with their collaborators.
    pub(super) async fn delete_projects_of(&mut self, owner: &Account) -> Result<(), MembershipError> {
        self.remove_collaborators(Which::Owner(owner.id)).await?;
        let gone = projects::all_of(&self.transaction, owner.id).await?;
        projects::delete_all_of(&self.transaction, owner.id).await?;
        for project in &gone {
            self.changes.touch(EntryKey::Project(project.id));
            self.changes.touch(project.key());
            self.log_project(Some(project), None);
        }
        Ok(())
    }

    /// Deletes an organization with its projects, teams, members and collaborators.
    pub(super) async fn delete_organization(&mut self, organization: &Account) -> Result<(), MembershipError> {
        self.delete_projects_of(organization).await?;
        self.remove_team_members(Places::OfOrganization(organization.id)).await?;
        for team in teams::all(&self.transaction, organization.id).await? {
            self.log_team(Some(&team), None);
        }
        teams::delete_all(&self.transaction, organization.id).await?;
        let gone = members::delete_all(&self.transaction, organization.id).await?;
        let users: Vec<AccountId> = gone.iter().map(|member| member.user).collect();
        self.touch_users(&users).await?;
        for member in &gone {
            self.log_member(organization, Some(member), None);
        }
        self.touch_users(organization.organization_owner().as_slice()).await?;
        self.delete_account(organization).await
    }

    /// Deletes an account that owns and belongs to nothing any more.
    pub(super) async fn delete_account(&mut self, account: &Account) -> Result<(), MembershipError> {
        accounts::delete(&self.transaction, account.id).await?;
        self.changes.touch(EntryKey::Name(account.key()));
        self.changes.touch(EntryKey::Account(account.id));
        self.log_account(Some(account), None);
        Ok(())
    }

    /// Gives an account another name: whatever is looked up by the old or the new one no longer holds.
    pub(super) async fn touch_renamed(&mut self, before: &Account, after: &Account) -> Result<(), MembershipError> {
        for account in [before, after] {
            self.changes.touch(EntryKey::Name(account.key()));
        }
        if before.key() != after.key() {
            for project in projects::all_of(&self.transaction, before.id).await? {
                self.changes.touch(crate::domain::records::path_key(&before.username, &project.name));
                self.changes.touch(crate::domain::records::path_key(&after.username, &project.name));
            }
        }
        Ok(())
    }
}
