//! What a check can't do without: a look-up of the user, one of the project, and one of the project's owner, which only the
//! project says, in plain hash maps that hold a number under each key.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use foldhash::quality::RandomState;
use rolegate::bench::Population;
use rolegate::domain::ids::{AccountId, ProjectId};
use rolegate::domain::names::NameKey;
use rolegate::view::{ProjectKey, ProjectQuestion};

/// Projects of an owner, as the world has them.
const OWNED: u64 = 100;

pub struct Plain {
    users: HashMap<NameKey, u64, RandomState>,
    projects: HashMap<ProjectId, AccountId, RandomState>,
    owners: HashMap<AccountId, u64, RandomState>,
}

impl Plain {
    /// All keys of that world.
    pub fn of(population: &Population) -> Self {
        let (mut users, mut projects, mut owners) = (HashMap::default(), HashMap::default(), HashMap::default());
        for number in 0..population.warm_projects() {
            let owner = AccountId((number / OWNED) as i64);
            owners.insert(owner, number);
            projects.insert(ProjectId(population.world.project_id(number)), owner);
            users.extend(population.filling(number).map(|question| (NameKey::of(&question.user), number)));
        }
        Self { users, projects, owners }
    }

    /// Nanoseconds for the three look-ups of a question.
    pub fn round(&self, questions: &[ProjectQuestion<'_>]) -> f64 {
        let begun = Instant::now();
        let mut sum = 0;
        for ProjectQuestion { user, project, .. } in questions {
            let (Some(user), ProjectKey::Id(project)) = (user, project) else { unreachable!() };
            sum += self.users[user];
            sum += self.owners[&self.projects[project]];
        }
        black_box(sum);
        begun.elapsed().as_nanos() as f64 / questions.len() as f64
    }
}
