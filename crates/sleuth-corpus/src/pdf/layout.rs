//! Glyphs of a page to rows, and rows to the order in which a person reads them.
//!
//! Glyphs on one baseline make a row; gaps that are wider than those between words part it into
//! cells. Where several rows leave the same strip of the page free and there is prose on both sides
//! of it, the strip is the gutter between two columns, and the left one is read first. Cells of
//! numbers or catchwords are a table: they stay beside each other. This is the recursive cut of
//! Nagy and Seth ("Hierarchical representation of optically scanned documents", ICPR 1984) over
//! rows of text in place of pixels, with a test for prose before a vertical cut.

use super::glyphs::{Direction, Glyph};
use crate::shape::CELLS;

/// Gap between two words, in parts of the font size, where no space stands between them.
const WORD_GAP: f64 = 0.18;
/// Gap between two cells.
const CELL_GAP: f64 = 1.0;
/// The same where a space stands between them: justified lines stretch their spaces.
const SPACED_CELL_GAP: f64 = 1.6;
/// Vertical distance of two baselines of one row, in parts of the larger font size; and the same
/// where one size is so much smaller that it is a superscript or subscript.
const SAME_ROW: f64 = 0.4;
const RAISED: f64 = 0.6;
/// Narrowest gutter, in parts of the font size.
const GUTTER: f64 = 0.8;
/// Most rows that one search for a gutter looks at.
const MOST_ROWS: usize = 200;
/// Most columns inside columns.
const MAX_NESTING: usize = 6;

/// A stretch of a row without a wide gap.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) text: String,
}

/// The text on one baseline.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) v: f64,
    /// Font size of most of its characters.
    pub(super) size: f64,
    /// Whether most of its characters are bold.
    pub(super) bold: bool,
    /// From left to right; never empty.
    pub(super) cells: Vec<Cell>,
    /// Rows of one block stand below each other in one column.
    pub(super) block: u32,
}

impl Row {
    pub(super) fn start(&self) -> f64 {
        self.cells.first().map_or(0.0, |cell| cell.start)
    }

    pub(super) fn end(&self) -> f64 {
        self.cells.last().map_or(0.0, |cell| cell.end)
    }

    /// The words of the row, cells apart.
    pub(super) fn text(&self) -> String {
        let cells: Vec<&str> = self.cells.iter().map(|cell| cell.text.as_str()).collect();
        cells.join(CELLS)
    }
}

/// Rows of a page from top to bottom, those of text that runs in other directions after them.
pub(super) fn rows(mut glyphs: Vec<Glyph>) -> Vec<Row> {
    glyphs.sort_by(|a, b| {
        a.direction.cmp(&b.direction).then(a.v.total_cmp(&b.v)).then(a.start.total_cmp(&b.start))
    });
    let mut rows = Vec::new();
    let mut open: Vec<Glyph> = Vec::new();
    // Baseline, size and direction of the largest glyph of the open row.
    let mut anchor = (0.0, 0.0, Direction::Right);
    for glyph in glyphs {
        let (small, large) = (glyph.size.min(anchor.1), glyph.size.max(anchor.1));
        let reach = large * if small < 0.8 * large { RAISED } else { SAME_ROW };
        let joins =
            !open.is_empty() && glyph.direction == anchor.2 && (glyph.v - anchor.0).abs() <= reach;
        if !joins {
            close(std::mem::take(&mut open), anchor.0, &mut rows);
        }
        if open.is_empty() || glyph.size > anchor.1 * 1.05 {
            anchor = (glyph.v, glyph.size, glyph.direction);
        }
        open.push(glyph);
    }
    close(open, anchor.0, &mut rows);
    rows
}

/// Makes rows of glyphs near the baseline `v`: one, unless small glyphs stand above or below others
/// in place of behind them. Then these are a line of their own that is set close.
fn close(mut glyphs: Vec<Glyph>, v: f64, rows: &mut Vec<Row>) {
    let is_aside = |glyph: &Glyph| (glyph.v - v).abs() > 0.25 * glyph.size;
    if glyphs.iter().any(is_aside) {
        glyphs.sort_by(|a, b| a.start.total_cmp(&b.start));
        let (aside, base): (Vec<Glyph>, Vec<Glyph>) = glyphs.into_iter().partition(is_aside);
        let mut after = 0;
        let mut n_covered = 0;
        for glyph in &aside {
            while base.get(after).is_some_and(|base| base.end <= glyph.start) {
                after += 1;
            }
            let shared = base
                .get(after)
                .map_or(0.0, |base| base.end.min(glyph.end) - base.start.max(glyph.start));
            n_covered += usize::from(shared > 0.4 * (glyph.end - glyph.start));
        }
        if n_covered * 3 > aside.len() && !base.is_empty() {
            let (above, below): (Vec<Glyph>, Vec<Glyph>) =
                aside.into_iter().partition(|glyph| glyph.v < v);
            for part in [above, base, below] {
                rows.extend(row(part));
            }
            return;
        }
        glyphs = base;
        glyphs.extend(aside);
    }
    rows.extend(row(glyphs));
}

