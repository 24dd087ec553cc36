//! Questions, and the query files of the BEIR layout.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What a person asks. It carries no answer: whoever is given a `Question` cannot peek.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Question(String);

impl Question {
    /// The question with surrounding white space removed; `None` when nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The text as asked.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A line of a BEIR `queries.jsonl`: an id and a question, without whatever answers stand beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeirQuery {
    /// Query id, as judgements name it.
    #[serde(rename = "_id")]
    pub id: String,
    /// The question.
    pub text: String,
}

/// A query file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BeirError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A line is not a query.
    #[error(
        "malformed line {line} of `{}`: expected an object with `_id` and `text`",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
}

/// Reads a BEIR `queries.jsonl`; fields other than `_id` and `text` are passed over.
///
/// # Errors
/// When the file cannot be read or a line is not a query.
pub fn read_queries(path: &Path) -> Result<Vec<BeirQuery>, BeirError> {
    let text = fs_err::read_to_string(path)?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            serde_json::from_str(line).map_err(|source| BeirError::Malformed {
                path: path.to_owned(),
                line: at + 1,
                source,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_trimmed_and_never_empty() {
        assert_eq!(Question::new("  who? \n").unwrap().as_str(), "who?");
        assert_eq!(Question::new(" \t\n"), None);
    }

    #[test]
    fn answers_in_a_query_file_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("queries.jsonl");
        fs_err::write(&path, "{\"_id\":\"1\",\"text\":\"who?\",\"answers\":[\"me\"]}\n\n{}\n")
            .unwrap();
        let error = read_queries(&path).unwrap_err().to_string();
        assert!(error.contains("malformed line 3"), "{error}");
        fs_err::write(&path, "{\"_id\":\"1\",\"text\":\"who?\",\"answers\":[\"me\"]}\n").unwrap();
        let queries = read_queries(&path).unwrap();
        assert!(!serde_json::to_string(&queries).unwrap().contains("me"));
    }
}
