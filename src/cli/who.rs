//! Who somebody is: `--account` with password and code, or the token in the file that `KURA_TOKEN_FILE` names.

use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::app::{App, Catalog};
use crate::config;
use crate::domain::account::AccountId;
use crate::domain::actor::Actor;
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::workflows::sign_in::{self, AccessError, Proof};

use super::failure::Failure;

/// The variable that names the file of the password, for scripts.
const PASSWORD_FILE: &str = "KURA_PASSWORD_FILE";
/// The variable that names the file of the code, for scripts.
const CODE_FILE: &str = "KURA_CODE_FILE";
/// The variable that names the file of the token.
const TOKEN_FILE: &str = "KURA_TOKEN_FILE";

/// Who asks.
#[derive(Clone, Debug, Args)]
pub(super) struct Who {
    /// Your account; its password is asked for. Without it, the token in the file named by `KURA_TOKEN_FILE` counts.
    #[arg(long, env = "KURA_ACCOUNT", value_name = "ID")]
    account: Option<String>,
}

impl Who {
    /// Whether an account or a token is given at all.
    pub(super) fn is_given(&self) -> bool {
        self.account.is_some() || config::environment(TOKEN_FILE).is_some()
    }

    /// Whether an account other than `id` is given.
    pub(super) fn is_other_than(&self, id: &AccountId) -> bool {
        self.account.as_deref().map_or_else(|| self.is_given(), |account| account != id.as_str())
    }

    /// Checks who it is.
    pub(super) async fn sign_in(&self, app: &App, catalog: &Catalog, now: Instant) -> Result<Actor, Failure> {
        let Some(account) = &self.account else {
            let Some(path) = config::environment(TOKEN_FILE).map(PathBuf::from) else {
                let message = format!(
                    "say who you are: --account ID, or a token in the file that {TOKEN_FILE} names; being root is nobody"
                );
                return Err(Failure::Usage(message));
            };
            let proof = Proof::Token(first_line(&path)?);
            return Ok(sign_in::sign_in(&app.home, catalog, &proof, now).await?);
        };
        let account = parse_id(account)?;
        let password = password_of(&account)?;
        let signed_in = with_code(&account, async |code| {
            let (account, password) = (account.clone(), password.clone());
            let proof = Proof::Password { account, password, code };
            sign_in::sign_in(&app.home, catalog, &proof, now).await
        });
        Ok(signed_in.await?)
    }
}

impl Who {
    /// Checks who it is, and whether he may do something.
    pub(super) async fn sign_in_for(
        &self,
        app: &App,
        catalog: &Catalog,
        act: Act,
        now: Instant,
    ) -> Result<Actor, Failure> {
        let actor = self.sign_in(app, catalog, now).await?;
        actor.check(act).map_err(AccessError::from)?;
        Ok(actor)
    }
}

/// Tries without a code, and asks for one if it is needed.
pub(super) async fn with_code<T, E: From<AccessError> + Needs>(
    account: &AccountId,
    attempt: impl AsyncFn(Option<String>) -> Result<T, E>,
) -> Result<T, E>
where
    Failure: From<E>,
{
    match attempt(None).await {
        Err(error) if error.needs_code() => match code_of(account) {
            Ok(code) => attempt(Some(code)).await,
            Err(_) => Err(error),
        },
        other => other,
    }
}

/// An error that may say that a code is needed.
pub(super) trait Needs {
    /// Whether a code is needed.
    fn needs_code(&self) -> bool;
}

impl Needs for AccessError {
    fn needs_code(&self) -> bool {
        matches!(self, Self::CodeNeeded(_))
    }
}

impl Needs for crate::workflows::accounts::AccountError {
    fn needs_code(&self) -> bool {
        matches!(self, Self::Access(error) if error.needs_code())
    }
}

/// Reads an id.
pub(super) fn parse_id(text: &str) -> Result<AccountId, Failure> {
    text.parse().map_err(|error: crate::domain::account::BadAccountId| Failure::Usage(error.to_string()))
}

/// The first line of a file with a secret.
pub(super) fn first_line(path: &Path) -> Result<SecretString, Failure> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(Failure::file("read", path))?;
    Ok(text.lines().next().unwrap_or_default().to_owned().into())
}

/// The password of an account that is there.
pub(super) fn password_of(account: &AccountId) -> Result<SecretString, Failure> {
    match config::environment(PASSWORD_FILE) {
        Some(path) => first_line(Path::new(&path)),
        None => ask(&format!("Password of {account}: "), PASSWORD_FILE),
    }
}

/// A new password: from a file, or asked for twice.
pub(super) fn new_password(account: &AccountId, file: Option<&Path>) -> Result<SecretString, Failure> {
    use secrecy::ExposeSecret as _;
    if let Some(path) = file {
        return first_line(path);
    }
    let first = ask(&format!("New password for {account}: "), "--password-file")?;
    let second = ask("The same again: ", "--password-file")?;
    if first.expose_secret() == second.expose_secret() {
        Ok(first)
    } else {
        Err(Failure::Failed("the two passwords differ: nothing was changed, try again".to_owned()))
    }
}

/// A code of the second factor, or a recovery code.
pub(super) fn code_of(account: &AccountId) -> Result<String, Failure> {
    use secrecy::ExposeSecret as _;
    let code = match config::environment(CODE_FILE) {
        Some(path) => first_line(Path::new(&path))?,
        None => ask(&format!("Code of {account} (6 digits, or a recovery code): "), CODE_FILE)?,
    };
    Ok(code.expose_secret().to_owned())
}

fn ask(prompt: &str, file: &str) -> Result<SecretString, Failure> {
    let asked = rpassword::prompt_password(prompt).map(SecretString::from);
    asked
        .map_err(|e| Failure::Failed(format!("cannot ask ({e}): put it into a file and name that in {file}")))
}

/// The system's user, for acts of whoever holds the machine.
pub(super) fn host_user() -> String {
    uzers::get_current_username().map_or_else(
        || rustix::process::geteuid().as_raw().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}
