//! Whether a model knows the answer without any document.
//!
//! It knows it where one of several attempts holds a gold answer, or is right by the task's verifier, for
//! which `3 May 1921` is `May 3, 1921`. A comparison names both of its things, so that every second guess is
//! right and a reply that repeats the question holds the answer: there all attempts must be right, and
//! name one thing.

use sleuth_agent::closed_book;
use sleuth_index::folded;
use sleuth_lm::{Cancel, LanguageModel, LmError, Request, ToolChoice};
use sleuth_records::{Message, Role};

use crate::attempt::Attempt;
use crate::task::Task;
use crate::verify::verify;

/// Instruction of the attempts after the first, which are drawn at a temperature above 0.
const GUESS: &str =
    "Answer the question in a few words. If you are not sure, give your best guess.";

/// Whether the model is right in one of `attempts` attempts; where the question offers `others` beside the
/// answer, in all of them.
///
/// # Errors
/// When the model cannot be asked.
pub(crate) fn is_known(
    model: &mut dyn LanguageModel,
    task: &Task,
    others: &[String],
    attempts: u32,
    cancel: Cancel<'_>,
) -> Result<bool, LmError> {
    let is_choice = !others.is_empty();
    for attempt in 0..attempts {
        let reply = if attempt == 0 {
            match closed_book(model, task.question.as_str()) {
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
                Message::text(Role::User, task.question.as_str()),
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
        let right = is_right(&reply, task) && !others.iter().any(|other| says(&reply, other));
        if right != is_choice {
            return Ok(right);
        }
    }
    Ok(is_choice && attempts > 0)
}

fn is_right(reply: &str, task: &Task) -> bool {
    let attempt = Attempt { answer: reply.trim().to_owned(), ended: true, ..Attempt::default() };
    task.gold_answers.iter().any(|gold| says(reply, gold))
        || verify(task, &attempt, None).is_ok_and(|verdict| verdict.correct)
}

/// Whether a reply holds a text as whole words.
fn says(reply: &str, text: &str) -> bool {
    let text = folded(text);
    !text.is_empty() && format!(" {} ", folded(reply)).contains(&format!(" {text} "))
}
