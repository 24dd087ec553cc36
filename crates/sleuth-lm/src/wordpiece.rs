//! Texts to tokens, as BERT models want them: the basic tokenizer, then `WordPiece`.
//!
//! A text is cleaned (control and format characters dropped), decomposed, stripped of marks without
//! a width (accents) and put in lower case. Words end at white space; punctuation marks and Chinese characters are words
//! by themselves. A word becomes its longest known beginning, then the longest known continuation,
//! and so on; a word that cannot be made up so, or of more than 100 characters, becomes the unknown
//! token. (Devlin et al. 2018; the rules are those of the `uncased` models.)
//!
//! One departure: characters that Unicode has not assigned are kept.

mod tables;

use std::collections::HashMap;

use unicode_normalization::char::{decompose_canonical, is_combining_mark};

use tables::{CHINESE, FORMAT, PUNCTUATION, WIDE_MARKS};

/// Marks a token that begins a word, in the vocabulary of a GGUF file.
pub(crate) const BEGINS: char = '\u{2581}';
/// Longest word in characters.
const LONGEST_WORD: usize = 100;

/// A vocabulary of word pieces.
#[derive(Debug)]
pub(crate) struct WordPiece {
    begin: HashMap<Box<str>, u32>,
    go_on: HashMap<Box<str>, u32>,
    /// Bytes of the longest piece.
    longest: usize,
    /// Stands before a text.
    pub(crate) cls: u32,
    /// Stands after it.
    pub(crate) sep: u32,
    unknown: u32,
}

impl WordPiece {
    /// The vocabulary of a GGUF file: a token that begins a word starts with [`BEGINS`], control
    /// tokens stand in brackets.
    pub(crate) fn new(tokens: &[String]) -> Result<Self, String> {
        let control = |text: &str| {
            let at = tokens.iter().position(|token| token == text);
            at.and_then(|at| u32::try_from(at).ok())
                .ok_or_else(|| format!("the vocabulary has no token `{text}`"))
        };
        let (cls, sep, unknown) = (control("[CLS]")?, control("[SEP]")?, control("[UNK]")?);
        let (mut begin, mut go_on) = (HashMap::new(), HashMap::new());
        let mut longest = 0;
        for (id, token) in (0..).zip(tokens) {
            let (pieces, piece) = match token.strip_prefix(BEGINS) {
                Some(piece) => (&mut begin, piece),
                None if is_control(token) => continue,
                None => (&mut go_on, token.as_str()),
            };
            longest = longest.max(piece.len());
            pieces.insert(piece.into(), id);
        }
        Ok(Self { begin, go_on, longest, cls, sep, unknown })
    }

    /// The tokens of `text` without those before and after it, at most `most`.
    pub(crate) fn tokens(&self, text: &str, most: usize) -> Vec<u32> {
        let mut tokens = Vec::new();
        let mut word = String::new();
        for c in text.chars() {
            if tokens.len() >= most {
                break;
            }
            match class(c) {
                Class::Letter if c.is_ascii() => word.push(c.to_ascii_lowercase()),
                Class::Letter => decompose_canonical(c, |c| {
                    if !is_combining_mark(c) || within(c, WIDE_MARKS) {
                        word.extend(c.to_lowercase());
                    }
                }),
                Class::Dropped => {}
                Class::Space => self.word(&mut word, &mut tokens),
                Class::Alone => {
                    self.word(&mut word, &mut tokens);
                    decompose_canonical(c, |c| word.push(c));
                    self.word(&mut word, &mut tokens);
                }
            }
        }
        self.word(&mut word, &mut tokens);
        tokens.truncate(most);
        tokens
    }

    /// Adds the tokens of a word and empties it.
    fn word(&self, word: &mut String, tokens: &mut Vec<u32>) {
        if word.is_empty() {
            return;
        }
        let before = tokens.len();
        let long = word.len() > LONGEST_WORD && word.chars().count() > LONGEST_WORD;
        let mut rest = if long { "" } else { word.as_str() };
        let mut pieces = &self.begin;
        while !rest.is_empty() {
            let mut ends = (1..=rest.len().min(self.longest)).rev();
            let found = ends.find_map(|end| Some((end, *pieces.get(rest.get(..end)?)?)));
            let Some((end, id)) = found else {
                tokens.truncate(before);
                break;
            };
            tokens.push(id);
            rest = &rest[end..];
            pieces = &self.go_on;
        }
        if tokens.len() == before {
            tokens.push(self.unknown);
        }
        word.clear();
    }
}

