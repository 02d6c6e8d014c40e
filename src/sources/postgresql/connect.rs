//! Connecting: one role that reads, settings that make text the same on every server, no secret in an argument.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions as _, Executor as _};

use crate::domain::source_kind::{Postgresql, Tls};

use super::DatabaseError;

/// What every session of Kura is set to. Text of rows must not depend on the server's or the role's settings; a lock is
/// waited for only shortly, and no statement runs for ever.
const SETTINGS: &str = "
    SET search_path = '';
    SET client_encoding = 'UTF8';
    SET TimeZone = 'UTC';
    SET DateStyle = 'ISO, YMD';
    SET IntervalStyle = 'postgres';
    SET extra_float_digits = 1;
    SET bytea_output = 'hex';
    SET xmloption = 'content';
    SET row_security = off;
    SET synchronize_seqscans = off;
    SET default_transaction_read_only = on;
    SET lock_timeout = '10s';
    SET statement_timeout = '4h';
    SET idle_in_transaction_session_timeout = 0;
";

/// Begins to read as of now. Rows that change later are not seen.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// Connects and begins a transaction that reads as of now.
pub(super) async fn begin(database: &Postgresql) -> Result<PgConnection, DatabaseError> {
    let mut connection = connect(database).await?;
    connection.execute(BEGIN).await?;
    Ok(connection)
}

/// Connects. Not through `begin` of sqlx: a cancelled one leaves a transaction open.
async fn connect(database: &Postgresql) -> Result<PgConnection, DatabaseError> {
    let mut connection = options(database)?
        .connect()
        .await
        .map_err(|source| DatabaseError::Connect { place: place(database), source })?;
    connection.execute(SETTINGS).await?;
    Ok(connection)
}

/// Where the database is, for people.
fn place(database: &Postgresql) -> String {
    format!("database {:?} on {} port {}", database.database, database.host, database.port)
}

fn options(database: &Postgresql) -> Result<PgConnectOptions, DatabaseError> {
    let mode = match database.tls {
        Tls::Disable => PgSslMode::Disable,
        Tls::Require => PgSslMode::Require,
        Tls::VerifyCa => PgSslMode::VerifyCa,
        Tls::VerifyFull => PgSslMode::VerifyFull,
    };
    let mut options = PgConnectOptions::new_without_pgpass()
        .port(database.port)
        .username(&database.user)
        .database(&database.database)
        .application_name("kura")
        .statement_cache_capacity(0)
        .ssl_mode(mode)
        .disable_statement_logging();
    options =
        if database.is_socket() { options.socket(&database.host) } else { options.host(&database.host) };
    if let Some(root) = &database.tls_root {
        options = options.ssl_root_cert(root);
    }
    if let Some(file) = password_file(database) {
        let read = std::fs::read_to_string(&file);
        let text = read.map_err(|source| DatabaseError::PasswordFile { path: file.clone(), source })?;
        check_rights(&file)?;
        if let Some(password) = password(&text, database) {
            options = options.password(&password);
        }
    }
    Ok(options)
}

/// The file with the password: the plan's, or where libpq looks.
fn password_file(database: &Postgresql) -> Option<PathBuf> {
    let own = std::env::var_os("PGPASSFILE").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".pgpass"));
    let usual = || own.or_else(home).filter(|file| file.is_file());
    database.password_file.clone().or_else(usual)
}

/// Like libpq, nothing is read that others could read too.
fn check_rights(file: &Path) -> Result<(), DatabaseError> {
    use std::os::unix::fs::MetadataExt as _;
    let failed = |source| DatabaseError::PasswordFile { path: file.to_owned(), source };
    let found = std::fs::metadata(file).map_err(failed)?;
    if found.mode().trailing_zeros() >= 6 {
        Ok(())
    } else {
        Err(failed(std::io::Error::other("others may read it; chmod 600")))
    }
}

/// The password in the text of a `.pgpass` file: the first line that fits.
fn password(text: &str, database: &Postgresql) -> Option<String> {
    let port = database.port.to_string();
    let fits = |field: &str, value: &str| field == "*" || field == value;
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [host, at, name, user, password] = fields.as_slice() else { return None };
        let is_host = fits(host, &database.host) || (database.is_socket() && host == "localhost");
        let is_it =
            is_host && fits(at, &port) && fits(name, &database.database) && fits(user, &database.user);
        is_it.then(|| password.clone())
    })
}

/// The fields of a line; `\:` and `\\` stand for themselves.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        let is_last = fields.len() == 5;
        match (c, fields.last_mut()) {
            ('\\', Some(field)) => field.extend(rest.next()),
            (':', Some(_)) if !is_last => fields.push(String::new()),
            (c, Some(field)) => field.push(c),
            (_, None) => {}
        }
    }
    fields
}

/// The environment in which PostgreSQL's own programs reach the database: libpq's variables, and no password among them.
pub(super) fn environment(database: &Postgresql) -> Vec<(OsString, OsString)> {
    let mut environment: Vec<(&str, OsString)> = vec![
        ("PGHOST", database.host.clone().into()),
        ("PGPORT", database.port.to_string().into()),
        ("PGDATABASE", database.database.clone().into()),
        ("PGUSER", database.user.clone().into()),
        ("PGSSLMODE", database.tls.word().into()),
        ("PGAPPNAME", "kura".into()),
        ("PGCLIENTENCODING", "UTF8".into()),
    ];
    if let Some(file) = password_file(database) {
        environment.push(("PGPASSFILE", file.into()));
    }
    if let Some(root) = &database.tls_root {
        environment.push(("PGSSLROOTCERT", root.into()));
    } else if !matches!(database.tls, Tls::Disable | Tls::Require) {
        environment.push(("PGSSLROOTCERT", "/etc/ssl/certs/ca-certificates.crt".into()));
    }
    environment.into_iter().map(|(key, value)| (key.into(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_that_of_the_first_line_that_fits() {
        let database = Postgresql {
            host: "db.example".to_owned(),
            port: 5432,
            database: "emr".to_owned(),
            user: "kura".to_owned(),
            password_file: None,
            tls: Tls::VerifyFull,
            tls_root: None,
            tables: Vec::new(),
        };
        let text =
            "# db.example:*:*:*:no\nother:*:*:*:no\ndb.example:5432:emr:kura:a\\:b\\\\c:d\n*:*:*:*:late\n";
        assert_eq!(password(text, &database).as_deref(), Some("a:b\\c:d"));
        assert_eq!(password("db.example:5433:*:*:x", &database), None);
        let socket = Postgresql { host: "/run/postgresql".to_owned(), ..database };
        assert_eq!(password("localhost:*:*:*:x", &socket).as_deref(), Some("x"));
    }
}
