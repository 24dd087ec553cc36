//! Rows of all pages to one text.
//!
//! Lines that were broken only because the page ends there become one paragraph again, words that
//! were parted at a line's end become whole, running headers and footers go. Headings are marked
//! with `#` and cells parted by ` | `, as the HTML reader does it.

use std::collections::{HashMap, HashSet};

use super::layout::{Row, is_list_mark, order};
use crate::shape::{Shape, between, prefix};

/// Items are not told apart by depth.
const ITEM: Shape = Shape::Item { level: 0 };

/// Rows at the top and bottom of a page among which running headers and footers are looked for.
const MARGIN_ROWS: usize = 3;
/// Least pages that have a row in common before it counts as running.
const LEAST_RUNNING: usize = 3;
/// Font size, in parts of that of the body, from which on a row is a heading.
const HEADING: f64 = 1.15;
/// Average length of a row's cells from which on it counts as prose, in bytes.
const LEAST_PROSE: usize = 40;
/// Longest heading in characters.
const LONGEST_HEADING: usize = 160;

/// The text of a document, and where its pages begin.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Text {
    pub(super) text: String,
    /// Byte offset and page number, for pages with text.
    pub(super) starts: Vec<(u32, u32)>,
    /// What looks most like a title on the first page with text.
    pub(super) title: Option<String>,
}

/// Makes the text of `pages`, the rows of each from top to bottom.
pub(super) fn assemble(mut pages: Vec<Vec<Row>>) -> Text {
    drop_running(&mut pages);
    let body = body_size(&pages);
    let words = Words::of(&pages);
    let mut out = Text::default();
    let mut previous: Option<Line> = None;
    for (number, rows) in (1..).zip(pages) {
        let lines = lines(&order(rows), body, &words);
        if out.title.is_none() && !lines.is_empty() && out.text.is_empty() {
            out.title = title(&lines, body);
        }
        for (at, line) in lines.into_iter().enumerate() {
            let joined = previous.as_ref().is_some_and(|before| at == 0 && goes_on(before, &line));
            if let Some(before) = &previous {
                if joined {
                    words.join(&mut out.text, &line.text);
                } else {
                    out.text.push_str(between(before.shape, line.shape));
                }
            }
            // What was joined stands whole at the end.
            let from = out.text.len() - if joined { line.text.len() } else { 0 };
            if at == 0 {
                out.starts.push((u32::try_from(from).unwrap_or(u32::MAX), number));
            }
            if !joined {
                prefix(&mut out.text, line.shape);
                out.text.push_str(&line.text);
            }
            previous = Some(line);
        }
    }
    out
}

/// One line of the text.
#[derive(Debug)]
struct Line {
    shape: Shape,
    text: String,
    size: f64,
}

/// Whether a paragraph ends on one page and goes on on the next.
fn goes_on(before: &Line, line: &Line) -> bool {
    matches!(before.shape, Shape::Paragraph | ITEM)
        && line.shape == Shape::Paragraph
        && (before.size - line.size).abs() < 0.1 * line.size
        && !before.text.ends_with(['.', '!', '?', ':', '"', '”', '。'])
        && line.text.starts_with(char::is_lowercase)
}

/// Rows of one page to lines: paragraphs made whole, headings and tables told.
fn lines(rows: &[Row], body: f64, words: &Words) -> Vec<Line> {
    let leading = leading(rows);
    let mut lines: Vec<Line> = Vec::new();
    let mut above: Option<&Row> = None;
    let edges = right_edges(rows, leading);
    let shapes = shapes(rows, body);
    for (at, row) in rows.iter().enumerate() {
        let shape = shapes[at];
        let text = row.text();
        let gap = above.map_or(f64::INFINITY, |above| (row.v - above.v) / row.size.max(1.0));
        let near = above.is_some_and(|above| {
            above.block == row.block && gap > 0.0 && gap <= (leading * 1.35).min(2.4)
        });
        let joins = near
            && match (lines.last().map(|line| line.shape), shape) {
                (Some(Shape::Paragraph | ITEM), Shape::Paragraph) => {
                    above.is_some_and(|above| follows(above, row, edges[at - 1]))
                        && lines.last().is_some_and(|line| {
                            line.shape == ITEM || above.is_some_and(|above| !indents(above, row))
                        })
                }
                // A heading that takes two rows.
                (Some(Shape::Heading(a)), Shape::Heading(b)) => {
                    a == b
                        && above
                            .is_some_and(|above| (above.size - row.size).abs() < 0.05 * row.size)
                        && lines.last().is_some_and(|line| line.text.len() < LONGEST_HEADING)
                }
                _ => false,
            };
        match lines.last_mut() {
            Some(line) if joins => words.join(&mut line.text, &text),
            _ => {
                let text = if shape == ITEM { without_mark(&text) } else { text };
                lines.push(Line { shape, text, size: row.size });
            }
        }
        above = Some(row);
    }
    lines.retain(|line| !line.text.trim().is_empty());
    lines
}

