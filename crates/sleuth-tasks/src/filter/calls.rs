//! Whether it takes more than one search: `trail` with a budget of one must fail.

use sleuth_agent::{AgentError, AskOptions, StepClock, Surroundings, Trail, ask};
use sleuth_index::{Retriever, folded};
use sleuth_records::{Budget, Question, TrajectoryWriter};

use crate::make::candidate::Candidate;

/// Whether one search is enough for `trail`.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn is_answered_at_once(
    store: &dyn Retriever,
    candidate: &Candidate,
) -> Result<bool, AgentError> {
    let Some(question) = Question::new(&candidate.question) else { return Ok(false) };
    let budget = Budget { searches: Some(1), ..Budget::UNLIMITED };
    let surroundings = Surroundings {
        retriever: store,
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
