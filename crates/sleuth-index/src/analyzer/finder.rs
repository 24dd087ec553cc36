//! Finding known terms in a text, without folding and stemming every word of it.
//!
//! The stemmer keeps the first two letters of a word, but where it makes `ie` of `ying` behind one letter (`dying`,
//! `die`), or cuts the word down to one letter. So a word need not be looked at where no term begins with its
//! first two.

use std::ops::Range;

use super::{for_each_term, for_each_word_but, is_stop_word, with_stems};

/// Looks for the terms of one text in others, where it finds them as [`analyze`](crate::analyze) would.
pub struct TermFinder {
    /// Sorted, each once.
    terms: Vec<String>,
    /// The beginnings of the terms, in the same order: most terms are told apart by them.
    beginnings: Vec<u64>,
    /// Whether a stop word is among them, as where the text had no other words, or words such as `ins`.
    has_stop_words: bool,
    /// `likely[a]` has the bit `b` where a term may come of a word whose first two bytes end in the five bits `a` and
    /// `b`. Small letters and capitals end in the same.
    likely: [u32; 32],
}

impl TermFinder {
    /// For the terms of `text`.
    pub fn of(text: &str) -> Self {
        let mut terms: Vec<String> = Vec::new();
        for_each_term(text, |term, _| terms.push(term.to_owned()));
        terms.sort_unstable();
        terms.dedup();
        let mut likely = [0; 32];
        for term in &terms {
            let letters = term.as_bytes();
            likely[low_bits(letters[0])] |= match letters[1..] {
                [] => u32::MAX,
                [b'i', b'e'] => 1 << low_bits(b'i') | 1 << low_bits(b'y'),
                [second, ..] => 1 << low_bits(second),
            };
        }
        let beginnings = terms.iter().map(|term| beginning(term)).collect();
        let has_stop_words = terms.iter().any(|term| is_stop_word(term));
        Self { terms, beginnings, has_stop_words, likely }
    }

    /// How many terms it looks for.
    pub fn n_terms(&self) -> usize {
        self.terms.len()
    }

    /// Hands each place of one of the terms in `parts` of `text` to `each`, in order: the position of the part,
    /// and that of the term, below [`TermFinder::n_terms`]. Each part is a text of its own. They must be in order
    /// and must not overlap; terms of a word, or of a run of Chinese, Japanese or Korean, that lies in two parts are not found.
    // Were it generic over `each`, callers in other crates would get a loop that calls all that it needs of this one.
    pub fn for_each_in(
        &self,
        text: &str,
        parts: &[Range<usize>],
        each: &mut dyn FnMut(usize, usize),
    ) {
        if self.has_stop_words {
            for (nth, part) in parts.iter().enumerate() {
                for_each_term(&text[part.clone()], |term, _| {
                    if let Some(at) = self.position(term) {
                        each(nth, at);
                    }
                });
            }
            return;
        }
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return };
        let from = first.start;
        let passed_over = |first: u8, second: u8| {
            second.is_ascii_alphanumeric()
                && self.likely[low_bits(first)] >> low_bits(second) & 1 == 0
        };
        let mut nth = 0;
        with_stems(|stems| {
            for_each_word_but(&text[from..last.end], passed_over, |word, range| {
                // No stop word is found: each is its own stem.
                let Some(at) = stems.of(word, |stem| self.position(stem)) else { return };
                while parts[nth].end < from + range.end {
                    nth += 1;
                }
                if parts[nth].start <= from + range.start {
                    each(nth, at);
                }
            });
        });
    }

    fn position(&self, term: &str) -> Option<usize> {
        let beginning = beginning(term);
        let first = self.beginnings.partition_point(|known| *known < beginning);
        let alike = self.beginnings[first..].iter().take_while(|known| **known == beginning);
        (first..).zip(alike).map(|(at, _)| at).find(|at| self.terms[*at] == term)
    }
}

fn low_bits(byte: u8) -> usize {
    usize::from(byte & 31)
}

