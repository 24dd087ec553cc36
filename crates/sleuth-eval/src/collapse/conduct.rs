//! What a policy did in one rollout, read off its text.
//!
//! Trainers log a rollout as one text, in which what the model wrote and what tools answered follow
//! each other. Three ways of writing are known:
//!
//! ```text
//! <search> words </search>  <information> … </information>  <answer> … </answer>      Search-R1, SkyRL
//! <tool_call>{"name": "search", "arguments": {"query": "words"}}</tool_call>
//! <tool_response> … </tool_response>                                                   verl, Qwen, TRL
//! [{"role": "assistant", "tool_calls": […]}, {"role": "tool", "content": "…"}, …]     TRL, as messages
//! ```
//!
//! Text of tools is cut out first: a document may hold any of these marks, and what it holds is not
//! what the policy did. What lies between two tools is a turn, and a turn is an action: valid when it
//! holds a whole call or a whole answer, invalid when a mark is left open, a query is empty, or a call
//! is not JSON. `<think>` blocks are thoughts and no actions. The sentence by which Search-R1's
//! environment tells a model of an invalid action belongs to the environment.

use serde_json::Value;

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Conduct {
    /// Queries of searches, in order.
    pub(crate) queries: Vec<String>,
    /// Turns: each is one action, valid or not.
    pub(crate) actions: usize,
    /// Those that were no valid action.
    pub(crate) invalid: usize,
    /// Results of tools.
    pub(crate) results: usize,
    /// Those that hold nothing, or an error.
    pub(crate) empty: usize,
}

/// Marks around what a tool answered.
const OF_TOOLS: [(&str, &str); 4] = [
    ("<information>", "</information>"),
    ("<tool_response>", "</tool_response>"),
    ("<result>", "</result>"),
    ("<observation>", "</observation>"),
];
/// How Search-R1's environment speaks of an action that it cannot read.
const REPROACH: (&str, &str) = ("My previous action is invalid.", "Let me try again.");
/// Marks of chat templates, which are no words of anybody.
const TEMPLATE: [&str; 6] =
    ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<s>", "</s>"];

impl Conduct {
    /// Reads a transcript that begins with the policy's words. `wants_tag` says whether the prompt
    /// asked for the answer between `<answer>` and `</answer>`; else a last turn of plain words is
    /// one.
    pub(crate) fn of_text(text: &str, wants_tag: bool) -> Self {
        let mut conduct = Self::default();
        let parts = parts(text);
        let last = parts.iter().rposition(|part| matches!(part, Part::Said(_)));
        for (at, part) in parts.iter().enumerate() {
            match part {
                Part::Said(said) => conduct.turn(said, Some(at) == last, wants_tag),
                Part::Tool(content) => conduct.result(content),
                Part::Reproach => {}
            }
        }
        conduct
    }

    /// Reads messages with roles.
    pub(crate) fn of_messages(messages: &[Value], wants_tag: bool) -> Self {
        let mut conduct = Self::default();
        let is_said = |message: &Value| message["role"] == "assistant";
        let last = messages.iter().rposition(is_said);
        for (at, message) in messages.iter().enumerate() {
            let content = content_of(message);
            match message["role"].as_str() {
                Some("assistant") => {
                    let calls = message["tool_calls"].as_array().filter(|calls| !calls.is_empty());
                    match calls {
                        Some(calls) => conduct.calls(calls),
                        None => conduct.turn(&content, Some(at) == last, wants_tag),
                    }
                }
                Some("tool" | "function") => conduct.result(&content),
                // Environments without tool messages answer in the place of the person.
                Some("user") if at > 0 => {
                    let mut inner = parts(&content).into_iter();
                    if let Some(Part::Tool(found)) = inner.find(|p| matches!(p, Part::Tool(_))) {
                        conduct.result(found);
                    }
                }
                _ => {}
            }
        }
        conduct
    }

    fn calls(&mut self, calls: &[Value]) {
        self.actions += 1;
        let mut is_valid = true;
        for call in calls {
            let function = if call["function"].is_object() { &call["function"] } else { call };
            is_valid &= self.call(function);
        }
        self.invalid += usize::from(!is_valid);
    }

