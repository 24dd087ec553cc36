//! Picking the short answer out of the best passages.
//!
//! Every name, date, number and quoted span of the best passages is a candidate; so are their titles
//! and, where the question wants none of those shapes, the short phrases of the sentences that match
//! it best. A candidate is described by [`N_FEATURES`] numbers: how well its passage and its
//! sentence cover the question, how close the question's words stand, whether its shape is of the
//! kind that is wanted, what stands before it, whether the question itself says it. Its score is the
//! product with [`WEIGHTS`], learnt by `cargo xtask tune trail` on the tuning questions as a softmax
//! over the candidates of a question: a linear reader, in the line of the feature-based baseline of
//! Rajpurkar et al. (2016), small enough to be read.
//!
//! Questions for *yes or no* and for a choice between two things that they name are decided by
//! comparing what the passages of those things say; see [`super::compare`].

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use sleuth_index::{Term, analyze};

use super::pool::Pool;
use super::query::{Asked, WANTS, Wants};
use super::spans::{Span, SpanKind, phrases, sentences, spans};
use super::weights::WEIGHTS;

/// Passages that are read for an answer.
const PASSAGES: usize = 8;

/// Shapes in the order of their column: the span kinds, and last a passage's title.
const N_SHAPES: usize = 6;
const N_PLAIN: usize = 40;
const LEADS: [&str; 10] = ["in", "by", "of", "is", "was", "the", "as", "from", "on", "at"];

/// Column of the share of the question that a sentence and its document's title cover together.
const WITH_TITLE: usize = 30;

/// Length of a feature vector.
pub const N_FEATURES: usize = N_PLAIN + N_SHAPES * WANTS.len() + LEADS.len() * WANTS.len();

/// A span that may be the answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The words.
    pub text: String,
    /// Position in the pool of the document that it stands in.
    pub candidate: usize,
    /// Byte range, in the document's text, of the sentence that it stands in.
    pub sentence: Range<usize>,
    /// What the score is made of.
    pub features: Vec<f32>,
    /// Product of features and weights.
    pub score: f32,
}

/// All candidates of the best passages, best first.
pub(super) fn answers(asked: &Asked, pool: &Pool) -> Vec<Answer> {
    let mut out = Vec::new();
    let order: Vec<usize> = pool.order().into_iter().take(PASSAGES).collect();
    let best = order.first().map_or(1.0, |&at| pool.candidates[at].score.max(f32::EPSILON));
    let asked_terms: HashMap<&str, f32> =
        asked.terms.iter().map(|term| (term.text.as_str(), term.rarity)).collect();
    let total: f32 = asked.terms.iter().map(|term| term.rarity).sum::<f32>().max(f32::EPSILON);
    let reader = Reader { asked, pool, asked_terms, total, best };
    for (rank, &at) in order.iter().enumerate() {
        reader.read(at, rank, &mut out);
    }
    // How many passages say it is known only when all are read.
    let mut said: HashMap<String, HashSet<usize>> = HashMap::new();
    for answer in &out {
        said.entry(answer.text.to_lowercase()).or_default().insert(answer.candidate);
    }
    // So is how a sentence compares with the best one anywhere.
    let most = out.iter().map(|answer| answer.features[WITH_TITLE]).fold(0.0, f32::max);
    for answer in &mut out {
        let with_title = answer.features[WITH_TITLE];
        answer.features[N_PLAIN - 2] = f32::from(u8::from(with_title >= most));
        answer.features[N_PLAIN - 3] = with_title / most.max(f32::EPSILON);
        let n = said.get(&answer.text.to_lowercase()).map_or(1, HashSet::len);
        answer.features[N_PLAIN - 1] = (n as f32).ln();
        answer.score = score(&answer.features, &WEIGHTS);
    }
    out.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.candidate.cmp(&b.candidate))
            .then_with(|| a.sentence.start.cmp(&b.sentence.start))
            .then_with(|| a.text.cmp(&b.text))
    });
    out
}

/// How sure the reader is of the first of `answers`, which are sorted: the share that a softmax over
/// all of them gives to those of the same words.
pub(super) fn confidence(answers: &[Answer]) -> f32 {
    let Some(first) = answers.first() else { return 0.0 };
    let same = first.text.to_lowercase();
    let (mut own, mut all) = (0.0, 0.0);
    for answer in answers {
        let mass = (answer.score - first.score).exp();
        all += mass;
        if answer.text.to_lowercase() == same {
            own += mass;
        }
    }
    own / all
}

/// The sentence that covers the question best, together with its title; among equals the one whose
/// document ranks higher. Given the candidates in it, any of which tells its coverage and rank.
pub(super) fn best_sentence(answers: &[Answer]) -> Option<&Answer> {
    let value = |answer: &Answer| answer.features[WITH_TITLE] + 0.3 * answer.features[1];
    answers.iter().rev().max_by(|a, b| value(a).total_cmp(&value(b)))
}

