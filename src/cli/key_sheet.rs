//! `kura key ceremony` and `kura key sheet`: keys made in front of witnesses, and recovery sheets (復旧票) to print.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::app::App;
use crate::clock::Clock as _;
use crate::config;
use crate::print::key_sheet;
use crate::workflows::keys;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::passphrase;
use super::words::{print, print_json};

/// Make the root key and a recovery key for each office, in front of witnesses, with sheets to print.
#[derive(Debug, Args)]
#[command(
    after_help = "Example, on a machine without network: kura key ceremony /media/usb/keys --holder 医師会 --holder 運用管理事業者\n\
                  Print the sheets, seal them in envelopes, keep files and sheets of each office apart, then destroy what is\n\
                  left on the machine. Afterwards: kura init --root-key … --recipient … (the public halves are printed)."
)]
pub(super) struct Ceremony {
    /// A new folder for the keys and sheets; only its owner may enter it.
    folder: PathBuf,
    /// An office that keeps a recovery key, not a person; give at least two.
    #[arg(long, value_name = "NAME", required = true)]
    holder: Vec<String>,
    /// Protect each recovery key with a passphrase (asked for, or from the file named in `KURA_PASSPHRASE_FILE`).
    #[arg(long)]
    passphrase: bool,
}

/// Print a recovery sheet (復旧票) for a key that exists.
#[derive(Debug, Args)]
pub(super) struct Sheet {
    /// The recovery key's file, as it is: one that a passphrase protects stays protected on paper.
    file: PathBuf,
    /// Where to write the sheet; the file must not exist.
    #[arg(long, value_name = "HTML")]
    out: PathBuf,
    /// The office that keeps it.
    #[arg(long, value_name = "NAME", default_value = "")]
    holder: String,
    /// Put the key itself on the sheet, as text and as a QR code: the paper then opens every backup.
    #[arg(long)]
    with_secret: bool,
}

#[derive(Serialize)]
struct Made<'a> {
    root_key: &'a Path,
    root_fingerprint: &'a str,
    keys: Vec<Key<'a>>,
    sheets: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Key<'a> {
    holder: &'a str,
    file: &'a Path,
    recipient: &'a str,
}

pub(super) fn ceremony(app: &App, global: &Global, ceremony: &Ceremony) -> Result<Exit, Failure> {
    if ceremony.folder.exists() {
        return Err(Failure::Failed(format!(
            "{} is there already: give a new folder",
            ceremony.folder.display()
        )));
    }
    let mut holders = Vec::new();
    for holder in &ceremony.holder {
        let asked = ceremony.passphrase.then(|| passphrase::new_for(Path::new(holder))).transpose()?;
        holders.push((holder.clone(), asked));
    }
    let made = keys::ceremony(&ceremony.folder, &holders, &app.clock)?;
    let now = app.clock.now();
    let mut sheets = Vec::new();
    for (number, (holder, file, recipient)) in (1..).zip(&made.keys) {
        let out = ceremony.folder.join(format!("sheet-{number}.html"));
        let secret = text_of(file)?;
        let (secret, root) = (Some(secret.as_str()), made.root_fingerprint.as_str());
        let page = key_sheet::recovery(&key_sheet::Sheet { holder, secret, root, recipient }, now);
        config::write_new(&out, page.html().as_bytes(), 0o600)?;
        sheets.push(out);
    }
    let out = ceremony.folder.join("sheet-root.html");
    let page = key_sheet::root(&text_of(&made.root)?, &made.root_fingerprint, now);
    config::write_new(&out, page.html().as_bytes(), 0o600)?;
    sheets.push(out);
    if global.json {
        let keys = made.keys.iter().map(|(holder, file, recipient)| Key { holder, file, recipient });
        print_json(&Made {
            root_key: &made.root,
            root_fingerprint: &made.root_fingerprint,
            keys: keys.collect(),
            sheets,
        })?;
        return Ok(Exit::Done);
    }
    let mut text = format!(
        "Made a root key and {} recovery keys in {}\n  root fingerprint  {}\n",
        made.keys.len(),
        ceremony.folder.display(),
        made.root_fingerprint
    );
    for (holder, file, recipient) in &made.keys {
        text.push_str(&format!("  {holder}: {}\n    {recipient}\n", file.display()));
    }
    text.push_str("Sheets to print (they hold the keys themselves: print, seal, then delete them):\n");
    text.extend(sheets.iter().map(|sheet| format!("  {}\n", sheet.display())));
    if made.keys.len() == 1 {
        text.push_str(
            "! There is only one recovery key: if it is lost, every backup is. Give --holder twice.\n",
        );
    }
    let recipients = made.keys.iter().map(|(_, _, recipient)| format!(" --recipient {recipient}"));
    text.push_str(&format!(
        "Next, on the backup host: kura init --store URL --root-key FILE{}\n",
        recipients.collect::<String>()
    ));
    print(&text)?;
    Ok(Exit::Done)
}

fn text_of(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(Failure::file("read", file))
}

pub(super) fn sheet(global: &Global, sheet: &Sheet) -> Result<Exit, Failure> {
    let identity = super::opening::read(&sheet.file)?;
    let root = identity.root.ok_or_else(|| {
        Failure::Failed(
            "the file has no `# kura-root:` line: it was not made for a Kura repository".to_owned(),
        )
    })?;
    let secret = sheet.with_secret.then(|| text_of(&sheet.file)).transpose()?;
    let recipients = identity.recipients.join(" ");
    let now = crate::clock::SystemClock.now();
    let shown = key_sheet::Sheet {
        holder: &sheet.holder,
        secret: secret.as_deref(),
        root: &root,
        recipient: &recipients,
    };
    let page = key_sheet::recovery(&shown, now);
    config::write_new(&sheet.out, page.html().as_bytes(), 0o600)?;
    if global.json {
        print_json(
            &serde_json::json!({ "sheet": sheet.out, "root_fingerprint": root, "recipient": recipients }),
        )?;
    } else {
        print(&format!("wrote {}: print it, then keep it apart from the key\n", sheet.out.display()))?;
    }
    Ok(Exit::Done)
}
