//! Both formats, line by line, and what several rules come to.

use super::*;

fn list(text: &str) -> SiteList {
    SiteList::parse("list.txt", text).unwrap()
}

/// What `rules` make of the page at `url`: a word for each effect.
fn effect(rules: &str, url: &str, title: &str) -> String {
    let parsed = list(rules);
    assert_eq!(parsed.warnings(), [], "{rules}");
    shown(&SiteLists::new(vec![parsed]).verdict((!url.is_empty()).then_some(url), title))
}

fn shown(verdict: &Verdict) -> String {
    let by = verdict.rule.map_or(String::new(), |rule| format!(" by {}:{}", rule.list, rule.line));
    match verdict.effect {
        Effect::Block => format!("block{by}"),
        Effect::Weight(weight) => format!("{weight:.2}{by}"),
    }
}

#[track_caller]
fn check(rules: &str, expected: &[(&str, &str)]) {
    for (page, expected) in expected {
        let (url, title) = page.split_once(' ').unwrap_or((page, ""));
        assert_eq!(effect(rules, url, title), *expected, "{rules} on {page}");
    }
}

#[test]
fn match_patterns() {
    check(
        "*://*.example.org/*",
        &[
            ("http://example.org", "block by 0:1"),
            ("https://A.b.Example.org./x?y#z", "block by 0:1"),
            ("https://badexample.org/", "1.00"),
            ("https://example.org.evil.net/example.org/", "1.00"),
            ("file:///example.org/", "1.00"),
            ("ftp://example.org/", "1.00"),
            ("", "1.00"),
        ],
    );
    check(
        "*://example.org/",
        &[
            ("https://example.org", "block by 0:1"),
            ("https://example.org/#a", "block by 0:1"),
            ("https://example.org/a", "1.00"),
            ("https://a.example.org/", "1.00"),
        ],
    );
    check(
        "HTTPS://*/*/b/*/",
        &[
            ("https://x.org/a/b/c/", "block by 0:1"),
            ("https://x.org/a?x=1&y=/b/&z=c/", "block by 0:1"),
            ("http://x.org/a/b/c/", "1.00"),
            ("https://x.org/A/B/C/", "1.00"),
        ],
    );
    check(
        "<all_urls> @if(title^='Ad')",
        &[("http://x.org Ads", "block by 0:1"), ("http://x.org Bad", "1.00"), (" Ads", "1.00")],
    );
    check("*://xn--fsq.xn--zckzah/*", &[("https://例.テスト/a", "block by 0:1")]);
}

#[test]
fn expressions() {
    check(
        r"/example\.(net|org)/ # both",
        &[("https://x.org/?a=example.net", "block by 0:1"), ("https://example.com", "1.00")],
    );
    check("url=~/[/#]x/i", &[("https://a.org/X", "block by 0:1"), ("https://a.org/y", "1.00")]);
    check("t/a b/i", &[("https://a.org/ xA By", "block by 0:1"), (" a b", "block by 0:1")]);
    check("u/^http:/", &[("http://a.org/", "block by 0:1"), ("", "1.00")]);
    check("title = \"A \\\"B\\\" #\"", &[("https://a.org/ A \"B\" #", "block by 0:1")]);
    check("title$='É'i", &[("https://a.org/ café", "block by 0:1")]);
    check(
        "title*=\"a\"|title*=\"b\"&title*=\"c\"",
        &[
            ("https://x.org a", "block by 0:1"),
            ("https://x.org b c", "block by 0:1"),
            ("https://x.org b", "1.00"),
        ],
    );
    check(
        "(title*=\"a\" | title*=\"b\") & !host=\"x.org\"",
        &[
            ("https://y.org a", "block by 0:1"),
            ("https://x.org a", "1.00"),
            // What is said of an address touches nothing that has none.
            (" a", "1.00"),
        ],
    );
    check(
        "!scheme=\"https\"",
        &[("http://x.org", "block by 0:1"), ("https://x.org", "1.00"), ("file:///x", "1.00")],
    );
    check(
        "path^=\"/a?b\" & host $= \".org\"",
        &[("https://x.org/a?b=1", "block by 0:1"), ("https://x.com/a?b=1", "1.00")],
    );
    check("!!title=\"a\"", &[(" a", "block by 0:1"), (" b", "1.00")]);
}

