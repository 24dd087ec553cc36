//! What a block looks like, as numbers: its words, the elements around it, its place and neighbours.
//!
//! Numbers of the page as a whole are left out: with some hundreds of pages to fit to, trees learn
//! the pages by heart from them.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each place has a word to say on a few of the many shapes"
)]

use std::collections::{HashMap, HashSet};

use super::phrases::{GROUPS, phrases_of};
use super::reader::{Block, Node, PageReader};
use super::select::by_rules;
use super::structured::Structured;
use crate::shape::Shape;

/// Numbers that describe one block.
pub(super) type Row = Vec<f32>;

/// Numbers of a row.
#[cfg(test)]
pub(super) const WIDTH: usize = 200;

/// Groups of names that count most when they stand near; see [`hints_of`].
///
/// [`hints_of`]: super::names::hints_of
const NEAR: [u32; 11] = [4, 5, 6, 9, 11, 12, 13, 14, 15, 16, 17];

/// What the words of one block say. Counts are of characters where nothing else is said.
#[derive(Clone, Default)]
struct Words {
    characters: f32,
    words: f32,
    /// Commas and semicolons.
    commas: f32,
    /// Ends of sentences.
    ends: f32,
    digits: f32,
    capitals: f32,
    /// Words that begin with a capital.
    capitalised: f32,
    /// Whether it ends like a sentence.
    stops_well: bool,
    /// Groups of phrases that it has one of.
    phrases: u32,
    /// Blocks of the page with the same words.
    same: f32,
    /// How far its words are those of the title.
    of_title: f32,
    /// Share of its runs of four words that the structured data has, too.
    of_data: f32,
    /// Characters of link text.
    linked: f32,
    /// Links.
    anchors: f32,
    /// Share of its words that are common ones of English prose.
    prose: f32,
    /// Line feeds, at most 20.
    lines: f32,
    hash: u64,
}

/// Common English words that prose has and labels have not.
const PROSE: [&str; 24] = [
    "the", "and", "of", "to", "a", "in", "is", "that", "for", "it", "was", "on", "with", "as",
    "are", "this", "be", "by", "you", "i", "we", "have", "from", "or",
];

fn log(x: f32) -> f32 {
    (1.0 + x).ln()
}

fn ratio(part: f32, whole: f32) -> f32 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn bit(is: bool) -> f32 {
    f32::from(u8::from(is))
}

fn bits(set: u32, of: impl IntoIterator<Item = u32>) -> impl Iterator<Item = f32> {
    of.into_iter().map(move |at| bit(set >> at & 1 == 1))
}

/// One row a block, all of one length.
pub(super) fn rows(page: &PageReader<'_>, structured: &Structured) -> Vec<Row> {
    let view = View::of(page, structured);
    let mut before = 0.0;
    let mut heading = None;
    (0..page.blocks.len())
        .map(|at| {
            if matches!(page.blocks[at].shape, Shape::Heading(_)) {
                heading = Some(at);
            }
            let mut row = Vec::with_capacity(200);
            view.words(&mut row, at);
            view.elements(&mut row, at);
            view.place(&mut row, at, before);
            view.heading(&mut row, at, heading);
            view.neighbours(&mut row, at);
            before += view.words[at].characters;
            row
        })
        .collect()
}

/// A page as a whole.
struct View<'a> {
    blocks: &'a [Block],
    nodes: &'a [Node],
    words: Vec<Words>,
    /// What the rules keep.
    ruled: Vec<bool>,
    /// Characters and blocks.
    total: f32,
    count: f32,
    /// Of the blocks of one kind of place: number, characters, characters of links.
    kinds: HashMap<u64, (f32, f32, f32)>,
    sums: Sums,
    first_h1: Option<usize>,
    /// The heading that is most like the title.
    title_at: Option<usize>,
}

