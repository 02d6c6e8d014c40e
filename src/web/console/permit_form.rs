//! Applying for a permit: the form with the fields, order and wording of 別紙2, the page before it is sent, the act.

use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::form::{self, Faults, Fields, Line, missing};
use super::layout::Sheet;
use super::permits::content_facts;
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::{Words, w};
use crate::domain::account::AccountId;
use crate::domain::permit::{AfterUse, Attachment, Form, LegalClass, Medium, PermitContent};
use crate::domain::permit_text::digest_of_hex;
use crate::domain::role::Act;
use crate::domain::time::Day;
use crate::workflows::desk::DeskError;
use crate::workflows::extracts;
use crate::workflows::permits::{self, PermitRow, Seen};

/// The fields of the form, as they go along to the second page.
const FIELDS: [&str; 20] = [
    "subject",
    "purpose",
    "processing",
    "medium",
    "medium_other",
    "after_use",
    "after_use_other",
    "after_use_due",
    "period_from",
    "period_until",
    "execution_from",
    "execution_until",
    "remarks",
    "attachments",
    "form",
    "legal_class",
    "executions_max",
    "extraction",
    "replaces",
    "seen",
];

/// `?replaces=`: the permit whose application is written anew.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    replaces: Option<String>,
}

fn title(fields: &Fields) -> Words {
    match fields.raw("replaces") {
        "" => w("本データ使用許可申請", "Apply for a permit"),
        old => w(format!("使用許可 {old} の変更の申請"), format!("Change of permit {old}")),
    }
}

