//! Connecting to one of several servers: the primary among them, or any that answers.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_postgres::Connect;
use futures::FutureExt as _;
use futures::future::{BoxFuture, pending};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Connection, Socket};

use super::address::DatabaseAddress;
use super::error::StoreError;
use super::tls::{Encrypted, Tls};

/// How long all servers together may take to let us in.
pub const CONNECTION_WAIT: Duration = Duration::from_secs(4);

/// How long a session may be silent in a transaction: at least what a machine that has much to do may need, and at most what
/// a write may take anyway.
const SHORTEST_HOLD: Duration = Duration::from_secs(1);
const LONGEST_HOLD: Duration = Duration::from_secs(30);

/// How long to wait for a lock at the most, before the write is run again.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The servers of a database. Cheap to clone; clones remember together which of them let us in last.
#[derive(Clone)]
pub struct Hosts {
    inner: Arc<Inner>,
}

struct Inner {
    /// One server each.
    configs: Vec<Config>,
    tls: Tls,
    /// Shared by all that connect to the same servers: where one has found the primary, the others look first. A server
    /// that was the primary once may still believe that it is.
    last: Arc<AtomicUsize>,
}

/// Which server is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The one that takes writes.
    Primary,
    /// Any, standbys included.
    Any,
}

/// What is wrong where only standbys answer.
const STANDBY: &str =
    "the servers that answer take no writes; name the primary in --database-url, or promote one of them";

type Connected = (Client, Connection<Socket, Encrypted>);

impl Hosts {
    /// The servers at that address.
    pub fn new(address: impl Into<DatabaseAddress>, role: Role) -> Self {
        let address = address.into();
        let (config, tls) = address.parts();
        let count = config.get_hosts().len().max(config.get_hostaddrs().len());
        let configs = (0..count).map(|index| only(config, index, role)).collect();
        Self { inner: Arc::new(Inner { configs, tls: tls.clone(), last: Arc::default() }) }
    }

    /// The same servers, with settings of the session besides those that the operator gave.
    #[must_use]
    pub(super) fn with_options(&self, options: &str) -> Self {
        let mut configs = self.inner.configs.clone();
        configs.iter_mut().for_each(|config| add_options(config, options));
        let (tls, last) = (self.inner.tls.clone(), Arc::clone(&self.inner.last));
        Self { inner: Arc::new(Inner { configs, tls, last }) }
    }

    /// The same servers, which take a session's locks away once it has been silent in a transaction for that long: those of a
    /// process that was paused, or cut off without either side hearing of it, must not hold up the writes of others for longer
    /// than its lease does.
    #[must_use]
    pub fn holding_locks_for(&self, lease: Duration) -> Self {
        let holds = lease.clamp(SHORTEST_HOLD, LONGEST_HOLD);
        // a little less: what waits is to give up before what it waits for is taken away, or one session after the other of a
        // process that hangs would get the lock and hold it as long; what does not hang is run again
        let waits = LONGEST_WAIT.min(holds * 9 / 10);
        let (holds, waits) = (holds.as_millis(), waits.as_millis());
        self.with_options(&format!("-c idle_in_transaction_session_timeout={holds}ms -c lock_timeout={waits}ms"))
    }

    /// Connects to the first server that is what is wanted.
    ///
    /// # Errors
    /// When none is, or none answers in time.
    pub(super) async fn connect(&self) -> Result<Connected, StoreError> {
        self.first().await.map_err(|failure| match failure {
            None => StoreError::Unavailable("no server answered in time".into()),
            Some(error) if takes_no_writes(&error) => StoreError::Unavailable(STANDBY.into()),
            Some(error) => error.into(),
        })
    }

    /// Tries the servers one after the other, beginning with the one that was right last. Each has its share of the time:
    /// one that takes connections and does not answer must not keep us from the next. No error: nobody answered.
    async fn first(&self) -> Result<Connected, Option<tokio_postgres::Error>> {
        let Inner { configs, tls, last } = &*self.inner;
        let share = CONNECTION_WAIT / u32::try_from(configs.len()).unwrap_or(u32::MAX).max(1);
        let first = last.load(Ordering::Relaxed);
        let mut failure = None;
        for index in (first..configs.len()).chain(0..first) {
            let Some(config) = configs.get(index) else { continue };
            match timeout(share, async { config.connect(tls.connector().await).await }).await {
                Ok(Ok(connected)) => {
                    last.store(index, Ordering::Relaxed);
                    return Ok(connected);
                }
                Ok(Err(error)) => failure = failure.filter(takes_no_writes).or(Some(error)),
                Err(_) => {}
            }
        }
        Err(failure)
    }

    /// Asks the server that a client is connected to for the end of what it does there, as that connection was made.
    pub(super) async fn cancel(&self, client: &Client) {
        let connector = self.inner.tls.connector().await;
        // a failure shows in nothing: the connection is given up in any case
        let _ = client.cancel_token().cancel_query(connector).await;
    }
}

/// Whether a server was turned away because it is a standby.
fn takes_no_writes(error: &tokio_postgres::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    // an operating system's refusal has a number
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::PermissionDenied && cause.raw_os_error().is_none())
}

/// How the pool makes its connections.
impl Connect for Hosts {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        async {
            match self.first().await {
                Ok((client, connection)) => Ok((client, tokio::spawn(connection.map(drop)))),
                Err(Some(error)) => Err(error),
                // the pool's own limit ends it
                Err(None) => pending().await,
            }
        }
        .boxed()
    }
}

/// How one of the servers is reached.
fn only(config: &Config, index: usize, role: Role) -> Config {
    let mut one = Config::new();
    let of_each = |count: usize| if count == 1 { 0 } else { index };
    let mut ssl_mode = config.get_ssl_mode();
    match (config.get_hosts().get(index), config.get_hostaddrs().get(index)) {
        (Some(Host::Tcp(host)), _) => drop(one.host(host)),
        (Some(Host::Unix(folder)), _) => {
            one.host_path(folder);
            // there is no way that anybody could be on
            ssl_mode = SslMode::Disable;
        }
        // what its certificate is held against
        (None, Some(address)) => drop(one.host(address.to_string())),
        (None, None) => {}
    }
    config.get_hostaddrs().get(index).map(|address| one.hostaddr(*address));
    config.get_ports().get(of_each(config.get_ports().len())).map(|port| one.port(*port));
    config.get_user().map(|user| one.user(user));
    config.get_password().map(|password| one.password(password));
    config.get_dbname().map(|name| one.dbname(name));
    config.get_options().map(|options| one.options(options));
    config.get_keepalives_interval().map(|interval| one.keepalives_interval(interval));
    config.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
    let attributes = match role {
        Role::Primary => TargetSessionAttrs::ReadWrite,
        Role::Any => TargetSessionAttrs::Any,
    };
    one.ssl_mode(ssl_mode)
        .channel_binding(config.get_channel_binding())
        .application_name(config.get_application_name().unwrap_or("rolegate"))
        .tcp_user_timeout(Duration::from_secs(10))
        .keepalives(config.get_keepalives())
        .keepalives_idle(Duration::from_secs(10))
        .target_session_attrs(attributes);
    one
}

/// Adds settings of the session to those that the operator gave, which come last and so win.
pub(super) fn add_options(config: &mut Config, options: &str) {
    let given = config.get_options().unwrap_or_default();
    let both = format!("{options} {given}");
    config.options(both.trim_end());
}
