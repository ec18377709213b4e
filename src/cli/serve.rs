//! `rolegate serve`: the service, until a signal ends it.

use std::error::Error;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::database::OpenDatabase;
use super::policy;
use crate::admission::Admission;
use crate::config::ServeOptions;
use crate::server;

pub(super) async fn run(options: &ServeOptions) -> Result<ExitCode, Box<dyn Error>> {
    let policy = policy::load(options.policy.as_deref())?;
    let listener = listen(options).await?;
    let stop = stop_on_signal()?;
    let Some(database) = open(options, &stop).await? else {
        return Ok(ExitCode::SUCCESS);
    };
    let served = server::serve(listener, database.address.clone(), policy, options, stop.cancelled()).await;
    let closed = database.close().await;
    served?;
    closed?;
    Ok(ExitCode::SUCCESS)
}

/// Takes the port, before anything slow is begun.
pub(super) async fn listen(options: &ServeOptions) -> Result<TcpListener, Box<dyn Error>> {
    options.check()?;
    // said before anything slow is begun; the service reads them once more
    Admission::open(&options.security)?;
    let bound = TcpListener::bind(options.listen).await;
    bound.map_err(|error| {
        format!("failed to listen on {}: {error}; name another address with --listen", options.listen).into()
    })
}

/// A token that SIGTERM or Ctrl-C cancels.
pub(super) fn stop_on_signal() -> Result<CancellationToken, Box<dyn Error>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => info!(signal = "SIGTERM", "asked to end"),
            _ = interrupt.recv() => info!(signal = "SIGINT", "asked to end"),
        }
        cancel.cancel();
    });
    Ok(stop)
}

/// Opens the database; `None` where a signal came first.
pub(super) async fn open(
    options: &ServeOptions,
    stop: &CancellationToken,
) -> Result<Option<OpenDatabase>, Box<dyn Error>> {
    stop.run_until_cancelled(OpenDatabase::open(&options.database)).await.transpose()
}
