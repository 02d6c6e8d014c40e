//! Permits through the workflow and the catalog: the whole of their life, killed at every step, two people at once.

use std::sync::LazyLock;

use kura::catalog::{Catalog, PermitRow};
use kura::clock::{Clock as _, ManualClock};
use kura::config::{MailSettings, MailTls};
use kura::domain::actor::Actor;
use kura::domain::alarm_code::AlarmCode;
use kura::domain::incident_contact::{Contact, Group};
use kura::domain::permit::{
    AfterUse, Attachment, Form, LegalClass, Medium, PermitContent, PermitRefusal, PermitState,
};
use kura::domain::role::Role;
use kura::domain::time::Instant;
use kura::workflows::desk::{Desk, DeskError};
use kura::workflows::permits::{self, Ending, Execution, Seen};
use kura::workflows::{alarms, check_audit};

use crate::steps::killed_after;
use crate::support::smtp::MailServer;
use crate::windows::{Office, at};

/// The data sets that these installations know.
pub(crate) static DATASETS: LazyLock<Vec<String>> =
    LazyLock::new(|| ["admissions", "bills", "patients"].map(str::to_owned).to_vec());

/// The shortest instructions that can be carried out, without a character that HTML escapes.
pub(crate) const INSTRUCTIONS: &str = "\
dataset = 'admissions'
schema = '0000000000000000000000000000000000000000000000000000000000000000'
[columns]
age = { class = 'qi', do = 'age', widths = [10] }
[privacy]
k = 10
[output]
format = 'csv'
seal = 'passphrase'
";

/// The last letter is mistaken.
const AGE_KEY_WITH_A_SLIP: &str = "seal = 'age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwq'";

/// What somebody applies for who may; the account is written by the workflow.
pub(crate) fn content() -> PermitContent {
    let day = |text: &str| text.parse().expect("a day");
    PermitContent {
        applied_on: day("2026-01-01"),
        applicant: "nobody00001".parse().expect("an id"),
        subject: "糖尿病の受診動向".to_owned(),
        purpose: "学会発表\n（令和9年2月）".to_owned(),
        processing: "年齢は5歳刻み、住所は市区町村まで".to_owned(),
        medium: Medium::Other("専用の記憶装置".to_owned()),
        after_use: AfterUse::Erased,
        after_use_due: day("2027-01-31"),
        period: (day("2026-12-01"), day("2026-12-28")),
        execution: (day("2026-12-02"), day("2026-12-28")),
        remarks: String::new(),
        attachments: vec![Attachment { name: "研究計画書.pdf".to_owned(), sha256: [7; 32] }],
        form: Form::File,
        legal_class: LegalClass::AnonymouslyProcessed,
        executions_max: 2,
        extraction: INSTRUCTIONS.to_owned(),
    }
}

#[tokio::test]
async fn nothing_is_applied_for_that_no_program_would_carry_out() {
    let bureau = Bureau::new().await;
    let (manager, catalog) = (&bureau.office.manager, bureau.catalog());
    let number = bureau.apply().await;
    for (from, to, said) in [
        ("k = 10", "k = 10\nquery = 'SELECT 1'", "query"),
        ("do = 'age'", "do = 'agee'", "columns.age.do"),
        ("format = 'csv'", "format = 'docx'", "output.format"),
        ("schema = '0", "schema = '", "schema"),
        ("format = 'csv'", "format = 'paper'", "output.format"),
        ("format = 'csv'", "format = 'xlsx'\nencoding = 'shift_jis'", "output.encoding"),
        ("[privacy]", "[table]\nby = [{ column = 'age' }]\n[privacy]", "統計情報"),
        ("k = 10", "k = 1", "privacy.k = 1"),
        ("k = 10", "k = 10\nsuppression = '1.5'", "privacy.suppression"),
        ("dataset = 'admissions'", "dataset = 'births'", "admissions, bills, patients"),
        ("seal = 'passphrase'", AGE_KEY_WITH_A_SLIP, "output.seal"),
    ] {
        let extraction = INSTRUCTIONS.replacen(from, to, 1);
        assert_ne!(extraction, INSTRUCTIONS, "{said}");
        let wrong = PermitContent { extraction, ..content() };
        let applied_for = permits::apply((catalog, &DATASETS), &wrong, manager, applied()).await;
        let changed =
            permits::change((catalog, &DATASETS), &number, (&wrong, Seen::Anything), manager, decided())
                .await
                .map(|_| ());
        for refused in [applied_for.map(|_| ()), changed] {
            let Err(DeskError::Instructions(problem)) = refused else { panic!("{said}: {refused:?}") };
            assert!(problem.to_string().contains(said) && problem.japanese().contains(said), "{problem}");
        }
    }
    assert_eq!(bureau.lines("permit.apply").await, 1);
    assert_eq!(bureau.row(&number).await.revision, 1);
}

