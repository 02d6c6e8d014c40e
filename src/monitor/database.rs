//! Asking a PostgreSQL database one question, in a transaction that only reads.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Row as _};

use crate::config::secret_line;
use crate::domain::monitor::Answer;
use crate::domain::monitor_target::Question;
use crate::domain::source_kind::Tls;

/// A question changes nothing, and no statement outlives whoever asks.
const READ_ONLY: &str = "SET default_transaction_read_only = on; SET statement_timeout = '60s'";

/// Asks. The caller keeps the deadline; `timeout` is how long the server may think.
pub(super) async fn ask(question: &Question, timeout: Duration) -> Answer {
    let Ok(options) = options(question) else { return Answer::NotAsked };
    let mut connection = match options.connect().await {
        Ok(connection) => connection,
        // It lives and does not let this role in: whoever uses it may be let in.
        Err(sqlx::Error::Database(_)) => return Answer::QueryFailed,
        Err(_) => return Answer::Unreachable,
    };
    let answered = tokio::time::timeout(timeout, query(&mut connection, question)).await;
    let answer = answered.unwrap_or(Ok(Answer::TimedOut)).unwrap_or(Answer::QueryFailed);
    drop(tokio::time::timeout(Duration::from_secs(1), connection.close()).await);
    answer
}

fn options(question: &Question) -> Result<PgConnectOptions, crate::config::ConfigError> {
    let mode = match question.tls {
        Tls::Disable => PgSslMode::Disable,
        Tls::Require => PgSslMode::Require,
        Tls::VerifyCa => PgSslMode::VerifyCa,
        Tls::VerifyFull => PgSslMode::VerifyFull,
    };
    let options = PgConnectOptions::new_without_pgpass()
        .port(question.port)
        .username(&question.user)
        .database(&question.database)
        .application_name("kura monitor")
        .statement_cache_capacity(0)
        .ssl_mode(mode)
        .disable_statement_logging();
    let is_socket = question.host.starts_with('/');
    let options = if is_socket { options.socket(&question.host) } else { options.host(&question.host) };
    match &question.password_file {
        Some(file) => Ok(options.password(&secret_line(std::path::Path::new(file))?)),
        None => Ok(options),
    }
}

async fn query(connection: &mut PgConnection, question: &Question) -> Result<Answer, sqlx::Error> {
    connection.execute(READ_ONLY).await?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the administrator's own question, from a file that only he writes; the session only reads"
    )]
    let statement = sqlx::AssertSqlSafe(question.query.clone());
    let row: Option<PgRow> = sqlx::raw_sql(statement).fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(Answer::WrongContent) };
    let Some(wanted) = &question.expect else { return Ok(Answer::Good) };
    // The simple protocol sends every value as text.
    let found: Option<&str> = row.try_get_raw(0).ok().and_then(|value| value.as_str().ok());
    Ok(if found == Some(wanted.as_str()) { Answer::Good } else { Answer::WrongContent })
}
