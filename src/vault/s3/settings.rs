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
    /// Longest time for one try of one call. Default 5 minutes, enough for 64 MiB at 2 Mbit/s.
    pub attempt_timeout: Duration,
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
            attempt_timeout: Duration::from_secs(300),
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