#[tokio::test]
async fn nothing_is_approved_that_cannot_be_carried_out_any_more_and_whether_it_was_planned_is_noted() {
    let bureau = Bureau::new().await;
    let (office, catalog) = (&bureau.office, bureau.catalog());
    let number = bureau.apply().await;
    // The data set was taken out of the settings meanwhile.
    let gone = permits::approve((catalog, &[]), &number, &Seen::Anything, &office.doctor, decided()).await;
    assert!(matches!(&gone, Err(DeskError::Instructions(_))), "{gone:?}");
    assert_eq!((bureau.word(&number).await, bureau.lines("permit.approve").await), ("applied", 0));
    bureau.approve(&number).await;
    let detail = async |number: &str| {
        let log = catalog.audit_newest(1000).await.expect("a log");
        let is_own = |entry: &&kura::domain::audit::AuditEntry| {
            entry.act == "permit.approve" && entry.subject == number
        };
        log.iter().map(|line| &line.entry).find(is_own).expect("a line").detail.clone()
    };
    assert!(detail(&number).await.ends_with("no plan was made of it"), "{}", detail(&number).await);
    let other = PermitContent { subject: "別の件".to_owned(), ..content() };
    let applied_for = permits::apply((catalog, &DATASETS), &other, &office.manager, applied()).await;
    let second = applied_for.expect("applied");
    let row = bureau.row(&second).await;
    let mut tx = catalog.begin().await.expect("a transaction");
    let plan = kura::workflows::extracts::ExtractPlanRow {
        permit: second.clone(),
        digest: row.digest,
        planned_by: office.operator.account.clone(),
        planned_at: applied(),
        plan: "{}".to_owned(),
    };
    tx.note_extract_plan(&plan).await.expect("is noted");
    let line = kura::domain::audit::AuditEntry {
        at: applied(),
        actor: "operator01".to_owned(),
        act: "extract.plan".to_owned(),
        subject: second.clone(),
        detail: String::new(),
    };
    tx.commit(&[line]).await.expect("committed");
    bureau.approve(&second).await;
    assert!(detail(&second).await.contains(", plan 44136fa355b3"), "{}", detail(&second).await);
}

#[tokio::test]
async fn an_applicant_takes_his_application_back_and_nobody_else_does() {
    let bureau = Bureau::new().await;
    let (office, catalog) = (&bureau.office, bureau.catalog());
    let number = bureau.apply().await;
    bureau.approve(&number).await;
    let seen = Seen::Version(permits::version(&bureau.row(&number).await));
    let why = ("目的の変更", &seen);
    let by_other = permits::end(catalog, (&number, Ending::Withdraw), why, &office.admin, decided()).await;
    assert!(matches!(refusal(by_other), PermitRefusal::IsNotApplicant(_)));
    let without =
        permits::end(catalog, (&number, Ending::Withdraw), ("", &seen), &office.manager, decided()).await;
    assert!(matches!(without, Err(DeskError::Reason(_))), "{without:?}");
    permits::end(catalog, (&number, Ending::Withdraw), why, &office.manager, decided()).await.unwrap();
    let row = bureau.row(&number).await;
    // Who had approved it stays to be read.
    assert_eq!((row.permit.state.word(), row.permit.japanese()), ("returned", "取下げ"));
    let begun = refusal(bureau.begin(&number, &office.operator, used()).await);
    assert!(matches!(begun, PermitRefusal::State { .. }), "{begun}");
    let again = permits::end(
        catalog,
        (&number, Ending::Withdraw),
        ("再度", &Seen::Anything),
        &office.manager,
        decided(),
    )
    .await;
    assert!(matches!(refusal(again), PermitRefusal::State { .. }));
    // It may be written anew, and what runs under a permit cannot be taken back.
    permits::change((catalog, &DATASETS), &number, (&content(), Seen::Anything), &office.manager, decided())
        .await
        .unwrap();
    bureau.approve(&number).await;
    bureau.begin(&number, &office.operator, used()).await.unwrap();
    let late = permits::end(
        catalog,
        (&number, Ending::Withdraw),
        ("再度", &Seen::Anything),
        &office.manager,
        used(),
    )
    .await;
    assert!(matches!(refusal(late), PermitRefusal::State { .. }));
    assert_eq!(bureau.lines("permit.withdraw").await, 1);
}

/// An office in which somebody may apply, and a second サービス運用者 decides too.
pub(crate) struct Bureau {
    pub(crate) office: Office,
    pub(crate) second: Actor,
    pub(crate) operator2: Actor,
}

