//! Whether a question can be put as it stands.

use crate::make::candidate::Candidate;
use crate::task::Kind;

/// Bytes of a question, at least and at most.
const LENGTH: std::ops::RangeInclusive<usize> = 20..=420;
/// Longest gold answer, in bytes.
const LONGEST_ANSWER: usize = 120;
/// Words that point to something that a question by itself does not have.
const DANGLING: [&str; 16] = [
    "it",
    "its",
    "he",
    "she",
    "him",
    "her",
    "his",
    "they",
    "their",
    "them",
    "these",
    "those",
    "this",
    "aforementioned",
    "ibid",
    "latter",
];

/// Why the question is not well formed; `None` where it is.
pub(crate) fn flaw(candidate: &Candidate) -> Option<&'static str> {
    let question = candidate.question.as_str();
    if !LENGTH.contains(&question.len()) {
        return Some("length");
    }
    if !question.ends_with('?') || question.matches('?').count() > 1 {
        return Some("mark");
    }
    let balanced = |c: char| question.matches(c).count().is_multiple_of(2);
    let brackets = question.matches('(').count() == question.matches(')').count();
    if !balanced('`') || !balanced('"') || !brackets {
        return Some("marks");
    }
    let markup = [
        "``", "**", "::", "</", "/>", "{", "}", "\\", "  ", "&amp", "&quot", "&lt", "=\"",
        "\u{fffd}",
    ];
    // What stands between backticks is a program's.
    let prose: String = outside(question);
    if markup.iter().any(|mark| prose.contains(mark)) || question.contains("``") {
        return Some("markup");
    }
    let words: Vec<String> =
        prose.split(|c: char| !c.is_alphanumeric() && c != '\'').map(str::to_lowercase).collect();
    if words.iter().any(|word| DANGLING.contains(&word.as_str())) {
        return Some("pronoun");
    }
    if candidate.golds.iter().any(|gold| gold.len() > LONGEST_ANSWER) {
        return Some("answer");
    }
    let said = format!(" {} ", sleuth_index::folded(question));
    let gives = candidate.golds.iter().any(|gold| {
        let gold = sleuth_index::folded(gold);
        !gold.is_empty() && said.contains(&format!(" {gold} "))
    });
    // A comparison names what it chooses from.
    if gives && candidate.kind != Kind::Comparison {
        return Some("answer in question");
    }
    None
}

/// The text outside of backticks and quotation marks.
fn outside(question: &str) -> String {
    let mut out = String::new();
    let mut inside: Option<char> = None;
    for c in question.chars() {
        match inside {
            Some(mark) if c == mark => inside = None,
            Some(_) => {}
            None if matches!(c, '`' | '"') => {
                inside = Some(c);
                out.push('x');
            }
            None => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::make::candidate::Only;
    use crate::task::Verifier;

    fn check(question: &str, gold: &str, expected: Option<&str>) {
        let candidate = Candidate {
            kind: Kind::OneHop,
            recipe: String::new(),
            question: question.to_owned(),
            golds: vec![gold.to_owned()],
            verifier: Verifier::Exact,
            supports: Vec::new(),
            hops: Vec::new(),
            n_documents: 1,
            only: Only::Facts(Vec::new()),
            answered_in: None,
        };
        assert_eq!(flaw(&candidate), expected, "{question}");
    }

    #[test]
    fn flaws() {
        check("Who directed the film \"Hate Story\"?", "Vivek Agnihotri", None);
        check("Who directed the film \"It\"?", "Andy Muschietti", None);
        check("Who directed it, and when?", "Ann Lee", Some("pronoun"));
        check("Who directed Ann Lee's first film?", "Ann Lee", Some("answer in question"));
        check("Who?", "Ann Lee", Some("length"));
        check("Which value has the parameter `a` of `b.c", "1", Some("mark"));
        check("Which value has the parameter `a of the function?", "1", Some("marks"));
        check("Who directed the **film** of the year?", "Ann Lee", Some("markup"));
    }
}
