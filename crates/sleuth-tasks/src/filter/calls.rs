//! Whether it takes more than one search: `trail` with a budget of one must fail.

use std::sync::Arc;

use sleuth_agent::{AgentError, AskOptions, StepClock, Surroundings, Trail, ask};
use sleuth_index::{IndexError, Mention, Query, Retriever, folded};
use sleuth_records::{Budget, Document, DocumentId, Question, Ranking, TrajectoryWriter};

use crate::make::candidate::Candidate;
use crate::make::web::Web;

/// The store, with the documents that are in memory anyway: to unpack twenty long ones takes longer than
/// everything else that `trail` does with one search.
struct Unpacked<'a> {
    store: &'a dyn Retriever,
    web: &'a Web,
}

impl Retriever for Unpacked<'_> {
    fn snapshot(&self) -> &str {
        self.store.snapshot()
    }

    fn search(&self, query: &Query) -> Result<Ranking, IndexError> {
        self.store.search(query)
    }

    fn document(&self, id: &DocumentId) -> Result<Option<Arc<Document>>, IndexError> {
        Ok(self.web.document(id).map(Arc::clone))
    }

    fn mentions(&self, text: &str) -> Result<Vec<Mention>, IndexError> {
        self.store.mentions(text)
    }

    fn rarity(&self, terms: &[String]) -> Result<Vec<f32>, IndexError> {
        self.store.rarity(terms)
    }
}

/// Whether one search is enough for `trail`.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn is_answered_at_once(
    store: &dyn Retriever,
    web: &Web,
    candidate: &Candidate,
) -> Result<bool, AgentError> {
    let Some(question) = Question::new(&candidate.question) else { return Ok(false) };
    let budget = Budget { searches: Some(1), ..Budget::UNLIMITED };
    let surroundings = Surroundings {
        retriever: &Unpacked { store, web },
        clock: &StepClock::new(0, 1),
        interrupted: &|| false,
        cancel: &|| false,
        log: &mut TrajectoryWriter::to(Box::new(std::io::sink())),
        on_event: &mut |_| (),
    };
    let options = AskOptions { budget, seed: 0 };
    let outcome = ask(&question, &mut Trail::default(), &options, surroundings)?;
    let answer = folded(&outcome.answer);
    Ok(candidate.golds.iter().any(|gold| {
        let gold = folded(gold);
        !gold.is_empty() && gold == answer
    }))
}
