//! Tokens to blocks, blocks to a document.
//!
//! A flat stack of open elements says what each piece of text is: heading, paragraph, list item,
//! code, table row. Its depth is capped; elements below the cap count as siblings, so that a page
//! nested a hundred thousand deep costs no more than a flat one. What a reader of the page does not
//! see (scripts, `hidden`, `display:none`, navigation) never becomes a block.
//!
//! Which blocks make the document:
//!
//! 1. those in `<main>`, `role=main` or `<article>`, where these hold a fair share of the text;
//! 2. else all but boilerplate: regions named so (`class="sidebar"`), and runs of blocks that are
//!    mostly links, after Kohlschütter et al., "Boilerplate detection using shallow text features"
//!    (WSDM 2010);
//! 3. else, when next to nothing is left, everything: a page of links is a table of contents.
//!
//! Lines of the text: headings carry `#` marks as in Markdown, items a dash, cells of a table row
//! are parted by ` | `, code keeps its lines.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each place has a word to say on a few of the many roles"
)]

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use sleuth_records::LineMap;

use super::tokens::{Attributes, Token, Tokens};
use crate::corpus::{Parsed, fold};
use crate::decode;
use crate::link;
use crate::markdown::iso_date;
use crate::shape::{Shape, between, prefix};
use crate::source::Refusal;

/// Most open elements. Browsers stop at 512 too.
const MAX_DEPTH: usize = 512;

/// Least text, in bytes, of a page that is not read a second time.
const SPARSE: usize = 200;

/// Reads a decoded page.
///
/// A page that shows next to nothing without scripts is read again with what it offers instead:
/// the content of `noscript`, and wrappers that are transparent until a script fades them in.
pub(crate) fn parse(name: &str, page: &str) -> Result<Parsed, Refusal> {
    if is_whole_book(name, page) {
        let reason = "expected a chapter, found a whole mdBook on one page; its chapters are read";
        return Err(("unsupported", reason.to_owned()));
    }
    let mut reader = read(page, false);
    if reader.text_length() < SPARSE {
        if let Some(target) = &reader.redirect {
            return Err((
                "empty",
                format!("expected text, found a page that leads on to `{target}`"),
            ));
        }
        let second = read(page, true);
        if second.text_length() > 2 * reader.text_length() {
            reader = second;
        }
    }
    Ok(reader.finish(name))
}

/// Reads a chapter of a book: XHTML, in which any element may close itself, and of which everything
/// that is shown is content.
pub(crate) fn parse_chapter(name: &str, page: &str) -> Parsed {
    let mut reader = read_as(page, false, true);
    reader.is_chapter = true;
    reader.finish(name)
}

fn read(page: &str, scriptless: bool) -> PageReader<'_> {
    read_as(page, scriptless, false)
}

fn read_as(page: &str, scriptless: bool, xhtml: bool) -> PageReader<'_> {
    let mut reader = PageReader::new(page, scriptless);
    let mut tokens = Tokens::new(page);
    tokens.xhtml = xhtml;
    while let Some(token) = tokens.next() {
        match token {
            Token::Text { at, text, raw } => reader.text(at, text, raw),
            Token::Start { name, attributes, self_closing } => {
                reader.start(name, &attributes, self_closing);
                if xhtml && self_closing && reader.foreign == 0 {
                    reader.end(name);
                }
                tokens.foreign = reader.foreign > 0;
            }
            Token::End { name } => {
                reader.end(name);
                tokens.foreign = reader.foreign > 0;
            }
        }
    }
    reader.close_from(0);
    reader.cut(Shape::Paragraph);
    reader
}

/// The `print.html` of mdBook repeats every chapter.
fn is_whole_book(name: &str, page: &str) -> bool {
    let head = &page.as_bytes()[..page.len().min(1024)];
    name.rsplit('/').next() == Some("print.html")
        && memchr::memmem::find(head, b"generated using mdBook").is_some()
}

/// What an element means for the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Part of a line of text.
    Inline,
    Link,
    Break,
    /// Starts and ends a block.
    Block,
    Paragraph,
    Heading(u8),
    List,
    Item,
    Term,
    Definition,
    Pre,
    Table,
    /// `thead`, `tbody`, `tfoot`.
    Rows,
    Row,
    Cell,
    Main,
    Article,
    /// `header`, `footer`, `aside`: boilerplate outside the main content.
    Margin,
    Title,
    /// Never shown, or never content.
    Dropped,
    Foreign,
    Html,
    Head,
    Body,
    /// Has no content.
    Void,
}

