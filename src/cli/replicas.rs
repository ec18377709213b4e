//! `rolegate replicas`: who answers checks, how far each has come, and until when it may answer.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use comfy_table::{Table, presets};

use super::ask::{ServerOptions, explain};
use crate::grpc::v1::replica_service_client::ReplicaServiceClient;
use crate::grpc::v1::{Replica, ReplicaServiceListRequest, ReplicaServiceListResponse, ReplicaStanding};

#[derive(Debug, Clone, Args)]
pub(super) struct ReplicasOptions {
    #[command(flatten)]
    server: ServerOptions,
}

pub(super) async fn run(options: &ReplicasOptions) -> Result<ExitCode, Box<dyn Error>> {
    let mut client = ReplicaServiceClient::new(options.server.connect().await?);
    let answer = client.list(ReplicaServiceListRequest {}).await.map_err(|status| explain(&status))?.into_inner();
    if options.server.json {
        println!("{:#}", json(&answer));
    } else {
        println!("{}", table(&answer));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(answer: &ReplicaServiceListResponse) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["replica", "lease", "last renewal seen", "applied", "lag", ""]);
    for replica in &answer.replicas {
        let left = time(replica.lease_left);
        let lease = if left.is_zero() { "ended".to_owned() } else { format!("{} left", shown(left)) };
        let seen = format!("{} ago", shown(time(replica.seen)));
        let here = if replica.is_self { format!("asked; {}", standing(answer.standing())) } else { String::new() };
        table.add_row([&replica.name, &lease, &seen, &applied(replica), &replica.lag.to_string(), &here]);
    }
    table
}

fn json(answer: &ReplicaServiceListResponse) -> serde_json::Value {
    let replica = |replica: &Replica| {
        serde_json::json!({
            "id": replica.id,
            "name": replica.name,
            "is_self": replica.is_self,
            "applied": replica.applied,
            "lag": replica.lag,
            "seen_ms": millis(replica.seen),
            "lease_left_ms": millis(replica.lease_left),
        })
    };
    serde_json::json!({
        "standing": standing(answer.standing()),
        "revision": answer.revision,
        "replicas": answer.replicas.iter().map(replica).collect::<Vec<_>>(),
    })
}

fn applied(replica: &Replica) -> String {
    if replica.applied < 0 { "nothing yet".to_owned() } else { replica.applied.to_string() }
}

fn standing(standing: ReplicaStanding) -> String {
    standing.as_str_name().trim_start_matches("REPLICA_STANDING_").to_lowercase()
}

fn time(duration: Option<prost_types::Duration>) -> Duration {
    duration.and_then(|duration| duration.try_into().ok()).unwrap_or_default()
}

fn millis(duration: Option<prost_types::Duration>) -> u64 {
    u64::try_from(time(duration).as_millis()).unwrap_or(u64::MAX)
}

/// A time to the tenth of a second.
fn shown(time: Duration) -> String {
    format!("{:.1}s", time.as_secs_f64())
}
