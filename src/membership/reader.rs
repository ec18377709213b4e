//! Reads of the resources: one of them, or a page of many, as the database has them now. Each is of one snapshot: what is held
//! against a caller's bounds is what it is then shown.

use std::borrow::Cow;

use super::error::MembershipError;
use crate::domain::bounds::Bounds;
use crate::domain::change::Object;
use crate::domain::ids::AccountId;
use crate::domain::names::{CollaboratorName, NameKey, PlanCode, ProjectReference, TeamPath, Username};
use crate::domain::records::{Account, Collaborator, Member, Plan, Project, Subject, Team, TeamMember};
use crate::store::accounts::Kind;
use crate::store::projects::Cursor;
use crate::store::{Client, Database, access, accounts, collaborators, log, members, plans, projects, teams};

/// Reads resources. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    database: Database,
    /// What this clone reads and no more.
    bounds: Option<Bounds>,
}

/// Which page of a list: what comes after a key, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The key that the page before ended with; empty for the first.
    pub after: &'a str,
    /// How many at the most.
    pub size: i64,
}

type Result<T> = std::result::Result<T, MembershipError>;

/// Reads in one snapshot, on one connection, which goes back to the pool when the read is done, and ends when the read is dropped
/// before.
macro_rules! read {
    ($reader:ident, $client:ident, $body:block) => {{
        let mut pooled = $reader.database.client().await?;
        let client: &mut Client = &mut pooled;
        let read: Result<_> = async {
            let $client = &access::begin_snapshot(client).await?;
            $body
        }
        .await;
        pooled.give_back();
        read
    }};
}

impl Reader {
    /// A reader of that database.
    pub fn new(database: Database) -> Self {
        Self { database, bounds: None }
    }

