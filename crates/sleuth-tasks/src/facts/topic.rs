//! What a page is about, by its opening sentence: *X (born …) is an American actress …*.
//!
//! The name in front of the verb has to be the title's, or the page is not read: an opening about
//! something else makes every further *it* something else, too. The words behind the verb up to the
//! noun say what kind of thing it is.

use std::ops::Range;

use sleuth_agent::sentences;
use sleuth_index::folded;
use sleuth_records::Document;

use super::objects::{is_demonym, is_person_noun};
use super::words::{Word, words};
use super::{Sort, Thing, one_line};

/// A page's topic, and where its opening stands.
pub(super) struct Topic<'a> {
    pub(super) thing: Thing,
    /// Words of the opening sentence.
    pub(super) words: Vec<Word<'a>>,
    /// Positions of the words in front of the verb.
    pub(super) lead: Range<usize>,
    /// Position of the word behind the noun of the definition.
    pub(super) behind: usize,
    /// Whether the definition speaks of the thing as past: `was`.
    pub(super) last_name: Option<String>,
}

const WORKS: [&str; 44] = [
    "film",
    "movie",
    "series",
    "sitcom",
    "documentary",
    "show",
    "telenovela",
    "miniseries",
    "album",
    "EP",
    "song",
    "single",
    "novel",
    "novella",
    "book",
    "play",
    "musical",
    "opera",
    "poem",
    "game",
    "magazine",
    "newspaper",
    "journal",
    "painting",
    "sculpture",
    "comedy",
    "drama",
    "thriller",
    "anime",
    "manga",
    "comic",
    "episode",
    "soundtrack",
    "mixtape",
    "memoir",
    "trilogy",
    "symphony",
    "ballet",
    "cartoon",
    "sequel",
    "webcomic",
    "podcast",
    "autobiography",
    "anthology",
];
const PLACES: [&str; 44] = [
    "city",
    "town",
    "village",
    "hamlet",
    "municipality",
    "county",
    "district",
    "province",
    "state",
    "country",
    "island",
    "river",
    "lake",
    "mountain",
    "suburb",
    "neighborhood",
    "neighbourhood",
    "township",
    "borough",
    "commune",
    "parish",
    "region",
    "community",
    "park",
    "stadium",
    "arena",
    "airport",
    "bridge",
    "castle",
    "church",
    "museum",
    "building",
    "tower",
    "skyscraper",
    "hotel",
    "cemetery",
    "station",
    "cathedral",
    "theatre",
    "theater",
    "palace",
    "peninsula",
    "valley",
    "settlement",
];
const GROUPS: [&str; 36] = [
    "band",
    "company",
    "corporation",
    "organization",
    "organisation",
    "university",
    "college",
    "school",
    "club",
    "team",
    "duo",
    "trio",
    "group",
    "party",
    "agency",
    "airline",
    "label",
    "studio",
    "orchestra",
    "institute",
    "charity",
    "bank",
    "manufacturer",
    "chain",
    "network",
    "firm",
    "retailer",
    "conglomerate",
    "publisher",
    "association",
    "society",
    "foundation",
    "quartet",
    "brewery",
    "league",
    "hospital",
];

/// Words that end the noun phrase of a definition.
const ENDS: [&str; 62] = [
    "of",
    "by",
    "in",
    "on",
    "at",
    "from",
    "for",
    "to",
    "with",
    "that",
    "which",
    "who",
    "whose",
    "where",
    "when",
    "about",
    "under",
    "between",
    "near",
    "within",
    "during",
    "as",
    "known",
    "born",
    "starring",
    "featuring",
    "written",
    "set",
    "made",
    "based",
    "located",
    "situated",
    "built",
    "and",
    "or",
    "but",
    "consisting",
    "containing",
    "currently",
    "best",
    "held",
    "is",
    "was",
    "sung",
    "published",
    "directed",
    "produced",
    "first",
    "only",
    "whom",
    "covering",
    "consists",
    "including",
    "serving",
    "operating",
    "spanning",
    "connecting",
    "named",
    "called",
    "released",
    "titled",
    "formerly",
];

