//! How deletion stands, by what the catalog knows. The store is not asked: see [`look`](super::look) for what is due now.
//! Whoever shows it checks the right to read first; an act that answers with it needs its own right only.

use crate::archive::digest::Sha256;
use crate::catalog::{CatalogError, LookRow, OrderRow, StandingRow};
use crate::domain::deletion::{Item, Order};
use crate::workflows::desk::Desk;

/// How the deletion of one plan's data stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanDeletion {
    /// The plan.
    pub plan: String,
    /// What was found when it was looked at last; `None` if it never was.
    pub look: Option<LookRow>,
    /// The standing approval, if there is one.
    pub standing: Option<StandingRow>,
    /// Whether that covers the plan as it is now.
    pub is_current: bool,
}

/// An order that was approved and not carried out yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenOrder {
    /// The row.
    pub row: OrderRow,
    /// What may be deleted by it; nothing where another version wrote it.
    pub items: Vec<Item>,
}

/// Each plan that can be read, was looked at, or has a standing approval; in the order of their names.
pub async fn plans(desk: &Desk) -> Result<Vec<PlanDeletion>, CatalogError> {
    let looks = desk.catalog.expiry_looks().await?;
    let standing = desk.catalog.standing_deletions().await?;
    let names = desk.contents.keys().chain(looks.iter().map(|row| &row.plan));
    let mut names: Vec<&String> = names.chain(standing.iter().map(|row| &row.plan)).collect();
    names.sort();
    names.dedup();
    let plans = names.into_iter().map(|plan| {
        let standing = standing.iter().find(|row| row.plan == *plan).cloned();
        let version = desk.contents.get(plan).map(|content| Sha256::of(content.as_bytes()));
        PlanDeletion {
            is_current: standing.as_ref().is_some_and(|row| version == Some(row.digest)),
            look: looks.iter().find(|row| row.plan == *plan).cloned(),
            standing,
            plan: plan.clone(),
        }
    });
    Ok(plans.collect())
}

/// The orders that wait: for a confirmation, or to be carried out; oldest first.
pub async fn orders(desk: &Desk) -> Result<Vec<OpenOrder>, CatalogError> {
    let rows = desk.catalog.open_orders().await?;
    let open = rows.into_iter().map(|row| {
        let items = Order::read(&row.text).map(|order| order.items).unwrap_or_default();
        OpenOrder { row, items }
    });
    Ok(open.collect())
}
