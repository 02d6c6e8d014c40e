//! The shapes of windows: what is asked for and what is answered.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::calendar::Holiday;
use crate::domain::preview::Previewed;
use crate::domain::window::{Window, WindowKind, WindowState};
use crate::web::api::version;
use crate::workflows::desk::Desk;
use crate::workflows::windows;

/// What a window is for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::web::api) enum Kinds {
    Daily,
    Monthly,
    Maintenance,
    PowerInspection,
}

impl Kinds {
    pub(super) const fn kind(self) -> WindowKind {
        match self {
            Self::Daily => WindowKind::Daily,
            Self::Monthly => WindowKind::Monthly,
            Self::Maintenance => WindowKind::Maintenance,
            Self::PowerInspection => WindowKind::PowerInspection,
        }
    }

    const fn of(kind: WindowKind) -> Self {
        match kind {
            WindowKind::Daily => Self::Daily,
            WindowKind::Monthly => Self::Monthly,
            WindowKind::Maintenance => Self::Maintenance,
            WindowKind::PowerInspection => Self::PowerInspection,
        }
    }
}

/// Where a window stands.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::web::api) enum States {
    Requested,
    Approved,
    Returned,
    Withdrawn,
    Lapsed,
    Ended,
}

impl States {
    const fn of(state: &WindowState) -> Self {
        match state {
            WindowState::Requested => Self::Requested,
            WindowState::Approved(_) => Self::Approved,
            WindowState::Returned { .. } => Self::Returned,
            WindowState::Withdrawn { .. } => Self::Withdrawn,
            WindowState::Lapsed { .. } => Self::Lapsed,
            WindowState::Ended { .. } => Self::Ended,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Returned => "returned",
            Self::Withdrawn => "withdrawn",
            Self::Lapsed => "lapsed",
            Self::Ended => "ended",
        }
    }
}

/// A window that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web::api) struct WindowRequest {
    /// The plan; left out for a power inspection only.
    pub(super) plan: Option<String>,
    /// What for.
    pub(super) kind: Kinds,
    /// `daily 02:00`, `monthly first sunday 01:00`, `monthly last 03:00`, `monthly 15 03:00` or `once 2026-12-06 01:00`.
    #[schema(example = "daily 02:00")]
    pub(super) recurrence: String,
    /// How long, minutes.
    #[schema(minimum = 1, maximum = 1440)]
    pub(super) length_minutes: u32,
    /// The services that stop, by the names that users know. Monthly and maintenance windows only.
    #[serde(default)]
    #[schema(max_items = 50, required = false)]
    pub(super) stops: Vec<String>,
    /// The first day on which it may come; today unless it is given.
    #[schema(format = Date)]
    pub(super) first_day: Option<String>,
    /// The last one; none unless it is given.
    #[schema(format = Date)]
    pub(super) last_day: Option<String>,
    /// Where days and times are counted; `Asia/Tokyo` unless it is given.
    #[schema(example = "Asia/Tokyo")]
    pub(super) time_zone: Option<String>,
    /// The approved window, of the same plan and kind, whose place it takes: once this one is approved, that one ends and
    /// users are told (訂正).
    #[schema(max_length = 100, example = "w-0001")]
    pub(super) replaces: Option<String>,
}

/// Why somebody decides so.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web::api) struct Reason {
    /// One line, for the people it concerns; no names of persons.
    #[schema(min_length = 1, max_length = 500)]
    pub(in crate::web::api) reason: String,
}

/// An approval.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web::api) struct ApprovalShown {
    /// Its number (承認番号).
    #[schema(example = "BW-2026-001")]
    number: String,
    /// By whom.
    by: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// SHA-256 of what was approved, hexadecimal.
    digest: String,
}

/// Why and when a window was returned, withdrawn or lapsed, or ended.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web::api) struct ClosingShown {
    /// By whom, where somebody decided.
    by: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Why.
    reason: Option<String>,
}

