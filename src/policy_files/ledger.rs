//! The ledger of assets (資産台帳, 第7条) as people write it: every `*.toml` in `policies/inventory/`.

use std::path::Path;

use serde::Deserialize;

use super::diagnose::Refused;
use super::folder::toml_files;
use crate::domain::inventory::{Asset, Ledger, StorePlace};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    asset: Vec<AssetRow>,
    #[serde(default)]
    store: Vec<StoreRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssetRow {
    name: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    plans: Vec<String>,
    #[serde(default)]
    exemption: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreRow {
    address: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    isolation: String,
}

/// Reads everything in a folder. The folder need not be there: then nothing is written down.
///
/// # Errors
/// Everything that is wrong, in any of the files.
pub fn load_ledger(folder: &Path) -> Result<Ledger, Refused> {
    let (mut ledger, mut problems) = (Ledger::default(), Vec::new());
    for (file, text) in toml_files(folder)? {
        let parsed: File = match toml::from_str(&text) {
            Ok(parsed) => parsed,
            Err(error) => {
                problems.extend(Refused::whole_file(&file, error.to_string().trim_end().to_owned()).problems);
                continue;
            }
        };
        for row in parsed.asset {
            let is_twice = ledger.assets.iter().any(|known| known.name == row.name);
            if is_twice || row.name.is_empty() {
                let what = format!("asset {:?}: give each a name of its own", row.name);
                problems.extend(Refused::whole_file(&file, what).problems);
            }
            if !row.plans.is_empty() && !row.exemption.is_empty() {
                let what = format!("asset {:?}: write plans or exemption, not both", row.name);
                problems.extend(Refused::whole_file(&file, what).problems);
            }
            let AssetRow { name, kind, location, version, plans, exemption } = row;
            ledger.assets.push(Asset { name, kind, location, version, plans, exemption });
        }
        let places = parsed.store.into_iter();
        ledger.places.extend(places.map(|row| StorePlace {
            store: row.address,
            location: row.location,
            isolation: row.isolation,
        }));
    }
    if problems.is_empty() { Ok(ledger) } else { Err(Refused { problems }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_read_and_what_contradicts_itself_is_refused() {
        let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let folder =
            above.map(|above| above.join("policies/inventory")).find(|folder| folder.is_dir()).unwrap();
        let shipped = load_ledger(&folder).unwrap();
        assert!(shipped.assets.len() >= 3 && !shipped.places.is_empty());
        let own = tempfile::tempdir().unwrap();
        assert_eq!(load_ledger(&own.path().join("none")), Ok(Ledger::default()));
        let write = |text: &str| {
            std::fs::write(own.path().join("own.toml"), text).unwrap();
            load_ledger(own.path()).unwrap_err().to_string()
        };
        assert!(write("[[asset]]\nname = \"a\"\nplans = [\"x\"]\nexemption = \"y\"\n").contains("not both"));
        assert!(write("[[asset]]\nname = \"a\"\n[[asset]]\nname = \"a\"\n").contains("of its own"));
        assert!(write("[[asset]]\nname = \"a\"\nplan = \"x\"\n").contains("own.toml"));
    }
}