impl Bureau {
    pub(crate) async fn new() -> Self {
        let office = Office::light().await;
        let actor = |id: &str, role| Actor { account: id.parse().expect("an id"), role, scopes: None };
        let second = actor("ishikai002", Role::ServiceOperator);
        let operator2 = actor("operator02", Role::SystemOperator);
        let mut tx = office.desk.catalog.begin().await.expect("a transaction");
        for new in [&second, &operator2] {
            tx.add_account(&new.account, new.role, "-", false, applied()).await.expect("an account");
        }
        let entry = kura::domain::audit::AuditEntry {
            at: applied(),
            actor: "root".to_owned(),
            act: "account.add".to_owned(),
            subject: "2".to_owned(),
            detail: String::new(),
        };
        tx.commit(&[entry]).await.expect("committed");
        Self { office, second, operator2 }
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.office.desk.catalog
    }

    /// 運用管理責任者 applies.
    async fn apply(&self) -> String {
        permits::apply((self.catalog(), &DATASETS), &content(), &self.office.manager, applied())
            .await
            .expect("applied")
    }

    async fn approve(&self, number: &str) {
        let seen = Seen::Version(permits::version(&self.row(number).await));
        permits::approve((self.catalog(), &DATASETS), number, &seen, &self.office.doctor, decided())
            .await
            .expect("approved");
    }

    async fn row(&self, number: &str) -> PermitRow {
        permits::show(self.catalog(), number, &self.office.manager).await.expect("a permit")
    }

    async fn word(&self, number: &str) -> &'static str {
        self.row(number).await.permit.state.word()
    }

    async fn begin(&self, number: &str, by: &Actor, now: Instant) -> Result<Execution, DeskError> {
        let mut tx = self.catalog().begin().await?;
        let (_, execution, line) = permits::begin(&mut tx, number, by, now).await?;
        tx.commit(&[line]).await?;
        Ok(execution)
    }

    async fn deliver(&self, execution: &Execution, by: &Actor, now: Instant) -> Result<(), DeskError> {
        let mut tx = self.catalog().begin().await?;
        let line = permits::deliver(&mut tx, execution, "output 0a0b", by, now).await?;
        Ok(tx.commit(&[line]).await?)
    }

    async fn abandon(&self, execution: &Execution, now: Instant) -> Result<bool, DeskError> {
        let mut tx = self.catalog().begin().await?;
        let line = permits::abandon(&mut tx, execution, ("kura", "the program ended"), now).await?;
        let Some(line) = line else { return Ok(false) };
        tx.commit(&[line]).await?;
        Ok(true)
    }

    /// How often an act stands in the log, which must hold.
    async fn lines(&self, act: &str) -> usize {
        check_audit::verify(self.catalog(), None).await.expect("the log holds");
        let log = self.catalog().audit_newest(1000).await.expect("a log");
        log.iter().filter(|line| line.entry.act == act).count()
    }
}

fn applied() -> Instant {
    at("2026-11-23", "10:00")
}

fn decided() -> Instant {
    at("2026-11-25", "10:00")
}

fn used() -> Instant {
    at("2026-12-03", "10:00")
}

fn refusal<T: std::fmt::Debug>(result: Result<T, DeskError>) -> PermitRefusal {
    match result {
        Err(DeskError::Permit(refusal)) => refusal,
        other => panic!("no refusal of a permit: {other:?}"),
    }
}

#[tokio::test]
async fn from_the_application_to_the_confirmed_after_use_measure() {
    let bureau = Bureau::new().await;
    let office = &bureau.office;
    let number = bureau.apply().await;
    assert_eq!(number, "R08-001");
    let row = bureau.row(&number).await;
    assert_eq!(row.permit.content.applicant, office.manager.account, "who applies, whatever the form says");
    assert_eq!(row.permit.content.applied_on, "2026-11-23".parse().unwrap());
    assert_eq!(bureau.apply().await, number, "who sends a form twice applies once");
    bureau.approve(&number).await;
    let execution = bureau.begin(&number, &office.operator, used()).await.unwrap();
    assert_eq!(execution.number, 1);
    permits::may_continue(bureau.catalog(), &execution, &office.operator, used()).await.unwrap();
    bureau.deliver(&execution, &office.operator, used()).await.unwrap();
    assert_eq!(bureau.word(&number).await, "delivered");
    let second = bureau.begin(&number, &bureau.operator2, used()).await.unwrap();
    assert!(bureau.abandon(&second, used()).await.unwrap());
    assert!(!bureau.abandon(&second, used()).await.unwrap(), "twice changes nothing");
    assert_eq!(bureau.word(&number).await, "delivered", "what was handed over stays owed");
    assert_eq!(refusal(bureau.begin(&number, &office.operator, used()).await), PermitRefusal::UsedUp(2));
    let late = at("2027-01-20", "10:00");
    permits::end(
        bureau.catalog(),
        (&number, Ending::Close),
        ("立会いで消去を確認", &Seen::Anything),
        &office.doctor,
        late,
    )
    .await
    .unwrap();
    let row = bureau.row(&number).await;
    assert!(
        matches!(&row.permit.state, PermitState::Closed { by, at } if *by == office.doctor.account && *at == late)
    );
    assert_eq!((row.reason.as_str(), row.delivered_at), ("立会いで消去を確認", Some(used())));
    assert_eq!(row.approval.unwrap().by, office.doctor.account, "who approved it stays to be read");
    for act in ["apply", "approve", "deliver", "abandon", "close"] {
        let times = bureau.lines(&format!("permit.{act}")).await;
        assert_eq!(times, if act == "apply" { 2 } else { 1 }, "{act}");
    }
}

