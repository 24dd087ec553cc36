//! DOCX: the text of `word/document.xml`, with what other parts say of its styles, links and notes.
//!
//! Headings are told by the outline level of their style, lists by their numbering, tables become
//! rows of cells. Foot- and endnotes stand at the end, under the numbers that the text refers to
//! them by. Left out: running headers and footers (parts of their own), deleted and hidden text,
//! field codes, and the second version of what is stored twice for older programs.
//!
//! A DOCX has no pages before a program lays it out. Word writes down where its pages ended; where
//! it did, places are pages, else paragraphs.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use sleuth_records::{LineMap, Link, Unit};

use crate::archive::{self, Archive};
use crate::corpus::{Parsed, fold};
use crate::decode;
use crate::link;
use crate::markdown::iso_date;
use crate::shape::{CELLS, Shape, between, prefix};
use crate::source::Refusal;
use crate::xml::{Piece, Pieces, Tag};

/// Levels of tables, text boxes and the like inside each other.
const MAX_NESTING: usize = 64;
/// Most steps from a style to the one it is based on.
const MAX_BASED_ON: usize = 16;

pub(crate) fn parse(name: &str, bytes: &[u8], limit: u64) -> Result<Parsed, Refusal> {
    let mut archive = Archive::open(bytes, "a DOCX", limit)?;
    let main = main_part(&mut archive)?;
    let document = decode::decode(&archive.need(&main)?, None);
    let part = |archive: &mut Archive<'_>, name: &str| -> Result<String, Refusal> {
        let path = archive::resolve(&main, name).unwrap_or_default();
        Ok(archive.read(&path)?.map(|bytes| decode::decode(&bytes, None)).unwrap_or_default())
    };
    let styles = Styles::read(&part(&mut archive, "styles.xml")?);
    let (folder, file) = main.rsplit_once('/').unwrap_or(("", &main));
    let relations = format!("/{folder}/_rels/{file}.rels");
    let targets = links(&part(&mut archive, &relations)?);
    let mut body = Body::new(name, &styles, &targets);
    body.read(&document);
    for (kind, file) in [("footnote", "footnotes.xml"), ("endnote", "endnotes.xml")] {
        if body.notes.iter().any(|(known, _)| *known == kind) {
            body.read_notes(kind, &part(&mut archive, file)?);
        }
    }
    let core = archive.read("docProps/core.xml")?;
    let core = Core::read(&core.map(|bytes| decode::decode(&bytes, None)).unwrap_or_default());
    Ok(body.finish(core))
}

/// The part that holds the document, as the archive's relations name it.
fn main_part(archive: &mut Archive<'_>) -> Result<String, Refusal> {
    let usual = "word/document.xml";
    let Some(relations) = archive.read("_rels/.rels")? else { return Ok(usual.to_owned()) };
    let named = Pieces::new(&decode::decode(&relations, None)).find_map(|piece| match piece {
        Piece::Start(tag) if tag.attribute("Type")?.ends_with("/officeDocument") => {
            archive::resolve("", &tag.attribute("Target")?)
        }
        Piece::Start(_) | Piece::End(_) | Piece::Text(_) => None,
    });
    Ok(named.unwrap_or_else(|| usual.to_owned()))
}

/// Addresses outside the file by the ids of relations.
fn links(relations: &str) -> HashMap<String, String> {
    let mut targets = HashMap::new();
    for piece in Pieces::new(relations) {
        if let Piece::Start(tag) = piece
            && tag.attribute("TargetMode").as_deref() == Some("External")
            && let (Some(id), Some(target)) = (tag.attribute("Id"), tag.attribute("Target"))
        {
            targets.insert(id, target);
        }
    }
    targets
}

/// What styles say that matters for text.
#[derive(Debug, Default)]
struct Styles {
    /// By id.
    shapes: HashMap<String, Style>,
    language: Option<String>,
}

#[derive(Debug, Default)]
struct Style {
    heading: Option<u8>,
    is_title: bool,
    is_list: bool,
    based_on: Option<String>,
}

