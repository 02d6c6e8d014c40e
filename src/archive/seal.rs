//! age: recipients, identities, sealing and opening whole objects.
//!
//! Only X25519 keys are made here; recovery keys may also be those of age plugins. Headers of files from a store are bounded before they are parsed: a hostile
//! header costs time that grows with the square of its length.

use std::fmt;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use age::secrecy::{ExposeSecret, SecretString};
use age::{plugin, x25519};

use zeroize::Zeroizing;

use super::plugin::Talker;

/// A header longer than this is refused unread. Kura's own are under 2 KiB for five recipients.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// A passphrase file that asks for more scrypt work than 2^22 is refused: it would take minutes.
const SCRYPT_WORK_MAX: u8 = 22;

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The text is not an age recipient.
    #[error("not an age recipient (age1…): {0:?}")]
    BadRecipient(String),
    /// The bytes are not an age file, or one with an absurd header.
    #[error("not an age file")]
    NotAge,
    /// None of the identities at hand opens it.
    #[error("none of the given keys opens it")]
    NoKeyOpens,
    /// The program that speaks for a key is missing or says no.
    #[error("the age plugin of a key does not answer as it should: {0}")]
    Plugin(String),
    /// The contents were altered or cut short.
    #[error("the sealed bytes were altered or cut short")]
    Altered(#[source] std::io::Error),
    /// The contents are longer than any of their kind may be.
    #[error("the contents are longer than {max_bytes} bytes")]
    TooLong {
        /// The bound, bytes.
        max_bytes: u64,
    },
    /// Sealing failed.
    #[error("could not seal: {0}")]
    Sealing(String),
    /// An identity file does not parse.
    #[error("not a usable identity file: {0}")]
    BadIdentityFile(String),
    /// The passphrase is wrong, or none was given.
    #[error("the passphrase does not open the identity file")]
    WrongPassphrase,
}

/// A public key to seal to: `age1…`, or `age1NAME1…` of a plugin, whose program `age-plugin-NAME` must then be on the PATH.
#[derive(Clone)]
pub struct Recipient(Public);

#[derive(Clone)]
enum Public {
    X25519(x25519::Recipient),
    Plugin(plugin::Recipient),
}

impl Recipient {
    /// The name of the plugin that speaks for it, if one does.
    pub fn plugin(&self) -> Option<&str> {
        match &self.0 {
            Public::X25519(_) => None,
            Public::Plugin(recipient) => Some(recipient.plugin()),
        }
    }

    /// What age seals with. A plugin that asks gets no answer: nobody sits at a host.
    fn wrapper(&self) -> Result<Box<dyn age::Recipient>, SealError> {
        Ok(match &self.0 {
            Public::X25519(recipient) => Box::new(recipient.clone()),
            Public::Plugin(one) => {
                let wrapper = plugin::RecipientPluginV1::new(
                    one.plugin(),
                    std::slice::from_ref(one),
                    &[],
                    age::NoCallbacks,
                );
                Box::new(wrapper.map_err(|e| SealError::Plugin(one_line(&e)))?)
            }
        })
    }
}

/// age explains over several lines.
fn one_line(error: &dyn fmt::Display) -> String {
    error.to_string().lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Public::X25519(recipient) => write!(f, "{recipient}"),
            Public::Plugin(recipient) => write!(f, "{recipient}"),
        }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl std::str::FromStr for Recipient {
    type Err = SealError;
    fn from_str(text: &str) -> Result<Self, SealError> {
        let text = text.trim();
        let native = text.parse().map(|recipient| Self(Public::X25519(recipient)));
        let found = native.or_else(|_: &str| text.parse().map(|recipient| Self(Public::Plugin(recipient))));
        found.map_err(|_: &str| SealError::BadRecipient(text.to_owned()))
    }
}

/// One X25519 identity that Kura made: a cohort's, the catalog's or a run's. Its memory is wiped on drop.
#[derive(Clone)]
pub struct Identity(x25519::Identity);

impl Identity {
    /// Makes a new identity.
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// Reads `AGE-SECRET-KEY-1…`.
    pub fn from_secret(text: &str) -> Result<Self, SealError> {
        text.trim().parse().map(Self).map_err(|e: &str| SealError::BadIdentityFile(e.to_owned()))
    }

    /// The text `AGE-SECRET-KEY-1…` (a secret).
    pub fn secret(&self) -> SecretString {
        self.0.to_string()
    }

