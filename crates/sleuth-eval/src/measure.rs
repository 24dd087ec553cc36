//! The measures of one ranking.
//!
//! A document is *relevant* when its grade is 1 or more; a document without a judgement counts as
//! not relevant. With *g(i)* the grade at rank *i* (0 where it is negative), *r(i)* 1 where the
//! document at rank *i* is relevant and else 0, and *R* the number of relevant documents:
//!
//! ```text
//! DCG@k    = Σ i≤k  g(i) / log2(i + 1)
//! nDCG@k   = DCG@k / (DCG@k of the judged documents by falling grade)
//! R@k      = Σ i≤k  r(i) / R
//! P@k      = Σ i≤k  r(i) / k
//! MAP      = Σ i    r(i) · P@i / R
//! MRR      = 1 / (first i with r(i) = 1), or 0
//! all@k    = 1 when R@k = 1, else 0
//! ```
//!
//! The gain is linear (Järvelin and Kekäläinen 2002, as `trec_eval` has it), not `2^g − 1`. The
//! names of `trec_eval` are `ndcg_cut_k`, `recall_k`, `P_k`, `map`, `map_cut_k` and `recip_rank`;
//! it has no *all@k*, which asks for every document that an answer of several hops needs.

use std::fmt;
use std::str::FromStr;

use crate::EvalError;

/// A measure of one ranking, from 0 to 1; a cut counts ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Normalised discounted cumulative gain of the first ranks.
    Ndcg(usize),
    /// Share of the relevant documents among the first ranks.
    Recall(usize),
    /// 1 where every relevant document is among the first ranks.
    All(usize),
    /// Share of relevant documents among the first ranks; ranks without a document count.
    Precision(usize),
    /// Average precision, of the first ranks or of the whole ranking.
    Map(Option<usize>),
    /// Reciprocal rank of the first relevant document, of the first ranks or of all.
    Mrr(Option<usize>),
}

/// One ranking beside its judgements.
pub(crate) struct Judged {
    /// Grades by rank; 0 where there is no judgement.
    pub(crate) found: Vec<i32>,
    /// The grades of the relevant documents, falling; not empty.
    pub(crate) ideal: Vec<i32>,
}

impl Measure {
    /// The value for one ranking.
    pub(crate) fn of(self, judged: &Judged) -> f64 {
        let n_relevant = judged.ideal.len() as f64;
        match self {
            Self::Ndcg(k) => gain(&judged.found, k) / gain(&judged.ideal, k),
            Self::Recall(k) => relevant(&judged.found, k) as f64 / n_relevant,
            Self::All(k) => f64::from(u8::from(relevant(&judged.found, k) == judged.ideal.len())),
            Self::Precision(k) => relevant(&judged.found, k) as f64 / k as f64,
            Self::Map(k) => {
                let mut sum = 0.0;
                let mut n = 0.0;
                for (at, &grade) in judged.found.iter().take(k.unwrap_or(usize::MAX)).enumerate() {
                    if grade > 0 {
                        n += 1.0;
                        sum += n / (at + 1) as f64;
                    }
                }
                sum / n_relevant
            }
            Self::Mrr(k) => {
                let mut first = judged.found.iter().take(k.unwrap_or(usize::MAX));
                first.position(|&grade| grade > 0).map_or(0.0, |at| 1.0 / (at + 1) as f64)
            }
        }
    }
}

fn gain(grades: &[i32], k: usize) -> f64 {
    let of = |(at, &grade): (usize, &i32)| f64::from(grade.max(0)) / ((at + 2) as f64).log2();
    grades.iter().take(k).enumerate().map(of).sum()
}

fn relevant(grades: &[i32], k: usize) -> usize {
    grades.iter().take(k).filter(|&&grade| grade > 0).count()
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ndcg(k) => write!(f, "ndcg@{k}"),
            Self::Recall(k) => write!(f, "recall@{k}"),
            Self::All(k) => write!(f, "all@{k}"),
            Self::Precision(k) => write!(f, "p@{k}"),
            Self::Map(None) => f.write_str("map"),
            Self::Map(Some(k)) => write!(f, "map@{k}"),
            Self::Mrr(None) => f.write_str("mrr"),
            Self::Mrr(Some(k)) => write!(f, "mrr@{k}"),
        }
    }
}

impl FromStr for Measure {
    type Err = EvalError;

    fn from_str(name: &str) -> Result<Self, EvalError> {
        let unknown = || EvalError::UnknownMeasure { name: name.to_owned() };
        let lower = name.trim().to_ascii_lowercase();
        let (kind, cut) = match lower.split_once('@') {
            Some((kind, cut)) => (kind, Some(cut.parse().map_err(|_| unknown())?)),
            None => (lower.as_str(), None),
        };
        match (kind, cut) {
            (_, Some(0)) => Err(unknown()),
            ("ndcg", Some(k)) => Ok(Self::Ndcg(k)),
            ("recall" | "r", Some(k)) => Ok(Self::Recall(k)),
            ("all", Some(k)) => Ok(Self::All(k)),
            ("p" | "precision", Some(k)) => Ok(Self::Precision(k)),
            ("map", cut) => Ok(Self::Map(cut)),
            ("mrr", cut) => Ok(Self::Mrr(cut)),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for name in ["ndcg@10", "recall@5", "all@10", "p@3", "map", "map@100", "mrr", "mrr@10"] {
            assert_eq!(name.parse::<Measure>().unwrap().to_string(), name);
        }
        assert_eq!("R@5".parse(), Ok(Measure::Recall(5)));
        for name in ["", "ndcg", "ndcg@", "ndcg@0", "ndcg@-1", "ndcg@ten", "bleu", "map@0", "@5"] {
            let message = name.parse::<Measure>().unwrap_err().to_string();
            assert!(message.contains(&format!("unknown measure `{name}`")), "{message}");
        }
    }
}
