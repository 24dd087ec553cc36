//! Cited, and supported.
//!
//! 1. *Cited*: the answer equals a gold answer, as for exact match, and a citation whose mark is not
//!    *unsupported* quotes the evidence of the task.
//! 2. *Supported*, for questions whose right answers nobody wrote down in short form: the answer has at
//!    most [`LONGEST`] words, at least half of its terms are not the question's, it has such a citation,
//!    and it cites no more documents in vain than documents of the evidence. So the question cited, a
//!    page, and a shot at everything found are wrong. Whether the words of the answer are right is not
//!    decided; the mark already denies those that the quote does not hold. It follows that a choice that
//!    the question itself names (`tea or coffee?`) has to be said with reasons, and that a single word of
//!    a passage of the evidence passes.
//! 3. A quote is of the evidence when it is from the same document and, where the task knows the range,
//!    has a byte of it.
//! 4. A right answer without a citation, or with one whose quote stands elsewhere or supports nothing, is
//!    wrong: so what was known beforehand does not count as found.

use std::collections::{HashMap, HashSet};

use sleuth_index::analyze;
use sleuth_records::{Citation, DocumentId, Mark};

use super::words::words;
use crate::{Attempt, Task};

/// Most words of an answer that nobody wrote a gold answer for. A longer one is a text copied.
const LONGEST: usize = 100;

/// `Ok` where a citation that counts quotes the evidence, else `Err`; each with the reason.
pub(super) fn cites(task: &Task, attempt: &Attempt) -> Result<String, String> {
    match attempt.citations.iter().find_map(|citation| quoted(task, attempt, citation)) {
        Some(document) => Ok(format!("the answer cites the evidence in `{document}`")),
        None if attempt.citations.is_empty() => Err("the answer cites nothing".to_owned()),
        None if attempt.citations.iter().all(|citation| citation.mark == Mark::Unsupported) => {
            Err("no citation of the answer is supported by its quote".to_owned())
        }
        None => Err("the answer cites nothing of the evidence".to_owned()),
    }
}

/// `Ok` where the answer says something beyond the question and cites the evidence for it, else `Err`;
/// each with the reason.
pub(super) fn supports(task: &Task, attempt: &Attempt) -> Result<String, String> {
    let n = words(&attempt.answer).len();
    if n > LONGEST {
        return Err(format!("the answer has {n} words: expected {LONGEST} at most"));
    }
    let (asked, said) = (terms(task.question.as_str()), terms(&attempt.answer));
    let own = said.difference(&asked).count();
    if own == 0 || own * 2 < said.len() {
        return Err("the answer says little beside the words of the question".to_owned());
    }
    let reason = cites(task, attempt)?;
    // By document, so that citing one twice neither helps nor harms; what is not known stands for itself.
    let mut cited: HashMap<&str, bool> = HashMap::new();
    for citation in &attempt.citations {
        let quote = attempt.evidence.iter().find(|evidence| evidence.id == citation.evidence);
        let name = quote.map_or(citation.evidence.0.as_str(), |quote| quote.document.as_str());
        *cited.entry(name).or_default() |= quoted(task, attempt, citation).is_some();
    }
    let (of, good) = (cited.len(), cited.values().filter(|good| **good).count());
    match good * 2 >= of {
        true => Ok(reason),
        false => {
            Err(format!("of {of} documents that the answer cites, {good} are of the evidence"))
        }
    }
}

/// The document of the evidence that a citation quotes; nothing where it is unsupported or quotes
/// something else.
fn quoted<'a>(task: &Task, attempt: &'a Attempt, citation: &Citation) -> Option<&'a DocumentId> {
    if citation.mark == Mark::Unsupported {
        return None;
    }
    let quote = attempt.evidence.iter().find(|evidence| evidence.id == citation.evidence)?;
    let is_there = task.evidence.iter().any(|evidenced| {
        evidenced.document == quote.document
            && evidenced
                .range
                .as_ref()
                .is_none_or(|range| range.start < quote.range.end && quote.range.start < range.end)
    });
    is_there.then_some(&quote.document)
}

fn terms(text: &str) -> HashSet<String> {
    analyze(text).into_iter().map(|term| term.text).collect()
}
