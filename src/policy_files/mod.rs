//! The files people write: one plan is one `policies/<name>.toml`.
//!
//! A file is read at the door and refused with everything that is wrong in it, each as
//! `file:line:column: what is wrong; what is allowed`. What comes out is a `Plan`
//! that nothing inside needs to check again. The rules themselves live in `domain`; nothing here knows a
//! catalog, a store or a clock. To add a key: `format`, then `load`, then `policies/README.md`.
//!
//! Public here: `parse_plan`, `load_plan`, `load_plans`, `Refused`, `Problem`, `Position`; and `parse_permit` for
//! applications (別紙2), which people write too.

mod load;

mod format;

mod diagnose;

mod guidelines;
mod permit;

pub use diagnose::{Position, Problem, Refused};
pub use guidelines::{GuidelineError, load_guidelines};
pub use load::{load_plan, load_plans, parse_plan};
pub use permit::{Application, Attaching, beside, parse_permit};
