//! Any bytes as the message of any RPC, through the services as they are, without a database: decoded, parsed, and refused in
//! order. Never a panic, never INTERNAL.
//!
//! The first byte picks the RPC. What waits for a database that is not there is not waited for.

#![no_main]

use std::cell::LazyCell;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args as _, Command, FromArgMatches as _};
use http_body_util::{BodyExt as _, Full};
use libfuzzer_sys::fuzz_target;
use prost_reflect::DescriptorPool;
use prost_reflect::prost::bytes::Bytes;
use rolegate::access::Access;
use rolegate::changes::Log;
use rolegate::config::ServeOptions;
use rolegate::domain::policy::Policy;
use rolegate::grpc::{Services, protocol, v1};
use rolegate::membership::{Reader, Writer};
use rolegate::server;
use rolegate::store::{Database, Databases, Hosts, Role};
use rolegate::view::{View, ViewSettings};
use tokio::runtime::{Builder, Runtime};
use tonic::body::Body;
use tonic::codegen::Service as _;
use tonic::codegen::http::{HeaderMap, Request};
use tonic::service::Routes;

/// Long enough to be refused: whoever needs no database does not wait.
const MOMENT: Duration = Duration::from_millis(1);

thread_local! {
    static STAGE: LazyCell<Stage> = LazyCell::new(Stage::new);
}

struct Stage {
    runtime: Runtime,
    routes: Routes,
    paths: Vec<String>,
}

impl Stage {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let routes = runtime.block_on(async { routes() });
        let pool = DescriptorPool::decode(v1::FILE_DESCRIPTOR_SET).unwrap();
        let ours = pool.services().filter(|service| service.package_name() == "rolegate.v1");
        let methods = ours.flat_map(|service| service.methods().collect::<Vec<_>>());
        let paths = methods.map(|method| format!("/{}/{}", method.parent_service().full_name(), method.name()));
        Self { runtime, routes, paths: paths.collect() }
    }

    fn send(&self, path: &str, message: &[u8]) {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let frame = [&[0], &length[..], message].concat();
        let request = Request::post(format!("http://fuzz{path}"))
            .header("content-type", "application/grpc")
            .body(Body::new(Full::new(Bytes::from(frame))))
            .unwrap();
        self.runtime.block_on(async {
            let called = self.routes.clone().prepare().call(request);
            let Ok(called) = tokio::time::timeout(MOMENT, called).await else { return };
            let response = protocol::blame_the_caller(called.unwrap());
            in_order(path, response.headers());
            let (_, body) = response.into_parts();
            let collected = tokio::time::timeout(MOMENT, body.collect()).await;
            if let Some(trailers) = collected.ok().and_then(Result::ok).as_ref().and_then(|body| body.trailers()) {
                in_order(path, trailers);
            }
        });
    }
}

fn in_order(path: &str, headers: &HeaderMap) {
    let Some(status) = headers.get("grpc-status").map(|status| status.as_bytes()) else { return };
    // UNKNOWN, UNIMPLEMENTED, INTERNAL, DATA_LOSS
    assert!(![&b"2"[..], b"12", b"13", b"15"].contains(&status), "{path}: {headers:?}");
    assert!(status == b"0" || headers.contains_key("grpc-status-details-bin"), "{path}: without a reason: {headers:?}");
}

/// All services over a database that is not there.
fn routes() -> Routes {
    let flags = ServeOptions::augment_args(Command::new("fuzz"));
    let options = ServeOptions::from_arg_matches(&flags.get_matches_from(["fuzz"])).unwrap();
    let config = tokio_postgres::Config::new().host_path("/nonexistent").user("nobody").to_owned();
    let open = || Database::new(Hosts::new(&config, Role::Primary), 2).unwrap();
    let databases = Databases { main: open(), loads: open(), standbys: None };
    let settings = ViewSettings {
        memory: 1 << 20,
        loading: 100,
        name: "fuzz".to_owned(),
        lease: Duration::from_secs(10),
        stale_for: Duration::ZERO,
        heartbeat: Duration::from_secs(1),
    };
    let (view, _) = View::new(databases.clone(), settings);
    let policy = Arc::new(Policy::built_in().unwrap());
    let writer = Writer::new(databases.main.clone(), view.clone(), Arc::clone(&policy));
    let reader = Reader::new(databases.main.clone());
    let access = Access::new(databases.clone(), view.clone(), Arc::clone(&policy));
    let log = Log::new(databases.main, view.clone(), 2);
    let patience = (Duration::from_secs(5), Duration::from_secs(5));
    let services = Services::new(view, policy, (reader, writer, access, log), patience, server::capacity(&options));
    server::routes(services.clone(), services, &options).unwrap()
}

fuzz_target!(|input: &[u8]| {
    let Some((which, message)) = input.split_first() else { return };
    STAGE.with(|stage| {
        let path = &stage.paths[usize::from(*which) % stage.paths.len()];
        stage.send(path, message);
    });
});
