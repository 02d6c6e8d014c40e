//! `kura extract verify`: opening what was handed over, and measuring it again.

use std::path::PathBuf;

use clap::Args;

use crate::app::{App, Catalog};
use crate::clock::Clock as _;
use crate::domain::role::Act;
use crate::workflows::extracts::{self, Opener};
use crate::workflows::keys;

use super::commands::Global;
use super::exit::Exit;
use super::extract::last;
use super::extract_show::show_verified;
use super::failure::Failure;
use super::passphrase;
use super::who::Who;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The permit.
    permit: String,
    /// The sealed file as the applicant has it [default: the one in the home].
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The applicant's age key [default: the passphrase is asked for, or read from the file in `KURA_PASSPHRASE_FILE`].
    #[arg(long, short, value_name = "FILE")]
    identity: Option<PathBuf>,
    #[command(flatten)]
    who: Who,
}

/// Opens a file and compares it with its report.
pub(super) async fn verify(
    app: &App,
    global: &Global,
    catalog: &Catalog,
    asked: &Arguments,
) -> Result<Exit, Failure> {
    asked.who.sign_in_for(app, catalog, Act::ReadPermits, app.clock.now()).await?;
    let row = last(catalog, &asked.permit).await?;
    let kept = app.home.extracts().join(format!("{}-{}.age", row.permit, row.execution));
    let file = asked.file.as_deref().unwrap_or(&kept);
    let sealed = std::fs::read(file).map_err(Failure::file("read", file))?;
    let is_of_key = extracts::report_of(&row)?.sealed_to == "key";
    let opener = match &asked.identity {
        None if is_of_key => {
            return Err(Failure::Usage(format!(
                "the extract of permit {} is sealed to the applicant's age key, not to a passphrase: give that key with \
                 --identity FILE, or have the applicant verify it",
                asked.permit
            )));
        }
        Some(_) if !is_of_key => {
            return Err(Failure::Usage(format!(
                "the extract of permit {} is sealed under the passphrase that was shown once: leave --identity out",
                asked.permit
            )));
        }
        Some(identity) => {
            let talker = keys::Talker::new(passphrase::Terminal);
            Opener::Keys(keys::read_identity(identity, passphrase::of, talker)?.keys)
        }
        None => Opener::Passphrase(passphrase::of(file)?),
    };
    let found = tokio::task::block_in_place(|| extracts::verify(&row, &sealed, opener))?;
    show_verified(global, &found)?;
    Ok(if found.differences.is_empty() { Exit::Done } else { Exit::Failed })
}
