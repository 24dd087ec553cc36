//! Whether tasks belong to a store: made from its snapshot, with their evidence in it.

use sleuth_index::{IndexError, Retriever};
use sleuth_records::DocumentId;

use super::RolloutError;
use crate::import::locate;
use crate::task::{Task, TaskId};

/// How tasks fit a store.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Fit {
    /// Tasks.
    pub tasks: usize,
    /// Snapshot id of the store.
    pub snapshot: String,
    /// Tasks made from another snapshot. A task that names none fits every one.
    pub drifted: usize,
    /// Tasks of which a piece of evidence is not in the store, or not where it should be.
    pub without_evidence: usize,
    /// The first of the drifted, with its snapshot id.
    #[serde(skip)]
    first_drifted: Option<(TaskId, String)>,
    /// The first without evidence, with the document that it names and what was found.
    #[serde(skip)]
    first_without: Option<(TaskId, DocumentId, &'static str)>,
}

impl Fit {
    /// Refuses tasks that do not fit.
    ///
    /// # Errors
    /// The first kind of misfit, evidence first: it says more.
    pub fn refuse(&self) -> Result<(), RolloutError> {
        if let Some((task, document, found)) = self.first_without.clone() {
            let (n, of) = (self.without_evidence, self.tasks);
            return Err(RolloutError::NoEvidence { n, of, task, document, found });
        }
        if let Some((task, expected)) = self.first_drifted.clone() {
            let (n, of, found) = (self.drifted, self.tasks, self.snapshot.clone());
            return Err(RolloutError::OtherSnapshot { n, of, task, expected, found });
        }
        Ok(())
    }
}

/// Looks up the snapshot and the evidence of every task.
///
/// # Errors
/// When the store cannot be read.
pub fn fit(tasks: &[Task], retriever: &dyn Retriever) -> Result<Fit, IndexError> {
    let snapshot = retriever.snapshot().to_owned();
    let mut fit = Fit { tasks: tasks.len(), snapshot, ..Fit::default() };
    for task in tasks {
        if let Some(made_from) = task.store.as_ref().filter(|made_from| **made_from != fit.snapshot)
        {
            fit.drifted += 1;
            fit.first_drifted.get_or_insert_with(|| (task.id.clone(), made_from.clone()));
        }
        if let Some((document, found)) = missing(task, retriever)? {
            fit.without_evidence += 1;
            fit.first_without.get_or_insert_with(|| (task.id.clone(), document, found));
        }
    }
    Ok(fit)
}

/// The first piece of evidence that the store does not have, and what it has in place of it.
fn missing(
    task: &Task,
    retriever: &dyn Retriever,
) -> Result<Option<(DocumentId, &'static str)>, IndexError> {
    for evidence in &task.evidence {
        let missing = |found| Ok(Some((evidence.document.clone(), found)));
        let Some(document) = retriever.document(&evidence.document)? else {
            return missing("which is not there");
        };
        let Some(range) = evidence.range.clone() else {
            if !evidence.quote.trim().is_empty()
                && locate(&document.text, &evidence.quote).is_none()
            {
                return missing("which does not hold the quote");
            }
            continue;
        };
        match document.text.get(range) {
            None => return missing("which has no text at the place named"),
            Some(text) if !evidence.quote.is_empty() && text != evidence.quote => {
                return missing("which has another text at the place named");
            }
            Some(_) => {}
        }
    }
    Ok(None)
}
