//! A page to a document.
//!
//! Lines of the text: headings carry `#` marks as in Markdown, items a dash, cells of a table row
//! are parted by ` | `, code keeps its lines.

use std::collections::HashSet;

use sleuth_records::LineMap;

use super::features::{names, rows};
use super::reader::{Block, PageReader, read, read_chapter};
use super::select::{chosen, is_ruled, kinds, ruled, select, weight};
use super::structured::Structured;
use crate::corpus::{Parsed, fold};
use crate::link;
use crate::shape::{Shape, between, prefix};
use crate::source::Refusal;

/// Least text, in bytes, of a page that is not read a second time.
const SPARSE: usize = 200;

/// Longest address that a page leads on to which is told, in characters.
const LONGEST_TARGET: usize = 200;

/// Least text, in bytes, that a page hides where its scripts are thought to show it.
const UNCOVERED: usize = 1000;

/// Reads a decoded page.
///
/// A page that shows next to nothing without scripts is read again with what it offers instead:
/// the content of `noscript`, and wrappers that are hidden until a script shows them. So is one that
/// hides more text than it shows: its parts arrive hidden and are put in place by scripts.
pub(crate) fn parse(name: &str, page: &str) -> Result<Parsed, Refusal> {
    if is_whole_book(name, page) {
        let reason = "expected a chapter, found a whole mdBook on one page; its chapters are read";
        return Err(("unsupported", reason.to_owned()));
    }
    let mut reader = load(page)?;
    if is_mdbook(page) {
        reader.generator = Some("mdbook".to_owned());
    }
    Ok(reader.finish(name))
}

/// Reads a chapter of a book: XHTML, in which any element may close itself, and of which everything
/// that is shown is content.
pub(crate) fn parse_chapter(name: &str, page: &str) -> Parsed {
    read_chapter(page).finish(name)
}

/// Reads the blocks of a page.
fn load(page: &str) -> Result<PageReader<'_>, Refusal> {
    let reader = read(page, false);
    if reader.text_length() < SPARSE {
        if let Some(target) = &reader.redirect {
            let shown: String = target.chars().take(LONGEST_TARGET).collect();
            return Err((
                "empty",
                format!("expected text, found a page that leads on to `{shown}`"),
            ));
        }
        let second = read(page, true);
        if second.text_length() > 2 * reader.text_length() {
            return Ok(second);
        }
        if let Some(body) = Structured::of(&reader).bodies.first().filter(|b| b.len() > 2 * SPARSE)
        {
            let mut reader = reader;
            reader.add_body(body);
            return Ok(reader);
        }
    } else if reader.hidden > UNCOVERED && reader.hidden > reader.prose_length() {
        return Ok(read(page, true));
    }
    Ok(reader)
}

/// The blocks of a page as the choice of main content sees them, for whoever fits that choice.
#[derive(Debug)]
pub struct PageView {
    /// Text of each block.
    pub texts: Vec<String>,
    /// What each looks like.
    pub rows: Vec<Vec<f32>>,
    /// Hashes of what the elements around each are called.
    pub names: Vec<Vec<u32>>,
    kinds: Vec<u64>,
    /// What is kept where rules choose.
    ruled: Option<Vec<bool>>,
}

impl PageView {
    /// The blocks of `page`; none where the page has no text.
    pub fn new(page: &str) -> Option<Self> {
        let mut reader = load(page).ok()?;
        let text = |block: &Block| reader.buffer[block.text.clone()].to_owned();
        Some(Self {
            texts: reader.blocks.iter().map(text).collect(),
            rows: rows(&reader, &Structured::of(&reader)),
            names: names(&reader),
            kinds: kinds(&reader),
            ruled: is_ruled(&reader).then(|| ruled(&mut reader)),
        })
    }

    /// Which blocks to keep, given what two models make of each: the logarithm of the odds that it is
    /// content, by its row and by its names.
    pub fn choose(&self, odds: &[(f32, f32)]) -> Vec<bool> {
        if let Some(kept) = &self.ruled {
            return kept.clone();
        }
        let lengths: Vec<f32> = self.texts.iter().map(|text| weight(text)).collect();
        chosen(odds, &lengths, &self.kinds)
    }
}

/// The `print.html` of mdBook repeats every chapter.
fn is_whole_book(name: &str, page: &str) -> bool {
    name.rsplit('/').next() == Some("print.html") && is_mdbook(page)
}

/// It says so in a comment.
fn is_mdbook(page: &str) -> bool {
    let head = &page.as_bytes()[..page.len().min(1024)];
    memchr::memmem::find(head, b"generated using mdBook").is_some()
}