#[tokio::test]
async fn nobody_approves_executes_or_closes_what_he_applied_for() {
    let bureau = Bureau::new().await;
    let office = &bureau.office;
    let catalog = bureau.catalog();
    let own = permits::apply((catalog, &DATASETS), &content(), &office.doctor, applied()).await.unwrap();
    let is_own = |refusal| matches!(refusal, PermitRefusal::IsApplicant(_));
    assert!(is_own(refusal(
        permits::approve((catalog, &DATASETS), &own, &Seen::Anything, &office.doctor, decided()).await
    )));
    let back =
        permits::end(catalog, (&own, Ending::Return), ("誤り", &Seen::Anything), &office.doctor, decided());
    assert!(is_own(refusal(back.await)));
    permits::approve((catalog, &DATASETS), &own, &Seen::Anything, &bureau.second, decided()).await.unwrap();

    let operators =
        permits::apply((catalog, &DATASETS), &content(), &office.operator, applied()).await.unwrap();
    bureau.approve(&operators).await;
    assert!(is_own(refusal(bureau.begin(&operators, &office.operator, used()).await)));
    let execution = bureau.begin(&operators, &bureau.operator2, used()).await.unwrap();
    // Nobody hands over what somebody else began.
    let other = bureau.deliver(&execution, &office.operator, used()).await;
    assert!(matches!(refusal(other), PermitRefusal::IsNotExecutor(_)));
    bureau.deliver(&execution, &bureau.operator2, used()).await.unwrap();
    let closed =
        permits::end(catalog, (&operators, Ending::Close), ("済", &Seen::Anything), &office.operator, used())
            .await;
    assert!(is_own(refusal(closed)));

    for (by, what) in [(&office.admin, "decide"), (&office.manager, "decide"), (&office.operator, "decide")] {
        let denied = permits::approve((catalog, &DATASETS), &operators, &Seen::Anything, by, used()).await;
        assert!(matches!(denied, Err(DeskError::Access(_))), "{what}: {denied:?}");
    }
    let denied = bureau.begin(&own, &office.doctor, used()).await;
    assert!(matches!(denied, Err(DeskError::Access(_))), "who approves does not execute: {denied:?}");
}

#[tokio::test]
async fn whatever_changes_the_approval_is_void() {
    let bureau = Bureau::new().await;
    let (office, catalog) = (&bureau.office, bureau.catalog());
    let changes: [fn(&mut PermitContent); 14] = [
        |c| c.subject.push('改'),
        |c| c.purpose.push('改'),
        |c| c.processing.push('改'),
        |c| c.medium = Medium::UsbMemory,
        |c| c.after_use = AfterUse::Kept,
        |c| c.after_use_due = c.after_use_due.next(),
        |c| c.period.1 = c.period.1.next(),
        |c| c.execution.0 = c.execution.0.next(),
        |c| c.remarks.push('改'),
        |c| c.attachments[0].sha256[0] = 8,
        |c| {
            c.form = Form::Paper;
            c.extraction = INSTRUCTIONS.replace("'csv'", "'paper'");
        },
        |c| c.legal_class = LegalClass::PseudonymouslyProcessed,
        |c| c.executions_max = 3,
        |c| c.extraction = INSTRUCTIONS.replace("k = 10", "k = 9"),
    ];
    for (place, change) in changes.into_iter().enumerate() {
        let mut first = content();
        first.remarks = format!("{place}");
        let number = permits::apply((catalog, &DATASETS), &first, &office.manager, applied()).await.unwrap();
        let shown = bureau.row(&number).await;
        bureau.approve(&number).await;
        let mut other = first.clone();
        change(&mut other);
        let by_other = permits::change(
            (catalog, &DATASETS),
            &number,
            (&other, Seen::Anything),
            &office.admin,
            decided(),
        )
        .await;
        assert!(matches!(refusal(by_other), PermitRefusal::IsNotApplicant(_)));
        let revision = permits::change(
            (catalog, &DATASETS),
            &number,
            (&other, Seen::Anything),
            &office.manager,
            decided(),
        )
        .await;
        assert_eq!(revision.unwrap(), 2);
        let row = bureau.row(&number).await;
        assert_eq!((row.permit.state.word(), row.approval.clone()), ("applied", None), "change {place}");
        let begun = refusal(bureau.begin(&number, &office.operator, used()).await);
        assert!(matches!(begun, PermitRefusal::State { .. }), "{begun}");
        // Whoever still looks at what was there before approves nothing.
        for seen in [
            Seen::Digits(shown.digest.to_string()),
            Seen::Digits(row.digest.to_string().chars().take(11).collect()),
            Seen::Version(permits::version(&shown)),
        ] {
            let stale =
                permits::approve((catalog, &DATASETS), &number, &seen, &office.doctor, decided()).await;
            assert_not_current(&seen, stale);
        }
        let seen = Seen::Digits(row.digest.to_string().chars().take(12).collect());
        permits::approve((catalog, &DATASETS), &number, &seen, &office.doctor, decided()).await.unwrap();
    }
    assert_eq!(bureau.lines("permit.change").await, 14);
}

