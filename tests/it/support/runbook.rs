//! The commands of a runbook, section by section, run by bash as they stand; only its placeholders are replaced.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::ROOT;

/// A runbook with what its placeholders stand for.
pub(crate) struct Runbook {
    sections: Vec<(String, Vec<String>)>,
    /// What is replaced, the first first.
    pub(crate) places: Vec<(String, String)>,
    /// Variables of the environment of every command.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Where it runs.
    pub(crate) folder: PathBuf,
    /// Assignments (`KEY=…`) of lines before.
    assigned: Vec<String>,
    /// Commands that end otherwise than well: words of the line, the code, words of the error.
    pub(crate) refused: Vec<(&'static str, i32, &'static str)>,
    /// Commands of Kura that were run.
    pub(crate) ran: Vec<String>,
}

impl Runbook {
    /// Reads `docs/runbooks/<name>.md`, to be run in a folder, where `kura` and `as-kura` are made programs.
    pub(crate) fn read(name: &str, folder: &Path) -> Self {
        let path = Path::new(ROOT).join(format!("docs/runbooks/{name}.md"));
        let text = std::fs::read_to_string(path).expect("the runbook").replace("\\\n", " ");
        let mut sections = vec![(String::new(), Vec::new())];
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("## ") {
                sections.push((title.to_owned(), Vec::new()));
            } else if line.starts_with("    ")
                && let Some((_, commands)) = sections.last_mut()
            {
                commands.push(line.trim().to_owned());
            }
        }
        let programs = folder.join("programs");
        std::fs::create_dir_all(&programs).expect("a folder");
        for program in ["kura", "as-kura"] {
            let link = programs.join(program);
            if !link.exists() {
                std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kura"), link).expect("a link");
            }
        }
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
        Self {
            sections,
            places: Vec::new(),
            environment: vec![("PATH", path)],
            folder: folder.to_owned(),
            assigned: Vec::new(),
            refused: Vec::new(),
            ran: Vec::new(),
        }
    }

    /// Runs every command of Kura in it, and the assignments between them. Gives what they printed.
    pub(crate) fn run_all(&mut self) -> String {
        let lines: Vec<String> = self.sections.iter().flat_map(|(_, lines)| lines).cloned().collect();
        let is_wanted = |line: &&String| is_kura(line) || is_assignment(line);
        lines.iter().filter(is_wanted).map(|line| self.command(line)).collect()
    }

    /// The commands of a section, by the beginning of its title.
    pub(crate) fn section(&self, title: &str) -> Vec<String> {
        let found = self.sections.iter().find(|(name, _)| name.starts_with(title));
        found.unwrap_or_else(|| panic!("the runbook has no section {title}")).1.clone()
    }

    /// Every command of Kura in it.
    pub(crate) fn commands(&self) -> Vec<String> {
        let all = self.sections.iter().flat_map(|(_, commands)| commands);
        all.filter(|line| is_kura(line)).cloned().collect()
    }

    /// Runs a section. `skip`: lines with these words are left to the test. Gives what it printed.
    pub(crate) fn run(&mut self, title: &str, skip: &[&str]) -> String {
        let mut out = String::new();
        for line in self.section(title) {
            if !skip.iter().any(|word| line.contains(word)) {
                out.push_str(&self.command(&line));
            }
        }
        out
    }

    /// Runs one line.
    pub(crate) fn command(&mut self, line: &str) -> String {
        let mut text = line.to_owned();
        for (from, to) in &self.places {
            text = text.replace(from, to);
        }
        if is_assignment(&text) {
            self.assigned.push(text);
            return String::new();
        }
        let mut script = self.assigned.join("\n");
        // `diff` and `head` say by their codes what they found; of Kura every code but 0 is a failure.
        script.push_str(&format!("\n{text}\nexit ${{PIPESTATUS[0]}}"));
        let mut bash = Command::new("bash");
        bash.env_clear().envs(self.environment.iter().map(|(name, value)| (*name, value)));
        let output = bash.args(["-u", "-c", &script]).current_dir(&self.folder).output().expect("bash runs");
        let (said, failed) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        // 141: `head` had enough before `diff` had said everything.
        let is_found = text.starts_with("diff ") && matches!(output.status.code(), Some(1 | 141));
        let refused = self.refused.iter().find(|(words, ..)| line.contains(words));
        match refused {
            Some((_, code, words)) => {
                assert_eq!(output.status.code(), Some(*code), "{text}\n{said}\n{failed}");
                assert!(failed.contains(words), "{words} in {failed}");
            }
            None => assert!(output.status.success() || is_found, "{text}\n{said}\n{failed}"),
        }
        if is_kura(line) {
            self.ran.push(line.to_owned());
        }
        said.into_owned()
    }
}

/// `KEY=…`.
fn is_assignment(line: &str) -> bool {
    let name = line.split('=').next().unwrap_or_default();
    name.len() < line.len() && name.chars().all(|c| c.is_ascii_uppercase())
}

fn is_kura(line: &str) -> bool {
    line.starts_with("kura ") || line.starts_with("as-kura ")
}
