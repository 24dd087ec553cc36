//! The header of a GGUF file, read without the engine.
//!
//! A GGUF file is: the magic `GGUF`, a version (2 or 3), the number of tensors and of metadata
//! entries, the entries (key, type, value), the tensor infos (name, shape, type, offset), padding to
//! `general.alignment` (32 where absent), then the tensor data. All integers are little-endian.
//!
//! The engine maps the file into memory and trusts it: a file that ends early kills the process on
//! the first page that is not there, and some damaged headers end in an abort. So the header is read
//! here first, with limits, and [`GgufHeader::read`] fails unless the file is as long as its tensor
//! infos demand. Damage inside the tensor data is left to checksums.

use std::{
    collections::BTreeMap,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

/// Most metadata entries and most tensors that a header may announce.
const MOST_ENTRIES: u64 = 1 << 16;
/// Longest key, tensor name or kept text value in bytes; chat templates are the longest in practice.
const LONGEST_TEXT: u64 = 1 << 20;
/// Most elements of one metadata array; vocabularies have up to a few hundred thousand.
const MOST_ELEMENTS: u64 = 1 << 24;

/// What the header of a GGUF file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct GgufHeader {
    /// Version of the format: 2 or 3.
    pub version: u32,
    /// `general.name`; empty where absent.
    pub name: String,
    /// `general.architecture`, such as `llama`.
    pub architecture: String,
    /// `general.license`, as an SPDX name in lower case where the maker followed the convention.
    pub license: Option<String>,
    /// Tokens of context that the model was trained for; 0 where the file does not say.
    pub context: u64,
    /// Parameters: the elements of all tensors added up.
    pub parameters: u64,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// The chat template, a Jinja text.
    pub chat_template: Option<String>,
}

/// Why a file is not a usable GGUF file.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// The file cannot be opened or read.
    #[error("cannot read the model file")]
    Read(#[source] std::io::Error),
    /// It is another kind of file.
    #[error("`{path}` is not a GGUF file: expected it to start with `GGUF`, found {found}")]
    NotGguf {
        /// The file.
        path: PathBuf,
        /// Its first bytes, readable.
        found: String,
    },
    /// The file ends before what its header announces.
    #[error("`{path}` is truncated: expected at least {expected} bytes, found {found}")]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that it should have at least.
        expected: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// The header makes no sense.
    #[error("`{path}` is damaged: expected {expected}, found {found}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
}

impl GgufHeader {
    /// Reads the header of the file at `path` and compares its demands with the file's length.
    ///
    /// # Errors
    /// When the file cannot be read, is no GGUF file, ends early or contradicts itself.
    pub fn read(path: &Path) -> Result<Self, GgufError> {
        Reader::open(path)?.header()
    }
}

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TensorInfo {
    /// Its name.
    pub(crate) name: String,
    /// Its lengths, the fastest running first.
    pub(crate) shape: Vec<u64>,
    /// The number of its type.
    pub(crate) kind: u32,
    /// Where its data begins, from the start of the file.
    pub(crate) offset: u64,
}

/// What a model that this crate reads by itself needs beside the header.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GgufContents {
    /// The header.
    pub(crate) header: GgufHeader,
    /// `tokenizer.ggml.tokens`.
    pub(crate) tokens: Vec<String>,
    /// The tensors.
    pub(crate) tensors: Vec<TensorInfo>,
    /// The entries that are a number of 32 or 64 bits.
    pub(crate) numbers: BTreeMap<String, f64>,
}

impl GgufContents {
    /// Reads the file at `path` as [`GgufHeader::read`] does, and keeps vocabulary, tensor infos and numbers.
    pub(crate) fn read(path: &Path) -> Result<Self, GgufError> {
        let mut reader = Reader::open(path)?;
        reader.keep = true;
        let header = reader.header()?;
        let Reader { tokens, tensors, numbers, .. } = reader;
        Ok(Self { header, tokens, tensors, numbers })
    }
}

/// A value that the header keeps; other types are passed over.
enum Value {
    Text(String),
    Number(u64),
    Fraction(f32),
    Texts(Vec<String>),
    Other,
}

