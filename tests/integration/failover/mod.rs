//! Real servers fail over, lose what they had, are cut off, restored from backups and read beside: the real binary on them.

mod fencing;
mod load;
mod loss;
mod outlasting;
mod restore;
mod standbys;
mod synchronous;

use std::ops::Deref;
use std::time::{Duration, Instant};

use rolegate::grpc::v1::{OrganizationRole, ProjectRole};
use tonic::{Request, Status};

use crate::support::Clients;
use crate::support::binary::Process;
use crate::support::cluster::{Node, url};
use crate::support::scene::PROJECT;
use tonic_health::pb::health_check_response::ServingStatus;

/// Long enough for any machine; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(40);

/// A real `rolegate serve`. Derefs to the clients of it.
pub struct Replica {
    pub process: Process,
    clients: Clients,
}

impl Deref for Replica {
    type Target = Clients;

    fn deref(&self) -> &Clients {
        &self.clients
    }
}

impl Replica {
    /// One on these servers, with these flags.
    pub async fn launch(nodes: &[&Node], flags: &[&str]) -> Self {
        let url = url(nodes);
        let process = Process::start("serve", &[&["--database-url", &url], flags].concat()).await;
        let clients = Clients::on(process.channel.clone());
        Self { process, clients }
    }

    /// The same, once it serves.
    pub async fn start(nodes: &[&Node], flags: &[&str]) -> Self {
        let replica = Self::launch(nodes, flags).await;
        replica.until(ServingStatus::Serving).await;
        replica
    }

    /// ann owns the organization, and bob may edit its project; cyd may not.
    pub async fn set_scene(&self) {
        self.create_users(&["ann", "bob", "cyd"]).await;
        self.create_organization("acme", "ann").await;
        for user in ["bob", "cyd"] {
            self.add_member("acme", user, OrganizationRole::Member).await.unwrap();
        }
        self.create_project(PROJECT, false).await;
        self.add_collaborator(PROJECT, "bob", ProjectRole::Editor).await.unwrap();
    }

    /// Whether that user may edit the project.
    pub async fn may_edit(&self, user: &str) -> Result<bool, Status> {
        self.check(user, PROJECT, "delete_files").await.map(|answer| answer.allowed)
    }

    /// Waits until that user may, or may not.
    pub async fn until_may_edit(&self, user: &str, wanted: bool) {
        let waited = async {
            while self.may_edit(user).await.ok() != Some(wanted) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("{}", self.log_end()));
    }

    /// Waits until that user may edit that project.
    pub async fn until_granted(&self, user: &str, project: &str) {
        let granted = async {
            while !self.check(user, project, "delete_files").await.is_ok_and(|answer| answer.allowed) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, granted).await.unwrap_or_else(|_| panic!("{}", self.log_end()));
    }

    /// Waits until it has logged a line with all of these words in it, and returns the line.
    pub async fn until_logged(&self, words: &[&str]) -> String {
        let begun = Instant::now();
        loop {
            let log = self.process.errors();
            if let Some(line) = log.lines().find(|line| words.iter().all(|word| line.contains(word))) {
                return line.to_owned();
            }
            assert!(begun.elapsed() < PATIENCE, "no line with {words:?}; {}", self.log_end());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The last that it logged.
    pub fn log_end(&self) -> String {
        let log = self.process.errors();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// Repeats a write until it is accepted.
    pub async fn until_accepted<T>(&self, write: impl AsyncFn(&Self) -> Result<T, Status>) -> T {
        let begun = Instant::now();
        loop {
            match write(self).await {
                Ok(accepted) => return accepted,
                Err(status) => assert!(begun.elapsed() < PATIENCE, "{status:?}\n{}", self.log_end()),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Replica {
    /// Creates users until one is acknowledged, and returns its name. Each has a name of its own: one whose outcome is
    /// unknown may be there.
    pub async fn until_it_writes(&self, name: &str) -> String {
        let attempt = std::sync::atomic::AtomicU32::new(0);
        let create = async |replica: &Self| {
            let username = format!("{name}-{}", attempt.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
            replica.create_user(&username).await.map(|_| username)
        };
        self.until_accepted(create).await
    }
}

/// A primary, and a standby that streams from it.
pub async fn pair() -> (Node, Node) {
    let primary = Node::primary().await;
    let standby = primary.standby("standby").await;
    (primary, standby)
}

/// The same request, given up after that time.
pub fn within<T>(limit: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}
