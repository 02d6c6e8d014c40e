//! The font of PDFs, and lines of text set in it.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use parley::fontique::{Blob, Collection, CollectionOptions, FamilyId, FontInfo, SourceCache};
use parley::{
    Alignment, AlignmentOptions, FontContext, FontFamily, FontFamilyName, LayoutContext, LineHeight,
    OverflowWrap, StyleProperty,
};
use skrifa::MetadataProvider as _;
use skrifa::charmap::Charmap;

/// Of a file with several fonts the first: Noto's is the Japanese one.
const INDEX: u32 = 0;

/// Lines follow each other at so many sizes of the font.
pub(super) const LEADING: f32 = 1.5;

/// A font: nothing else is ever drawn with, so that a text without a picture in it is found before it is printed.
#[derive(Clone, Debug)]
pub struct Typeface(Arc<Vec<u8>>);

impl Typeface {
    /// A font file; `None` if it is none.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        let typeface = Self(Arc::new(bytes));
        typeface.font()?;
        typeface.setter()?;
        Some(typeface)
    }

    /// The font as the writer of PDFs wants it.
    pub(super) fn font(&self) -> Option<Font> {
        Font::new(self.0.clone().into(), INDEX)
    }

    /// What the font has pictures of.
    pub(super) fn pictures(&self) -> Option<Pictures<'_>> {
        let font = skrifa::FontRef::from_index(&self.0, INDEX).ok()?;
        Some(Pictures(font.charmap()))
    }

    /// The characters of some texts that the font has no picture of, variants of characters (IVS) among them.
    pub(super) fn lacks<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> Vec<char> {
        let Some(pictures) = self.pictures() else { return Vec::new() };
        let missing: BTreeSet<char> = texts
            .into_iter()
            .flat_map(|text| pictures.of(text))
            .filter_map(|(c, has)| (!has).then_some(c))
            .collect();
        missing.into_iter().collect()
    }

    /// Something that sets lines in this font.
    pub(super) fn setter(&self) -> Option<Setter> {
        let mut collection = Collection::new(CollectionOptions { shared: false, system_fonts: false });
        let known = collection.register_fonts(Blob::new(self.0.clone()), None);
        let is_first =
            |(_, fonts): &&(FamilyId, Vec<FontInfo>)| fonts.iter().any(|font| font.index() == INDEX);
        let id = known.iter().find(is_first)?.0;
        let family = collection.family_name(id)?.to_owned();
        let fonts = FontContext { collection, source_cache: SourceCache::default() };
        Some(Setter { fonts, layouts: LayoutContext::new(), family })
    }
}

/// Whether a character only says which form of the one before it is meant (IVS and its like).
pub(super) const fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Which characters a font has a picture of.
pub(super) struct Pictures<'a>(Charmap<'a>);

impl Pictures<'_> {
    /// Whether it has one of a character.
    pub(super) fn has(&self, c: char) -> bool {
        self.0.map(c).is_some()
    }

    /// Each character of a text, and whether the font has a picture of it there.
    pub(super) fn of(&self, text: &str) -> impl Iterator<Item = (char, bool)> {
        let mut before = None;
        text.chars().map(move |c| {
            let base = before.replace(c);
            let has = match (c, base) {
                ('\n' | '\t', _) => true,
                (c, Some(base)) if is_selector(c) => self.0.map_variant(base, c).is_some(),
                _ => self.has(c),
            };
            (c, has)
        })
    }
}

/// Sets lines.
pub(super) struct Setter {
    fonts: FontContext,
    layouts: LayoutContext<()>,
    family: String,
}

/// A line of text; a line without text has no runs.
#[derive(Clone, Default)]
pub(super) struct Line {
    /// How far its base line lies below its top.
    pub(super) baseline: f32,
    pub(super) runs: Vec<Run>,
}

/// Glyphs that follow each other.
#[derive(Clone)]
pub(super) struct Run {
    /// Where they begin, from the left.
    pub(super) x: f32,
    /// The text that they are the pictures of, or more.
    pub(super) text: Rc<str>,
    pub(super) glyphs: Vec<KrillaGlyph>,
}

impl Setter {
    /// Cuts a text into lines that are so wide at most, by the rules of Unicode for where a line may end, which know what
    /// may not begin or end one in Japanese. There is always at least one line.
    pub(super) fn lines(&mut self, text: &str, (size, width): (f32, f32), side: Alignment) -> Vec<Line> {
        let text: Rc<str> = text.replace('\t', " ").into();
        let mut builder = self.layouts.ranged_builder(&mut self.fonts, &text, 1.0, false);
        let family = FontFamilyName::Named(self.family.as_str().into());
        builder.push_default(StyleProperty::FontFamily(FontFamily::Single(family)));
        builder.push_default(StyleProperty::FontSize(size));
        builder.push_default(StyleProperty::LineHeight(LineHeight::FontSizeRelative(LEADING)));
        builder.push_default(StyleProperty::OverflowWrap(OverflowWrap::Anywhere));
        let mut layout = builder.build(&text);
        layout.break_all_lines(Some(width));
        layout.align(side, AlignmentOptions::default());
        let mut top = 0.0;
        let mut lines = Vec::new();
        for line in layout.lines() {
            let metrics = line.metrics();
            let mut x = metrics.offset;
            let mut runs = Vec::new();
            for run in line.runs() {
                let glyphs = glyphs(&run, size);
                if !glyphs.is_empty() {
                    runs.push(Run { x, text: text.clone(), glyphs });
                }
                x += run.advance();
            }
            lines.push(Line { baseline: metrics.baseline - top, runs });
            top += metrics.line_height;
        }
        if lines.is_empty() {
            lines.push(Line::default());
        }
        lines
    }
}

/// What stands in a run, in parts of the size. The ends of lines are no glyphs.
fn glyphs(run: &parley::Run<'_, ()>, size: f32) -> Vec<KrillaGlyph> {
    let mut glyphs: Vec<KrillaGlyph> = Vec::new();
    for cluster in run.visual_clusters() {
        let range = cluster.text_range();
        if cluster.is_hard_line_break() {
            continue;
        }
        if cluster.is_ligature_continuation() {
            if let Some(glyph) = glyphs.last_mut() {
                glyph.text_range.end = range.end;
            }
            continue;
        }
        for glyph in cluster.glyphs() {
            let (advance, x, y) = (glyph.advance / size, glyph.x / size, glyph.y / size);
            let id = GlyphId::new(glyph.id);
            glyphs.push(KrillaGlyph::new(id, advance, x, y, 0.0, range.clone(), None));
        }
    }
    glyphs
}
