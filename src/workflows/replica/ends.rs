//! Until when each object of both stores is kept, and what it must be.

use std::collections::{BTreeMap, BTreeSet};

use super::held::Held;
use super::judge::Judge;
use crate::archive::layout::{self, ObjectKind};
use crate::archive::seal::Keys;
use crate::config;
use crate::domain::cohort::CohortId;
use crate::domain::plan::{LockMode, Plan, PlanName};
use crate::domain::retention::{self, Retention};
use crate::domain::time::{Day, Instant};
use crate::policy_files;
use crate::vault::{Lock, Vault, VaultError};
use crate::workflows::desk::tokyo;
use crate::workflows::evidence::instant;
use crate::workflows::host::{Host, files};
use crate::workflows::repository::{RepositoryError, Trust};
use crate::workflows::snapshots::{self, SnapshotKeys};

/// Until when each object is kept, as snapshots and settings say.
pub struct Ends {
    cohorts: BTreeMap<(PlanName, CohortId), Instant>,
    snapshots: BTreeMap<String, Instant>,
    /// The plan of each snapshot, and the day on which it was taken.
    taken: BTreeMap<String, (PlanName, Day)>,
    keys: Instant,
    evidence: Instant,
    now: Instant,
    held: Held,
    /// How each plan's objects are locked; a plan that is not here, as none can lift.
    modes: BTreeMap<PlanName, LockMode>,
    pub(super) judge: Judge,
}

impl Ends {
    /// Reads every snapshot that either store has: one may have lost what the other still has.
    pub async fn of(
        (first, second): (&dyn Vault, &dyn Vault),
        (trust, keys): (&Trust, &Keys),
        evidence: Retention,
        now: Instant,
    ) -> Result<Self, RepositoryError> {
        let zone = tokyo();
        let end = |period| retention::delete_from_instant(period, zone.day_of(now), &zone);
        let mut ends = Self {
            cohorts: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            taken: BTreeMap::new(),
            keys: end(Retention::Years(1)),
            evidence: end(evidence),
            now,
            held: Held::default(),
            modes: BTreeMap::new(),
            judge: Judge::new(trust, keys),
        };
        let snapshot_keys = SnapshotKeys::new(trust, keys, now);
        let mut names = Vec::new();
        for vault in [first, second] {
            let listed = snapshots::list(vault, None).await?.into_values().flatten();
            names.extend(listed.map(|name| (name, vault)));
        }
        // Ascending: a base that one store lost is known from the other before what builds on it is read.
        names.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut read = BTreeSet::new();
        for (name, vault) in names {
            if read.contains(&name) {
                continue;
            }
            let snapshot = match snapshots::fetch(vault, &name, &snapshot_keys).await {
                Ok(snapshot) => snapshot,
                Err(error) if error.is_of_object() => continue,
                Err(error) => return Err(error),
            };
            read.insert(name.clone());
            if let Ok(day) = snapshot.day.parse() {
                ends.taken.insert(name.key(), (name.plan.clone(), day));
            }
            ends.held.read_ledger(first, (trust, keys), &name.plan).await?;
            for cohort in &snapshot.cohorts {
                let (Ok(id), Some(until)) = (cohort.cohort.parse(), instant(&cohort.delete_from)) else {
                    continue;
                };
                if until <= now {
                    ends.held.look(&name, id, now);
                }
                ends.judge.name(layout::cohort_key(&name.plan, &id, cohort.key_number), cohort.key);
                let known = ends.cohorts.entry((name.plan.clone(), id)).or_insert(until);
                *known = until.max(*known);
                let own = ends.snapshots.entry(name.key()).or_insert(until);
                *own = until.max(*own);
                ends.keys = ends.keys.max(until);
            }
        }
        Ok(ends)
    }

    /// A snapshot is kept as long as a cohort of its day would be, as the first store locks it.
    fn keep_as(&mut self, plan: &Plan) {
        for (key, (_, day)) in self.taken.iter().filter(|(_, (name, _))| name == plan.name()) {
            let end = plan.cohort_of(*day).delete_from(plan.retention(), plan.zone());
            let own = self.snapshots.entry(key.clone()).or_insert(end);
            *own = end.max(*own);
        }
    }

    /// Until when an object is kept; `None` if nothing says so.
    fn of_key(&self, key: &str) -> Option<Instant> {
        match layout::parse(key)? {
            ObjectKind::CohortKey(plan, cohort, _)
            | ObjectKind::Pack(plan, cohort, _)
            | ObjectKind::Index(plan, cohort, _) => self.cohorts.get(&(plan, cohort)).copied(),
            ObjectKind::Snapshot(..) => self.snapshots.get(key).copied(),
            ObjectKind::Repository(_)
            | ObjectKind::SigningKeys(_)
            | ObjectKind::RecoveryKeys(_)
            | ObjectKind::CatalogKey(_) => Some(self.keys),
            ObjectKind::AuditHead(..)
            | ObjectKind::Drill(_)
            | ObjectKind::Statement(_)
            | ObjectKind::Coverage(_)
            | ObjectKind::Intent(_)
            | ObjectKind::Certificate(_)
            | ObjectKind::Hold(..)
            | ObjectKind::Erasure(..) => Some(self.evidence),
        }
    }

    /// How an object is locked; not at all if its time is over, as what a hold keeps.
    pub(super) fn lock_of(&self, key: &str) -> Option<Lock> {
        let until = self.of_key(key).filter(|until| self.now < *until)?;
        let plan = match layout::parse(key)? {
            ObjectKind::CohortKey(plan, ..)
            | ObjectKind::Pack(plan, ..)
            | ObjectKind::Index(plan, ..)
            | ObjectKind::Snapshot(plan, ..) => Some(plan),
            _ => None,
        };
        let mode = plan.and_then(|plan| self.modes.get(&plan).copied()).unwrap_or_default();
        Some(Lock { until, mode })
    }

    /// The same; where the plan is not at hand, the store that has it says how it is locked.
    pub(super) async fn lock_like(&self, from: &dyn Vault, key: &str) -> Result<Option<Lock>, VaultError> {
        let Some(lock) = self.lock_of(key) else { return Ok(None) };
        if !self.modes.is_empty() || !from.can_lock() {
            return Ok(Some(lock));
        }
        match from.kept_lock(key).await {
            Ok(kept) => Ok(Some(Lock { mode: kept.and_then(|kept| kept.mode).unwrap_or(lock.mode), ..lock })),
            // The kind that nobody can lift is never too weak.
            Err(VaultError::Denied { .. }) => Ok(Some(lock)),
            Err(error) => Err(error),
        }
    }

    /// Whether an object belongs into both stores.
    pub(super) fn is_wanted(&self, key: &str) -> bool {
        self.of_key(key).is_some_and(|until| self.now < until) || self.held.keeps(key)
    }
}

/// The ends of a host's objects.
pub async fn ends_of(host: &Host, second: &dyn Vault, now: Instant) -> Result<Ends, RepositoryError> {
    let who = (&host.trust, &host.secrets.catalog);
    let mut ends = Ends::of((&*host.vault, second), who, host.settings.evidence_retention(), now).await?;
    for name in host.home.plan_names() {
        // A plan that cannot be read is told of elsewhere; what it keeps is locked as none can lift.
        if let Ok(plan) = policy_files::load_plan(&host.home.policies().join(format!("{name}.toml"))) {
            ends.modes.insert(plan.name().clone(), plan.lock_mode());
            ends.keep_as(&plan);
        }
    }
    ends.judge.set_sealed_catalog(config::read_file(&host.home.key_file(files::SEALED_CATALOG)).ok());
    Ok(ends)
}
