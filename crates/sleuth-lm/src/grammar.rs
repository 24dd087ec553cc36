//! Holding a model to one valid tool call.
//!
//! The tools become one JSON schema, an alternative for each:
//!
//! ```text
//! {"tool": "search", "arguments": …its own schema…}
//! ```
//!
//! with one space after `:` and `,` and no other white space. llguidance turns the schema into a
//! grammar that says, after every token, which tokens may come next.
//!
//! A grammar alone gives a valid call only if the model gets to its end, and a small model can write
//! a string for ever. So [`CallGuide`] carries, beside the grammar's state, a *closing*: tokens that
//! end the call validly from here. A sampled token is taken only if a closing still fits in what is
//! left of the reply after it; if not, the closing of the state before is written and the call is
//! whole. So every call is valid JSON of the asked form, whatever the limit, as long as the limit
//! admits the shortest call at all. [`CallGuide::new`] says when it does not.
//!
//! A closing is found by a greedy walk over the grammar: forced tokens where there are any,
//! otherwise whatever closes the innermost string, array or object soonest.

use llguidance::{Matcher, ParserFactory, api::TopLevelGrammar};
use serde_json::{Map, Value, json};
use sleuth_records::ToolSpec;
use toktrie::{SimpleVob, TokEnv, TokenId};

/// How many `$ref` steps deep a schema is followed; a schema that refers to itself is cut there.
const DEEPEST_REFERENCE: usize = 8;
/// Longest closing that is searched for, in tokens.
const LONGEST_CLOSING: usize = 512;
/// From how many tokens before the limit on the closing is kept up to date, beside twice the longest
/// of the tools' shortest calls. A single token can lengthen the closing by the required parts of
/// whatever it opens, and those are parts of such a call or of an optional part of about its size.
const NEAR_LIMIT: usize = 96;

/// The schema of one call of one of `tools`.
pub(crate) fn call_schema(tools: &[ToolSpec]) -> Value {
    let alternatives: Vec<Value> = tools
        .iter()
        .map(|tool| {
            json!({
                "type": "object",
                "properties": {
                    "tool": {"const": tool.name},
                    "arguments": closed(&tool.parameters, &tool.parameters, 0),
                },
                "required": ["tool", "arguments"],
                "additionalProperties": false,
            })
        })
        .collect();
    json!({
        "anyOf": alternatives,
        "x-guidance": {
            "whitespace_flexible": false,
            "item_separator": ", ",
            "key_separator": ": ",
            // Without `\u`: a model has no use for it, and half a surrogate pair is not text.
            "json_allowed_escapes": "nrbtf\"\\",
        },
    })
}

/// The schema with its local references written out and its objects closed to further properties,
/// and without the words that only describe.
fn closed(schema: &Value, root: &Value, depth: usize) -> Value {
    let Value::Object(object) = schema else {
        return schema.clone();
    };
    if let Some(Value::String(reference)) = object.get("$ref") {
        let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return match target {
            Some(target) if depth < DEEPEST_REFERENCE => closed(target, root, depth + 1),
            Some(_) | None => json!({"type": "null"}),
        };
    }
    let mut out = Map::new();
    for (key, value) in object {
        let value = match (key.as_str(), value) {
            ("description" | "title" | "examples" | "default" | "$defs" | "definitions", _)
            | ("$schema", _) => continue,
            ("properties", Value::Object(properties)) => Value::Object(
                properties
                    .iter()
                    .map(|(name, of)| (name.clone(), closed(of, root, depth)))
                    .collect(),
            ),
            ("items" | "additionalProperties", of) => closed(of, root, depth),
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(of)) => {
                Value::Array(of.iter().map(|of| closed(of, root, depth)).collect())
            }
            (_, value) => value.clone(),
        };
        out.insert(key.clone(), value);
    }
    if out.contains_key("properties") {
        out.entry("type").or_insert_with(|| "object".into());
        out.entry("additionalProperties").or_insert(Value::Bool(false));
    }
    Value::Object(out)
}

/// The grammar of some tools over one vocabulary.
pub(crate) struct Grammar {
    matcher: Matcher,
    /// Tokens of the shortest call of any tool.
    shortest: Vec<TokenId>,
    /// From how many tokens before the limit on a guide keeps its closing up to date.
    near: usize,
}

