//! What a window is asked for: kind, times, length, services that stop. Right as a whole once it is made.

use std::fmt;

use crate::domain::plan::PlanName;
use crate::domain::recurrence::Recurrence;
use crate::domain::time::{Day, Instant, Zone};

/// The longest window, minutes: a day.
pub const LENGTH_MINUTES_MAX: u32 = 24 * 60;
/// The longest name of a service, characters.
const SERVICE_CHARACTERS_MAX: usize = 100;

/// What a window is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum WindowKind {
    /// 日次: a backup each day; stops nothing.
    Daily,
    /// 月次: a backup each month; may stop services (第21条③).
    Monthly,
    /// 維持管理: work that may stop services.
    Maintenance,
    /// 電源設備点検: a day on which nothing runs (第10条).
    PowerInspection,
}

impl WindowKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Daily, Self::Monthly, Self::Maintenance, Self::PowerInspection];

    /// The word in commands and rows.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Monthly => "monthly",
            Self::Maintenance => "maintenance",
            Self::PowerInspection => "power-inspection",
        }
    }

    /// The name for people.
    pub const fn japanese(self) -> &'static str {
        match self {
            Self::Daily => "毎日のデータ・バックアップ",
            Self::Monthly => "毎月のデータ・バックアップ",
            Self::Maintenance => "維持管理作業",
            Self::PowerInspection => "電源設備の点検",
        }
    }

    /// The kind of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether a snapshot is taken in it.
    pub const fn takes_snapshots(self) -> bool {
        !matches!(self, Self::PowerInspection)
    }

    /// Whether Kura may stop services in it (第21条③).
    pub const fn may_stop(self) -> bool {
        matches!(self, Self::Monthly | Self::Maintenance)
    }

    /// Whether it may name services that are down: those that Kura stops, or those that have no power. An inspection
    /// takes systems down by itself; its notice must say so, and Kura stops nothing.
    pub const fn may_name_stops(self) -> bool {
        self.may_stop() || matches!(self, Self::PowerInspection)
    }
}

/// What is asked for. Right as a whole: see [`Terms::new`].
#[derive(Clone, PartialEq, Debug)]
pub struct Terms {
    parts: TermsParts,
}

/// What terms are made from.
#[derive(Clone, PartialEq, Debug)]
pub struct TermsParts {
    /// The plan; none for a power inspection.
    pub plan: Option<PlanName>,
    /// What for.
    pub kind: WindowKind,
    /// When.
    pub recurrence: Recurrence,
    /// How long, minutes.
    pub length_minutes: u32,
    /// The services that stop, or are down in an inspection, by the names that users know; none: nothing stops.
    pub stops: Vec<String>,
    /// The first day on which it may come.
    pub first_day: Day,
    /// The last one, if there is one.
    pub last_day: Option<Day>,
    /// Where days and times are counted.
    pub zone: Zone,
}

/// Why terms are refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadTerms {
    /// A kind that needs a plan has none, or the other way round.
    #[error("a {} window {} a plan", .0.word(), if .0.takes_snapshots() { "needs" } else { "is not for" })]
    Plan(WindowKind),
    /// The recurrence does not fit the kind.
    #[error("a {} window cannot come \"{recurrence}\"", .kind.word())]
    Recurrence {
        /// The kind.
        kind: WindowKind,
        /// What was asked for.
        recurrence: String,
    },
    /// Too short or too long.
    #[error("a window lasts 1 minute to 24 hours, not {0} minutes")]
    Length(u32),
    /// Services stop in monthly and maintenance windows only, and are down in power inspections.
    #[error(
        "a {} window stops no service: only monthly and maintenance windows may, and power inspections (第21条③)",
        .0.word()
    )]
    Stop(WindowKind),
    /// Nothing would come of it.
    #[error("nothing lies ahead: \"{recurrence}\" does not come after {after} within its first and last day")]
    Past {
        /// What was asked for.
        recurrence: String,
        /// The day on which that was found.
        after: Day,
    },
    /// The last day lies before the first.
    #[error("the last day {last} lies before the first day {first}")]
    Days {
        /// The first day.
        first: Day,
        /// The last day.
        last: Day,
    },
    /// The name of a service cannot be shown.
    #[error("{0:?} is no name of a service: 1 to {SERVICE_CHARACTERS_MAX} characters on one line")]
    Service(String),
}

