//! What a question asks for: its terms with their rarity, the kind of answer, the alternatives.

use std::collections::HashSet;

use sleuth_index::{analyze, words};
use sleuth_records::Question;

use super::spans::{Span, SpanKind, spans};

/// The kind of answer that a question wants, read off its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wants {
    /// A name of a person or group: who, whom, whose.
    Who,
    /// A date or year.
    When,
    /// A place.
    Where,
    /// A number or quantity: how many, how much, how long.
    Number,
    /// Yes or no.
    YesNo,
    /// One of the things that the question itself names: which …, A or B.
    Choice,
    /// Anything else: what, which, why, how, or no question word at all.
    What,
}

/// All kinds, in the order of their column in the feature table.
pub(super) const WANTS: [Wants; 7] = [
    Wants::Who,
    Wants::When,
    Wants::Where,
    Wants::Number,
    Wants::YesNo,
    Wants::Choice,
    Wants::What,
];

/// An index term of the question.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct QuestionTerm {
    /// As the index holds it.
    pub text: String,
    /// Inverse document frequency in the store; 0 for the words that only ask.
    pub rarity: f32,
}

/// A question, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The question as asked.
    pub text: String,
    /// Its terms, each once, in order.
    pub terms: Vec<QuestionTerm>,
    /// The kind of answer.
    pub wants: Wants,
    /// For [`Wants::Choice`]: the names to choose between.
    pub alternatives: Vec<String>,
    /// The index terms of the noun after *what* or *which*: `which **American river** …`.
    pub head: Vec<String>,
}

/// Words that ask and do not describe: they match nothing of what is sought.
const ASKING: &str = "who whom whose what which when where why how did do does is are was were the a \
an of in on at by to for from and or with that this these those has have had be been being it its \
their his her as into many much name named called give tell me please can could would should will";
/// The same for Chinese and Japanese: characters that only ask or join. Terms there are pairs of
/// characters, so a pair with one of these lies across the end of a word and stands in no document.
const ASKING_CHARACTERS: [char; 18] = [
    '的', '是', '在', '了', '谁', '誰', '哪', '什', '么', '吗', '呢', '何', 'の', 'は', 'が', 'を',
    'に', 'か',
];

/// Takes `question` apart. Rarities are filled in by [`Asked::set_rarity`].
pub(super) fn take_apart(question: &Question) -> Asked {
    let text = question.as_str().to_owned();
    let asking: Vec<&str> = ASKING.split_whitespace().collect();
    let mut terms: Vec<QuestionTerm> = Vec::new();
    for term in analyze(&text) {
        let plain = words(&text[term.range.clone()]);
        let asks = plain.iter().all(|word| {
            asking.contains(&word.text.as_str()) || word.text.contains(ASKING_CHARACTERS)
        });
        if !asks && !terms.iter().any(|known| known.text == term.text) {
            terms.push(QuestionTerm { text: term.text, rarity: 1.0 });
        }
    }
    if terms.is_empty() {
        terms = analyze(&text)
            .into_iter()
            .map(|term| QuestionTerm { text: term.text, rarity: 1.0 })
            .collect();
    }
    let alternatives = alternatives(&text);
    let wants = wants(&text, &alternatives);
    let head = head(&text);
    Asked { text, terms, wants, alternatives, head }
}

impl Asked {
    /// Sets the rarity of each term, in the order of `terms`.
    pub(super) fn set_rarity(&mut self, rarity: &[f32]) {
        for (term, &rarity) in self.terms.iter_mut().zip(rarity) {
            term.rarity = rarity;
        }
    }

    /// Share of the question, by rarity, that `text_terms` hold: 0 to 1.
    pub(super) fn coverage(&self, text_terms: &HashSet<String>) -> f32 {
        self.share(|term| text_terms.contains(term))
    }

    /// Share of the question, by rarity, whose terms are `among` something: 0 to 1.
    pub(super) fn share(&self, among: impl Fn(&String) -> bool) -> f32 {
        // In a store of a few documents a word that stands in most of them has hardly any rarity,
        // though it may be all that the question is about.
        let weight = |term: &QuestionTerm| term.rarity.max(1.0);
        let total: f32 = self.terms.iter().map(weight).sum();
        let covered: f32 = self.terms.iter().filter(|term| among(&term.text)).map(weight).sum();
        if total > 0.0 { covered / total } else { 0.0 }
    }
}

