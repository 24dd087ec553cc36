//! Regular expressions as JavaScript writes them, for an engine whose time is linear in the text.
//!
//! The two differ little in what lists use. What is rewritten: `\d`, `\w` and `\b` know ASCII only,
//! `[^]` is any character and `[]` none, an escaped letter without a meaning is the letter, and what has a
//! meaning in a class for us and none for JavaScript (`[`, `&&`, `~~`, `--`) is escaped. What no engine of
//! linear time has, look-around and back references, is refused by name.

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};

/// Longest expression, in bytes.
const LONGEST: usize = 2_000;
/// Most memory of a compiled expression, in bytes: searching takes time as that times the text at worst.
const MOST_MEMORY: usize = 1 << 15;
/// Most memory of the states that searching keeps, in bytes.
const MOST_STATES: usize = 1 << 18;

/// A compiled expression.
#[derive(Debug)]
pub(super) struct Regular {
    pub(super) regex: Regex,
    /// Texts in lower-case ASCII that stand in whatever it matches.
    pub(super) texts: Vec<String>,
}

/// Compiles the expression `pattern` with `flags` of JavaScript.
///
/// # Errors
/// What was expected and found.
pub(super) fn compile(pattern: &str, flags: &str) -> Result<Regular, String> {
    if pattern.len() > LONGEST {
        return Err(format!(
            "expected a regular expression of at most {LONGEST} bytes, found {}",
            pattern.len()
        ));
    }
    let pattern = translated(pattern)?;
    let mut builder = RegexBuilder::new(&pattern);
    for flag in flags.chars() {
        match flag {
            'i' => builder.case_insensitive(true),
            'm' => builder.multi_line(true),
            's' => builder.dot_matches_new_line(true),
            'u' => &mut builder,
            other => {
                return Err(format!("expected the flags `i`, `m`, `s` or `u`, found `{other}`"));
            }
        };
    }
    builder.size_limit(MOST_MEMORY).dfa_size_limit(MOST_STATES).nest_limit(50);
    let regex = builder.build().map_err(|error| {
        if let regex::Error::CompiledTooBig(limit) = error {
            return format!(
                "expected a regular expression that takes at most {limit} bytes, found one that \
                 takes more"
            );
        }
        // The last line says what is wrong; those before draw the place.
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default();
        format!("expected a regular expression: {}", last.trim_start_matches("error: "))
    })?;
    let mut texts = Vec::new();
    // Without the flags: texts are compared in lower case, and the others change no text.
    if let Ok(hir) = regex_syntax::Parser::new().parse(&pattern) {
        needed(&hir, &mut texts);
    }
    Ok(Regular { regex, texts })
}

/// Collects texts that every match of `hir` holds.
fn needed(hir: &Hir, texts: &mut Vec<String>) {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok().filter(|text| text.is_ascii());
            texts.extend(text.map(str::to_ascii_lowercase));
        }
        HirKind::Concat(all) => all.iter().for_each(|one| needed(one, texts)),
        HirKind::Capture(capture) => needed(&capture.sub, texts),
        HirKind::Repetition(repetition) if repetition.min > 0 => needed(&repetition.sub, texts),
        HirKind::Repetition(_)
        | HirKind::Alternation(_)
        | HirKind::Class(_)
        | HirKind::Look(_)
        | HirKind::Empty => {}
    }
}

/// `pattern` in the syntax of the engine.
fn translated(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\\' => escape(after, in_class, &mut out)?,
            '[' if in_class => {
                out.push_str("\\[");
                after
            }
            '[' => {
                let (head, after) = match after.strip_prefix("^]") {
                    Some(after) => ("[\\s\\S]", after),
                    None => match after.strip_prefix(']') {
                        Some(after) => ("[^\\s\\S]", after),
                        None => {
                            in_class = true;
                            ("[", after)
                        }
                    },
                };
                out.push_str(head);
                after
            }
            ']' => {
                in_class = false;
                out.push(']');
                after
            }
            '&' | '~' if in_class => {
                out.extend(['\\', c]);
                after
            }
            '-' if in_class && out.ends_with('-') => {
                out.push_str("\\-");
                after
            }
            '(' if !in_class => {
                let around = ["?=", "?!", "?<=", "?<!"];
                if let Some(found) = around.into_iter().rev().find(|mark| after.starts_with(mark)) {
                    return Err(format!(
                        "expected a regular expression without look-around, found `({found}`"
                    ));
                }
                out.push('(');
                after
            }
            c => {
                out.push(c);
                after
            }
        };
    }
    Ok(out)
}

