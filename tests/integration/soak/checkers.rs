//! Those who ask: through any replica, one question or many, with a token or without, and remember what they were told.

use std::sync::Arc;
use std::time::Duration;

use rolegate::grpc::v1::check_item::Object;
use rolegate::grpc::v1::check_result;
use rolegate::grpc::v1::consistency::Requirement;
use rolegate::grpc::v1::{BatchCheckRequest, CheckItem, CheckRequest, CheckResponse, Consistency};
use tonic::{Request, Status};

use super::history::{Answer, Check, History, Wanted, now};
use super::requests::decode;
use super::stage::Stage;
use super::world::{ACTIONS, Fact, Holder, PROJECTS, Project, USERS, User, project_id};
use crate::agreement::Dice;
use crate::support::{Clients, reason};

/// How long one waits for an answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many questions a batch has at the most.
const BATCH: usize = 12;

/// Why a question may have no answer.
const REASONS: [&str; 6] =
    ["", "VIEW_NOT_FRESH", "REVISION_NOT_REACHED", "DATABASE_UNAVAILABLE", "SHUTTING_DOWN", "DEADLINE_EXCEEDED"];

/// A user, a project, and an action by the lowest role that may.
type Question = (User, Project, u8);

/// One that asks.
pub struct Checker {
    stage: Arc<Stage>,
    home: usize,
    dice: Dice,
    /// What it was told last, by whichever replica.
    token: Option<String>,
    history: History,
}

impl Checker {
    pub fn new(stage: Arc<Stage>, home: usize, dice: Dice) -> Self {
        Self { stage, home, dice, token: None, history: History::default() }
    }

    /// Asks until the run is over.
    pub async fn run(mut self) -> History {
        while !self.stage.is_over() {
            let answered = self.ask().await;
            let longest = if answered { 4 } else { 40 };
            tokio::time::sleep(Duration::from_millis(self.dice.below(longest) as u64)).await;
        }
        self.history
    }

    /// Asks once; `true` where there was an answer.
    async fn ask(&mut self) -> bool {
        let count = if self.dice.once_in(8) { 1 + self.dice.below(BATCH) } else { 1 };
        let questions: Vec<Question> = (0..count).map(|_| self.question()).collect();
        let (wanted, requirement) = self.requirement();
        let by_id = self.dice.once_in(2);
        let stage = Arc::clone(&self.stage);
        let replica = stage.replica(self.home, &mut self.dice);
        let (clients, asked) = (stage.replicas[replica].clients(), now());
        let told = async {
            if count > 1 {
                ask_many(&clients, &questions, by_id, requirement).await
            } else {
                ask_one(&clients, questions[0], by_id, requirement).await
            }
        };
        let told = tokio::time::timeout(PATIENCE, told).await;
        let answered = now();
        match told.unwrap_or_else(|_| Err(Status::unknown("no answer at all"))) {
            Ok((revision, answers)) => match decode(&revision) {
                Some(at) => {
                    self.stage.hand_on_told(revision.clone());
                    self.token = Some(revision);
                    self.history.checks.push(Check { replica, asked, answered, wanted, at, answers });
                    return true;
                }
                None => self.history.nonsense.push(format!("no revision: {revision}")),
            },
            Err(status) => self.note(replica, &status),
        }
        false
    }

    fn note(&mut self, replica: usize, status: &Status) {
        let reason = reason(status);
        if !REASONS.contains(&reason.as_str()) {
            self.history.nonsense.push(format!("a check at replica {replica}: {status:?}"));
        }
        *self.history.unanswered.entry(reason).or_default() += 1;
    }

    /// Something, or what a write has just changed.
    fn question(&mut self) -> Question {
        let action = u8::try_from(1 + self.dice.below(ACTIONS.len())).unwrap_or(1);
        let (user, project) = (self.dice.below(USERS.len()), self.dice.below(PROJECTS.len()));
        let written = if self.dice.once_in(2) { self.stage.written() } else { None };
        match written.map(|written| written.fact) {
            None => (user, project, action),
            Some(Fact::Active(user) | Fact::Member(user) | Fact::Place(_, user)) => (user, project, action),
            Some(Fact::Grant(project, Holder::User(user))) => (user, project, action),
            Some(Fact::Grant(project, Holder::Team(_)) | Fact::Public(project)) => (user, project, action),
        }
    }

    /// How fresh the answer must be: mostly as it comes, sometimes no older than the last one, than what somebody else was
    /// told, by another replica perhaps, or than somebody's write.
    fn requirement(&mut self) -> (Wanted, Option<Requirement>) {
        let token = match self.dice.below(8) {
            0 => self.token.clone(),
            1 => self.stage.told(),
            2 => self.stage.written().map(|written| written.token),
            3 => return (Wanted::Everything, Some(Requirement::FullyConsistent(true))),
            _ => None,
        };
        match token.as_deref().and_then(decode).zip(token) {
            Some((at, token)) => (Wanted::AtLeast(at.revision), Some(Requirement::AtLeastAsFresh(token))),
            None => (Wanted::Anything, None),
        }
    }
}

async fn ask_one(
    clients: &Clients,
    question: Question,
    by_id: bool,
    requirement: Option<Requirement>,
) -> Result<(String, Vec<Answer>), Status> {
    let message = CheckRequest {
        user: USERS[question.0].to_owned(),
        project: project_name(question.1, by_id),
        action: ACTIONS[usize::from(question.2) - 1].to_owned(),
        consistency: requirement.map(|requirement| Consistency { requirement: Some(requirement) }),
    };
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    let told = clients.authorization().check(request).await?.into_inner();
    Ok((told.revision.clone(), vec![answer(question, &told)]))
}

async fn ask_many(
    clients: &Clients,
    questions: &[Question],
    by_id: bool,
    requirement: Option<Requirement>,
) -> Result<(String, Vec<Answer>), Status> {
    let item = |question: &Question| CheckItem {
        user: USERS[question.0].to_owned(),
        object: Some(Object::Project(project_name(question.1, by_id))),
        action: ACTIONS[usize::from(question.2) - 1].to_owned(),
    };
    let consistency = requirement.map(|requirement| Consistency { requirement: Some(requirement) });
    let mut request = Request::new(BatchCheckRequest { checks: questions.iter().map(item).collect(), consistency });
    request.set_timeout(PATIENCE);
    let told = clients.authorization().batch_check(request).await?.into_inner();
    assert_eq!(told.results.len(), questions.len(), "an answer for every question");
    let mut answers = Vec::new();
    for (question, result) in questions.iter().zip(told.results) {
        match result.result {
            Some(check_result::Result::Project(told)) => answers.push(answer(*question, &told)),
            // a load that failed is the error of the questions that needed it
            Some(check_result::Result::Error(error)) if error.code == tonic::Code::Unavailable as i32 => {}
            other => panic!("no answer about a project: {other:?}"),
        }
    }
    Ok((told.revision, answers))
}

fn answer((user, project, needed): Question, told: &CheckResponse) -> Answer {
    Answer { user, project, needed, allowed: told.allowed, role: u8::try_from(told.role).unwrap_or(u8::MAX) }
}

fn project_name(project: Project, by_id: bool) -> String {
    if by_id { project_id(project) } else { PROJECTS[project].to_owned() }
}
