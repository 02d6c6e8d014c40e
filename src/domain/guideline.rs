//! Guidelines (法令・ガイドライン, 第6条) as data, and what the installation answers to each clause of one.
//!
//! An answer is a measurement, not a judgement: what only a person can know is left to a person.

use crate::domain::evidence_facts::Facts;
use crate::domain::evidence_report::{Report, ReportTable};

/// A guideline in one version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guideline {
    /// Its name.
    pub name: String,
    /// Its version, as it calls itself.
    pub version: String,
    /// When it was issued.
    pub issued: String,
    /// By whom.
    pub issuer: String,
    /// The clauses that concern backups.
    pub clauses: Vec<Clause>,
}

/// A clause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clause {
    /// Where it stands in the guideline.
    pub id: String,
    /// The number of what Kura does about it.
    pub control: String,
    /// What it asks for, in short.
    pub text: String,
    /// What answers it.
    pub evidence: EvidenceKind,
}

/// What answers a clause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EvidenceKind {
    /// Each plan has several generations.
    Generations,
    /// The store refuses to delete before the date, and that was tried.
    OutOfReach,
    /// There is a second store.
    SecondCopy,
    /// Nothing is stored in the clear.
    Encryption,
    /// Restores were tried out in time.
    Drill,
    /// Every byte is read again in time.
    Reread,
    /// Everything inside its time is there.
    Coverage,
    /// What was deleted was certified.
    Certificate,
    /// The audit log is whole.
    AuditLog,
    /// A clock outside the machine is asked.
    Clock,
    /// Everybody has a second factor.
    SecondFactor,
    /// Passwords are not used again.
    NoReuse,
    /// The sheet with the five items.
    Sla,
    /// The register of places.
    Register,
    /// The table of backups and restores.
    Bcp,
    /// Users are told in time.
    Notices,
    /// What is stored opens with stock tools.
    OpenFormat,
    /// Only a person knows.
    Person,
}

/// Every kind with its word in the files of guidelines.
const WORDS: [(&str, EvidenceKind); 18] = [
    ("generations", EvidenceKind::Generations),
    ("out-of-reach", EvidenceKind::OutOfReach),
    ("second-copy", EvidenceKind::SecondCopy),
    ("encryption", EvidenceKind::Encryption),
    ("drill", EvidenceKind::Drill),
    ("reread", EvidenceKind::Reread),
    ("coverage", EvidenceKind::Coverage),
    ("certificate", EvidenceKind::Certificate),
    ("audit-log", EvidenceKind::AuditLog),
    ("clock", EvidenceKind::Clock),
    ("second-factor", EvidenceKind::SecondFactor),
    ("no-reuse", EvidenceKind::NoReuse),
    ("sla", EvidenceKind::Sla),
    ("register", EvidenceKind::Register),
    ("bcp", EvidenceKind::Bcp),
    ("notices", EvidenceKind::Notices),
    ("open-format", EvidenceKind::OpenFormat),
    ("person", EvidenceKind::Person),
];

impl EvidenceKind {
    /// The kind of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        WORDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind)
    }

    /// All words, for messages.
    pub fn words() -> String {
        WORDS.map(|(word, _)| word).join(", ")
    }
}

/// What is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is so.
    Yes,
    /// It is not so.
    No,
    /// Somebody has to say.
    Person,
}

impl Verdict {
    /// The word on the list.
    pub const fn japanese(self) -> &'static str {
        match self {
            Self::Yes => "はい",
            Self::No => "いいえ",
            Self::Person => "要確認",
        }
    }
}