struct Reader<'a> {
    path: &'a Path,
    file: BufReader<fs_err::File>,
    at: u64,
    bytes: u64,
    /// Whether vocabulary, tensor infos and numbers are kept.
    keep: bool,
    tokens: Vec<String>,
    tensors: Vec<TensorInfo>,
    numbers: BTreeMap<String, f64>,
}

impl<'a> Reader<'a> {
    fn open(path: &'a Path) -> Result<Self, GgufError> {
        let file = fs_err::File::open(path).map_err(GgufError::Read)?;
        let bytes = file.metadata().map_err(GgufError::Read)?.len();
        let file = BufReader::with_capacity(1 << 16, file);
        Ok(Self {
            path,
            file,
            at: 0,
            bytes,
            keep: false,
            tokens: Vec::new(),
            tensors: Vec::new(),
            numbers: BTreeMap::new(),
        })
    }

    fn header(&mut self) -> Result<GgufHeader, GgufError> {
        let mut magic = [0; 4];
        let n = usize::try_from(self.bytes.min(4)).unwrap_or(4);
        self.file.read_exact(&mut magic[..n]).map_err(GgufError::Read)?;
        self.at = 4;
        if &magic != b"GGUF" {
            let found = match n {
                0 => "an empty file".to_owned(),
                _ => format!("`{}`", magic[..n].escape_ascii()),
            };
            return Err(GgufError::NotGguf { path: self.path.to_owned(), found });
        }
        let version = self.u32()?;
        if !(2..=3).contains(&version) {
            return Err(self.damaged("version 2 or 3", &version.to_string()));
        }
        let tensors = self.count("tensors")?;
        let entries = self.count("metadata entries")?;

        let mut header = GgufHeader { version, bytes: self.bytes, ..GgufHeader::default() };
        let mut alignment = 32;
        for _ in 0..entries {
            let key = self.text()?;
            let kind = self.u32()?;
            let value = self.value(kind)?;
            if self.keep {
                match value {
                    Value::Number(n) => _ = self.numbers.insert(key.clone(), n as f64),
                    Value::Fraction(x) => _ = self.numbers.insert(key.clone(), f64::from(x)),
                    Value::Text(_) | Value::Texts(_) | Value::Other => {}
                }
            }
            match (key.as_str(), value) {
                ("general.name", Value::Text(text)) => header.name = text,
                ("general.architecture", Value::Text(text)) => header.architecture = text,
                ("general.license", Value::Text(text)) => header.license = Some(text),
                ("general.alignment", Value::Number(n)) => alignment = n,
                ("tokenizer.chat_template", Value::Text(text)) => header.chat_template = Some(text),
                (key, Value::Number(n)) if key.ends_with(".context_length") => header.context = n,
                ("tokenizer.ggml.tokens", Value::Texts(tokens)) => self.tokens = tokens,
                (
                    _,
                    Value::Text(_)
                    | Value::Number(_)
                    | Value::Fraction(_)
                    | Value::Texts(_)
                    | Value::Other,
                ) => {}
            }
        }
        if header.architecture.is_empty() {
            return Err(self.damaged("an entry `general.architecture`", "none"));
        }
        if !alignment.is_power_of_two() || alignment > 1 << 20 {
            return Err(self.damaged("an alignment that is a power of two", &alignment.to_string()));
        }

        let mut data_end = 0;
        for _ in 0..tensors {
            let (elements, end) = self.tensor()?;
            header.parameters = header.parameters.saturating_add(elements);
            data_end = data_end.max(end);
        }
        let data_start = self.at.next_multiple_of(alignment);
        let expected = data_start.saturating_add(data_end);
        if self.bytes < expected {
            return Err(self.truncated(expected));
        }
        for tensor in &mut self.tensors {
            tensor.offset = tensor.offset.saturating_add(data_start);
        }
        Ok(header)
    }

