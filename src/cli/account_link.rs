//! `kura account link` and `unlink`: which account a person of the identity provider is.

use clap::Args;

use crate::app::{App, Catalog};
use crate::domain::time::Instant;
use crate::workflows::identities;

use super::commands::Global;
use super::failure::Failure;
use super::who::{Who, parse_id};
use super::words::{print, print_json};

/// `kura account link`.
#[derive(Debug, Args)]
pub(super) struct Link {
    /// The account.
    id: String,
    /// The subject (`sub`), as the provider writes it; the sign-in page shows it to whoever is not linked yet.
    #[arg(long)]
    subject: String,
    #[command(flatten)]
    who: Who,
}

/// `kura account unlink`.
#[derive(Debug, Args)]
pub(super) struct Unlink {
    /// The account.
    id: String,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn link(
    app: &App,
    global: &Global,
    catalog: &Catalog,
    link: &Link,
    now: Instant,
) -> Result<(), Failure> {
    let account = parse_id(&link.id)?;
    let settings = app.home.settings()?.oidc;
    let settings = settings.ok_or_else(|| {
        Failure::Usage("kura.toml has no [oidc]: name the identity provider there first".to_owned())
    })?;
    let by = link.who.sign_in(app, catalog, now).await?;
    identities::link(catalog, &account, (&settings.issuer, &link.subject), &by, now).await?;
    if global.json {
        return print_json(&serde_json::json!({ "account": account.as_str(), "issuer": settings.issuer }));
    }
    print(&format!("{account} may now sign in with {}.\n", settings.issuer))
}

pub(super) async fn unlink(
    app: &App,
    global: &Global,
    catalog: &Catalog,
    unlink: &Unlink,
    now: Instant,
) -> Result<(), Failure> {
    let account = parse_id(&unlink.id)?;
    let by = unlink.who.sign_in(app, catalog, now).await?;
    identities::unlink(catalog, &account, &by, now).await?;
    if global.json {
        return print_json(&serde_json::json!({ "account": account.as_str() }));
    }
    print(&format!("{account} is no longer linked to the identity provider.\n"))
}