impl Styles {
    fn read(text: &str) -> Self {
        let mut styles = Self::default();
        let mut open: Option<(String, Style)> = None;
        for piece in Pieces::new(text) {
            match piece {
                Piece::Start(tag) => {
                    let value = || tag.attribute("val").unwrap_or_default();
                    match (tag.name(), &mut open) {
                        ("style", _) => {
                            open = tag.attribute("styleId").map(|id| (id, Style::default()));
                        }
                        ("name", Some((_, style))) => {
                            let name = value().to_ascii_lowercase();
                            style.is_title = name == "title";
                            let level = name.strip_prefix("heading ").and_then(|n| n.parse().ok());
                            style.heading = level.or(style.heading);
                        }
                        ("outlineLvl", Some((_, style))) => {
                            // 9 is body text.
                            let level = value().parse().ok().filter(|&level: &u8| level < 9);
                            style.heading = style.heading.or(level.map(|level| level + 1));
                        }
                        ("numPr", Some((_, style))) => style.is_list = true,
                        ("basedOn", Some((_, style))) => style.based_on = Some(value()),
                        ("lang", None) => {
                            styles.language = tag.attribute("val").filter(|tag| tag.len() >= 2);
                        }
                        _ => {}
                    }
                }
                Piece::End(name) if name == "style" => styles.shapes.extend(open.take()),
                Piece::End(_) | Piece::Text(_) => {}
            }
        }
        styles
    }

    /// The first answer of the style `id` and of those that it is based on.
    fn ask<T>(&self, id: &str, of: impl Fn(&Style) -> Option<T>) -> Option<T> {
        let mut id = id;
        for _ in 0..MAX_BASED_ON {
            let style = self.shapes.get(id)?;
            if let Some(answer) = of(style) {
                return Some(answer);
            }
            id = style.based_on.as_deref()?;
        }
        None
    }
}

/// Document properties.
#[derive(Debug, Default)]
struct Core {
    title: Option<String>,
    language: Option<String>,
    date: Option<String>,
}

impl Core {
    fn read(text: &str) -> Self {
        let mut core = Self::default();
        let mut open = String::new();
        for piece in Pieces::new(text) {
            match piece {
                Piece::Start(tag) => tag.name().clone_into(&mut open),
                Piece::End(_) => open.clear(),
                Piece::Text(text) => {
                    let text = fold(&text);
                    match open.as_str() {
                        _ if text.is_empty() => {}
                        "title" => core.title = Some(text),
                        "language" => core.language = Some(text),
                        "modified" => core.date = iso_date(&text).or(core.date.take()),
                        "created" => core.date = core.date.take().or_else(|| iso_date(&text)),
                        _ => {}
                    }
                }
            }
        }
        core
    }
}

/// A paragraph that is open.
#[derive(Debug, Default)]
struct Paragraph {
    text: String,
    style: Option<String>,
    heading: Option<u8>,
    /// Level of the list that it is an item of.
    item: Option<u8>,
    /// Numbering is taken away from a style that has it.
    no_item: bool,
}

/// A table that is open.
#[derive(Debug, Default)]
struct Table {
    /// Cells of the open row.
    cells: Vec<String>,
    /// Text of the open cell.
    cell: String,
}

struct Body<'a> {
    name: &'a str,
    styles: &'a Styles,
    targets: &'a HashMap<String, String>,
    text: String,
    previous: Option<Shape>,
    /// Paragraphs and rows so far.
    n_blocks: u32,
    paragraphs: Vec<(u32, u32)>,
    page: u32,
    pages: Vec<(u32, u32)>,
    /// Paragraphs that are open: those of text boxes stand inside others.
    open: Vec<Paragraph>,
    tables: Vec<Table>,
    /// Start in the open paragraph and target of the open link.
    link: Option<(usize, String)>,
    links: Vec<Link>,
    linked: HashSet<(String, String)>,
    /// Kind and id of notes in the order in which the text refers to them.
    notes: Vec<(&'static str, String)>,
    title: Option<String>,
    heading: Option<String>,
}

impl<'a> Body<'a> {
    fn new(name: &'a str, styles: &'a Styles, targets: &'a HashMap<String, String>) -> Self {
        Self {
            name,
            styles,
            targets,
            text: String::new(),
            previous: None,
            n_blocks: 0,
            paragraphs: Vec::new(),
            page: 1,
            pages: Vec::new(),
            open: Vec::new(),
            tables: Vec::new(),
            link: None,
            links: Vec::new(),
            linked: HashSet::new(),
            notes: Vec::new(),
            title: None,
            heading: None,
        }
    }

