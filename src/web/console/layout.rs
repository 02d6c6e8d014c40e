//! The frame of every page: head, menu, one heading, footer with how long the session lasts.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};

use super::form;
use super::refused::Refused;
use super::visit::Visit;
use super::words::{Lang, Words, w};
use crate::domain::role::Act;

/// A page before it has its frame.
pub(super) struct Sheet {
    /// Its heading.
    pub(super) title: Words,
    /// What stands in it.
    pub(super) body: Markup,
    /// The status of the answer.
    pub(super) status: StatusCode,
    /// After how many seconds it is asked for again.
    pub(super) refresh: Option<u32>,
}

impl Sheet {
    /// A page that went well.
    pub(super) const fn new(title: Words, body: Markup) -> Self {
        Self { title, body, status: StatusCode::OK, refresh: None }
    }

    /// A form with faults.
    pub(super) const fn faulty(title: Words, body: Markup) -> Self {
        Self { title, body, status: StatusCode::UNPROCESSABLE_ENTITY, refresh: None }
    }

    /// The page in its frame.
    pub(super) fn show(self, visit: &Visit) -> Response {
        (self.status, Html(frame(visit, &self).into_string())).into_response()
    }
}

/// The menu: address, words, and the right that it needs.
fn menu(visit: &Visit) -> Vec<(&'static str, Words)> {
    let entries = [
        ("/console", w("ホーム", "Home"), Act::Read),
        ("/console/calendar", w("カレンダー", "Calendar"), Act::Read),
        ("/console/windows", w("実施時間帯", "Windows"), Act::Read),
        ("/console/runs", w("実行", "Runs"), Act::Read),
        ("/console/extracts", w("抽出", "Extracts"), Act::ReadPermits),
        ("/console/restore-points", w("復元できる時点", "Restore points"), Act::Read),
        ("/console/services", w("サービス", "Services"), Act::Read),
        ("/console/coverage", w("保管状況", "Coverage"), Act::Read),
        ("/console/deletion", w("消去", "Deletion"), Act::Read),
        ("/console/permits", w("使用許可", "Permits"), Act::ReadPermits),
        ("/console/alarms", w("警報", "Alarms"), Act::Read),
        ("/console/incidents", w("障害", "Incidents"), Act::Read),
        ("/console/runbooks", w("手順書", "Runbooks"), Act::Read),
        ("/console/monitoring", w("稼働監視", "Monitoring"), Act::Read),
        ("/console/works", w("受入・維持管理", "Work"), Act::Read),
        ("/console/notices", w("お知らせ", "Notices"), Act::Read),
        ("/console/accounts", w("アカウント", "Accounts"), Act::ManageAccounts),
        ("/console/audit", w("監査記録", "Audit log"), Act::ReadAudit),
    ];
    let allowed = entries.into_iter().filter(|(_, _, act)| visit.may(*act));
    allowed.map(|(address, words, _)| (address, words)).collect()
}

fn is_current(visit: &Visit, address: &str) -> bool {
    let path = visit.uri.path();
    path == address
        || (address != "/console" && path.strip_prefix(address).is_some_and(|rest| rest.starts_with('/')))
}

fn head(lang: Lang, title: &str, refresh: Option<u32>) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="robots" content="noindex";
            @if let Some(seconds) = refresh { meta http-equiv="refresh" content=(seconds); }
            title { (title) " - Kura " (lang.t("管理画面", "console")) }
            link rel="stylesheet" href="/assets/kura.css";
        }
    }
}

/// The link to the same page in the other language.
fn switch(visit: &Visit) -> Markup {
    let (other, text) = match visit.lang {
        Lang::Ja => (Lang::En, "English"),
        Lang::En => (Lang::Ja, "日本語"),
    };
    let query = visit.uri.query().unwrap_or_default();
    let kept = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("lang="));
    let pairs: Vec<String> = kept.map(str::to_owned).chain([format!("lang={}", other.word())]).collect();
    html! {
        a class="switch" href={ (visit.uri.path()) "?" (pairs.join("&")) } lang=(other.word()) hreflang=(other.word()) {
            (text)
        }
    }
}

