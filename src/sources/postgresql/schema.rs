//! What makes a database anew around its rows: roles, tables, keys, sequences, and a script that loads everything.
//!
//! PostgreSQL's own programs write the schema, in the run's snapshot. Foreign keys stand apart, each so that it is put
//! back even where a parent's year is over before its child's: then it counts for new rows only (NOT VALID).

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Executor as _, Row as _};

use crate::domain::source_kind::{Postgresql, TableName};
use crate::programs::Program;

use super::rows::{literal, quoted};
use super::{DatabaseError, connect, folder_of};

/// No schema is larger, bytes.
const SCHEMA_BYTES_MAX: u64 = 256 << 20;
/// `pg_dump` of a schema takes no longer.
const TIMEOUT: Duration = Duration::from_hours(1);
/// Where Debian keeps the programs of a version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Sequences with the last number they gave, and whether this role may see it.
const SEQUENCES: &str = "
    SELECT s.schemaname::text AS schema, s.sequencename::text AS name, s.last_value AS last,
           pg_catalog.has_sequence_privilege(c.oid, 'SELECT, USAGE') AS is_readable
    FROM pg_catalog.pg_sequences s
    JOIN pg_catalog.pg_namespace n ON n.nspname = s.schemaname
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.sequencename
    WHERE s.schemaname NOT LIKE 'pg\\_%' AND s.schemaname <> 'information_schema'
    ORDER BY 1, 2";

/// The server's version as a number, such as 150006.
const VERSION: &str = "SELECT pg_catalog.current_setting('server_version_num')::int4 AS it";

/// A file's name and its text, or why there is none.
type Text = (&'static str, Result<Vec<u8>, String>);

/// All texts.
pub(super) async fn texts(
    settings: &Postgresql,
    snapshot: &str,
    connection: &mut PgConnection,
    tables: &[(TableName, String)],
) -> Result<Vec<Text>, DatabaseError> {
    let sequences = sequences(connection, &settings.user).await?;
    let server = server_version(connection).await?;
    let programs = Programs::find(server);
    let (settings, snapshot) = (settings.clone(), snapshot.to_owned());
    let dumped = tokio::task::spawn_blocking(move || {
        let roles = programs.clone().and_then(|programs| programs.roles(&settings));
        let pre = programs.clone().and_then(|programs| programs.dump(&settings, &snapshot, "pre-data"));
        let post = programs.and_then(|programs| programs.dump(&settings, &snapshot, "post-data"));
        (roles, pre, post)
    });
    let (roles, pre, post) = match dumped.await {
        Ok(dumped) => dumped,
        Err(_) => return Err(DatabaseError::Statement(sqlx::Error::WorkerCrashed)),
    };
    let (post, keys) = match post.map(|text| split(&String::from_utf8_lossy(&text))) {
        Ok((post, keys)) => (Ok(post.into_bytes()), Ok(keys.into_bytes())),
        Err(reason) => (Err(reason.clone()), Err(reason)),
    };
    Ok(vec![
        ("roles.sql", roles),
        ("pre-data.sql", pre),
        ("post-data.sql", post),
        ("foreign-keys.sql", keys),
        ("sequences.sql", sequences),
        ("rows.sql", Ok(rows_script(tables).into_bytes())),
        ("load.sql", Ok(LOAD.as_bytes().to_vec())),
    ])
}

/// PostgreSQL's programs, of a version that can read the server.
#[derive(Clone)]
pub(super) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Finds those of the server's version, or the oldest that is not older.
    pub(super) fn find(server: i32) -> Result<Self, String> {
        let major = server / 10_000;
        let found = versions("pg_dump");
        if let Some((_, folder)) = found.iter().find(|(version, _)| *version >= major) {
            return Ok(Self { folder: folder.clone() });
        }
        let plain = Path::new("/usr/bin");
        match (plain.join("pg_dump").is_file(), found.last()) {
            (true, None) => Ok(Self { folder: plain.to_owned() }),
            (_, Some((newest, _))) => Err(format!(
                "the server is PostgreSQL {major}, but the pg_dump of this machine is {newest}: install \
                 postgresql-client-{major} or later"
            )),
            (false, None) => Err(format!(
                "there is no pg_dump on this machine: install postgresql-client-{major} or later"
            )),
        }
    }

    /// The newest program of a name on this machine.
    pub(super) fn newest(program: &str) -> Result<PathBuf, String> {
        let plain = Path::new("/usr/bin").join(program);
        let newest = versions(program).pop().map(|(_, folder)| folder.join(program));
        newest
            .or_else(|| plain.is_file().then_some(plain))
            .ok_or_else(|| format!("there is no {program} on this machine: install postgresql-client"))
    }

    fn run(&self, settings: &Postgresql, program: &str, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let mut command = vec![self.folder.join(program).display().to_string()];
        command.extend(arguments.iter().map(|&word| word.to_owned()));
        let environment = connect::environment(settings);
        let program = Program {
            command: &command,
            environment: &environment,
            folder: Path::new("/"),
            timeout: TIMEOUT,
        };
        program.output(SCHEMA_BYTES_MAX).map(steady)
    }

    fn dump(&self, settings: &Postgresql, snapshot: &str, section: &str) -> Result<Vec<u8>, String> {
        let section = format!("--section={section}");
        let snapshot = format!("--snapshot={snapshot}");
        let arguments = [section.as_str(), &snapshot, "--no-password", "--lock-wait-timeout=10s"];
        self.run(settings, "pg_dump", &arguments)
    }

    fn roles(&self, settings: &Postgresql) -> Result<Vec<u8>, String> {
        let database = format!("--database={}", settings.database);
        let arguments = ["--roles-only", "--no-role-passwords", "--no-password", &database];
        self.run(settings, "pg_dumpall", &arguments)
    }
}