/// Writes what a `\` before `text` means; gives what follows.
fn escape<'t>(text: &'t str, in_class: bool, out: &mut String) -> Result<&'t str, String> {
    let Some(c) = text.chars().next() else {
        return Err("expected a character after `\\`, found the end".to_owned());
    };
    let after = &text[c.len_utf8()..];
    match c {
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        'b' if in_class => out.push_str("\\x08"),
        'b' => out.push_str("(?-u:\\b)"),
        '0' if !after.starts_with(|c: char| c.is_ascii_digit()) => out.push_str("\\x00"),
        '0'..='9' if in_class => {
            return Err(format!("expected a character in `[…]`, found the octal escape `\\{c}`"));
        }
        '0'..='9' | 'k' => {
            return Err(format!(
                "expected a regular expression without back references, found `\\{c}`"
            ));
        }
        'c' => return Err("expected no control escape, found `\\c`".to_owned()),
        's' | 'S' | 'B' | 't' | 'n' | 'r' | 'v' | 'f' | 'x' | 'u' | 'p' | 'P' => {
            out.extend(['\\', c]);
        }
        c if c.is_ascii_punctuation() && c != '<' && c != '>' => out.extend(['\\', c]),
        c => out.push(c),
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let Regular { regex, .. } = compile(pattern, "").unwrap();
        for text in yes {
            assert!(regex.is_match(text), "{pattern} {text}");
        }
        for text in no {
            assert!(!regex.is_match(text), "{pattern} {text}");
        }
    }

    #[test]
    fn javascript_is_understood() {
        check(r"^https?:\/\/([^\/.]+\.)*?xn--", &["http://a.xn--b/"], &["http://b/xn--"]);
        check(r"^\d+$", &["12"], &["٣", ""]);
        check(r"^[\w-]+$", &["a-b_1"], &["é"]);
        check(r"\bcat\b", &["a cat", "écaté cat"], &["concat"]);
        check("a[^]b", &["a\nb"], &["ab"]);
        check("a[]b", &[], &["ab", "a]b"]);
        check("[[&&~~+--b]x", &["[x", "&x", "~x", "-x", "+x", "bx"], &["ax"]);
        check(r"\<a\>\-\#\@\A\z", &["<a>-#@Az"], &["a"]);
        check(r"\x41\u0042\0", &["AB\0"], &["AB"]);
        check(r"(?<name>a)(?:b)", &["ab"], &["a"]);
        assert!(compile("ÄB", "i").unwrap().regex.is_match("äb"));
        assert!(compile("^b$", "m").unwrap().regex.is_match("a\nb"));
        assert!(compile("a.b", "s").unwrap().regex.is_match("a\nb"));
    }

    #[test]
    fn texts_that_must_be_there() {
        let check = |pattern: &str, flags: &str, expected: &[&str]| {
            assert_eq!(compile(pattern, flags).unwrap().texts, expected, "{pattern}");
        };
        check(r"^https?:\/\/([^\/]+\.)?Name\.(net|org)\/", "", &["http", "://", "name.", "/"]);
        check("(abc)+d*(e|f)", "i", &["abc"]);
        check("aé", "", &[]);
        check("a|b", "", &[]);
    }

    #[test]
    fn what_cannot_be_had_is_named() {
        let check = |pattern: &str, flags: &str, expected: &str| {
            assert_eq!(compile(pattern, flags).unwrap_err(), expected, "{pattern}");
        };
        check("a(?=b)", "", "expected a regular expression without look-around, found `(?=`");
        check("(?<!a)b", "", "expected a regular expression without look-around, found `(?<!`");
        check(r"(a)\1", "", r"expected a regular expression without back references, found `\1`");
        check(
            r"(?<x>a)\k<x>",
            "",
            r"expected a regular expression without back references, found `\k`",
        );
        check(r"\cA", "", r"expected no control escape, found `\c`");
        check(r"[\1]", "", r"expected a character in `[…]`, found the octal escape `\1`");
        check("(a", "", "expected a regular expression: unclosed group");
        check("a", "g", "expected the flags `i`, `m`, `s` or `u`, found `g`");
        check(
            "(a{1000}){1000}",
            "",
            "expected a regular expression that takes at most 32768 bytes, found one that takes more",
        );
        check(
            &"a".repeat(2001),
            "",
            "expected a regular expression of at most 2000 bytes, found 2001",
        );
        assert!(compile(&"(".repeat(1000), "").is_err());
    }
}
