//! Facts of pages that explain one thing.
//!
//! What may be read is what is said of the topic: the definition behind its noun, and the predicate of
//! further sentences whose subject is the topic. From there words are gone through from left to right:
//! a cue such as *directed by* is read with what stands behind it, and a relative pronoun, a
//! conjunction of time or the noun of another work ends the reading, since whatever comes then may be
//! said of something else.

use std::ops::Range;

use sleuth_agent::sentences;
use sleuth_records::Document;

use super::objects::{Object, count, date, named, persons, place, quoted};
use super::topic::{Topic, topic};
use super::words::{Word, is_possessive, words};
use super::{Fact, Page, Relation, Sort, one_line};

/// Sentences of a page that are read.
const MOST_SENTENCES: usize = 12;

/// How the object of a cue is read.
#[derive(Clone, Copy)]
enum Read {
    Persons,
    Named,
    Place,
    Date,
}

/// Words that make a cue, the relations that it gives, how its object is read, and the sorts of topic.
type Cue = (&'static [&'static str], &'static [Relation], Read, &'static [Sort]);

const WORK: &[Sort] = &[Sort::Work];
const GROUP: &[Sort] = &[Sort::Group];
const MADE: &[Sort] = &[Sort::Work, Sort::Group, Sort::Thing];
const PERSON: &[Sort] = &[Sort::Person];
const LYING: &[Sort] = &[Sort::Place, Sort::Group];

use Relation as R;

/// Longer cues stand before their parts.
const CUES: [Cue; 46] = [
    (
        &["written", "produced", "and", "directed", "by"],
        &[R::WrittenBy, R::ProducedBy, R::DirectedBy],
        Read::Persons,
        WORK,
    ),
    (
        &["written", "directed", "and", "produced", "by"],
        &[R::WrittenBy, R::ProducedBy, R::DirectedBy],
        Read::Persons,
        WORK,
    ),
    (&["written", "and", "directed", "by"], &[R::WrittenBy, R::DirectedBy], Read::Persons, WORK),
    (&["directed", "and", "written", "by"], &[R::WrittenBy, R::DirectedBy], Read::Persons, WORK),
    (&["co-written", "and", "directed", "by"], &[R::DirectedBy], Read::Persons, WORK),
    (&["directed", "and", "co-written", "by"], &[R::DirectedBy], Read::Persons, WORK),
    (&["produced", "and", "directed", "by"], &[R::ProducedBy, R::DirectedBy], Read::Persons, WORK),
    (&["directed", "and", "produced", "by"], &[R::ProducedBy, R::DirectedBy], Read::Persons, WORK),
    (&["written", "and", "produced", "by"], &[R::WrittenBy, R::ProducedBy], Read::Persons, WORK),
    (&["produced", "and", "written", "by"], &[R::WrittenBy, R::ProducedBy], Read::Persons, WORK),
    (&["created", "and", "written", "by"], &[R::CreatedBy, R::WrittenBy], Read::Persons, WORK),
    (&["directed", "by"], &[R::DirectedBy], Read::Persons, WORK),
    (&["written", "by"], &[R::WrittenBy], Read::Persons, WORK),
    (&["produced", "by"], &[R::ProducedBy], Read::Persons, WORK),
    (&["created", "by"], &[R::CreatedBy], Read::Persons, WORK),
    (&["music", "composed", "by"], &[R::ComposedBy], Read::Persons, WORK),
    (&["score", "composed", "by"], &[R::ComposedBy], Read::Persons, WORK),
    (&["starring"], &[R::Starring], Read::Persons, WORK),
    (&["stars"], &[R::Starring], Read::Persons, WORK),
    (&["distributed", "by"], &[R::DistributedBy], Read::Named, WORK),
    (
        &["developed", "and", "published", "by"],
        &[R::DevelopedBy, R::PublishedBy],
        Read::Named,
        WORK,
    ),
    (&["published", "by"], &[R::PublishedBy], Read::Named, WORK),
    (&["developed", "by"], &[R::DevelopedBy], Read::Named, &[Sort::Work, Sort::Thing]),
    (&["designed", "by"], &[R::DesignedBy], Read::Named, &[Sort::Place, Sort::Thing]),
    (&["owned", "and", "operated", "by"], &[R::OwnedBy], Read::Named, MADE),
    (&["owned", "by"], &[R::OwnedBy], Read::Named, MADE),
    (&["founded", "by"], &[R::FoundedBy], Read::Persons, MADE),
    (&["named", "after"], &[R::NamedAfter], Read::Named, &[Sort::Place, Sort::Group]),
    (&["released", "on"], &[R::ReleasedOn], Read::Date, WORK),
    (&["released", "in"], &[R::ReleasedOn], Read::Date, WORK),
    (&["first", "published", "in"], &[R::PublishedOn], Read::Date, WORK),
    (&["published", "in"], &[R::PublishedOn], Read::Date, WORK),
    (&["published", "on"], &[R::PublishedOn], Read::Date, WORK),
    (&["founded", "in"], &[R::FoundedOn], Read::Date, MADE),
    (&["founded", "on"], &[R::FoundedOn], Read::Date, MADE),
    (&["established", "in"], &[R::FoundedOn], Read::Date, GROUP),
    (&["formed", "in"], &[R::FoundedOn], Read::Date, GROUP),
    (&["located", "in"], &[R::LocatedIn], Read::Place, LYING),
    (&["situated", "in"], &[R::LocatedIn], Read::Place, LYING),
    (&["headquartered", "in"], &[R::BasedIn], Read::Place, GROUP),
    (&["based", "in"], &[R::BasedIn], Read::Place, GROUP),
    (&["born", "in"], &[R::BornIn], Read::Place, PERSON),
    (&["born", "at"], &[R::BornIn], Read::Place, PERSON),
    (&["born", "on"], &[R::BornOn], Read::Date, PERSON),
    (&["died", "on"], &[R::DiedOn], Read::Date, PERSON),
    (&["county", "seat", "of"], &[R::SeatOf], Read::Place, &[Sort::Place]),
];

