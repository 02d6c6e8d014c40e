//! Records of work from planning to closing, and what keeps one from being closed (K-102).
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kura::archive::digest::Sha256;
use kura::catalog::RequestState;
use kura::config::Home;
use kura::domain::time::Instant;
use kura::domain::work::{InspectionDue, WorkEvent, WorkKind, WorkRefusal, WorkState};
use kura::print;
use kura::workflows::check_audit;
use kura::workflows::desk::DeskError;
use kura::workflows::works::{self, Doing, NewWork, WorkShown};

use crate::windows::{Office, at};

fn new(kind: WorkKind) -> NewWork {
    NewWork {
        kind,
        title: "ポータルの更新".to_owned(),
        reference: "release-42".to_owned(),
        planned_on: "2026-11-24".parse().unwrap(),
        window: None,
        before_version: "1.0".to_owned(),
    }
}

/// An office with a system plan, and a home.
async fn office() -> (Office, tempfile::TempDir, Home) {
    let mut office = Office::light().await;
    office.desk.contents.insert("system-files".to_owned(), "kura plan 1\nclass system\n".to_owned());
    office.desk.contents.insert("records".to_owned(), "kura plan 1\nclass application\n".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    home.create().unwrap();
    (office, folder, home)
}

struct Doer<'a> {
    office: &'a Office,
    work: String,
    now: Instant,
}

