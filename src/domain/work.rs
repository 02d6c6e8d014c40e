//! Records of work (受入・維持管理記録): acceptance (第19条), maintenance (第20条), the yearly inspection of the power supply (第10条).
//!
//! planned → doing → done → closed, or withdrawn before it began. Nothing is closed while a point of its checklist is open;
//! what changes a system is closed only with a complete snapshot of its system files, taken for it and after it (K-102).

use crate::domain::time::{Day, Instant};

/// What kind of work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum WorkKind {
    /// 受入 (第19条): something new, or changed, is taken into use.
    Acceptance,
    /// 維持管理 (第20条): reboots, patches.
    Maintenance,
    /// 電源設備の点検 (第10条), once a year.
    PowerInspection,
}

impl WorkKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Acceptance, Self::Maintenance, Self::PowerInspection];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Acceptance => "acceptance",
            Self::Maintenance => "maintenance",
            Self::PowerInspection => "power-inspection",
        }
    }

    /// The name in the security policy.
    pub const fn japanese(self) -> &'static str {
        match self {
            Self::Acceptance => "受入（第19条）",
            Self::Maintenance => "維持管理（第20条）",
            Self::PowerInspection => "電源設備の点検（第10条）",
        }
    }

    /// The kind of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether a snapshot of system files has to be taken for it (第19条④, 第20条③).
    pub const fn needs_snapshot(self) -> bool {
        matches!(self, Self::Acceptance | Self::Maintenance)
    }
}

/// Where it stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum WorkState {
    /// It lies ahead.
    Planned,
    /// Somebody works on it.
    Doing,
    /// The work is over; its record is not complete yet.
    Done,
    /// The record is complete, and is not changed any more.
    Closed,
    /// It was not done.
    Withdrawn,
}

/// What happens to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WorkEvent {
    /// Somebody begins.
    Begin,
    /// The work is over.
    Finish,
    /// The record is complete.
    Close,
    /// It is not done after all.
    Withdraw,
}

impl WorkState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Planned, Self::Doing, Self::Done, Self::Closed, Self::Withdrawn];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Doing => "doing",
            Self::Done => "done",
            Self::Closed => "closed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The word for people.
    pub const fn japanese(self) -> &'static str {
        match self {
            Self::Planned => "予定",
            Self::Doing => "作業中",
            Self::Done => "作業終了（記録中）",
            Self::Closed => "完了",
            Self::Withdrawn => "取りやめ",
        }
    }

    /// The state of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether its record may still be written.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Planned | Self::Doing | Self::Done)
    }

    /// The next state. `None` if that cannot happen now.
    pub const fn after(self, event: WorkEvent) -> Option<Self> {
        match (self, event) {
            (Self::Planned, WorkEvent::Begin) => Some(Self::Doing),
            (Self::Planned, WorkEvent::Withdraw) => Some(Self::Withdrawn),
            (Self::Doing, WorkEvent::Finish) => Some(Self::Done),
            (Self::Done, WorkEvent::Close) => Some(Self::Closed),
            (
                Self::Planned | Self::Doing | Self::Done | Self::Closed | Self::Withdrawn,
                WorkEvent::Begin | WorkEvent::Finish | WorkEvent::Close | WorkEvent::Withdraw,
            ) => None,
        }
    }
}

/// A snapshot that was asked for for a work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WorkBackup {
    /// It is of system data.
    pub is_system: bool,
    /// It is in the store, whole and read back, and lacks nothing.
    pub is_verified: bool,
    /// When it was asked for.
    pub asked_at: Instant,
}

/// What is known of a work that is to be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closing<'a> {
    /// What kind.
    pub kind: WorkKind,
    /// Where it stands.
    pub state: WorkState,
    /// Points of the checklist that nobody has ticked.
    pub unticked: usize,
    /// Results of tests that are attached.
    pub results: usize,
    /// Whether the version after the work is noted.
    pub has_version: bool,
    /// When the work was over.
    pub done_at: Option<Instant>,
    /// The snapshots that were asked for for it.
    pub backups: &'a [WorkBackup],
}

/// Why something does not happen to a work.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WorkRefusal {
    /// Its state does not allow it.
    #[error("the work is {}: that comes at another time", .0.word())]
    State(WorkState),
    /// Points of the checklist are open.
    #[error("{0} points of its checklist are not ticked: `kura work tick` when each is done")]
    Unticked(usize),
    /// No result of a test is attached (第19条②).
    #[error("no result of a test is attached (第19条②): `kura work attach`")]
    NoResult,
    /// Nobody knows what runs now.
    #[error("the version after the work is not noted: `kura work versions --after`")]
    NoVersion,
    /// No verified snapshot of system files was taken for it after it (第19条④, 第20条③).
    #[error(
        "no complete snapshot of a system plan was asked for for this work after it was done (第19条④, 第20条③): \
         `kura work snapshot`, and close it once that has been taken"
    )]
    NoSnapshot,
    /// Something that was written cannot be kept.
    #[error("{0}")]
    Wrong(&'static str),
}

impl WorkRefusal {
    /// The same in Japanese.
    pub fn japanese(&self) -> String {
        match self {
            Self::State(state) => format!("この受入・維持管理記録は「{}」のため、その操作はできません。", state.japanese()),
            Self::Unticked(count) => format!("確認していないチェック項目が{count}件あります。"),
            Self::NoResult => "試験結果が添付されていません（第19条②）。".to_owned(),
            Self::NoVersion => "作業後の版が入力されていません。".to_owned(),
            Self::NoSnapshot => {
                "作業の後に、この作業のための完全なシステムファイルのバックアップが取得されていません（第19条④、第20条③）。".to_owned()
            }
            Self::Wrong(_) => "入力内容に誤りがあります。1行で、長さを確かめて入力してください。".to_owned(),
        }
    }
}

