//! Tokens to blocks.
//!
//! A flat stack of open elements says what each piece of text is: heading, paragraph, list item,
//! code, table row. Its depth is capped; elements below the cap count as siblings, so that a page
//! nested a hundred thousand deep costs no more than a flat one. What a reader of the page does not
//! see (scripts, `hidden`, `display:none`, navigation) never becomes a block, but for what a click
//! unfolds: hidden tabs and sections of an accordion.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each place has a word to say on a few of the many roles"
)]

use std::borrow::Cow;
use std::ops::Range;

use super::names::{
    Role, UNSHOWN, has_class, hash, hints_of, is_folded, is_margin, is_unseen, is_unspoken,
    name_words, role_of,
};
use super::select::is_linked;
use super::signals::Counts;
use super::tokens::{Attributes, Token, Tokens};
use crate::corpus::fold;
use crate::decode;
use crate::markdown::iso_date;
use crate::shape::Shape;

/// Most open elements. Browsers stop at 512 too.
const MAX_DEPTH: usize = 512;

/// Most elements that are told apart.
const MAX_NODES: usize = 1 << 18;

/// Most bytes of structured data that are looked at.
const MAX_DATA: usize = 1 << 20;

/// Reads a page, or with `scriptless` what its scripts would make of it.
pub(super) fn read(page: &str, scriptless: bool) -> PageReader<'_> {
    read_as(page, scriptless, false)
}

/// Reads a chapter of a book.
pub(super) fn read_chapter(page: &str) -> PageReader<'_> {
    let mut reader = read_as(page, false, true);
    reader.is_chapter = true;
    reader
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
    for at in (1..reader.nodes.len()).rev() {
        let Node { parent, blocks, bytes, linked, .. } = reader.nodes[at];
        let parent = &mut reader.nodes[parent];
        parent.blocks += blocks;
        parent.bytes += bytes;
        parent.linked += linked;
    }
    reader
}

/// An open element.
pub(super) struct Open<'a> {
    name: &'a str,
    role: Role,
    /// Nothing inside becomes text.
    dropped: bool,
    /// Hidden by its own attributes, or inside of what is.
    hidden: bool,
    /// Inside something that is boilerplate unless the main content holds it.
    margin: bool,
    main: bool,
    article: bool,
    /// The container it is, or is in.
    node: usize,
}

/// An element that holds blocks.
pub(super) struct Node {
    /// The one around it; the first is its own.
    pub(super) parent: usize,
    /// What its names hint at; see [`hints_of`].
    pub(super) hints: u32,
    /// The same, of this and all around it.
    pub(super) inherited: u32,
    /// Equal for elements of the same kind: a hash of tag and classes.
    pub(super) kind: u32,
    /// Hash of its name, and where in the reader's words those of its class, id and role are.
    pub(super) tag: u32,
    pub(super) words: Range<usize>,
    /// Blocks within, bytes of their text, and of their links' text; whole once the page is read.
    pub(super) blocks: usize,
    pub(super) bytes: usize,
    pub(super) linked: usize,
}

/// A stretch of text that stands for itself.
pub(super) struct Block {
    pub(super) shape: Shape,
    /// In the reader's buffer.
    pub(super) text: Range<usize>,
    /// Bytes of it that are link text.
    pub(super) linked: usize,
    pub(super) main: bool,
    pub(super) article: bool,
    pub(super) margin: bool,
    pub(super) node: usize,
    /// Open elements around it.
    pub(super) depth: usize,
}

/// A link, its words being a range of the reader's buffer.
pub(super) struct Anchor {
    pub(super) target: String,
    pub(super) words: Range<usize>,
}