/// Product of a feature vector and weights.
pub(super) fn score(features: &[f32], weights: &[f32]) -> f32 {
    features.iter().zip(weights).map(|(feature, weight)| feature * weight).sum()
}

struct Reader<'a> {
    asked: &'a Asked,
    pool: &'a Pool,
    asked_terms: HashMap<&'a str, f32>,
    total: f32,
    best: f32,
}

/// A sentence with its terms.
struct Sentence {
    /// Byte range in the document's text.
    range: Range<usize>,
    /// Index terms, ranges relative to the sentence.
    terms: Vec<Term>,
    coverage: f32,
}

impl Reader<'_> {
    fn coverage<'t>(&self, terms: impl Iterator<Item = &'t str>) -> f32 {
        let mut seen: HashSet<&str> = HashSet::new();
        let covered: f32 = terms
            .filter(|term| seen.insert(term))
            .filter_map(|term| self.asked_terms.get(term))
            .sum();
        covered / self.total
    }

    fn read(&self, at: usize, rank: usize, out: &mut Vec<Answer>) {
        let candidate = &self.pool.candidates[at];
        let text = &candidate.document.text;
        let passage = &text[candidate.passage.clone()];
        let title: Vec<String> =
            analyze(&candidate.document.title).into_iter().map(|term| term.text).collect();
        let sentences: Vec<Sentence> = sentences(passage)
            .into_iter()
            .map(|range| {
                let terms = analyze(&passage[range.clone()]);
                let coverage = self.coverage(terms.iter().map(|term| term.text.as_str()));
                let from = candidate.passage.start;
                Sentence { range: range.start + from..range.end + from, terms, coverage }
            })
            .collect();
        let passage_coverage = self.coverage(candidate.terms.iter().map(String::as_str));
        // The strongest source together with this passage: how much of the question the two hold.
        let source = candidate
            .sources
            .iter()
            .max_by(|a, b| {
                let score =
                    |(at, strength): &(usize, f32)| self.pool.candidates[*at].score * strength;
                score(a).total_cmp(&score(b))
            })
            .map(|&(at, _)| &self.pool.candidates[at]);
        let joint_coverage = source.map_or(passage_coverage, |source| {
            self.coverage(candidate.terms.iter().chain(&source.terms).map(String::as_str))
        });
        let mut order: Vec<usize> = (0..sentences.len()).collect();
        order.sort_by(|&a, &b| sentences[b].coverage.total_cmp(&sentences[a].coverage));
        let wants_phrases = matches!(self.asked.wants, Wants::What | Wants::Choice | Wants::YesNo);

        let context = Context {
            at,
            title: &title,
            plain: [
                1.0 / (1.0 + rank as f32),
                candidate.score / self.best,
                candidate.lexical,
                candidate.named,
                passage_coverage,
                joint_coverage,
                f32::from(u8::from(source.is_some())),
            ],
        };
        for (nth, &i) in order.iter().enumerate() {
            let sentence = &sentences[i];
            let words = &text[sentence.range.clone()];
            let mut found = spans(words);
            if nth < 2 && (wants_phrases || found.is_empty()) {
                found.extend(phrases(words, 4));
            }
            found.dedup_by(|a, b| a.range == b.range);
            let before = i.checked_sub(1).map_or(0.0, |b| sentences[b].coverage);
            for span in found {
                let shape = match span.kind {
                    SpanKind::Name => 0,
                    SpanKind::Date => 1,
                    SpanKind::Number => 2,
                    SpanKind::Quoted => 3,
                    SpanKind::Phrase => 4,
                };
                out.extend(self.describe(&context, sentence, words, &span, shape, i, before));
            }
        }
        // The title, with the sentence that matches best as its evidence.
        let name = candidate.document.title.split('(').next().unwrap_or("").trim();
        if let Some(&i) = order.first()
            && !name.is_empty()
        {
            let sentence = &sentences[i];
            let words = &text[sentence.range.clone()];
            let place = words.find(name).unwrap_or(0);
            let end = place + if words[place..].starts_with(name) { name.len() } else { 0 };
            let span = Span { range: place..end, kind: SpanKind::Name };
            if let Some(mut answer) = self.describe(&context, sentence, words, &span, 5, i, 0.0) {
                let said = analyze(name);
                let known = said.iter().filter(|t| self.asked_terms.contains_key(t.text.as_str()));
                let share = known.count() as f32 / said.len().max(1) as f32;
                answer.features[12] = f32::from(u8::from(share >= 1.0));
                answer.features[13] = share;
                answer.text = name.to_owned();
                out.push(answer);
            }
        }
    }

    /// The candidate `span` of a sentence; `None` for one that cannot be an answer.
    #[expect(clippy::too_many_arguments, reason = "all of it describes one span")]
    fn describe(
        &self,
        context: &Context<'_>,
        sentence: &Sentence,
        words: &str,
        span: &Span,
        shape: usize,
        nth_sentence: usize,
        coverage_before: f32,
    ) -> Option<Answer> {
        let text = span.text(words);
        let own: Vec<&Term> = sentence
            .terms
            .iter()
            .filter(|t| t.range.start >= span.range.start && t.range.end <= span.range.end)
            .collect();
        if own.is_empty() && shape != 5 {
            return None;
        }
        let asked = |term: &&&Term| self.asked_terms.contains_key(term.text.as_str());
        let said = own.iter().filter(asked).count() as f32 / own.len().max(1) as f32;
        let in_title = own.iter().filter(|term| context.title.contains(&term.text)).count() as f32
            / own.len().max(1) as f32;

        // Nearness of each of the question's words, by rarity: 1 next to the span, falling off.
        let position = |byte: usize| sentence.terms.partition_point(|t| t.range.start < byte);
        let (first, last) = (position(span.range.start), position(span.range.end));
        let mut near: HashMap<&str, f32> = HashMap::new();
        let (mut left, mut right) = (0.0f32, 0.0f32);
        let mut outside = 0.0;
        for (i, term) in sentence.terms.iter().enumerate() {
            let Some(&rarity) = self.asked_terms.get(term.text.as_str()) else { continue };
            let distance = if i < first {
                first - i
            } else if i >= last {
                i + 1 - last
            } else {
                continue;
            };
            let closeness = rarity / self.total / (distance as f32).sqrt();
            let known = near.entry(term.text.as_str()).or_insert(0.0);
            if *known == 0.0 {
                outside += rarity / self.total;
            }
            *known = known.max(closeness);
            if i < first { left = left.max(closeness) } else { right = right.max(closeness) }
        }
        // The words that open the span's left side.
        let before: Vec<String> = sleuth_index::words(&words[..span.range.start])
            .into_iter()
            .rev()
            .take(2)
            .map(|word| word.text)
            .collect();
        let after = words[span.range.end..].trim_start();
        let is_head = |term: &&str| self.asked.head.iter().any(|head| head == term);
        let head_inside = own.iter().any(|term| is_head(&term.text.as_str()));
        let head_near = sentence
            .terms
            .iter()
            .enumerate()
            .filter(|(i, _)| *i + 3 >= first && *i < last + 3)
            .any(|(_, term)| is_head(&term.text.as_str()));
        let n_words = text.split_whitespace().count() as f32;
        let flag = |yes: bool| f32::from(u8::from(yes));

        let with_title = self.coverage(
            sentence
                .terms
                .iter()
                .map(|t| t.text.as_str())
                .chain(context.title.iter().map(String::as_str)),
        );
        let mut features = vec![0.0; N_FEATURES];
        features[..7].copy_from_slice(&context.plain);
        let plain = [
            sentence.coverage,
            outside,
            coverage_before,
            near.values().sum::<f32>(),
            left - right,
            flag(said >= 1.0),
            said,
            flag(said > 0.0 && said < 1.0),
            in_title,
            (n_words).min(6.0) / 6.0,
            flag(n_words <= 1.0),
            flag(n_words > 4.0),
            flag(span.range.start == 0),
            1.0 / (1.0 + nth_sentence as f32),
            flag(after.starts_with(',')),
            flag(after.starts_with('(')),
            flag(words[..span.range.start].ends_with('(')),
            flag(head_inside),
            flag(head_near),
            flag(text.chars().next().is_some_and(char::is_lowercase)),
            (sentence.terms.len() as f32).min(60.0) / 60.0,
            joint(said, in_title),
            with_title,
            with_title * with_title,
            // What the sentence brings beyond the words of the span itself, squared: sentences that
            // match well are worth much more than two that match half.
            outside * outside,
            near.values().sum::<f32>() * with_title,
            flag(text.starts_with("The ") || text.starts_with("the ")),
            context.plain[1] * with_title,
        ];
        features[7..7 + plain.len()].copy_from_slice(&plain);
        let wants = WANTS.iter().position(|wants| *wants == self.asked.wants).unwrap_or(0);
        features[N_PLAIN + wants * N_SHAPES + shape] = 1.0;
        if let Some(lead) = before.first().and_then(|word| LEADS.iter().position(|l| l == word)) {
            features[N_PLAIN + N_SHAPES * WANTS.len() + wants * LEADS.len() + lead] = 1.0;
        }
        Some(Answer {
            text: text.to_owned(),
            candidate: context.at,
            sentence: sentence.range.clone(),
            features,
            score: 0.0,
        })
    }
}

/// What all spans of a passage share.
struct Context<'a> {
    at: usize,
    title: &'a [String],
    plain: [f32; 7],
}

/// A span that neither the question nor the title says is news.
fn joint(said: f32, in_title: f32) -> f32 {
    (1.0 - said) * (1.0 - in_title)
}
