//! Expressions of uBlacklist: what must be true of a page.
//!
//! ```text
//! or      = and ("|" and)*
//! and     = not ("&" not)*
//! not     = "!" not | "(" or ")" | match
//! match   = name ("=" | "^=" | "$=" | "*=") string "i"?
//!         | name? "=~"? "/" regular expression "/" flags?
//! ```
//!
//! Names are `url` (also `u`, and the one that may be left out before a regular expression), `title`
//! (`t`), `scheme`, `host` and `path`. Others stand for properties of a page of results, which no document
//! here has.

use super::address::Address;
use super::cursor::{Cursor, quoted};
use super::regular::{self, Regular};

/// Deepest nesting of brackets and negations.
const DEEPEST: usize = 50;
/// Most comparisons, brackets and negations of a rule.
const MOST_OF_A_RULE: usize = 1_000;
/// The same of a list: about a hundred bytes each.
const MOST_OF_A_LIST: usize = 1_000_000;
/// Most regular expressions of a list: some kilobytes each, and as many microseconds.
const MOST_REGULAR: usize = 10_000;

/// What the expressions of a list have taken of what they may.
#[derive(Debug, Default)]
pub(super) struct Taken {
    of_rule: usize,
    of_list: usize,
    regular: usize,
}

impl Taken {
    fn one(&mut self) -> Result<(), String> {
        self.of_rule += 1;
        self.of_list += 1;
        let what = "comparisons, brackets and `!`";
        if self.of_rule > MOST_OF_A_RULE {
            return Err(format!("expected at most {MOST_OF_A_RULE} {what} in a rule, found more"));
        }
        if self.of_list > MOST_OF_A_LIST {
            return Err(format!(
                "expected at most {MOST_OF_A_LIST} {what} in the list, found more"
            ));
        }
        Ok(())
    }

    fn regular(&mut self) -> Result<(), String> {
        self.regular += 1;
        if self.regular > MOST_REGULAR {
            return Err(format!(
                "expected at most {MOST_REGULAR} regular expressions in the list, found more"
            ));
        }
        Ok(())
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(super) enum Expression {
    Text { of: Name, how: How, text: String, any_case: bool },
    Regular { of: Name, regular: Regular },
    Not(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

/// What a match looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Url,
    Title,
    Scheme,
    Host,
    Path,
}

/// How a text is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Is,
    Begins,
    Ends,
    Holds,
}

impl Expression {
    /// Reads the expression of a rule off `cursor`; `taken` is of its list.
    pub(super) fn read(cursor: &mut Cursor<'_>, taken: &mut Taken) -> Result<Self, String> {
        taken.of_rule = 0;
        any(cursor, taken, 0)
    }

    /// Whether it holds of a page. What is said of an address does not hold where there is none.
    pub(super) fn holds(&self, address: Option<&Address>, title: &str) -> bool {
        match self {
            Self::Text { of, how, text, any_case } => {
                of.value(address, title).is_some_and(|value| {
                    if *any_case {
                        how.compares(&value.to_lowercase(), text)
                    } else {
                        how.compares(value, text)
                    }
                })
            }
            Self::Regular { of, regular } => {
                of.value(address, title).is_some_and(|value| regular.regex.is_match(value))
            }
            Self::Not(inner) => !inner.holds(address, title),
            Self::All(all) => all.iter().all(|inner| inner.holds(address, title)),
            Self::Any(any) => any.iter().any(|inner| inner.holds(address, title)),
        }
    }

    /// Whether it asks about titles and about nothing else.
    pub(super) fn only_titles(&self) -> bool {
        match self {
            Self::Text { of, .. } | Self::Regular { of, .. } => *of == Name::Title,
            Self::Not(inner) => inner.only_titles(),
            Self::All(inner) | Self::Any(inner) => inner.iter().all(Self::only_titles),
        }
    }

    /// Texts in lower-case ASCII that stand in the address, or with `titles` in the title, of every
    /// page of which it holds.
    pub(super) fn texts(&self, titles: bool) -> Vec<String> {
        // A scheme alone tells nothing.
        let fits = |of: &Name| (*of == Name::Title) == titles && *of != Name::Scheme;
        match self {
            Self::Text { of, text, .. } if fits(of) && text.is_ascii() => {
                vec![text.to_ascii_lowercase()]
            }
            Self::Regular { of, regular } if fits(of) => regular.texts.clone(),
            Self::All(all) => all.iter().flat_map(|one| one.texts(titles)).collect(),
            Self::Text { .. } | Self::Regular { .. } | Self::Not(_) | Self::Any(_) => Vec::new(),
        }
    }
}

impl Name {
    fn value<'p>(self, address: Option<&'p Address>, title: &'p str) -> Option<&'p str> {
        match self {
            Self::Title => Some(title),
            Self::Url => address.map(|address| &*address.whole),
            Self::Scheme => address.map(|address| address.scheme),
            Self::Host => address.map(|address| &*address.host),
            Self::Path => address.map(|address| &*address.path),
        }
    }
}

impl How {
    fn compares(self, value: &str, text: &str) -> bool {
        match self {
            Self::Is => value == text,
            Self::Begins => value.starts_with(text),
            Self::Ends => value.ends_with(text),
            Self::Holds => value.contains(text),
        }
    }
}

fn any(cursor: &mut Cursor<'_>, taken: &mut Taken, depth: usize) -> Result<Expression, String> {
    let mut parts = vec![all(cursor, taken, depth)?];
    cursor.space();
    while cursor.eat("|") {
        parts.push(all(cursor, taken, depth)?);
        cursor.space();
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Any(parts) })
}

fn all(cursor: &mut Cursor<'_>, taken: &mut Taken, depth: usize) -> Result<Expression, String> {
    let mut parts = vec![not(cursor, taken, depth)?];
    cursor.space();
    while cursor.eat("&") {
        parts.push(not(cursor, taken, depth)?);
        cursor.space();
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::All(parts) })
}

