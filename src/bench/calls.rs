//! One call, or one question on a stream: what is sent, and whether what comes back is what the world has.

use std::time::Duration;

use tonic::Status;
use tonic::transport::Channel;

use super::mix::Kind;
use super::questions::{Question, is_right};
use super::record::Record;
use crate::grpc::v1::authorization_service_client::AuthorizationServiceClient;
use crate::grpc::v1::{BatchCheckRequest, CheckResponse, CheckResult, check_result};

/// How questions are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A call each.
    Check,
    /// So many in a call.
    Batch(usize),
    /// On one long-lived stream a connection.
    Stream,
}

impl Shape {
    /// Questions in a call.
    pub fn size(self) -> usize {
        match self {
            Self::Check | Self::Stream => 1,
            Self::Batch(size) => size,
        }
    }

    /// What it is called.
    pub fn name(self) -> String {
        match self {
            Self::Check => "Check".to_owned(),
            Self::Batch(size) => format!("BatchCheck of {size}"),
            Self::Stream => "StreamCheck".to_owned(),
        }
    }
}

/// Makes calls, one at a time.
pub struct Calls {
    client: AuthorizationServiceClient<Channel>,
    shape: Shape,
}

/// What was asked, and what came of it.
pub struct Answers {
    asked: Vec<(Kind, String)>,
    answers: Vec<CheckResponse>,
    stale: bool,
}

impl Calls {
    pub fn new(channel: Channel, shape: Shape) -> Self {
        Self { client: AuthorizationServiceClient::new(channel), shape }
    }

    /// Asks these questions in one call.
    pub async fn ask(&mut self, questions: Vec<Question>) -> Result<Answers, Status> {
        let asked = questions.iter().map(|one| (one.kind, one.user.clone())).collect();
        if let Shape::Batch(_) = self.shape {
            let checks = questions.into_iter().map(Question::item).collect();
            let answer = self.client.batch_check(BatchCheckRequest { checks, consistency: None }).await?.into_inner();
            let answers = answer.results.into_iter().map(decision).collect::<Result<_, _>>()?;
            return Ok(Answers { asked, answers, stale: answer.stale });
        }
        let question = questions.into_iter().next().ok_or_else(|| Status::internal("nothing was asked"))?;
        let answer = self.client.check(question.request()).await?.into_inner();
        Ok(Answers { asked, stale: answer.stale, answers: vec![answer] })
    }
}

impl Answers {
    /// Notes each of them.
    ///
    /// # Errors
    /// When there are fewer answers than questions.
    pub fn note(self, at: Duration, latency: Duration, record: &mut Record) -> Result<(), Status> {
        if self.asked.len() != self.answers.len() {
            return Err(Status::internal("a batch came back with another number of answers"));
        }
        record.answered(at, latency, self.asked.iter().map(|(kind, _)| *kind));
        record.marked_stale += u64::from(self.stale);
        for ((kind, user), answer) in self.asked.iter().zip(&self.answers) {
            judge(*kind, user, answer, record);
        }
        Ok(())
    }
}

/// Notes an answer that is not what the world has.
pub fn judge(kind: Kind, user: &str, answer: &CheckResponse, record: &mut Record) {
    if !is_right(kind, answer) {
        record.wrong(|| format!("{user}, asked about as {}: {answer:?}", kind.name()));
    }
}

/// The decision about a project that one of several answers is.
///
/// # Errors
/// The failure that it is instead.
pub fn decision(result: CheckResult) -> Result<CheckResponse, Status> {
    match result.result {
        Some(check_result::Result::Project(answer)) => Ok(answer),
        Some(check_result::Result::Error(error)) => Err(Status::new(error.code.into(), error.message)),
        _ => Err(Status::internal("an answer is about something else than was asked")),
    }
}
