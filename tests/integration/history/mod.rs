//! Random histories: after every write the answers to every kind of question are those of the SQL oracle, grants and denials
//! alike.
//!
//! `ROLEGATE_HISTORY_STEPS` makes each history longer (up to 320 writes unless set), `ROLEGATE_HISTORIES` runs more of them (3
//! unless set). A failure names the shortest history found that shows it; `ROLEGATE_TEST_LOG=error` adds what the service
//! logged.

mod concurrent;
mod writes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use rolegate::grpc::v1::{self, OrganizationRole};
use tonic::{Code, Status};

use crate::agreement::{Agreement, Dice, Names, setting};
use crate::support::oracle::{ACTIONS, database_clock, ends_between};
use crate::support::postgres::{connect, fresh_database, miscounted};
use crate::support::{Matrix, Rules, Service, Verdict, reason};
use writes::{ACCOUNTS, PROJECT_IDS, PROJECTS, Write, any_write, project_id};

/// Every so many writes everybody is asked about everything; after the others, some about some.
const WHOLE: usize = 60;
const SOME: usize = 12;

/// Every so many writes the world of the beginning is mended, or a history would end among what no longer exists.
const AGAIN: usize = 25;

/// What can happen to a write that is as it should be: done, or refused for a reason that a caller can act on.
const REFUSALS: [Code; 6] = [
    Code::Ok,
    Code::InvalidArgument,
    Code::NotFound,
    Code::AlreadyExists,
    Code::FailedPrecondition,
    Code::PermissionDenied,
];

/// How often each kind of write was answered with each code.
type Tally = BTreeMap<(String, String), u32>;

/// How many writes a history has at the most, and how many histories there are, unless set otherwise.
const STEPS: u32 = 320;
const HISTORIES: u32 = 3;

/// Every so many writes something that was said to help is done.
const REMEDY: usize = 8;

/// What the service of a history is like.
#[derive(Debug, Clone, Copy, Default)]
struct Setup {
    rules: Rules,
    /// How many bytes its view may take, where that is hardly any.
    memory: Option<u64>,
}

#[test]
fn after_every_write_of_a_random_history_every_question_agrees_with_the_rules() {
    let tally = random_histories(HISTORIES, Setup::default());
    println!("{tally:#?}");
    let kinds_done = tally.keys().filter(|(_, code)| code == "Ok").count();
    assert!(kinds_done >= 20, "nearly all of the 24 kinds of write were done at least once: {tally:#?}");
}

#[test]
fn a_view_that_forgets_all_the_time_answers_the_same() {
    random_histories(HISTORIES / 2, Setup { memory: Some(6_000), ..Setup::default() });
}

#[test]
fn the_first_origin_wins_and_a_view_over_the_limit_is_refused_where_the_policy_says_so() {
    let rules = Rules { first_origin: true, refuse_view: true };
    random_histories(HISTORIES - 1, Setup { rules, ..Setup::default() });
}

