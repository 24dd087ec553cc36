//! JSON Lines: one document a line, streamed.
//!
//! A record is an object with its text under `text`, `contents` or `body`, and optionally `_id` or
//! `id`, `title`, `url`, `date`, `language`. Whatever else it holds is passed over. Every line
//! stands for itself: a malformed one costs only itself.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use serde::Deserialize;
use serde_json::Value;
use sleuth_records::{Document, DocumentId, LineMap, Skipped};

use crate::corpus::{Limits, ReadReport, fold};
use crate::decode;
use crate::kind;
use crate::source::{self, Decoded, Passed, Refusal};

/// Skipped records that are named one by one.
const NAMED: usize = 1000;

/// Reads the file at `path`, called `name` below the root. With `whole`, the file is the corpus
/// and ids are kept as given; else they are put behind the name.
pub(crate) fn read(
    path: &Path,
    name: &str,
    whole: bool,
    limits: &Limits,
    each: &mut dyn FnMut(Document) -> ControlFlow<()>,
) -> ReadReport {
    let mut report = ReadReport::default();
    if let Err((kind, reason)) = stream(path, name, whole, limits, each, &mut report) {
        report.skipped.push(Skipped { path: name.to_owned(), kind: kind.to_owned(), reason });
    }
    report
}

fn stream(
    path: &Path,
    name: &str,
    whole: bool,
    limits: &Limits,
    each: &mut dyn FnMut(Document) -> ControlFlow<()>,
    report: &mut ReadReport,
) -> Result<(), Refusal> {
    let (file, metadata) = source::open_regular(path).map_err(Passed::into_refusal)?;
    let before = source::stamp(&metadata);
    if before.size == 0 {
        return Err(("empty", "expected records, found an empty file".to_owned()));
    }
    let mut reader = Reader { name, whole, limits, each, report, seen: HashSet::new(), unnamed: 0 };
    let ended = if kind::is_zst(name) {
        let input = Decoded::new(&file, before.size, limits.max_decoded_bytes)?;
        let mut input = BufReader::with_capacity(64 << 10, input);
        let mut read = 0;
        let result = reader.lines(&mut input, &mut read);
        result.map_err(|error| input.get_ref().refusal(&error, read))
    } else {
        let mut input = BufReader::with_capacity(64 << 10, &file);
        reader.lines(&mut input, &mut 0).map_err(|error| source::unreadable(&error))
    };
    let unnamed = reader.unnamed;
    if report.documents == 0 && report.skipped.is_empty() && ended.is_ok() {
        let found = format!("expected records, found none in {} bytes", before.size);
        return Err(("empty", found));
    }
    if unnamed > 0 {
        report.skipped.push(Skipped {
            path: name.to_owned(),
            kind: "malformed".to_owned(),
            reason: format!("{unnamed} further records were skipped and are not named"),
        });
    }
    let after = file.metadata().map_err(|error| source::unreadable(&error))?;
    if source::stamp(&after) != before {
        return Err(source::changed());
    }
    ended.map(|_| ())
}

struct Reader<'a> {
    name: &'a str,
    whole: bool,
    limits: &'a Limits,
    each: &'a mut dyn FnMut(Document) -> ControlFlow<()>,
    report: &'a mut ReadReport,
    /// Hashes of the ids met.
    seen: HashSet<u64>,
    /// Skipped records beyond those named.
    unnamed: usize,
}

