//! Whether everything is safe, plan by plan, and the alarms: what is wrong, since when, and what to do.

use axum::extract::Query;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{Sheet, badge, facts};
use super::paging::{After, older};
use super::refused::Refused;
use super::runbooks;
use super::visit::{At, Visit};
use super::words::{Lang, Words, grouped, size, w};
use crate::domain::coverage::Exception;
use crate::domain::standing::{Standing, Summary};
use crate::workflows::alarms::AlarmCode;
use crate::workflows::lists::{self, AlarmRow, CoverageRow, LIST_PAGE, ListPlace, Proofs, recorded};

/// A share in per cent with one decimal.
pub(super) fn share(found: &Summary) -> Option<String> {
    found.permille().map(|permille| format!("{}.{}%", permille.div_euclid(10), permille.rem_euclid(10)))
}

/// The answer, as a word in a frame.
fn standing(visit: &Visit, standing: Standing) -> Markup {
    let (class, ja, en) = match standing {
        Standing::Proved => ("good", "✓ 証明済み", "✓ proved"),
        Standing::NoPlan => ("unknown", "－ 計画なし", "- no plan"),
        Standing::PastDue => ("unknown", "△ 期限を過ぎたものあり", "! something past its time"),
        Standing::Old => ("unknown", "？ 証明が古い", "? proof too old"),
        Standing::Unproved => ("unknown", "？ 未証明", "? never proved"),
        Standing::Broken => ("bad", "✕ 例外あり", "✕ exceptions"),
    };
    badge(class, visit.t(ja, en))
}

/// `GET /console/coverage`.
pub(super) async fn coverage(axum::Extension(visit): At) -> Result<Response, Refused> {
    let proofs = lists::coverage(&visit.desk, visit.actor()?, visit.now).await?;
    let found = lists::standing(&proofs, visit.now);
    let body = html! {
        p {
            (visit.t(
                "1年以内の記録がすべて保管先にそろっているか、期限を過ぎたものが残っていないかを、最後に確かめた結果です。",
                "Whether everything inside its year is in the store, and nothing past it: what the last check found.",
            ))
        }
        (facts(&summed(&visit, &found)))
        h2 { (visit.t("計画ごとの証明", "Each plan")) }
        @if proofs.is_empty() { p { (visit.t("計画がありません。", "There is no plan.")) } }
        @else {
            div class="scroll" tabindex="0" role="region" aria-label=(visit.t("計画ごとの証明", "Each plan")) {
                table {
                    thead { tr {
                        th scope="col" { (visit.t("計画", "Plan")) }
                        th scope="col" { (visit.t("状態", "State")) }
                        th scope="col" { (visit.t("そろっている日数", "Days that are whole")) }
                        th scope="col" { (visit.t("データ量", "Size")) }
                        th scope="col" { (visit.t("確かめた日時", "Checked")) }
                    } }
                    tbody { @for (plan, row) in &proofs { (plan_row(&visit, plan, row.as_ref())) } }
                }
            }
            (exceptions(&visit, &proofs))
        }
        p class="note" {
            (visit.t(
                "この画面は記録の表示です。今すぐ確かめるには、システム管理者が kura coverage を実行します。欠けているものの名前は kura verify が示します。",
                "This page shows what is recorded. To prove it now the administrator runs `kura coverage`; `kura verify` names each object.",
            ))
        }
    };
    Ok(Sheet::new(w("保管状況の証明", "Coverage"), body).show(&visit))
}

