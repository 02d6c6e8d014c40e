//! age: recipients, identities, sealing and opening whole objects.
//!
//! Only X25519 keys are made here. Headers of files from a store are bounded before they are parsed: a hostile
//! header costs time that grows with the square of its length.

use std::fmt;
use std::io::{Read, Write};

use age::secrecy::{ExposeSecret, SecretString};
use age::x25519;

/// A header longer than this is refused unread. Kura's own are under 2 KiB for five recipients.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// A passphrase file that asks for more scrypt work than 2^22 is refused: it would take minutes.
const SCRYPT_WORK_MAX: u8 = 22;

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The text is not an age recipient.
    #[error("not an age X25519 recipient (age1…): {0:?}")]
    BadRecipient(String),
    /// The bytes are not an age file, or one with an absurd header.
    #[error("not an age file")]
    NotAge,
    /// None of the identities at hand opens it.
    #[error("none of the given keys opens it")]
    NoKeyOpens,
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

/// A public key to seal to (`age1…`).
#[derive(Clone)]
pub struct Recipient(x25519::Recipient);

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.0)
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
        text.trim().parse().map(Self).map_err(|_| SealError::BadRecipient(text.to_owned()))
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
        Recipient(self.0.to_public())
    }
}

/// Something that may open an object: one identity, or all those of a recovery-key file.
pub struct Keys {
    identities: Vec<Box<dyn age::Identity + Send + Sync>>,
}

impl Keys {
    /// These and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.identities.extend(others.identities);
        self
    }
}

impl From<Identity> for Keys {
    fn from(identity: Identity) -> Self {
        Self { identities: vec![Box::new(identity.0)] }
    }
}

/// A recovery-key file that was read.
pub struct IdentityFile {
    /// The identities in it.
    pub keys: Keys,
    /// The `# kura-root:` comment, if there is one.
    pub root: Option<String>,
}

/// Whether these bytes are an identity file protected by a passphrase.
pub fn needs_passphrase(bytes: &[u8]) -> bool {
    bytes.starts_with(b"age-encryption.org/v1") || bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
}

/// Reads an age identity file; `passphrase` is used if the file is protected by one.
pub fn read_identity_file(bytes: &[u8], passphrase: Option<SecretString>) -> Result<IdentityFile, SealError> {
    let text = if needs_passphrase(bytes) {
        let passphrase = passphrase.ok_or(SealError::WrongPassphrase)?;
        let mut identity = age::scrypt::Identity::new(passphrase);
        identity.set_max_work_factor(SCRYPT_WORK_MAX);
        let armored = age::armor::ArmoredReader::new(bytes);
        let decryptor = age::Decryptor::new(armored).map_err(|_| SealError::NotAge)?;
        let mut stream = decryptor
            .decrypt(std::iter::once(&identity).map(|identity| -> &dyn age::Identity { identity }))
            .map_err(|_| SealError::WrongPassphrase)?;
        let mut text = Vec::new();
        (&mut stream).take(64 * 1024).read_to_end(&mut text).map_err(SealError::Altered)?;
        text
    } else {
        bytes.to_vec()
    };
    let readable = String::from_utf8_lossy(&text);
    let root = readable
        .lines()
        .find_map(|line| line.strip_prefix('#')?.trim_start().strip_prefix("kura-root:"))
        .map(|value| value.trim().to_owned());
    let identities = age::IdentityFile::from_buffer(&text[..])
        .and_then(|file| file.into_identities().map_err(|e| std::io::Error::other(e.to_string())))
        .map_err(|e| SealError::BadIdentityFile(e.to_string()))?;
    if identities.is_empty() {
        return Err(SealError::BadIdentityFile("it holds no identity".to_owned()));
    }
    Ok(IdentityFile { keys: Keys { identities }, root })
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
    age::Encryptor::with_recipients(recipients.iter().map(|r| -> &dyn age::Recipient { &r.0 }))
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
    decryptor
        .decrypt(keys.identities.iter().map(|i| -> &dyn age::Identity { &**i }))
        .map_err(|_| SealError::NoKeyOpens)
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
