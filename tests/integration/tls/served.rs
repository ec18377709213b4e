//! The service on a server that takes connections under TLS alone: all of them, for whatever purpose.

use rolegate::grpc::v1::{ProjectRole, UserServiceGetRequest};
use tonic_health::pb::health_check_response::ServingStatus;

use super::server::{HOST, HOSTSSL, PASSWORD, Secured, said};
use super::wire::Wire;
use crate::support::Clients;
use crate::support::binary::{Process, run};
use crate::support::pki::Authority;

/// Backends of rolegate.
const OURS: &str = "FROM pg_stat_activity WHERE application_name = 'rolegate'";

#[tokio::test]
async fn the_service_and_the_commands_run_on_a_server_that_takes_nothing_but_tls() {
    let secured = Secured::start(HOSTSSL).await;
    // of the two hosts the first is a server that is not what its name says
    let other = Secured::start(HOSTSSL).await;
    let (main, reads) = (Wire::to(&secured.address).await, Wire::to(&secured.address).await);
    let verified = format!("sslmode=verify-full&sslrootcert={}&channel_binding=require", secured.root());
    let url = |hosts: String, addresses: String| {
        format!("postgresql://rolegate:{PASSWORD}@{hosts}/rolegate?hostaddr={addresses}&{verified}")
    };
    let database = url(format!("{HOST},{HOST}:{}", main.port), format!("{},127.0.0.1", other.address));
    let standby = url(format!("{HOST}:{}", reads.port), "127.0.0.1".to_owned());
    let service = Process::start("serve", &["--database-url", &database, "--read-url", &standby]).await;
    let clients = Clients::on(service.channel.clone());
    clients.until(ServingStatus::Serving).await;
    clients.create_users(&["ann", "bob"]).await;
    let project = clients.create_project("ann/field", true).await;
    clients.add_collaborator(&project, "bob", ProjectRole::Editor).await.unwrap();
    assert!(clients.check("bob", &project, "view_project").await.unwrap().allowed);

    cancel_a_read_and_a_write(&secured, &clients).await;
    assert!(main.all_encrypted() > 5, "the schema, the lease, the log, a write, and two that cancel");
    assert!(reads.all_encrypted() > 0, "loads");
    let of_kind =
        |kind: &str| format!("SELECT FROM pg_stat_ssl JOIN (SELECT pid {OURS}) AS ours USING (pid) WHERE {kind}");
    let admin = secured.node.client().await;
    assert!(admin.query(&of_kind("NOT ssl"), &[]).await.unwrap().is_empty());
    assert!(admin.query(&of_kind("ssl"), &[]).await.unwrap().len() > 1);

    let (audited, report) = said(&run(&["audit", "verify", "--database-url", &database]).await);
    assert!(audited && report.contains("intact"), "{report}");
    let log = service.errors();
    assert!(!log.contains(PASSWORD) && !log.contains("INSECURE"), "{log}");
}

/// What PostgreSQL does for callers that go away is cancelled, which takes another connection.
async fn cancel_a_read_and_a_write(secured: &Secured, clients: &Clients) {
    let (_, from) = secured.node.log(0);
    let blocking = secured.node.client().await;
    blocking.batch_execute("BEGIN; LOCK TABLE account IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let waits = format!("{OURS} AND wait_event_type = 'Lock'");
    let until_it_waits_no_more = async |call: tokio::task::JoinHandle<()>| {
        secured.node.until(&format!("SELECT {waits}")).await;
        call.abort();
        secured.node.until(&format!("SELECT WHERE NOT EXISTS (SELECT {waits})")).await;
    };
    let mut users = clients.users();
    let read = async move { drop(users.get(UserServiceGetRequest { username: "ann".to_owned() }).await) };
    until_it_waits_no_more(tokio::spawn(read)).await;
    let writer = Clients::on(clients.channel.clone());
    until_it_waits_no_more(tokio::spawn(async move { drop(writer.create_user("cyd").await) })).await;
    blocking.batch_execute("ROLLBACK").await.unwrap();
    let (log, _) = secured.node.log(from);
    assert_eq!(log.matches("canceling statement due to user request").count(), 2, "{log}");
}

#[tokio::test]
async fn files_are_read_again_for_each_connection() {
    let secured = Secured::start(HOSTSSL).await;
    let url = secured.url(&format!("sslmode=verify-full&sslrootcert={}", secured.root()));
    let service = Process::start("serve", &["--database-url", &url]).await;
    let clients = Clients::on(service.channel.clone());
    clients.until(ServingStatus::Serving).await;

    // waits until they have ended
    let end_all = format!("SELECT pg_terminate_backend(pid, 60000) {OURS}");
    let admin = secured.node.client().await;
    // what can't be read changes nothing
    secured.file("root.pem", "nonsense");
    admin.query(&end_all, &[]).await.unwrap();
    until_created(&clients, "ann").await;

    let next = Authority::new("the next CA");
    secured.show(&next.certify(&[HOST])).await;
    secured.file("root.pem", &next.pem);
    admin.query(&end_all, &[]).await.unwrap();
    until_created(&clients, "bob").await;
    let log = service.errors();
    assert!(log.contains("used as they were before"), "{log}");
}

#[tokio::test]
async fn without_a_file_those_cas_are_trusted_that_the_system_trusts() {
    let secured = Secured::start(HOSTSSL).await;
    let url = secured.url("sslmode=verify-full");
    let system = |file: String| [("SSL_CERT_FILE", file), ("SSL_CERT_DIR", "/nowhere".to_owned())];
    let service = Process::start_with("serve", &["--database-url", &url], &system(secured.root())).await;
    Clients::on(service.channel.clone()).until(ServingStatus::Serving).await;
    let other = secured.file("other.pem", &Authority::new("others").pem);
    let service = Process::start_with("serve", &["--database-url", &url], &system(other)).await;
    let said = async {
        while !service.errors().contains("signed by no CA that is trusted") {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), said).await.expect("why it waits for the database");
}

/// Creates a user as soon as that can be done.
async fn until_created(clients: &Clients, name: &str) {
    let created = async {
        while clients.create_user(name).await.is_err_and(|status| status.code() != tonic::Code::AlreadyExists) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), created).await.expect("a write");
}
