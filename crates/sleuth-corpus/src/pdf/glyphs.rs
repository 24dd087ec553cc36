//! A page's content stream to glyphs with places.
//!
//! Only what moves or shows text is interpreted: graphics state, text state, forms, marked content.
//! Paths, colours and pictures are passed over. Places are in points with the origin at the top
//! left of the page as it is seen, so that rotated pages need no care later.
//!
//! Three kinds of glyph are left out: running headers and page numbers that a tagged file marks as
//! such (`/Artifact` of type `Pagination`), glyphs outside the page, and glyphs too small to read,
//! which hide text from readers and show it to machines. Invisible glyphs stay: they are the text
//! layer of a scanned page.

use std::collections::HashMap;
use std::ops::Mul;
use std::rc::Rc;

use hayro_font::hayro_cmap::BfString;
use hayro_font::{CMapResolverFn, Font, FontCache, FontGlyph, FontQuery, FontResolverFn};
use hayro_syntax::content::TypedIter;
use hayro_syntax::content::ops::TypedInstruction as Op;
use hayro_syntax::object::dict::keys;
use hayro_syntax::object::{Array, Dict, Name, Number, Object, Stream};
use hayro_syntax::page::{Page, Resources};

/// Most forms inside forms.
const MAX_NESTING: usize = 12;
/// Most forms drawn on one page: forms that draw each other twice grow without end.
const MAX_FORMS: usize = 20_000;
/// Most glyphs of one page.
const MAX_GLYPHS: usize = 1_000_000;
/// Most glyphs of a font; they are numbered by two bytes.
const MOST_GLYPHS_OF_A_FONT: f64 = 65_535.0;
/// Most saved graphics states.
const MAX_SAVED: usize = 512;
/// Smallest glyph, in points, that a person could read.
const LEAST_SIZE: f64 = 1.0;

/// The direction in which text runs over the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Direction {
    Right,
    Down,
    Up,
    Left,
}

/// One glyph. Along the direction of its text runs `u`, across it, downwards, `v`.
#[derive(Clone, Debug)]
pub(super) struct Glyph {
    /// Its characters; more than one for a ligature.
    pub(super) text: Rc<str>,
    pub(super) direction: Direction,
    pub(super) start: f64,
    pub(super) end: f64,
    /// Of the baseline.
    pub(super) v: f64,
    pub(super) size: f64,
    pub(super) bold: bool,
}

/// The glyphs of one page.
#[derive(Debug, Default)]
pub(super) struct PageGlyphs {
    pub(super) glyphs: Vec<Glyph>,
    /// Glyphs that no table of the file gives a character.
    pub(super) unknown: usize,
    /// Whether the page shows pictures.
    pub(super) pictures: bool,
}

/// An affine transform; the product applies its right side first.
#[derive(Clone, Copy, Debug)]
struct Matrix([f64; 6]);

impl Matrix {
    const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    fn shift(x: f64, y: f64) -> Self {
        Self([1.0, 0.0, 0.0, 1.0, x, y])
    }

    fn point(&self, x: f64, y: f64) -> (f64, f64) {
        let m = &self.0;
        (m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5])
    }

    fn of(numbers: [&Number; 6]) -> Self {
        Self(numbers.map(Number::as_f64))
    }
}

impl Mul for Matrix {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self([
            a[0] * b[0] + a[2] * b[1],
            a[1] * b[0] + a[3] * b[1],
            a[0] * b[2] + a[2] * b[3],
            a[1] * b[2] + a[3] * b[3],
            a[0] * b[4] + a[2] * b[5] + a[4],
            a[1] * b[4] + a[3] * b[5] + a[5],
        ])
    }
}

/// What is known of a character code of a font.
#[derive(Clone)]
struct Code {
    /// `None` where no table gives a character.
    text: Option<Rc<str>>,
    /// Advance in thousandths of the font size, along and down.
    advance: (f64, f64),
}

/// A font with the codes met so far.
struct LoadedFont<'a> {
    font: Font<'a>,
    bold: bool,
    codes: HashMap<u32, Code>,
}

