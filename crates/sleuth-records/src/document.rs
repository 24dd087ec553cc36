//! Documents, the passages cut from them, and the files they came from.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Signals;

/// Name of a document, unique in its store.
///
/// A file's id is its path below the root it was read from, with `/` between parts; a record of a
/// JSON Lines corpus keeps the id that the corpus gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DocumentId(String);

impl DocumentId {
    /// Wraps `id`.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A reference from one document to another place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Where it leads: the id of a document of the same corpus where that could be resolved
    /// (fragment removed), else the address as written.
    pub target: String,
    /// The words that carry the link, white space folded.
    pub text: String,
}

/// One cleaned source: what is indexed, opened and quoted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Unique name in its store.
    pub id: DocumentId,
    /// Address for people: `file://…` for a local file, the recorded address for a corpus record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Title; empty when the source has none.
    pub title: String,
    /// Clean text. All byte ranges of passages and evidence point into it.
    pub text: String,
    /// How positions in `text` map to lines of the source file.
    #[serde(default)]
    pub lines: LineMap,
    /// BCP 47 language tag when the source states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Publication or change date as the source states it, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Outgoing links in order of appearance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// What the page gives away about its quality; nothing for what is no web page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signals: Option<Box<Signals>>,
}

impl Document {
    /// A document with text and title and nothing else known.
    pub fn new(id: DocumentId, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            id,
            url: None,
            title: title.into(),
            text: text.into(),
            lines: LineMap::OfText,
            language: None,
            date: None,
            links: Vec::new(),
            signals: None,
        }
    }

    /// Line of the source file, counted from 1, that holds byte `offset` of the text.
    ///
    /// An offset past the end gives the last line.
    pub fn line_at(&self, offset: usize) -> u32 {
        self.lines.line_at(&self.text, offset)
    }

    /// The page, chapter or paragraph of the source that holds byte `offset` of the text, where
    /// its format has such parts in place of lines.
    pub fn part_at(&self, offset: usize) -> Option<Part> {
        match &self.lines {
            LineMap::Parts { unit, starts } => {
                let after = starts.partition_point(|&(start, _)| start as usize <= offset);
                let (_, number) = starts.get(after.checked_sub(1)?)?;
                Some(Part { unit: *unit, number: *number })
            }
            LineMap::OfText | LineMap::Fixed(_) | LineMap::Starts(_) => None,
        }
    }

    /// SHA-256 over everything that retrieval or quoting can see: title, text and links.
    ///
    /// Addresses and line numbers are left out, so that the same documents have the same hash on
    /// any machine.
    pub fn content_hash(&self) -> String {
        let mut digest = crate::Digest::new();
        digest.field(self.title.as_bytes()).field(self.text.as_bytes());
        for link in &self.links {
            digest.field(link.target.as_bytes()).field(link.text.as_bytes());
        }
        digest.hex()
    }
}

/// How byte offsets of a document's text map to lines of the file it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineMap {
    /// The text is the file: count the line feeds.
    #[default]
    OfText,
    /// The whole text stands on one line of the file (a JSON Lines record).
    Fixed(u32),
    /// Sorted pairs of byte offset and line: from that offset on, the text comes from that line.
    Starts(Vec<(u32, u32)>),
    /// The source has no lines but numbered parts. Lines are those of the text.
    Parts {
        /// What the parts are.
        unit: Unit,
        /// Sorted pairs of byte offset and number of the part that begins there.
        starts: Vec<(u32, u32)>,
    },
}

/// What a source without lines is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Pages of paper.
    Page,
    /// Chapters of a book: the files it is made of, in reading order.
    Chapter,
    /// Paragraphs, table rows counted as one each.
    Paragraph,
}

/// A place in a source without lines: `page 3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What is counted.
    pub unit: Unit,
    /// From 1.
    pub number: u32,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Page => "page",
            Unit::Chapter => "chapter",
            Unit::Paragraph => "paragraph",
        };
        write!(f, "{unit} {}", self.number)
    }
}