impl Doer<'_> {
    async fn act(&mut self, doing: Doing) -> Result<WorkShown, DeskError> {
        self.now = self.now.plus_minutes(1);
        works::act(&self.office.desk, &self.work, &doing, &self.office.admin, self.now).await
    }

    async fn refused(&mut self, doing: Doing) -> WorkRefusal {
        match self.act(doing).await {
            Err(DeskError::Work(refusal)) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// The service takes the snapshot that was asked for last.
    async fn taken(&mut self, state: RequestState) {
        self.now = self.now.plus_minutes(1);
        let catalog = &self.office.desk.catalog;
        let request = catalog.open_requests().await.unwrap().pop().unwrap();
        assert!(catalog.take_request(&request.request, "test").await.unwrap());
        let mut tx = catalog.begin().await.unwrap();
        let snapshot = Some(Sha256::of(request.request.as_bytes()));
        tx.end_request(&request.request, state, snapshot, None, self.now).await.unwrap();
        let line = kura::domain::audit::AuditEntry {
            at: self.now,
            actor: "kura".to_owned(),
            act: "snapshot.done".to_owned(),
            subject: request.request,
            detail: String::new(),
        };
        tx.commit(&[line]).await.unwrap();
    }
}

#[tokio::test]
async fn k_102_an_acceptance_is_closed_with_everything_that_the_policy_asks_for() {
    let (office, folder, home) = office().await;
    let now = at("2026-11-23", "9:00");
    let denied = works::plan((&office.desk, &home), &new(WorkKind::Acceptance), &office.operator, now).await;
    assert!(matches!(denied, Err(DeskError::Access(_))), "{denied:?}");
    let planned =
        works::plan((&office.desk, &home), &new(WorkKind::Acceptance), &office.admin, now).await.unwrap();
    assert_eq!((planned.row.work.as_str(), planned.row.state), ("WR-2026-0001", WorkState::Planned));
    assert!(planned.points.len() >= 3 && planned.points.iter().all(|point| point.ticked.is_none()));
    let mut doer = Doer { office: &office, work: planned.row.work.clone(), now };
    assert_eq!(doer.refused(Doing::Close).await, WorkRefusal::State(WorkState::Planned, WorkEvent::Close));
    doer.act(Doing::Begin).await.unwrap();
    let plan = || Doing::Snapshot("system-files".parse().unwrap());
    let records = Doing::Snapshot("records".parse().unwrap());
    assert_eq!(doer.refused(records).await, WorkRefusal::Plan);
    // One of before the work is good to have, and is not the one that is asked for.
    let early = doer.act(plan()).await.unwrap();
    assert!(early.is_early(&early.requests[0]), "and that is said");
    doer.taken(RequestState::Done).await;
    let done = doer.act(Doing::Finish).await.unwrap();
    assert!(done.is_early(&done.requests[0]));
    assert_eq!(doer.refused(Doing::Close).await, WorkRefusal::Unticked(planned.points.len()));
    for point in &planned.points {
        doer.act(Doing::Tick(point.number, "確認".to_owned())).await.unwrap();
    }
    assert_eq!(doer.refused(Doing::Tick(1, String::new())).await, WorkRefusal::Ticked(1));
    assert_eq!(doer.refused(Doing::Close).await, WorkRefusal::NoResult);
    let file = folder.path().join("result.pdf");
    std::fs::write(&file, "試験結果").unwrap();
    let attached =
        works::attach_file((&office.desk, &home), &doer.work, ("試験成績書", &file), &office.admin, doer.now)
            .await
            .unwrap();
    let digest = attached.results[0].sha256;
    assert_eq!(digest, Sha256::of("試験結果".as_bytes()));
    assert_eq!(std::fs::read_to_string(home.works().join(digest.to_string())).unwrap(), "試験結果");
    assert_eq!(doer.refused(Doing::Close).await, WorkRefusal::NoVersion);
    doer.act(Doing::Versions(None, Some("1.1".to_owned()))).await.unwrap();
    assert_eq!(doer.refused(Doing::Close).await, WorkRefusal::NoSnapshot);
    doer.act(plan()).await.unwrap();
    assert_eq!(doer.refused(Doing::Close).await, WorkRefusal::SnapshotWaits, "asked for is not taken");
    doer.taken(RequestState::Partial).await;
    assert_eq!(doer.refused(Doing::Close).await, WorkRefusal::SnapshotLacking, "it lacks something");
    doer.act(plan()).await.unwrap();
    doer.taken(RequestState::Done).await;
    let closed = doer.act(Doing::Close).await.unwrap();
    assert_eq!(closed.row.state, WorkState::Closed);
    assert_eq!(doer.refused(Doing::Remarks("後から".to_owned())).await, WorkRefusal::Over(WorkState::Closed));
    let page = print::work::page(&closed, doer.now).html();
    for part in [
        "受入・維持管理記録",
        "WR-2026-0001",
        "第19条②",
        "試験成績書",
        "1.1",
        "令和8年11月24日",
        "作業の終了前に依頼",
        "取得済み",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
    check_audit::verify(&office.desk.catalog, None).await.unwrap();
}

#[tokio::test]
async fn the_yearly_inspection_is_told_of_when_it_is_overdue() {
    let (office, _folder, home) = office().await;
    let now = at("2026-11-23", "9:00");
    assert_eq!(works::inspection(&office.desk, now).await.unwrap(), InspectionDue::Never);
    let planned = works::plan((&office.desk, &home), &new(WorkKind::PowerInspection), &office.admin, now)
        .await
        .unwrap();
    let mut doer = Doer { office: &office, work: planned.row.work.clone(), now };
    doer.act(Doing::Begin).await.unwrap();
    assert_eq!(works::inspection(&office.desk, now).await.unwrap(), InspectionDue::Never, "not done yet");
    doer.act(Doing::Finish).await.unwrap();
    for point in &planned.points {
        doer.act(Doing::Tick(point.number, String::new())).await.unwrap();
    }
    doer.act(Doing::Close).await.unwrap();
    // It was planned for the 24th and done a day early.
    let due = InspectionDue::Until("2027-11-23".parse().unwrap());
    assert_eq!(works::inspection(&office.desk, now).await.unwrap(), due);
    let late = works::inspection(&office.desk, at("2027-11-24", "9:00")).await.unwrap();
    assert_eq!(late, InspectionDue::Overdue("2027-11-23".parse().unwrap()));
}

#[tokio::test]
async fn an_inspection_that_was_planned_for_a_far_day_counts_from_the_day_on_which_it_was_done() {
    let (office, _folder, home) = office().await;
    let now = at("2026-11-23", "9:00");
    let far = NewWork { planned_on: "2099-12-31".parse().unwrap(), ..new(WorkKind::PowerInspection) };
    let planned = works::plan((&office.desk, &home), &far, &office.admin, now).await.unwrap();
    let mut doer = Doer { office: &office, work: planned.row.work.clone(), now };
    doer.act(Doing::Begin).await.unwrap();
    doer.act(Doing::Finish).await.unwrap();
    let due = works::inspection(&office.desk, now).await.unwrap();
    assert_eq!(due, InspectionDue::Until("2027-11-23".parse().unwrap()), "not a hundred years of silence");
}