pub(super) struct PageReader<'a> {
    pub(super) page: &'a str,
    /// Show what scripts would show.
    pub(super) scriptless: bool,
    /// Bytes of text passed over because its elements are hidden by their own attributes.
    pub(super) hidden: usize,
    pub(super) stack: Vec<Open<'a>>,
    /// Elements left off the stack because it is full.
    pub(super) overflow: usize,
    /// Depth below the innermost dropped element that the full stack has no room for.
    pub(super) buried: Option<(&'a str, usize)>,
    pub(super) foreign: usize,
    pub(super) lists: u8,
    pub(super) pre: usize,

    /// Text of all blocks, one after the other.
    pub(super) buffer: String,
    pub(super) blocks: Vec<Block>,
    /// Start of the open block in the buffer.
    pub(super) block: usize,
    pub(super) shape: Shape,
    pub(super) linked: usize,
    pub(super) space: bool,
    pub(super) nodes: Vec<Node>,
    /// Hashes of the words by which elements are named.
    pub(super) name_words: Vec<u32>,
    pub(super) anchors: Vec<Anchor>,
    /// Start of the open link in the buffer and its target.
    pub(super) anchor: Option<(usize, String)>,

    /// Byte offset and line of the page up to which line feeds are counted.
    pub(super) counted: (usize, u32),
    /// Offsets of the buffer and the lines they come from.
    pub(super) lines: Vec<(usize, u32)>,

    pub(super) title: Option<String>,
    pub(super) site: Option<String>,
    pub(super) language: Option<String>,
    pub(super) published: Option<String>,
    pub(super) first_time: Option<String>,
    /// Where the page sends its reader at once.
    pub(super) redirect: Option<String>,
    /// All that is shown is content.
    pub(super) is_chapter: bool,
    pub(super) counts: Counts,
    /// Contents of `application/ld+json` scripts.
    pub(super) data: Vec<&'a str>,
    /// The address that the page gives itself.
    /// The program that made the page, in lower case.
    pub(super) generator: Option<String>,
    pub(super) canonical: Option<String>,
}

impl<'a> PageReader<'a> {
    fn new(page: &'a str, scriptless: bool) -> Self {
        Self {
            page,
            scriptless,
            hidden: 0,
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
            nodes: vec![Node {
                parent: 0,
                hints: 0,
                inherited: 0,
                kind: 0,
                tag: 0,
                words: 0..0,
                blocks: 0,
                bytes: 0,
                linked: 0,
            }],
            name_words: Vec::new(),
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
            counts: Counts::default(),
            data: Vec::new(),
            generator: None,
            canonical: None,
        }
    }

    /// Bytes of text in all blocks.
    pub(super) fn text_length(&self) -> usize {
        self.blocks.iter().map(|block| block.text.len()).sum()
    }