    fn read(&mut self, document: &str) {
        let mut pieces = Pieces::new(document);
        // Whether the open run is hidden, and whether text is that of `t`.
        let (mut hidden, mut in_text) = (false, false);
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Start(tag) => match tag.name() {
                    // Deleted, moved away, or stored a second time for older programs.
                    name @ ("del" | "moveFrom" | "Fallback" | "instrText") => {
                        let name = name.to_owned();
                        skip(&mut pieces, &name);
                    }
                    "r" => hidden = false,
                    "vanish" => hidden = is_on(&tag),
                    "t" => in_text = !hidden,
                    _ => self.start(&tag),
                },
                Piece::End(name) => {
                    in_text &= name != "t";
                    self.end(&name);
                }
                Piece::Text(text) if in_text => self.push(&text),
                Piece::Text(_) => {}
            }
        }
        while !self.open.is_empty() {
            self.end("p");
        }
        while !self.tables.is_empty() {
            ["tc", "tr", "tbl"].iter().for_each(|name| self.end(name));
        }
    }

    fn push(&mut self, text: &str) {
        if let Some(paragraph) = self.open.last_mut() {
            paragraph.text.push_str(text);
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        let value = || tag.attribute("val");
        match tag.name() {
            "p" if self.open.len() < MAX_NESTING => self.open.push(Paragraph::default()),
            "tbl" if self.tables.len() < MAX_NESTING => self.tables.push(Table::default()),
            "tab" => self.push("\t"),
            "br" | "cr" => self.push("\n"),
            "noBreakHyphen" => self.push("-"),
            "lastRenderedPageBreak" => self.page = self.page.saturating_add(1),
            "hyperlink" => {
                let target = tag.attribute("id").and_then(|id| self.targets.get(&id));
                let from = self.open.last().map_or(0, |paragraph| paragraph.text.len());
                self.link = target.map(|target| (from, target.clone()));
            }
            name @ ("footnoteReference" | "endnoteReference") => {
                let kind = if name.starts_with('f') { "footnote" } else { "endnote" };
                if let Some(id) = tag.attribute("id") {
                    self.notes.push((kind, id));
                    let number = self.notes.len();
                    self.push(&format!("[{number}]"));
                }
            }
            name => {
                let Some(paragraph) = self.open.last_mut() else { return };
                match name {
                    "pStyle" => paragraph.style = value(),
                    "outlineLvl" => {
                        let level = value().and_then(|level| level.parse().ok());
                        paragraph.heading =
                            level.filter(|&level: &u8| level < 9).map(|level| level + 1);
                    }
                    "numPr" => paragraph.item = Some(0),
                    "ilvl" => {
                        paragraph.item = value().and_then(|level| level.parse().ok());
                    }
                    "numId" if value().as_deref() == Some("0") => paragraph.no_item = true,
                    _ => {}
                }
            }
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "p" => {
                if let Some(paragraph) = self.open.pop() {
                    self.paragraph(&paragraph);
                }
            }
            "tc" => {
                if let Some(table) = self.tables.last_mut() {
                    table.cells.push(std::mem::take(&mut table.cell));
                }
            }
            "tr" => {
                if let Some(table) = self.tables.last_mut() {
                    let row = std::mem::take(&mut table.cells).join(CELLS);
                    let row = row.trim_end_matches([' ', '|']).to_owned();
                    // A table inside a cell becomes words of that cell.
                    match self.tables.len().checked_sub(2) {
                        Some(outer) => add_words(&mut self.tables[outer].cell, &row),
                        None => self.block(Shape::Row, &row),
                    }
                }
            }
            "tbl" => drop(self.tables.pop()),
            "hyperlink" => self.end_link(),
            _ => {}
        }
    }

    fn end_link(&mut self) {
        let Some((from, target)) = self.link.take() else { return };
        let words = self.open.last().and_then(|paragraph| paragraph.text.get(from..));
        if let Some(link) = link::link(self.name, &target, words.unwrap_or_default())
            && self.linked.insert((link.target.clone(), link.text.clone()))
        {
            self.links.push(link);
        }
    }

    fn paragraph(&mut self, paragraph: &Paragraph) {
        if let Some(table) = self.tables.last_mut() {
            return add_words(&mut table.cell, &fold(&paragraph.text));
        }
        let style = paragraph.style.as_deref().unwrap_or_default();
        let heading = paragraph.heading.or_else(|| self.styles.ask(style, |style| style.heading));
        let is_title = self.styles.ask(style, |style| style.is_title.then_some(())).is_some();
        let is_list = self.styles.ask(style, |style| style.is_list.then_some(())).is_some();
        let words = || fold(&paragraph.text);
        if is_title && self.title.is_none() {
            self.title = Some(words()).filter(|title| !title.is_empty());
        }
        if heading.is_some() && self.heading.is_none() {
            self.heading = Some(words()).filter(|heading| !heading.is_empty());
        }
        let shape = match heading {
            _ if is_title => Shape::Heading(1),
            Some(level) => Shape::Heading(level.clamp(1, 6)),
            None => match paragraph.item.or(is_list.then_some(0)) {
                Some(level) if !paragraph.no_item => Shape::Item { level },
                _ => Shape::Paragraph,
            },
        };
        if matches!(shape, Shape::Heading(_)) {
            self.block(shape, &words());
        } else {
            self.block(shape, &paragraph.text);
        }
    }

    fn block(&mut self, shape: Shape, text: &str) {
        let text = decode::clean(Cow::Borrowed(text));
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        let text = lines.join("\n");
        let text = text.trim_matches('\n');
        if text.trim().is_empty() {
            return;
        }
        if let Some(previous) = self.previous {
            self.text.push_str(between(previous, shape));
        }
        self.previous = Some(shape);
        self.n_blocks += 1;
        let at = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.paragraphs.push((at, self.n_blocks));
        // A page that ends inside this paragraph ends, for us, behind it.
        let page = self.pages.last().map_or(0, |&(_, page)| page);
        if page < self.page {
            self.pages.push((at, self.page));
        }
        prefix(&mut self.text, shape);
        self.text.push_str(text);
    }

    /// Puts the notes of one kind that the text refers to at the end.
    fn read_notes(&mut self, kind: &'static str, text: &str) {
        let wanted: HashMap<String, usize> = (1..)
            .zip(&self.notes)
            .filter(|(_, (known, _))| *known == kind)
            .map(|(number, (_, id))| (id.clone(), number))
            .collect();
        let mut pieces = Pieces::new(text);
        let mut open: Option<(usize, String)> = None;
        let mut in_text = false;
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Start(tag) if tag.name() == kind => {
                    let number = tag.attribute("id").and_then(|id| wanted.get(&id).copied());
                    open = number.map(|number| (number, String::new()));
                }
                Piece::Start(tag) if matches!(tag.name(), "del" | "instrText" | "moveFrom") => {
                    let name = tag.name().to_owned();
                    skip(&mut pieces, &name);
                }
                Piece::Start(tag) => in_text = tag.name() == "t",
                Piece::End(name) if name == kind => {
                    if let Some((number, words)) = open.take() {
                        self.block(Shape::Paragraph, &format!("[{number}] {}", fold(&words)));
                    }
                }
                Piece::End(name) => {
                    in_text = false;
                    if let Some((_, words)) = open.as_mut().filter(|_| name == "p") {
                        words.push(' ');
                    }
                }
                Piece::Text(text) if in_text => {
                    if let Some((_, words)) = &mut open {
                        words.push_str(&text);
                    }
                }
                Piece::Text(_) => {}
            }
        }
    }

    fn finish(self, core: Core) -> Parsed {
        let lines = if self.page > 1 {
            LineMap::Parts { unit: Unit::Page, starts: self.pages }
        } else {
            LineMap::Parts { unit: Unit::Paragraph, starts: self.paragraphs }
        };
        Parsed {
            // The property often belongs to the template that the document was made from.
            title: self.title.or(core.title).or(self.heading),
            text: self.text,
            lines,
            language: core.language.or_else(|| self.styles.language.clone()),
            date: core.date,
            links: self.links,
            signals: None,
            missing: Vec::new(),
        }
    }
}

/// Puts words behind those of a cell.
fn add_words(cell: &mut String, words: &str) {
    if !cell.is_empty() && !words.is_empty() {
        cell.push(' ');
    }
    cell.push_str(words);
}

/// Passes over everything up to the end of the element `name`, which is open.
fn skip(pieces: &mut Pieces<'_>, name: &str) {
    let mut depth = 1usize;
    for piece in pieces {
        match piece {
            Piece::Start(tag) if tag.name() == name => depth += 1,
            Piece::End(ended) if ended == name => depth -= 1,
            Piece::Start(_) | Piece::End(_) | Piece::Text(_) => {}
        }
        if depth == 0 {
            return;
        }
    }
}

/// Whether a switch is on: its presence says so, unless its value says no.
fn is_on(tag: &Tag<'_>) -> bool {
    !matches!(tag.attribute("val").as_deref(), Some("0" | "false" | "off"))
}