/// Makes a row of glyphs of one baseline; `None` where they are all blank.
fn row(mut glyphs: Vec<Glyph>) -> Option<Row> {
    glyphs.sort_by(|a, b| a.start.total_cmp(&b.start));
    let mut cells: Vec<Cell> = Vec::new();
    let mut spaced = false;
    let mut n_bold = 0usize;
    let mut sizes: Vec<f64> = Vec::new();
    let mut last: Option<&Glyph> = None;
    for glyph in &glyphs {
        let text = glyph.text.trim();
        if text.is_empty() {
            spaced = true;
            continue;
        }
        if let Some(last) = last
            && last.text == glyph.text
            && (glyph.start - last.start).abs() < 0.1 * glyph.size
        {
            // Drawn twice, a hair apart, to look bold.
            continue;
        }
        let gap = last.map_or(0.0, |last| glyph.start - last.end);
        let wide = if spaced { SPACED_CELL_GAP } else { CELL_GAP };
        match cells.last_mut() {
            Some(cell) if gap <= wide * glyph.size => {
                if spaced || gap > WORD_GAP * glyph.size || glyph.text.starts_with(' ') {
                    cell.text.push(' ');
                }
                cell.text.push_str(text);
                cell.end = cell.end.max(glyph.end);
            }
            _ => {
                cells.push(Cell { start: glyph.start, end: glyph.end, text: text.to_owned() });
            }
        }
        spaced = glyph.text.ends_with(' ');
        n_bold += usize::from(glyph.bold);
        sizes.push(glyph.size);
        last = Some(glyph);
    }
    let v = median(&glyphs.iter().map(|glyph| glyph.v).collect::<Vec<_>>())?;
    let size = median(&sizes)?;
    let bold = n_bold * 2 > sizes.len();
    Some(Row { v, size, bold, cells: attached(cells), block: 0 })
}

fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Puts what is set apart only for looks beside what it belongs to: currency signs before their
/// numbers, brackets and per cent signs behind them, list marks before their items.
fn attached(cells: Vec<Cell>) -> Vec<Cell> {
    let mut out: Vec<Cell> = Vec::with_capacity(cells.len());
    for cell in cells {
        let is_second = out.len() == 1;
        let behind = matches!(cell.text.as_str(), ")" | "%" | ")%" | "%)");
        match out.last_mut() {
            Some(last)
                if behind && last.text.ends_with(|c: char| c.is_ascii_digit() || c == ')') =>
            {
                last.text.push_str(&cell.text);
                last.end = cell.end;
            }
            Some(last) if is_currency(&last.text) => {
                let space = if last.text.ends_with('(') { "" } else { " " };
                last.text = format!("{}{space}{}", last.text, cell.text);
                last.end = cell.end;
            }
            Some(last) if is_second && is_list_mark(&last.text) => {
                last.text = format!("{} {}", last.text, cell.text);
                last.end = cell.end;
            }
            _ => out.push(cell),
        }
    }
    out
}

fn is_currency(text: &str) -> bool {
    matches!(text, "$" | "€" | "£" | "¥" | "US$" | "(" | "$(" | "$ (")
}

/// Whether `text` is what stands before an item of a list: `•`, `1.`, `(a)`, `iv)`.
pub(super) fn is_list_mark(text: &str) -> bool {
    if matches!(
        text,
        "•" | "●"
            | "▪"
            | "■"
            | "◦"
            | "○"
            | "‣"
            | "–"
            | "—"
            | "-"
            | "·"
            | "*"
            | "➢"
            | "✓"
            | "☐"
            | "☑"
            | "☒"
    ) {
        return true;
    }
    let inner = text.trim_start_matches('(');
    let body = inner.trim_end_matches(['.', ')']);
    let closed = body.len() < inner.len();
    let short = body.len() <= 4 && !body.is_empty();
    let number = body.bytes().all(|b| b.is_ascii_digit()) && body.len() <= 2;
    let letter = body.len() == 1 && body.bytes().all(|b| b.is_ascii_alphabetic());
    let roman = body.bytes().all(|b| matches!(b, b'i' | b'v' | b'x' | b'I' | b'V' | b'X'));
    closed && short && (number || letter || roman)
}

