//! Cited, and supported.
//!
//! 1. *Cited*: the answer equals a gold answer, as for exact match, and a citation whose mark is not
//!    *unsupported* quotes the evidence of the task.
//! 2. *Supported*, for questions whose right answers nobody wrote down in short form: there is an answer,
//!    and such a citation. Whether the words of the answer are right is not decided; the mark already
//!    denies those that the quote does not hold.
//! 3. A quote is of the evidence when it is from the same document and, where the task knows the range,
//!    has a byte of it.
//! 4. A right answer without a citation, or with one whose quote stands elsewhere or supports nothing, is
//!    wrong: so what was known beforehand does not count as found.

use sleuth_records::Mark;

use crate::{Attempt, Task};

/// `Ok` where a citation that counts quotes the evidence, else `Err`; each with the reason.
pub(super) fn cites(task: &Task, attempt: &Attempt) -> Result<String, String> {
    let counting =
        || attempt.citations.iter().filter(|citation| citation.mark != Mark::Unsupported);
    let quoted = counting().find_map(|citation| {
        let quote = attempt.evidence.iter().find(|evidence| evidence.id == citation.evidence)?;
        let is_there = task.evidence.iter().any(|evidenced| {
            evidenced.document == quote.document
                && evidenced.range.as_ref().is_none_or(|range| {
                    range.start < quote.range.end && quote.range.start < range.end
                })
        });
        is_there.then_some(&quote.document)
    });
    match quoted {
        Some(document) => Ok(format!("the answer cites the evidence in `{document}`")),
        None if attempt.citations.is_empty() => Err("the answer cites nothing".to_owned()),
        None if counting().next().is_none() => {
            Err("no citation of the answer is supported by its quote".to_owned())
        }
        None => Err("the answer cites nothing of the evidence".to_owned()),
    }
}
