//! Expiry (消去): what is past its time is deleted by approval, proved gone, and certified.
//!
//! Gather → decide → approve → a signed intent in the store → delete → look again until nothing is left → certificate.
//! Every step can be done twice: a run that was killed anywhere is ended by the next one, with the same certificate.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::archive::digest::Sha256;
use crate::catalog::{Catalog, CatalogError};
use crate::clock::Clock;
use crate::domain::actor::Denied;
use crate::domain::expiry::Limits;
use crate::domain::plan::Plan;
use crate::portal::date::OutsideClock;
use crate::vault::{Reaper, VaultError};

use super::holds::HoldError;
use super::host::Host;
use super::repository::RepositoryError;

/// Approving, confirming, saying what day it is.
mod approvals;
/// Carrying out an intent.
mod carry_out;
/// Evidence before a deletion.
mod evidence;
/// What is known before anything is decided.
mod gather;
/// Building what expiry needs.
mod open;
/// Deciding and deleting.
mod run;
/// How deletion stands.
pub mod state;

pub use approvals::{approve, confirm, confirm_today, end_standing, stand};
pub(super) use gather::TODAY;
pub use gather::{Look, clock_doubt, look};
pub use open::{Bench, Benches, OpenError, open_reaper};
pub use run::{Ran, Refusal, run};

pub use crate::catalog::{CertificateRow, LookRow, OrderRow, StandingRow};
pub use crate::domain::deletion::{Item, Order, What};
pub use crate::domain::expiry::{KeptBack, TooMany};
pub use crate::vault::reaper::Locking;

/// Everything that expiry needs.
#[derive(Clone, Copy)]
pub struct OnHost<'a> {
    /// The host, with the writer's credential.
    pub host: &'a Host,
    /// The catalog.
    pub catalog: &'a Catalog,
    /// Who deletes, with a credential of its own.
    pub reaper: &'a dyn Reaper,
    /// Who deletes from the second store, if there is one.
    pub second: Option<&'a dyn Reaper>,
    /// The plans.
    pub plans: &'a [Plan],
    /// By plan: the text of what an approval covers.
    pub contents: &'a BTreeMap<String, String>,
    /// Clocks outside the machine, beside the store's.
    pub clocks: &'a [Arc<dyn OutsideClock>],
    /// How much may go at once without a second person.
    pub limits: Limits,
    /// The host's clock.
    pub clock: &'a dyn Clock,
}

impl OnHost<'_> {
    /// The version of a plan; `None` if it cannot be read.
    pub fn version(&self, plan: &str) -> Option<Sha256> {
        self.contents.get(plan).map(|content| Sha256::of(content.as_bytes()))
    }
}

/// Why nothing was deleted, or not everything.
#[derive(Debug, thiserror::Error)]
pub enum ExpireError {
    /// There is no such order.
    #[error("there is no order {0} that is waiting; `kura expire plan` shows what is due now and its digest")]
    NoOrder(String),
    /// What is due has changed since it was shown.
    #[error("what is due now is not what was shown: `kura expire plan` shows it again (now {0})")]
    Changed(Sha256),
    /// Nothing is due.
    #[error("nothing is due: there is nothing to approve")]
    NothingDue,
    /// Somebody else decided a moment ago.
    #[error("order {0} was approved or confirmed already")]
    Stale(String),
    /// The date that was said is not the date of this host.
    #[error(
        "this host's clock says {found}, not {said}: one of them is wrong; nothing is deleted until they agree"
    )]
    OtherDay {
        /// What was said.
        said: crate::domain::time::Day,
        /// What the clock says.
        found: crate::domain::time::Day,
    },
    /// There is no such plan.
    #[error("there is no plan {0} in this home that can be read")]
    Plan(String),
    /// Something else wrote the intent.
    #[error("another program began a deletion a moment ago ({0}): try again when it has ended")]
    Busy(String),
    /// Something came after it was deleted.
    #[error("{left} objects are still there below {place} after three tries: something is writing there")]
    StillThere {
        /// Where.
        place: String,
        /// How many.
        left: usize,
    },
    /// The evidence in the store is not whole.
    #[error("the certificates in the store are not whole, so that none can follow: {object}: {what}")]
    Evidence {
        /// The object.
        object: String,
        /// What is wrong.
        what: String,
    },
    /// Holds cannot be read.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// A right is missing.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A record.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The store.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}
