//! One glance at the view: entries looked up at one position of the log, and a note of what was missing.
//!
//! An answer is made from what one glance finds, and counts only if the position is still the same after it; else what
//! was missing is waited for, and another glance begins. Entries are lent by the tables, so that a glance which finds
//! everything counts no references and takes no memory.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use super::cell::{Entry, LoadResult};
use super::entries::Tables;
use super::error::{LoadError, ViewError};
use super::position::Position;
use super::sought::{SoughtName, SoughtProject};
use super::table::Sought;
use super::{Inner, View};
use crate::domain::change::EntryKey;
use crate::domain::decision::{Asker, OwnedProject};
use crate::domain::facts::{Account, Named, Plan, Project, Time};
use crate::domain::ids::{AccountId, ProjectId};
use crate::domain::names::{NameKey, ProjectName};

/// A project as a question names it.
#[derive(Debug, Clone)]
pub enum ProjectKey {
    /// By id.
    Id(ProjectId),
    /// By owner and name.
    Path((NameKey, ProjectName)),
}

/// Why a glance does not show an entry.
#[derive(Debug)]
pub(super) enum Blank {
    /// It must be loaded, or another glance is needed.
    Missing,
    /// Its load failed while this question waited for it.
    Failed(LoadError),
    /// It is not, or is outside of what who asks is confined to.
    OutOfBounds,
}

/// The entry of a user's name; none for an anonymous visitor.
pub(super) struct UserEntry<'t>(Option<&'t Entry<Named>>);

/// The entries of a project and of its owner; none where it does not exist.
pub(super) struct ProjectEntries<'t>(Option<Owned<'t>>);

struct Owned<'t> {
    project: &'t Entry<Project>,
    owner: &'t Entry<Account>,
    plan: &'t Entry<Plan>,
}

/// Entries at one position.
pub(super) struct Glance<'a> {
    view: &'a View,
    at: Position,
    /// The time to judge by.
    pub(super) now: Time,
    failures: &'a Failures,
    /// How many may be loading, those of others included.
    most_loading: usize,
    blanks: Blanks,
}

/// What a glance did not find, and what it holds of what it found.
pub(super) struct Blanks {
    pub waits: Vec<Wait>,
    /// The keys that nothing loads yet.
    pub unloaded: HashSet<EntryKey>,
    /// What it found, where it was not the first glance for its question.
    pub pins: Option<Pins>,
}

/// What could not be loaded for one question, or for one of several that are asked together.
pub(super) type Failures = HashMap<EntryKey, LoadError>;

/// Entries that must not be evicted before the question that needs them all is answered. Not to be dropped by whoever looks up.
pub(super) struct Pins {
    view: Arc<Inner>,
    keys: Vec<EntryKey>,
}

/// A load to wait for.
pub(super) type Wait = (EntryKey, watch::Receiver<LoadResult>);

impl<'a> Glance<'a> {
    /// A glance at this position and moment.
    pub(super) fn new(
        view: &'a View,
        (at, now): (Position, Time),
        failures: &'a Failures,
        most_loading: usize,
        pins: Option<Pins>,
    ) -> Self {
        let blanks = Blanks { waits: Vec::new(), unloaded: HashSet::new(), pins };
        Self { view, at, now, failures, most_loading, blanks }
    }

    /// What it missed.
    pub(super) fn blanks(self) -> Blanks {
        self.blanks
    }

