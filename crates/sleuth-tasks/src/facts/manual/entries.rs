//! Entries of a technical document: lines that declare a name, with the bodies below them.

use std::ops::Range;

/// A line of the text.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Without the line end.
    pub(super) range: Range<usize>,
    /// White space in front, in bytes; `usize::MAX` for a blank line.
    pub(super) indent: usize,
}

impl Line {
    pub(super) fn is_blank(&self) -> bool {
        self.indent == usize::MAX
    }

    /// Its range without white space around.
    pub(super) fn trimmed(&self, text: &str) -> Range<usize> {
        let words = &text[self.range.clone()];
        let start = self.range.start + (words.len() - words.trim_start().len());
        start..start + words.trim().len()
    }
}

pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut out = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let end = start + line.len();
        let indent = match line.trim() {
            "" => usize::MAX,
            _ => line.len() - line.trim_start().len(),
        };
        out.push(Line { range: start..end, indent });
        start = end + 1;
    }
    out
}

/// An entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The whole name: module, classes, name.
    pub(super) name: String,
    /// What it is, as a question says it; empty where there is no good word.
    pub(super) noun: &'static str,
    /// Bytes of the line that declares it.
    pub(super) head: Range<usize>,
    /// Bytes between the brackets of its arguments, where it has exactly one signature.
    pub(super) arguments: Option<Range<usize>>,
    /// Number of the line that declares it.
    pub(super) first_line: usize,
    /// Numbers of the lines of its body.
    pub(super) body: Range<usize>,
}

impl Entry {
    /// Byte where the body ends.
    pub(super) fn body_end(&self, lines: &[Line]) -> usize {
        match self.body.end.checked_sub(1) {
            Some(last) if last >= self.body.start => lines[last].range.end,
            _ => self.head.end,
        }
    }
}

/// Directives that declare a name, and the noun of each.
const DIRECTIVES: [(&str, &str); 22] = [
    ("function", "function"),
    ("method", "method"),
    ("class", "class"),
    ("exception", "exception"),
    ("attribute", "attribute"),
    ("data", "name"),
    ("decorator", "decorator"),
    ("classmethod", "class method"),
    ("staticmethod", "static method"),
    ("coroutinemethod", "method"),
    ("coroutinefunction", "function"),
    ("abstractmethod", "method"),
    ("decoratormethod", "method"),
    ("cmdoption", "option"),
    ("option", "option"),
    ("envvar", "environment variable"),
    ("opcode", "opcode"),
    ("c:function", "C function"),
    ("c:type", "C type"),
    ("c:macro", "C macro"),
    ("c:var", "C variable"),
    ("c:member", "C member"),
];

/// Entries of `text`, in order.
pub(super) fn entries(text: &str, lines: &[Line]) -> Vec<Entry> {
    let mut out: Vec<Entry> = Vec::new();
    let mut module = String::new();
    // Entries that the current line may stand in: the last line of the body, and the name.
    let mut open: Vec<(usize, usize, String)> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.is_blank() {
            continue;
        }
        let words = text[line.range.clone()].trim();
        open.retain(|(_, end, _)| at < *end);
        if let Some(rest) = words.strip_prefix(".. ") {
            let Some((directive, signature)) = rest.split_once("::") else { continue };
            // `c:function::` has its colon inside.
            let (directive, signature) = match (directive, signature) {
                (directive, signature) if !directive.contains(' ') => (directive, signature),
                _ => continue,
            };
            let signature = signature.trim();
            if directive == "module" || directive == "currentmodule" {
                module = signature.to_owned();
                if directive == "module" && !signature.is_empty() && line.indent == 0 {
                    out.push(Entry {
                        name: signature.to_owned(),
                        noun: "module",
                        head: line.trimmed(text),
                        arguments: None,
                        first_line: at,
                        body: at + 1..lines.len().min(at + 24),
                    });
                }
                continue;
            }
            let directive = directive.strip_prefix("py:").unwrap_or(directive);
            let Some((_, noun)) = DIRECTIVES.iter().find(|(known, _)| *known == directive) else {
                continue;
            };
            let is_c = directive.starts_with("c:");
            let Some(name) = declared(signature, is_c) else { continue };
            let body = body(lines, at);
            // A signature may go on over several lines.
            let closed = closed(text, lines, at, body.end);
            let head = line.trimmed(text).start..lines[closed].trimmed(text).end;
            let (body, n_signatures) = past_signatures(text, lines, closed + 1..body.end);
            let around = open.last().map(|(_, _, name)| name.as_str());
            let name = whole_name(&name, &module, around, noun);
            let arguments = (n_signatures == 0).then(|| arguments(text, &head)).flatten();
            // All signatures, so that whoever looks for an argument finds it.
            let head = head.start..lines[body.start.max(closed + 1) - 1].trimmed(text).end;
            open.push((at, body.end, name.clone()));
            // The same name once more is another signature, or described elsewhere: then no page
            // says it all.
            out.push(Entry { name, noun, head, arguments, first_line: at, body });
        } else if let Some((name, noun)) = plain_entry(words) {
            let body = body(lines, at);
            let deeper = body.clone().any(|line| !lines[line].is_blank());
            if deeper && lines.get(at + 1).is_some_and(|next| !next.is_blank()) {
                out.push(Entry {
                    name: name.to_owned(),
                    noun,
                    head: line.trimmed(text),
                    arguments: None,
                    first_line: at,
                    body,
                });
            }
        }
    }
    let mut count = std::collections::HashMap::new();
    for entry in &out {
        *count.entry(entry.name.clone()).or_insert(0) += 1;
    }
    out.retain(|entry| count.get(&entry.name) == Some(&1));
    out
}

