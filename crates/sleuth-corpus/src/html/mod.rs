//! HTML: main content as readable lines.
//!
//! `tokens` reads tags and text, `reader` makes blocks of them with the help of `names`, `select` says
//! which blocks make the document (`features`, `phrases`, `model`), `extract` writes it, `structured`
//! reads JSON-LD, and `signals` counts what the page gives away about its quality.

use encoding_rs::Encoding;

mod extract;
mod features;
mod model;
mod names;
mod phrases;
mod reader;
mod select;
mod signals;
mod structured;
mod tokens;

pub use extract::PageView;
pub(crate) use extract::{parse, parse_chapter};

/// The encoding that the page declares in its first bytes.
pub(crate) fn declared_encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(4096)];
    let at = head.windows(8).position(|window| window.eq_ignore_ascii_case(b"charset="))? + 8;
    let value = head[at..].trim_ascii_start();
    let value = match value.first() {
        Some(b'"' | b'\'') => &value[1..],
        _ => value,
    };
    let end = value
        .iter()
        .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.')))
        .unwrap_or(value.len());
    Encoding::for_label(&value[..end])
}
