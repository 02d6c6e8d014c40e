//! Which window is asked for in the place of which.

use super::tx::Tx;
use super::{Catalog, CatalogError};

const TABLE: &str = "replacements";

const INSERT: &str = "
INSERT INTO replacements (window_id, replaces)
VALUES ($1, $2)
ON CONFLICT (window_id) DO NOTHING";

const GET: &str = "
SELECT replaces
FROM replacements
WHERE window_id = $1";

const OF_WINDOW: &str = "
SELECT window_id
FROM replacements
WHERE replaces = $1
ORDER BY window_id DESC
LIMIT 100";

impl Catalog {
    /// The window in whose place a window was asked for.
    pub async fn replaced(&self, window: &str) -> Result<Option<String>, CatalogError> {
        let row = sqlx::query_scalar(GET).bind(window).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))
    }

    /// The windows that were asked for in the place of a window, newest first.
    pub async fn replacements_of(&self, window: &str) -> Result<Vec<String>, CatalogError> {
        let rows = sqlx::query_scalar(OF_WINDOW).bind(window).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))
    }
}

impl Tx {
    /// Notes that a window is asked for in the place of another one.
    pub async fn set_replaced(&mut self, window: &str, replaces: &str) -> Result<(), CatalogError> {
        self.changed_one(sqlx::query(INSERT).bind(window).bind(replaces), TABLE, window).await
    }

    /// The window in whose place a window was asked for.
    pub async fn replaced(&mut self, window: &str) -> Result<Option<String>, CatalogError> {
        let row = sqlx::query_scalar(GET).bind(window).fetch_optional(self.connection()).await;
        row.map_err(|error| self.failed(error))
    }
}