#[track_caller]
fn assert_not_current<T: std::fmt::Debug>(seen: &Seen, answer: Result<T, DeskError>) {
    match (seen, answer) {
        (Seen::Version(_), Err(DeskError::Stale(_))) => {}
        (Seen::Digits(few), Err(DeskError::Permit(PermitRefusal::ShortDigest { digits: 12, .. }))) => {
            assert!(few.len() < 12);
        }
        (Seen::Digits(other), Err(DeskError::Permit(PermitRefusal::OtherDigest(_)))) => {
            assert!(other.len() >= 12);
        }
        (seen, answer) => panic!("{seen:?}: {answer:?}"),
    }
}

#[tokio::test]
async fn what_runs_under_a_permit_that_is_revoked_hands_nothing_over() {
    let bureau = Bureau::new().await;
    let (office, catalog) = (&bureau.office, bureau.catalog());
    let number = bureau.apply().await;
    bureau.approve(&number).await;
    let execution = bureau.begin(&number, &office.operator, used()).await.unwrap();
    let changed =
        permits::change((catalog, &DATASETS), &number, (&content(), Seen::Anything), &office.manager, used())
            .await;
    assert!(matches!(refusal(changed), PermitRefusal::State { state: "executing", .. }));
    permits::end(catalog, (&number, Ending::Revoke), ("目的の変更", &Seen::Anything), &bureau.second, used())
        .await
        .unwrap();
    for refused in [
        permits::may_continue(catalog, &execution, &office.operator, used()).await,
        bureau.deliver(&execution, &office.operator, used()).await,
    ] {
        assert!(matches!(refusal(refused), PermitRefusal::State { state: "revoked", .. }));
    }
    assert!(!bureau.abandon(&execution, used()).await.unwrap());
    let close =
        permits::end(catalog, (&number, Ending::Close), ("済", &Seen::Anything), &office.doctor, used())
            .await;
    assert!(
        matches!(refusal(close), PermitRefusal::State { .. }),
        "nothing was handed over: nothing is owed"
    );
    assert_eq!(bureau.lines("permit.deliver").await, 0);
}

fn contact(id: &str, group: Group, mail: Option<&str>) -> Contact {
    let (name, phone) = ("田中".to_owned(), Some("052-000-0000".to_owned()));
    Contact { id: id.to_owned(), group, name, phone, fax: None, mail: mail.map(str::to_owned) }
}

fn mail_by(port: u16) -> MailSettings {
    MailSettings {
        name: "office".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: Some(port),
        tls: MailTls::NoneOnLoopback,
        from: "notices@hachimaru.example".to_owned(),
        to: vec!["everybody@hachimaru.example".to_owned()],
        user: None,
        password_file: None,
    }
}