fn top(visit: &Visit) -> Markup {
    let must_change = visit.session.as_ref().is_some_and(|session| session.must_change);
    html! {
        a class="skip" href="#main" { (visit.t("本文へ移動", "Skip to the content")) }
        header class="top" {
            div class="bar" {
                p class="name" { "Kura " span { (visit.desk.sender.service) } }
                (switch(visit))
                @if let Some(session) = &visit.session {
                    p class="who" {
                        (visit.t("サインイン中：", "Signed in: "))
                        a href="/console/own" { (session.actor.account) }
                        " (" (visit.lang.role(session.actor.role)) ")"
                    }
                    (form::form(visit, "/console/sign-out", &form::button("plain", visit.t("サインアウト", "Sign out"))))
                }
            }
            @if visit.session.is_some() && !must_change {
                nav aria-label=(visit.t("メニュー", "Menu")) {
                    ul {
                        @for (address, words) in menu(visit) {
                            li {
                                a href=(address) aria-current=[is_current(visit, address).then_some("page")] {
                                    (visit.words(&words))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn frame(visit: &Visit, sheet: &Sheet) -> Markup {
    let title = visit.words(&sheet.title);
    html! {
        (DOCTYPE)
        html lang=(visit.lang.word()) {
            (head(visit.lang, title, sheet.refresh))
            body {
                (top(visit))
                main id="main" tabindex="-1" {
                    h1 { (title) }
                    (sheet.body)
                }
                footer {
                    @if let Some(session) = &visit.session {
                        p {
                            @match visit.lang {
                                Lang::Ja => {
                                    "この画面は" (visit.lang.time(session.ends_at))
                                    "まで有効です。それまでに操作がないと、自動的にサインアウトし、入力中の内容は失われます。"
                                }
                                Lang::En => {
                                    "This page is good until " (visit.lang.time(session.ends_at))
                                    ". Without any action until then you are signed out and what you have typed is lost."
                                }
                            }
                        }
                    }
                    p { a href="/notices" { (visit.t("利用者向けのお知らせ", "Public notices")) } }
                }
            }
        }
    }
}

/// The page of a refusal.
pub(super) fn refusal(visit: &Visit, refused: &Refused) -> Response {
    let body = html! {
        p class="lead" { (visit.words(&refused.what)) }
        p { (visit.words(&refused.next)) }
        @if visit.session.is_some() {
            p { a class="button plain" href="/console" { (visit.t("ホームへ戻る", "Back to the first page")) } }
        } @else {
            p { a class="button plain" href="/console/login" { (visit.t("サインインへ", "Sign in")) } }
        }
    };
    let title = w("処理できませんでした", "This was not done");
    Sheet { status: refused.status, ..Sheet::new(title, body) }.show(visit)
}

/// The page of a refusal while nothing can be read: not even who visits.
pub(super) fn bare(refused: &Refused, lang: Lang) -> Response {
    let title = lang.t("処理できませんでした", "This was not done");
    let page = html! {
        (DOCTYPE)
        html lang=(lang.word()) {
            (head(lang, title, None))
            body {
                main id="main" {
                    h1 { (title) }
                    p class="lead" { (refused.what.of(lang)) }
                    p { (refused.next.of(lang)) }
                }
            }
        }
    };
    (refused.status, Html(page.into_string())).into_response()
}

/// A state, never told by colour alone: the word stands in a frame whose line says the same.
pub(super) fn badge(class: &'static str, text: &str) -> Markup {
    html! { span class={ "badge " (class) } { (text) } }
}

/// A list of terms and what is known of each.
pub(super) fn facts(rows: &[(String, Markup)]) -> Markup {
    html! {
        dl class="facts" {
            @for (name, value) in rows {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}
