//! What a command does at a desk: the desk is opened as the installation is now, and the catalog is closed whatever comes of it.

use crate::app::{App, Desk};
use crate::clock::Clock as _;
use crate::domain::time::Instant;

use super::failure::Failure;

/// Does something at the desk, now.
pub(super) async fn at_desk<T>(
    app: &App,
    act: impl AsyncFnOnce(&Desk, Instant) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let desk = app.desk().await?;
    let done = act(&desk, app.clock.now()).await;
    desk.catalog.close().await;
    done
}
