//! A whole installation in which things go wrong: a real home, store and source, and the real service on a clock that is
//! moved by hand. The service is started anew for every look, so that whatever it tells twice after a restart is seen.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use kura::app::App;
use kura::archive::progress::Progress;
use kura::catalog::Catalog;
use kura::clock::{Clock as _, ManualClock, SystemClock};
use kura::domain::actor::Actor;
use kura::domain::alarm::AlarmCode;
use kura::domain::audit::AuditEntry;
use kura::domain::incident_contact::Way;
use kura::domain::plan::Plan;
use kura::domain::role::Role;
use kura::domain::time::Instant;
use kura::domain::window::{Terms, TermsParts, WindowKind};
use kura::policy_files;
use kura::print::incident_report;
use kura::service::Service;
use kura::workflows::desk::{Desk, DeskError};
use kura::workflows::host::Host;
use kura::workflows::incidents::people::{self, Doing};
use kura::workflows::incidents::{self, Concern, Incident, IncidentField, IncidentState, NotAllowed};
use kura::workflows::take_snapshot::{Request, SnapshotError, Summary, take_snapshot};
use kura::workflows::verify::Viewer;
use kura::workflows::{check_audit, coverage, notices, windows};
use tokio::net::TcpListener;

use super::kura::Kura;
use crate::windows::{at, tokyo};

/// The plan of every ward.
pub(crate) const PLAN: &str = "records";
/// The day on which a ward is made: long ago, so that the machine's own clock is past every lock a year later.
pub(crate) const FIRST: &str = "2024-11-01";

/// Who tells users of an incident.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Users {
    /// Nobody: the policy does not ask for it, and what they use works.
    NotTold,
    /// Kura, at once: the policy asks for it.
    ToldByKura,
    /// A person, once it is confirmed.
    ToldByPerson,
}

/// What an alarm has to end in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Story {
    /// The alarm.
    pub(crate) code: AlarmCode,
    /// The kind of its incident's cause.
    pub(crate) cause: &'static str,
    /// Whether data of persons may be concerned.
    pub(crate) concern: Concern,
    /// Who tells users.
    pub(crate) users: Users,
}

impl Story {
    /// One of which users are not told, and that concerns no data of persons.
    pub(crate) const fn of(code: AlarmCode, cause: &'static str) -> Self {
        Self { code, cause, concern: Concern::None, users: Users::NotTold }
    }
}

/// The installation.
pub(crate) struct Ward {
    pub(crate) kura: Kura,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) operator: Actor,
    pub(crate) doctor: Actor,
    pub(crate) manager: Actor,
    /// Where readers find the public page, if not where the service listens.
    pub(crate) page: Mutex<Option<String>>,
}

/// A window of every night at 2:00, or of the first Sunday at 1:00 that stops a service.
pub(crate) fn window(kind: WindowKind, recurrence: &str, stops: &[&str]) -> Terms {
    let parts = TermsParts {
        plan: Some(PLAN.parse().expect("a name")),
        kind,
        recurrence: recurrence.parse().expect("a recurrence"),
        length_minutes: 240,
        stops: stops.iter().map(|&name| name.to_owned()).collect(),
        first_day: FIRST.parse().expect("a day"),
        last_day: None,
        zone: tokyo(),
    };
    Terms::new(parts).expect("good terms")
}

impl Ward {
    /// One whose plan is backed up every night from 9 November.
    pub(crate) async fn new() -> Self {
        Self::with(&[window(WindowKind::Daily, "daily 02:00", &[])], "").await
    }

    /// One with these windows and further settings. Its plan takes the folder `source`.
    pub(crate) async fn with(wanted: &[Terms], settings: &str) -> Self {
        Self::of(None, wanted, settings).await
    }