impl Grammar {
    /// Builds the grammar.
    pub(crate) fn new(factory: &ParserFactory, tools: &[ToolSpec]) -> Result<Self, GuideError> {
        let matcher = matcher(factory, tools)?;
        let mut shortest: Option<Vec<TokenId>> = None;
        let mut longest = 0;
        for tool in tools {
            let mut alone = self::matcher(factory, std::slice::from_ref(tool))?;
            let call = closing(&mut alone, factory.tok_env(), &[])?;
            longest = longest.max(call.len());
            if shortest.as_ref().is_none_or(|other| call.len() < other.len()) {
                shortest = Some(call);
            }
        }
        let shortest = shortest.ok_or_else(|| GuideError::Grammar("no tool".to_owned()))?;
        Ok(Self { matcher, shortest, near: NEAR_LIMIT + 2 * longest })
    }
}

fn matcher(factory: &ParserFactory, tools: &[ToolSpec]) -> Result<Matcher, GuideError> {
    let grammar = TopLevelGrammar::from_json_schema(call_schema(tools));
    let parser = factory.create_parser(grammar).map_err(|error| {
        GuideError::Grammar(error.to_string().lines().next().unwrap_or_default().to_owned())
    })?;
    Ok(Matcher::new(Ok(parser)))
}

/// Why a call cannot be held to the grammar.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum GuideError {
    /// The shortest call has this many tokens.
    LimitTooLow(usize),
    /// The grammar gave up, in llguidance's words.
    Grammar(String),
}

/// One call while it is written.
pub(crate) struct CallGuide {
    matcher: Matcher,
    trie: TokEnv,
    written: Vec<TokenId>,
    limit: usize,
    /// Tokens that end the call from here; `None` while the limit is far.
    closing: Option<Vec<TokenId>>,
    near: usize,
    finished: bool,
}

impl CallGuide {
    /// A call of at most `limit` tokens.
    pub(crate) fn new(grammar: &Grammar, limit: usize) -> Result<Self, GuideError> {
        let Grammar { matcher, shortest, near } = grammar;
        if shortest.len() > limit {
            return Err(GuideError::LimitTooLow(shortest.len()));
        }
        let matcher = matcher.deep_clone();
        let trie = matcher.tok_env().map_err(|error| GuideError::Grammar(error.to_string()))?;
        let closing = (limit <= *near).then(|| shortest.clone());
        Ok(Self {
            matcher,
            trie,
            written: Vec::new(),
            limit,
            closing,
            near: *near,
            finished: false,
        })
    }

    /// Whether the call is whole.
    pub(crate) fn finished(&self) -> bool {
        self.finished
    }

    /// The tokens so far.
    pub(crate) fn written(&self) -> &[TokenId] {
        &self.written
    }

    /// The text so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.trie.tok_trie().decode(&self.written)).into_owned()
    }

    /// Writes the tokens that are the only way on; tells how many.
    pub(crate) fn write_forced(&mut self) -> Result<usize, GuideError> {
        let before = self.written.len();
        while !self.finished {
            let forced = self.matcher.compute_ff_tokens();
            if forced.is_empty() {
                break;
            }
            for token in forced {
                if self.finished {
                    break;
                }
                self.write(token)?;
            }
        }
        Ok(self.written.len() - before)
    }

    /// The tokens that may come next.
    pub(crate) fn allowed(&mut self) -> Result<SimpleVob, GuideError> {
        self.matcher.compute_mask().map_err(|_| self.gave_up())
    }

    /// Writes `token`, one of the allowed, or the closing where the token would lead too far.
    pub(crate) fn write(&mut self, token: TokenId) -> Result<(), GuideError> {
        let left = self.limit - self.written.len();
        if self.closing.is_none() && left <= self.near {
            let now = closing(&mut self.matcher.deep_clone(), &self.trie, &self.written)?;
            if now.len() > left {
                return Err(GuideError::LimitTooLow(self.written.len() + now.len()));
            }
            self.closing = Some(now);
        }
        let Some(now) = &self.closing else {
            self.matcher.consume_token(token).map_err(|_| self.gave_up())?;
            self.written.push(token);
            self.finished = whole(&mut self.matcher);
            return Ok(());
        };

        let mut next = self.matcher.deep_clone();
        next.consume_token(token).map_err(|_| self.gave_up())?;
        self.written.push(token);
        let still = now.strip_prefix(&[token]).unwrap_or(now);
        let then = if ends(&mut next, still) {
            Some(still.to_vec())
        } else {
            closing(&mut next.deep_clone(), &self.trie, &self.written).ok()
        };
        match then {
            Some(then) if then.len() < left => {
                self.closing = Some(then);
                self.matcher = next;
                self.finished = whole(&mut self.matcher);
            }
            Some(_) | None => {
                self.written.pop();
                self.written.extend(now);
                self.finished = true;
            }
        }
        Ok(())
    }

    fn gave_up(&self) -> GuideError {
        let reason = self.matcher.get_error().unwrap_or_else(|| "no reason given".to_owned());
        GuideError::Grammar(reason.lines().next().unwrap_or_default().to_owned())
    }
}