/// What the installation answers, with what it is based on.
pub fn answer(kind: EvidenceKind, facts: &Facts) -> (Verdict, String) {
    let of = |is_so: bool| if is_so { Verdict::Yes } else { Verdict::No };
    match kind {
        EvidenceKind::Generations => {
            let few: Vec<&str> =
                facts.plans.iter().filter(|plan| plan.snapshots < 3).map(|plan| plan.name.as_str()).collect();
            let words = if few.is_empty() {
                "すべての計画に3世代以上あります。".to_owned()
            } else {
                format!("3世代に満たない計画：{}", few.join("、"))
            };
            (of(few.is_empty() && !facts.plans.is_empty()), words)
        }
        EvidenceKind::OutOfReach => (of(facts.is_lock_proved()), facts.lock_words()),
        EvidenceKind::SecondCopy => (
            of(facts.second.is_some()),
            facts.second.as_ref().map_or_else(
                || "2つ目の保管先がありません。".to_owned(),
                |second| format!("2つ目の保管先：{second}"),
            ),
        ),
        EvidenceKind::Encryption => (
            Verdict::Yes,
            "すべての保存物は age で暗号化してから送信します。開ける鍵（復旧鍵）はバックアップ機器にありません。".to_owned(),
        ),
        EvidenceKind::Drill => (of(facts.is_tried_out()), facts.drill_words()),
        EvidenceKind::Reread => (of(facts.reread_since.is_some()), facts.reread_words()),
        EvidenceKind::Coverage => (of(facts.is_covered()), facts.coverage_words()),
        EvidenceKind::Certificate => (
            Verdict::Yes,
            format!(
                "消去は計画の承認と確認を経て行い、消去証明書を発行します（これまでに{}件）。",
                facts.certificates
            ),
        ),
        EvidenceKind::AuditLog => match facts.audit_lines {
            Some(lines) => (Verdict::Yes, format!("監査記録{lines}行の連鎖を検証しました。毎日、先頭を保管先に固定しています。")),
            None => (Verdict::No, "監査記録の連鎖が合いません。".to_owned()),
        },
        EvidenceKind::Clock => (
            of(facts.outside_clocks > 0),
            format!("バックアップと消去の前に照合する外部の時計：{}", facts.outside_clocks),
        ),
        EvidenceKind::SecondFactor => (
            of(facts.accounts > 0 && facts.with_factor == facts.accounts),
            format!("有効なアカウント{}件のうち{}件が二要素認証を設定しています。", facts.accounts, facts.with_factor),
        ),
        EvidenceKind::NoReuse => (
            Verdict::Yes,
            "このサービスでは、以前のパスワードを再び使うことを拒否しています。ほかのサービスとの使い回しは確かめられません。".to_owned(),
        ),
        EvidenceKind::Sla => (Verdict::Yes, "「SLA の5項目」の表を出力できます（kura report sla）。".to_owned()),
        EvidenceKind::Register => (Verdict::Yes, "「保存場所の台帳」を出力できます（kura report storage）。".to_owned()),
        EvidenceKind::Bcp => {
            (Verdict::Yes, "「バックアップの作成と復旧方法」の表を出力できます（kura report bcp）。".to_owned())
        }
        EvidenceKind::Notices => (
            Verdict::Yes,
            format!(
                "承認された作業は、停止のないもので{}日前、停止のあるもので{}日前までに掲載し、掲載を確かめられないときは実施しません。",
                facts.lead_days.0, facts.lead_days.1
            ),
        ),
        EvidenceKind::OpenFormat => (
            Verdict::Yes,
            "保存物は age と zstd の標準のプログラムで開けます。形式は docs/format.md で公開しています。".to_owned(),
        ),
        EvidenceKind::Person => (Verdict::Person, "運用の記録により、担当者が確認してください。".to_owned()),
    }
}

/// The checklist (準拠度チェックリスト): each clause of each guideline with its answer.
pub fn checklist(guidelines: &[Guideline], facts: &Facts) -> Report {
    let tables = guidelines.iter().map(|guideline| ReportTable {
        title: format!(
            "{} {}（{}、{}）",
            guideline.name, guideline.version, guideline.issuer, guideline.issued
        ),
        heads: vec!["条項", "内容（要約）", "回答", "根拠", "管理番号"],
        rows: guideline
            .clauses
            .iter()
            .map(|clause| {
                let (verdict, words) = answer(clause.evidence, facts);
                let verdict = verdict.japanese().to_owned();
                vec![clause.id.clone(), clause.text.clone(), verdict, words, clause.control.clone()]
            })
            .collect(),
    });
    Report {
        title: "準拠度チェックリスト".to_owned(),
        made_on: facts.made_on,
        note: "回答は、この装置の設定と記録から自動で作成したものです。法令やガイドラインへの適合は、担当者が判断してください。".to_owned(),
        tables: tables.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::canary::CanaryOutcome;
    use crate::domain::evidence_facts::tests::facts;

    #[test]
    fn what_is_not_measured_is_not_answered_with_yes() {
        let none = Facts::of(facts().made_on);
        for (word, kind) in WORDS {
            assert_eq!(EvidenceKind::of_word(word), Some(kind));
        }
        for kind in [
            EvidenceKind::Generations,
            EvidenceKind::OutOfReach,
            EvidenceKind::SecondCopy,
            EvidenceKind::Drill,
            EvidenceKind::Reread,
            EvidenceKind::Coverage,
            EvidenceKind::AuditLog,
            EvidenceKind::Clock,
            EvidenceKind::SecondFactor,
        ] {
            assert_eq!(answer(kind, &none).0, Verdict::No, "{kind:?}");
            assert_eq!(answer(kind, &facts()).0, Verdict::Yes, "{kind:?}");
        }
        assert_eq!(answer(EvidenceKind::Person, &facts()).0, Verdict::Person);
    }

    #[test]
    fn a_restore_that_nobody_tried_is_not_tried_because_it_is_not_due_yet() {
        let mut facts = facts();
        facts.plans[0].drill = None;
        assert_eq!(answer(EvidenceKind::Drill, &facts).0, Verdict::No);
    }

    #[test]
    fn a_lock_counts_only_if_it_held() {
        let mut facts = facts();
        let day = facts.made_on;
        facts.lock_tried = Some((day, CanaryOutcome::Deleted));
        assert_eq!(answer(EvidenceKind::OutOfReach, &facts).0, Verdict::No);
        facts.lock_tried = None;
        assert_eq!(answer(EvidenceKind::OutOfReach, &facts).0, Verdict::No, "nobody tried it");
    }
}
