//! The inventory (資産台帳, 第7条): what is protected, where, with which keys and accounts, by which software.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::catalog::CatalogError;
use crate::config::{ConfigError, Home};
use crate::domain::account::AccountId;
use crate::domain::inventory::{Component, InventoryFacts, PlanEntry};
use crate::domain::plan::Plan;
use crate::domain::role::Role;
use crate::domain::time::Instant;
use crate::policy_files::{Refused, load_ledger};

use super::desk::{Desk, tokyo};

pub use crate::domain::inventory::{Gap, gaps, report};

/// What the program was built from: every package that its lock file names, those of its tests among them.
const LOCK: &str = include_str!("../../Cargo.lock");

#[derive(Deserialize)]
struct LockFile {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Why there is no inventory.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] Refused),
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// What the program is built from: whatever the package `kura` needs, directly or through others, by name.
pub fn components() -> Vec<Component> {
    let Ok(lock) = toml::from_str::<LockFile>(LOCK) else { return Vec::new() };
    // A dependency is `name`, or `name version` where there are several of that name.
    let index = |wanted: &str| {
        let (name, version) = wanted
            .split_once(' ')
            .map_or((wanted, None), |(name, rest)| (name, Some(rest.split(' ').next().unwrap_or(rest))));
        let is_it = |package: &Package| {
            package.name == name && version.is_none_or(|version| package.version == version)
        };
        lock.package.iter().position(is_it)
    };
    let mut seen = vec![false; lock.package.len()];
    let mut waiting: Vec<usize> = index("kura").into_iter().collect();
    while let Some(next) = waiting.pop() {
        let (Some(seen), Some(package)) = (seen.get_mut(next), lock.package.get(next)) else { continue };
        if !std::mem::replace(seen, true) {
            waiting.extend(package.dependencies.iter().filter_map(|wanted| index(wanted)));
        }
    }
    let needed = lock.package.iter().zip(&seen).filter(|(package, is)| **is && package.name != "kura");
    let component = |package: &Package| Component {
        name: package.name.clone(),
        version: package.version.clone(),
        sha256: package.checksum.clone(),
    };
    needed.map(|(package, _)| component(package)).collect()
}

/// The facts of the inventory now.
pub async fn facts(
    (desk, home): (&Desk, &Home),
    plans: &[Plan],
    now: Instant,
) -> Result<InventoryFacts, InventoryError> {
    let (ledger, settings) = (load_ledger(&home.inventory())?, home.settings()?);
    let mut shown = Vec::new();
    for plan in plans {
        let name = plan.name().to_string();
        let snapshots = desk.catalog.snapshots(Some(&name)).await?;
        let newest = snapshots.iter().map(|row| row.day).max();
        let sources = plan.sources().iter();
        shown.push(PlanEntry {
            class: plan.class(),
            sources: sources.map(|one| (one.name().to_string(), one.kind().word().to_owned())).collect(),
            snapshots: (u64::try_from(snapshots.len()).unwrap_or(u64::MAX), newest),
            name,
        });
    }
    let mut accounts: BTreeMap<Role, u64> = BTreeMap::new();
    for (role, _) in role_holders(desk).await? {
        *accounts.entry(role).or_default() += 1;
    }
    let second = settings.replica.map(|replica| replica.store);
    Ok(InventoryFacts {
        made_on: tokyo().day_of(now),
        ledger,
        plans: shown,
        stores: [settings.store].into_iter().chain(second).collect(),
        recovery_keys: desk.recovery_keys.clone(),
        accounts,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        components: components(),
    })
}

/// Who may sign in, by role: for the 届出 of 第3条③. Kura knows accounts, not the names of persons.
pub async fn role_holders(desk: &Desk) -> Result<Vec<(Role, AccountId)>, CatalogError> {
    let accounts = desk.catalog.accounts().await?.into_iter().filter(|row| row.disabled_at.is_none());
    let mut holders: Vec<(Role, AccountId)> = accounts.map(|row| (row.role, row.account)).collect();
    holders.sort();
    Ok(holders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_knows_what_it_is_built_from() {
        let components = components();
        let has = |name: &str| components.iter().any(|one| one.name == name && one.sha256.is_some());
        assert!(components.len() > 100, "{}", components.len());
        assert!(has("age") && has("sqlx") && has("tokio") && !has("kura-tests"));
        assert!(components.windows(2).all(|pair| pair[0].name <= pair[1].name), "in order");
    }
}
