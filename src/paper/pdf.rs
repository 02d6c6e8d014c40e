//! Papers as PDF/A-2u.

use krilla::color::luma;
use krilla::configure::{Archival, ConfigurationBuilder, Validator};
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::text::Font;
use krilla::{Document, SerializeSettings};

use super::layout::{HEIGHT, Item, WIDTH, lay_out};
use super::{Block, Paper, PaperProblem, Typeface};

/// Writes a paper. Characters that the font lacks are named instead.
pub(super) fn write(paper: &Paper, typeface: &Typeface) -> Result<Vec<u8>, PaperProblem> {
    let missing = typeface.lacks(texts(paper));
    if !missing.is_empty() {
        return Err(PaperProblem::NoGlyph(missing));
    }
    let refused = |why: &dyn std::fmt::Display| PaperProblem::Refused(why.to_string());
    let no_font = || refused(&"the font cannot be read");
    let (font, setter) = (typeface.font().ok_or_else(no_font)?, typeface.setter().ok_or_else(no_font)?);
    let pages = lay_out(paper, setter)?;
    let configuration = ConfigurationBuilder::new()
        .set_validator(Validator::A(Archival::A2_U))
        .finish()
        .map_err(|error| refused(&format!("{error:?}")))?;
    let settings = SerializeSettings { configuration, enable_tagging: false, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let metadata = Metadata::new().title(paper.title.clone()).language("ja".to_owned());
    let metadata = match date(paper) {
        Some(date) => metadata.creation_date(date),
        None => metadata,
    };
    document.set_metadata(metadata.creator("Kura".to_owned()));
    for page in &pages {
        let size = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| refused(&"no such page"))?;
        let mut sheet = document.start_page_with(size);
        let mut surface = sheet.surface();
        draw(&mut surface, page, &font);
        surface.finish();
        sheet.finish();
    }
    document.finish().map_err(|error| refused(&error))
}

/// Every text of a paper.
pub(super) fn texts(paper: &Paper) -> impl Iterator<Item = &str> {
    [paper.head.as_str(), paper.foot.as_str()].into_iter().chain(paper.blocks.iter().flat_map(texts_of))
}

fn texts_of(block: &Block) -> Vec<&str> {
    match block {
        Block::Title(text)
        | Block::Heading(text)
        | Block::Text(text)
        | Block::Right(text)
        | Block::Verbatim(text) => vec![text],
        Block::Warning(first, rest) => vec![first, rest],
        Block::Form(rows) => rows.iter().flat_map(|(name, text)| [name.as_str(), text]).collect(),
        Block::Table { heads, rows } => {
            heads.iter().chain(rows.iter().flatten()).map(String::as_str).collect()
        }
        Block::Steps(steps) => steps.iter().map(String::as_str).collect(),
        // It is drawn, not written.
        Block::Qr { .. } => Vec::new(),
    }
}

/// When it was made, in Universal Time.
fn date(paper: &Paper) -> Option<DateTime> {
    let at = jiff::Timestamp::from_microsecond(paper.made_at?.as_micros()).ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let part = |number: i8| u8::try_from(number).ok();
    let date = DateTime::new(u16::try_from(at.year()).ok()?).month(part(at.month())?).day(part(at.day())?);
    let date = date.hour(part(at.hour())?).minute(part(at.minute())?).second(part(at.second())?);
    Some(date.utc_offset_hour(0).utc_offset_minute(0))
}

/// Areas first, so that none lies over a text.
fn draw(surface: &mut Surface<'_>, page: &[Item], font: &Font) {
    for item in page {
        if let Item::Area { at, size, gray } = item {
            let Some(area) = Rect::from_xywh(at.0, at.1, size.0, size.1) else { continue };
            let mut path = PathBuilder::new();
            path.push_rect(area);
            if let Some(path) = path.finish() {
                surface.set_fill(Some(fill(*gray)));
                surface.draw_path(&path);
            }
        }
    }
    surface.set_fill(Some(fill(0)));
    for item in page {
        if let Item::Text { at, size, line } = item {
            for run in &line.runs {
                let start = Point::from_xy(at.0 + run.x, at.1 + line.baseline);
                surface.draw_glyphs(start, &run.glyphs, font.clone(), &run.text, *size, false);
            }
        }
    }
}

fn fill(gray: u8) -> Fill {
    Fill { paint: luma::Color::new(gray).into(), opacity: NormalizedF32::ONE, rule: FillRule::NonZero }
}
