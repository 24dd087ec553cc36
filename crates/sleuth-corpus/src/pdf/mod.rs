//! PDF: text by pages.
//!
//! A PDF says where glyphs stand and not what they mean. It is read in four steps: `glyphs` finds
//! them, `layout` makes rows and columns of them, `assemble` makes paragraphs, tables and headings
//! of these, and what a person does not read as text (running headers, hyphens of line ends) goes.
//!
//! All of that happens in a process of its own, see [`child`]: a parser of so rich a format can be
//! made to recurse, to loop and to eat memory, and a parser that does costs one file, not the run.
//! [`reader`] is the other end.

mod assemble;
mod child;
mod glyphs;
mod layout;
mod reader;

use std::path::Path;

use hayro_syntax::object::Dict;
use hayro_syntax::object::dict::keys;
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use serde::{Deserialize, Serialize};
use sleuth_records::{Document, LineMap, Unit};

pub use child::serve_pdf;
pub(crate) use reader::PdfProcesses;
pub use reader::PdfReader;

use crate::corpus::{Parsed, fold};
use crate::decode;
use crate::source::Refusal;

/// What a PDF holds, as it goes from the child to its parent.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PdfText {
    pub(crate) title: Option<String>,
    pub(crate) language: Option<String>,
    /// ISO 8601.
    pub(crate) date: Option<String>,
    pub(crate) text: String,
    /// Byte offset and page number, for pages with text.
    pub(crate) starts: Vec<(u32, u32)>,
}

impl PdfText {
    /// Whether it can be what [`parse`] gives: asked of what comes from another process.
    fn is_sound(&self) -> bool {
        let one_line = |text: &String| !text.contains(['\n', '\r', '\0']);
        let rising = |pair: &[(u32, u32)]| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1;
        let marks_text =
            |&(start, page): &(u32, u32)| page >= 1 && self.text.is_char_boundary(start as usize);
        self.title.iter().chain(&self.language).chain(&self.date).all(one_line)
            && !self.text.contains(['\r', '\0'])
            && self.starts.iter().all(marks_text)
            && self.starts.windows(2).all(rising)
    }

    pub(crate) fn into_parsed(self) -> Parsed {
        Parsed {
            title: self.title,
            text: self.text,
            lines: LineMap::Parts { unit: Unit::Page, starts: self.starts },
            language: self.language,
            date: self.date,
            ..Parsed::default()
        }
    }
}

/// Reads a PDF in this process, where nothing limits what it costs but the size of its text: for fuzzing.
///
/// # Errors
/// Kind and reason of the refusal.
#[doc(hidden)]
pub fn read_pdf_here(bytes: &[u8], limit: usize) -> Result<Document, (&'static str, String)> {
    let found = parse(bytes.to_owned(), limit)?;
    Ok(found.into_parsed().into_document("here.pdf", Path::new("/here.pdf")))
}

/// Reads a PDF in this process.
fn parse(bytes: Vec<u8>, limit: usize) -> Result<PdfText, Refusal> {
    let head = &bytes[..bytes.len().min(1024)];
    if memchr::memmem::find(head, b"%PDF-").is_none() {
        return Err(("malformed", "expected a PDF, found no `%PDF-` at its beginning".to_owned()));
    }
    let pdf = Pdf::new(bytes).map_err(refusal)?;
    let n_pages = pdf.pages().len();
    let mut fonts = glyphs::Fonts::new();
    let mut pages = Vec::new();
    let (mut n_known, mut n_unknown, mut pictures, mut n_bytes) = (0usize, 0usize, 0usize, 0usize);
    for page in pdf.pages().iter() {
        let found = glyphs::of_page(page, &mut fonts);
        n_known += found.glyphs.len();
        n_unknown += found.unknown;
        pictures += usize::from(found.pictures);
        let rows = layout::rows(found.glyphs);
        n_bytes +=
            rows.iter().flat_map(|row| &row.cells).map(|cell| cell.text.len()).sum::<usize>();
        if n_bytes > limit {
            let reason = format!("expected at most {limit} bytes of text, found more");
            return Err(("too_large", reason));
        }
        pages.push(rows);
    }
    if n_known == 0 || n_unknown > 4 * n_known {
        return Err(without_text(n_pages, n_unknown, pictures));
    }
    let found = assemble::assemble(pages);
    let (text, starts) = clean(&found.text, &found.starts);
    if text.trim().is_empty() {
        return Err(without_text(n_pages, n_unknown, pictures));
    }
    let metadata = pdf.metadata();
    let title = metadata.title.as_deref().map(text_string).and_then(|title| useful_title(&title));
    let date = metadata.modification_date.or(metadata.creation_date);
    let date = date.filter(|date| date.year >= 1980);
    Ok(PdfText {
        title: title.or(found.title).map(|title| fold(&decode::clean(title.into()))),
        language: language(&pdf),
        date: date.map(|date| format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)),
        text,
        starts,
    })
}

