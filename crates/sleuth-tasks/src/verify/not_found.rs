//! Not found.
//!
//! 1. Right is an attempt that came to an end and says *not found*: by its own mark, without an answer
//!    beside it, or by an answer that is one of a few fixed phrases and nothing else.
//! 2. No answer at all is not *not found*: an attempt that broke off, or whose answer could not be read,
//!    is wrong here too. Nor is an answer that no quote bears out, although nobody is shown it.
//! 3. Where there is a gold answer, *not found* is wrong, whichever verifier decides; so a policy gains
//!    nothing by always saying it.

use crate::Attempt;

use super::words::{folded, is_blank};

/// The phrases, folded.
const PHRASES: [&str; 9] = [
    "not found",
    "unanswerable",
    "unknown",
    "no answer",
    "noanswer",
    "answer not found",
    "cannot be determined",
    "i do not know",
    "i dont know",
];

/// Whether the attempt says that there is no answer.
pub(super) fn is_said(attempt: &Attempt) -> bool {
    let by_mark = attempt.not_found && is_blank(&attempt.answer);
    attempt.ended && (by_mark || PHRASES.contains(&folded(&attempt.answer).as_str()))
}
