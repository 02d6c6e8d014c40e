//! Keeps the shape of the code: who may import whom, where the clock is read, how long a file may grow.
//!
//! Reads the sources as text, with a small scanner that knows comments, strings and `use` groups; it needs no
//! compiler and no other crate. The table `LAYERS` is the rule; a new module needs a row in it.
//! What a lint can say is left to the lints (`Cargo.toml`, `clippy.toml`).

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use scanner::{blank_out, is_prefix, paths, tokens};

/// Finds the paths that Rust code names.
mod scanner;

/// One row of the import table.
struct Layer {
    /// The module right under `src/`.
    module: &'static str,
    /// Modules of ours it may import, as paths with spaces between: `catalog::views` allows only that part of `catalog`.
    may_use: &'static str,
    /// Crates and parts of `std` it must not name, as path prefixes with spaces between.
    never: &'static str,
    /// What to do instead; shown with every violation.
    instead: &'static str,
}

/// Network, database and web: what only adapters and the edge may name.
const OUTSIDE: &str = "axum askama clap hyper lettre reqwest sqlx tower tower_http \
    aws_config aws_sdk_s3 aws_smithy_http_client aws_smithy_runtime_api aws_smithy_types";

/// Who may import whom. Everybody may import themselves.
const LAYERS: &[Layer] = &[
    Layer {
        module: "domain",
        may_use: "",
        never: "axum aws_config aws_sdk_s3 clap serde serde_json sqlx tempfile tokio toml \
                aws_lc_rs age zstd std::env std::fs std::io std::net std::process std::thread",
        instead: "a rule takes facts as arguments: let a workflow gather them, and let the file or table format \
                  have shapes of its own",
    },
    Layer {
        module: "policy_files",
        may_use: "domain config clock anonymize",
        never: "tokio axum sqlx aws_config aws_sdk_s3 clap std::net",
        instead: "turn the file into domain types here and let a workflow use them",
    },
    Layer {
        module: "archive",
        may_use: "domain clock",
        never: OUTSIDE,
        instead: "archive turns bytes into sealed packs and back: let the workflow carry packs to the vault",
    },
    Layer {
        module: "anonymize",
        may_use: "domain",
        never: "axum askama clap hyper lettre reqwest sqlx tower tower_http tokio serde serde_json toml age zstd \
                aws_config aws_sdk_s3 getrandom std::env std::fs std::net std::process",
        instead: "anonymize turns rows into rows and a report: let the workflow read, write and seal them",
    },
    Layer {
        module: "paper",
        may_use: "domain",
        never: "axum askama clap hyper lettre reqwest sqlx tower tower_http tokio serde serde_json toml age zstd \
                aws_config aws_sdk_s3 getrandom std::env std::fs std::net std::process",
        instead: "pages are made from texts: let the workflow gather them, and read the font",
    },
    Layer {
        module: "vault",
        may_use: "domain config clock",
        never: "axum askama clap sqlx age zstd",
        instead: "a vault keeps objects and knows no meaning: let the workflow join it with others",
    },
    Layer {
        module: "credentials",
        may_use: "domain clock archive::digest",
        never: OUTSIDE,
        instead: "credentials computes proofs: let the workflow fetch and keep them",
    },
    Layer {
        module: "portal",
        may_use: "domain config clock",
        never: "axum askama clap sqlx age zstd aws_config aws_sdk_s3",
        instead: "a portal takes bytes and answers: let the workflow say what and when",
    },
    Layer {
        module: "hooks",
        may_use: "domain config clock",
        never: "axum askama clap hyper lettre reqwest sqlx age zstd aws_config aws_sdk_s3",
        instead: "a hook runs a command and says how it ended: let the workflow say which and when",
    },
    Layer {
        module: "programs",
        may_use: "domain",
        never: "axum askama clap hyper lettre reqwest sqlx age zstd aws_config aws_sdk_s3 tokio",
        instead: "a program is run and read: let whoever needs its output say what it means",
    },
    Layer {
        module: "monitor",
        may_use: "domain config clock programs",
        never: "axum askama clap age zstd aws_config aws_sdk_s3",
        instead: "a target is asked once and answers: let the workflow say when, and what it means",
    },
    Layer {
        module: "sources",
        may_use: "domain archive config clock programs",
        never: "axum askama clap hyper lettre reqwest age zstd aws_config aws_sdk_s3",
        instead: "a source names files and gives their bytes: let the workflow and the archive store them",
    },
    Layer {
        module: "identity",
        may_use: "domain config clock",
        never: "axum askama clap sqlx age zstd aws_config aws_sdk_s3",
        instead: "the provider says who somebody is: let the workflow say which account that is",
    },
    Layer {
        module: "catalog",
        may_use: "domain config clock archive::digest",
        never: "axum askama clap aws_config aws_sdk_s3 age zstd",
        instead: "the catalog is rows: let the workflow join it with others",
    },
    Layer {
        module: "clock",
        may_use: "domain",
        never: OUTSIDE,
        instead: "the clock tells the time and random bytes, nothing else",
    },
    Layer {
        module: "config",
        may_use: "domain clock",
        never: OUTSIDE,
        instead: "settings are plain values: let `app` build things from them",
    },
    Layer {
        module: "telemetry",
        may_use: "config",
        never: OUTSIDE,
        instead: "logging knows no domain words: redact at the call",
    },
    Layer {
        module: "workflows",
        may_use: "domain policy_files archive anonymize paper vault catalog clock config credentials identity portal hooks sources monitor",
        never: OUTSIDE,
        instead: "put SQL into catalog/, S3 into vault/, words for people into cli/; call a function there",
    },
    Layer {
        module: "scheduler",
        may_use: "workflows clock domain",
        never: "axum clap sqlx aws_config aws_sdk_s3",
        instead: "the scheduler waits and calls: what is due is decided in domain, done in workflows",
    },
    Layer {
        module: "print",
        may_use: "workflows domain paper",
        never: "axum clap hyper lettre reqwest sqlx tokio aws_config aws_sdk_s3 age zstd std::fs std::net",
        instead: "a page is made from values: let the command or the handler gather them",
    },
    Layer {
        module: "web",
        may_use: "workflows config clock domain print paper",
        never: "clap sqlx aws_config aws_sdk_s3 age zstd",
        instead: "a handler parses, calls one workflow and renders: put the rest into workflows/",
    },
    Layer {
        module: "app",
        may_use: "domain policy_files archive anonymize vault catalog clock config credentials identity portal hooks telemetry workflows",
        never: "clap",
        instead: "`app` builds the whole program from settings; arguments are cli's",
    },
    Layer {
        module: "service",
        may_use: "app workflows scheduler web config clock domain",
        never: "axum clap sqlx aws_config aws_sdk_s3 age zstd",
        instead: "the service joins the scheduler and the pages: what is done belongs into workflows/",
    },
    Layer {
        module: "cli",
        may_use: "app service workflows scheduler web print paper policy_files config domain clock telemetry catalog::views",
        never: "axum sqlx aws_config aws_sdk_s3 age zstd",
        instead: "a command parses arguments, calls one workflow and prints: put the rest into workflows/, \
                  and what opens a store into app.rs",
    },
    Layer {
        module: "main",
        may_use: "cli",
        never: OUTSIDE,
        instead: "main.rs turns arguments into an exit code through cli, nothing else",
    },
    Layer { module: "lib", may_use: "", never: OUTSIDE, instead: "lib.rs is the table of contents" },
];