#[tokio::test]
async fn those_who_confirm_are_reminded_by_mail_once_for_each_stage() {
    let mut bureau = Bureau::new().await;
    let server = MailServer::new(&[451, 250]).await;
    bureau.office.desk.incidents.contacts = vec![
        contact("office-1", Group::ServiceOperator, Some("office@ishikai.example")),
        contact("clinic-1", Group::Facility, Some("clinic@ishikai.example")),
        contact("office-2", Group::ServiceOperator, None),
    ];
    let number = bureau.apply().await;
    bureau.approve(&number).await;
    let clock = ManualClock::new(at("2026-12-22", "9:00"));
    let queue = async |desk: &Desk| permits::reminders::queue(desk, clock.now()).await.expect("is queued");
    assert_eq!(queue(&bureau.office.desk).await, 0, "no server");
    bureau.office.desk.incidents.server = Some(mail_by(server.port));
    let desk = &bureau.office.desk;
    let deliver = async || permits::reminders::deliver(desk, &clock).await.expect("delivered");
    assert_eq!((queue(desk).await, queue(desk).await), (1, 0));
    assert_eq!((deliver().await, deliver().await), (0, 0), "refused, and not again at once");
    clock.set(at("2026-12-22", "9:10"));
    assert_eq!((deliver().await, deliver().await), (1, 0));
    let (operator, then) = (&bureau.office.operator, at("2026-12-23", "9:00"));
    let execution = bureau.begin(&number, operator, then).await.unwrap();
    bureau.deliver(&execution, operator, then).await.unwrap();
    for (day, is_new) in [
        ("2026-12-28", 0),
        ("2027-01-10", 0),
        ("2027-01-24", 1),
        ("2027-01-31", 0),
        ("2027-02-01", 1),
        ("2027-03-01", 0),
    ] {
        clock.set(at(day, "9:00"));
        assert_eq!((queue(desk).await, deliver().await), (is_new, is_new), "{day}");
    }
    let letters = server.letters();
    assert_eq!(letters.len(), 3);
    assert!(letters.iter().all(|letter| letter.to == ["office@ishikai.example"]));
    let ids: Vec<String> = letters.iter().filter_map(|letter| letter.header("Message-ID")).collect();
    for (id, stage) in ids.iter().zip(["period-ends", "after-use-due", "after-use-overdue"]) {
        assert_eq!(*id, format!("<{number}.1.{stage}.office-1@hachimaru.example>"));
    }
    let lines: Vec<String> = desk
        .catalog
        .audit_newest(500)
        .await
        .expect("the log")
        .iter()
        .map(|line| format!("{line:?}"))
        .collect();
    let told = lines.iter().filter(|line| line.contains("permit.remind"));
    assert_eq!(told.filter(|line| line.contains("delivered")).count(), 3);
    assert!(!lines.concat().contains("@ishikai") && !lines.concat().contains("田中"));
}

#[tokio::test]
async fn what_was_settled_before_a_reminder_could_be_sent_is_told_to_nobody() {
    let mut bureau = Bureau::new().await;
    let server = MailServer::new(&[250]).await;
    bureau.office.desk.incidents.contacts =
        vec![contact("office-1", Group::HelpDesk, Some("desk@ishikai.example"))];
    bureau.office.desk.incidents.server = Some(mail_by(server.port));
    let desk = &bureau.office.desk;
    let number = bureau.apply().await;
    let clock = ManualClock::new(at("2026-12-23", "9:00"));
    assert_eq!(permits::reminders::queue(desk, clock.now()).await.expect("is queued"), 1);
    let why = ("不足", &Seen::Anything);
    permits::end(bureau.catalog(), (&number, Ending::Return), why, &bureau.office.doctor, decided())
        .await
        .unwrap();
    let deliver = async || permits::reminders::deliver(desk, &clock).await.expect("delivered");
    assert_eq!((deliver().await, deliver().await, server.letters().len()), (0, 0, 0));
    assert_eq!(bureau.lines("permit.remind").await, 1, "dropped, once");
}

#[tokio::test]
async fn a_program_that_was_overtaken_hands_nothing_over() {
    let bureau = Bureau::new().await;
    let number = bureau.apply().await;
    bureau.approve(&number).await;
    let operator = &bureau.office.operator;
    let first = bureau.begin(&number, operator, used()).await.unwrap();
    let busy = refusal(bureau.begin(&number, &bureau.operator2, used()).await);
    assert!(
        matches!(busy, PermitRefusal::State { state: "executing", .. }),
        "two operators at once: one run"
    );
    assert!(bureau.abandon(&first, used()).await.unwrap());
    let second = bureau.begin(&number, operator, used()).await.unwrap();
    let late = bureau.deliver(&first, operator, used()).await;
    assert!(matches!(late, Err(DeskError::Stale(_))), "{late:?}");
    assert!(!bureau.abandon(&first, used()).await.unwrap(), "it gives up only its own");
    bureau.deliver(&second, operator, used()).await.unwrap();
}

#[tokio::test]
async fn the_last_day_ends_at_midnight_in_tokyo() {
    let bureau = Bureau::new().await;
    let (operator, catalog) = (&bureau.office.operator, bureau.catalog());
    let number = bureau.apply().await;
    bureau.approve(&number).await;
    let (last, over) = (at("2026-12-28", "23:59"), at("2026-12-29", "0:00"));
    let first_day = at("2026-12-01", "0:00");
    let early = refusal(bureau.begin(&number, operator, first_day.plus_minutes(-1)).await);
    assert!(matches!(early, PermitRefusal::NotYet(_)));
    let early = refusal(bureau.begin(&number, operator, first_day).await);
    assert!(matches!(early, PermitRefusal::NotToday(..)), "実施日 begins a day later");
    let execution = bureau.begin(&number, operator, last).await.unwrap();
    permits::may_continue(catalog, &execution, operator, last).await.unwrap();
    for refused in [
        permits::may_continue(catalog, &execution, operator, over).await,
        bureau.deliver(&execution, operator, over).await,
    ] {
        assert!(matches!(refusal(refused), PermitRefusal::Over(_)), "past midnight nothing is handed over");
    }
    assert_eq!(permits::expire(catalog, over).await.unwrap(), 0, "what runs is given up first");
    assert!(bureau.abandon(&execution, over).await.unwrap());
    assert_eq!(permits::expire(catalog, last).await.unwrap(), 0);
    assert_eq!(permits::expire(catalog, over).await.unwrap(), 1);
    assert_eq!(permits::expire(catalog, over).await.unwrap(), 0, "twice changes nothing");
    assert_eq!((bureau.word(&number).await, bureau.lines("permit.expire").await), ("expired", 1));

    let behind = refusal(bureau.begin(&number, operator, at("2026-12-20", "10:00")).await);
    assert!(matches!(behind, PermitRefusal::State { .. }));
    let late = permits::apply((catalog, &DATASETS), &content(), &bureau.office.manager, over).await;
    assert!(matches!(refusal(late), PermitRefusal::Over(_)), "nobody applies for what is past");
}