/// Lines below `at` that stand further in than it.
fn body(lines: &[Line], at: usize) -> Range<usize> {
    let indent = lines[at].indent;
    let end = (at + 1..lines.len())
        .find(|&line| !lines[line].is_blank() && lines[line].indent <= indent)
        .unwrap_or(lines.len());
    at + 1..end
}

/// The line on which the brackets that open in line `at` are closed; `at` itself where they never are.
fn closed(text: &str, lines: &[Line], at: usize, end: usize) -> usize {
    let mut depth = 0_i32;
    for (line, known) in lines.iter().enumerate().take(end).skip(at) {
        if known.is_blank() {
            break;
        }
        for c in text[known.range.clone()].chars() {
            depth += i32::from(c == '(') - i32::from(c == ')');
        }
        if depth <= 0 {
            return line;
        }
    }
    at
}

/// The body without further signatures and fields (`:noindex:`) at its head, and how many signatures
/// there were.
fn past_signatures(text: &str, lines: &[Line], body: Range<usize>) -> (Range<usize>, usize) {
    let mut start = body.start;
    let mut n = 0;
    while start < body.end && !lines[start].is_blank() {
        let words = text[lines[start].range.clone()].trim();
        if !words.starts_with(':') {
            n += 1;
        }
        start += 1;
    }
    (start..body.end, n)
}

/// The name that a signature declares.
fn declared(signature: &str, is_c: bool) -> Option<String> {
    let before = signature.split(['(', '[']).next()?.trim();
    let name = if is_c { before.rsplit([' ', '*']).next()? } else { before };
    let name = name.strip_prefix("await ").unwrap_or(name);
    let name = name.split([' ', ',']).next()?.trim_end_matches(':');
    let good = name.len() > 1
        && name.chars().all(|c| c.is_alphanumeric() || "_.-$".contains(c))
        && name.chars().any(char::is_alphabetic);
    good.then(|| name.to_owned())
}

/// Puts module and class in front of a declared name.
fn whole_name(name: &str, module: &str, around: Option<&str>, noun: &str) -> String {
    if matches!(noun, "option" | "environment variable" | "opcode") || noun.starts_with("C ") {
        return name.to_owned();
    }
    let inner =
        matches!(noun, "method" | "attribute" | "class method" | "static method" | "exception");
    match around {
        Some(around)
            if inner
                || around
                    .rsplit('.')
                    .next()
                    .is_some_and(|last| last.starts_with(char::is_uppercase)) =>
        {
            let last = around.rsplit('.').next().unwrap_or(around);
            match name.split_once('.') {
                Some((class, rest)) if class == last => format!("{around}.{rest}"),
                _ => format!("{around}.{name}"),
            }
        }
        _ if module.is_empty() || name.starts_with(&format!("{module}.")) => name.to_owned(),
        _ => format!("{module}.{name}"),
    }
}

/// Bytes between the brackets that open in `line` and end it.
fn arguments(text: &str, line: &Range<usize>) -> Option<Range<usize>> {
    let words = text[line.clone()].trim_end();
    let open = words.find('(')?;
    let close = words.rfind(')')?;
    let optional = words[open..].contains('[') && words[open..].contains("[,");
    (close > open && !optional).then(|| line.start + open + 1..line.start + close)
}

/// `shared_buffers (integer)` and `lock_timeout` in text of web pages: one name that only a program
/// has.
fn plain_entry(words: &str) -> Option<(&str, &'static str)> {
    let (name, rest) = words.split_once(' ').unwrap_or((words, ""));
    let good = name.len() > 4
        && name.contains('_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.')
        && name.starts_with(|c: char| c.is_ascii_lowercase());
    let types = ["(integer)", "(string)", "(boolean)", "(enum)", "(floating point)", "(real)"];
    (good && types.contains(&rest)).then_some((name, "setting"))
}