/// The topic of `document`; `None` where the opening does not define what the title names.
pub(super) fn topic(document: &Document) -> Option<Topic<'_>> {
    let text = document.text.as_str();
    // A page that repeats its title in front of its text is read behind it.
    let sentence = sentences(text).into_iter().next()?;
    let words = words(text, sentence.clone());
    let verb = copula(&words)?;
    let lead = lead(&words, verb)?;
    let name = one_line(&text[words[lead.start].range.start..words[lead.end - 1].range.end]);
    let title = plain_title(&document.title);
    let title = if title.is_empty() { name.as_str() } else { title };
    let same =
        is_same(&name, title) || before_comma(title).is_some_and(|short| is_same(&name, short));
    if !same {
        return None;
    }
    let article = words.get(verb + 1)?;
    if !matches!(article.text, "a" | "an" | "the") || article.gap != " " {
        return None;
    }
    let (noun_at, behind) = noun(&words, verb + 2)?;
    let noun = words[noun_at].text;
    let kind = one_line(&text[words[verb + 2].range.start..words[noun_at].range.end]);
    let sort = sort_of(&words[verb + 2..=noun_at], behind, &words);
    let (noun, kind) = match sort {
        // A noun for persons, where nothing else says that it is one, tells nothing.
        Sort::Thing if !noun.chars().all(char::is_lowercase) || is_person_noun(noun) => {
            (String::new(), String::new())
        }
        _ => (noun.to_owned(), kind),
    };
    let mut aliases = Vec::new();
    if sort == Sort::Person && folded(&name) != folded(title) && lead.len() >= 2 {
        aliases.push(name.clone());
    }
    let said = match (sort, year_in_brackets(&document.title)) {
        // A title that needs a year is told apart by it.
        (Sort::Work, Some(year)) if !noun.is_empty() => format!("the {year} {noun} \"{title}\""),
        _ => said(title, &noun, sort),
    };
    let last_name =
        (sort == Sort::Person && lead.len() >= 2).then(|| words[lead.end - 1].text.to_owned());
    let thing = Thing { name: title.to_owned(), said, aliases, sort, noun, kind, place: sentence };
    Some(Topic { thing, words, lead, behind, last_name })
}

/// How a question speaks of it: works and the like with their noun, persons and places by their names.
fn said(name: &str, noun: &str, sort: Sort) -> String {
    let has_noun = name.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|w| w == noun);
    match sort {
        Sort::Person | Sort::Place => name.to_owned(),
        Sort::Work if has_noun || noun.is_empty() => format!("\"{name}\""),
        Sort::Work => format!("the {noun} \"{name}\""),
        Sort::Group if !noun.is_empty() && !has_noun => format!("the {noun} {name}"),
        Sort::Group | Sort::Code | Sort::Thing => name.to_owned(),
    }
}

/// The year in the brackets at the end of a title: `Wanted (1967 film)`.
fn year_in_brackets(title: &str) -> Option<&str> {
    let (_, inside) = title.trim().strip_suffix(')')?.rsplit_once(" (")?;
    let year = inside.split(' ').next()?;
    (year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit())).then_some(year)
}

/// The title without a part in brackets at its end.
pub(crate) fn plain_title(title: &str) -> &str {
    let title = title.trim();
    match title.strip_suffix(')').and_then(|t| t.rsplit_once(" (")) {
        Some((before, _)) if !before.trim().is_empty() => before.trim(),
        _ => title,
    }
}

fn before_comma(title: &str) -> Option<&str> {
    title.split_once(", ").map(|(before, _)| before)
}

/// Whether an opening's name is the title's: the title's words, in their order, among its own, the last
/// word or the first of both the same. A title that says more is about something else: *X discography*.
fn is_same(name: &str, title: &str) -> bool {
    let (name, title) = (folded(name), folded(title));
    let (name, title): (Vec<&str>, Vec<&str>) =
        (name.split(' ').collect(), title.split(' ').collect());
    let within = |inner: &[&str], outer: &[&str]| {
        let mut outer = outer.iter();
        inner.iter().all(|word| outer.any(|other| other == word))
    };
    let ends = name.last() == title.last() || name.first() == title.first();
    !title.is_empty() && ends && within(&title, &name)
}

/// Position of the first verb of being outside of brackets.
fn copula(words: &[Word<'_>]) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, word) in words.iter().enumerate().take(60) {
        for c in word.gap.chars() {
            match c {
                '(' | '[' => depth += 1,
                ')' | ']' => depth -= 1,
                _ => {}
            }
        }
        if depth <= 0 && at > 0 && matches!(word.text, "is" | "was" | "are" | "were") {
            return Some(at);
        }
    }
    None
}

