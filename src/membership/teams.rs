//! Writes of teams and of who is in them.

use super::ahead::Locks;
use super::cascade::missing_is_gone;
use super::error::MembershipError;
use super::scope::Scope;
use super::writer::Operation;
use crate::domain::actions::OrganizationAction;
use crate::domain::change::Object;
use crate::domain::etag::Etag;
use crate::domain::names::{TeamName, TeamPath, Username};
use crate::domain::records::{Account, Team, TeamMember};
use crate::domain::refusal::Refusal;
use crate::store::StoreError;
use crate::store::collaborators::Which;
use crate::store::locks::Strength;
use crate::store::teams::{self, Places};

/// Creates an empty team.
#[derive(Debug)]
pub struct CreateTeam {
    /// Which.
    pub team: TeamPath,
}

/// Renames a team.
#[derive(Debug)]
pub struct RenameTeam {
    /// Which.
    pub team: TeamPath,
    /// Its new name.
    pub new_name: TeamName,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
}

/// Deletes a team with its roles on projects.
#[derive(Debug)]
pub struct DeleteTeam {
    /// Which.
    pub team: TeamPath,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
    /// Whether it may be absent.
    pub allow_missing: bool,
}

/// Puts a user into a team.
#[derive(Debug)]
pub struct AddTeamMember {
    /// Which team.
    pub team: TeamPath,
    /// Whom.
    pub user: Username,
    /// Where it is there already: change it to this.
    pub upsert: bool,
}

/// Takes a user out of a team.
#[derive(Debug)]
pub struct RemoveTeamMember {
    /// Which team.
    pub team: TeamPath,
    /// Whom.
    pub user: Username,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
    /// Whether it may be absent.
    pub allow_missing: bool,
}

impl Operation for CreateTeam {
    const NAME: &'static str = "create_team";
    const IS_BOUNDED: bool = true;
    type Output = Team;

    fn locks(&self) -> Locks<'_> {
        Locks::default().exclusive(&self.team.organization)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Team, MembershipError> {
        let organization = scope.lock_organization(&self.team.organization, Strength::Exclusive).await?;
        scope.authorize_organization(organization.id, OrganizationAction::CreateTeams)?;
        let name = self.team.team.as_str();
        let inserted = teams::insert(&scope.transaction, organization.id, name).await;
        inserted.map_err(|error| name_taken(error, name))?;
        let team = scope.team(&self.team).await?;
        scope.log_team(None, Some(&team));
        Ok(team)
    }
}

impl Operation for RenameTeam {
    const NAME: &'static str = "rename_team";
    const IS_BOUNDED: bool = true;
    type Output = Team;

    fn locks(&self) -> Locks<'_> {
        Locks::default().exclusive(&self.team.organization)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Team, MembershipError> {
        let organization = scope.lock_organization(&self.team.organization, Strength::Exclusive).await?;
        scope.authorize_organization(organization.id, OrganizationAction::UpdateTeams)?;
        let before = scope.team(&self.team).await?;
        before.etag().must_be(self.etag.as_ref(), || before.path())?;
        let name = self.new_name.as_str();
        let renamed = teams::rename(&scope.transaction, before.id, name).await;
        renamed.map_err(|error| name_taken(error, name))?;
        let after = Team { name: name.to_owned(), ..before.clone() };
        scope.log_team(Some(&before), Some(&after));
        Ok(after)
    }
}

impl Operation for DeleteTeam {
    const NAME: &'static str = "delete_team";
    const IS_BOUNDED: bool = true;
    type Output = ();

    fn locks(&self) -> Locks<'_> {
        Locks::default().exclusive(&self.team.organization)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        missing_is_gone(self.remove(scope).await, self.allow_missing)
    }
}