/// An item without the sign before it, which `- ` stands for; numbers and letters stay.
fn without_mark(text: &str) -> String {
    match text.split_once(' ') {
        Some((mark, rest))
            if !mark.contains(|c: char| c.is_alphanumeric() || "☐☑☒".contains(c)) =>
        {
            rest.trim_start().to_owned()
        }
        _ => text.to_owned(),
    }
}

/// Whether the words of `below` stand in a new row only because `above` was full.
fn follows(above: &Row, below: &Row, edge: f64) -> bool {
    let text = below.text();
    let characters = text.chars().count().max(1);
    let word = text.split(' ').next().map_or(0, |word| word.chars().count());
    let width = (below.end() - below.start()) * (word as f64 + 1.0) / characters as f64;
    (above.size - below.size).abs() < 0.12 * below.size
        && above.end() + width >= edge - 0.5 * below.size
}

/// Whether `below` begins further right than `above`, as first lines of paragraphs do.
fn indents(above: &Row, below: &Row) -> bool {
    below.start() > above.start() + 0.8 * below.size
}

/// For each row, how far to the right the rows around it reach.
fn right_edges(rows: &[Row], leading: f64) -> Vec<f64> {
    let mut edges = vec![0.0; rows.len()];
    let mut from = 0;
    while from < rows.len() {
        let mut to = from + 1;
        while to < rows.len()
            && rows[to].block == rows[from].block
            && rows[to].v > rows[to - 1].v
            && rows[to].v - rows[to - 1].v <= 2.5 * leading * rows[to].size
        {
            to += 1;
        }
        let edge = rows[from..to].iter().map(Row::end).fold(0.0, f64::max);
        edges[from..to].fill(edge);
        from = to;
    }
    edges
}

/// The usual distance of two rows, in parts of the font size.
fn leading(rows: &[Row]) -> f64 {
    let mut gaps: Vec<f64> = rows
        .windows(2)
        .filter(|pair| pair[0].block == pair[1].block)
        .map(|pair| (pair[1].v - pair[0].v) / pair[1].size.max(1.0))
        .filter(|gap| (0.8..2.2).contains(gap))
        .collect();
    gaps.sort_by(f64::total_cmp);
    // The lower third: between paragraphs the distance is larger.
    gaps.get(gaps.len() / 3).copied().unwrap_or(1.3)
}

/// The shapes of rows. What is set like a heading, but runs on over many rows or ends as a sentence
/// does, is a paragraph.
fn shapes(rows: &[Row], body: f64) -> Vec<Shape> {
    let mut shapes: Vec<Shape> = rows.iter().map(|row| shape_of(row, body)).collect();
    let mut from = 0;
    while from < rows.len() {
        let mut to = from + 1;
        if let Shape::Heading(_) = shapes[from] {
            while to < rows.len() && shapes[to] == shapes[from] && rows[to].v > rows[to - 1].v {
                to += 1;
            }
            let length: usize =
                rows[from..to].iter().map(|row| row.cells[0].text.chars().count()).sum();
            let sentence = rows[to - 1].cells[0].text.ends_with(['.', ';', ',']);
            if sentence && length > 60 || length > 2 * LONGEST_HEADING {
                shapes[from..to].fill(Shape::Paragraph);
            }
        }
        from = to;
    }
    shapes
}