#[test]
fn unblocking_and_highlighting() {
    let rules = "*://*.x.org/*\n@*://a.x.org/*\n@2 *://b.x.org/*\n@99/c\\.x/\n@0*://d.x.org/*";
    check(
        rules,
        &[
            ("https://x.org/", "block by 0:1"),
            ("https://a.x.org/", "1.00 by 0:2"),
            ("https://b.x.org/", "1.20 by 0:3"),
            ("https://c.x.org/", "2.00 by 0:4"),
            ("https://d.x.org/", "1.00 by 0:5"),
        ],
    );
}

#[test]
fn goggles_patterns() {
    let goggle = |rule: &str| format!("! name: x\n{rule}");
    let check = |rule: &str, expected: &[(&str, &str)]| check(&goggle(rule), expected);
    check(
        "/this/is/*/pattern",
        &[
            ("https://x.org/a/THIS/is/a/pattern?b", "1.10 by 0:2"),
            ("https://x.org/this/is/pattern", "1.00"),
            ("", "1.00"),
        ],
    );
    check(
        "|https://en.$boost=3",
        &[("https://en.x.org", "1.30 by 0:2"), ("http://x.org/https://en.", "1.00")],
    );
    check(
        "/path.html|$downrank",
        &[("https://x.org/path.html", "0.83 by 0:2"), ("https://x.org/path.html?", "1.00")],
    );
    check("|https://x.org/|$downrank=10", &[("https://x.org", "0.33 by 0:2")]);
    check(
        "-rs^$boost=10,site=github.com",
        &[
            ("https://github.com/a-rs", "2.00 by 0:2"),
            ("https://www.github.com/a-rs/b", "2.00 by 0:2"),
            ("https://github.com/a-rsx", "1.00"),
            ("https://gitlab.com/a-rs", "1.00"),
        ],
    );
    check(
        "*rust*$boost=1,site=rs",
        &[("https://rust.rs", "1.10 by 0:2"), ("https://x.rs", "1.00")],
    );
    check("$site=Example.COM , discard", &[("http://a.example.com", "block by 0:2")]);
    check(
        "casino$intitle,discard",
        &[
            ("https://x.org Best CASINO", "block by 0:2"),
            ("https://casino.org x", "1.00"),
            (" casino", "block by 0:2"),
        ],
    );
    check("a$b$inurl", &[("https://x.org/a$b", "1.10 by 0:2")]);
}

#[test]
fn what_several_instructions_come_to() {
    let rules = "! a comment\n$downrank=3,site=x.org\n$downrank=2,site=x.org\n/posts/$boost=3\n\
                 /posts/$boost=2\n/ads/$discard\n/ads/$boost=10";
    check(
        rules,
        &[
            ("https://x.org/", "0.71 by 0:3"),
            ("https://x.org/posts/", "1.30 by 0:4"),
            ("https://x.org/posts/ads/", "block by 0:6"),
        ],
    );
    check(
        "$discard\n$boost,site=a.org\n$downrank,site=b.org",
        &[
            ("https://a.org/", "1.10 by 0:2"),
            ("https://b.org/", "0.83 by 0:3"),
            ("https://c.org/", "block by 0:1"),
            ("file:///c", "1.00"),
            ("", "1.00"),
        ],
    );
}