    /// The public half.
    pub fn recipient(&self) -> Recipient {
        Recipient(Public::X25519(self.0.to_public()))
    }
}

/// Something that may open an object: one identity, or all those of a recovery-key file.
#[derive(Clone)]
pub struct Keys {
    identities: Vec<Arc<dyn age::Identity + Send + Sync>>,
    /// Plugins speak for some of them: one at a time, as there is one device and one person.
    turn: Option<Arc<Mutex<()>>>,
}

impl Keys {
    /// These and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.identities.extend(others.identities);
        self.turn = self.turn.or(others.turn);
        self
    }
}

impl From<Identity> for Keys {
    fn from(identity: Identity) -> Self {
        Self { identities: vec![Arc::new(identity.0)], turn: None }
    }
}

/// A recovery-key file that was read.
pub struct IdentityFile {
    /// The identities in it.
    pub keys: Keys,
    /// The `# kura-root:` comment, if there is one.
    pub root: Option<String>,
    /// The public halves, as far as the file tells: of its own keys, and those that its comments name.
    pub recipients: Vec<String>,
}

/// Whether these bytes are an identity file protected by a passphrase.
pub fn needs_passphrase(bytes: &[u8]) -> bool {
    bytes.starts_with(b"age-encryption.org/v1") || bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
}

/// Reads an age identity file; `passphrase` is used if the file is protected by one.
pub fn read_identity_file(bytes: &[u8], passphrase: Option<SecretString>) -> Result<IdentityFile, SealError> {
    read_identity_file_with(bytes, passphrase, age::NoCallbacks)
}

/// The same; what the plugins of its keys ask is answered by `talker`.
pub fn read_identity_file_asking(
    bytes: &[u8],
    passphrase: Option<SecretString>,
    talker: Talker,
) -> Result<IdentityFile, SealError> {
    read_identity_file_with(bytes, passphrase, talker)
}

/// Opens what a passphrase protects: an identity file, or a root key.
pub fn open_with_passphrase(bytes: &[u8], passphrase: SecretString) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let mut identity = age::scrypt::Identity::new(passphrase);
    identity.set_max_work_factor(SCRYPT_WORK_MAX);
    let armored = age::armor::ArmoredReader::new(bytes);
    let decryptor = age::Decryptor::new(armored).map_err(|_| SealError::NotAge)?;
    let mut stream = decryptor
        .decrypt(std::iter::once(&identity).map(|identity| -> &dyn age::Identity { identity }))
        .map_err(|_| SealError::WrongPassphrase)?;
    let mut text = Zeroizing::new(Vec::new());
    (&mut stream).take(64 * 1024).read_to_end(&mut text).map_err(SealError::Altered)?;
    Ok(text)
}

fn read_identity_file_with(
    bytes: &[u8],
    passphrase: Option<SecretString>,
    callbacks: impl age::Callbacks,
) -> Result<IdentityFile, SealError> {
    let text = if needs_passphrase(bytes) {
        let passphrase = passphrase.ok_or(SealError::WrongPassphrase)?;
        open_with_passphrase(bytes, passphrase)?
    } else {
        Zeroizing::new(bytes.to_vec())
    };
    let readable = String::from_utf8_lossy(&text);
    let root = readable
        .lines()
        .find_map(|line| line.strip_prefix('#')?.trim_start().strip_prefix("kura-root:"))
        .map(|value| value.trim().to_owned());
    let file =
        age::IdentityFile::from_buffer(&text[..]).map_err(|e| SealError::BadIdentityFile(e.to_string()))?;
    let identities =
        file.with_callbacks(callbacks).into_identities().map_err(|e| SealError::Plugin(one_line(&e)))?;
    if identities.is_empty() {
        return Err(SealError::BadIdentityFile("it holds no identity".to_owned()));
    }
    let turn = readable.lines().any(|line| line.starts_with("AGE-PLUGIN-")).then(Arc::default);
    let identities = identities.into_iter().map(Arc::from).collect();
    Ok(IdentityFile { keys: Keys { identities, turn }, root, recipients: recipients_in(&readable) })
}

/// The public halves that an identity file tells of: its comments name those of plugins.
fn recipients_in(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let named = match line.strip_prefix('#') {
            Some(comment) => comment.split_whitespace().find_map(|word| word.parse::<Recipient>().ok()),
            None => Identity::from_secret(line).ok().map(|identity| identity.recipient()),
        };
        found.extend(named.map(|recipient| recipient.to_string()));
    }
    found.sort();
    found.dedup();
    found
}

