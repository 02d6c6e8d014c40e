//! Lists page by page: where a page begins, and the link to the next one.

use maud::{Markup, html};
use serde::Deserialize;

use super::visit::Visit;
use crate::domain::time::Instant;
use crate::workflows::lists::ListPlace;

/// `?plan=&at=&id=`: the place of the last row of the page before.
#[derive(Debug, Default, Deserialize)]
pub(super) struct After {
    /// The plan, where a list is of one.
    pub(super) plan: Option<String>,
    #[serde(alias = "before")]
    at: Option<i64>,
    id: Option<String>,
}

impl After {
    /// Whether this is the first page.
    pub(super) const fn is_first(&self) -> bool {
        self.at.is_none() && self.id.is_none()
    }

    /// Where the page begins.
    pub(super) fn place(&self) -> ListPlace {
        let newest = ListPlace::newest();
        ListPlace {
            at: self.at.map_or(newest.at, Instant::from_micros),
            id: self.id.clone().unwrap_or(newest.id),
        }
    }
}

/// The link to older rows, if there are more.
pub(super) fn older(visit: &Visit, path: &str, plan: Option<&str>, next: Option<&ListPlace>) -> Markup {
    let address = next.map(|place| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(plan.map(|plan| ("plan", plan)));
        query.append_pair("at", &place.at.as_micros().to_string());
        query.append_pair("id", &place.id);
        format!("{path}?{}", query.finish())
    });
    html! {
        @if let Some(address) = address {
            p { a class="button plain" href=(address) { (visit.t("さらに古いものを表示", "Show older ones")) } }
        }
    }
}
