//! The JSON records of erasure orders (docs/format.md). Keyed digests of paths, no names.

use serde::{Deserialize, Serialize};

use super::digest::Sha256;

/// How far the orders of a plan go: what a snapshot names, so that a lost order is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasureHead {
    /// The number of the newest order.
    pub number: u64,
    /// SHA-256 of its object.
    pub digest: Sha256,
}

/// `<plan>/erasures/<number>`, signed by a host key, sealed to the catalog key and the recovery keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasureRecord {
    /// Format version.
    pub format: u32,
    /// The repository this belongs to.
    pub repository: String,
    /// The plan.
    pub plan: String,
    /// Counts up by one in each plan.
    pub number: u64,
    /// SHA-256 of the object before; none for the first.
    pub previous: Option<Sha256>,
    /// What it does.
    pub act: ErasureAct,
    /// Why.
    pub reason: String,
    /// The account that decided.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
}

/// What an erasure record does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum ErasureAct {
    /// Keeps these paths, and what is below them, from being given back.
    Order {
        /// Path digests, 32 hexadecimal digits each, ascending.
        paths: Vec<String>,
        /// The last clock day that it covers.
        through: String,
    },
    /// Takes an earlier one back.
    Revoke {
        /// Its number.
        number: u64,
    },
}
