//! One COPY as a stream of bytes: a task reads rows from the database, a thread of the engine takes them.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use sqlx::Executor as _;
use sqlx::postgres::PgConnection;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::domain::source_kind::Postgresql;

use super::error::words;
use super::rows::{literal, made};
use super::{DatabaseError, connect};

/// Rows are handed over in pieces of about so many bytes.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces on the way.
const PIECES: usize = 4;

/// A COPY to be made.
pub(super) struct Copying {
    pub(super) settings: Postgresql,
    /// The exported snapshot.
    pub(super) snapshot: String,
    pub(super) statement: String,
    /// So many rows the snapshot shows, if they were counted.
    pub(super) rows: Option<i64>,
    /// Where the session goes afterwards.
    pub(super) idle: Arc<Mutex<Vec<PgConnection>>>,
}

type Piece = Result<Vec<u8>, String>;

impl Copying {
    /// Begins, in a session that reads the snapshot already or in a new one.
    pub(super) fn begin(self, handle: &Handle, idle: Option<PgConnection>) -> Copied {
        let (sender, receiver) = mpsc::channel(PIECES);
        handle.spawn(async move {
            let outcome = self.run(idle, &sender).await;
            if let Err(reason) = outcome {
                // A reader that went away needs no reason.
                drop(sender.send(Err(reason)).await);
            } else {
                drop(sender.send(Ok(Vec::new())).await);
            }
        });
        Copied { receiver, piece: Vec::new(), at: 0, has_ended: false }
    }

    async fn run(self, idle: Option<PgConnection>, sender: &Sender<Piece>) -> Result<(), String> {
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.session().await.map_err(|error| error.to_string())?,
        };
        // The stream must be read to its end, or the session is not to be used again: it is dropped then.
        let rows = self.copy(&mut connection, sender).await?;
        if let Some(counted) = self.rows
            && rows != counted
        {
            return Err(miscounted(rows, counted));
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(())
    }

    async fn session(&self) -> Result<PgConnection, DatabaseError> {
        let mut connection = connect::begin(&self.settings).await?;
        let import = format!("SET TRANSACTION SNAPSHOT {}", literal(&self.snapshot));
        connection.execute(made(import)).await?;
        Ok(connection)
    }

    async fn copy(&self, connection: &mut PgConnection, sender: &Sender<Piece>) -> Result<i64, String> {
        let mut rows = 0_i64;
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let mut stream = connection.copy_out_raw(&self.statement).await.map_err(|e| words(&e))?;
        while let Some(row) = std::future::poll_fn(|context| match stream.as_mut().poll_next(context) {
            Poll::Ready(row) => Poll::Ready(row),
            Poll::Pending => Poll::Pending,
        })
        .await
        {
            piece.extend_from_slice(&row.map_err(|e| words(&e))?);
            rows += 1;
            if piece.len() >= PIECE_BYTES {
                let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE_BYTES));
                sender.send(Ok(full)).await.map_err(|_| "nobody reads any more".to_owned())?;
            }
        }
        drop(stream);
        if !piece.is_empty() {
            sender.send(Ok(piece)).await.map_err(|_| "nobody reads any more".to_owned())?;
        }
        Ok(rows)
    }
}

/// A day that gave other rows than its snapshot showed.
pub(super) fn miscounted(rows: i64, counted: i64) -> String {
    format!("gave {rows} rows where {counted} were counted; nothing of it was kept")
}

/// The bytes of a COPY. They end well only after an empty piece: a task that died is an error.
pub(super) struct Copied {
    receiver: Receiver<Piece>,
    piece: Vec<u8>,
    at: usize,
    has_ended: bool,
}

impl Read for Copied {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() && !self.has_ended {
            match self.receiver.blocking_recv() {
                Some(Ok(piece)) => {
                    self.has_ended = piece.is_empty();
                    (self.piece, self.at) = (piece, 0);
                }
                Some(Err(reason)) => return Err(io::Error::other(reason)),
                None => return Err(io::Error::other("the reading of the database broke off")),
            }
        }
        let left = &self.piece[self.at..];
        let count = left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.at += count;
        Ok(count)
    }
}
