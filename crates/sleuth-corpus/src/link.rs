//! Addresses: where a link leads, and the address of a file.

use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sleuth_records::Link;

use crate::corpus::fold;
use crate::kind::{self, Kind, Verdict};

/// What stays as it is in the path of a `file:` address.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// `file://` and the absolute path, percent-encoded.
pub(crate) fn file_url(path: &Path) -> String {
    format!("file://{}", percent_encode(path.as_os_str().as_encoded_bytes(), PATH))
}

/// The link that the file `from` writes as `words` to `target`; `None` where it leads nowhere else.
pub(crate) fn link(from: &str, target: &str, words: &str) -> Option<Link> {
    Some(Link { target: resolve(from, target)?, text: fold(words) })
}

/// Where `target`, written in the file `from`, leads.
///
/// A relative address becomes the path below the root that it names, without query and fragment;
/// whether a document stands there is for the reader of the whole corpus to know. An address with a
/// scheme, or one that leaves the root, is kept as written. `None` for what leads nowhere else:
/// fragments of the page itself, scripts, mail, data.
fn resolve(from: &str, target: &str) -> Option<String> {
    let target = target.trim();
    if target.is_empty() || target.starts_with('#') || target.starts_with('?') {
        return None;
    }
    if let Some(scheme) = scheme(target) {
        let dead = ["javascript", "mailto", "data", "tel", "about", "vbscript"];
        let dead = dead.iter().any(|dead| scheme.eq_ignore_ascii_case(dead));
        return (!dead).then(|| target.to_owned());
    }
    if target.starts_with("//") {
        return Some(target.to_owned());
    }
    let path = target.split(['#', '?']).next().unwrap_or_default();
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let mut parts: Vec<&str> = Vec::new();
    if !path.starts_with('/') {
        parts.extend(from.split('/'));
        parts.pop();
    }
    for part in decoded.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return Some(target.to_owned()),
            ".." => {}
            _ => parts.push(part),
        }
    }
    let mut resolved = parts.join("/");
    if resolved.is_empty() || decoded.ends_with('/') {
        if !resolved.is_empty() {
            resolved.push('/');
        }
        resolved.push_str(match kind::by_name(from) {
            Verdict::Read(Kind::Markdown) => "README.md",
            Verdict::Read(Kind::Rst) => "index.rst",
            Verdict::Read(
                Kind::Text
                | Kind::Html
                | Kind::Jsonl
                | Kind::Pdf
                | Kind::Docx
                | Kind::Epub
                | Kind::Unknown,
            )
            | Verdict::Skip(..) => "index.html",
        });
    }
    (resolved != from).then_some(resolved)
}

/// The scheme of an absolute address.
fn scheme(target: &str) -> Option<&str> {
    let end =
        target.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')))?;
    let letter = target.starts_with(|c: char| c.is_ascii_alphabetic());
    (letter && end > 1 && target[end..].starts_with(':')).then(|| &target[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let to = |target| resolve("book/ch04/index.html", target);
        for (target, expected) in [
            ("b.html#x", Some("book/ch04/b.html")),
            ("../ch05/a%20b.html?q=1", Some("book/ch05/a b.html")),
            ("../../std/", Some("std/index.html")),
            ("/top.html", Some("top.html")),
            ("../../../outside.html", Some("../../../outside.html")),
            ("https://example.org/x#y", Some("https://example.org/x#y")),
            ("//cdn.example.org/x", Some("//cdn.example.org/x")),
            ("index.html#here", None),
            ("#here", None),
            ("JavaScript:alert(1)", None),
            ("mailto:a@b.c", None),
        ] {
            assert_eq!(to(target).as_deref(), expected, "{target}");
        }
        assert_eq!(resolve("a.md", "sub/").as_deref(), Some("sub/README.md"));
    }

    #[test]
    fn file_addresses_are_encoded() {
        let path = Path::new("/a b/ü#.md");
        assert_eq!(file_url(path), "file:///a%20b/%C3%BC%23.md");
    }
}
