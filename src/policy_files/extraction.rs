//! The instructions of an extract as a permit carries them: TOML, read strictly into what the engine takes.
//!
//! A key that is not known, or stands twice, is an error that names it. Hierarchies stand in the text itself, as ARX
//! writes them, so that the approval of a permit covers them.

use std::collections::BTreeMap;

use crate::anonymize::classes::{Class, ColumnRule, Treatment};
use crate::anonymize::delimited::{Encoding, Writing, read_hierarchy};
use crate::anonymize::extract::ExtractRules;
use crate::anonymize::faults::Fault;
use crate::anonymize::hierarchy::Hierarchy;
use crate::anonymize::instructions::{Comparison, CountsAsked, Instructions, Seal, Shape, Test};
use crate::anonymize::ladders::Ladder;
use crate::anonymize::metric::Metric;
use crate::anonymize::normal_form::canonical;
use crate::anonymize::number::Ratio;
use crate::anonymize::rules::Model;
use crate::anonymize::statistics::{Protection, TableRules};

use super::extraction_file::{ColumnFile, File, FilterFile, ModelFile, OutputFile, TableFile};

/// The instructions cannot be used; the texts say what is wrong with which key, everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the instructions of the extract cannot be used: {}", .english.join("; "))]
pub struct BadInstructions {
    english: Vec<String>,
    japanese: String,
}

impl BadInstructions {
    /// Everything that was found; the instructions, if that is nothing.
    pub fn unless(instructions: Instructions, faults: &[Fault]) -> Result<Instructions, Self> {
        if faults.is_empty() {
            return Ok(instructions);
        }
        Err(Self {
            english: faults.iter().map(ToString::to_string).collect(),
            japanese: faults.iter().map(Fault::sentence).collect::<Vec<_>>().join(" "),
        })
    }

    /// Each thing that is wrong.
    pub fn english(&self) -> &[String] {
        &self.english
    }

    /// The sentence for people; keys and what they may say stand as they are written in the instructions.
    pub fn japanese(&self) -> String {
        format!("抽出の条件をこのままでは実施できません。次の箇所を直してください。{}", self.japanese)
    }
}

/// The smallest cell that a permit may ask for.
///
/// Source: the guidelines of NDB, 介護DB and 障害福祉DB show no cell below ten persons.
const CELL_MIN: u32 = 10;

/// Reads instructions that can be carried out.
pub fn read_instructions(text: &str) -> Result<Instructions, BadInstructions> {
    let (instructions, faults) = read_with_faults(text)?;
    BadInstructions::unless(instructions, &faults)
}

/// Reads instructions, and gives what is wrong with them beside: for whoever has something to add to that.
pub fn read_with_faults(text: &str) -> Result<(Instructions, Vec<Fault>), BadInstructions> {
    let file: File = toml::from_str(text).map_err(|error| unreadable(text, &error))?;
    let has_model = |name: &str| {
        file.table.is_some() || file.privacy.l.iter().chain(&file.privacy.t).any(|model| model.column == name)
    };
    let read =
        |(name, column): (&String, &ColumnFile)| column_rule(name, column, &file.tables, has_model(name));
    let columns = file.columns.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    for table in file.tables.keys() {
        if !file.columns.values().any(|column| column.table.as_ref() == Some(table)) {
            return Err(bad(&format!("tables.{table} is not used by any column")));
        }
    }
    let (rules, may_be_bounded) = rules(&file, columns)?;
    let made = Instructions {
        schema: schema(&file.schema)?,
        rows_max: file.rows_max,
        filter: file.filter.iter().map(test).collect::<Result<_, _>>()?,
        counts: file.table.as_ref().map(counts).transpose()?,
        shape: shape(&file.output)?,
        seal: seal(&file.output.seal)?,
        dataset: file.dataset,
        rules,
        may_be_bounded,
    };
    let faults = made.faults();
    Ok((made, faults))
}

