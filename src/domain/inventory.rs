//! The inventory (資産台帳, 第7条): what is protected, where copies lie, keys, accounts, software; and what has no plan.
//!
//! Every asset has a plan or a written exemption; what has neither is a gap, and gaps come first (K-103).

use std::collections::BTreeMap;

use crate::domain::evidence_report::{Report, ReportTable};
use crate::domain::plan::Class;
use crate::domain::role::Role;
use crate::domain::time::Day;

/// Something that the network consists of, as a person wrote it down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asset {
    /// What it is called.
    pub name: String,
    /// ハードウェア, ソフトウェア, アプリケーション, データ: in the words of whoever keeps the ledger.
    pub kind: String,
    /// Where it is.
    pub location: String,
    /// Its version.
    pub version: String,
    /// The plans that protect it.
    pub plans: Vec<String>,
    /// Why it needs none.
    pub exemption: String,
}

/// Where a store lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StorePlace {
    /// Its address, as `kura.toml` has it.
    pub store: String,
    /// Where it is: data centre, region.
    pub location: String,
    /// What separates it from the systems that it protects (第8条⑧).
    pub isolation: String,
}

/// What people wrote down.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Ledger {
    /// Assets, in the order of the files.
    pub assets: Vec<Asset>,
    /// Places of stores.
    pub places: Vec<StorePlace>,
}

/// A plan, as the inventory shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanEntry {
    /// Its name.
    pub name: String,
    /// What it protects.
    pub class: Class,
    /// Its sources: name and kind.
    pub sources: Vec<(String, String)>,
    /// Snapshots there are, and the day of the newest.
    pub snapshots: (u64, Option<Day>),
}

/// A library that the program is built from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its source as the registry has it; none for Kura's own.
    pub sha256: Option<String>,
}

/// What the inventory is made from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InventoryFacts {
    /// As of which day.
    pub made_on: Day,
    /// What people wrote down.
    pub ledger: Ledger,
    /// The plans.
    pub plans: Vec<PlanEntry>,
    /// The addresses of the stores; the first is the one that runs write to.
    pub stores: Vec<String>,
    /// The public halves of the recovery keys that count.
    pub recovery_keys: Vec<String>,
    /// How many accounts may sign in, by role.
    pub accounts: BTreeMap<Role, u64>,
    /// The version of the program.
    pub version: String,
    /// What it is built from.
    pub components: Vec<Component>,
}

/// Something that should be and is not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Gap {
    /// An asset without a plan and without an exemption.
    NoPlan(String),
    /// An asset whose plan is not there.
    UnknownPlan(String, String),
    /// A plan that has no snapshot.
    NoSnapshot(String),
    /// A store whose place nobody wrote down.
    NoPlace(String),
    /// A store of which nobody says what separates it.
    NoIsolation(String),
    /// There is one recovery key, or none.
    FewKeys(usize),
    /// A plan that no asset names: what it protects stands in no ledger.
    NoAsset(String),
}

impl Gap {
    /// For people.
    pub fn japanese(&self) -> String {
        match self {
            Self::NoPlan(asset) => format!("「{asset}」に、計画も免除の理由もありません。"),
            Self::UnknownPlan(asset, plan) => format!("「{asset}」の計画 {plan} がありません。"),
            Self::NoSnapshot(plan) => format!("計画 {plan} のスナップショットがまだありません。"),
            Self::NoPlace(store) => format!("保管先 {store} の所在地が書かれていません。"),
            Self::NoIsolation(store) => format!("保管先 {store} の隔離の根拠が書かれていません。"),
            Self::FewKeys(count) => format!("復旧鍵が{count}本です。2本以上を別々の人が保管してください。"),
            Self::NoAsset(plan) => format!("計画 {plan} が保護する資産が、台帳に書かれていません。"),
        }
    }