/// Whether the call is complete. The schema is one object, so what is complete cannot go on.
fn whole(matcher: &mut Matcher) -> bool {
    matcher.is_stopped() || matcher.is_accepting().unwrap_or(false)
}

/// Whether these tokens, no fewer and no more, complete the call.
fn ends(matcher: &mut Matcher, tokens: &[TokenId]) -> bool {
    if whole(matcher) {
        return tokens.is_empty();
    }
    // Asking first is cheap, and most closings hold or fail there.
    if !matcher.validate_tokens(tokens).is_ok_and(|n| n == tokens.len()) {
        return false;
    }
    let mut trial = matcher.deep_clone();
    tokens.iter().all(|&token| !whole(&mut trial) && trial.consume_token(token).is_ok())
        && whole(&mut trial)
}

/// Tokens that complete the call after `written`, few if not always fewest; `matcher` is used up.
fn closing(
    matcher: &mut Matcher,
    env: &TokEnv,
    written: &[TokenId],
) -> Result<Vec<TokenId>, GuideError> {
    let trie = env.tok_trie();
    let mut lexer = Lexer::default();
    lexer.read(&trie.decode(written));
    let inside: Vec<TokenId> = ["\"}}", "\"}", "\"", "0", "a"]
        .iter()
        .filter_map(|text| trie.token_id(text.as_bytes()))
        .collect();
    let outside: Vec<TokenId> = ["}}", "}", "]", "\"", "0"]
        .iter()
        .filter_map(|text| trie.token_id(text.as_bytes()))
        .collect();

    let mut tokens = Vec::new();
    while !whole(matcher) {
        if tokens.len() > LONGEST_CLOSING {
            return Err(GuideError::LimitTooLow(tokens.len()));
        }
        let forced = matcher.compute_ff_tokens();
        let next = if forced.is_empty() {
            let mask =
                matcher.compute_mask().map_err(|error| GuideError::Grammar(error.to_string()))?;
            let wanted = if lexer.in_string { &inside } else { &outside };
            let token = wanted.iter().copied().find(|&token| mask.is_allowed(token));
            let first = || mask.first_bit_set().and_then(|at| TokenId::try_from(at).ok());
            let token = token
                .or_else(first)
                .ok_or_else(|| GuideError::Grammar("the grammar admits no token".to_owned()))?;
            vec![token]
        } else {
            forced
        };
        for token in next {
            if whole(matcher) {
                break;
            }
            matcher.consume_token(token).map_err(|error| GuideError::Grammar(error.to_string()))?;
            lexer.read(trie.token(token));
            tokens.push(token);
        }
    }
    Ok(tokens)
}

/// Knows whether a stretch of JSON ends inside a string.
#[derive(Default)]
struct Lexer {
    in_string: bool,
    escaped: bool,
}

impl Lexer {
    fn read(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ => {}
            }
        }
    }
}

