//! A write that is sent twice under one id happens once, and answers the same each time.

mod confirmed;
mod once;
mod refused;

use prost::Message;
use rolegate::grpc::v1::{
    CollaboratorServiceRemoveRequest, CollaboratorServiceRemoveResponse, UserServiceCreateRequest,
};
use tokio_postgres::Client;
use tonic::{Response, Status};

use crate::support::Clients;
use crate::support::scene::PROJECT;

/// Asks for a new user under an id.
async fn create(service: &Clients, name: &str, id: &str) -> Result<Vec<u8>, Status> {
    service.users().create(user(name, id)).await.map(bytes)
}

fn user(name: &str, id: &str) -> UserServiceCreateRequest {
    UserServiceCreateRequest { username: name.to_owned(), request_id: id.to_owned(), ..Default::default() }
}

/// Asks for bob to be taken off the project of the scene.
async fn remove(
    service: &Clients,
    id: &str,
    timeout: std::time::Duration,
) -> Result<CollaboratorServiceRemoveResponse, Status> {
    let (project, collaborator, request_id) = (PROJECT.to_owned(), "bob".to_owned(), id.to_owned());
    let request = CollaboratorServiceRemoveRequest { project, collaborator, request_id, ..Default::default() };
    let mut request = tonic::Request::new(request);
    request.set_timeout(timeout);
    service.collaborators().remove(request).await.map(Response::into_inner)
}

/// An answer, byte for byte.
fn bytes(answer: Response<impl Message>) -> Vec<u8> {
    answer.into_inner().encode_to_vec()
}

/// How many writes there have been.
async fn writes(client: &Client) -> i64 {
    client.query_one("SELECT number FROM revision", &[]).await.unwrap().get(0)
}

/// How many requests are remembered.
async fn remembered(client: &Client) -> i64 {
    client.query_one("SELECT count(*) FROM request", &[]).await.unwrap().get(0)
}