    /// The code; never changes.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NoPlan(_) => "no-plan",
            Self::UnknownPlan(..) => "unknown-plan",
            Self::NoSnapshot(_) => "no-snapshot",
            Self::NoPlace(_) => "no-place",
            Self::NoIsolation(_) => "no-isolation",
            Self::FewKeys(_) => "few-keys",
            Self::NoAsset(_) => "no-asset",
        }
    }
}

/// Everything that should be and is not.
pub fn gaps(facts: &InventoryFacts) -> Vec<Gap> {
    let mut found = Vec::new();
    let is_plan = |name: &String| facts.plans.iter().any(|plan| plan.name == *name);
    for asset in &facts.ledger.assets {
        if asset.plans.is_empty() && asset.exemption.is_empty() {
            found.push(Gap::NoPlan(asset.name.clone()));
        }
        let unknown = asset.plans.iter().filter(|plan| !is_plan(plan));
        found.extend(unknown.map(|plan| Gap::UnknownPlan(asset.name.clone(), plan.clone())));
    }
    for plan in &facts.plans {
        if plan.snapshots.0 == 0 {
            found.push(Gap::NoSnapshot(plan.name.clone()));
        }
        if !facts.ledger.assets.iter().any(|asset| asset.plans.contains(&plan.name)) {
            found.push(Gap::NoAsset(plan.name.clone()));
        }
    }
    for store in &facts.stores {
        match place(facts, store) {
            None => found.push(Gap::NoPlace(store.clone())),
            Some(place) if place.isolation.is_empty() => found.push(Gap::NoIsolation(store.clone())),
            Some(_) => {}
        }
    }
    if facts.recovery_keys.len() < 2 {
        found.push(Gap::FewKeys(facts.recovery_keys.len()));
    }
    found
}

fn place<'a>(facts: &'a InventoryFacts, store: &str) -> Option<&'a StorePlace> {
    facts.ledger.places.iter().find(|place| place.store == store)
}

const fn class(class: Class) -> &'static str {
    match class {
        Class::Application => "アプリケーションデータ",
        Class::System => "システムデータ",
    }
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "－".to_owned() } else { text.to_owned() }
}