/// Rows in reading order, each with the block it belongs to.
pub(super) fn order(rows: Vec<Row>) -> Vec<Row> {
    let mut out = Vec::with_capacity(rows.len());
    let mut block = 0;
    order_into(rows, 0, &mut block, &mut out);
    out
}

fn order_into(rows: Vec<Row>, depth: usize, block: &mut u32, out: &mut Vec<Row>) {
    let mut rows = rows.into_iter().peekable();
    let mut waiting: Vec<Row> = Vec::new();
    loop {
        while waiting.len() < MOST_ROWS
            && let Some(row) = rows.next()
        {
            waiting.push(row);
        }
        if waiting.is_empty() {
            return;
        }
        let found = if depth < MAX_NESTING { columns(&waiting) } else { None };
        let Some((n_rows, gutter)) = found else {
            let mut row = waiting.remove(0);
            row.block = *block;
            out.push(row);
            continue;
        };
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for row in waiting.drain(..n_rows) {
            let (before, after): (Vec<Cell>, Vec<Cell>) =
                row.cells.into_iter().partition(|cell| cell.start < gutter);
            for (cells, column) in [(before, &mut left), (after, &mut right)] {
                if !cells.is_empty() {
                    let Row { v, size, bold, .. } = row;
                    column.push(Row { v, size, bold, cells, block: 0 });
                }
            }
        }
        for column in [left, right] {
            *block += 1;
            order_into(column, depth + 1, block, out);
        }
        *block += 1;
    }
}

/// How many of the first rows stand in two columns, and where the gutter is.
fn columns(rows: &[Row]) -> Option<(usize, f64)> {
    let first = rows.first()?;
    let mut covered: Vec<(f64, f64)> = Vec::new();
    let mut found: Option<(usize, Vec<(f64, f64)>)> = None;
    for (at, row) in rows.iter().enumerate() {
        // Text in another direction, or far below, is another part of the page.
        if at > 0 && (row.v < rows[at - 1].v || row.v > rows[at - 1].v + 6.0 * first.size) {
            break;
        }
        row.cells.iter().for_each(|cell| cover(&mut covered, (cell.start, cell.end)));
        let gaps: Vec<(f64, f64)> = covered
            .windows(2)
            .map(|pair| (pair[0].1, pair[1].0))
            .filter(|gap| gap.1 - gap.0 >= GUTTER * first.size)
            .collect();
        if !gaps.is_empty() {
            found = Some((at + 1, gaps));
        } else if at > 0 || found.is_some() {
            break;
        }
    }
    let (n_rows, gaps) = found?;
    let rows = &rows[..n_rows];
    gaps.into_iter()
        .map(|gap| gap.1 - 1e-6)
        .find(|&gutter| is_prose(rows, gutter))
        .map(|gutter| (n_rows, gutter))
}

/// Adds an interval to a sorted list of intervals that do not touch.
fn cover(covered: &mut Vec<(f64, f64)>, with: (f64, f64)) {
    let from = covered.partition_point(|known| known.1 < with.0);
    let to = covered.partition_point(|known| known.0 <= with.1);
    let mut merged = with;
    for known in &covered[from..to.max(from)] {
        merged = (merged.0.min(known.0), merged.1.max(known.1));
    }
    covered.splice(from..to.max(from), [merged]);
}

