//! Notices (お知らせ): kinds, lead times, and the words of each, in Japanese and English, from facts alone.
//!
//! Nobody writes these texts twice: every channel shows the same record. What people add (a correction) is plain text,
//! and every channel escapes it.

use crate::domain::calendar::{english, english_span, wareki, wareki_span};
use crate::domain::recurrence::Recurrence;
use crate::domain::time::{Day, Instant, TimeOfDay, Zone};
use crate::domain::window::{Terms, WindowKind};

pub use crate::domain::lead::LeadDays;
pub use crate::domain::notice_words::{Heads, Sender, Words};

/// The longest text that a person may add to a notice, characters.
pub const TEXT_CHARACTERS_MAX: usize = 2000;

/// What a notice tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NoticeKind {
    /// 予告: backups at these times; nothing stops.
    Calendar,
    /// 予告: services stop at this time.
    Downtime,
    /// 開始: it has begun.
    Start,
    /// 終了: it is over.
    Completion,
    /// 障害: something failed.
    Incident,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Calendar, Self::Downtime, Self::Start, Self::Completion, Self::Incident];

    /// The word in rows and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Calendar => "backup_calendar",
            Self::Downtime => "downtime",
            Self::Start => "start",
            Self::Completion => "completion",
            Self::Incident => "incident",
        }
    }

    /// The kind of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The mark before a title.
    pub const fn japanese(self) -> &'static str {
        match self {
            Self::Calendar | Self::Downtime => "予告",
            Self::Start => "開始",
            Self::Completion => "終了",
            Self::Incident => "障害",
        }
    }
}

/// Where what a notice tells stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NoticeStatus {
    /// It will be.
    Scheduled,
    /// It is.
    InProgress,
    /// It was.
    Completed,
    /// It will not be.
    Cancelled,
}

impl NoticeStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Scheduled, Self::InProgress, Self::Completed, Self::Cancelled];

    /// The word in rows and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }
}

/// After this many attempts a message to a portal is given up, about four days after the first.
pub const ATTEMPTS_MAX: u32 = 24;

/// How long after an attempt the next one comes, minutes; `before` counts the attempts before that one.
///
/// 1, 2, 4 … minutes, at most 4 hours: quick while a portal restarts, patient over a weekend.
pub const fn retry_minutes(before: u32) -> i64 {
    const LONGEST: i64 = 240;
    if before >= 8 { LONGEST } else { 1_i64 << before }
}

/// What a notice is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Who speaks.
    pub sender: &'a Sender,
    /// The window.
    pub terms: &'a Terms,
    /// The number of its approval.
    pub approval: &'a str,
    /// The day of publication.
    pub published_on: Day,
}

/// 影響 of what a kind of notice tells, in both languages.
fn impact(terms: &Terms, kind: NoticeKind) -> (String, String) {
    if !terms.stops_services() {
        let japanese = "サービスは停止しません。通常どおりご利用いただけます。".to_owned();
        return (japanese, "No service stops; you can go on working.".to_owned());
    }
    let stops = terms.parts().stops.join("、");
    match kind {
        NoticeKind::Calendar | NoticeKind::Downtime => (
            format!("上記の時間帯は「{stops}」をご利用いただけません。"),
            format!("{stops} cannot be used during this time."),
        ),
        NoticeKind::Start => (
            format!("現在「{stops}」をご利用いただけません。"),
            format!("{stops} cannot be used at present."),
        ),
        NoticeKind::Completion => {
            (format!("「{stops}」を通常どおりご利用いただけます。"), format!("{stops} can be used as usual."))
        }
        NoticeKind::Incident => (
            format!(
                "予定した作業は終わりませんでした。「{stops}」に影響が残る場合は、改めてお知らせします。"
            ),
            format!("The work was not finished. You will be told if {stops} is still affected."),
        ),
    }
}

/// From a time of day, so many minutes long: `2:00～6:00`, `23:00～翌3:00`; in both languages.
fn clock_span(from: TimeOfDay, minutes: u32) -> (String, String) {
    const DAY: i64 = 24 * 60;
    let (hour, minute) = from.parts();
    let start = i64::from(hour).saturating_mul(60).saturating_add(i64::from(minute));
    let end = start.saturating_add(i64::from(minutes));
    let (next, next_en) = if end >= DAY { ("翌", " (next day)") } else { ("", "") };
    let (to_hour, to_minute) = (end.rem_euclid(DAY).div_euclid(60), end.rem_euclid(60));
    (
        format!("{hour}:{minute:02}～{next}{to_hour}:{to_minute:02}"),
        format!("{from}–{to_hour:02}:{to_minute:02}{next_en}"),
    )
}

