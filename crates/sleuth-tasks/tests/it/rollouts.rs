//! Rollouts: what is written, what is gone on with, what is begun again, and what replays.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use sleuth_agent::{AgentError, Chat, ChatOptions, Clock, Policy, Trail};
use sleuth_index::{IndexError, Mention, Query, Retriever};
use sleuth_lm::{LanguageModel, LmError};
use sleuth_records::{Budget, Document, DocumentId, Message, Passage, Ranking};
use sleuth_tasks::{
    Boundary, Ending, Episode, LinesError, ModelTap, Quality, ReplayOver, Replayed, RolloutError,
    RolloutOptions, RolloutProgress, RolloutSurroundings, Source, Task, Verifier, read_episodes,
    replay_episodes, roll_out, seed_of,
};
use sleuth_testkit::Acting;

use crate::support::Library;

fn normal() -> RolloutOptions {
    let budget = Budget { searches: Some(8), pages: Some(8), turns: Some(12), ..Budget::UNLIMITED };
    RolloutOptions { budget, retry_pause: Duration::ZERO, ..RolloutOptions::default() }
}

fn trail(_: &ModelTap) -> Result<Box<dyn Policy + Send>, AgentError> {
    Ok(Box::new(Trail::default()))
}

/// A policy `chat`, left to itself, whose model does what `act` says.
fn chat(
    act: impl Fn(&sleuth_lm::Request<'_>) -> Result<Message, LmError> + Send + Clone + 'static,
) -> impl Fn(&ModelTap) -> Result<Box<dyn Policy + Send>, AgentError> + Sync {
    let act = Mutex::new(act);
    move |tap| {
        let act = act.lock().unwrap().clone();
        let model = tap.model(Box::new(Acting::new(move |request, _| act(request))));
        let options = ChatOptions { lead: 0, ..ChatOptions::default() };
        Ok(Box::new(Chat::new(model, options)))
    }
}

fn run(
    library: &Library,
    tasks: &[Task],
    path: &Path,
    options: &RolloutOptions,
    policy: &sleuth_tasks::MakePolicy<'_>,
) -> Result<RolloutProgress, RolloutError> {
    let around = RolloutSurroundings::new(Arc::clone(&library.store), "retrieval", policy);
    roll_out(tasks, path, options, &around)
}

fn episodes(path: &Path) -> Vec<Episode> {
    let mut out = Vec::new();
    let torn = read_episodes(path, |episode| {
        out.push(episode);
        Ok::<_, LinesError>(())
    });
    assert!(!torn.unwrap());
    out
}

/// Each task and rollout with the number of its episodes.
fn counted(path: &Path) -> HashMap<(String, u32), usize> {
    let mut counts = HashMap::new();
    for episode in episodes(path) {
        *counts.entry((episode.task.id.0, episode.rollout)).or_default() += 1;
    }
    counts
}

fn replayed(library: &Library, path: &Path, threads: usize) -> (Replayed, Vec<u8>) {
    let mut out = Vec::new();
    let over =
        ReplayOver { retriever: &library.store, retrieval: "retrieval", pool: &|| Ok(Vec::new()) };
    let replayed = replay_episodes(path, &over, threads, &mut out, &|_| ()).unwrap();
    (replayed, out)
}

#[test]
fn every_rollout_is_made_once_and_judged() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("episodes.jsonl");
    let tasks = library.tasks();
    let options = RolloutOptions { rollouts: 2, threads: 3, ..normal() };
    let state = run(&library, &tasks, &path, &options, &trail).unwrap();
    assert_eq!((state.rollouts, state.before, state.tally.episodes), (6, 0, 6));
    assert_eq!((state.tally.scored, state.tally.n_failed()), (6, 0));
    let made = episodes(&path);
    assert_eq!(made.len(), 6);
    for episode in &made {
        assert_eq!(episode.policy, "trail");
        assert_eq!(episode.store, library.store.snapshot());
        assert_eq!(episode.seed, seed_of(0, &episode.task.id, episode.rollout));
        assert!(!episode.attempt.searches.is_empty());
        assert_eq!(episode.transcript[0].source, Source::Prompt);
        let Ending::Scored { verdict, reward } = &episode.ending else { panic!("{episode:?}") };
        assert_eq!(verdict.correct, episode.attempt.answer == episode.task.gold_answers[0]);
        assert_eq!(reward.total > 0.5, verdict.correct);
    }
    assert!(state.tally.correct >= 4, "{state:?}");
    // Nothing is left to do, and more rollouts of the same can be added.
    let before = fs_err::read(&path).unwrap();
    let again = run(&library, &tasks, &path, &options, &trail).unwrap();
    assert_eq!((again.before, again.tally), (6, state.tally));
    assert_eq!(fs_err::read(&path).unwrap(), before);
    let more = RolloutOptions { rollouts: 3, ..options };
    run(&library, &tasks, &path, &more, &trail).unwrap();
    let counts = counted(&path);
    assert_eq!(counts.len(), 9);
    assert!(counts.values().all(|n| *n == 1), "{counts:?}");
}

