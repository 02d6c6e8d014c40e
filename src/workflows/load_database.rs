//! Loading a restored backup of a PostgreSQL database into an empty one.

use std::path::PathBuf;

pub use crate::sources::postgresql::{Load, LoadError, check_address};

/// Loads rows and schema; gives what there is to say, in words.
///
/// # Errors
/// The database is not empty, or a script failed.
pub fn load_database(
    url: String,
    folder: PathBuf,
    rows_from: Vec<PathBuf>,
) -> Result<Vec<String>, LoadError> {
    let load = Load { url, folder, rows_from };
    tokio::task::block_in_place(|| crate::sources::postgresql::load(&load))
}
