//! A listener that loses its patience: a request that takes for ever to arrive, or an answer that is never read, ends.
//!
//! From the first byte of a request its answer must begin within a time; an idle connection may stay for a while. So no
//! client holds a connection by sending its headers one by one.

use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant as Moment, Sleep, sleep};

/// How long clients are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long a request may take from its first byte to the first byte of its answer.
    pub request: Duration,
    /// How long a connection may stay without a request, and an answer without being read.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { request: Duration::from_secs(45), idle: Duration::from_secs(75) }
    }
}

/// A listener for clients that are not waited for endlessly.
pub(super) struct Patient(pub(super) TcpListener, pub(super) Patience);

impl Listener for Patient {
    type Io = Bounded;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Bounded, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (Bounded { stream, patience: self.1, end: Box::pin(sleep(self.1.idle)), is_asked: false }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// The address of a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Connected<IncomingStream<'_, Patient>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Patient>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// A connection with an end.
pub(super) struct Bounded {
    stream: TcpStream,
    patience: Patience,
    end: Pin<Box<Sleep>>,
    /// Whether a request has begun to arrive and its answer has not begun to leave.
    is_asked: bool,
}

impl Bounded {
    fn last(&mut self, time: Duration) {
        self.end.as_mut().reset(Moment::now() + time);
    }

    /// Ready with an error once the time is over.
    fn poll_end<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn wrote(&mut self) {
        self.is_asked = false;
        let idle = self.patience.idle;
        self.last(idle);
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                if !self.is_asked {
                    self.is_asked = true;
                    let request = self.patience.request;
                    self.last(request);
                }
                // A client that always has one more byte is cut off too.
                match self.end.as_mut().poll(context) {
                    Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                    Poll::Pending => Poll::Ready(Ok(())),
                }
            }
            Poll::Pending => self.poll_end(context),
            ended @ Poll::Ready(_) => ended,
        }
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Ready(Ok(written)) => {
                self.wrote();
                Poll::Ready(Ok(written))
            }
            Poll::Pending => self.poll_end(context),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write_vectored(context, bytes) {
            Poll::Ready(Ok(written)) => {
                self.wrote();
                Poll::Ready(Ok(written))
            }
            Poll::Pending => self.poll_end(context),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
