//! Windows from request to notice to run, on a clock that is moved by hand.

use std::collections::BTreeMap;

use kura::catalog::{Catalog, NoticeRow};
use kura::domain::actor::Actor;
use kura::domain::occurrence::OccurrenceState;
use kura::domain::plan::PlanName;
use kura::domain::role::Role;
use kura::domain::service::{How, Service};
use kura::domain::time::{Instant, Zone};
use kura::domain::window::{BadTerms, Terms, TermsParts, WindowKind};
use kura::portal::page::{Fetched, Page, PageError};
use kura::workflows::accounts::{self, By, NewAccount};
use kura::workflows::check_audit;
use kura::workflows::desk::{Desk, DeskError, Desks};
use kura::workflows::expire::{Bench, Benches};
use kura::workflows::gate::{self, Entry, GateError};
use kura::workflows::prove_notices::{self, Proven};
use kura::workflows::{alarms, look, notices, schedule, windows};

pub(crate) fn tokyo() -> Zone {
    Zone::named("Asia/Tokyo").expect("Tokyo")
}

pub(crate) fn at(day: &str, time: &str) -> Instant {
    tokyo().at(day.parse().expect("a day"), time.parse().expect("a time"))
}

pub(crate) fn plan() -> PlanName {
    "records".parse().expect("a name")
}

pub(crate) fn terms(kind: WindowKind, recurrence: &str, stops: &[&str]) -> Terms {
    let parts = TermsParts {
        plan: kind.takes_snapshots().then(plan),
        kind,
        recurrence: recurrence.parse().expect("a recurrence"),
        length_minutes: if kind == WindowKind::PowerInspection { 1440 } else { 240 },
        stops: stops.iter().map(|&name| name.to_owned()).collect(),
        first_day: "2026-11-22".parse().expect("a day"),
        last_day: None,
        zone: tokyo(),
    };
    Terms::new(parts).expect("good terms")
}

/// An installation whose plans stay as they are.
pub(crate) struct Fixed(pub(crate) Desk);

impl Desks for Fixed {
    fn desk(&self) -> Result<Desk, String> {
        Ok(self.0.clone())
    }
}

/// No host, no store.
pub(crate) struct NoBench;

#[async_trait::async_trait]
impl Benches for NoBench {
    async fn bench(&self) -> Result<Bench, String> {
        Err("there is no host here".to_owned())
    }
}

/// A public page that shows every current notice, as the real one does.
pub(crate) struct Showing(pub(crate) Desk);

#[async_trait::async_trait]
impl Page for Showing {
    fn address(&self) -> &'static str {
        "https://kura.example/notices"
    }

    async fn fetch(&self) -> Result<Fetched, PageError> {
        let mut page = String::from("<main>");
        for row in notices::list(&self.0, false, 500).await.expect("notices") {
            let words = row.words;
            page.extend(
                [row.notice.as_str(), "<h2>", &words.title, "</h2><p>", &words.body, "</p>"].map(escaped),
            );
        }
        Ok(Fetched { status: 200, body: page.into_bytes() })
    }
}