    /// One with a plan of its own: its class and its sources; `{source}` in it is the folder `source`.
    pub(crate) async fn of(plan: Option<&str>, wanted: &[Terms], settings: &str) -> Self {
        let kura = Kura::new(FIRST).await;
        let actor = |id: &str, role| Actor { account: id.parse().expect("an id"), role, scopes: None };
        let ward = Self {
            clock: Arc::new(ManualClock::new(kura.clock.now())),
            operator: actor("operator01", Role::SystemOperator),
            doctor: actor("ishikai001", Role::ServiceOperator),
            manager: actor("manager001", Role::OperationsManager),
            page: Mutex::default(),
            kura,
        };
        let admin = actor("admin00001", Role::SystemAdministrator);
        let text = "[[contact]]\nid = \"night-1\"\ngroup = \"administrator\"\nname = \"夜間担当\"\nphone = \"052-000-0000\"\n\
                    [[contact]]\nid = \"office-1\"\ngroup = \"service-operator\"\nname = \"事務局\"\nfax = \"052-000-0001\"\n";
        let contacts = ward.kura.home().contacts_file();
        std::fs::write(&contacts, text).expect("contacts");
        std::fs::set_permissions(&contacts, std::fs::Permissions::from_mode(0o600)).expect("their rights");
        let file = ward.kura.dir.path().join("home/kura.toml");
        let own = std::fs::read_to_string(&file).expect("settings");
        // Everything is read every day.
        std::fs::write(&file, format!("{own}\n[coverage]\nreread_days = 1\n{settings}")).expect("settings");
        let source = ward.kura.source().display().to_string();
        let usual = format!(
            "class = \"application\"\n[[source]]\nkind = \"directory\"\npath = {source:?}\nsent_day = \"mtime\"\n"
        );
        let plan = plan.map_or(usual, |plan| plan.replace("{source}", &source));
        let plan = format!("name = \"{PLAN}\"\n{plan}");
        std::fs::write(ward.plan_file(), plan).expect("a plan");
        let desk = ward.desk().await;
        let mut tx = desk.catalog.begin().await.expect("a transaction");
        let now = ward.now();
        for actor in [&admin, &ward.doctor, &ward.operator, &ward.manager] {
            tx.add_account(&actor.account, actor.role, "-", false, now).await.expect("an account");
        }
        let (actor, act, subject) = ("root".to_owned(), "account.add".to_owned(), "4".to_owned());
        let line = AuditEntry { at: now, actor, act, subject, detail: String::new() };
        tx.commit(&[line]).await.expect("committed");
        for terms in wanted {
            let id = windows::request(&desk, terms, &admin, now).await.expect("a request");
            windows::approve(&desk, &id, None, &ward.doctor, now).await.expect("an approval");
        }
        desk.catalog.close().await;
        ward
    }

    /// The file of the plan.
    pub(crate) fn plan_file(&self) -> PathBuf {
        self.kura.home().policies().join(format!("{PLAN}.toml"))
    }

    /// Its settings name another store from now on.
    pub(crate) fn move_store(&self, address: &str) {
        let file = self.kura.home().settings_file();
        let text = std::fs::read_to_string(&file).expect("settings");
        let moved = text.lines().map(|line| {
            if line.starts_with("store = ") { format!("store = {address:?}") } else { line.to_owned() }
        });
        std::fs::write(&file, moved.collect::<Vec<_>>().join("\n")).expect("settings");
    }

