//! What is handed over of a table: CSV as the engine wrote it, the same as a spreadsheet or Parquet, or pages to print.
//!
//! The engine reads CSV back, scans and measures it. A spreadsheet or a Parquet file is made of that table and read back;
//! pages are made of it too, and say its SHA-256 on each of them.

use zeroize::Zeroizing;

use crate::anonymize::delimited::{Encoding, read};
use crate::anonymize::extract::Refusal;
use crate::anonymize::instructions::{Instructions, Shape};
use crate::anonymize::parquet::write_parquet;
use crate::anonymize::spreadsheet::write_spreadsheet;
use crate::archive::digest::Sha256;
use crate::config::Home;
use crate::domain::calendar::wareki;
use crate::domain::permit::PermitContent;
use crate::domain::time::Instant;
use crate::paper::{Paper, Typeface};
use crate::workflows::permits;
use crate::workflows::printing::{self, PrintError};

use super::ExtractError;
use super::report::ExtractReport;

/// What pages say beside the table.
#[derive(Clone, Debug, Default)]
pub(super) struct Dress {
    /// The permit's number; empty where somebody tries instructions out.
    permit: String,
    /// What the form says of the permit.
    fields: Vec<(String, String)>,
    /// What pages are printed with, and when.
    press: Option<(Typeface, Instant)>,
}

impl Dress {
    /// For an extract under a permit.
    pub(super) fn of_permit((number, content): (&str, &PermitContent), now: Instant) -> Self {
        let period = format!("{}～{}", wareki(content.period.0), wareki(content.period.1));
        let day = permits::zone().day_of(now);
        let fields = [
            ("許可番号", number.to_owned()),
            ("件名", content.subject.clone()),
            ("提供を受ける方（申請者）", content.applicant.to_string()),
            ("使用期間", period),
            ("使用後の措置", content.after_use.japanese().to_owned()),
            ("使用後の措置の期日", wareki(content.after_use_due)),
            ("作成日", wareki(day)),
        ];
        let fields = fields.map(|(name, text)| (name.to_owned(), text)).to_vec();
        Self { permit: number.to_owned(), fields, press: None }
    }

    /// Takes what the shape needs. Without a font there are no pages, nor with one that lacks what the permit itself says,
    /// nor if there are more columns than a page is wide: that is told before anything is read.
    pub(super) fn fit(
        mut self,
        instructions: &Instructions,
        home: &Home,
        now: Instant,
    ) -> Result<Self, ExtractError> {
        if instructions.shape != Shape::Paper {
            return Ok(self);
        }
        let typeface = printing::typeface(home)?;
        let heads = instructions.heads();
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let mut trial = self.sheet(now, "");
        trial.form(self.fields.clone());
        trial.table(&heads, std::iter::empty());
        trial.text(&instructions.texts().into_iter().collect::<Vec<_>>().join("\n"));
        trial.pdf(&typeface).map_err(PrintError::from)?;
        self.press = Some((typeface, now));
        Ok(self)
    }

    /// A paper with its bands and its title.
    fn sheet(&self, now: Instant, digest: &str) -> Paper {
        let short: String = digest.chars().take(16).collect();
        let permit = if self.permit.is_empty() { "（試算）" } else { self.permit.as_str() };
        let title = "本番データ抽出資料";
        let mut paper = Paper::new(title, now);
        paper.bands(
            &format!("許可番号 {permit}　名古屋市医師会 はち丸ネットワーク"),
            &format!("許可番号 {permit}　表のSHA-256 {short}"),
        );
        paper.title(title);
        paper
    }

    /// What is handed over, and what the report says of it.
    pub(super) fn put_on(
        &self,
        shape: Shape,
        plain: Zeroizing<Vec<u8>>,
        encoding: Encoding,
        report: &mut ExtractReport,
    ) -> Result<Zeroizing<Vec<u8>>, ExtractError> {
        shape.word().clone_into(&mut report.shape);
        let made = match shape {
            Shape::Csv => return Ok(plain),
            Shape::Spreadsheet => {
                let table = read(&plain, encoding).map_err(Refusal::ReadBack)?;
                write_spreadsheet(&table)?
            }
            Shape::Parquet => write_parquet(&read(&plain, encoding).map_err(Refusal::ReadBack)?)?,
            Shape::Paper => {
                let digest = Sha256::of(&plain);
                report.table_digest = Some(digest.to_string());
                self.print(&plain, encoding, (&*report, &digest))?
            }
        };
        report.extract_digest = Sha256::of(&made).to_string();
        report.extract_bytes = u64::try_from(made.len()).unwrap_or(u64::MAX);
        Ok(Zeroizing::new(made))
    }

    fn print(
        &self,
        plain: &[u8],
        encoding: Encoding,
        (report, digest): (&ExtractReport, &Sha256),
    ) -> Result<Vec<u8>, ExtractError> {
        let table = read(plain, encoding).map_err(Refusal::ReadBack)?;
        let mut fields = self.fields.clone();
        let mut add = |name: &str, text: String| fields.push((name.to_owned(), text));
        add("データセット", report.dataset.clone());
        add("行数", table.rows().to_string());
        if let Some(measured) = &report.measured {
            add("同じ組合せの最少人数", format!("{}人", measured.smallest));
        }
        if let Some(counts) = &report.counts {
            add("表示する最少人数", format!("{}人", counts.min_cell));
        }
        add("表のSHA-256", digest.to_string());
        let (typeface, now) = self.press.as_ref().ok_or(PrintError::NoFont)?;
        let mut paper = self.sheet(*now, &digest.to_string());
        paper.form(fields);
        paper.text(
            "この資料は、個人を特定できないように加工したものです。申請者以外の方に渡さず、使用後は上記の措置を行ってください。",
        );
        let heads: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let row = |row| table.columns.iter().map(|column| column.text(row).to_owned()).collect();
        paper.table(&heads, (0..table.rows()).map(row));
        Ok(paper.pdf(typeface).map_err(PrintError::from)?)
    }
}