impl Reader<'_> {
    /// Reads to the end, or until the caller has enough. `read` counts bytes.
    fn lines(&mut self, input: &mut dyn BufRead, read: &mut u64) -> io::Result<ControlFlow<()>> {
        let head = input.fill_buf()?;
        match Encoding::for_bom(head) {
            Some((encoding, _)) if encoding == UTF_16LE || encoding == UTF_16BE => {
                let decoder = encoding.new_decoder_with_bom_removal();
                let utf16 = Utf16 { input, decoder, pending: Vec::new(), at: 0, ended: false };
                return self.utf8_lines(&mut BufReader::new(utf16), read);
            }
            Some((_, mark)) => input.consume(mark),
            None => {}
        }
        self.utf8_lines(input, read)
    }

    fn utf8_lines(
        &mut self,
        input: &mut dyn BufRead,
        read: &mut u64,
    ) -> io::Result<ControlFlow<()>> {
        let mut line = Vec::new();
        let mut number = 0u32;
        // The first line that is not UTF-8 decides for the lines after it.
        let mut encoding: Option<&'static Encoding> = None;
        loop {
            line.clear();
            let limit = self.limits.max_record_bytes;
            let length = read_line(input, &mut line, limit)?;
            if length == 0 {
                return Ok(ControlFlow::Continue(()));
            }
            *read += length;
            number = number.saturating_add(1);
            if length > limit as u64 + 1 {
                let reason = format!("expected a record of at most {limit} bytes, found {length}");
                self.skip(number, "too_large", reason);
                continue;
            }
            let text = match std::str::from_utf8(&line) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => {
                    let known = *encoding.get_or_insert_with(|| decode::encoding_of(&line, None).0);
                    let known = if known == UTF_16LE || known == UTF_16BE { UTF_8 } else { known };
                    known.decode_without_bom_handling(&line).0
                }
            };
            if text.trim().is_empty() {
                continue;
            }
            match self.document(&text, number) {
                Ok(document) => {
                    self.report.documents += 1;
                    if (self.each)(document).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Err((kind, reason)) => self.skip(number, kind, reason),
            }
        }
    }

    fn skip(&mut self, line: u32, kind: &str, reason: String) {
        if self.report.skipped.len() >= NAMED {
            self.unnamed += 1;
            return;
        }
        let path = format!("{}:{line}", self.name);
        self.report.skipped.push(Skipped { path, kind: kind.to_owned(), reason });
    }

    fn document(&mut self, line: &str, number: u32) -> Result<Document, Refusal> {
        let malformed = |found: String| ("malformed", format!("expected {found}"));
        if !line.trim_start().starts_with('{') {
            let start: String = line.trim().chars().take(40).collect();
            return Err(malformed(format!("a JSON object, found `{start}`")));
        }
        let record: Record = serde_json::from_str(line).map_err(|error| {
            let mut cause = error.to_string();
            // Every record stands on line 1 of its own text: only the column tells something.
            if let Some(at) = cause.rfind(" at line 1 column ") {
                cause.replace_range(at.., &format!(" at column {}", error.column()));
            }
            malformed(format!("valid JSON, found a fault: {cause}"))
        })?;
        let given = match record.id.or(record.plain_id) {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) if !id.trim().is_empty() => Some(id),
            Some(Value::Number(id)) => Some(id.to_string()),
            Some(other) => {
                let found = describe(&other);
                return Err(malformed(format!("a string or number under `_id`, found {found}")));
            }
        };
        let text = match record.text.or(record.contents).or(record.body) {
            Some(Value::String(text)) => text,
            Some(Value::Array(parts)) => lines_of(parts).ok_or_else(|| {
                malformed("a string under `text`, found an array of other values".to_owned())
            })?,
            Some(other) => {
                let found = describe(&other);
                return Err(malformed(format!("a string under `text`, found {found}")));
            }
            None => {
                return Err(malformed(
                    "a field `text`, `contents` or `body`, found none".to_owned(),
                ));
            }
        };
        let text = decode::clean(Cow::Owned(text));
        let title = string(record.title).map(|title| self::title(&title)).unwrap_or_default();
        if text.trim().is_empty() && title.is_empty() {
            return Err(("empty", "expected text, found a record without any".to_owned()));
        }
        let given = given.unwrap_or_else(|| number.to_string());
        let id = if self.whole { given } else { format!("{}#{given}", self.name) };
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        if !self.seen.insert(hasher.finish()) {
            return Err(malformed(format!("an id of its own, found `{id}` a second time")));
        }
        Ok(Document {
            id: DocumentId::new(id),
            // Where a local file lies is for the reader of files to say: a record that names one
            // would put words of its own in that file's place.
            url: string(record.url).filter(|url| !is_file_url(url)),
            title,
            text,
            lines: LineMap::Fixed(number),
            language: string(record.language),
            date: string(record.date),
            links: Vec::new(),
            signals: None,
        })
    }
}

/// The fields that are looked at.
#[derive(Deserialize)]
struct Record {
    #[serde(rename = "_id", default)]
    id: Option<Value>,
    #[serde(rename = "id", default)]
    plain_id: Option<Value>,
    #[serde(default)]
    title: Option<Value>,
    #[serde(default)]
    text: Option<Value>,
    #[serde(default)]
    contents: Option<Value>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    url: Option<Value>,
    #[serde(default)]
    date: Option<Value>,
    #[serde(default)]
    language: Option<Value>,
}

/// A title with character references decoded (`&quot;` and the like stand in many corpora).
fn title(title: &str) -> String {
    let decoded = if title.contains('&') { htmlize::unescape(title) } else { Cow::Borrowed(title) };
    fold(&decode::clean(decoded))
}

fn string(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text),
        _ => None,
    }
}

/// Sentences given as an array of strings.
fn lines_of(parts: Vec<Value>) -> Option<String> {
    let mut text = String::new();
    for part in parts {
        let Value::String(part) = part else {
            return None;
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&part);
    }
    Some(text)
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(text) if text.trim().is_empty() => "an empty string",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Reads up to the next line feed and keeps at most `limit` bytes; gives the length of the line
/// with its line feed.
fn read_line(input: &mut dyn BufRead, line: &mut Vec<u8>, limit: usize) -> io::Result<u64> {
    let mut length = 0u64;
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            return Ok(length);
        }
        let end = memchr::memchr(b'\n', buffer);
        let part = end.map_or(buffer.len(), |end| end + 1);
        let keep = part.min((limit + 1).saturating_sub(line.len()));
        line.extend_from_slice(&buffer[..keep]);
        input.consume(part);
        length += part as u64;
        if end.is_some() {
            return Ok(length);
        }
    }
}

/// UTF-16 read as UTF-8.
struct Utf16<'a> {
    input: &'a mut dyn BufRead,
    decoder: Decoder,
    pending: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Read for Utf16<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.pending.len() {
            if self.ended {
                return Ok(0);
            }
            let bytes = self.input.fill_buf()?;
            self.ended = bytes.is_empty();
            let most = self.decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len() * 4);
            self.pending.resize(most, 0);
            let (_, used, written, _) =
                self.decoder.decode_to_utf8(bytes, &mut self.pending, self.ended);
            self.input.consume(used);
            self.pending.truncate(written);
            self.at = 0;
        }
        let part = buffer.len().min(self.pending.len() - self.at);
        buffer[..part].copy_from_slice(&self.pending[self.at..self.at + part]);
        self.at += part;
        Ok(part)
    }
}
fn is_file_url(url: &str) -> bool {
    url.trim_start().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
}