/// Whether a token of a vocabulary stands for no text.
pub(crate) fn is_control(token: &str) -> bool {
    matches!(token, "[PAD]" | "[UNK]" | "[CLS]" | "[SEP]" | "[MASK]")
}

enum Class {
    Letter,
    Space,
    /// A word by itself.
    Alone,
    Dropped,
}

fn class(c: char) -> Class {
    if c.is_ascii_alphanumeric() {
        Class::Letter
    } else if c.is_ascii_punctuation() {
        Class::Alone
    } else if c.is_whitespace() && c != '\u{b}' && c != '\u{c}' && c != '\u{85}' {
        Class::Space
    } else if c.is_control() || c == char::REPLACEMENT_CHARACTER {
        Class::Dropped
    } else if c.is_ascii() {
        Class::Letter
    } else if within(c, FORMAT) {
        Class::Dropped
    } else if within(c, PUNCTUATION) || within(c, CHINESE) {
        Class::Alone
    } else {
        Class::Letter
    }
}

fn within(c: char, ranges: &[(u32, u32)]) -> bool {
    let at = ranges.partition_point(|&(_, last)| last < u32::from(c));
    ranges.get(at).is_some_and(|&(first, _)| first <= u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Token ids are positions here.
    fn vocabulary() -> WordPiece {
        let tokens = [
            "[PAD]",
            "[UNK]",
            "[CLS]",
            "[SEP]",
            "[MASK]",
            "\u{2581}un",
            "aff",
            "able",
            "\u{2581},",
            "\u{2581}cafe",
            "\u{2581}\u{4e2d}",
            "\u{2581}a",
            "\u{2581}\u{2014}",
            "\u{2581}[",
            "\u{2581}]",
            "\u{2581}cls",
            "\u{2581}\u{9ac}",
            "\u{9cb}",
        ];
        WordPiece::new(&tokens.map(str::to_owned)).unwrap()
    }

    #[test]
    fn words_are_cut_into_the_longest_pieces() {
        fn check(text: &str, expected: &[u32]) {
            assert_eq!(vocabulary().tokens(text, 100), expected, "{text:?}");
        }
        check("", &[]);
        check(" \n\t\u{a0}\u{3000}", &[]);
        check("unaffable", &[5, 6, 7]);
        check("UNAFFABLE,un", &[5, 6, 7, 8, 5]);
        check("Caf\u{e9}", &[9]);
        check("Cafe\u{301}", &[9]);
        check("ca\u{ad}fe\u{200b}", &[9]);
        check("ca\0fe\u{fffd}", &[9]);
        check("\u{4e2d}\u{4e2d}a", &[10, 10, 11]);
        check("a\u{2014}a", &[11, 12, 11]);
        // A vowel sign is no accent; it is decomposed, though.
        check("\u{9ac}\u{9c7}\u{9be}", &[1]);
        // Unknown as a whole, though its beginning is known.
        check("unx a", &[1, 11]);
        check("able", &[1]);
        // What is spelled like a control token is text.
        check("[CLS]", &[13, 15, 14]);
        check(&"a".repeat(101), &[1]);
    }

    #[test]
    fn a_text_is_cut_at_the_limit() {
        assert_eq!(vocabulary().tokens(&"un, ".repeat(100), 3), [5, 8, 5]);
        assert_eq!(vocabulary().tokens("unaffable unaffable", 4), [5, 6, 7, 5]);
        assert_eq!(vocabulary().tokens("un", 0), [0_u32; 0]);
    }

    #[test]
    fn a_vocabulary_without_its_control_tokens_is_refused() {
        let error = WordPiece::new(&["[CLS]".to_owned(), "a".to_owned()]).unwrap_err();
        assert_eq!(error, "the vocabulary has no token `[SEP]`");
    }
}