#[test]
fn a_run_that_died_goes_on_wherever_it_was_torn() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("episodes.jsonl");
    let tasks = library.tasks();
    run(&library, &tasks, &path, &normal(), &trail).unwrap();
    let whole = fs_err::read(&path).unwrap();
    let ends: Vec<usize> =
        whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
    // Before the head, in it, after it, in an episode, before its line feed, after it.
    for cut in [0, 3, ends[0] - 1, ends[0], ends[0] + 1, ends[1] - 1, ends[1], ends[2] + 100] {
        fs_err::write(&path, &whole[..cut]).unwrap();
        let state = run(&library, &tasks, &path, &normal(), &trail).unwrap();
        assert_eq!(state.before, ends.iter().skip(1).filter(|end| **end <= cut).count(), "{cut}");
        assert_eq!(state.torn, cut > 0 && !ends.contains(&cut), "{cut}");
        let counts = counted(&path);
        assert!(counts.len() == 3 && counts.values().all(|n| *n == 1), "{cut}: {counts:?}");
    }
}

#[test]
fn a_run_of_other_tasks_goes_on_where_that_is_wanted() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("episodes.jsonl");
    let tasks = library.tasks();
    run(&library, &tasks[..2], &path, &normal(), &trail).unwrap();
    let before = fs_err::read(&path).unwrap();
    let options = RolloutOptions { other_tasks: true, ..normal() };
    let state = run(&library, &tasks[1..], &path, &options, &trail).unwrap();
    assert_eq!((state.rollouts, state.before, state.tally.episodes), (2, 1, 3));
    assert!(fs_err::read(&path).unwrap().starts_with(&before));
    assert_eq!(counted(&path).len(), 3);
    let seeded = RolloutOptions { seed: 9, ..options };
    let error = run(&library, &tasks, &path, &seeded, &trail).unwrap_err().to_string();
    assert!(error.ends_with("is of another run: under `seed` it has 0, expected 9"), "{error}");
}

