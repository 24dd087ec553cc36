//! Answers as words: the normalisation of SQuAD 1.1, exact match and F1, and folding.
//!
//! *Normalised*, after the official `evaluate-v1.1.py` (Rajpurkar et al., 2016): lower case; the 32 signs
//! of ASCII punctuation removed, which joins what they stood between (`1945-1951` is `19451951`); the
//! words `a`, `an`, `the` removed; white space made single. Nothing else, so a typographic quote or a
//! no-break hyphen stays. *Exact match* is equality of the normalised texts, *F1* the harmonic mean of
//! precision and recall over the bag of normalised words; both take the best gold answer. They are
//! computed to the letter, so that they can be laid beside published numbers, with one exception: an
//! answer without a letter or digit has both 0 wherever there is a gold answer.
//!
//! *Where there is no gold answer*, `evaluate-v2.0.py` gives 1 to the empty answer and 0 to every
//! other, for exact match and F1 alike. So do we, with *not found* said outright in place of the empty
//! answer. (Version 1.1 has no such questions; HotpotQA's script moreover gives `yes`, `no` and
//! `noanswer` an F1 of 0 unless they are equal, which ours does not.)
//!
//! *Folded* is what verdicts go by: first Unicode's NFKC, signs that are not seen removed, and
//! typographic quotes and dashes written as ASCII, then the same normalisation, but that a sign which
//! makes a number stays: between two digits, unless it parts thousands; a minus, a point, `<` or `>`
//! before one. So `“Emma”` with curly quotes, full-width letters or a soft hyphen is right although its
//! exact match is 0, and `35` is not `3.5`, nor `5` `-5`, although theirs is 1. Letters of another script
//! that only look alike stay other letters.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;

/// See the [module](self).
pub(crate) fn normalised(text: &str) -> String {
    without_articles(&text.to_lowercase().replace(|c: char| c.is_ascii_punctuation(), ""))
}

/// See the [module](self). A text that has nothing but articles and signs is folded without
/// removing them, so that the mark `A` is not the empty answer.
pub(crate) fn folded(text: &str) -> String {
    let plain = plain(text).to_lowercase();
    let folded = without_articles(&without_signs(&plain));
    if folded.is_empty() { spaced(&plain) } else { folded }
}

/// The text without ASCII punctuation, but for signs that make numbers.
fn without_signs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let mut behind = text[..at].chars().rev();
        let before = behind.next().unwrap_or(' ');
        let after = &text[at + c.len_utf8()..];
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let between = before.is_ascii_digit() && digits > 0;
        // Nothing that a number could go on from: so a minus is none between two names or numbers.
        let begins = !before.is_alphanumeric() && before != ')';
        let number = after.trim_start_matches(['.', '$', '\u{20ac}', '\u{a3}', '\u{a5}']);
        let to_number = number.starts_with(|c: char| c.is_ascii_digit());
        let kept = match c {
            ',' => between && digits != 3,
            '-' => {
                let exponent = before == 'e' && behind.next().is_some_and(|c| c.is_ascii_digit());
                between || (begins && to_number) || (exponent && digits > 0)
            }
            '.' => between || (begins && before != '.' && digits > 0),
            '<' | '>' => after.trim_start().starts_with(|c: char| c.is_ascii_digit()),
            ':' | '/' | '^' => between,
            _ => !c.is_ascii_punctuation(),
        };
        if kept {
            out.push(c);
        }
    }
    out
}

/// The text in NFKC, without signs that are not seen, its quotes, dashes and minus in ASCII and its
/// white space single.
pub(crate) fn plain(text: &str) -> String {
    // NFKC would take the sign of inches for two of feet, and brings forth quotes and dashes.
    let ascii = |c: char| match c {
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{2bc}' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{ab}' | '\u{bb}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        _ => c,
    };
    if text.is_ascii() && !text.contains(is_unseen) {
        return spaced(text);
    }
    let signs = text.chars().filter(|&c| !is_unseen(c)).map(ascii).nfkc().map(ascii);
    spaced(&signs.collect::<String>())
}

