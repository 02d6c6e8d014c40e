//! `kura account`: adding, listing, disabling; one's own password and second factor.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use crate::app::{App, Catalog};
use crate::clock::Clock as _;
use crate::domain::role::Role;
use crate::domain::time::Instant;
use crate::workflows::accounts::{self, By, NewAccount, Own};

use super::account_link::{self, Link, Unlink};
use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::who::{Who, code_of, host_user, new_password, parse_id, password_of, with_code};
use super::words::{local, print, print_json, table, tokyo};

/// Add, list and disable accounts; change passwords; set up a second factor.
#[derive(Debug, Args)]
#[command(
    after_help = "The first account is made by whoever holds the machine; every further one by an account that may.\n\
                  Ids and passwords follow 別紙1. Scripts give the password in the file named by KURA_PASSWORD_FILE\n\
                  and the code in the one named by KURA_CODE_FILE."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add an account.
    Add(Add),
    /// List the accounts; no secrets.
    List,
    /// Disable an account and revoke its tokens, at once and for ever.
    Disable(Disable),
    /// Change one's own password, or (with --account of somebody who may) set a new first password for ID.
    Password(Password),
    /// Set up or remove one's own second factor (one-time codes).
    Totp(Totp),
    /// Let a person of the identity provider sign in as an account.
    Link(Link),
    /// End the link of an account.
    Unlink(Unlink),
}