impl PageReader<'_> {
    fn finish(mut self, name: &str) -> Parsed {
        let structured = Structured::of(&self);
        let kept = if self.is_chapter {
            vec![true; self.blocks.len()]
        } else {
            select(&mut self, &structured)
        };
        let mut text = String::with_capacity(self.buffer.len() + self.blocks.len());
        let mut starts: Vec<(u32, u32)> = Vec::new();
        let mut links = Vec::new();
        let mut linked = HashSet::new();
        let mut previous: Option<Shape> = None;
        let mut anchors = self.anchors.iter().peekable();
        let mut lines = self.lines.iter().peekable();
        let mut line = 1;
        for (block, _) in self.blocks.iter().zip(&kept).filter(|(_, kept)| **kept) {
            if let Some(previous) = previous {
                text.push_str(between(previous, block.shape));
            }
            previous = Some(block.shape);
            while let Some(&&(at, next)) = lines.peek()
                && at <= block.text.start
            {
                line = next;
                lines.next();
            }
            push_start(&mut starts, text.len(), line);
            prefix(&mut text, block.shape);
            let shift = |at: usize, text: &str| text.len() + at - block.text.start;
            while let Some(&&(at, next)) = lines.peek()
                && at < block.text.end
            {
                line = next;
                push_start(&mut starts, shift(at, &text), line);
                lines.next();
            }
            text.push_str(&self.buffer[block.text.clone()]);
            while let Some(anchor) = anchors.peek()
                && anchor.words.start < block.text.end
            {
                if anchor.words.start >= block.text.start
                    && let words = &self.buffer[anchor.words.clone()]
                    && let Some(link) = link::link(name, &anchor.target, words)
                    && linked.insert((link.target.clone(), link.text.clone()))
                {
                    links.push(link);
                }
                anchors.next();
            }
        }
        let title = self.choose_title(&kept);
        let mut signals = self.counts.signals(
            &text,
            title.as_deref().unwrap_or_default(),
            self.blocks.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(b, _)| b.linked).sum(),
            self.anchors.iter().map(|anchor| anchor.target.as_str()),
        );
        signals.canonical = self.canonical;
        signals.types = structured.types;
        Parsed {
            title,
            text,
            lines: LineMap::Starts(starts),
            language: self.language,
            date: self.published.or(structured.published).or(self.first_time),
            links,
            signals: Some(Box::new(signals)),
            missing: Vec::new(),
        }
    }

    /// The title without the name of the site, where a heading of the page shows which part is
    /// which; else the title as it is; else the first heading.
    fn choose_title(&self, kept: &[bool]) -> Option<String> {
        let headings = || {
            self.blocks
                .iter()
                .zip(kept)
                .filter(|(block, kept)| **kept && matches!(block.shape, Shape::Heading(_)))
                .map(|(block, _)| fold(&self.buffer[block.text.clone()]))
        };
        let first_heading = headings().next();
        let Some(title) = self.title.clone().filter(|title| !title.is_empty()) else {
            return first_heading;
        };
        let parts: Vec<&str> = split_title(&title);
        if parts.len() < 2 {
            return Some(title);
        }
        for heading in headings().take(3) {
            if let Some(part) = parts.iter().find(|part| same_words(part, &heading)) {
                return Some((*part).to_owned());
            }
            if heading.len() > 3 && title.starts_with(&heading) {
                return Some(heading);
            }
        }
        let last = *parts.last()?;
        let is_site = |part: &str| self.site.as_deref().is_some_and(|site| same_words(site, part));
        let shares = first_heading.is_some_and(|heading| shares_words(parts[0], &heading));
        if is_site(last) || shares {
            let end = title.rfind(last).unwrap_or(title.len());
            return Some(
                title[..end]
                    .trim_end_matches(|c: char| c.is_whitespace() || SEPARATORS.contains(&c))
                    .to_owned(),
            );
        }
        if is_site(parts[0]) {
            return Some(parts[1..].join(" - "));
        }
        Some(title)
    }
}

fn push_start(starts: &mut Vec<(u32, u32)>, at: usize, line: u32) {
    let at = u32::try_from(at).unwrap_or(u32::MAX);
    match starts.last_mut() {
        Some((last, known)) if *last == at => *known = line,
        Some((_, known)) if *known == line => {}
        _ => starts.push((at, line)),
    }
}

const SEPARATORS: &[char] = &['-', '–', '—', '|', '·', '•', '»', '«', ':'];

/// The parts of a title between separators that stand between spaces.
fn split_title(title: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, c) in title.char_indices() {
        if SEPARATORS.contains(&c)
            && c != ':'
            && title[..at].ends_with(' ')
            && title[at + c.len_utf8()..].starts_with(' ')
        {
            parts.push(title[start..at].trim());
            start = at + c.len_utf8();
        }
    }
    parts.push(title[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn key_words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn same_words(a: &str, b: &str) -> bool {
    let a = key_words(a);
    !a.is_empty() && a == key_words(b)
}

/// Whether half of the words of either stand in the other.
fn shares_words(part: &str, heading: &str) -> bool {
    let (part, heading) = (key_words(part), key_words(heading));
    let shared = heading.iter().filter(|word| part.contains(word)).count();
    shared > 0 && shared * 2 >= part.len().min(heading.len())
}