fn refusal(error: LoadPdfError) -> Refusal {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => (
            "encrypted",
            "expected a PDF that opens without a password, found a locked one".to_owned(),
        ),
        LoadPdfError::Decryption(
            DecryptionError::MissingIDEntry
            | DecryptionError::InvalidEncryption
            | DecryptionError::UnsupportedAlgorithm,
        ) => (
            "encrypted",
            "expected a PDF that can be deciphered, found an unknown cipher".to_owned(),
        ),
        LoadPdfError::Invalid => {
            ("malformed", "expected a PDF, found no pages in it: damaged or cut off".to_owned())
        }
    }
}

fn without_text(n_pages: usize, n_unknown: usize, pictures: usize) -> Refusal {
    if n_unknown > 0 {
        let reason = format!(
            "expected text, found {n_unknown} glyphs whose fonts do not tell what characters they are"
        );
        ("scanned", reason)
    } else if pictures > 0 {
        let reason = format!(
            "expected text, found pictures on {}: a scan without a text layer",
            counted(n_pages)
        );
        ("scanned", reason)
    } else {
        ("empty", format!("expected text, found none on {}", counted(n_pages)))
    }
}

fn counted(n_pages: usize) -> String {
    format!("{n_pages} {}", if n_pages == 1 { "page" } else { "pages" })
}

/// Cleans the text of each page; the starts move along.
fn clean(text: &str, starts: &[(u32, u32)]) -> (String, Vec<(u32, u32)>) {
    let mut out = String::with_capacity(text.len());
    let mut moved = Vec::with_capacity(starts.len());
    for (at, &(start, page)) in starts.iter().enumerate() {
        let end = starts.get(at + 1).map_or(text.len(), |&(next, _)| next as usize);
        moved.push((u32::try_from(out.len()).unwrap_or(u32::MAX), page));
        let part = text.get(start as usize..end).unwrap_or_default();
        out.push_str(&decode::clean(part.into()));
    }
    (out, moved)
}

/// A text string of PDF: UTF-16 or UTF-8 with a mark, else PDFDocEncoding, which differs from
/// Latin-1 in few characters that matter.
fn text_string(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, rest @ ..] => {
            encoding_rs::UTF_16BE.decode_without_bom_handling(rest).0.into_owned()
        }
        [0xff, 0xfe, rest @ ..] => {
            encoding_rs::UTF_16LE.decode_without_bom_handling(rest).0.into_owned()
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => bytes
            .iter()
            .map(|&b| match b {
                0x80 => '•',
                0x84 => '—',
                0x85 => '–',
                0x8d => '“',
                0x8e => '”',
                0x8f => '‘',
                0x90 => '’',
                0x92 => '™',
                0x93 => 'ﬁ',
                0x94 => 'ﬂ',
                0xa0 => '€',
                b => char::from(b),
            })
            .collect(),
    }
}

/// A title from the metadata, unless it is what a program put there of itself.
fn useful_title(title: &str) -> Option<String> {
    let title = fold(title);
    let lower = title.to_lowercase();
    let is_file = [
        ".doc", ".docx", ".pdf", ".indd", ".qxd", ".qxp", ".ppt", ".pptx", ".xls", ".xlsx", ".tex",
        ".dvi", ".htm", ".html", ".rtf",
    ]
    .iter()
    .any(|ending| lower.ends_with(ending));
    let is_named = ["microsoft word", "microsoft powerpoint", "untitled", "document", "slide 1"]
        .iter()
        .any(|name| lower.starts_with(name));
    let words = title.chars().filter(|c| c.is_alphabetic()).count();
    (words >= 3 && !is_file && !is_named && title.contains(' ') && title.len() <= 400)
        .then_some(title)
}

/// The language that the document declares for all of it.
fn language(pdf: &Pdf) -> Option<String> {
    let root = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id())?;
    let tag = root.get::<hayro_syntax::object::String<'_>>(keys::LANG)?;
    let tag = text_string(tag.as_bytes()).trim().replace('_', "-");
    let shaped = (2..=35).contains(&tag.len())
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && tag.as_bytes()[0].is_ascii_alphabetic();
    shaped.then_some(tag)
}