/// The words of a folded text.
pub(crate) fn words(text: &str) -> Vec<String> {
    folded(text).split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Exact match and F1 of an answer, each with the gold answer that it is best for.
pub(crate) fn exact_match_and_f1(answer: &str, gold: &[String]) -> (f64, f64) {
    if is_blank(answer) {
        return (0.0, 0.0);
    }
    let answer = normalised(answer);
    let bag_of_answer = bag(&answer);
    gold.iter().map(|gold| normalised(gold)).fold((0.0, 0.0), |(exact_match, f1), gold| {
        let own = f1_of(&bag_of_answer, &bag(&gold));
        (if answer == gold { 1.0 } else { exact_match }, f64::max(f1, own))
    })
}

/// F1 of the normalised words of two texts.
pub(crate) fn f1(answer: &str, gold: &str) -> f64 {
    let (answer, gold) = (normalised(answer), normalised(gold));
    f1_of(&bag(&answer), &bag(&gold))
}

/// F1 of the folded words of two texts.
pub(crate) fn folded_f1(answer: &str, gold: &str) -> f64 {
    let (answer, gold) = (folded(answer), folded(gold));
    f1_of(&bag(&answer), &bag(&gold))
}

/// Whether the text has no letter and no digit.
pub(crate) fn is_blank(text: &str) -> bool {
    !text.chars().any(char::is_alphanumeric)
}

fn bag(text: &str) -> Vec<&str> {
    text.split(' ').filter(|word| !word.is_empty()).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of words are far below 2^53")]
fn f1_of(answer: &[&str], gold: &[&str]) -> f64 {
    if answer == gold && !answer.is_empty() {
        return 1.0;
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for &word in gold {
        *left.entry(word).or_default() += 1;
    }
    let mut same = 0usize;
    for word in answer {
        if let Some(n) = left.get_mut(word).filter(|n| **n > 0) {
            *n -= 1;
            same += 1;
        }
    }
    if same == 0 {
        return 0.0;
    }
    let precision = same as f64 / answer.len() as f64;
    let recall = same as f64 / gold.len() as f64;
    2.0 * precision * recall / (precision + recall)
}

/// Removes `a`, `an` and `the` where they are whole runs of letters and digits, and makes white space
/// single.
fn without_articles(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let word = is_word(first);
        let end = rest.find(|c| is_word(c) != word).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        // As in the script, what is removed leaves a space.
        out += if word && matches!(run, "a" | "an" | "the") { " " } else { run };
        rest = after;
    }
    spaced(&out)
}

fn spaced(text: &str) -> String {
    // Python, in which the script is written, also splits at the four separators of ASCII.
    let is_space = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
    let mut out = String::with_capacity(text.len());
    for word in text.split(is_space).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Signs that leave no trace on a page: joiners, marks of direction, soft hyphens, selectors of variants.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
        || (c.is_control() && !c.is_whitespace() && !('\u{1c}'..='\u{1f}').contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalised_as_the_script_of_squad_does() {
        let check = |text: &str, expected: &str| assert_eq!(normalised(text), expected, "{text}");
        check("The  Beatles!", "beatles");
        check("A man, a plan: an AXE the", "man plan axe");
        check("1945-1951", "19451951");
        check("1945\u{2013}1951", "1945\u{2013}1951");
        check("theatre", "theatre");
        check("the\u{2019}s", "\u{2019}s");
        check("the", "");
        check("caf\u{e9}\u{a0}au  lait", "caf\u{e9} au lait");
        check("\u{c9}COLE", "\u{e9}cole");
    }

    #[test]
    fn folding_sees_through_spelling_and_not_through_letters() {
        let same = |a: &str, b: &str| assert_eq!(folded(a), folded(b));
        same("\u{201c}Emma\u{201d}", "Emma");
        same("\u{ff25}mma", "emma");
        same("Em\u{ad}ma\u{200b}", "emma");
        same("caf\u{e9}", "cafe\u{301}");
        same("1945\u{2013}1951", "1945-1951");
        same("the\u{a0}Who", "Who");
        same("1,234,567 people", "1234567 people");
        assert_ne!(folded("3.5 million"), folded("35 million"));
        assert_ne!(folded("-5"), folded("5"));
        assert_ne!(folded("4:30"), folded("430"));
        assert_ne!(folded("1/2"), folded("12"));
        assert_ne!(folded("1,5"), folded("15"));
        same("(5)", "5.");
        same("No.5", "No5");
        same("COVID-19", "covid19");
        same("\"-5\"", "-5");
        assert_ne!(folded("(-5)"), folded("5"));
        assert_ne!(folded("-.5"), folded(".5"));
        assert_ne!(folded("1e-9"), folded("1e9"));
        assert_ne!(folded("10^6"), folded("106"));
        assert_ne!(folded("P\u{430}ris"), folded("Paris"), "a Cyrillic letter is another letter");
        assert_ne!(folded("Fran\u{e7}ois"), folded("Francois"));
        assert_eq!(folded("A"), "a");
        assert_ne!(folded("A"), folded("the"));
        assert_eq!(folded("\u{200b} "), "");
    }

    #[test]
    fn the_best_gold_answer_counts_and_signs_are_no_answer() {
        let scores = |answer: &str, gold: &[&str]| {
            exact_match_and_f1(
                answer,
                &gold.iter().map(|gold| (*gold).to_owned()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(scores("Austen", &["Jane Austen", "the Austen!"]), (1.0, 1.0));
        assert_eq!(scores("Jane", &["Emma", "Jane Austen"]), (0.0, 2.0 / 3.0));
        assert_eq!(scores("…", &["…"]), (0.0, 0.0));
        assert_eq!(scores("", &["", "the"]), (0.0, 0.0));
        assert_eq!(scores("Emma", &[]), (0.0, 0.0));
    }

    #[test]
    fn f1_by_hand() {
        let check = |answer: &str, gold: &str, expected: f64| {
            assert!((f1(answer, gold) - expected).abs() < 1e-12, "{answer} / {gold}");
        };
        check("Jane Austen", "the Jane Austen", 1.0);
        check("Austen", "Jane Austen", 2.0 / 3.0);
        check("Jane Jane", "Jane Austen", 0.5);
        check("Paris or London or Rome", "Paris", 1.0 / 3.0);
        check("", "Paris", 0.0);
        check("the", "the", 0.0);
    }
}
