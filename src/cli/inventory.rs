//! `kura inventory`: what is protected, where, with which keys and accounts, by which software; and what is missing.

use clap::Args;
use serde_json::{Value, json};

use crate::app::App;
use crate::clock::Clock as _;
use crate::domain::inventory::InventoryFacts;
use crate::domain::plan::Plan;
use crate::print;
use crate::workflows::inventory::{self, InventoryError};

use super::as_paper::AsPaper;
use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::words::{print, print_json, table};

/// Print the inventory (資産台帳, 第7条): assets, plans, stores, keys, accounts, software.
#[derive(Debug, Args)]
#[command(
    after_help = "Assets and places of stores stand in policies/inventory/*.toml; each asset has plans or an exemption.\n\
                  Examples:\n  \
                  kura inventory --pdf > 資産台帳.pdf   to print and file\n  \
                  kura inventory --gaps                 only what is missing; exits with 1 if there is any\n  \
                  kura inventory --sbom > sbom.json     the program's own parts (CycloneDX 1.5)"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    paper: AsPaper,
    /// Only what is missing.
    #[arg(long, conflicts_with_all = ["html", "pdf"])]
    gaps: bool,
    /// The program's own parts as `CycloneDX`.
    #[arg(long, conflicts_with_all = ["html", "pdf", "gaps"])]
    sbom: bool,
}

impl From<InventoryError> for Failure {
    fn from(error: InventoryError) -> Self {
        match error {
            InventoryError::Ledger(error) => Self::Usage(error.to_string()),
            InventoryError::Config(error) => error.into(),
            InventoryError::Catalog(error) => error.into(),
        }
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    if arguments.sbom {
        return print_json(&sbom()).map(|()| Exit::Done);
    }
    let plans = app.plan_names().iter().map(|name| app.plan(name)).collect::<Result<Vec<Plan>, _>>()?;
    let desk = app.desk().await?;
    let facts = inventory::facts((&desk, &app.home), &plans, app.clock.now()).await;
    desk.catalog.close().await;
    let facts = facts?;
    let gaps = inventory::gaps(&facts);
    if arguments.gaps {
        if global.json {
            print_json(&gaps_json(&facts))?;
        } else {
            for gap in &gaps {
                print(&format!("{}: {}\n", gap.word(), gap.japanese()))?;
            }
        }
        return Ok(if gaps.is_empty() { Exit::Done } else { Exit::Failed });
    }
    let report = inventory::report(&facts);
    if global.json {
        print_json(&as_json(&facts))?;
    } else if arguments.paper.is_asked() {
        arguments.paper.write(app, &print::evidence::page(&report))?;
    } else {
        print(&format!("{}（{}）\n", report.title, report.made_on))?;
        for one in &report.tables {
            print(&format!("\n{}\n{}", one.title, table(&one.heads, &one.rows)))?;
        }
    }
    Ok(Exit::Done)
}

fn gaps_json(facts: &InventoryFacts) -> Vec<Value> {
    let gaps = inventory::gaps(facts);
    gaps.iter().map(|gap| json!({ "code": gap.word(), "sentence_ja": gap.japanese() })).collect()
}

fn as_json(facts: &InventoryFacts) -> Value {
    let assets = facts.ledger.assets.iter().map(|asset| {
        json!({
            "name": asset.name, "kind": asset.kind, "location": asset.location, "version": asset.version,
            "plans": asset.plans, "exemption": asset.exemption,
        })
    });
    let plans = facts.plans.iter().map(|plan| {
        let sources = plan.sources.iter().map(|(name, kind)| json!({ "name": name, "kind": kind }));
        json!({
            "name": plan.name, "sources": sources.collect::<Vec<_>>(), "snapshots": plan.snapshots.0,
            "newest": plan.snapshots.1.map(|day| day.to_string()),
        })
    });
    let stores = facts.stores.iter().map(|store| {
        let place = facts.ledger.places.iter().find(|place| place.store == *store);
        json!({
            "address": store, "location": place.map(|place| &place.location),
            "isolation": place.map(|place| &place.isolation),
        })
    });
    let accounts = facts.accounts.iter().map(|(role, count)| (role.word().to_owned(), json!(count)));
    json!({
        "made_on": facts.made_on.to_string(), "gaps": gaps_json(facts), "assets": assets.collect::<Vec<_>>(),
        "plans": plans.collect::<Vec<_>>(), "stores": stores.collect::<Vec<_>>(),
        "recovery_keys": facts.recovery_keys,
        "accounts": Value::Object(accounts.collect()),
        "software": { "name": "kura", "version": facts.version, "components": facts.components.len() },
    })
}

/// What the program is built from, as others read it.
fn sbom() -> Value {
    let components = inventory::components().into_iter().map(|one| {
        let purl = format!("pkg:cargo/{}@{}", one.name, one.version);
        let hashes: Vec<Value> =
            one.sha256.iter().map(|hex| json!({ "alg": "SHA-256", "content": hex })).collect();
        json!({
            "type": "library", "bom-ref": purl, "name": one.name, "version": one.version, "purl": purl,
            "hashes": hashes,
        })
    });
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": { "component": { "type": "application", "name": "kura", "version": version } },
        "components": components.collect::<Vec<_>>(),
    })
}
