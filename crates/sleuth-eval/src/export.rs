//! Episodes in the formats of others.
//!
//! * [`trec_run`]: the final rankings as a TREC run, for `trec_eval` and `sleuth eval retrieval`;
//! * [`BrowseComp`]: what the evaluator of BrowseComp-Plus reads, one JSON object a question, and the
//!   summary that it writes. Its definitions are kept even where ours differ, so that the numbers can
//!   stand beside its table: an episode without an answer counts as wrong, recall is over documents
//!   that searches returned, and the calibration error is
//!   [`rms_calibration_by_rank`] of answers whose
//!   confidence is taken as 1 where none is stated.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sleuth_records::{DocumentId, RankedQuery, Run};
use sleuth_tasks::{Attempt, Ending, Episode, Source, read_episodes};

use crate::statistics::rms_calibration_by_rank;
use crate::system::{EpisodesError, stated_confidence};

/// The final rankings of the first rollout of each task, as a run. Scores are reciprocal ranks; an
/// attempt without a ranking of its own gives the documents that it saw, in that order. Episodes that
/// ended in an error are left out.
///
/// # Errors
/// When a file cannot be read.
pub fn trec_run(paths: &[PathBuf]) -> Result<Run, EpisodesError> {
    let mut first: BTreeMap<String, (u32, RankedQuery)> = BTreeMap::new();
    let mut tag = String::new();
    for path in paths {
        read_episodes::<EpisodesError>(path, |episode| {
            if tag.is_empty() {
                tag = tag_of(&episode);
            }
            let (id, rollout) = (episode.task.id.0.clone(), episode.rollout);
            let is_first = first.get(&id).is_none_or(|(known, _)| rollout < *known);
            if is_first && matches!(episode.ending, Ending::Scored { .. }) {
                let ranking =
                    RankedQuery { query: id.clone(), documents: ranked(&episode.attempt) };
                first.insert(id, (rollout, ranking));
            }
            Ok(())
        })?;
    }
    Ok(Run { tag, rankings: first.into_values().map(|(_, ranking)| ranking).collect() })
}

/// Policy and model as one word.
fn tag_of(episode: &Episode) -> String {
    let model = episode.model.as_deref().map(|model| format!("-{model}")).unwrap_or_default();
    let tag = format!("{}{model}", episode.policy);
    tag.split_whitespace().collect::<Vec<_>>().join("-")
}

fn ranked(attempt: &Attempt) -> Vec<(DocumentId, f32)> {
    let ranking: Vec<&DocumentId> =
        if attempt.ranking.is_empty() { attempt.seen() } else { attempt.ranking.iter().collect() };
    let mut out: Vec<(DocumentId, f32)> = Vec::new();
    for id in ranking {
        if !out.iter().any(|(known, _)| known == id) {
            out.push((id.clone(), 1.0 / (out.len() + 1) as f32));
        }
    }
    out
}

/// Run files and summary for BrowseComp-Plus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BrowseComp {
    /// Content of each run file with its name, in the order of tasks.
    pub runs: Vec<(String, Value)>,
    /// The summary.
    pub summary: Value,
}

impl BrowseComp {
    /// Of the first rollout of each task. `retriever` names the search in the summary, `date` is
    /// today as `2026-11-22`.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn of(paths: &[PathBuf], retriever: &str, date: &str) -> Result<Self, EpisodesError> {
        let mut first: BTreeMap<String, (u32, Asked)> = BTreeMap::new();
        let mut name = String::new();
        for path in paths {
            read_episodes::<EpisodesError>(path, |episode| {
                if name.is_empty() {
                    name = episode.model.clone().unwrap_or_else(|| episode.policy.clone());
                }
                let (id, rollout) = (episode.task.id.0.clone(), episode.rollout);
                if first.get(&id).is_none_or(|(known, _)| rollout < *known) {
                    first.insert(id, (rollout, Asked::of(&episode)));
                }
                Ok(())
            })?;
        }
        let asked: Vec<Asked> = first.into_values().map(|(_, asked)| asked).collect();
        let runs = asked
            .iter()
            .enumerate()
            .map(|(at, asked)| (format!("run_{:05}.json", at + 1), asked.run.clone()))
            .collect();
        Ok(Self { runs, summary: summary(&asked, &name, retriever, date) })
    }
}

struct Asked {
    run: Value,
    query_id: String,
    is_correct: bool,
    recall: Option<f64>,
    confidence: f64,
    is_judged: bool,
    counts: BTreeMap<&'static str, usize>,
}

