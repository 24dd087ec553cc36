//! Questions that compare: *yes or no*, and *A or B*.
//!
//! Both name the things that they are about. Each thing's passage is the one of the pool that its
//! name is the title of, or that holds the name. A choice with a word of order in it (*first*,
//! *older*, *later*, *larger* …) goes by the first date or number of each passage that fits; any other
//! choice goes to the thing whose passage covers more of the question. *Yes* is the answer when every
//! thing's passage holds all words of what is asked of them. There is no *no*: that a passage lacks
//! words proves nothing (of the tuning questions where it seemed to, one in six was right), so such
//! a question gets the sentence that comes closest.

use std::ops::Range;

use sleuth_index::{analyze, folded, words};

use super::pool::Pool;
use super::query::{Asked, Wants};
use super::spans::{SpanKind, sentences, spans};

/// A decision, with the sentences that it rests on: pool position and byte range each.
pub(super) struct Decision {
    /// The answer: `yes`, or one of the things.
    pub text: String,
    /// Evidence for the thing that was chosen first, then for the others.
    pub grounds: Vec<(usize, Range<usize>)>,
}

/// Decides `asked` when it compares and the pool has a passage for each thing.
pub(super) fn compare(asked: &Asked, pool: &Pool) -> Option<Decision> {
    match asked.wants {
        Wants::Choice => choose(asked, pool),
        Wants::YesNo => yes(asked, pool),
        Wants::Who | Wants::When | Wants::Where | Wants::Number | Wants::What => None,
    }
}

/// The best passage about `name`.
fn about(name: &str, pool: &Pool) -> Option<usize> {
    let wanted = folded(name);
    let order = pool.order();
    let titled = |at: &&usize| {
        let title = &pool.candidates[**at].document.title;
        folded(title.split('(').next().unwrap_or(title)) == wanted
    };
    let holds = |at: &&usize| {
        let candidate = &pool.candidates[**at];
        folded(&candidate.document.text[candidate.passage.clone()]).contains(&wanted)
    };
    order.iter().find(titled).or_else(|| order.iter().find(holds)).copied()
}

/// The question's terms without those of `names`, rarest first.
fn predicate(asked: &Asked, names: &[String]) -> Vec<String> {
    let of_names: Vec<String> =
        names.iter().flat_map(|name| analyze(name)).map(|term| term.text).collect();
    let mut terms: Vec<_> = asked
        .terms
        .iter()
        .filter(|term| !of_names.contains(&term.text) && !is_function_word(&term.text))
        .collect();
    terms.sort_by(|a, b| b.rarity.total_cmp(&a.rarity));
    terms.into_iter().map(|term| term.text.clone()).collect()
}

fn is_function_word(term: &str) -> bool {
    matches!(term, "both" | "same" | "between" | "either" | "also" | "first" | "more" | "two")
}

fn choose(asked: &Asked, pool: &Pool) -> Option<Decision> {
    let things: Vec<(String, usize)> = asked
        .alternatives
        .iter()
        .map(|name| Some((name.clone(), about(name, pool)?)))
        .collect::<Option<_>>()?;
    if things.len() < 2 {
        return None;
    }
    let question = words(&asked.text);
    let has = |list: &[&str]| question.iter().any(|word| list.contains(&word.text.as_str()));
    let least = has(&["first", "earlier", "earliest", "older", "oldest", "before", "sooner"]);
    let most =
        has(&["later", "latest", "younger", "youngest", "newer", "last", "recently", "after"]);
    let amount = has(&[
        "more", "larger", "largest", "bigger", "higher", "highest", "longer", "taller", "most",
        "greater",
    ]);
    let mut ranked: Vec<(f64, &(String, usize))> = Vec::new();
    if least || most || amount {
        let kind = if amount { SpanKind::Number } else { SpanKind::Date };
        for thing in &things {
            let value = first_value(pool, thing.1, kind)?;
            ranked.push((if least { -value } else { value }, thing));
        }
    } else {
        let terms = predicate(asked, &asked.alternatives);
        for thing in &things {
            let held = &pool.candidates[thing.1].terms;
            ranked.push((terms.iter().filter(|term| held.contains(*term)).count() as f64, thing));
        }
    }
    // A stable sort keeps the order of the question among equals.
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let text = ranked.first()?.1.0.clone();
    let grounds =
        ranked.iter().filter_map(|(_, (_, at))| Some((*at, ground(asked, pool, *at)?))).collect();
    Some(Decision { text, grounds })
}

/// The first year or number of the passage.
fn first_value(pool: &Pool, at: usize, kind: SpanKind) -> Option<f64> {
    let candidate = &pool.candidates[at];
    let text = &candidate.document.text[candidate.passage.clone()];
    spans(text).iter().filter(|span| span.kind == kind).find_map(|span| {
        let words = span.text(text);
        if kind == SpanKind::Date {
            year(words)
        } else {
            let digits: String =
                words.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
            digits.parse().ok()
        }
    })
}

/// The date as years with a fraction for month and day.
fn year(date: &str) -> Option<f64> {
    let mut value = None;
    let mut fraction = 0.0;
    for word in words(date) {
        if word.text.len() == 4
            && let Ok(year) = word.text.parse::<f64>()
        {
            value = value.or(Some(year));
        } else if let Ok(day) = word.text.parse::<f64>() {
            fraction += day / 372.0;
        } else if let Some(month) = super::spans::month(&word.text) {
            fraction += month as f64 / 12.0;
        }
    }
    value.map(|year| year + fraction)
}

/// The sentence of the passage that covers most of the question.
fn ground(asked: &Asked, pool: &Pool, at: usize) -> Option<Range<usize>> {
    let candidate = &pool.candidates[at];
    let from = candidate.passage.start;
    let text = &candidate.document.text[candidate.passage.clone()];
    let mut best: Option<(f32, Range<usize>)> = None;
    for range in sentences(text) {
        let terms = analyze(&text[range.clone()]).into_iter().map(|term| term.text).collect();
        let coverage = asked.coverage(&terms);
        if best.as_ref().is_none_or(|(known, _)| coverage > *known) {
            best = Some((coverage, range.start + from..range.end + from));
        }
    }
    best.map(|(_, range)| range)
}

fn yes(asked: &Asked, pool: &Pool) -> Option<Decision> {
    let mut names: Vec<String> = Vec::new();
    for span in spans(&asked.text) {
        let name = span.text(&asked.text);
        if matches!(span.kind, SpanKind::Name | SpanKind::Quoted)
            && about(name, pool).is_some()
            && !names.iter().any(|known| known.contains(name))
        {
            names.push(name.to_owned());
        }
    }
    if names.is_empty() {
        return None;
    }
    let things: Vec<usize> = names.iter().filter_map(|name| about(name, pool)).collect();
    let terms = predicate(asked, &names);
    // Whether two things are the same in something is not told by words that both passages hold.
    let same = words(&asked.text).iter().any(|word| word.text == "same");
    let holds_all = |at: usize| {
        let held = &pool.candidates[at].terms;
        terms.iter().all(|term| held.contains(term))
    };
    if same || terms.is_empty() || !things.iter().all(|&at| holds_all(at)) {
        return None;
    }
    let grounds = things.iter().filter_map(|&at| Some((at, ground(asked, pool, at)?))).collect();
    Some(Decision { text: "yes".to_owned(), grounds })
}
