//! Exact match.
//!
//! 1. Every gold answer is right, however its capitals, articles, punctuation, white space, quotes and
//!    dashes are written: the comparison is of *folded* texts.
//! 2. Nothing else is: no answer that holds more, or less, than one gold answer.
//! 3. So the empty answer, the question, a list of candidates, a page and a sentence that claims to be
//!    right are all wrong.

use super::words::folded;

/// The gold answer that `answer` equals.
pub(super) fn matching<'a>(answer: &str, gold: &'a [String]) -> Option<&'a str> {
    let answer = folded(answer);
    if answer.is_empty() {
        return None;
    }
    gold.iter().find(|gold| folded(gold) == answer).map(String::as_str)
}