#[test]
fn a_file_of_another_run_is_refused_and_left_as_it_is() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("episodes.jsonl");
    let tasks = library.tasks();
    run(&library, &tasks, &path, &normal(), &trail).unwrap();
    let before = fs_err::read(&path).unwrap();
    let refused = |tasks: &[Task], options: &RolloutOptions| {
        let error = run(&library, tasks, &path, options, &trail).unwrap_err().to_string();
        error.replace(&path.display().to_string(), "FILE")
    };
    let seeded = RolloutOptions { seed: 9, ..normal() };
    assert_eq!(
        refused(&tasks, &seeded),
        "`FILE` is of another run: under `seed` it has 0, expected 9"
    );
    let fewer = refused(&tasks[..2], &normal());
    assert!(fewer.starts_with("`FILE` is of another run: under `tasks` it has 3 with the digest "));
    assert!(fewer.contains(", expected 2 with the digest "), "{fewer}");
    let empty = RolloutOptions { quality: Quality::Empty, ..normal() };
    assert_eq!(
        refused(&tasks, &empty),
        "`FILE` is of another run: under `quality` it has \"good\", expected \"empty\""
    );
    assert_eq!(fs_err::read(&path).unwrap(), before);
    fs_err::write(&path, "{\"some\": \"other file\"}\n").unwrap();
    let foreign = refused(&tasks, &normal());
    assert_eq!(foreign, "`FILE` does not begin with the head of a run of rollouts");
    assert_eq!(fs_err::read_to_string(&path).unwrap(), "{\"some\": \"other file\"}\n");
    let compressed = dir.path().join("episodes.jsonl.gz");
    let error = run(&library, &tasks, &compressed, &normal(), &trail).unwrap_err().to_string();
    assert!(error.starts_with("episodes cannot be appended to the compressed"), "{error}");
    let held = fs_err::File::open(&path).unwrap();
    held.file().try_lock().unwrap();
    assert_eq!(refused(&tasks, &normal()), "`FILE` is being written by another process");
}

#[test]
fn only_failures_of_the_infrastructure_are_tried_again() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let tasks = &library.tasks()[..1];
    let calls = Arc::new(AtomicU32::new(0));
    let answers = |n_failures: u32, calls: &Arc<AtomicU32>| {
        let calls = Arc::clone(calls);
        chat(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
            n if n < n_failures => Err(LmError::Unavailable {
                model: "m".to_owned(),
                reason: "no connection".to_owned(),
            }),
            _ => Acting::call("answer", json!({ "answer": "Selm", "claims": [] })),
        })
    };
    // Two failures, then an answer, which is wrong, and is not asked for again.
    let path = dir.path().join("two.jsonl");
    let state = run(&library, tasks, &path, &normal(), &answers(2, &calls)).unwrap();
    assert_eq!((state.tally.scored, state.tally.correct, state.tally.retries), (1, 0, 2));
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    assert_eq!(episodes(&path)[0].retries, 2);
    // Three are one too many: an error and no reward.
    let path = dir.path().join("three.jsonl");
    let calls = Arc::new(AtomicU32::new(0));
    run(&library, tasks, &path, &normal(), &answers(3, &calls)).unwrap();
    let Ending::Failed { boundary, message } = episodes(&path)[0].ending.clone() else { panic!() };
    assert_eq!(boundary, Boundary::Model);
    assert_eq!(message, "model `m` is unavailable: no connection");
}

#[test]
fn a_model_that_is_gone_ends_the_run_and_leaves_its_rollouts_for_the_next() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("episodes.jsonl");
    let tasks = library.tasks();
    let options = RolloutOptions { rollouts: 4, retries: 0, ..normal() };
    let gone = Arc::new(AtomicU32::new(2));
    let policy = {
        let gone = Arc::clone(&gone);
        chat(move |_| match gone.load(Ordering::Relaxed) {
            0 => Err(LmError::Unavailable { model: "m".to_owned(), reason: "gone".to_owned() }),
            n => {
                gone.store(if n > 1_000 { n } else { n - 1 }, Ordering::Relaxed);
                Acting::call("answer", json!({ "answer": "Varnograd", "claims": [] }))
            }
        })
    };
    let error = run(&library, &tasks, &path, &options, &policy).unwrap_err().to_string();
    assert_eq!(error, "4 rollouts in a row failed, the last with: model `m` is unavailable: gone");
    assert_eq!(episodes(&path).len(), 2);
    gone.store(1_000_000, Ordering::Relaxed);
    let state = run(&library, &tasks, &path, &options, &policy).unwrap();
    assert_eq!((state.before, state.tally.episodes, state.tally.n_failed()), (2, 12, 0));
}

