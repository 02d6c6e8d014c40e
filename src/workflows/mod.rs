//! What Kura does, one file per promise: gather the facts, decide, act, record.
//!
//! `init` makes an installation, `take_snapshot` a snapshot, `restore` gives it back, `verify` checks what is stored.
//! `repository` says whom a reader trusts, `host` what the backup host holds, `reading` how stored bytes are fetched.

/// Whom a reader trusts, and how records are opened.
pub mod repository;

/// Key objects of cohorts.
pub mod cohort_key;

/// Fetching parts of packs.
pub mod reading;

/// Snapshots in the store: their names, opening one.
pub mod snapshots;

/// Which objects are a plan's chain of snapshots.
pub mod chain;

/// Which snapshot a person means.
pub mod choice;

/// What the backup host holds.
pub mod host;

/// Making an installation.
pub mod init;

/// A new host for a repository whose host was lost.
pub mod rejoin;

/// Recovery keys: a further one, and those in force.
pub mod keys;

/// Changing which recovery keys count.
pub mod rotate;

/// Sealing what exists to the recovery keys that count now.
pub mod rewrap;

/// What each recovery key is and opens.
pub mod key_list;

/// Stores by their address: opening, trying out.
pub mod store;

/// The journal of packs before they are sent.
pub mod journal;

/// Local copies of index objects.
pub mod index_copies;

/// How fast a run sends.
mod pace;

/// Sending packs and reading them back.
pub mod upload;

/// Taking a snapshot.
pub mod take_snapshot;

/// Loading a restored database.
pub mod load_database;

/// The store's legal holds follow the ledger.
pub mod legal_holds;

/// Reading locks back.
pub mod locks;

/// Kura's own records as a source.
pub mod own;

/// Writing again what has no day on which it goes.
pub mod perpetual;

/// What the sources of a plan lack on this machine.
pub mod check_sources;

/// An error with its causes, in one line.
pub mod causes;

/// Clocks outside this machine.
mod clocks;

/// Which paths of a snapshot are wanted.
pub mod selection;

/// A cohort's entries, merged from its manifest parts.
pub mod cohort_entries;

/// Giving a snapshot back.
pub mod restore;

/// Looking into snapshots.
pub mod browse;

/// Checking what is stored.
pub mod verify;

/// Proving that everything inside its time is stored.
pub mod coverage;

/// Storing what coverage found, signed and chained.
pub mod coverage_proofs;

/// Who checks: the host, or the holder of a recovery key.
mod viewer;

/// Trying out restores and recovery keys.
pub mod drill;

/// Bringing the catalog back.
pub mod rebuild;

/// Password hashing, two at a time.
mod hashing;

/// Sessions of the console.
pub mod sessions;

/// What people look at.
pub mod look;

/// Proving who somebody is.
pub mod sign_in;

/// Signing in with an identity provider.
pub mod identities;

/// Accounts: adding, disabling, passwords, second factors.
pub mod accounts;

/// API tokens.
pub mod tokens;

/// Checking the audit log.
pub mod check_audit;

/// How far the audit log is, kept in the store.
pub mod audit_head;

/// What the workflows of windows and notices share.
pub mod desk;

/// Windows: asking, deciding, withdrawing.
pub mod windows;

/// Asking for another window in the place of an approved one.
pub mod move_window;

/// Bringing windows and occurrences up to date.
pub mod schedule;

/// The gate before a snapshot.
pub mod gate;

/// Pushing notices to portals.
pub mod deliver_notices;

/// How the scheduler's heart does.
pub mod pulse;

/// The runs under way.
pub mod under_way;

/// The lock of a plan's occurrences.
mod occurrence_lock;

/// Proving that users can read what they were told.
pub mod prove_notices;

/// Stopping services and starting them again.
pub mod services;

/// The same by a person, who confirms it.
pub mod hand_stops;

/// The services and how each stands.
pub mod service_list;

/// What somebody has to look after.
pub mod alarms;

/// Snapshots that people ask for.
pub mod take_event_snapshot;

/// Evidence of deletion in the store.
pub mod evidence;

/// Objects that somebody hid.
pub mod hidden;

/// Holds.
pub mod holds;

/// Erasure orders.
pub mod erasures;

/// The second store.
pub mod replica;

/// Deleting what is past its time.
pub mod expire;

/// Telling that work is over, once services run again.
pub mod notice_ends;

/// The facts of reports to the 医師会.
pub mod reports;

/// Whether stores keep their locks.
pub mod canary;
/// Permits (別紙2): applying, deciding, using, closing.
pub mod permits;
/// The typeface that papers are written with as PDF.
pub mod printing;

/// Extracts: planning, making, handing over, checking.
pub mod extracts;

/// What the service does once a day.
pub mod keep_day;

/// Certificates of deletion as people show and check them.
pub mod certificates;

/// Figures for monitoring.
pub mod figures;

/// Starting the runs that are due.
pub mod start_due_runs;

/// Notices as their causes write them.
mod publish;

/// Notices that people look at, correct and close.
pub mod notices;

/// Looking at what is recorded, page by page.
pub mod lists;

/// Requests with an idempotency key.
pub mod answers;

pub use crate::archive::entry::{FileTime, Kind};
/// The parts of the first demonstration that are no other workflow.
pub mod quickstart;

pub use crate::archive::progress::{Phase, Progress, Shown};
pub use crate::archive::report::shown as shown_path;

/// Records of acceptance, maintenance and inspections.
pub mod works;

/// What is protected, where, with what, and what is missing.
pub mod inventory;

/// Monitoring: what lives, what is down, who has reviewed the logs.
pub mod monitor;

/// Incidents: from what fails to the report.
pub mod incidents;

/// Of which days and paths an identical copy exists.
pub mod statement;

/// Looks for the paths of a statement.
mod statement_paths;

/// What the snapshots of a plan say of its cohorts, up to one of them.
pub mod past;

/// The same, as the service issues it.
pub mod issue_statement;

/// The texts that say what to do when something fails.
pub mod runbooks;
