//! HTML to tokens, in time linear in the input.
//!
//! Why not html5ever: its tree builder is quadratic in depth
//! (<https://github.com/servo/html5ever/issues/788>), and its tokenizer compares each attribute of
//! a tag with all those before it, so that one tag with a million attributes holds it up for hours.
//! What is needed here is little: text, tags with a few known attributes, and the rules that say
//! where a tag, a comment and the raw text of a script end. These follow the tokenizer chapter of
//! the HTML standard; where an error has no effect on text (doctypes, duplicate attributes) it is
//! ignored.

use memchr::memmem;

/// The attributes that are looked at, undecoded; of duplicates, the first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes<'a> {
    pub(super) aria_hidden: Option<&'a str>,
    pub(super) class: Option<&'a str>,
    pub(super) content: Option<&'a str>,
    pub(super) datetime: Option<&'a str>,
    pub(super) hidden: Option<&'a str>,
    pub(super) href: Option<&'a str>,
    pub(super) http_equiv: Option<&'a str>,
    pub(super) id: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
    pub(super) lang: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) open: Option<&'a str>,
    pub(super) property: Option<&'a str>,
    pub(super) rel: Option<&'a str>,
    pub(super) role: Option<&'a str>,
    pub(super) src: Option<&'a str>,
    pub(super) style: Option<&'a str>,
}

impl<'a> Attributes<'a> {
    fn set(&mut self, name: &str, value: &'a str) {
        let place = match name.len() {
            2 if name.eq_ignore_ascii_case("id") => &mut self.id,
            3 if name.eq_ignore_ascii_case("rel") => &mut self.rel,
            3 if name.eq_ignore_ascii_case("src") => &mut self.src,
            4 if name.eq_ignore_ascii_case("type") => &mut self.kind,
            4 if name.eq_ignore_ascii_case("href") => &mut self.href,
            4 if name.eq_ignore_ascii_case("lang") => &mut self.lang,
            4 if name.eq_ignore_ascii_case("name") => &mut self.name,
            4 if name.eq_ignore_ascii_case("open") => &mut self.open,
            4 if name.eq_ignore_ascii_case("role") => &mut self.role,
            5 if name.eq_ignore_ascii_case("class") => &mut self.class,
            5 if name.eq_ignore_ascii_case("style") => &mut self.style,
            6 if name.eq_ignore_ascii_case("hidden") => &mut self.hidden,
            7 if name.eq_ignore_ascii_case("content") => &mut self.content,
            8 if name.eq_ignore_ascii_case("datetime") => &mut self.datetime,
            8 if name.eq_ignore_ascii_case("property") => &mut self.property,
            8 if name.eq_ignore_ascii_case("xml:lang") => &mut self.lang,
            10 if name.eq_ignore_ascii_case("http-equiv") => &mut self.http_equiv,
            11 if name.eq_ignore_ascii_case("aria-hidden") => &mut self.aria_hidden,
            _ => return,
        };
        place.get_or_insert(value);
    }
}

/// One piece of a page; `at` is its byte offset.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one exists at a time, and tags are the rule")]
pub(super) enum Token<'a> {
    /// Text with character references undecoded; `raw` where none are to be decoded.
    Text {
        at: usize,
        text: &'a str,
        raw: bool,
    },
    Start {
        name: &'a str,
        attributes: Attributes<'a>,
        self_closing: bool,
    },
    End {
        name: &'a str,
    },
}