impl LineMap {
    /// See [`Document::line_at`].
    pub fn line_at(&self, text: &str, offset: usize) -> u32 {
        match self {
            Self::OfText | Self::Parts { .. } => {
                let end = offset.min(text.len());
                let feeds = text.as_bytes()[..end].iter().filter(|&&b| b == b'\n').count();
                u32::try_from(feeds).unwrap_or(u32::MAX - 1) + 1
            }
            Self::Fixed(line) => *line,
            Self::Starts(starts) => {
                let after = starts.partition_point(|&(start, _)| start as usize <= offset);
                after.checked_sub(1).map_or(1, |at| starts[at].1)
            }
        }
    }
}

/// Position of a passage in its document: 0 for the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PassageId(pub u32);

/// A contiguous span of a document's text: the unit that retrieval returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// The document it was cut from.
    pub document: DocumentId,
    /// Its position among the passages of that document.
    pub id: PassageId,
    /// Byte range in the document's text; both ends lie on character boundaries.
    pub range: Range<usize>,
}

/// What is known of a file without reading it. Equal stamps mean: not changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStamp {
    /// Size in bytes.
    pub size: u64,
    /// Modification time, nanoseconds since the Unix epoch.
    pub modified_ns: i128,
    /// Time of the last change to content or metadata, nanoseconds since the Unix epoch, where the
    /// system keeps one. Unlike the modification time, no program can set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_ns: Option<i128>,
}

/// A file that holds documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Path below the root, `/` between parts.
    pub path: String,
    /// State of the file when it was listed.
    pub stamp: SourceStamp,
}

/// A file, or a record of one, that was passed over, with the reason for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Path below the root, `/` between parts; for a record, followed by `:LINE`.
    pub path: String,
    /// Short stable word for counting: `binary`, `too_large`, `not_regular`, `unreadable`,
    /// `changed`, `malformed`, `empty`, `symlink_loop`, `unsupported`, `duplicate`, and of PDF, DOCX
    /// and EPUB `encrypted`, `scanned`, `too_slow`; `pdf` where there is no PDF reader.
    pub kind: String,
    /// One sentence: what was expected, what was found.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_each_map() {
        let text = "a\nb\nc";
        assert_eq!(LineMap::OfText.line_at(text, 0), 1);
        assert_eq!(LineMap::OfText.line_at(text, 2), 2);
        assert_eq!(LineMap::OfText.line_at(text, 99), 3);
        assert_eq!(LineMap::Fixed(7).line_at(text, 3), 7);
        let starts = LineMap::Starts(vec![(0, 10), (2, 14)]);
        assert_eq!(starts.line_at(text, 1), 10);
        assert_eq!(starts.line_at(text, 2), 14);
        assert_eq!(starts.line_at(text, 50), 14);
        assert_eq!(LineMap::Starts(Vec::new()).line_at(text, 0), 1);
    }

    #[test]
    fn parts_are_beside_lines() {
        let mut document = Document::new(DocumentId::new("a.pdf"), "", "a\nb\nc");
        assert_eq!(document.part_at(0), None);
        document.lines = LineMap::Parts { unit: Unit::Page, starts: vec![(0, 1), (2, 3)] };
        assert_eq!(document.part_at(1).map(|part| part.to_string()).as_deref(), Some("page 1"));
        assert_eq!(document.part_at(99), Some(Part { unit: Unit::Page, number: 3 }));
        assert_eq!(document.line_at(4), 3);
        document.lines = LineMap::Parts { unit: Unit::Chapter, starts: vec![(2, 1)] };
        assert_eq!(document.part_at(1), None);
    }

    #[test]
    fn a_stamp_without_a_time_of_change_is_read_and_written() {
        let text = r#"{"size":1,"modified_ns":2}"#;
        let stamp: SourceStamp = serde_json::from_str(text).unwrap();
        assert_eq!(stamp, SourceStamp { size: 1, modified_ns: 2, changed_ns: None });
        assert_eq!(serde_json::to_string(&stamp).unwrap(), text);
    }

    #[test]
    fn hash_sees_content_and_not_the_machine() {
        let mut one = Document::new(DocumentId::new("a"), "T", "text");
        let hash = one.content_hash();
        one.url = Some("file:///elsewhere".to_owned());
        one.lines = LineMap::Fixed(3);
        assert_eq!(one.content_hash(), hash);
        one.text.push('!');
        assert_ne!(one.content_hash(), hash);
    }
}
