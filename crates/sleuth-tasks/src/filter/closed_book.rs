//! Whether a model knows the answer without any document.

use sleuth_agent::closed_book;
use sleuth_index::folded;
use sleuth_lm::{Cancel, LanguageModel, LmError, Request, ToolChoice};
use sleuth_records::{Message, Role};

use crate::make::candidate::Candidate;

/// Instruction of the attempts after the first, which are drawn at a temperature above 0.
const GUESS: &str =
    "Answer the question in a few words. If you are not sure, give your best guess.";

/// Whether one of `attempts` attempts holds a gold answer.
///
/// # Errors
/// When the model cannot be asked.
pub(crate) fn is_known(
    model: &mut dyn LanguageModel,
    candidate: &Candidate,
    attempts: u32,
    cancel: Cancel<'_>,
) -> Result<bool, LmError> {
    for attempt in 0..attempts {
        let reply = if attempt == 0 {
            match closed_book(model, &candidate.question) {
                Ok(reply) => reply.message.content,
                Err(sleuth_agent::AgentError::Model(error)) => return Err(error),
                Err(error) => {
                    let model = model.info().name.clone();
                    return Err(LmError::Unavailable { model, reason: error.to_string() });
                }
            }
        } else {
            let messages = [
                Message::text(Role::System, GUESS),
                Message::text(Role::User, candidate.question.as_str()),
            ];
            let request = Request {
                messages: &messages,
                tools: &[],
                choice: ToolChoice::Text,
                max_tokens: 64,
                temperature: 0.8,
                seed: u64::from(attempt),
            };
            model.complete(&request, cancel)?.message.content
        };
        if says(&reply, candidate) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a reply holds a gold answer as whole words.
fn says(reply: &str, candidate: &Candidate) -> bool {
    let reply = format!(" {} ", folded(reply));
    candidate.golds.iter().any(|gold| {
        let gold = folded(gold);
        !gold.is_empty() && reply.contains(&format!(" {gold} "))
    })
}