#[test]
fn only_a_policy_that_says_not_found_has_said_it() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let mut task = library.tasks().remove(0);
    task.gold_answers.clear();
    task.evidence.clear();
    task.verifier = Verifier::NotFound;
    // The last that the model says, after a search: what it calls with which answer.
    let check = |name: &str, tool: &'static str, said: &'static str, right: bool| {
        let path = dir.path().join(format!("{name}.jsonl"));
        let policy = chat(move |request| {
            let searched = request.messages.iter().any(|message| !message.tool_calls.is_empty());
            match (searched, tool) {
                (true, "answer") => Acting::call("answer", json!({ "answer": said, "claims": [] })),
                _ => Acting::call("search", json!({ "query": "Varnograd" })),
            }
        });
        let tasks = std::slice::from_ref(&task);
        let budget = Budget { turns: Some(4), ..normal().budget };
        run(&library, tasks, &path, &RolloutOptions { budget, ..normal() }, &policy).unwrap();
        let episode = episodes(&path).remove(0);
        assert_eq!(episode.verdict().unwrap().correct, right, "{name}: {:?}", episode.ending);
        assert_eq!(episode.attempt.not_found, right, "{name}");
    };
    check("said", "answer", "Not found.", true);
    check("invented", "answer", "Atlantis", false);
    check("wordless", "answer", "...", false);
    check("silent", "search", "", false);
}

#[test]
fn what_a_policy_does_wrong_is_judged_and_what_a_judge_does_wrong_is_not() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("malformed.jsonl");
    let mut tasks = library.tasks();
    tasks.truncate(1);
    let babbling = chat(|_| {
        Err(LmError::MalformedReply {
            model: "m".to_owned(),
            expected: "a call".to_owned(),
            found: "babble".to_owned(),
        })
    });
    let state = run(&library, &tasks, &path, &normal(), &babbling).unwrap();
    assert_eq!((state.tally.scored, state.tally.correct, state.tally.retries), (1, 0, 0));
    let episode = &episodes(&path)[0];
    assert!(!episode.attempt.ended);
    assert_eq!(episode.reward().unwrap().total, 0.0);

    tasks[0].verifier = Verifier::Judge;
    let path = dir.path().join("judge.jsonl");
    let none = run(&library, &tasks, &path, &normal(), &trail).unwrap_err().to_string();
    assert_eq!(none, "1 tasks are verified by a judge: expected a model for it, found none");
    // An answer that no quote bears out is none, and a judge is not asked about it; so this one is
    // borne out by the first passage of a search.
    let searching = chat(|request| {
        let searched = request.messages.iter().any(|message| !message.tool_calls.is_empty());
        match searched {
            false => Acting::call("search", json!({ "query": "Varnograd port" })),
            true => Acting::call(
                "answer",
                json!({ "answer": "a port", "claims": [
                { "text": "Varnograd is a port", "evidence": ["e1"] }
            ] }),
            ),
        }
    });
    let maybe = || -> Result<Box<dyn LanguageModel>, LmError> {
        Ok(Box::new(Acting::new(|_, _| {
            Ok(Message::text(sleuth_records::Role::Assistant, "maybe"))
        })))
    };
    let around = RolloutSurroundings {
        judge: Some(&maybe),
        ..RolloutSurroundings::new(Arc::clone(&library.store), "retrieval", &searching)
    };
    let state = roll_out(&tasks, &path, &normal(), &around).unwrap();
    assert_eq!((state.tally.scored, state.tally.n_failed()), (0, 1));
    let Ending::Failed { boundary, message } = episodes(&path)[0].ending.clone() else { panic!() };
    assert_eq!(boundary, Boundary::Verifier);
    assert!(message.contains("expected `yes` or `no`, found `maybe`"), "{message}");
}