/// Reads tokens off a page.
pub(super) struct Tokens<'a> {
    page: &'a str,
    at: usize,
    /// The raw text element that is open: only its own end tag ends it.
    raw: Option<&'a str>,
    /// Inside `svg` or `math`, where no element holds raw text and `CDATA` exists.
    pub(super) foreign: bool,
    /// An element that closes itself is over, also one that holds raw text.
    pub(super) xhtml: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(page: &'a str) -> Self {
        Self { page, at: 0, raw: None, foreign: false, xhtml: false }
    }

    /// Text of a raw element, up to its end tag or the end of the page.
    fn raw_text(&mut self, name: &'a str) -> Option<Token<'a>> {
        let bytes = self.page.as_bytes();
        let from = self.at;
        let mut search = from;
        let end = loop {
            let Some(found) = memmem::find(&bytes[search..], b"</") else {
                break bytes.len();
            };
            let at = search + found;
            let after = at + 2 + name.len();
            let named =
                bytes.get(at + 2..after).is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()));
            if named && bytes.get(after).is_none_or(|&b| is_space(b) || b == b'/' || b == b'>') {
                break at;
            }
            search = at + 2;
        };
        self.at = end;
        self.raw = None;
        let decoded = name.eq_ignore_ascii_case("title") || name.eq_ignore_ascii_case("textarea");
        (end > from).then(|| Token::Text { at: from, text: &self.page[from..end], raw: !decoded })
    }

    /// A tag whose name starts at `from`; leaves `at` behind its `>`. `None` when it never ends.
    fn tag(&mut self, from: usize) -> Option<(&'a str, Attributes<'a>, bool)> {
        let bytes = self.page.as_bytes();
        let mut at = from;
        while at < bytes.len() && !is_space(bytes[at]) && !matches!(bytes[at], b'/' | b'>') {
            at += 1;
        }
        let name = &self.page[from..at];
        let mut attributes = Attributes::default();
        let mut self_closing = false;
        loop {
            while at < bytes.len() && (is_space(bytes[at]) || bytes[at] == b'/') {
                self_closing = bytes[at] == b'/';
                at += 1;
            }
            match bytes.get(at) {
                None => {
                    self.at = bytes.len();
                    return None;
                }
                Some(b'>') => {
                    self.at = at + 1;
                    return Some((name, attributes, self_closing));
                }
                Some(_) => {}
            }
            self_closing = false;
            let start = at;
            // A name may begin with `=`.
            at += 1;
            while at < bytes.len()
                && !is_space(bytes[at])
                && !matches!(bytes[at], b'/' | b'>' | b'=')
            {
                at += 1;
            }
            let key = start..at;
            let mut peek = at;
            while peek < bytes.len() && is_space(bytes[peek]) {
                peek += 1;
            }
            let mut value = at..at;
            if bytes.get(peek) == Some(&b'=') {
                at = peek + 1;
                while at < bytes.len() && is_space(bytes[at]) {
                    at += 1;
                }
                match bytes.get(at) {
                    Some(&quote @ (b'"' | b'\'')) => {
                        let Some(length) = memchr::memchr(quote, &bytes[at + 1..]) else {
                            self.at = bytes.len();
                            return None;
                        };
                        value = at + 1..at + 1 + length;
                        at = value.end + 1;
                    }
                    _ => {
                        let start = at;
                        while at < bytes.len() && !is_space(bytes[at]) && bytes[at] != b'>' {
                            at += 1;
                        }
                        value = start..at;
                    }
                }
            }
            // Both ends of every range stand beside an ASCII byte or an end of the page.
            if let (Some(key), Some(value)) = (self.page.get(key), self.page.get(value)) {
                attributes.set(key, value);
            }
        }
    }

    /// Over a comment, a doctype, a processing instruction or a bogus comment that starts at `<`.
    fn skip_markup(&mut self, open: usize) {
        let bytes = self.page.as_bytes();
        let rest = &bytes[open..];
        let find = |from: usize, needle: &[u8]| {
            let from = (open + from).min(bytes.len());
            memmem::find(&bytes[from..], needle).map(|found| from + found + needle.len())
        };
        let end = if rest.starts_with(b"<!-->") {
            Some(open + 5)
        } else if rest.starts_with(b"<!--->") {
            Some(open + 6)
        } else if rest.starts_with(b"<!--") {
            comment_end(bytes, open + 4)
        } else if self.xhtml && has_subset(rest) {
            find(1, b"]>").or_else(|| find(1, b">"))
        } else {
            find(1, b">")
        };
        self.at = end.unwrap_or(bytes.len());
    }
}

/// Whether `rest` starts with a doctype that holds declarations.
fn has_subset(rest: &[u8]) -> bool {
    let is_doctype = rest.get(..9).is_some_and(|head| head.eq_ignore_ascii_case(b"<!doctype"));
    is_doctype && memchr::memchr2(b'[', b'>', rest).is_some_and(|at| rest[at] == b'[')
}

/// Behind the `-->` or `--!>` that ends a comment.
fn comment_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let dashes = at + memmem::find(&bytes[at..], b"--")?;
        match &bytes[dashes + 2..] {
            [b'>', ..] => return Some(dashes + 3),
            [b'!', b'>', ..] => return Some(dashes + 4),
            _ => at = dashes + 1,
        }
    }
}

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\n' | b'\t' | b'\r' | 0x0c)
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.page.as_bytes();
        if let Some(name) = self.raw
            && let Some(text) = self.raw_text(name)
        {
            return Some(text);
        }
        loop {
            let from = self.at;
            if from >= bytes.len() {
                return None;
            }
            // Text goes on to the next `<` that opens something.
            let mut search = from;
            let open = loop {
                match memchr::memchr(b'<', &bytes[search..]) {
                    None => break bytes.len(),
                    Some(found) => {
                        let at = search + found;
                        match bytes.get(at + 1) {
                            Some(b'a'..=b'z' | b'A'..=b'Z' | b'/' | b'!' | b'?') => break at,
                            _ => search = at + 1,
                        }
                    }
                }
            };
            if open > from {
                self.at = open;
                return Some(Token::Text { at: from, text: &self.page[from..open], raw: false });
            }
            match bytes[open + 1] {
                b'!' if self.foreign && bytes[open..].starts_with(b"<![CDATA[") => {
                    let start = open + 9;
                    let end = memmem::find(&bytes[start..], b"]]>").map(|found| start + found);
                    self.at = end.map_or(bytes.len(), |end| end + 3);
                    let text = &self.page[start..end.unwrap_or(bytes.len())];
                    return Some(Token::Text { at: start, text, raw: true });
                }
                b'!' | b'?' => self.skip_markup(open),
                b'/' if bytes.get(open + 2).is_some_and(u8::is_ascii_alphabetic) => {
                    let (name, _, _) = self.tag(open + 2)?;
                    return Some(Token::End { name });
                }
                b'/' => self.skip_markup(open),
                _ => {
                    let (name, attributes, self_closing) = self.tag(open + 1)?;
                    if !self.foreign && is_raw(name) && !(self.xhtml && self_closing) {
                        self.raw = Some(name);
                    }
                    return Some(Token::Start { name, attributes, self_closing });
                }
            }
        }
    }
}

/// Elements whose content is text up to their own end tag.
fn is_raw(name: &str) -> bool {
    ["script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"]
        .iter()
        .any(|raw| name.eq_ignore_ascii_case(raw))
}