fn escaped(text: &str) -> String {
    if text.starts_with('<') && text.ends_with('>') && !text.contains("script") {
        return text.to_owned();
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A desk with an account for each role that matters.
pub(crate) struct Office {
    pub(crate) desk: Desk,
    pub(crate) admin: Actor,
    pub(crate) doctor: Actor,
    pub(crate) manager: Actor,
    pub(crate) operator: Actor,
}

impl Office {
    pub(crate) async fn new() -> Self {
        let office = Self::empty().await;
        let mut first = None;
        for actor in [&office.doctor, &office.admin, &office.manager, &office.operator] {
            let by = first.clone().map_or_else(|| By::Host("root".to_owned()), By::Account);
            let password = "correct-Horse7battery".to_owned().into();
            let new = NewAccount { account: actor.account.clone(), role: actor.role, password };
            accounts::add(&office.desk.catalog, &new, &by, at("2026-11-22", "9:00"))
                .await
                .expect("an account");
            first.get_or_insert_with(|| actor.clone());
        }
        office
    }

    /// The same, quickly: nobody can sign in.
    pub(crate) async fn light() -> Self {
        let office = Self::empty().await;
        let made = at("2026-11-22", "9:00");
        let mut tx = office.desk.catalog.begin().await.expect("a transaction");
        for actor in [&office.doctor, &office.admin, &office.manager, &office.operator] {
            tx.add_account(&actor.account, actor.role, "-", false, made).await.expect("an account");
        }
        let (actor, act, subject) = ("root".to_owned(), "account.add".to_owned(), "4".to_owned());
        let entry = kura::domain::audit::AuditEntry { at: made, actor, act, subject, detail: String::new() };
        tx.commit(&[entry]).await.expect("committed");
        office
    }

    async fn empty() -> Self {
        let catalog = Catalog::in_memory().await.expect("a catalog");
        let contents = BTreeMap::from([("records".to_owned(), "plan 1\n".to_owned())]);
        let mut desk = Desk::new(catalog, contents, None);
        desk.services = ["ポータル", "ポータル、<script>alert(1)</script>", "portal"]
            .map(|name| Service { name: name.to_owned(), how: How::Manual })
            .to_vec();
        desk.datasets.clone_from(&crate::permits::DATASETS);
        let actor = |id: &str, role| Actor { account: id.parse().expect("an id"), role, scopes: None };
        Self {
            desk,
            doctor: actor("ishikai001", Role::ServiceOperator),
            admin: actor("admin00001", Role::SystemAdministrator),
            manager: actor("manager001", Role::OperationsManager),
            operator: actor("operator01", Role::SystemOperator),
        }
    }

    pub(crate) async fn approved(&self, terms: &Terms, now: Instant) -> String {
        let mut desk = self.desk.clone();
        // Whatever these windows stop, a person stops it.
        let named = terms.parts().stops.iter();
        desk.services.extend(named.map(|name| Service { name: name.clone(), how: How::Manual }));
        let id = windows::request(&desk, terms, &self.admin, now).await.expect("a request");
        windows::approve(&self.desk, &id, None, &self.doctor, now).await.expect("an approval");
        id
    }

    pub(crate) async fn notices(&self) -> Vec<NoticeRow> {
        notices::list(&self.desk, true, 1000).await.expect("notices")
    }

    /// The public page shows every current notice.
    pub(crate) async fn prove(&self, now: Instant) -> Proven {
        prove_notices::prove(&self.desk, &Showing(self.desk.clone()), now).await.expect("the catalog answers")
    }

    async fn enter(&self, now: Instant) -> Result<Entry, GateError> {
        schedule::refresh(&self.desk, now).await.expect("up to date");
        self.prove(now).await;
        gate::enter(&self.desk, &plan(), &tokyo(), now).await
    }

    /// The codes by which the gate refuses.
    async fn refused(&self, now: Instant) -> Vec<&'static str> {
        match self.enter(now).await {
            Err(GateError::Refused { codes, words, .. }) => {
                assert!(words.len() >= codes.len(), "every refusal is explained: {words:?}");
                codes
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    async fn run(&self, now: Instant) -> String {
        let Ok(Entry::Occurrence(occurrence, _)) = self.enter(now).await else { panic!("not let in") };
        gate::leave(&self.desk, &occurrence, true, now.plus_minutes(30)).await.expect("done");
        occurrence.id
    }

    /// Everything up to date twice: the second time nothing is left to do; and the log holds.
    async fn is_settled(&self, now: Instant) {
        schedule::refresh(&self.desk, now).await.expect("up to date");
        assert_eq!(schedule::refresh(&self.desk, now).await.expect("up to date").steps, 0);
        check_audit::verify(&self.desk.catalog, None).await.expect("the log holds");
    }
}

#[tokio::test]
async fn a_daily_window_runs_when_it_was_approved_and_announced_a_week_before() {
    let (office, noon) = (Office::new().await, at("2026-11-22", "12:00"));
    let daily = terms(WindowKind::Daily, "daily 02:00", &[]);
    let id = windows::request(&office.desk, &daily, &office.admin, noon).await.unwrap();
    assert_eq!(office.refused(at("2026-11-30", "2:30")).await, ["not-approved"]);
    let own = windows::approve(&office.desk, &id, None, &office.admin, noon).await;
    assert!(matches!(own, Err(DeskError::Access(_))), "{own:?}");
    let approval = windows::approve(&office.desk, &id, None, &office.doctor, noon).await.unwrap();
    assert_eq!(approval.number, "BW-2026-001");
    let again = windows::approve(&office.desk, &id, None, &office.doctor, noon).await;
    assert!(matches!(again, Err(DeskError::Move(_))), "{again:?}");
    let told = office.notices().await;
    assert_eq!((told.len(), told[0].notice.as_str(), told[0].stops), (1, "N-2026-0001", false));
    assert!(told[0].words.body.contains("令和8年11月30日（月）から"), "{}", told[0].words.body);

    assert_eq!(office.refused(at("2026-11-29", "2:30")).await, ["announced-late"]);
    assert_eq!(office.refused(at("2026-11-30", "1:59")).await, ["outside-window"]);
    let first = office.run(at("2026-11-30", "2:30")).await;
    assert_eq!(first, "w-0001-2026-11-30");
    assert_eq!(office.refused(at("2026-11-30", "3:30")).await, ["outside-window"], "each occurrence once");
    assert_eq!(office.run(at("2026-12-01", "5:59")).await, "w-0001-2026-12-01");
    office.is_settled(at("2026-12-03", "12:00")).await;
    let missed = office.desk.catalog.occurrence("w-0001-2026-12-02").await.unwrap().unwrap();
    assert_eq!(missed.state, OccurrenceState::Missed);
}

#[tokio::test]
async fn a_stop_is_announced_two_weeks_before_told_while_it_lasts_and_closed() {
    let (office, noon) = (Office::new().await, at("2026-11-22", "12:00"));
    office.approved(&terms(WindowKind::Monthly, "monthly first sunday 01:00", &["ポータル"]), noon).await;
    let told = office.notices().await;
    assert_eq!(told.len(), 1, "6 December is too soon; 3 January is within two months");
    assert_eq!(told[0].occurrence.as_deref(), Some("w-0001-2027-01-03"));
    assert_eq!(office.refused(at("2026-12-06", "1:30")).await, ["announced-late"]);
    let Ok(Entry::Occurrence(occurrence, WindowKind::Monthly)) = office.enter(at("2027-01-03", "1:05")).await
    else {
        panic!("not let in")
    };
    let find = |told: Vec<NoticeRow>| told.into_iter().find(|row| row.notice == "N-2026-0001").unwrap();
    let running = find(office.notices().await);
    assert_eq!((running.revision, running.status.word()), (2, "in_progress"));
    gate::leave(&office.desk, &occurrence, false, at("2027-01-03", "1:30")).await.unwrap();
    assert_eq!(office.run(at("2027-01-03", "2:00")).await, occurrence.id, "a failed run may be tried again");
    let over = find(office.notices().await);
    assert_eq!(over.words.title, "【終了】毎月のデータ・バックアップ終了のお知らせ");
    assert_eq!(over.status.word(), "completed");
    assert!(over.words.body.contains("1:00～5:00（終了：2:30）"), "{}", over.words.body);
    office.is_settled(at("2027-01-03", "6:00")).await;
}

#[tokio::test]
async fn an_approval_lapses_when_what_would_run_changes() {
    let (mut office, noon) = (Office::new().await, at("2026-11-22", "12:00"));
    office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), noon).await;
    let old = office.desk.contents.clone();
    office.desk.contents.insert("records".to_owned(), "plan 1\nrecipient other\n".to_owned());
    assert_eq!(office.refused(at("2026-12-01", "2:30")).await, ["approval-lapsed"]);
    let told = office.notices().await;
    assert_eq!((told[0].status.word(), told[0].revision), ("cancelled", 2));
    assert!(told[0].words.title.starts_with("【中止】"), "{}", told[0].words.title);
    office.desk.contents = old;
    assert_eq!(
        office.refused(at("2026-12-01", "2:40")).await,
        ["approval-lapsed"],
        "changing back is no approval"
    );
    office.is_settled(at("2026-12-01", "3:00")).await;
    let again = at("2026-12-01", "12:00");
    office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), again).await;
    office.run(at("2026-12-09", "2:30")).await;
}

