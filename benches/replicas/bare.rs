//! What PostgreSQL takes by itself: a transaction of one row that also rings, and somebody who listens.

use std::time::SystemTime;

use futures::future::poll_fn;
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Statement};
use tokio_util::task::AbortOnDropHandle;

use crate::support::postgres::connect;

/// When a commit was begun, known to its writer, and known to somebody else.
pub struct Sample {
    /// When PostgreSQL began it, by its own stamp: taken before it is written to disk.
    pub committed: SystemTime,
    /// When the writer had its answer.
    pub answered: SystemTime,
    /// When the other one knew.
    pub known: SystemTime,
}

/// A writer and a listener.
pub struct Bare {
    writer: Client,
    write: Statement,
    stamp: Statement,
    heard: mpsc::UnboundedReceiver<SystemTime>,
    _listener: (Client, AbortOnDropHandle<()>),
}

impl Sample {
    /// Microseconds from the commit until the other one knew, and from the writer's answer, which may come later.
    pub fn times(&self) -> [f64; 2] {
        [self.committed, self.answered].map(|from| match self.known.duration_since(from) {
            Ok(after) => after.as_secs_f64() * 1e6,
            Err(before) => -before.duration().as_secs_f64() * 1e6,
        })
    }
}

impl Bare {
    /// Connects both, and makes the row.
    pub async fn start(database: &Config) -> Self {
        let writer = connect(database).await;
        writer.batch_execute("CREATE TABLE bare (value bigint); INSERT INTO bare VALUES (0)").await.unwrap();
        let sql = "WITH written AS (UPDATE bare SET value = value + 1 RETURNING value)
                   SELECT pg_notify('bare', '') FROM written";
        let write = writer.prepare(sql).await.unwrap();
        let stamp = writer.prepare("SELECT pg_xact_commit_timestamp(xmin) FROM bare").await.unwrap();
        let (listener, mut connection) = database.connect(NoTls).await.unwrap();
        let (tell, heard) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if matches!(message, AsyncMessage::Notification(_)) {
                    let _ = tell.send(SystemTime::now());
                }
            }
        });
        listener.batch_execute("LISTEN bare").await.unwrap();
        Self { writer, write, stamp, heard, _listener: (listener, AbortOnDropHandle::new(task)) }
    }

    /// Commits once.
    pub async fn sample(&mut self) -> Sample {
        self.writer.query_one(&self.write, &[]).await.unwrap();
        let answered = SystemTime::now();
        let known = self.heard.recv().await.unwrap();
        let committed = self.writer.query_one(&self.stamp, &[]).await.unwrap().get(0);
        Sample { committed, answered, known }
    }
}
