//! Names in a text, found by their capitals.
//!
//! A name is a run of capitalised words, joined by small words such as *of*: `University of Vienna`.
//! Punctuation ends it, except the dot of an initial (`G. Stanley Hall`). The first word of a sentence
//! is capitalised whatever it is; so a name that opens one comes in two readings, with that word and
//! without, and only the words of the whole store can tell which is right.

use std::ops::Range;

use crate::folded;

/// Small words that may stand inside a name.
const JOINERS: [&str; 24] = [
    "of", "the", "de", "la", "von", "van", "du", "and", "for", "in", "del", "der", "di", "da",
    "le", "al", "bin", "ibn", "y", "e", "den", "des", "dos", "zu",
];

/// A word as written, with the text between it and the word before.
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) range: Range<usize>,
    pub(super) gap: &'a str,
}

impl Token<'_> {
    /// Whether it begins like a name: with a capital, or with a letter of a script without case.
    pub(super) fn is_capital(&self) -> bool {
        self.text
            .chars()
            .next()
            .is_some_and(|c| c.is_uppercase() || (c.is_alphabetic() && !c.is_lowercase()))
    }

    pub(super) fn is_number(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_digit())
    }

    pub(super) fn is_joiner(&self) -> bool {
        JOINERS.contains(&self.text)
    }
}

/// The words of `text`: letters and digits, with apostrophes, hyphens, dots and ampersands inside.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let before = at;
        let start = at + text[at..].find(char::is_alphanumeric)?;
        let mut end = start;
        let mut chars = text[start..].char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            let joins = matches!(c, '\'' | '’' | '-' | '&')
                && chars.peek().is_some_and(|(_, next)| next.is_alphanumeric());
            if !c.is_alphanumeric() && !joins {
                break;
            }
            end = start + offset + c.len_utf8();
        }
        at = end;
        Some(Token { text: &text[start..end], range: start..end, gap: &text[before..start] })
    })
}

/// A name, folded as titles are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// All its words.
    pub(super) key: String,
    /// For a name that opens a sentence: its first word, and the name without it.
    pub(super) opening: Option<(String, String)>,
}

/// Names in `text`, in order.
pub(super) fn names(text: &str) -> Vec<Name> {
    let mut out = Vec::new();
    let mut run: Vec<(Range<usize>, bool)> = Vec::new();
    let mut is_first = true;
    let finish = |run: &mut Vec<(Range<usize>, bool)>, out: &mut Vec<Name>| {
        out.extend(name(text, run));
        run.clear();
    };
    for token in tokens(text) {
        let after_initial = run.last().is_some_and(|(range, _)| range.len() == 1);
        let initial = after_initial && token.gap == ". ";
        let ends = |c| matches!(c, '.' | '!' | '?' | '\n' | ':' | '"' | '“');
        let opens = !initial && (is_first || token.gap.contains(ends));
        let breaks =
            |c| ends(c) || matches!(c, ';' | ',' | '(' | ')' | '”' | '[' | ']' | '|' | '/');
        if !initial && token.gap.contains(breaks) {
            finish(&mut run, &mut out);
        }
        is_first = false;
        if token.is_capital() || (token.is_number() && !run.is_empty()) {
            run.push((token.range, opens));
        } else if token.is_joiner() && !run.is_empty() {
            run.push((token.range, false));
        } else {
            finish(&mut run, &mut out);
        }
    }
    finish(&mut run, &mut out);
    out
}

