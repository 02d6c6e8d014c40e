//! Notices as iCalendar (RFC 5545): UID for ever, SEQUENCE for each revision, one event for each span of time.
//!
//! Written by hand because the `icalendar` crate writes no VTIMEZONE. A notice of one span is one event. A notice of work
//! that comes again gives one event for each occurrence that is planned, because a rule could not leave out the ones that
//! were cancelled, moved or not announced in time; users who want stops only ask for `?impact=full`.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use crate::domain::notice::NoticeStatus;
use crate::domain::occurrence::{Occurrence, OccurrenceState};
use crate::domain::time::{Instant, Zone};
use crate::workflows::notices::{self, Posted, is_dated};

use super::cached;
use super::calendar_lines::{add, escaped, quoted, time_zone, utc};
use super::feeds::address;
use crate::web::problem::Problem;
use crate::web::{SHOWN_MAX, Shared};

/// `?impact=full`: only what stops services.
#[derive(Debug, Deserialize)]
pub(in crate::web) struct Which {
    impact: Option<String>,
}

/// `/notices.ics`.
pub(in crate::web) async fn calendar(
    State(shared): State<Shared>,
    which: Result<Query<Which>, QueryRejection>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let wrong = || {
        Problem::bad_request(
            "impact is full, or is left out",
            "impact は full を指定するか、省略してください。",
        )
    };
    let is_stops_only = match which.map_err(|_| wrong())?.impact.as_deref() {
        None => false,
        Some("full") => true,
        Some(_) => return Err(wrong()),
    };
    let (desk, now) = (shared.desk()?, shared.clock.now());
    let mut board = notices::board(&desk, now, SHOWN_MAX).await?;
    board.notices.retain(|posted| !is_stops_only || posted.row.stops);
    let dates = notices::dates(&desk, now).await?;
    let text = render(&events(&board.notices, &dates), &desk.sender.service, &shared.base);
    Ok(cached::answer(&asked, "text/calendar; charset=utf-8", text, board.changed_at))
}

/// One event.
struct Event<'a> {
    posted: &'a Posted,
    /// The part of the UID before the host.
    uid: String,
    span: (Instant, Instant),
    is_cancelled: bool,
}

/// The events of notices, in the order of their start.
fn events<'a>(posted: &'a [Posted], dates: &[Occurrence]) -> Vec<Event<'a>> {
    let mut events = Vec::new();
    for posted in posted {
        let row = &posted.row;
        let is_cancelled = row.status == NoticeStatus::Cancelled;
        if is_dated(posted) {
            let Some(until) = row.work_until else { continue };
            events.push(Event {
                posted,
                uid: row.notice.clone(),
                span: (row.work_from, until),
                is_cancelled,
            });
            continue;
        }
        for found in dates.iter().filter(|found| found.window == row.window) {
            let is_off = matches!(
                found.state,
                OccurrenceState::Cancelled | OccurrenceState::Missed | OccurrenceState::Refused
            );
            let uid = format!("{}-{}", row.notice, found.day);
            events.push(Event { posted, uid, span: found.span, is_cancelled: is_cancelled || is_off });
        }
    }
    events.sort_by(|one, other| (one.span, &one.uid).cmp(&(other.span, &other.uid)));
    events
}

fn render(events: &[Event<'_>], service: &str, base: &str) -> String {
    let mut out = String::new();
    let name = escaped(&format!("{service} お知らせ"));
    for line in [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Kura//notices//JA",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        &format!("X-WR-CALNAME:{name}"),
        &format!("NAME:{name}"),
        "X-WR-TIMEZONE:Asia/Tokyo",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
    ] {
        add(&mut out, line);
    }
    let mut zones: Vec<&Zone> = Vec::new();
    for event in events {
        if !zones.iter().any(|zone| zone.name() == event.posted.zone.name()) {
            zones.push(&event.posted.zone);
        }
    }
    zones.sort_by_key(|zone| zone.name());
    for zone in zones {
        let spans =
            || events.iter().filter(|event| event.posted.zone.name() == zone.name()).map(|event| event.span);
        if let (Some(from), Some(until)) =
            (spans().map(|span| span.0).min(), spans().map(|span| span.1).max())
        {
            time_zone(&mut out, zone, from, until);
        }
    }
    for event in events {
        write(&mut out, event, service, base);
    }
    add(&mut out, "END:VCALENDAR");
    out
}

fn write(out: &mut String, event: &Event<'_>, service: &str, base: &str) {
    let (posted, row) = (event.posted, &event.posted.row);
    let authority = base.split("://").last().unwrap_or(base);
    let host = authority.split(['/', ':']).next().unwrap_or(authority);
    let (zone, name) = (&posted.zone, posted.zone.name());
    for line in [
        "BEGIN:VEVENT",
        &format!("UID:{}@{host}", event.uid),
        &format!("SEQUENCE:{}", row.revision.saturating_sub(1)),
        &format!("DTSTAMP:{}", utc(row.updated_at)),
        &format!("CREATED:{}", utc(row.published_at)),
        &format!("LAST-MODIFIED:{}", utc(row.updated_at)),
        &format!("DTSTART;TZID={name}:{}", zone.basic(event.span.0)),
        &format!("DTEND;TZID={name}:{}", zone.basic(event.span.1)),
        &format!("STATUS:{}", if event.is_cancelled { "CANCELLED" } else { "CONFIRMED" }),
        "TRANSP:TRANSPARENT",
        &format!("ORGANIZER;CN={}:{base}/notices", quoted(service)),
        &format!("CATEGORIES:{}", escaped(row.kind.word())),
        &format!("SUMMARY;LANGUAGE=ja:{}", escaped(&row.words.title)),
        &format!("DESCRIPTION;LANGUAGE=ja:{}", escaped(&row.words.body)),
        &format!("URL:{}", address(posted, base)),
        "END:VEVENT",
    ] {
        add(out, line);
    }
}
