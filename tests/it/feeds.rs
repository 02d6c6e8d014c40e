//! The public feeds before parsers that know nothing of Kura, and the holidays before somebody else's list.

use std::path::Path;

use kura::domain::calendar::{Holiday, Holidays};
use kura::domain::time::{Day, Zone};
use kura::domain::window::{Terms, TermsParts, WindowKind};
use kura::workflows::{notices, windows};
use serde_json::Value;

use crate::support::python;
use crate::web::Site;
use crate::windows::{Office, at, terms, tokyo};

/// A work that stops one service on one day.
fn stop(service: &str, day: &str, zone: &Zone) -> Terms {
    let once = terms(WindowKind::Maintenance, "once 2026-12-20 01:00", &[service]);
    let recurrence = format!("once {day} 01:00").parse().expect("a recurrence");
    Terms::new(TermsParts { recurrence, zone: zone.clone(), ..once.parts().clone() }).expect("good terms")
}

/// Notices of every kind, with titles and bodies of every length around the folding of lines.
async fn many() -> Office {
    let (office, noon) = (Office::new().await, at("2026-11-22", "12:00"));
    office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), noon).await;
    office.approved(&terms(WindowKind::PowerInspection, "once 2026-12-10 00:00", &[]), noon).await;
    let berlin = Zone::named("Europe/Berlin").expect("Berlin");
    office.approved(&stop("Portal; with, signs \\ and \"quotes\"", "2026-12-31", &berlin), noon).await;
    for length in 1..=40 {
        let service = ["蔵", "a", "𠮷"].map(|part| part.repeat(length.min(33))).concat();
        let service: String = service.chars().take(length + 20).collect();
        let day = Day::of(2026, 12, 21).expect("a day");
        let day = Day::from_number(day.number() + i32::try_from(length / 2).expect("small"));
        office.approved(&stop(&service, &day.to_string(), &tokyo()), noon).await;
    }
    for (number, length) in (3..30).zip(1..) {
        let text = "予定の時刻が変わります。".repeat(3).chars().take(length).collect::<String>();
        let id = format!("N-2026-{number:04}");
        notices::correct(&office.desk, &id, &text, &office.operator, noon).await.expect("corrected");
    }
    let told = windows::withdraw(&office.desk, "w-0010", "中止します。", &office.admin, noon).await;
    told.expect("withdrawn");
    office
}

#[tokio::test]
async fn every_feed_is_right_by_its_own_standard_and_tells_what_the_catalog_holds() {
    let office = many().await;
    let rows = office.notices().await;
    let site = Site::of(office).await;
    let api = site.json("/api/v1/notices").await;
    let listed = api["notices"].as_array().expect("a list");
    assert_eq!(listed.len(), rows.len());
    for row in &rows {
        let one = listed.iter().find(|one| one["id"] == row.notice.as_str()).expect("every notice");
        let found = [&one["title"], &one["body"], &one["title_en"], &one["body_en"], &one["status"]];
        let words = &row.words;
        let expected = [&words.title, &words.body, &words.title_en, &words.body_en, row.status.word()];
        assert_eq!(found.map(|value| value.as_str().expect("a text")), expected);
        assert_eq!(one["revision"], row.revision);
        let supersedes = (row.revision > 1).then(|| format!("{}.{}", row.notice, row.revision - 1));
        assert_eq!(one["supersedes"], supersedes.map_or(Value::Null, Value::from));
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (path, name) in [
        ("/api/v1/notices", "api.json"),
        ("/notices.json", "feed.json"),
        ("/notices.atom", "notices.atom"),
        ("/notices.ics", "notices.ics"),
        ("/api/v2/scheduled-maintenances.json", "status.json"),
    ] {
        let (status, _, body) = site.get(path).await;
        assert_eq!(status, 200, "{path}");
        std::fs::write(folder.path().join(name), body).expect("written");
    }
    let said = python::check(("feed", "check_feeds.py"), folder.path());
    assert!(said.contains("43 notices, 0 faults"), "{said}");
}

#[test]
fn the_holidays_are_those_that_others_list_and_beyond_them_nothing_is_claimed() {
    let file = Path::new(crate::support::ROOT).join("policies/holidays-ja.csv");
    let said = python::check(("feed", "check_holidays.py"), &file);
    assert!(said.contains(", 0 faults"), "{said}");
    let last = Holidays::of_japan().last_year();
    let day = |year| Day::of(year, 1, 1).expect("a day");
    assert_eq!(Holidays::of_japan().of(day(last)), Holiday::Named("元日"));
    assert_eq!(Holidays::of_japan().of(day(last + 1)), Holiday::Unknown);
}