#[test]
fn lists_decide_together() {
    let a = list("$discard\n$boost=2,site=a.org");
    let b = list("! name: b\n$discard\n$boost=1,site=b.org\n$boost=5,site=docs.a.org");
    let c = list("# mine\n@*://*.c.org/*\n*://spam.a.org/*");
    let d = list("$downrank=2,site=d.org");
    let lists = SiteLists::new(vec![a, b, c, d]);
    for (url, expected) in [
        ("https://a.org", "1.20 by 0:2"),
        ("https://b.org", "1.10 by 1:3"),
        ("https://docs.a.org", "1.50 by 1:4"),
        ("https://c.org", "1.00 by 2:2"),
        ("https://spam.a.org", "block by 2:3"),
        // A list that does not discard the rest saves nothing from those that do.
        ("https://d.org", "block by 0:1"),
        ("https://e.org", "block by 0:1"),
    ] {
        assert_eq!(shown(&lists.verdict(Some(url), "")), expected, "{url}");
    }
}

#[track_caller]
fn warns(line: &str, expected: &str) {
    let of_goggles = format_of("", line) == ListFormat::Goggles;
    let rule = if of_goggles { "$boost,site=a.org\n! x\n" } else { "*://a.org/*\n# x\n" };
    let parsed = list(&format!("{rule}{line}"));
    assert_eq!(parsed.n_rules(), 1, "{line}");
    let warnings: Vec<String> = parsed.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings, [format!("line 3: {expected}")], "{line}");
}

#[test]
fn lines_of_ublacklist_that_are_no_rules() {
    for (line, expected) in [
        (
            "example.com",
            "expected a match pattern such as `*://*.example.com/*`, found `example.com`",
        ),
        (
            "*.bad.example/",
            "expected a match pattern such as `*://*.bad.example/*`, found `bad.example`",
        ),
        (
            "some words",
            "expected a rule such as `*://*.example.com/*` or `title*=\"word\"`, found `some words`",
        ),
        ("ftp://a.org/*", "expected the scheme `*`, `http` or `https`, found `ftp`"),
        (
            "*://www.q.*/*",
            "expected a host such as `example.com` or `*.example.com`, found `www.q.*`",
        ),
        (
            "*://a.org:80/*",
            "expected a host such as `example.com` or `*.example.com`, found `a.org:80`",
        ),
        ("*:///x", "expected a host such as `example.com` or `*.example.com`, found ``"),
        ("https://a.org", "expected a path such as `/*` after `a.org`, found the end of the line"),
        ("*://a.org/é", "expected the end of the rule or a `#` comment, found `é`"),
        ("*://a.org/%zz", "expected two hexadecimal digits after `%`, found `%zz`"),
        ("*://a.org/* x", "expected the end of the rule or a `#` comment, found `x`"),
        ("*://a.org/* @if title=\"x\"", "expected `(` after `@if`, found `title=\"x\"`"),
        ("*://a.org/* @if(title=\"x\"", "expected `&`, `|` or `)`, found the end of the line"),
        ("@01*://a.org/*", "expected a number without zeros before it, found `@01`"),
        (
            "$site=\"google\" & host=\"a.org\"",
            "expected `url`, `title`, `scheme`, `host` or `path`, found `$site`, which no document has",
        ),
        ("title \"x\"", "expected `=`, `^=`, `$=`, `*=` or `=~`, found `\"x\"`"),
        ("title=x", "expected a text in quotes, found `x`"),
        ("title=\"x", "expected a text that ends with a quote, found `\"x`"),
        ("title=~x", "expected a regular expression between `/`, found `x`"),
        ("/a[/]", "expected a regular expression between `/`, found `/a[/]`"),
        ("//", "expected a regular expression between `/`, found `//`"),
        ("/a(?!b)/", "expected a regular expression without look-around, found `(?!`"),
        ("/a/g", "expected the flags `i`, `m`, `s` or `u`, found `g`"),
        (
            "title=\"a\" &",
            "expected a rule such as `*://*.example.com/*` or `title*=\"word\"`, found the end of the line",
        ),
    ] {
        warns(line, expected);
    }
    warns(
        &format!("{}=\"x\"", "name".repeat(500)),
        "expected `url`, `title`, `scheme`, `host` or `path`, found \
         `namenamenamenamenamenamenamenamenamename…`, which no document has",
    );
    let deep = format!("{}title=\"a\"", "!".repeat(1000));
    warns(&deep, "expected at most 50 brackets and `!` in each other, found more");
}

