//! What is monitored, as people write it: every `*.toml` in `policies/monitoring/`, each with `[[target]]` and
//! `[[access_log]]`. A file that is wrong is refused as a whole, because what is left out of monitoring is missed by nobody.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::diagnose::Refused;
use super::diagnose::list;
use super::expression::Expression;
use super::folder::toml_files;
use crate::domain::access_log::{AccessLog, LogRule, LogSource};
use crate::domain::monitor_target::{Ask, Damping, MonitorTarget, Monitoring, Question};
use crate::domain::source_kind::Tls;
use crate::domain::window::is_one_line;

const KINDS: [&str; 4] = ["ping", "tcp", "http", "postgresql"];
/// How long an answer may take where nobody says otherwise, seconds.
const TIMEOUT_SECONDS: u64 = 10;
/// The longest that an answer may take, seconds: shorter than the shortest rhythm.
const TIMEOUT_SECONDS_MAX: u64 = 50;
/// The longest name of a rule, characters.
const RULE_CHARACTERS_MAX: usize = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    target: Vec<TargetRow>,
    #[serde(default)]
    access_log: Vec<LogRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetRow {
    name: String,
    kind: String,
    address: String,
    #[serde(default)]
    services: Vec<String>,
    every_minutes: Option<u32>,
    timeout_seconds: Option<u64>,
    failures: Option<u32>,
    successes: Option<u32>,
    changes_per_hour: Option<u32>,
    status: Option<u16>,
    contains: Option<String>,
    database: Option<String>,
    user: Option<String>,
    password_file: Option<String>,
    tls: Option<String>,
    query: Option<String>,
    expect: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogRow {
    name: String,
    file: Option<String>,
    #[serde(default)]
    command: Vec<String>,
    every_hours: Option<u32>,
    review_days: Option<u32>,
    #[serde(default)]
    rule: Vec<RuleRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleRow {
    name: String,
    pattern: String,
    limit: Option<u64>,
}

/// Reads everything in a folder, by file. The folder need not be there: then nothing is monitored.
///
/// # Errors
/// Everything that is wrong, in any of the files.
pub fn load_monitoring(folder: &Path) -> Result<Monitoring, Refused> {
    let mut found = Monitoring::default();
    let mut problems = Vec::new();
    let (mut targets, mut logs) = (BTreeSet::new(), BTreeSet::new());
    for (file, text) in toml_files(folder)? {
        let mut say = |message: String| problems.extend(Refused::whole_file(&file, message).problems);
        let parsed: File = match toml::from_str(&text) {
            Ok(parsed) => parsed,
            Err(error) => {
                say(error.to_string().trim_end().to_owned());
                continue;
            }
        };
        for row in parsed.target {
            let name = row.name.clone();
            match target(row) {
                _ if !targets.insert(name.clone()) => say(format!("target {name:?} is there twice")),
                Ok(target) => found.targets.push(target),
                Err(why) => say(format!("target {name:?}: {why}")),
            }
        }
        for row in parsed.access_log {
            let name = row.name.clone();
            match log(row) {
                _ if !logs.insert(name.clone()) => say(format!("access_log {name:?} is there twice")),
                Ok(log) => found.logs.push(log),
                Err(why) => say(format!("access_log {name:?}: {why}")),
            }
        }
    }
    if !problems.is_empty() {
        return Err(Refused { problems });
    }
    found.targets.sort_by(|a, b| a.name.cmp(&b.name));
    found.logs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// A name that may stand in rows, metrics and logs: small letters, digits, `-`, at most 40.
fn check_name(name: &str) -> Result<(), String> {
    let is_good = (1..=40).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && name.starts_with(|c: char| c.is_ascii_lowercase());
    if is_good {
        Ok(())
    } else {
        Err("a name is small letters, digits and -, at most 40, a letter first".to_owned())
    }
}

fn within<T: PartialOrd + std::fmt::Display>(key: &str, value: T, least: T, most: T) -> Result<T, String> {
    if value < least || value > most {
        return Err(format!("{key} = {value}: write {least} to {most}"));
    }
    Ok(value)
}

fn target(row: TargetRow) -> Result<MonitorTarget, String> {
    check_name(&row.name)?;
    let ask = ask(&row)?;
    if let Some(bad) = row.services.iter().find(|service| !is_one_line(service, 100)) {
        return Err(format!("services: {bad:?} is no name of a service: one line, at most 100 characters"));
    }
    let default = Damping::default();
    // The policy's rhythm is the longest that is allowed (第22条②).
    let every =
        within("every_minutes", row.every_minutes.unwrap_or(ask.every_minutes()), 1, ask.every_minutes())?;
    let timeout =
        within("timeout_seconds", row.timeout_seconds.unwrap_or(TIMEOUT_SECONDS), 1, TIMEOUT_SECONDS_MAX)?;
    Ok(MonitorTarget {
        name: row.name,
        ask,
        services: row.services,
        every_minutes: every,
        timeout: Duration::from_secs(timeout),
        damping: Damping {
            failures: within("failures", row.failures.unwrap_or(default.failures), 1, 10)?,
            successes: within("successes", row.successes.unwrap_or(default.successes), 1, 10)?,
            changes_per_hour: within(
                "changes_per_hour",
                row.changes_per_hour.unwrap_or(default.changes_per_hour),
                1,
                60,
            )?,
        },
    })
}

fn ask(row: &TargetRow) -> Result<Ask, String> {
    let only = |kind: &str, keys: &[(&str, bool)]| match keys.iter().find(|(_, is)| *is) {
        Some((key, _)) => Err(format!("{key} is not for kind = {kind:?}")),
        None => Ok(()),
    };
    let http = [("status", row.status.is_some()), ("contains", row.contains.is_some())];
    let database = [
        ("database", row.database.is_some()),
        ("user", row.user.is_some()),
        ("password_file", row.password_file.is_some()),
        ("tls", row.tls.is_some()),
        ("query", row.query.is_some()),
        ("expect", row.expect.is_some()),
    ];
    match row.kind.as_str() {
        "ping" => {
            only("ping", &http).and(only("ping", &database))?;
            Ok(Ask::Ping { host: host(&row.address)? })
        }
        "tcp" => {
            only("tcp", &http).and(only("tcp", &database))?;
            let (host, port) = place(&row.address, None)?;
            Ok(Ask::Tcp { host, port })
        }
        "http" => {
            only("http", &database)?;
            Ok(Ask::Http {
                url: page(&row.address)?,
                status: within("status", row.status.unwrap_or(200), 100, 599)?,
                contains: row.contains.clone(),
            })
        }
        "postgresql" => {
            only("postgresql", &http)?;
            question(row).map(|question| Ask::Postgresql(Box::new(question)))
        }
        other => Err(format!("kind = {other:?}: it is one of {}", list(&KINDS))),
    }
}

fn host(text: &str) -> Result<String, String> {
    let is_good =
        !text.is_empty() && !text.starts_with('-') && text.chars().all(|c| c.is_ascii_graphic() && c != '/');
    if is_good {
        Ok(text.to_owned())
    } else {
        Err(format!("address = {text:?}: write a host name or an address"))
    }
}

/// `host:port`, `[::1]:port`; only `host` where a port is given for that case.
fn place(text: &str, default: Option<u16>) -> Result<(String, u16), String> {
    let wrong =
        || format!("address = {text:?}: write host:port, such as portal.example:443 or [2001:db8::1]:443");
    let (name, port) = match (text.rsplit_once(':'), default) {
        (Some((name, port)), _) if !name.contains(':') || name.starts_with('[') => {
            (name, port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wrong)?)
        }
        (_, Some(port)) => (text, port),
        (_, None) => return Err(wrong()),
    };
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    Ok((host(name).map_err(|_| wrong())?, port))
}

fn page(text: &str) -> Result<String, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let plain = url.filter(|url| url.username().is_empty() && url.password().is_none());
    plain
        .map(|url| url.to_string())
        .ok_or_else(|| format!("address = {text:?}: write http://… or https://…, without user and password"))
}

fn question(row: &TargetRow) -> Result<Question, String> {
    let (host, port) = place(&row.address, Some(5432))?;
    let tls = row.tls.as_deref().unwrap_or(Tls::VerifyFull.word());
    let words = Tls::ALL.map(Tls::word);
    Ok(Question {
        host,
        port,
        database: row.database.clone().unwrap_or_else(|| "postgres".to_owned()),
        user: row.user.clone().ok_or("user is missing: a role that may connect and nothing more")?,
        password_file: row.password_file.clone(),
        tls: Tls::ALL
            .into_iter()
            .find(|known| known.word() == tls)
            .ok_or_else(|| format!("tls = {tls:?}: it is one of {}", list(&words)))?,
        query: row.query.clone().unwrap_or_else(|| "SELECT 1".to_owned()),
        expect: row.expect.clone(),
    })
}

fn log(row: LogRow) -> Result<AccessLog, String> {
    check_name(&row.name)?;
    let source = match (row.file, row.command.is_empty()) {
        (Some(file), true) if file.starts_with('/') => LogSource::File(file),
        (Some(file), true) => return Err(format!("file = {file:?}: write the whole path, from /")),
        (None, false) => LogSource::Command(row.command),
        (Some(_), false) | (None, true) => {
            return Err("write file = \"/…\" or command = [\"program\", …], one of them".to_owned());
        }
    };
    let mut rules = Vec::new();
    for rule in row.rule {
        if !is_one_line(&rule.name, RULE_CHARACTERS_MAX)
            || rules.iter().any(|known: &LogRule| known.name == rule.name)
        {
            return Err(format!(
                "rule {:?}: a name of its own on one line, at most {RULE_CHARACTERS_MAX} characters",
                rule.name
            ));
        }
        Expression::new(&rule.pattern).map_err(|why| format!("rule {:?}: pattern: {why}", rule.name))?;
        rules.push(LogRule { name: rule.name, pattern: rule.pattern, limit: rule.limit });
    }
    if rules.is_empty() {
        return Err("[[access_log.rule]] is missing: say what is counted".to_owned());
    }
    Ok(AccessLog {
        name: row.name,
        source,
        every_hours: within("every_hours", row.every_hours.unwrap_or(24), 1, 24 * 31)?,
        review_days: within("review_days", row.review_days.unwrap_or(7), 1, 92)?,
        rules,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Monitoring, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("own.toml"), text).unwrap();
        load_monitoring(folder.path()).map_err(|refused| refused.to_string())
    }

    #[test]
    fn what_ships_is_read_with_the_rhythm_of_the_policy() {
        let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let folder =
            above.map(|above| above.join("policies/monitoring")).find(|folder| folder.is_dir()).unwrap();
        let shipped = load_monitoring(&folder).unwrap();
        let rhythm: Vec<(&str, u32)> =
            shipped.targets.iter().map(|target| (target.ask.word(), target.every_minutes)).collect();
        for kind in [("ping", 5), ("tcp", 5), ("http", 15), ("postgresql", 15)] {
            assert!(rhythm.contains(&kind), "{kind:?} in {rhythm:?}");
        }
        assert!(!shipped.logs.is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_and_the_whole_file_refused() {
        let target = |rest: &str| load(&format!("[[target]]\nname = \"a\"\n{rest}\n"));
        let good = target("kind = \"tcp\"\naddress = \"[::1]:443\"\nservices = [\"ポータル\"]").unwrap();
        assert_eq!(good.targets[0].ask, Ask::Tcp { host: "::1".to_owned(), port: 443 });
        for (rest, wanted) in [
            ("kind = \"udp\"\naddress = \"x\"", "it is one of"),
            ("kind = \"tcp\"\naddress = \"x\"", "host:port"),
            ("kind = \"tcp\"\naddress = \"x:0\"", "host:port"),
            ("kind = \"ping\"\naddress = \"-f\"", "host name"),
            ("kind = \"ping\"\naddress = \"x\"\nevery_minutes = 6", "write 1 to 5"),
            ("kind = \"ping\"\naddress = \"x\"\nstatus = 200", "status is not for"),
            ("kind = \"http\"\naddress = \"https://u:p@x/\"", "without user and password"),
            ("kind = \"postgresql\"\naddress = \"x\"", "user is missing"),
            ("kind = \"ping\"\naddress = \"x\"\nservise = [\"x\"]", "servise"),
            (
                "kind = \"ping\"\naddress = \"x\"\n[[target]]\nname = \"a\"\nkind = \"ping\"\naddress = \"y\"",
                "twice",
            ),
        ] {
            let told = target(rest).unwrap_err();
            assert!(told.contains(wanted) && told.contains("own.toml"), "{rest}: {told}");
        }
        let log = |rest: &str| load(&format!("[[access_log]]\nname = \"fw\"\n{rest}\n"));
        let rule = "[[access_log.rule]]\nname = \"拒否\"\npattern = \"DENY\"";
        assert_eq!(log(&format!("file = \"/var/log/fw\"\n{rule}")).unwrap().logs.len(), 1);
        for (rest, wanted) in [
            (rule.to_owned(), "one of them"),
            (format!("file = \"fw.log\"\n{rule}"), "from /"),
            ("file = \"/x\"".to_owned(), "rule"),
            (format!("file = \"/x\"\n{}", rule.replace("DENY", "(")), "pattern"),
        ] {
            let told = log(&rest).unwrap_err();
            assert!(told.contains(wanted), "{rest}: {told}");
        }
    }
}