#[derive(Debug, Args)]
struct Add {
    /// The new account: 10 to 64 letters and digits, one person each.
    id: String,
    /// Its role.
    #[arg(long, value_parser = role_parser())]
    role: Role,
    /// The file with its first password, in the first line; otherwise it is asked for.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Disable {
    /// The account.
    id: String,
    /// Why; no names of persons.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Password {
    /// The account.
    id: String,
    /// The file with the new password, in the first line; otherwise it is asked for.
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Totp {
    /// What to do.
    #[arg(value_enum)]
    step: Step,
    /// The account.
    id: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Step {
    /// Make a secret for an authenticator. It does not count yet.
    New,
    /// Give the first code: from now on every sign-in needs one. Prints recovery codes.
    Confirm,
    /// Remove the second factor.
    Remove,
}

/// Reads a role by its word, and knows them all for the help.
fn role_parser() -> impl TypedValueParser<Value = Role> {
    let words = Role::ALL.map(|role| PossibleValue::new(role.word()).help(role.japanese()));
    PossibleValuesParser::new(words)
        .try_map(|word| Role::of_word(&word).ok_or_else(|| format!("{word} is no role")))
}

#[derive(Serialize)]
struct Listed {
    account: String,
    role: &'static str,
    state: &'static str,
    second_factor: bool,
    created_at: String,
    disabled_at: Option<String>,
    password_changed_at: String,
    must_change_password: bool,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let (catalog, now) = (app.catalog().await?, app.clock.now());
    let done = match arguments.command {
        Command::Add(add) => add_account(app, global, &catalog, &add, now).await,
        Command::List => list(global, &catalog).await,
        Command::Disable(disable) => disable_account(app, global, &catalog, &disable, now).await,
        Command::Password(password) => change_password(app, global, &catalog, &password, now).await,
        Command::Totp(totp) => second_factor(app, global, &catalog, &totp, now).await,
        Command::Link(link) => account_link::link(app, global, &catalog, &link, now).await,
        Command::Unlink(unlink) => account_link::unlink(app, global, &catalog, &unlink, now).await,
    };
    catalog.close().await;
    done.map(|()| Exit::Done)
}

async fn add_account(
    app: &App,
    global: &Global,
    catalog: &Catalog,
    add: &Add,
    now: Instant,
) -> Result<(), Failure> {
    let account = parse_id(&add.id)?;
    let by = if add.who.is_given() {
        By::Account(add.who.sign_in(app, catalog, now).await?)
    } else {
        By::Host(host_user())
    };
    let password = new_password(&account, add.password_file.as_deref())?;
    let new = NewAccount { account, role: add.role, password };
    accounts::add(catalog, &new, &by, now).await?;
    let role = new.role;
    if global.json {
        return print_json(&serde_json::json!({ "account": new.account.as_str(), "role": role.word() }));
    }
    let next = match by {
        By::Host(_) => "",
        By::Account(_) => " Its password must be changed before anything else: `kura account password`.",
    };
    print(&format!("Added {} as {role} ({}).{next}\n", new.account, role.japanese()))
}

async fn list(global: &Global, catalog: &Catalog) -> Result<(), Failure> {
    let rows = catalog.accounts().await?;
    if global.json {
        let listed = rows.iter().map(|row| Listed {
            account: row.account.to_string(),
            role: row.role.word(),
            state: if row.disabled_at.is_some() { "disabled" } else { "active" },
            second_factor: row.has_second_factor(),
            created_at: row.created_at.to_string(),
            disabled_at: row.disabled_at.map(|at| at.to_string()),
            password_changed_at: row.password_changed_at.to_string(),
            must_change_password: row.must_change,
        });
        return print_json(&listed.collect::<Vec<_>>());
    }
    if rows.is_empty() {
        return print("There is no account yet; `kura account add ID --role ROLE` makes the first one.\n");
    }
    let cells = rows.iter().map(|row| {
        let state = match (row.disabled_at, row.must_change) {
            (Some(_), _) => "disabled",
            (None, true) => "must change its password",
            (None, false) => "active",
        };
        vec![
            row.account.to_string(),
            row.role.word().to_owned(),
            if row.has_second_factor() { "yes" } else { "no" }.to_owned(),
            local(row.created_at, &tokyo()),
            state.to_owned(),
        ]
    });
    print(&table(&["ACCOUNT", "ROLE", "CODES", "ADDED", "STATE"], &cells.collect::<Vec<_>>()))
}

async fn disable_account(
    app: &App,
    global: &Global,
    catalog: &Catalog,
    disable: &Disable,
    now: Instant,
) -> Result<(), Failure> {
    let account = parse_id(&disable.id)?;
    let by = disable.who.sign_in(app, catalog, now).await?;
    let tokens = accounts::disable(catalog, &account, &disable.reason, &by, now).await?;
    if global.json {
        return print_json(&serde_json::json!({ "account": account.as_str(), "revoked_tokens": tokens }));
    }
    print(&format!("Disabled {account}; {tokens} of its tokens were revoked.\n"))
}

async fn change_password(
    app: &App,
    global: &Global,
    catalog: &Catalog,
    change: &Password,
    now: Instant,
) -> Result<(), Failure> {
    let account = parse_id(&change.id)?;
    let file = change.new_password_file.as_deref();
    if change.who.is_other_than(&account) {
        let by = change.who.sign_in(app, catalog, now).await?;
        let new = new_password(&account, file)?;
        accounts::reset_password(catalog, &account, &new, &by, now).await?;
    } else {
        let password = password_of(&account)?;
        let new = new_password(&account, file)?;
        let changed = with_code(&account, async |code| {
            let own = Own { account: &account, password: &password, code: code.as_deref() };
            accounts::change_password(&app.home, catalog, &own, &new, now).await
        });
        changed.await?;
    }
    if global.json {
        return print_json(&serde_json::json!({ "account": account.as_str() }));
    }
    print(&format!("Set a new password for {account}.\n"))
}

async fn second_factor(
    app: &App,
    global: &Global,
    catalog: &Catalog,
    totp: &Totp,
    now: Instant,
) -> Result<(), Failure> {
    let account = parse_id(&totp.id)?;
    let password = password_of(&account)?;
    match totp.step {
        Step::New => {
            let factor = accounts::new_factor(
                &app.home,
                catalog,
                &Own { account: &account, password: &password, code: None },
                now,
            )
            .await?;
            if global.json {
                let (secret, address) = (factor.secret, factor.address);
                return print_json(&serde_json::json!({ "secret": secret, "otpauth": address }));
            }
            print(&format!(
                "Type this secret into an authenticator, or make a picture of the address for it:\n  {}\n  {}\n\
                 It counts once `kura account totp confirm {account}` has seen a code.\n",
                factor.secret, factor.address
            ))
        }
        Step::Confirm => {
            let code = code_of(&account)?;
            let codes = accounts::confirm_factor(
                &app.home,
                catalog,
                &Own { account: &account, password: &password, code: Some(&code) },
                now,
            )
            .await?;
            if global.json {
                return print_json(&serde_json::json!({ "recovery_codes": codes }));
            }
            print(&format!(
                "From now on every sign-in of {account} needs a code. Keep these recovery codes on paper; each works \
                 once, and they are not shown again:\n  {}\n",
                codes.join("\n  ")
            ))
        }
        Step::Remove => {
            let removed = with_code(&account, async |code| {
                let own = Own { account: &account, password: &password, code: code.as_deref() };
                accounts::remove_factor(&app.home, catalog, &own, now).await
            });
            removed.await?;
            if global.json {
                return print_json(&serde_json::json!({ "account": account.as_str() }));
            }
            print(&format!("Removed the second factor of {account}.\n"))
        }
    }
}
