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

/// What became of a snapshot that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BackupResult {
    /// It is not taken yet.
    Waits,
    /// It is in the store, whole and read back, and lacks nothing.
    Whole,
    /// It failed, or lacks something.
    Lacking,
}

/// A snapshot that was asked for for a work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WorkBackup {
    /// It is of system data.
    pub is_system: bool,
    /// What became of it.
    pub result: BackupResult,
    /// When it was asked for.
    pub asked_at: Instant,
}

/// Whether a snapshot was asked for after the work was over: only then it is of what runs now.
pub fn is_after(done_at: Option<Instant>, asked_at: Instant) -> bool {
    done_at.is_some_and(|done| done <= asked_at)
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
    #[error("{}", out_of_turn(*.0, *.1).1)]
    State(WorkState, WorkEvent),
    /// Its record is complete, or the work was not done.
    #[error("the record is {}: it is not written into any more", .0.word())]
    Over(WorkState),
    /// Points of the checklist are open.
    #[error("{0} points of its checklist are not ticked: `kura work tick` when each is done")]
    Unticked(usize),
    /// A point was ticked before.
    #[error("point {0} is ticked already, and what was seen is noted: `kura work show`")]
    Ticked(u64),
    /// No result of a test is attached (第19条②).
    #[error("no result of a test is attached (第19条②): `kura work attach`")]
    NoResult,
    /// Nobody knows what runs now.
    #[error("the version after the work is not noted: `kura work versions --after`")]
    NoVersion,
    /// No snapshot of system files was asked for for it after it (第19条④, 第20条③).
    #[error(
        "no snapshot of a system plan was asked for for this work after it was over (第19条④, 第20条③): `kura work snapshot`, \
         and close it once that has been taken"
    )]
    NoSnapshot,
    /// The one that was asked for is not taken yet.
    #[error(
        "the snapshot that was asked for for this work is not taken yet: the service takes it (`kura work show` says how it \
         stands); close the record then"
    )]
    SnapshotWaits,
    /// The one that was taken does not count.
    #[error(
        "the snapshot that was asked for for this work failed or lacks something: find out why (`kura alarm list`), and ask \
         for another (`kura work snapshot`)"
    )]
    SnapshotLacking,
    /// The plan keeps no system data.
    #[error("this plan does not keep system data: name a plan of class system")]
    Plan,
    /// The file to attach cannot be read.
    #[error("the file to attach cannot be read: check its name and its rights")]
    File,
    /// The file to attach is too large.
    #[error("the file to attach is larger than {} MiB", RESULT_BYTES_MAX >> 20)]
    TooLarge,
    /// The file to attach cannot be stored.
    #[error(
        "the result cannot be kept in the folder works of the home: check its rights, and that its disk has room"
    )]
    NotKept,
}

/// The largest result that is attached, bytes.
pub const RESULT_BYTES_MAX: u64 = 32 << 20;

/// Why an event does not happen now, and what comes first: Japanese and English.
const fn out_of_turn(state: WorkState, event: WorkEvent) -> (&'static str, &'static str) {
    match (state, event) {
        (WorkState::Closed, _) => (
            "この記録は完了しており、変更できません。",
            "the record is closed: nothing about it is changed any more",
        ),
        (WorkState::Withdrawn, _) => {
            ("この作業は取りやめになっています。", "the work was withdrawn: it is not done")
        }
        (WorkState::Planned, WorkEvent::Finish | WorkEvent::Close) => (
            "作業がまだ始まっていません。先に、作業の開始と終了を記録してください。",
            "the work has not begun: say first that it begins (`kura work begin`) and that it is over (`kura work finish`)",
        ),
        (WorkState::Doing, WorkEvent::Close) => (
            "作業がまだ終わっていません。先に、作業の終了を記録してください。",
            "the work is not over: say so first (`kura work finish`)",
        ),
        (WorkState::Doing | WorkState::Done, WorkEvent::Begin) => {
            ("作業はすでに始まっています。", "the work has begun already")
        }
        (WorkState::Done, WorkEvent::Finish) => ("作業はすでに終わっています。", "the work is over already"),
        (WorkState::Doing | WorkState::Done, WorkEvent::Withdraw) => (
            "始まった作業は取りやめにできません。作業の終了を記録してください。",
            "the work has begun and cannot be withdrawn: say when it is over (`kura work finish`)",
        ),
        // What is left is allowed.
        (WorkState::Planned, WorkEvent::Begin | WorkEvent::Withdraw)
        | (WorkState::Doing, WorkEvent::Finish)
        | (WorkState::Done, WorkEvent::Close) => {
            ("今はその操作を受け付けません。", "that cannot be done now")
        }
    }
}