/// Whether a record may be closed; the first thing that is missing.
pub fn may_close(closing: &Closing<'_>) -> Result<(), WorkRefusal> {
    if closing.state.after(WorkEvent::Close).is_none() {
        return Err(WorkRefusal::State(closing.state));
    }
    if closing.unticked > 0 {
        return Err(WorkRefusal::Unticked(closing.unticked));
    }
    if closing.kind == WorkKind::Acceptance && closing.results == 0 {
        return Err(WorkRefusal::NoResult);
    }
    if !closing.kind.needs_snapshot() {
        return Ok(());
    }
    if !closing.has_version {
        return Err(WorkRefusal::NoVersion);
    }
    let is_for_it = |backup: &WorkBackup| {
        let is_after = closing.done_at.is_some_and(|done| done <= backup.asked_at);
        backup.is_system && backup.is_verified && is_after
    };
    if closing.backups.iter().any(is_for_it) { Ok(()) } else { Err(WorkRefusal::NoSnapshot) }
}

/// How the yearly inspection of the power supply stands (第10条).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InspectionDue {
    /// None is recorded, and none is planned.
    Never,
    /// The next one is due until this day.
    Until(Day),
    /// It should have been done by this day.
    Overdue(Day),
}

/// How it stands, given the day of the last one.
pub fn inspection_due(last: Option<Day>, today: Day) -> InspectionDue {
    let Some(last) = last else { return InspectionDue::Never };
    let date = last.date();
    // 29 February comes again after four years: the day before it does every year.
    let next = Day::of(date.year().saturating_add(1), date.month(), date.day())
        .or_else(|| Day::of(date.year().saturating_add(1), 2, 28))
        .unwrap_or(Day::LAST);
    if next < today { InspectionDue::Overdue(next) } else { InspectionDue::Until(next) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closing(kind: WorkKind, backups: &[WorkBackup]) -> Closing<'_> {
        let done_at = Some(Instant::from_micros(100));
        let state = WorkState::Done;
        Closing { kind, state, unticked: 0, results: 1, has_version: true, done_at, backups }
    }

    #[test]
    fn k_102_nothing_that_changes_a_system_is_closed_without_a_verified_snapshot_of_after_it() {
        let good = WorkBackup { is_system: true, is_verified: true, asked_at: Instant::from_micros(100) };
        let table = [
            (Vec::new(), false),
            (vec![good], true),
            (vec![WorkBackup { is_system: false, ..good }], false),
            (vec![WorkBackup { is_verified: false, ..good }], false),
            (vec![WorkBackup { asked_at: Instant::from_micros(99), ..good }], false),
            (vec![WorkBackup { is_verified: false, ..good }, good], true),
        ];
        for (backups, expected) in &table {
            for kind in [WorkKind::Acceptance, WorkKind::Maintenance] {
                let told = may_close(&closing(kind, backups));
                let wanted = if *expected { Ok(()) } else { Err(WorkRefusal::NoSnapshot) };
                assert_eq!(told, wanted, "{kind:?} {backups:?}");
            }
            assert_eq!(
                may_close(&closing(WorkKind::PowerInspection, backups)),
                Ok(()),
                "it changes no system"
            );
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let good = [WorkBackup { is_system: true, is_verified: true, asked_at: Instant::from_micros(100) }];
        let whole = closing(WorkKind::Acceptance, &good);
        let table = [
            (Closing { state: WorkState::Doing, ..whole }, WorkRefusal::State(WorkState::Doing)),
            (Closing { state: WorkState::Closed, ..whole }, WorkRefusal::State(WorkState::Closed)),
            (Closing { unticked: 2, ..whole }, WorkRefusal::Unticked(2)),
            (Closing { results: 0, ..whole }, WorkRefusal::NoResult),
            (Closing { has_version: false, ..whole }, WorkRefusal::NoVersion),
            (Closing { done_at: None, ..whole }, WorkRefusal::NoSnapshot),
        ];
        for (closing, expected) in table {
            assert_eq!(may_close(&closing), Err(expected.clone()));
            assert!(expected.japanese().ends_with('。'));
        }
    }

    #[test]
    fn a_state_is_left_by_its_events_alone() {
        let moves = WorkState::ALL.map(|state| {
            let events = [WorkEvent::Begin, WorkEvent::Finish, WorkEvent::Close, WorkEvent::Withdraw];
            events.into_iter().filter_map(|event| state.after(event)).map(WorkState::word).collect::<Vec<_>>()
        });
        assert_eq!(moves, [vec!["doing", "withdrawn"], vec!["done"], vec!["closed"], vec![], vec![]]);
        assert!(WorkState::ALL.into_iter().all(|state| WorkState::of_word(state.word()) == Some(state)));
        assert!(WorkKind::ALL.into_iter().all(|kind| WorkKind::of_word(kind.word()) == Some(kind)));
    }

    #[test]
    fn the_inspection_comes_every_year() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert_eq!(inspection_due(None, day("2026-11-23")), InspectionDue::Never);
        let due = |last: &str, today: &str| inspection_due(Some(day(last)), day(today));
        assert_eq!(due("2026-02-11", "2027-02-11"), InspectionDue::Until(day("2027-02-11")));
        assert_eq!(due("2026-02-11", "2027-02-12"), InspectionDue::Overdue(day("2027-02-11")));
        assert_eq!(due("2028-02-29", "2028-03-01"), InspectionDue::Until(day("2029-02-28")));
    }
}