fn random_histories(histories: u32, setup: Setup) -> Tally {
    let histories = setting("ROLEGATE_HISTORIES", histories);
    let steps = setting("ROLEGATE_HISTORY_STEPS", STEPS);
    let config = Config { cases: histories, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let length = steps as usize / 2..=steps as usize;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tally = Arc::new(Mutex::new(Tally::new()));
    let outcome = TestRunner::new(config).run(&prop::collection::vec(any_write(), length), |writes| {
        let tally = Arc::clone(&tally);
        // on a task: a test of the harness must not run on the thread that blocks
        runtime.block_on(async move { tokio::spawn(play(writes, setup, tally)).await.unwrap() })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let tally = tally.lock().unwrap();
    tally.clone()
}

/// Plays one history on a database of its own.
async fn play(writes: Vec<Write>, setup: Setup, tally: Arc<Mutex<Tally>>) -> Result<(), TestCaseError> {
    let database = fresh_database().await;
    let client = connect(&database).await;
    let service = match setup.memory {
        None => Service::start_by(setup.rules.policy(), database).await,
        Some(memory) => Service::start_forgetful(database, memory).await,
    };
    begin(&service).await;
    let questions = questions();
    let agreement = Agreement { service: &service, client: &client, rules: setup.rules, standing: None };
    for (step, write) in writes.into_iter().enumerate() {
        if step % AGAIN == AGAIN - 1 {
            begin(&service).await;
        }
        let kind = format!("{write:?}").split('(').next().unwrap_or_default().to_owned();
        let shown = format!("{write:?}");
        let written = write.starting(database_clock(&client).await).run(&service).await;
        count(&tally, kind, &written);
        let agreed = ask(agreement, &questions, step, &tally).await;
        agreed.map_err(|problem| {
            let problem = format!("after step {step}, {shown} ({}):\n{problem}", outcome(&written));
            eprintln!("{problem}");
            TestCaseError::fail(problem)
        })?;
        if let Err(status) = written
            && (!REFUSALS.contains(&status.code()) || reason(&status).is_empty())
        {
            eprintln!("step {step}, {shown}: {status:?}");
            return Err(TestCaseError::fail(format!("step {step}, {shown}: {status:?}")));
        }
    }
    service.stop().await;
    match miscounted(&client).await {
        wrong if wrong.is_empty() => Ok(()),
        wrong => Err(TestCaseError::fail(format!("members are counted wrong: {wrong:?}"))),
    }
}

/// Asks for some checks and some of everything else, and now and then does what was said to help.
async fn ask(agreement: Agreement<'_>, questions: &[Pair], step: usize, tally: &Mutex<Tally>) -> Result<(), String> {
    compare(agreement, &choose(questions, step)).await?;
    let (mut names, mut dice) = (names(), Dice::new(step as u64));
    // the ids more often: most paths lead nowhere
    names.projects.extend((0..5).flat_map(|_| (0..PROJECT_IDS).map(project_id)));
    agreement.on_some(&names, &mut dice).await?;
    if step % REMEDY == REMEDY - 1 {
        for kind in agreement.on_a_remedy(&names, &mut dice).await? {
            *tally.lock().unwrap().entry((kind.as_str_name().to_owned(), "Taken".to_owned())).or_default() += 1;
        }
    }
    Ok(())
}

/// A small world; what is there already, or can't be, stays as it is.
async fn begin(service: &Service) {
    for username in ["ann", "bob", "cyd", "dan", "eve"] {
        let request = v1::UserServiceCreateRequest { username: username.to_owned(), ..Default::default() };
        let _ = service.users().create(request).await;
    }
    for (username, owner) in [("acme", "ann"), ("firm", "bob")] {
        let (username, owner) = (username.to_owned(), owner.to_owned());
        let request = v1::OrganizationServiceCreateRequest { username, owner, ..Default::default() };
        let _ = service.organizations().create(request).await;
    }
    for (organization, user, role) in [
        ("acme", "cyd", OrganizationRole::Admin),
        ("acme", "dan", OrganizationRole::Member),
        ("acme", "eve", OrganizationRole::Creator),
        ("firm", "dan", OrganizationRole::Member),
    ] {
        let _ = service.add_member(organization, user, role).await;
    }
    for (team, user) in [("@acme/red", "dan"), ("@acme/red", "eve"), ("@firm/blue", "dan"), ("@firm/blue", "bob")] {
        let (team, user) = (team.to_owned(), user.to_owned());
        let created = v1::TeamServiceCreateRequest { team: team.clone(), ..Default::default() };
        let _ = service.teams().create(created).await;
        let _ = service.teams().add_team_member(v1::AddTeamMemberRequest { team, user, ..Default::default() }).await;
    }
    for (number, path) in ["acme/trees", "firm/parks", "eve/trees"].iter().enumerate() {
        let (owner, name) = path.split_once('/').unwrap();
        let (owner, name, id) = (owner.to_owned(), name.to_owned(), project_id(number as u8));
        let request = v1::ProjectServiceCreateRequest { owner, name, id, ..Default::default() };
        let _ = service.projects().create(request).await;
    }
}

fn count(tally: &Mutex<Tally>, kind: String, written: &Result<String, Status>) {
    let code = written.as_ref().map_or_else(reason, |_| "Ok".to_owned());
    *tally.lock().unwrap().entry((kind, code)).or_default() += 1;
}

fn outcome(written: &Result<String, Status>) -> String {
    written.as_ref().map_or_else(|status| status.to_string(), |revision| format!("done at {revision}"))
}

/// A user and a project.
type Pair = (String, String);

/// Everybody and everything that a history can know, and some that it can't.
fn names() -> Names {
    let accounts = ACCOUNTS.iter().map(|name| (*name).to_owned()).chain([String::new(), "nobody".to_owned()]);
    let paths = ACCOUNTS.iter().flat_map(|owner| PROJECTS.map(|name| format!("{owner}/{name}")));
    Names { accounts: accounts.collect(), projects: (0..=PROJECT_IDS).map(project_id).chain(paths).collect() }
}

fn questions() -> Vec<Pair> {
    let Names { accounts, projects } = names();
    let of_all = |user: String| projects.iter().map(move |project| (user.clone(), project.clone())).collect::<Vec<_>>();
    accounts.into_iter().flat_map(of_all).collect()
}

fn choose(questions: &[Pair], step: usize) -> Vec<(Pair, &'static str)> {
    let action = |index: usize| ACTIONS[(index + step) % ACTIONS.len()].0;
    if step % WHOLE == WHOLE - 1 {
        return questions.iter().enumerate().map(|(index, pair)| (pair.clone(), action(index))).collect();
    }
    // a stride that meets everything in the end
    let place = |index: usize| (step * SOME + index) * 101 % questions.len();
    (0..SOME).map(|index| (questions[place(index)].clone(), action(index))).collect()
}

/// Asks for some checks, and finds the answers among those that the rules give from before the first question until shortly
/// after the last: grants may end meanwhile, by the service's clock a little early.
async fn compare(agreement: Agreement<'_>, asked: &[(Pair, &'static str)]) -> Result<(), String> {
    let Agreement { service, client, rules, .. } = agreement;
    let before = database_clock(client).await;
    let answers = join_all(asked.iter().map(|((user, project), action)| service.check(user, project, action))).await;
    let after = database_clock(client).await;
    let mut moments = ends_between(client, before, after + SignedDuration::from_secs(1)).await;
    moments.push(before);
    let mut matrices = Vec::new();
    for moment in moments {
        matrices.push(Matrix::read_by(rules, client, moment).await);
    }
    for (((user, project), action), answer) in asked.iter().zip(answers) {
        let answer = answer.map_err(|status| format!("{user} {project} {action}: {status:?}"))?;
        let answered = Verdict::from(&answer);
        let right: Vec<Verdict> = matrices.iter().map(|matrix| matrix.verdict(user, project, action)).collect();
        if !right.contains(&answered) {
            return Err(format!("{user} {project} {action}\n answered {answered:?}\n right is {right:?}"));
        }
    }
    Ok(())
}
