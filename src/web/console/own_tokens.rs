//! One's own API tokens: the list, making one (shown once), revoking one.

use std::collections::BTreeSet;

use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::form::{self, Faults, Fields, Line};
use super::layout::{Sheet, badge};
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::{Words, w};
use crate::domain::role::{Act, may};
use crate::domain::window::is_one_line;
use crate::workflows::look::TokenRow;
use crate::workflows::tokens::{self, DAYS, DAYS_MAX, NewToken, TokenError};

/// The longest label, characters.
const LABEL_CHARACTERS_MAX: usize = 100;

fn title() -> Words {
    w("ＡＰＩトークン", "API tokens")
}

/// What a right is called.
fn act_words(act: Act) -> Words {
    let ja = match act {
        Act::ReadNotices => "お知らせの全改訂の閲覧",
        Act::Read => "計画・予定・実行の閲覧",
        Act::ReadAudit => "監査記録の閲覧",
        Act::RequestWindow => "実施時間帯の申請と取下げ",
        Act::DecideWindow => "実施時間帯の承認と差戻し",
        Act::BreakGlass => "緊急実施",
        Act::TakeSnapshot => "スナップショットの取得",
        Act::ConfirmService => "手動で止めたサービスの確認",
        Act::EditNotice => "お知らせの訂正と掲載終了",
        Act::ManageAccounts => "アカウントの管理",
        Act::ApproveDeletion => "消去の承認",
        Act::ConfirmDeletion => "消去の確認",
        Act::StandingDeletion => "消去の包括承認",
        Act::RunDeletion => "消去の実行",
        Act::ManageHolds => "保全の設定と解除",
        Act::OrderErasures => "消去の指示とその取消し",
        Act::ReadPermits => "本番データ使用許可の閲覧",
        Act::ApplyPermit => "本番データ使用許可の申請",
        Act::DecidePermit => "本番データ使用許可の承認・差戻し・取消し",
        Act::ExecutePermit => "許可による抽出の実施",
        Act::ClosePermit => "使用後の措置の確認",
        Act::ManageIncidents => "障害の記録と報告",
        Act::KeepRecords => "受入・維持管理の記録とアクセス・ログの確認",
    };
    w(ja, act.phrase())
}

async fn render(visit: &Visit, fields: &Fields, faults: &Faults) -> Result<Markup, Refused> {
    let actor = visit.actor()?;
    let rows = tokens::list(&visit.desk.catalog, actor).await?;
    let mine = rows.into_iter().filter(|row| row.account == actor.account).rev().collect::<Vec<_>>();
    let days = Some(fields.raw("days").to_owned()).filter(|text| !text.is_empty());
    let inside = html! {
        (Line::text("label", w("用途", "What it is for"), fields.raw("label").to_owned()).show(visit, faults))
        (Line::text("days", w("有効日数", "Days that it lasts"), days.unwrap_or_else(|| DAYS.to_string()))
            .hint(w(format!("1日から{DAYS_MAX}日まで"), format!("1 to {DAYS_MAX}"))).show(visit, faults))
        fieldset {
            legend { (visit.t("できること", "What it may be used for")) }
            @for act in Act::ALL.into_iter().filter(|act| may(actor.role, *act)) {
                label class="tick" {
                    input type="checkbox" name=(act.word()) value="1" checked[act == Act::Read];
                    (visit.words(&act_words(act)))
                }
            }
        }
        (form::button("main", visit.t("トークンを作成する", "Make a token")))
    };
    Ok(html! {
        (faults.summary(visit))
        @if mine.is_empty() { p { (visit.t("トークンはありません。", "You have no token.")) } }
        ul class="rows" { @for row in &mine { (token(visit, row)) } }
        h2 { (visit.t("新しいトークン", "A new token")) }
        (form::form(visit, "/console/own/tokens", &inside))
    })
}

fn token(visit: &Visit, row: &TokenRow) -> Markup {
    let is_over = row.revoked_at.is_some() || row.expires_at <= visit.now;
    let inside = html! {
        (form::hidden("id", &row.token))
        (form::button("danger", visit.t("取り消す", "Revoke it")))
    };
    html! {
        li {
            strong { (row.label) } " " code { (row.token) }
            p {
                @if is_over { (badge("unknown", visit.t("－ 無効", "- over"))) }
                @else { (badge("good", visit.t("✓ 有効", "✓ in force"))) }
                " " (visit.lang.moment(row.expires_at)) (visit.t("まで", " is its end"))
            }
            @if !is_over { (form::form(visit, "/console/own/tokens/revoke", &inside)) }
        }
    }
}

/// `GET /console/own/tokens`.
pub(super) async fn list(axum::Extension(visit): At) -> Result<Response, Refused> {
    let body = render(&visit, &Fields::default(), &Faults::default()).await?;
    Ok(Sheet::new(title(), body).show(&visit))
}

/// `POST /console/own/tokens`.
pub(super) async fn make(axum::Extension(visit): At, Sent(fields): Sent) -> Result<Response, Refused> {
    let mut faults = Faults::default();
    let label = fields.text("label");
    if !is_one_line(&label, LABEL_CHARACTERS_MAX) {
        faults.add(
            "label",
            w("用途を1行、100文字以内で入力してください。", "Say what it is for, on one line."),
        );
    }
    let days = fields.plain("days").parse::<u32>().unwrap_or(0);
    let scopes: BTreeSet<Act> = Act::ALL.into_iter().filter(|act| fields.is_set(act.word())).collect();
    if faults.is_empty() {
        // No box ticked: reading only, never everything.
        let scopes = if scopes.is_empty() { BTreeSet::from([Act::Read]) } else { scopes };
        let new = NewToken { account: None, scopes, days, label };
        match tokens::make(&visit.desk.catalog, new, visit.actor()?, visit.now).await {
            Ok(made) => return Ok(shown(&visit, &made)),
            Err(error @ TokenError::Days(_)) => faults.add("days", Refused::from(error).into_words()),
            Err(error) => return Err(error.into()),
        }
    }
    let body = render(&visit, &fields, &faults).await?;
    Ok(Sheet::faulty(title(), body).show(&visit))
}

fn shown(visit: &Visit, made: &tokens::Made) -> Response {
    let body = html! {
        p class="warning" {
            (visit.t("このトークンは今しか表示されません。安全な場所に移してください。", "This token is shown only now. Move it to a safe place."))
        }
        p { code class="secret" { (made.text.as_str()) } }
        p { a class="button main" href="/console/own/tokens" { (visit.t("トークンの一覧へ", "To your tokens")) } }
    };
    Sheet::new(w("トークンを作成しました", "The token was made"), body).show(visit)
}

/// `POST /console/own/tokens/revoke`.
pub(super) async fn revoke(axum::Extension(visit): At, Sent(fields): Sent) -> Result<Response, Refused> {
    tokens::revoke(&visit.desk.catalog, &fields.plain("id"), visit.actor()?, visit.now).await?;
    Ok(Redirect::to("/console/own/tokens").into_response())
}
