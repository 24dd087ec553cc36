//! From text to index terms.
//!
//! One analyzer serves documents, queries and titles, so that they always meet:
//!
//! 1. letters and digits form words; everything else separates. An apostrophe inside a word is
//!    dropped with what follows when that is `s` (`Ann's` → `ann`), else kept out (`o'neil` →
//!    `oneil`);
//! 2. words are decomposed (Unicode NFKD), stripped of combining marks and lower-cased, so `Jókai`
//!    meets `jokai`;
//! 3. the 33 English stop words of the usual BM25 baseline are dropped, unless the whole text
//!    consists of them;
//! 4. words of ASCII letters are stemmed (Snowball English);
//! 5. runs of Chinese, Japanese and Korean characters, which have no spaces, become overlapping
//!    pairs (a run of one stays one), the scheme of Lucene's CJK analyzer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use frostem::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Name and version of this analyzer; a store remembers it.
pub(crate) const ANALYZER: &str = "sleuth-english-cjk-1";

/// The stop words of Lucene's English analyzer, which published BM25 baselines use. Sorted.
const STOP_WORDS: [&str; 33] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it",
    "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these",
    "they", "this", "to", "was", "will", "with",
];

/// One index term with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The term as the index holds it.
    pub text: String,
    /// Byte range in the analysed text.
    pub range: Range<usize>,
}

/// Splits `text` into the terms that the index holds, in order.
pub fn analyze(text: &str) -> Vec<Term> {
    let words = words(text);
    let mut terms = Vec::with_capacity(words.len());
    for word in &words {
        if !is_stop_word(&word.text) {
            terms.push(Term { text: stem(&word.text), range: word.range.clone() });
        }
    }
    if terms.is_empty() {
        return words;
    }
    terms
}

/// Whether `word` is one that the index leaves out.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// Splits `text` into folded words without dropping or stemming any: what titles are compared by.
pub fn words(text: &str) -> Vec<Term> {
    let mut out = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, first)) = chars.next() {
        if is_cjk(first) {
            let mut run = vec![(start, first)];
            while let Some(&(at, next)) = chars.peek() {
                if !is_cjk(next) {
                    break;
                }
                run.push((at, next));
                chars.next();
            }
            push_cjk(&run, &mut out);
        } else if first.is_alphanumeric() {
            let mut end = start + first.len_utf8();
            while let Some(&(at, next)) = chars.peek() {
                let joins = matches!(next, '\'' | '’')
                    && text[at + next.len_utf8()..]
                        .chars()
                        .next()
                        .is_some_and(|c| c.is_alphabetic() && !is_cjk(c));
                if !joins && (is_cjk(next) || !(next.is_alphanumeric() || is_combining_mark(next)))
                {
                    break;
                }
                end = at + next.len_utf8();
                chars.next();
            }
            let folded = fold(&text[start..end]);
            if !folded.is_empty() {
                out.push(Term { text: folded, range: start..end });
            }
        }
    }
    out
}

/// The words of `text`, folded and joined by spaces: the form in which names, titles and queries are
/// compared.
pub fn folded(text: &str) -> String {
    let words: Vec<String> = words(text).into_iter().map(|word| word.text).collect();
    words.join(" ")
}

fn push_cjk(run: &[(usize, char)], out: &mut Vec<Term>) {
    let end_of = |i: usize| run[i].0 + run[i].1.len_utf8();
    if let [(start, only)] = run {
        out.push(Term { text: only.to_string(), range: *start..end_of(0) });
        return;
    }
    for (i, pair) in run.windows(2).enumerate() {
        out.push(Term {
            text: pair.iter().map(|(_, c)| c).collect(),
            range: pair[0].0..end_of(i + 1),
        });
    }
}

/// Whether `c` belongs to a script without spaces between words, whose runs become pairs.
pub(crate) fn is_cjk(c: char) -> bool {
    matches!(u32::from(c),
        0x3040..=0x30FF      // Hiragana, Katakana
        | 0x3400..=0x4DBF    // CJK extension A
        | 0x4E00..=0x9FFF    // CJK unified
        | 0xAC00..=0xD7AF    // Hangul syllables
        | 0xF900..=0xFAFF    // compatibility ideographs
        | 0x20000..=0x3134F) // further extensions
}

fn fold(word: &str) -> String {
    let word = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word);
    if word.is_ascii() {
        return word
            .bytes()
            .filter(|&b| b != b'\'')
            .map(|b| char::from(b.to_ascii_lowercase()))
            .collect();
    }
    word.nfkd()
        .filter(|&c| !is_combining_mark(c) && c != '\'' && c != '’')
        .flat_map(char::to_lowercase)
        .collect()
}

fn stem(word: &str) -> String {
    // Stemming dominates analysis and words repeat: a small per-thread memory halves the time to
    // build a store. It is emptied when full; which words it holds never changes a result.
    const REMEMBERED: usize = 20_000;
    thread_local! {
        static STEMS: RefCell<(Stemmer, HashMap<String, String>)> =
            RefCell::new((Stemmer::new(Algorithm::English), HashMap::new()));
    }
    if word.len() < 3 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return word.to_owned();
    }
    STEMS.with_borrow_mut(|(stemmer, known)| {
        if let Some(stem) = known.get(word) {
            return stem.clone();
        }
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let stem = stemmer.stem(word).to_string();
        known.insert(word.to_owned(), stem.clone());
        stem
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let terms: Vec<String> = analyze(text).into_iter().map(|t| t.text).collect();
        assert_eq!(terms.join(" "), expected, "terms of `{text}`");
    }

    #[test]
    fn terms() {
        check("The running dogs' owners", "run dog owner");
        check("Ann's book, O'Neil’s hat", "ann book oneil hat");
        check("Mór Jókai, GÖTEBORG", "mor jokai goteborg");
        check("Vec::with_capacity(10)", "vec capac 10");
        check("to be or not to be", "to be or not to be");
        check("", "");
        check("C++ 3.5%", "c 3 5");
    }

    #[test]
    fn text_without_spaces_becomes_pairs() {
        check("東京都 is big", "東京 京都 big");
        check("猫", "猫");
        check("Rust语言", "rust 语言");
    }

    #[test]
    fn ranges_point_into_the_text() {
        let text = "Zoë’s 東京 café";
        for term in analyze(text) {
            assert!(text.get(term.range.clone()).is_some(), "{term:?}");
        }
        assert_eq!(&text[analyze(text)[2].range.clone()], "café");
    }

    #[test]
    fn stop_words_are_sorted() {
        assert!(STOP_WORDS.is_sorted());
    }
}
