//! What stands after a cue, read as an object of the kind that the cue calls for.
//!
//! Every reader here would rather give nothing than a part of something: a name counts only where what
//! follows it can follow a whole name, a list only where it is closed.

use std::ops::Range;

use super::value::{Date, Value, number};
use super::words::{Word, is_possessive};

/// An object, by the positions of its words.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Object {
    /// Positions among the words of the sentence.
    pub(super) words: Range<usize>,
    /// What it can be compared by.
    pub(super) value: Option<Value>,
}

/// Small words inside names of persons.
const PARTICLES: [&str; 21] = [
    "de", "la", "le", "du", "von", "van", "der", "den", "di", "da", "del", "della", "dos", "das",
    "bin", "ibn", "al", "el", "af", "zu", "ter",
];

/// Small words inside names of places and organisations.
const JOINERS: [&str; 12] =
    ["of", "the", "de", "la", "le", "du", "del", "di", "da", "upon", "on", "&"];

/// Words that may follow a whole name without a mark between.
const FOLLOWERS: [&str; 58] = [
    "about",
    "after",
    "along",
    "among",
    "and",
    "around",
    "as",
    "at",
    "based",
    "before",
    "between",
    "but",
    "by",
    "during",
    "featuring",
    "for",
    "from",
    "had",
    "has",
    "in",
    "into",
    "is",
    "it",
    "near",
    "of",
    "off",
    "on",
    "or",
    "out",
    "over",
    "released",
    "set",
    "since",
    "starring",
    "that",
    "the",
    "through",
    "to",
    "under",
    "until",
    "upon",
    "using",
    "via",
    "was",
    "were",
    "when",
    "where",
    "which",
    "while",
    "who",
    "whose",
    "with",
    "within",
    "written",
    "directed",
    "produced",
    "distributed",
    "published",
];