fn bad(message: &str) -> BadInstructions {
    BadInstructions { english: vec![message.to_owned()], japanese: message.to_owned() }
}

/// What TOML says, with the line that it says it of: the lines of a permit are not those of the file it came from.
fn unreadable(text: &str, error: &toml::de::Error) -> BadInstructions {
    let message = error.message();
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = text.lines().nth(before.matches('\n').count()).unwrap_or_default().trim();
    let line: String = line.chars().take(LINE_CHARACTERS_SHOWN).collect();
    let name = message.split('`').nth(1).unwrap_or_default();
    let (english, japanese) = if message.starts_with("missing field") {
        (format!("the key {name} is missing"), format!("{name} がありません。"))
    } else if message.starts_with("unknown field") {
        (message.to_owned(), format!("{name} という項目はありません（{message}）。"))
    } else if message.starts_with("duplicate key") {
        (message.to_owned(), format!("同じ項目が2回あります（{message}）。"))
    } else if message.contains("expected u") || message.contains("expected i64") {
        let english = "a whole number from 0 on is needed, without quotes".to_owned();
        (english, "0以上の整数を、引用符なしで書いてください。".to_owned())
    } else {
        (message.to_owned(), message.to_owned())
    };
    let (at, place) = if line.is_empty() {
        (String::new(), String::new())
    } else {
        (format!("`{line}`: "), format!("「{line}」："))
    };
    BadInstructions { english: vec![format!("{at}{english}")], japanese: format!("{place}{japanese}") }
}

/// So much of a line is shown.
const LINE_CHARACTERS_SHOWN: usize = 80;

fn rules(file: &File, columns: Vec<ColumnRule>) -> Result<(ExtractRules, bool), BadInstructions> {
    let privacy = &file.privacy;
    let output = &file.output;
    let encodings = [("utf-8", Encoding::Utf8), ("shift_jis", Encoding::ShiftJis)];
    let encoding = word("output.encoding", output.encoding.as_deref().unwrap_or("utf-8"), &encodings)?;
    let metrics = [
        ("loss", Metric::Loss),
        ("discernibility", Metric::Discernibility),
        ("crowd-squares", Metric::CrowdSquares),
        ("average-crowd", Metric::AverageCrowd),
        ("entropy", Metric::Entropy),
        ("generalization-entropy", Metric::GeneralizationEntropy),
        ("precision", Metric::Precision),
    ];
    let mut models = Vec::new();
    for (key, list) in [("l", &privacy.l), ("t", &privacy.t)] {
        for model in list {
            models.push((model.column.clone(), model_of(key, model)?));
        }
    }
    let named = |name: &String| columns.iter().any(|rule| rule.name == *name);
    if let Some(person) = privacy.person.as_ref().filter(|person| !named(person)) {
        return Err(bad(&format!("privacy.person names column {person:?}, which has no rule")));
    }
    if let Some((name, _)) = models.iter().find(|(name, _)| !named(name)) {
        return Err(bad(&format!("privacy names column {name:?}, which has no rule")));
    }
    let rules = ExtractRules {
        person: privacy.person.clone(),
        k: privacy.k,
        suppression: ratio("privacy.suppression", &privacy.suppression)?,
        models,
        metric: word("privacy.metric", &privacy.metric, &metrics)?,
        sample: privacy.sample,
        singling_out: ratio("privacy.singling_out", &privacy.singling_out)?,
        words: privacy.words.clone(),
        writing: Writing { encoding, is_spreadsheet_safe: output.spreadsheet_safe },
        columns,
    };
    Ok((rules, privacy.bounded))
}