impl Asked {
    fn of(episode: &Episode) -> Self {
        let Episode { task, attempt, .. } = episode;
        let seen = attempt.seen();
        let counts: BTreeMap<&'static str, usize> =
            [("search", attempt.searches.len()), ("get_document", attempt.opened.len())]
                .into_iter()
                .filter(|&(_, n)| n > 0)
                .collect();
        let is_judged = matches!(episode.ending, Ending::Scored { .. });
        let is_completed = is_judged && attempt.ended;
        let sampled = episode.transcript.iter().rev().find(|part| part.source == Source::Sampled);
        let said = sampled.map(|part| part.text.as_str()).unwrap_or_default();
        let confidence = stated_confidence(said);
        let mut gold: Vec<&DocumentId> = task.evidence.iter().map(|e| &e.document).collect();
        gold.sort_unstable();
        gold.dedup();
        let n_found = gold.iter().filter(|id| seen.contains(id)).count();
        let percent = confidence.unwrap_or(1.0) * 100.0;
        let output = format!(
            "Explanation: {}\nExact Answer: {}\nConfidence: {percent:.0}%",
            explanation(attempt),
            if attempt.not_found { "not found" } else { &attempt.answer },
        );
        let run = json!({
            "metadata": { "model": episode.model.as_ref().unwrap_or(&episode.policy) },
            "query_id": task.id,
            "tool_call_counts": counts,
            "status": if is_completed { "completed" } else { "incomplete" },
            "retrieved_docids": seen,
            "result": if is_completed { json!([{ "type": "output_text", "output": output }]) } else { json!([]) },
        });
        Self {
            run,
            query_id: task.id.0.clone(),
            is_correct: episode.verdict().is_some_and(|verdict| verdict.correct),
            recall: (!gold.is_empty()).then(|| n_found as f64 / gold.len() as f64),
            confidence: confidence.unwrap_or(1.0),
            is_judged: is_completed,
            counts,
        }
    }
}

/// The claims with the documents that are cited for them, as BrowseComp-Plus writes citations.
fn explanation(attempt: &Attempt) -> String {
    let cited = |claim: &sleuth_records::Claim| {
        let documents = claim.evidence.iter().filter_map(|id| {
            let evidence = attempt.evidence.iter().find(|evidence| evidence.id == *id)?;
            Some(format!("[{}]", evidence.document))
        });
        format!("{} {}", claim.text, documents.collect::<String>())
    };
    attempt.claims.iter().map(cited).collect::<Vec<_>>().join(" ")
}

fn summary(asked: &[Asked], name: &str, retriever: &str, date: &str) -> Value {
    let n = asked.len().max(1) as f64;
    let hundredths = |share: f64| (share * 10_000.0).round() / 100.0;
    let n_right = asked.iter().filter(|asked| asked.is_correct).count();
    let recalls: Vec<f64> = asked.iter().filter_map(|asked| asked.recall).collect();
    let mean = recalls.iter().sum::<f64>() / recalls.len() as f64;
    let mut counts: Map<String, Value> = Map::new();
    for tool in ["search", "get_document"] {
        let sum: usize = asked.iter().filter_map(|asked| asked.counts.get(tool)).sum();
        if sum > 0 {
            counts.insert(tool.to_owned(), json!(sum as f64 / n));
        }
    }
    let judged = asked.iter().filter(|asked| asked.is_judged);
    let answers: Vec<(f64, bool)> = judged.map(|a| (a.confidence, a.is_correct)).collect();
    let per_query: Vec<Value> = asked
        .iter()
        .map(|asked| {
            json!({
                "query_id": asked.query_id,
                "correct": asked.is_correct,
                "recall": asked.recall.map(hundredths),
            })
        })
        .collect();
    json!({
        "LLM": name,
        "Accuracy (%)": hundredths(n_right as f64 / n),
        "Recall (%)": if recalls.is_empty() { Value::Null } else { json!(hundredths(mean)) },
        "avg_tool_stats": counts,
        // The evaluator writes 0 where there are too few answers.
        "Calibration Error (%)": hundredths(rms_calibration_by_rank(&answers).unwrap_or(0.0)),
        "Retriever": retriever,
        "Link": "change me when submitting",
        "Evaluation Date": date,
        "per_query_metrics": per_query,
    })
}

/// The name of the summary's file.
pub fn summary_name() -> &'static Path {
    Path::new("evaluation_summary.json")
}
