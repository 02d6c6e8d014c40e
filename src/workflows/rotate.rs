//! Changing which recovery keys count: a new set, signed by the root key; the host takes it over afterwards.
//!
//! A set is one object, so that there is no state in between: before it is stored the old set counts, after it the new one.
//! Doing the same change twice makes one set.

use crate::archive::digest::Sha256;
use crate::archive::envelope::{self, EnvelopeError, SigningKey, payload_type};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::KnownKey;
use crate::archive::seal::Recipient;
use crate::config::{self, Home};
use crate::domain::time::Instant;
use crate::domain::window::is_one_line;
use crate::vault::{Put, Vault, VaultError};

use super::host::{self, HostError, files};
use super::repository::{self, Opened, RepositoryError, RootPolicy, decode};
use super::rewrap::keys_end;
use super::upload::{UploadError, put_and_compare};

pub use crate::archive::records::RecoveryKeys;

/// The longest name of an office that keeps a key, characters.
const HOLDER_CHARACTERS_MAX: usize = 60;

/// Why the recovery keys were not changed.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The root key is another repository's.
    #[error(
        "the root key in the file is {found}, and this repository's is {expected}: give the one it was made with"
    )]
    OtherRoot {
        /// The fingerprint that the repository names.
        expected: String,
        /// That of the file.
        found: String,
    },
    /// A key to retire is none of the repository's.
    #[error("{0} is not, and never was, a recovery key of this repository: `kura key list` names them")]
    Unknown(String),
    /// A key to add was retired before.
    #[error("{0} was retired before and does not come back: make a new key (`kura key new`)")]
    Retired(String),
    /// None would be left.
    #[error("no recovery key would be left, and nobody could open a new backup: add one in the same command")]
    Last,
    /// The name of an office cannot be.
    #[error(
        "the holder of a key is one line of at most {HOLDER_CHARACTERS_MAX} characters, the name of an office and not of a person"
    )]
    Holder,
    /// Somebody else changed the keys.
    #[error("somebody else changed the recovery keys a moment ago: look at them again (`kura key list`)")]
    Raced,
    /// The home belongs to another repository.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A record.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Storing it.
    #[error(transparent)]
    Upload(#[from] UploadError),
}

impl From<VaultError> for RotateError {
    fn from(error: VaultError) -> Self {
        Self::Repository(error.into())
    }
}

/// What is to change.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Keys that count from now on, each with the office that keeps it.
    pub add: Vec<(Recipient, Option<String>)>,
    /// Keys that count no more.
    pub retire: Vec<String>,
    /// The retired ones are, or may be, in wrong hands.
    pub is_compromised: bool,
}

/// The set after a change; `None` if it is so already.
pub fn after(
    current: &RecoveryKeys,
    created: &str,
    change: &Change,
    now: Instant,
) -> Result<Option<RecoveryKeys>, RotateError> {
    let mut next = RecoveryKeys {
        set: current.set.saturating_add(1),
        signed_at: Some(now.to_string()),
        ..current.clone()
    };
    let since = current.signed_at.clone().unwrap_or_else(|| created.to_owned());
    for recipient in &current.recipients {
        if next.known(recipient).is_none() {
            next.known.push(noted(recipient, None, &since));
        }
    }
    let mut is_news = false;
    for (recipient, holder) in &change.add {
        if holder.as_ref().is_some_and(|holder| !is_one_line(holder, HOLDER_CHARACTERS_MAX)) {
            return Err(RotateError::Holder);
        }
        let text = recipient.to_string();
        if next.recipients.contains(&text) {
            continue;
        }
        if next.known(&text).is_some() {
            return Err(RotateError::Retired(text));
        }
        next.known.push(noted(&text, holder.clone(), &now.to_string()));
        next.recipients.push(text);
        is_news = true;
    }
    for text in &change.retire {
        let set = next.set;
        let key = next.known.iter_mut().find(|key| key.recipient == *text);
        let key = key.ok_or_else(|| RotateError::Unknown(text.clone()))?;
        if key.retired_in.is_none() {
            key.retired_at = Some(now.to_string());
            key.retired_in = Some(set);
            is_news = true;
        }
        if change.is_compromised && !key.is_compromised {
            key.is_compromised = true;
            is_news = true;
        }
        next.recipients.retain(|one| one != text);
    }
    if next.recipients.is_empty() {
        return Err(RotateError::Last);
    }
    Ok(is_news.then_some(next))
}

fn noted(recipient: &str, holder: Option<String>, since: &str) -> KnownKey {
    KnownKey {
        recipient: recipient.to_owned(),
        holder,
        since: since.to_owned(),
        retired_at: None,
        retired_in: None,
        is_compromised: false,
    }
}

