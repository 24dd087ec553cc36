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

mod finder;
mod runs;

use std::cell::Cell;
use std::hash::BuildHasher as _;
use std::ops::Range;

use foldhash::fast::RandomState;
use frostem::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

pub use finder::TermFinder;
use runs::Runs;

/// Name and version of this analyzer; a store remembers it.
pub(crate) const ANALYZER: &str = "sleuth-english-cjk-1";

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
    let mut terms = Vec::new();
    for_each_term(text, |term, range| terms.push(Term { text: term.to_owned(), range }));
    terms
}

/// Hands the terms that the index holds of `text` to `each`, in order, with their byte ranges: for those
/// who look at terms and keep none.
fn for_each_term(text: &str, mut each: impl FnMut(&str, Range<usize>)) {
    let mut any = false;
    with_stems(|stems| {
        for_each_word(text, |word, range| {
            if !is_stop_word(word) {
                any = true;
                stems.of(word, |stem| each(stem, range));
            }
        });
    });
    if !any {
        for_each_word(text, each);
    }
}

/// Whether `word` is one of the stop words of Lucene's English analyzer, which published BM25 baselines
/// leave out, too.
pub(crate) fn is_stop_word(word: &str) -> bool {
    word.len() <= 5
        && matches!(
            word,
            "a" | "an"
                | "and"
                | "are"
                | "as"
                | "at"
                | "be"
                | "but"
                | "by"
                | "for"
                | "if"
                | "in"
                | "into"
                | "is"
                | "it"
                | "no"
                | "not"
                | "of"
                | "on"
                | "or"
                | "such"
                | "that"
                | "the"
                | "their"
                | "then"
                | "there"
                | "these"
                | "they"
                | "this"
                | "to"
                | "was"
                | "will"
                | "with"
        )
}

/// Splits `text` into folded words without dropping or stemming any: what titles are compared by.
pub fn words(text: &str) -> Vec<Term> {
    let mut out = Vec::new();
    for_each_word(text, |word, range| out.push(Term { text: word.to_owned(), range }));
    out
}

/// The words of `text`, folded and joined by spaces: the form in which names, titles and queries are
/// compared.
pub fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for_each_word(text, |word, _| {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    });
    out
}

/// Whether `text` has a word.
pub fn has_words(text: &str) -> bool {
    Runs::of(text).any(|(_, is_word)| is_word) || !folded(text).is_empty()
}

/// Hands the words of [`words`] to `each`.
fn for_each_word(text: &str, each: impl FnMut(&str, Range<usize>)) {
    for_each_word_but(text, |_, _| false, each);
}

/// The same without the words of ASCII that `passed_over` knows by their first two bytes, as they stand in the
/// text. The second may be one that follows a word of one letter.
fn for_each_word_but(
    text: &str,
    passed_over: impl Fn(u8, u8) -> bool,
    mut each: impl FnMut(&str, Range<usize>),
) {
    let mut folded = String::new();
    let bytes = text.as_bytes();
    for (run, is_word) in Runs::of(text) {
        if is_word {
            let second = bytes.get(run.start + 1).copied().unwrap_or(b' ');
            if !passed_over(bytes[run.start], second) {
                folded.clear();
                folded.push_str(&text[run.clone()]);
                folded.make_ascii_lowercase();
                each(&folded, run);
            }
            continue;
        }
        let mut at = run.start;
        while at < run.end {
            at = word_or_run(text, at, &mut folded, &mut each);
        }
    }
}

/// Hands over the word, or the pairs of the run, that begins at `start`, if one does, and returns where to go on.
fn word_or_run(
    text: &str,
    start: usize,
    folded: &mut String,
    each: &mut impl FnMut(&str, Range<usize>),
) -> usize {
    let mut chars = text[start..].char_indices().map(|(at, c)| (start + at, c)).peekable();
    let Some((_, first)) = chars.next() else { return text.len() };
    let mut end = start + first.len_utf8();
    if is_cjk(first) {
        let mut run = vec![(start, first)];
        while let Some((at, next)) = chars.next_if(|(_, next)| is_cjk(*next)) {
            run.push((at, next));
            end = at + next.len_utf8();
        }
        pairs(&run, each);
    } else if first.is_alphanumeric() {
        while let Some(&(at, next)) = chars.peek() {
            let joins = matches!(next, '\'' | '’')
                && text[at + next.len_utf8()..]
                    .chars()
                    .next()
                    .is_some_and(|c| c.is_alphabetic() && !is_cjk(c));
            if !joins && (is_cjk(next) || !(next.is_alphanumeric() || is_combining_mark(next))) {
                break;
            }
            end = at + next.len_utf8();
            chars.next();
        }
        fold(&text[start..end], folded);
        if !folded.is_empty() {
            each(folded, start..end);
        }
    }
    end
}

