//! `kura token`: API tokens, shown once when they are made.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::{App, Catalog};
use crate::clock::Clock as _;
use crate::config;
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::workflows::tokens::{self, DAYS, NewToken};

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::who::{Who, parse_id};
use super::words::{local, print, print_json, table, tokyo};

/// Make, list and revoke API tokens.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token; it is shown this once.
    New(New),
    /// List tokens, without their secrets.
    List(List),
    /// Revoke a token at once.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
#[command(after_help = scopes_help())]
struct New {
    /// Make it for this account, which must be a portal.
    #[arg(long = "for", value_name = "ID")]
    for_account: Option<String>,
    /// What it may be used for; may be given several times [default: all that the account may do].
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// How many days it lasts, 1 to 366.
    #[arg(long, value_name = "N", default_value_t = DAYS)]
    days: u32,
    /// What it is for; no names of persons.
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,
    /// Write it to a new file (0600) instead of stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Revoke {
    /// The token's id: the 16 digits after `kura_`.
    token: String,
    #[command(flatten)]
    who: Who,
}

fn scopes_help() -> String {
    let lines: Vec<String> =
        Act::ALL.iter().map(|act| format!("  {:<16} {}", act.word(), act.phrase())).collect();
    format!("Scopes:\n{}\nA token never may more than its account.", lines.join("\n"))
}

#[derive(Serialize)]
struct Listed<'a> {
    token: &'a str,
    account: &'a str,
    scopes: Vec<&'static str>,
    label: &'a str,
    created_at: String,
    expires_at: String,
    state: &'static str,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let (catalog, now) = (app.catalog().await?, app.clock.now());
    let done = match arguments.command {
        Command::New(new) => make(app, global, &catalog, new, now).await,
        Command::List(which) => list(app, global, &catalog, &which, now).await,
        Command::Revoke(revoke) => {
            let by = revoke.who.sign_in(app, &catalog, now).await?;
            tokens::revoke(&catalog, &revoke.token, &by, now).await?;
            print(&format!("Revoked the token {}.\n", revoke.token))
        }
    };
    catalog.close().await;
    done.map(|()| Exit::Done)
}

async fn make(app: &App, global: &Global, catalog: &Catalog, new: New, now: Instant) -> Result<(), Failure> {
    let scope = |word: &String| {
        Act::of_word(word).ok_or_else(|| {
            let known: Vec<&str> = Act::ALL.iter().map(|act| act.word()).collect();
            Failure::Usage(format!("no scope is called {word:?}; there are: {}", known.join(", ")))
        })
    };
    let scopes = new.scopes.iter().map(scope).collect::<Result<BTreeSet<Act>, _>>()?;
    let account = new.for_account.as_deref().map(parse_id).transpose()?;
    let by = new.who.sign_in(app, catalog, now).await?;
    if let Some(file) = new.out.as_deref().filter(|file| file.exists()) {
        return Err(Failure::Failed(format!("{} is there already: choose another name", file.display())));
    }
    let wanted = NewToken { account, scopes, days: new.days, label: new.label };
    let made = tokens::make(catalog, wanted, &by, now).await?;
    let (id, expires_at) = (&made.row.token, made.row.expires_at.to_string());
    let account = made.row.account.as_str();
    if let Some(file) = &new.out {
        config::write_new(file, format!("{}\n", *made.text).as_bytes(), 0o600)?;
    }
    match (global.json, new.out) {
        (true, out) => {
            let text = Some(&*made.text).filter(|_| out.is_none());
            print_json(
                &serde_json::json!({ "id": id, "account": account, "expires_at": expires_at, "token": text, "file": out }),
            )
        }
        (false, Some(file)) => {
            print(&format!("Wrote a token of {account} to {}; it expires at {expires_at}.\n", file.display()))
        }
        (false, None) => print(&format!("{}\n", *made.text)),
    }
}

async fn list(
    app: &App,
    global: &Global,
    catalog: &Catalog,
    which: &List,
    now: Instant,
) -> Result<(), Failure> {
    let by = which.who.sign_in(app, catalog, now).await?;
    let rows = tokens::list(catalog, &by).await?;
    let listed: Vec<Listed<'_>> = rows
        .iter()
        .map(|row| Listed {
            token: &row.token,
            account: row.account.as_str(),
            scopes: row.scopes.iter().map(|scope| scope.word()).collect(),
            label: &row.label,
            created_at: row.created_at.to_string(),
            expires_at: row.expires_at.to_string(),
            state: match row.revoked_at {
                Some(_) => "revoked",
                None if row.expires_at <= now => "expired",
                None => "in force",
            },
        })
        .collect();
    if global.json {
        return print_json(&listed);
    }
    let cells = rows.iter().zip(&listed).map(|(row, listed)| {
        vec![
            row.token.clone(),
            row.account.to_string(),
            local(row.expires_at, &tokyo()),
            listed.state.to_owned(),
            listed.scopes.join(","),
            row.label.clone(),
        ]
    });
    let titles = ["TOKEN", "ACCOUNT", "EXPIRES", "STATE", "SCOPES", "LABEL"];
    print(&table(&titles, &cells.collect::<Vec<_>>()))
}