/// The text of a new recovery-key file: comments and the secret key.
pub fn identity_file_text(identity: &Identity, created: &str, root_fingerprint: &str) -> String {
    format!(
        "# created: {created}\n# public key: {}\n# kura-root: {root_fingerprint}\n{}\n",
        identity.recipient(),
        identity.secret().expose_secret()
    )
}

/// Seals a text under a passphrase, as ASCII armor (for identity files).
pub fn seal_with_passphrase(text: &str, passphrase: SecretString) -> Result<String, SealError> {
    let recipient = age::scrypt::Recipient::new(passphrase);
    age::encrypt_and_armor(&recipient, text.as_bytes()).map_err(|e| SealError::Sealing(e.to_string()))
}

/// The work that opening a passphrase's file takes: 2^18, as stock age asks for, whatever machine seals it.
const SCRYPT_WORK: u8 = 18;

/// Seals bytes under a passphrase as a binary age file.
pub fn seal_bytes_with_passphrase(plaintext: &[u8], passphrase: SecretString) -> Result<Vec<u8>, SealError> {
    let failed = |e: std::io::Error| SealError::Sealing(e.to_string());
    let mut recipient = age::scrypt::Recipient::new(passphrase);
    recipient.set_work_factor(SCRYPT_WORK);
    let encryptor = age::Encryptor::with_recipients(
        std::iter::once(&recipient).map(|one| -> &dyn age::Recipient { one }),
    )
    .map_err(|e| SealError::Sealing(e.to_string()))?;
    let mut writer = encryptor.wrap_output(Vec::with_capacity(plaintext.len() + 1024)).map_err(failed)?;
    writer.write_all(plaintext).map_err(failed)?;
    writer.finish().map_err(failed)
}

/// Opens what a passphrase protects, of at most `max_bytes`.
pub fn open_bytes_with_passphrase(
    sealed: &[u8],
    passphrase: SecretString,
    max_bytes: u64,
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let mut identity = age::scrypt::Identity::new(passphrase);
    identity.set_max_work_factor(SCRYPT_WORK_MAX);
    check_header(sealed)?;
    let decryptor = age::Decryptor::new_buffered(sealed).map_err(|_| SealError::NotAge)?;
    let stream = decryptor
        .decrypt(std::iter::once(&identity).map(|identity| -> &dyn age::Identity { identity }))
        .map_err(|_| SealError::WrongPassphrase)?;
    let mut text = Zeroizing::new(Vec::with_capacity(sealed.len()));
    stream.take(max_bytes.saturating_add(1)).read_to_end(&mut text).map_err(SealError::Altered)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > max_bytes {
        return Err(SealError::TooLong { max_bytes });
    }
    Ok(text)
}

/// Seals bytes to all `recipients` as a binary age file.
pub fn seal(plaintext: &[u8], recipients: &[&Recipient]) -> Result<Vec<u8>, SealError> {
    let mut writer = begin(Vec::with_capacity(plaintext.len() + 1024), recipients)?;
    writer.write_all(plaintext).map_err(|e| SealError::Sealing(e.to_string()))?;
    writer.finish().map_err(|e| SealError::Sealing(e.to_string()))
}

/// Seals bytes to all `recipients` as ASCII armor (for sealed texts inside JSON).
pub fn seal_armored(plaintext: &[u8], recipients: &[Recipient]) -> Result<String, SealError> {
    let failed = |e: std::io::Error| SealError::Sealing(e.to_string());
    let armor =
        age::armor::ArmoredWriter::wrap_output(Vec::new(), age::armor::Format::AsciiArmor).map_err(failed)?;
    let mut writer = begin(armor, &recipients.iter().collect::<Vec<_>>())?;
    writer.write_all(plaintext).map_err(failed)?;
    let bytes = writer.finish().and_then(age::armor::ArmoredWriter::finish).map_err(failed)?;
    String::from_utf8(bytes).map_err(|e| SealError::Sealing(e.to_string()))
}

