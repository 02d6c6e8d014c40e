//! What was measured from the bytes of a written file, as reports tell it.

use serde::{Deserialize, Serialize};

use crate::anonymize::measure::Measured;

/// What was measured from the bytes of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredReport {
    /// Persons.
    pub persons: u64,
    /// Crowds.
    pub crowds: u64,
    /// Persons in the smallest one.
    pub smallest: u64,
    /// Crowds by persons: 1, 2, 3–4, 5–9, 10–19, 20–49, 50 and more.
    pub sizes: [u64; 7],
    /// The largest chance to find a person whose quasi-identifiers are known.
    pub risk_max: f64,
    /// That chance on average.
    pub risk_average: f64,
    /// Persons whose chance is above 1/20.
    pub above_twentieth: u64,
    /// Persons whose chance is above 1/5.
    pub above_fifth: u64,
    /// Sensitive columns.
    pub sensitive: Vec<SensitiveReport>,
}

/// What was measured of a sensitive column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensitiveReport {
    /// Its name.
    pub name: String,
    /// The fewest different values of a crowd.
    pub distinct: u64,
    /// The least entropy of a crowd, as a number of equally frequent values.
    pub entropy: f64,
    /// The largest distance of a crowd to the input.
    pub distance: f64,
}

impl MeasuredReport {
    /// As it is told.
    pub(super) fn of(measured: &Measured) -> Self {
        let sensitive = measured.sensitive.iter().map(|column| SensitiveReport {
            name: column.name.clone(),
            distinct: column.distinct,
            entropy: column.entropy,
            distance: column.distance_value(),
        });
        Self {
            persons: measured.persons,
            crowds: measured.crowds,
            smallest: measured.smallest,
            sizes: measured.sizes,
            risk_max: measured.risk_max(),
            risk_average: measured.risk_average(),
            above_twentieth: measured.above_twentieth,
            above_fifth: measured.above_fifth,
            sensitive: sensitive.collect(),
        }
    }
}