fn column_rule(
    name: &str,
    column: &ColumnFile,
    tables: &BTreeMap<String, String>,
    has_model: bool,
) -> Result<ColumnRule, BadInstructions> {
    let classes = [
        ("direct", Class::Direct),
        ("pic", Class::PersonalCode),
        ("link", Class::Link),
        ("qi", Class::Quasi),
        ("date", Class::Date),
        ("sensitive", Class::Sensitive),
        ("free_text", Class::FreeText),
        ("measure", Class::Measure),
        ("public", Class::Public),
        ("binary", Class::Binary),
    ];
    let class = word(&format!("columns.{name}.class"), &column.class, &classes)?;
    let treatment = treatment(name, column, tables)?;
    if !class.allows(&treatment) {
        let (do_, class) = (&column.treatment, &column.class);
        return Err(bad(&format!("columns.{name}: do = {do_:?} is not allowed for class = {class:?}")));
    }
    Ok(ColumnRule { name: name.to_owned(), class, treatment, reason: column.reason.clone(), has_model })
}

/// What is done with a column; a key that this treatment does not take is an error.
fn treatment(
    name: &str,
    column: &ColumnFile,
    tables: &BTreeMap<String, String>,
) -> Result<Treatment, BadInstructions> {
    let do_ = column.treatment.as_str();
    let takes: &[&str] = match do_ {
        "drop" | "keep" | "days" | "postal" | "icd10" => &[],
        "pseudonym" => &["space"],
        "table" => &["table"],
        "age" => &["widths", "top"],
        "shift" => &["days"],
        "fold" => &["below", "other"],
        "round" => &["step", "low", "high"],
        _ => {
            let known = "drop, keep, pseudonym, table, age, days, postal, icd10, shift, fold, round";
            return Err(bad(&format!("columns.{name}.do = {do_:?}; allowed: {known}")));
        }
    };
    let given = [
        ("space", column.space.is_some()),
        ("widths", column.widths.is_some()),
        ("top", column.top.is_some()),
        ("table", column.table.is_some()),
        ("days", column.days.is_some()),
        ("below", column.below.is_some()),
        ("other", column.other.is_some()),
        ("step", column.step.is_some()),
        ("low", column.low.is_some()),
        ("high", column.high.is_some()),
    ];
    if let Some((key, _)) = given.iter().find(|(key, is_given)| *is_given && !takes.contains(key)) {
        return Err(bad(&format!("columns.{name}.{key} has no meaning with do = {do_:?}")));
    }
    let missing = |key: &str| bad(&format!("columns.{name}.{key} is missing: do = {do_:?} needs it"));
    Ok(match do_ {
        "drop" => Treatment::Drop,
        "keep" => Treatment::Keep,
        "days" => Treatment::Ladder(Ladder::Days),
        "postal" => Treatment::Ladder(Ladder::Postal),
        "icd10" => Treatment::Ladder(Ladder::Icd10),
        "pseudonym" => {
            Treatment::Pseudonym { space: column.space.clone().unwrap_or_else(|| name.to_owned()) }
        }
        "table" => {
            let table = column.table.as_ref().ok_or_else(|| missing("table"))?;
            let text = tables.get(table).ok_or_else(|| bad(&format!("tables.{table} is missing")))?;
            Treatment::Table(hierarchy(table, text)?)
        }
        "age" => {
            let widths = column.widths.clone().ok_or_else(|| missing("widths"))?;
            let nested = widths.windows(2).all(|pair| matches!(pair, [a, b] if *a > 0 && b % a == 0));
            if widths.is_empty() || widths.contains(&0) || !nested {
                return Err(bad(&format!(
                    "columns.{name}.widths: each width is a multiple of the one before"
                )));
            }
            Treatment::Ladder(Ladder::Ages { widths, top: column.top })
        }
        "shift" => match column.days.ok_or_else(|| missing("days"))? {
            0 => return Err(bad(&format!("columns.{name}.days = 0 moves nothing"))),
            days_max => Treatment::Shift { days_max },
        },
        "fold" => Treatment::Fold {
            below: column.below.ok_or_else(|| missing("below"))?,
            other: other_of(name, column)?,
        },
        _ => Treatment::Round {
            step: column.step.ok_or_else(|| missing("step"))?,
            low: column.low,
            high: column.high,
        },
    })
}