impl BadTerms {
    /// The same in Japanese: what to enter instead.
    pub const fn japanese(&self) -> &'static str {
        match self {
            Self::Plan(kind) if kind.takes_snapshots() => "計画を選んでください。",
            Self::Plan(_) => "電源設備の点検では計画を選びません。",
            Self::Recurrence { .. } => "選んだ種類では、この繰り返しは指定できません。",
            Self::Length(_) => "長さは1分以上、24時間以内で入力してください。",
            Self::Stop(_) => {
                "サービスを停止できるのは、毎月のバックアップ、維持管理、電源設備の点検の時間帯だけです（第21条③）。"
            }
            Self::Days { .. } => "最終日は開始日以後の日にしてください。",
            Self::Past { .. } => {
                "この内容では、これから実施される回がありません。今日より後の日（開始日から最終日まで）にしてください。"
            }
            Self::Service(_) => "停止するサービスの名前は、1行に1つ、100文字以内で入力してください。",
        }
    }
}

impl Terms {
    /// Checks what is asked for.
    pub fn new(parts: TermsParts) -> Result<Self, BadTerms> {
        let kind = parts.kind;
        if parts.plan.is_some() != kind.takes_snapshots() {
            return Err(BadTerms::Plan(kind));
        }
        let fits = match kind {
            WindowKind::Daily => matches!(parts.recurrence, Recurrence::Daily(_)),
            WindowKind::Monthly => matches!(parts.recurrence, Recurrence::Monthly(..)),
            WindowKind::Maintenance => !matches!(parts.recurrence, Recurrence::Daily(_)),
            WindowKind::PowerInspection => matches!(parts.recurrence, Recurrence::Once(..)),
        };
        if !fits {
            return Err(BadTerms::Recurrence { kind, recurrence: parts.recurrence.to_string() });
        }
        if !(1..=LENGTH_MINUTES_MAX).contains(&parts.length_minutes) {
            return Err(BadTerms::Length(parts.length_minutes));
        }
        if !parts.stops.is_empty() && !kind.may_name_stops() {
            return Err(BadTerms::Stop(kind));
        }
        if let Some(last) = parts.last_day.filter(|last| *last < parts.first_day) {
            return Err(BadTerms::Days { first: parts.first_day, last });
        }
        if let Some(bad) = parts.stops.iter().find(|name| !is_one_line(name, SERVICE_CHARACTERS_MAX)) {
            return Err(BadTerms::Service(bad.clone()));
        }
        Ok(Self { parts })
    }

    /// What they were made from.
    pub const fn parts(&self) -> &TermsParts {
        &self.parts
    }

    /// Whether a service stops.
    pub const fn stops_services(&self) -> bool {
        !self.parts.stops.is_empty()
    }

    /// When the occurrence of a day starts and ends.
    pub fn span_on(&self, day: Day) -> (Instant, Instant) {
        let start = self.parts.zone.at(day, self.parts.recurrence.time());
        (start, start.plus_minutes(i64::from(self.parts.length_minutes)))
    }

    /// The days of its occurrences from `from` to `until`, ascending.
    pub fn days(&self, from: Day, until: Day) -> impl Iterator<Item = Day> {
        let first = self.parts.first_day.max(from);
        let last = self.parts.last_day.map_or(until, |last| last.min(until));
        self.parts.recurrence.days(first, last)
    }

    /// Refuses what has no start after `now`: users would be told of something that never comes.
    pub fn check_ahead(&self, now: Instant) -> Result<(), BadTerms> {
        let today = self.parts.zone.day_of(now);
        if self.days(today, Day::LAST).any(|day| now < self.span_on(day).0) {
            return Ok(());
        }
        Err(BadTerms::Past { recurrence: self.parts.recurrence.to_string(), after: today })
    }