#[tokio::test]
async fn what_the_approver_did_not_see_is_not_approved() {
    let (mut office, noon) = (Office::new().await, at("2026-11-22", "12:00"));
    let daily = terms(WindowKind::Daily, "daily 02:00", &[]);
    let seen = office.desk.digest_now(&daily);
    let id = windows::request(&office.desk, &daily, &office.admin, noon).await.unwrap();
    office.desk.contents.insert("records".to_owned(), "plan 2\n".to_owned());
    let refused = windows::approve(&office.desk, &id, seen, &office.doctor, noon).await;
    assert!(matches!(refused, Err(DeskError::Stale(_))), "{refused:?}");
    windows::return_request(&office.desk, &id, "計画が変わりました", &office.doctor, noon).await.unwrap();
    assert!(!gate::has_windows(&office.desk, &plan()).await.unwrap(), "a returned window binds nothing");
    assert!(matches!(office.enter(noon).await, Ok(Entry::Free)));
}

#[tokio::test]
async fn withdrawing_cancels_what_was_announced() {
    let (office, noon) = (Office::new().await, at("2026-11-22", "12:00"));
    let id =
        office.approved(&terms(WindowKind::Monthly, "monthly first sunday 01:00", &["ポータル"]), noon).await;
    windows::withdraw(&office.desk, &id, "作業を見合わせます。", &office.admin, noon).await.unwrap();
    let told = office.notices().await;
    assert_eq!((told.len(), told[0].status.word()), (1, "cancelled"));
    assert!(told[0].words.body.starts_with("※令和8年11月22日（日） 中止：作業を見合わせます。"));
    let open = office.desk.catalog.occurrences_since(noon).await.unwrap();
    assert!(open.iter().all(|occurrence| occurrence.state == OccurrenceState::Cancelled));
    office.is_settled(at("2027-01-10", "12:00")).await;
}