/// Whether there are running lines, and not cells of a table, on both sides of `gutter`.
fn is_prose(rows: &[Row], gutter: f64) -> bool {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let mut both = 0usize;
    for row in rows {
        let split = row.cells.partition_point(|cell| cell.start < gutter);
        let (before, after) = row.cells.split_at(split);
        both += usize::from(!before.is_empty() && !after.is_empty());
        for (cells, side) in [(before, &mut left), (after, &mut right)] {
            if !cells.is_empty() {
                side.push((
                    cells.len(),
                    cells.iter().map(|cell| cell.text.as_str()).collect::<String>(),
                ));
            }
        }
    }
    let running = |side: &[(usize, String)]| {
        let whole = side.iter().filter(|(n_cells, _)| *n_cells == 1).count();
        let mut lengths: Vec<usize> = side.iter().map(|(_, text)| text.chars().count()).collect();
        lengths.sort_unstable();
        let characters: usize = lengths.iter().sum();
        let digits: usize =
            side.iter().map(|(_, text)| text.bytes().filter(u8::is_ascii_digit).count()).sum();
        side.len() >= 4
            && whole * 10 >= side.len() * 7
            && lengths[lengths.len() / 2] >= 22
            && digits * 5 < characters
    };
    // Columns may have baselines of their own.
    let alternating = both * 4 < rows.len();
    running(&left) && running(&right) && (both >= 3 || alternating)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glyphs(text: &str, start: f64, v: f64, gap: f64) -> Vec<Glyph> {
        let mut at = start;
        let mut out = Vec::new();
        for c in text.chars() {
            out.push(Glyph {
                text: c.to_string().into(),
                direction: Direction::Right,
                start: at,
                end: at + 5.0,
                v,
                size: 10.0,
                bold: false,
            });
            at += 5.0 + gap;
        }
        out
    }

    fn texts(rows: &[Row]) -> Vec<String> {
        rows.iter().map(Row::text).collect()
    }

    #[test]
    fn gaps_part_words_and_cells() {
        let mut all = glyphs("one", 0.0, 10.0, 0.0);
        all.extend(glyphs("two", 18.0, 10.0, 0.0));
        all.extend(glyphs("$", 60.0, 10.2, 0.0));
        all.extend(glyphs("12", 90.0, 10.0, 0.0));
        all.extend(glyphs("below", 0.0, 22.0, 0.5));
        assert_eq!(texts(&rows(all)), ["one two | $ 12", "below"]);
    }

    #[test]
    fn a_row_keeps_what_is_raised_and_drops_what_is_drawn_twice() {
        let mut all = glyphs("x", 0.0, 10.0, 0.0);
        all.extend(glyphs("x", 0.3, 10.0, 0.0));
        all.extend(glyphs("2", 5.0, 6.5, 0.0));
        assert_eq!(texts(&rows(all)), ["x2"]);
    }

    #[test]
    fn a_small_line_close_to_a_large_one_is_not_mixed_into_it() {
        let mut all = glyphs("HARBOUR", 0.0, 10.0, 0.0);
        for glyph in &mut all {
            glyph.size = 20.0;
        }
        all.extend(glyphs("built", 2.0, 19.0, 0.0));
        assert_eq!(texts(&rows(all)), ["HARBOUR", "built"]);
    }

    #[test]
    fn columns_of_prose_are_read_one_after_the_other() {
        let mut all = glyphs("a title over both of the columns of this page here", 0.0, 0.0, 0.0);
        for line in 0..6 {
            let v = 20.0 + 12.0 * f64::from(line);
            all.extend(glyphs(&format!("left line {line} with enough words"), 0.0, v, 0.0));
            all.extend(glyphs(&format!("right line {line} with enough words"), 200.0, v, 0.0));
        }
        let ordered = order(rows(all));
        let texts = texts(&ordered);
        assert_eq!(texts[1], "left line 0 with enough words");
        assert_eq!(texts[6], "left line 5 with enough words");
        assert_eq!(texts[7], "right line 0 with enough words");
        assert!(ordered[6].block != ordered[7].block);
    }

    #[test]
    fn tables_stay_rows() {
        let mut all = Vec::new();
        for line in 0..6 {
            let v = 12.0 * f64::from(line);
            all.extend(glyphs(&format!("a long enough label of row {line}"), 0.0, v, 0.0));
            all.extend(glyphs(&format!("1,0{line}0"), 250.0, v, 0.0));
            all.extend(glyphs(&format!("2,0{line}0"), 320.0, v, 0.0));
        }
        let texts = texts(&order(rows(all)));
        assert_eq!(texts[2], "a long enough label of row 2 | 1,020 | 2,020");
    }

    #[test]
    fn list_marks() {
        for mark in ["•", "1.", "(a)", "iv)", "12)"] {
            assert!(is_list_mark(mark), "{mark}");
        }
        for other in ["2019", "a", "Item", "1,000", "(", ""] {
            assert!(!is_list_mark(other), "{other}");
        }
    }

    #[test]
    fn intervals_are_merged() {
        let mut covered = Vec::new();
        for with in [(5.0, 6.0), (1.0, 2.0), (3.0, 4.0), (1.5, 3.5)] {
            cover(&mut covered, with);
        }
        assert_eq!(covered, [(1.0, 4.0), (5.0, 6.0)]);
    }
}