/// The fonts of a document.
pub(super) struct Fonts<'a> {
    cache: FontCache<'a>,
    fonts: Vec<LoadedFont<'a>>,
    /// By the place of the font's dictionary in the file.
    known: HashMap<(u32, i32), Option<usize>>,
    font_resolver: FontResolverFn,
    cmap_resolver: CMapResolverFn,
}

impl<'a> Fonts<'a> {
    pub(super) fn new() -> Self {
        Self {
            cache: FontCache::new(),
            fonts: Vec::new(),
            known: HashMap::new(),
            // A font that is not in the file is replaced: only its widths matter.
            font_resolver: std::sync::Arc::new(|query| {
                let font = match query {
                    FontQuery::Standard(font) => *font,
                    FontQuery::Fallback(query) => query.pick_standard_font(),
                };
                Some(font.get_font_data())
            }),
            cmap_resolver: std::sync::Arc::new(|_| None),
        }
    }

    fn load(&mut self, dict: &Dict<'a>) -> Option<usize> {
        let key = dict.obj_id().map(|id| (id.obj_number, id.gen_number));
        if let Some(known) = key.and_then(|key| self.known.get(&key)) {
            return *known;
        }
        let font = (!has_endless_widths(dict))
            .then(|| self.cache.font(dict, &self.font_resolver, &self.cmap_resolver))
            .flatten();
        let loaded = font.map(|font| {
            let name = dict.get::<Name<'_>>(keys::BASE_FONT);
            let name = name.map(|name| name.as_str().to_ascii_lowercase()).unwrap_or_default();
            let bold = ["bold", "black", "heavy"].iter().any(|word| name.contains(word));
            self.fonts.push(LoadedFont { font, bold, codes: HashMap::new() });
            self.fonts.len() - 1
        });
        if let Some(key) = key {
            self.known.insert(key, loaded);
        }
        loaded
    }
}

/// Whether the font says one width for more glyphs than a font can have: whoever writes such a range out
/// glyph by glyph is at it for minutes.
fn has_endless_widths(dict: &Dict<'_>) -> bool {
    let Some(descendants) = dict.get::<Array<'_>>(keys::DESCENDANT_FONTS) else { return false };
    let Some(of_glyphs) = descendants.iter::<Dict<'_>>().next() else { return false };
    [keys::W, keys::W2].into_iter().any(|key| {
        let Some(widths) = of_glyphs.get::<Array<'_>>(key) else { return false };
        // Glyphs are numbers, and so are widths, which are as small.
        let too_many = |number: Number| number.as_f64().abs() > MOST_GLYPHS_OF_A_FONT;
        widths
            .iter::<Object<'_>>()
            .any(|item| matches!(item, Object::Number(number) if too_many(number)))
    })
}

impl LoadedFont<'_> {
    fn code(&mut self, code: u32) -> Code {
        if let Some(known) = self.codes.get(&code) {
            return known.clone();
        }
        let text = match self.font.glyph(self.font.map_code(code), code) {
            FontGlyph::Outline(glyph) => glyph.as_unicode(),
            FontGlyph::Type3(glyph) => glyph.as_unicode(),
        };
        let advance = self.font.code_advance(code);
        let known =
            Code { text: text.and_then(|text| readable(&text)), advance: (advance.x, advance.y) };
        self.codes.insert(code, known.clone());
        known
    }
}

/// The characters of a glyph with ligatures taken apart; `None` for private and broken ones.
fn readable(text: &BfString) -> Option<Rc<str>> {
    let mut out = String::new();
    let mut push = |c: char| match c {
        '\u{fb00}' => out.push_str("ff"),
        '\u{fb01}' => out.push_str("fi"),
        '\u{fb02}' => out.push_str("fl"),
        '\u{fb03}' => out.push_str("ffi"),
        '\u{fb04}' => out.push_str("ffl"),
        '\u{fb05}' | '\u{fb06}' => out.push_str("st"),
        '\0' | '\u{fffd}' | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'.. => {}
        '\u{a0}' => out.push(' '),
        c => out.push(c),
    };
    match text {
        BfString::Char(c) => push(*c),
        BfString::String(text) => text.chars().for_each(push),
    }
    (!out.is_empty()).then(|| out.into())
}