fn summed(visit: &Visit, found: &Summary) -> Vec<(String, Markup)> {
    let days = format!("{} / {}", grouped(found.whole), grouped(found.alive));
    let proved = found.proved_at.map_or_else(
        || visit.t("まだ証明されていない計画があります", "a plan was never proved").to_owned(),
        |at| visit.lang.moment(at),
    );
    let rows = [
        (visit.t("状態", "State"), standing(visit, found.standing)),
        (
            visit.t("そろっている日数", "Days that are whole"),
            html! { (days) @if let Some(share) = share(found) { " (" (share) ")" } },
        ),
        (
            visit.t("例外", "Exceptions"),
            html! {
                @if found.proved_at.is_some() || found.exceptions > 0 {
                    (grouped(found.exceptions)) (visit.t("件", ""))
                } @else { "-" }
            },
        ),
        (visit.t("すべてを最後に確かめた日時", "All of it last checked"), html! { (proved) }),
    ];
    rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn plan_row(visit: &Visit, plan: &str, row: Option<&CoverageRow>) -> Markup {
    let found = crate::domain::standing::summary(&[row.map(recorded)], visit.now);
    html! {
        tr {
            th scope="row" { a href={ "/console/restore-points?plan=" (plan) } { (plan) } }
            td { (standing(visit, found.standing)) }
            @if let Some(row) = row {
                td class="count" { (grouped(row.whole)) " / " (grouped(row.alive)) }
                td class="count" { (size(row.bytes)) }
                td { (visit.lang.moment(row.checked_at)) " (" (visit.lang.ago(row.checked_at, visit.now)) ")" }
            } @else {
                td class="count" { "-" }
                td class="count" { "-" }
                td { (visit.t("まだありません", "never")) }
            }
        }
    }
}

fn exceptions(visit: &Visit, proofs: &Proofs) -> Markup {
    let known = proofs.iter().filter_map(|(plan, row)| Some((plan, row.as_ref()?)));
    let bad: Vec<(&String, &CoverageRow)> = known.filter(|(_, row)| !row.exceptions.is_empty()).collect();
    let is_known = proofs.values().all(Option::is_some);
    html! {
        h2 { (visit.t("例外", "Exceptions")) }
        @if bad.is_empty() && is_known { p { (visit.t("ありません。", "None.")) } }
        @if !is_known {
            p { (visit.t("まだ証明されていない計画については、わかりません。", "Of plans that were never proved nobody knows.")) }
        }
        ul class="rows" {
            @for (plan, row) in bad {
                @for code in &row.exceptions {
                    li {
                        strong { (plan) } " — "
                        @match (Exception::sentences(code), visit.lang) {
                            (Some((ja, _)), Lang::Ja) => (ja),
                            (Some((_, en)), Lang::En) => (en),
                            (None, _) => "",
                        }
                        @if code == "cohort-damaged" {
                            " (" (grouped(row.alive.saturating_sub(row.whole))) (visit.t("日分", " days")) ")"
                        }
                        " " code { (code) }
                    }
                }
            }
        }
    }
}

/// What somebody does about an alarm.
#[expect(clippy::too_many_lines, reason = "it is a table")]
pub(super) fn advice(code: AlarmCode) -> Words {
    match code {
        AlarmCode::BackupMissed => w(
            "システム管理者が原因を確かめ、臨時のバックアップを取得します。",
            "The administrator finds the cause and takes a snapshot by hand.",
        ),
        AlarmCode::SnapshotOld => w(
            "システム管理者が、実行の記録と保管先の状態を確かめます。",
            "The administrator looks at the runs and at the store.",
        ),
        AlarmCode::SnapshotPartial => w(
            "システム管理者が、実行報告で読めなかったものを確かめ、読めるようにします。",
            "The administrator looks into the run's report and makes readable what was not.",
        ),
        AlarmCode::RunRefused => w(
            "実施回の画面で理由を確かめます。やむを得ないときは、運用管理責任者が緊急実施を判断します。",
            "The occurrence's page says why. If it cannot wait, the operations manager decides about a break-glass.",
        ),
        AlarmCode::ApprovalLapsed => w(
            "システム管理者がもう一度申請し、サービス運用者が承認します。",
            "The administrator asks again, and the service operator approves.",
        ),
        AlarmCode::NoticeNotReadable => w(
            "公開ページを開いて、お知らせを閲覧できるか確かめます。閲覧できないままでは実施されません。",
            "Open the public page and see whether the notice is there; without it nothing runs.",
        ),
        AlarmCode::NoticeUndelivered => w(
            "ポータルの担当者に連絡し、お知らせを手で掲載するか判断します。",
            "Tell whoever keeps the portal, and decide whether to post the notice by hand.",
        ),
        AlarmCode::ServiceStopped => w(
            "すぐにシステム管理者に連絡し、サービスを動かします。",
            "Tell the administrator at once and start the service.",
        ),
        AlarmCode::BreakGlass => w(
            "サービス運用者が、実施回の画面で理由と結果を確かめ、報告の確認を入力します。",
            "The service operator reads reason and result on the occurrence's page and confirms the report.",
        ),
        AlarmCode::DeletionOverdue => w(
            "システム管理者が消去の計画を確かめ、承認を受けて実行します（kura expire plan）。",
            "The administrator looks at what is due, has it approved and runs it (`kura expire plan`).",
        ),
        AlarmCode::DeletionStopped => w(
            "システム管理者が時計と消去の計画を確かめます。直るまで何も消去されません。",
            "The administrator looks at the clock and at what is due; nothing is deleted until it is settled.",
        ),
        AlarmCode::SourceChangedSuddenly => w(
            "すぐに対象のシステムを確かめます。攻撃が疑われるときは、まずネットワークから切り離します（kura runbook ransomware）。",
            "Look at the protected system at once; if it may be an attack, take it off the network first (`kura runbook ransomware`).",
        ),
        AlarmCode::PlanUnreadable => w(
            "システム管理者が kura plan check で確かめ、計画のファイルを控えから元の内容に戻します。",
            "The administrator looks with `kura plan check` and puts the plan's file back as it was.",
        ),
        AlarmCode::ClockWrong => w(
            "システム管理者が、このマシンの日付と時刻、時刻合わせの状態を確かめます。正しくなるまで、消去は行われません。",
            "The administrator looks at the date and at how the clock is set; nothing is deleted until it is right.",
        ),
        AlarmCode::DrillOverdue => w(
            "システム管理者が復旧鍵を用意し、訓練を行います（kura drill、kura key drill）。",
            "The administrator fetches a recovery key and does the drill (`kura drill`, `kura key drill`).",
        ),
        AlarmCode::LockNotEnforced => w(
            "システム管理者が、バケットの設定と、消去に使う認証情報の権限をすぐに確かめます。",
            "The administrator looks at once at the bucket's settings and at what the deleting credential may do.",
        ),
        AlarmCode::LockWrong => w(
            "システム管理者が kura coverage で内容を確かめ、書き込みに使う認証情報と計画の変更を調べます。",
            "The administrator looks with `kura coverage`, then at the writing credential and at changes of the plan.",
        ),
        AlarmCode::AfterUseOverdue => w(
            "申請者に使用後の措置を確かめ、許可の画面で確認を入力します。確認されるまで、同じ申請者は新しく申請できません。",
            "Ask the applicant, then confirm the measure on the permit's page; until then he cannot apply again.",
        ),
        AlarmCode::StoredDataDamaged => w(
            "システム管理者が kura verify で欠けたものを確かめ、写しから直すか、復元できる範囲を証明します。",
            "The administrator looks with `kura verify`, heals from the second store or states what can be restored.",
        ),
        AlarmCode::TargetDown => w(
            "システム管理者が「稼働監視」の画面で何が応答しないかを確かめ、対象を復旧します。",
            "The administrator sees on the monitoring page what does not answer, and mends it.",
        ),
        AlarmCode::MonitoringStopped => w(
            "システム管理者が kura monitor check で、このマシンから確認できない理由を調べます。",
            "The administrator finds out with `kura monitor check` why this machine cannot ask.",
        ),
        AlarmCode::LogReviewOverdue => w(
            "システム管理者が「稼働監視」の画面で集計結果を読み、確認を入力します。",
            "The administrator reads what was counted on the monitoring page, and confirms it.",
        ),
        AlarmCode::ServiceByHand => w(
            "サービスを止めるか動かすかして、「サービス」の画面で確認を入力します。",
            "Stop or start the service, then confirm it on the page of services.",
        ),
    }
}

/// `GET /console/alarms`.
pub(super) async fn alarms(
    axum::Extension(visit): At,
    Query(after): Query<After>,
) -> Result<Response, Refused> {
    let (desk, by) = (&visit.desk, visit.actor()?);
    let open = if after.is_first() {
        lists::alarms(desk, by, &ListPlace::newest(), "open", LIST_PAGE).await?.rows
    } else {
        Vec::new()
    };
    let cleared = lists::alarms(desk, by, &after.place(), "cleared", LIST_PAGE).await?;
    let body = html! {
        @if after.is_first() {
            h2 { (visit.t("続いている警報", "Alarms that last")) }
            @if open.is_empty() { p { (visit.t("ありません。", "None.")) } }
            ul class="rows" { @for row in &open { (alarm(&visit, row)) } }
        }
        h2 { (visit.t("解消した警報", "Mended")) }
        @if cleared.rows.is_empty() { p { (visit.t("ありません。", "None.")) } }
        ul class="rows" { @for row in &cleared.rows { (alarm(&visit, row)) } }
        (older(&visit, "/console/alarms", None, cleared.next.as_ref()))
        p class="note" {
            (visit.t(
                "警報は、原因が解消すると自動的に終わります。詳しい手順は、警報ごとの手順書にあります。",
                "An alarm ends by itself when its cause is mended. Each has a runbook with all the steps.",
            ))
            " " a href="/console/runbooks" { (visit.t("手順書の一覧", "All runbooks")) }
        }
    };
    Ok(Sheet::new(w("警報", "Alarms"), body).show(&visit))
}

/// The sentence of an alarm, in the language of the visit.
pub(super) fn sentence<'a>(visit: &Visit, row: &'a AlarmRow) -> &'a str {
    match visit.lang {
        Lang::Ja => &row.alarm.japanese,
        Lang::En => &row.alarm.english,
    }
}

