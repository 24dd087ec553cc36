//! Actions as clients write them.
//!
//! An action is an object whose keys say what it is:
//!
//! | keys | action |
//! |---|---|
//! | `query` | search |
//! | `document`, and `line` | open |
//! | `document`, `pattern` | find |
//! | `answer`, and `citations` | answer |
//! | `tool_name`, `arguments`, with `"type": "call_tool"` | whichever the tool is |
//! | `"type": "list_tools"` | none: it asks for the tools |
//!
//! `metadata` may stand beside them, as in OpenEnv. What it says of what the policy wrote goes into the
//! transcript: `text`, `tokens` (ids) and `log_probabilities`, as many as tokens; the rest of it is passed
//! over. Other keys are the mistake of a program and refused; a value of the wrong kind is that of a
//! policy, which is told so.

use serde_json::{Map, Value, json};
use sleuth_tasks::{Action, Sampled};

use crate::retrieval::kind;

/// What an object asks for.
pub(super) enum Wanted {
    /// To act.
    Act(Action, Sampled),
    /// To call a tool by this name.
    Call(String, Action, Sampled),
    /// To know the tools.
    ListTools,
}

/// An object that is no action of any form: what is wrong, as a list of `{type, loc, msg, input}`.
pub(super) struct NoAction(pub(super) Vec<Value>);

const FORMS: [(&str, &[&str], &[&str]); 4] = [
    ("search", &["query"], &[]),
    ("find", &["document", "pattern"], &[]),
    ("open", &["document"], &["line"]),
    ("answer", &["answer"], &["citations"]),
];

/// Reads an action.
pub(super) fn read(value: &Value) -> Result<Wanted, NoAction> {
    let fault = |kind: &str, at: &str, message: String, input: &Value| {
        NoAction(vec![json!({ "type": kind, "loc": [at], "msg": message, "input": input })])
    };
    let Some(fields) = value.as_object() else {
        let message = format!("expected an object, found {}", kind(value));
        return Err(fault("dict_type", "action", message, value));
    };
    let metadata = fields.get("metadata").unwrap_or(&Value::Null);
    let said = sampled(metadata)
        .map_err(|message| fault("value_error", "metadata", message, &shortened(metadata)))?;
    let has = |key: &str| fields.contains_key(key);
    match fields.get("type").and_then(Value::as_str) {
        Some("list_tools") => return only(fields, &["type"]).map(|()| Wanted::ListTools),
        Some("call_tool") => {
            only(fields, &["type", "tool_name", "arguments"])?;
            let Some(name) = fields.get("tool_name").and_then(Value::as_str) else {
                let message = "expected the name of a tool".to_owned();
                return Err(fault("missing", "tool_name", message, value));
            };
            let none = json!({});
            let arguments = fields.get("arguments").unwrap_or(&none);
            return Ok(Wanted::Call(name.to_owned(), Action::of_call(name, arguments), said));
        }
        Some(_) | None => {}
    }
    let form = FORMS.iter().find(|(_, needed, _)| needed.iter().all(|key| has(key)));
    let Some((name, needed, further)) = form else {
        let message = "expected `query`, `document`, `document` and `pattern`, or `answer`";
        return Err(fault("missing", "action", message.to_owned(), &shortened(value)));
    };
    let known: Vec<&str> = needed.iter().chain(*further).copied().collect();
    only(fields, &known)?;
    Ok(Wanted::Act(Action::of_call(name, value), said))
}

/// What metadata say of what the policy wrote.
pub(super) fn sampled(metadata: &Value) -> Result<Sampled, String> {
    fn list<T>(
        metadata: &Value,
        key: &str,
        what: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, String> {
        let list = match metadata.get(key) {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::Array(values)) => values.iter().map(read).collect(),
            Some(_) => None,
        };
        list.ok_or_else(|| format!("expected a list of {what} for `{key}`"))
    }
    let said = Sampled {
        text: metadata.get("text").and_then(Value::as_str).unwrap_or_default().to_owned(),
        tokens: list(metadata, "tokens", "token ids", |value| value.as_u64()?.try_into().ok())?,
        log_probabilities: list(metadata, "log_probabilities", "numbers", |value| {
            Some(value.as_f64()? as f32)
        })?,
    };
    let (tokens, found) = (said.tokens.len(), said.log_probabilities.len());
    if found > 0 && found != tokens {
        return Err(format!(
            "expected as many `log_probabilities` as tokens, {tokens}, found {found}"
        ));
    }
    Ok(said)
}

fn only(fields: &Map<String, Value>, known: &[&str]) -> Result<(), NoAction> {
    let extra = |key: &&String| *key != "metadata" && !known.contains(&key.as_str());
    let faults: Vec<Value> = fields
        .keys()
        .filter(extra)
        .map(|key| {
            json!({
                "type": "extra_forbidden",
                "loc": [key],
                "msg": "extra inputs are not permitted",
                "input": shortened(&fields[key]),
            })
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(NoAction(faults)) }
}

/// An input as it is repeated to its sender.
fn shortened(value: &Value) -> Value {
    const MOST: usize = 200;
    let text = value.to_string();
    if text.len() <= MOST {
        return value.clone();
    }
    Value::String(text.chars().take(MOST).collect())
}

/// JSON schema of an action.
pub(super) fn schema() -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    json!({
        "title": "SearchAction",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "query": text("search: words to look for"),
            "document": text("open, find: name of a document in the results, such as d2, or its id"),
            "line": { "type": "integer", "minimum": 1, "description": "open: line to start at" },
            "pattern": text("find: words to find in the document, exactly as written"),
            "answer": text("answer: the short answer, or: not found"),
            "citations": {
                "type": "array",
                "items": { "type": "string" },
                "description": "answer: names of the passages that state it, such as e3",
            },
            "type": { "enum": ["call_tool", "list_tools"] },
            "tool_name": text("call_tool: search, open, find or answer"),
            "arguments": { "type": "object", "description": "call_tool: its arguments" },
            "metadata": {
                "type": "object",
                "properties": {
                    "text": text("what the policy wrote beside the action"),
                    "tokens": { "type": "array", "items": { "type": "integer" } },
                    "log_probabilities": { "type": "array", "items": { "type": "number" } },
                },
            },
        },
    })
}
