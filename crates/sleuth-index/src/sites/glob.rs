//! Patterns of addresses with `*`, `^` and anchors.
//!
//! A pattern is a row of pieces between stars. Each piece is looked for from the left, at the first place
//! behind the one before, which is the best place for all that follow; so a pattern costs at most the
//! length of the text times its own, whatever stands in it.

/// A pattern of an address, or of a part of one. Letters count as they stand: whoever wants to pass over
/// case hands in lower case on both sides.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Glob {
    /// Not empty.
    pieces: Vec<Vec<Part>>,
    from_start: bool,
    to_end: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// Not empty.
    Text(Box<[u8]>),
    /// `^`: the end, or a character that is neither letter, digit nor one of `_ . % -`.
    Separator,
}

impl Glob {
    /// A pattern where `*` stands for any characters.
    pub(super) fn new(pattern: &str, from_start: bool, to_end: bool) -> Self {
        let piece = |text: &str| {
            if text.is_empty() { Vec::new() } else { vec![Part::Text(text.as_bytes().into())] }
        };
        Self { pieces: pattern.split('*').map(piece).collect(), from_start, to_end }
    }

    /// The same, where `^` stands for a separator.
    pub(super) fn with_separators(pattern: &str, from_start: bool, to_end: bool) -> Self {
        let piece = |text: &str| {
            let mut parts = Vec::new();
            for (at, text) in text.split('^').enumerate() {
                if at > 0 {
                    parts.push(Part::Separator);
                }
                if !text.is_empty() {
                    parts.push(Part::Text(text.as_bytes().into()));
                }
            }
            parts
        };
        Self { pieces: pattern.split('*').map(piece).collect(), from_start, to_end }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let text = text.as_bytes();
        let last = self.pieces.len() - 1;
        let mut at = 0;
        for (nth, piece) in self.pieces.iter().enumerate() {
            let first_only = nth == 0 && self.from_start;
            let must_end = nth == last && self.to_end;
            let latest = if first_only { at } else { text.len() };
            let found = (at..=latest)
                .filter_map(|from| ends_at(piece, text, from))
                .find(|end| !must_end || *end == text.len());
            match found {
                Some(end) => at = end,
                None => return false,
            }
        }
        true
    }

    /// Texts that must stand in whatever matches.
    pub(super) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().flatten().filter_map(|part| match part {
            Part::Text(text) => Some(&**text),
            Part::Separator => None,
        })
    }
}

/// Where `piece` ends when it begins at `from`.
fn ends_at(piece: &[Part], text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    for part in piece {
        match part {
            Part::Text(expected) => {
                at = text[at..].starts_with(expected).then_some(at + expected.len())?;
            }
            Part::Separator => match text.get(at) {
                Some(b) if is_separator(*b) => at += 1,
                Some(_) => return None,
                None => {}
            },
        }
    }
    Some(at)
}

fn is_separator(b: u8) -> bool {
    b.is_ascii() && !b.is_ascii_alphanumeric() && !b"_.%-".contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(glob: &Glob, yes: &[&str], no: &[&str]) {
        for text in yes {
            assert!(glob.matches(text), "{glob:?} {text}");
        }
        for text in no {
            assert!(!glob.matches(text), "{glob:?} {text}");
        }
    }

    #[test]
    fn stars_and_anchors() {
        check(&Glob::new("/a*c", true, true), &["/ac", "/abc", "/acbc"], &["/acb", "x/ac", "/a"]);
        check(&Glob::new("/*/b/*/", true, true), &["/a/b/c/", "/x/b/b/c/"], &["/b/*/", "/a/b/"]);
        check(&Glob::new("b", false, false), &["b", "abc"], &["", "a"]);
        check(&Glob::new("b", true, false), &["b", "bc"], &["ab"]);
        check(&Glob::new("b", false, true), &["b", "ab", "bcb"], &["bc"]);
        check(&Glob::new("", true, true), &[""], &["a"]);
        check(&Glob::new("*", true, true), &["", "a"], &[]);
        check(&Glob::new("a*a", true, true), &["aa", "aba"], &["a", "ab"]);
    }

    #[test]
    fn separators() {
        let of = |text: &str, from_start| Glob::with_separators(text, from_start, false);
        check(
            &of("https://example.org^", true),
            &["https://example.org", "https://example.org/", "https://example.org:80/"],
            &["https://example.org.ac", "https://example.orgs", "https://example.org-x"],
        );
        check(&of("/foo.js^", false), &["x/foo.js", "x/foo.js?a", "/foo.js/"], &["/foo.jsx"]);
        check(&of("^a^^", false), &["/a", "/a/", "/a//x"], &["/a/x", "a", "a/"]);
        check(&Glob::with_separators("a^", false, true), &["a", "a/"], &["a/b"]);
    }

    #[test]
    fn many_stars_cost_no_more_than_one() {
        let glob = Glob::new(&"a*".repeat(200), true, true);
        assert!(!glob.matches(&format!("{}b", "ba".repeat(50_000))));
    }
}
