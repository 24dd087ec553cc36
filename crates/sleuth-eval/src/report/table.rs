//! Tables, as text and as HTML.

use std::fmt::Write as _;

use super::escaped;

/// Rows of cells under a head.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What it shows, in a phrase.
    pub caption: String,
    /// Names of the columns.
    pub head: Vec<String>,
    /// Leading columns that name what a row is about; the others hold numbers.
    pub n_names: usize,
    /// As many cells each as the head has.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(caption: impl Into<String>, n_names: usize, head: &[&str]) -> Self {
        let head = head.iter().map(|name| (*name).to_owned()).collect();
        Self { caption: caption.into(), head, n_names, rows: Vec::new() }
    }

    /// Columns two spaces apart under a line with the head: names to the left, numbers to the right.
    /// What comes from documents is not made safe for a terminal.
    pub fn to_text(&self) -> String {
        let width = |column: usize| {
            let cells = std::iter::once(&self.head).chain(&self.rows);
            cells.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> =
            (0..self.head.len()).map(|column| width(column).unwrap_or(0)).collect();
        let mut out = String::new();
        for row in std::iter::once(&self.head).chain(&self.rows) {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = if column == 0 { "" } else { "  " };
                if column < self.n_names {
                    let _ = write!(line, "{gap}{cell:<width$}");
                } else {
                    let _ = write!(line, "{gap}{cell:>width$}");
                }
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
        out
    }

    /// A `table` element with a caption, column heads and row heads.
    pub fn to_html(&self) -> String {
        let mut out = String::from("<div class=\"wide\" tabindex=\"0\" role=\"region\"");
        let _ = writeln!(out, " aria-label=\"{}\"><table>", escaped(&self.caption));
        let _ = writeln!(out, "<caption>{}</caption>", escaped(&self.caption));
        out += "<thead><tr>";
        for (column, name) in self.head.iter().enumerate() {
            let class = if column < self.n_names { " class=\"name\"" } else { "" };
            let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", escaped(name));
        }
        out += "</tr></thead>\n<tbody>\n";
        for row in &self.rows {
            out += "<tr>";
            for (column, cell) in row.iter().enumerate() {
                let cell = escaped(cell);
                let _ = match column {
                    0 if self.n_names > 0 => write!(out, "<th scope=\"row\">{cell}</th>"),
                    _ if column < self.n_names => write!(out, "<td class=\"name\">{cell}</td>"),
                    _ => write!(out, "<td>{cell}</td>"),
                };
            }
            out += "</tr>\n";
        }
        out + "</tbody></table></div>\n"
    }
}
