//! What is wrong with a request before any RPC sees it is its caller's mistake, and is said to be.
//!
//! tonic calls it INTERNAL where a message can't be read, is cut off, or is missing. Ours always carry a reason.

use tonic::body::Body;
use tonic::codegen::http::Response;
use tonic::{Code, Status};

use super::errors;

const DETAILS: &str = "grpc-status-details-bin";

/// Makes an INTERNAL that is not ours what it is: a request that can't be read.
pub fn blame_the_caller(response: Response<Body>) -> Response<Body> {
    let headers = response.headers();
    // only a response without a body has its status among the headers
    let is_internal = headers.get(Status::GRPC_STATUS).is_some_and(|status| status == "13");
    if !is_internal || headers.contains_key(DETAILS) {
        return response;
    }
    match Status::from_header_map(headers) {
        Some(status) => errors::unreadable(&status).into_http(),
        None => response,
    }
}

/// The same for a request of a stream.
pub(super) fn of_stream(status: Status) -> Status {
    if status.code() == Code::Internal && status.details().is_empty() { errors::unreadable(&status) } else { status }
}
