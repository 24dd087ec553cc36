//! Running a policy on a question: start, hunt, check, finish.

use std::collections::HashSet;

use sleuth_index::Retriever;
use sleuth_lm::ModelInfo;
use sleuth_records::{
    Budget, Citation, Claim, DocumentId, Envelope, Event, Evidence, Finish, Mark, Question,
    SCHEMA_VERSION, TrajectoryWriter, Usage,
};

use crate::AgentError;
use crate::check::{check, mark_of_answer};
use crate::clock::Clock;
use crate::session::{Session, WriteUp};

/// Documents in a final ranking.
pub const RANKING: usize = 10;

/// A way of hunting.
pub trait Policy {
    /// Name for flags and logs.
    fn name(&self) -> &str;

    /// What is known of its model, where it has one.
    fn model_info(&self) -> Option<ModelInfo> {
        None
    }

    /// Its settings, enough to make the same policy again.
    fn settings(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Hunts until it is done or [`Session::must_write_up`] says stop, and writes an answer.
    ///
    /// # Errors
    /// When the store, the model or the log fails.
    fn run(&mut self, session: &mut Session<'_>) -> Result<Draft, AgentError>;
}

/// An answer as a policy writes it, before it is checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// Short answer; empty for *not found*.
    pub text: String,
    /// Its statements, each with evidence that the session has kept.
    pub claims: Vec<Claim>,
    /// Documents by falling promise; the evidence's documents are put in front of them.
    pub ranking: Vec<DocumentId>,
}

/// Settings of one run.
#[derive(Clone, Debug)]
pub struct AskOptions {
    /// Limits.
    pub budget: Budget,
    /// Seed of all randomness.
    pub seed: u64,
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How the run ended.
    pub finish: Finish,
    /// Short answer; empty for *not found* and failures.
    pub answer: String,
    /// How well the cited quotes bear the answer out, taken together; none without an answer.
    pub mark: Option<Mark>,
    /// Statements that have evidence.
    pub claims: Vec<Claim>,
    /// Everything that was kept.
    pub evidence: Vec<Evidence>,
    /// One verdict for each claim and evidence.
    pub citations: Vec<Citation>,
    /// The final ranking, at most [`RANKING`] documents, evidence first.
    pub ranking: Vec<DocumentId>,
    /// What it took.
    pub usage: Usage,
}

/// Everything that a run touches: each part can be replaced by a recording or a test's own.
pub struct Surroundings<'a> {
    /// The store.
    pub retriever: &'a dyn Retriever,
    /// Tells the time.
    pub clock: &'a dyn Clock,
    /// Whether the person has asked to stop. Asked once by each [`Session::must_write_up`].
    pub interrupted: &'a (dyn Fn() -> bool + Sync),
    /// The same, asked while a model computes, so that its call ends soon.
    pub cancel: &'a (dyn Fn() -> bool + Sync),
    /// Where events go.
    pub log: &'a mut TrajectoryWriter,
    /// Shown every event after it is written.
    pub on_event: &'a mut dyn FnMut(&Envelope),
}

/// Asks `question` with `policy`, writing every event to the log. After an interrupt the answer is
/// written from what there is.
///
/// A failure of the store or the model ends the log with a `finished` event that names it.
///
/// # Errors
/// See [`AgentError`].
pub fn ask<'a>(
    question: &'a Question,
    policy: &mut dyn Policy,
    options: &AskOptions,
    surroundings: Surroundings<'a>,
) -> Result<Outcome, AgentError> {
    let snapshot = surroundings.retriever.snapshot().to_owned();
    let mut session = Session::new(question, options, surroundings);
    session.emit(Event::Started {
        schema: SCHEMA_VERSION,
        question: question.clone(),
        policy: policy.name().to_owned(),
        model: policy.model_info().map(|info| info.name),
        store: snapshot,
        budget: options.budget.clone(),
        seed: options.seed,
    })?;
    match policy.run(&mut session).and_then(|draft| finish(&mut session, draft)) {
        Ok(outcome) => Ok(outcome),
        Err(error) => {
            let finish = Finish::Failed {
                boundary: error.boundary().to_owned(),
                message: error.to_string(),
            };
            let usage = session.usage();
            // The failure itself is what the caller must hear of, also when the log fails too.
            let _ = session.emit(Event::Finished { finish, ranking: Vec::new(), usage });
            Err(error)
        }
    }
}

