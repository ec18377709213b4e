//! `ReplicaService`: who answers checks, how far each has come, and until when it may answer.

use std::time::Duration;

use tonic::{Request, Response, Status};

use super::v1::replica_service_server::ReplicaService;
use super::v1::{self, ReplicaServiceListRequest, ReplicaServiceListResponse, ReplicaStanding};
use super::{Services, revision};
use crate::view::{KnownReplica, Standing};

#[tonic::async_trait]
impl ReplicaService for Services {
    async fn list(
        &self,
        _: Request<ReplicaServiceListRequest>,
    ) -> Result<Response<ReplicaServiceListResponse>, Status> {
        let view = &self.inner.view;
        let token = view.token();
        let standing = match view.standing() {
            Standing::Fresh => ReplicaStanding::Fresh,
            Standing::Stale => ReplicaStanding::Stale,
            Standing::Silent => ReplicaStanding::Silent,
        };
        let replicas = view.replicas().into_iter().map(|known| replica(known, token.revision.0)).collect();
        Ok(Response::new(ReplicaServiceListResponse {
            replicas,
            standing: standing.into(),
            revision: revision::encode(token),
        }))
    }
}

fn replica(known: KnownReplica, here: i64) -> v1::Replica {
    v1::Replica {
        id: known.id.to_string(),
        name: known.name,
        is_self: known.is_self,
        applied: known.applied.0,
        lag: (here - known.applied.0.max(0)).max(0),
        seen: Some(duration(known.seen)),
        lease_left: Some(duration(known.lease_left)),
    }
}

fn duration(time: Duration) -> prost_types::Duration {
    // a time that does not fit is longer than anybody waits
    time.try_into().unwrap_or_default()
}
