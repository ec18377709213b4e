//! The chain of the log: whole after any writes, and broken, at the right place, by anything else.

mod callers;
mod heads;
mod tampering;
mod whole;

use serde_json::Value;
use tokio_postgres::{Client, Config};

use rolegate::grpc::v1::{OrganizationRole, ProjectRole};

use crate::support::binary::{run, url};
use crate::support::{Service, fresh_database};

/// What `rolegate audit verify` says.
#[derive(Debug)]
struct Verdict {
    status: i32,
    report: Value,
    errors: String,
}

impl Verdict {
    /// What it found, as `revision flaw`.
    fn findings(&self) -> Vec<String> {
        let findings = self.report["findings"].as_array().unwrap();
        findings.iter().map(|found| format!("{} {}", found["revision"], found["flaw"].as_str().unwrap())).collect()
    }

    fn head(&self) -> &str {
        self.report["head"].as_str().unwrap()
    }

    /// Nothing is wrong, and so many writes were held against the chain.
    fn is_intact(&self, writes: u64) {
        assert_eq!((self.status, self.report["writes"].as_u64()), (0, Some(writes)), "{self:?}");
        assert_eq!((self.findings().len(), &self.report["intact"]), (0, &Value::Bool(true)), "{self:?}");
    }
}

/// Runs the real binary on a database.
async fn verify(database: &Config, flags: &[&str]) -> Verdict {
    let url = url(database);
    let output = run(&[&["audit", "verify", "--json", "--database-url", &url], flags].concat()).await;
    let errors = String::from_utf8(output.stderr).unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    Verdict { status: output.status.code().unwrap(), report, errors }
}

/// How many writes [`world`] is made of.
const WRITES: u64 = 10;

/// A database with some writes in it, of one change and of several, and nobody at work on it.
async fn world() -> Config {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    service.create_users(&["ann", "bob"]).await;
    service.create_organization("acme", "ann").await;
    service.add_member("acme", "bob", OrganizationRole::Creator).await.unwrap();
    service.create_team("@acme/crew", &["bob"]).await;
    service.create_project("acme/trees", false).await;
    service.add_collaborator("acme/trees", "bob", ProjectRole::Reader).await.unwrap();
    let removal = rolegate::grpc::v1::RemoveMemberRequest {
        organization: "acme".to_owned(),
        user: "bob".to_owned(),
        request_id: "off/1".to_owned(),
        actor: "ann".to_owned(),
        ..Default::default()
    };
    // the tenth takes bob's place, his team's and his role away
    service.remove_collaborator("acme/trees", "bob").await.unwrap();
    service.organizations().remove_member(removal).await.unwrap();
    service.stop().await;
    database
}

/// The number of the last write.
async fn number(client: &Client) -> i64 {
    client.query_one("SELECT number FROM revision", &[]).await.unwrap().get(0)
}