impl<'a> View<'a> {
    fn of(page: &'a PageReader<'_>, structured: &Structured) -> Self {
        let blocks = &page.blocks;
        let words = words(page, structured);
        let mut kinds: HashMap<u64, (f32, f32, f32)> = HashMap::new();
        for (block, w) in blocks.iter().zip(&words) {
            let entry = kinds.entry(kind(&page.nodes, block)).or_default();
            entry.0 += 1.0;
            entry.1 += w.characters;
            entry.2 += w.linked;
        }
        let like_title =
            |&at: &usize| matches!(blocks[at].shape, Shape::Heading(_)) && words[at].of_title > 0.5;
        let title_at = (0..blocks.len())
            .filter(like_title)
            .max_by(|&a, &b| words[a].of_title.total_cmp(&words[b].of_title).then(b.cmp(&a)));
        Self {
            blocks,
            nodes: &page.nodes,
            ruled: by_rules(&page.buffer, blocks),
            total: words.iter().map(|w| w.characters).sum(),
            count: blocks.len() as f32,
            kinds,
            sums: Sums::new(&words, blocks),
            first_h1: blocks.iter().position(|block| block.shape == Shape::Heading(1)),
            title_at,
            words,
        }
    }

    fn words(&self, row: &mut Row, at: usize) {
        let w = &self.words[at];
        let block = &self.blocks[at];
        row.extend([
            log(w.characters),
            log(w.words),
            w.commas,
            w.ends,
            ratio(w.digits, w.characters),
            ratio(w.capitals, w.characters),
            ratio(w.capitalised, w.words),
            bit(w.stops_well),
            ratio(w.linked, w.characters),
            w.anchors,
            w.lines,
            w.same,
            w.of_title,
            w.of_data,
            ratio(w.characters, w.words),
            w.prose,
            bit(self.ruled[at]),
        ]);
        row.extend(bits(w.phrases, 0..GROUPS as u32));
        row.push(shape_of(block.shape) as f32);
        row.extend([block.main, block.article, block.margin].map(bit));
        row.push(block.depth as f32);
    }

    /// The elements around a block.
    fn elements(&self, row: &mut Row, at: usize) {
        let block = &self.blocks[at];
        let node = &self.nodes[block.node];
        row.extend(bits(node.inherited, 0..32));
        row.push(bit(node.hints != 0));
        let mut near = 0;
        let mut up = block.node;
        for level in 0..6 {
            let place = &self.nodes[up];
            if level < 3 {
                near |= place.hints;
            }
            if level > 0 {
                row.extend(of_place(place, self.total, self.count));
            }
            up = place.parent;
        }
        row.extend(bits(near, NEAR));
        // How far up until a fair share of the page is within.
        row.extend([0.2, 0.4, 0.6].map(|share| height(self.nodes, block.node, share)));
        let (n, characters, linked) =
            self.kinds.get(&kind(self.nodes, block)).copied().unwrap_or_default();
        row.extend([
            log(n),
            ratio(characters, n),
            ratio(linked, characters),
            ratio(characters, self.total),
        ]);
    }

    /// Where a block is, with `before` characters above it.
    fn place(&self, row: &mut Row, at: usize, before: f32) {
        let after = |other: usize| (at as f32 - other as f32).clamp(-8.0, 60.0);
        row.push(at as f32 / self.count);
        row.push(ratio(before, self.total));
        row.push(self.first_h1.map_or(-9.0, after));
        row.push(self.title_at.map_or(-9.0, after));
        row.push(self.title_at.map_or(-1.0, |title| bit(at >= title)));
    }

    /// The heading that governs a block.
    fn heading(&self, row: &mut Row, at: usize, heading: Option<usize>) {
        row.push(heading.map_or(-1.0, |heading| (at - heading) as f32));
        row.extend(bits(heading.map_or(0, |at| self.words[at].phrases), 0..GROUPS as u32));
        row.push(match heading.map(|at| self.blocks[at].shape) {
            Some(Shape::Heading(level)) => f32::from(level),
            _ => 0.0,
        });
    }

