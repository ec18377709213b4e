//! The questions that a load asks, one after the other: by kind, by project, warm or cold, and what must be answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::mix::{Kind, Mix};
use super::random::Random;
use super::world::{self, BLOCK, World};
use super::zipf::Zipf;
use crate::grpc::v1::{CheckItem, CheckRequest, CheckResponse, check_item};

/// What every question asks for: every role may.
const ACTION: &str = "read_files";

/// How projects are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// By their UUID.
    Id,
    /// As `owner/name`.
    Path,
}

/// A question, and of which kind it is.
#[derive(Debug, Clone)]
pub struct Question {
    pub kind: Kind,
    pub user: String,
    pub project: String,
}

impl Question {
    /// As a call of its own.
    pub fn request(self) -> CheckRequest {
        CheckRequest { user: self.user, project: self.project, action: ACTION.to_owned(), consistency: None }
    }

    /// As one of several.
    pub fn item(self) -> CheckItem {
        let object = Some(check_item::Object::Project(self.project));
        CheckItem { user: self.user, object, action: ACTION.to_owned() }
    }
}

/// Whether an answer is the one that the world has.
pub fn is_right(kind: Kind, answer: &CheckResponse) -> bool {
    answer.allowed == (kind != Kind::Denied) && kind.explains(answer.origin())
}

/// What is asked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Population {
    pub world: World,
    pub by: By,
    pub mix: Mix,
    zipf: Arc<Zipf>,
    /// The share of questions about what nothing was asked about before.
    cold: f64,
    /// Projects that only cold questions are about, and how many of them have been.
    reserve: u64,
    taken: Arc<AtomicU64>,
}

impl Population {
    /// Keeps the last tenth of the blocks apart where cold questions are wanted.
    pub fn new(world: World, by: By, mix: Mix, exponent: f64, cold: f64) -> Self {
        let reserve = if cold > 0.0 { (world.blocks / 10).max(1).min(world.blocks - 1) * BLOCK } else { 0 };
        let zipf = Arc::new(Zipf::new(world.projects() - reserve, exponent));
        Self { world, by, mix, zipf, cold, reserve, taken: Arc::default() }
    }

    /// The same with other shares, and nothing cold.
    #[must_use]
    pub fn warm(&self, mix: Mix) -> Self {
        Self { mix, cold: 0.0, ..self.clone() }
    }

    /// How many projects are asked about again and again.
    pub fn warm_projects(&self) -> u64 {
        self.world.projects() - self.reserve
    }

    /// How many cold questions were asked that there was no project left for.
    pub fn cold_missing(&self) -> u64 {
        self.taken.load(Ordering::Relaxed).saturating_sub(self.reserve)
    }

    /// The next question.
    pub fn next(&self, random: &mut Random) -> Question {
        if self.cold > 0.0
            && random.unit() < self.cold
            && let Some(question) = self.never_asked()
        {
            return question;
        }
        let kind = self.mix.pick(random);
        let project = self.world.fitting(kind, self.spread(self.zipf.rank(random)));
        self.question(kind, project, random.draw())
    }

    /// Questions that bring a project into the view, a user, and where a block begins its owner; by a number below
    /// [`Self::warm_projects`]. What is answered to them is nobody's business.
    pub fn filling(&self, number: u64) -> impl Iterator<Item = Question> {
        let (block, project) = (number / BLOCK, self.name(number));
        let about = move |user| Question { kind: Kind::Denied, user, project: project.clone() };
        let owner = number.is_multiple_of(BLOCK).then(|| world::owner(block));
        std::iter::once(world::member(block, number % BLOCK)).chain(owner).map(about)
    }

    fn question(&self, kind: Kind, project: u64, pick: u64) -> Question {
        Question { kind, user: self.world.user(kind, project, pick), project: self.name(project) }
    }

    /// How a project is named.
    pub fn name(&self, project: u64) -> String {
        match self.by {
            By::Id => self.world.project_id(project).to_string(),
            By::Path => world::path(project),
        }
    }

    /// A project that was never asked about, and a user neither. `None` once there is none left.
    fn never_asked(&self) -> Option<Question> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        // within a block, the first collaborators of the projects are all different
        (number < self.reserve).then(|| self.question(Kind::Direct, self.warm_projects() + number, 0))
    }

    /// The project of a rank: what is asked about much lies all over the world, not in one organization.
    fn spread(&self, rank: u64) -> u64 {
        let projects = self.warm_projects();
        let blocks = projects / BLOCK;
        rank % blocks * BLOCK + rank / blocks % BLOCK
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::bench::world::Facts;

    fn population(facts: u64, cold: f64) -> Population {
        let mix = "direct=1,team=1,admin=1,public=1,denied=1".parse().unwrap();
        Population::new(World::new(Facts(facts), 1), By::Id, mix, 1.1, cold)
    }

    #[test]
    fn every_rank_has_a_project_of_its_own() {
        for (facts, cold) in [(1_000, 0.0), (7_000, 0.0), (30_000, 0.1)] {
            let asked = population(facts, cold);
            let projects: HashSet<u64> = (0..asked.warm_projects()).map(|rank| asked.spread(rank)).collect();
            assert_eq!(projects.len() as u64, asked.warm_projects());
            assert!(projects.iter().all(|project| *project < asked.warm_projects()));
        }
    }

    #[test]
    fn a_cold_question_is_about_what_no_other_was() {
        let (asked, mut random) = (population(20_000, 0.2), Random::new(9));
        let questions: Vec<Question> = (0..900).map(|_| asked.next(&mut random)).collect();
        let reserve: HashSet<String> =
            (asked.warm_projects()..asked.world.projects()).map(|project| asked.name(project)).collect();
        let cold: Vec<&Question> = questions.iter().filter(|one| reserve.contains(&one.project)).collect();
        let projects: HashSet<&String> = cold.iter().map(|one| &one.project).collect();
        assert!((130..=200).contains(&cold.len()), "{}", cold.len());
        assert_eq!(projects.len(), cold.len(), "no project twice");
        assert_eq!(asked.cold_missing(), 0);
    }

    #[test]
    fn a_world_is_filled_with_all_that_is_asked_about() {
        let (asked, mut random) = (population(3_000, 0.0), Random::new(4));
        let filled: Vec<Question> = (0..asked.warm_projects()).flat_map(|number| asked.filling(number)).collect();
        let (users, projects): (HashSet<String>, HashSet<String>) =
            filled.into_iter().map(|one| (one.user, one.project)).unzip();
        let questions = (0..3_000).map(|_| asked.next(&mut random));
        assert!(questions.into_iter().all(|one| users.contains(&one.user) && projects.contains(&one.project)));
        assert_eq!((users.len(), projects.len()), (303, 300));
    }

    #[test]
    fn what_is_cold_may_run_out() {
        let (asked, mut random) = (population(2_000, 1.0), Random::new(9));
        let count = (0..150).filter(|_| asked.next(&mut random).kind == Kind::Direct).count();
        assert!(count >= 100);
        assert_eq!(asked.cold_missing(), 50);
    }
}
