//! Reports to the 医師会: checklist, SLA, BCP, register of places, generations.

use maud::html;

use super::{document, list};
use crate::domain::calendar::wareki;
use crate::domain::evidence_report::Report;

/// The page.
pub fn page(report: &Report) -> String {
    let body = html! {
        h1 { (report.title) }
        p { "作成日：" (wareki(report.made_on)) }
        @for table in &report.tables { (list(&table.title, &table.heads, &table.rows)) }
        p { (report.note) }
    };
    document(&report.title, &body)
}
