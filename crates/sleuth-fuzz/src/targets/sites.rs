//! Lists of sites.
//!
//! A list is read, with a warning for each line that is not, or refused for having no rule. A verdict names
//! the rule that decided, and that rule alone decides the same.

use sleuth_index::{Effect, IndexError, ListFormat, SiteList, SiteLists};

pub(super) const WORDS: &[&str] = &[
    "*://",
    "http://",
    "https://",
    "*.",
    "example.com",
    "/*",
    "@",
    "@1",
    "@0",
    "@if(",
    ")",
    "(",
    "!",
    "&",
    "|",
    "title",
    "url",
    "host",
    "path",
    "scheme",
    "$site",
    "=",
    "^=",
    "$=",
    "*=",
    "=~",
    "/",
    "\\/",
    "\"",
    "'",
    "i",
    "\\",
    "[^]",
    "[]",
    "(?=",
    "(?<!",
    "\\1",
    "\\d",
    "\\b",
    "\\u{",
    "{9999}",
    "(a*)*",
    "#",
    "---\n",
    "name: x",
    "\n",
    "\r\n",
    "<all_urls>",
    "$boost",
    "$downrank",
    "=3",
    "=11",
    "$discard",
    "site=",
    ",",
    "inurl",
    "intitle",
    "incontent",
    "^",
    "*",
    "||",
    "! name: x\n",
    "\u{feff}",
    "例.テスト",
    "xn--fsq.xn--zckzah",
    "K",
    "İ",
    "%zz",
    "%41",
    " ",
    "news",
];

const PAGES: &[(&str, &str)] = &[
    ("", ""),
    ("", "The news of example"),
    ("file:///home/example.com", "example"),
    ("https://example.com", "Example News"),
    ("http://News.Example.COM.:8080/a/b.html?c=d#e", "news"),
    ("https://例.テスト/ÀÉ/K", "İstanbul"),
    ("//user:x@a.b.c.example.com/title/path", "a*b^c|d$e"),
    ("https://[::1]/x", "\0"),
];

pub(super) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let name = if text.starts_with('!') { "list.goggle" } else { "list.txt" };
    let list = match SiteList::parse(name, &text) {
        Ok(list) => list,
        Err(IndexError::Sites { reason, .. }) => {
            assert!(reason.contains("expected") && reason.len() < 1_000, "{reason}");
            return;
        }
        Err(other) => panic!("{other}"),
    };
    let format = list.format();
    let n_lines = text.lines().count();
    assert!(list.n_rules() > 0 && list.n_rules() + list.warnings().len() <= n_lines);
    for warning in list.warnings() {
        assert!((1..=n_lines).contains(&(warning.line as usize)), "{warning}");
        let message = &warning.message;
        assert!(message.contains("expected") && message.len() < 1_000, "{message}");
    }
    assert!(list.warnings().is_sorted_by_key(|warning| warning.line));
    let lists = SiteLists::new(vec![list]);
    // A page of the list's own words comes closer to its rules than any made up here.
    let own = format!("https://example.com/{text}");
    for (url, title) in PAGES.iter().copied().chain([(own.as_str(), text.as_ref())]) {
        decides(&lists, format, &text, (!url.is_empty()).then_some(url), title);
    }
}

fn decides(lists: &SiteLists, format: ListFormat, text: &str, url: Option<&str>, title: &str) {
    let verdict = lists.verdict(url, title);
    assert_eq!(verdict, lists.verdict(url, title));
    if let Effect::Weight(weight) = verdict.effect {
        assert!((1.0 / 3.0..=2.0).contains(&weight), "{weight}");
    }
    let Some(rule) = verdict.rule else {
        return assert_eq!(verdict.effect, Effect::Weight(1.0));
    };
    assert_eq!(rule.list, 0);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let line = text.lines().nth(rule.line as usize - 1).unwrap();
    let (name, before) = match format {
        ListFormat::Goggles => ("alone.goggle", "! alone\n"),
        // Front matter tells the format for sure.
        ListFormat::Ublacklist => ("alone.txt", "---\n---\n"),
    };
    let alone = SiteLists::new(vec![SiteList::parse(name, &format!("{before}{line}")).unwrap()]);
    assert_eq!(alone.verdict(url, title).effect, verdict.effect, "`{line}` of {url:?} {title:?}");
}
