//! Passphrases: from the terminal, or from the file that `KURA_PASSPHRASE_FILE` names. Never from an argument.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::config;

use crate::workflows::keys::Talk;

use super::failure::Failure;
use super::words::tell;

/// The variable that names the file.
const FILE: &str = "KURA_PASSPHRASE_FILE";

/// Shorter passphrases of new keys are refused, characters.
const LENGTH_MIN: usize = 12;

/// The passphrase of the file that `KURA_PASSPHRASE_FILE` names: its first line.
fn from_file() -> Result<Option<SecretString>, Failure> {
    let Some(path) = config::environment(FILE).map(PathBuf::from) else { return Ok(None) };
    let text = std::fs::read_to_string(&path).map(Zeroizing::new).map_err(Failure::file("read", &path))?;
    let line = text.lines().next().unwrap_or_default().to_owned();
    Ok(Some(line.into()))
}

fn ask(prompt: &str) -> Result<SecretString, Failure> {
    let asked = rpassword::prompt_password(prompt).map(SecretString::from);
    asked.map_err(|e| {
        Failure::Failed(format!(
            "cannot ask for a passphrase ({e}): put it into a file and name that in {FILE}"
        ))
    })
}

/// The passphrase of a key that is there.
pub(super) fn of(key: &Path) -> Result<SecretString, Failure> {
    match from_file()? {
        Some(passphrase) => Ok(passphrase),
        None => ask(&format!("Passphrase of {}: ", key.display())),
    }
}

/// A passphrase for a new key, asked for twice.
pub(super) fn new_for(key: &Path) -> Result<SecretString, Failure> {
    let passphrase = if let Some(passphrase) = from_file()? {
        passphrase
    } else {
        let first = ask(&format!("New passphrase for {}: ", key.display()))?;
        let second = ask("The same again: ")?;
        if first.expose_secret() != second.expose_secret() {
            return Err(Failure::Failed(
                "the two passphrases differ: nothing was made, try again".to_owned(),
            ));
        }
        first
    };
    if passphrase.expose_secret().chars().count() < LENGTH_MIN {
        let message = format!("the passphrase is shorter than {LENGTH_MIN} characters: choose a longer one");
        return Err(Failure::Usage(message));
    }
    Ok(passphrase)
}

/// A recovery key as somebody reads it from paper.
pub(super) fn typed_key() -> Result<SecretString, Failure> {
    let asked = rpassword::prompt_password("Recovery key (AGE-SECRET-KEY-1…), as on the sheet: ");
    asked.map(SecretString::from).map_err(|e| {
        Failure::Failed(format!(
            "cannot ask for the recovery key ({e}): give it as a file with --identity FILE"
        ))
    })
}

/// Answers age plugins from the terminal.
pub(super) struct Terminal;

impl Talk for Terminal {
    fn tell(&self, message: &str) {
        tell(&format!("kura: the key says: {message}"));
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let no = no.unwrap_or("no");
        let answer = self.ask(&format!("{message} Type 1 for \"{yes}\", 2 for \"{no}\""))?;
        Some(answer.trim() == "1")
    }

    fn ask(&self, what: &str) -> Option<String> {
        tell(&format!("kura: the key asks: {what}"));
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_owned())
    }

    fn ask_secret(&self, what: &str) -> Option<SecretString> {
        match from_file() {
            Ok(Some(secret)) => Some(secret),
            Ok(None) | Err(_) => ask(&format!("{what}: ")).ok(),
        }
    }
}
