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

/// A time zone in which civil days are counted, by its IANA name. Default `Asia/Tokyo`.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone(jiff::tz::TimeZone);

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