#[tokio::test]
async fn nothing_runs_during_a_power_inspection_but_with_a_reason_behind_the_glass() {
    let (office, noon) = (Office::new().await, at("2026-11-22", "12:00"));
    office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), noon).await;
    office.approved(&terms(WindowKind::PowerInspection, "once 2026-12-10 00:00", &[]), noon).await;
    let told = office.notices().await;
    assert!(told.iter().any(|row| row.words.title == "【予告】電源設備の点検のお知らせ"), "{told:?}");
    let during = at("2026-12-10", "2:30");
    assert_eq!(office.refused(during).await, ["power-inspection"]);
    let (id, reason) = ("w-0001-2026-12-10", "点検は延期された");
    for actor in [&office.admin, &office.doctor, &office.operator] {
        let denied = windows::break_glass(&office.desk, id, reason, actor, during).await;
        assert!(matches!(denied, Err(DeskError::Access(_))), "{denied:?}");
    }
    let without = windows::break_glass(&office.desk, id, " ", &office.manager, during).await;
    assert!(matches!(without, Err(DeskError::Reason(_))), "{without:?}");
    windows::break_glass(&office.desk, id, reason, &office.manager, during).await.unwrap();
    assert_eq!(office.run(during).await, id);
    let log = office.desk.catalog.audit_newest(20).await.unwrap();
    let start = log.iter().find(|line| line.entry.act == "occurrence.start").unwrap();
    assert_eq!(start.entry.detail, format!("break-glass by manager001: {reason}"));
}

#[tokio::test]
async fn a_correction_is_a_revision_with_its_reason_on_top() {
    let (office, noon) = (Office::new().await, at("2026-11-22", "12:00"));
    let id = office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), noon).await;
    let correct = |text: &'static str, by: &Actor| {
        let (desk, by) = (office.desk.clone(), by.clone());
        async move { notices::correct(&desk, "N-2026-0001", text, &by, noon.plus_minutes(60)).await }
    };
    assert!(correct("x", &office.admin).await.is_err());
    assert!(correct("two\r\nlines", &office.operator).await.is_err(), "no header injection");
    let row = correct("<b>開始</b>が30分遅れます。", &office.operator).await.unwrap();
    assert_eq!((row.revision, row.words.title.as_str()), (2, "【訂正】毎日のデータ・バックアップのお知らせ"));
    let ahead = notices::close(&office.desk, "N-2026-0001", &office.operator, noon).await;
    assert!(matches!(&ahead, Err(DeskError::Ahead(window)) if *window == id), "{ahead:?}");
    windows::withdraw(&office.desk, &id, "見合わせます。", &office.admin, noon).await.unwrap();
    let row = correct("担当が替わりました。", &office.operator).await.unwrap();
    assert!(row.words.title.starts_with("【中止】"), "it stays cancelled: {}", row.words.title);
    notices::close(&office.desk, "N-2026-0001", &office.operator, noon).await.unwrap();
    assert!(notices::list(&office.desk, false, 10).await.unwrap().is_empty());
    assert_eq!(office.notices().await.len(), 1, "it stays readable");
}

