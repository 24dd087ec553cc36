//! From what a person types to words and a filter.

use super::{Condition, Day, Filter};
use crate::analyzer::{is_cjk, is_stop_word};
use crate::retriever::Query;
use crate::{analyze, language};

/// Conditions that are kept; further ones are passed over.
const MOST_CONDITIONS: usize = 256;
/// Marks that sentences put after words, and what may stand after a site beside them.
const AFTER_WORDS: [char; 6] = [',', ';', '.', '!', '?', ')'];
const AFTER_SITES: [char; 7] = [',', ';', '.', '!', '?', ')', '/'];
/// Opening quotes, each with what closes it.
const QUOTES: [(char, char); 2] = [('"', '"'), ('“', '”')];

impl Query {
    /// A query as a person types it, with the filters that [`crate::Filter`] knows:
    /// `"in a row"`, `-without`, `title:`, `site:`, `lang:`, `after:`, `before:`, `id:`. Whatever is
    /// none of them is words; there are no errors.
    pub fn parse(text: &str, k: usize) -> Self {
        let (words, filter) = parse(text);
        Self { filter, ..Self::new(words, k) }
    }
}

/// The words of `text`, and the conditions that it sets.
fn parse(text: &str) -> (String, Filter) {
    let mut words = String::new();
    let mut filter = Filter::default();
    let mut quotes = Quotes { unclosed: [false; QUOTES.len()] };
    let mut before = ' ';
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let found = if before.is_whitespace() {
            quotes.filter(rest)
        } else if is_cjk(before) || !before.is_alphanumeric() {
            quotes.phrase(rest).map(|(condition, length)| (condition, true, length))
        } else {
            None
        };
        let Some((condition, must, length)) = found else {
            words.push(c);
            before = c;
            at += c.len_utf8();
            continue;
        };
        if let (true, Condition::Words(text) | Condition::Title(text)) = (must, &condition) {
            words.extend([" ", text, " "]);
        }
        let list = if must { &mut filter.must } else { &mut filter.must_not };
        if list.len() < MOST_CONDITIONS && !list.contains(&condition) {
            list.push(condition);
        }
        before = rest[..length].chars().next_back().unwrap_or(' ');
        at += length;
    }
    (words, filter)
}

/// Reads quoted text, and remembers which quotes nobody closes from here on, so that each search for an
/// end is made once.
struct Quotes {
    unclosed: [bool; QUOTES.len()],
}

impl Quotes {
    /// What stands in quotes at the start of `text`, and the length of all.
    fn quoted<'t>(&mut self, text: &'t str) -> Option<(&'t str, usize)> {
        let first = text.chars().next()?;
        let at = QUOTES.iter().position(|(open, _)| *open == first)?;
        if self.unclosed[at] {
            return None;
        }
        let close = QUOTES[at].1;
        let inner = &text[first.len_utf8()..];
        let Some(end) = inner.find(close) else {
            self.unclosed[at] = true;
            return None;
        };
        Some((&inner[..end], first.len_utf8() + end + close.len_utf8()))
    }

    /// A value: in quotes, or up to the next white space.
    fn value<'t>(&mut self, text: &'t str) -> (&'t str, usize) {
        self.quoted(text).unwrap_or_else(|| {
            let length = text.find(char::is_whitespace).unwrap_or(text.len());
            (&text[..length], length)
        })
    }

    fn phrase(&mut self, text: &str) -> Option<(Condition, usize)> {
        let (inner, length) = self.quoted(text)?;
        Some((Condition::Words(telling(inner)?), length))
    }

    /// The filter at the start of `text`, whether it must hold or must not, and its length.
    fn filter(&mut self, text: &str) -> Option<(Condition, bool, usize)> {
        if let Some((condition, length)) = self.named(text).or_else(|| self.phrase(text)) {
            return Some((condition, true, length));
        }
        let rest = text.strip_prefix('-')?;
        if rest.starts_with(|c: char| c == '-' || c.is_whitespace()) {
            return None;
        }
        let found = self.named(rest).or_else(|| self.phrase(rest));
        let (condition, length) = match found {
            Some(found) => found,
            None => {
                let (word, length) = self.value(rest);
                (Condition::Words(telling(word)?), length)
            }
        };
        Some((condition, false, 1 + length))
    }

    /// A `name:value` at the start of `text`.
    fn named(&mut self, text: &str) -> Option<(Condition, usize)> {
        const NAMES: [&str; 6] = ["title", "site", "lang", "after", "before", "id"];
        let name = NAMES.into_iter().find(|name| {
            let head = text.as_bytes().get(..name.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes()))
                && text.as_bytes().get(name.len()) == Some(&b':')
        })?;
        let from = name.len() + 1;
        let (value, length) = self.value(&text[from..]);
        // Sentences put marks after words, and none of these values ends with one.
        let bare = value.trim().trim_end_matches(AFTER_WORDS);
        let condition = match name {
            "title" => Condition::Title(telling(value)?),
            "site" => Condition::Site(site(bare)?),
            "lang" => Condition::Language(language::asked(bare)?),
            "after" => Condition::After(Day::read(bare)?),
            "before" => Condition::Before(Day::read(bare)?),
            _ if value.is_empty() => return None,
            _ => Condition::Id(value.to_owned()),
        };
        Some((condition, from + length))
    }
}

/// `text` where it has words that the index holds.
fn telling(text: &str) -> Option<String> {
    analyze(text).iter().any(|term| !is_stop_word(&term.text)).then(|| text.to_owned())
}

