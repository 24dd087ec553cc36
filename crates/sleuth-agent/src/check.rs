//! Checking citations.
//!
//! A citation is judged by two questions. Is the quote really in the document? And does it hold what
//! the claim states?
//!
//! *In the document* means: after the normalisation below, the quote is a contiguous part of the
//! document's text, at the place that the evidence names. The normalisation is Unicode NFC, with
//! every run of white space made one space and the ends trimmed; nothing else, so letters, marks and
//! capitals must agree.
//!
//! *Holds what the claim states* goes by words: the claim's index terms are looked for in the quote
//! and in the title of its document. All of them in the quote: [`Mark::Exact`]. All of them with the
//! title's help, or at least half: [`Mark::Partial`]. Fewer, or the quote is not in the document: [`Mark::Unsupported`]. Words cannot
//! tell a denial from an assertion; the mark says where to look, and the quote is there to be read.

use std::collections::HashSet;

use sleuth_index::analyze;
use sleuth_records::{Claim, Document, Evidence, Mark};
use unicode_normalization::UnicodeNormalization as _;

/// The normalisation under which quotes are compared: see the [module](self).
pub fn normalise(text: &str) -> String {
    let composed: String = text.nfc().collect();
    composed.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the quote of `evidence` stands in `document` where the evidence says.
pub fn quote_is_there(evidence: &Evidence, document: &Document) -> bool {
    evidence.document == document.id
        && document
            .text
            .get(evidence.range.clone())
            .is_some_and(|found| normalise(found) == normalise(&evidence.quote))
        && !evidence.quote.trim().is_empty()
}

/// The mark of `claim` with `evidence`; `document` is the evidence's document as the store has it
/// now, or `None` when it has none.
pub fn check(claim: &Claim, evidence: &Evidence, document: Option<&Document>) -> Mark {
    if !document.is_some_and(|document| quote_is_there(evidence, document)) {
        return Mark::Unsupported;
    }
    let (quote, title, stated) =
        (terms(&evidence.quote), terms(&evidence.title), terms(&claim.text));
    let found = stated.iter().filter(|term| quote.contains(*term) || title.contains(*term)).count();
    if stated.is_empty() || found == 0 {
        Mark::Unsupported
    } else if stated.is_subset(&quote) {
        Mark::Exact
    } else if found * 2 >= stated.len() {
        Mark::Partial
    } else {
        Mark::Unsupported
    }
}

/// The mark of a short answer as a whole: exact where one cited quote holds all of it, unsupported
/// where [`bears_out`] denies it, else partial. A *yes* or *no* is a conclusion, which no quote holds:
/// it is never more than partial.
pub(crate) fn mark_of_answer(answer: &str, evidence: &[&Evidence]) -> Mark {
    if evidence.is_empty() || !bears_out(answer, evidence) {
        return Mark::Unsupported;
    }
    let stated = terms(answer);
    let whole = |evidence: &&Evidence| stated.is_subset(&terms(&evidence.quote));
    if !stated.is_empty() && !is_verdict(answer) && evidence.iter().any(whole) {
        Mark::Exact
    } else {
        Mark::Partial
    }
}

/// Whether `answer` is a bare *yes* or *no*.
pub(crate) fn is_verdict(answer: &str) -> bool {
    matches!(normalise(answer).to_lowercase().trim_end_matches('.'), "yes" | "no")
}

fn terms(text: &str) -> HashSet<String> {
    analyze(text).into_iter().map(|term| term.text).collect()
}

/// Whether the quotes of `evidence`, with their titles, hold at least half of the terms of `answer`
/// between them. *Yes* and *no* stand in no quote and are left to the claims.
pub(crate) fn bears_out(answer: &str, evidence: &[&Evidence]) -> bool {
    if is_verdict(answer) {
        return true;
    }
    let held: HashSet<String> = evidence
        .iter()
        .flat_map(|evidence| [terms(&evidence.quote), terms(&evidence.title)])
        .flatten()
        .collect();
    let stated = terms(answer);
    let found = stated.iter().filter(|term| held.contains(*term)).count();
    found > 0 && found * 2 >= stated.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sleuth_records::{DocumentId, EvidenceId};

    const TEXT: &str = "Emma is a novel.\nIt was written by\n  Jane Austen in 1815.";

    fn mark(claim: &str, quote: &str) -> Mark {
        let document = Document::new(DocumentId::new("d"), "Emma", TEXT);
        let start = TEXT.find(quote).unwrap_or(0);
        let evidence = Evidence {
            id: EvidenceId("e1".to_owned()),
            document: document.id.clone(),
            title: document.title.clone(),
            url: None,
            range: start..(start + quote.len()).min(TEXT.len()),
            line: 1,
            part: None,
            quote: quote.to_owned(),
        };
        let claim = Claim { text: claim.to_owned(), evidence: vec![evidence.id.clone()] };
        check(&claim, &evidence, Some(&document))
    }

    #[test]
    fn marks() {
        assert_eq!(mark("Jane Austen", "It was written by\n  Jane Austen in 1815."), Mark::Exact);
        assert_eq!(
            mark("Emma was written in 1815", "written by\n  Jane Austen in 1815."),
            Mark::Partial
        );
        assert_eq!(mark("written in 1815", "written by\n  Jane Austen in 1815."), Mark::Exact);
        assert_eq!(mark("Jane Austen, Oxford", "Jane Austen in 1815."), Mark::Partial);
        assert_eq!(mark("Charles Dickens", "Jane Austen in 1815."), Mark::Unsupported);
        assert_eq!(mark("Jane Austen", "Jane Austen in 1816."), Mark::Unsupported);
        assert_eq!(mark("Jane Austen", ""), Mark::Unsupported);
    }

    #[test]
    fn white_space_is_folded_and_nothing_else() {
        assert_eq!(normalise(" a\n\tb "), "a b");
        assert_eq!(normalise("e\u{301}"), "\u{e9}");
        assert_ne!(normalise("A"), normalise("a"));
    }
}