/// What rare values become, in the form in which values are written.
fn other_of(name: &str, column: &ColumnFile) -> Result<String, BadInstructions> {
    let other = canonical(column.other.as_deref().unwrap_or("その他"));
    if other.is_empty() { Err(bad(&format!("columns.{name}.other is empty"))) } else { Ok(other) }
}

fn hierarchy(name: &str, text: &str) -> Result<Hierarchy, BadInstructions> {
    let lines = read_hierarchy(text.trim().as_bytes(), Encoding::Utf8);
    let lines = lines.map_err(|problem| bad(&format!("tables.{name}: {problem}")))?;
    Hierarchy::from_lines(&lines).map_err(|problem| bad(&format!("tables.{name}: {problem}")))
}

fn model_of(key: &str, model: &ModelFile) -> Result<Model, BadInstructions> {
    let place = format!("privacy.{key} of {}", model.column);
    if model.c.is_some() && model.kind != "recursive" {
        return Err(bad(&format!("{place}: c has no meaning with kind = {:?}", model.kind)));
    }
    let value = || ratio(&format!("{place}: value"), &model.value);
    let whole = || model.value.parse::<u64>().map_err(|_| bad(&format!("{place}: value is a whole number")));
    Ok(match (key, model.kind.as_str()) {
        ("l", "distinct") => Model::DistinctDiversity(whole()?),
        ("l", "entropy") => Model::EntropyDiversity(value()?),
        ("l", "recursive") => {
            let c = model.c.as_deref().ok_or_else(|| bad(&format!("{place}: c is missing")))?;
            let l = usize::try_from(whole()?).map_err(|_| bad(&format!("{place}: value is too large")))?;
            Model::RecursiveDiversity { c: ratio(&format!("{place}: c"), c)?, l }
        }
        ("t", "equal") => Model::EqualCloseness(value()?),
        ("t", "ordered") => Model::OrderedCloseness(value()?),
        (_, kind) => {
            let allowed = if key == "l" { "distinct, entropy, recursive" } else { "equal, ordered" };
            return Err(bad(&format!("{place}: kind = {kind:?}; allowed: {allowed}")));
        }
    })
}

fn counts(table: &TableFile) -> Result<CountsAsked, BadInstructions> {
    if table.min_cell < CELL_MIN {
        let min = table.min_cell;
        return Err(bad(&format!("table.min_cell = {min}; no cell below {CELL_MIN} persons may be shown")));
    }
    let protections = [("hide", Protection::Hide), ("round-up", Protection::RoundUp)];
    let protection = word("table.protection", table.protection.as_deref().unwrap_or("hide"), &protections)?;
    let rules = TableRules {
        cell_min: table.min_cell,
        dimensions_max: table.max_dimensions,
        protection,
        totals: table.totals,
    };
    let by = table.by.iter().map(|group| (group.column.clone(), group.level)).collect();
    Ok(CountsAsked { by, rules, sum: table.sum.clone() })
}

fn test(file: &FilterFile) -> Result<Test, BadInstructions> {
    let words: Vec<(&str, Comparison)> = Comparison::ALL.into_iter().map(|one| (one.word(), one)).collect();
    let place = format!("filter on {}", file.column);
    let comparison = word(&format!("{place}: op"), &file.op, &words)?;
    let values = match (comparison, &file.value, &file.values) {
        (Comparison::In, None, Some(values)) if !values.is_empty() => values.clone(),
        (Comparison::In, _, _) => return Err(bad(&format!("{place}: op = \"in\" takes values = [\"…\"]"))),
        (_, Some(value), None) => vec![value.clone()],
        (_, _, _) => return Err(bad(&format!("{place}: op = {:?} takes value = \"…\"", file.op))),
    };
    Ok(Test { column: file.column.clone(), comparison, values })
}