    /// The text that an approval is bound to, beside the plan's content and its recipients (version 1).
    pub fn content_digest_text(&self) -> String {
        let parts = &self.parts;
        let mut text = String::from("kura window 1\n");
        let mut line = |key: &str, value: &str| text.extend([key, " ", value, "\n"]);
        line("plan", parts.plan.as_ref().map_or("-", PlanName::as_str));
        line("kind", parts.kind.word());
        line("recurrence", &parts.recurrence.to_string());
        line("length_minutes", &parts.length_minutes.to_string());
        for service in &parts.stops {
            line("stops", service);
        }
        line("first_day", &parts.first_day.to_string());
        line("last_day", &parts.last_day.map_or_else(|| "-".to_owned(), |day| day.to_string()));
        line("time_zone", parts.zone.name());
        text
    }
}

/// Whether a text is one line of at most so many characters that people see as it stands: without control characters,
/// line and paragraph separators, marks that turn the direction of writing, and characters that are not seen.
///
/// Such a text goes to users word for word: to pages, feeds, mails and the audit log. Variation selectors are let through:
/// names of persons and places are written with them (異体字).
pub fn is_one_line(text: &str, characters_max: usize) -> bool {
    let is_seen = text.chars().any(|c| !c.is_whitespace());
    is_seen
        && text.chars().count() <= characters_max
        && !text.contains(|c: char| c.is_control() || is_unseen(c))
}

