//! The gRPC services: requests parsed at the border, answers put on the wire, one map from errors to `Status`.
//!
//! A file a service. Nothing in here decides, and nothing in here knows of SQL.

mod authorization;
mod batches;
mod capacity;
mod changes;
mod collaborators;
mod deadline;
pub(crate) mod decisions;
mod effects;
mod errors;
mod explain;
mod fields;
mod frames;
mod freshness;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod gate;
pub mod health;
pub mod incoming;
mod listing;
mod many;
mod organizations;
mod pages;
mod plans;
mod projects;
pub mod protocol;
pub(crate) mod questions;
mod replicas;
mod resources;
mod revision;
pub mod scopes;
mod seldom;
pub mod spans;
mod teams;
mod users;
mod watches;
mod writes;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use crate::access::Access;
use crate::callers::Caller;
use crate::changes::Log;
use crate::domain::bounds::Bounds;
use crate::domain::policy::Policy;
use crate::membership::{MembershipError, Reader, Writer};
use crate::view::{Standing, View, ViewError};

use capacity::{Capacity, caller_of};
use pages::Seal;

pub use capacity::CapacityLimits;

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
    access: Access,
    reader: Reader,
    writer: Writer,
    log: Log,
    capacity: Capacity,
    /// How long a request without a deadline may take.
    timeout: Duration,
    /// How long somebody who watches may take nothing.
    watch_patience: Duration,
    seal: OnceCell<Seal>,
    /// Cancelled when the service begins to end: streams must not hold it up.
    stopping: CancellationToken,
}

impl Services {
    /// The services over one view and one database.
    pub fn new(
        view: View,
        policy: Arc<Policy>,
        (reader, writer, access, log): (Reader, Writer, Access, Log),
        (timeout, watch_patience): (Duration, Duration),
        limits: CapacityLimits,
    ) -> Self {
        let (seal, stopping) = (OnceCell::new(), CancellationToken::new());
        Self {
            inner: Arc::new(Inner {
                view,
                policy,
                access,
                reader,
                writer,
                log,
                capacity: Capacity::new(limits),
                timeout,
                watch_patience,
                seal,
                stopping,
            }),
        }
    }

    /// Ends the streams: what else is under way may finish.
    pub fn end_streams(&self) {
        self.inner.stopping.cancel();
    }

    /// Lets a request in that counts as so many, if its caller may send these. Until when it must be answered is read once something has to
    /// be waited for: most checks wait for nothing.
    fn admit<'a, R>(
        &self,
        request: &'a Request<R>,
        count: usize,
    ) -> Result<LazyLock<Instant, impl FnOnce() -> Instant + use<'a, R>>, Status> {
        self.inner.capacity.let_send(caller_of(request), count)?;
        let limit = self.inner.timeout;
        Ok(LazyLock::new(move || deadline::deadline(request.metadata(), limit)))
    }

    /// Takes a request apart, if its caller may send one: until when it must be answered, and what it asks.
    fn take<R>(&self, request: Request<R>) -> Result<(Instant, R), Status> {
        self.take_many(request, 1)
    }

    /// The same for one that counts as so many.
    fn take_many<R>(&self, request: Request<R>, count: usize) -> Result<(Instant, R), Status> {
        let deadline = *self.admit(&request, count)?;
        Ok((deadline, request.into_inner()))
    }

    /// The view as the caller of this request may see it.
    fn view_for<R>(&self, request: &Request<R>) -> Cow<'_, View> {
        self.inner.view.within(bounds_of(request))
    }

    /// What reads the resources that the caller of this request may read.
    fn reader_for<R>(&self, request: &Request<R>) -> Cow<'_, Reader> {
        self.inner.reader.within(bounds_of(request))
    }

    /// What answers of the objects that the caller of this request may ask about.
    fn access_for<R>(&self, request: &Request<R>) -> Cow<'_, Access> {
        self.inner.access.within(bounds_of(request))
    }

    /// Runs a read, if there is a place for one, until the deadline. Where the lease has run out meanwhile it is not answered: nobody knows then whether
    /// what it was read from is still the primary.
    async fn read<T>(
        &self,
        deadline: Instant,
        read: impl Future<Output = Result<T, MembershipError>>,
    ) -> Result<T, Status> {
        let _place = self.inner.capacity.reads.enter()?;
        let late = |_| Err(MembershipError::DeadlineExceeded);
        let read = timeout_at(deadline, read).await.unwrap_or_else(late).map_err(errors::membership)?;
        match self.inner.view.standing() {
            Standing::Fresh | Standing::Stale => Ok(read),
            Standing::Silent => Err(errors::view(ViewError::NotFresh)),
        }
    }

    /// What page tokens are sealed with: learnt from the database once.
    async fn seal(&self) -> Result<&Seal, Status> {
        let learn =
            || async { Ok::<_, Status>(Seal::new(self.inner.reader.page_secret().await.map_err(errors::membership)?)) };
        self.inner.seal.get_or_try_init(learn).await
    }
}

/// What the caller of a request is confined to, where it is.
fn bounds_of<R>(request: &Request<R>) -> Option<&Bounds> {
    request.extensions().get::<Caller>()?.bounds()
}