/// As what it is handed over; only CSV has an encoding to choose.
fn shape(output: &OutputFile) -> Result<Shape, BadInstructions> {
    let known = Shape::ALL.map(|shape| (shape.word(), shape));
    let shape = word("output.format", &output.format, &known)?;
    if shape != Shape::Csv && output.encoding.is_some() {
        return Err(bad(&format!("output.encoding has no meaning with format = {:?}", output.format)));
    }
    if shape != Shape::Csv && output.spreadsheet_safe {
        let format = &output.format;
        return Err(bad(&format!(
            "output.spreadsheet_safe has no meaning with format = {format:?}: there every cell is text"
        )));
    }
    Ok(shape)
}

fn seal(text: &str) -> Result<Seal, BadInstructions> {
    match text {
        "passphrase" => Ok(Seal::Passphrase),
        // Whether it is one, and not a letter too short, is asked where keys are known.
        key if key.starts_with("age1") => Ok(Seal::Key(key.to_owned())),
        _ => Err(bad("output.seal is the applicant's age key (age1… of 62 characters) or \"passphrase\"")),
    }
}

fn schema(text: &str) -> Result<String, BadInstructions> {
    let is_digest = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_digest {
        return Ok(text.to_owned());
    }
    Err(bad("schema is the fingerprint of the source, 64 digits: `kura extract columns DATASET` prints it"))
}

fn ratio(key: &str, text: &str) -> Result<Ratio, BadInstructions> {
    Ratio::parse(text).map_err(|error| bad(&format!("{key} = {text:?} is {error}")))
}

