//! Instructions as Goggles write them.

use super::address::ascii_host;
use super::cursor::quoted;
use super::glob::Glob;
use super::rule::{Action, Host, Rule, STRONGEST};
use super::{ListWarning, Parsed};

/// Longest instruction in characters, and most stars and carets in one: Brave's limits.
const LONGEST: usize = 500;
const MOST_OF_A_SIGN: usize = 2;

/// Reads the instructions of `text`.
pub(super) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('!') {
            continue;
        }
        match instruction(line, number) {
            Ok(Instruction::Rule(rule)) => parsed.rules.push(*rule),
            Ok(Instruction::DiscardTheRest) => {
                parsed.discards_the_rest.get_or_insert(number);
            }
            Err(message) => parsed.warnings.push(ListWarning { line: number, message }),
        }
    }
    parsed
}

enum Instruction {
    Rule(Box<Rule>),
    /// `$discard` and nothing else: what no other instruction matches is discarded.
    DiscardTheRest,
}

/// What stands behind the `$`.
#[derive(Default)]
struct Options {
    action: Option<Action>,
    site: Option<String>,
    in_title: bool,
    in_url: bool,
}

fn instruction(line: &str, number: u32) -> Result<Instruction, String> {
    let length = line.chars().count();
    if length > LONGEST {
        return Err(format!("expected at most {LONGEST} characters, found {length}"));
    }
    let (pattern, options) = line.rsplit_once('$').unwrap_or((line, ""));
    let has_options = pattern.len() < line.len();
    let options = if has_options { read(options)? } else { Options::default() };
    let action = options.action.unwrap_or(Action::Boost(1));
    for sign in ['*', '^'] {
        let found = pattern.matches(sign).count();
        if found > MOST_OF_A_SIGN {
            return Err(format!("expected at most {MOST_OF_A_SIGN} `{sign}`, found {found}"));
        }
    }
    if pattern.starts_with("||") {
        return Err("expected one `|` at the beginning, found `||`; a domain is named by `$site=`"
            .to_owned());
    }
    let (from_start, body) = match pattern.strip_prefix('|') {
        Some(body) => (true, body),
        None => (false, pattern),
    };
    let (to_end, body) = match body.strip_suffix('|') {
        Some(body) => (true, body),
        None => (false, body),
    };
    let mut rule = Rule::new(number, action);
    if let Some(site) = options.site {
        rule.host = Host::Below(site);
    }
    if body.trim_matches('*').is_empty() {
        return match (rule.host == Host::Any, action) {
            (false, _) => Ok(Instruction::Rule(Box::new(rule))),
            (true, Action::Block) if body.is_empty() => Ok(Instruction::DiscardTheRest),
            (true, _) => Err(format!("expected a pattern or `site=`, found `{}`", quoted(line))),
        };
    }
    let glob = Glob::with_separators(&body.to_lowercase(), from_start, to_end);
    match options.in_title {
        true => rule.title = Some(glob),
        false => rule.address = Some(glob),
    }
    Ok(Instruction::Rule(Box::new(rule)))
}

fn read(text: &str) -> Result<Options, String> {
    let mut options = Options::default();
    for option in text.split(',').map(str::trim) {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
            None => (option, None),
        };
        match (name, value) {
            ("boost", value) => set(&mut options, Action::Boost(strength(option, value)?))?,
            ("downrank", value) => set(&mut options, Action::Demote(strength(option, value)?))?,
            ("discard", None) => set(&mut options, Action::Block)?,
            ("site", Some(value)) => {
                if options.site.is_some() {
                    return Err("expected one `site=`, found two".to_owned());
                }
                options.site = Some(site(value)?);
            }
            ("inurl", None) => options.in_url = true,
            ("intitle", None) => options.in_title = true,
            ("indescription" | "incontent", None) => {
                return Err(format!("expected a pattern of the address or title, found `{name}`"));
            }
            _ => {
                return Err(format!(
                    "expected `boost`, `downrank`, `discard`, `site=`, `inurl` or `intitle`, found `{}`",
                    quoted(option)
                ));
            }
        }
    }
    if options.in_url && options.in_title {
        return Err("expected `inurl` or `intitle`, found both".to_owned());
    }
    Ok(options)
}

fn set(options: &mut Options, action: Action) -> Result<(), String> {
    match options.action.replace(action) {
        None => Ok(()),
        Some(_) => Err("expected one of `boost`, `downrank` and `discard`, found two".to_owned()),
    }
}

fn strength(option: &str, value: Option<&str>) -> Result<u8, String> {
    let Some(value) = value else { return Ok(1) };
    value.parse().ok().filter(|n| (1..=STRONGEST).contains(n)).ok_or_else(|| {
        format!("expected a strength from 1 to {STRONGEST}, found `{}`", quoted(option))
    })
}

fn site(value: &str) -> Result<String, String> {
    let fits = |host: &String| {
        host.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
    };
    ascii_host(value.trim_end_matches('.')).filter(fits).ok_or_else(|| {
        format!("expected a domain such as `site=example.com`, found `site={}`", quoted(value))
    })
}
