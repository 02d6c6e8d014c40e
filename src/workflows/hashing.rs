//! Password hashing off the threads that answer: two at a time, because each takes 19 MiB and a core for a while.

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use crate::credentials::password::{self, HashError};

/// How many hashes are computed at once; others wait.
const AT_ONCE: usize = 2;

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// Does a piece of computing in its turn.
async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let turn = TURNS.acquire().await.ok()?;
    let done = tokio::task::spawn_blocking(work).await.ok();
    drop(turn);
    done
}

/// Whether a password is the one that was hashed.
pub(super) async fn is_right(password: &SecretString, hash: &str) -> bool {
    let (password, hash) = (password.clone(), hash.to_owned());
    in_turn(move || password::is_right(password.expose_secret(), &hash)).await.unwrap_or(false)
}

/// Hashes a password.
pub(super) async fn hash(password: &SecretString) -> Result<String, HashError> {
    let password = password.clone();
    let failed = || Err(HashError::stopped());
    in_turn(move || password::hash(password.expose_secret())).await.unwrap_or_else(failed)
}

/// Spends the time of one check.
pub(super) async fn spend_the_same_time(password: &SecretString) {
    let password = password.clone();
    in_turn(move || password::spend_the_same_time(password.expose_secret())).await;
}
