//! One task a watch, which sends what the log has into a bounded queue; a caller that takes nothing for too long is told so.

use std::time::Duration;

use futures::{Stream, StreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::{Instrument as _, Span};

use super::v1::change_service_watch_response::Message;
use super::v1::{self, ChangeServiceWatchResponse};
use super::{changes, errors, revision};
use crate::changes::{Event, Told, Watch};
use crate::view::Token;

/// How many messages of a watch wait to be taken.
const QUEUE: usize = 16;

/// How a watch is told.
#[derive(Debug, Clone)]
pub(super) struct Telling {
    /// How often something is said when there is nothing to say.
    pub heartbeat: Duration,
    /// How long the caller may take nothing.
    pub patience: Duration,
    /// Cancelled when the service begins to end.
    pub stopping: CancellationToken,
}

/// The messages of a watch, and at last why it ended. It keeps its place among the streams until then.
pub(super) fn messages(
    watch: Watch,
    telling: Telling,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<ChangeServiceWatchResponse, Status>> + Send {
    let (queue, messages) = mpsc::channel(QUEUE);
    let (end, ended) = oneshot::channel();
    let tell = async move {
        let _kept = place;
        let gone = queue.clone();
        let stopping = telling.stopping.clone();
        let mut teller = Teller { watch, telling, queue, told: None };
        let status = tokio::select! {
            Err(status) = teller.tell() => status,
            () = stopping.cancelled() => errors::shutting_down(),
            () = gone.closed() => return,
        };
        // what is still in the queue is taken before it
        let _ = end.send(status);
    };
    tokio::spawn(tell.instrument(Span::current()));
    let messages = stream::unfold(messages, |mut messages| async { Some((messages.recv().await?, messages)) });
    messages.map(Ok).chain(stream::once(async { Err(ended.await.unwrap_or_else(|_| errors::internal())) }))
}

/// Who reads the log and fills the queue.
struct Teller {
    watch: Watch,
    telling: Telling,
    queue: mpsc::Sender<ChangeServiceWatchResponse>,
    /// From where on another watch would miss nothing, once what is in the queue has been taken.
    told: Option<Token>,
}

impl Teller {
    async fn tell(&mut self) -> Result<std::convert::Infallible, Status> {
        // where it begins
        let mut due = Instant::now();
        loop {
            if due <= Instant::now() {
                self.say_nothing().await?;
                due = Instant::now() + self.telling.heartbeat;
            }
            for event in self.watch.read().await.map_err(errors::watch)? {
                self.say(event).await?;
                due = Instant::now() + self.telling.heartbeat;
            }
            self.watch.more(due).await;
        }
    }

    async fn say(&mut self, event: Event) -> Result<(), Status> {
        let (previous, now) = (self.watch.token(event.previous), self.watch.token(event.revision));
        let reached = if event.more { previous } else { now };
        self.send(Message::Event(changes::event(event, previous, now)), reached).await
    }

    async fn say_nothing(&mut self) -> Result<(), Status> {
        let Told { previous, now } = self.watch.nothing();
        let [previous_revision, revision] = [previous, now].map(revision::encode);
        self.send(Message::Heartbeat(v1::Heartbeat { previous_revision, revision }), now).await
    }

    async fn send(&mut self, message: Message, reached: Token) -> Result<(), Status> {
        let message = ChangeServiceWatchResponse { message: Some(message) };
        match self.queue.send_timeout(message, self.telling.patience).await {
            Ok(()) => {
                self.told = Some(reached);
                Ok(())
            }
            Err(_) => Err(errors::watcher_too_slow(self.told.unwrap_or(reached))),
        }
    }
}
