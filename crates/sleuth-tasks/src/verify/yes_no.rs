//! Yes or no.
//!
//! 1. The answer is `yes` or `no`, alone or with an explanation after a sign of punctuation: `Yes, both
//!    are.` A `no` that goes on without one is a determiner (`No one knows`), so neither may.
//! 2. An explanation that holds the other word (`yes and no`), or an answer of more than
//!    [`LONGEST_STATEMENT`] words, is wrong.
//! 3. What begins with any other word is wrong: the question, or a sentence that tells what to output.

use super::words::{plain, words};
use super::{LONGEST_STATEMENT, VerifyError};

/// Whether `answer` says what the gold answer says.
pub(super) fn agrees(answer: &str, gold: &[String]) -> Result<bool, VerifyError> {
    let first = gold.first().map(String::as_str).unwrap_or_default();
    let expected = said(first)
        .ok_or_else(|| VerifyError::Gold { expected: "`yes` or `no`", found: first.to_owned() })?;
    Ok(said(answer) == Some(expected))
}

/// What a text says: yes, no, or neither.
pub(super) fn said(text: &str) -> Option<bool> {
    let text = plain(text).to_lowercase();
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let (says, rest, other) = match (text.strip_prefix("yes"), text.strip_prefix("no")) {
        (Some(rest), _) => (true, rest, "no"),
        (None, Some(rest)) => (false, rest, "yes"),
        (None, None) => return None,
    };
    // A hyphen joins words, and an apostrophe may.
    let ends = rest.trim_start().chars().next().is_none_or(|c| c.is_ascii_punctuation())
        && !rest.starts_with(['-', '\'', '_']);
    let explanation = words(rest);
    let holds = explanation.iter().any(|word| word == other);
    (ends && !holds && explanation.len() < LONGEST_STATEMENT).then_some(says)
}