    /// A reader for somebody who is confined to these accounts: what does not hang off them is refused.
    pub fn within(&self, bounds: Option<&Bounds>) -> Cow<'_, Self> {
        match bounds {
            None => Cow::Borrowed(self),
            Some(bounds) => Cow::Owned(Self { database: self.database.clone(), bounds: Some(bounds.clone()) }),
        }
    }

    /// Refuses, to who is confined, what is about no account, or about another one.
    fn must_be_within(&self, account: Option<&NameKey>) -> Result<()> {
        let is_out = |bounds: &Bounds| account.is_none_or(|account| !bounds.contains(account));
        if self.bounds.as_ref().is_some_and(is_out) { Err(MembershipError::OutOfBounds) } else { Ok(()) }
    }

    /// The secret that page tokens are sealed with.
    pub async fn page_secret(&self) -> Result<[u8; 16]> {
        read!(self, client, { Ok(log::page_secret(client).await?.into_bytes()) })
    }

    /// A user.
    pub async fn user(&self, name: &Username) -> Result<Account> {
        self.must_be_within(None)?;
        let found = read!(self, client, { Ok(accounts::by_name(client, &name.key()).await?) })?;
        found.filter(Account::is_user).ok_or_else(|| MembershipError::not_found(Object::User, name))
    }

    /// An organization.
    pub async fn organization(&self, name: &Username) -> Result<Account> {
        self.must_be_within(Some(&name.key()))?;
        read!(self, client, { organization(client, name).await })
    }

    /// Users by name.
    pub async fn users(&self, page: Page<'_>) -> Result<Vec<Account>> {
        self.must_be_within(None)?;
        read!(self, client, { Ok(accounts::page(client, Kind::User, page.after, page.size).await?) })
    }

    /// Organizations by name.
    pub async fn organizations(&self, page: Page<'_>) -> Result<Vec<Account>> {
        self.must_be_within(None)?;
        read!(self, client, { Ok(accounts::page(client, Kind::Organization, page.after, page.size).await?) })
    }

    /// A member, with its organization.
    pub async fn member(&self, name: &Username, user: &Username) -> Result<(Account, Member)> {
        self.must_be_within(Some(&name.key()))?;
        read!(self, client, {
            let organization = organization(client, name).await?;
            let missing = || MembershipError::not_found(Object::Member, format!("{name}/{user}"));
            let account = accounts::by_name(client, &user.key()).await?.ok_or_else(missing)?;
            let member = members::get(client, organization.id, account.id).await?.ok_or_else(missing)?;
            Ok((organization, member))
        })
    }

    /// An organization's members by name.
    pub async fn members(
        &self,
        name: &Username,
        include_hidden: bool,
        page: Page<'_>,
    ) -> Result<(Account, Vec<Member>)> {
        self.must_be_within(Some(&name.key()))?;
        read!(self, client, {
            let organization = organization(client, name).await?;
            let members = members::page(client, organization.id, include_hidden, page.after, page.size).await?;
            Ok((organization, members))
        })
    }

    /// A team.
    pub async fn team(&self, path: &TeamPath) -> Result<Team> {
        self.must_be_within(Some(&path.organization.key()))?;
        read!(self, client, { team(client, path).await })
    }

    /// An organization's teams by name.
    pub async fn teams(&self, name: &Username, page: Page<'_>) -> Result<Vec<Team>> {
        self.must_be_within(Some(&name.key()))?;
        read!(self, client, {
            let organization = organization(client, name).await?;
            Ok(teams::page(client, organization.id, page.after, page.size).await?)
        })
    }

    /// A team's people by name.
    pub async fn team_members(&self, path: &TeamPath, page: Page<'_>) -> Result<(Team, Vec<TeamMember>)> {
        self.must_be_within(Some(&path.organization.key()))?;
        read!(self, client, {
            let team = team(client, path).await?;
            let members = teams::page_of_members(client, team.id, page.after, page.size).await?;
            Ok((team, members))
        })
    }

    /// A project.
    pub async fn project(&self, reference: &ProjectReference) -> Result<Project> {
        read!(self, client, { self.found(client, reference).await })
    }

    /// Projects by their owner's id and their name, of one owner or of all. A page's key is `id/name`.
    pub async fn projects(&self, owner: Option<&Username>, page: Page<'_>) -> Result<Vec<Project>> {
        self.must_be_within(owner.map(Username::key).as_ref())?;
        read!(self, client, {
            let owner = match owner {
                None => None,
                Some(name) => {
                    let found = accounts::by_name(client, &name.key()).await?;
                    Some(found.ok_or_else(|| MembershipError::not_found(Object::User, name))?.id)
                }
            };
            let (id, name) = page.after.split_once('/').unwrap_or_default();
            let cursor = Cursor { owner: id.parse().unwrap_or_default(), name: name.to_owned() };
            Ok(projects::page(client, owner, &cursor, page.size).await?)
        })
    }

    /// A project's collaborators: teams, then users, each by name.
    pub async fn collaborators(
        &self,
        reference: &ProjectReference,
        include_incognito: bool,
        page: Page<'_>,
    ) -> Result<Vec<Collaborator>> {
        read!(self, client, {
            let project = self.found(client, reference).await?;
            Ok(collaborators::page(client, project.id, include_incognito, page.after, page.size).await?)
        })
    }

    /// A collaborator.
    pub async fn collaborator(&self, reference: &ProjectReference, name: &CollaboratorName) -> Result<Collaborator> {
        read!(self, client, {
            let project = self.found(client, reference).await?;
            let missing = || MembershipError::not_found(Object::Collaborator, format!("{name} on {reference}"));
            let subject = match name {
                CollaboratorName::Team(path) => {
                    self.must_be_within(Some(&path.organization.key()))?;
                    Subject::Team(team(client, path).await?.id)
                }
                CollaboratorName::User(user) => {
                    let user = accounts::by_name(client, &user.key()).await?.ok_or_else(missing)?;
                    Subject::User(user.id)
                }
            };
            collaborators::get(client, project.id, subject).await?.ok_or_else(missing)
        })
    }

    /// A plan.
    pub async fn plan(&self, code: &PlanCode) -> Result<Plan> {
        self.must_be_within(None)?;
        let plan = read!(self, client, { Ok(plans::by_code(client, code.as_str()).await?) })?;
        plan.ok_or_else(|| MembershipError::not_found(Object::Plan, code.as_str()))
    }

    /// Plans by code.
    pub async fn plans(&self, page: Page<'_>) -> Result<Vec<Plan>> {
        self.must_be_within(None)?;
        read!(self, client, { Ok(plans::page(client, page.after, page.size).await?) })
    }
}

impl Reader {
    /// A project, if it is there and within the bounds.
    async fn found(&self, client: &Client, reference: &ProjectReference) -> Result<Project> {
        let found = projects::find(client, reference).await?;
        self.must_be_within(found.as_ref().map(|project| NameKey::of(&project.owner_name)).as_ref())?;
        found.ok_or_else(|| MembershipError::not_found(Object::Project, reference))
    }
}

/// The key of a project in [`Reader::projects`].
pub fn project_key(owner: AccountId, name: &str) -> String {
    format!("{}/{name}", owner.0)
}

async fn organization(client: &Client, name: &Username) -> Result<Account> {
    let found = accounts::by_name(client, &name.key()).await?;
    found.filter(|account| !account.is_user()).ok_or_else(|| MembershipError::not_found(Object::Organization, name))
}

async fn team(client: &Client, path: &TeamPath) -> Result<Team> {
    let found = teams::by_name(client, &path.organization.key(), &path.team.key()).await?;
    found.ok_or_else(|| MembershipError::not_found(Object::Team, path))
}