impl About<'_> {
    fn work(&self) -> (&'static str, &'static str) {
        match self.terms.parts().kind {
            WindowKind::Daily => ("毎日のデータ・バックアップ", "the daily backup"),
            WindowKind::Monthly => ("毎月のデータ・バックアップ", "the monthly backup"),
            WindowKind::Maintenance => ("システムの維持管理", "system maintenance"),
            WindowKind::PowerInspection => ("電源設備の点検", "the inspection of the power supply"),
        }
    }

    fn zone(&self) -> &Zone {
        &self.terms.parts().zone
    }

    /// 備考 of a planned stop.
    fn planned_remark(&self) -> Option<(String, String)> {
        // Nobody tells Kura how an inspection goes on.
        let is_told_of = self.terms.parts().kind.takes_snapshots();
        (self.terms.stops_services() && is_told_of).then(|| {
            (
                "作業の状況により時間が前後することがあります。終了後に改めてお知らせします。".to_owned(),
                "Times may shift a little as the work goes on. You will be told when it is over.".to_owned(),
            )
        })
    }

    fn affected(&self) -> String {
        if self.terms.stops_services() {
            self.terms.parts().stops.join("、")
        } else {
            self.sender.service.clone()
        }
    }

    /// A notice of all its occurrences to come, from a first day on (routine windows).
    pub fn calendar(&self, from: Day) -> Words {
        let (work, work_en) = self.work();
        let parts = self.terms.parts();
        let (hours, hours_en) = clock_span(parts.recurrence.time(), parts.length_minutes);
        let (when, when_en) = match parts.recurrence {
            Recurrence::Once(..) => (self.span_words(parts.first_day), english(parts.first_day)),
            Recurrence::Daily(_) => (format!("毎日 {hours}"), format!("Every day {hours_en}")),
            Recurrence::Monthly(day, _) => {
                (format!("毎月{} {hours}", day.japanese()), format!("Every month ({day}) {hours_en}"))
            }
        };
        let until = parts.last_day.map_or_else(String::new, |day| format!("{}まで", wareki(day)));
        let until_en = parts.last_day.map_or_else(String::new, |day| format!(" to {}", english(day)));
        let when = format!("{when}（{}から{until}）", wareki(from));
        let when_en = format!("{when_en}, from {}{until_en}", english(from));
        let titles = (format!("【予告】{work}のお知らせ"), format!("Notice: {work_en}"));
        self.words(NoticeKind::Calendar, titles, (when, when_en), None)
    }

    fn span_words(&self, day: Day) -> String {
        let (start, end) = self.terms.span_on(day);
        wareki_span(start, end, self.zone())
    }

    /// A notice of one occurrence that stops services, or of a power inspection.
    pub fn downtime(&self, span: (Instant, Instant)) -> Words {
        let (work, work_en) = self.work();
        let what = if self.terms.stops_services() { "に伴うサービス停止" } else { "" };
        let titles = (format!("【予告】{work}{what}のお知らせ"), format!("Planned: {work_en}"));
        let when = format!("{}（予定）", wareki_span(span.0, span.1, self.zone()));
        let when_en = format!("{} (planned)", english_span(span.0, span.1, self.zone()));
        self.words(NoticeKind::Downtime, titles, (when, when_en), self.planned_remark())
    }

    /// A notice that an occurrence has begun or is over. `heads` are the newest snapshot and the newest line of the audit
    /// log: whoever notes them can tell later whether something was taken away.
    pub fn progress(
        &self,
        kind: NoticeKind,
        span: (Instant, Instant),
        at: Instant,
        heads: Option<&Heads>,
    ) -> Words {
        let (work, work_en) = self.work();
        let (verb, verb_en) = match kind {
            NoticeKind::Start => ("開始", "Begun"),
            NoticeKind::Completion => ("終了", "Over"),
            NoticeKind::Incident => ("中断", "Interrupted"),
            NoticeKind::Calendar | NoticeKind::Downtime => ("予定", "Planned"),
        };
        let titles =
            (format!("【{}】{work}{verb}のお知らせ", kind.japanese()), format!("{verb_en}: {work_en}"));
        let zone = self.zone();
        let (hour, minute) = zone.time_of(at).parts();
        let when = format!("{}（{verb}：{hour}:{minute:02}）", wareki_span(span.0, span.1, zone));
        let (planned_en, at_en) = (english_span(span.0, span.1, zone), zone.time_of(at));
        let when_en = format!("{planned_en} ({} at {at_en})", verb_en.to_lowercase());
        self.words(kind, titles, (when, when_en), heads.map(Heads::remark))
    }

    /// A notice that the time of an occurrence is over and services are still `down`.
    pub fn still_down(&self, span: (Instant, Instant), down: &[String]) -> Words {
        let (work, work_en) = self.work();
        let titles = (
            format!("【障害】{work}のあと、ご利用いただけないサービスがあります"),
            format!("Disruption: services are still down after {work_en}"),
        );
        let zone = self.zone();
        let when = format!("{}（予定）", wareki_span(span.0, span.1, zone));
        let when_en = format!("{} (planned)", english_span(span.0, span.1, zone));
        let impact = (
            format!(
                "「{}」は、予定の時刻を過ぎてもご利用いただけません。再開しだい、お知らせします。",
                down.join("、")
            ),
            format!(
                "{} cannot be used although the time is over. You will be told when it is back.",
                down.join(", ")
            ),
        );
        self.with_impact(titles, (when, when_en), impact, None)
    }

    fn words(
        &self,
        kind: NoticeKind,
        (title, title_en): (String, String),
        (when, when_en): (String, String),
        remark: Option<(String, String)>,
    ) -> Words {
        self.with_impact((title, title_en), (when, when_en), impact(self.terms, kind), remark)
    }

    fn with_impact(
        &self,
        (title, title_en): (String, String),
        (when, when_en): (String, String),
        (impact, impact_en): (String, String),
        remark: Option<(String, String)>,
    ) -> Words {
        let (remark, remark_en) = remark.map_or_else(
            || (String::new(), String::new()),
            |(japanese, english)| (format!("備考：{japanese}\n"), format!("Note: {english}\n")),
        );
        let (work, work_en) = self.work();
        let (posted, contact) = (wareki(self.published_on), &self.sender.contact);
        let (affected, approval) = (self.affected(), self.approval);
        let body = format!(
            "掲載日：{posted}\n日時：{when}\n対象：{affected}\n影響：{impact}\n作業内容：{work}（承認番号 {approval}）\n\
             {remark}お問い合わせ先：{contact}\n"
        );
        let posted_en = english(self.published_on);
        let body_en = format!(
            "Published: {posted_en}\nWhen: {when_en}\nWhat: {affected}\nImpact: {impact_en}\nWork: {work_en} \
             (approval {approval})\n{remark_en}Contact: {contact}\n"
        );
        Words { title, body, title_en, body_en }
    }
}

