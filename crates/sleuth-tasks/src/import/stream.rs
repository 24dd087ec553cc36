//! Records of a file one at a time: JSON Lines, the elements of an array, or those of an array that an
//! object holds under a key.

use std::fmt;
use std::io::BufRead as _;
use std::marker::PhantomData;
use std::path::Path;

use serde::Deserializer as _;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use crate::lines::{for_each_line, open};

use super::ImportError;

/// Calls `each` with the place and content of every record of a file that is an array or JSON Lines.
pub(super) fn records<T: DeserializeOwned>(
    path: &Path,
    expected: &'static str,
    each: &mut dyn FnMut(String, T) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    if first_byte(path)? == Some(b'[') {
        return elements(path, None, expected, each);
    }
    for_each_line(path, |line, text, _| {
        let place = format!("line {line}");
        match serde_json::from_slice(text) {
            Ok(record) => each(place, record),
            Err(error) => Err(malformed(path, place, expected, error)),
        }
    })
}

/// Calls `each` with the elements of the array that the file's object has under `key`; of the file's
/// array without a key.
pub(super) fn elements<T: DeserializeOwned>(
    path: &Path,
    key: Option<&'static str>,
    expected: &'static str,
    each: &mut dyn FnMut(String, T) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut reader = open(path)?;
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    let mut failed = None;
    let mut n = 0;
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let elements = Elements { n: &mut n, failed: &mut failed, each, record: PhantomData };
    let read = match key {
        None => elements.deserialize(&mut deserializer),
        Some(key) => deserializer.deserialize_map(Under { key, elements }),
    };
    let read = read.and_then(|()| deserializer.end());
    match (failed, read) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(malformed(path, format!("record {}", n + 1), expected, error)),
        (None, Ok(())) => Ok(()),
    }
}

pub(super) fn malformed(
    path: &Path,
    place: String,
    expected: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> ImportError {
    ImportError::Malformed { path: path.to_owned(), place, expected, source: Box::new(error) }
}

fn first_byte(path: &Path) -> Result<Option<u8>, ImportError> {
    let mut reader = open(path)?;
    loop {
        let buffer = reader.fill_buf()?;
        let skip = |byte: &u8| byte.is_ascii_whitespace() || b"\xef\xbb\xbf".contains(byte);
        match buffer.iter().find(|byte| !skip(byte)) {
            Some(byte) => return Ok(Some(*byte)),
            None if buffer.is_empty() => return Ok(None),
            None => {
                let n = buffer.len();
                reader.consume(n);
            }
        }
    }
}

/// Reads an array and hands its elements on as they come.
struct Elements<'a, T> {
    n: &'a mut usize,
    /// What `each` failed with; the parser is then told to stop.
    failed: &'a mut Option<ImportError>,
    each: &'a mut dyn FnMut(String, T) -> Result<(), ImportError>,
    record: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Elements<'_, T> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Elements<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while let Some(record) = sequence.next_element::<T>()? {
            *self.n += 1;
            if let Err(error) = (self.each)(format!("record {}", self.n), record) {
                *self.failed = Some(error);
                return Err(de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// Reads an object and of it only what stands under one key.
struct Under<'a, T> {
    key: &'static str,
    elements: Elements<'a, T>,
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Under<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with `{}`", self.key)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut elements = Some(self.elements);
        while let Some(key) = map.next_key::<String>()? {
            match elements.take_if(|_| key == self.key) {
                Some(elements) => map.next_value_seed(elements)?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        match elements {
            Some(_) => Err(de::Error::missing_field(self.key)),
            None => Ok(()),
        }
    }
}
