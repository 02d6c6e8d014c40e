//! The rules of Kura: pure functions of facts and a given time.
//!
//! Nothing here reads a clock, a file or a random number, and nothing here knows a file format.
//! Start with `time` (instants and civil days), then `retention` (the one-year clock).
#![warn(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::float_arithmetic
)]

/// Instants and civil days.
pub mod time;

/// Retention periods and the two readings of 「発信した日から起算して」.
pub mod retention;

/// What is kept and deleted together: the cohort of a sent day, the generation of system data.
pub mod cohort;

/// A date written somewhere in a path.
pub mod path_pattern;

/// Which day a record counts from, and what becomes of it.
pub mod sent_day;

/// What a source is: a folder, the output of a program, a database.
pub mod source_kind;

/// One source of a plan.
pub mod plan_source;

/// Which names below a source are left out.
pub mod exclude;

/// What a plan chooses among.
pub mod plan_choice;

/// The names of plans and sources.
pub mod plan_name;

/// What can be wrong with a plan.
pub mod plan_problem;

/// A plan: one protected system, checked as a whole.
pub mod plan;

/// The canonical text of what an approval covers.
pub mod plan_content;

/// Where all plans stand.
pub mod standing;

/// Services that a person stops and starts.
pub mod hand_stop;

/// Whether everything inside its time is stored.
pub mod coverage;

/// When a restore or a recovery key must be tried out again.
pub mod drill;

/// Whether a store keeps its locks.
pub mod canary;

/// Whether a source changed suddenly between two snapshots.
pub mod sudden_change;

/// Reading everything again, a part a day.
pub mod reread;

/// The end of what a program said.
pub mod last_words;

/// Availability by month.
pub mod availability;

/// What reports are made from.
pub mod evidence_facts;

/// Reports to the 医師会.
pub mod evidence_report;

/// Guidelines as data.
pub mod guideline;

/// Erasure orders: what must not be given back.
pub mod erasure;

/// Holds: what must not be deleted although its time is over.
pub mod hold;

/// An order of deletion.
pub mod deletion;

/// Which snapshots list every cohort.
pub mod snapshot_base;

/// What may be deleted now.
pub mod expiry;

/// Whether the date is known well enough to delete by it.
pub mod clock_evidence;

/// Roles, acts, and who may do what.
pub mod role;

/// What an account's id and password must be; the lockout.
pub mod account;

/// Lines of the audit log and how they are chained.
pub mod audit;

/// Somebody who proved who he is.
pub mod actor;

/// 和暦, weekdays, national holidays.
pub mod calendar;

/// Sizes as people read them.
pub mod size;

/// When something comes again.
pub mod recurrence;

/// What a window is asked for.
pub mod window_terms;

/// Windows: what is decided about them.
pub mod window;

/// Services that a window may stop, and the instant at which its run stops.
pub mod service;

/// Whether users could read what they were told.
pub mod proof;

/// Whether an occurrence may start now.
pub mod gate;

/// How early users are told.
pub mod lead;

/// Locks as they were read back.
pub mod locks;

/// What a notice says, and who says it.
pub mod notice_words;

/// What users are told, when and in which words.
pub mod notice;

/// How long notices are marked new, and how long they stay.
pub mod board;

/// The dated starts of windows, and what must become of them by now.
pub mod occurrence;

/// What a window means before it is approved.
pub mod preview;

/// What alarms are called.
pub mod alarm_code;

/// What somebody has to look after.
pub mod alarm;

/// Alarms about what is owed.
mod alarm_duty;

/// What differs between two windows.
pub mod window_changes;

/// Whether a plan's newest snapshot is young enough.
pub mod freshness;

/// What a permit asks for, and the text that an approval is bound to.
pub mod permit_content;

/// Why something does not happen to a permit.
pub mod permit_refusal;

/// What somebody is reminded of about a permit.
pub mod permit_reminder;

/// Where a permit stands.
pub mod permit_state;

/// The words of permits, and the way back from that text.
pub mod permit_text;

/// Permits: where one stands, and whether it may be used now.
pub mod permit;

/// Where an incident stands, and what may happen to it.
pub mod incident;

/// Which alarms open an incident.
pub mod incident_cause;

/// Whether an incident may be one that is open already.
pub mod incident_alike;

/// Which times may be written about an incident.
pub mod incident_time;

/// When an incident may be closed.
pub mod incident_closing;

/// The clock of personal data.
pub mod incident_clock;

/// Who is told of an incident.
pub mod incident_contact;

/// What is said of an incident.
pub mod incident_words;

/// Of which days an identical copy exists.
pub mod statement;

/// What is monitored.
pub mod monitor_target;

/// How a monitored target stands.
pub mod monitor;

/// Alarms of monitoring.
pub mod monitor_alarm;

/// Access logs of firewalls.
pub mod access_log;

/// Which monitored services are down on purpose.
pub mod monitor_silence;

/// Records of acceptance, maintenance and inspections.
pub mod work;

/// The inventory, and what is missing in it.
pub mod inventory;