/// A correction that says: the times are others now. The new ones have notices of their own.
pub fn moved(words: &Words, terms: &Terms, approval: &str, on: Day) -> Words {
    let parts = terms.parts();
    let (hours, hours_en) = clock_span(parts.recurrence.time(), parts.length_minutes);
    let (day, day_en) = match parts.recurrence {
        Recurrence::Once(day, _) => (wareki(day), english(day)),
        Recurrence::Daily(_) => ("毎日".to_owned(), "every day".to_owned()),
        Recurrence::Monthly(day, _) => (format!("毎月{}", day.japanese()), format!("every month ({day})")),
    };
    let marked = corrected(words, "", false, on);
    let japanese = format!(
        "日時を変更しました。変更後は「{day} {hours}」です（承認番号 {approval}）。下記の日時には実施しません。"
    );
    let text = format!(
        "The times have changed. They are now: {day_en} {hours_en} (approval {approval}). \
         Nothing happens at the times below."
    );
    Words {
        body: format!("※{} 訂正：{japanese}\n{}", wareki(on), words.body),
        body_en: format!("Corrected on {}: {text}\n{}", english(on), words.body_en),
        ..marked
    }
}

/// A notice of something that had begun and was not finished: the title marked 障害, the reason on top, and what it
/// means for users in the place of what they were told at the start.
pub fn interrupted(words: &Words, terms: &Terms, reason: &str, on: Day) -> Words {
    let (impact, impact_en) = impact(terms, NoticeKind::Incident);
    let line = |line: &str, head: &str, impact: &str| {
        if line.starts_with(head) { format!("{head}{impact}\n") } else { format!("{line}\n") }
    };
    let body: String = words.body.lines().map(|text| line(text, "影響：", &impact)).collect();
    let body_en: String = words.body_en.lines().map(|text| line(text, "Impact: ", &impact_en)).collect();
    let bare = words.title.split_once('】').map_or(words.title.as_str(), |(_, rest)| rest);
    let bare_en = words.title_en.trim_start_matches("Begun: ");
    Words {
        title: format!("【障害】{}", bare.replace("開始のお知らせ", "中断のお知らせ")),
        body: format!("※{} 障害：{reason}\n{body}", wareki(on)),
        title_en: format!("Interrupted: {bare_en}"),
        body_en: format!("Interrupted, told on {}: {reason}\n{body_en}", english(on)),
    }
}