fn role_of(name: &str) -> Role {
    let mut lower = [0u8; 12];
    let Some(lower) = lower.get_mut(..name.len()) else {
        return Role::Inline;
    };
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    match &*lower {
        b"a" => Role::Link,
        b"br" => Role::Break,
        b"p" => Role::Paragraph,
        b"h1" => Role::Heading(1),
        b"h2" => Role::Heading(2),
        b"h3" => Role::Heading(3),
        b"h4" => Role::Heading(4),
        b"h5" => Role::Heading(5),
        b"h6" => Role::Heading(6),
        b"ul" | b"ol" | b"dl" | b"menu" | b"dir" => Role::List,
        b"li" => Role::Item,
        b"dt" => Role::Term,
        b"dd" => Role::Definition,
        b"pre" | b"listing" | b"xmp" => Role::Pre,
        b"table" => Role::Table,
        b"thead" | b"tbody" | b"tfoot" => Role::Rows,
        b"tr" => Role::Row,
        b"td" | b"th" => Role::Cell,
        b"main" => Role::Main,
        b"article" => Role::Article,
        b"header" | b"footer" | b"aside" => Role::Margin,
        b"title" => Role::Title,
        b"svg" | b"math" => Role::Foreign,
        b"html" => Role::Html,
        b"head" => Role::Head,
        b"body" => Role::Body,
        b"script" | b"style" | b"template" | b"noscript" | b"nav" | b"button" | b"select"
        | b"textarea" | b"datalist" | b"iframe" | b"object" | b"video" | b"audio" | b"canvas"
        | b"noembed" | b"noframes" | b"map" | b"dialog" | b"rp" => Role::Dropped,
        b"area" | b"base" | b"col" | b"embed" | b"hr" | b"img" | b"input" | b"link" | b"meta"
        | b"param" | b"source" | b"track" | b"wbr" | b"frame" | b"basefont" | b"keygen" => {
            Role::Void
        }
        b"div" | b"section" | b"address" | b"blockquote" | b"center" | b"details" | b"summary"
        | b"fieldset" | b"figure" | b"figcaption" | b"form" | b"hgroup" | b"legend" | b"search"
        | b"caption" | b"optgroup" | b"option" => Role::Block,
        _ => Role::Inline,
    }
}

impl Role {
    fn is_inline(self) -> bool {
        matches!(self, Self::Inline | Self::Link)
    }
}

/// An open element.
struct Open<'a> {
    name: &'a str,
    role: Role,
    /// Nothing inside becomes text.
    dropped: bool,
    /// Inside something that is boilerplate unless the main content holds it.
    margin: bool,
    main: bool,
    article: bool,
}

/// A stretch of text that stands for itself.
struct Block {
    shape: Shape,
    /// In the reader's buffer.
    text: Range<usize>,
    /// Bytes of it that are link text.
    linked: usize,
    main: bool,
    article: bool,
    margin: bool,
}

/// A link, its words being a range of the reader's buffer.
struct Anchor {
    target: String,
    words: Range<usize>,
}

struct PageReader<'a> {
    page: &'a str,
    /// Show what stands in for scripts.
    scriptless: bool,
    stack: Vec<Open<'a>>,
    /// Elements left off the stack because it is full.
    overflow: usize,
    /// Depth below the innermost dropped element that the full stack has no room for.
    buried: Option<(&'a str, usize)>,
    foreign: usize,
    lists: u8,
    pre: usize,

    /// Text of all blocks, one after the other.
    buffer: String,
    blocks: Vec<Block>,
    /// Start of the open block in the buffer.
    block: usize,
    shape: Shape,
    linked: usize,
    space: bool,
    anchors: Vec<Anchor>,
    /// Start of the open link in the buffer and its target.
    anchor: Option<(usize, String)>,

    /// Byte offset and line of the page up to which line feeds are counted.
    counted: (usize, u32),
    /// Offsets of the buffer and the lines they come from.
    lines: Vec<(usize, u32)>,

    title: Option<String>,
    site: Option<String>,
    language: Option<String>,
    published: Option<String>,
    first_time: Option<String>,
    /// Where the page sends its reader at once.
    redirect: Option<String>,
    /// All that is shown is content.
    is_chapter: bool,
}

impl<'a> PageReader<'a> {
    fn new(page: &'a str, scriptless: bool) -> Self {
        Self {
            page,
            scriptless,
            stack: Vec::new(),
            overflow: 0,
            buried: None,
            foreign: 0,
            lists: 0,
            pre: 0,
            buffer: String::with_capacity(page.len() / 4),
            blocks: Vec::new(),
            block: 0,
            shape: Shape::Paragraph,
            linked: 0,
            space: false,
            anchors: Vec::new(),
            anchor: None,
            counted: (0, 1),
            lines: Vec::new(),
            title: None,
            site: None,
            language: None,
            published: None,
            first_time: None,
            redirect: None,
            is_chapter: false,
        }
    }