/// The most lines a file may have before its test module.
const LINES_MAX: usize = 400;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["common", "helper", "helpers", "manager", "managers", "misc", "shared", "types", "util", "utils"];

/// Calls that read the machine's calendar clock, as the last two parts of a path.
const CLOCK_CALLS: &[[&str; 2]] = &[
    ["SystemTime", "now"],
    ["Timestamp", "now"],
    ["Zoned", "now"],
    ["Utc", "now"],
    ["Local", "now"],
    ["OffsetDateTime", "now_utc"],
];

// ---------------------------------------------------------------------------------------------------------------
// The rules
// ---------------------------------------------------------------------------------------------------------------

#[test]
fn every_module_imports_only_what_its_layer_allows() {
    let sources = sources("src").expect("src/ is readable");
    let modules = top_modules(&sources);
    let mut broken = Vec::new();
    for source in &sources {
        match LAYERS.iter().find(|layer| layer.module == source.module) {
            None => broken.push(format!(
                "{}:1: the module `{}` has no row in the import table; add one to LAYERS in tests/it/architecture.rs \
                 and to CONTRIBUTING.md, or move the file into a module that has one",
                source.name, source.module
            )),
            Some(layer) => broken.extend(import_faults(source, layer, &modules)),
        }
    }
    report("the import table (tests/it/architecture.rs, LAYERS)", &broken);
}