/// A window.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web::api) struct WindowShown {
    /// Its id.
    #[schema(example = "w-0001")]
    window: String,
    /// The plan; none for a power inspection.
    plan: Option<String>,
    kind: Kinds,
    state: States,
    /// When it comes.
    recurrence: String,
    /// How long, minutes.
    length_minutes: u32,
    /// The services that stop.
    stops: Vec<String>,
    #[schema(format = Date)]
    first_day: String,
    #[schema(format = Date)]
    last_day: Option<String>,
    time_zone: String,
    requested_by: String,
    #[schema(format = DateTime)]
    requested_at: String,
    /// While it is approved.
    approval: Option<ApprovalShown>,
    /// Once it is returned, withdrawn, lapsed or ended.
    closing: Option<ClosingShown>,
    /// SHA-256 of what would run in it now, hexadecimal; null while its plan cannot be read.
    digest_now: Option<String>,
    /// What `If-Match` needs for a decision: the same as the header `ETag`.
    version: String,
}

/// One occurrence to come.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web::api) struct PreviewShown {
    #[schema(format = Date)]
    day: String,
    #[schema(format = DateTime)]
    starts_at: String,
    #[schema(format = DateTime)]
    ends_at: String,
    /// The name of the national holiday, if it is one.
    holiday: Option<String>,
    /// Whether the table of holidays covers the year.
    is_holiday_known: bool,
    /// The ids of other windows, requested or approved, that overlap it.
    clashes: Vec<String>,
    /// Whether it comes too early for a notice that would be published now.
    is_too_early: bool,
}

/// A window with what it would mean.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web::api) struct WindowWithPreview {
    #[serde(flatten)]
    pub(super) window: WindowShown,
    /// The window in whose place it was asked for.
    pub(super) replaces: Option<String>,
    /// The next occurrences, at most twelve.
    pub(super) preview: Vec<PreviewShown>,
}

/// Which windows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::web::api) struct WindowQuery {
    /// At most so many rows, 1 to 200; 50 unless it is given.
    #[param(minimum = 1, maximum = 200, required = false)]
    pub(super) limit: Option<u32>,
    /// What the page before gave as `next`.
    #[param(required = false)]
    pub(super) cursor: Option<String>,
    /// Only those that stand so.
    #[param(required = false)]
    pub(super) state: Option<States>,
}

/// A window as it is shown.
pub(super) fn shown(desk: &Desk, window: &Window) -> WindowShown {
    let parts = window.terms.parts();
    let approval = window.approval().map(|approval| ApprovalShown {
        number: approval.number.clone(),
        by: approval.by.to_string(),
        at: approval.at.to_string(),
        digest: hex::encode(approval.digest),
    });
    let closing = match &window.state {
        WindowState::Requested | WindowState::Approved(_) => None,
        WindowState::Returned { by, at, reason } => Some((Some(by), at, Some(reason))),
        WindowState::Withdrawn { at, reason } | WindowState::Lapsed { at, reason } => {
            Some((None, at, Some(reason)))
        }
        WindowState::Ended { at } => Some((None, at, None)),
    };
    WindowShown {
        window: window.id.clone(),
        plan: parts.plan.as_ref().map(ToString::to_string),
        kind: Kinds::of(parts.kind),
        state: States::of(&window.state),
        recurrence: parts.recurrence.to_string(),
        length_minutes: parts.length_minutes,
        stops: parts.stops.clone(),
        first_day: parts.first_day.to_string(),
        last_day: parts.last_day.map(|day| day.to_string()),
        time_zone: parts.zone.name().to_owned(),
        requested_by: window.requested_by.to_string(),
        requested_at: window.requested_at.to_string(),
        approval,
        closing: closing.map(|(by, at, reason)| ClosingShown {
            by: by.map(ToString::to_string),
            at: at.to_string(),
            reason: reason.cloned(),
        }),
        digest_now: desk.digest_now(&window.terms).map(hex::encode),
        version: version::tag(&windows::version(desk, window)),
    }
}

/// An occurrence to come as it is shown.
pub(super) fn previewed(row: &Previewed) -> PreviewShown {
    PreviewShown {
        day: row.day.to_string(),
        starts_at: row.span.0.to_string(),
        ends_at: row.span.1.to_string(),
        holiday: match row.holiday {
            Holiday::Named(name) => Some(name.to_owned()),
            Holiday::None | Holiday::Unknown => None,
        },
        is_holiday_known: row.holiday != Holiday::Unknown,
        clashes: row.clashes.clone(),
        is_too_early: row.is_too_early,
    }
}