#[tokio::test]
async fn a_clock_that_went_back_makes_nothing() {
    let bureau = Bureau::new().await;
    let number = bureau.apply().await;
    bureau.approve(&number).await;
    let other = permits::apply(
        (bureau.catalog(), &DATASETS),
        &content(),
        &bureau.office.admin,
        at("2026-12-10", "10:00"),
    )
    .await;
    other.unwrap();
    let begun = bureau.begin(&number, &bureau.office.operator, used()).await;
    assert_eq!(refusal(begun), PermitRefusal::ClockBehind);
}

#[tokio::test]
async fn two_people_who_decide_at_once_decide_once() {
    for round in 0..8 {
        let bureau = Bureau::new().await;
        let (office, catalog) = (&bureau.office, bureau.catalog());
        let number = bureau.apply().await;
        let seen = Seen::Version(permits::version(&bureau.row(&number).await));
        let (one, two) = tokio::join!(
            permits::approve((catalog, &DATASETS), &number, &seen, &office.doctor, decided()),
            permits::end(catalog, (&number, Ending::Return), ("不足", &seen), &bureau.second, decided()),
        );
        assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1, "round {round}: {one:?}, {two:?}");
        let word = bureau.word(&number).await;
        assert_eq!(word, if one.is_ok() { "approved" } else { "returned" });
        let lines = bureau.lines("permit.approve").await + bureau.lines("permit.return").await;
        assert_eq!(lines, 1);
    }
}

#[tokio::test]
async fn a_returned_application_is_changed_and_waits_again() {
    let bureau = Bureau::new().await;
    let (office, catalog) = (&bureau.office, bureau.catalog());
    let number = bureau.apply().await;
    for reason in ["", "二行\nの理由"] {
        let back = permits::end(
            catalog,
            (&number, Ending::Return),
            (reason, &Seen::Anything),
            &office.doctor,
            decided(),
        );
        assert!(matches!(back.await, Err(DeskError::Reason(_))), "{reason:?}");
    }
    let back = permits::end(
        catalog,
        (&number, Ending::Return),
        ("期間が長い", &Seen::Anything),
        &office.doctor,
        decided(),
    );
    back.await.unwrap();
    let row = bureau.row(&number).await;
    assert_eq!((row.permit.state.word(), row.reason.as_str()), ("returned", "期間が長い"));
    let mut bad = content();
    bad.execution.1 = bad.period.1.next();
    let refused =
        permits::change((catalog, &DATASETS), &number, (&bad, Seen::Anything), &office.manager, decided())
            .await;
    assert!(matches!(refused, Err(DeskError::Application(_))), "{refused:?}");
    permits::change((catalog, &DATASETS), &number, (&content(), Seen::Anything), &office.manager, decided())
        .await
        .unwrap();
    let row = bureau.row(&number).await;
    assert_eq!((row.permit.state.word(), row.revision, row.reason.as_str()), ("applied", 2, ""));
}