#[test]
fn tokio_stays_out_of_the_archive_but_for_its_pipeline() {
    let sources = sources("src/archive").expect("src/archive is readable");
    let mut broken = Vec::new();
    for source in sources.iter().filter(|source| !source.name.contains("pipeline")) {
        for path in paths(&source.code).iter().filter(|path| path.starts_with("tokio")) {
            broken.push(format!(
                "{}:{}: `{}`: sealing and opening packs is plain synchronous code; only src/archive/pipeline* hands \
                 its results to async code",
                source.name, path.line, path.text()
            ));
        }
    }
    report("archive is synchronous", &broken);
}

#[test]
fn domain_has_no_async_code() {
    let sources = sources("src/domain").expect("src/domain is readable");
    let mut broken = Vec::new();
    for source in &sources {
        for token in tokens(&source.code) {
            if token.text == "async" || token.text == "await" {
                broken.push(format!(
                    "{}:{}: `{}`: a rule waits for nothing; gather the facts in a workflow and pass them in",
                    source.name, token.line, token.text
                ));
            }
        }
    }
    report("domain is synchronous", &broken);
}

#[test]
fn only_clock_reads_the_clock() {
    let mut broken = Vec::new();
    for source in sources("src").expect("src/ is readable") {
        if source.module == "clock" {
            continue;
        }
        for path in paths(&source.code) {
            if CLOCK_CALLS.iter().any(|call| path.parts.ends_with(&call.map(str::to_owned))) {
                broken.push(format!(
                    "{}:{}: `{}`: take `now: Instant` or `&dyn Clock` as an argument; only src/clock.rs asks the \
                     machine (invariant K-19)",
                    source.name, path.line, path.text()
                ));
            }
        }
    }
    report("time is an argument", &broken);
}

#[test]
fn every_file_is_short_enough_to_read() {
    let mut broken = Vec::new();
    for source in sources("src").expect("src/ is readable") {
        let lines = source.code.lines().count();
        if lines > LINES_MAX {
            broken.push(format!(
                "{}:{LINES_MAX}: {lines} lines before the test module, {LINES_MAX} are allowed: split it by noun",
                source.name
            ));
        }
    }
    report("short files", &broken);
}

#[test]
fn every_file_says_first_what_lives_in_it() {
    let mut broken = Vec::new();
    for source in
        sources("src").and_then(|src| Ok([src, sources("tests/it")?].concat())).expect("sources are readable")
    {
        if !source.text.starts_with("//! ") {
            broken.push(format!(
                "{}:1: begin the file with `//!` and one sentence: what lives here, and what on purpose does not",
                source.name
            ));
        }
    }
    report("module headers", &broken);
}

#[test]
fn every_module_name_says_something() {
    let mut broken = Vec::new();
    for source in
        sources("src").and_then(|src| Ok([src, sources("tests/it")?].concat())).expect("sources are readable")
    {
        let path = Path::new(&source.name);
        let named = path.with_extension("");
        for part in named.iter().filter_map(|part| part.to_str()).filter(|part| EMPTY_NAMES.contains(part)) {
            broken.push(format!(
                "{}:1: `{part}` says nothing: name the file after the noun it serves, or move each function beside \
                 its only user",
                source.name
            ));
        }
        for pair in tokens(&source.code).windows(2) {
            if let [keyword, name] = pair
                && keyword.text == "mod"
                && EMPTY_NAMES.contains(&name.text.as_str())
            {
                broken.push(format!(
                    "{}:{}: `mod {}` says nothing: name it after the noun it serves",
                    source.name, name.line, name.text
                ));
            }
        }
    }
    report("module names", &broken);
}

#[test]
fn no_text_names_a_folder_of_one_machine() {
    let root = root();
    let mut private = vec!["/root/".to_owned(), "/home/".to_owned(), "/Users/".to_owned()];
    private.extend(root.to_str().map(str::to_owned));
    let mut broken = Vec::new();
    for file in texts().expect("sources and pages are readable") {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            for folder in private.iter().filter(|folder| names_folder(line, folder)) {
                broken.push(format!(
                    "{}:{}: `{folder}` exists on one machine only: write a path relative to the repository, or an \
                     example below /srv or /var/lib/kura",
                    relative(&file),
                    number + 1
                ));
            }
        }
    }
    report("paths that hold everywhere", &broken);
}

