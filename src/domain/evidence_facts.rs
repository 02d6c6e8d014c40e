//! What reports to the 医師会 are made from (第5条, 第6条): facts of the installation, as of a day.

use crate::domain::availability::Availability;
use crate::domain::calendar::wareki;
use crate::domain::canary::CanaryOutcome;
use crate::domain::plan::Class;
use crate::domain::retention::Retention;
use crate::domain::time::Day;

/// How a plan stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanEvidence {
    /// Its name.
    pub name: String,
    /// What it protects.
    pub class: Class,
    /// How long.
    pub retention: Retention,
    /// Copies it asks for.
    pub copies: u8,
    /// What its sources are called.
    pub sources: Vec<String>,
    /// The recurrences of its approved windows, in Japanese.
    pub windows: Vec<String>,
    /// Snapshots there are.
    pub snapshots: u64,
    /// The day of the oldest.
    pub oldest: Option<Day>,
    /// The day of the newest, and whether it is complete.
    pub newest: Option<(Day, bool)>,
    /// The newest proof of coverage.
    pub proof: Option<ProofEvidence>,
    /// The last drill that went well: its day, how long it took (seconds), and how many files came back.
    pub drill: Option<(Day, u64, u64)>,
}

/// A proof of coverage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProofEvidence {
    /// Its day.
    pub day: Day,
    /// Cohorts inside their time.
    pub alive: u64,
    /// Those that are whole.
    pub whole: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether nothing else was wrong.
    pub is_clean: bool,
}

/// How the installation stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// As of this day.
    pub made_on: Day,
    /// Its plans, by name.
    pub plans: Vec<PlanEvidence>,
    /// The address of the store.
    pub store: String,
    /// Whether the store says that it locks.
    pub can_lock: bool,
    /// When its lock was tried out last, and what came of it.
    pub lock_tried: Option<(Day, CanaryOutcome)>,
    /// The address of the second store.
    pub second: Option<String>,
    /// Recovery keys that count.
    pub recovery_keys: u64,
    /// Things that are tried out.
    pub drills: u64,
    /// Those whose trial is overdue.
    pub drills_overdue: u64,
    /// In how many days everything is read again; 0: never.
    pub reread_days: u32,
    /// Since when everything has been read again.
    pub reread_since: Option<Day>,
    /// Certificates of deletion.
    pub certificates: u64,
    /// Clocks outside the machine that are asked.
    pub outside_clocks: u64,
    /// Accounts that may sign in.
    pub accounts: u64,
    /// Those with a second factor.
    pub with_factor: u64,
    /// Lines of the audit log, if it is whole.
    pub audit_lines: Option<u64>,
    /// How early notices come: without and with downtime, days.
    pub lead_days: (u32, u32),
    /// What monitoring measured, by target; none if the rules cannot be read.
    pub availability: Option<Vec<Availability>>,
}

impl Facts {
    /// Nothing known yet.
    pub fn of(made_on: Day) -> Self {
        Self {
            made_on,
            plans: Vec::new(),
            store: String::new(),
            can_lock: false,
            lock_tried: None,
            second: None,
            recovery_keys: 0,
            drills: 0,
            drills_overdue: 0,
            reread_days: 0,
            reread_since: None,
            certificates: 0,
            outside_clocks: 0,
            accounts: 0,
            with_factor: 0,
            audit_lines: None,
            lead_days: (0, 0),
            availability: Some(Vec::new()),
        }
    }

    /// Whether the store refused an early deletion when that was tried.
    pub fn is_lock_proved(&self) -> bool {
        self.can_lock && self.lock_tried.is_some_and(|(_, outcome)| outcome == CanaryOutcome::Held)
    }

    /// How deletion before the date is prevented.
    pub fn lock_words(&self) -> String {
        match (self.can_lock, self.lock_tried) {
            (false, _) => "保管先は期限前の消去を妨げません（フォルダー、または Object Lock のないバケット）。".to_owned(),
            (true, None) => "保管先の Object Lock により保護しています。期限前の消去が拒まれることは、まだ確かめていません。".to_owned(),
            (true, Some((day, CanaryOutcome::Held))) => {
                format!("保管先の Object Lock により保護しています。{}に、期限前の消去が拒まれることを確かめました。", wareki(day))
            }
            (true, Some((day, _))) => format!("{}に、保管先が保護を守らないことが分かりました。", wareki(day)),
        }
    }

    /// Whether something of every plan was restored as a trial, and no trial is overdue.
    pub fn is_tried_out(&self) -> bool {
        let is_tried = self.plans.iter().all(|plan| plan.drill.is_some());
        !self.plans.is_empty() && is_tried && self.drills_overdue == 0
    }

    /// How restores were tried out.
    pub fn drill_words(&self) -> String {
        if self.drills == 0 {
            return "復元の訓練の記録がありません。".to_owned();
        }
        let last = self.plans.iter().filter_map(|plan| plan.drill.map(|(day, ..)| day)).max();
        let last = last.map_or_else(|| "なし".to_owned(), wareki);
        format!(
            "訓練の対象{}件のうち、期限を過ぎたもの{}件。最後の復元の訓練：{last}",
            self.drills, self.drills_overdue
        )
    }

    /// How everything is read again.
    pub fn reread_words(&self) -> String {
        match (self.reread_days, self.reread_since) {
            (0, _) => "保存物の読み直しは設定されていません。".to_owned(),
            (days, None) => format!("{days}日で全体を読み直す設定で、まだ一巡していません。"),
            (days, Some(since)) => {
                format!(
                    "{days}日で全体を読み直し、要約値を比べています（すべて{}以降に確認）。",
                    wareki(since)
                )
            }
        }
    }

    /// Whether every plan was proved to be whole.
    pub fn is_covered(&self) -> bool {
        let is_whole = |plan: &PlanEvidence| {
            plan.proof.is_some_and(|proof| proof.alive == proof.whole && proof.is_clean)
        };
        !self.plans.is_empty() && self.plans.iter().all(is_whole)
    }

    /// What was proved.
    pub fn coverage_words(&self) -> String {
        let words = self.plans.iter().map(|plan| match plan.proof {
            None => format!("{}：未確認", plan.name),
            Some(proof) => {
                format!("{}：{}／{}（{}）", plan.name, proof.whole, proof.alive, wareki(proof.day))
            }
        });
        let words: Vec<String> = words.collect();
        if words.is_empty() { "計画がありません。".to_owned() } else { words.join("、") }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An installation in which all is well.
    pub(crate) fn facts() -> Facts {
        let day: Day = "2026-11-23".parse().unwrap_or_else(|_| unreachable!());
        Facts {
            plans: vec![PlanEvidence {
                name: "records".to_owned(),
                class: Class::Application,
                retention: Retention::Years(1),
                copies: 2,
                sources: vec!["records".to_owned()],
                windows: vec!["毎日 02:00".to_owned()],
                snapshots: 40,
                oldest: Some(day),
                newest: Some((day, true)),
                proof: Some(ProofEvidence { day, alive: 40, whole: 40, bytes: 4096, is_clean: true }),
                drill: Some((day, 95, 200)),
            }],
            store: "s3://kura".to_owned(),
            can_lock: true,
            lock_tried: Some((day, CanaryOutcome::Held)),
            second: Some("file:///mnt/second".to_owned()),
            recovery_keys: 2,
            drills: 3,
            drills_overdue: 0,
            reread_days: 30,
            reread_since: Some(day),
            certificates: 1,
            outside_clocks: 1,
            accounts: 4,
            with_factor: 4,
            audit_lines: Some(120),
            lead_days: (7, 14),
            ..Facts::of(day)
        }
    }
}
