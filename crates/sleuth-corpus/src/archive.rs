//! Zip archives that are documents: DOCX and EPUB.
//!
//! Nothing is unpacked to disk, and names only serve to find entries: one such as
//! `../../etc/passwd` leads nowhere. What an entry decodes to is counted as it comes, whatever its
//! header says, and all entries of a file together have one limit. Only entries that are asked for
//! are decoded, and archives inside archives never are.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::source::Refusal;

/// Most entries.
const MAX_ENTRIES: usize = 100_000;
/// Decoded size of an entry below which the ratio is not looked at.
const RATIO_FROM: u64 = 8 << 20;
/// Most bytes that one byte of an entry may decode to. Text of office programs reaches a tenth.
const MAX_RATIO: u64 = 400;

/// An open archive.
pub(crate) struct Archive<'b> {
    zip: ZipArchive<Cursor<&'b [u8]>>,
    /// What the file is, for people.
    what: &'static str,
    limit: u64,
    /// Bytes that may still be decoded.
    left: u64,
}

impl<'b> Archive<'b> {
    /// Opens `bytes`, which are to be `what`; all entries together may decode to `limit` bytes.
    pub(crate) fn open(bytes: &'b [u8], what: &'static str, limit: u64) -> Result<Self, Refusal> {
        if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
            let found = "a file locked with a password, or of an old version of Word";
            return Err(("encrypted", format!("expected {what}, found {found}")));
        }
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
            ("malformed", format!("expected {what}, found no whole zip archive: {error}"))
        })?;
        if zip.len() > MAX_ENTRIES {
            let found = zip.len();
            let reason = format!("expected at most {MAX_ENTRIES} entries, found {found}");
            return Err(("too_large", reason));
        }
        Ok(Self { zip, what, limit, left: limit })
    }

    /// The content of the entry called `name`; `None` where there is none.
    pub(crate) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, Refusal> {
        let mut entry = match self.zip.by_name(name) {
            Ok(entry) => entry,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(refusal(self.what, name, &error)),
        };
        let bomb = entry.compressed_size().saturating_mul(MAX_RATIO).max(RATIO_FROM);
        let most = self.left.min(bomb);
        let mut bytes = Vec::new();
        let mut input = (&mut entry).take(most.saturating_add(1));
        let read = input.read_to_end(&mut bytes);
        let length = bytes.len() as u64;
        if length > self.left {
            return Err((
                "too_large",
                format!("expected at most {} bytes, found more after decompression", self.limit),
            ));
        }
        if length > bomb {
            return Err((
                "too_large",
                format!(
                    "expected less than {MAX_RATIO} times the compressed size of `{name}`, found \
                     more: a decompression bomb"
                ),
            ));
        }
        self.left -= length;
        match read {
            Ok(_) => Ok(Some(bytes)),
            Err(error) => Err((
                "malformed",
                format!("expected {}, found its part `{name}` damaged: {error}", self.what),
            )),
        }
    }

    /// The content of an entry that must be there.
    pub(crate) fn need(&mut self, name: &str) -> Result<Vec<u8>, Refusal> {
        self.read(name)?.ok_or_else(|| {
            ("malformed", format!("expected {}, found no part `{name}` in it", self.what))
        })
    }
}

fn refusal(what: &str, name: &str, error: &ZipError) -> Refusal {
    let locked = matches!(error, ZipError::InvalidPassword)
        || matches!(error, ZipError::UnsupportedArchive(text) if text.contains("assword"));
    if locked {
        return ("encrypted", format!("expected {what}, found one locked with a password"));
    }
    ("malformed", format!("expected {what}, found its part `{name}` damaged: {error}"))
}

/// The name of the entry that `target` means in the entry `from`; `None` for what lies outside.
pub(crate) fn resolve(from: &str, target: &str) -> Option<String> {
    let target = target.split(['#', '?']).next().unwrap_or_default();
    let decoded = percent_encoding::percent_decode_str(target).decode_utf8().ok()?;
    let mut parts: Vec<&str> = Vec::new();
    if !decoded.starts_with('/') {
        parts.extend(from.split('/'));
        parts.pop();
    }
    for part in decoded.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_stay_inside() {
        assert_eq!(
            resolve("OPS/book.opf", "text/a%20b.xhtml#x").as_deref(),
            Some("OPS/text/a b.xhtml")
        );
        assert_eq!(resolve("OPS/book.opf", "../a.xhtml").as_deref(), Some("a.xhtml"));
        assert_eq!(resolve("OPS/book.opf", "/a.xhtml").as_deref(), Some("a.xhtml"));
        assert_eq!(resolve("OPS/book.opf", "../../etc/passwd"), None);
        assert_eq!(resolve("OPS/book.opf", "..%2f..%2fetc/passwd"), None);
    }
}
