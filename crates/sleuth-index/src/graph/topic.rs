//! What a text without a title is about, by its opening.
//!
//! Texts that explain a thing open with its name: *Saw Thanda Dewi was queen …*, *Gian-Carla "Gia"
//! Coppola (born 1987) is …*, *Winter Park, also known as … *. The name in front of the first verb or
//! bracket, and names announced by *known as*, are taken as keys by which other texts may speak of
//! the document, each with a weight: a whole name 1, a shortened one less.

use super::names::{Token, is_closed_class, is_telling, tokens};
use crate::folded;

/// Bytes at the beginning of a text that are looked at.
const OPENING: usize = 300;
/// Longest name in front of the verb, in words.
const LONGEST: usize = 14;

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

/// Keys for the text, each with its weight from 0 to 1; empty where the opening names nothing.
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
    for piece in pieces(lead) {
        keys.add_name(piece);
    }
    for name in announced(&tokens) {
        keys.add(&joined(name), 0.9);
    }
    keys.0
}

/// The opening name of a text in a script without spaces or capitals.
fn unspaced(opening: &str) -> String {
    let end = opening.find(['是', 'は', '（', '(', '，', '、', '。', '\n', '》', '」', '』']);
    let name = opening[..end.unwrap_or(0)].trim_start_matches(['《', '「', '『']);
    if name.chars().count() <= LONGEST { folded(name) } else { String::new() }
}

/// The words in front of the first verb, bracket or colon.
fn lead<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    let skip = usize::from(
        tokens.first().is_some_and(|token| matches!(token.text, "The" | "A" | "An" | "the")),
    );
    let tokens = &tokens[skip..];
    let ends = |(at, token): (usize, &Token<'_>)| {
        VERBS.contains(&token.text)
            || (at > 0 && token.gap.contains(['(', ';', ':', '\n']))
            || (at > 0 && token.gap.starts_with(". ") && tokens[at - 1].text.len() > 2)
    };
    match tokens.iter().enumerate().position(ends) {
        Some(end) if end <= LONGEST => &tokens[..end],
        _ => &[],
    }
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
            piece.first().is_some_and(|token| token.is_capital() || token.is_number()) && small <= 4
        })
        .collect()
}

/// Names after *known as*, *called* and the like, anywhere in the opening.
fn announced<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut out = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let announces = match token.text {
            "as" => tokens[at.saturating_sub(3)..at]
                .iter()
                .any(|before| matches!(before.text, "known" | "referred" | "credited" | "billed")),
            "called" | "nicknamed" => true,
            _ => false,
        };
        if !announces {
            continue;
        }
        let rest = &tokens[at + 1..];
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
    fn add_name(&mut self, piece: &[Token<'_>]) {
        /// Weight of a form with words left out.
        const SHORT: f32 = 0.7;
        let (nickname, plain) = split_nickname(piece);
        self.add(&joined(piece), 1.0);
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
            &["albert gallatin simms", "albert simms", "gallatin simms"],
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
    }

    #[test]
    fn scripts_without_capitals() {
        check("《玻璃港》是林海燕的小说。", &["玻璃 璃港"]);
        check("玻璃港是林海燕的小说。", &["玻璃 璃港"]);
    }

    #[test]
    fn an_opening_that_names_nothing() {
        check("She was the mother of Prince Morinaga.", &[]);
        check("and the aforementioned song", &[]);
        check("", &[]);
    }
}
