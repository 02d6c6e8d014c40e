//! From files to plans: reads, checks against the rules of the domain, and names everything that is wrong.

use super::diagnose::{Diagnosis, Refused};
use super::format::{Given, PlanFile, SourceFile, parse, read_plan};
use crate::domain::cohort::Generation;
use crate::domain::drill::EVERY_DEFAULT;
use crate::domain::plan::{
    Class, Field, LockMode, PastRetention, Place, Plan, PlanName, PlanParts, PlanProblem, SourceKind,
    SourceName, SourceParts,
};
use crate::domain::retention::Retention;
use crate::domain::time::{UnknownZone, Zone};
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The time zone of a plan that names none.
const DEFAULT_ZONE: &str = "Asia/Tokyo";

/// The retention of a plan that states none (第20条).
const DEFAULT_RETENTION: Retention = Retention::Years(1);

/// A plan file larger than this is not a plan file.
const SIZE_MAX_BYTES: u64 = 1024 * 1024;

/// Reads the plan in one file, `<name>.toml`.
///
/// # Errors
/// The file cannot be read, is larger than 1 MiB or not UTF-8, or everything that is wrong in it.
pub fn load_plan(path: &Path) -> Result<Plan, Refused> {
    let shown = path.display().to_string();
    let refused = |message: String| Refused::whole_file(&shown, message);
    let file = std::fs::File::open(path).map_err(|e| refused(format!("cannot be opened: {e}")))?;
    let mut bytes = Vec::new();
    let read = file.take(SIZE_MAX_BYTES + 1).read_to_end(&mut bytes);
    let size = read.map_err(|e| refused(format!("cannot be read: {e}")))?;
    if u64::try_from(size).unwrap_or(u64::MAX) > SIZE_MAX_BYTES {
        return Err(refused(format!("is larger than {SIZE_MAX_BYTES} bytes; a plan file is small")));
    }
    let text = String::from_utf8(bytes).map_err(|_| refused("is not UTF-8; save it as UTF-8".to_owned()))?;
    parse_plan(&shown, &text)
}

/// Reads every `*.toml` in a folder, in the order of their names.
///
/// Other files and sub-folders are left alone.
///
/// # Errors
/// The folder cannot be read, or the problems of all files together.
pub fn load_plans(dir: &Path) -> Result<Vec<Plan>, Refused> {
    let refused =
        |e: std::io::Error| Refused::whole_file(&dir.display().to_string(), format!("cannot be read: {e}"));
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") && !path.is_dir() {
            paths.push(path);
        }
    }
    paths.sort();
    let mut plans = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        match load_plan(&path) {
            Ok(plan) => plans.push(plan),
            Err(refused) => problems.extend(refused.problems),
        }
    }
    if problems.is_empty() { Ok(plans) } else { Err(Refused { problems }) }
}

/// Reads a plan from text. `file_name` names it in messages; its last part must be `<name>.toml`.
///
/// # Errors
/// Everything that is wrong, in the order of the text.
pub fn parse_plan(file_name: &str, text: &str) -> Result<Plan, Refused> {
    let mut diagnosis = Diagnosis::new(file_name, text);
    let Some(table) = parse(text, &mut diagnosis) else { return Err(diagnosis.into_refused()) };
    let file = read_plan(table.get_ref(), &mut diagnosis);
    say_missing(&file, &mut diagnosis);
    check_file_name(file_name, &file.name, &mut diagnosis);
    let places = Places::of(&file);
    let zone = Zone::named(DEFAULT_ZONE).map_err(|UnknownZone(name)| {
        Refused::whole_file(file_name, format!("the time zone {name} is not available on this machine"))
    })?;
    let Some(parts) = parts_of(file, zone) else { return Err(diagnosis.into_refused()) };
    match Plan::new(parts) {
        Ok(plan) if diagnosis.is_clean() => return Ok(plan),
        Ok(_) => {}
        Err(problems) => {
            for problem in problems {
                places.say(problem, &mut diagnosis);
            }
        }
    }
    Err(diagnosis.into_refused())
}

/// Names the keys that must be there.
fn say_missing(file: &PlanFile, diagnosis: &mut Diagnosis<'_>) {
    let start = 0..0;
    if file.name.is_absent() {
        diagnosis.say(&start, "name is missing; write name = \"…\", the file's name without .toml");
    }
    if file.class.is_absent() {
        diagnosis.say(&start, "class is missing; write class = \"application\" or class = \"system\"");
    }
    let Given::Value(sources, _) = &file.sources else { return };
    for source in sources {
        if source.kind.is_absent() {
            diagnosis.say(&source.span, "kind is missing; write kind = \"directory\"");
        }
        let has_path =
            !matches!(source.kind, Given::Value(SourceKind::Command(_) | SourceKind::Postgresql(_), _));
        if has_path && source.path.is_absent() {
            diagnosis.say(&source.span, "path is missing; write path = \"/…\"");
        }
    }
}

/// A plan lives in the file that carries its name.
fn check_file_name(file_name: &str, name: &Given<PlanName>, diagnosis: &mut Diagnosis<'_>) {
    let Given::Value(name, span) = name else { return };
    let last = Path::new(file_name).file_name().unwrap_or_default().to_string_lossy();
    let wanted = format!("{name}.toml");
    if last != wanted {
        let message = format!("name is \"{name}\" but the file is {last:?}; the plan's file is {wanted:?}");
        diagnosis.say(span, message);
    }
}

