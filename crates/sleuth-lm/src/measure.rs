//! How fast a model is on this machine, and whether it can do the one thing the agent needs.

use std::time::Instant;

use serde_json::json;
use sleuth_records::{Message, Role, ToolSpec};

use crate::{Cancel, LanguageModel, LmError, Reply, Request, TextEmbedder, ToolChoice};

/// Speed of a model.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Speed {
    /// Tokens of the prompt that was timed.
    pub prompt_tokens: u64,
    /// Prompt tokens evaluated in a second.
    pub prompt_tokens_per_second: f64,
    /// Tokens of the text that was timed.
    pub completion_tokens: u64,
    /// Tokens written in a second, after the prompt.
    pub completion_tokens_per_second: f64,
}

/// Speed of an embedder.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct EmbedSpeed {
    /// Passages of about 150 tokens that become vectors in a second, on all threads.
    pub passages_per_second: f64,
    /// Median of the seconds that a question of ten words takes, on one thread.
    pub query_seconds: f64,
}

/// The outcome of [`probe`].
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Probe {
    /// Name of the tool that the model called.
    pub tool: String,
    /// The query that it asked for.
    pub query: String,
    /// Seconds that the call took.
    pub seconds: f64,
}

/// Measures `model` with a prompt of about 500 tokens and a text of up to 32.
///
/// A remote model's figures include the way to the server.
///
/// # Errors
/// Those of the model's calls.
pub fn measure(model: &mut dyn LanguageModel, cancel: Cancel<'_>) -> Result<Speed, LmError> {
    // The first call makes the engine touch its weights, which may still be on disk.
    let warm = [Message::text(Role::User, "Hello.")];
    ask(model, &warm, 1, cancel)?;

    let long = "The ferry left the island at nine and reached the harbour before noon. ".repeat(32);
    let messages = [
        Message::text(Role::System, "You copy texts."),
        Message::text(Role::User, format!("{long}\n\nWrite the text above again, word by word.")),
    ];
    let begun = Instant::now();
    let first = ask(model, &messages, 1, cancel)?;
    let prompt_seconds = begun.elapsed().as_secs_f64();

    let begun = Instant::now();
    let second = ask(model, &messages, 32, cancel)?;
    let mut seconds = begun.elapsed().as_secs_f64();
    if second.tokens.cached_tokens == 0 {
        // Nothing was kept, so the second call has evaluated the prompt once more.
        seconds -= prompt_seconds;
    }
    let evaluated = first.tokens.prompt_tokens.saturating_sub(first.tokens.cached_tokens);
    Ok(Speed {
        prompt_tokens: evaluated,
        prompt_tokens_per_second: rate(evaluated, prompt_seconds),
        completion_tokens: second.tokens.completion_tokens,
        completion_tokens_per_second: rate(second.tokens.completion_tokens, seconds),
    })
}

/// Asks `model` for one tool call, as the agent will.
///
/// # Errors
/// Those of the model's call; [`LmError::MalformedReply`] where the call is not the one asked for.
pub fn probe(model: &mut dyn LanguageModel, cancel: Cancel<'_>) -> Result<Probe, LmError> {
    let tools = [ToolSpec {
        name: "search".to_owned(),
        description: "Finds passages in the store by their words.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "The words to look for.", "maxLength": 200},
            },
            "required": ["query"],
        }),
    }];
    let messages = [
        Message::text(
            Role::System,
            "You answer questions from documents. Search before you answer.",
        ),
        Message::text(Role::User, "When was the lighthouse of Marrow Point built?"),
    ];
    let request = Request {
        messages: &messages,
        tools: &tools,
        choice: ToolChoice::Call,
        max_tokens: 128,
        temperature: 0.0,
        seed: 0,
    };
    let begun = Instant::now();
    let reply = model.complete(&request, cancel)?;
    let seconds = begun.elapsed().as_secs_f64();
    let call = reply.message.tool_calls.first();
    let query = call.and_then(|call| call.arguments.get("query")).and_then(|query| query.as_str());
    match (call, query) {
        (Some(call), Some(query)) => {
            Ok(Probe { tool: call.name.clone(), query: query.to_owned(), seconds })
        }
        (_, _) => Err(LmError::MalformedReply {
            model: model.info().name.clone(),
            expected: "a call of `search` with a text `query`".to_owned(),
            found: call.map_or("no call".to_owned(), |call| format!("`{}`", call.arguments)),
        }),
    }
}

/// Measures `embedder` for about two seconds.
///
/// # Errors
/// Those of the embedder's calls.
pub fn measure_embedder(
    embedder: &TextEmbedder,
    cancel: Cancel<'_>,
) -> Result<EmbedSpeed, LmError> {
    let mut query = Vec::new();
    for n in 0..21 {
        let begun = Instant::now();
        embedder.embed_query(&format!("When did ferry {n} from the island reach the harbour?"))?;
        query.push(begun.elapsed().as_secs_f64());
    }
    query.sort_by(f64::total_cmp);

    let sentence = "The ferry left the island at nine and reached the harbour before noon. ";
    let passages: Vec<String> = (0..32).map(|n| format!("{n}. {}", sentence.repeat(10))).collect();
    let passages: Vec<&str> = passages.iter().map(String::as_str).collect();
    let begun = Instant::now();
    let mut done = 0;
    while begun.elapsed().as_secs_f64() < 1.5 {
        done += embedder.embed(&passages, cancel)?.len();
    }
    let passages_per_second = done as f64 / begun.elapsed().as_secs_f64();
    Ok(EmbedSpeed { passages_per_second, query_seconds: query[query.len() / 2] })
}

fn ask(
    model: &mut dyn LanguageModel,
    messages: &[Message],
    max_tokens: usize,
    cancel: Cancel<'_>,
) -> Result<Reply, LmError> {
    let request = Request {
        messages,
        tools: &[],
        choice: ToolChoice::Text,
        max_tokens,
        temperature: 0.0,
        seed: 0,
    };
    model.complete(&request, cancel)
}

#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
fn rate(tokens: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { tokens as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scripted;

    #[test]
    fn a_probe_wants_a_call_with_a_query() {
        let call = |arguments| Scripted::call("1", "search", arguments);
        let mut model = Scripted::new([call(json!({"query": "lighthouse"})), call(json!({}))]);
        assert_eq!(probe(&mut model, &|| false).unwrap().query, "lighthouse");
        let error = probe(&mut model, &|| false).unwrap_err().to_string();
        expect_test::expect!["malformed reply of `scripted`: expected a call of `search` with a text `query`, found `{}`"].assert_eq(&error);
    }

    #[test]
    fn a_speed_counts_what_was_evaluated() {
        let script = ["a", "b", "some words more than one"].map(Scripted::text);
        let speed = measure(&mut Scripted::new(script), &|| false).unwrap();
        assert!(speed.prompt_tokens > 400, "{speed:?}");
        assert_eq!(speed.completion_tokens, 6);
    }
}
