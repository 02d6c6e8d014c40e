//! How Kura speaks to an S3 server: credentials, patience, retries.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use crate::vault::retry::Patience;

/// How Kura speaks to an S3 server. What server and bucket stands in the address.
#[derive(Clone, Debug)]
pub struct S3Settings {
    /// Who Kura is.
    pub credentials: Credentials,
    /// Longest wait for a connection. Default 5 s.
    pub connect_timeout: Duration,
    /// Longest time for one try of one call, beside the time to move its bytes. Default 30 s.
    pub attempt_timeout: Duration,
    /// The slowest line that is waited for, bytes per second: a try of a large object gets the time that this
    /// takes on top. Default 64 KiB, so that 16 MiB get 256 s.
    pub slowest_bytes_per_second: u64,
    /// How long an answer may stand still before the try is given up. Default 20 s.
    pub stall_grace: Duration,
    /// How often and how long a passing fault is tried again. Default: about a minute and a half.
    pub patience: Patience,
}

impl Default for S3Settings {
    fn default() -> Self {
        Self {
            credentials: Credentials::Environment { profile: None },
            connect_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(30),
            slowest_bytes_per_second: 64 << 10,
            stall_grace: Duration::from_secs(20),
            patience: Patience::default(),
        }
    }
}

/// Where the credentials for an S3 server come from.
#[derive(Clone)]
pub enum Credentials {
    /// `AWS_ACCESS_KEY_ID` and the like, the AWS configuration files, or the machine's role, as the AWS tools do it.
    Environment {
        /// The profile in the configuration files; `None` is `AWS_PROFILE` or `default`.
        profile: Option<String>,
    },
    /// One key pair.
    Keys {
        /// The public half.
        access_key_id: String,
        /// The secret half.
        secret_access_key: SecretString,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment { profile } => f.debug_struct("Environment").field("profile", profile).finish(),
            Self::Keys { .. } => f.write_str("Keys"),
        }
    }
}