#[test]
fn a_judge_that_is_away_is_asked_again_and_burns_no_rollout() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("episodes.jsonl");
    let mut tasks = library.tasks();
    for task in &mut tasks {
        task.verifier = Verifier::Judge;
        task.gold_answers = vec!["something else".to_owned()];
    }
    // Calls of the judge, and how many of them from the first fail.
    let (calls, failing) = (AtomicU32::new(0), AtomicU32::new(2));
    let (calls, failing) = (Arc::new(calls), Arc::new(failing));
    let judge = || -> Result<Box<dyn LanguageModel>, LmError> {
        let (calls, failing) = (Arc::clone(&calls), Arc::clone(&failing));
        Ok(Box::new(Acting::new(move |_, _| {
            let away = calls.fetch_add(1, Ordering::Relaxed) < failing.load(Ordering::Relaxed);
            let gone = || LmError::Unavailable { model: "j".to_owned(), reason: "gone".to_owned() };
            match away {
                true => Err(gone()),
                false => Ok(Message::text(sleuth_records::Role::Assistant, "no")),
            }
        })))
    };
    let around = RolloutSurroundings {
        judge: Some(&judge),
        ..RolloutSurroundings::new(Arc::clone(&library.store), "retrieval", &trail)
    };
    let options = RolloutOptions { rollouts: 2, ..normal() };
    let state = roll_out(&tasks, &path, &options, &around).unwrap();
    assert_eq!((state.tally.scored, state.tally.n_failed(), state.tally.retries), (6, 0, 0));
    assert_eq!(calls.load(Ordering::Relaxed), 8);
    // One that stays away ends the run, which goes on when it is back.
    let path = dir.path().join("away.jsonl");
    failing.store(u32::MAX, Ordering::Relaxed);
    let error = roll_out(&tasks, &path, &options, &around).unwrap_err().to_string();
    assert_eq!(
        error,
        "4 rollouts in a row failed, the last with: the judge could not be asked: model `j` is \
         unavailable: gone"
    );
    assert!(episodes(&path).is_empty());
    failing.store(0, Ordering::Relaxed);
    let state = roll_out(&tasks, &path, &options, &around).unwrap();
    assert_eq!((state.before, state.tally.scored, state.tally.n_failed()), (0, 6, 0));
}

#[test]
fn a_judge_is_cut_off_by_the_deadline_and_by_the_person() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let mut tasks = library.tasks();
    tasks.truncate(1);
    tasks[0].verifier = Verifier::Judge;
    tasks[0].gold_answers = vec!["something else".to_owned()];
    let go = |name: &str, late: bool| {
        let path = dir.path().join(name);
        let clock = Arc::new(ToldClock(AtomicU64::new(0)));
        let stopped = Arc::new(AtomicU32::new(0));
        let (moved, stopping) = (Arc::clone(&clock), Arc::clone(&stopped));
        let judge = move || -> Result<Box<dyn LanguageModel>, LmError> {
            let (moved, stopping) = (Arc::clone(&moved), Arc::clone(&stopping));
            Ok(Box::new(Acting::new(move |_, cancel| {
                match late {
                    true => moved.0.store(1_000_000, Ordering::Relaxed),
                    false => stopping.store(1, Ordering::Relaxed),
                }
                assert!(cancel());
                Err(LmError::Cancelled)
            })))
        };
        let around = RolloutSurroundings {
            clock,
            judge: Some(&judge),
            stop: Arc::new(move || stopped.load(Ordering::Relaxed) > 0),
            ..RolloutSurroundings::new(Arc::clone(&library.store), "retrieval", &trail)
        };
        let deadline = Some(Duration::from_secs(100));
        let options = RolloutOptions { deadline, ..normal() };
        let state = roll_out(&tasks, &path, &options, &around).unwrap();
        (state.stopped, episodes(&path))
    };
    let (stopped, made) = go("late.jsonl", true);
    assert!(!stopped);
    assert!(matches!(made[0].ending, Ending::Failed { boundary: Boundary::Verifier, .. }));
    let (stopped, made) = go("stopped.jsonl", false);
    assert!(stopped && made.is_empty());
}

/// A clock that moves only when it is told.
struct ToldClock(AtomicU64);

