//! A place in a line that is being read.

/// Longest piece of a line that a message quotes, in characters.
const QUOTED: usize = 40;

/// See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct Cursor<'t> {
    pub(super) rest: &'t str,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text }
    }

    pub(super) fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r']);
    }

    /// Steps over `text` where it stands here.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes characters as long as they are `fit`.
    pub(super) fn take(&mut self, fit: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|c| !fit(c)).unwrap_or(self.rest.len());
        self.split(end)
    }

    /// Takes the next `n` bytes, which end at the end of a character.
    pub(super) fn split(&mut self, n: usize) -> &'t str {
        let (head, rest) = self.rest.split_at(n);
        self.rest = rest;
        head
    }

    /// A message that names what was expected and what stands here.
    pub(super) fn expected(&self, what: &str) -> String {
        match self.rest.trim() {
            "" => format!("expected {what}, found the end of the line"),
            found => format!("expected {what}, found `{}`", quoted(found)),
        }
    }
}

/// The beginning of `text`, for a message.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
