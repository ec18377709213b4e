//! Requests of any shape, to every RPC that there is: none makes an INTERNAL error, and none that is refused changes anything.
//!
//! What there is to ask comes from the descriptors, so that an RPC which is added is asked too.

mod generate;
mod wire;

use std::collections::BTreeMap;

use prost_reflect::{DescriptorPool, MethodDescriptor};
use rolegate::grpc::v1;
use tokio_postgres::Client;
use tonic::{Code, Status};

use self::generate::Generator;
use crate::support::postgres::connect;
use crate::support::{Service, fresh_database, reason};

/// How many requests of each RPC.
const EACH: usize = 40;

fn methods() -> Vec<MethodDescriptor> {
    let pool = DescriptorPool::decode(v1::FILE_DESCRIPTOR_SET).unwrap();
    let ours = pool.services().filter(|service| service.package_name() == "rolegate.v1");
    let methods: Vec<_> = ours.flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    assert!(methods.len() > 40, "the descriptors were not found");
    methods
}

/// A service with something of everything in it.
async fn world() -> (Service, Tables) {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &["--request-timeout", "5s"]).await;
    service.create_users(&["ann", "bob", "cyd"]).await;
    service.create_organization("acme", "ann").await;
    service.add_member("acme", "bob", v1::OrganizationRole::Member).await.unwrap();
    service.create_team("@acme/crew", &["bob"]).await;
    service.create_project("acme/trees", false).await;
    service.create_project("ann/stones", true).await;
    service.add_collaborator("acme/trees", "bob", v1::ProjectRole::Editor).await.unwrap();
    (service, Tables::find(connect(&database).await).await)
}

/// The tables, but for that of the leases, which live.
struct Tables {
    client: Client,
    sql: String,
}

impl Tables {
    async fn find(client: Client) -> Self {
        let tables = "SELECT table_name::text FROM information_schema.tables
                      WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'replica'";
        let of_table = |table: &str| {
            format!("SELECT '{table}', coalesce(md5(string_agg(t::text, ';' ORDER BY t::text)), '') FROM {table} AS t")
        };
        let found = client.query(tables, &[]).await.unwrap();
        assert!(found.len() >= 11, "the tables were not found");
        let sql = found.iter().map(|row| of_table(row.get(0))).collect::<Vec<_>>().join(" UNION ALL ");
        Self { client, sql }
    }

    async fn contents(&self) -> BTreeMap<String, String> {
        self.client.query(&self.sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}

/// What a refusal may be: said to be the caller's, and why.
fn is_in_order(method: &MethodDescriptor, request: &str, status: &Status) {
    let theirs = [
        Code::InvalidArgument,
        Code::NotFound,
        Code::AlreadyExists,
        Code::FailedPrecondition,
        Code::PermissionDenied,
        Code::OutOfRange,
        // of an etag that names no state
        Code::Aborted,
    ];
    assert!(theirs.contains(&status.code()), "{}: {status:?}\n{request}", method.full_name());
    assert!(!reason(status).is_empty(), "{} gives no reason: {status:?}\n{request}", method.full_name());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_of_any_shape_is_an_internal_error_or_changes_anything_when_it_is_refused() {
    let seed = std::env::var("ROLEGATE_SHAPES_SEED").map_or(20_261_125, |seed| seed.parse().unwrap());
    let (service, tables) = world().await;
    let tokens = tokens(&service).await;
    let mut before = tables.contents().await;
    let mut generator = Generator::new(seed, tokens);
    let (mut answered, mut refused) = (0, 0);
    for method in methods() {
        for _ in 0..EACH {
            let (request, bytes) = generator.request(&method.input());
            match wire::send(&service, &method, bytes).await {
                Ok(()) => {
                    answered += 1;
                    before = tables.contents().await;
                }
                Err(status) => {
                    refused += 1;
                    is_in_order(&method, &request, &status);
                    assert_eq!(tables.contents().await, before, "{}: {status:?}\n{request}", method.full_name());
                }
            }
        }
    }
    println!("seed {seed}: {answered} were answered, {refused} refused");
    assert!(answered > 100 && refused > 500, "{answered} were answered, {refused} refused");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_message_are_the_callers_mistake_and_change_nothing() {
    let (service, tables) = world().await;
    let mut generator = Generator::new(7, Vec::new());
    let before = tables.contents().await;
    for method in methods() {
        // a field that ends before its length, a string that is no UTF-8, a tag that cannot be
        for bytes in [vec![0x0a, 0x05, b'a'], vec![0x0a, 0x02, 0xff, 0xfe], vec![0x07], vec![0xff; 11]] {
            let sent = wire::send(&service, &method, bytes.clone()).await;
            let Err(status) = sent else { continue };
            is_in_order(&method, &format!("{bytes:02x?}"), &status);
        }
        let nothing = wire::send_nothing(&service, &method).await;
        if let Err(status) = nothing {
            is_in_order(&method, "nothing at all", &status);
        }
    }
    assert_eq!(tables.contents().await, before);
    for method in methods() {
        for _ in 0..10 {
            let (_, bytes) = generator.request(&method.input());
            let bytes = generator.spoil(bytes);
            if let Err(status) = wire::send(&service, &method, bytes.clone()).await {
                is_in_order(&method, &format!("{bytes:02x?}"), &status);
            }
        }
    }
    service.stop().await;
}

/// Tokens that the service gave: a revision, and one that leads to another page.
async fn tokens(service: &Service) -> Vec<String> {
    let request = v1::UserServiceListRequest { page_size: 1, ..Default::default() };
    let page = service.users().list(request).await.unwrap().into_inner();
    let revision = service.check("ann", "ann/stones", "view_project").await.unwrap().revision;
    vec![page.next_page_token, revision]
}