    /// Bytes of text in all blocks.
    fn text_length(&self) -> usize {
        self.blocks.iter().map(|block| block.text.len()).sum()
    }

    fn dropped(&self) -> bool {
        self.buried.is_some() || self.stack.last().is_some_and(|open| open.dropped)
    }

    /// Line of the page at byte `at`; offsets only grow.
    fn line(&mut self, at: usize) -> u32 {
        let (from, line) = self.counted;
        let feeds = memchr::memchr_iter(b'\n', &self.page.as_bytes()[from..at]).count();
        let line = line.saturating_add(u32::try_from(feeds).unwrap_or(u32::MAX));
        self.counted = (at, line);
        line
    }

    // Text.

    fn text(&mut self, at: usize, text: &'a str, raw: bool) {
        if self.dropped() {
            return;
        }
        let decoded = if !raw && text.contains('&') {
            // References can stand for what cleaning has removed from the page.
            Cow::Owned(decode::clean(htmlize::unescape(text)))
        } else {
            Cow::Borrowed(text)
        };
        if let Some(open) = self.stack.last()
            && open.role == Role::Title
        {
            self.title.get_or_insert_with(|| fold(&decoded));
            return;
        }
        if self.stack.last().is_some_and(|open| open.role == Role::Head) {
            if decoded.trim().is_empty() {
                return;
            }
            self.close_head();
        }
        let line = self.line(at);
        if self.pre > 0 {
            self.preformatted(&decoded, line);
        } else {
            self.words(&decoded, line);
        }
    }

    fn mark(&mut self, line: u32) {
        if self.lines.last().is_none_or(|&(_, last)| last != line) {
            self.lines.push((self.buffer.len(), line));
        }
    }

    fn preformatted(&mut self, text: &str, mut line: u32) {
        let text =
            if self.buffer.len() == self.block { text.trim_start_matches('\n') } else { text };
        for part in text.split_inclusive('\n') {
            self.mark(line);
            self.buffer.push_str(part);
            line = line.saturating_add(u32::from(part.ends_with('\n')));
        }
    }