#[test]
fn lines_of_goggles_that_are_no_instructions() {
    for (line, expected) in [
        ("$boost=0,site=a.org", "expected a strength from 1 to 10, found `boost=0`"),
        ("$downrank=11,site=a.org", "expected a strength from 1 to 10, found `downrank=11`"),
        ("$boost", "expected a pattern or `site=`, found `$boost`"),
        ("*$discard", "expected a pattern or `site=`, found `*$discard`"),
        ("/a$boost,discard", "expected one of `boost`, `downrank` and `discard`, found two"),
        ("/a$boost,site=a,site=b", "expected one `site=`, found two"),
        (
            "/a$boost,site=*.a.org",
            "expected a domain such as `site=example.com`, found `site=*.a.org`",
        ),
        (
            "/a$boost,site=https://a.org",
            "expected a domain such as `site=example.com`, found `site=https://a.org`",
        ),
        ("/a$boost,incontent", "expected a pattern of the address or title, found `incontent`"),
        ("/a$boost,inurl,intitle", "expected `inurl` or `intitle`, found both"),
        (
            "/a$boost,lift",
            "expected `boost`, `downrank`, `discard`, `site=`, `inurl` or `intitle`, found `lift`",
        ),
        (
            "||a.org^$discard",
            "expected one `|` at the beginning, found `||`; a domain is named by `$site=`",
        ),
        ("a*b*c*d$boost", "expected at most 2 `*`, found 3"),
        ("a^b^c^d$boost", "expected at most 2 `^`, found 3"),
    ] {
        warns(line, expected);
    }
    warns(&format!("{}$discard", "a".repeat(500)), "expected at most 500 characters, found 508");
}

#[test]
fn the_format_is_told_from_the_lines() {
    let check = |name: &str, text: &str, expected: ListFormat| {
        assert_eq!(format_of(name, text), expected, "{text}");
    };
    check("a.txt", "*://a.org/*", ListFormat::Ublacklist);
    check("a.txt", "---\nname: $boost\n---\n! x\n$boost", ListFormat::Ublacklist);
    check("a.txt", "!scheme=\"https\"\n/a/\n$site=\"google\" & /b/", ListFormat::Ublacklist);
    check("a.txt", "! name: x\n/blog/\n", ListFormat::Goggles);
    check("a.txt", "$site=a.org", ListFormat::Goggles);
    check("a.txt", "casino$intitle,discard", ListFormat::Goggles);
    check("a.txt", "$site=\"google\"\n$site = 'bing'", ListFormat::Ublacklist);
    check("a.txt", "a.org\nb.org", ListFormat::Ublacklist);
    check("A.GOGGLE", "/blog/", ListFormat::Goggles);
    // A byte order mark and other ends of lines change nothing.
    let parsed = list("\u{feff}---\r\nname: x\r\n---\r\n*://a.org/*\r\n");
    assert_eq!((parsed.n_rules(), parsed.warnings()), (1, &[][..]));
}

#[test]
fn lists_that_cannot_be_used() {
    let check = |text: &str, expected: &str| {
        let error = SiteList::parse("mine.txt", text).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot use the list of sites `mine.txt`: {expected}")
        );
        assert!(error.hint().is_some());
    };
    check("", "expected rules, found none");
    check("# only\n\n", "expected rules, found none");
    check(
        "---\n*://a.org/*",
        "no line of it is a rule of uBlacklist; line 1: expected a second `---` after the front \
         matter, found none",
    );
    check(
        "# x\na.org\nb.org",
        "no line of it is a rule of uBlacklist; line 2: expected a match pattern such as \
         `*://*.a.org/*`, found `a.org`",
    );
    check(&"a\n".repeat(MOST_RULES + 1), "expected at most 200000 rules, found 200001");
    check(&"#".repeat(SiteList::MOST_BYTES + 1), "expected at most 16777216 bytes, found more");
    check(
        &"/a/|".repeat(1_000_000),
        "no line of it is a rule of uBlacklist; line 1: expected at most 1000 comparisons, brackets \
         and `!` in a rule, found more",
    );
}

