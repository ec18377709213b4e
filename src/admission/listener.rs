//! Connections under TLS: handshakes beside one another, each for so long and no longer, never in the way of who comes next.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;
use tracing::{debug, warn};

use super::tls::{Peer, Tls};
use crate::files::Current;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How many handshakes are under way at a time; who comes then waits in the queue of the socket.
const HANDSHAKES: usize = 4_096;

/// How long it takes a breath when no connection can be accepted: most likely there are no file descriptors left.
const BREATH: Duration = Duration::from_millis(50);

/// A connection whose handshake is done.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
}

/// Connections, each by the files as they are when it comes. Ends with the value.
pub(super) fn connections(listener: TcpListener, tls: Current<Tls>) -> impl Stream<Item = io::Result<Connection>> {
    let (ready, queue) = mpsc::channel(HANDSHAKES);
    tokio::spawn(async move {
        tokio::select! {
            () = accept(&listener, &tls, &ready) => {}
            () = ready.closed() => {}
        }
    });
    stream::unfold(queue, |mut queue| async { queue.recv().await.map(|connection| (Ok(connection), queue)) })
}

async fn accept(listener: &TcpListener, tls: &Current<Tls>, ready: &mpsc::Sender<Connection>) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    while let Ok(turn) = Arc::clone(&handshakes).acquire_owned().await {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "failed to accept a connection");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let (tls, ready) = (tls.clone(), ready.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE, handshake(stream, &tls)).await {
                Ok(Ok(connection)) => drop(ready.send(connection).await),
                Ok(Err(error)) => debug!(%address, %error, "no TLS connection came to be"),
                Err(_) => debug!(%address, "a TLS handshake took too long"),
            }
            drop(turn);
        });
    }
}

async fn handshake(stream: TcpStream, tls: &Current<Tls>) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    let by = Arc::clone(&tls.get());
    let stream = TlsAcceptor::from(Arc::clone(&by.config)).accept(stream).await?;
    let peer = Peer::new(stream.get_ref().1.peer_certificates(), tls, by);
    Ok(Connection { stream, peer })
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
