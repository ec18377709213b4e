//! The connector that the driver is given: the handshake of `tokio-postgres-rustls`, whose refusals say what to do.

use std::convert::Infallible;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio_postgres::Socket;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::refusal::Refusal;

type Inner = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;

/// A connection under TLS.
pub(crate) type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// What makes connections.
#[derive(Clone)]
pub(crate) struct Connector(Option<MakeRustlsConnect>);

impl Connector {
    pub(super) fn new(connect: MakeRustlsConnect) -> Self {
        Self(Some(connect))
    }

    /// One that makes no connection under TLS.
    pub(super) fn none() -> Self {
        Self(None)
    }
}

/// One handshake.
pub(crate) struct Handshake {
    host: String,
    inner: Option<Inner>,
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = Encrypted;
    type TlsConnect = Handshake;
    type Error = Infallible;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, Infallible> {
        let inner = match &mut self.0 {
            None => None,
            Some(connect) => Some(MakeTlsConnect::<Socket>::make_tls_connect(connect, host)?),
        };
        Ok(Handshake { host: host.to_owned(), inner })
    }
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Encrypted;
    type Error = Refusal;
    type Future = BoxFuture<'static, Result<Encrypted, Refusal>>;

    fn connect(self, socket: Socket) -> Self::Future {
        let Self { host, inner } = self;
        async move {
            let Some(inner) = inner else { return Err(Refusal::unprepared()) };
            inner.connect(socket).await.map_err(|error| Refusal::of_handshake(&host, &error))
        }
        .boxed()
    }
}