impl Clock for ToldClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn at_the_deadline_a_policy_writes_up_and_later_it_is_cut_off() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let tasks = &library.tasks()[..1];
    let options = RolloutOptions { deadline: Some(Duration::from_secs(100)), ..normal() };
    // Each search takes so many seconds of the model, and the answer at the end so many.
    let go = |name: &str, search: u64, answer: u64| {
        let path = dir.path().join(name);
        let clock = Arc::new(ToldClock(AtomicU64::new(0)));
        let moved = Arc::clone(&clock);
        let policy = move |tap: &ModelTap| -> Result<Box<dyn Policy + Send>, AgentError> {
            let moved = Arc::clone(&moved);
            let mut queries = ["Tonkova born", "Varnograd river", "Okrin Hills", "lamp oil"].iter();
            let model = Acting::new(move |request, cancel| {
                let last = matches!(request.choice, sleuth_lm::ToolChoice::Only(_));
                let seconds = if last { answer } else { search };
                // It takes its time, and then looks whether it is still wanted.
                moved.0.fetch_add(seconds * 1000, Ordering::Relaxed);
                if cancel() {
                    return Err(LmError::Cancelled);
                }
                match queries.next().filter(|_| !last) {
                    Some(query) => Acting::call("search", json!({ "query": query })),
                    None => Acting::call("answer", json!({ "answer": "Varnograd", "claims": [] })),
                }
            });
            let options = ChatOptions { lead: 0, ..ChatOptions::default() };
            Ok(Box::new(Chat::new(tap.model(Box::new(model)), options)))
        };
        let around = RolloutSurroundings {
            clock,
            ..RolloutSurroundings::new(Arc::clone(&library.store), "retrieval", &policy)
        };
        roll_out(tasks, &path, &options, &around).unwrap();
        (path.clone(), episodes(&path).remove(0))
    };
    // The fourth call is cut short at 120 s, and what is written at 121 s counts.
    let (path, in_time) = go("in_time.jsonl", 30, 1);
    assert!(in_time.verdict().unwrap().correct, "{:?}", in_time.ending);
    assert_eq!(in_time.attempt.searches.len(), 3);
    assert!(in_time.recording.stopped_at.is_some());
    let (again, _) = replayed(&library, &path, 1);
    assert_eq!((again.episodes, again.same), (1, 1), "{again:?}");
    // At 126 s it does not: all time is over after a quarter more than the deadline.
    let (_, late) = go("late.jsonl", 30, 6);
    let Ending::Failed { boundary, message } = &late.ending else { panic!("{:?}", late.ending) };
    assert_eq!(*boundary, Boundary::Model);
    assert_eq!(message, "the model went on after the deadline, and was cut off");
}

#[test]
fn tasks_of_another_store_are_refused_or_counted() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("episodes.jsonl");
    let mut tasks = library.tasks();
    tasks[1].store = Some("another".to_owned());
    let error = run(&library, &tasks, &path, &normal(), &trail).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "1 of 3 tasks were made from another snapshot of the store: expected `another`, as \
             task `river` says, found `{}`",
            library.store.snapshot()
        )
    );
    tasks[2].evidence[0].document = DocumentId::new("gone");
    tasks[0].evidence[0].quote = "other words".to_owned();
    let error = run(&library, &tasks, &path, &normal(), &trail).unwrap_err().to_string();
    assert_eq!(
        error,
        "the evidence of 2 of 3 tasks is not in the store: task `born` names the document \
         `tonkova`, which has another text at the place named"
    );
    assert!(!path.exists());
    let drifting = RolloutOptions { allow_drift: true, ..normal() };
    let state = run(&library, &tasks, &path, &drifting, &trail).unwrap();
    assert_eq!((state.fit.drifted, state.fit.without_evidence), (1, 2));
    assert_eq!(state.tally.episodes, 3);
}