#[tokio::test]
async fn an_after_use_measure_that_nobody_confirms_is_an_alarm_and_blocks_the_applicant() {
    let bureau = Bureau::new().await;
    let (office, catalog) = (&bureau.office, bureau.catalog());
    let number = bureau.apply().await;
    bureau.approve(&number).await;
    let execution = bureau.begin(&number, &office.operator, used()).await.unwrap();
    bureau.deliver(&execution, &office.operator, used()).await.unwrap();
    permits::end(
        catalog,
        (&number, Ending::Revoke),
        ("漏えいの疑い", &Seen::Anything),
        &office.doctor,
        used(),
    )
    .await
    .unwrap();
    let mut second = content();
    second.subject.push('二');
    let waiting = permits::apply((catalog, &DATASETS), &second, &office.manager, used()).await.unwrap();
    permits::end(catalog, (&waiting, Ending::Return), ("後日", &Seen::Anything), &office.doctor, used())
        .await
        .unwrap();
    let (last, late) = (at("2027-01-31", "23:59"), at("2027-02-01", "0:00"));
    let alarmed = async |now| {
        alarms::refresh(&office.desk, now).await.unwrap();
        let open = alarms::list(&office.desk, false, 100).await.unwrap();
        let mut open = open.into_iter().filter(|row| row.alarm.code == AlarmCode::AfterUseOverdue);
        open.next().map(|row| (row.alarm.subject, row.alarm.since))
    };
    assert_eq!(alarmed(last).await, None);
    assert_eq!(alarmed(late).await, Some((number.clone(), late)));
    let owed = permits::owed(catalog, &office.operator, true, late).await.unwrap();
    assert_eq!(owed.len(), 1);
    let mut next = content();
    (next.period.1, next.after_use_due) = ("2027-03-31".parse().unwrap(), "2027-03-31".parse().unwrap());
    let blocked = permits::apply((catalog, &DATASETS), &next, &office.manager, late).await;
    assert_eq!(refusal(blocked), PermitRefusal::Overdue(number.clone()));
    let changed =
        permits::change((catalog, &DATASETS), &waiting, (&next, Seen::Anything), &office.manager, late).await;
    assert_eq!(refusal(changed), PermitRefusal::Overdue(number.clone()), "nor by changing what was returned");
    permits::end(catalog, (&number, Ending::Close), ("消去を確認", &Seen::Anything), &office.operator, late)
        .await
        .unwrap();
    assert_eq!(alarmed(late).await, None, "what is confirmed is mended");
    assert_eq!(permits::apply((catalog, &DATASETS), &next, &office.manager, late).await.unwrap(), "R09-001");
}

/// Every step of a permit's life, killed at each of its waits and then done again.
#[tokio::test]
async fn killed_at_any_step_a_permit_stands_as_if_it_had_not_been() {
    const STEPS: [&str; 7] = ["apply", "approve", "change", "approve", "begin", "deliver", "close"];
    let mut kills = 0;
    for place in 0..STEPS.len() {
        // How often a step waits depends on the machine: one that was not killed is no proof that it waits no more.
        let mut ends = 0;
        for waits in 0..1000 {
            let bureau = Bureau::new().await;
            for step in &STEPS[..place] {
                act(&bureau, step).await.unwrap();
            }
            let ended = killed_after(waits, act(&bureau, STEPS[place])).await;
            kills += usize::from(ended.is_none());
            let before = bureau.catalog().permit("R08-001").await.unwrap();
            let log = bureau.catalog().audit_newest(1).await.unwrap();
            let is_done = log[0].entry.act == format!("permit.{}", STEPS[place]);
            if !is_done {
                act(&bureau, STEPS[place]).await.unwrap();
            }
            let row = bureau.row("R08-001").await;
            if is_done {
                assert_eq!(before.as_ref(), Some(&row), "state and line are written together");
            }
            let expected = [
                ("applied", 1),
                ("approved", 1),
                ("applied", 2),
                ("approved", 2),
                ("executing", 2),
                ("delivered", 2),
                ("closed", 2),
            ];
            assert_eq!((row.permit.state.word(), row.revision), expected[place], "after {waits} waits");
            assert!(row.permit.executions <= 1);
            let times = STEPS[..=place].iter().filter(|step| **step == STEPS[place]).count();
            assert_eq!(bureau.lines(&format!("permit.{}", STEPS[place])).await, times);
            ends += usize::from(ended.is_some());
            if ends >= 4 {
                break;
            }
            assert!(waits < 999, "it never ends");
        }
    }
    assert!(kills >= STEPS.len(), "{kills} kills");
}

async fn act(bureau: &Bureau, step: &str) -> Result<(), DeskError> {
    let (office, catalog, number) = (&bureau.office, bureau.catalog(), "R08-001");
    match step {
        "apply" => {
            permits::apply((catalog, &DATASETS), &content(), &office.manager, applied()).await.map(drop)
        }
        "change" => {
            let mut other = content();
            other.subject.push('改');
            permits::change(
                (catalog, &DATASETS),
                number,
                (&other, Seen::Anything),
                &office.manager,
                decided(),
            )
            .await
            .map(drop)
        }
        "approve" => {
            permits::approve((catalog, &DATASETS), number, &Seen::Anything, &office.doctor, decided())
                .await
                .map(drop)
        }
        "begin" => bureau.begin(number, &office.operator, used()).await.map(drop),
        "deliver" => {
            let digest = bureau.row(number).await.digest;
            let execution = Execution { permit: number.to_owned(), number: 1, digest };
            bureau.deliver(&execution, &office.operator, used()).await
        }
        _ => {
            permits::end(
                catalog,
                (number, Ending::Close),
                ("消去を確認", &Seen::Anything),
                &office.doctor,
                used(),
            )
            .await
        }
    }
}