/// The versions that Debian's packages installed a program of, ascending, each with its folder.
fn versions(program: &str) -> Vec<(i32, PathBuf)> {
    let listed = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut found: Vec<(i32, PathBuf)> = listed
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder): &(i32, PathBuf)| folder.join(program).is_file())
        .collect();
    found.sort();
    found
}

/// The server's version as a number.
pub(super) async fn server_version(connection: &mut PgConnection) -> Result<i32, DatabaseError> {
    Ok(connection.fetch_one(VERSION).await?.try_get("it")?)
}

/// Statements that set every sequence to the last number it gave.
async fn sequences(
    connection: &mut PgConnection,
    user: &str,
) -> Result<Result<Vec<u8>, String>, DatabaseError> {
    let rows = connection.fetch_all(SEQUENCES).await?;
    let mut text = String::new();
    for row in &rows {
        let name: String = format!(
            "{}.{}",
            quoted(row.try_get::<String, _>("schema")?.as_str()),
            quoted(row.try_get::<String, _>("name")?.as_str())
        );
        if !row.try_get::<bool, _>("is_readable")? {
            let reason =
                format!("the role may not read sequence {name}; GRANT SELECT ON SEQUENCE {name} TO {user}");
            return Ok(Err(reason));
        }
        if let Some(last) = row.try_get::<Option<i64>, _>("last")? {
            text.push_str(&format!("SELECT pg_catalog.setval({}, {last}, true);\n", literal(&name)));
        }
    }
    Ok(Ok(text.into_bytes()))
}

/// Loads everything into an empty database.
const LOAD: &str = "\
-- Loads this backup into an empty database. Run it in the folder that holds rows/ and schema/:
--   psql -X -d NEW_DATABASE -f schema/DAY/load.sql
-- Roles that own or use something must exist before: see roles.sql.
\\set ON_ERROR_STOP on
\\ir pre-data.sql
\\ir rows.sql
\\ir sequences.sql
\\ir post-data.sql
\\ir foreign-keys.sql
";

/// Loads the rows of this backup's tables, as many days as there are files: one line for each table.
fn rows_script(tables: &[(TableName, String)]) -> String {
    let mut script = String::from(
        "-- Loads the rows below rows/ into tables that pre-data.sql made. Run it in the folder that holds rows/.\n\
         \\set ON_ERROR_STOP on\n\\encoding UTF8\n",
    );
    for (name, columns) in tables {
        let (table, folder) = (format!("{}.{}", quoted(&name.schema), quoted(&name.table)), folder_of(name));
        let files = format!("for f in {folder}/*.copy; do [ ! -e \"$f\" ] || cat \"$f\" || exit 1; done");
        let columns = if columns.is_empty() { String::new() } else { format!(" ({columns})") };
        script.push_str(&format!("\\copy {table}{columns} from program '{files}'\n"));
    }
    script
}