#[tokio::test]
async fn what_lies_in_the_past_is_neither_asked_for_nor_approved() {
    let (office, noon) = (Office::light().await, at("2026-11-22", "12:00"));
    let past = terms(WindowKind::Maintenance, "once 2020-02-28 01:00", &[]);
    let refused = windows::request(&office.desk, &past, &office.admin, noon).await;
    assert!(matches!(&refused, Err(DeskError::Terms(BadTerms::Past { .. }))), "{refused:?}");
    assert!(refused.unwrap_err().to_string().contains("nothing lies ahead"), "it says why");
    let soon = terms(WindowKind::Maintenance, "once 2026-12-06 01:00", &[]);
    let id = windows::request(&office.desk, &soon, &office.admin, noon).await.unwrap();
    let begun = at("2026-12-06", "1:00");
    let late = windows::approve(&office.desk, &id, None, &office.doctor, begun).await;
    assert!(matches!(late, Err(DeskError::Terms(BadTerms::Past { .. }))), "{late:?}");
    assert!(office.notices().await.is_empty(), "nobody was told");
}

#[tokio::test]
async fn who_sends_a_request_twice_asks_once() {
    let (office, noon) = (Office::light().await, at("2026-11-22", "12:00"));
    let daily = terms(WindowKind::Daily, "daily 02:00", &[]);
    let ask = |terms| windows::request(&office.desk, terms, &office.admin, noon);
    assert_eq!(ask(&daily).await.unwrap(), "w-0001");
    assert_eq!(ask(&daily).await.unwrap(), "w-0001", "the one that waits");
    let other = terms(WindowKind::Daily, "daily 03:00", &[]);
    assert_eq!(ask(&other).await.unwrap(), "w-0002");
    windows::approve(&office.desk, "w-0001", None, &office.doctor, noon).await.unwrap();
    let change = || windows::request_for(&office.desk, &daily, Some("w-0001"), &office.admin, noon);
    assert_eq!(change().await.unwrap(), "w-0003", "a change is another request");
    assert_eq!(change().await.unwrap(), "w-0003");
    assert_eq!(ask(&daily).await.unwrap(), "w-0004", "and so is one beside it");
}

#[tokio::test]
async fn an_inspection_that_takes_services_down_says_so_and_its_notice_ends_with_it() {
    let (office, noon) = (Office::light().await, at("2026-11-22", "12:00"));
    // Nobody says how these are stopped: Kura stops nothing.
    let down = terms(WindowKind::PowerInspection, "once 2026-12-10 00:00", &["全機能"]);
    assert_eq!(office.desk.lead_of(&down), office.desk.lead.downtime);
    let id = windows::request(&office.desk, &down, &office.admin, noon).await.unwrap();
    windows::approve(&office.desk, &id, None, &office.doctor, noon).await.unwrap();
    let told = office.notices().await;
    assert_eq!((told.len(), told[0].stops, told[0].status.word()), (1, true, "scheduled"));
    assert_eq!(told[0].words.title, "【予告】電源設備の点検に伴うサービス停止のお知らせ");
    assert!(told[0].words.body.contains("「全機能」をご利用いただけません。"), "{}", told[0].words.body);
    assert!(!told[0].words.body.contains("終了後に"), "nobody tells Kura: {}", told[0].words.body);
    office.is_settled(at("2026-12-10", "23:59")).await;
    assert_eq!(office.notices().await[0].status.word(), "scheduled");
    let open = office.desk.catalog.occurrences_since(noon).await.unwrap();
    assert!(open.is_empty(), "there is nothing to run: {open:?}");
    office.is_settled(at("2026-12-11", "0:00")).await;
    let over = office.notices().await;
    assert_eq!((over.len(), over[0].status.word()), (1, "completed"));
    assert!(notices::list(&office.desk, false, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_approved_before_is_never_what_came_after() {
    let (office, noon) = (Office::light().await, at("2026-11-22", "12:00"));
    let daily = |hour: u8| terms(WindowKind::Daily, &format!("daily 0{hour}:00"), &[]);
    office.approved(&daily(1), noon).await;
    office.approved(&daily(2), noon).await;
    office.approved(&daily(3), noon.plus_minutes(60)).await;
    windows::request(&office.desk, &daily(4), &office.admin, noon).await.unwrap();
    for (id, before) in
        [("w-0001", None), ("w-0002", Some("w-0001")), ("w-0003", Some("w-0002")), ("w-0004", Some("w-0003"))]
    {
        let sheet = look::window(&office.desk, id, noon).await.unwrap();
        assert_eq!(sheet.before.as_ref().map(|window| window.id.as_str()), before, "{id}");
    }
}

#[tokio::test]
async fn the_calendar_shows_inspections_what_they_keep_from_running_and_nothing_too_early() {
    let (office, noon) = (Office::light().await, at("2026-11-22", "12:00"));
    office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), noon).await;
    office.approved(&terms(WindowKind::PowerInspection, "once 2026-12-10 00:00", &[]), noon).await;
    let month = |first: &str, last: &str, now| {
        let days = (first.parse().unwrap(), last.parse().unwrap());
        let desk = office.desk.clone();
        async move { look::month(&desk, days, now).await.unwrap() }
    };
    let november = month("2026-11-01", "2026-11-30", noon).await;
    assert!(november.expected.is_empty(), "before the first that can run: {:?}", november.expected);
    assert_eq!(november.made.len(), 1, "30 November");
    for now in [noon, at("2026-12-10", "12:00"), at("2026-12-12", "12:00")] {
        schedule::refresh(&office.desk, now).await.unwrap();
        let december = month("2026-12-01", "2026-12-31", now).await;
        let of_inspection = december.expected.iter().filter(|(window, ..)| window == "w-0002");
        assert_eq!(of_inspection.count(), 1, "before, while and after: {:?}", december.expected);
    }
    let december = month("2026-12-01", "2026-12-31", noon).await;
    let off = december.made.iter().filter(|one| one.is_inspected(&december.inspections));
    assert_eq!(off.count(), 0, "its time is over");
}

#[tokio::test]
async fn what_an_inspection_keeps_from_running_is_cancelled_in_calendars() {
    let (office, noon) = (Office::light().await, at("2026-11-22", "12:00"));
    office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), noon).await;
    office.approved(&terms(WindowKind::PowerInspection, "once 2026-12-10 00:00", &[]), noon).await;
    let off = || async {
        let dates = notices::dates(&office.desk, noon).await.unwrap();
        let off = dates.into_iter().filter(|one| one.state == OccurrenceState::Cancelled);
        off.map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(off().await, ["w-0001-2026-12-10"]);
    let overview = look::overview(&office.desk, noon).await.unwrap();
    assert_eq!(overview.inspections.len(), 1);
    windows::break_glass(&office.desk, "w-0001-2026-12-10", "点検は延期された", &office.manager, noon)
        .await
        .unwrap();
    assert!(off().await.is_empty(), "it was let through");
}