/// Words behind which a clause may be about something else.
const BLOCKS: [&str; 26] = [
    "which",
    "who",
    "whom",
    "whose",
    "that",
    "where",
    "when",
    "while",
    "after",
    "before",
    "because",
    "although",
    "though",
    "since",
    "if",
    "than",
    "until",
    "like",
    "novel",
    "book",
    "story",
    "play",
    "adaptation",
    "remake",
    "sequel",
    "version",
];

/// Words that begin a predicate: what stands in front of them is the whole subject.
const VERBS: [&str; 20] = [
    "is",
    "was",
    "are",
    "were",
    "has",
    "had",
    "stars",
    "features",
    "will",
    "also",
    "premiered",
    "received",
    "opened",
    "follows",
    "tells",
    "became",
    "served",
    "can",
    "originally",
    "did",
];

/// Words that make of what follows something that was so only once, or for a part.
const ONCE: [&str; 12] = [
    "later",
    "originally",
    "previously",
    "formerly",
    "once",
    "partly",
    "initially",
    "reportedly",
    "mostly",
    "partially",
    "being",
    "not",
];

/// Reads `document` as a page about one thing.
pub(super) fn read(document: &Document) -> Page {
    let Some(topic) = topic(document) else { return Page::default() };
    let mut facts = Facts { text: &document.text, topic: &topic, out: Vec::new() };
    facts.of_bracket();
    facts.of_definition();
    let mut on_topic = true;
    for sentence in sentences(&document.text).into_iter().skip(1).take(MOST_SENTENCES) {
        let words = words(&document.text, sentence.clone());
        on_topic = facts.of_sentence(&sentence, &words, on_topic);
    }
    let out = facts.out;
    Page { things: vec![topic.thing], facts: out }
}

struct Facts<'a> {
    text: &'a str,
    topic: &'a Topic<'a>,
    out: Vec<Fact>,
}

