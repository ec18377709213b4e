//! Several checks at once: a batch that is true at one revision, and a stream that answers as it can.

use std::sync::{Arc, LazyLock};

use futures::{Stream, StreamExt as _, stream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tonic::{Status, Streaming};

use super::decisions::At;
use super::gate::Pass;
use super::v1::{
    BatchCheckRequest, BatchCheckResponse, CheckError, CheckResult, StreamCheckRequest, StreamCheckResponse,
    check_result,
};
use super::{Services, decisions, errors, protocol, questions, revision};
use crate::view::{Verdict, View};

/// The most checks in a batch.
const LARGEST_BATCH: usize = 1_000;

/// The most characters of an item's error: a thousand of them must fit into an answer that clients take.
const LONGEST_MESSAGE: usize = 1_000;

/// How many questions of one stream are under way at a time.
const UNDER_WAY: usize = 64;

impl Services {
    /// Answers a batch: what can't be asked, and what can't be loaded, are errors of their own items.
    pub(super) async fn check_batch(
        &self,
        view: &View,
        request: BatchCheckRequest,
        deadline: Instant,
    ) -> Result<BatchCheckResponse, Status> {
        if request.checks.len() > LARGEST_BATCH {
            let problem = format!("has {} checks, and may have 1,000; ask in several batches", request.checks.len());
            return Err(errors::invalid_field("checks", &problem));
        }
        let wanted = self.be_as_fresh(request.consistency.as_ref(), || deadline).await?;
        let policy = &self.inner.policy;
        let mut asked = Vec::with_capacity(request.checks.len());
        let mut ask = |item| questions::item(policy, item).map(|question| asked.push(question));
        let parsed: Vec<Result<(), Status>> = request.checks.iter().map(&mut ask).collect();
        let answer = view.check_all(policy, &asked, || Some(deadline)).await.map_err(errors::view)?;
        wanted.met_by(answer.token)?;
        let mut verdicts = answer.value.into_iter();
        let mut next = || verdicts.next().ok_or_else(errors::internal)?.map_err(errors::view);
        let verdicts = parsed.into_iter().map(|parsed| parsed.and_then(|()| next()));
        let results = verdicts.map(|verdict| result(verdict, At::default())).collect();
        Ok(BatchCheckResponse { results, revision: revision::encode(answer.token), stale: answer.stale })
    }

    /// Answers a stream. Nothing more is read from it while its answers are not taken, so that a caller that stops reading
    /// holds a bounded number of them, and no other's. It keeps its place among the streams until it ends.
    pub(super) fn check_stream(
        self,
        (view, pass): (View, Option<Pass>),
        requests: Streaming<StreamCheckRequest>,
        caller: Option<Arc<str>>,
        place: OwnedSemaphorePermit,
    ) -> impl Stream<Item = Result<StreamCheckResponse, Status>> + Send {
        // a token of its own: streams must not meet at one lock
        let stopping = self.inner.stopping.child_token();
        let ending = stream::once(async move {
            stopping.cancelled().await;
            Err(errors::shutting_down())
        });
        let answers = requests
            .map(move |request| {
                let _kept = &place;
                let (services, view, caller) = (self.clone(), view.clone(), caller.clone());
                let may_go_on = pass.as_ref().map_or(Ok(()), Pass::holds);
                async move {
                    may_go_on?;
                    let request = request.map_err(protocol::of_stream)?;
                    Ok(services.answer_in_stream(&view, request, caller.as_deref()).await)
                }
            })
            .buffer_unordered(UNDER_WAY);
        let answers = answers.map(Some).chain(stream::once(async { None }));
        stream::select(answers, ending.map(Some))
            // the end of the answers is the end of the stream, and so is an error
            .scan(false, |ended, next| {
                let next = next.filter(|_| !*ended);
                *ended |= matches!(next, Some(Err(_)));
                futures::future::ready(next)
            })
    }

    async fn answer_in_stream(
        &self,
        view: &View,
        request: StreamCheckRequest,
        caller: Option<&str>,
    ) -> StreamCheckResponse {
        let deadline = LazyLock::new(|| Instant::now() + self.inner.timeout);
        let (id, policy) = (request.id, &self.inner.policy);
        // what is answered from memory never waits: a stream of it must let others have their turn
        tokio::task::coop::consume_budget().await;
        let decided = async {
            self.inner.capacity.let_send(caller, 1)?;
            let item = request.check.ok_or_else(|| errors::invalid_field("check", "must be there"))?;
            let question = questions::item(policy, &item)?;
            drop(item);
            let wanted = self.be_as_fresh(request.consistency.as_ref(), || *deadline).await?;
            let answer = view.check(policy, &question, || Some(*deadline)).await.map_err(errors::view)?;
            wanted.met_by(answer.token)?;
            Ok(answer)
        };
        let result = match decided.await {
            Ok(answer) => {
                let at = At::of(&answer);
                result(Ok(answer.value), at)
            }
            Err(status) => result(Err(status), At::default()),
        };
        StreamCheckResponse { id, result: Some(result) }
    }
}

fn result(verdict: Result<Verdict, Status>, at: At) -> CheckResult {
    use check_result::Result as Kind;
    let result = match verdict {
        Ok(Verdict::Project(decision)) => Kind::Project(decisions::project(&decision, at)),
        Ok(Verdict::Organization(decision)) => Kind::Organization(decisions::organization(&decision, at)),
        Ok(Verdict::Account(decision)) => Kind::Account(decisions::account(&decision, at)),
        Err(status) => Kind::Error(CheckError {
            code: status.code().into(),
            reason: errors::reason_of(&status).into(),
            message: status.message().chars().take(LONGEST_MESSAGE).collect(),
        }),
    };
    CheckResult { result: Some(result) }
}