fn table(title: &str, heads: &[&'static str], rows: Vec<Vec<String>>) -> ReportTable {
    ReportTable { title: title.to_owned(), heads: heads.to_vec(), rows }
}

/// The inventory as pages: the gaps first.
pub fn report(facts: &InventoryFacts) -> Report {
    let gaps: Vec<Vec<String>> = gaps(facts).iter().map(|gap| vec![gap.japanese()]).collect();
    let none = vec![vec!["ありません。".to_owned()]];
    let assets = facts.ledger.assets.iter().map(|asset| {
        let plans = if asset.plans.is_empty() {
            format!("免除：{}", or_dash(&asset.exemption))
        } else {
            asset.plans.join("、")
        };
        vec![
            asset.name.clone(),
            or_dash(&asset.kind),
            or_dash(&asset.version),
            or_dash(&asset.location),
            plans,
        ]
    });
    let plans = facts.plans.iter().map(|plan| {
        let sources = plan.sources.iter().map(|(name, kind)| format!("{name}（{kind}）"));
        let newest = plan.snapshots.1.map_or_else(|| "－".to_owned(), crate::domain::calendar::wareki);
        let count = plan.snapshots.0.to_string();
        vec![
            plan.name.clone(),
            class(plan.class).to_owned(),
            sources.collect::<Vec<_>>().join("、"),
            count,
            newest,
        ]
    });
    let stores = facts.stores.iter().map(|store| {
        let place = place(facts, store);
        let location = place.map_or_else(|| "－".to_owned(), |place| or_dash(&place.location));
        vec![
            store.clone(),
            location,
            place.map_or_else(|| "－".to_owned(), |place| or_dash(&place.isolation)),
        ]
    });
    let keys = facts.recovery_keys.iter().map(|key| vec!["復旧鍵（公開鍵）".to_owned(), key.clone()]);
    let accounts =
        facts.accounts.iter().map(|(role, count)| vec![role.japanese().to_owned(), count.to_string()]);
    let components = facts.components.iter().map(|one| vec![one.name.clone(), one.version.clone()]);
    let own = vec!["kura".to_owned(), facts.version.clone()];
    Report {
        title: "資産台帳（第7条）".to_owned(),
        made_on: facts.made_on,
        note: "設定、記録と policies/inventory のファイルから作成したものです。ソフトウェアの構成は、プログラムを作ったときの Cargo.lock によります。".to_owned(),
        tables: vec![
            table("不足しているもの", &["内容"], if gaps.is_empty() { none } else { gaps }),
            table("資産", &["名称", "種別", "版", "設置場所", "計画または免除の理由"], assets.collect()),
            table("保護しているシステム（計画）", &["計画", "区分", "対象", "世代", "最新"], plans.collect()),
            table("保管先", &["保管先", "所在地", "隔離の根拠"], stores.collect()),
            table("鍵", &["種別", "値"], keys.collect()),
            table("アカウント（有効なもの）", &["役割", "数"], accounts.collect()),
            table("バックアップ・サービスのソフトウェア", &["名称", "版"], [own].into_iter().chain(components).collect()),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> InventoryFacts {
        let asset = |name: &str, plans: &[&str], exemption: &str| Asset {
            name: name.to_owned(),
            kind: "ハードウェア".to_owned(),
            location: String::new(),
            version: String::new(),
            plans: plans.iter().map(|&plan| plan.to_owned()).collect(),
            exemption: exemption.to_owned(),
        };
        let place = StorePlace {
            store: "s3://kura".to_owned(),
            location: "名古屋".to_owned(),
            isolation: "別の契約".to_owned(),
        };
        InventoryFacts {
            made_on: "2026-11-23".parse().unwrap(),
            ledger: Ledger {
                assets: vec![
                    asset("データベース", &["records"], ""),
                    asset("スイッチ", &[], "設定を紙で保管"),
                ],
                places: vec![place],
            },
            plans: vec![PlanEntry {
                name: "records".to_owned(),
                class: Class::Application,
                sources: Vec::new(),
                snapshots: (1, None),
            }],
            stores: vec!["s3://kura".to_owned()],
            recovery_keys: vec!["age1a".to_owned(), "age1b".to_owned()],
            accounts: BTreeMap::from([(Role::Auditor, 1)]),
            version: "0.1.0".to_owned(),
            components: Vec::new(),
        }
    }

    fn told(change: impl Fn(&mut InventoryFacts)) -> Vec<&'static str> {
        let mut facts = facts();
        change(&mut facts);
        let gaps = gaps(&facts);
        assert!(gaps.iter().all(|gap| gap.japanese().ends_with('。')));
        assert_eq!(report(&facts).tables[0].rows.len(), gaps.len().max(1), "gaps come first");
        gaps.iter().map(Gap::word).collect()
    }

    #[test]
    fn k_103_what_has_neither_plan_nor_exemption_is_a_gap() {
        assert_eq!(told(|_| {}), Vec::<&str>::new());
        assert_eq!(told(|facts| facts.ledger.assets[1].exemption.clear()), ["no-plan"]);
        assert_eq!(told(|facts| facts.ledger.assets[1].plans = vec!["mail".to_owned()]), ["unknown-plan"]);
        assert_eq!(told(|facts| facts.plans[0].snapshots.0 = 0), ["no-snapshot"]);
        assert_eq!(told(|facts| facts.ledger.places.clear()), ["no-place"]);
        assert_eq!(told(|facts| facts.ledger.places[0].isolation.clear()), ["no-isolation"]);
        assert_eq!(told(|facts| facts.recovery_keys.truncate(1)), ["few-keys"]);
        let none = told(|facts| facts.ledger.assets.clear());
        assert_eq!(none, ["no-asset"]);
    }
}