#[test]
fn the_same_rules_have_the_same_id() {
    let of = |texts: &[&str]| SiteLists::new(texts.iter().map(|text| list(text)).collect()).id();
    let (a, b) = ("*://a.org/*", "*://b.org/*");
    assert_eq!(of(&[a, b]), of(&[b, a]));
    assert_ne!(of(&[a]), of(&[b]));
    assert_ne!(of(&[a]), of(&[a, b]));
}

#[test]
fn the_same_text_in_another_format_has_another_id() {
    let of = |name: &str| {
        let list = SiteList::parse(name, "/ads/").unwrap();
        (list.format(), SiteLists::new(vec![list]).id())
    };
    let ((a, id), (b, other)) = (of("mine.txt"), of("mine.goggle"));
    assert_ne!(a, b);
    assert_ne!(id, other);
}

/// What would take gigabytes is passed over, whether it stands in one line or in many.
#[test]
fn a_list_holds_so_many_comparisons_and_no_more() {
    let check = |text: &str, n_rules: usize, n_passed_over: usize, expected: &str| {
        let parsed = list(text);
        assert_eq!((parsed.n_rules(), parsed.warnings().len()), (n_rules, n_passed_over));
        assert_eq!(parsed.warnings()[0].to_string(), expected);
    };
    check(
        &format!("*://a.org/*\n{}/a/\n/b/", "/a/|".repeat(1000)),
        2,
        1,
        "line 2: expected at most 1000 comparisons, brackets and `!` in a rule, found more",
    );
    check(
        &"/a/|/b/\n".repeat(5_001),
        5_000,
        1,
        "line 5001: expected at most 10000 regular expressions in the list, found more",
    );
    let line = format!("{}u=''\n", "u=''|".repeat(999));
    check(
        &line.repeat(1_001),
        1_000,
        1,
        "line 1001: expected at most 1000000 comparisons, brackets and `!` in the list, found more",
    );
}

#[test]
fn no_way_of_writing_a_host_evades_its_rule() {
    let user = format!("https://{}@blocked.example/x", "a".repeat(2100));
    let urls = [
        &user,
        r"https:\\blocked.example\x",
        "https:blocked.example/x",
        "https://%62locked.example/",
        "https://blo\u{ad}cked.exam\tple/",
    ];
    for url in urls {
        assert_eq!(effect("*://blocked.example/*", url, ""), "block by 0:1", "{url}");
    }
}

/// The index must find what trying every rule finds.
#[test]
fn the_index_passes_over_no_rule() {
    let rules = "*://*.a.org/x/*\n*://*/long-path/*\n/long-p[a]th/\npath*=\"LONG-PATH\"i\n\
                 host$=\"a.org\" & url*=\"/x/\"\nurl*=\"xy\"\n*://*/*?q=*\ntitle*=\"Some\"i & url*=\"xy\"\n\
                 t/some (title|x)/i\n!t/none/";
    let pages = [
        "https://a.org/x/long-path/y?q=1",
        "https://b.a.org/x/",
        "http://c.org/LONG-PATH/",
        "http://c.org/xy",
        "http://c.org/",
    ];
    for url in pages {
        let address = Address::of_web(url);
        let page =
            Page { address: address.as_ref(), title: "Some Title", lower_title: "some title" };
        let mut indexed = Vec::new();
        Matcher::new(ublacklist::parse(rules).rules)
            .for_each_match(&page, &mut |rule| indexed.push(rule.line));
        indexed.sort_unstable();
        indexed.dedup();
        let alone = |line: &u32| {
            let text = rules.lines().nth(*line as usize - 1).unwrap();
            effect(text, url, "Some Title").starts_with("block")
        };
        let expected: Vec<u32> = (1..=10).filter(alone).collect();
        assert_eq!(indexed, expected, "{url}");
    }
}
