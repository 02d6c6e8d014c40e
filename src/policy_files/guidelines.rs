//! Guidelines as data: `policies/guidelines/*.toml`, those that come with Kura and those that a home has beside them.

use std::path::Path;

use serde::Deserialize;

use crate::domain::guideline::{Clause, EvidenceKind, Guideline};

/// Those that come with Kura, by the name of their file.
const SHIPPED: [(&str, &str); 4] = [
    ("checklist-r7.toml", include_str!("../../policies/guidelines/checklist-r7.toml")),
    ("mhlw-6.0.toml", include_str!("../../policies/guidelines/mhlw-6.0.toml")),
    ("mhlw-7.0.toml", include_str!("../../policies/guidelines/mhlw-7.0.toml")),
    ("provider-1.1.toml", include_str!("../../policies/guidelines/provider-1.1.toml")),
];

/// Why guidelines cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GuidelineError {
    /// The folder or a file.
    #[error("{file}: {source}")]
    File {
        /// Which.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// What stands in it.
    #[error("{file}: {what}")]
    Wrong {
        /// Which.
        file: String,
        /// What is wrong.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    version: String,
    issued: String,
    issuer: String,
    clause: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    control: String,
    text: String,
    evidence: String,
}

/// All guidelines, by file; one of `folder` takes the place of the shipped one of the same name. The folder need not be there.
pub fn load_guidelines(folder: &Path) -> Result<Vec<(String, Guideline)>, GuidelineError> {
    let mut files: Vec<(String, String)> =
        SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    for (name, text) in of_folder(folder)? {
        files.retain(|(known, _)| *known != name);
        files.push((name, text));
    }
    files.sort();
    files.into_iter().map(|(name, text)| Ok((name.clone(), parse(&name, &text)?))).collect()
}

fn of_folder(folder: &Path) -> Result<Vec<(String, String)>, GuidelineError> {
    let failed = |path: &Path| {
        let file = path.display().to_string();
        move |source| GuidelineError::File { file, source }
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "toml")
            && let Some(name) = path.file_name()
        {
            let text = std::fs::read_to_string(&path).map_err(failed(&path))?;
            found.push((name.to_string_lossy().into_owned(), text));
        }
    }
    Ok(found)
}

fn parse(file: &str, text: &str) -> Result<Guideline, GuidelineError> {
    let wrong = |what: String| GuidelineError::Wrong { file: file.to_owned(), what };
    let parsed: File = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let clauses = parsed.clause.into_iter().map(|row| {
        let evidence = EvidenceKind::of_word(&row.evidence).ok_or_else(|| {
            wrong(format!(
                "evidence = {:?} of {}: it is one of {}",
                row.evidence,
                row.id,
                EvidenceKind::words()
            ))
        })?;
        Ok(Clause { id: row.id, control: row.control, text: row.text, evidence })
    });
    Ok(Guideline {
        name: parsed.name,
        version: parsed.version,
        issued: parsed.issued,
        issuer: parsed.issuer,
        clauses: clauses.collect::<Result<_, GuidelineError>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_is_read_and_a_file_of_the_home_counts_instead() {
        let folder = tempfile::tempdir().unwrap();
        let shipped = load_guidelines(&folder.path().join("none")).unwrap();
        assert_eq!(shipped.len(), SHIPPED.len());
        assert!(shipped.iter().all(|(_, one)| one.clauses.len() >= 5), "{shipped:?}");
        let own = "name = \"手引き\"\nversion = \"第1版\"\nissued = \"令和8年\"\nissuer = \"医師会\"\n\
                   [[clause]]\nid = \"1\"\ncontrol = \"X\"\ntext = \"訓練\"\nevidence = \"drill\"\n";
        std::fs::write(folder.path().join("mhlw-6.0.toml"), own).unwrap();
        let loaded = load_guidelines(folder.path()).unwrap();
        assert_eq!(loaded.len(), SHIPPED.len());
        assert!(loaded.iter().any(|(file, one)| file == "mhlw-6.0.toml" && one.name == "手引き"));
        std::fs::write(folder.path().join("own.toml"), own.replace("drill", "drills")).unwrap();
        let told = load_guidelines(folder.path()).unwrap_err().to_string();
        assert!(told.contains("own.toml") && told.contains("drills") && told.contains("reread"), "{told}");
    }
}
