//! Checklists of work (第10条, 第19条, 第20条) as data: those that come with Kura, and those that a home has beside them in
//! `policies/checklists/`.

use std::path::Path;

use serde::Deserialize;

use super::diagnose::Refused;
use super::folder::toml_files;
use crate::domain::window::is_one_line;
use crate::domain::work::WorkKind;

/// Those that come with Kura.
const SHIPPED: [&str; 3] = [
    include_str!("../../policies/checklists/acceptance.toml"),
    include_str!("../../policies/checklists/maintenance.toml"),
    include_str!("../../policies/checklists/power-inspection.toml"),
];
/// The longest point, characters.
const POINT_CHARACTERS_MAX: usize = 300;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    kind: String,
    point: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(default)]
    article: String,
    text: String,
}

/// The checklist of a kind of work: each point with the article that asks for it. One of the folder takes the place of the one
/// that ships.
pub fn load_checklist(folder: &Path, kind: WorkKind) -> Result<Vec<(String, String)>, Refused> {
    for (file, text) in toml_files(folder)? {
        let (found, points) = parse(&file, &text)?;
        if found == kind {
            return Ok(points);
        }
    }
    for text in SHIPPED {
        let (found, points) = parse("(shipped)", text)?;
        if found == kind {
            return Ok(points);
        }
    }
    Ok(Vec::new())
}

fn parse(file: &str, text: &str) -> Result<(WorkKind, Vec<(String, String)>), Refused> {
    let wrong = |what: String| Refused::whole_file(file, what);
    let parsed: File =
        toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
    let kind = WorkKind::of_word(&parsed.kind).ok_or_else(|| {
        let words: Vec<&str> = WorkKind::ALL.into_iter().map(WorkKind::word).collect();
        wrong(format!("kind = {:?}: it is one of {}", parsed.kind, words.join(", ")))
    })?;
    let is_good = |row: &Row| {
        is_one_line(&row.text, POINT_CHARACTERS_MAX)
            && (row.article.is_empty() || is_one_line(&row.article, 50))
    };
    if parsed.point.is_empty() || !parsed.point.iter().all(is_good) {
        return Err(wrong(format!(
            "[[point]]: at least one, each with a text on one line of at most {POINT_CHARACTERS_MAX} characters"
        )));
    }
    Ok((kind, parsed.point.into_iter().map(|row| (row.text, row.article)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_checklist_and_one_of_the_home_counts_instead() {
        let folder = tempfile::tempdir().unwrap();
        for kind in WorkKind::ALL {
            assert!(load_checklist(folder.path(), kind).unwrap().len() >= 3, "{kind:?}");
        }
        let own = "kind = \"acceptance\"\n[[point]]\ntext = \"見た\"\narticle = \"第19条\"\n";
        std::fs::write(folder.path().join("own.toml"), own).unwrap();
        let loaded = load_checklist(folder.path(), WorkKind::Acceptance).unwrap();
        assert_eq!(loaded, [("見た".to_owned(), "第19条".to_owned())]);
        std::fs::write(folder.path().join("own.toml"), own.replace("acceptance", "accept")).unwrap();
        let told = load_checklist(folder.path(), WorkKind::Maintenance).unwrap_err().to_string();
        assert!(told.contains("own.toml") && told.contains("power-inspection"), "{told}");
    }
}