/// The pairs of a run of characters of a script without spaces.
fn pairs(run: &[(usize, char)], each: &mut impl FnMut(&str, Range<usize>)) {
    let end_of = |i: usize| run[i].0 + run[i].1.len_utf8();
    let mut text = [0; 4];
    if let [(start, only)] = run {
        each(only.encode_utf8(&mut text), *start..end_of(0));
        return;
    }
    let mut both = String::new();
    for (i, pair) in run.windows(2).enumerate() {
        both.clear();
        both.extend(pair.iter().map(|(_, c)| c));
        each(&both, pair[0].0..end_of(i + 1));
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

/// Puts the folded form of `word` into `out`.
fn fold(word: &str, out: &mut String) {
    out.clear();
    let word = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word);
    if word.is_ascii() {
        out.push_str(word);
        out.make_ascii_lowercase();
        if out.contains('\'') {
            out.retain(|c| c != '\'');
        }
        return;
    }
    out.extend(
        word.nfkd()
            .filter(|&c| !is_combining_mark(c) && c != '\'' && c != '’')
            .flat_map(char::to_lowercase),
    );
}

/// Stems of words. Stemming dominates analysis, and words repeat: each thread has a small memory of them. A word
/// has one place there, and takes it from another; which words it holds never changes a result.
struct Stems {
    stemmer: Stemmer,
    hasher: RandomState,
    known: Vec<Known>,
}

/// A word and its stem: their lengths, then their letters. Nothing where the lengths are 0.
type Known = [u8; 2 + 2 * LONGEST];

/// Letters of a word that is kept: few words are longer.
const LONGEST: usize = 15;
/// Words that are kept, a power of two: an eighth of a MiB.
const N_KNOWN: usize = 4096;

/// Lends the stems of this thread. Who holds them may analyse another text meanwhile, and then begins with an
/// empty memory.
fn with_stems<T>(use_them: impl FnOnce(&mut Stems) -> T) -> T {
    let mut stems = STEMS.take().unwrap_or_default();
    let out = use_them(&mut stems);
    STEMS.set(Some(stems));
    out
}

thread_local! {
    static STEMS: Cell<Option<Stems>> = const { Cell::new(None) };
}

impl Default for Stems {
    fn default() -> Self {
        Self {
            stemmer: Stemmer::new(Algorithm::English),
            hasher: RandomState::default(),
            known: vec![[0; 2 + 2 * LONGEST]; N_KNOWN],
        }
    }
}

impl Stems {
    /// Hands the stem of a folded word to `each`.
    fn of<T>(&mut self, word: &str, each: impl FnOnce(&str) -> T) -> T {
        if word.len() < 3 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
            return each(word);
        }
        if word.len() > LONGEST {
            return each(&self.stemmer.stem(word));
        }
        let known = &mut self.known[self.hasher.hash_one(word) as usize % N_KNOWN];
        let [word_length, stem_length, letters @ ..] = known;
        let (of_word, of_stem) = letters.split_at_mut(LONGEST);
        if of_word[..usize::from(*word_length)] != *word.as_bytes() {
            let stem = self.stemmer.stem(word);
            if stem.len() > LONGEST {
                return each(&stem);
            }
            of_word[..word.len()].copy_from_slice(word.as_bytes());
            of_stem[..stem.len()].copy_from_slice(stem.as_bytes());
            (*word_length, *stem_length) = (word.len() as u8, stem.len() as u8);
        }
        // A word of ASCII has a stem of ASCII.
        each(std::str::from_utf8(&of_stem[..usize::from(*stem_length)]).unwrap_or(word))
    }
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
    fn words_end_where_they_end() {
        let words = |text: &str| -> Vec<(String, String)> {
            let said = |word: Term| (word.text, text[word.range].to_owned());
            words(text).into_iter().map(said).collect()
        };
        let check = |text: &str, expected: &[(&str, &str)]| {
            let expected: Vec<(String, String)> =
                expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            assert_eq!(words(text), expected, "{text}");
        };
        check("a'", &[("a", "a")]);
        check("'tis Bob's!", &[("tis", "tis"), ("bob", "Bob's")]);
        check("rock'n'roll’s", &[("rocknroll", "rock'n'roll’s")]);
        check("naïve-X2é", &[("naive", "naïve"), ("x2e", "X2é")]);
        check("e\u{301}te\u{301}", &[("ete", "e\u{301}te\u{301}")]);
        check("Go语言2", &[("go", "Go"), ("语言", "语言"), ("2", "2")]);
        check("…—", &[]);
        check("it's东京", &[("it", "it's"), ("东京", "东京")]);
    }

    #[test]
    fn texts_with_words() {
        for text in ["a", " 7.", "é", "猫", "'s", "…x"] {
            assert!(has_words(text) && !words(text).is_empty(), "{text}");
        }
        for text in ["", " ", "...", "’", "\u{301}", "—", "\u{345}'s"] {
            assert!(!has_words(text) && words(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn texts_may_be_analysed_while_another_is() {
        let mut out = Vec::new();
        for_each_term("running dogs", |outer, _| {
            for_each_term("barking cats", |inner, _| out.push(format!("{outer} {inner}")));
        });
        assert_eq!(out, ["run bark", "run cat", "dog bark", "dog cat"]);
    }
}