fn finish(session: &mut Session<'_>, draft: Draft) -> Result<Outcome, AgentError> {
    let Draft { text, claims, ranking } = draft;
    let claims = known_evidence_only(session, claims)?;
    session.emit(Event::Answer { text: text.clone(), claims: claims.clone() })?;

    let mut citations = Vec::new();
    for (at, claim) in claims.iter().enumerate() {
        for id in &claim.evidence {
            let Some(evidence) = session.evidence().iter().find(|e| e.id == *id).cloned() else {
                continue;
            };
            let document = session.peek(&evidence.document)?;
            let mark = check(claim, &evidence, document.as_deref());
            citations.push(Citation { claim: at, evidence: id.clone(), mark });
        }
    }
    session.emit(Event::Checked { citations: citations.clone() })?;

    let good: Vec<&Evidence> = citations
        .iter()
        .filter(|citation| citation.mark != Mark::Unsupported)
        .filter_map(|citation| session.evidence().iter().find(|e| e.id == citation.evidence))
        .collect();
    let mark = mark_of_answer(&text, &good);
    let supported = mark != Mark::Unsupported;
    if !supported && !good.is_empty() {
        session.notice("unsupported_answer", format!("no cited quote holds `{text}`"))?;
    }
    let answer = if supported { text } else { String::new() };
    // A limit that the answer itself reached, or an interrupt after it, has cut nothing short.
    let stopped = session.written_up();
    let finish = match stopped {
        Some(WriteUp::Interrupt) => Finish::Cancelled,
        Some(WriteUp::Budget(limit)) => Finish::BudgetEnded { limit: limit.to_owned() },
        None if !supported => Finish::NotFound,
        None => Finish::Answered,
    };
    let ranking = final_ranking(session.evidence(), &claims, ranking);
    let usage = session.usage();
    session.emit(Event::Finished {
        finish: finish.clone(),
        ranking: ranking.clone(),
        usage: usage.clone(),
    })?;
    Ok(Outcome {
        finish,
        answer,
        mark: supported.then_some(mark),
        claims,
        evidence: session.evidence().to_vec(),
        citations,
        ranking,
        usage,
    })
}

/// Drops evidence ids that the session does not know, and claims that are left without any; each is
/// written down.
fn known_evidence_only(
    session: &mut Session<'_>,
    claims: Vec<Claim>,
) -> Result<Vec<Claim>, AgentError> {
    let mut kept = Vec::new();
    for mut claim in claims {
        let (known, unknown): (Vec<_>, Vec<_>) = std::mem::take(&mut claim.evidence)
            .into_iter()
            .partition(|id| session.evidence().iter().any(|evidence| evidence.id == *id));
        for id in unknown {
            session.notice("unknown_evidence", format!("no evidence is called `{id}`"))?;
        }
        let mut once = HashSet::new();
        claim.evidence = known.into_iter().filter(|id| once.insert(id.clone())).collect();
        if claim.evidence.is_empty() {
            session.notice("unsupported_claim", format!("dropped `{}`", claim.text))?;
        } else {
            kept.push(claim);
        }
    }
    Ok(kept)
}

/// Documents of cited evidence, then of other evidence, then the rest; each once.
fn final_ranking(
    evidence: &[Evidence],
    claims: &[Claim],
    ranking: Vec<DocumentId>,
) -> Vec<DocumentId> {
    let cited = |e: &&Evidence| claims.iter().any(|claim| claim.evidence.contains(&e.id));
    let first = evidence.iter().filter(cited).chain(evidence.iter()).map(|e| e.document.clone());
    let mut out: Vec<DocumentId> = Vec::with_capacity(RANKING);
    for id in first.chain(ranking) {
        if out.len() < RANKING && !out.contains(&id) {
            out.push(id);
        }
    }
    out
}