    /// Bytes of text in blocks that are not mostly links.
    pub(super) fn prose_length(&self) -> usize {
        let blocks = self.blocks.iter().filter(|block| !is_linked(block));
        blocks.map(|block| block.text.len()).sum()
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
            if self.stack.last().is_some_and(|open| open.hidden) {
                self.hidden += text.trim().len();
            }
            if raw && self.stack.last().is_some_and(|open| open.role == Role::Data) {
                let known: usize = self.data.iter().map(|data| data.len()).sum();
                if known + text.len() <= MAX_DATA {
                    self.data.push(text);
                }
            }
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
            let node = place.map_or(0, |open| open.node);
            self.nodes[node].blocks += 1;
            self.nodes[node].bytes += kept.len();
            self.nodes[node].linked += self.linked;
            self.blocks.push(Block {
                shape: self.shape,
                text: self.block..end,
                linked: self.linked,
                main: place.is_some_and(|open| open.main),
                article: place.is_some_and(|open| open.article),
                margin: place.is_some_and(|open| open.margin),
                node,
                depth: self.stack.len(),
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

    /// Adds text that no element shows, in paragraphs.
    pub(super) fn add_body(&mut self, body: &str) {
        for paragraph in decode::clean(htmlize::unescape(body)).lines() {
            self.cut(Shape::Paragraph);
            self.words(paragraph, 1);
        }
        self.cut(Shape::Paragraph);
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
        self.counts.element(name, attributes);
        if let Some((buried, depth)) = &mut self.buried {
            *depth += usize::from(buried.eq_ignore_ascii_case(name));
            return;
        }
        let mut role = role_of(name);
        if role == Role::Dropped
            && attributes
                .kind
                .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/ld+json"))
            && name.eq_ignore_ascii_case("script")
        {
            role = Role::Data;
        }
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
            let hidden = self.stack.last().is_some_and(|open| open.hidden);
            let hidden = hidden && !self.is_dropped(name, role, attributes);
            return self.push(name, role, hidden);
        }
        let unseen = is_unseen(attributes, role.is_inline());
        let folded = unseen && !role.is_inline() && is_folded(name, attributes, self.near());
        let shown = !unseen || folded || self.scriptless;
        let dropped = !shown || self.is_dropped(name, role, attributes);
        if !dropped {
            self.enter(name, role, attributes);
        }
        let margin = role == Role::Margin || is_margin(attributes) || is_unspoken(attributes);
        self.push_with(name, role, dropped, margin, attributes);
        if let Some(open) = self.stack.last_mut().filter(|_| dropped && self.buried.is_none()) {
            open.hidden = unseen;
        }
        if unseen
            && !dropped
            && let Some(node) = self.nodes.last_mut().filter(|_| !role.is_inline())
        {
            node.hints |= 1 << 31;
            node.inherited |= 1 << 31;
        }
    }

    /// What the names of the open container and of the two around it hint at.
    fn near(&self) -> u32 {
        let node = &self.nodes[self.stack.last().map_or(0, |open| open.node)];
        let outer = &self.nodes[node.parent];
        node.hints | outer.hints | self.nodes[outer.parent].hints
    }

    /// Opens an element inside of a dropped one.
    fn push(&mut self, name: &'a str, role: Role, hidden: bool) {
        self.push_with(name, role, true, false, &Attributes::default());
        if let Some(open) = self.stack.last_mut().filter(|_| self.buried.is_none()) {
            open.hidden = hidden;
        }
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
        let outer_node = outer.map_or(0, |open| open.node);
        let outer_margin = outer.is_some_and(|open| open.margin);
        let node = if dropped || role.is_inline() || self.nodes.len() >= MAX_NODES {
            outer_node
        } else {
            let hints = hints_of(name, attributes);
            let kind = kind_of(name, attributes);
            let inherited = self.nodes[outer_node].inherited | hints;
            let from = self.name_words.len();
            self.name_words.extend(name_words(attributes));
            self.nodes.push(Node {
                parent: outer_node,
                hints,
                inherited,
                kind,
                tag: hash(name),
                words: from..self.name_words.len(),
                blocks: 0,
                bytes: 0,
                linked: 0,
            });
            self.nodes.len() - 1
        };
        self.stack.push(Open {
            name,
            role,
            dropped: dropped || outer.is_some_and(|open| open.dropped),
            // Main content that stands in a margin by name is still main content.
            margin: !is_main && (outer_margin || margin && !main),
            main,
            article,
            node,
            hidden: false,
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
            | Role::Data
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
        } else if name.eq_ignore_ascii_case("link") {
            let rel = attributes.rel.unwrap_or_default();
            if let Some(href) = attributes.href.filter(|_| rel.eq_ignore_ascii_case("canonical")) {
                self.canonical
                    .get_or_insert_with(|| decode::clean(htmlize::unescape_attribute(href)));
            }
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
        if is(&["generator"]) {
            self.generator.get_or_insert_with(|| content().to_lowercase());
        } else if is(&["og:url"]) {
            self.canonical.get_or_insert_with(content);
        } else if is(&["og:site_name"]) {
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
            // A heading that is a button unfolds what is below it; one behind a heading does not.
            Role::Dropped
                if name.eq_ignore_ascii_case("button")
                    && matches!(self.shape_here(), Shape::Heading(_) | Shape::Term)
                    && self.buffer.len() == self.block => {}
            Role::Dropped | Role::Data => return true,
            Role::Body if has_class(attributes, &["sidebar-iframe-inner"]) => return true,
            Role::Html | Role::Body | Role::Head | Role::Title => return false,
            _ => {}
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
            Role::Dropped | Role::Data => self.in_head_element(name),
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
            let same = open.role == role || open.role == Role::Data && role == Role::Dropped;
            if same && open.name.eq_ignore_ascii_case(name) {
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
                | Role::Data
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
}

/// The shape of a further block in the same place: an item has one dash.
pub(super) fn continuation(shape: Shape) -> Shape {
    match shape {
        Shape::Item { .. } => Shape::Definition,
        other => other,
    }
}

/// FNV-1a over tag and classes without their digits, which number what is alike.
fn kind_of(name: &str, attributes: &Attributes<'_>) -> u32 {
    let mut hash: u32 = 0x811c_9dc5;
    let class = attributes.class.unwrap_or_default();
    let class = &class.as_bytes()[..class.len().min(200)];
    for byte in name.bytes().chain([b' ']).chain(class.iter().copied()) {
        if !byte.is_ascii_digit() {
            hash = (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193);
        }
    }
    hash
}