/// The call that a finished text states, or what is wrong with it.
pub(crate) fn parse_call(text: &str, tools: &[ToolSpec]) -> Result<(String, Value), String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("no JSON ({error})"))?;
    let Some(Value::String(name)) = value.get("tool") else {
        return Err("JSON without `tool`".to_owned());
    };
    if !tools.iter().any(|tool| tool.name == *name) {
        return Err(format!("the unknown tool `{name}`"));
    }
    match value.get("arguments") {
        Some(arguments @ Value::Object(_)) => Ok((name.clone(), arguments.clone())),
        Some(_) | None => Err("arguments that are no object".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use toktrie::ApproximateTokEnv;

    fn tools() -> Vec<ToolSpec> {
        let tool = |name: &str, parameters: Value| ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            parameters,
        };
        vec![
            tool(
                "search",
                json!({"type": "object", "properties": {"query": {"type": "string", "maxLength": 40}, "limit": {"type": "integer"}}, "required": ["query"]}),
            ),
            tool(
                "answer",
                json!({
                    "type": "object",
                    "$defs": {"Claim": {"properties": {"text": {"type": "string", "minLength": 3}, "evidence": {"type": "array", "items": {"type": "string"}, "minItems": 1}}, "required": ["text", "evidence"]}},
                    "properties": {
                        "status": {"enum": ["found", "not_found"]},
                        "claims": {"type": "array", "items": {"$ref": "#/$defs/Claim"}, "minItems": 1},
                        "sure": {"type": "boolean"},
                    },
                    "required": ["status", "claims", "sure"],
                }),
            ),
        ]
    }

    fn grammar(tools: &[ToolSpec]) -> Grammar {
        let env = ApproximateTokEnv::single_byte_env();
        Grammar::new(&ParserFactory::new_simple(&env).unwrap(), tools).unwrap()
    }

    #[test]
    fn the_schema_that_models_are_held_to() {
        expect![[r#"
            {
              "anyOf": [
                {
                  "type": "object",
                  "properties": {
                    "tool": {
                      "const": "search"
                    },
                    "arguments": {
                      "type": "object",
                      "properties": {
                        "query": {
                          "type": "string",
                          "maxLength": 40
                        },
                        "limit": {
                          "type": "integer"
                        }
                      },
                      "required": [
                        "query"
                      ],
                      "additionalProperties": false
                    }
                  },
                  "required": [
                    "tool",
                    "arguments"
                  ],
                  "additionalProperties": false
                },
                {
                  "type": "object",
                  "properties": {
                    "tool": {
                      "const": "answer"
                    },
                    "arguments": {
                      "type": "object",
                      "properties": {
                        "status": {
                          "enum": [
                            "found",
                            "not_found"
                          ]
                        },
                        "claims": {
                          "type": "array",
                          "items": {
                            "properties": {
                              "text": {
                                "type": "string",
                                "minLength": 3
                              },
                              "evidence": {
                                "type": "array",
                                "items": {
                                  "type": "string"
                                },
                                "minItems": 1
                              }
                            },
                            "required": [
                              "text",
                              "evidence"
                            ],
                            "type": "object",
                            "additionalProperties": false
                          },
                          "minItems": 1
                        },
                        "sure": {
                          "type": "boolean"
                        }
                      },
                      "required": [
                        "status",
                        "claims",
                        "sure"
                      ],
                      "additionalProperties": false
                    }
                  },
                  "required": [
                    "tool",
                    "arguments"
                  ],
                  "additionalProperties": false
                }
              ],
              "x-guidance": {
                "whitespace_flexible": false,
                "item_separator": ", ",
                "key_separator": ": ",
                "json_allowed_escapes": "nrbtf\"\\"
              }
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&call_schema(&tools())).unwrap());
    }

    #[test]
    fn every_limit_that_admits_a_call_gives_a_valid_one() {
        let tools = tools();
        let grammar = grammar(&tools);
        let Err(GuideError::LimitTooLow(shortest)) = CallGuide::new(&grammar, 1) else {
            panic!("a call of one byte");
        };
        let mut named = std::collections::BTreeSet::new();
        for limit in shortest..shortest + 140 {
            for seed in 0..3_u64 {
                let mut state = seed * 977 + limit as u64 + 1;
                let mut guide = CallGuide::new(&grammar, limit).unwrap();
                while !guide.finished() {
                    guide.write_forced().unwrap();
                    if guide.finished() {
                        break;
                    }
                    let allowed = guide.allowed().unwrap().to_list();
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let token = allowed[(state >> 33) as usize % allowed.len()];
                    guide.write(token).unwrap();
                }
                assert!(guide.written().len() <= limit, "{} of {limit}", guide.written().len());
                let (name, arguments) = parse_call(&guide.text(), &tools).unwrap();
                if name == "answer" {
                    assert!(arguments["claims"][0]["text"].as_str().unwrap().chars().count() >= 3);
                    assert!(arguments["sure"].is_boolean());
                } else {
                    assert!(arguments["query"].as_str().unwrap().chars().count() <= 40);
                }
                named.insert(name);
            }
        }
        assert_eq!(named.len(), 2, "both tools are reached");
    }

    #[test]
    fn a_limit_below_the_shortest_call_is_refused() {
        let tools = tools();
        let error = CallGuide::new(&grammar(&tools[..1]), 10).err().unwrap();
        assert_eq!(
            error,
            GuideError::LimitTooLow(r#"{"tool": "search", "arguments": {"query": ""}}"#.len())
        );
    }

    #[test]
    fn text_that_is_no_call_is_named() {
        let tools = tools();
        let check = |text: &str, expected: expect_test::Expect| {
            expected.assert_eq(&parse_call(text, &tools).unwrap_err());
        };
        check("{", expect!["no JSON (EOF while parsing an object at line 1 column 1)"]);
        check("[1]", expect!["JSON without `tool`"]);
        check(r#"{"tool": "fetch", "arguments": {}}"#, expect!["the unknown tool `fetch`"]);
        check(r#"{"tool": "search", "arguments": "x"}"#, expect!["arguments that are no object"]);
    }
}
