//! What was asked so far: no task is like one made before.
//!
//! Within a split, two tasks are alike when they take the same documents to the same answers, whatever their
//! wording. Two splits share no document, so there the words tell: tasks are alike when they want one answer and
//! the words that tell their questions apart are mostly the same. What was learnt by heart in training would
//! else be asked in the test.

use std::collections::{BTreeSet, HashMap};

use sleuth_index::folded;

use crate::make::candidate::Candidate;
use crate::make::minhash::{Known, Signature, hash};
use crate::make::web::{Web, folded_words};
use crate::task::Split;

/// From this likeness on, two questions ask the same.
const SAME: f64 = 0.75;
/// From this share of common words on, two questions of two splits that want one answer ask the same. It is low:
/// a task too few does less harm than one too many.
const TWINS: f64 = 0.5;

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Asked {
    known: Known,
    words: Words,
    said: Vec<Said>,
    /// By answer, or for want of one by what is asked for, and by each of the words that a twin must have one of:
    /// places in `said`.
    telling: HashMap<(u64, Option<u32>), Vec<usize>>,
}

/// What a question says.
struct Said {
    split: Split,
    /// Numbers of its words, rising.
    words: Vec<u32>,
    /// What they weigh together.
    total: f64,
}

impl Asked {
    /// Takes up a candidate of `split`, and says whether nothing like it was there.
    pub(crate) fn is_new(&mut self, web: &Web, candidate: &Candidate, split: Split) -> bool {
        let wanted = wanted(candidate);
        let words = self.words.numbered(web, &words(candidate, &wanted));
        let said = Said { split, total: self.words.weight(&words), words };
        let wanted = hash(&wanted);
        let telling = self.words.telling(&said);
        let is_twin = |at: &usize| {
            let other = &self.said[*at];
            other.split != split && self.words.share(other, &said) >= TWINS
        };
        let mut met = telling.iter().filter_map(|word| self.telling.get(&(wanted, *word)));
        if met.any(|met| met.iter().any(is_twin))
            || !self.known.is_new(essence(web, candidate), SAME)
        {
            return false;
        }
        for word in telling {
            self.telling.entry((wanted, word)).or_default().push(self.said.len());
        }
        self.said.push(said);
        true
    }
}

/// The words of questions by number.
#[derive(Default)]
struct Words {
    numbers: HashMap<String, u32>,
    /// By number: the logarithm of how rare the word is; 0 for one that no document holds, which is the wording's
    /// own.
    weights: Vec<f64>,
}

impl Words {
    fn numbered(&mut self, web: &Web, words: &BTreeSet<String>) -> Vec<u32> {
        let mut number = |word: &String| match self.numbers.get(word) {
            Some(known) => *known,
            None => {
                let number = self.weights.len() as u32;
                self.numbers.insert(word.clone(), number);
                self.weights.push(match web.n_holding(word) {
                    0 => 0.0,
                    holding => (web.documents.len() as f64 / holding as f64).ln(),
                });
                number
            }
        };
        let mut numbers: Vec<u32> = words.iter().map(&mut number).collect();
        numbers.sort_unstable();
        numbers
    }

    fn weight(&self, words: &[u32]) -> f64 {
        words.iter().map(|word| self.weights[*word as usize]).sum()
    }

    /// Words of a question of which every twin's question has one among its own: of all its words, the rarest first,
    /// as many as weigh more than what a twin may lack. `None` stands for them where all words are the
    /// wording's own.
    fn telling(&self, said: &Said) -> Vec<Option<u32>> {
        let mut words: Vec<u32> = said.words.clone();
        let weight = |word: u32| self.weights[word as usize];
        words.sort_unstable_by(|a, b| weight(*b).total_cmp(&weight(*a)).then(a.cmp(b)));
        let mut left = said.total;
        let mut out = Vec::new();
        for word in words {
            // Twins share at least as much as `TWINS` of what the heavier one weighs, and so of this one.
            if left < TWINS * said.total || said.total == 0.0 {
                break;
            }
            out.push(Some(word));
            left -= weight(word);
        }
        if out.is_empty() { vec![None] } else { out }
    }

    /// How much of the words that either says both say, by weight, from 0 to 1.
    fn share(&self, a: &Said, b: &Said) -> f64 {
        // The lighter one can have no more in common than it has.
        if a.total.min(b.total) < TWINS * a.total.max(b.total) {
            return 0.0;
        }
        let in_b = |word: &&u32| b.words.binary_search(word).is_ok();
        let common: f64 =
            a.words.iter().filter(in_b).map(|word| self.weights[*word as usize]).sum();
        let all = a.total + b.total - common;
        if all > 0.0 { common / all } else { f64::from(u8::from(a.words == b.words)) }
    }
}

/// The answer; of a question without one, what kind of fact it asks for.
fn wanted(candidate: &Candidate) -> String {
    match candidate.golds.first() {
        Some(gold) => folded(gold),
        None => format!("\0{}", candidate.recipe),
    }
}

/// The words of the question, and those of the answers on the way to what is wanted.
fn words(candidate: &Candidate, wanted: &str) -> BTreeSet<String> {
    let on_the_way = candidate.hops.iter().filter(|hop| folded(&hop.answer) != wanted);
    let on_the_way = on_the_way.flat_map(|hop| folded_words(&hop.answer));
    folded_words(&candidate.question).into_iter().chain(on_the_way).collect()
}

/// The documents and answers of a candidate's hops, and of a single hop the words of the question that few
/// documents hold.
fn essence(web: &Web, candidate: &Candidate) -> Signature {
    let mut members: Vec<u64> = Vec::new();
    members.extend(candidate.golds.first().map(|gold| hash(&folded(gold))));
    for (nth, hop) in candidate.hops.iter().enumerate() {
        // The same thing by the same property, beside another anchor, is the same task.
        let is_anchor = nth == 0 && candidate.recipe.contains("+same:");
        if !is_anchor {
            members.push(hash(&format!("{nth} {} {}", hop.document, hop.answer)));
        }
    }
    // What a single hop is about is told by its relation and its words.
    if candidate.hops.len() < 2 {
        members.push(hash(&candidate.recipe));
        let rare = (web.documents.len() / 50).max(2);
        let words = folded_words(&candidate.question).into_iter();
        members.extend(words.filter(|word| web.n_holding(word) <= rare).map(|w| hash(&w)));
    }
    Signature::of(members).unwrap_or_else(|| Signature::lone(0))
}
