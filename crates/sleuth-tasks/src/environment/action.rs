//! What a policy can do in an environment.

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::{Value, json};
use sleuth_records::ToolSpec;

/// Longest query, pattern, name or answer, in bytes. A longer one is no valid action.
pub const LONGEST_ARGUMENT: usize = 4096;
/// Most citations of an answer.
const MOST_CITATIONS: usize = 32;
/// Of words that are no valid action, what the transcript keeps, in characters.
const KEPT_OF_INVALID: usize = 400;

/// One action of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Find passages.
    Search {
        /// The words to look for.
        query: String,
    },
    /// Show more of a document.
    Open {
        /// Its name in the results, such as `d2`, or its id.
        document: String,
        /// Line to start at, from 1; absent for the beginning.
        at: Option<u64>,
    },
    /// Show where words stand in a document.
    Find {
        /// As for [`Action::Open`].
        document: String,
        /// The words, whatever their case.
        pattern: String,
    },
    /// End the episode.
    Answer {
        /// The short answer; empty or `not found` where there is none.
        text: String,
        /// Names of the passages that state it, such as `e3`.
        citations: Vec<String>,
    },
    /// No action: the policy is told what was expected.
    Invalid {
        /// What it said, shortened.
        said: String,
        /// What was expected.
        expected: String,
    },
}

impl Action {
    /// The action that a call of a tool is; [`Action::Invalid`] where it is none.
    pub fn of_call(name: &str, arguments: &Value) -> Self {
        let said = || json!({ "name": name, "arguments": arguments }).to_string();
        let text = |key: &str| match arguments.get(key) {
            Some(Value::String(text)) if text.len() > LONGEST_ARGUMENT => {
                Err(format!("at most {LONGEST_ARGUMENT} bytes in `{key}`"))
            }
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) | None => Err(format!("a text for `{key}`")),
        };
        let action = match name {
            "search" => text("query").map(|query| Self::Search { query }),
            "open" => text("document").and_then(|document| {
                let at = match arguments.get("line") {
                    None | Some(Value::Null) => None,
                    Some(at) => Some(at.as_u64().ok_or("a number from 1 on for `line`")?),
                };
                Ok(Self::Open { document, at })
            }),
            "find" => text("document")
                .and_then(|document| Ok(Self::Find { document, pattern: text("pattern")? })),
            "answer" => text("answer").and_then(|answer| {
                Ok(Self::Answer { text: answer, citations: citations(arguments)? })
            }),
            _ => Err("one of the tools `search`, `open`, `find` and `answer`".to_owned()),
        };
        action.unwrap_or_else(|expected| Self::invalid(&said(), expected))
    }

    /// No action: `said` is kept shortened.
    pub fn invalid(said: &str, expected: impl Into<String>) -> Self {
        let said = said.chars().take(KEPT_OF_INVALID).collect();
        Self::Invalid { said, expected: expected.into() }
    }

    /// The action as a transcript keeps it: a call as one line of JSON, or the words that were none.
    pub fn as_line(&self) -> String {
        #[derive(Serialize)]
        struct Call<'a> {
            name: &'a str,
            arguments: Arguments<'a>,
        }
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Arguments<'a> {
            Search {
                query: &'a str,
            },
            Open {
                document: &'a str,
                #[serde(skip_serializing_if = "Option::is_none")]
                line: Option<u64>,
            },
            Find {
                document: &'a str,
                pattern: &'a str,
            },
            Answer {
                answer: &'a str,
                citations: &'a [String],
            },
        }
        let (name, arguments) = match self {
            Self::Search { query } => ("search", Arguments::Search { query }),
            Self::Open { document, at } => ("open", Arguments::Open { document, line: *at }),
            Self::Find { document, pattern } => ("find", Arguments::Find { document, pattern }),
            Self::Answer { text, citations } => {
                ("answer", Arguments::Answer { answer: text, citations })
            }
            Self::Invalid { said, .. } => return said.clone(),
        };
        // Texts and a number: nothing that JSON could not say.
        serde_json::to_string(&Call { name, arguments }).unwrap_or_default()
    }
}

fn citations(arguments: &Value) -> Result<Vec<String>, String> {
    let expected = || "a list of names such as `e3` for `citations`".to_owned();
    match arguments.get("citations") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(names)) if names.len() <= MOST_CITATIONS => names
            .iter()
            .map(|name| match name.as_str() {
                Some(name) if name.len() <= 64 => {
                    Ok(name.trim_matches(['⟦', '⟧', '[', ']', ' ']).to_owned())
                }
                Some(_) | None => Err(expected()),
            })
            .collect(),
        Some(_) => Err(expected()),
    }
}

/// The tools of an environment, as a model is told of them. Each is an [`Action`].
pub fn environment_tools() -> &'static [ToolSpec] {
    static TOOLS: LazyLock<[ToolSpec; 4]> = LazyLock::new(tools);
    &*TOOLS
}

fn tools() -> [ToolSpec; 4] {
    let tool = |name: &str, description: &str, parameters: Value| ToolSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters,
    };
    let document = json!({
        "type": "string",
        "description": "name of a document in the results, such as d2"
    });
    [
        tool(
            "search",
            "Finds passages. Gives the best ones with their names.",
            json!({
                "type": "object",
                "properties": {
                    "query": { "type": "string", "description": "words to look for" }
                },
                "required": ["query"],
            }),
        ),
        tool(
            "open",
            "Shows more of a document.",
            json!({
                "type": "object",
                "properties": {
                    "document": document,
                    "line": { "type": "integer", "description": "line to start at" }
                },
                "required": ["document"],
            }),
        ),
        tool(
            "find",
            "Shows where words stand in a document.",
            json!({
                "type": "object",
                "properties": {
                    "document": document,
                    "pattern": {
                        "type": "string", "description": "words to find, exactly as written"
                    }
                },
                "required": ["document", "pattern"],
            }),
        ),
        tool(
            "answer",
            "Gives the answer and ends the task.",
            json!({
                "type": "object",
                "properties": {
                    "answer": {
                        "type": "string", "description": "the short answer, or: not found"
                    },
                    "citations": {
                        "type": "array",
                        "items": { "type": "string" },
                        "description": "names of the passages that state it, such as e3"
                    }
                },
                "required": ["answer"],
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_calls() {
        let call = |name: &str, arguments: Value| {
            let action = Action::of_call(name, &arguments);
            let line: Value = serde_json::from_str(&action.as_line()).unwrap();
            assert_eq!(line, json!({ "name": name, "arguments": arguments }));
        };
        call("search", json!({ "query": "\"a\"\nb" }));
        call("open", json!({ "document": "d1" }));
        call("open", json!({ "document": "d1", "line": 7 }));
        call("find", json!({ "document": "d1", "pattern": "x" }));
        call("answer", json!({ "answer": "x", "citations": ["e1"] }));
        assert_eq!(Action::invalid("what?", "a call").as_line(), "what?");
    }
}