/// The boxes of the form, of which one is ticked.
fn boxes(
    visit: &Visit,
    (name, words): (&'static str, &Words),
    options: &[(&str, Words)],
    (fields, faults): (&Fields, &Faults),
) -> Markup {
    html! {
        fieldset id=(name) {
            legend { (visit.words(words)) " " span class="required" { (visit.t("※必須", "※required")) } }
            (form::fault(visit, name, faults))
            @for (value, words) in options {
                label class="tick" {
                    input type="radio" name=(name) value=(value) checked[fields.raw(name) == *value];
                    (visit.words(words))
                }
            }
        }
    }
}

fn media() -> Vec<(&'static str, Words)> {
    let words = [
        w("CD-R", "CD-R"),
        w("DVD", "DVD"),
        w("USBメモリ", "USB memory"),
        w("ハードディスク", "hard disk"),
        w("その他", "other"),
    ];
    Medium::WORDS.into_iter().zip(words).collect()
}

fn measures() -> Vec<(&'static str, Words)> {
    let words =
        [w("自動保管", "kept (自動保管)"), w("返却", "returned"), w("消去", "erased"), w("その他", "other")];
    AfterUse::WORDS.into_iter().zip(words).collect()
}

fn render(visit: &Visit, fields: &Fields, faults: &Faults) -> Markup {
    let line = |name, ja: &str, en: &str| Line::text(name, w(ja, en), fields.raw(name).to_owned());
    let area = |name, ja: &str, en: &str, hint: Option<Words>, is_required| {
        form::area(visit, (name, &w(ja, en)), hint.as_ref(), fields.raw(name), (is_required, faults))
    };
    let both = (fields, faults);
    let day_hint = || w("例：令和8年12月1日、2026-12-01", "Such as 2026-12-01.");
    let attached_hint = w(
        "1行に1件、「SHA-256（64桁） 名前」の形で入力します。SHA-256は sha256sum などで求められます。",
        "One a line: its SHA-256 (64 digits), a space, its name; as `sha256sum` prints them.",
    );
    let forms = Form::ALL.map(|form| (form.word(), w(form.japanese(), form.word())));
    let classes = LegalClass::ALL
        .map(|class| (class.word(), w(class.japanese(), format!("{} ({})", class.word(), class.japanese()))));
    let inside = html! {
        h2 { (visit.t("申請書（別紙2）", "The form (別紙2)")) }
        p { (visit.t("申請日は今日、申請者はあなたです。", "It is dated today, and you are the applicant.")) }
        (line("subject", "件名", "Subject").show(visit, faults))
        (area("purpose", "使用目的", "Purpose", None, true))
        (area("processing", "処理内容", "Processing", None, true))
        (boxes(visit, ("medium", &w("保存媒体", "Medium")), &media(), both))
        (line("medium_other", "保存媒体：その他の内容", "Medium: what other").optional().show(visit, faults))
        (boxes(visit, ("after_use", &w("使用後の措置", "After use")), &measures(), both))
        (line("after_use_other", "使用後の措置：その他の内容", "After use: what other").optional().show(visit, faults))
        (line("period_from", "使用期間：最初の日", "Period of use: first day").hint(day_hint()).show(visit, faults))
        (line("period_until", "使用期間：最後の日", "Period of use: last day").show(visit, faults))
        (line("execution_from", "実施日：最初の日", "Execution: first day").hint(day_hint()).show(visit, faults))
        (line("execution_until", "実施日：最後の日", "Execution: last day")
            .hint(w("空欄なら、最初の日だけです。", "Without one only the first day.")).optional().show(visit, faults))
        (area("remarks", "備考", "Remarks", None, false))
        (area("attachments", "添付資料", "Attachments", Some(attached_hint), false))
        h2 { (visit.t("提供と抽出", "What is handed over")) }
        (line("after_use_due", "使用後の措置の期日", "After-use measure due on").hint(day_hint()).show(visit, faults))
        (boxes(visit, ("form", &w("提供方法", "Handed over as")), &forms, both))
        (boxes(visit, ("legal_class", &w("法令上の区分（判断は申請者が行います）", "Legal class (you decide)")), &classes, both))
        (line("executions_max", "実施する回数", "How often it is made").show(visit, faults))
        (area("extraction", "抽出の条件", "What is extracted", Some(w(
            "何をどう加工して抽出するかの条件です。システム運用者から受け取った文をそのまま貼り付けてください。",
            "What is extracted and how. Paste the text that the system operator gave you.",
        )), true))
        (form::hidden("replaces", fields.raw("replaces")))
        (form::hidden("seen", fields.raw("seen")))
        (form::button("main", visit.t("内容の確認へ進む", "Look it over")))
    };
    html! {
        (faults.summary(visit))
        (form::form(visit, "/console/permits/new", &inside))
    }
}

/// The form as it was filled in for a permit.
fn filled(row: &PermitRow) -> Fields {
    let content = &row.permit.content;
    let attached = content.attachments.iter().map(|one| format!("{} {}", hex::encode(one.sha256), one.name));
    let other = |words: Option<&str>| words.unwrap_or_default().to_owned();
    let pairs = [
        ("subject", content.subject.clone()),
        ("purpose", content.purpose.clone()),
        ("processing", content.processing.clone()),
        ("medium", content.medium.word().to_owned()),
        ("medium_other", other(content.medium.other())),
        ("after_use", content.after_use.word().to_owned()),
        ("after_use_other", other(content.after_use.other())),
        ("after_use_due", content.after_use_due.to_string()),
        ("period_from", content.period.0.to_string()),
        ("period_until", content.period.1.to_string()),
        ("execution_from", content.execution.0.to_string()),
        ("execution_until", content.execution.1.to_string()),
        ("remarks", content.remarks.clone()),
        ("attachments", attached.collect::<Vec<_>>().join("\n")),
        ("form", content.form.word().to_owned()),
        ("legal_class", content.legal_class.word().to_owned()),
        ("executions_max", content.executions_max.to_string()),
        ("extraction", content.extraction.clone()),
        ("replaces", row.permit.number.clone()),
        ("seen", hex::encode(permits::version(row))),
    ];
    Fields::new(pairs.map(|(name, value)| (name.to_owned(), value)).to_vec())
}

/// `GET /console/permits/new`.
pub(super) async fn page(
    axum::Extension(visit): At,
    Query(asked): Query<Asked>,
) -> Result<Response, Refused> {
    let fields = match &asked.replaces {
        Some(number) => filled(&permits::show(&visit.desk.catalog, number, visit.actor()?).await?),
        None => Fields::new(vec![("executions_max".to_owned(), "1".to_owned())]),
    };
    let body = render(&visit, &fields, &Faults::default());
    Ok(Sheet::new(title(&fields), body).show(&visit))
}

/// Lines end as browsers send them; what is approved has one form.
fn lines(fields: &Fields, name: &str) -> String {
    fields.raw(name).replace("\r\n", "\n").trim().to_owned()
}

fn read_day(fields: &Fields, name: &'static str, faults: &mut Faults) -> Option<Day> {
    let found = form::day(fields.raw(name));
    if found.is_none() {
        let words = w(
            "日付を 令和8年12月1日 または 2026-12-01 のように入力してください。",
            "Give a date such as 2026-12-01.",
        );
        faults.add(name, words);
    }
    found
}

fn read_attachments(fields: &Fields, faults: &mut Faults) -> Vec<Attachment> {
    let mut found = Vec::new();
    for line in lines(fields, "attachments").lines().filter(|line| !line.trim().is_empty()) {
        let (digest, name) = line.trim().split_once(char::is_whitespace).unwrap_or_default();
        match digest_of_hex(digest) {
            Some(sha256) => found.push(Attachment { name: name.trim().to_owned(), sha256 }),
            None => {
                let words = w(
                    "添付資料は1行に1件、SHA-256（64桁の16進数）、空白、名前の順に入力してください。",
                    "One attachment a line: 64 hexadecimal digits, a space, its name.",
                );
                faults.add("attachments", words);
                return found;
            }
        }
    }
    found
}

fn read(visit: &Visit, applicant: AccountId, fields: &Fields) -> Result<PermitContent, Faults> {
    let mut faults = Faults::default();
    let choose = |ja: &str, en: &str| w(format!("{ja}を選んでください。"), format!("Choose {en}."));
    let medium = Medium::of_word(fields.raw("medium"), &fields.text("medium_other"));
    if medium.is_none() {
        faults.add("medium", choose("保存媒体", "a medium"));
    }
    let after_use = AfterUse::of_word(fields.raw("after_use"), &fields.text("after_use_other"));
    if after_use.is_none() {
        faults.add("after_use", choose("使用後の措置", "what becomes of it after use"));
    }
    let period =
        (read_day(fields, "period_from", &mut faults), read_day(fields, "period_until", &mut faults));
    let first = read_day(fields, "execution_from", &mut faults);
    let last = if fields.plain("execution_until").is_empty() {
        first
    } else {
        read_day(fields, "execution_until", &mut faults)
    };
    let due = read_day(fields, "after_use_due", &mut faults);
    let form = Form::of_word(fields.raw("form"));
    if form.is_none() {
        faults.add("form", choose("提供方法", "how it is handed over"));
    }
    let class = LegalClass::of_word(fields.raw("legal_class"));
    if class.is_none() {
        faults.add("legal_class", choose("法令上の区分", "a legal class"));
    }
    let times = fields.plain("executions_max").parse::<u32>().ok();
    if times.is_none() {
        faults.add("executions_max", missing("実施する回数", "how often it is made"));
    }
    let attachments = read_attachments(fields, &mut faults);
    let all =
        (medium.zip(after_use), period.0.zip(period.1), first.zip(last), due.zip(times), form.zip(class));
    let (Some((medium, after_use)), Some(period), Some(execution), Some((due, times)), Some((form, class))) =
        all
    else {
        return Err(faults);
    };
    let content = PermitContent {
        applied_on: permits::zone().day_of(visit.now),
        applicant,
        subject: fields.text("subject"),
        purpose: lines(fields, "purpose"),
        processing: lines(fields, "processing"),
        medium,
        after_use,
        after_use_due: due,
        period,
        execution,
        remarks: lines(fields, "remarks"),
        attachments,
        form,
        legal_class: class,
        executions_max: times,
        extraction: lines(fields, "extraction") + "\n",
    };
    for problem in content.problems() {
        let field = match problem.field() {
            "period" => "period_until",
            "execution" => "execution_from",
            field => field,
        };
        faults.add(field, w(problem.japanese(), format!("{problem}.")));
    }
    check_extraction(&content, &visit.desk.datasets, &mut faults);
    if faults.is_empty() { Ok(content) } else { Err(faults) }
}

/// Whether a program would carry it out, asked while the form can still be mended.
fn check_extraction(content: &PermitContent, datasets: &[String], faults: &mut Faults) {
    if !faults.is_of("extraction")
        && let Err(problem) = extracts::check(content, datasets)
    {
        faults.add("extraction", w(problem.japanese(), format!("{problem}.")));
    }
}

fn again(visit: &Visit, fields: &Fields, faults: &Faults) -> Response {
    Sheet::faulty(title(fields), render(visit, fields, faults)).show(visit)
}

/// `POST /console/permits/new`: the page before it is sent.
pub(super) async fn confirm(axum::Extension(visit): At, Sent(fields): Sent) -> Result<Response, Refused> {
    let content = match read(&visit, visit.account()?.clone(), &fields) {
        Ok(content) => content,
        Err(faults) => return Ok(again(&visit, &fields, &faults)),
    };
    let inside = html! {
        @for name in FIELDS { (form::hidden(name, fields.raw(name))) }
        div class="buttons" {
            (form::button("main", visit.t("この内容で申請する", "Apply")))
            a class="button plain" href="/console/permits" { (visit.t("申請せずに戻る", "Go back without applying")) }
        }
    };
    let body = html! {
        p class="lead" { (visit.t("次の内容で申請します。よろしいですか。", "You are about to apply for this.")) }
        @if !fields.raw("replaces").is_empty() {
            p class="warning" {
                (visit.t(
                    "内容を変更すると、これまでの承認は無効になり、もう一度承認が必要です。",
                    "With the change an approval counts no more: it has to be approved again.",
                ))
            }
        }
        (content_facts(&visit, &content))
        (form::form(&visit, "/console/permits", &inside))
    };
    Ok(Sheet::new(w("申請内容の確認", "Look it over"), body).show(&visit))
}

/// `POST /console/permits`.
pub(super) async fn make(axum::Extension(visit): At, Sent(fields): Sent) -> Result<Response, Refused> {
    let content = match read(&visit, visit.account()?.clone(), &fields) {
        Ok(content) => content,
        Err(faults) => return Ok(again(&visit, &fields, &faults)),
    };
    let (catalog, datasets, by) = (&visit.desk.catalog, &visit.desk.datasets, visit.actor()?);
    by.check(Act::ApplyPermit)?;
    let number = match fields.raw("replaces") {
        "" => permits::apply((catalog, datasets), &content, by, visit.now).await?,
        number => {
            let seen = hex::decode(fields.raw("seen")).ok().and_then(|bytes| bytes.try_into().ok());
            let seen = seen.ok_or_else(|| DeskError::Stale(number.to_owned()))?;
            permits::change((catalog, datasets), number, (&content, Seen::Version(seen)), by, visit.now)
                .await?;
            number.to_owned()
        }
    };
    Ok(Redirect::to(&format!("/console/permits/{number}/applied")).into_response())
}

/// `GET /console/permits/{id}/applied`: the number, and what comes next.
pub(super) async fn applied(axum::Extension(visit): At, Path(id): Path<String>) -> Result<Response, Refused> {
    let row = permits::show(&visit.desk.catalog, &id, visit.actor()?).await?;
    let number = &row.permit.number;
    let body = html! {
        p class="lead" {
            (visit.t("申請しました。許可番号：", "Applied for. Number: ")) strong class="number" { (number) }
        }
        p {
            (visit.t(
                "サービス運用者（申請者以外）の承認をお待ちください。承認されるまで、データは提供されません。",
                "It waits for a service operator other than you; nothing is handed over before it is approved.",
            ))
        }
        p {
            a class="button plain" href={ "/console/permits/" (number) "/page" } { (visit.t("申請書を印刷用に開く", "Open the page to print")) }
            " " a class="button plain" href={ "/console/permits/" (number) } { (visit.t("許可の画面へ", "To the permit")) }
        }
    };
    Ok(Sheet::new(w("申請を受け付けました", "Applied"), body).show(&visit))
}