impl DeleteTeam {
    async fn remove(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        let organization = scope.lock_organization(&self.team.organization, Strength::Exclusive).await?;
        scope.authorize_organization(organization.id, OrganizationAction::DeleteTeams)?;
        let team = scope.team(&self.team).await?;
        team.etag().must_be(self.etag.as_ref(), || team.path())?;
        scope.remove_collaborators(Which::Team(team.id)).await?;
        scope.remove_team_members(Places::OfTeam(team.id)).await?;
        teams::delete(&scope.transaction, team.id).await?;
        scope.log_team(Some(&team), None);
        Ok(())
    }
}

impl Operation for AddTeamMember {
    const NAME: &'static str = "add_team_member";
    const IS_BOUNDED: bool = true;
    type Output = (Team, TeamMember);

    fn locks(&self) -> Locks<'_> {
        Locks::default().exclusive(&self.team.organization).shared(&self.user)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(Team, TeamMember), MembershipError> {
        let (organization, user, member) = scope.lock_pair(&self.team.organization, &self.user).await?;
        scope.authorize_organization(organization.id, OrganizationAction::UpdateTeams)?;
        let team = scope.team(&self.team).await?;
        let user = user.ok_or_else(|| MembershipError::not_found(Object::User, &self.user))?;
        if !user.is_user() {
            return Err(Refusal::NotAPerson(user.username).into());
        }
        must_belong(&organization, &user, member.is_some())?;
        if let Some(place) = teams::get_member(&scope.transaction, team.id, user.id).await? {
            if self.upsert {
                // nothing of it can be changed
                return Ok((team, place));
            }
            return Err(Refusal::AlreadyTeamMember(user.username).into());
        }
        let place = teams::insert_member(&scope.transaction, &team, user.id).await?;
        scope.touch_user(&user);
        scope.log_team_member(&team.path(), &place.username, true);
        Ok((team, place))
    }
}

impl Operation for RemoveTeamMember {
    const NAME: &'static str = "remove_team_member";
    const IS_BOUNDED: bool = true;
    type Output = ();

    fn locks(&self) -> Locks<'_> {
        Locks::default().exclusive(&self.team.organization).shared(&self.user)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        missing_is_gone(self.remove(scope).await, self.allow_missing)
    }
}

impl RemoveTeamMember {
    async fn remove(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        let (organization, user, _) = scope.lock_pair(&self.team.organization, &self.user).await?;
        let leaves = user.as_ref().is_some_and(|user| scope.actor.is(user.id));
        if !leaves {
            scope.authorize_organization(organization.id, OrganizationAction::UpdateTeams)?;
        }
        let team = scope.team(&self.team).await?;
        if leaves {
            scope.may_leave_team(&organization, &team).await?;
        }
        let name = || format!("{}/{}", self.team, self.user);
        let missing = || MembershipError::not_found(Object::TeamMember, name());
        let user = user.ok_or_else(missing)?;
        let place = teams::get_member(&scope.transaction, team.id, user.id).await?.ok_or_else(missing)?;
        place.etag(&team).must_be(self.etag.as_ref(), name)?;
        scope.remove_team_members(Places::OfUserIn(user.id, team.id)).await?;
        Ok(())
    }
}

impl Scope<'_> {
    /// A team by name.
    pub(super) async fn team(&self, path: &TeamPath) -> Result<Team, MembershipError> {
        let team = teams::by_name(&self.transaction, &path.organization.key(), &path.team.key()).await?;
        team.ok_or_else(|| MembershipError::not_found(Object::Team, path))
    }
}

/// Refuses a user who is neither member nor owner of an organization.
fn must_belong(organization: &Account, user: &Account, is_member: bool) -> Result<(), MembershipError> {
    if is_member || organization.organization_owner() == Some(user.id) {
        return Ok(());
    }
    let (user, organization) = (user.username.clone(), organization.username.clone());
    Err(Refusal::NotOrganizationMember { user, organization }.into())
}

fn name_taken(error: StoreError, name: &str) -> MembershipError {
    MembershipError::constraint(error, "team_name_unique", || Refusal::TeamNameTaken(name.to_owned()))
}
