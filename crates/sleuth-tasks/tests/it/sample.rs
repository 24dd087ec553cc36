//! Tasks and attempts for tests.

use std::ops::Range;

use sleuth_records::{Citation, DocumentId, Evidence, EvidenceId, Mark, Question};
use sleuth_tasks::{
    Attempt, Evidenced, Kind, Provenance, Searched, Split, TASK_SCHEMA, Task, TaskId, Verifier,
};

/// A task with this verifier and gold answers, its evidence in document `d1` from 10 to 30.
pub(crate) fn task(verifier: Verifier, gold: &[&str]) -> Task {
    Task {
        schema: TASK_SCHEMA,
        id: TaskId("t".to_owned()),
        question: Question::new("Which town, Paris or London or Rome, is it?").unwrap(),
        gold_answers: gold.iter().map(|gold| (*gold).to_owned()).collect(),
        evidence: vec![Evidenced {
            document: DocumentId::new("d1"),
            range: Some(10..30),
            quote: "it stands right here".to_owned(),
        }],
        kind: Kind::OneHop,
        hops: 1,
        difficulty: None,
        store: None,
        split: Split::Test,
        verifier,
        steps: Vec::new(),
        provenance: Provenance::default(),
    }
}

/// An attempt that searched once, found `d1` and gave this answer.
pub(crate) fn attempt(answer: &str) -> Attempt {
    Attempt {
        answer: answer.to_owned(),
        ended: true,
        searches: vec![Searched {
            query: "town".to_owned(),
            documents: vec![DocumentId::new("d1")],
        }],
        turns: 2,
        ..Attempt::default()
    }
}

/// An attempt that says *not found*.
pub(crate) fn not_found() -> Attempt {
    Attempt { not_found: true, ..attempt("") }
}

/// The attempt with a citation of this mark, to a quote at this range of this document.
pub(crate) fn citing(attempt: Attempt, document: &str, range: Range<usize>, mark: Mark) -> Attempt {
    let id = EvidenceId("e1".to_owned());
    let evidence = Evidence {
        id: id.clone(),
        document: DocumentId::new(document),
        title: String::new(),
        url: None,
        range,
        line: 1,
        part: None,
        quote: "it stands".to_owned(),
    };
    let citation = Citation { claim: 0, evidence: id, mark };
    Attempt { evidence: vec![evidence], citations: vec![citation], ..attempt }
}
