//! The runbooks (手順書, 第22条2項), as they were when this program was built: one for each alarm, one for each disaster. They
//! are read without a network, a home or a console, and in the console.

/// The overview, which is no runbook itself.
pub const OVERVIEW: &str = "README";

/// Every page of docs/runbooks, by name.
const PAGES: &[(&str, &str)] = &[
    ("README", include_str!("../../docs/runbooks/README.md")),
    ("after-use-overdue", include_str!("../../docs/runbooks/after-use-overdue.md")),
    ("approval-lapsed", include_str!("../../docs/runbooks/approval-lapsed.md")),
    ("audit-log", include_str!("../../docs/runbooks/audit-log.md")),
    ("backup-missed", include_str!("../../docs/runbooks/backup-missed.md")),
    ("break-glass", include_str!("../../docs/runbooks/break-glass.md")),
    ("bucket-lost", include_str!("../../docs/runbooks/bucket-lost.md")),
    ("clock-wrong", include_str!("../../docs/runbooks/clock-wrong.md")),
    ("database-corrupted", include_str!("../../docs/runbooks/database-corrupted.md")),
    ("deletion-overdue", include_str!("../../docs/runbooks/deletion-overdue.md")),
    ("deletion-stopped", include_str!("../../docs/runbooks/deletion-stopped.md")),
    ("deploy", include_str!("../../docs/runbooks/deploy.md")),
    ("drill-overdue", include_str!("../../docs/runbooks/drill-overdue.md")),
    ("erasure", include_str!("../../docs/runbooks/erasure.md")),
    ("host-lost", include_str!("../../docs/runbooks/host-lost.md")),
    ("keys", include_str!("../../docs/runbooks/keys.md")),
    ("lock-not-enforced", include_str!("../../docs/runbooks/lock-not-enforced.md")),
    ("lock-wrong", include_str!("../../docs/runbooks/lock-wrong.md")),
    ("log-review-overdue", include_str!("../../docs/runbooks/log-review-overdue.md")),
    ("monitoring-stopped", include_str!("../../docs/runbooks/monitoring-stopped.md")),
    ("notice-not-readable", include_str!("../../docs/runbooks/notice-not-readable.md")),
    ("notice-undelivered", include_str!("../../docs/runbooks/notice-undelivered.md")),
    ("plan-unreadable", include_str!("../../docs/runbooks/plan-unreadable.md")),
    ("ransomware", include_str!("../../docs/runbooks/ransomware.md")),
    ("rebuild", include_str!("../../docs/runbooks/rebuild.md")),
    ("restore", include_str!("../../docs/runbooks/restore.md")),
    ("run-refused", include_str!("../../docs/runbooks/run-refused.md")),
    ("service-by-hand", include_str!("../../docs/runbooks/service-by-hand.md")),
    ("service-down", include_str!("../../docs/runbooks/service-down.md")),
    ("service-stopped", include_str!("../../docs/runbooks/service-stopped.md")),
    ("snapshot-old", include_str!("../../docs/runbooks/snapshot-old.md")),
    ("snapshot-partial", include_str!("../../docs/runbooks/snapshot-partial.md")),
    ("source-changed-suddenly", include_str!("../../docs/runbooks/source-changed-suddenly.md")),
    ("stored-data-damaged", include_str!("../../docs/runbooks/stored-data-damaged.md")),
    ("target-down", include_str!("../../docs/runbooks/target-down.md")),
    ("update", include_str!("../../docs/runbooks/update.md")),
    ("wrong-deletion", include_str!("../../docs/runbooks/wrong-deletion.md")),
];

/// The names of the runbooks, without the overview.
pub fn names() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(name, _)| *name).filter(|name| *name != OVERVIEW)
}

/// The text of a runbook or of the overview: Markdown.
pub fn text(name: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// What a runbook is about: its first heading, or its name.
pub fn title(name: &'static str) -> &'static str {
    let first = text(name).and_then(|text| text.lines().next());
    first.and_then(|line| line.strip_prefix("# ")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflows::alarms::AlarmCode;

    #[test]
    fn every_runbook_and_every_alarm_is_there() {
        let above = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let folder = above.map(|above| above.join("docs/runbooks")).find(|folder| folder.is_dir()).unwrap();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let kept =
                PAGES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name} is missing"));
            assert_eq!(kept.1, std::fs::read_to_string(path).unwrap(), "{name}");
        }
        for code in AlarmCode::ALL {
            assert!(names().any(|name| name == code.word()), "{code:?}");
        }
        for (name, _) in PAGES {
            assert!(*name == OVERVIEW || title(name) != *name, "{name} has no title");
        }
    }
}
