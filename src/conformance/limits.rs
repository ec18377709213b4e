//! Whether a project's collaborator limit is judged otherwise where rows were left out: they counted in the real system.

use super::rows::{Row, Rows, organization_of};
use super::world::{Collaborator, Project, World};

/// The rows of a world, and those that were left out.
#[derive(Clone, Copy)]
pub(super) struct Limits<'a> {
    pub world: &'a World,
    pub left_out: &'a Rows,
}

impl Limits<'_> {
    /// Over the limit by all rows of people, and not without those that were left out.
    pub fn is_valid_again(&self, project: &Project) -> bool {
        let counts = self.count(project, |_| true);
        counts.is_some_and(|(limit, all, kept)| all > limit && kept <= limit)
    }

    /// Over the limit by the rows that count for new collaborators, and not without those that were left out.
    pub fn is_within_again(&self, project: &str) -> bool {
        let counts = self.direct(project);
        counts.is_some_and(|(limit, all, kept)| all > limit && kept <= limit)
    }

    /// At the limit by the rows that count for new collaborators, and not without those that were left out.
    pub fn has_room_again(&self, project: &str) -> bool {
        let counts = self.direct(project);
        counts.is_some_and(|(limit, all, kept)| all >= limit && kept < limit)
    }

    fn direct(&self, project: &str) -> Option<(usize, usize, usize)> {
        let project = self.world.world.projects.iter().find(|one| one.id == project)?;
        let organization = self.world.world.organizations.iter().find(|one| one.id == project.owner);
        let owner = organization.map(|one| &one.owner);
        self.count(project, |row| !row.is_incognito && Some(&row.collaborator) != owner)
    }

    /// The limit of a private project, and how many people count: in the real system, and of the rows that were kept.
    fn count(&self, project: &Project, counts: impl Fn(&Collaborator) -> bool) -> Option<(usize, usize, usize)> {
        let facts = &self.world.world;
        let people = facts.people.iter().map(|person| (&person.id, &person.subscription.plan));
        let organizations = facts.organizations.iter().map(|one| (&one.id, &one.subscription.plan));
        let plan = people.chain(organizations).find(|(id, _)| **id == project.owner).map(|(_, plan)| plan)?;
        let plan = self.world.plans.iter().find(|one| one.code == *plan)?;
        let limit = usize::try_from(plan.max_premium_collaborators_per_private_project).ok();
        let limit = limit.filter(|_| !project.is_public)?;
        let people = project.collaborators.iter().filter(|row| organization_of(&row.collaborator).is_none());
        let counted: Vec<&Collaborator> = people.filter(|row| counts(row)).collect();
        let kept = counted.iter().filter(|row| !self.is_left_out(&project.id, &row.collaborator)).count();
        Some((limit, counted.len(), kept))
    }

    /// Whether somebody's row on a project was left out.
    pub fn is_left_out(&self, project: &str, who: &str) -> bool {
        self.left_out.iter().any(|row| {
            matches!(row, Row::Collaborator { project: of, who: left_out, .. } if of == project && left_out == who)
        })
    }
}
