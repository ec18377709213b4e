//! The gRPC services: requests parsed at the border, answers put on the wire, one map from errors to `Status`.
//!
//! A file a service. Nothing in here decides, and nothing in here knows of SQL.

mod authorization;
mod collaborators;
mod deadline;
mod errors;
mod fields;
pub mod health;
mod organizations;
mod pages;
mod plans;
mod projects;
mod resources;
mod revision;
mod teams;
mod users;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};
use tonic::{Request, Status};

use crate::domain::policy::Policy;
use crate::membership::{MembershipError, Reader, Writer};
use crate::view::View;

use pages::Seal;

/// The generated messages, clients and servers of `rolegate.v1`.
#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub, reason = "generated")]
pub mod v1 {
    tonic::include_proto!("rolegate.v1");

    /// The protos, for server reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("rolegate");
}

/// What every service answers from. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    inner: Arc<Inner>,
}

struct Inner {
    view: View,
    policy: Arc<Policy>,
    reader: Reader,
    writer: Writer,
    /// How long a request without a deadline may take.
    timeout: Duration,
    seal: OnceCell<Seal>,
}

impl Services {
    /// The services over one view and one database.
    pub fn new(view: View, policy: Arc<Policy>, reader: Reader, writer: Writer, timeout: Duration) -> Self {
        Self { inner: Arc::new(Inner { view, policy, reader, writer, timeout, seal: OnceCell::new() }) }
    }

    /// Takes a request apart: until when it must be answered, and what it asks.
    fn take<R>(&self, request: Request<R>) -> (Instant, R) {
        let deadline = deadline::deadline(request.metadata(), self.inner.timeout);
        (deadline, request.into_inner())
    }

    /// Runs a read until the deadline.
    async fn read<T>(
        &self,
        deadline: Instant,
        read: impl Future<Output = Result<T, MembershipError>>,
    ) -> Result<T, Status> {
        let late = |_| Err(MembershipError::DeadlineExceeded);
        timeout_at(deadline, read).await.unwrap_or_else(late).map_err(errors::membership)
    }

    /// What page tokens are sealed with: learnt from the database once.
    async fn seal(&self) -> Result<&Seal, Status> {
        let learn =
            || async { Ok::<_, Status>(Seal::new(self.inner.reader.page_secret().await.map_err(errors::membership)?)) };
        self.inner.seal.get_or_try_init(learn).await
    }
}