/// The name of a run: byte ranges of its words, and whether each opens a sentence.
fn name(text: &str, run: &[(Range<usize>, bool)]) -> Option<Name> {
    let is_small =
        |range: &Range<usize>| JOINERS.contains(&text[range.clone()].to_lowercase().as_str());
    let end = run.iter().rposition(|(range, _)| !JOINERS.contains(&&text[range.clone()]))? + 1;
    let is_number =
        |range: &Range<usize>| text[range.clone()].starts_with(|c: char| c.is_ascii_digit());
    let start = run[..end].iter().position(|(range, _)| !is_small(range) && !is_number(range))?;
    let run = &run[start..end];
    let of = |run: &[(Range<usize>, bool)]| -> String {
        match (run.first(), run.last()) {
            (Some((first, _)), Some((last, _))) => folded(&text[first.start..last.end]),
            _ => String::new(),
        }
    };
    let key = of(run);
    let is_name = |(range, _): &(Range<usize>, bool)| {
        let word = &text[range.clone()];
        !is_contraction(word) && !is_closed_class(&word.to_lowercase())
    };
    if !is_telling(&key) || !run.iter().any(is_name) {
        return None;
    }
    let (first, opens) = &run[0];
    let opening = opens.then(|| {
        let rest = &run[1..];
        let skip = rest.iter().position(|(range, _)| !is_small(range)).unwrap_or(rest.len());
        (folded(&text[first.clone()]), of(&rest[skip..]))
    });
    Some(Name { key, opening })
}

/// Whether a key can stand for one thing: not a bare number, not a letter or two, not a stop word.
pub(super) fn is_telling(key: &str) -> bool {
    key.chars().count() > 2
        && key.chars().any(|c| !c.is_numeric() && c != ' ')
        && key.split(' ').any(|word| !is_closed_class(word))
}

/// Whether `word` is a short form of two words of the closed class, such as `I'll`, `don’t`: written as one
/// it would be a name, `ill`.
pub(super) fn is_contraction(word: &str) -> bool {
    let Some((before, after)) = word.rsplit_once(['\'', '’']) else { return false };
    let before = before.to_lowercase();
    match after {
        "t" => before.ends_with('n'),
        "ll" | "ve" | "re" | "d" | "m" | "s" => is_closed_class(&before) || before == "let",
        _ => false,
    }
}

/// Words that name nothing by themselves.
pub(super) fn is_closed_class(word: &str) -> bool {
    const WORDS: [&str; 78] = [
        "a", "after", "all", "also", "although", "an", "and", "another", "are", "as", "at", "be",
        "because", "before", "both", "but", "by", "despite", "during", "each", "either", "for",
        "from", "had", "has", "have", "he", "her", "here", "him", "his", "how", "however", "i",
        "if", "in", "into", "is", "it", "its", "many", "most", "my", "no", "not", "of", "on",
        "one", "or", "our", "other", "she", "since", "so", "some", "such", "than", "that", "the",
        "their", "them", "then", "there", "these", "they", "this", "those", "to", "was", "we",
        "were", "what", "when", "where", "which", "while", "with", "you",
    ];
    WORDS.binary_search(&word).is_ok() || matches!(word, "who" | "why" | "your")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = names(text)
            .into_iter()
            .map(|name| match name.opening {
                Some((_, rest)) => format!("{} / {rest}", name.key),
                None => name.key,
            })
            .collect();
        assert_eq!(found, expected, "names in `{text}`");
    }

    #[test]
    fn runs_of_capitals() {
        check(
            "Hall, who was president of the American Psychological Association, met G. Stanley Hall.",
            &["hall / ", "american psychological association", "g stanley hall"],
        );
        check(
            "She studied at the University of Vienna in Austria.",
            &["university of vienna in austria"],
        );
        check("In 1954 Boeing B-29 bombers flew.", &["boeing b 29"]);
        check("Many Poles left. The Treaty of Brest", &["many poles / poles", "treaty of brest"]);
        check("no names at all, 1954", &[]);
        check("I’ll go. He’d Don't stay, I'm told.", &[]);
        check("She sang I’ll Fly Away with Mary O’Neil.", &["ill fly away", "mary oneil"]);
    }

    #[test]
    fn words_of_the_closed_class_are_sorted() {
        assert!(is_closed_class("a") && is_closed_class("you") && !is_closed_class("vienna"));
        assert!(is_closed_class("however") && is_closed_class("while"));
    }
}
