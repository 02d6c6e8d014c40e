//! The runbooks (手順書, 第22条2項) as pages: the text of this program, which is what `kura runbook` prints.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Alignment, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::layout::Sheet;
use super::refused::Refused;
use super::visit::{At, Visit};
use super::words::w;
use crate::workflows::alarms::AlarmCode;
use crate::workflows::runbooks;

/// Where the runbook of an alarm is.
pub(super) fn of_alarm(code: AlarmCode) -> String {
    format!("/console/runbooks/{}", code.word())
}

/// `GET /console/runbooks`.
pub(super) async fn list(axum::Extension(visit): At) -> Result<Response, Refused> {
    let is_alarm = |name: &&str| AlarmCode::ALL.into_iter().any(|code| code.word() == *name);
    let (alarms, others): (Vec<_>, Vec<_>) = runbooks::names().partition(is_alarm);
    let body = html! {
        p {
            (visit.t(
                "警報と災害のときにすることです。ネットワークのない所では、kura runbook で同じ文を読めます。",
                "What to do about each alarm and disaster, in Japanese. `kura runbook` prints the same without a network.",
            ))
        }
        p { a href={ "/console/runbooks/" (runbooks::OVERVIEW) } { (visit.t("一覧表と連絡の順を見る", "The overview, and who is told in which order")) } }
        h2 { (visit.t("災害、復旧、設置の手順書", "Disasters, recovery, installation")) }
        (links(&others))
        h2 { (visit.t("警報の手順書", "One for each alarm")) }
        (links(&alarms))
    };
    Ok(Sheet::new(w("手順書", "Runbooks"), body).show(&visit))
}

fn links(names: &[&'static str]) -> Markup {
    html! {
        ul class="rows" lang="ja" {
            @for name in names { li { a href={ "/console/runbooks/" (name) } { (runbooks::title(name)) } } }
        }
    }
}

/// `GET /console/runbooks/{id}`.
pub(super) async fn one(axum::Extension(visit): At, Path(name): Path<String>) -> Result<Response, Refused> {
    let text = runbooks::text(&name).ok_or_else(Refused::not_found)?;
    let (title, text) = headed(text);
    let body = html! {
        div lang="ja" { (page(&visit, text)) }
        p { a class="button plain" href="/console/runbooks" { (visit.t("一覧へ戻る", "Back to the list")) } }
    };
    Ok(Sheet::new(w(title, title), body).show(&visit))
}

/// The first heading, which is the page's title, and the rest.
fn headed(text: &str) -> (&str, &str) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    first.strip_prefix("# ").map_or(("", text), |title| (title, rest))
}

fn page(visit: &Visit, text: &str) -> Markup {
    PreEscaped(rendered(text, visit.t("表", "Table")))
}

/// Markdown as HTML. HTML in the text is shown as it is written, a link to another runbook leads to its page, any other link
/// is its words alone, and a table that is too wide can be scrolled.
fn rendered(text: &str, table: &str) -> String {
    let scroll = format!("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{table}\">");
    let mut kept = Vec::new();
    // Whether each link that is open is kept.
    let mut open = Vec::new();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Html(raw) | Event::InlineHtml(raw) => kept.push(Event::Text(raw)),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let address = address_of(&dest_url);
                open.push(address.is_some());
                let to = |address: String| Tag::Link { link_type, dest_url: address.into(), title, id };
                kept.extend(address.map(|address| Event::Start(to(address))));
            }
            Event::End(TagEnd::Link) => {
                if open.pop() == Some(true) {
                    kept.push(Event::End(TagEnd::Link));
                }
            }
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
            Event::Start(Tag::Table(columns)) => {
                kept.push(Event::Html(scroll.clone().into()));
                // An alignment would be written as a style, which the policy of the pages forbids.
                kept.push(Event::Start(Tag::Table(vec![Alignment::None; columns.len()])));
            }
            Event::End(TagEnd::Table) => {
                kept.extend([Event::End(TagEnd::Table), Event::Html("</div>".into())]);
            }
            // The page has one heading of the first level, its title.
            Event::Start(Tag::Heading { level: HeadingLevel::H1, id, classes, attrs }) => {
                kept.push(Event::Start(Tag::Heading { level: HeadingLevel::H2, id, classes, attrs }));
            }
            Event::End(TagEnd::Heading(HeadingLevel::H1)) => {
                kept.push(Event::End(TagEnd::Heading(HeadingLevel::H2)));
            }
            other => kept.push(other),
        }
    }
    let mut page = String::new();
    pulldown_cmark::html::push_html(&mut page, kept.into_iter());
    page.replace("<th>", "<th scope=\"col\">")
}

/// The page of another runbook that a link names.
fn address_of(link: &str) -> Option<String> {
    let (path, _) = link.split_once('#').unwrap_or((link, ""));
    let name = path.strip_suffix(".md")?;
    runbooks::text(name).map(|_| format!("/console/runbooks/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_between_runbooks_lead_anywhere_and_no_html_of_the_text_is_html() {
        let text = "[復旧](restore.md)、[節](keys.md#a)、[運用](../operations.md)、[外](https://example.org/)、[x](javascript:alert(1).md)\n\n\
                    <script>alert(1)</script>\n\nここ<b>も</b>、`<I>`\n\n![絵](x.png)\n\n| a | b |\n|---:|---|\n| 1 | 2 |\n";
        let page = rendered(text, "表");
        for part in [
            "<a href=\"/console/runbooks/restore\">復旧</a>",
            "<a href=\"/console/runbooks/keys\">節</a>",
            "、運用、外、x",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "ここ&lt;b&gt;も&lt;/b&gt;",
            "<code>&lt;I&gt;</code>",
            "<th scope=\"col\">a</th>",
            "</table>",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        for part in ["<script", "<b>", "<img", "javascript", "example.org", " style="] {
            assert!(!page.contains(part), "{part} in {page}");
        }
    }

    #[test]
    fn every_runbook_is_a_page_whose_commands_stand_as_they_are_typed() {
        for name in runbooks::names().chain([runbooks::OVERVIEW]) {
            let (title, text) = headed(runbooks::text(name).unwrap());
            let page = rendered(text, "表");
            assert!(
                !title.is_empty()
                    && !page.contains("<h1")
                    && !page.contains("](")
                    && !page.contains(" style="),
                "{name}: {page}"
            );
            assert_eq!(page.matches("<table").count(), page.matches("class=\"scroll\"").count(), "{name}");
        }
        assert!(
            rendered(headed(runbooks::text("backup-missed").unwrap()).1, "表").contains("kura store probe")
        );
    }
}