    /// Reads one tensor info; gives its elements and where its data ends after the data's start.
    fn tensor(&mut self) -> Result<(u64, u64), GgufError> {
        let name = self.text()?;
        let dimensions = self.u32()?;
        if !(1..=4).contains(&dimensions) {
            let found = format!("{dimensions}");
            return Err(self.damaged(&format!("1 to 4 dimensions of tensor `{name}`"), &found));
        }
        let mut elements = 1_u64;
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            let n = self.u64()?;
            shape.push(n);
            elements = elements.checked_mul(n).filter(|&n| n < 1 << 50).ok_or_else(|| {
                self.damaged(&format!("fewer than 2^50 elements of tensor `{name}`"), "more")
            })?;
        }
        let kind = self.u32()?;
        let offset = self.u64()?;
        let size = block(kind).map_or(0, |(block, size)| elements.div_ceil(block) * size);
        if self.keep {
            self.tensors.push(TensorInfo { name, shape, kind, offset });
        }
        Ok((elements, offset.saturating_add(size)))
    }

    fn count(&mut self, what: &str) -> Result<u64, GgufError> {
        let n = self.u64()?;
        if n > MOST_ENTRIES {
            return Err(self.damaged(&format!("at most {MOST_ENTRIES} {what}"), &n.to_string()));
        }
        Ok(n)
    }

    fn value(&mut self, kind: u32) -> Result<Value, GgufError> {
        Ok(match kind {
            0 | 1 | 7 => self.skip(1)?,
            2 | 3 => self.skip(2)?,
            4 => Value::Number(u64::from(self.u32()?)),
            10 => Value::Number(self.u64()?),
            5 => self.skip(4)?,
            6 => Value::Fraction(f32::from_bits(self.u32()?)),
            11 | 12 => self.skip(8)?,
            8 => Value::Text(self.text()?),
            9 => {
                let of = self.u32()?;
                let n = self.u64()?;
                if n > MOST_ELEMENTS {
                    let expected = format!("at most {MOST_ELEMENTS} elements of an array");
                    return Err(self.damaged(&expected, &n.to_string()));
                }
                match of {
                    0 | 1 | 7 => self.skip(n)?,
                    2 | 3 => self.skip(2 * n)?,
                    4..=6 => self.skip(4 * n)?,
                    10..=12 => self.skip(8 * n)?,
                    8 if self.keep => {
                        let mut texts = Vec::new();
                        for _ in 0..n {
                            texts.push(self.text()?);
                        }
                        Value::Texts(texts)
                    }
                    8 => {
                        for _ in 0..n {
                            let length = self.u64()?;
                            self.skip(length)?;
                        }
                        Value::Other
                    }
                    _ => return Err(self.damaged("a known type of array element", &of.to_string())),
                }
            }
            _ => return Err(self.damaged("a known type of metadata value", &kind.to_string())),
        })
    }

    fn text(&mut self) -> Result<String, GgufError> {
        let length = self.u64()?;
        if length > LONGEST_TEXT {
            let expected = format!("a text of at most {LONGEST_TEXT} bytes");
            return Err(self.damaged(&expected, &length.to_string()));
        }
        self.need(length)?;
        let mut text = vec![0; usize::try_from(length).unwrap_or_default()];
        self.file.read_exact(&mut text).map_err(GgufError::Read)?;
        self.at += length;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn skip(&mut self, n: u64) -> Result<Value, GgufError> {
        self.need(n)?;
        let distance = i64::try_from(n).unwrap_or(i64::MAX);
        self.file.seek_relative(distance).map_err(GgufError::Read)?;
        self.at += n;
        Ok(Value::Other)
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        let mut buffer = [0; 4];
        self.need(4)?;
        self.file.read_exact(&mut buffer).map_err(GgufError::Read)?;
        self.at += 4;
        Ok(u32::from_le_bytes(buffer))
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        let mut buffer = [0; 8];
        self.need(8)?;
        self.file.read_exact(&mut buffer).map_err(GgufError::Read)?;
        self.at += 8;
        Ok(u64::from_le_bytes(buffer))
    }

    /// Fails unless `n` more bytes are in the file.
    fn need(&self, n: u64) -> Result<(), GgufError> {
        let expected = self.at.saturating_add(n);
        if expected > self.bytes { Err(self.truncated(expected)) } else { Ok(()) }
    }

    fn truncated(&self, expected: u64) -> GgufError {
        GgufError::Truncated { path: self.path.to_owned(), expected, found: self.bytes }
    }

    fn damaged(&self, expected: &str, found: &str) -> GgufError {
        GgufError::Damaged {
            path: self.path.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }
}

/// Elements and bytes of one block of a tensor type; `None` for a type that is not known here, whose
/// length is then not checked.
fn block(kind: u32) -> Option<(u64, u64)> {
    Some(match kind {
        0 | 26 => (1, 4),
        1 | 25 | 30 => (1, 2),
        24 => (1, 1),
        27 | 28 => (1, 8),
        2 | 20 => (32, 18),
        3 => (32, 20),
        6 => (32, 22),
        7 => (32, 24),
        8 => (32, 34),
        10 => (256, 84),
        11 | 21 => (256, 110),
        12 => (256, 144),
        13 => (256, 176),
        14 => (256, 210),
        15 => (256, 292),
        16 | 35 => (256, 66),
        17 => (256, 74),
        18 => (256, 98),
        19 => (256, 50),
        22 => (256, 82),
        23 => (256, 136),
        29 => (256, 56),
        34 => (256, 54),
        39 => (32, 17),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// A file with one tensor of 64 `f32` and the entries that the reader keeps.
    fn tiny() -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        let text = |file: &mut Vec<u8>, text: &str| {
            file.extend((text.len() as u64).to_le_bytes());
            file.extend(text.as_bytes());
        };
        file.extend(3_u32.to_le_bytes());
        file.extend(1_u64.to_le_bytes());
        file.extend(4_u64.to_le_bytes());
        for (key, value) in [("general.architecture", "llama"), ("general.license", "mit")] {
            text(&mut file, key);
            file.extend(8_u32.to_le_bytes());
            text(&mut file, value);
        }
        text(&mut file, "llama.context_length");
        file.extend(4_u32.to_le_bytes());
        file.extend(2048_u32.to_le_bytes());
        text(&mut file, "tokenizer.ggml.tokens");
        file.extend(9_u32.to_le_bytes());
        file.extend(8_u32.to_le_bytes());
        file.extend(2_u64.to_le_bytes());
        text(&mut file, "a");
        text(&mut file, "b");
        text(&mut file, "weight");
        file.extend(1_u32.to_le_bytes());
        file.extend(64_u64.to_le_bytes());
        file.extend(0_u32.to_le_bytes());
        file.extend(0_u64.to_le_bytes());
        file.resize(file.len().next_multiple_of(32), 0);
        file.resize(file.len() + 256, 1);
        file
    }

    fn read(bytes: &[u8]) -> Result<GgufHeader, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.gguf");
        fs_err::write(&path, bytes).unwrap();
        GgufHeader::read(&path)
            .map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "DIR"))
    }

    #[test]
    fn a_header_is_read() {
        let header = read(&tiny()).unwrap();
        assert_eq!(header.architecture, "llama");
        assert_eq!(header.license.as_deref(), Some("mit"));
        assert_eq!((header.context, header.parameters), (2048, 64));
    }

    #[test]
    fn every_shortening_is_found() {
        let whole = tiny();
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length} of {} bytes pass", whole.len());
        }
    }

    #[test]
    fn no_changed_byte_of_the_header_panics() {
        let whole = tiny();
        for at in 0..whole.len() - 256 {
            for value in [0x00, 0x7f, 0xff] {
                let mut changed = whole.clone();
                changed[at] = value;
                drop(read(&changed));
            }
        }
    }

    #[test]
    fn errors_name_what_was_found() {
        fn check(bytes: &[u8], expected: &Expect) {
            expected.assert_eq(&read(bytes).unwrap_err());
        }
        let whole = tiny();
        check(
            b"",
            &expect![
                "`DIR/m.gguf` is not a GGUF file: expected it to start with `GGUF`, found an empty file"
            ],
        );
        check(
            b"PK\x03\x04 a wheel",
            &expect![[
                r#"`DIR/m.gguf` is not a GGUF file: expected it to start with `GGUF`, found `PK\x03\x04`"#
            ]],
        );
        check(
            &whole[..20],
            &expect!["`DIR/m.gguf` is truncated: expected at least 24 bytes, found 20"],
        );
        check(
            &whole[..whole.len() - 1],
            &expect!["`DIR/m.gguf` is truncated: expected at least 512 bytes, found 511"],
        );
        check(
            b"GGUF\x09\0\0\0",
            &expect!["`DIR/m.gguf` is damaged: expected version 2 or 3, found 9"],
        );
        let mut many = whole;
        many[8..16].fill(0xff);
        check(
            &many,
            &expect![
                "`DIR/m.gguf` is damaged: expected at most 65536 tensors, found 18446744073709551615"
            ],
        );
    }
}
