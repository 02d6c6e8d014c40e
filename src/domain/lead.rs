//! The lead (周知期間): how many days before a start its notice must be published.

use crate::domain::window::Terms;

/// How long before a start its notice must be published, days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeadDays {
    /// When nothing stops.
    pub routine: u32,
    /// When services stop.
    pub downtime: u32,
}

impl Default for LeadDays {
    /// The policy says 予め and no number; these are the defaults that the 医師会 may change.
    fn default() -> Self {
        Self { routine: 7, downtime: 14 }
    }
}

impl LeadDays {
    /// Those that count for a window.
    pub const fn of(self, terms: &Terms) -> u32 {
        if terms.stops_services() { self.downtime } else { self.routine }
    }
}
