//! Locks that several operations of one write take ahead, all at once and in the one order that all writes keep: accounts by
//! their ids, then projects by theirs, then plans and names that are to be. Two lists of operations then never wait for one
//! another, whatever order theirs is.
//!
//! Nothing is decided by them: each operation takes its own locks, most of which it then finds held. Those of plans and names
//! only lists take: a write of one thing has no second one to wait for. What could not be named ahead (an account that another
//! operation creates, the organizations of a user that goes, another name or owner of a project) is locked only then; should
//! two writes come to wait for one another by that, PostgreSQL ends it, and one is run again.

use futures::future::try_join_all;

use super::error::MembershipError;
use super::scope::{Scope, Who, strongest};
use crate::domain::bounds::Bounds;
use crate::domain::ids::ProjectId;
use crate::domain::names::{NameKey, PlanCode, ProjectName, ProjectReference, Username};
use crate::domain::records::Project;
use crate::store::locks::{self, Strength};

/// Whom and what operations will lock, as far as they name it.
#[derive(Debug, Default)]
pub struct Locks<'a> {
    accounts: Vec<(Who<'a>, Strength)>,
    projects: Vec<&'a ProjectReference>,
    names: Vec<Called<'a>>,
}

/// What is locked by what it is called, as there may be none of it yet.
#[derive(Debug)]
struct Called<'a> {
    /// Tells what sorts of things there are apart.
    name: String,
    strength: Strength,
    /// The account that it hangs off, where it does.
    of: Option<&'a Username>,
}

impl<'a> Locks<'a> {
    /// Also an account whose facts must stay.
    pub(super) fn shared(self, account: &'a Username) -> Self {
        self.account(account, Strength::Shared)
    }

    /// Also an account that changes, or whose people do.
    pub(super) fn exclusive(self, account: &'a Username) -> Self {
        self.account(account, Strength::Exclusive)
    }

    /// Also a project, with its owner.
    pub(super) fn project(mut self, project: &'a ProjectReference) -> Self {
        self.projects.push(project);
        self
    }

    /// Also a plan that changes, comes to be or goes.
    pub(super) fn plan(self, code: &PlanCode) -> Self {
        self.called(format!("plan {}", code.as_str()), Strength::Exclusive, None)
    }

    /// Also a plan that an account is put on: the default one where none is named.
    pub(super) fn plan_in_use(self, code: Option<&PlanCode>) -> Self {
        let code = code.map_or(PlanCode::DEFAULT, PlanCode::as_str);
        self.called(format!("plan {code}"), Strength::Shared, None)
    }

    /// Also the name of an account that is to be called so.
    pub(super) fn new_account(self, name: &Username) -> Self {
        self.called(format!("account {}", name.key().as_str()), Strength::Exclusive, None)
    }

    /// Also the name, and the id where it is given, of a project that is to be.
    pub(super) fn new_project(self, owner: &'a Username, name: &ProjectName, id: Option<ProjectId>) -> Self {
        let path = format!("project {}/{}", owner.key().as_str(), name.as_str());
        let locks = self.called(path, Strength::Exclusive, Some(owner));
        match id {
            Some(ProjectId(id)) => locks.called(format!("project {id}"), Strength::Exclusive, None),
            None => locks,
        }
    }

    /// All of these, too.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.accounts.extend(others.accounts);
        self.projects.extend(others.projects);
        self.names.extend(others.names);
        self
    }

    /// The accounts among them, by name.
    pub(super) fn account_names(&self) -> impl Iterator<Item = &'a Username> {
        self.accounts.iter().filter_map(|(who, _)| match who {
            Who::Name(name) => Some(*name),
            Who::Id(_) => None,
        })
    }

    /// The projects among them.
    pub(super) fn project_references(&self) -> impl Iterator<Item = &'a ProjectReference> {
        self.projects.iter().copied()
    }

    fn called(mut self, name: String, strength: Strength, of: Option<&'a Username>) -> Self {
        self.names.push(Called { name, strength, of });
        self
    }

    /// Leaves out what lies outside of these bounds, as far as that can be seen without a look.
    fn within(mut self, bounds: &Bounds) -> Self {
        self.accounts.retain(|(who, _)| matches!(who, Who::Name(name) if bounds.contains(&name.key())));
        self.names.retain(|called| called.of.is_some_and(|owner| bounds.contains(&owner.key())));
        self
    }

    fn account(mut self, account: &'a Username, strength: Strength) -> Self {
        self.accounts.push((Who::Name(account), strength));
        self
    }
}

impl Scope<'_> {
    /// Takes locks ahead; what there is none of is left out.
    pub(super) async fn lock_ahead(&mut self, mut locks: Locks<'_>) -> Result<(), MembershipError> {
        let projects = try_join_all(locks.projects.iter().map(|one| self.find_project(one))).await?;
        let mut projects: Vec<Project> = projects.into_iter().flatten().collect();
        if let Some(bounds) = self.bounds() {
            // who is confined holds up nobody else: what lies outside is refused when its turn comes
            projects.retain(|project| bounds.contains(&NameKey::of(&project.owner_name)));
            locks = locks.within(bounds);
        }
        let (actor, mut wanted) = (self.actor.name().cloned(), locks.accounts);
        wanted.extend(projects.iter().map(|project| (Who::Id(project.owner), Strength::Shared)));
        wanted.extend(actor.as_ref().map(|name| (Who::Name(name), Strength::Shared)));
        let ids = self.resolve(&wanted).await?;
        self.hold(strongest(ids.iter().zip(&wanted).filter_map(|(id, (_, strength))| Some(((*id)?, *strength)))))
            .await?;
        let projects: Vec<ProjectId> = projects.iter().map(|project| project.id).collect();
        locks::lock_projects(&self.transaction, &projects).await?;
        let names: Vec<(&str, Strength)> = locks.names.iter().map(|one| (one.name.as_str(), one.strength)).collect();
        if !names.is_empty() {
            locks::lock_names(&self.transaction, &names).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn username(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    #[test]
    fn who_is_confined_locks_nothing_ahead_that_lies_outside_of_its_bounds() {
        let [acme, ann, other] = ["Acme", "ann", "other"].map(username);
        let (name, plan) = (ProjectName::parse("trees").unwrap(), PlanCode::parse("free").unwrap());
        let id = Some(ProjectId(uuid::Uuid::nil()));
        let all = || {
            let locks = Locks::default().exclusive(&acme).shared(&ann).exclusive(&other);
            let locks = locks.plan(&plan).plan_in_use(None).new_account(&acme);
            locks.and(Locks::default().new_project(&acme, &name, id).new_project(&other, &name, None))
        };
        let shown = |locks: Locks<'_>| {
            let accounts = locks.accounts.iter().map(|(who, strength)| format!("{who:?} {strength:?}"));
            accounts.chain(locks.names.iter().map(|one| one.name.clone())).collect::<Vec<_>>()
        };
        assert_eq!(shown(all()).len(), 9);
        let bounds = Bounds::new(vec![NameKey::of("acme")]);
        let within = shown(all().within(&bounds));
        assert_eq!(within, [format!("{:?} Exclusive", Who::Name(&acme)), "project acme/trees".to_owned()]);
    }
}
