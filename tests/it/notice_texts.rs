//! The whole text of each kind of notice, in both languages, against files that people have read.

use std::path::Path;

use kura::domain::notice::{About, Heads, NoticeKind, Sender, Words, corrected, interrupted, moved};
use kura::domain::time::Instant;
use kura::domain::window::{Terms, TermsParts, WindowKind};

use crate::windows::{at, terms};

/// Terms that begin at another time, last longer or end.
fn with(terms: &Terms, change: impl FnOnce(&mut TermsParts)) -> Terms {
    let mut parts = terms.parts().clone();
    change(&mut parts);
    Terms::new(parts).expect("good terms")
}

fn text(words: &Words) -> String {
    format!("{}\n\n{}\n{}\n\n{}", words.title, words.body, words.title_en, words.body_en)
}

fn about<'a>(sender: &'a Sender, terms: &'a Terms) -> About<'a> {
    let published_on = "2026-11-22".parse().expect("a day");
    About { sender, terms, approval: "BW-2026-012", published_on }
}

/// Every kind of notice by the name of its file.
fn every_kind() -> Vec<(&'static str, Words)> {
    let sender = Sender::default();
    let about = |terms| about(&sender, terms);
    let told_on_the_day =
        |terms| About { published_on: "2026-12-06".parse().expect("a day"), ..about(terms) };
    let daily = terms(WindowKind::Daily, "daily 02:00", &[]);
    let ending = with(&daily, |parts| parts.last_day = "2027-03-31".parse().ok());
    let quiet = terms(WindowKind::Monthly, "monthly last day 22:00", &[]);
    let stop = terms(WindowKind::Monthly, "monthly first sunday 01:00", &["ポータル", "診療情報の閲覧"]);
    let night =
        with(&stop, |parts| parts.recurrence = "monthly first saturday 23:00".parse().expect("a recurrence"));
    let inspection = terms(WindowKind::PowerInspection, "once 2027-02-11 00:00", &[]);
    let work = terms(WindowKind::Maintenance, "once 2027-01-31 21:30", &["全機能"]);
    let span = (at("2026-12-06", "1:00"), at("2026-12-06", "5:00"));
    let over_midnight = (at("2026-12-05", "23:00"), at("2026-12-06", "3:00"));
    let heads = Heads {
        snapshot: Some("41:04edb833ffe1a2b3".to_owned()),
        audit: Some("1234:9f86d081884c7d65".to_owned()),
    };
    let on = "2026-11-25".parse().expect("a day");
    let late = |time: &str| -> Instant { at("2026-12-06", time) };
    let planned = about(&stop).downtime(span);
    vec![
        ("calendar-daily", about(&daily).calendar("2026-11-30".parse().expect("a day"))),
        ("calendar-daily-until", about(&ending).calendar("2026-11-30".parse().expect("a day"))),
        ("calendar-monthly", about(&quiet).calendar("2026-11-30".parse().expect("a day"))),
        ("downtime-monthly", planned.clone()),
        ("downtime-over-midnight", about(&night).downtime(over_midnight)),
        ("downtime-maintenance", about(&work).downtime(work.span_on("2027-01-31".parse().expect("a day")))),
        (
            "power-inspection",
            about(&inspection).downtime(inspection.span_on("2027-02-11".parse().expect("a day"))),
        ),
        ("moved", moved(&planned, &night, "BW-2026-015", on)),
        ("start", told_on_the_day(&stop).progress(NoticeKind::Start, span, late("1:00"), None)),
        (
            "completion",
            told_on_the_day(&stop).progress(NoticeKind::Completion, span, late("2:30"), Some(&heads)),
        ),
        (
            "completion-over-midnight",
            told_on_the_day(&night).progress(
                NoticeKind::Completion,
                over_midnight,
                late("0:10"),
                Some(&heads),
            ),
        ),
        ("incident", told_on_the_day(&stop).progress(NoticeKind::Incident, span, late("5:00"), None)),
        (
            "interrupted",
            interrupted(
                &about(&stop).progress(NoticeKind::Start, span, late("1:00"), None),
                &stop,
                "予定した作業は実施しませんでした。",
                on,
            ),
        ),
        ("corrected", corrected(&planned, "開始が30分遅れます。", false, on)),
        (
            "cancelled",
            corrected(
                &corrected(&planned, "開始が30分遅れます。", false, on),
                "作業を見合わせます。",
                true,
                on,
            ),
        ),
    ]
}

#[test]
fn the_texts_are_those_that_people_have_read() {
    let folder = Path::new(crate::support::ROOT).join("tests/it/fixtures/notices");
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("notices");
    std::fs::create_dir_all(&made).expect("a folder");
    let mut differing = Vec::new();
    let all = every_kind();
    for (name, words) in &all {
        let file = format!("{name}.txt");
        std::fs::write(made.join(&file), text(words)).expect("written");
        if std::fs::read_to_string(folder.join(&file)).unwrap_or_default() != text(words) {
            differing.push(file);
        }
    }
    let files = std::fs::read_dir(&folder).map_or(0, Iterator::count);
    assert!(
        differing.is_empty() && files == all.len(),
        "{differing:?} differ (or {files} files are not {}): read what is in {} and, if it is right, copy it to {}",
        all.len(),
        made.display(),
        folder.display()
    );
}