fn alarm(visit: &Visit, row: &AlarmRow) -> Markup {
    let since = row.alarm.since;
    html! {
        li {
            p {
                @if row.cleared_at.is_none() { (badge("bad", visit.t("✕ 対応が必要", "✕ look after this"))) }
                @else { (badge("good", visit.t("✓ 解消", "✓ mended"))) }
                " " strong { (sentence(visit, row)) }
            }
            p {
                (visit.t("発生：", "Since: ")) (visit.lang.moment(since)) " (" (visit.lang.ago(since, visit.now)) ")"
                @if let Some(at) = row.cleared_at { " / " (visit.t("解消：", "Mended: ")) (visit.lang.moment(at)) }
            }
            @if row.cleared_at.is_none() {
                p { (visit.t("すること：", "What to do: ")) (visit.words(&advice(row.alarm.code))) }
                p class="alone" { a href=(runbooks::of_alarm(row.alarm.code)) { (visit.t("手順書：", "Runbook: ")) (row.alarm.code.word()) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_has_advice_and_a_runbook() {
        let above = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let runbooks =
            above.map(|folder| folder.join("docs/runbooks")).find(|folder| folder.is_dir()).unwrap();
        for code in AlarmCode::ALL {
            let words = advice(code);
            assert!(words.of(Lang::Ja).ends_with('。') && words.of(Lang::En).ends_with('.'), "{code:?}");
            assert!(runbooks.join(format!("{}.md", code.word())).exists(), "{code:?}");
        }
    }
}
