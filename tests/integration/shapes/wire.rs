//! Calls whose messages are bytes.

use prost::bytes::{Buf as _, BufMut as _};
use prost_reflect::MethodDescriptor;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::support::Clients;

/// Sends that message; the first answer of a stream counts.
pub async fn send(clients: &Clients, method: &MethodDescriptor, bytes: Vec<u8>) -> Result<(), Status> {
    call(clients, method, vec![bytes]).await
}

/// Calls it without a message.
pub async fn send_nothing(clients: &Clients, method: &MethodDescriptor) -> Result<(), Status> {
    call(clients, method, Vec::new()).await
}

async fn call(clients: &Clients, method: &MethodDescriptor, messages: Vec<Vec<u8>>) -> Result<(), Status> {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let mut grpc: Grpc<Channel> = Grpc::new(clients.channel.clone());
    grpc.ready().await.unwrap();
    let request = Request::new(futures::stream::iter(messages));
    let path = PathAndQuery::try_from(path).unwrap();
    let mut answers = grpc.streaming(request, path, Raw).await?.into_inner();
    answers.message().await.map(drop)
}

/// Leaves bytes as they are.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut item = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut item);
        Ok(Some(item))
    }
}
