//! The files people write: one plan is one `policies/<name>.toml`.
//!
//! A file is read at the door and refused with everything that is wrong in it, each as
//! `file:line:column: what is wrong; what is allowed`. What comes out is a `Plan`
//! that nothing inside needs to check again. The rules themselves live in `domain`; nothing here knows a
//! catalog, a store or a clock. To add a key: `format`, then `load`, then `policies/README.md`.
//!
//! Applications (別紙2) and the instructions of an extract, which a permit carries as text, are read in the same spirit,
//! and so are guidelines.
//!
//! Public here: `parse_plan`, `load_plan`, `load_plans`, `Refused`, `Problem`, `Position`; `parse_permit`;
//! `read_instructions`; `load_guidelines`, `load_monitoring`,
//! `load_checklist`, `load_ledger`.

mod load;

mod format;

mod diagnose;

mod guidelines;

mod checklists;

mod ledger;

mod expression;

mod folder;

mod monitoring;

mod permit;

mod extraction;

mod extraction_file;

pub use checklists::load_checklist;
pub use diagnose::{Position, Problem, Refused};
pub use expression::Expression;
pub use extraction::{BadInstructions, read_instructions, read_with_faults};
pub use guidelines::{GuidelineError, load_guidelines};
pub use ledger::load_ledger;
pub use load::{load_plan, load_plans, parse_plan};
pub use monitoring::load_monitoring;
pub use permit::{Application, Attaching, beside, parse_permit};