/// Makes the change in the store and gives the set that counts then.
pub async fn rotate(
    opened: &Opened,
    root: &SigningKey,
    change: &Change,
    now: Instant,
) -> Result<RecoveryKeys, RotateError> {
    let repository = &opened.trust.repository;
    if *root.public() != repository.root {
        let (expected, found) = (repository.root.fingerprint(), root.public().fingerprint());
        return Err(RotateError::OtherRoot { expected, found });
    }
    let Some(next) = after(&opened.trust.recovery, &repository.created, change, now)? else {
        return Ok(opened.trust.recovery.clone());
    };
    let numbers = opened.trust.perpetual.iter().filter_map(|kind| match kind {
        ObjectKind::RecoveryKeys(number) => Some(*number),
        _ => None,
    });
    let key = layout::recovery_keys(numbers.max().map_or(1, |number| number.saturating_add(1)));
    let payload =
        serde_json::to_vec_pretty(&next).map_err(|e| RepositoryError::wrong(&key, e.to_string()))?;
    let bytes = root.sign(payload_type::RECOVERY_KEYS, &payload);
    let until = keys_end(opened, now).await?;
    if opened.vault.put(&key, bytes.clone().into(), Some(until.into())).await? == Put::AlreadyThere
        && Sha256::of(&opened.vault.get(&key, None).await?) != Sha256::of(&bytes)
    {
        return Err(RotateError::Raced);
    }
    put_and_compare(&*opened.vault, &key, &bytes.into(), Some(until.into())).await?;
    opened.vault.flush().await?;
    Ok(next)
}

/// Takes over the newest set of the store into the home, if it is newer; gives the set that counts there.
pub async fn adopt(home: &Home, vault: &dyn Vault) -> Result<RecoveryKeys, RotateError> {
    let own = host::trust_of(home)?;
    let root = RootPolicy::Fingerprint(own.repository.root.fingerprint());
    let stored = repository::load_trust(vault, &root).await?;
    if stored.repository.repository != own.repository.repository {
        return Err(
            RepositoryError::wrong("kura/<n>.json", "it is another repository than the home's").into()
        );
    }
    if stored.recovery.set <= own.recovery.set {
        return Ok(own.recovery);
    }
    for kind in &stored.perpetual {
        let ObjectKind::RecoveryKeys(number) = kind else { continue };
        let key = layout::recovery_keys(*number);
        let bytes = vault.get(&key, None).await?;
        let signers = [stored.repository.root.clone()];
        let checked: Result<RecoveryKeys, RepositoryError> =
            match envelope::open(&bytes, payload_type::RECOVERY_KEYS, &signers) {
                Ok(verified) => decode(&key, &verified.payload),
                Err(EnvelopeError::NotSigned) => continue,
                Err(source) => Err(RepositoryError::Record { key: key.clone(), source }),
            };
        if checked? == stored.recovery {
            config::replace(&home.key_file(files::RECOVERY), &bytes, 0o644).map_err(HostError::from)?;
            return Ok(stored.recovery);
        }
    }
    Err(RepositoryError::wrong("keys/recovery-<n>.json", "it changed while it was read").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::seal::Identity;

    fn first(keys: &[&Recipient]) -> RecoveryKeys {
        RecoveryKeys {
            repository: "r".to_owned(),
            set: 1,
            recipients: keys.iter().map(ToString::to_string).collect(),
            signed_at: None,
            known: Vec::new(),
        }
    }

    const CREATED: &str = "2026-11-22T00:00:00Z";

    #[test]
    fn the_same_change_twice_makes_one_set() {
        let (a, b) = (Identity::generate().recipient(), Identity::generate().recipient());
        let now = Instant::from_micros(1_800_000_000_000_000);
        let change = Change {
            add: vec![(b.clone(), Some("医師会".to_owned()))],
            retire: vec![a.to_string()],
            is_compromised: true,
        };
        let second = after(&first(&[&a]), CREATED, &change, now).unwrap().unwrap();
        assert_eq!((second.set, second.recipients.clone()), (2, vec![b.to_string()]));
        assert_eq!(second.distrusted_before(), Some(2));
        assert_eq!(second.known(&a.to_string()).unwrap().since, CREATED);
        assert_eq!(second.known(&b.to_string()).unwrap().holder.as_deref(), Some("医師会"));
        assert!(after(&second, CREATED, &change, now).unwrap().is_none());
        let back = Change { add: vec![(a.clone(), None)], ..Change::default() };
        assert!(matches!(after(&second, CREATED, &back, now), Err(RotateError::Retired(_))));
        // It became known later that an ordinarily retired key is in wrong hands.
        let plain = Change { is_compromised: false, ..change.clone() };
        let second = after(&first(&[&a]), CREATED, &plain, now).unwrap().unwrap();
        assert_eq!(second.distrusted_before(), None);
        let third = after(&second, CREATED, &change, now).unwrap().unwrap();
        assert_eq!((third.set, third.distrusted_before()), (3, Some(2)));
    }

    #[test]
    fn the_last_key_stays() {
        let a = Identity::generate().recipient();
        let now = Instant::from_micros(0);
        let retire = |text: String| Change { retire: vec![text], ..Change::default() };
        let refused = after(&first(&[&a]), CREATED, &retire(a.to_string()), now);
        assert!(matches!(refused, Err(RotateError::Last)));
        let refused = after(&first(&[&a]), CREATED, &retire("age1x".to_owned()), now);
        assert!(matches!(refused, Err(RotateError::Unknown(_))));
    }
}