#[derive(Clone)]
struct State {
    ctm: Matrix,
    font: Option<usize>,
    size: f64,
    character_spacing: f64,
    word_spacing: f64,
    /// 1 is unscaled.
    scaling: f64,
    leading: f64,
    rise: f64,
}

/// Marked content that is open.
enum Mark {
    Plain,
    /// Running headers and the like.
    Dropped,
    /// Words that stand for all glyphs inside; taken by the first of them.
    Replaced(Option<Rc<str>>),
}

struct Interpreter<'f, 'a> {
    fonts: &'f mut Fonts<'a>,
    state: State,
    saved: Vec<State>,
    text_matrix: Matrix,
    line_matrix: Matrix,
    marks: Vec<Mark>,
    /// Width and height of the page as it is seen.
    page: (f64, f64),
    forms: usize,
    out: PageGlyphs,
}

/// Reads the glyphs of `page`.
pub(super) fn of_page<'a>(page: &Page<'a>, fonts: &mut Fonts<'a>) -> PageGlyphs {
    let (width, height) = page.render_dimensions();
    let state = State {
        ctm: Matrix(page.initial_transform(true).as_coeffs()),
        font: None,
        size: 0.0,
        character_spacing: 0.0,
        word_spacing: 0.0,
        scaling: 1.0,
        leading: 0.0,
        rise: 0.0,
    };
    let mut interpreter = Interpreter {
        fonts,
        state,
        saved: Vec::new(),
        text_matrix: Matrix::IDENTITY,
        line_matrix: Matrix::IDENTITY,
        marks: Vec::new(),
        page: (f64::from(width), f64::from(height)),
        forms: 0,
        out: PageGlyphs::default(),
    };
    interpreter.run(page.typed_operations(), page.resources(), 0);
    interpreter.out
}