/// The parts of the plan, with stand-ins where a key is missing or broken: those are already in the diagnosis,
/// and the rest can still be checked.
fn parts_of(file: PlanFile, default_zone: Zone) -> Option<PlanParts> {
    let sources = file.sources.value().unwrap_or_default();
    let source_parts = sources.into_iter().enumerate().map(|(index, source)| source_parts_of(index, source));
    Some(PlanParts {
        name: match file.name.value() {
            Some(name) => name,
            None => "unnamed".parse().ok()?,
        },
        class: file.class.value().unwrap_or(Class::System),
        retention: file.retention.value().unwrap_or(DEFAULT_RETENTION),
        zone: file.time_zone.value().unwrap_or(default_zone),
        generation: file.generation.value().unwrap_or(Generation::Month),
        copies: file.copies.value().unwrap_or(1),
        past_retention: file.past_retention.value().unwrap_or(PastRetention::Report),
        lock_mode: file.lock.value().unwrap_or(LockMode::Compliance),
        drill_every: file.drill_every.value().unwrap_or(EVERY_DEFAULT),
        sources: source_parts.collect(),
    })
}

fn source_parts_of(index: usize, source: SourceFile) -> SourceParts {
    let stand_in = format!("unnamed source {}", index + 1);
    let name: Option<SourceName> =
        if source.name.is_broken() { stand_in.parse().ok() } else { source.name.value() };
    let is_broken = source.kind.is_broken();
    let kind = source.kind.value().unwrap_or(SourceKind::Directory);
    let has_path = matches!(kind, SourceKind::Directory | SourceKind::Sqlite);
    SourceParts {
        // A source of which nothing could be read is not blamed for having no name.
        name: if is_broken && name.is_none() { "unread".parse().ok() } else { name },
        kind,
        path: if !has_path && source.path.is_absent() {
            PathBuf::new()
        } else {
            source.path.value().map_or_else(|| Path::new("/").join(stand_in), PathBuf::from)
        },
        sent_day: source.sent_day.value(),
        exclude: source.exclude.value().unwrap_or_default().into_iter().map(|(glob, _)| glob).collect(),
        one_file_system: source.one_file_system.value().unwrap_or(false),
    }
}

/// Where the keys stand in the text, for problems that the domain finds.
struct Places {
    class_is_known: bool,
    retention: Spot,
    copies: Spot,
    drill_every: Spot,
    source_list: Spot,
    sources: Vec<SourcePlaces>,
}

struct SourcePlaces {
    whole: Range<usize>,
    name: Spot,
    path: Spot,
    sent_day: Spot,
    exclude: Spot,
    globs: Vec<Range<usize>>,
    kind: Spot,
    tables: Vec<Range<usize>>,
}

/// Where one key stands, and whether its problem has been said.
struct Spot {
    span: Option<Range<usize>>,
    is_broken: bool,
}

impl Spot {
    fn of<T>(given: &Given<T>) -> Self {
        Self { span: given.span(), is_broken: given.is_broken() }
    }
}

impl Places {
    fn of(file: &PlanFile) -> Self {
        let sources = match &file.sources {
            Given::Value(sources, _) => sources.as_slice(),
            Given::Absent | Given::Broken(_) => &[],
        };
        Self {
            class_is_known: matches!(file.class, Given::Value(..)),
            retention: Spot::of(&file.retention),
            copies: Spot::of(&file.copies),
            drill_every: Spot::of(&file.drill_every),
            source_list: Spot::of(&file.sources),
            sources: sources.iter().map(SourcePlaces::of).collect(),
        }
    }

    /// Says a problem where its key stands, unless it only follows from one that was said already.
    fn say(&self, problem: PlanProblem, diagnosis: &mut Diagnosis<'_>) {
        let Place { source, field, entry } = problem.place;
        let source = source.and_then(|index| self.sources.get(index));
        if field == Field::SentDay && !self.class_is_known {
            return;
        }
        let spot = match field {
            Field::Retention => Some(&self.retention),
            Field::Copies => Some(&self.copies),
            Field::DrillEvery => Some(&self.drill_every),
            Field::Sources => Some(&self.source_list),
            Field::Kind | Field::Tables => source.map(|source| &source.kind),
            Field::SourceName => source.map(|source| &source.name),
            Field::Path => source.map(|source| &source.path),
            Field::SentDay => source.map(|source| &source.sent_day),
            Field::Exclude => source.map(|source| &source.exclude),
        };
        if spot.is_some_and(|spot| spot.is_broken) {
            return;
        }
        let glob = entry.and_then(|entry| match field {
            Field::Tables => source?.tables.get(entry),
            _ => source?.globs.get(entry),
        });
        let own = glob.or_else(|| spot?.span.as_ref());
        let span = own.or_else(|| source.map(|source| &source.whole)).unwrap_or(&(0..0)).clone();
        diagnosis.say(&span, problem.message);
    }
}

impl SourcePlaces {
    fn of(source: &SourceFile) -> Self {
        let globs = match &source.exclude {
            Given::Value(globs, _) => globs.iter().map(|(_, span)| span.clone()).collect(),
            Given::Absent | Given::Broken(_) => Vec::new(),
        };
        Self {
            whole: source.span.clone(),
            name: Spot::of(&source.name),
            path: Spot::of(&source.path),
            sent_day: Spot::of(&source.sent_day),
            exclude: Spot::of(&source.exclude),
            globs,
            kind: Spot::of(&source.kind),
            tables: source.tables.clone(),
        }
    }
}