/// A correction of a notice: the title marked 訂正, the reason on top, the old text below.
pub fn corrected(words: &Words, reason: &str, cancelled: bool, on: Day) -> Words {
    let (mark, mark_en) = if cancelled { ("中止", "Cancelled") } else { ("訂正", "Corrected") };
    let bare = words.title.split_once('】').map_or(words.title.as_str(), |(_, rest)| rest);
    let bare_en = ["Cancelled: ", "Corrected: ", "Interrupted: ", "Planned: ", "Notice: "]
        .iter()
        .fold(words.title_en.as_str(), |title, mark| title.trim_start_matches(mark));
    Words {
        title: format!("【{mark}】{bare}"),
        body: format!("※{} {mark}：{reason}\n{}", wareki(on), words.body),
        title_en: format!("{mark_en}: {bare_en}"),
        body_en: format!("{mark_en} on {}: {reason}\n{}", english(on), words.body_en),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::window_terms::tests::parts;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_stop_is_announced_in_plain_words() {
        let mut parts = parts(WindowKind::Monthly, "monthly first sunday 01:00");
        parts.stops = vec!["ポータルサイトを除く全機能".to_owned()];
        let (terms, sender) = (Terms::new(parts).unwrap(), Sender::default());
        let about = About {
            sender: &sender,
            terms: &terms,
            approval: "BW-2026-012",
            published_on: day("2026-11-22"),
        };
        let words = about.downtime(terms.span_on(day("2026-12-06")));
        assert_eq!(words.title, "【予告】毎月のデータ・バックアップに伴うサービス停止のお知らせ");
        let expected = "掲載日：令和8年11月22日（日）\n日時：令和8年12月6日（日）1:00～5:00（予定）\n\
                        対象：ポータルサイトを除く全機能\n影響：上記の時間帯は「ポータルサイトを除く全機能」をご利用いただけません。\n\
                        作業内容：毎月のデータ・バックアップ（承認番号 BW-2026-012）\n\
                        備考：作業の状況により時間が前後することがあります。終了後に改めてお知らせします。\n\
                        お問い合わせ先：ヘルプデスク　月～金 9:00～17:00（祝祭日、12月29日～1月3日を除く）\n";
        assert_eq!(words.body, expected);
        assert!(
            words.body_en.contains("When: Sunday 6 December 2026 01:00–05:00 (planned)\n"),
            "{}",
            words.body_en
        );
        let corrected = corrected(&words, "作業日を変更します。", true, day("2026-11-25"));
        assert_eq!(corrected.title, "【中止】毎月のデータ・バックアップに伴うサービス停止のお知らせ");
        assert!(corrected.body.starts_with("※令和8年11月25日（水） 中止：作業日を変更します。\n掲載日："));
    }

    #[test]
    fn daily_backups_are_announced_once_for_all() {
        let terms = Terms::new(parts(WindowKind::Daily, "daily 02:00")).unwrap();
        let sender = Sender::default();
        let about = About {
            sender: &sender,
            terms: &terms,
            approval: "BW-2026-001",
            published_on: day("2026-11-22"),
        };
        let words = about.calendar(day("2026-11-29"));
        assert_eq!(words.title, "【予告】毎日のデータ・バックアップのお知らせ");
        let over = words.clone().over();
        assert_eq!(over.title, "【終了】毎日のデータ・バックアップのお知らせ");
        assert!(over.title_en.starts_with("Over: ") && over.body == words.body, "{over:?}");
        assert!(
            words.body.contains("日時：毎日 2:00～6:00（令和8年11月29日（日）から）\n"),
            "{}",
            words.body
        );
        assert!(words.body.contains("サービスは停止しません"), "{}", words.body);
    }
}
