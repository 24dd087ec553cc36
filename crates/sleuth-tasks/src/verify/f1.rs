//! Word F1 at least so high.
//!
//! 1. Every gold answer is right, and an answer that shares enough words with one.
//! 2. An answer that names alternatives is as good as the worst of them, so a list of candidates is
//!    wrong unless each of them is right. Alternatives stand between `or`, `/`, `;`, `|` or line
//!    ends, or are three or more between commas; a separator that the gold answer has itself is none.
//!    Where a part between `and`, or what stands before the first comma, bracket or dash, shares no term
//!    with the gold answer, it is another candidate, and the answer is wrong: `Paris, London`, `London and
//!    Paris`. What stands behind the first comma, bracket or dash may qualify the right answer (`London,
//!    England`), and nothing here knows which places lie in which: so `London, Paris` passes, and only
//!    exact match refuses it. `England and Wales` is wrong for `England`, however it was meant.
//! 3. An answer without words is wrong, whatever `least` is.
//! 4. An answer that has four fifths of the question's words repeats it and is wrong, unless it equals a
//!    gold answer: questions of a choice name the right answer among the wrong ones.

use std::collections::HashSet;

use sleuth_index::analyze;

use super::exact;
use super::words::{folded, folded_f1, is_blank, plain, words};

/// The gold answer that `answer` agrees with best and the F1 of its worst alternative with that; `None`
/// where that is below `least`.
pub(super) fn matching<'a>(
    question: &str,
    answer: &str,
    gold: &'a [String],
    least: f64,
) -> Option<(&'a str, f64)> {
    if let Some(gold) = exact::matching(answer, gold) {
        return Some((gold, 1.0));
    }
    let asked: HashSet<String> = words(question).into_iter().collect();
    let said: HashSet<String> = words(answer).into_iter().collect();
    if asked.intersection(&said).count() * 5 >= asked.len() * 4 {
        return None;
    }
    let gold = gold.iter().filter(|gold| !names_another(answer, gold));
    let scored = gold.map(|gold| {
        let parts = alternatives(answer, gold);
        let worst = parts.iter().map(|part| folded_f1(part, gold)).fold(1.0, f64::min);
        (gold.as_str(), if parts.is_empty() { 0.0 } else { worst })
    });
    scored.filter(|(_, f1)| *f1 >= least && *f1 > 0.0).max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Whether an answer names another candidate than `gold`: before it, or beside it.
fn names_another(answer: &str, gold: &str) -> bool {
    let gold = terms(gold);
    let answer = plain(answer);
    let other = |part: &str| !is_blank(part) && terms(part).is_disjoint(&gold);
    let first = answer.split(" - ").next().and_then(|part| part.split([',', '(']).next());
    first.is_some_and(other) || at_word(&answer, &["and", "&"]).iter().any(|part| other(part))
}

/// Terms of a text; also of its folded words, in which a hyphen joins what it parts here.
fn terms(text: &str) -> HashSet<String> {
    let both = analyze(text).into_iter().chain(analyze(&folded(text)));
    both.map(|term| term.text).collect()
}

/// What an answer offers: itself, or the alternatives that it names.
fn alternatives(answer: &str, gold: &str) -> Vec<String> {
    let mut text = answer.replace(['\n', '\r'], ";");
    text = plain(&text);
    let gold = plain(&gold.to_lowercase());
    let mut parts = vec![std::mem::take(&mut text)];
    for separator in ["/", ";", "|"] {
        if !gold.contains(separator) {
            parts = split(&parts, |part| part.split(separator).map(str::to_owned).collect());
        }
    }
    let words: Vec<&str> = gold.split(' ').collect();
    if !words.contains(&"or") {
        parts = split(&parts, |part| at_word(part, &["or"]));
    }
    if !gold.contains(',') {
        parts = split(&parts, |part| match part.split(',').count() {
            0..=2 => vec![part.to_owned()],
            _ => part.split(',').map(str::to_owned).collect(),
        });
    }
    parts.retain(|part| !is_blank(part));
    parts
}

fn split(parts: &[String], each: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    parts.iter().flat_map(|part| each(part)).collect()
}

/// The parts of a text between words, whatever signs stand around those.
fn at_word(text: &str, separators: &[&str]) -> Vec<String> {
    let is_separator = |word: &&str| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '&');
        separators.iter().any(|separator| bare.eq_ignore_ascii_case(separator))
    };
    let words: Vec<&str> = text.split(' ').collect();
    words.split(is_separator).map(|words| words.join(" ")).collect()
}