#[tokio::test]
async fn a_plan_that_is_gone_is_told_of_and_is_the_reason_of_what_it_misses() {
    let (mut office, noon) = (Office::light().await, at("2026-11-22", "12:00"));
    office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), noon).await;
    let content = std::mem::take(&mut office.desk.contents);
    let after = at("2026-11-30", "6:00");
    schedule::refresh(&office.desk, after).await.unwrap();
    alarms::refresh(&office.desk, after).await.unwrap();
    let open = alarms::list(&office.desk, false, 10).await.unwrap();
    let codes = |rows: &[alarms::AlarmRow]| rows.iter().map(|row| row.alarm.code.word()).collect::<Vec<_>>();
    assert!(codes(&open).contains(&"plan-unreadable"), "{open:?}");
    let missed = office.desk.catalog.occurrence("w-0001-2026-11-30").await.unwrap().unwrap();
    assert_eq!(missed.state, OccurrenceState::Missed);
    let reasons = office.desk.catalog.reasons(10).await.unwrap();
    assert_eq!(reasons.iter().map(|row| row.code.as_str()).collect::<Vec<_>>(), ["plan-unreadable"]);
    let overview = look::overview(&office.desk, after).await.unwrap();
    assert_eq!(
        overview.plans.iter().map(|p| (p.plan.as_str(), p.is_readable)).collect::<Vec<_>>(),
        [("records", false)]
    );
    office.desk.contents = content;
    alarms::refresh(&office.desk, after).await.unwrap();
    let open = alarms::list(&office.desk, false, 10).await.unwrap();
    assert!(!codes(&open).contains(&"plan-unreadable"), "it is back: {open:?}");
}

#[tokio::test]
async fn a_refusal_for_several_windows_is_told_once() {
    let (mut office, noon) = (Office::light().await, at("2026-11-22", "12:00"));
    office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), noon).await;
    office.approved(&terms(WindowKind::Daily, "daily 12:00", &[]), noon).await;
    office.desk.contents.insert("records".to_owned(), "plan 2\n".to_owned());
    let later = at("2026-12-01", "2:30");
    let Err(GateError::Refused { codes, words, .. }) = office.enter(later).await else { panic!("let in") };
    assert_eq!((codes, words.len()), (vec!["approval-lapsed"], 2));
    assert!(words[0].contains("もう一度申請") && words[1].contains("kura window request"), "{words:?}");
}