    fn words(&mut self, text: &str, mut line: u32) {
        let mut rest = text;
        loop {
            let start = rest.find(|c: char| !c.is_whitespace());
            let gap = &rest[..start.unwrap_or(rest.len())];
            if !gap.is_empty() {
                self.space = true;
                let feeds = memchr::memchr_iter(b'\n', gap.as_bytes()).count();
                line = line.saturating_add(u32::try_from(feeds).unwrap_or(u32::MAX));
            }
            let Some(start) = start else {
                return;
            };
            rest = &rest[start..];
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            if self.space && self.buffer.len() > self.block && !self.buffer.ends_with(['\n', ' ']) {
                self.buffer.push(' ');
            }
            self.space = false;
            self.mark(line);
            self.buffer.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }

    /// Ends the open block; the next one has `shape`.
    fn cut(&mut self, shape: Shape) {
        // A link that spans blocks is counted and kept by its part in the first of them.
        if let Some((from, target)) = self.anchor.take() {
            self.keep_anchor(from, target.clone());
            self.push_block();
            self.anchor = Some((self.buffer.len(), target));
        } else {
            self.push_block();
        }
        self.shape = shape;
        self.space = false;
    }

    fn push_block(&mut self) {
        let text = &self.buffer[self.block..];
        let kept = if self.shape == Shape::Pre {
            text.trim_end()
        } else {
            text.trim_end_matches([' ', '|', '\n'])
        };
        let end = self.block + kept.len();
        if !kept.is_empty() {
            let place = self.stack.last();
            self.blocks.push(Block {
                shape: self.shape,
                text: self.block..end,
                linked: self.linked,
                main: place.is_some_and(|open| open.main),
                article: place.is_some_and(|open| open.article),
                margin: place.is_some_and(|open| open.margin),
            });
        }
        self.block = self.buffer.len();
        self.linked = 0;
    }

    fn keep_anchor(&mut self, from: usize, target: String) {
        let from = from.max(self.block).min(self.buffer.len());
        let words = self.buffer[from..].trim();
        if matches!(words, "¶" | "§" | "#" | "🔗" | "[edit]" | "[src]" | "Source" if words != "Source" || target.contains("/src/"))
        {
            self.buffer.truncate(from);
            return;
        }
        self.linked += words.len();
        let start = from + self.buffer[from..].len() - self.buffer[from..].trim_start().len();
        let words = start..start + words.len();
        self.anchors.push(Anchor { target, words });
    }

    /// What a block becomes in the place that the stack describes.
    fn shape_here(&self) -> Shape {
        for open in self.stack.iter().rev() {
            match open.role {
                Role::Heading(level) => return Shape::Heading(level),
                Role::Item => {
                    return Shape::Item { level: self.lists.saturating_sub(1) };
                }
                Role::Definition => return Shape::Definition,
                Role::Cell => return Shape::Row,
                Role::Inline | Role::Link | Role::Block | Role::Paragraph => {}
                _ => break,
            }
        }
        Shape::Paragraph
    }

    // Elements.

    fn start(&mut self, name: &'a str, attributes: &Attributes<'a>, self_closing: bool) {
        if let Some((buried, depth)) = &mut self.buried {
            *depth += usize::from(buried.eq_ignore_ascii_case(name));
            return;
        }
        let role = role_of(name);
        if self.foreign > 0 {
            if role == Role::Foreign && !self_closing {
                self.foreign += 1;
            }
            return;
        }
        match role {
            Role::Void => return self.void(name, attributes),
            Role::Break => return self.line_break(),
            Role::Html => {
                if let Some(lang) = attributes.lang {
                    self.set_language(lang);
                }
            }
            _ => {}
        }
        if matches!(role, Role::Html | Role::Body)
            && self.stack.iter().any(|open| open.role == role)
        {
            return;
        }
        self.close_implied(name, role);
        if role == Role::Foreign {
            self.foreign = usize::from(!self_closing);
            return;
        }
        if self.dropped() {
            return self.push(name, role, true, false);
        }
        let dropped = self.is_dropped(name, role, attributes);
        if !dropped {
            self.enter(name, role, attributes);
        }
        let margin = role == Role::Margin || is_margin(attributes);
        self.push_with(name, role, dropped, margin, attributes);
    }

    fn push(&mut self, name: &'a str, role: Role, dropped: bool, margin: bool) {
        self.push_with(name, role, dropped, margin, &Attributes::default());
    }

    fn push_with(
        &mut self,
        name: &'a str,
        role: Role,
        dropped: bool,
        margin: bool,
        attributes: &Attributes<'a>,
    ) {
        if self.stack.len() >= MAX_DEPTH {
            if dropped {
                self.buried = Some((name, 1));
            } else {
                self.overflow += 1;
            }
            return;
        }
        let outer = self.stack.last();
        let is_main = role == Role::Main
            || attributes.role.is_some_and(|role| role.eq_ignore_ascii_case("main"));
        let main = is_main || outer.is_some_and(|open| open.main);
        let article = role == Role::Article || outer.is_some_and(|open| open.article);
        let outer_margin = outer.is_some_and(|open| open.margin);
        self.stack.push(Open {
            name,
            role,
            dropped: dropped || outer.is_some_and(|open| open.dropped),
            // Main content that stands in a margin by name is still main content.
            margin: !is_main && (outer_margin || margin && !main),
            main,
            article,
        });
        if !dropped {
            match role {
                Role::List => self.lists = self.lists.saturating_add(1),
                Role::Pre => self.pre += 1,
                _ => {}
            }
        }
    }

    /// Ends the block before an element that is shown, and says what the next one is.
    fn enter(&mut self, name: &str, role: Role, attributes: &Attributes<'a>) {
        match role {
            Role::Inline => {
                if name.eq_ignore_ascii_case("time")
                    && self.first_time.is_none()
                    && let Some(date) = attributes.datetime
                {
                    self.first_time = iso_date(date);
                }
            }
            Role::Link => {
                self.close_anchor();
                if let Some(href) = attributes.href {
                    let href = decode::clean(htmlize::unescape_attribute(href));
                    self.anchor = Some((self.buffer.len(), href));
                }
            }
            Role::Heading(level) => self.cut(Shape::Heading(level)),
            Role::Item => self.cut(Shape::Item { level: self.lists.saturating_sub(1) }),
            Role::Term => self.cut(Shape::Term),
            Role::Definition => self.cut(Shape::Definition),
            Role::Pre => self.cut(Shape::Pre),
            Role::Row => self.cut(Shape::Row),
            Role::Cell => {
                if self.shape != Shape::Row {
                    self.cut(Shape::Row);
                } else if self.buffer.len() > self.block {
                    self.buffer.push_str(" | ");
                    self.space = false;
                }
            }
            Role::Paragraph | Role::Block if self.pre > 0 => self.end_line(),
            Role::Paragraph | Role::Block if self.in_cell() => self.space = true,
            Role::Block | Role::Paragraph => {
                let shape = self.shape_here();
                // The first paragraph of an item stands behind its dash.
                if !(self.buffer.len() == self.block && self.shape == shape) {
                    self.cut(match shape {
                        Shape::Heading(_) => shape,
                        _ if self.shape == shape => continuation(shape),
                        _ => shape,
                    });
                }
            }
            Role::List | Role::Table | Role::Main | Role::Article | Role::Margin => {
                self.cut(Shape::Paragraph);
            }
            Role::Rows
            | Role::Html
            | Role::Head
            | Role::Body
            | Role::Title
            | Role::Dropped
            | Role::Foreign
            | Role::Void
            | Role::Break => {}
        }
    }

    /// A block inside code stands on lines of its own.
    fn end_line(&mut self) {
        if self.buffer.len() > self.block && !self.buffer.ends_with('\n') {
            self.buffer.push('\n');
        }
    }

    /// Whether text goes to a row of a table.
    fn in_cell(&self) -> bool {
        self.shape == Shape::Row
            && self
                .stack
                .iter()
                .rev()
                .find(|open| {
                    !matches!(open.role, Role::Inline | Role::Link | Role::Block | Role::Paragraph)
                })
                .is_some_and(|open| open.role == Role::Cell)
    }

    fn void(&mut self, name: &str, attributes: &Attributes<'a>) {
        if name.eq_ignore_ascii_case("meta") {
            self.meta(attributes);
        } else if name.eq_ignore_ascii_case("hr") && !self.dropped() {
            let shape = self.shape_here();
            self.cut(shape);
        }
    }

    fn line_break(&mut self) {
        if self.dropped() {
            return;
        }
        if self.pre > 0 {
            self.buffer.push('\n');
        } else if self.shape == Shape::Row || matches!(self.shape, Shape::Heading(_)) {
            self.space = true;
        } else if self.buffer.len() > self.block {
            let kept = self.buffer.trim_end_matches(' ').len().max(self.block);
            self.buffer.truncate(kept);
            self.buffer.push('\n');
            self.space = false;
        }
    }

    fn meta(&mut self, attributes: &Attributes<'a>) {
        if attributes.http_equiv.is_some_and(|key| key.eq_ignore_ascii_case("refresh"))
            && let Some((_, target)) = attributes.content.unwrap_or_default().split_once("=")
        {
            let target = decode::clean(htmlize::unescape_attribute(target));
            self.redirect = Some(target.trim().trim_matches(['"', '\'']).to_owned());
            return;
        }
        let (Some(key), Some(content)) =
            (attributes.property.or(attributes.name), attributes.content)
        else {
            return;
        };
        let is = |names: &[&str]| names.iter().any(|name| key.eq_ignore_ascii_case(name));
        let content = || decode::clean(htmlize::unescape_attribute(content));
        if is(&["og:site_name"]) {
            self.site.get_or_insert_with(|| fold(&content()));
        } else if self.published.is_none()
            && is(&[
                "article:published_time",
                "date",
                "dc.date",
                "dcterms.date",
                "datepublished",
                "citation_publication_date",
            ])
        {
            self.published = iso_date(&content());
        } else if self.language.is_none() && is(&["dc.language", "language"]) {
            self.set_language(&content());
        }
    }

    fn set_language(&mut self, tag: &str) {
        let tag = tag.trim().replace('_', "-");
        let shaped = !tag.is_empty()
            && tag.len() <= 35
            && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && tag.as_bytes()[0].is_ascii_alphabetic();
        if shaped {
            self.language.get_or_insert(tag);
        }
    }

    fn is_dropped(&self, name: &str, role: Role, attributes: &Attributes<'_>) -> bool {
        let in_main = self.stack.last().is_some_and(|open| open.main || open.article);
        match role {
            Role::Dropped if name.eq_ignore_ascii_case("dialog") && attributes.open.is_some() => {}
            Role::Dropped if self.scriptless && name.eq_ignore_ascii_case("noscript") => {}
            Role::Dropped => return true,
            Role::Body if has_class(attributes, &["sidebar-iframe-inner"]) => return true,
            Role::Html | Role::Body | Role::Head | Role::Title => {
                return is_unseen(attributes, self.scriptless);
            }
            _ => {}
        }
        if is_unseen(attributes, self.scriptless) {
            return true;
        }
        if let Some(role) = attributes.role
            && [
                "navigation",
                "search",
                "dialog",
                "alertdialog",
                "menu",
                "menubar",
                "toolbar",
                "banner",
                "contentinfo",
            ]
            .iter()
            .any(|dropped| role.eq_ignore_ascii_case(dropped))
        {
            return !(in_main && matches!(role, "banner" | "contentinfo"));
        }
        has_class(attributes, UNSHOWN)
    }

    /// Closes what the standard closes without an end tag.
    fn close_implied(&mut self, name: &str, role: Role) {
        let stays_in_head = match role {
            Role::Inline | Role::Link | Role::Html | Role::Head | Role::Title => true,
            Role::Dropped => self.in_head_element(name),
            _ => false,
        };
        let in_head = self.stack.last().is_some_and(|open| open.role == Role::Head);
        if in_head && !stays_in_head {
            self.close_head();
        }
        let (closed, scope): (&[Role], &[Role]) = match role {
            Role::Item => (&[Role::Item], &[Role::List, Role::Cell, Role::Table]),
            Role::Term | Role::Definition => {
                (&[Role::Term, Role::Definition], &[Role::List, Role::Cell, Role::Table])
            }
            Role::Row => (&[Role::Row], &[Role::Table]),
            Role::Cell => (&[Role::Cell], &[Role::Row, Role::Table]),
            Role::Rows => (&[Role::Rows], &[Role::Table]),
            Role::Block
            | Role::Paragraph
            | Role::Heading(_)
            | Role::List
            | Role::Pre
            | Role::Table
            | Role::Main
            | Role::Article
            | Role::Margin => {
                // An open paragraph ends; so does a heading before another.
                let at = self.stack.iter().rposition(|open| !open.role.is_inline());
                if let Some(at) = at
                    && (self.stack[at].role == Role::Paragraph
                        || matches!(
                            (self.stack[at].role, role),
                            (Role::Heading(_), Role::Heading(_))
                        ))
                {
                    self.close_from(at);
                }
                return;
            }
            _ => return,
        };
        for at in (0..self.stack.len()).rev() {
            let open = self.stack[at].role;
            if closed.contains(&open) {
                return self.close_from(at);
            }
            if scope.contains(&open) {
                return;
            }
        }
    }

    fn in_head_element(&self, name: &str) -> bool {
        ["script", "style", "template", "noscript"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
    }

    fn close_head(&mut self) {
        if let Some(at) = self.stack.iter().rposition(|open| open.role == Role::Head) {
            self.close_from(at);
        }
    }

    fn end(&mut self, name: &'a str) {
        if let Some((buried, depth)) = &mut self.buried {
            if buried.eq_ignore_ascii_case(name) {
                *depth -= 1;
                if *depth == 0 {
                    self.buried = None;
                }
            }
            return;
        }
        let role = role_of(name);
        if role == Role::Foreign {
            self.foreign = self.foreign.saturating_sub(1);
            return;
        }
        if self.foreign > 0 || matches!(role, Role::Void | Role::Html | Role::Body) {
            return;
        }
        if role == Role::Break {
            return self.line_break();
        }
        if self.overflow > 0 {
            self.overflow -= 1;
            // Blocks below the cap are parted all the same.
            if !role.is_inline() && !self.dropped() {
                let shape = self.shape_here();
                self.cut(shape);
            }
            return;
        }
        let is_table = matches!(role, Role::Cell | Role::Row | Role::Rows | Role::Table);
        for at in (0..self.stack.len()).rev() {
            let open = &self.stack[at];
            if open.role == role && open.name.eq_ignore_ascii_case(name) {
                return self.close_from(at);
            }
            // Headings end each other; an inline end tag never ends a block; nothing but the parts
            // of a table ends a cell.
            if matches!((open.role, role), (Role::Heading(_), Role::Heading(_))) {
                return self.close_from(at);
            }
            let stops = if role.is_inline() {
                !open.role.is_inline()
            } else {
                !is_table && open.role == Role::Cell
            };
            if stops {
                break;
            }
        }
        if role == Role::Link && !self.dropped() {
            self.close_anchor();
        }
    }

    /// Closes the elements from `at` on.
    fn close_from(&mut self, at: usize) {
        while self.stack.len() > at {
            let Some(open) = self.stack.last() else {
                return;
            };
            let (role, dropped) = (open.role, open.dropped);
            if dropped {
                self.stack.pop();
                continue;
            }
            match role {
                Role::Link => self.close_anchor(),
                Role::List => {
                    self.lists = self.lists.saturating_sub(1);
                    self.cut(Shape::Paragraph);
                }
                Role::Pre => {
                    self.pre = self.pre.saturating_sub(1);
                    if self.pre == 0 {
                        self.cut(Shape::Paragraph);
                    }
                }
                Role::Cell | Role::Rows => {}
                Role::Paragraph | Role::Block if self.pre > 0 => self.end_line(),
                Role::Paragraph | Role::Block if self.in_cell() => self.space = true,
                Role::Inline
                | Role::Title
                | Role::Head
                | Role::Html
                | Role::Dropped
                | Role::Foreign
                | Role::Void
                | Role::Break => {}
                Role::Block
                | Role::Paragraph
                | Role::Heading(_)
                | Role::Item
                | Role::Term
                | Role::Definition
                | Role::Table
                | Role::Row
                | Role::Main
                | Role::Article
                | Role::Margin
                | Role::Body => {
                    let empty = self.buffer.len() == self.block;
                    if !empty || role != Role::Block {
                        self.cut(Shape::Paragraph);
                    }
                }
            }
            self.stack.pop();
            if !matches!(role, Role::Inline | Role::Link | Role::Cell)
                && self.buffer.len() == self.block
                && self.shape == Shape::Paragraph
            {
                let shape = self.shape_here();
                self.shape = match shape {
                    Shape::Row => Shape::Row,
                    other => continuation(other),
                };
            }
        }
    }

    fn close_anchor(&mut self) {
        if let Some((from, target)) = self.anchor.take() {
            self.keep_anchor(from, target);
        }
    }

    // The document.

    fn finish(mut self, name: &str) -> Parsed {
        let prose = |margin: bool| -> usize {
            let blocks = self.blocks.iter().filter(|block| !is_linked(block));
            blocks.filter(|block| margin || !block.margin).map(|block| block.text.len()).sum()
        };
        if prose(false) * 4 < prose(true) {
            // Names that call nearly all of a page its margin are wrong.
            self.blocks.iter_mut().for_each(|block| block.margin = false);
        }
        let kept = if self.is_chapter {
            vec![true; self.blocks.len()]
        } else {
            select(&self.buffer, &self.blocks)
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
        Parsed {
            title,
            text,
            lines: LineMap::Starts(starts),
            language: self.language,
            date: self.published.or(self.first_time),
            links,
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

/// The shape of a further block in the same place: an item has one dash.
fn continuation(shape: Shape) -> Shape {
    match shape {
        Shape::Item { .. } => Shape::Definition,
        other => other,
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

/// Classes by which common generators mark what is not part of the text: controls of rustdoc and
/// mdBook, text for screen readers, permalinks.
const UNSHOWN: &[&str] = &[
    "hideme",
    "rustdoc-breadcrumbs",
    "rightside",
    "test-arrow",
    "boring",
    "sub-heading",
    "out-of-band",
    "headerlink",
    "doc-anchor",
    "anchorjs-link",
    "sr-only",
    "visually-hidden",
    "visuallyhidden",
    "screen-reader-text",
    "mw-editsection",
    "noprint",
    "skip-link",
    "skip-main-content",
    "navheader",
    "navfooter",
    "d-none",
    "print-only",
    "tooltip",
    "printonly",
];

fn has_class(attributes: &Attributes<'_>, names: &[&str]) -> bool {
    attributes
        .class
        .is_some_and(|class| class.split_ascii_whitespace().any(|class| names.contains(&class)))
}

/// Words in `class` or `id` that name boilerplate.
const MARGINS: &[&str] = &[
    "nav",
    "navbar",
    "navigation",
    "menu",
    "sidebar",
    "footer",
    "breadcrumb",
    "breadcrumbs",
    "cookie",
    "cookies",
    "social",
    "share",
    "sharing",
    "related",
    "advert",
    "advertisement",
    "ads",
    "ad",
    "promo",
    "banner",
    "masthead",
    "toolbar",
    "pagination",
    "pager",
    "newsletter",
    "subscribe",
    "popup",
    "modal",
    "widget",
    "toc",
    "sponsor",
    "sponsored",
    "recommended",
    "signup",
    "login",
    "copyright",
    "topbar",
    "sphinxsidebar",
    "comments",
    "comment",
    "disqus",
    "consent",
    "gdpr",
];

/// Words beside one of [`MARGINS`] that name what holds the content as well.
const HOLDERS: &[&str] = &[
    "and",
    "article",
    "body",
    "container",
    "content",
    "has",
    "layout",
    "main",
    "no",
    "post",
    "with",
    "without",
    "wrapper",
];

fn is_margin(attributes: &Attributes<'_>) -> bool {
    let among =
        |names: &[&str], word: &str| names.iter().any(|name| word.eq_ignore_ascii_case(name));
    [attributes.class, attributes.id]
        .into_iter()
        .flatten()
        .filter(|names| names.len() < 400)
        .flat_map(str::split_ascii_whitespace)
        .any(|name| {
            let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
            words.clone().any(|word| among(MARGINS, word))
                && !words.any(|word| among(HOLDERS, word))
        })
}

/// Whether the element is hidden by its own attributes.
fn is_unseen(attributes: &Attributes<'_>, scriptless: bool) -> bool {
    attributes.hidden.is_some()
        || attributes.aria_hidden.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
        || attributes.style.is_some_and(|style| hides(style, scriptless))
}

/// Whether an inline style keeps its element from being seen.
fn hides(style: &str, scriptless: bool) -> bool {
    let style = decode::clean(htmlize::unescape_attribute(style));
    style.split(';').any(|declaration| {
        let Some((property, value)) = declaration.split_once(':') else {
            return false;
        };
        let property = property.trim().to_ascii_lowercase();
        let value = value.to_ascii_lowercase();
        let value = value.trim().trim_end_matches("!important").trim();
        let number = || {
            let end = value
                .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+')))
                .unwrap_or(value.len());
            value[..end].parse::<f64>().ok()
        };
        match property.as_str() {
            "display" => value == "none",
            "visibility" => !scriptless && matches!(value, "hidden" | "collapse"),
            "opacity" => !scriptless && number().is_some_and(|n| n <= 0.05),
            "font-size" => {
                number().is_some_and(|n| n < if value.ends_with("em") { 0.1 } else { 2.0 })
                    && !value.ends_with("rem")
                    || number() == Some(0.0)
            }
            "color" => value == "transparent",
            "left" | "right" | "top" | "text-indent" | "margin-left" | "margin-top" => {
                number().is_some_and(|n| n <= -900.0)
            }
            "clip" => value.replace(' ', "").starts_with("rect(0"),
            "clip-path" => {
                value.replace(' ', "").starts_with("inset(50%")
                    || value.replace(' ', "").starts_with("inset(100%")
            }
            "transform" => value.replace(' ', "").contains("scale(0)"),
            _ => false,
        }
    })
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

/// Says for each block whether it belongs to the document; see the head of this file.
fn select(buffer: &str, blocks: &[Block]) -> Vec<bool> {
    let size = |keep: &dyn Fn(&Block) -> bool| -> usize {
        blocks.iter().filter(|block| keep(block)).map(|block| block.text.len()).sum()
    };
    let all = size(&|_| true);
    let content = size(&|block| !block.margin && !is_linked(block));
    for region in
        [(|block: &Block| block.main) as fn(&Block) -> bool, |block: &Block| block.article]
    {
        let inside = size(&|block| region(block) && !block.margin);
        let unlinked = size(&|block| region(block) && !block.margin && !is_linked(block));
        if inside > 0
            && (unlinked * 10 >= content * 4 || unlinked >= 2000 && unlinked * 10 >= content * 2)
        {
            return blocks.iter().map(|block| region(block) && !block.margin).collect();
        }
    }
    let kept = without_boilerplate(buffer, blocks);
    let left: usize = blocks
        .iter()
        .zip(&kept)
        .filter(|(_, kept)| **kept)
        .map(|(block, _)| block.text.len())
        .sum();
    let unmargined = size(&|block| !block.margin);
    if left * 5 >= unmargined && left > 0 {
        kept
    } else if unmargined * 5 >= all && unmargined > 0 {
        blocks.iter().map(|block| !block.margin).collect()
    } else {
        vec![true; blocks.len()]
    }
}

fn is_linked(block: &Block) -> bool {
    block.linked * 2 > block.text.len()
}

/// Keeps blocks of prose, and short ones beside them.
fn without_boilerplate(buffer: &str, blocks: &[Block]) -> Vec<bool> {
    let length = |block: &Block| buffer[block.text.clone()].chars().count();
    let good: Vec<bool> = blocks
        .iter()
        .map(|block| {
            !block.margin
                && match block.shape {
                    Shape::Pre => true,
                    Shape::Heading(_) => false,
                    _ => block.linked * 3 < block.text.len() && length(block) >= 60,
                }
        })
        .collect();
    let near = |at: usize, reach: usize| {
        let from = at.saturating_sub(reach);
        let to = (at + reach + 1).min(good.len());
        good[from..to].contains(&true)
    };
    let after = |at: usize| {
        let mut following = (at + 1..blocks.len()).filter(|&next| !blocks[next].margin).take(4);
        following.any(|next| good[next])
    };
    (0..blocks.len())
        .map(|at| {
            let block = &blocks[at];
            good[at]
                || !block.margin
                    && match block.shape {
                        Shape::Heading(_) => after(at),
                        _ if is_linked(block) => false,
                        _ => near(at, 3),
                    }
        })
        .collect()
}
