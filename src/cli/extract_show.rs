//! What `kura extract` shows: how far it is, figures, plans, what was found, lists.

use crate::workflows::extracts::{ExtractPlan, ExtractReport, ExtractRow, Told, Verified};

use super::commands::Global;
use super::failure::Failure;
use super::words::{counted, grouped, local, print, print_json, table, tell, tokyo};

/// Says how far it is.
pub(super) fn watched(is_quiet: bool) -> impl FnMut(Told) + Send {
    let mut last = 0;
    move |told| match told {
        _ if is_quiet => {}
        Told::Estimated(estimate) => {
            let nodes = estimate.nodes;
            let proof = if estimate.is_exact { "" } else { "; the result will not be proved to be the best" };
            tell(&format!("kura: {nodes} choices of levels to search{proof}"));
        }
        Told::Searched(progress) => {
            // A line for each doubling is enough.
            if progress.looks >= last * 2 {
                last = progress.looks.max(1);
                let (looks, open) = (grouped(progress.looks), grouped(progress.open));
                tell(&format!("kura: looked at {looks}, about {open} left"));
            }
        }
    }
}

/// A plan.
pub(super) fn show_plan(made: &ExtractPlan) -> Result<(), Failure> {
    print(&figures(&made.report))?;
    let rows = made.preview.iter().map(|cell| vec![cell.column.clone(), cell.text.clone()]);
    print("\nA row would look like this (made-up values):\n")?;
    print(&table(&["COLUMN", "VALUE"], &rows.collect::<Vec<_>>()))?;
    print(&format!("\n{}\n", made.report.decides))
}

/// The figures of a report for a terminal.
pub(super) fn figures(report: &ExtractReport) -> String {
    let mut rows = vec![
        ("data set", report.dataset.clone()),
        ("rows", format!("{} of {}", grouped(report.rows_out), grouped(report.rows_in))),
        ("left out", grouped(report.left_out)),
    ];
    if let Some(search) = &report.search {
        let proof = if search.is_proved { "proved to be the best" } else { "not proved to be the best" };
        rows.push(("choices", format!("{} ({} looked at), {proof}", search.nodes, grouped(search.looks))));
        rows.push(("cost", format!("{:.6} ({})", search.cost, search.metric)));
    }
    if let Some(measured) = &report.measured {
        rows.push(("smallest crowd", counted(measured.smallest, "person")));
        rows.push(("crowds", grouped(measured.crowds)));
        rows.push((
            "risk",
            format!("{:.4} at most, {:.4} on average", measured.risk_max, measured.risk_average),
        ));
    }
    if let Some(counts) = &report.counts {
        rows.push(("hidden cells", format!("{} small, {} with them", counts.small, counts.complementary)));
    }
    if report.formulas > 0 {
        let plain = "as they are; output.spreadsheet_safe = true puts a ' in front";
        let how = if report.is_guarded { "with a ' in front" } else { plain };
        let kind = if report.shape == "csv" { how } else { "as text, never run" };
        rows.push(("cells like formulas", format!("{} ({kind})", grouped(report.formulas))));
    }
    if report.controls > 0 {
        rows.push((
            "control characters",
            format!("left out of {} cells of the source", grouped(report.controls)),
        ));
    }
    rows.push((
        "leak scan",
        format!("{} cells, {} names and numbers: no hit", report.scan.cells, report.scan.looked_for),
    ));
    let compared = if report.permit.is_empty() {
        "not compared: a file has no permit yet".to_owned()
    } else {
        format!("compared with {}", report.compared_with)
    };
    rows.push(("earlier extracts", compared));
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, text)| vec![name.to_owned(), text]).collect();
    let columns = report.columns.iter().map(|column| {
        let level = column.level.map_or_else(String::new, |(level, height)| format!("{level} of {height}"));
        let share = column.share.map_or_else(String::new, |share| format!("{share:.4}"));
        vec![column.name.clone(), column.class.clone(), column.done.clone(), level, share]
    });
    let columns = table(&["COLUMN", "CLASS", "DONE", "LEVEL", "LOSS>"], &columns.collect::<Vec<_>>());
    format!("{}\n{columns}", table(&["WHAT", ""], &rows))
}

/// What was found.
pub(super) fn show_verified(global: &Global, found: &Verified) -> Result<(), Failure> {
    if global.json {
        let differences = found.differences.iter().map(|difference| {
            serde_json::json!({ "what": difference.what, "report": difference.said, "file": difference.found })
        });
        return print_json(&serde_json::json!({
            "permit": found.report.permit, "execution": found.report.execution, "rows": found.rows,
            "measured": found.measured, "differences": differences.collect::<Vec<_>>(), "unmeasured": found.unmeasured,
        }));
    }
    for difference in &found.differences {
        let (what, said, is) = (&difference.what, &difference.said, &difference.found);
        print(&format!("{what}: the report says {said}, the file {is}\n"))?;
    }
    for what in &found.unmeasured {
        print(&format!("not measured: {what}\n"))?;
    }
    if found.differences.is_empty() {
        let rows = counted(found.rows, "row");
        print(&format!("permit {}: {rows}; the file is what its report says\n", found.report.permit))?;
    }
    Ok(())
}

/// The executions, newest first.
pub(super) fn show_list(global: &Global, rows: &[ExtractRow]) -> Result<(), Failure> {
    if global.json {
        let rows = rows.iter().map(|row| {
            serde_json::json!({
                "permit": row.permit, "execution": row.execution, "state": row.state.word(), "by": row.made_by.as_str(),
                "begun_at": row.begun_at.to_string(), "ended_at": row.ended_at.map(|at| at.to_string()),
                "reason": row.reason, "sealed": row.digest, "size_bytes": row.size_bytes, "fetched": row.fetched,
                "first_fetched_at": row.first_fetched_at.map(|at| at.to_string()),
                "expires_at": row.expires_at.map(|at| at.to_string()),
                "removed_at": row.removed_at.map(|at| at.to_string()),
            })
        });
        print_json(&rows.collect::<Vec<_>>())?;
        return Ok(());
    }
    if rows.is_empty() {
        return print("There is no extract.\n");
    }
    let zone = tokyo();
    let cells = rows.iter().map(|row| {
        let fetched = row.first_fetched_at.map_or_else(String::new, |at| local(at, &zone));
        vec![
            row.permit.clone(),
            row.execution.to_string(),
            row.state.word().to_owned(),
            local(row.begun_at, &zone),
            row.made_by.to_string(),
            row.fetched.to_string(),
            fetched,
            row.reason.clone().unwrap_or_default(),
        ]
    });
    let titles = ["PERMIT", "NO>", "STATE", "BEGUN", "BY", "FETCHED>", "FIRST", "WHY"];
    print(&table(&titles, &cells.collect::<Vec<_>>()))
}