/// The site that a person names: a host, with a path where one is given; an address will do.
fn site(text: &str) -> Option<String> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (host, path) = text.split_at(text.find('/').unwrap_or(text.len()));
    let host = host.strip_prefix("*.").unwrap_or(host);
    let host = host.split_once(':').map_or(host, |(host, _)| host).trim_matches('.');
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    // In lower case, too, it has to be one: `İ` becomes two characters, of which one is none of these.
    let host = host.to_lowercase();
    (!host.is_empty() && host.chars().all(fits))
        .then(|| format!("{host}{}", path.trim_end_matches(AFTER_SITES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, words: &str, must: &[Condition], must_not: &[Condition]) {
        let (found, filter) = parse(text);
        let found: Vec<&str> = found.split_whitespace().collect();
        assert_eq!(found.join(" "), words, "words of `{text}`");
        assert_eq!(filter.must, must, "what `{text}` asks for");
        assert_eq!(filter.must_not, must_not, "what `{text}` excludes");
    }

    fn words(text: &str) -> Condition {
        Condition::Words(text.to_owned())
    }

    #[test]
    fn filters() {
        check("red \"old fox\" hunts", "red old fox hunts", &[words("old fox")], &[]);
        check("“old fox”", "old fox", &[words("old fox")], &[]);
        check("fox -hound -\"red tape\"", "fox", &[], &[words("hound"), words("red tape")]);
        check("title:atlas x", "atlas x", &[Condition::Title("atlas".to_owned())], &[]);
        check("title:\"red atlas\"", "red atlas", &[Condition::Title("red atlas".to_owned())], &[]);
        check("-title:atlas x", "x", &[], &[Condition::Title("atlas".to_owned())]);
        let site = |site: &str| Condition::Site(site.to_owned());
        check("site:Example.org, fox", "fox", &[site("example.org")], &[]);
        check("site:https://a.org:80/b/ SITE:*.c.org", "", &[site("a.org/b"), site("c.org")], &[]);
        check("site:a.org/b!/ site:\"a.org/b\"", "", &[site("a.org/b")], &[]);
        let language = |code: &str| Condition::Language(code.to_owned());
        check(
            "lang:de lang:German lang:deu lang:de-AT",
            "",
            &[language("de"), language("de-at")],
            &[],
        );
        let day = |text| Day::read(text).unwrap();
        check(
            "after:2020-01-01 before:2021",
            "",
            &[Condition::After(day("2020-01-01")), Condition::Before(day("2021"))],
            &[],
        );
        check(
            "id:people/ id:\"a b\"",
            "",
            &[Condition::Id("people/".to_owned()), Condition::Id("a b".to_owned())],
            &[],
        );
        check("我的\"长城\"多长", "我的 长城 多长", &[words("长城")], &[]);
    }

    #[test]
    fn whatever_is_no_filter_is_words() {
        for text in [
            "",
            "-",
            "- draft",
            "--flag",
            "well-known",
            "\"old fox",
            "5\" pipe 6\" pipe",
            "“old fox",
            "note: fox",
            "http://example.org/x",
            "site:",
            "site:a,b",
            "lang:",
            "lang:klingonese",
            "after:soon before:2021-13",
            "id:",
            "title:",
            "title:!!",
            "\"!!!\" -!!!",
            "\"to be or not to be\"",
            "-the",
            "x-site:a.org",
            "site:İ.org",
        ] {
            let (words, filter) = parse(text);
            assert_eq!(words, text);
            assert!(filter.is_empty(), "`{text}` gives {filter:?}");
        }
    }

    #[test]
    fn only_so_many_conditions_are_kept() {
        let text: String = (0..10_000).map(|n| format!("-w{n} ")).collect();
        let (words, filter) = parse(&text);
        assert_eq!((words.trim(), filter.must_not.len()), ("", MOST_CONDITIONS));
    }

    /// Pieces of the language in any order, and bytes of any kind: words or filters come out, and what
    /// is kept of a filter can be looked for.
    #[test]
    fn random_text_is_always_read() {
        const PIECES: [&str; 26] = [
            "\"",
            "“",
            "”",
            "-",
            " ",
            ":",
            "title:",
            "site:",
            "lang:",
            "after:",
            "before:",
            "id:",
            "2020",
            "-01",
            "example.org",
            "de",
            "fox",
            "the",
            "猫",
            "東京",
            "\u{301}",
            "\0",
            "/",
            "(",
            "é",
            "\u{2003}",
        ];
        let mut state = 7u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % below
        };
        let started = std::time::Instant::now();
        let mut n = 0;
        while n < 2_000 || started.elapsed().as_millis() < 1_000 {
            n += 1;
            let mut bytes = Vec::new();
            for _ in 0..random(40) {
                match random(4) {
                    0 => bytes.push(random(256) as u8),
                    _ => bytes.extend(PIECES[random(PIECES.len())].as_bytes()),
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            let (words, filter) = parse(&text);
            assert!(words.len() <= 2 * text.len() + 2, "`{text}` gives `{words}`");
            for condition in filter.must.iter().chain(&filter.must_not) {
                match condition {
                    Condition::Words(text) | Condition::Title(text) => {
                        assert!(!analyze(text).is_empty(), "{text:?}");
                    }
                    Condition::Site(text) | Condition::Language(text) | Condition::Id(text) => {
                        assert!(!text.is_empty());
                    }
                    Condition::After(day) | Condition::Before(day) => {
                        assert_eq!(Day::read(&day.to_string()), Some(*day));
                    }
                }
            }
        }
    }

    #[test]
    fn a_long_text_of_open_quotes_is_read_once() {
        let text = "“ ".repeat(500_000);
        assert_eq!(parse(&text).0.len(), text.len());
    }
}
