//! Which window is asked for in the place of which.

use super::CatalogError;
use super::tx::Tx;

const TABLE: &str = "replacements";

const INSERT: &str = "
INSERT INTO replacements (window_id, replaces)
VALUES ($1, $2)
ON CONFLICT (window_id) DO NOTHING";

const GET: &str = "
SELECT replaces
FROM replacements
WHERE window_id = $1";

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
