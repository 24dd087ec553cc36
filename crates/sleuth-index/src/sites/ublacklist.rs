//! Rules as uBlacklist writes them.

use super::address::ascii_host;
use super::cursor::{Cursor, quoted};
use super::expression::{Expression, Taken};
use super::glob::Glob;
use super::rule::{Action, Host, Rule, STRONGEST};
use super::{ListWarning, Parsed};

/// Characters of a path in a match pattern, beside letters, digits, `*` and percent-encoded bytes.
const OF_PATHS: &str = "._~:/?[]@!$&'()+,;=-";

/// Reads the rules of `text`.
pub(super) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let mut taken = Taken::default();
    let mut lines = (1..).zip(text.lines()).peekable();
    if lines.next_if(|(_, line)| line.trim_end() == "---").is_some() {
        // The front matter says who made the list, which decides nothing.
        let closed = lines.any(|(_, line)| line.trim_end() == "---");
        if !closed {
            parsed.warnings.push(ListWarning {
                line: 1,
                message: "expected a second `---` after the front matter, found none".to_owned(),
            });
        }
    }
    for (number, line) in lines {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match rule(line, number, &mut taken) {
            Ok(rule) => parsed.rules.push(rule),
            Err(message) => parsed.warnings.push(ListWarning { line: number, message }),
        }
    }
    parsed
}

fn rule(line: &str, number: u32, taken: &mut Taken) -> Result<Rule, String> {
    let mut cursor = Cursor::new(line);
    let action = action(&mut cursor)?;
    cursor.space();
    let mut rule = Rule::new(number, action);
    if !match_pattern(&mut cursor, &mut rule)? {
        rule.expression = Some(Expression::read(&mut cursor, taken)?);
    } else {
        rule.of_addresses = true;
        cursor.space();
        if cursor.eat("@if") {
            cursor.space();
            if !cursor.eat("(") {
                return Err(cursor.expected("`(` after `@if`"));
            }
            rule.expression = Some(Expression::read(&mut cursor, taken)?);
            cursor.space();
            if !cursor.eat(")") {
                return Err(cursor.expected("`&`, `|` or `)`"));
            }
        }
    }
    cursor.space();
    if cursor.rest.is_empty() || cursor.rest.starts_with('#') {
        return Ok(rule);
    }
    Err(cursor.expected("the end of the rule or a `#` comment"))
}

/// What the `@` at the start of a rule says.
fn action(cursor: &mut Cursor<'_>) -> Result<Action, String> {
    if !cursor.eat("@") {
        return Ok(Action::Block);
    }
    let number = cursor.take(|c| c.is_ascii_digit());
    match number {
        "" | "0" => Ok(Action::Unblock),
        _ if number.starts_with('0') => {
            Err(format!("expected a number without zeros before it, found `@{}`", quoted(number)))
        }
        _ => {
            let strength = number.parse().map_or(STRONGEST, |n: u32| n.min(STRONGEST.into()) as u8);
            Ok(Action::Highlight(strength))
        }
    }
}

/// Reads a match pattern into `rule`, where one stands at the cursor.
fn match_pattern(cursor: &mut Cursor<'_>, rule: &mut Rule) -> Result<bool, String> {
    if cursor.eat("<all_urls>") {
        return Ok(true);
    }
    let Some((scheme, after)) = cursor.rest.split_once("://") else { return no_pattern(cursor) };
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "*+.-".contains(c);
    if scheme.is_empty() || !scheme.chars().all(is_scheme) {
        return Ok(false);
    }
    rule.scheme = match scheme.to_ascii_lowercase().as_str() {
        "*" => None,
        "http" => Some("http"),
        "https" => Some("https"),
        _ => {
            return Err(format!(
                "expected the scheme `*`, `http` or `https`, found `{}`",
                quoted(scheme)
            ));
        }
    };
    let end = after.find(|c: char| c == '/' || c == '#' || c.is_whitespace());
    let (name, rest) = after.split_at(end.unwrap_or(after.len()));
    rule.host = host(name)?;
    cursor.rest = rest;
    if !rest.starts_with('/') {
        return Err(cursor.expected(&format!("a path such as `/*` after `{}`", quoted(name))));
    }
    let path =
        cursor.take(|c| c.is_ascii_alphanumeric() || c == '*' || c == '%' || OF_PATHS.contains(c));
    for (at, _) in path.match_indices('%') {
        let hex = path.as_bytes().get(at + 1..at + 3).unwrap_or_default();
        if hex.len() < 2 || !hex.iter().all(u8::is_ascii_hexdigit) {
            let found = quoted(&path[at..]);
            return Err(format!("expected two hexadecimal digits after `%`, found `{found}`"));
        }
    }
    if path != "/*" {
        rule.path = Some(Glob::new(path, true, true));
    }
    Ok(true)
}

/// What stands where no match pattern does: an expression, or what people take for a rule.
fn no_pattern(cursor: &Cursor<'_>) -> Result<bool, String> {
    let word = cursor.rest.split([' ', '\t', '#']).next().unwrap_or_default();
    let bare = word.trim_start_matches("*.").trim_end_matches(['/', '*']);
    let is_domain = bare.contains('.')
        && !bare.ends_with('.')
        && bare.chars().all(|c| c.is_alphanumeric() || "-._".contains(c));
    if is_domain {
        return Err(format!(
            "expected a match pattern such as `*://*.{0}/*`, found `{0}`",
            quoted(bare)
        ));
    }
    Ok(false)
}

/// The host of a match pattern: `*`, a name, or `*.` and a name.
fn host(name: &str) -> Result<Host, String> {
    let refused = || {
        format!(
            "expected a host such as `example.com` or `*.example.com`, found `{}`",
            quoted(name)
        )
    };
    if name == "*" {
        return Ok(Host::Any);
    }
    let (below, bare) = match name.strip_prefix("*.") {
        Some(bare) => (true, bare),
        None => (false, name),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let host = ascii_host(bare).filter(|host| host.split('.').all(label)).ok_or_else(refused)?;
    Ok(if below { Host::Below(host) } else { Host::Is(host) })
}
