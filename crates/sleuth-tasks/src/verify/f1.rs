//! Word F1 at least so high.
//!
//! 1. Every gold answer is right, and an answer that shares enough words with one.
//! 2. An answer that names alternatives is as good as the worst of them, so a list of candidates is
//!    wrong unless each of them is right. Alternatives stand between `or`, `/`, `;`, `|` or line
//!    ends, or are three or more between commas; a separator that the gold answer has itself is none.
//! 3. An answer without words is wrong, whatever `least` is.
//! 4. An answer that has four fifths of the question's words repeats it and is wrong, unless it equals a
//!    gold answer: questions of a choice name the right answer among the wrong ones.

use std::collections::HashSet;

use super::exact;
use super::words::{folded_f1, is_blank, plain, words};

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
    let scored = gold.iter().map(|gold| {
        let parts = alternatives(answer, gold);
        let worst = parts.iter().map(|part| folded_f1(part, gold)).fold(1.0, f64::min);
        (gold.as_str(), if parts.is_empty() { 0.0 } else { worst })
    });
    scored.filter(|(_, f1)| *f1 >= least && *f1 > 0.0).max_by(|a, b| a.1.total_cmp(&b.1))
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
        parts = split(&parts, at_or);
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

fn at_or(part: &str) -> Vec<String> {
    part.split(' ')
        .collect::<Vec<_>>()
        .split(|word| word.trim_matches(',').eq_ignore_ascii_case("or"))
        .map(|words| words.join(" "))
        .collect()
}
