//! The price table: what remote models cost and how much they can read.
//!
//! The table is LiteLLM's `model_prices_and_context_window_backup.json`, read from a file that the
//! caller names; none comes with the program. Its keys are model names, often behind a provider's
//! name (`openrouter/deepseek/deepseek-chat`); its prices are US dollars for one token.

use std::{io::Read, path::Path, path::PathBuf};

use serde_json::{Map, Value};

use crate::Price;

/// Longest table in bytes after decompression.
const LONGEST_TABLE: u64 = 64 << 20;

/// What the table says of a model.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Listing {
    /// The key that matched.
    pub key: String,
    /// The price, where the table has one.
    pub price: Option<Price>,
    /// Tokens that a prompt may have, where the table says.
    pub context: Option<usize>,
}

/// A loaded price table.
#[derive(Clone, Debug)]
pub struct PriceTable {
    models: Map<String, Value>,
}

/// Why a price table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// The file cannot be read.
    #[error("cannot read the price table")]
    Read(#[source] std::io::Error),
    /// The file is no price table.
    #[error("`{path}` is no price table: expected a JSON object of models, found {found}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What was there.
        found: String,
    },
}

impl PriceTable {
    /// Reads a table; a file whose name ends in `.zst` is decompressed.
    ///
    /// # Errors
    /// When the file cannot be read or is no table.
    pub fn read(path: &Path) -> Result<Self, PriceError> {
        let file = fs_err::File::open(path).map_err(PriceError::Read)?;
        let mut bytes = Vec::new();
        if path.extension().is_some_and(|extension| extension == "zst") {
            let decoder = zstd::Decoder::new(file).map_err(PriceError::Read)?;
            decoder.take(LONGEST_TABLE).read_to_end(&mut bytes).map_err(PriceError::Read)?;
        } else {
            file.take(LONGEST_TABLE).read_to_end(&mut bytes).map_err(PriceError::Read)?;
        }
        let format = |found| PriceError::Format { path: path.to_owned(), found };
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(models)) => Ok(Self { models }),
            Ok(_) => Err(format("other JSON".to_owned())),
            Err(error) => Err(format(format!("no JSON ({error})"))),
        }
    }

    /// Models in the table.
    #[must_use]
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Whether the table is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// Looks `model` up: as it is, then without the providers before its slashes one by one, then
    /// behind one provider. Of several keys behind a provider the shortest wins, then the first in
    /// the alphabet. Letter case is ignored where the exact name is not there.
    #[must_use]
    pub fn find(&self, model: &str) -> Option<Listing> {
        let mut name = model;
        loop {
            if let Some(entry) = self.models.get(name) {
                return Some(listing(name, entry));
            }
            let Some((_, rest)) = name.split_once('/') else {
                break;
            };
            name = rest;
        }
        let wanted = model.to_lowercase();
        let last = format!("/{}", name.to_lowercase());
        let key = self
            .models
            .keys()
            .filter(|key| {
                let key = key.to_lowercase();
                key == wanted || key.ends_with(&last)
            })
            .min_by_key(|key| (key.len(), key.as_str()))?;
        self.models.get(key).map(|entry| listing(key, entry))
    }
}

fn listing(key: &str, entry: &Value) -> Listing {
    let number = |name: &str| entry.get(name).and_then(Value::as_f64);
    let price = number("input_cost_per_token").zip(number("output_cost_per_token")).map(
        |(prompt_token, completion_token)| Price {
            prompt_token,
            cached_token: number("cache_read_input_token_cost").unwrap_or(prompt_token),
            completion_token,
        },
    );
    let tokens = |name: &str| entry.get(name).and_then(Value::as_u64);
    let context = tokens("max_input_tokens").or_else(|| tokens("max_tokens"));
    Listing { key: key.to_owned(), price, context: context.and_then(|n| usize::try_from(n).ok()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const TABLE: &str = r#"{
        "gpt-x": {"input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6, "cache_read_input_token_cost": 5e-7, "max_input_tokens": 100000, "max_tokens": 4096},
        "openrouter/deep/Seek-V9": {"input_cost_per_token": 1e-7, "output_cost_per_token": 2e-7, "max_tokens": 64000},
        "azure/gpt-y": {"mode": "embedding"}
    }"#;

    fn table(name: &str, bytes: &[u8]) -> Result<PriceTable, PriceError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        PriceTable::read(&path)
    }

    #[test]
    fn a_model_is_found_exactly_and_behind_providers() {
        let table = table("t.json", TABLE.as_bytes()).unwrap();
        let check = |model: &str, expected: Expect| {
            let found = table.find(model).map(|of| serde_json::to_string(&of).unwrap());
            expected.assert_eq(found.as_deref().unwrap_or("none"));
        };
        check(
            "gpt-x",
            expect![[
                r#"{"key":"gpt-x","price":{"prompt_token":2e-6,"cached_token":5e-7,"completion_token":8e-6},"context":100000}"#
            ]],
        );
        check(
            "openai/gpt-x",
            expect![[
                r#"{"key":"gpt-x","price":{"prompt_token":2e-6,"cached_token":5e-7,"completion_token":8e-6},"context":100000}"#
            ]],
        );
        check(
            "seek-v9",
            expect![[
                r#"{"key":"openrouter/deep/Seek-V9","price":{"prompt_token":1e-7,"cached_token":1e-7,"completion_token":2e-7},"context":64000}"#
            ]],
        );
        check("gpt-y", expect![[r#"{"key":"azure/gpt-y","price":null,"context":null}"#]]);
        check("gpt", expect!["none"]);
    }

    #[test]
    fn a_compressed_table_is_read() {
        let packed = zstd::encode_all(TABLE.as_bytes(), 3).unwrap();
        assert_eq!(table("t.json.zst", &packed).unwrap().len(), 3);
    }

    #[test]
    fn a_file_that_is_no_table_is_named() {
        let text = |bytes: &[u8]| {
            let text = table("t.json", bytes).unwrap_err().to_string();
            text[text.find("` is").unwrap()..].to_owned()
        };
        expect!["` is no price table: expected a JSON object of models, found other JSON"]
            .assert_eq(&text(b"[]"));
        expect!["` is no price table: expected a JSON object of models, found no JSON (EOF while parsing an object at line 1 column 1)"].assert_eq(&text(b"{"));
    }
}