#[test]
fn stopping_drops_what_is_in_flight() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("episodes.jsonl");
    let tasks = library.tasks();
    let options = RolloutOptions { rollouts: 50, threads: 2, ..normal() };
    let made = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&made);
    let told = move |state: &RolloutProgress| {
        counting.store(state.tally.episodes as u32, Ordering::Relaxed);
    };
    let around = RolloutSurroundings {
        stop: Arc::new(move || made.load(Ordering::Relaxed) >= 5),
        on_progress: &told,
        ..RolloutSurroundings::new(Arc::clone(&library.store), "retrieval", &trail)
    };
    let state = roll_out(&tasks, &path, &options, &around).unwrap();
    assert!(state.stopped && state.tally.episodes < 20, "{state:?}");
    let state = run(&library, &tasks, &path, &options, &trail).unwrap();
    assert!(!state.stopped && state.before >= 5);
    let counts = counted(&path);
    assert!(counts.len() == 150 && counts.values().all(|n| *n == 1));
}

/// A model that searches twice, says something malformed once, and answers from what it found.
fn hunter(request: &sleuth_lm::Request<'_>) -> Result<Message, LmError> {
    let replies = request
        .messages
        .iter()
        .filter(|message| message.role == sleuth_records::Role::Assistant)
        .count();
    let corrected =
        request.messages.iter().any(|message| message.content.contains("no valid tool call"));
    match (replies, corrected) {
        (0, _) => Acting::call("search", json!({ "query": "Tonkova" })),
        (1, false) => Err(LmError::MalformedReply {
            model: "m".to_owned(),
            expected: "a call".to_owned(),
            found: format!("babble {}", request.seed),
        }),
        (1, true) => Acting::call("search", json!({ "query": "Varnograd river" })),
        _ => Acting::call(
            "answer",
            json!({ "answer": "Varnograd", "claims": [
            { "text": "Mirela Tonkova was born in Varnograd", "evidence": ["e1"] }
        ] }),
        ),
    }
}

#[test]
fn episodes_replay_to_the_same_bytes_on_any_number_of_threads() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let tasks = library.tasks();
    let options = RolloutOptions { rollouts: 20, threads: 4, ..normal() };
    let chatting = chat(hunter);
    let policies: [(&str, &sleuth_tasks::MakePolicy<'_>); 2] =
        [("trail", &trail), ("chat", &chatting)];
    for (name, policy) in policies {
        let path = dir.path().join(format!("{name}.jsonl"));
        run(&library, &tasks, &path, &options, policy).unwrap();
        let (one, bytes_of_one) = replayed(&library, &path, 1);
        let (four, bytes_of_four) = replayed(&library, &path, 4);
        assert_eq!((one.episodes, one.same, one.passed_over), (60, 60, 0), "{one:?}");
        assert_eq!(one, four);
        assert_eq!(bytes_of_one, bytes_of_four);
        // What comes out is what is in the file, times aside.
        let recorded: Vec<u8> = episodes(&path)
            .into_iter()
            .flat_map(|episode| {
                let mut line = serde_json::to_vec(&episode.without_times()).unwrap();
                line.push(b'\n');
                line
            })
            .collect();
        assert_eq!(recorded, bytes_of_one);
    }
    // What was changed by hand is found: a word of an answer, a reply of a model.
    for (name, from, to) in [
        ("trail", "\"answer\":\"Grey Top\"", "\"answer\":\"Grey Tip\""),
        ("chat", "{\"query\":\"Varnograd river\"}", "{\"query\":\"Varnograd rivers\"}"),
    ] {
        let path = dir.path().join(format!("{name}.jsonl"));
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        fs_err::write(&path, text.replacen(from, to, 1)).unwrap();
        let (found, _) = replayed(&library, &path, 2);
        assert_eq!((found.episodes - found.same, found.differences.len()), (1, 1), "{found:?}");
    }
    // Another store is another matter.
    let other = Library::of(vec![Document::new(DocumentId::new("a"), "A", "Words.")]);
    let over =
        ReplayOver { retriever: &other.store, retrieval: "retrieval", pool: &|| Ok(Vec::new()) };
    let path = dir.path().join("trail.jsonl");
    let error = replay_episodes(&path, &over, 1, &mut Vec::new(), &|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("the episodes were made over the snapshot `"), "{error}");
}

#[test]
fn bad_search_is_the_same_on_any_number_of_threads_and_replays() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let tasks = library.tasks();
    let passages: Vec<Passage> = {
        let ranking = library.store.search(&Query::new("the river organ novel", 10)).unwrap();
        ranking.hits.into_iter().map(|hit| hit.passage).collect()
    };
    for quality in [Quality::Noisy { rate: 0.5 }, Quality::Failing { rate: 0.5 }] {
        let made = |name: &str, threads: usize| {
            let path = dir.path().join(format!("{quality}-{name}.jsonl"));
            let options = RolloutOptions { rollouts: 8, threads, quality, ..normal() };
            let around = RolloutSurroundings {
                pool: passages.clone().into(),
                ..RolloutSurroundings::new(
                    Arc::clone(&library.store),
                    quality.retrieval("retrieval", 0),
                    &trail,
                )
            };
            roll_out(&tasks, &path, &options, &around).unwrap();
            let mut made: Vec<Episode> =
                episodes(&path).into_iter().map(Episode::without_times).collect();
            made.sort_by_key(|episode| (episode.task.id.clone(), episode.rollout));
            (path, made)
        };
        let (path, one) = made("one", 1);
        let (_, four) = made("four", 4);
        assert_eq!(one, four);
        // The rollouts of one task differ, since their seeds do.
        assert!(one.chunks(8).any(|group| {
            group.iter().any(|episode| episode.attempt.searches != group[0].attempt.searches)
        }));
        let over = ReplayOver {
            retriever: &library.store,
            retrieval: "retrieval",
            pool: &|| Ok(passages.clone()),
        };
        let replayed = replay_episodes(&path, &over, 3, &mut Vec::new(), &|_| ()).unwrap();
        assert_eq!((replayed.episodes, replayed.same), (24, 24), "{replayed:?}");
    }
}