    /// A path beside the home.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.kura.dir.path().join(name)
    }

    /// The time.
    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Sets the clock of the machine.
    pub(crate) fn at(&self, day: &str, time: &str) {
        self.clock.set(at(day, time));
        self.kura.clock.set(at(day, time));
    }

    /// A desk on the home as it is now.
    pub(crate) async fn desk(&self) -> Desk {
        App { home: self.kura.home(), clock: SystemClock }.desk().await.expect("a desk")
    }

    /// The service is started, does everything that is due, and is stopped.
    pub(crate) async fn live(&self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = format!("http://{}", listener.local_addr().expect("an address"));
        let base = self.page.lock().expect("no panic").clone().unwrap_or(own);
        let app = App::new(Some(self.kura.dir.path().join("home")));
        let begun = self.now();
        let service = Service::start(&app, self.clock.clone(), listener, &base).await.expect("a service");
        // It beats by itself too, and a beat is skipped while another one is under way: a whole one has to be over.
        self.clock.set(Instant::from_micros(begun.as_micros() + 1));
        while service.shared.pulse.last_beat() <= begun {
            service.heart.beat().await;
            tokio::task::yield_now().await;
        }
        for _ in 0..3 {
            service.heart.beat().await;
            service.heart.settle().await;
        }
        service.stop().await.expect("a clean end");
    }

    /// A night: the service lives at 2:05 and at 6:30, when the window is over.
    pub(crate) async fn night(&self, day: &str) {
        for time in ["2:05", "6:30"] {
            self.at(day, time);
            self.live().await;
        }
    }

    /// Whether the newest snapshot of the plan was taken on this day and is complete.
    pub(crate) async fn is_taken_on(&self, day: &str) -> bool {
        let desk = self.desk().await;
        let head = desk.catalog.head(PLAN).await.expect("the catalog");
        desk.catalog.close().await;
        head.is_some_and(|head| head.day.to_string() == day && head.is_complete)
    }

    /// What a monitored target answered, newest first.
    pub(crate) async fn answers(&self, target: &str) -> Vec<&'static str> {
        let desk = self.desk().await;
        let heard = desk.catalog.monitor_answers(target, 100).await.expect("answers");
        desk.catalog.close().await;
        heard.into_iter().map(|one| one.answer.word()).collect()
    }

    /// The plan as it is written now.
    fn plan(&self) -> Plan {
        let text = std::fs::read_to_string(self.plan_file()).expect("the plan");
        policy_files::parse_plan("records.toml", &text).unwrap_or_else(|e| panic!("a plan: {e}"))
    }

    /// Proves by hand that everything is there, as `kura coverage` does; a second later.
    pub(crate) async fn prove(&self) {
        self.clock.set(Instant::from_micros(self.now().as_micros() + 1_000_000));
        let host = Host::open(self.kura.home(), None).await.expect("the host opens");
        let catalog = Catalog::open(&self.kura.home().catalog_file()).await.expect("the catalog opens");
        let (viewer, plans) = (Arc::new(Viewer::of_host(host)), [self.plan()]);
        let read = (&plans[..], Some((1, 1)));
        coverage::prove(viewer, &catalog, read, &*self.clock, &Arc::default()).await.expect("a proof");
        catalog.close().await;
    }

    /// Takes a snapshot of the plan by hand, now.
    pub(crate) async fn take(&self) -> Result<Summary, SnapshotError> {
        let plan = self.plan();
        let host = Host::open(self.kura.home(), None).await.expect("the host opens");
        let catalog = Catalog::open(&self.kura.home().catalog_file()).await.expect("the catalog opens");
        let request = Request { plan, event: "daily".to_owned(), reason: None, reread: false };
        let taken =
            take_snapshot(&host, &catalog, &request, &*self.clock, &Arc::new(Progress::default())).await;
        catalog.close().await;
        taken
    }

    /// The only incident, after the service lived twice: the second time it finds nothing left to do.
    pub(crate) async fn look(&self) -> Option<Incident> {
        let mut found: Vec<Option<Incident>> = Vec::new();
        for _ in 0..2 {
            self.live().await;
            let desk = self.desk().await;
            let rows = incidents::list(&desk, true, 100).await.expect("incidents");
            assert!(rows.len() <= 1, "one cause, one incident: {rows:#?}");
            found.push(match rows.first() {
                Some(row) => Some(incidents::look(&desk, &row.incident).await.expect("it is there")),
                None => None,
            });
            check_audit::verify(&desk.catalog, None).await.expect("the log holds");
            desk.catalog.close().await;
        }
        let second = found.pop().expect("two looks");
        let first = found.pop().expect("two looks");
        assert_eq!(format!("{first:#?}"), format!("{second:#?}"), "started again, nothing is told twice");
        second
    }

    async fn act(&self, id: &str, doing: Doing) -> Result<Incident, DeskError> {
        let desk = self.desk().await;
        let done = people::act(&desk, id, &doing, &self.operator, self.now()).await;
        desk.catalog.close().await;
        done
    }

    /// Does something, starts the service again, and gives what is there then.
    async fn does(&self, id: &str, doing: Doing) -> Incident {
        let said = format!("{doing:?}");
        self.act(id, doing).await.unwrap_or_else(|error| panic!("{said}: {error}"));
        self.look().await.expect("it is there")
    }

    /// The whole course of an alarm: caused for real, one incident with its checklist, confirmed, mended, recovered,
    /// reported, closed; the service is started again after each step (K-90, K-91). Gives the incident as it is at the end.
    pub(crate) async fn story(
        &self,
        story: Story,
        cause: impl AsyncFnOnce(&Self),
        mend: impl AsyncFnOnce(&Self),
    ) -> Incident {
        assert!(self.look().await.is_none(), "nothing failed yet");
        cause(self).await;
        let incident = self.opened(story).await;
        let id = incident.row.incident.as_str();
        self.tell(id, &incident, story).await;
        let begun = self.does(id, Doing::Begin).await;
        assert_eq!(begun.row.state, IncidentState::Recovering);
        if begun.lasting() > 0 {
            let early = self.act(id, Doing::Recover { at: None, measures: None }).await;
            assert!(matches!(early, Err(DeskError::Incident(NotAllowed::AlarmsLast(_)))), "{early:?}");
        }
        mend(self).await;
        let mended = self.look().await.expect("it is there");
        assert_eq!(
            (mended.lasting(), mended.row.state),
            (0, IncidentState::Recovering),
            "{:#?}",
            mended.alarms
        );
        if story.concern != Concern::None {
            let unsaid = Doing::Concern(Concern::None, "同一の写しを確認".to_owned());
            self.does(id, unsaid).await;
        }
        self.does(id, Doing::Field(IncidentField::Cause, "設備の故障".to_owned())).await;
        let measures = Some("直しました。".to_owned());
        let recovered = self.does(id, Doing::Recover { at: None, measures }).await;
        assert_eq!(recovered.row.state, IncidentState::Recovered);
        let due = tokyo().day_of(self.now()).next();
        self.does(id, Doing::Action("点検を手順に加える".to_owned(), "システム管理者".to_owned(), due)).await;
        for field in self.look().await.expect("it is there").lacking().fields {
            self.does(id, Doing::Field(field, "現場で確認".to_owned())).await;
        }
        let reported = self.does(id, Doing::Report).await;
        assert_eq!((reported.row.state, reported.row.reports), (IncidentState::Reported, 1));
        let closed = self.does(id, Doing::Close { no_action: None, incomplete: None }).await;
        assert_eq!(closed.row.state, IncidentState::Closed);
        self.ended(&closed, story).await;
        closed
    }

    /// One incident of the alarm, with its checklist; users are told only where the policy asks for it.
    async fn opened(&self, story: Story) -> Incident {
        let code = story.code;
        let incident = self.look().await.unwrap_or_else(|| panic!("{}: no incident", code.word()));
        let row = &incident.row;
        assert_eq!(
            (row.cause.kind.word(), row.state),
            (story.cause, IncidentState::Detected),
            "{incident:#?}"
        );
        assert!(incident.alarms.iter().any(|alarm| alarm.code == code), "{incident:#?}");
        assert_eq!((row.concern, incident.timers.is_some()), (story.concern, story.concern != Concern::None));
        let list: Vec<(&str, bool)> =
            incident.checklist.iter().map(|one| (one.contact.id.as_str(), one.is_due)).collect();
        assert_eq!(list, [("night-1", true), ("office-1", false)], "who is told at once");
        assert_eq!(row.notice.is_some(), story.users == Users::ToldByKura, "{row:#?}");
        let desk = self.desk().await;
        let said = incident.call(&desk, self.now());
        assert!(said.contains(&row.incident), "what is read out: {said}");
        let (answer, _) = incident.help_desk(&desk, self.now());
        assert!(!answer.contains("サービスは停止していません"), "nobody has looked yet: {answer}");
        desk.catalog.close().await;
        incident
    }

    /// Everybody of the checklist is told, once, and users where somebody wants it.
    async fn tell(&self, id: &str, incident: &Incident, story: Story) {
        let call = |contact: &str, way| Doing::Contact(contact.to_owned(), way);
        let told = self.does(id, call("night-1", Way::Phone)).await;
        assert_eq!(told.entries.len(), incident.entries.len() + 1);
        let twice = self.act(id, call("night-1", Way::Phone)).await;
        let told_already = matches!(twice, Err(DeskError::Incident(NotAllowed::ToldAlready)));
        assert!(told_already, "ticked once: {twice:?}");
        let confirmed = self.does(id, Doing::Confirm).await;
        assert_eq!(confirmed.row.state, IncidentState::Confirmed);
        assert!(confirmed.checklist.iter().all(|one| one.is_due), "everybody is told now");
        let told = self.does(id, call("office-1", Way::Fax)).await;
        assert!(told.checklist.iter().all(|one| one.ticks.len() == 1), "{:#?}", told.checklist);
        if story.users == Users::ToldByPerson {
            let told = self.does(id, Doing::TellUsers(vec!["ポータル".to_owned()], None)).await;
            assert!(told.row.notice.is_some(), "{:#?}", told.row);
        }
    }

    /// It is over: everything is written once, the report is complete, the closing notice is out.
    async fn ended(&self, closed: &Incident, story: Story) {
        let (desk, id) = (self.desk().await, closed.row.incident.as_str());
        let log = desk.catalog.audit_newest(10_000).await.expect("the log");
        for act in ["open", "confirm", "begin", "recover", "report", "close"] {
            let act = format!("incident.{act}");
            let lines = log.iter().filter(|line| line.entry.act == act && line.entry.subject == id).count();
            assert_eq!(lines, 1, "{act}");
        }
        let mut references: Vec<&str> = closed.entries.iter().map(|entry| entry.reference.as_str()).collect();
        references.sort_unstable();
        references.dedup();
        assert_eq!(references.len(), closed.entries.len(), "{:#?}", closed.entries);
        for alarm in &closed.alarms {
            let (code, subject) = (alarm.code.word(), &alarm.subject);
            let (begin, end) = (format!("alarm/{code}/{subject}/"), format!("cleared/{code}/{subject}/"));
            for told in [begin, end] {
                assert!(references.iter().any(|one| one.starts_with(&told)), "{told} in {references:#?}");
            }
        }
        is_complete(&incident_report::page(closed, &desk, self.now()).html());
        let told = notices::list(&desk, true, 1000).await.expect("notices");
        let own: Vec<_> = told.iter().filter(|row| row.incident.as_deref() == Some(id)).collect();
        match (story.users, &closed.row.notice) {
            (Users::NotTold, notice) => assert_eq!((own.len(), notice.as_ref()), (0, None), "{told:#?}"),
            (_, Some(number)) => {
                let notice = told.iter().find(|row| row.notice == *number).expect("its notice");
                assert_eq!(notice.status.word(), "completed", "the closing notice is out: {notice:#?}");
                assert!(own.len() <= 1, "users are told by one notice: {own:#?}");
            }
            (_, None) => panic!("users were not told: {:#?}", closed.row),
        }
        desk.catalog.close().await;
    }
}

/// Every field of 別紙3, in its order.
fn is_complete(page: &str) {
    let mut rest = page;
    for part in [
        "<h1>障害報告書</h1>",
        "一般社団法人名古屋市医師会長　様",
        "発見日時</th><td>令和",
        "発見箇所</th><td>Kura の監視（警報 ",
        "障害内容</th><td>",
        "影響範囲</th><td>",
        "復旧日時</th><td>令和",
        "経過</th><td>",
        "Kura が障害を検知しました。",
        "状況を確認し、障害と判断しました（第17条①）。",
        "復旧作業を始めました。",
        "復旧しました（令和",
        "原因</th><td>設備の故障",
        "処置</th><td>直しました。",
        "備考</th><td>",
        "添付資料</th><td>",
        "点検を手順に加える",
    ] {
        let found = rest.find(part).unwrap_or_else(|| panic!("{part} is missing or out of order in {page}"));
        rest = rest.get(found..).unwrap_or_default();
    }
    assert!(page.contains("警報が解消しました"), "{page}");
}