/// Newer programs guard a script by a word that is made up anew each time. Made from the text, it is the same for the same
/// text, and still nobody who writes into the database can know it before.
fn steady(text: Vec<u8>) -> Vec<u8> {
    let shown = String::from_utf8_lossy(&text);
    let Some(word) = shown.lines().find_map(|line| line.strip_prefix("\\restrict ")) else {
        return text;
    };
    let other = blake3::hash(shown.replace(word, "").as_bytes()).to_hex();
    shown.replace(word, &other).into_bytes()
}

/// Parts foreign keys from the rest of what comes after the data. `pg_dump` heads each with `-- Name: …; Type: …;`.
fn split(post: &str) -> (String, String) {
    let (mut rest, mut keys) = (String::new(), String::new());
    let (mut is_key, mut statement) = (false, String::new());
    for line in post.lines() {
        if line.starts_with("-- Name: ") {
            is_key = line.contains("; Type: FK CONSTRAINT; ");
        }
        if !is_key || line.starts_with("--") || line.is_empty() {
            rest.push_str(line);
            rest.push('\n');
            // What closes a section belongs to no key any more.
            continue;
        }
        if statement.is_empty() && !line.starts_with("ALTER TABLE") {
            rest.push_str(line);
            rest.push('\n');
            continue;
        }
        statement.push_str(line);
        statement.push('\n');
        if line.ends_with(';') {
            keys.push_str(&foreign_key(statement.trim_end().trim_end_matches(';')));
            statement.clear();
        }
    }
    (rest, keys)
}

/// A foreign key that is put back whether or not all parents are there.
fn foreign_key(statement: &str) -> String {
    let valid = statement.strip_suffix(" NOT VALID").unwrap_or(statement);
    format!(
        "DO $kura$ BEGIN\n{statement};\nEXCEPTION WHEN foreign_key_violation THEN\n\
         RAISE WARNING 'kura: rows whose parents are past their year: %', SQLERRM;\n\
         BEGIN\n{valid} NOT VALID;\nEXCEPTION WHEN feature_not_supported OR wrong_object_type THEN\n\
         RAISE WARNING 'kura: this foreign key is left out, a partitioned table cannot have it NOT VALID';\n\
         END;\nEND $kura$;\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_schema_is_the_same_text() {
        let text = |word: &str, table: &str| {
            let text = format!("--\n\\restrict {word}\nCREATE TABLE {table};\n\\unrestrict {word}\n");
            String::from_utf8(steady(text.into_bytes())).unwrap()
        };
        assert_eq!(text("abc", "t"), text("xyz", "t"));
        let (one, other) = (text("abc", "t"), text("abc", "u"));
        assert_ne!(one.lines().nth(1), other.lines().nth(1));
        assert_eq!(
            one.lines().nth(1).unwrap().strip_prefix("\\restrict "),
            one.lines().nth(3).unwrap().strip_prefix("\\unrestrict ")
        );
        assert_eq!(steady(b"plain".to_vec()), b"plain");
    }

    #[test]
    fn foreign_keys_are_parted_from_the_rest() {
        let post = "--\n-- PostgreSQL database dump\n--\n\n--\n-- Name: a a_pkey; Type: CONSTRAINT; Schema: public; Owner: x\n--\n\n\
                    ALTER TABLE ONLY public.a\n    ADD CONSTRAINT a_pkey PRIMARY KEY (id);\n\n\n\
                    --\n-- Name: b b_fk; Type: FK CONSTRAINT; Schema: public; Owner: x\n--\n\n\
                    ALTER TABLE ONLY public.b\n    ADD CONSTRAINT b_fk FOREIGN KEY (a) REFERENCES public.a(id);\n\n\n\
                    --\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n";
        let (rest, keys) = split(post);
        assert!(rest.contains("a_pkey PRIMARY KEY") && !rest.contains("REFERENCES"), "{rest}");
        assert!(rest.ends_with("\\unrestrict abc\n"), "{rest}");
        assert_eq!(keys.matches("REFERENCES public.a(id);").count(), 1, "{keys}");
        assert_eq!(keys.matches("REFERENCES public.a(id) NOT VALID;").count(), 1, "{keys}");
    }
}
