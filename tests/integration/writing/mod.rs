//! Writes that cannot be got wrong: upserts, what may be missing, etags, several writes as one, offboarding, and what a write
//! would change of anybody's role.

mod batches;
mod costs;
mod effects;
mod etags;
mod locks;
mod missing;
mod offboarding;
mod sequences;
mod stale;
mod upserts;

use rolegate::grpc::v1::{WriteOperation, WriteRequest, WriteResponse};
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::membership::calls::Call;
use crate::membership::world::World;
use crate::support::{Service, reason};

/// Several calls as one, on behalf of that user.
fn together(actor: &str, calls: &[Call]) -> WriteRequest {
    let operations = calls.iter().map(|call| WriteOperation { operation: Some(call.as_operation()) }).collect();
    WriteRequest { actor: actor.to_owned(), operations, ..Default::default() }
}

async fn send(service: &Service, request: WriteRequest) -> Result<WriteResponse, Status> {
    service.writes().write(request).await.map(tonic::Response::into_inner)
}

/// Which operation was refused, and why.
fn refusal(status: &Status) -> (String, String) {
    let metadata = status.get_details_error_info().unwrap().metadata;
    (metadata.get("operation").cloned().unwrap_or_default(), reason(status))
}

/// Sends a call that must go well and change nothing: what it answers is true at the revision that there is.
async fn changes_nothing(world: &World, call: Call) {
    let before = world.dump().await;
    let answer = world.send(call.clone()).await;
    assert_eq!(world.dump().await, before, "{call:?}");
    assert!(!answer.revision.is_empty(), "{call:?}");
    let fresh = rolegate::grpc::v1::consistency::Requirement::AtLeastAsFresh(answer.revision);
    world.service.check_at(("mia", "acme/trees", "view_project"), fresh).await.unwrap();
}