fn word<T: Copy>(key: &str, given: &str, known: &[(&str, T)]) -> Result<T, BadInstructions> {
    let found = known.iter().find(|(word, _)| *word == given);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        bad(&format!("{key} = {given:?}; allowed: {}", words.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
dataset = "admissions"
schema = "0000000000000000000000000000000000000000000000000000000000000000"
rows_max = 200000

[[filter]]
column = "admitted"
op = ">="
value = "2024-04-01"

[columns]
patient_id = { class = "link", do = "pseudonym", space = "patient" }
name = { class = "direct", do = "drop" }
age = { class = "qi", do = "age", widths = [5, 10, 20], top = 90 }
sex = { class = "qi", do = "table", table = "sex" }
admitted = { class = "date", do = "shift", days = 30 }
icd10 = { class = "sensitive", do = "fold", below = 10 }
weight = { class = "measure", do = "round", step = 10, low = 50, high = 80 }
note = { class = "free_text", do = "drop" }

[tables]
sex = """
男;*
女;*
"""

[privacy]
person = "patient_id"
k = 10
suppression = "0.02"
l = [{ column = "icd10", kind = "distinct", value = "3" }]
t = [{ column = "icd10", kind = "equal", value = "0.4" }]

[output]
format = "csv"
seal = "passphrase"
"#;

    #[test]
    fn good_instructions_are_read_and_so_is_their_canonical_form() {
        let made = read_instructions(GOOD).expect("is read");
        assert_eq!(
            made.columns(),
            ["admitted", "age", "icd10", "name", "note", "patient_id", "sex", "weight"]
        );
        assert_eq!((made.rules.k, made.rules.models.len(), &made.seal), (10, 2, &Seal::Passphrase));
        let with_model = made.rules.columns.iter().filter(|rule| rule.has_model);
        assert_eq!(with_model.map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["icd10"]);
        let table: toml::Table = toml::from_str(GOOD).expect("is TOML");
        let canonical = toml::to_string(&table).expect("is written");
        assert_eq!(read_instructions(&canonical), Ok(made), "as permits carry it");
    }

    #[test]
    fn case_19_what_is_not_known_is_refused_by_name() {
        let faults = [
            ("k = 10", "k = 10\nkk = 5", "kk"),
            ("k = 10", "k = 10\nk = 5", "duplicate key"),
            ("rows_max = 200000", "path = \"/etc/passwd\"", "path"),
            ("op = \">=\"", "op = \"like\"", "op = \"like\"; allowed: ="),
            ("do = \"drop\" }\nage", "do = \"keep\" }\nage", "columns.name: do = \"keep\" is not allowed"),
            ("widths = [5, 10, 20]", "widths = [5, 12]", "columns.age.widths"),
            ("days = 30", "days = 30, top = 3", "columns.admitted.top has no meaning"),
            ("below = 10", "", "columns.icd10.below is missing"),
            ("男;*\n女;*", "男;*\n男;*", "tables.sex: 1 value(s)"),
            ("table = \"sex\"", "table = \"sexes\"", "tables.sexes is missing"),
            ("suppression = \"0.02\"", "suppression = \"2 %\"", "privacy.suppression"),
            ("person = \"patient_id\"", "person = \"patient\"", "privacy.person"),
            ("kind = \"equal\"", "kind = \"near\"", "allowed: equal, ordered"),
            ("column = \"admitted\"", "column = \"name\"", "names persons"),
            ("column = \"admitted\"", "column = \"nothing\"", "has no rule"),
            ("value = \"2024-04-01\"", "value = \"spring\"", "by order"),
            ("format = \"csv\"", "format = \"docx\"", "output.format"),
            ("seal = \"passphrase\"", "seal = \"none\"", "output.seal"),
            ("schema = \"0", "schema = \"x", "kura extract columns"),
        ];
        for (from, to, said) in faults {
            assert!(GOOD.contains(from), "{from}");
            let refused = read_instructions(&GOOD.replacen(from, to, 1)).expect_err(to);
            assert!(refused.to_string().contains(said), "{to}: {refused}");
        }
    }

    #[test]
    fn what_protects_nobody_or_can_never_be_carried_out_is_refused() {
        let faults = [
            ("k = 10", "k = 1", "privacy.k = 1"),
            ("k = 10", "k = 0", "at least 2"),
            ("k = 10", "k = -1", "`k = -1`: a whole number"),
            ("k = 10\n", "", "the key k is missing"),
            (
                "suppression = \"0.02\"",
                "suppression = \"1.01\"",
                "privacy.suppression = \"101/100\": a share",
            ),
            ("k = 10", "k = 10\nsingling_out = \"2\"", "privacy.singling_out"),
            ("k = 10", "k = 10\nsample = 9", "privacy.sample = 9"),
            ("rows_max = 200000", "rows_max = 9", "rows_max = 9"),
            (
                "l = [{ column = \"icd10\", kind = \"distinct\", value = \"3\" }]\nt = [{ column = \"icd10\", kind = \"equal\", value = \"0.4\" }]",
                "",
                "needs a written reason, or l-diversity",
            ),
            (
                "do = \"fold\", below = 10",
                "do = \"keep\" }\nward = { class = \"public\", do = \"keep\"",
                "columns.ward",
            ),
            ("below = 10", "below = 1", "columns.icd10.below = 1"),
            ("step = 10, low = 50", "step = 10, low = 80", "columns.weight.low = 80"),
            (
                "kind = \"distinct\", value = \"3\"",
                "kind = \"distinct\", value = \"1\"",
                "privacy.l of icd10",
            ),
            ("kind = \"distinct\", value = \"3\"", "kind = \"entropy\", value = \"1\"", "privacy.l of icd10"),
            (
                "kind = \"distinct\", value = \"3\"",
                "kind = \"recursive\", c = \"0\", value = \"3\"",
                "c must be more than 0",
            ),
            ("kind = \"equal\", value = \"0.4\"", "kind = \"equal\", value = \"1\"", "privacy.t of icd10"),
            (
                "column = \"icd10\", kind = \"equal\"",
                "column = \"age\", kind = \"equal\"",
                "privacy.t of age",
            ),
            ("person = \"patient_id\"", "", "columns.patient_id.do = \"pseudonym\""),
            ("person = \"patient_id\"", "", "columns.admitted.do = \"shift\""),
            ("age = {", "\"=age\" = {", "would run the name"),
            ("format = \"csv\"", "format = \"xlsx\"\nspreadsheet_safe = true", "output.spreadsheet_safe"),
        ];
        for (from, to, said) in faults {
            assert!(GOOD.contains(from), "{from}");
            let refused = read_instructions(&GOOD.replacen(from, to, 1)).expect_err(to);
            assert!(refused.to_string().contains(said), "{to}: {refused}");
            let japanese = refused.japanese();
            assert!(!japanese.contains("TOML parse error") && !japanese.contains(" --> "), "{japanese}");
        }
        let dropped = GOOD.lines().map(|line| match line.split_once(" = { class = ") {
            Some((name, _)) if !name.starts_with("patient") => {
                format!("{name} = {{ class = \"direct\", do = \"drop\" }}")
            }
            Some((name, _)) => format!("{name} = {{ class = \"link\", do = \"drop\" }}"),
            None => line.to_owned(),
        });
        let nothing =
            dropped.collect::<Vec<_>>().join("\n").replace("[tables]\nsex = \"\"\"\n男;*\n女;*\n\"\"\"", "");
        let refused = read_instructions(&nothing).expect_err("nothing is left");
        assert!(refused.to_string().contains("nothing would be released"), "{refused}");
    }

    #[test]
    fn a_table_of_counts_that_can_never_be_made_is_refused() {
        let faults = [
            ("[output]", "[table]\nby = []\n[output]", "table.by"),
            ("[output]", "[table]\nby = [{ column = \"note\" }]\n[output]", "table.by of note"),
            (
                "[output]",
                "[table]\nby = [{ column = \"sex\" }, { column = \"sex\" }]\n[output]",
                "stands twice",
            ),
            ("[output]", "[table]\nby = [{ column = \"age\", level = 5 }]\n[output]", "the vaguest is 4"),
            ("[output]", "[table]\nby = [{ column = \"sex\", level = 2 }]\n[output]", "the vaguest is 1"),
            ("[output]", "[table]\nby = [{ column = \"sex\" }]\nsum = \"age\"\n[output]", "table.sum"),
            ("[output]", "[table]\nby = [{ column = \"sex\" }]\nsum = \"note\"\n[output]", "table.sum"),
        ];
        for (from, to, said) in faults {
            let refused = read_instructions(&GOOD.replacen(from, to, 1)).expect_err(to);
            assert!(refused.to_string().contains(said), "{to}: {refused}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let bad = GOOD
            .replacen("k = 10", "k = 1", 1)
            .replacen("\"0.02\"", "\"3\"", 1)
            .replacen("below = 10", "below = 0", 1)
            .replacen("value = \"2024-04-01\"", "value = \"spring\"", 1);
        let refused = read_instructions(&bad).expect_err("four faults");
        for said in ["privacy.k", "privacy.suppression", "columns.icd10.below", "filter on admitted"] {
            assert!(
                refused.to_string().contains(said) && refused.japanese().contains(said),
                "{said}: {refused}"
            );
        }
        assert!(refused.japanese().contains("kは2以上"), "{}", refused.japanese());
    }

    #[test]
    fn a_table_of_counts_shows_no_cell_below_ten() {
        let table =
            "[table]\nby = [{ column = \"age\", level = 2 }, { column = \"sex\" }]\nmin_cell = 10\n[output]";
        let made = read_instructions(&GOOD.replacen("[output]", table, 1)).expect("is read");
        let counts = made.counts.expect("a table");
        assert_eq!(counts.by, [("age".to_owned(), 2), ("sex".to_owned(), 0)]);
        let low = table.replace("min_cell = 10", "min_cell = 9");
        assert!(read_instructions(&GOOD.replacen("[output]", &low, 1)).is_err());
    }
}
