//! The pages of `docs/`: the index names each of them, and every link in them leads to a file.

use std::path::{Path, PathBuf};

use crate::support::ROOT;

/// Every Markdown page below a folder.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
}

/// The targets of the links of a page that are files beside it.
fn targets(text: &str) -> Vec<&str> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let is_file = |link: &&str| !link.contains("://") && !link.starts_with('#') && !link.contains(' ');
    links.filter(is_file).map(|link| link.split('#').next().unwrap_or(link)).collect()
}

#[test]
fn the_index_names_every_page_and_every_link_leads_somewhere() {
    let docs = Path::new(ROOT).join("docs");
    let mut all = Vec::new();
    pages(&docs, &mut all);
    assert!(all.len() > 30, "{}", all.len());
    let index = std::fs::read_to_string(docs.join("README.md")).expect("the index");
    for page in &all {
        let text = std::fs::read_to_string(page).expect("a page");
        let folder = page.parent().expect("a folder");
        for target in targets(&text) {
            assert!(folder.join(target).exists(), "{}: there is no {target}", page.display());
        }
        if folder == docs && !page.ends_with("README.md") {
            let name = page.file_name().expect("a name").to_string_lossy();
            assert!(index.contains(&format!("]({name})")), "docs/README.md does not lead to {name}");
        }
    }
}
