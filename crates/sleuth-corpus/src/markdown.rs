//! Markdown: the text stays as it is in the file; title, date and links are read off it.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use sleuth_records::LineMap;

use crate::corpus::Parsed;
use crate::link;

pub(crate) fn parse(name: &str, text: String) -> Parsed {
    let (front, body) = front_matter(&text);
    let mut links = Vec::new();
    let mut heading: Option<String> = None;
    let mut in_heading = false;
    let mut open: Option<(String, String)> = None;
    #[expect(clippy::wildcard_enum_match_arm, reason = "most events say nothing here")]
    for event in Parser::new_ext(&text[body..], Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) if heading.is_none() => {
                in_heading = true;
                heading = Some(String::new());
            }
            Event::End(TagEnd::Heading(_)) => {
                in_heading = false;
                // A heading without words is no title.
                heading = heading.filter(|heading| !heading.trim().is_empty());
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                open = Some((dest_url.into_string(), String::new()));
            }
            Event::End(TagEnd::Link) => {
                if let Some((target, words)) = open.take() {
                    links.extend(link::link(name, &target, &words));
                }
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some((_, link)) = &mut open {
                    link.push_str(&words);
                }
                if in_heading && let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some((_, link)) = &mut open {
                    link.push(' ');
                }
                if in_heading && let Some(heading) = &mut heading {
                    heading.push(' ');
                }
            }
            _ => {}
        }
    }
    Parsed {
        title: front.title.or(heading),
        lines: LineMap::OfText,
        language: front.language,
        date: front.date,
        links,
        signals: None,
        text,
        missing: Vec::new(),
    }
}

#[derive(Default)]
struct Front {
    title: Option<String>,
    date: Option<String>,
    language: Option<String>,
}

/// Reads the plain `key: value` lines of a YAML block at the start; gives where the body begins.
///
/// Nested values, lists and folded strings are passed over: none of the three keys needs them.
fn front_matter(text: &str) -> (Front, usize) {
    let mut front = Front::default();
    let Some(rest) = text.strip_prefix("---\n") else {
        return (front, 0);
    };
    let mut at = text.len() - rest.len();
    for line in rest.split_inclusive('\n') {
        at += line.len();
        let line = line.trim_end();
        if line == "---" || line == "..." {
            return (front, at);
        }
        if let Some((key, value)) = line.split_once(':') {
            let value = unquote(value.trim());
            match key {
                "title" => front.title = value,
                "date" => front.date = value.as_deref().and_then(iso_date),
                "lang" | "language" => front.language = value,
                _ => {}
            }
        }
    }
    // The block never ends: a rule at the top, not front matter.
    (Front::default(), 0)
}

fn unquote(value: &str) -> Option<String> {
    let inner = match value.as_bytes() {
        [b'"', .., b'"'] | [b'\'', .., b'\''] if value.len() >= 2 => &value[1..value.len() - 1],
        _ => value,
    };
    let plain = !inner.is_empty() && !matches!(inner, "|" | ">" | "|-" | ">-");
    plain.then(|| inner.replace("\\\"", "\"").replace("''", "'"))
}

/// `text` when it is an ISO 8601 date, with or without a time.
pub(crate) fn iso_date(text: &str) -> Option<String> {
    let text = text.trim();
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let shaped = digits(0..4)
        && digits(5..7)
        && digits(8..10)
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && matches!(bytes.get(10), None | Some(b'T' | b't' | b' '))
        && text.len() <= 40
        && text.is_ascii();
    shaped.then(|| text.replacen(' ', "T", 1).replace(' ', ""))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let parsed = parse("docs/a.md", text.to_owned());
        let mut shown = format!("title: {:?}\n", parsed.title);
        for (key, value) in [("date", &parsed.date), ("language", &parsed.language)] {
            if let Some(value) = value {
                shown += &format!("{key}: {value}\n");
            }
        }
        for link in &parsed.links {
            shown += &format!("[{}] -> {}\n", link.text, link.target);
        }
        assert_eq!(parsed.text, text);
        expected.assert_eq(&shown);
    }

    #[test]
    fn titles() {
        check(
            "# The *great* `harbour` #\n\ntext",
            &expect![[r#"
            title: Some("The great harbour")
        "#]],
        );
        check(
            "Intro first.\n\nHarbour\n=======\n",
            &expect![[r#"
            title: Some("Harbour")
        "#]],
        );
        check(
            "---\ntitle: \"A: b\"\ndate: 2024-05-01 10:00:00\nlang: de\n---\n# Other\n",
            &expect![[r#"
            title: Some("A: b")
            date: 2024-05-01T10:00:00
            language: de
        "#]],
        );
        check(
            "---\n\ntext: after a rule\n",
            &expect![[r#"
            title: None
        "#]],
        );
        check(
            "```\n# not a heading\n```\n",
            &expect![[r#"
            title: None
        "#]],
        );
    }

    #[test]
    fn links() {
        check(
            "See [the\nguide](../guide/b.md#part \"t\"), [r][ref], <https://x.org> and [here](#a).\n\n[ref]: c.md?x\n",
            &expect![[r#"
                title: None
                [the guide] -> guide/b.md
                [r] -> docs/c.md
                [https://x.org] -> https://x.org
            "#]],
        );
    }
}
