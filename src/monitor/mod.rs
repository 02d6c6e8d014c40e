//! Asking a target once whether it lives: ICMP, TCP, HTTP, PostgreSQL. What an answer means is the rules' (`domain`), when it
//! is asked the workflows'. Also reading a log, and telling somebody outside that Kura lives.
//!
//! Nothing of a target's answer is kept or logged: only which kind of answer it was.

use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpStream;

use crate::domain::monitor::{Answer, Ask};

/// ICMP echo.
mod ping;

/// Pages.
mod page;

/// Databases.
mod database;

/// Access logs.
mod access_log;

pub use access_log::{LogTrouble, Reading, read_log};
pub use page::{BadBeat, Beat};

/// Whatever can ask a target.
#[async_trait]
pub trait Asker: Send + Sync {
    /// Asks once, for at most `timeout`.
    async fn ask(&self, ask: &Ask, timeout: Duration) -> Answer;
}

/// This machine asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct FromHere;

#[async_trait]
impl Asker for FromHere {
    async fn ask(&self, ask: &Ask, timeout: Duration) -> Answer {
        let asked = async {
            match ask {
                Ask::Ping { host } => ping::ask(host, timeout).await,
                Ask::Tcp { host, port } => connect(host, *port).await,
                Ask::Http { url, status, contains } => page::ask(url, *status, contains.as_deref()).await,
                Ask::Postgresql(question) => database::ask(question, timeout).await,
            }
        };
        tokio::time::timeout(timeout, asked).await.unwrap_or(Answer::TimedOut)
    }
}

/// A connection that is opened and closed again.
async fn connect(host: &str, port: u16) -> Answer {
    match TcpStream::connect((host, port)).await {
        Ok(_) => Answer::Good,
        Err(error) => unreached(&error),
    }
}

/// What a failure to reach somebody says.
fn unreached(error: &std::io::Error) -> Answer {
    match error.kind() {
        std::io::ErrorKind::TimedOut => Answer::TimedOut,
        std::io::ErrorKind::PermissionDenied => Answer::NotAsked,
        _ => Answer::Unreachable,
    }
}