/// Begins an age file on `output`. The caller must call `finish` on the writer.
pub(super) fn begin<W: Write>(
    output: W,
    recipients: &[&Recipient],
) -> Result<age::stream::StreamWriter<W>, SealError> {
    let wrappers = recipients.iter().map(|r| r.wrapper()).collect::<Result<Vec<_>, _>>()?;
    age::Encryptor::with_recipients(wrappers.iter().map(|wrapper| -> &dyn age::Recipient { &**wrapper }))
        .map_err(|e| SealError::Sealing(e.to_string()))?
        .wrap_output(output)
        .map_err(|e| SealError::Sealing(e.to_string()))
}

/// Refuses what does not begin like an age file with a header of sane length.
pub fn check_header(bytes: &[u8]) -> Result<(), SealError> {
    let head = &bytes[..bytes.len().min(HEADER_BYTES_MAX)];
    if head.starts_with(b"age-encryption.org/v1\n") && head.windows(5).any(|w| w == b"\n--- ") {
        Ok(())
    } else {
        Err(SealError::NotAge)
    }
}

/// Starts to open an age file whose header is within `input`'s first bytes (checked by the caller).
pub(super) fn start_open<R: std::io::BufRead>(
    input: R,
    keys: &Keys,
) -> Result<age::stream::StreamReader<R>, SealError> {
    let decryptor = age::Decryptor::new_buffered(input).map_err(|_| SealError::NotAge)?;
    let _turn = keys.turn.as_ref().map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
    let opened = decryptor.decrypt(keys.identities.iter().map(|i| -> &dyn age::Identity { &**i }));
    opened.map_err(|error| match error {
        age::DecryptError::Plugin(_) | age::DecryptError::PluginResolve(_) => {
            SealError::Plugin(one_line(&error))
        }
        _ => SealError::NoKeyOpens,
    })
}

/// Opens a whole binary or armored age file of at most `max_bytes` plaintext.
pub fn open(sealed: &[u8], keys: &Keys, max_bytes: u64) -> Result<Vec<u8>, SealError> {
    let unarmored;
    let sealed = if sealed.starts_with(b"-----BEGIN") {
        let mut bytes = Vec::new();
        age::armor::ArmoredReader::new(sealed)
            .take(1 << 20)
            .read_to_end(&mut bytes)
            .map_err(SealError::Altered)?;
        unarmored = bytes;
        &unarmored[..]
    } else {
        sealed
    };
    check_header(sealed)?;
    let stream = start_open(sealed, keys)?;
    let mut plaintext = Vec::with_capacity(sealed.len());
    stream.take(max_bytes.saturating_add(1)).read_to_end(&mut plaintext).map_err(SealError::Altered)?;
    if u64::try_from(plaintext.len()).unwrap_or(u64::MAX) > max_bytes {
        return Err(SealError::TooLong { max_bytes });
    }
    Ok(plaintext)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_only() {
        let (a, b) = (Identity::generate(), Identity::generate());
        let sealed = seal(b"hello", &[&a.recipient()]).unwrap();
        assert_eq!(open(&sealed, &a.clone().into(), 100).unwrap(), b"hello");
        assert!(matches!(open(&sealed, &b.into(), 100), Err(SealError::NoKeyOpens)));
        assert!(matches!(open(&sealed, &a.into(), 4), Err(SealError::TooLong { .. })));
    }

    #[test]
    fn a_passphrase_protected_identity_file_is_read() {
        let identity = Identity::generate();
        let text = identity_file_text(&identity, "2026-11-22T00:00:00Z", "sha256:abc");
        let sealed = seal_with_passphrase(&text, "correct horse".to_owned().into()).unwrap();
        assert!(needs_passphrase(sealed.as_bytes()));
        let file = read_identity_file(sealed.as_bytes(), Some("correct horse".to_owned().into())).unwrap();
        assert_eq!(file.root.as_deref(), Some("sha256:abc"));
        assert!(matches!(
            read_identity_file(sealed.as_bytes(), Some("wrong".to_owned().into())),
            Err(SealError::WrongPassphrase)
        ));
    }

    #[test]
    fn an_endless_header_is_refused_unread() {
        let mut hostile = b"age-encryption.org/v1\n".to_vec();
        hostile.resize(200_000, b'a');
        assert!(matches!(open(&hostile, &Identity::generate().into(), 10), Err(SealError::NotAge)));
    }

    #[test]
    fn the_catalog_identity_round_trips_through_its_secret() {
        let identity = Identity::generate();
        let again = Identity::from_secret(identity.secret().expose_secret()).unwrap();
        assert_eq!(again.recipient(), identity.recipient());
    }
}