    fn neighbours(&self, row: &mut Row, at: usize) {
        let blocks = self.blocks;
        for step in [-3isize, -2, -1, 1, 2, 3] {
            let other = at.checked_add_signed(step).filter(|&other| other < blocks.len());
            let Some(other) = other else {
                row.extend([-1.0; 6]);
                continue;
            };
            let w = &self.words[other];
            row.extend([
                log(w.characters),
                ratio(w.linked, w.characters),
                bit(w.stops_well),
                bit(blocks[other].margin),
                match blocks[other].shape {
                    Shape::Heading(_) => 2.0,
                    Shape::Item { .. } => 1.0,
                    _ => 0.0,
                },
                bit(blocks[other].node == blocks[at].node),
            ]);
        }
        for reach in [4usize, 10, 25] {
            row.extend(self.sums.of(at.saturating_sub(reach), at + 1));
            row.extend(self.sums.of(at, (at + reach + 1).min(blocks.len())));
        }
        row.extend(self.sums.of(0, at + 1));
        row.extend(self.sums.of(at, blocks.len()));
    }
}

/// What the elements around each block are called, as hashes in order, each once: words of the names of
/// the two next to it, of the three around these, of two more, and of all seven; the tags of the next
/// four; and the shape of the block.
pub(super) fn names(page: &PageReader<'_>) -> Vec<Vec<u32>> {
    let salted = |hash: u32, salt: u32| (hash ^ salt).wrapping_mul(0x9e37_79b1).rotate_left(15);
    let mut known: HashMap<usize, Vec<u32>> = HashMap::new();
    let of_node = |node: usize| {
        let mut names = Vec::new();
        let mut up = node;
        for level in 0..7 {
            let place = &page.nodes[up];
            let ring = [1, 1, 2, 2, 2, 3, 3][level];
            for &word in &page.name_words[place.words.clone()] {
                names.extend([salted(word, ring), salted(word, 4)]);
            }
            if level < 4 {
                names.push(salted(place.tag, 5 + level as u32));
            }
            if up == 0 {
                break;
            }
            up = place.parent;
        }
        names
    };
    let names = |block: &Block| {
        let mut names = known.entry(block.node).or_insert_with(|| of_node(block.node)).clone();
        names.push(salted(shape_of(block.shape), 9));
        names.sort_unstable();
        names.dedup();
        names
    };
    page.blocks.iter().map(names).collect()
}

fn of_place(place: &Node, total: f32, count: f32) -> [f32; 4] {
    let bytes = place.bytes as f32;
    [
        ratio(place.linked as f32, bytes),
        ratio(bytes, total).min(1.5),
        ratio(place.blocks as f32, count),
        log(ratio(bytes, place.blocks as f32)),
    ]
}

/// Elements between a block and the first around it that holds `share` of the page's text.
fn height(nodes: &[Node], node: usize, share: f32) -> f32 {
    let whole = nodes[0].bytes as f32;
    let mut at = node;
    for level in 0..12 {
        if nodes[at].bytes as f32 >= share * whole {
            return level as f32;
        }
        at = nodes[at].parent;
    }
    12.0
}

/// Running sums over blocks.
struct Sums(Vec<[f32; 5]>);

impl Sums {
    fn new(words: &[Words], blocks: &[Block]) -> Self {
        let mut sums = vec![[0.0; 5]];
        let mut sum = [0.0f32; 5];
        for (w, block) in words.iter().zip(blocks) {
            sum[0] += w.characters;
            sum[1] += w.linked;
            sum[2] += bit(w.characters >= 80.0 && w.linked * 3.0 < w.characters);
            sum[3] += bit(block.margin);
            sum[4] += w.ends;
            sums.push(sum);
        }
        Self(sums)
    }

    /// Mean length, share of links, share of prose, share of margins, sentences a block.
    fn of(&self, from: usize, to: usize) -> [f32; 5] {
        let n = (to - from) as f32;
        let part = |at: usize| self.0[to][at] - self.0[from][at];
        [log(part(0) / n), ratio(part(1), part(0)), part(2) / n, part(3) / n, part(4) / n]
    }
}

