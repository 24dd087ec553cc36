//! Questions, and the query files of the BEIR layout.

use std::collections::HashMap;
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
    /// Two lines have one id, so that their results could not be told apart.
    #[error("line {line} of `{}` has the query id `{id}` again, after line {first}", path.display())]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// Number of the line that had it first.
        first: usize,
        /// The id.
        id: String,
    },
}

/// Reads a BEIR `queries.jsonl`, in its order; fields other than `_id` and `text` are passed over.
///
/// # Errors
/// When the file cannot be read, a line is not a query, or two lines have the same id.
pub fn read_queries(path: &Path) -> Result<Vec<BeirQuery>, BeirError> {
    let bytes = fs_err::read(path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut queries: Vec<BeirQuery> = Vec::new();
    let mut lines: HashMap<String, usize> = HashMap::new();
    for (at, text) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let (path, line) = (path.to_owned(), at + 1);
        let query: BeirQuery = match serde_json::from_slice(text) {
            Ok(query) => query,
            Err(source) => return Err(BeirError::Malformed { path, line, source }),
        };
        if let Some(first) = lines.insert(query.id.clone(), line) {
            return Err(BeirError::Duplicate { path, line, first, id: query.id });
        }
        queries.push(query);
    }
    Ok(queries)
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
    #[test]
    fn bad_query_files_name_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("queries.jsonl");
        let check = |bytes: &[u8], part: &str| {
            fs_err::write(&path, bytes).unwrap();
            let error = read_queries(&path).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        let good = "{\"_id\":\"1\",\"text\":\"who?\"}\n";
        check(format!("{good}{good}").as_bytes(), "line 2 of");
        check(format!("{good}\n{good}").as_bytes(), "query id `1` again, after line 1");
        check(format!("{good}{{\"_id\":2,\"text\":\"who?\"}}\n").as_bytes(), "malformed line 2");
        check(format!("{good}[]\n").as_bytes(), "malformed line 2");
        check(b"{\"_id\":\"1\",\"text\":\"\xff\"}\n", "malformed line 1");
    }
}