/// The name in front of the verb: up to a bracket, a comma or `or`.
fn lead(words: &[Word<'_>], verb: usize) -> Option<Range<usize>> {
    let start = usize::from(matches!(words[0].text, "The" | "A" | "An") && verb > 1);
    let ends = |at: usize| {
        at > start
            && (words[at].gap.contains(['(', '[', ';', ':', '/', '–'])
                || words[at].gap.contains(',')
                || matches!(
                    words[at].text,
                    "or" | "also" | "known" | "aka" | "better" | "commonly"
                ))
    };
    let end = (start..verb).find(|&at| ends(at)).unwrap_or(verb);
    // A colon is part of many titles of works; brackets and commas are not.
    let end = if end < verb && words[end].gap.trim() == ":" { verb } else { end };
    (end > start && end - start <= 12).then_some(start..end)
}

/// The noun of the phrase that begins at `from`, and the position behind the phrase.
fn noun(words: &[Word<'_>], from: usize) -> Option<(usize, usize)> {
    let mut end = from;
    while let Some(word) = words.get(end) {
        let marks = end > from && word.gap.contains(['.', ';', ':', '(', ')', '–', '—', '"', '“']);
        let comma = end > from && word.gap.contains(',');
        // `a 2011 Sinhala history, sport film` goes on; `an actress, model` does not matter.
        let goes_on = comma
            && word.text.chars().all(char::is_lowercase)
            && words.get(end + 1).is_some_and(|next| is_known_noun(next.text) && next.gap == " ");
        let participle = word.text.len() > 4
            && word.text.ends_with("ed")
            && words.get(end + 1).is_some_and(|next| {
                matches!(
                    next.text,
                    "by" | "in" | "on" | "at" | "as" | "from" | "for" | "with" | "to" | "and"
                )
            });
        let ends = end > from && (ENDS.contains(&word.text) || participle);
        if marks || (comma && !goes_on) || ends {
            break;
        }
        end += 1;
        if end - from > 12 {
            return None;
        }
    }
    // `stage and television actress`, `film and television actor`: the noun comes after the `and`.
    if words.get(end).is_some_and(|word| word.text == "and") && end > from {
        let small = |word: &Word<'_>| word.gap == " " && word.text.chars().all(char::is_lowercase);
        let last = (end + 1..words.len().min(end + 6))
            .take_while(|&at| small(&words[at]) && !ENDS.contains(&words[at].text))
            .last();
        let before = words[end - 1].text;
        match last {
            Some(last) if is_person_noun(words[last].text) && !is_person_noun(before) => {
                return Some((last, last + 1));
            }
            Some(last) if !is_known_noun(before) => {
                return is_known_noun(words[last].text).then_some((last, last + 1));
            }
            None if !is_known_noun(before) => return None,
            _ => {}
        }
    }
    (end > from).then(|| (end - 1, end))
}

/// Whether the word is a noun that says what a thing is.
pub(super) fn is_known_noun(word: &str) -> bool {
    WORKS.contains(&word)
        || PLACES.contains(&word)
        || GROUPS.contains(&word)
        || is_person_noun(word)
}

fn sort_of(phrase: &[Word<'_>], behind: usize, all: &[Word<'_>]) -> Sort {
    let Some(noun) = phrase.last().map(|word| word.text) else { return Sort::Thing };
    // `a member of`, `a series of vehicles`: the noun alone tells nothing.
    let of = all.get(behind).is_some_and(|word| word.text == "of" && word.gap == " ");
    // A match is a game, too.
    let played =
        ["video", "board", "card", "playing", "role-playing", "computer", "arcade", "puzzle"];
    if noun == "game" && !phrase.iter().any(|word| played.contains(&word.text)) {
        return Sort::Thing;
    }
    if WORKS.contains(&noun) && !(of && matches!(noun, "series" | "single" | "play" | "book")) {
        return Sort::Work;
    }
    if PLACES.contains(&noun) {
        return Sort::Place;
    }
    if GROUPS.contains(&noun) {
        let loose = of && matches!(noun, "group" | "team" | "chain" | "network" | "association");
        return if loose { Sort::Thing } else { Sort::Group };
    }
    // Persons have a nation in front, or are born in a bracket, as a rule.
    let with_demonym = phrase.iter().any(|word| is_demonym(word.text.trim_end_matches("-born")));
    let born = all.iter().take(8).any(|word| word.text == "born");
    let years = all.iter().take(14).filter(|word| word.year().is_some()).count() >= 1;
    if is_person_noun(noun) && (with_demonym || born || years) {
        return Sort::Person;
    }
    Sort::Thing
}
