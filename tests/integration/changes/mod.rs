//! The log as callers see it: watched without a gap, listed without a loss, and with every end of a grant in it.

mod chain;
mod costs;
mod endings;
mod expiries;
mod filters;
mod lists;
mod order;
mod parts;
mod refusals;
mod retention;
mod slow;

use std::time::Duration;

use rolegate::grpc::v1::change_service_watch_response::Message;
use rolegate::grpc::v1::{Change, ChangeEvent, ChangeServiceWatchRequest, ChangeServiceWatchResponse, Heartbeat};
use tokio_postgres::Client;
use tonic::{Status, Streaming};

use crate::support::Clients;

/// Longer than anything takes that happens at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who watches, and holds every message against the chain.
struct Watcher {
    stream: Streaming<ChangeServiceWatchResponse>,
    /// The revision up to which everything has been told: what to watch after, should it end.
    position: String,
    /// Which part of a write comes next.
    part: i32,
}

/// A write as it was told, its parts put together.
#[derive(Debug, Clone, PartialEq)]
struct Write {
    revision: String,
    operation: String,
    actor: String,
    changes: Vec<Change>,
}

impl Watcher {
    /// Watches from now on.
    async fn from_now(service: &Clients) -> Self {
        Self::open(service, ChangeServiceWatchRequest::default()).await.unwrap()
    }

    /// Watches everything after a revision.
    async fn after(service: &Clients, after: &str) -> Self {
        let request = ChangeServiceWatchRequest { after: after.to_owned(), ..Default::default() };
        Self::open(service, request).await.unwrap()
    }

    /// Opens a watch, and takes the heartbeat that says where it begins.
    async fn open(service: &Clients, request: ChangeServiceWatchRequest) -> Result<Self, Status> {
        let after = request.after.clone();
        let stream = service.changes().watch(request).await?.into_inner();
        let mut watcher = Self { stream, position: after.clone(), part: 0 };
        let Some(Message::Heartbeat(first)) = watcher.message().await?.message else {
            panic!("it begins with a heartbeat")
        };
        assert_eq!(first.previous_revision, first.revision, "nothing has been told yet");
        assert!(after.is_empty() || first.revision == after, "it begins where it was asked to");
        watcher.position = first.revision;
        Ok(watcher)
    }

    /// The next message; the end of the stream is the error that ends it.
    async fn next(&mut self) -> Result<Message, Status> {
        let message = self.message().await?.message.expect("one of them");
        match &message {
            Message::Event(event) => self.chain(event),
            Message::Heartbeat(Heartbeat { previous_revision, revision }) => {
                assert_eq!(previous_revision, &self.position, "something was missed");
                self.position.clone_from(revision);
            }
        }
        Ok(message)
    }

    /// The next event, whatever heartbeats come before it.
    async fn event(&mut self) -> Result<ChangeEvent, Status> {
        loop {
            if let Message::Event(event) = self.next().await? {
                return Ok(event);
            }
        }
    }

    /// The next heartbeat, before which there may be no event.
    async fn heartbeat(&mut self) -> Heartbeat {
        match self.next().await.unwrap() {
            Message::Heartbeat(heartbeat) => heartbeat,
            Message::Event(event) => panic!("{event:?}"),
        }
    }

    /// The next write, with all its parts.
    async fn write(&mut self) -> Result<Write, Status> {
        let ChangeEvent { revision, operation, actor, mut changes, mut more, .. } = self.event().await?;
        while more {
            let part = self.event().await?;
            assert_eq!((&part.revision, &part.operation, &part.actor), (&revision, &operation, &actor));
            changes.extend(part.changes);
            more = part.more;
        }
        Ok(Write { revision, operation, actor, changes })
    }

    /// All writes up to that revision, that one included.
    async fn until(&mut self, revision: &str) -> Vec<Write> {
        let mut writes = Vec::new();
        while self.position != revision {
            writes.push(self.write().await.unwrap());
        }
        writes
    }

    /// Why it ends, after whatever is still told.
    async fn end(&mut self) -> Status {
        loop {
            if let Err(status) = self.next().await {
                return status;
            }
        }
    }

    fn chain(&mut self, event: &ChangeEvent) {
        assert_eq!(event.previous_revision, self.position, "something was missed");
        assert_eq!(event.part, self.part, "a part was missed");
        assert!((1..=128).contains(&event.changes.len()), "{} changes", event.changes.len());
        self.part = if event.more { event.part + 1 } else { 0 };
        if !event.more {
            self.position.clone_from(&event.revision);
        }
    }

    async fn message(&mut self) -> Result<ChangeServiceWatchResponse, Status> {
        let next = tokio::time::timeout(PATIENCE, self.stream.message()).await.expect("a message in time");
        Ok(next?.expect("a watch never ends with OK"))
    }
}

/// Commits a write that changes so many plans that never were; as the service does, but faster for many.
async fn append(client: &Client, operation: &str, changes: i64) {
    let sql = "WITH next AS (
            UPDATE revision SET number = number + 1, change_id = gen_random_uuid() RETURNING number, change_id
        ), written AS (
            INSERT INTO change_set (revision, id, operation, names, projects, path_owners, path_names, accounts, plans)
            SELECT number, change_id, $1, '{}', '{}', '{}', '{}', '{}', '{}' FROM next
        ), listed AS (
            INSERT INTO change (revision, ordinal, object, name, subject, after)
            SELECT next.number, ordinal, 'plan', 'plan-' || ordinal, '', jsonb_build_object('ordinal', ordinal)
            FROM next, generate_series(1, $2::bigint) AS ordinal
        )
        SELECT pg_notify('rolegate', '') FROM next";
    client.query_one(sql, &[&operation, &changes]).await.unwrap();
}

/// Waits until a query says true.
async fn until(client: &Client, sql: &str) {
    let holds = async {
        while !client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.unwrap_or_else(|_| panic!("never: {sql}"));
}