    /// Takes a call of the shape `{name, arguments}`; returns whether it is one.
    fn call(&mut self, call: &Value) -> bool {
        let Some(name) = call["name"].as_str() else { return false };
        let arguments = &call["arguments"];
        let parsed = match arguments.as_str() {
            Some(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            None => arguments.clone(),
        };
        if !parsed.is_object() {
            return false;
        }
        let name = name.to_ascii_lowercase();
        if !["search", "retriev", "find_page", "query"].iter().any(|word| name.contains(word)) {
            return true;
        }
        let mut queries: Vec<String> = Vec::new();
        for key in ["query", "queries", "query_list", "q"] {
            let value = &parsed[key];
            let many = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            queries.extend(many.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        queries.retain(|query| !query.trim().is_empty());
        let is_valid = !queries.is_empty();
        self.queries.extend(queries);
        is_valid
    }

    fn turn(&mut self, said: &str, is_last: bool, wants_tag: bool) {
        let said = without_thoughts(said);
        let mut rest = said.as_str();
        let (mut n_good, mut n_bad) = (0, 0);
        // The earliest mark first, so that each is read once and in order.
        while let Some((at, mark)) = first_mark(rest) {
            let after = &rest[at + mark.len() + 2..];
            let closing = format!("</{mark}>");
            let Some(end) = after.find(&closing) else {
                n_bad += 1;
                break;
            };
            let inner = after[..end].trim();
            let is_good = match mark {
                "search" => {
                    if !inner.is_empty() {
                        self.queries.push(inner.to_owned());
                    }
                    !inner.is_empty()
                }
                "tool_call" => serde_json::from_str(inner).is_ok_and(|call| self.call(&call)),
                _ => true,
            };
            n_good += usize::from(is_good);
            n_bad += usize::from(!is_good);
            rest = &after[end + closing.len()..];
        }
        let has_words = said.chars().any(char::is_alphanumeric);
        if n_good + n_bad == 0 && !has_words && !is_last {
            return;
        }
        self.actions += 1;
        let is_plain_answer = n_good + n_bad == 0 && is_last && has_words && !wants_tag;
        self.invalid += usize::from(n_bad > 0 || (n_good == 0 && !is_plain_answer));
    }

    fn result(&mut self, content: &str) {
        self.results += 1;
        self.empty += usize::from(is_empty_result(content));
    }
}

enum Part<'a> {
    Said(String),
    Tool(&'a str),
    Reproach,
}

/// Cuts a transcript at what tools and the environment said.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    loop {
        let tools =
            OF_TOOLS.iter().filter_map(|&(open, close)| Some((rest.find(open)?, open, close)));
        let reproach = rest.find(REPROACH.0).map(|at| (at, REPROACH.0, REPROACH.1));
        let Some((at, open, close)) = tools.chain(reproach).min_by_key(|&(at, ..)| at) else {
            out.push(Part::Said(said_in(rest)));
            return out;
        };
        out.push(Part::Said(said_in(&rest[..at])));
        let inner = &rest[at + open.len()..];
        // What is not closed was cut off by a limit of length.
        let (content, after) = match inner.find(close) {
            Some(end) => (&inner[..end], &inner[end + close.len()..]),
            None => (inner, ""),
        };
        out.push(if open == REPROACH.0 { Part::Reproach } else { Part::Tool(content) });
        rest = after;
    }
}

/// What the policy said, without the marks of chat templates and the names of roles behind them.
fn said_in(text: &str) -> String {
    let mut text = text.to_owned();
    for mark in TEMPLATE {
        text = text.replace(mark, "\n");
    }
    let is_role = |line: &&str| matches!(line.trim(), "user" | "assistant" | "tool" | "system");
    text.lines().filter(|line| !is_role(line)).collect::<Vec<_>>().join("\n")
}

fn without_thoughts(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("<think>") {
        out += &rest[..at];
        let Some(end) = rest[at..].find("</think>") else {
            // Never closed: thoughts up to the first action, if there is one.
            return out + &rest[at + "<think>".len()..];
        };
        rest = &rest[at + end + "</think>".len()..];
    }
    // A template may have opened the thoughts before the policy's first word.
    let closed = rest.find("</think>").filter(|_| out.is_empty() && !text.contains("<think>"));
    out + closed.map_or(rest, |at| &rest[at + "</think>".len()..])
}

fn first_mark(text: &str) -> Option<(usize, &'static str)> {
    let marks = ["search", "tool_call", "answer"];
    marks
        .into_iter()
        .filter_map(|mark| Some((text.find(&format!("<{mark}>"))?, mark)))
        .min_by_key(|&(at, _)| at)
}

/// The words of a message: its content is a text, or parts with a text each.
fn content_of(message: &Value) -> String {
    let content = &message["content"];
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    let parts = content.as_array().map(Vec::as_slice).unwrap_or_default();
    parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
}

/// Whether a result says nothing: blank, an empty list, or the words of a failure.
fn is_empty_result(content: &str) -> bool {
    let content = content.trim();
    if let Ok(value) = serde_json::from_str::<Value>(content) {
        return is_empty_value(&value);
    }
    let lower = content.to_lowercase();
    content.is_empty()
        || [
            "no results",
            "no result ",
            "no search results",
            "no documents",
            "nothing found",
            "error",
        ]
        .iter()
        .any(|words| lower.starts_with(words))
        || ["search error", "search failed", "failed to search", "request failed"]
            .iter()
            .any(|words| lower.contains(words) && lower.len() < 400)
}

fn is_empty_value(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => is_empty_result(text),
        Value::Array(items) => items.iter().all(is_empty_value),
        Value::Object(fields) => {
            let found = ["result", "results", "hits", "documents"].iter();
            match found.filter_map(|key| fields.get(*key)).next() {
                Some(inner) => is_empty_value(inner),
                None => fields.is_empty() || fields.contains_key("error"),
            }
        }
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(text: &str, wants_tag: bool, expected: (&[&str], usize, usize, usize, usize)) {
        let found = Conduct::of_text(text, wants_tag);
        let (queries, actions, invalid, results, empty) = expected;
        let expected = Conduct {
            queries: queries.iter().map(|&query| query.to_owned()).collect(),
            actions,
            invalid,
            results,
            empty,
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn search_tags() {
        check(
            "<think>who?</think><search> marrow point </search>\n\n<information>Doc 1(Title: \"M\") \
             Built 1911. <search>not mine</search></information>\n\n<think>so</think> \
             <answer>1911</answer>",
            true,
            (&["marrow point"], 2, 0, 1, 0),
        );
        // A mark in a thought is no action; one that is left open is an invalid one.
        check("<think>I could <search>x</search></think><search>lost", true, (&[], 1, 1, 0, 0));
        check("<search>  </search><information></information>", true, (&[], 2, 2, 1, 1));
        // No answer where one is asked for between marks, and where it is not.
        check("It was 1911.", true, (&[], 1, 1, 0, 0));
        check("It was 1911.", false, (&[], 1, 0, 0, 0));
    }

    #[test]
    fn the_environment_is_not_the_policy() {
        check(
            "I will look.\nMy previous action is invalid. If I want to search, I should put the query \
             between <search> and </search>. If I want to give the final answer, I should put the \
             answer between <answer> and </answer>. Let me try again.\n<answer>1911</answer>",
            true,
            (&[], 2, 1, 0, 0),
        );
    }

    #[test]
    fn tool_calls() {
        check(
            "<tool_call>\n{\"name\": \"search\", \"arguments\": {\"query_list\": [\"a\", \"b\"]}}\n\
             </tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\n{\"result\": \"\"}\n\
             </tool_response><|im_end|>\n<|im_start|>assistant\n<tool_call>{oops</tool_call><|im_end|>\n\
             <|im_start|>user\n<tool_response>Search error: 503</tool_response>\n\
             <|im_start|>assistant\nThe answer is b.",
            false,
            (&["a", "b"], 3, 1, 2, 2),
        );
    }

    #[test]
    fn messages() {
        let messages = [
            json!({"role": "assistant", "content": "", "tool_calls": [
                {"type": "function", "function": {"name": "search", "arguments": "{\"query\": \"a\"}"}}]}),
            json!({"role": "tool", "name": "search", "content": "A is B."}),
            json!({"role": "assistant", "tool_calls": [
                {"type": "function", "function": {"name": "search", "arguments": {}}}]}),
            json!({"role": "tool", "content": [{"type": "text", "text": "No results found."}]}),
            json!({"role": "assistant", "content": "B"}),
        ];
        let found = Conduct::of_messages(&messages, false);
        assert_eq!(found.queries, ["a"]);
        assert_eq!((found.actions, found.invalid, found.results, found.empty), (3, 1, 2, 1));
    }
}
