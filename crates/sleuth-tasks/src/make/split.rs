//! Splits for tasks that came from elsewhere: tasks that share a document share a split.

use std::collections::BTreeMap;

use crate::make::families::{Joined, Shares};
use crate::make::splits_of;
use crate::task::Task;

/// What a cut came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitReport {
    /// Families of tasks that are joined by evidence.
    pub families: usize,
    /// Tasks of the largest.
    pub largest: usize,
    /// Tasks without evidence: each is a family of its own.
    pub without_evidence: usize,
    /// Tasks by split: train, dev, test.
    pub tasks: [usize; 3],
}

/// Gives every task a split by the family of its evidence: tasks are joined when they share a document
/// of evidence, or the family that their provenance names. The first document of a family, by id,
/// decides; a task without evidence goes by its own id. Families are written into the provenance.
pub fn split_by_evidence(tasks: &mut [Task], shares: &Shares) -> SplitReport {
    let mut joined = Joined::new(tasks.len());
    let n = tasks.len();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for (at, task) in tasks.iter().enumerate() {
        let documents = task.evidence.iter().map(|evidence| evidence.document.as_str().to_owned());
        let family = task.provenance.family.iter().map(|family| format!("\0{family}"));
        for key in documents.chain(family) {
            let first = *known.entry(key).or_insert(at);
            joined.join(first, at, n);
        }
    }
    let mut names: BTreeMap<usize, String> = BTreeMap::new();
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, task) in tasks.iter().enumerate() {
        let root = joined.root(at);
        *sizes.entry(root).or_insert(0) += 1;
        let own = task.evidence.iter().map(|evidence| evidence.document.as_str()).min();
        let own = own.unwrap_or(task.id.0.as_str()).to_owned();
        let name = names.entry(root).or_insert_with(|| own.clone());
        if own < *name {
            *name = own;
        }
    }
    let mut without_evidence = 0;
    for (at, task) in tasks.iter_mut().enumerate() {
        let name = names.get(&joined.root(at)).cloned().unwrap_or_default();
        without_evidence += usize::from(task.evidence.is_empty());
        task.split = shares.split(&name);
        task.provenance.family = Some(name);
    }
    SplitReport {
        families: sizes.len(),
        largest: sizes.values().copied().max().unwrap_or(0),
        without_evidence,
        tasks: splits_of(tasks),
    }
}
