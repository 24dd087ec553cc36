//! Episodes made up for tests.

use std::path::{Path, PathBuf};

use sleuth_records::{
    Budget, Citation, DocumentId, Envelope, Event, EvidenceId, Mark, Question, TokenUsage, Usage,
};
use sleuth_tasks::{
    Attempt, Boundary, EPISODE_SCHEMA, Ending, Episode, Evidenced, Kind, Provenance, Recording,
    Reward, RewardPart, Searched, Segment, Source, Split, TASK_SCHEMA, Task, TaskId, Verdict,
    Verifier, write_episode,
};

/// A task with one document of evidence, `gold-ID`.
pub(crate) fn task(id: &str) -> Task {
    Task {
        schema: TASK_SCHEMA,
        id: TaskId(id.to_owned()),
        question: Question::new(&format!("What is {id}?")).unwrap(),
        gold_answers: vec![format!("answer of {id}")],
        evidence: vec![Evidenced {
            document: DocumentId::new(format!("gold-{id}")),
            range: None,
            quote: String::new(),
        }],
        kind: Kind::OneHop,
        hops: 1,
        difficulty: None,
        store: None,
        split: Split::Test,
        verifier: Verifier::Exact,
        steps: Vec::new(),
        provenance: Provenance::default(),
    }
}

/// A judged episode of `trail`: one search that finds the gold document, and an answer.
pub(crate) fn episode(id: &str, rollout: u32, is_right: bool) -> Episode {
    let value = f64::from(u8::from(is_right));
    let answer = if is_right { format!("answer of {id}") } else { "something else".to_owned() };
    let found = vec![DocumentId::new(format!("gold-{id}")), DocumentId::new("other")];
    Episode {
        schema: EPISODE_SCHEMA,
        task: task(id),
        rollout,
        policy: "trail".to_owned(),
        model: None,
        store: "snapshot".to_owned(),
        retrieval: "retrieval".to_owned(),
        seed: 0,
        events: vec![started(16)],
        attempt: Attempt {
            answer: answer.clone(),
            ended: true,
            searches: vec![Searched { query: id.to_owned(), documents: found.clone() }],
            citations: vec![Citation {
                claim: 0,
                evidence: EvidenceId("e1".to_owned()),
                mark: if is_right { Mark::Exact } else { Mark::Partial },
            }],
            ranking: found,
            turns: 2,
            usage: Usage { searches: 1, pages: 1, turns: 2, elapsed_ms: 500, ..Usage::default() },
            ..Attempt::default()
        },
        transcript: vec![Segment {
            source: Source::Sampled,
            text: answer,
            tokens: Vec::new(),
            log_probabilities: Vec::new(),
        }],
        ending: Ending::Scored {
            verdict: Verdict {
                correct: is_right,
                exact_match: value,
                f1: if is_right { 1.0 } else { 0.25 },
                reason: "compared".to_owned(),
                calls: Vec::new(),
            },
            reward: Reward::of(vec![RewardPart { name: "outcome".to_owned(), value, weight: 1.0 }]),
        },
        retries: 0,
        recording: Recording::default(),
    }
}

/// The first event of a run with so many searches allowed.
pub(crate) fn started(searches: u32) -> Envelope {
    let event = Event::Started {
        schema: 1,
        question: Question::new("?").unwrap(),
        policy: "trail".to_owned(),
        model: None,
        store: "snapshot".to_owned(),
        budget: Budget { searches: Some(searches), ..Budget::UNLIMITED },
        seed: 0,
    };
    Envelope { seq: 0, at_ms: 0, event }
}

/// An episode that ended in an error, before its run began.
pub(crate) fn failed(id: &str, rollout: u32, boundary: Boundary) -> Episode {
    Episode {
        events: Vec::new(),
        attempt: Attempt::default(),
        transcript: Vec::new(),
        ending: Ending::Failed { boundary, message: "it went away".to_owned() },
        ..episode(id, rollout, false)
    }
}

/// The episode as a model's that took these tokens.
pub(crate) fn by_model(mut episode: Episode, prompt_tokens: u64) -> Episode {
    episode.policy = "chat".to_owned();
    episode.model = Some("gpt-x".to_owned());
    episode.attempt.usage.tokens =
        TokenUsage { prompt_tokens, cached_tokens: 0, completion_tokens: 100 };
    episode
}

/// Writes a file of episodes into `folder`.
pub(crate) fn write(folder: &Path, name: &str, episodes: &[Episode]) -> PathBuf {
    let path = folder.join(name);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = fs_err::File::create(&path).unwrap();
    for episode in episodes {
        write_episode(&mut file, episode).unwrap();
    }
    path
}
