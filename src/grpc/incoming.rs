//! Connections as they come in: so many at a time, and none that stays without using it.
//!
//! A wrapper around any stream of connections that speak HTTP/2, over TLS or not. What HTTP/2 itself bounds, streams, windows,
//! resets and headers, is set where the server is built.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use tonic::transport::server::Connected;
use tracing::{debug, warn};

use super::frames::{Frames, PREFACE};
use super::seldom::Seldom;

/// Before another is accepted where there are no more files.
const PAUSE: Duration = Duration::from_millis(50);

/// What connections may use up.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// How many there may be.
    pub most: usize,
    /// How long one may take to begin to speak HTTP/2.
    pub handshake: Duration,
    /// How long nothing but pings may go over one.
    pub idle: Duration,
}

/// The connections that keep to the limits; the others are closed.
pub fn limited<IO>(
    incoming: impl Stream<Item = io::Result<IO>>,
    limits: ConnectionLimits,
) -> impl Stream<Item = Result<Guarded<IO>, Infallible>> {
    let gate =
        Arc::new(Gate { places: Arc::new(Semaphore::new(limits.most)), full: Seldom::new(), failed: Seldom::new() });
    incoming.filter_map(move |accepted| {
        let gate = Arc::clone(&gate);
        async move {
            match accepted {
                Ok(io) => gate.place(limits.most).map(|place| Ok(Guarded::new(io, place, limits))),
                Err(error) => {
                    gate.failed(&error).await;
                    None
                }
            }
        }
    })
}

struct Gate {
    places: Arc<Semaphore>,
    full: Seldom,
    failed: Seldom,
}

impl Gate {
    fn place(&self, most: usize) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        if let (None, Some(count)) = (&place, self.full.due()) {
            warn!(count, "closed new connections at once: there are {most}, as many as --max-connections allows");
        }
        place
    }

    /// Where there are no more files, another would fail at once: it waits until some may be closed. What went wrong with one
    /// connection is no reason to keep the next one waiting.
    async fn failed(&self, error: &io::Error) {
        let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
        if !exhausted.iter().any(|one| error.raw_os_error() == Some(one.raw_os_error())) {
            return debug!(%error, "failed to accept a connection");
        }
        if let Some(count) = self.failed.due() {
            warn!(count, %error, "failed to accept connections");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A connection, which ends when it is not used: reading it then finds its end.
#[derive(Debug)]
pub struct Guarded<IO> {
    io: IO,
    _place: OwnedSemaphorePermit,
    read: Frames,
    written: Frames,
    /// When something but a ping went over it last; none before the first frame.
    used: Option<Instant>,
    due: Pin<Box<Sleep>>,
    idle: Duration,
}

impl<IO> Guarded<IO> {
    fn new(io: IO, place: OwnedSemaphorePermit, limits: ConnectionLimits) -> Self {
        let due = Box::pin(tokio::time::sleep(limits.handshake));
        let (read, written) = (Frames::after(PREFACE), Frames::after(0));
        Self { io, _place: place, read, written, used: None, due, idle: limits.idle }
    }

    /// Whether it has not been used for too long. Else wakes the reader when it may be so.
    fn poll_unused(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.due.as_mut().poll(context).is_ready() {
            let until = self.used.map(|used| used + self.idle);
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => self.due.as_mut().reset(until),
                None => {
                    debug!(spoke = self.used.is_some(), "closing a connection that is not used");
                    return Poll::Ready(());
                }
            }
        }
        Poll::Pending
    }

    fn note_read(&mut self) {
        let now = Instant::now();
        if self.used.replace(now).is_none() {
            self.due.as_mut().reset(now + self.idle);
        }
    }

    fn note_written(&mut self, parts: &[IoSlice<'_>], written: usize) {
        let mut left = written;
        let mut is_busy = false;
        for part in parts {
            let taken = part.get(..left.min(part.len())).unwrap_or_default();
            is_busy |= self.written.take(taken);
            left -= taken.len();
        }
        // what the server says first is not yet a use
        if is_busy && self.used.is_some() {
            self.used = Some(Instant::now());
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Guarded<IO> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.io).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                if this.read.take(buffer.filled().get(before..).unwrap_or_default()) {
                    this.note_read();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending if this.poll_unused(context).is_ready() => Poll::Ready(Ok(())),
            pending_or_failed => pending_or_failed,
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Guarded<IO> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(context, parts);
        if let Poll::Ready(Ok(written)) = written {
            this.note_written(parts, written);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

impl<IO: Connected> Connected for Guarded<IO> {
    type ConnectInfo = IO::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.io.connect_info()
    }
}
