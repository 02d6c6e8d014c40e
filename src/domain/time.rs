//! Instants (UTC, microseconds) and civil days in a plan's time zone. No `now()` here.

use std::fmt;

/// An instant in UTC, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instant(i64);

impl Instant {
    /// The instant that lies `micros` microseconds after 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The instant `minutes` later (earlier, if negative); the last instant there is, if that lies beyond it.
    #[must_use]
    pub const fn plus_minutes(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(minutes.saturating_mul(60_000_000)))
    }
}

impl fmt::Display for Instant {
    /// RFC 3339 in UTC with seconds, for example `2026-11-22T18:30:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.as_seconds()) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// A civil day in the plan's time zone. Ordered; printed and parsed as `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(jiff::civil::Date);

impl Day {
    /// The day of a calendar date.
    pub const fn from_date(date: jiff::civil::Date) -> Self {
        Self(date)
    }

    /// The calendar date.
    pub const fn date(self) -> jiff::civil::Date {
        self.0
    }

    /// The last day that Kura can name, 9999-12-31. A rule that would reach past it stops here and means "never".
    pub const LAST: Self = Self(jiff::civil::Date::MAX);

    /// The day of a year, month (1–12) and day of the month (1–31); `None` where the calendar has no such day.
    pub fn of(year: i16, month: i8, day: i8) -> Option<Self> {
        jiff::civil::Date::new(year, month, day).ok().map(Self)
    }

    /// The day after; [`Day::LAST`] is followed by itself.
    #[must_use]
    pub fn next(self) -> Self {
        self.0.tomorrow().map_or(Self::LAST, Self)
    }

    /// The day before; the first day of the calendar (year −9999) is preceded by itself.
    #[must_use]
    pub fn previous(self) -> Self {
        self.0.yesterday().map_or(self, Self)
    }
}

/// The text is not a day written `YYYY-MM-DD`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a day of the form 2026-11-22")]
pub struct NotADay(pub String);

impl std::str::FromStr for Day {
    type Err = NotADay;

