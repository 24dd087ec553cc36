//! A list, all of it.
//!
//! 1. The answer lists every gold answer, in any order, and nothing else. A member may be given twice.
//! 2. Members stand between `,`, `;`, `/`, `|`, `&`, `and`, line ends, bullets or numbers of a list; a
//!    member that has such a sign itself is found all the same.
//! 3. Each is compared folded, as a whole. A list with one member too many, one too few, or with
//!    alternatives joined by `or` is wrong; so are the question and a page.

use std::collections::HashSet;

use super::words::{folded, plain};

/// Most pieces that a list may have.
const MOST: usize = 512;

/// Whether `answer` lists `gold` and nothing else.
pub(super) fn lists(answer: &str, gold: &[String]) -> bool {
    let members: HashSet<String> = gold.iter().map(|gold| folded(gold)).collect();
    let pieces = pieces(answer);
    if pieces.is_empty() || pieces.len() > MOST {
        return false;
    }
    // Longest member in pieces; a member is matched by pieces joined with whatever parted them, and
    // folding takes the signs out of both.
    let longest = gold.iter().map(|gold| self::pieces(gold).len()).max().unwrap_or(1);
    let mut found = HashSet::new();
    let mut at = 0;
    while at < pieces.len() {
        let end = (at + longest).min(pieces.len());
        let Some((next, member)) = (at + 1..=end).rev().find_map(|end| {
            let joined = folded(&pieces[at..end].concat());
            let member = members.get(&joined);
            let member = member.or_else(|| members.get(joined.strip_prefix("and ")?));
            member.map(|member| (end, member))
        }) else {
            return false;
        };
        found.insert(member);
        at = next;
    }
    found.len() == members.len()
}

/// The answer cut before every separator; the separator begins the next piece, so that the pieces
/// joined are the answer.
fn pieces(answer: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for line in answer.lines() {
        let line = plain(line);
        let mut piece = String::new();
        for word in without_bullet(&line).split(' ') {
            if word.eq_ignore_ascii_case("and") || word == "&" {
                push(&mut out, &mut piece);
                // The word is kept for members that have it inside.
                piece = format!(" {word}");
                continue;
            }
            piece.push(' ');
            for sign in word.chars() {
                if matches!(sign, ',' | ';' | '/' | '|') {
                    push(&mut out, &mut piece);
                }
                piece.push(sign);
            }
        }
        push(&mut out, &mut piece);
    }
    out
}

fn push(out: &mut Vec<String>, piece: &mut String) {
    let piece = std::mem::take(piece);
    if piece.chars().any(char::is_alphanumeric) {
        out.push(piece);
    }
}

/// A line of a list without its bullet or number. A hyphen that stands right before a digit is a minus.
fn without_bullet(line: &str) -> &str {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    if rest.len() < line.len()
        && let Some(rest) = rest.strip_prefix(['.', ')']).and_then(|rest| rest.strip_prefix(' '))
    {
        return rest;
    }
    let rest = line.trim_start_matches(['-', '*', '\u{2022}', '\u{b7}', ' ']);
    let is_number = rest.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let minus = line[..line.len() - rest.len()].ends_with('-') && is_number;
    &line[line.len() - rest.len() - usize::from(minus)..]
}