fn shape_of(row: &Row, body: f64) -> Shape {
    let text = row.text();
    let first = text.split(' ').next().unwrap_or_default();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let heading = row.cells.len() == 1
        && letters >= 2
        && letters * 2 >= text.chars().count()
        && text.chars().count() <= LONGEST_HEADING;
    if heading && row.size >= HEADING * body {
        return Shape::Heading(if row.size >= 1.6 * body { 1 } else { 2 });
    }
    if row.cells.len() > 1 {
        return Shape::Row;
    }
    if is_list_mark(first) && text.len() > first.len() {
        return ITEM;
    }
    let sentence = text.ends_with(['.', ',', ';', ':']) || text.starts_with(char::is_lowercase);
    if heading && row.bold && !sentence && text.chars().count() <= 90 {
        return Shape::Heading(3);
    }
    Shape::Paragraph
}

/// The largest heading among the first lines.
fn title(lines: &[Line], body: f64) -> Option<String> {
    let mut best: Option<&Line> = None;
    for line in lines.iter().take(25) {
        let fits = matches!(line.shape, Shape::Heading(1 | 2)) && line.size >= HEADING * body;
        if fits && best.is_none_or(|best| line.size > best.size * 1.02) {
            best = Some(line);
        }
    }
    let words = best.map(|line| line.text.clone());
    words.or_else(|| {
        let first = lines.iter().take(3).find(|line| matches!(line.shape, Shape::Heading(_)))?;
        Some(first.text.clone())
    })
}

/// The font size of most characters of prose.
fn body_size(pages: &[Vec<Row>]) -> f64 {
    let mut sizes: HashMap<u64, usize> = HashMap::new();
    for row in pages.iter().flatten() {
        let tenths = (row.size * 10.0).round().clamp(0.0, 1e6) as u64;
        let length: usize = row.cells.iter().map(|cell| cell.text.len()).sum();
        // Tables are often set smaller, headings larger; both have short cells.
        let is_prose = length / row.cells.len() >= LEAST_PROSE;
        *sizes.entry(tenths).or_default() += if is_prose { length } else { length / 20 };
    }
    let most = sizes.into_iter().max_by_key(|&(size, n)| (n, size));
    most.map_or(10.0, |(tenths, _)| tenths as f64 / 10.0)
}

/// Takes away rows near the top and bottom that stand on more than a third of the pages, digits
/// aside.
fn drop_running(pages: &mut [Vec<Row>]) {
    let margins = |rows: &[Row]| -> Vec<usize> {
        let n = rows.len();
        (0..n.min(MARGIN_ROWS)).chain(n.saturating_sub(MARGIN_ROWS).max(MARGIN_ROWS)..n).collect()
    };
    // Texts at a height, and on how many pages they stand.
    let mut seen: HashMap<(String, i64), usize> = HashMap::new();
    let with_text = pages.iter().filter(|rows| !rows.is_empty()).count();
    for rows in pages.iter() {
        let keys: HashSet<(String, i64)> =
            margins(rows).into_iter().map(|at| running_key(&rows[at])).collect();
        for key in keys {
            *seen.entry(key).or_default() += 1;
        }
    }
    for rows in pages.iter_mut() {
        let dropped: HashSet<usize> = margins(rows)
            .into_iter()
            .filter(|&at| {
                let (text, height) = running_key(&rows[at]);
                let near = (height - 1..=height + 1)
                    .map(|height| seen.get(&(text.clone(), height)).copied().unwrap_or(0));
                let pages: usize = near.sum();
                pages >= LEAST_RUNNING && pages * 3 > with_text
            })
            .collect();
        let mut at = 0;
        rows.retain(|_| {
            at += 1;
            !dropped.contains(&(at - 1))
        });
    }
}

/// What makes two rows of different pages the same: words, and height to about a line.
///
/// Page numbers are the same wherever they stand: often they follow the last line.
fn running_key(row: &Row) -> (String, i64) {
    let mut text = String::new();
    for c in row.text().chars() {
        if !c.is_ascii_digit() {
            text.extend(c.to_lowercase());
        } else if !text.ends_with('#') {
            text.push('#');
        }
    }
    let is_number =
        matches!(text.as_str(), "#" | "- # -" | "page #" | "page # of #" | "# of #" | "#/#");
    let height = if is_number { 0 } else { (row.v / 12.0).round() as i64 };
    (text, height)
}