impl<'a> Interpreter<'_, 'a> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "paths and colours say nothing here")]
    fn run(&mut self, mut operations: TypedIter<'_>, resources: &Resources<'a>, depth: usize) {
        let floor = self.saved.len();
        while let Some(operation) = operations.next() {
            if self.out.glyphs.len() >= MAX_GLYPHS {
                break;
            }
            match operation {
                Op::SaveState(_) if self.saved.len() < floor + MAX_SAVED => {
                    self.saved.push(self.state.clone());
                }
                Op::RestoreState(_) if self.saved.len() > floor => {
                    if let Some(state) = self.saved.pop() {
                        self.state = state;
                    }
                }
                Op::Transform(m) => {
                    let by = Matrix::of([&m.0, &m.1, &m.2, &m.3, &m.4, &m.5]);
                    self.state.ctm = self.state.ctm * by;
                }
                Op::BeginText(_) => self.set_line(Matrix::IDENTITY),
                Op::TextFont(font) => {
                    self.state.font =
                        resources.get_font(font.0).and_then(|dict| self.fonts.load(&dict));
                    self.state.size = font.1.as_f64();
                }
                Op::SetGraphicsState(name) => self.graphics_state(resources, name.0),
                Op::CharacterSpacing(n) => self.state.character_spacing = n.0.as_f64(),
                Op::WordSpacing(n) => self.state.word_spacing = n.0.as_f64(),
                Op::HorizontalScaling(n) => self.state.scaling = n.0.as_f64() / 100.0,
                Op::TextLeading(n) => self.state.leading = n.0.as_f64(),
                Op::TextRise(n) => self.state.rise = n.0.as_f64(),
                Op::NextLine(n) => self.next_line(n.0.as_f64(), n.1.as_f64()),
                Op::NextLineAndSetLeading(n) => {
                    self.state.leading = -n.1.as_f64();
                    self.next_line(n.0.as_f64(), n.1.as_f64());
                }
                Op::NextLineUsingLeading(_) => self.next_line(0.0, -self.state.leading),
                Op::SetTextMatrix(m) => {
                    self.set_line(Matrix::of([&m.0, &m.1, &m.2, &m.3, &m.4, &m.5]));
                }
                Op::ShowText(text) => self.show(text.0.as_bytes()),
                Op::NextLineAndShowText(text) => {
                    self.next_line(0.0, -self.state.leading);
                    self.show(text.0.as_bytes());
                }
                Op::ShowTextWithParameters(text) => {
                    self.state.word_spacing = text.0.as_f64();
                    self.state.character_spacing = text.1.as_f64();
                    self.next_line(0.0, -self.state.leading);
                    self.show(text.2.as_bytes());
                }
                Op::ShowTexts(parts) => self.show_parts(parts.0),
                Op::BeginMarkedContent(_) => self.marks.push(Mark::Plain),
                Op::BeginMarkedContentWithProperties(mark) => {
                    let properties = match mark.1 {
                        Object::Dict(dict) => Some(dict.clone()),
                        _ => None,
                    };
                    self.marks.push(mark_of(mark.0, properties.as_ref()));
                }
                Op::EndMarkedContent(_) => drop(self.marks.pop()),
                Op::InlineImage(_) => self.out.pictures = true,
                Op::XObject(name) => {
                    if let Some(stream) = resources.get_x_object(name.0) {
                        self.draw(&stream, resources, depth);
                    }
                }
                _ => {}
            }
        }
        self.saved.truncate(floor);
    }

    /// Draws a form, or notes a picture.
    fn draw(&mut self, stream: &Stream<'a>, resources: &Resources<'a>, depth: usize) {
        let dict = stream.dict();
        if dict.get::<Name<'_>>(keys::SUBTYPE).is_none_or(|kind| kind.as_str() != "Form") {
            self.out.pictures = true;
            return;
        }
        self.forms += 1;
        if depth >= MAX_NESTING || self.forms > MAX_FORMS {
            return;
        }
        let Ok(content) = stream.decoded_data() else { return };
        let state = self.state.clone();
        let matrices = (self.text_matrix, self.line_matrix);
        let marks = self.marks.len();
        if let Some(matrix) = dict.get::<[f64; 6]>(keys::MATRIX) {
            self.state.ctm = self.state.ctm * Matrix(matrix);
        }
        let own = dict.get::<Dict<'a>>(keys::RESOURCES).map(Resources::new);
        self.run(TypedIter::new(&content), own.as_ref().unwrap_or(resources), depth + 1);
        self.marks.truncate(marks);
        (self.text_matrix, self.line_matrix) = matrices;
        self.state = state;
    }

    /// A font may come from a dictionary of graphics parameters.
    fn graphics_state(&mut self, resources: &Resources<'a>, name: &Name<'_>) {
        let Some(dict) = resources.get_ext_g_state(name) else { return };
        let Some(font) = dict.get::<Array<'a>>(keys::FONT) else { return };
        let Some(loaded) = font.iter::<Dict<'a>>().next() else { return };
        self.state.font = self.fonts.load(&loaded);
        if let Some(Object::Number(size)) = font.iter::<Object<'a>>().nth(1) {
            self.state.size = size.as_f64();
        }
    }

    fn set_line(&mut self, matrix: Matrix) {
        self.line_matrix = matrix;
        self.text_matrix = matrix;
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.set_line(self.line_matrix * Matrix::shift(x, y));
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only text and shifts stand there")]
    fn show_parts(&mut self, parts: &Array<'_>) {
        let vertical =
            self.state.font.is_some_and(|font| !self.fonts.fonts[font].font.is_horizontal());
        for part in parts.iter::<Object<'_>>() {
            match part {
                Object::String(text) => self.show(text.as_bytes()),
                Object::Number(by) => {
                    let by = -by.as_f64() / 1000.0 * self.state.size;
                    let shift = if vertical {
                        Matrix::shift(0.0, by)
                    } else {
                        Matrix::shift(by * self.state.scaling, 0.0)
                    };
                    self.text_matrix = self.text_matrix * shift;
                }
                _ => {}
            }
        }
    }

    fn show(&mut self, bytes: &[u8]) {
        let Some(font) = self.state.font else { return };
        let state = self.state.clone();
        let mut at = 0;
        while at < bytes.len() && self.out.glyphs.len() < MAX_GLYPHS {
            let loaded = &mut self.fonts.fonts[font];
            let (code, length) = loaded.font.read_code(bytes, at);
            at += length.max(1);
            let known = loaded.code(code);
            let vertical = !loaded.font.is_horizontal();
            let bold = loaded.bold;
            let mut spacing = state.character_spacing;
            if code == 32 && length == 1 {
                spacing += state.word_spacing;
            }
            let (along, down) = known.advance;
            let (x, y) = if vertical {
                (0.0, down / 1000.0 * state.size + spacing)
            } else {
                ((along / 1000.0 * state.size + spacing) * state.scaling, 0.0)
            };
            let place = state.ctm * self.text_matrix;
            self.glyph(known.text, &place, (x, y), bold);
            self.text_matrix = self.text_matrix * Matrix::shift(x, y);
        }
    }

    /// Keeps one glyph that stands at `place` and is followed by the next one at `advance`.
    fn glyph(&mut self, text: Option<Rc<str>>, place: &Matrix, advance: (f64, f64), bold: bool) {
        let Some(text) = self.words_of(text) else {
            self.out.unknown += 1;
            return;
        };
        let (x, y) = place.point(0.0, self.state.rise);
        let (next_x, next_y) = place.point(advance.0, advance.1 + self.state.rise);
        let (up_x, up_y) = place.point(0.0, self.state.rise + self.state.size);
        let size = (up_x - x).hypot(up_y - y);
        let (dx, dy) = (next_x - x, next_y - y);
        let inside = x >= -1.0 && y >= -1.0 && x <= self.page.0 + 1.0 && y <= self.page.1 + 1.0;
        if !inside || !(LEAST_SIZE..10_000.0).contains(&size) || !dx.is_finite() || !dy.is_finite()
        {
            return;
        }
        let (direction, start, v) = if dx.abs() >= dy.abs() {
            if dx >= 0.0 { (Direction::Right, x, y) } else { (Direction::Left, -x, -y) }
        } else if dy >= 0.0 {
            (Direction::Down, y, -x)
        } else {
            (Direction::Up, -y, x)
        };
        let end = start + dx.hypot(dy);
        if text.is_empty() {
            // A part of what the glyph before stands for.
            if let Some(last) = self.out.glyphs.last_mut()
                && last.direction == direction
                && (last.v - v).abs() < size / 2.0
                && start >= last.start
            {
                last.end = last.end.max(end);
            }
            return;
        }
        self.out.glyphs.push(Glyph { text, direction, start, end, v, size, bold });
    }

    /// What the open marks make of the characters of a glyph: `None` where nobody knows them.
    fn words_of(&mut self, text: Option<Rc<str>>) -> Option<Rc<str>> {
        let mut replaced = None;
        for mark in self.marks.iter_mut().rev() {
            match mark {
                Mark::Dropped => return Some("".into()),
                Mark::Replaced(words) if replaced.is_none() => {
                    replaced = Some(words.take().unwrap_or_else(|| "".into()));
                }
                Mark::Plain | Mark::Replaced(_) => {}
            }
        }
        replaced.or(text)
    }
}

fn mark_of(tag: &Name<'_>, properties: Option<&Dict<'_>>) -> Mark {
    let Some(properties) = properties else { return Mark::Plain };
    if tag.as_str() == "Artifact"
        && properties.get::<Name<'_>>(keys::TYPE).is_some_and(|kind| kind.as_str() == "Pagination")
    {
        return Mark::Dropped;
    }
    match properties.get::<hayro_syntax::object::String<'_>>(keys::ACTUAL_TEXT) {
        Some(words) => Mark::Replaced(Some(super::text_string(words.as_bytes()).into())),
        None => Mark::Plain,
    }
}