fn words(page: &PageReader<'_>, structured: &Structured) -> Vec<Words> {
    let title: HashSet<String> =
        page.title.iter().flat_map(|title| split(title)).map(str::to_lowercase).collect();
    let mut seen: HashMap<u64, f32> = HashMap::new();
    let mut anchors = page.anchors.iter().peekable();
    let mut all: Vec<Words> = Vec::with_capacity(page.blocks.len());
    for block in &page.blocks {
        let mut w = words_of(&page.buffer[block.text.clone()], &title, structured);
        w.linked = block.linked as f32 / block.text.len().max(1) as f32 * w.characters;
        while let Some(anchor) = anchors.peek()
            && anchor.words.start < block.text.end
        {
            w.anchors += bit(anchor.words.start >= block.text.start);
            anchors.next();
        }
        *seen.entry(w.hash).or_default() += 1.0;
        all.push(w);
    }
    for w in &mut all {
        w.same = seen.get(&w.hash).copied().unwrap_or_default();
    }
    all
}

fn words_of(text: &str, title: &HashSet<String>, structured: &Structured) -> Words {
    let mut w = Words::default();
    let mut lower = String::with_capacity(text.len());
    for (c, next) in text.chars().zip(text.chars().skip(1).map(Some).chain([None])) {
        w.characters += 1.0;
        w.commas += bit(matches!(c, ',' | '，' | '、' | ';'));
        let ends = matches!(c, '.' | '!' | '?') && next.is_none_or(char::is_whitespace);
        w.ends += bit(ends || matches!(c, '。' | '！' | '？'));
        w.digits += bit(c.is_ascii_digit());
        w.capitals += bit(c.is_uppercase());
        w.lines += bit(c == '\n');
        lower.extend(c.to_lowercase());
    }
    w.lines = w.lines.min(20.0);
    w.stops_well =
        text.trim_end_matches(['"', '\'', '”', '’', ')']).ends_with(['.', '!', '?', '。', ':']);
    w.phrases = phrases_of(&lower);
    for word in split(text) {
        w.words += 1.0;
        w.capitalised += bit(word.starts_with(char::is_uppercase));
    }
    let mut run: [u64; 4] = [0; 4];
    let (mut of_title, mut of_data, mut runs, mut prose) = (0.0, 0.0, 0.0, 0.0);
    for word in split(&lower) {
        of_title += bit(title.contains(word));
        prose += bit(PROSE.contains(&word));
        let one = fnv(word);
        w.hash = w.hash.wrapping_mul(0x0100_0000_01b3) ^ one;
        run.rotate_left(1);
        run[3] = one;
        if w.words < 4.0 || run[0] != 0 {
            runs += 1.0;
            of_data += bit(structured.holds(&run));
        }
    }
    w.of_title = ratio(of_title, w.words) * ratio(of_title, title.len() as f32).min(1.0);
    w.of_data = ratio(of_data, runs);
    w.prose = ratio(prose, w.words);
    w
}

/// The words of a text.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// The hash FNV-1a.
pub(super) fn fnv(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn shape_of(shape: Shape) -> u32 {
    match shape {
        Shape::Paragraph => 0,
        Shape::Item { .. } => 1,
        Shape::Term => 2,
        Shape::Definition => 3,
        Shape::Row => 4,
        Shape::Pre => 5,
        Shape::Heading(level) => 5 + u32::from(level),
    }
}

/// Equal for blocks of the same shape in elements of the same kind.
pub(super) fn kind(nodes: &[Node], block: &Block) -> u64 {
    let node = &nodes[block.node];
    let outer = &nodes[node.parent];
    let third = &nodes[outer.parent];
    let shape = match block.shape {
        Shape::Heading(level) => 10 + u64::from(level),
        Shape::Item { .. } => 1,
        Shape::Row => 2,
        Shape::Paragraph | Shape::Term | Shape::Definition | Shape::Pre => 0,
    };
    let kinds = u64::from(node.kind) << 32 | u64::from(outer.kind);
    kinds ^ u64::from(third.kind).rotate_left(17).wrapping_mul(0x9e37_79b9) ^ shape
}