fn not(cursor: &mut Cursor<'_>, taken: &mut Taken, depth: usize) -> Result<Expression, String> {
    if depth >= DEEPEST {
        return Err(format!(
            "expected at most {DEEPEST} brackets and `!` in each other, found more"
        ));
    }
    taken.one()?;
    cursor.space();
    if cursor.eat("!") {
        return Ok(Expression::Not(Box::new(not(cursor, taken, depth + 1)?)));
    }
    if cursor.eat("(") {
        let inner = any(cursor, taken, depth + 1)?;
        cursor.space();
        return if cursor.eat(")") { Ok(inner) } else { Err(cursor.expected("`&`, `|` or `)`")) };
    }
    one(cursor, taken)
}

fn one(cursor: &mut Cursor<'_>, taken: &mut Taken) -> Result<Expression, String> {
    let before = cursor.clone();
    let name = identifier(cursor);
    let of = match name {
        "" | "url" | "u" => Name::Url,
        "title" | "t" => Name::Title,
        "scheme" => Name::Scheme,
        "host" => Name::Host,
        "path" => Name::Path,
        _ => {
            cursor.space();
            let compares = cursor.rest.starts_with(['=', '^', '$', '*', '/']);
            return Err(if compares {
                format!(
                    "expected `url`, `title`, `scheme`, `host` or `path`, found `{}`, which no \
                     document has",
                    quoted(name)
                )
            } else {
                before.expected("a rule such as `*://*.example.com/*` or `title*=\"word\"`")
            });
        }
    };
    cursor.space();
    if cursor.rest.starts_with('/') || cursor.eat("=~") {
        cursor.space();
        taken.regular()?;
        return regular_expression(cursor, of);
    }
    let operators = [("=", How::Is), ("^=", How::Begins), ("$=", How::Ends), ("*=", How::Holds)];
    let found = operators.into_iter().find(|(sign, _)| !name.is_empty() && cursor.eat(sign));
    let Some((_, how)) = found else {
        return Err(if name.is_empty() {
            before.expected("a rule such as `*://*.example.com/*` or `title*=\"word\"`")
        } else {
            cursor.expected("`=`, `^=`, `$=`, `*=` or `=~`")
        });
    };
    cursor.space();
    let text = string(cursor)?;
    cursor.space();
    let any_case = cursor.rest.starts_with(['i', 'I'])
        && !cursor.rest[1..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if any_case {
        cursor.split(1);
    }
    let text = if any_case { text.to_lowercase() } else { text };
    Ok(Expression::Text { of, how, text, any_case })
}

/// A name, with the `$` before it where there is one; empty where none stands here.
fn identifier<'t>(cursor: &mut Cursor<'t>) -> &'t str {
    let from = cursor.rest;
    let start = usize::from(from.starts_with('$'));
    let letters = &from[start..];
    if !letters.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return "";
    }
    let length =
        letters.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(letters.len());
    cursor.split(start + length)
}

/// A string in quotes of either kind; a `\` takes the next character as it stands, but for the usual
/// letters.
fn string(cursor: &mut Cursor<'_>) -> Result<String, String> {
    let before = cursor.clone();
    let Some(quote) = cursor.rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return Err(cursor.expected("a text in quotes"));
    };
    let mut chars = cursor.rest.char_indices().skip(1);
    let mut out = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => {
                cursor.split(at + 1);
                return Ok(out);
            }
            '\\' => match chars.next() {
                Some((_, 'n')) => out.push('\n'),
                Some((_, 't')) => out.push('\t'),
                Some((_, 'r')) => out.push('\r'),
                Some((_, c)) => out.push(c),
                None => break,
            },
            c => out.push(c),
        }
    }
    Err(before.expected("a text that ends with a quote"))
}

fn regular_expression(cursor: &mut Cursor<'_>, of: Name) -> Result<Expression, String> {
    let before = cursor.clone();
    if !cursor.eat("/") {
        return Err(cursor.expected("a regular expression between `/`"));
    }
    let (mut in_class, mut escaped) = (false, false);
    let end = cursor.rest.find(|c| {
        let ends = c == '/' && !in_class && !escaped;
        in_class = if escaped { in_class } else { (in_class || c == '[') && c != ']' };
        escaped = c == '\\' && !escaped;
        ends
    });
    let Some(end) = end.filter(|end| *end > 0) else {
        return Err(before.expected("a regular expression between `/`"));
    };
    let pattern = cursor.split(end);
    cursor.split(1);
    let flags = cursor.take(|c| c.is_ascii_alphabetic());
    Ok(Expression::Regular { of, regular: regular::compile(pattern, flags)? })
}
