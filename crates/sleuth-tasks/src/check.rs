//! Whether a file of tasks fits a store.

use sleuth_index::{IndexError, Retriever};
use sleuth_records::DocumentId;

use crate::import::locate;
use crate::{Task, TaskId};

/// What is wrong with the evidence of a task in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskFault {
    /// The store has no such document.
    Missing {
        /// The task.
        task: TaskId,
        /// The document.
        document: DocumentId,
    },
    /// The document does not hold the quote.
    Gone {
        /// The task.
        task: TaskId,
        /// The document.
        document: DocumentId,
        /// The quote; empty for a range that lies outside the document.
        quote: String,
    },
    /// The document holds the quote, but at another place.
    Moved {
        /// The task.
        task: TaskId,
        /// The document.
        document: DocumentId,
    },
}

impl TaskFault {
    /// Whether the task can no longer be trusted; what has only moved is still there.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Gone { .. } => true,
            Self::Moved { .. } => false,
        }
    }
}

/// See [`check_tasks`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Tasks looked at.
    pub tasks: usize,
    /// Places of evidence looked at.
    pub evidence: usize,
    /// Answerable tasks that name no evidence, so that nothing could be checked.
    pub without_evidence: usize,
    /// Tasks that were made from, or last checked against, another snapshot of the store.
    pub drifted: usize,
    /// Tasks that name no store.
    pub without_store: usize,
    /// What is wrong, in the order of the tasks.
    pub faults: Vec<TaskFault>,
}

/// Looks up the evidence of every task in `store`: whether its documents are there, and hold its quotes
/// where it says, white space aside.
///
/// # Errors
/// When the store cannot be read.
pub fn check_tasks<'a>(
    tasks: impl IntoIterator<Item = &'a Task>,
    store: &dyn Retriever,
) -> Result<CheckReport, IndexError> {
    let mut report = CheckReport::default();
    for task in tasks {
        report.tasks += 1;
        report.evidence += task.evidence.len();
        report.without_evidence += usize::from(task.evidence.is_empty() && !task.is_unanswerable());
        match &task.store {
            None => report.without_store += 1,
            Some(snapshot) => report.drifted += usize::from(snapshot != store.snapshot()),
        }
        for evidenced in &task.evidence {
            let (task, id) = (task.id.clone(), evidenced.document.clone());
            let Some(document) = store.document(&id)? else {
                report.faults.push(TaskFault::Missing { task, document: id });
                continue;
            };
            let (text, quote) = (document.text.as_str(), evidenced.quote.as_str());
            let there = evidenced.range.clone().map(|range| text.get(range));
            let holds = |text: &str| locate(text, quote).is_some();
            match there {
                None if quote.is_empty() || holds(text) => {}
                Some(Some(found)) if quote.is_empty() || is_same(found, quote) => {}
                Some(_) if !quote.is_empty() && holds(text) => {
                    report.faults.push(TaskFault::Moved { task, document: id });
                }
                None | Some(_) => {
                    let quote = quote.to_owned();
                    report.faults.push(TaskFault::Gone { task, document: id, quote });
                }
            }
        }
    }
    Ok(report)
}

fn is_same(a: &str, b: &str) -> bool {
    a.split_whitespace().eq(b.split_whitespace())
}
