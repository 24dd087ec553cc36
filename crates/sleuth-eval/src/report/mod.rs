//! Reports that a person reads: tables as text, and pages that stand by themselves.
//!
//! A [`Page`] is one HTML file without scripts and without anything to fetch: it can be mailed, and
//! opened years later. It follows the reader's choice of light or dark, every plot has its content in
//! words and stands beside a table with the same numbers, and nothing is told by colour alone.

mod plot;
mod table;

pub use plot::{Point, Row, Series, Spacing, lines, whiskers};
pub use table::Table;

use std::fmt::Write as _;

/// A page to be read by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Its title.
    pub title: String,
    /// What it says, in order.
    pub blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// The heading of a section.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A paragraph that must not be missed.
    Alert(String),
    /// Numbers.
    Table(Table),
    /// A plot.
    Figure(Figure),
}

/// A plot with its caption.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it shows.
    pub caption: String,
    /// An `svg` element, as [`whiskers`] and [`lines`] make it.
    pub svg: String,
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#57606a;--page:#fff;--line:#d0d7de;--band:#f6f8fa;\
--c0:#0b5cad;--c1:#b3470b;--c2:#116b42;--c3:#8a2c86;--c4:#7a5b00;--c5:#3f4a57}\
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9aa5b1;--page:#0f141a;--line:#3a444e;\
--band:#171e26;--c0:#79b8ff;--c1:#ffa270;--c2:#6fd6a0;--c3:#e29ae0;--c4:#e3c55b;--c5:#b6c2cf}}\
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:68rem;\
margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem;margin:0 0 1rem}h2{font-size:1.2rem;margin:2.5rem 0 .5rem;overflow-wrap:anywhere}\
p{margin:.4rem 0;max-width:48rem;overflow-wrap:anywhere}\
p.alert{border-left:.3rem solid var(--c1);padding:.2rem .8rem;background:var(--band);font-weight:600}\
figure{margin:1rem 0;overflow-x:auto}figcaption{color:var(--dim);font-size:.9rem}\
svg{width:100%;min-width:40rem;max-width:60rem;height:auto;display:block}\
.wide{overflow-x:auto;margin:1rem 0}\
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}\
caption{text-align:left;color:var(--dim);padding-bottom:.3rem}\
th,td{padding:.2rem .5rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\
thead th{border-bottom:2px solid var(--line);vertical-align:bottom}\
tbody th,.name{text-align:left;font-weight:400}thead .name{font-weight:600}\
tbody tr:nth-child(even){background:var(--band)}\
svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .dim{fill:var(--dim)}\
svg .strong{font-weight:600}svg .mark{stroke:var(--ink);stroke-dasharray:5 4}svg .grid{stroke:var(--line)}svg .axis{stroke:var(--dim)}\
svg .c0{stroke:var(--c0);fill:var(--c0)}svg .c1{stroke:var(--c1);fill:var(--c1)}\
svg .c2{stroke:var(--c2);fill:var(--c2)}svg .c3{stroke:var(--c3);fill:var(--c3)}\
svg .c4{stroke:var(--c4);fill:var(--c4)}svg .c5{stroke:var(--c5);fill:var(--c5)}\
svg path.c0,svg path.c1,svg path.c2,svg path.c3,svg path.c4,svg path.c5{fill:none}";

impl Page {
    /// The whole file.
    pub fn to_html(&self) -> String {
        let title = escaped(&self.title);
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n",
        );
        for block in &self.blocks {
            let _ = match block {
                Block::Heading(text) => writeln!(out, "<h2>{}</h2>", escaped(text)),
                Block::Text(text) => writeln!(out, "<p>{}</p>", escaped(text)),
                Block::Alert(text) => writeln!(out, "<p class=\"alert\">{}</p>", escaped(text)),
                Block::Table(table) => write!(out, "{}", table.to_html()),
                Block::Figure(Figure { caption, svg }) => writeln!(
                    out,
                    "<figure>\n{svg}<figcaption>{}</figcaption>\n</figure>",
                    escaped(caption),
                ),
            };
        }
        out + "</main>\n</body>\n</html>\n"
    }
}

/// `text` for HTML, in elements and in quoted attributes. Control characters, which have no place
/// there, become the replacement character.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