    /// The tables, to look entries up in. Held for a question at a time, or for some of a batch: whoever changes something waits for it.
    pub(super) fn tables(&self) -> impl Deref<Target = Tables> + use<'a> {
        self.view.inner.entries.read()
    }

    /// Whom a question asks about.
    pub(super) fn user<'t>(
        &mut self,
        tables: &'t Tables,
        name: Option<&SoughtName<'t>>,
    ) -> Result<UserEntry<'t>, Blank> {
        Ok(UserEntry(name.map(|name| self.named(tables, name)).transpose()?))
    }

    /// What a question is about, by name: an organization or a user, within the bounds of who asks.
    pub(super) fn object<'t>(&mut self, tables: &'t Tables, name: &SoughtName<'t>) -> Result<Option<&'t Named>, Blank> {
        let named = self.named(tables, name);
        let within = self.within(tables, named.as_ref().ok().and_then(|named| named.value.as_ref()).map(Named::id));
        let named = named?;
        within.map(|()| named.value.as_ref())
    }

    /// A project with what its owner adds to it, within the bounds of who asks.
    pub(super) fn project<'t>(
        &mut self,
        tables: &'t Tables,
        key: &SoughtProject<'t>,
    ) -> Result<ProjectEntries<'t>, Blank> {
        let found = self.find_project(tables, key);
        let within = self.within(tables, found.as_ref().ok().and_then(ProjectEntries::owner));
        let found = found?;
        within.map(|()| found)
    }

    /// Whether an account is one of those that who asks is confined to, by what their names stand for here and now. What does
    /// not exist is in no bounds.
    fn within(&mut self, tables: &Tables, account: Option<AccountId>) -> Result<(), Blank> {
        let Some(bounds) = &self.view.bounds else { return Ok(()) };
        // all are looked at, so that those that are missing are loaded together
        let found: Vec<_> = bounds.accounts().iter().map(|name| self.named(tables, &tables.names.seek(name))).collect();
        let ids = found.into_iter().map(|named| named.map(|named| named.value.as_ref().map(Named::id)));
        let ids: Vec<Option<AccountId>> = ids.collect::<Result<_, _>>()?;
        if account.is_some() && ids.contains(&account) { Ok(()) } else { Err(Blank::OutOfBounds) }
    }

    /// What a name stands for.
    fn named<'t>(
        &mut self,
        tables: &'t Tables,
        name: &Sought<'t, '_, NameKey, Named>,
    ) -> Result<&'t Entry<Named>, Blank> {
        let entry = name.get(&tables.common, self.blanks.pins.is_some());
        self.usable(tables, entry, || EntryKey::Name(name.key.clone()))
    }

    fn find_project<'t>(&mut self, tables: &'t Tables, key: &SoughtProject<'t>) -> Result<ProjectEntries<'t>, Blank> {
        let path = match key {
            SoughtProject::Id(id) => return self.project_by_id(tables, id),
            SoughtProject::Path(path) => path,
        };
        let entry = path.get(&tables.common, self.blanks.pins.is_some());
        match self.usable(tables, entry, || EntryKey::Path(path.key.0.clone(), path.key.1.clone()))?.value {
            None => Ok(ProjectEntries(None)),
            Some(id) => self.project_by_id(tables, &tables.projects.seek(&id)),
        }
    }

    fn project_by_id<'t>(
        &mut self,
        tables: &'t Tables,
        id: &Sought<'t, '_, ProjectId, Project>,
    ) -> Result<ProjectEntries<'t>, Blank> {
        let Tables { accounts, plans, common, .. } = tables;
        let waited = self.blanks.pins.is_some();
        let project = self.usable(tables, id.get(common, waited), || EntryKey::Project(*id.key))?;
        let Some(owner) = project.value.as_ref().map(|project| project.owner) else {
            return Ok(ProjectEntries(None));
        };
        let found = accounts.seek(&owner).get(common, waited);
        let owner = self.usable(tables, found, || EntryKey::Account(owner))?;
        // at one revision a project has an owner and the owner a plan; between two, another glance is needed
        let plan = owner.value.as_ref().map(|owner| owner.plan).ok_or(Blank::Missing)?;
        let plan = self.usable(tables, plans.seek(&plan).get(common, waited), || EntryKey::Plan(plan))?;
        Ok(ProjectEntries(Some(Owned { project, owner, plan })))
    }

    /// An entry, if it is there and of a revision that had been applied when this glance began.
    fn usable<'t, V>(
        &mut self,
        tables: &Tables,
        entry: Option<&'t Entry<V>>,
        key: impl FnOnce() -> EntryKey,
    ) -> Result<&'t Entry<V>, Blank> {
        let Some(entry) = entry else {
            return Err(self.missing(tables, key()));
        };
        if let Some(pins) = &mut self.blanks.pins {
            pins.pin(tables, key());
        }
        if entry.revision > self.at.revision() {
            // it has been applied since this glance began: the next one finds it
            return Err(Blank::Missing);
        }
        Ok(entry)
    }

    fn missing(&mut self, tables: &Tables, key: EntryKey) -> Blank {
        if let Some(error) = self.failures.get(&key) {
            return Blank::Failed(error.clone());
        }
        // one that is under way costs nobody anything more
        if let Some(waiter) = tables.join(&key) {
            self.blanks.waits.push((key, waiter));
            return Blank::Missing;
        }
        let loading = self.view.inner.loading.load(Ordering::Relaxed) + self.blanks.unloaded.len();
        if loading >= self.most_loading && !self.blanks.unloaded.contains(&key) {
            return Blank::Failed(LoadError::Overloaded);
        }
        self.blanks.unloaded.insert(key);
        Blank::Missing
    }
}

impl Pins {
    pub(super) fn new(view: &View) -> Self {
        Self { view: Arc::clone(&view.inner), keys: Vec::new() }
    }

    fn pin(&mut self, tables: &Tables, key: EntryKey) {
        if let Some(pins) = tables.pins(&key) {
            pins.fetch_add(1, Ordering::Relaxed);
            self.keys.push(key);
        }
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        if !self.keys.is_empty() {
            let tables = self.view.entries.read();
            // what stands there now may be another entry: one that nobody holds stays so, one that others hold may be evicted the
            // sooner
            self.keys.iter().filter_map(|key| tables.pins(key)).for_each(|pins| {
                let _ = pins.try_update(Ordering::Relaxed, Ordering::Relaxed, |pins| pins.checked_sub(1));
            });
        }
    }
}

/// What one question of a glance came to: `None` where something is missing.
pub(super) fn found<T>(seen: Result<T, Blank>) -> Option<Result<T, ViewError>> {
    match seen {
        Ok(seen) => Some(Ok(seen)),
        Err(Blank::Failed(error)) => Some(Err(error.into())),
        Err(Blank::OutOfBounds) => Some(Err(ViewError::OutOfBounds)),
        Err(Blank::Missing) => None,
    }
}

impl<'t> UserEntry<'t> {
    pub(super) fn asker(&self) -> Asker<'t> {
        match self.0 {
            None => Asker::Anonymous,
            Some(entry) => Asker::named(entry.value.as_ref()),
        }
    }
}

impl<'t> ProjectEntries<'t> {
    fn owner(&self) -> Option<AccountId> {
        self.0.as_ref()?.owner.value.as_ref().map(|owner| owner.id)
    }

    pub(super) fn owned(&self) -> Option<OwnedProject<'t>> {
        let Owned { project, owner, plan } = self.0.as_ref()?;
        let (project, owner, plan) = (project.value.as_ref()?, owner.value.as_ref()?, plan.value.as_ref()?);
        Some(OwnedProject { project, owner, plan })
    }
}
