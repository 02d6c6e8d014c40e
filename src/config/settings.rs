//! The settings of a new home, and what counts where settings say nothing.

use super::Settings;
use crate::domain::retention::Retention;

/// How long evidence is locked where the settings say nothing.
pub const EVIDENCE_RETENTION: Retention = Retention::Years(5);

impl Settings {
    /// Settings of a new home: where its store is, and nothing else.
    pub fn of_store(store: String) -> Self {
        Self { store, ..Self::default() }
    }

    /// The names of the data sets that extracts may be made of.
    pub fn dataset_names(&self) -> Vec<String> {
        self.dataset.iter().map(|dataset| dataset.name.clone()).collect()
    }

    /// How long evidence is locked; what is not a period counts as the default, and `Home::settings` refuses it.
    pub fn evidence_retention(&self) -> Retention {
        let parsed = self.evidence_retention.as_deref().and_then(|text| text.parse().ok());
        parsed.unwrap_or(EVIDENCE_RETENTION)
    }
}
