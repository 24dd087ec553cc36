//! What came of the candidates.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::facts::Relation;
use crate::filter::Filter;
use crate::make::Judged;
use crate::make::families::Families;
use crate::make::web::Web;
use crate::task::{Kind, Split};

/// Of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KindReport {
    /// The kind.
    pub kind: Kind,
    /// Questions that were judged.
    pub candidates: usize,
    /// Draws that came to no question: nothing to describe by, no order, other splits.
    pub unworded: usize,
    /// By filter: how many were asked and how many passed, in the order of the filters.
    pub survivors: Vec<(Filter, usize, usize)>,
    /// By filter: seconds that it took, summed over threads.
    pub seconds: Vec<(Filter, f64)>,
    /// Tasks by split: train, dev, test.
    pub tasks: [usize; 3],
    /// Tasks by the documents that they take.
    pub hops: BTreeMap<u32, usize>,
    /// Questions that a model reworded.
    pub reworded: usize,
    /// By filter: the first questions that did not pass it, at most [`EXAMPLES`].
    pub dropped: Vec<(Filter, Vec<String>)>,
}

/// Dropped questions that a report shows for each filter.
const EXAMPLES: usize = 5;

impl KindReport {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            candidates: 0,
            unworded: 0,
            survivors: Filter::ALL.map(|filter| (filter, 0, 0)).to_vec(),
            seconds: Filter::ALL.map(|filter| (filter, 0.0)).to_vec(),
            tasks: [0; 3],
            hops: BTreeMap::new(),
            reworded: 0,
            dropped: Filter::ALL.map(|filter| (filter, Vec::new())).to_vec(),
        }
    }

    pub(crate) fn count(&mut self, judged: &Judged) {
        self.candidates += 1;
        for (filter, took) in &judged.took {
            self.asked(*filter, *took, judged.failed != Some(*filter));
        }
        if let Some(failed) = judged.failed {
            self.drop(failed, &judged.candidate.question);
        }
    }

    /// Remembers a question that did not pass.
    pub(crate) fn drop(&mut self, filter: Filter, question: &str) {
        if let Some((_, questions)) = self.dropped.iter_mut().find(|(known, _)| *known == filter)
            && questions.len() < EXAMPLES
        {
            questions.push(question.to_owned());
        }
    }

    pub(crate) fn asked(&mut self, filter: Filter, took: Duration, passed: bool) {
        if let Some((_, asked, survived)) =
            self.survivors.iter_mut().find(|(known, ..)| *known == filter)
        {
            *asked += 1;
            *survived += usize::from(passed);
        }
        if let Some((_, seconds)) = self.seconds.iter_mut().find(|(known, _)| *known == filter) {
            *seconds += took.as_secs_f64();
        }
    }

    pub(crate) fn made(&mut self, split: Split, hops: u32) {
        let at = match split {
            Split::Train => 0,
            Split::Dev => 1,
            Split::Test => 2,
        };
        self.tasks[at] += 1;
        *self.hops.entry(hops).or_insert(0) += 1;
    }

    /// Tasks of all splits.
    pub fn n_tasks(&self) -> usize {
        self.tasks.iter().sum()
    }
}

/// Of a whole run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MakeReport {
    /// Documents of the store.
    pub documents: usize,
    /// Things that facts are about.
    pub things: usize,
    /// Facts by relation.
    pub facts: BTreeMap<&'static str, usize>,
    /// Families that the documents were cut into, and the size of the largest.
    pub families: usize,
    /// Documents of the largest family.
    pub largest_family: usize,
    /// Documents by split: train, dev, test.
    pub documents_by_split: [usize; 3],
    /// Seconds until the facts were read.
    pub reading_seconds: f64,
    /// Seconds in all.
    pub seconds: f64,
    /// By kind.
    pub kinds: Vec<KindReport>,
}

impl MakeReport {
    pub(crate) fn new(web: &Web, families: &Families, reading: Duration) -> Self {
        let mut facts: BTreeMap<&'static str, usize> = BTreeMap::new();
        for row in Relation::all() {
            let n = web.facts.iter().filter(|stated| stated.fact.relation == row.relation).count();
            if n > 0 {
                facts.insert(row.name, n);
            }
        }
        let of = |split| families.splits.iter().filter(|own| **own == split).count();
        Self {
            documents: web.documents.len(),
            things: web.things.len(),
            facts,
            families: families.n_families,
            largest_family: families.largest,
            documents_by_split: [of(Split::Train), of(Split::Dev), of(Split::Test)],
            reading_seconds: reading.as_secs_f64(),
            seconds: 0.0,
            kinds: Vec::new(),
        }
    }
}
