//! Marks of reStructuredText inside lines: roles, literals, emphasis, and signatures.

use std::ops::Range;

/// A role such as ``:exc:`ValueError` ``.
pub(super) struct Role<'a> {
    /// What stands between the backticks.
    pub(super) target: &'a str,
}

/// The roles in `text`, in order.
pub(super) fn roles(text: &str) -> Vec<Role<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(":`") {
        let body = &rest[at + 2..];
        let Some(end) = body.find('`') else { break };
        out.push(Role { target: &body[..end] });
        rest = &body[end + 1..];
    }
    out
}

/// A name of a program that stands at byte `at` of `text`, in a role, in double backticks, or bare with a
/// capital: its place, and the byte behind its marks.
pub(super) fn code_at(text: &str, at: usize, end: usize) -> Option<(Range<usize>, usize)> {
    let words = &text[at..end];
    let is_name = |name: &str| {
        let name = name.trim_start_matches(['~', '!', '.']).trim_end_matches("()");
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')
    };
    if words.starts_with(':') {
        let open = words.find('`')?;
        let role = &words[1..open];
        let known = role.ends_with(':')
            && role[..role.len() - 1].chars().all(|c| c.is_ascii_lowercase() || c == ':');
        let close = open + 1 + words[open + 1..].find('`')?;
        let name = &words[open + 1..close];
        return (known && is_name(name)).then(|| (at + open + 1..at + close, at + close + 1));
    }
    if let Some(body) = words.strip_prefix("``") {
        let close = body.find("``")?;
        return is_name(&body[..close]).then(|| (at + 2..at + 2 + close, at + close + 4));
    }
    None
}

/// Text as a question may say it: roles and literals in single backticks, arguments likewise.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with(':')
            && let Some(open) = rest.find(":`").filter(|&open| open < 16)
            && rest[1..=open].chars().all(|c| c.is_ascii_lowercase() || c == ':')
            && let Some(close) = rest[open + 2..].find('`')
        {
            let name = rest[open + 2..open + 2 + close].trim_start_matches(['~', '!', '.']);
            let name = name.split(" <").next().unwrap_or(name);
            out.push('`');
            out.push_str(name);
            out.push('`');
            rest = &rest[open + 3 + close..];
        } else if let Some(body) = rest.strip_prefix("``")
            && let Some(close) = body.find("``")
        {
            out.push('`');
            out.push_str(&body[..close]);
            out.push('`');
            rest = &body[close + 2..];
        } else if let Some((name, behind)) = argument(rest) {
            out.push('`');
            out.push_str(name);
            out.push('`');
            rest = behind;
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// `*name*` at the head of `text`: the name, and what stands behind.
pub(super) fn argument(text: &str) -> Option<(&str, &str)> {
    let body = text.strip_prefix('*')?;
    let close = body.find('*')?;
    let name = &body[..close];
    let good = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    good.then(|| (name, body[close + 1..].trim_start_matches('*')))
}

/// Arguments with a default in a signature, with the places of the defaults.
pub(super) fn default_values<'t>(
    text: &'t str,
    arguments: &Range<usize>,
) -> Vec<(&'t str, Range<usize>)> {
    let mut out = Vec::new();
    let words = &text[arguments.clone()];
    let (mut depth, mut quote, mut start) = (0_i32, None, 0);
    let mut parts = Vec::new();
    for (at, c) in words.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(start..at);
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    parts.push(start..words.len());
    if depth != 0 || quote.is_some() {
        return Vec::new();
    }
    for part in parts {
        let Some((name, value)) = words[part.clone()].split_once('=') else { continue };
        // A line that goes on ends in a backslash.
        let name = name.split(':').next().unwrap_or(name).trim_matches(['\\', '\n', ' ']);
        let good = name.len() > 1
            && name.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !value.trim().is_empty()
            && !value.contains("...")
            && !value.contains(['\\', '\n', '\t'])
            // A question keeps one blank of several.
            && !value.contains("  ")
            && value.len() <= 40;
        if good {
            let lead = value.len() - value.trim_start().len();
            let from = arguments.start + part.end - value.len() + lead;
            out.push((name, from..from + value.trim().len()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_of_signatures() {
        let text =
            "filename, flag='c,d', *, protocol: int = 4, key=(1, 2), x=..., space=\"  \", y=1";
        let found: Vec<(&str, &str)> = default_values(text, &(0..text.len()))
            .into_iter()
            .map(|(name, place)| (name, &text[place]))
            .collect();
        assert_eq!(found, [("flag", "'c,d'"), ("protocol", "4"), ("key", "(1, 2)")]);
    }

    #[test]
    fn marks_become_backticks() {
        let check = |text: &str, expected: &str| assert_eq!(plain(text), expected);
        check("if *data* is ``None`` or :exc:`~a.Error`", "if `data` is `None` or `a.Error`");
        check("2 * 3 * 4: a", "2 * 3 * 4: a");
    }
}