fn wants(text: &str, alternatives: &[String]) -> Wants {
    let words: Vec<String> = words(text).into_iter().map(|word| word.text).collect();
    let Some(first) = words.first().map(String::as_str) else { return Wants::What };
    const AUXILIARIES: [&str; 18] = [
        "is", "are", "was", "were", "do", "does", "did", "has", "have", "had", "can", "could",
        "will", "would", "should", "may", "might", "am",
    ];
    let either = alternatives.len() >= 2;
    if AUXILIARIES.contains(&first) {
        return if either && words.iter().any(|word| word == "or") {
            Wants::Choice
        } else {
            Wants::YesNo
        };
    }
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).map_or("", String::as_str);
        let kind = match word.as_str() {
            "who" | "whom" | "whose" => Wants::Who,
            "when" => Wants::When,
            "where" => Wants::Where,
            "how" => match next {
                "many" | "much" | "long" | "old" | "tall" | "far" | "big" | "large" | "high"
                | "deep" | "often" | "fast" | "heavy" | "wide" => Wants::Number,
                _ => Wants::What,
            },
            "what" | "which" => match next {
                "year" | "date" | "day" | "month" | "century" | "decade" | "years" => Wants::When,
                "city" | "country" | "state" | "county" | "town" | "place" | "nation"
                | "continent" | "province" | "village" | "region" | "location" | "district" => {
                    Wants::Where
                }
                "person" | "actor" | "actress" | "president" | "singer" | "author" | "king"
                | "queen" | "player" | "director" | "team" | "band" | "artist" | "writer" => {
                    Wants::Who
                }
                "number" | "percentage" | "percent" | "amount" | "age" => Wants::Number,
                _ => Wants::What,
            },
            _ => continue,
        };
        if kind == Wants::When && at > 0 && word == "when" && words.len() - at > 4 {
            // `When` inside a sentence mostly joins clauses: "… who was king when it was built".
            continue;
        }
        if either && matches!(kind, Wants::What | Wants::Who | Wants::Where) {
            return Wants::Choice;
        }
        return kind;
    }
    if words.last().is_some_and(|word| word == "when") { Wants::When } else { Wants::What }
}

/// Names joined by *or* (`A or B`, `A, B or C`); for *between A and B* too. Empty for none.
fn alternatives(text: &str) -> Vec<String> {
    let mut names: Vec<Span> = Vec::new();
    for span in spans(text).into_iter().filter(|span| span.kind != SpanKind::Number) {
        match names.last_mut() {
            // Spans may lie inside each other; the widest stays.
            Some(last) if span.range.start < last.range.end => {
                if span.range.len() > last.range.len() {
                    *last = span;
                }
            }
            _ => names.push(span),
        }
    }
    let joined = |left: &Span, right: &Span| {
        let between = text[left.range.end.min(right.range.start)..right.range.start]
            .trim_matches(|c: char| c.is_whitespace() || c == ',' || c == '"')
            .to_lowercase();
        matches!(between.as_str(), "or" | "or the" | "or a")
    };
    for (at, pair) in names.windows(2).enumerate() {
        if joined(&pair[0], &pair[1]) {
            let mut found = vec![pair[0].text(text).to_owned(), pair[1].text(text).to_owned()];
            if at > 0 {
                let before = &names[at - 1];
                if text[before.range.end..pair[0].range.start].trim() == "," {
                    found.insert(0, before.text(text).to_owned());
                }
            }
            return found;
        }
    }
    Vec::new()
}

/// Index terms of the noun phrase right after the first *what* or *which*, up to a verb.
fn head(text: &str) -> Vec<String> {
    let words = words(text);
    let Some(at) = words.iter().position(|w| matches!(w.text.as_str(), "what" | "which")) else {
        return Vec::new();
    };
    const ENDS: [&str; 26] = [
        "is", "are", "was", "were", "did", "do", "does", "has", "have", "had", "of", "in", "that",
        "who", "which", "can", "could", "would", "will", "by", "on", "the", "a", "for", "from",
        "to",
    ];
    let phrase: Vec<&str> = words[at + 1..]
        .iter()
        .map(|word| word.text.as_str())
        .take_while(|word| !ENDS.contains(word))
        .take(3)
        .collect();
    analyze(&phrase.join(" ")).into_iter().map(|term| term.text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(question: &str, expected: Wants) {
        let asked = take_apart(&Question::new(question).unwrap());
        assert_eq!(asked.wants, expected, "{question}");
    }

    #[test]
    fn kinds_of_answers() {
        check("Who wrote Emma?", Wants::Who);
        check("When did the 1973 oil crisis begin?", Wants::When);
        check("In what year was Tesla born?", Wants::When);
        check("Where was the place of death of Abdul-Aziz's father?", Wants::Where);
        check("how many episodes of chicago fire", Wants::Number);
        check("Are Christopher Nolan and Sathish Kalathil both film directors?", Wants::YesNo);
        check("Which film came out first, Blind Shaft or The Mask Of Fu Manchu?", Wants::Choice);
        check("What is the capital of France?", Wants::What);
        check("the man who shot Liberty Valance", Wants::Who);
    }

    #[test]
    fn the_alternatives_of_a_choice() {
        let asked = take_apart(&Question::new("Who is older, Ann Lee or Bob Ray Smith?").unwrap());
        assert_eq!(asked.alternatives, ["Ann Lee", "Bob Ray Smith"]);
        assert_eq!(asked.wants, Wants::Choice);
    }

    #[test]
    fn asking_words_are_no_terms() {
        let asked = take_apart(&Question::new("What is the name of the river?").unwrap());
        let terms: Vec<&str> = asked.terms.iter().map(|t| t.text.as_str()).collect();
        assert_eq!(terms, ["river"]);
        let asked = take_apart(&Question::new("who is who").unwrap());
        assert!(!asked.terms.is_empty());
    }
}