/// A store that cannot be read now and then.
struct Flaky {
    inner: Arc<dyn Retriever>,
    failures: AtomicU32,
}

impl Retriever for Flaky {
    fn snapshot(&self) -> &str {
        self.inner.snapshot()
    }

    fn search(&self, query: &Query) -> Result<Ranking, IndexError> {
        let left = self.failures.load(Ordering::Relaxed);
        if left > 0 {
            self.failures.store(left - 1, Ordering::Relaxed);
            return Err(IndexError::Io {
                path: "store".into(),
                source: std::io::Error::other("the disk is away"),
            });
        }
        self.inner.search(query)
    }

    fn document(&self, id: &DocumentId) -> Result<Option<Arc<Document>>, IndexError> {
        self.inner.document(id)
    }

    fn mentions(&self, text: &str) -> Result<Vec<Mention>, IndexError> {
        self.inner.mentions(text)
    }

    fn rarity(&self, terms: &[String]) -> Result<Vec<f32>, IndexError> {
        self.inner.rarity(terms)
    }
}

#[test]
fn a_store_that_fails_is_an_error_of_the_store() {
    let library = Library::new();
    let dir = tempfile::tempdir().unwrap();
    let tasks = &library.tasks()[..1];
    let go = |failures: u32| {
        let path = dir.path().join(format!("{failures}.jsonl"));
        let store = Flaky { inner: Arc::clone(&library.store), failures: AtomicU32::new(failures) };
        let around = RolloutSurroundings::new(Arc::new(store), "retrieval", &trail);
        roll_out(tasks, &path, &normal(), &around).unwrap();
        let episode = episodes(&path).remove(0);
        (episode.retries, episode.ending, path)
    };
    let (retries, ending, _) = go(1);
    assert!(retries == 1 && matches!(ending, Ending::Scored { .. }));
    let (_, ending, path) = go(100);
    assert!(matches!(ending, Ending::Failed { boundary: Boundary::Store, .. }), "{ending:?}");
    // What failed in it does not come again, so it is not replayed.
    let (replayed, bytes) = replayed(&library, &path, 1);
    assert_eq!((replayed.episodes, replayed.passed_over, bytes.len()), (0, 1, 0));
}