/// Whether the words up to `end` can be the whole of a name: what follows is no word that would go on
/// with it.
fn closes(words: &[Word<'_>], end: usize) -> bool {
    let Some(next) = words.get(end) else { return true };
    // `William Grove (Bill) Skelly`: the name goes on behind the bracket.
    let nick = next.gap.ends_with('(')
        && words.get(end + 1).is_some_and(|word| word.gap.starts_with(')') && word.is_capital());
    if nick {
        return false;
    }
    let stops = |c| matches!(c, '.' | ',' | ';' | ':' | '(' | ')' | '"' | '”' | '–' | '—' | '\n');
    next.gap.contains(stops) || FOLLOWERS.contains(&next.text)
}

/// End of the run of capitalised words that begins at `at`, small words of `joiners` allowed inside.
fn run(words: &[Word<'_>], at: usize, joiners: &[&str], longest: usize) -> Option<usize> {
    let mut end = at;
    let mut probe = at;
    while let Some(word) = words.get(probe) {
        let plain = probe == at || matches!(word.gap, " " | "\u{a0}" | "\n");
        if !plain || probe - at >= longest {
            break;
        }
        if word.is_capital() && !is_possessive(word.text) {
            end = probe + 1;
        } else if probe == at || !joiners.contains(&word.text) {
            break;
        }
        probe += 1;
    }
    (end > at).then_some(end)
}

/// A word that opens a name without being part of one.
const TITLES: [&str; 28] = [
    "Academy",
    "Emmy",
    "Grammy",
    "Oscar",
    "Golden",
    "National",
    "BAFTA",
    "Tony",
    "Filmfare",
    "Pulitzer",
    "Nobel",
    "Hollywood",
    // What somebody is, written like a name.
    "YouTuber",
    "Alumnus",
    "Alumni",
    "Professor",
    "Director",
    "Producer",
    "Comedian",
    "Actor",
    "Actress",
    "Singer",
    "Rapper",
    "President",
    "Senator",
    "Doctor",
    "Author",
    "Writer",
];

/// `the English singer Robert Palmer`: the position of the name behind the description, where there
/// is one, else `at`.
fn past_description(words: &[Word<'_>], at: usize) -> usize {
    let mut probe = at;
    if words.get(probe).is_some_and(|word| matches!(word.text, "the" | "a" | "an")) {
        probe += 1;
    }
    let begin = probe;
    // At most two words of origin, then words in small letters up to the name.
    while probe < begin + 2
        && words.get(probe).is_some_and(|word| {
            word.is_capital() && is_demonym(word.text) && (probe == begin || word.gap == " ")
        })
    {
        probe += 1;
    }
    let small = probe;
    while words.get(probe).is_some_and(|word| {
        word.gap == " " && word.text.chars().all(|c| c.is_lowercase() || c == '-')
    }) && probe < small + 4
    {
        probe += 1;
    }
    let described = probe > small
        && words.get(probe).is_some_and(|word| word.gap == " " && word.is_capital())
        && is_person_noun(words[probe - 1].text);
    if described { probe } else { at }
}

/// Adjectives of nations and the like, by their endings and a few by heart.
pub(crate) fn is_demonym(word: &str) -> bool {
    const OTHERS: [&str; 24] = [
        "French",
        "Dutch",
        "Greek",
        "Thai",
        "Czech",
        "Welsh",
        "Swiss",
        "South",
        "North",
        "New",
        "Iraqi",
        "Israeli",
        "Pakistani",
        "Bangladeshi",
        "Filipino",
        "Argentine",
        "Afro",
        "Emirati",
        "Saudi",
        "Yemeni",
        "Kuwaiti",
        "German",
        "Roman",
        "Zealand",
    ];
    let endings = ["ish", "ian", "ean", "ese", "can", "ian-born", "ish-born", "can-born"];
    word.len() > 3
        && (endings.iter().any(|ending| word.ends_with(ending)) || OTHERS.contains(&word))
}

/// Nouns for persons by what they do, by their endings and some by heart.
pub(super) fn is_person_noun(word: &str) -> bool {
    const OTHERS: [&str; 64] = [
        "musician",
        "politician",
        "comedian",
        "historian",
        "physician",
        "mathematician",
        "guitarist",
        "pianist",
        "artist",
        "novelist",
        "journalist",
        "scientist",
        "economist",
        "activist",
        "vocalist",
        "bassist",
        "cyclist",
        "actress",
        "duchess",
        "princess",
        "poet",
        "prince",
        "king",
        "queen",
        "duke",
        "general",
        "admiral",
        "colonel",
        "captain",
        "sergeant",
        "pilot",
        "architect",
        "athlete",
        "model",
        "coach",
        "judge",
        "bishop",
        "cardinal",
        "pope",
        "saint",
        "monk",
        "nun",
        "priest",
        "philosopher",
        "theologian",
        "chef",
        "critic",
        "nurse",
        "diplomat",
        "spy",
        "pirate",
        "mobster",
        "surgeon",
        "psychiatrist",
        "dancer",
        "mogul",
        "magnate",
        "quarterback",
        "linebacker",
        "striker",
        "midfielder",
        "goalkeeper",
        "sculptor",
        "heiress",
    ];
    const NOT: [&str; 34] = [
        "number",
        "river",
        "tower",
        "order",
        "computer",
        "newspaper",
        "chapter",
        "theater",
        "theatre",
        "center",
        "character",
        "cluster",
        "paper",
        "letter",
        "matter",
        "member",
        "border",
        "corner",
        "weather",
        "water",
        "power",
        "brother",
        "after",
        "former",
        "other",
        "under",
        "motor",
        "sector",
        "thriller",
        "September",
        "carrier",
        "cruiser",
        "fighter",
        "bomber",
    ];
    const NOT_TOO: [&str; 33] = [
        "sister",
        "tractor",
        "reactor",
        "processor",
        "floor",
        "door",
        "minor",
        "major",
        "color",
        "super",
        "trailer",
        "poster",
        "printer",
        "server",
        "layer",
        "filter",
        "cover",
        "monster",
        "offer",
        "shelter",
        "quarter",
        "liner",
        "airliner",
        "destroyer",
        "later",
        "better",
        "consumer",
        "prayer",
        "crossover",
        "spider",
        "crater",
        "flower",
        "helicopter",
    ];
    let word = word.to_lowercase();
    OTHERS.contains(&word.as_str())
        || (word.len() > 4
            && ["er", "or", "ist", "man", "woman", "eer"].iter().any(|end| word.ends_with(end))
            && !NOT.contains(&word.as_str())
            && !NOT_TOO.contains(&word.as_str()))
}

/// Persons in a list that is closed: `A`, `A and B`, `A, B and C`. Members of one word count only in
/// a list, where there is no doubt that they are names.
pub(super) fn persons(words: &[Word<'_>], at: usize) -> Option<Vec<Object>> {
    let mut members: Vec<Object> = Vec::new();
    let mut at = past_description(words, at);
    let mut joined_by_and = false;
    while let Some(mut end) = run(words, at, &PARTICLES, 6) {
        if let Some(suffix) = words.get(end)
            && matches!(suffix.text.trim_end_matches('.'), "Jr" | "Sr")
            && matches!(suffix.gap, ", " | " ")
        {
            end += 1;
        }
        if TITLES.contains(&words[at].text) || !closes(words, end) {
            return None;
        }
        members.push(Object { words: at..end, value: None });
        if joined_by_and {
            at = end;
            break;
        }
        let Some(next) = words.get(end) else {
            at = end;
            break;
        };
        let gap = next.gap.trim();
        let is_and = matches!(next.text, "and" | "&");
        if gap.starts_with('(') && next.text.chars().next().is_some_and(|c| !c.is_lowercase()) {
            // What stands in the bracket may be an aside in the middle of a list.
            return None;
        }
        if is_and && (gap.is_empty() || gap == ",") {
            // `by composer A and lyricist B`
            if words.get(end + 1).is_some_and(|word| is_person_noun(word.text)) {
                return None;
            }
            if !words.get(end + 1).is_some_and(|word| word.is_capital() && word.gap == " ") {
                at = end;
                break;
            }
            joined_by_and = true;
            at = end + 1;
        } else if gap == "," && next.is_capital() {
            at = end;
        } else {
            at = end;
            break;
        }
    }
    // A name cut off by a possessive or the like would be half a list.
    let cut = words.get(at).is_some_and(|word| {
        word.is_capital() && word.gap.trim() == "," && is_possessive(word.text)
    });
    let lone = |object: &Object| object.words.len() < 2;
    if members.is_empty() || cut || (members.len() == 1 && lone(&members[0])) {
        return None;
    }
    Some(members)
}

/// A place at `at`: a name, and the names of what it lies in behind commas.
pub(super) fn place(words: &[Word<'_>], at: usize) -> Option<Object> {
    let at = if words.get(at).is_some_and(|word| word.text == "the") { at + 1 } else { at };
    let mut end = run(words, at, &JOINERS, 6)?;
    let mut parts = 1;
    while let Some(next) = words.get(end) {
        if next.gap != ", " || !next.is_capital() || next.month().is_some() || parts >= 4 {
            break;
        }
        let Some(longer) = run(words, end, &JOINERS, 5) else { break };
        // `in Oslo, Nilsen studied`: the part behind the comma may begin another clause.
        if !closes(words, longer) {
            return None;
        }
        end = longer;
        parts += 1;
    }
    // `in New York and London` is two places.
    let more = words.get(end).is_some_and(|next| {
        matches!(next.text, "and" | "or" | "&")
            && words.get(end + 1).is_some_and(|word| word.is_capital() && word.gap == " ")
    });
    let month = words[at..end].iter().any(|word| word.month().is_some());
    if month || more || !closes(words, end) {
        return None;
    }
    Some(Object { words: at..end, value: None })
}

/// An organisation, or a person: a run of capitalised words with small ones inside.
pub(super) fn named(words: &[Word<'_>], at: usize) -> Option<Object> {
    let at = past_description(words, at);
    let at = if words.get(at).is_some_and(|word| word.text == "the") { at + 1 } else { at };
    let mut end = run(words, at, &JOINERS, 7)?;
    if let Some(suffix) = words.get(end)
        && matches!(suffix.text.trim_end_matches('.'), "Inc" | "Ltd" | "LLC" | "Jr" | "plc")
        && matches!(suffix.gap, ", " | " ")
    {
        end += 1;
    }
    // A second name joined by `and`, or a list, is not one object.
    let more = words.get(end).is_some_and(|next| {
        let listed = matches!(next.text, "and" | "&") || next.gap.trim() == ",";
        let after = if next.is_capital() { Some(next) } else { words.get(end + 1) };
        listed && after.is_some_and(Word::is_capital)
    });
    let is_name = words[at..end].iter().all(|word| word.month().is_none())
        && !TITLES.contains(&words[at].text)
        && words[at].text != "The";
    (is_name && !more && closes(words, end)).then_some(Object { words: at..end, value: None })
}

/// A date at `at`: `October 18, 1978`, `18 October 1978`, `October 1978` or `1978`.
pub(super) fn date(words: &[Word<'_>], at: usize) -> Option<Object> {
    let word = words.get(at)?;
    let found = |end: usize, year: i32, month: u32, day: u32| Object {
        words: at..end,
        value: Some(Value::Date(Date { year, month, day })),
    };
    let spaced = |at: usize, marks: &[&str]| words.get(at).filter(|word| marks.contains(&word.gap));
    if let Some(month) = word.month() {
        if let Some(year) = spaced(at + 1, &[" ", ", "]).and_then(Word::year) {
            return Some(found(at + 2, year, month, 0));
        }
        let day = spaced(at + 1, &[" "]).and_then(Word::day)?;
        let year = spaced(at + 2, &[", ", " ", ","]).and_then(Word::year)?;
        return Some(found(at + 3, year, month, day));
    }
    if let Some(day) = word.day()
        && let Some(month) = spaced(at + 1, &[" "]).and_then(Word::month)
    {
        let year = spaced(at + 2, &[" ", ", "]).and_then(Word::year)?;
        return Some(found(at + 3, year, month, day));
    }
    let year = word.year()?;
    // `1999–2003` and `1999/2000` are spans, and `1,500 people` is no year.
    let next = words.get(at + 1);
    let spans = next.is_some_and(|next| {
        next.gap.contains(['–', '-', '/', '—']) || (next.text == "to" && next.gap == " ")
    });
    (!spans).then(|| found(at + 1, year, 0, 0))
}

/// A count at `at`.
pub(super) fn count(words: &[Word<'_>], at: usize) -> Option<Object> {
    let word = words.get(at)?;
    let value = number(word.text)?;
    let scaled = words.get(at + 1).is_some_and(|next| {
        next.gap == " " && matches!(next.text, "million" | "billion" | "thousand" | "hundred")
    });
    (!scaled && word.gap.trim().is_empty())
        .then(|| Object { words: at..at + 1, value: Some(Value::Number(value)) })
}

/// A title in quotation marks that begins at `at`.
pub(super) fn quoted(words: &[Word<'_>], text: &str, at: usize) -> Option<Object> {
    let first = words.get(at)?;
    if !first.gap.ends_with(['"', '“']) {
        return None;
    }
    let end = (at..words.len().min(at + 14)).find(|&end| {
        let rest = &text[words[end].range.end..];
        rest.starts_with(['"', '”', '!', '?', '.', ','])
            && rest.trim_start_matches(['!', '?', '.', ',']).starts_with(['"', '”'])
    })?;
    Some(Object { words: at..end + 1, value: None })
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    fn person(words: &[Word<'_>], at: usize) -> Option<Object> {
        persons(words, at).filter(|members| members.len() == 1).and_then(|mut one| one.pop())
    }

    type One = fn(&[Word<'_>], usize) -> Option<Object>;

    fn check(read: One, text: &str, expected: Option<&str>) {
        let words = words(text, 0..text.len());
        let found = read(&words, 0).map(|object| {
            &text[words[object.words.start].range.start..words[object.words.end - 1].range.end]
        });
        assert_eq!(found, expected, "`{text}`");
    }

    #[test]
    fn names_are_whole_or_nothing() {
        check(person, "Sam Raimi for Columbia", Some("Sam Raimi"));
        check(person, "J. J. Abrams and others", Some("J. J. Abrams"));
        check(person, "the English singer Robert Palmer, released", Some("Robert Palmer"));
        check(person, "Guy Ritchie's brother", None);
        check(person, "YouTuber Ann Lee.", None);
        check(person, "Academy Award winner Ang Lee", None);
        check(person, "William Grove (Bill) Skelly and", None);
        check(person, "Ludwig van Beethoven.", Some("Ludwig van Beethoven"));
        check(person, "Harry Connick, Jr. and", Some("Harry Connick, Jr."));
        check(
            named,
            "the American Psychological Association on behalf",
            Some("American Psychological Association"),
        );
        check(named, "Sony and Columbia", None);
    }

    #[test]
    fn lists_of_persons_are_closed() {
        let check = |text: &str, expected: &[&str]| {
            let words = words(text, 0..text.len());
            let found: Vec<&str> = persons(&words, 0)
                .unwrap_or_default()
                .iter()
                .map(|o| &text[words[o.words.start].range.start..words[o.words.end - 1].range.end])
                .collect();
            assert_eq!(found, expected, "`{text}`");
        };
        check("Ann Lee, Bob Ray and Cher in the roles", &["Ann Lee", "Bob Ray", "Cher"]);
        check("Ann Lee and stars", &["Ann Lee"]);
        check("Palmer.", &[]);
        check("composer Ann Lee and lyricist Bob Ray for", &[]);
        check("Ann Lee (A Systems), Bob Ray", &[]);
        check("Ann Lee (her first film) and stars", &["Ann Lee"]);
        check("Ann Lee, Bob's brother", &[]);
    }

    #[test]
    fn places_stop_before_another_clause() {
        check(
            place,
            "Moses Lake, Washington, United States.",
            Some("Moses Lake, Washington, United States"),
        );
        check(place, "Oslo, Nilsen studied law", None);
        check(place, "St. Louis, Missouri.", Some("St. Louis, Missouri"));
        check(place, "the Lower East Side of Manhattan", Some("Lower East Side of Manhattan"));
        check(place, "May 1999", None);
        check(place, "New York and London.", None);
        check(place, "Graz and was built", Some("Graz"));
    }

    #[test]
    fn dates() {
        check(date, "October 18, 1978)", Some("October 18, 1978"));
        check(date, "18 October 1978 in", Some("18 October 1978"));
        check(date, "March 2012.", Some("March 2012"));
        check(date, "1999 and", Some("1999"));
        check(date, "1999–2003", None);
        check(date, "May we", None);
    }
}
