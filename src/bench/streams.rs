//! Questions on streams: one a connection, with a window of questions that are always under way.

use std::sync::Arc;
use std::time::Instant;

use futures::stream::unfold;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::calls::{decision, judge};
use super::load::Shared;
use super::mix::Kind;
use super::random::{Random, mix};
use super::record::Record;
use crate::grpc::v1::authorization_service_client::AuthorizationServiceClient;
use crate::grpc::v1::{StreamCheckRequest, StreamCheckResponse};

/// A question under way.
#[derive(Clone)]
struct Asked {
    begun: Instant,
    kind: Kind,
    user: String,
}

/// Keeps so many questions under way on one stream until the window ends. A question's id is its place among them.
pub async fn ask(shared: Arc<Shared>, number: u64, channel: Channel, window: usize) -> Record {
    let mut caller = Caller {
        random: Random::new(mix(shared.load.seed, number)),
        shared,
        under_way: Vec::with_capacity(window),
        record: Record::default(),
    };
    if let Err(status) = caller.ask(channel, window).await {
        caller.record.failed(&status);
    }
    caller.record
}

struct Caller {
    shared: Arc<Shared>,
    random: Random,
    under_way: Vec<Asked>,
    record: Record,
}

impl Caller {
    async fn ask(&mut self, channel: Channel, window: usize) -> Result<(), Status> {
        let (questions, sent) = unbounded_channel();
        for place in 0..window {
            let (asked, question) = self.question(place as u64);
            self.under_way.push(asked);
            let _ = questions.send(question);
        }
        let sent = unfold(sent, async |mut sent| sent.recv().await.map(|question| (question, sent)));
        let answers = AuthorizationServiceClient::new(channel).stream_check(Box::pin(sent)).await?.into_inner();
        self.follow(questions, answers).await
    }

    /// Takes answers, each of which makes room for a question.
    async fn follow(
        &mut self,
        questions: UnboundedSender<StreamCheckRequest>,
        mut answers: Streaming<StreamCheckResponse>,
    ) -> Result<(), Status> {
        let window = self.shared.window;
        while let Some(answer) = answers.message().await? {
            let (id, now) = (answer.id, Instant::now());
            let place = usize::try_from(id).ok().and_then(|id| self.under_way.get(id).cloned());
            let asked = place.ok_or_else(|| Status::internal("an answer to no question"))?;
            let result = answer.result.ok_or_else(|| Status::internal("an answer without a result"))?;
            let decided = decision(result)?;
            if window.contains(asked.begun) && now < window.to {
                self.record.answered(now.saturating_duration_since(window.from), now - asked.begun, [asked.kind]);
                self.record.marked_stale += u64::from(decided.stale);
                judge(asked.kind, &asked.user, &decided, &mut self.record);
            }
            if now >= window.to {
                // the stream is dropped with what is under way on it
                return Ok(());
            }
            let (asked, question) = self.question(id);
            if let Some(place) = usize::try_from(id).ok().and_then(|id| self.under_way.get_mut(id)) {
                *place = asked;
            }
            let _ = questions.send(question);
        }
        Err(Status::unavailable("the stream was ended"))
    }

    fn question(&mut self, id: u64) -> (Asked, StreamCheckRequest) {
        let question = self.shared.population.next(&mut self.random);
        let asked = Asked { begun: Instant::now(), kind: question.kind, user: question.user.clone() };
        (asked, StreamCheckRequest { id, check: Some(question.item()), consistency: None })
    }
}
