//! What a verifier and a reward may look at.
//!
//! An attempt is read off the trajectory of an agent, gathered by an environment whose policy lives in
//! another program, or read from the rollout log of a trainer. Verifiers, rewards and measurements see
//! only this, so they judge all three alike.

use serde::{Deserialize, Serialize};
use sleuth_records::{Citation, Claim, DocumentId, Envelope, Event, Evidence, Finish, Mark, Usage};

use crate::verify::is_blank;

/// One search and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Searched {
    /// The query as sent.
    pub query: String,
    /// Documents found, best first; empty where nothing was.
    pub documents: Vec<DocumentId>,
}

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The short answer as the policy gave it; empty for *not found*, where it gave none, and where no
    /// quote bears out what it gave.
    pub answer: String,
    /// Whether the policy said *not found*, as against giving no answer at all, or one that no quote
    /// bears out.
    pub not_found: bool,
    /// Whether it came to an end of its own: an answer or *not found*.
    pub ended: bool,
    /// Searches, in order.
    pub searches: Vec<Searched>,
    /// Documents opened, each once, in order.
    pub opened: Vec<DocumentId>,
    /// Statements of the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
    /// Quotes kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// How each citation was marked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation>,
    /// The final ranking of documents; empty where the policy makes none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranking: Vec<DocumentId>,
    /// Turns taken.
    pub turns: u32,
    /// Actions that were no valid call.
    pub invalid_actions: u32,
    /// What it took.
    #[serde(default)]
    pub usage: Usage,
}

impl Attempt {
    /// Reads an attempt off a trajectory. A call of `search` belongs to the result that bears its id;
    /// several queries in one call count as one search each. An empty answer is *not found* where the
    /// model called `answer` to say so, or no model was asked; else the policy gave up without a word.
    pub fn of(events: &[Envelope]) -> Self {
        let mut attempt = Self::default();
        // Calls whose results are still to come: id, name of the tool, query or document.
        let mut calls: Vec<(String, String, String)> = Vec::new();
        let mut unsupported = false;
        // Whether a model was asked for calls, and whether it called `answer` with words.
        let (mut asked, mut answered) = (false, false);
        for Envelope { event, .. } in events {
            match event {
                Event::Started { .. } => {}
                Event::Turn { turn, message, request, .. } => {
                    attempt.turns = *turn;
                    asked |= request.is_some();
                    for call in &message.tool_calls {
                        let text = |key: &str| call.arguments[key].as_str().map(str::to_owned);
                        answered |= call.name == "answer"
                            && text("answer").is_some_and(|text| !is_blank(&text));
                        let about = text("query").or_else(|| text("document")).unwrap_or_default();
                        calls.push((call.id.clone(), call.name.clone(), about));
                    }
                }
                Event::ToolResult { call, documents, .. } => {
                    let Some(at) = calls.iter().position(|(id, ..)| id == call) else { continue };
                    let (_, tool, about) = calls.swap_remove(at);
                    match tool.as_str() {
                        "search" => {
                            let documents = documents.clone();
                            attempt.searches.push(Searched { query: about, documents });
                        }
                        "open" => {
                            for id in documents {
                                if !attempt.opened.contains(id) {
                                    attempt.opened.push(id.clone());
                                }
                            }
                        }
                        _ => {}
                    }
                }
                Event::EvidenceKept { evidence } => attempt.evidence.push(evidence.clone()),
                Event::Noticed { kind, .. } => {
                    attempt.invalid_actions += u32::from(kind == "invalid_action");
                    unsupported |= kind == "unsupported_answer";
                }
                Event::Answer { text, claims } => {
                    attempt.answer.clone_from(text);
                    attempt.claims.clone_from(claims);
                    attempt.not_found = is_blank(text) && (answered || !asked);
                    attempt.ended = attempt.not_found || !is_blank(text);
                }
                Event::Checked { citations } => {
                    attempt.citations.clone_from(citations);
                    unsupported |= citations.iter().all(|c| c.mark == Mark::Unsupported);
                }
                Event::Finished { finish, ranking, usage } => {
                    attempt.ranking.clone_from(ranking);
                    attempt.usage = usage.clone();
                    if matches!(finish, Finish::Failed { .. }) {
                        attempt.ended = false;
                        attempt.not_found = false;
                    }
                    // What no quote bears out is not shown as an answer, so it is none.
                    if unsupported || *finish == Finish::NotFound {
                        attempt.answer.clear();
                    }
                }
            }
        }
        attempt
    }

    /// Documents that a search found or that were opened, each once, in the order of their first
    /// appearance.
    pub fn seen(&self) -> Vec<&DocumentId> {
        let mut seen = Vec::new();
        let found = self.searches.iter().flat_map(|searched| &searched.documents);
        for id in found.chain(&self.opened) {
            if !seen.contains(&id) {
                seen.push(id);
            }
        }
        seen
    }
}
