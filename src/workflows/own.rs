//! Kura's own records as a system source of every installation (design §6): settings, plans, keys of the host, and the
//! catalog with its decisions and evidence, without what can be read again from the store.
//!
//! The plan is an ordinary one in a file of its own, so that people see it, may give it windows, and decide about its
//! deletion like that of any other. Without windows the service takes it once a day, after the day's work: it reads only
//! Kura's own folder and stops nothing.

use std::path::{Path, PathBuf};

use crate::archive::progress::Progress;
use crate::clock::Clock;
use crate::config::{self, ConfigError, Home};
use crate::domain::plan::Plan;
use crate::vault::StoreUrl;

use super::desk::Desk;
use super::gate;
use super::host::Host;
use super::take_snapshot::{self, Request, SnapshotError, Summary};

/// The name of the plan.
pub const PLAN: &str = "kura-home";

/// What lies in a home and is not kept: what is read again from the store or the sources, what only passes through, and
/// what a demonstration puts there.
const LEFT_OUT: [&str; 9] =
    ["catalog.sqlite*", "state", "tmp", "reports", "extracts", "source", "store", "offline", "restored"];

/// The plan's file.
pub fn file(home: &Home) -> PathBuf {
    home.policies().join(format!("{PLAN}.toml"))
}

/// Writes the plan's file if it is missing; whether it did. One that is there is left as people wrote it.
pub fn ensure(home: &Home) -> Result<bool, ConfigError> {
    let (settings, file) = (home.settings()?, file(home));
    if file.exists() {
        return Ok(false);
    }
    let root = std::fs::canonicalize(home.path()).unwrap_or_else(|_| home.path().to_owned());
    let second = settings.replica.as_ref().map(|replica| replica.store.clone());
    let stores = [Some(settings.store), second].into_iter().flatten();
    let inside = stores.filter_map(|store| match store.parse::<StoreUrl>() {
        Ok(StoreUrl::Directory(folder)) => below(&root, &folder),
        Ok(StoreUrl::Bucket(_)) | Err(_) => None,
    });
    let Some(text) = text(&root, &inside.collect::<Vec<_>>()) else { return Ok(false) };
    match config::write_new(&file, text.as_bytes(), 0o644) {
        Ok(()) => Ok(true),
        // Another program of this home was faster.
        Err(_) if file.exists() => Ok(false),
        Err(error) => Err(error),
    }
}

/// A store's folder below the home would otherwise be kept in itself.
fn below(root: &Path, folder: &Path) -> Option<String> {
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    Some(folder.strip_prefix(root).ok()?.to_str()?.to_owned())
}

/// The file's text; `None` if the home's path is not text, which a plan cannot name.
fn text(root: &Path, inside: &[String]) -> Option<String> {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let path = |path: &Path| path.to_str().map(quoted);
    let left_out = LEFT_OUT.iter().map(|glob| (*glob).to_owned()).chain(inside.iter().cloned());
    let exclude: Vec<String> = left_out.map(|glob| quoted(&glob)).collect();
    Some(format!(
        "# Kura 自身の記録（設定、計画、ホストの鍵、承認、お知らせ、監査記録、証拠）です。消しても、次の日にまた作られます。\n\
         # Kura's own records. `kura serve` keeps them every day; docs/runbooks/rebuild.md gives them back.\n\
         name = \"{PLAN}\"\nclass = \"system\"\n\n\
         [[source]]\nkind = \"sqlite\"\nname = \"catalog\"\npath = {}\n\n\
         [[source]]\nkind = \"directory\"\nname = \"home\"\npath = {}\nexclude = [{}]\n",
        path(&root.join("catalog.sqlite"))?,
        path(root)?,
        exclude.join(", "),
    ))
}

/// Takes today's snapshot of the own plan, unless it is there or windows say when it is taken.
pub async fn keep(
    (host, desk): (&Host, &Desk),
    plan: &Plan,
    clock: &dyn Clock,
) -> Result<Option<Summary>, SnapshotError> {
    let today = plan.zone().day_of(clock.now());
    let head = desk.catalog.head(plan.name().as_str()).await?;
    let is_there = head.is_some_and(|head| plan.zone().day_of(head.taken_at) >= today);
    if is_there || gate::has_windows(desk, plan.name()).await.unwrap_or(true) {
        return Ok(None);
    }
    let request = Request { plan: plan.clone(), event: "daily".to_owned(), reason: None, reread: false };
    let progress = std::sync::Arc::new(Progress::default());
    Ok(Some(Box::pin(take_snapshot::take_snapshot(host, &desk.catalog, &request, clock, &progress)).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_names_the_home_and_leaves_a_store_inside_it_out() {
        let found = text(Path::new("/var/lib/ku\"ra"), &["data/store".to_owned()]).unwrap();
        let value: toml::Table = found.parse().unwrap();
        let sources = value["source"].as_array().unwrap();
        assert_eq!(sources[0]["path"].as_str(), Some("/var/lib/ku\"ra/catalog.sqlite"));
        let exclude = sources[1]["exclude"].as_array().unwrap();
        assert!(exclude.iter().any(|glob| glob.as_str() == Some("data/store")));
        assert_eq!(below(Path::new("/nowhere/home"), Path::new("/nowhere/home/s")).as_deref(), Some("s"));
        assert_eq!(below(Path::new("/nowhere/home"), Path::new("/elsewhere")), None);
    }
}