#[test]
fn every_source_file_that_a_page_names_exists() {
    let mut broken = Vec::new();
    for file in texts().expect("sources and pages are readable") {
        if file.extension().is_none_or(|ending| ending != "md") {
            continue;
        }
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            for word in line.split('`').skip(1).step_by(2) {
                let is_path =
                    word.starts_with("src/") || word.starts_with("tests/") || word.starts_with("docs/");
                let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
                if is_path && is_plain && !root().join(word).exists() {
                    broken.push(format!(
                        "{}:{}: `{word}` does not exist: name the file that keeps this today, or leave the path out \
                         until there is one",
                        relative(&file),
                        number + 1
                    ));
                }
            }
        }
    }
    report("pages name real files", &broken);
}

/// What a file imports against its layer's row.
fn import_faults(source: &Source, layer: &Layer, modules: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for path in paths(&source.code) {
        if path.starts_with("super::super") {
            faults.push(format!(
                "{}:{}: `{}`: write the path from `crate::`",
                source.name,
                path.line,
                path.text()
            ));
        }
        if let Some(ours) = path.inside_crate(source.is_top(), modules) {
            let itself = ours.first().is_some_and(|first| first == layer.module);
            if !itself && !layer.may_use.split_whitespace().any(|allowed| is_prefix(allowed, &ours)) {
                faults.push(format!(
                    "{}:{}: `{}` must not use `{}` (may use: {}): {}",
                    source.name,
                    path.line,
                    layer.module,
                    ours.join("::"),
                    if layer.may_use.is_empty() { "nothing of ours" } else { layer.may_use },
                    layer.instead
                ));
            }
        } else if let Some(banned) = layer.never.split_whitespace().find(|banned| path.starts_with(banned)) {
            faults.push(format!(
                "{}:{}: `{}` must not name `{banned}`: {}",
                source.name, path.line, layer.module, layer.instead
            ));
        }
    }
    faults
}

/// Fails the test with every violation, one a line.
#[track_caller]
fn report(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}: {} violation(s)\n  {}\n", broken.len(), broken.join("\n  "));
}

// ---------------------------------------------------------------------------------------------------------------
// Reading the repository
// ---------------------------------------------------------------------------------------------------------------

/// One source file.
#[derive(Clone)]
struct Source {
    /// Path from the repository's root, with `/`.
    name: String,
    /// The module right under `src/`.
    module: String,
    /// The whole file.
    text: String,
    /// The file up to its test module, comments and strings blanked out, lines kept.
    code: String,
}

fn root() -> PathBuf {
    PathBuf::from(crate::support::ROOT)
}

fn relative(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).to_string_lossy().replace('\\', "/")
}

/// Every Rust file below a folder of the repository; none if there is no such folder.
fn sources(folder: &str) -> io::Result<Vec<Source>> {
    let mut found = Vec::new();
    for file in files_below(&root().join(folder))? {
        if file.extension().is_some_and(|ending| ending == "rs") {
            found.push(Source::new(relative(&file), fs::read_to_string(&file)?));
        }
    }
    Ok(found)
}

/// Everything people read: sources, pages, policies, the files at the top.
fn texts() -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in ["src", "docs", "policies", "migrations", "deploy"] {
        found.extend(files_below(&root().join(folder))?);
    }
    for entry in fs::read_dir(root())? {
        let file = entry?.path();
        if file.is_file() && file.extension().is_some_and(|ending| ending == "md" || ending == "toml") {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}

fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                found.extend(files_below(&path)?);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a line names a folder as an absolute path, not as the tail of a longer one.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|head| head.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/>}*".contains(c))
    })
}

/// The modules right under `src/`.
fn top_modules(sources: &[Source]) -> BTreeSet<String> {
    sources
        .iter()
        .map(|source| source.module.clone())
        .filter(|module| module != "main" && module != "lib")
        .collect()
}

impl Source {
    fn new(name: String, text: String) -> Self {
        let inside = name.strip_prefix("src/").unwrap_or(&name);
        let module = inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs").to_owned();
        let code = before_tests(&blank_out(&text));
        Self { name, module, text, code }
    }

    /// Whether `super` here is the crate's root (but for inline modules).
    fn is_top(&self) -> bool {
        let depth = self.name.split('/').count();
        self.name.starts_with("src/") && (depth == 2 || (depth == 3 && self.name.ends_with("/mod.rs")))
    }
}

