//! One writer, several checkers, two services: every answer is the truth at exactly the revision that it names.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use rolegate::grpc::v1::consistency::Requirement;

use super::writes::{Write, any_write};
use super::{ACTIONS, Pair, STEPS, Service, begin, questions, setting};
use crate::support::postgres::{connect, fresh_database};
use crate::support::{Matrix, Verdict};

const CHECKERS: usize = 4;

/// What one checker was told, and how many writes of the same service had returned before it asked.
struct Told {
    question: (Pair, &'static str),
    verdict: Verdict,
    revision: String,
    returned: usize,
}

/// What the writer and the checkers share.
#[derive(Default)]
struct Course {
    /// Counts revisions: those before this one have been written, and the write has returned.
    returned: AtomicUsize,
    /// The last revision written through the other service.
    elsewhere: Mutex<Option<String>>,
    over: AtomicBool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_the_truth_at_the_revision_that_it_names() {
    let database = fresh_database().await;
    let here = Arc::new(Service::start_on(database.clone(), &[]).await);
    let elsewhere = Service::start_on(database.clone(), &[]).await;
    begin(&here).await;
    let course = Arc::new(Course::default());
    let client = connect(&database).await;

    let first = here.check("", "ann/none", "view_project").await.unwrap().revision;
    let mut matrices = vec![(first, Matrix::read(&client, Timestamp::now()).await)];
    let checkers: Vec<_> =
        (0..CHECKERS).map(|number| tokio::spawn(check(Arc::clone(&here), Arc::clone(&course), number))).collect();
    for (step, write) in lasting_writes(setting("ROLEGATE_HISTORY_STEPS", STEPS)).into_iter().enumerate() {
        let other = step % 3 == 2;
        let written = write.run(if other { &elsewhere } else { &here }).await;
        let Ok(revision) = written else { continue };
        // what was tried has none, and what changed nothing is true at the revision that there was
        if revision.is_empty() || matrices.last().is_some_and(|(last, _)| *last == revision) {
            continue;
        }
        if other {
            *course.elsewhere.lock().unwrap() = Some(revision.clone());
        } else {
            course.returned.store(matrices.len(), Ordering::SeqCst);
        }
        matrices.push((revision, Matrix::read(&client, Timestamp::now()).await));
    }
    course.over.store(true, Ordering::SeqCst);
    let mut told = Vec::new();
    for checker in checkers {
        told.push(checker.await.unwrap());
    }
    judge(&matrices, &told);

    let last = here.check_at(("ann", "ann/none", "view_project"), Requirement::FullyConsistent(true)).await.unwrap();
    assert_eq!(last.revision, matrices.last().unwrap().0, "the first service has seen the writes of the second");
}

/// Writes without grants that end: what is true at a revision must not depend on the time.
fn lasting_writes(count: u32) -> Vec<Write> {
    let mut runner = TestRunner::default();
    let draw = |_| {
        let mut write = any_write().new_tree(&mut runner).unwrap().current();
        match &mut write {
            Write::CollaboratorAdd(request) => request.expires_at = None,
            Write::CollaboratorUpdate(request) => request.expires_at = None,
            _ => {}
        }
        write
    };
    (0..count).map(draw).collect()
}

async fn check(service: Arc<Service>, course: Arc<Course>, number: usize) -> Vec<Told> {
    let questions = questions();
    let mut told = Vec::new();
    for turn in number.. {
        if course.over.load(Ordering::SeqCst) {
            break;
        }
        let pair = questions[turn * 101 % questions.len()].clone();
        let action = ACTIONS[turn % ACTIONS.len()].0;
        let returned = course.returned.load(Ordering::SeqCst);
        let token = course.elsewhere.lock().unwrap().clone();
        let asked = (pair.0.as_str(), pair.1.as_str(), action);
        let answer = match token {
            Some(token) if turn % 5 == 0 => service.check_at(asked, Requirement::AtLeastAsFresh(token)).await,
            _ if turn % 7 == 0 => service.check_at(asked, Requirement::FullyConsistent(true)).await,
            _ => service.check(asked.0, asked.1, action).await,
        };
        let answer = answer.unwrap();
        let verdict = Verdict::from(&answer);
        told.push(Told { question: (pair, action), verdict, revision: answer.revision, returned });
    }
    told
}

/// Holds all that was told against what was true.
fn judge(matrices: &[(String, Matrix)], told: &[Vec<Told>]) {
    let places: HashMap<&str, usize> =
        matrices.iter().enumerate().map(|(place, (revision, _))| (revision.as_str(), place)).collect();
    assert_eq!(places.len(), matrices.len(), "every write has a revision of its own");
    let mut answered_at = std::collections::BTreeSet::new();
    for checker in told {
        let mut last = 0;
        for told in checker {
            let place = *places.get(told.revision.as_str()).expect("a revision that a write returned");
            let ((user, project), action) = &told.question;
            assert_eq!(
                told.verdict,
                matrices[place].1.verdict(user, project, action),
                "{user} {project} {action} at revision {place}"
            );
            assert!(place >= last, "revisions never go back for one checker: {last}, {place}");
            assert!(place >= told.returned, "a write had returned at {}, the answer is of {place}", told.returned);
            last = place;
            answered_at.insert(place);
        }
    }
    let answers: usize = told.iter().map(Vec::len).sum();
    println!("{answers} answers at {} of {} revisions", answered_at.len(), matrices.len());
    assert!(answered_at.len() > matrices.len() / 10, "the checkers were there while things changed");
}