/// The words of the document, to tell hyphens of words from hyphens of line ends.
struct Words(HashSet<String>);

impl Words {
    fn of(pages: &[Vec<Row>]) -> Self {
        let mut words = HashSet::new();
        for cell in pages.iter().flatten().flat_map(|row| &row.cells) {
            for word in cell.text.split(' ') {
                words.insert(bare(word));
            }
        }
        Self(words)
    }

    /// Puts the next row behind a row.
    fn join(&self, text: &mut String, next: &str) {
        let parted = text.strip_suffix(['-', '\u{ad}', '‐']).filter(|before| {
            before.ends_with(char::is_lowercase) && next.starts_with(char::is_lowercase)
        });
        let Some(before) = parted else {
            let dense = |c: char| matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{ff00}'..='\u{ff60}');
            let close =
                text.ends_with(dense) && next.starts_with(dense) || text.ends_with(['-', '/', '—']);
            if !close {
                text.push(' ');
            }
            return text.push_str(next);
        };
        let head = before.rsplit(' ').next().unwrap_or_default();
        let tail = next.split(' ').next().unwrap_or_default();
        let whole = bare(&format!("{head}{tail}"));
        let hyphened = bare(&format!("{head}-{tail}"));
        if text.ends_with('\u{ad}') || self.0.contains(&whole) || !self.0.contains(&hyphened) {
            let length = before.len();
            text.truncate(length);
        }
        text.push_str(next);
    }
}

/// A word without case and without what stands around it.
fn bare(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::layout::Cell;
    use super::*;

    fn row(v: f64, size: f64, cells: &[(f64, f64, &str)]) -> Row {
        let cells = cells
            .iter()
            .map(|&(start, end, text)| Cell { start, end, text: text.to_owned() })
            .collect();
        Row { v, size, bold: false, cells, block: 0 }
    }

    fn check(pages: Vec<Vec<Row>>, expected: &Expect) {
        let text = assemble(pages);
        let title = text.title.unwrap_or_default();
        expected.assert_eq(&format!("{title:?} {:?}\n{}", text.starts, text.text));
    }

    #[test]
    fn paragraphs_tables_and_headings() {
        check(
            vec![vec![
                row(20.0, 18.0, &[(50.0, 300.0, "The harbour report")]),
                row(60.0, 10.0, &[(50.0, 400.0, "The breakwater was built by the long-")]),
                row(72.0, 10.0, &[(50.0, 400.0, "lived engineer Ada Quill, who had a nota-")]),
                row(84.0, 10.0, &[(50.0, 120.0, "ble career.")]),
                row(96.0, 10.0, &[(50.0, 400.0, "She was long-lived and was born in 1870 to")]),
                row(108.0, 10.0, &[(50.0, 90.0, "miners.")]),
                row(130.0, 10.0, &[(50.0, 100.0, "Year"), (200.0, 260.0, "Ships")]),
                row(142.0, 10.0, &[(50.0, 100.0, "1911"), (200.0, 260.0, "1,204")]),
                row(170.0, 10.0, &[(50.0, 100.0, "• one item")]),
                row(182.0, 10.0, &[(50.0, 100.0, "• another")]),
            ]],
            &expect![[r#"
                "The harbour report" [(0, 1)]
                # The harbour report

                The breakwater was built by the long-lived engineer Ada Quill, who had a notable career.

                She was long-lived and was born in 1870 to miners.

                Year | Ships
                1911 | 1,204

                - one item
                - another"#]],
        );
    }

    #[test]
    fn running_rows_go_and_sentences_cross_pages() {
        let page = |number: u32, words: &str| {
            vec![
                row(20.0, 8.0, &[(50.0, 100.0, "Annual report")]),
                row(60.0, 10.0, &[(50.0, 400.0, words)]),
                row(780.0, 8.0, &[(300.0, 310.0, &number.to_string())]),
            ]
        };
        check(
            vec![
                page(1, "The first page ends in the middle of"),
                page(2, "a sentence."),
                Vec::new(),
                page(4, "The fourth page."),
            ],
            &expect![[r#"
                "" [(0, 1), (37, 2), (50, 4)]
                The first page ends in the middle of a sentence.

                The fourth page."#]],
        );
    }
}
