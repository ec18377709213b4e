//! `rolegate demo`: the service with a small world in it, and first answers to look at.

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;

use super::ask::explain;
use super::output::{self, Asked};
use super::{policy, serve, world};
use crate::config::ServeOptions;
use crate::domain::policy::Policy;
use crate::grpc::v1::authorization_service_client::AuthorizationServiceClient;
use crate::grpc::v1::consistency::Requirement;
use crate::grpc::v1::{CheckRequest, Consistency};
use crate::server;
use crate::store::DatabaseAddress;

/// How long the service may take until it serves, the migration of a slow machine included.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn run(options: &ServeOptions) -> Result<ExitCode, Box<dyn Error>> {
    let policy = policy::load(options.policy.as_deref())?;
    if options.security.callers.is_some() || options.security.tls.tls_cert.is_some() {
        return Err(
            "the demo asks and writes as somebody who is not known; leave out --callers and --tls-cert, or `serve`"
                .into(),
        );
    }
    let listener = serve::listen(options).await?;
    let address = listener.local_addr()?;
    let stop = serve::stop_on_signal()?;
    let Some(database) = serve::open(options, &stop).await? else {
        return Ok(ExitCode::SUCCESS);
    };
    let outcome = serve_and_show(listener, database.address.clone(), policy, options, &stop, address).await;
    let closed = database.close().await;
    outcome?;
    closed?;
    Ok(ExitCode::SUCCESS)
}

async fn serve_and_show(
    listener: TcpListener,
    database: DatabaseAddress,
    policy: Policy,
    options: &ServeOptions,
    stop: &CancellationToken,
    address: SocketAddr,
) -> Result<(), Box<dyn Error>> {
    let service = async {
        let served = server::serve(listener, database, policy, options, stop.cancelled()).await;
        // nothing is shown of what is over
        stop.cancel();
        served
    };
    let shown = async {
        let shown = stop.run_until_cancelled(show(address)).await.unwrap_or(Ok(()));
        if shown.is_err() {
            stop.cancel();
        }
        shown
    };
    let (served, shown) = tokio::join!(service, shown);
    served?;
    shown
}

/// Loads the world through the service's own port, asks, and prints.
async fn show(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let reachable =
        if address.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], address.port())) } else { address };
    let channel = Endpoint::from_shared(format!("http://{reachable}"))?.connect_lazy();
    tokio::time::timeout(PATIENCE, server::until_serving(channel.clone()))
        .await
        .map_err(|_| format!("the service did not serve within {} s; the log above says why", PATIENCE.as_secs()))?;
    world::load(channel.clone())
        .await
        .map_err(|status| format!("failed to load the demo world: {}", explain(&status)))?;
    let mut asked = Vec::new();
    let mut client = AuthorizationServiceClient::new(channel);
    for (user, project, action) in world::QUESTIONS {
        let request = CheckRequest {
            user: (*user).to_owned(),
            project: (*project).to_owned(),
            action: (*action).to_owned(),
            // the world's writes don't wait for a demo that was killed before
            consistency: Some(Consistency { requirement: Some(Requirement::FullyConsistent(true)) }),
        };
        let answer = client.check(request.clone()).await.map_err(|status| explain(&status))?.into_inner();
        asked.push(Asked { request, answer });
    }
    println!("{}", output::table(&asked));
    println!("\nServing on {reachable} until Ctrl-C. Ask it:\n");
    println!("  grpcurl -plaintext {reachable} list");
    println!(
        "  grpcurl -plaintext -d '{{\"user\":\"tina\",\"project\":\"acme/trees\",\"action\":\"delete_files\"}}' {reachable} rolegate.v1.AuthorizationService/Check"
    );
    println!(
        "  grpcurl -plaintext -d '{{\"actor\":\"adam\",\"project\":\"acme/trees\",\"collaborator\":\"tina\",\"role\":\"PROJECT_ROLE_EDITOR\"}}' {reachable} rolegate.v1.CollaboratorService/Add"
    );
    Ok(())
}