    /// Reads exactly ten characters, `YYYY-MM-DD`, years 0000 to 9999; nothing else that a calendar might accept.
    fn from_str(text: &str) -> Result<Self, NotADay> {
        let refused = || NotADay(text.to_owned());
        let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let date: jiff::civil::Date = text.parse().map_err(|_| refused())?;
        if plain && date.to_string() == text { Ok(Self(date)) } else { Err(refused()) }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A time on the clock, to the minute; printed `02:00`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TimeOfDay {
    hour: i8,
    minute: i8,
}

/// The text is not a time of day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time of day such as 02:00 or 23:30")]
pub struct NotATime(pub String);

impl TimeOfDay {
    /// 00:00.
    pub const MIDNIGHT: Self = Self { hour: 0, minute: 0 };

    /// Hour 0–23 and minute 0–59.
    pub const fn parts(self) -> (i8, i8) {
        (self.hour, self.minute)
    }
}

impl std::str::FromStr for TimeOfDay {
    type Err = NotATime;

    /// Reads `2:00`, `02:00` and, as Japanese keyboards write it, `０２：００`.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let refused = || NotATime(text.to_owned());
        let plain = half_width(text.trim());
        let (hour, minute) = plain.split_once(':').ok_or_else(refused)?;
        let is_number = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if !(is_number(hour) && is_number(minute) && (1..=2).contains(&hour.len()) && minute.len() == 2) {
            return Err(refused());
        }
        let [hour, minute]: [i8; 2] =
            [hour.parse().map_err(|_| refused())?, minute.parse().map_err(|_| refused())?];
        if hour < 24 && minute < 60 { Ok(Self { hour, minute }) } else { Err(refused()) }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

/// Full-width digits, letters and signs (`０：ａ`) as the plain ones (`0:a`); everything else as it is.
pub fn half_width(text: &str) -> String {
    let plain = |c: char| match c {
        '！'..='～' => u32::from(c).checked_sub(0xFEE0).and_then(char::from_u32).unwrap_or(c),
        '\u{3000}' => ' ',
        other => other,
    };
    text.chars().map(plain).collect()
}

/// A time zone in which civil days are counted, by its IANA name. Default `Asia/Tokyo`.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone(jiff::tz::TimeZone);

/// A change of a zone's clocks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ZoneChange {
    /// When.
    pub at: Instant,
    /// How far the clocks were ahead of UTC before, seconds.
    pub offset_before_seconds: i32,
    /// How far they are ahead from then on, seconds.
    pub offset_seconds: i32,
    /// Whether that is summer time.
    pub is_summer: bool,
    /// How the zone calls it: `JST`.
    pub name: String,
}

/// The text is not the IANA name of a time zone that Kura carries.
#[derive(Debug, thiserror::Error)]
#[error("no time zone is called {0:?}")]
pub struct UnknownZone(pub String);

impl Zone {
    /// The zone of an IANA name such as `Asia/Tokyo`.
    ///
    /// # Errors
    /// No zone of that name is known.
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        jiff::tz::TimeZone::get(name).map(Self).map_err(|_| UnknownZone(name.to_owned()))
    }

    /// The zone of the network, its notices and all evidence. Its table is built in.
    pub fn tokyo() -> Self {
        Self::named("Asia/Tokyo").unwrap_or_else(|_| Self::utc())
    }

    /// UTC, which needs no table.
    pub const fn utc() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The civil day in which an instant lies.
    pub fn day_of(&self, at: Instant) -> Day {
        let at = jiff::Timestamp::from_second(at.as_seconds()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Day(self.0.to_datetime(at).date())
    }

    /// The instant at which the clocks of the zone show a time of a day. A time that is skipped in spring comes as much
    /// later as was skipped; of a time that comes twice in autumn the first counts.
    pub fn at(&self, day: Day, time: TimeOfDay) -> Instant {
        let (hour, minute) = time.parts();
        match self.0.to_zoned(day.0.at(hour, minute, 0, 0)) {
            Ok(at) => Instant(at.timestamp().as_microsecond()),
            Err(_) => Instant(i64::MAX),
        }
    }

    /// The time of day that the clocks of the zone show at an instant.
    pub fn time_of(&self, at: Instant) -> TimeOfDay {
        let at = jiff::Timestamp::from_second(at.as_seconds()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let time = self.0.to_datetime(at).time();
        TimeOfDay { hour: time.hour(), minute: time.minute() }
    }

    /// Each change of the zone's clocks from the one that was in force at `from` up to `until`; at least one.
    pub fn changes(&self, from: Instant, until: Instant) -> Vec<ZoneChange> {
        let stamp = |at: Instant| jiff::Timestamp::from_second(at.as_seconds());
        let (Ok(first), Ok(last)) = (stamp(from), stamp(until)) else { return Vec::new() };
        let before = |at: jiff::Timestamp| {
            let earlier = jiff::Timestamp::from_second(at.as_second().saturating_sub(1));
            self.0.to_offset(earlier.unwrap_or(at)).seconds()
        };
        let change = |found: &jiff::tz::TimeZoneTransition<'_>| ZoneChange {
            at: Instant(found.timestamp().as_microsecond()),
            offset_before_seconds: before(found.timestamp()),
            offset_seconds: found.offset().seconds(),
            is_summer: found.dst() == jiff::tz::Dst::Yes,
            name: found.abbreviation().to_owned(),
        };
        let fixed = || {
            let info = self.0.to_offset_info(first);
            let offset = info.offset().seconds();
            ZoneChange {
                at: Instant(0),
                offset_before_seconds: offset,
                offset_seconds: offset,
                is_summer: info.dst() == jiff::tz::Dst::Yes,
                name: info.abbreviation().to_owned(),
            }
        };
        let in_force = self.0.preceding(first).next();
        let mut found = vec![in_force.as_ref().map_or_else(fixed, change)];
        found.extend(
            self.0.following(first).take_while(|next| next.timestamp() <= last).map(|next| change(&next)),
        );
        found
    }

    /// What the clocks of the zone show at an instant, as iCalendar writes it: `20261206T010000`.
    pub fn basic(&self, at: Instant) -> String {
        let at = jiff::Timestamp::from_second(at.as_seconds()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        self.0.to_datetime(at).strftime("%Y%m%dT%H%M%S").to_string()
    }

    /// The instant at which a civil day begins (00:00, or the first instant after a gap).
    pub fn start_of(&self, day: Day) -> Instant {
        match self.0.to_zoned(day.0.at(0, 0, 0, 0)) {
            Ok(at) => Instant(at.timestamp().as_microsecond()),
            Err(_) => Instant(i64::MAX),
        }
    }
}

impl Day {
    /// Days since 1970-01-01, negative before.
    pub fn number(self) -> i32 {
        let hours = self.0.duration_since(jiff::civil::date(1970, 1, 1)).as_hours();
        i32::try_from(hours.div_euclid(24)).unwrap_or(i32::MAX)
    }

    /// The day that lies `number` days after 1970-01-01; the nearest day there is, if that is outside the calendar.
    pub fn from_number(number: i32) -> Self {
        let epoch = jiff::civil::date(1970, 1, 1);
        let nearest = if number < 0 { jiff::civil::Date::MIN } else { jiff::civil::Date::MAX };
        let span = jiff::Span::new().try_days(i64::from(number));
        Self(span.and_then(|span| epoch.checked_add(span)).unwrap_or(nearest))
    }
}
