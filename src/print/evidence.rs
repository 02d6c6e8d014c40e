//! Reports to the 医師会: checklist, SLA, BCP, register of places, generations.

use crate::domain::calendar::wareki;
use crate::domain::evidence_report::Report;
use crate::paper::Paper;
use crate::workflows::desk::tokyo;

/// The paper.
pub fn page(report: &Report) -> Paper {
    let mut paper = Paper::new(&report.title, tokyo().start_of(report.made_on));
    paper.title(&report.title);
    paper.text(&format!("作成日：{}", wareki(report.made_on)));
    for table in &report.tables {
        paper.list(&table.title, &table.heads, table.rows.iter().cloned());
    }
    paper.text(&report.note);
    paper
}
