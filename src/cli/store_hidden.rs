//! `kura store hidden`: objects that somebody hid behind delete markers, and bringing them back.

use clap::Args;

use crate::app::App;
use crate::workflows::hidden::{self, HiddenError};
use crate::workflows::store::{self, StoreUrl};

use super::commands::Global;
use super::exit::Exit;
use super::failure::{Failure, with_causes};
use super::words::{counted, print, print_json, tell};

#[derive(Debug, Args)]
#[command(
    after_help = "In a bucket with versions a plain deletion removes nothing: it hides the object behind a delete marker, and its\n\
                  locked versions stay. --bring-back takes the markers away, and no version with bytes; then run `kura verify`.\n\
                  It needs a credential that may delete versions: [reaper] in kura.toml, or with --store the one of the\n\
                  environment (AWS_ACCESS_KEY_ID …). First take the credential away from whoever hides objects.\n\
                  Examples:\n  \
                  kura store hidden\n  \
                  kura store hidden --bring-back"
)]
pub(super) struct Arguments {
    /// Take the markers away.
    #[arg(long)]
    bring_back: bool,
    /// The store [default: the one in the settings of the home].
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

impl From<HiddenError> for Failure {
    fn from(error: HiddenError) -> Self {
        match error {
            HiddenError::Vault(error) => error.into(),
            other @ (HiddenError::Open(_) | HiddenError::Again(_)) => Self::Failed(with_causes(&other)),
        }
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let ends = match &arguments.store {
        Some(store) => {
            let address: StoreUrl = store.parse()?;
            (store::open(&address).await?, store::reaper(&address).await?)
        }
        None => hidden::of_host(&app.host(None).await?).await?,
    };
    let found = hidden::look(&ends).await?;
    if arguments.bring_back {
        hidden::bring_back(&ends, &found).await?;
    }
    let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
    if global.json {
        let keys: Vec<&str> = found.iter().map(|one| one.key.as_str()).collect();
        print_json(&serde_json::json!({ "hidden": keys, "brought_back": arguments.bring_back }))?;
        return Ok(Exit::Done);
    }
    let word = if arguments.bring_back { "brought back" } else { "hidden" };
    for one in &found {
        tell(&format!("kura: {word}: {}", one.key));
    }
    let next = match (count, arguments.bring_back) {
        (0, _) => "nothing is hidden",
        (_, true) => "brought back; now run `kura verify`",
        (_, false) => "hidden behind delete markers: `kura store hidden --bring-back` brings them back",
    };
    print(&if count == 0 { format!("{next}\n") } else { format!("{} {next}\n", counted(count, "object")) })?;
    Ok(Exit::Done)
}