/// The code up to the first `#[cfg(test)]` that stands before a module with a body.
fn before_tests(code: &str) -> String {
    let lines: Vec<&str> = code.lines().collect();
    let is_test_module = |at: usize| {
        lines.get(at).is_some_and(|line| line.trim_start().starts_with("#[cfg(test)]"))
            && lines
                .iter()
                .skip(at + 1)
                .map(|line| line.trim())
                .find(|line| !line.is_empty() && !line.starts_with("#["))
                .is_some_and(|line| line.starts_with("mod ") && line.contains('{'))
    };
    let end = (0..lines.len()).find(|at| is_test_module(*at)).unwrap_or(lines.len());
    lines.iter().take(end).flat_map(|line| [line, "\n"]).collect()
}

// ---------------------------------------------------------------------------------------------------------------
// The scanner is tested too: a rule that sees nothing finds nothing.
// ---------------------------------------------------------------------------------------------------------------

fn faults_of(name: &str, text: &str) -> Vec<String> {
    let source = Source::new(name.to_owned(), text.to_owned());
    let modules = LAYERS.iter().map(|layer| layer.module.to_owned()).collect();
    LAYERS
        .iter()
        .find(|layer| layer.module == source.module)
        .map(|layer| import_faults(&source, layer, &modules))
        .unwrap_or_default()
}

#[test]
fn every_way_to_write_an_import_is_seen() {
    for text in [
        "use crate::vault::Vault;",
        "use crate::{domain::time::Day, vault::Vault};",
        "use crate::{\n    domain::{time::{Day, Zone}, plan},\n    vault::{self, Put as P},\n};",
        "use {std::fmt, crate::vault};",
        "fn f() -> crate::vault::Put { crate::vault::Put::Created }",
        "fn f(v: &dyn crate::vault::Vault) {}",
        "pub(crate) use crate::vault::*;",
        "#[cfg(test)]\nuse crate::vault::Vault;",
        "fn f() { let s = 'x'; let t = \"//\"; use crate::vault::Vault; }",
        "fn f<'a>(x: &'a str) { crate::vault::open(x); }",
    ] {
        assert!(!faults_of("src/catalog/rows.rs", text).is_empty(), "not seen: {text}");
    }
    assert!(!faults_of("src/catalog/mod.rs", "use super::vault::Vault;").is_empty(), "super at the top");
    assert!(!faults_of("src/catalog/rows.rs", "use super::super::vault::Vault;").is_empty(), "two steps up");
}

#[test]
fn words_that_are_no_imports_are_left_alone() {
    for text in [
        "// use crate::vault::Vault;",
        "/* outer /* crate::vault */ crate::vault */",
        "/// See [`crate::vault::Vault`].\nfn f() {}",
        "const A: &str = \"crate::vault\\\" crate::vault\";",
        "const A: &str = r#\"crate::vault \" crate::vault\"#;",
        "const A: &[u8] = b\"crate::vault\"; const Q: char = '\"'; const E: char = '\\'';",
        "use crate::domain::time::Day; use crate::catalog::rows; use super::views;",
        "pub(crate) fn vault() {}",
        "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::vault::Vault;\n}",
    ] {
        assert_eq!(faults_of("src/catalog/rows.rs", text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn crates_outside_a_layer_are_seen_by_name() {
    assert_eq!(faults_of("src/workflows/restore.rs", "fn f() { sqlx::query(Q); }").len(), 1);
    assert_eq!(faults_of("src/workflows/restore.rs", "use aws_sdk_s3 as s3;").len(), 1);
    assert_eq!(faults_of("src/domain/plan.rs", "use std::{fmt, fs::File, collections::BTreeMap};").len(), 1);
    assert_eq!(faults_of("src/domain/plan.rs", "use std::fmt;").len(), 0);
    assert_eq!(faults_of("src/cli/list.rs", "use crate::catalog::{views, rows};").len(), 1);
    assert_eq!(faults_of("src/main.rs", "fn main() { kura::cli::run(); kura::vault::open(); }").len(), 1);
}

#[test]
fn a_message_names_the_line_and_the_way_out() {
    let faults =
        faults_of("src/vault/dir.rs", "use std::fs;\n\nuse crate::{\n    domain,\n    catalog::Row,\n};\n");
    assert_eq!(faults.len(), 1);
    assert!(
        faults.concat().starts_with("src/vault/dir.rs:5: `vault` must not use `catalog::Row`"),
        "{faults:?}"
    );
    assert!(faults.concat().contains("let the workflow join it"), "{faults:?}");
}