/// The first eight bytes of a term, as a number that is ordered as they are.
fn beginning(term: &str) -> u64 {
    let mut bytes = [0; 8];
    let n = term.len().min(bytes.len());
    bytes[..n].copy_from_slice(&term.as_bytes()[..n]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze;

    fn found(finder: &TermFinder, text: &str, parts: &[Range<usize>]) -> Vec<(usize, String)> {
        let mut out = Vec::new();
        finder.for_each_in(text, parts, &mut |part, at| out.push((part, finder.terms[at].clone())));
        out
    }

    /// What the slow way finds.
    fn wanted(finder: &TermFinder, text: &str, parts: &[Range<usize>]) -> Vec<(usize, String)> {
        let terms = parts.iter().enumerate().flat_map(|(nth, part)| {
            analyze(&text[part.clone()]).into_iter().map(move |term| (nth, term.text))
        });
        terms.filter(|(_, term)| finder.terms.contains(term)).collect()
    }

    #[test]
    fn it_finds_what_analysis_finds() {
        let texts = [
            "The skies are dying, and so are the lying flies; she tied her ties",
            "O'Neil’s naïve Überraschung: a 7th I, it's Bob's x y",
            "Ünder x' ’ a'b Zoë e\u{301}te\u{301} 1815 1815th 18",
            "to be or not to be",
            "will and wills, ins and in, no and nos",
            "東京都 is Go语言 2, 猫",
            "one two\u{2019}three A1 b2",
            // Terms that are alike in their first eight bytes.
            "interestedness of interested interests, international internationalist",
            "",
        ];
        for of in texts {
            let finder = TermFinder::of(of);
            for text in texts {
                // The whole, and every second of its words.
                let words: Vec<Range<usize>> = text
                    .split(' ')
                    .map(|word| {
                        let start = word.as_ptr() as usize - text.as_ptr() as usize;
                        start..start + word.len()
                    })
                    .collect();
                let some: Vec<Range<usize>> = words.into_iter().skip(1).step_by(2).collect();
                let whole = 0..text.len();
                // Parts that touch.
                let middle = text.find(' ').unwrap_or(text.len());
                let halves = [0..middle, middle..text.len()];
                for parts in [std::slice::from_ref(&whole), &some, &halves] {
                    let (found, wanted) =
                        (found(&finder, text, parts), wanted(&finder, text, parts));
                    assert_eq!(found, wanted, "`{of}` in {parts:?} of `{text}`");
                }
            }
        }
        let finder = TermFinder::of("the dogs of war");
        assert_eq!(finder.n_terms(), 2);
        let found = found(&finder, "A war of dogs, DOG", &[0..8, 9..18]);
        assert_eq!(found, [(0, "war".to_owned()), (1, "dog".to_owned()), (1, "dog".to_owned())]);
    }

    /// What words may be passed over by.
    #[test]
    fn terms_begin_as_their_words_do() {
        let starts = [
            "", "a", "b", "o", "do", "be", "d", "s", "y", "ay", "ty", "di", "ly", "sk", "ab",
            "ski", "gen", "yes", "early", "on", "commun", "arsen", "inter", "over", "hop", "hopp",
            "agr", "fee", "yy", "oy", "xy",
        ];
        let ends = [
            "", "s", "ss", "es", "ies", "ied", "ied's", "us", "eed", "eedly", "ed", "edly", "ing",
            "ingly", "ying", "y", "tional", "enci", "anci", "abli", "entli", "izer", "ization",
            "ational", "ation", "ator", "alism", "aliti", "alli", "fulness", "ousli", "ousness",
            "iveness", "iviti", "biliti", "bli", "ogi", "fulli", "lessli", "li", "icate", "iciti",
            "ical", "ful", "ness", "ative", "al", "ance", "ence", "er", "ic", "able", "ible",
            "ant", "ement", "ment", "ent", "ism", "ate", "iti", "ous", "ive", "ize", "ion", "e",
            "l", "ll",
        ];
        let special = "skies dying lying tying idly gently ugly early only singly news howe atlas \
                       cosmos bias andes inning outing canning herring earring proceed exceed succeed";
        let mixed = starts.iter().flat_map(|a| {
            ends.iter().flat_map(move |b| ["", "s", "ly"].map(move |c| format!("{a}{b}{c}")))
        });
        for word in "a an and are as at be but by for if in into is it no not of on or such that the their then \
                     there these they this to was will with".split_whitespace() {
            assert!(is_stop_word(word));
            with_stems(|stems| stems.of(word, |stem| assert_eq!(stem, word)));
        }
        let mut n_changed = 0;
        for word in mixed.chain(special.split_whitespace().map(str::to_owned)) {
            for term in analyze(&word) {
                let (term, word) = (term.text.as_bytes(), word.as_bytes());
                let is_special = term[1..] == *b"ie" && word[1] == b'y';
                assert!(term.len() <= word.len() && term[0] == word[0]);
                let is_same = term.len() == 1 || term[1] == word[1];
                assert!(is_same || is_special, "{}", word.escape_ascii());
                n_changed += usize::from(term != word);
            }
        }
        assert!(n_changed > 3000, "{n_changed}");
    }
}