impl Facts<'_> {
    fn push(
        &mut self,
        relation: Relation,
        sentence: &Range<usize>,
        words: &[Word<'_>],
        object: &Object,
        alone: bool,
    ) {
        let place = words[object.words.start].range.start..words[object.words.end - 1].range.end;
        self.out.push(Fact {
            thing: 0,
            relation,
            object: one_line(&self.text[place.clone()]),
            qualifier: String::new(),
            value: object.value.clone(),
            alone,
            sentence: sentence.clone(),
            place,
        });
    }

    /// `(born October 18, 1978 in X)` and `(date – date)` behind the name of a person.
    fn of_bracket(&mut self) {
        let topic = self.topic;
        if topic.thing.sort != Sort::Person {
            return;
        }
        let words = &topic.words;
        let Some(open) = (topic.lead.end..words.len().min(topic.lead.end + 8))
            .find(|&at| words[at].gap.contains('('))
        else {
            return;
        };
        let close =
            (open + 1..words.len()).find(|&at| words[at].gap.contains(')')).unwrap_or(words.len());
        if open >= topic.behind || close > topic.behind {
            return;
        }
        let inside = &words[..close];
        let sentence = topic.thing.place.clone();
        let from = if let Some(born) = (open..close).find(|&at| words[at].text == "born") {
            let Some(found) = (born + 1..close).find_map(|at| date(inside, at)) else { return };
            let end = found.words.end;
            self.push(R::BornOn, &sentence, words, &found, true);
            if words.get(end).is_some_and(|word| word.text == "in")
                && let Some(found) = place(inside, end + 1)
                && found.words.end == close
            {
                self.push(R::BornIn, &sentence, words, &found, true);
            }
            return;
        } else {
            open
        };
        let dash = |word: &Word<'_>| {
            let gap = word.gap.trim();
            matches!(gap, "–" | "-" | "—")
        };
        // Two years, or two dates.
        if let (Some(first), Some(second)) = (inside.get(from), inside.get(from + 1))
            && first.year().is_some()
            && second.year().is_some()
            && dash(second)
            && from + 2 == close
        {
            for (at, relation) in [(from, R::BornOn), (from + 1, R::DiedOn)] {
                if let Some(found) = date(&inside[..at + 1], at) {
                    self.push(relation, &sentence, words, &found, true);
                }
            }
            return;
        }
        if let Some(born) = date(inside, from)
            && let Some(next) = inside.get(born.words.end)
            && dash(next)
            && let Some(died) = date(inside, born.words.end)
            && died.words.end == close
        {
            self.push(R::BornOn, &sentence, words, &born, true);
            self.push(R::DiedOn, &sentence, words, &died, true);
        }
    }

    fn of_definition(&mut self) {
        let topic = self.topic;
        let sentence = topic.thing.place.clone();
        let words = &topic.words;
        let noun = topic.thing.noun.as_str();
        let behind = topic.behind;
        // The year in front of the noun: `a 2012 Indian film`.
        let relation = match noun {
            "film" | "movie" | "album" | "EP" | "song" | "single" | "mixtape" | "game" => {
                Some(R::ReleasedOn)
            }
            "novel" | "novella" | "book" | "memoir" => Some(R::PublishedOn),
            _ => None,
        };
        let year = (topic.lead.end..behind).rev().find(|&at| {
            words[at].year().is_some()
                && words[at - 1].text == "a"
                && words[at].gap == " "
                && words[at + 1..behind].iter().all(|word| word.year().is_none())
        });
        if let (Some(relation), Some(year)) = (relation, year)
            && let Some(found) = date(words, year)
        {
            self.push(relation, &sentence, words, &found, true);
        }
        // What stands right behind the noun.
        if let Some(next) = words.get(behind).filter(|word| word.gap == " ") {
            let by = match noun {
                "song" | "single" => Some((R::PerformedBy, Read::Named)),
                "album" | "EP" | "mixtape" => Some((R::RecordedBy, Read::Named)),
                "novel" | "novella" | "book" | "memoir" | "poem" | "autobiography" | "play" => {
                    Some((R::AuthoredBy, Read::Persons))
                }
                _ => None,
            };
            let sort = topic.thing.sort;
            let read = match next.text {
                "by" => by,
                "in" if sort == Sort::Place => Some((R::LocatedIn, Read::Place)),
                "from" if matches!(noun, "band" | "duo" | "trio" | "quartet" | "group") => {
                    Some((R::FormedIn, Read::Place))
                }
                _ => None,
            };
            if let Some((relation, read)) = read {
                for (object, alone) in self.objects(words, behind + 1, read) {
                    self.push(relation, &sentence, words, &object, alone);
                }
            }
        }
        if topic.thing.sort == Sort::Place
            && noun == "city"
            && let Some(at) = find(words, &["capital", "of"])
            && words[at - 1].text != "former"
            && let Some(found) = place(words, at + 2)
        {
            self.push(R::CapitalOf, &sentence, words, &found, true);
        }
        self.scan(&sentence, words, behind);
    }

    /// Reads a further sentence; `on_topic` says whether the one before was about the topic. Returns
    /// whether this one is.
    fn of_sentence(&mut self, sentence: &Range<usize>, words: &[Word<'_>], on_topic: bool) -> bool {
        self.population(sentence, words);
        if let Some(from) = self.subject(words, 0, on_topic) {
            self.scan(sentence, words, from);
            return true;
        }
        // `Directed by X, the film …`
        let fronts = ["Directed", "Written", "Produced", "Founded", "Located", "Born", "Created"];
        if words.first().is_some_and(|word| fronts.contains(&word.text)) {
            let comma = (2..words.len()).find(|&at| {
                words[at].gap.contains(',') && self.subject(words, at, on_topic).is_some()
            });
            if let Some(comma) = comma {
                self.scan(sentence, &words[..comma], 0);
                return true;
            }
        }
        false
    }

    /// Where the predicate begins of a clause at `at` whose subject is the topic.
    fn subject(&self, words: &[Word<'_>], at: usize, on_topic: bool) -> Option<usize> {
        let thing = &self.topic.thing;
        let first = words.get(at)?;
        let lower = first.text.to_lowercase();
        let pronoun = match thing.sort {
            Sort::Person => matches!(lower.as_str(), "he" | "she"),
            Sort::Group => matches!(lower.as_str(), "it" | "they"),
            Sort::Work | Sort::Place | Sort::Thing => lower == "it",
            Sort::Code => false,
        };
        if pronoun {
            return on_topic.then_some(at + 1);
        }
        let verb = |at: usize| {
            words.get(at).is_some_and(|word| word.gap == " " && VERBS.contains(&word.text))
        };
        if lower == "the"
            && !thing.noun.is_empty()
            && words.get(at + 1).is_some_and(|word| word.text == thing.noun)
        {
            return verb(at + 2).then_some(at + 2);
        }
        let name: Vec<&str> = thing.name.split(' ').collect();
        let begins = |name: &[&str]| {
            words.len() >= at + name.len()
                && name.iter().zip(&words[at..]).all(|(part, word)| *part == word.text)
        };
        if begins(&name) {
            return verb(at + name.len()).then_some(at + name.len());
        }
        let last = self.topic.last_name.as_deref()?;
        (first.text == last && verb(at + 1)).then_some(at + 1)
    }

    /// `The population was 2,975 at the 2000 census`, `As of the 2010 census, the city had a population
    /// of 66,135`.
    fn population(&mut self, sentence: &Range<usize>, words: &[Word<'_>]) {
        if self.topic.thing.sort != Sort::Place {
            return;
        }
        let others = ["metropolitan", "area", "urban", "region", "students", "county's"];
        let is = |at: usize, text: &str| words.get(at).is_some_and(|word| word.text == text);
        let lower: Vec<String> = words.iter().map(|word| word.text.to_lowercase()).collect();
        if lower.iter().any(|word| others.contains(&word.as_str()))
            || lower.iter().filter(|word| *word == "population").count() != 1
        {
            return;
        }
        let Some(at) = lower.iter().position(|word| word == "population") else { return };
        let own = match at.checked_sub(1).map(|before| lower[before].as_str()) {
            Some("the") => at == 1,
            Some("its") => true,
            Some("a") => at >= 2 && is(at - 2, "had"),
            _ => false,
        };
        if !own || !(is(at + 1, "was") || is(at + 1, "of")) {
            return;
        }
        let Some(found) = count(words, at + 2) else { return };
        let census = |from: usize| {
            let year = words.get(from)?.year()?;
            is(from + 1, "census").then_some(year)
        };
        let end = found.words.end;
        // Behind the number, or at the head of the sentence.
        let year = if (is(end, "at") || is(end, "in") || is(end, "as")) && is(end + 1, "the") {
            census(end + 2)
        } else if (is(end, "as") && is(end + 1, "of")) && is(end + 2, "the") {
            census(end + 3)
        } else if matches!(lower[0].as_str(), "as" | "at" | "in") {
            let from = if is(1, "of") { 3 } else { 2 };
            if words.iter().filter(|word| word.text == "census").count() == 1 {
                census(from)
            } else {
                None
            }
        } else {
            None
        };
        let Some(year) = year else { return };
        self.push(R::Population, sentence, words, &found, true);
        if let Some(fact) = self.out.last_mut() {
            fact.qualifier = year.to_string();
        }
    }

    /// Reads cues from `from` on.
    fn scan(&mut self, sentence: &Range<usize>, words: &[Word<'_>], from: usize) {
        let sort = self.topic.thing.sort;
        let mut at = from;
        // What stands in brackets may be said of what stands in front of them.
        let mut depth = 0_i32;
        'words: while at < words.len() {
            let word = &words[at];
            depth += opened(word.gap);
            if depth > 0 && at > from {
                at += 1;
                continue;
            }
            let album =
                word.text == "album" && matches!(self.topic.thing.noun.as_str(), "song" | "single");
            if album {
                self.album(sentence, words, from, at);
                return;
            }
            let other_work = matches!(word.text, "film" | "series" | "album" | "show" | "game");
            if BLOCKS.contains(&word.text) || other_work {
                return;
            }
            // A title in quotation marks that is no object may be what the rest is said of.
            if at > from && word.gap.contains(['"', '“']) {
                return;
            }
            for (cue, relations, read, of) in CUES {
                if !of.contains(&sort) || !starts(&words[at..], cue) {
                    continue;
                }
                let once = at > 0 && ONCE.contains(&words[at - 1].text);
                let other_seat = relations == [R::SeatOf]
                    && !(at >= 2
                        && matches!(words[at - 1].text, "the" | "a")
                        && matches!(words[at - 2].text, "is" | "and" | "as"));
                if once || other_seat {
                    at += cue.len();
                    continue 'words;
                }
                let objects = self.objects(words, at + cue.len(), read);
                let Some(end) = objects.last().map(|(object, _)| object.words.end) else {
                    at += cue.len();
                    continue 'words;
                };
                for word in &words[at + 1..end] {
                    depth += opened(word.gap);
                }
                for relation in relations {
                    for (object, alone) in &objects {
                        // Of a cast only whole names are of use.
                        if *relation == R::Starring && object.words.len() < 2 {
                            continue;
                        }
                        self.push(*relation, sentence, words, object, *alone);
                    }
                }
                at = end;
                // `founded in 1947 by X`
                if relations == [R::FoundedOn]
                    && words.get(at).is_some_and(|word| word.text == "by" && word.gap == " ")
                {
                    for (object, alone) in self.objects(words, at + 1, Read::Persons) {
                        self.push(R::FoundedBy, sentence, words, &object, alone);
                    }
                    return;
                }
                // `born on DATE in PLACE`
                if relations == [R::BornOn]
                    && words.get(at).is_some_and(|word| word.text == "in")
                    && let Some(found) = place(words, at + 1)
                {
                    self.push(R::BornIn, sentence, words, &found, true);
                    return;
                }
                continue 'words;
            }
            at += 1;
        }
    }

    /// `from the album "X"`, `from their second studio album, "X"`: only where nothing else of a title
    /// stands between.
    fn album(&mut self, sentence: &Range<usize>, words: &[Word<'_>], from: usize, at: usize) {
        let led = (from..at).rev().take(7).any(|before| words[before].text == "from")
            // Somebody else's recording is from another album.
            && !words[from..at].iter().any(|word| {
                matches!(word.text, "recorded" | "covered" | "version" | "performed")
            });
        if !led {
            return;
        }
        let plain = words.get(at + 1).is_some_and(|word| {
            let mark = word.gap.trim_end_matches(['"', '“']);
            matches!(mark, " " | ", ")
        });
        if plain && let Some(found) = quoted(words, self.text, at + 1) {
            self.push(R::FromAlbum, sentence, words, &found, true);
        }
    }

    /// What stands at `at`, read as `read` says, each with whether it is alone.
    fn objects(&self, words: &[Word<'_>], at: usize, read: Read) -> Vec<(Object, bool)> {
        if words
            .get(at)
            .is_some_and(|word| !matches!(word.gap, " " | "\n") || is_possessive(word.text))
        {
            return Vec::new();
        }
        let one =
            |object: Option<Object>| object.into_iter().map(|object| (object, true)).collect();
        match read {
            Read::Named => one(named(words, at)),
            Read::Place => one(place(words, at)),
            Read::Date => one(date(words, at)),
            Read::Persons => {
                let members = persons(words, at).unwrap_or_default();
                // `by A with B`, `written by A, co-written by B`
                let end = members.last().map_or(at, |object| object.words.end);
                let joined = words.get(end).is_some_and(|word| {
                    matches!(word.text, "with" | "alongside" | "together" | "along")
                });
                let shared = words.iter().any(|word| {
                    ["co-writ", "co-wrot", "co-direct", "co-produc", "co-creat", "co-found"]
                        .iter()
                        .any(|with| word.text.starts_with(with))
                });
                let alone = members.len() == 1 && !joined && !shared;
                members.into_iter().map(|object| (object, alone)).collect()
            }
        }
    }
}

/// Brackets that a gap opens, less those that it closes.
fn opened(gap: &str) -> i32 {
    gap.chars().map(|c| i32::from(c == '(') - i32::from(c == ')')).sum()
}

/// Whether `words` begin with `cue`, with nothing but spaces, or commas for lists of verbs, between.
fn starts(words: &[Word<'_>], cue: &[&str]) -> bool {
    words.len() >= cue.len()
        && cue.iter().zip(words).enumerate().all(|(nth, (part, word))| {
            (*part == word.text || (nth == 0 && part.eq_ignore_ascii_case(word.text)))
                && (nth == 0 || matches!(word.gap, " " | "\n" | ", "))
        })
}

fn find(words: &[Word<'_>], cue: &[&str]) -> Option<usize> {
    (1..words.len()).find(|&at| starts(&words[at..], cue))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use sleuth_records::DocumentId;

    use super::*;

    fn check(title: &str, text: &str, expected: &Expect) {
        let page = read(&Document::new(DocumentId::new("a"), title, text));
        let mut shown = String::new();
        for thing in &page.things {
            shown += &format!("{} | {:?} | {}\n", thing.said, thing.sort, thing.kind);
        }
        for fact in &page.facts {
            let name = fact.relation.row().name;
            let several = if fact.alone { "" } else { " (one of several)" };
            shown += &format!("{name} {} {}{several}\n", fact.qualifier, fact.object);
            assert_eq!(one_line(&text[fact.place.clone()]), fact.object);
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn works() {
        check(
            "Night Ferry (film)",
            "Night Ferry is a 2012 Indian crime film written and directed by Ann Lee, produced by \
             Old Mill Pictures and starring Bob Ray, Cher Ito and Dan Fox. It was released on April \
             20, 2012. The film is a remake of \"Day Ferry\", directed by Eve Orr.",
            &expect![[r#"
                the film "Night Ferry" | Work | 2012 Indian crime film
                released_on  2012
                written_by  Ann Lee
                directed_by  Ann Lee
                produced_by  Old Mill Pictures
                starring  Bob Ray (one of several)
                starring  Cher Ito (one of several)
                starring  Dan Fox (one of several)
                released_on  April 20, 2012
            "#]],
        );
        check(
            "Low Tide",
            "\"Low Tide\" is a song by the English singer Ann Lee from her second album, \"Moons\" \
             (1999). It was written by Ann Lee with Bob Ray.",
            &expect![[r#"
                the song "Low Tide" | Work | song
                performed_by  Ann Lee
                from_album  Moons
                written_by  Ann Lee (one of several)
            "#]],
        );
    }

    #[test]
    fn persons_places_and_groups() {
        check(
            "Ann Lee",
            "Ann Mary Lee (born May 3, 1921 in Graz, Austria) is an Austrian film and stage actress. \
             She died on 4 June 1999.",
            &expect![[r#"
                Ann Lee | Person | Austrian film and stage actress
                born_on  May 3, 1921
                born_in  Graz, Austria
                died_on  4 June 1999
            "#]],
        );
        check(
            "Aldham, Ohio",
            "Aldham is a city in and the county seat of Orr County, Ohio, United States. The \
             population was 2,975 at the 2000 census.",
            &expect![[r#"
                Aldham, Ohio | Place | city
                seat_of  Orr County, Ohio, United States
                population 2000 2,975
            "#]],
        );
        check(
            "Tin Lamps",
            "Tin Lamps are a rock band from Linz, Austria. The band was formed in 1999 by Ann Lee, \
             who left in 2003.",
            &expect![[r#"
                the band Tin Lamps | Group | rock band
                formed_in  Linz, Austria
                founded_on  1999
                founded_by  Ann Lee
            "#]],
        );
    }

    /// What is said of something else, or might be, gives nothing.
    #[test]
    fn nothing_where_it_is_not_sure() {
        let nothing = expect![[""]];
        check("Other", "Night Ferry is a 2012 film directed by Ann Lee.", &nothing);
        check("Night Ferry", "Boats of this kind were built by Ann Lee.", &nothing);
        let bare = expect![[r#"
            the film "Night Ferry" | Work | film
        "#]];
        check("Night Ferry", "Night Ferry is a film about a book written by Ann Lee.", &bare);
        check("Night Ferry", "Night Ferry is a film. His brother was directed by Ann Lee.", &bare);
        check(
            "Night Ferry",
            "Night Ferry is a film directed by Academy Award winner Ann Lee.",
            &bare,
        );
    }
}
