//! What a text without a title is about, by its opening.
//!
//! Texts that explain a thing open with its name: *Saw Thanda Dewi was queen …*, *Gian-Carla "Gia"
//! Coppola (born 1987) is …*, *Winter Park, also known as … *. Taken as keys by which other texts may
//! speak of the document, each with a weight, are
//!
//! - the name in front of the first verb or bracket ([`lead`]), and the shorter forms of it;
//! - names that the opening announces ([`announced`]): *known as*, *stage name*, *née*, and an
//!   abbreviation in brackets;
//! - of a person, which dates of life tell, the forms in which people are called ([`super::people`]);
//! - where there is none of these, as in a paragraph from the middle of a page, the name that the text
//!   has most ([`main_name`]), for less.

use std::collections::HashMap;
use std::ops::Range;

use super::names::{Token, is_closed_class, is_telling, names, tokens};
use super::people;
use crate::folded;

/// Bytes at the beginning of a text that are looked at.
const OPENING: usize = 300;
/// Longest name in front of the verb, in words.
const LONGEST: usize = 14;
/// Weight of a name that the opening announces.
const ANNOUNCED: f32 = 0.9;
/// Weight of the name that a text has most, and of its last word.
const MAIN: f32 = 0.5;

/// Verbs that end the opening name.
const VERBS: [&str; 22] = [
    "is",
    "was",
    "are",
    "were",
    "refers",
    "refer",
    "may",
    "served",
    "became",
    "has",
    "had",
    "have",
    "stands",
    "began",
    "grew",
    "premiered",
    "plays",
    "played",
    "won",
    "died",
    "lived",
    "occurred",
];
/// Words behind which an opening name says where the thing is or whose.
const PLACES: [&str; 6] = ["in", "at", "near", "by", "from", "on"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Keys for the text, each with its weight from 0 to 1; empty where it names nothing.
pub(super) fn topic(text: &str) -> Vec<(String, f32)> {
    let text = text.trim_start();
    let opening = &text[..text.floor_char_boundary(OPENING)];
    let mut keys = Keys::default();
    if opening
        .chars()
        .next()
        .is_some_and(|c| c.is_alphabetic() && !c.is_lowercase() && !c.is_uppercase())
        || opening.starts_with(['《', '「', '『'])
    {
        keys.add(&unspaced(opening), 1.0);
        return keys.0;
    }
    let tokens: Vec<Token<'_>> = tokens(opening).collect();
    let lead = lead(&tokens);
    let is_person = has_dates_of_life(&tokens[lead.end..]);
    for piece in pieces(&tokens[lead.clone()]) {
        keys.add_name(piece, is_person);
    }
    if let Some(short) = abbreviation(&tokens, lead) {
        keys.add(&folded(short.text), ANNOUNCED);
    }
    for name in announced(&tokens) {
        keys.add(&joined(name), ANNOUNCED);
    }
    if keys.0.is_empty()
        && let Some((name, last)) = main_name(text)
    {
        keys.add(&name, MAIN);
        keys.add(&last, MAIN);
    }
    keys.0
}

/// The opening name of a text in a script without spaces or capitals.
fn unspaced(opening: &str) -> String {
    let end = opening.find(['是', 'は', '（', '(', '，', '、', '。', '\n', '》', '」', '』']);
    let name = opening[..end.unwrap_or(0)].trim_start_matches(['《', '「', '『']);
    if name.chars().count() <= LONGEST { folded(name) } else { String::new() }
}

/// The words in front of the first verb, bracket or colon; an empty range where they name nothing.
fn lead(tokens: &[Token<'_>]) -> Range<usize> {
    let is = |at: usize, words: &[&str]| tokens.get(at).is_some_and(|t| words.contains(&t.text));
    let article = usize::from(is(0, &["The", "A", "An", "the"]));
    let skip = article + usize::from(is(article, &["term", "name", "word", "phrase"]));
    let tokens = &tokens[skip..];
    let ends = |(at, token): (usize, &Token<'_>)| {
        VERBS.contains(&token.text)
            || (at > 0 && token.gap.contains(['(', ';', ':', '\n']))
            || (at > 0 && token.gap.starts_with(". ") && tokens[at - 1].text.len() > 2)
    };
    match tokens.iter().enumerate().position(ends) {
        Some(end) if end <= LONGEST => skip..skip + end,
        _ => skip..skip,
    }
}

/// Whether `rest`, what follows a name, opens with a bracket that tells when somebody lived.
fn has_dates_of_life(rest: &[Token<'_>]) -> bool {
    if !rest.first().is_some_and(|token| token.gap.contains('(')) {
        return false;
    }
    let end = rest.iter().skip(1).position(|token| token.gap.contains(')'));
    let inside = &rest[..end.map_or(rest.len(), |end| end + 1)];
    let n_years = inside.iter().filter(|token| is_year(token)).count();
    n_years >= 2
        || inside
            .iter()
            .any(|token| matches!(token.text, "born" | "died") || MONTHS.contains(&token.text))
}

fn is_year(token: &Token<'_>) -> bool {
    matches!(token.text.len(), 3 | 4) && token.text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An abbreviation in brackets behind the lead: capitals that begin as it does.
fn abbreviation<'t, 'a>(tokens: &'t [Token<'a>], lead: Range<usize>) -> Option<&'t Token<'a>> {
    let (name, short, after) =
        (tokens.get(lead.clone())?, tokens.get(lead.end)?, tokens.get(lead.end + 1)?);
    let begins = name.iter().find(|token| token.is_capital())?.text.chars().next();
    let capitals = short.text.chars().filter(|c| c.is_uppercase()).count();
    (short.gap.ends_with('(')
        && after.gap.starts_with(')')
        && capitals >= 2
        && short.text.chars().next() == begins)
        .then_some(short)
}

/// The name that a text has most, with its last word where the text has that alone, too; at least twice.
fn main_name(text: &str) -> Option<(String, String)> {
    let mut counts: HashMap<String, (usize, usize)> = HashMap::new();
    let all = names(text);
    let n_names = all.len();
    // A word at the head of a sentence is a name only if it is one elsewhere.
    let (opening, inside): (Vec<_>, Vec<_>) =
        all.into_iter().enumerate().partition(|(_, name)| name.opening.is_some());
    for (at, name) in inside {
        counts.entry(name.key).or_insert((0, at)).0 += 1;
    }
    for (at, name) in opening {
        let Some((_, rest)) = name.opening else { continue };
        if let Some(count) = counts.get_mut(&name.key) {
            count.0 += 1;
            count.1 = count.1.min(at);
        } else if is_telling(&rest) {
            counts.entry(rest).or_insert((0, at)).0 += 1;
        }
    }
    let alone = |name: &str| {
        let last = name.rsplit_once(' ').map(|(_, last)| last);
        last.and_then(|last| counts.get(last)).map_or(0, |count| count.0)
    };
    let (name, _) = counts
        .iter()
        .map(|(name, (count, at))| ((count + alone(name), name.contains(' ')), (name, *at)))
        .filter(|((count, _), _)| *count >= 2)
        .max_by_key(|(count, (_, at))| (*count, n_names - at))
        .map(|(_, name)| name)?;
    let last = name.rsplit(' ').next().unwrap_or_default();
    let is_alone = counts.contains_key(last);
    Some((name.clone(), if is_alone { last.to_owned() } else { String::new() }))
}

/// The names in a lead: its parts between *or*, *aka*, *known as* and the like.
fn pieces<'t, 'a>(lead: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    const BETWEEN: [&str; 14] = [
        "or",
        "aka",
        "also",
        "better",
        "best",
        "commonly",
        "professionally",
        "known",
        "called",
        "as",
        "by",
        "referred",
        "formerly",
        "sometimes",
    ];
    lead.split(|token| BETWEEN.contains(&token.text))
        .filter(|piece| {
            let small = piece.iter().filter(|token| !token.is_capital()).count();
            let opens_well =
                piece.first().is_some_and(|token| !is_closed_class(&token.text.to_lowercase()));
            opens_well
                && piece.first().is_some_and(|token| token.is_capital() || token.is_number())
                && small <= 4
        })
        .collect()
}

/// Words in front of *name* that say whose or which it is.
const KINDS_OF_NAMES: [&str; 14] = [
    "stage",
    "pen",
    "ring",
    "birth",
    "screen",
    "real",
    "full",
    "maiden",
    "married",
    "professional",
    "original",
    "by",
    "his",
    "her",
];

/// Names after *known as*, *stage name* and the like, anywhere in the opening.
fn announced<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut out = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let rest = &tokens[at + 1..];
        let before = |n: usize, words: &[&str]| {
            tokens[at.saturating_sub(n)..at].iter().any(|token| words.contains(&token.text))
        };
        let announces = match token.text {
            "as" => before(3, &["known", "referred", "credited", "billed", "styled", "spelled"]),
            "called" | "nicknamed" | "née" | "aka" | "abbreviated" => true,
            "name" | "names" | "pseudonym" | "alias" | "moniker" => before(2, &KINDS_OF_NAMES),
            "formerly" | "previously" | "originally" | "also" | "or" | "simply" => {
                token.gap.contains(['(', ','])
            }
            "born" => rest.first().is_some_and(|next| !MONTHS.contains(&next.text)),
            _ => false,
        };
        if !announces {
            continue;
        }
        let skip = usize::from(rest.first().is_some_and(|token| token.text == "the"));
        let rest = &rest[skip..];
        let mut end = 0;
        while let Some(token) = rest.get(end) {
            let goes_on = token.is_capital() || token.is_number() || token.is_joiner();
            let breaks =
                end > 0 && token.gap.trim().chars().any(|c| !matches!(c, '.' | '’' | '\''));
            if !goes_on || breaks {
                break;
            }
            end += 1;
        }
        while end > 0 && !rest[end - 1].is_capital() && !rest[end - 1].is_number() {
            end -= 1;
        }
        if rest.first().is_some_and(Token::is_capital) {
            out.push(&rest[..end]);
        }
    }
    out
}

fn joined(tokens: &[Token<'_>]) -> String {
    let words: Vec<&str> = tokens.iter().map(|token| token.text).collect();
    folded(&words.join(" "))
}

#[derive(Default)]
struct Keys(Vec<(String, f32)>);

impl Keys {
    fn add(&mut self, key: &str, weight: f32) {
        let n_words = key.split(' ').count();
        let opens_well = key.split(' ').next().is_some_and(|word| !is_closed_class(word));
        if !is_telling(key) || n_words > 10 || !opens_well {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = known.max(weight),
            None => self.0.push((key.to_owned(), weight)),
        }
    }

    /// Adds a name as written, and the shorter forms by which it may be called.
    fn add_name(&mut self, piece: &[Token<'_>], is_person: bool) {
        /// Weight of a form with words left out.
        const SHORT: f32 = 0.7;
        let (nickname, plain) = split_nickname(piece);
        self.add(&joined(piece), 1.0);
        // `Castle Hill in the parish of Filleigh`.
        let ends = |token: &Token<'_>| PLACES.contains(&token.text);
        if let Some(end) = piece.iter().position(ends) {
            self.add(&joined(&piece[..end]), 0.9);
        }
        let own = without_suffix(&plain);
        self.add(&own.join(" "), 1.0);
        // `Winter Park, Florida` is called by its first part as well, if that is a name of some length.
        let comma = piece.iter().skip(1).position(|token| token.gap.starts_with(','));
        let before = comma.map_or(own.len(), |at| (at + 1).min(own.len()));
        let own = &own[..before];
        if own.len() > 1 {
            self.add(&own.join(" "), 0.8);
        }
        let long: Vec<&str> =
            own.iter().map(String::as_str).filter(|word| word.chars().count() > 1).collect();
        if (2..own.len()).contains(&long.len()) {
            self.add(&long.join(" "), SHORT);
        }
        let Some((last, first)) = long.split_last() else { return };
        if (2..=4).contains(&first.len()) {
            for word in first {
                self.add(&format!("{word} {last}"), SHORT);
            }
        }
        if is_person {
            for (form, weight) in people::forms(own) {
                self.add(&form, weight);
            }
        }
        if let Some(nickname) = nickname {
            self.add(&nickname, 0.8);
            self.add(&format!("{nickname} {last}"), 1.0);
        }
    }
}

/// A nickname in quotation marks inside a name, and the folded words without it.
fn split_nickname(piece: &[Token<'_>]) -> (Option<String>, Vec<String>) {
    let is_quote = |c| matches!(c, '"' | '“' | '”');
    let opens =
        piece.iter().skip(1).position(|token| token.gap.contains(is_quote)).map(|at| at + 1);
    let closes = opens.and_then(|from| {
        piece[from + 1..]
            .iter()
            .position(|token| token.gap.contains(is_quote))
            .map(|at| from + 1 + at)
    });
    let words = |tokens: &[Token<'_>]| -> Vec<String> {
        tokens.iter().map(|token| folded(token.text)).filter(|word| !word.is_empty()).collect()
    };
    match (opens, closes) {
        (Some(from), Some(to)) => {
            let mut plain = words(&piece[..from]);
            plain.extend(words(&piece[to..]));
            (Some(joined(&piece[from..to])), plain)
        }
        _ => (None, words(piece)),
    }
}

/// The words without what follows a name and is no part of it: `Inc`, `OBE`.
fn without_suffix(words: &[String]) -> Vec<String> {
    const SUFFIXES: [&str; 22] = [
        "inc",
        "ltd",
        "llc",
        "corp",
        "co",
        "plc",
        "gmbh",
        "jr",
        "sr",
        "obe",
        "mbe",
        "cbe",
        "kbe",
        "oc",
        "cie",
        "kcb",
        "frs",
        "mp",
        "phd",
        "qc",
        "limited",
        "corporation",
    ];
    let mut end = words.len();
    while end > 1 && SUFFIXES.contains(&words[end - 1].as_str()) {
        end -= 1;
    }
    words[..end].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut keys: Vec<String> = topic(text).into_iter().map(|(key, _)| key).collect();
        keys.sort();
        assert_eq!(keys, expected, "topic of `{text}`");
    }

    #[test]
    fn names_in_front_of_the_verb() {
        check("The Umbrella Coup is a 1980 French comedy film.", &["umbrella coup"]);
        check(
            "Gian-Carla \"Gia\" Coppola (born 1987) is an American film director.",
            &["gia", "gia coppola", "gian carla coppola", "gian carla gia coppola"],
        );
        check(
            "Albert Gallatin Simms (October 8, 1882 – 1964) was a Representative.",
            &[
                "al simms",
                "albert g simms",
                "albert gallatin simms",
                "albert simms",
                "bert simms",
                "gallatin simms",
            ],
        );
        check(
            "Castle Hill in the parish of Filleigh is a house.",
            &["castle hill", "castle hill in the parish of filleigh"],
        );
        check("The term Cinema of Korea refers to films.", &["cinema korea", "cinema of korea"]);
        check(
            "The North Sea Council (NSC) was a body of nine.",
            &["north council", "north sea council", "nsc", "sea council"],
        );
        check(
            "Enterprise Holdings, Inc. is a company.",
            &["enterprise holdings", "enterprise holdings inc"],
        );
        check("Dai Jitao or Tai Chi-t'ao (1891) was a journalist.", &["dai jitao", "tai chi tao"]);
    }

    #[test]
    fn announced_names() {
        check(
            "Ernesto Shaw (born 1975), better known as DJ Clue?, is a disc jockey.",
            &["dj clue", "ernesto shaw"],
        );
        check(
            "Ada Boot (formerly Ada Crane), who wrote under the pen name Orla Finch, was a poet.",
            &["ada boot", "ada crane", "orla finch"],
        );
        check("Tilda Moor is known for her role as Vesna.", &["tilda moor"]);
    }

    #[test]
    fn scripts_without_capitals() {
        check("《玻璃港》是林海燕的小说。", &["玻璃 璃港"]);
        check("玻璃港是林海燕的小说。", &["玻璃 璃港"]);
    }

    #[test]
    fn the_name_that_a_text_has_most() {
        check(
            "During a storm Jan Brek met the miller. Later Brek told of it, and the miller of Brek.",
            &["brek", "jan brek"],
        );
        check("In spring the river rose. Then the River Ouse fell.", &[]);
    }

    #[test]
    fn an_opening_that_names_nothing() {
        check("She was the mother of Prince Morinaga.", &[]);
        check("and the aforementioned song", &[]);
        check("", &[]);
    }
}
