//! reStructuredText: the text stays as it is in the file; title and links are read off it.
//!
//! Read are underlined titles, `` `text <target>`_ ``, `` :doc:`target` `` and
//! `` :doc:`text <target>` ``. Targets by name (`` `text`_ ``, `:ref:`) need the whole corpus to
//! resolve and are left out.

use sleuth_records::{LineMap, Link};

use crate::corpus::Parsed;
use crate::link;

pub(crate) fn parse(name: &str, text: String) -> Parsed {
    Parsed {
        title: title(&text),
        links: links(name, &text),
        lines: LineMap::OfText,
        text,
        ..Parsed::default()
    }
}

/// The first line with a rule of punctuation under it. A title stands at the start of its line, or
/// indented between two rules.
fn title(text: &str) -> Option<String> {
    let (mut over, mut above) = ("", "");
    for line in text.lines() {
        let line = line.trim_end();
        let words = above.trim();
        let placed = !above.starts_with(char::is_whitespace) || is_rule(over);
        let long_enough = line.len() >= 4 || line.chars().count() >= words.chars().count();
        if is_rule(line)
            && placed
            && long_enough
            && !words.is_empty()
            && !is_rule(above)
            && !words.starts_with("..")
        {
            return Some(plain(words));
        }
        (over, above) = (above, line);
    }
    None
}

fn is_rule(line: &str) -> bool {
    let mut chars = line.chars();
    let Some(first) = chars.next() else {
        return false;
    };
    first.is_ascii_punctuation() && line.len() >= 3 && chars.all(|c| c == first)
}

/// A title without roles and markup: ``:mod:`os` `` becomes `os`.
fn plain(title: &str) -> String {
    let mut plain = String::with_capacity(title.len());
    let mut rest = title;
    while let Some(tick) = rest.find('`') {
        let mut before = &rest[..tick];
        if before.ends_with(':')
            && let Some(role) = before[..before.len() - 1].rfind(':')
            && before[role + 1..before.len() - 1]
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        {
            before = &before[..role];
        }
        plain.push_str(before);
        rest = rest[tick..].trim_start_matches('`');
        let end = rest.find('`').unwrap_or(rest.len());
        let inner = &rest[..end];
        plain.push_str(inner.split(" <").next().unwrap_or(inner).trim_start_matches(['~', '!']));
        rest = rest[end..].trim_start_matches('`');
    }
    plain.push_str(rest);
    plain.replace("**", "").replace('\\', "")
}

/// Longest stretch between two backticks that can be a link.
const LONGEST: usize = 1000;

fn links(name: &str, text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    let mut at = 0;
    while let Some(tick) = text[at..].find('`') {
        let open = at + tick;
        if text[open..].starts_with("``") {
            // A literal: over to its end, on the same line.
            let body = open + 2;
            let limit = text.floor_char_boundary(body + LONGEST);
            let rest = &text[body..limit];
            let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
            at = body + line.find("``").map_or(line.len(), |end| end + 2);
            continue;
        }
        let body = open + 1;
        let limit = text.floor_char_boundary(body + LONGEST);
        let Some(length) = text[body..limit].find('`') else {
            at = body;
            continue;
        };
        let inner = &text[body..body + length];
        let end = body + length + 1;
        at = end;
        let (words, target) = match inner.rfind('<') {
            Some(angle) if inner.ends_with('>') => {
                (inner[..angle].trim(), inner[angle + 1..inner.len() - 1].trim())
            }
            _ => ("", inner.trim()),
        };
        if target.is_empty() || inner.contains("\n\n") {
            continue;
        }
        let is_doc = text[..open].ends_with(":doc:");
        if is_doc {
            links.extend(link::link(name, &document(name, target), words));
        } else if !words.is_empty() && text[end..].starts_with('_') {
            links.extend(link::link(name, target, words));
        }
    }
    links
}

/// The address that a `:doc:` target stands for: Sphinx leaves the extension out.
fn document(name: &str, target: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    let suffix = file.find(".rst").map_or("", |at| &file[at..]);
    if target.ends_with(suffix) { target.to_owned() } else { format!("{target}{suffix}") }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let parsed = parse("library/os.rst", text.to_owned());
        let mut shown = format!("title: {:?}\n", parsed.title);
        for link in &parsed.links {
            shown += &format!("[{}] -> {}\n", link.text, link.target);
        }
        assert_eq!(parsed.text, text);
        expected.assert_eq(&shown);
    }

    #[test]
    fn titles() {
        check(
            ":mod:`os` --- Miscellaneous\n===========================\n",
            &expect![[r#"
            title: Some("os --- Miscellaneous")
        "#]],
        );
        check(
            "****************\n  Classes\n****************\n",
            &expect![[r#"
            title: Some("Classes")
        "#]],
        );
        check(
            ".. _label:\n\n=====\nTitle\n=====\n",
            &expect![[r#"
            title: Some("Title")
        "#]],
        );
        check(
            "No title here.\n\n-----\n\nmore\n",
            &expect![[r#"
            title: None
        "#]],
        );
    }

    #[test]
    fn links() {
        check(
            "See `the\nguide <https://x.org/a>`_, :doc:`../howto/sort`, :doc:`how <posix>`, ``lit <x>`` and `plain`_.\n",
            &expect![[r#"
                title: None
                [the guide] -> https://x.org/a
                [] -> howto/sort.rst
                [how] -> library/posix.rst
            "#]],
        );
    }
}
