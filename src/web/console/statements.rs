//! The statement of recoverability of an incident (復元可能性の証明): asked for by a form, signed, stored, shown to print.

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::deletion::bench;
use super::form::{self, Faults, Fields, Line};
use super::layout::Sheet;
use super::printed::Printing;
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::w;
use crate::domain::plan::PlanName;
use crate::print;
use crate::web::Shared;
use crate::workflows::incidents;
use crate::workflows::issue_statement::{IssueError, issue};
use crate::workflows::past::PastError;
use crate::workflows::statement::{AsOf, Asked, Checked, StatementError};

/// `GET /console/incidents/{id}/statement`.
pub(super) async fn ask(axum::Extension(visit): At, Path(id): Path<String>) -> Result<Response, Refused> {
    let incident = incidents::look(&visit.desk, &id).await?;
    let fields = Fields::default();
    Ok(page(&visit, (&id, &incident.row.cause.subject), &fields, &Faults::default()))
}

fn page(visit: &Visit, (id, subject): (&str, &str), fields: &Fields, faults: &Faults) -> Response {
    let title = w("復元可能性の証明", "Statement of recoverability");
    let body = html! {
        (faults.summary(visit))
        p {
            (visit.t(
                "どの日の記録に同一の写しがあるかを、保管先で確かめて証明にします。同じデータが他に保管されている場合は、個人データの滅失に該当しません。",
                "Says of which days an identical copy is stored. What is stored elsewhere is not lost (滅失).",
            ))
        }
        (asking(visit, (id, subject), fields, faults))
        p class="note" {
            (visit.t(
                "障害の発生日時（なければ発見日時）より前の、最も新しいスナップショットについて証明します。それがないときは、最も新しいものについて証明します。",
                "It speaks of the newest snapshot from before the incident occurred, or was found; if there is none, of the newest.",
            ))
        }
        p class="note" {
            (visit.t(
                "この画面では、データがそろっているかを確かめます。すべてを読み直す確認や、復旧鍵で開ける確認は、システム管理者が kura incident statement で行います。証明は署名して保管先に残ります。",
                "Here it is checked that everything is there. Reading it all again, or opening it with a recovery key, is `kura incident statement`. The statement is signed and stored.",
            ))
        }
        p { a class="button plain" href={ "/console/incidents/" (id) } { (visit.t("障害の画面へ戻る", "Back")) } }
    };
    let sheet = if faults.is_empty() { Sheet::new(title, body) } else { Sheet::faulty(title, body) };
    sheet.show(visit)
}

fn asking(visit: &Visit, (id, subject): (&str, &str), fields: &Fields, faults: &Faults) -> Markup {
    let plans: Vec<(String, String)> =
        visit.desk.contents.keys().map(|name| (name.clone(), name.clone())).collect();
    if plans.is_empty() {
        return html! { p { (visit.t("計画がありません。", "There is no plan.")) } };
    }
    let typed = fields.raw("plan");
    let chosen = if typed.is_empty() { subject } else { typed };
    let hint = w(
        "例：令和8年11月1日、2026-11-01。空欄なら、すべての日です。",
        "Such as 2026-11-01; all days without one.",
    );
    let line = |name, ja: &str, en: &str| Line::text(name, w(ja, en), fields.raw(name).to_owned()).optional();
    let inside = html! {
        (form::choice(visit, ("plan", &w("対象の計画", "Plan")), &plans, chosen, faults))
        (line("from", "最初の発信日", "First sent day").hint(hint).show(visit, faults))
        (line("to", "最後の発信日", "Last sent day").show(visit, faults))
        (form::button("main", visit.t("確かめて証明を発行する", "Check and issue it")))
    };
    form::form(visit, &format!("/console/incidents/{id}/statement"), &inside)
}

fn read(visit: &Visit, (fields, as_of): (&Fields, AsOf)) -> Result<Asked, Faults> {
    let mut faults = Faults::default();
    let mut day = |name: &'static str| {
        let text = fields.plain(name);
        let found = form::day(&text);
        if found.is_none() && !text.is_empty() {
            let words = w("日付を 2026-11-01 のように入力してください。", "Give a date such as 2026-11-01.");
            faults.add(name, words);
        }
        found
    };
    let (from, to) = (day("from"), day("to"));
    // One day alone is that day.
    let days = from.or(to).zip(to.or(from));
    if days.is_some_and(|(from, to)| to < from) {
        faults.add("to", w("最初の日以後の日にしてください。", "It must not lie before the first day."));
    }
    let plan = fields.plain("plan");
    let plan = visit.desk.contents.contains_key(&plan).then(|| plan.parse::<PlanName>().ok()).flatten();
    if plan.is_none() {
        faults.add("plan", w("計画を選んでください。", "Choose a plan."));
    }
    match plan.filter(|_| faults.is_empty()) {
        Some(plan) => Ok(Asked { plan, days, as_of, paths: Vec::new(), checked: Checked::Presence }),
        None => Err(faults),
    }
}

/// `POST /console/incidents/{id}/statement`: the page to print.
pub(super) async fn send(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
    Path(id): Path<String>,
    printing: Printing,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let incident = incidents::look(&visit.desk, &id).await?;
    let as_of = AsOf::BeforeIfAny(incident.row.occurred_at.unwrap_or(incident.row.found_at));
    let subject = incident.row.cause.subject;
    let asked = match read(&visit, (&fields, as_of)) {
        Ok(asked) => asked,
        Err(faults) => return Ok(page(&visit, (&id, &subject), &fields, &faults)),
    };
    let hosts = [bench(&shared).await?.host, bench(&shared).await?.host, bench(&shared).await?.host];
    let by = visit.account()?.to_string();
    let issued = Box::pin(issue(hosts, &visit.desk.catalog, (asked, &by), &*shared.clock)).await;
    match issued {
        Ok((made, number, digest)) => {
            printing.answer(print::statement::page(&made, &[], Some((number, &digest)))).await
        }
        Err(IssueError::Statement(StatementError::Past(PastError::Nothing(plan)))) => {
            let words = w(
                format!("計画 {plan} のスナップショットがまだ保管されていないため、証明できません。"),
                format!("No snapshot of {plan} is stored: nothing can be said of it."),
            );
            Ok(page(&visit, (&id, &subject), &fields, &Faults::one("plan", words)))
        }
        Err(error) => Err(Refused::internal(&error)),
    }
}