impl WorkRefusal {
    /// The same in Japanese.
    pub fn japanese(&self) -> String {
        let words = match self {
            Self::State(state, event) => out_of_turn(*state, *event).0,
            Self::Over(state) => {
                return format!("この記録は「{}」のため、書き込めません。", state.japanese());
            }
            Self::Unticked(count) => return format!("確認していないチェック項目が{count}件あります。"),
            Self::Ticked(point) => return format!("チェック項目 {point} は、すでに確認済みです。"),
            Self::NoResult => "試験結果が添付されていません（第19条②）。",
            Self::NoVersion => "作業後の版が入力されていません。",
            Self::NoSnapshot => {
                "作業の終了後に、この作業のためのシステムファイルのバックアップを依頼していません（第19条④、第20条③）。"
            }
            Self::SnapshotWaits => {
                "依頼したバックアップは、まだ取得されていません。取得された後に、記録を完了してください。"
            }
            Self::SnapshotLacking => {
                "依頼したバックアップは、失敗したか、一部を取得できませんでした。原因を確かめて、もう一度依頼してください。"
            }
            Self::Plan => "この計画はシステムファイルのものではありません。",
            Self::File => "添付するファイルを読み取れません。",
            Self::TooLarge => return format!("添付できるのは{} MiBまでです。", RESULT_BYTES_MAX >> 20),
            Self::NotKept => "試験結果をホームの works フォルダーに保存できません。",
        };
        words.to_owned()
    }
}

/// Whether a record may be closed; the first thing that is missing.
pub fn may_close(closing: &Closing<'_>) -> Result<(), WorkRefusal> {
    if closing.state.after(WorkEvent::Close).is_none() {
        return Err(WorkRefusal::State(closing.state, WorkEvent::Close));
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
    let own = |backup: &&WorkBackup| backup.is_system && is_after(closing.done_at, backup.asked_at);
    let has = |result| closing.backups.iter().filter(own).any(|backup| backup.result == result);
    if has(BackupResult::Whole) {
        Ok(())
    } else if has(BackupResult::Waits) {
        Err(WorkRefusal::SnapshotWaits)
    } else if has(BackupResult::Lacking) {
        Err(WorkRefusal::SnapshotLacking)
    } else {
        Err(WorkRefusal::NoSnapshot)
    }
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

/// The day that counts for an inspection: the one that it was planned for, if that was not after the work; records are also
/// opened in advance, and afterwards.
pub fn inspected_on(planned: Day, done: Day) -> Day {
    planned.min(done)
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
        let (asked_at, result) = (Instant::from_micros(100), BackupResult::Whole);
        let good = WorkBackup { is_system: true, result, asked_at };
        let waits = WorkBackup { result: BackupResult::Waits, ..good };
        let lacking = WorkBackup { result: BackupResult::Lacking, ..good };
        let none = || Err(WorkRefusal::NoSnapshot);
        let before = WorkBackup { asked_at: Instant::from_micros(99), ..waits };
        let table = [
            (Vec::new(), none()),
            (vec![good], Ok(())),
            (vec![WorkBackup { is_system: false, ..good }], none()),
            (vec![WorkBackup { asked_at: Instant::from_micros(99), ..good }], none()),
            (vec![before], none()),
            (vec![lacking], Err(WorkRefusal::SnapshotLacking)),
            (vec![lacking, waits], Err(WorkRefusal::SnapshotWaits)),
            (vec![lacking, waits, good], Ok(())),
        ];
        for (backups, expected) in &table {
            for kind in [WorkKind::Acceptance, WorkKind::Maintenance] {
                assert_eq!(may_close(&closing(kind, backups)), *expected, "{kind:?} {backups:?}");
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
        let (asked_at, result) = (Instant::from_micros(100), BackupResult::Whole);
        let good = [WorkBackup { is_system: true, result, asked_at }];
        let whole = closing(WorkKind::Acceptance, &good);
        let table = [
            (
                Closing { state: WorkState::Doing, ..whole },
                WorkRefusal::State(WorkState::Doing, WorkEvent::Close),
            ),
            (
                Closing { state: WorkState::Closed, ..whole },
                WorkRefusal::State(WorkState::Closed, WorkEvent::Close),
            ),
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
    fn what_comes_first_is_said_in_both_languages() {
        for state in WorkState::ALL {
            for event in [WorkEvent::Begin, WorkEvent::Finish, WorkEvent::Close, WorkEvent::Withdraw] {
                let refusal = WorkRefusal::State(state, event);
                assert!(
                    refusal.japanese().ends_with('。') && !refusal.to_string().ends_with('.'),
                    "{refusal}"
                );
                let says = refusal.to_string() != "that cannot be done now";
                assert_eq!(says, state.after(event).is_none(), "{state:?} {event:?}");
            }
        }
        let early = WorkRefusal::State(WorkState::Planned, WorkEvent::Close).to_string();
        assert!(early.contains("kura work begin") && early.contains("kura work finish"), "{early}");
    }

    #[test]
    fn an_inspection_counts_from_no_day_that_has_not_come() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert_eq!(inspected_on(day("2099-01-01"), day("2026-11-23")), day("2026-11-23"));
        assert_eq!(inspected_on(day("2026-11-20"), day("2026-11-23")), day("2026-11-20"), "noted afterwards");
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
