//! What was compared and what came of it, counted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Resolution;
use super::question::{Answer, Question};
use super::rulings::RULINGS;

/// What sort of decision it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    Project,
    Organization,
    Account,
    User,
    Stranger,
    Subscription,
    Listing,
    NewCollaborator,
    NewMember,
    Model,
    Event,
    EventEffect,
}

/// How many decisions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Decided as the real system did.
    pub agreed: u64,
    /// Decided otherwise, as a ruling says.
    pub ruled: u64,
    /// Decided otherwise, and nothing says why.
    pub disagreed: u64,
    /// Touched by a row that rolegate does not let exist.
    pub left_out: u64,
    /// Of a function that is nothing to rolegate.
    pub not_mapped: u64,
}

/// A decision that differs, and nothing says why.
#[derive(Debug, Clone, Serialize)]
pub struct Disagreement {
    pub world: String,
    /// Where it was asked under a policy.
    pub resolution: Option<Resolution>,
    pub section: Section,
    pub user: String,
    /// The project, organization, account or row.
    pub object: String,
    /// The real function and the action, or the write.
    pub action: String,
    pub expected: String,
    pub got: String,
    pub explanation: String,
}

/// The account of one world, or of several together.
#[derive(Debug, Default)]
pub struct Tally {
    pub(super) world: String,
    pub(super) counts: BTreeMap<(Option<Resolution>, Section), Counts>,
    /// How often each ruling was met, in the order of the table.
    pub(super) met: Vec<u64>,
    pub(super) disagreements: Vec<Disagreement>,
    /// Rows of the worlds that were not written.
    pub(super) rows_left_out: u64,
}

/// What is compared, for a report of it.
pub(super) struct Case<'a> {
    pub place: (Option<Resolution>, Section),
    pub user: &'a str,
    pub object: &'a str,
    pub action: &'a str,
    pub explanation: &'a str,
}

impl Tally {
    pub(super) fn new(world: &str) -> Self {
        Self { world: world.to_owned(), ..Self::default() }
    }

    /// Compares, counts, and keeps what disagrees.
    pub(super) fn compare(&mut self, case: &Case<'_>, question: &Question<'_>, real: &Answer, got: &Answer) {
        if let Some(expected) = self.judge(case.place, question, real, got) {
            self.disagree(case, &expected, got);
        }
    }

    /// Keeps what disagrees.
    pub(super) fn disagree(&mut self, case: &Case<'_>, expected: &Answer, got: &Answer) {
        self.disagreements.push(Disagreement {
            world: self.world.clone(),
            resolution: case.place.0,
            section: case.place.1,
            user: case.user.to_owned(),
            object: case.object.to_owned(),
            action: case.action.to_owned(),
            expected: expected.to_string(),
            got: got.to_string(),
            explanation: case.explanation.to_owned(),
        });
    }

    /// Compares one answer with what is expected, and counts it; returns what was expected where that is not what rolegate
    /// said.
    pub(super) fn judge(
        &mut self,
        place: (Option<Resolution>, Section),
        question: &Question<'_>,
        real: &Answer,
        got: &Answer,
    ) -> Option<Answer> {
        let ruling = RULINGS.iter().enumerate().find_map(|(line, ruling)| Some((line, (ruling.expects)(question)?)));
        let counts = self.counts.entry(place).or_default();
        let expected = ruling.as_ref().map_or(real, |(_, answer)| answer);
        if expected != got {
            counts.disagreed += 1;
            return Some(expected.clone());
        }
        match ruling {
            Some((line, answer)) if answer != *real => {
                counts.ruled += 1;
                self.met.resize(RULINGS.len(), 0);
                if let Some(met) = self.met.get_mut(line) {
                    *met += 1;
                }
            }
            _ => counts.agreed += 1,
        }
        None
    }

    pub(super) fn leave_out(&mut self, place: (Option<Resolution>, Section), decisions: u64) {
        self.counts.entry(place).or_default().left_out += decisions;
    }

    pub(super) fn not_mapped(&mut self, place: (Option<Resolution>, Section), decisions: u64) {
        self.counts.entry(place).or_default().not_mapped += decisions;
    }

    /// Takes in the account of another world.
    pub(super) fn add(&mut self, other: Self) {
        for (place, more) in other.counts {
            *self.counts.entry(place).or_default() += more;
        }
        self.met.resize(RULINGS.len(), 0);
        self.met.iter_mut().zip(other.met).for_each(|(met, more)| *met += more);
        self.disagreements.extend(other.disagreements);
        self.rows_left_out += other.rows_left_out;
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.agreed += more.agreed;
        self.ruled += more.ruled;
        self.disagreed += more.disagreed;
        self.left_out += more.left_out;
        self.not_mapped += more.not_mapped;
    }
}

impl Section {
    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Project => "projects",
            Self::Organization => "organizations",
            Self::Account => "accounts",
            Self::User => "users",
            Self::Stranger => "strangers",
            Self::Subscription => "subscriptions",
            Self::Listing => "listings",
            Self::NewCollaborator => "new collaborators",
            Self::NewMember => "new members",
            Self::Model => "rows to be written",
            Self::Event => "events",
            Self::EventEffect => "effects of events",
        }
    }
}
