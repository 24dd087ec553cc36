//! How things look in text.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use sleuth_records::{Mark, Skipped, is_unseen};

use crate::places::no_color;

/// `text` with everything that a terminal would obey, or that would hide or reorder what stands
/// there, written out: control characters other than the line feed and the tab, and what
/// [`is_unseen`] names.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && c != '\n' && c != '\t') || is_unseen(c) {
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// `text` on one line, escaped, cut to `most` characters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut cut: String = folded.chars().take(most).collect();
    if cut.len() < folded.len() {
        cut.push('…');
    }
    escape(&cut)
}

/// The paint of standard output: none unless a terminal that wants colour reads it.
#[derive(Clone, Copy)]
pub(crate) struct Paint(bool);

impl Paint {
    pub(crate) fn of_stdout() -> Self {
        Self(std::io::stdout().is_terminal() && !no_color())
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(crate) fn mark(self, mark: Mark) -> String {
        let code = match mark {
            Mark::Exact => "32",
            Mark::Partial => "33",
            Mark::Unsupported => "31",
        };
        self.with(code, &format!("[{}]", mark.as_str()))
    }
}

/// Columns of a line on standard output: those of the terminal within bounds, 80 where there is none.
pub(crate) fn columns() -> usize {
    const LEAST: usize = 60;
    const MOST: usize = 120;
    let out = std::io::stdout();
    let size = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out).ok()).flatten();
    match size {
        Some(size) if size.ws_col > 0 => usize::from(size.ws_col).clamp(LEAST, MOST),
        _ => 80,
    }
}

/// The path of a `file:` address.
pub(crate) fn path_of_url(url: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let path = url.strip_prefix("file://")?;
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    Some(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
}

/// `path` as a person in the current folder would write it.
pub(crate) fn from_here(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let short = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    short.filter(|short| !short.as_os_str().is_empty()).unwrap_or(path).display().to_string()
}

/// `1 page`, `2 pages`.
pub(crate) fn count(n: impl Into<u64>, noun: &str) -> String {
    match n.into() {
        1 => format!("1 {noun}"),
        n => format!("{n} {}", plural(noun)),
    }
}

/// `1 page`, `2 pages`; `any pages` without a limit.
pub(crate) fn limit(n: Option<impl Into<u64>>, noun: &str) -> String {
    n.map_or_else(|| format!("any {}", plural(noun)), |n| count(n, noun))
}

fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if noun.ends_with("ch") => format!("{noun}es"),
        None => format!("{noun}s"),
    }
}

/// Seconds in a form that fits their size.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.2} s")
    } else if seconds < 120.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", seconds as u64 / 60, seconds as u64 % 60)
    }
}

/// Bytes in a form that fits their size.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.2} GB", n as f64 / 1e9),
    }
}

/// Numbers of skipped files by kind, the most frequent first.
pub(crate) fn skipped_by_kind(skipped: &[Skipped]) -> Vec<(String, usize)> {
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for skip in skipped {
        match kinds.iter_mut().find(|(kind, _)| *kind == skip.kind) {
            Some((_, n)) => *n += 1,
            None => kinds.push((skip.kind.clone(), 1)),
        }
    }
    kinds.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    kinds
}

/// What was skipped, by kind, for a person; `None` when nothing was.
pub(crate) fn skipped_kinds(skipped: &[Skipped]) -> Option<String> {
    let kinds = skipped_by_kind(skipped);
    let parts: Vec<String> = kinds.iter().map(|(kind, n)| skipped_kind(kind, *n)).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn skipped_kind(kind: &str, n: usize) -> String {
    let files = if n == 1 { "file" } else { "files" };
    match kind {
        "pdf" => format!("{n} PDF {files} (no reader for them)"),
        "encrypted" => format!("{n} locked {files}"),
        "scanned" => format!("{n} scanned {files} without text"),
        "too_slow" => format!("{n} {files} that took too long"),
        "binary" => format!("{n} binary {files}"),
        "unsupported" => format!("{n} {files} of kinds that are not documents"),
        "empty" => format!("{n} empty {files}"),
        "too_large" => format!("{n} {files} too large"),
        "not_regular" => format!("{n} special {files}"),
        "symlink_loop" => format!("{n} circular {}", if n == 1 { "link" } else { "links" }),
        "unreadable" => format!("{n} unreadable {files}"),
        "changed" => format!("{n} {files} that kept changing"),
        "malformed" => format!("{n} malformed {files} or records"),
        other => format!("{n} {files} ({other})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(
            escape("a\x1b[31mb\u{202e}c\r\u{9b}d\n\te"),
            "a\\u{1b}[31mb\\u{202e}c\\u{d}\\u{9b}d\n\te"
        );
        assert_eq!(
            escape("a\u{61c}b\u{200b}c\u{2060}d\u{feff}e\u{ad}f\u{e0041}g"),
            "a\\u{61c}b\\u{200b}c\\u{2060}d\\u{feff}e\\u{ad}f\\u{e0041}g"
        );
        for text in ["你好, naïve", "👩‍💻", "❤️", "می‌خواهم", "क्‍ष"]
        {
            assert_eq!(escape(text), text);
        }
    }

    #[test]
    fn words_are_counted() {
        assert_eq!(count(1_u64, "search"), "1 search");
        assert_eq!(count(2_u64, "search"), "2 searches");
        assert_eq!(count(0_u64, "page"), "0 pages");
        assert_eq!(count(2_u64, "query"), "2 queries");
        assert_eq!(limit(Some(1_u32), "search"), "1 search");
        assert_eq!(limit(None::<u32>, "search"), "any searches");
        assert_eq!(one_line("a  b\nc", 3), "a b…");
    }

    #[test]
    fn file_addresses_become_paths() {
        assert_eq!(path_of_url("file:///a%20b/c.md"), Some(PathBuf::from("/a b/c.md")));
        assert_eq!(path_of_url("https://example.org"), None);
    }
}