/// Whether a character breaks a line, turns the direction of writing, or is not seen at all.
const fn is_unseen(c: char) -> bool {
    matches!(c,
        // Soft hyphen, joiner of graphemes, mark of Arabic direction.
        '\u{ad}' | '\u{34f}' | '\u{61c}'
        // Fillers and vowels without a shape; Mongolian separators.
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{ffa0}'
        // Spaces without width, marks of direction; separators of lines and paragraphs, embeddings, overrides.
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        // Word joiner, invisible operators, isolates; byte order mark.
        | '\u{2060}'..='\u{206f}' | '\u{feff}'
        // Annotations, controls of shorthand and of music, tags.
        | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

impl fmt::Display for Terms {
    /// For people: `monthly first sunday 01:00, 240 minutes, stops ポータル`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} minutes", self.parts.recurrence, self.parts.length_minutes)?;
        if self.stops_services() { write!(f, ", stops {}", self.parts.stops.join(", ")) } else { Ok(()) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn parts(kind: WindowKind, recurrence: &str) -> TermsParts {
        TermsParts {
            plan: kind.takes_snapshots().then(|| "records".parse().unwrap()),
            kind,
            recurrence: recurrence.parse().unwrap(),
            length_minutes: 240,
            stops: Vec::new(),
            first_day: "2026-11-22".parse().unwrap(),
            last_day: None,
            zone: Zone::named("Asia/Tokyo").unwrap(),
        }
    }

    #[test]
    fn what_a_window_may_be_is_checked() {
        use WindowKind::{Daily, Maintenance, Monthly, PowerInspection};
        let ok = |kind, recurrence| Terms::new(parts(kind, recurrence)).is_ok();
        assert!(ok(Daily, "daily 02:00") && ok(Monthly, "monthly first sunday 01:00"));
        assert!(ok(Maintenance, "once 2026-12-06 01:00") && ok(PowerInspection, "once 2027-02-11 00:00"));
        assert!(
            !ok(Daily, "monthly 1 02:00") && !ok(Monthly, "daily 01:00") && !ok(Maintenance, "daily 01:00")
        );
        let with = |kind, recurrence, change: fn(&mut TermsParts)| {
            let mut parts = parts(kind, recurrence);
            change(&mut parts);
            Terms::new(parts).unwrap_err()
        };
        let stop = |parts: &mut TermsParts| parts.stops = vec!["ポータル".to_owned()];
        assert_eq!(with(Daily, "daily 02:00", stop), BadTerms::Stop(Daily));
        let mut down = parts(PowerInspection, "once 2027-02-11 00:00");
        stop(&mut down);
        assert!(Terms::new(down).is_ok(), "an inspection says what is down");
        assert_eq!(with(Daily, "daily 02:00", |p| p.plan = None), BadTerms::Plan(Daily));
        assert_eq!(with(Daily, "daily 02:00", |p| p.length_minutes = 1441), BadTerms::Length(1441));
        let header = with(Monthly, "monthly 1 02:00", |p| p.stops = vec!["a\r\nBcc: x".to_owned()]);
        assert!(matches!(header, BadTerms::Service(_)));
        let back = with(Daily, "daily 02:00", |p| p.last_day = Some("2026-11-21".parse().unwrap()));
        assert!(matches!(back, BadTerms::Days { .. }));
    }

    #[test]
    fn one_line_is_what_people_see() {
        for good in
            ["更新のため", "a b", "全角　空白", "辻\u{e0100}様方の経路", "☎\u{fe0f} 052-000-0000", "😀"]
        {
            assert!(is_one_line(good, 20), "{good:?}");
        }
        for bad in ["", " ", "\u{3000}", "a\nb", "a\rb", "a\tb", "\u{1b}[2J", "a\u{85}b"] {
            assert!(!is_one_line(bad, 20), "{bad:?}");
        }
        for unseen in "\u{ad}\u{61c}\u{180e}\u{200b}\u{200e}\u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{206f}\u{3164}\u{feff}\u{fffb}\u{e0041}"
            .chars()
        {
            assert!(!is_one_line(&format!("停止{unseen}なし"), 20), "{unseen:?}");
        }
        assert!(is_one_line(&"あ".repeat(20), 20) && !is_one_line(&"あ".repeat(21), 20));
    }

    #[test]
    fn what_lies_in_the_past_comes_no_more() {
        let zone = Zone::named("Asia/Tokyo").unwrap();
        let now = zone.at("2026-11-22".parse().unwrap(), "12:00".parse().unwrap());
        let check = |recurrence: &str, first: &str, last: Option<&str>| {
            let mut parts = parts(WindowKind::Maintenance, recurrence);
            parts.first_day = first.parse().unwrap();
            parts.last_day = last.map(|day| day.parse().unwrap());
            Terms::new(parts).unwrap().check_ahead(now).is_ok()
        };
        assert!(check("once 2026-11-22 12:01", "2026-11-22", None));
        assert!(!check("once 2026-11-22 12:00", "2026-11-22", None), "it has begun");
        assert!(!check("once 2020-02-28 01:00", "2020-01-01", None));
        assert!(!check("once 2026-12-06 01:00", "2026-12-07", None), "the first day lies after the day");
        assert!(!check("once 2026-12-06 01:00", "2026-11-22", Some("2026-12-05")));
        assert!(check("monthly 28 01:00", "2030-01-01", None));
        assert!(!check("monthly 28 01:00", "2027-01-01", Some("2027-01-27")));
    }

    #[test]
    fn an_occurrence_may_cross_midnight() {
        let terms = Terms::new(parts(WindowKind::Daily, "daily 23:00")).unwrap();
        let (start, end) = terms.span_on("2026-12-31".parse().unwrap());
        assert_eq!((start.to_string(), end.to_string()).1, "2026-12-31T18:00:00Z");
        assert_eq!(start.to_string(), "2026-12-31T14:00:00Z");
    }

    #[test]
    fn everything_that_matters_is_in_the_approved_text() {
        let terms = Terms::new(parts(WindowKind::Monthly, "monthly first sunday 01:00")).unwrap();
        let expected = "kura window 1\nplan records\nkind monthly\nrecurrence monthly first sunday 01:00\n\
                        length_minutes 240\nfirst_day 2026-11-22\nlast_day -\ntime_zone Asia/Tokyo\n";
        assert_eq!(terms.content_digest_text(), expected);
    }
}
