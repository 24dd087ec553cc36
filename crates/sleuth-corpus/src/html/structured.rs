//! Structured data of a page: JSON-LD, after schema.org.

use std::collections::HashSet;

use serde_json::Value;

use super::features::{fnv, split};
use super::reader::PageReader;
use crate::markdown::iso_date;

/// Most bytes of text taken from structured data.
const MAX_TEXT: usize = 256 << 10;

/// What the structured data of a page says.
#[derive(Debug, Default)]
pub(super) struct Structured {
    /// Type names in order of appearance.
    pub(super) types: Vec<String>,
    /// `articleBody` and the like, the longest first.
    pub(super) bodies: Vec<String>,
    /// `datePublished`.
    pub(super) published: Option<String>,
    text: usize,
    grams: HashSet<u64>,
}

impl Structured {
    /// Reads what the scripts of the page hold. What is no JSON is passed over.
    pub(super) fn of(page: &PageReader<'_>) -> Self {
        let mut found = Self::default();
        for data in &page.data {
            let data = data.trim().trim_start_matches("<!--").trim_end_matches("-->");
            // Line feeds stand raw in many strings.
            let value: Option<Value> = serde_json::from_str(data).ok().or_else(|| {
                serde_json::from_str(&data.replace(|c: char| c.is_control(), " ")).ok()
            });
            if let Some(value) = value {
                found.take(&value);
            }
        }
        found.bodies.sort_by_key(|body| std::cmp::Reverse(body.len()));
        found
    }

    fn take(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.take(value)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    match (key.as_str(), value) {
                        ("@type", Value::String(name)) => self.take_type(name),
                        ("@type", Value::Array(names)) => {
                            names
                                .iter()
                                .filter_map(Value::as_str)
                                .for_each(|name| self.take_type(name));
                        }
                        ("datePublished", Value::String(date)) => {
                            self.published = self.published.take().or_else(|| iso_date(date));
                        }
                        (
                            "articleBody" | "text" | "reviewBody" | "description",
                            Value::String(text),
                        ) => {
                            self.take_text(text, key == "articleBody");
                        }
                        (_, Value::Array(_) | Value::Object(_)) => self.take(value),
                        _ => {}
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn take_type(&mut self, name: &str) {
        let name = name.rsplit(['/', '#', ':']).next().unwrap_or(name);
        if self.types.len() < 16 && !self.types.iter().any(|known| known == name) {
            self.types.push(name.chars().take(64).collect());
        }
    }

    fn take_text(&mut self, text: &str, body: bool) {
        if self.text + text.len() > MAX_TEXT {
            return;
        }
        self.text += text.len();
        let lower = text.to_lowercase();
        let mut grams = [0u64; 4];
        for word in split(&lower) {
            grams.rotate_left(1);
            grams[3] = fnv(word);
            self.grams.insert(gram(&grams));
        }
        if body {
            self.bodies.push(text.to_owned());
        }
    }

    /// Whether these four words stand in its text, one after the other.
    pub(super) fn holds(&self, words: &[u64; 4]) -> bool {
        !self.grams.is_empty() && self.grams.contains(&gram(words))
    }
}

fn gram(words: &[u64; 4]) -> u64 {
    words
        .iter()
        .fold(0, |hash: u64, word| hash.rotate_left(13).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ word)
}
