//! What is monitored (監視対象): what is asked, how often, and how many answers make a change. Written by people, in
//! `policies/monitoring/`.

use std::time::Duration;

use crate::domain::access_log::AccessLog;
use crate::domain::source_kind::Tls;

/// The response of an application: every 15 minutes (第22条②).
pub const RESPONSE_MINUTES: u32 = 15;
/// Ping and TCP: every 5 minutes (第22条②).
pub const LIVENESS_MINUTES: u32 = 5;
/// What is asked of a target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// ICMP echo to a host.
    Ping {
        /// Name or address.
        host: String,
    },
    /// A connection to a port.
    Tcp {
        /// Name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A page that answers with a status and, if it is said, holds a text.
    Http {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// What stands in it.
        contains: Option<String>,
    },
    /// A database that answers a question.
    Postgresql(Box<Question>),
}

/// What a database is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// Name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The role, which needs no right but to connect.
    pub user: String,
    /// The file whose first line is its password.
    pub password_file: Option<String>,
    /// How the connection is kept from others' eyes.
    pub tls: Tls,
    /// The statement; only reads are let through.
    pub query: String,
    /// What the first column of the first row has to be.
    pub expect: Option<String>,
}

impl Ask {
    /// The word of the kind.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Ping { .. } => "ping",
            Self::Tcp { .. } => "tcp",
            Self::Http { .. } => "http",
            Self::Postgresql(_) => "postgresql",
        }
    }

    /// What is asked, for people.
    pub const fn japanese(&self) -> &'static str {
        match self {
            Self::Ping { .. } => "Ping",
            Self::Tcp { .. } => "TCP 接続",
            Self::Http { .. } => "HTTP 応答",
            Self::Postgresql(_) => "PostgreSQL 応答",
        }
    }

    /// How often the policy wants it asked, minutes.
    pub const fn every_minutes(&self) -> u32 {
        match self {
            Self::Ping { .. } | Self::Tcp { .. } => LIVENESS_MINUTES,
            Self::Http { .. } | Self::Postgresql(_) => RESPONSE_MINUTES,
        }
    }

    /// Where it is asked, without anything secret.
    pub fn address(&self) -> String {
        match self {
            Self::Ping { host } => host.clone(),
            Self::Tcp { host, port } => format!("{host}:{port}"),
            Self::Http { url, .. } => url.split(['?', '#']).next().unwrap_or_default().to_owned(),
            Self::Postgresql(question) => {
                format!("{}:{}/{}", question.host, question.port, question.database)
            }
        }
    }
}

/// How many answers make a change, and how many changes an hour are believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damping {
    /// So many failures in a row, and it is down.
    pub failures: u32,
    /// So many good answers in a row, and it is up again.
    pub successes: u32,
    /// After so many changes within an hour it stays down until they are an hour old.
    pub changes_per_hour: u32,
}

impl Default for Damping {
    fn default() -> Self {
        Self { failures: 2, successes: 2, changes_per_hour: 4 }
    }
}

/// A target (監視対象).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MonitorTarget {
    /// Its name: small letters, digits, `-`.
    pub name: String,
    /// What is asked.
    pub ask: Ask,
    /// The services that users cannot use without it, by the names that they know. Windows that stop one silence it.
    pub services: Vec<String>,
    /// How often it is asked, minutes.
    pub every_minutes: u32,
    /// How long an answer may take.
    pub timeout: Duration,
    /// What makes a change.
    pub damping: Damping,
}

/// All that is monitored.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Monitoring {
    /// What is asked whether it lives, by name.
    pub targets: Vec<MonitorTarget>,
    /// Logs that are looked through, by name.
    pub logs: Vec<AccessLog>,
}

impl Monitoring {
    /// The target of a name.
    pub fn target(&self, name: &str) -> Option<&MonitorTarget> {
        self.targets.iter().find(|target| target.name == name)
    }

    /// The log of a name.
    pub fn log(&self, name: &str) -> Option<&AccessLog> {
        self.logs.iter().find(|log| log.name == name)
    }
}
