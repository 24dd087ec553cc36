//! Running the episodes of a file again, and comparing.
//!
//! Each episode is run over the store from its seed, its model answering from the
//! [recording](super::recording), and must come out as it stands in the file, times aside. Episodes
//! are written in the order of the file with all times zero, so replays on any number of threads give
//! the same bytes.

use std::io::{BufRead as _, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use sleuth_agent::{Chat, Policy, Trail};
use sleuth_index::{IndexError, Retriever};
use sleuth_records::Passage;

use super::file::parse_head;
use super::head::{MARK, RolloutHead};
use super::one;
use super::recording::{Departed, StillClock, Tape};
use super::{RolloutError, at_quality};
use crate::attempt::Attempt;
use crate::episode::{Boundary, Ending, Episode};
use crate::lines::LinesError;
use crate::task::{Task, TaskId, Verifier};
use crate::verify::{RecordedJudge, verify};

/// Episodes that are held at a time, for each thread.
const BATCH: usize = 32;

/// What came of a replay.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Replayed {
    /// Episodes run again.
    pub episodes: u64,
    /// Of those, that came out as they were recorded.
    pub same: u64,
    /// Episodes passed over, since what failed in them does not come again: the store, the log, or a judge.
    pub passed_over: u64,
    /// Whether the file's last line was torn, and left out.
    pub torn: bool,
    /// The first that differ, at most [`Replayed::MOST_NAMED`]: task, rollout, and in what.
    pub differences: Vec<(TaskId, u32, String)>,
}

impl Replayed {
    /// Differences that are named.
    pub const MOST_NAMED: usize = 20;
}

/// The store that episodes are run over again.
pub struct ReplayOver<'a> {
    /// The store.
    pub retriever: &'a Arc<dyn Retriever>,
    /// Its retrieval id where it is good; that of its quality is made from it.
    pub retrieval: &'a str,
    /// Gives the passages that bad search takes from; asked only where they are needed.
    pub pool: &'a dyn Fn() -> Result<Vec<Passage>, IndexError>,
}

/// Runs the episodes of the file at `path` again over their store on `threads` threads, and writes
/// what came out to `out`.
///
/// # Errors
/// When the file cannot be read, has no head, belongs to another store, or `out` cannot be written.
pub fn replay_episodes(
    path: &Path,
    over: &ReplayOver<'_>,
    threads: usize,
    out: &mut dyn Write,
    on_progress: &dyn Fn(&Replayed),
) -> Result<Replayed, RolloutError> {
    let read = |source: std::io::Error| RolloutError::Lines(LinesError::Io(source));
    let mut reader = crate::lines::open(path).map_err(read)?;
    let mut replayed = Replayed::default();
    let mut again: Option<Again<'_>> = None;
    let mut batch: Vec<(usize, Vec<u8>)> = Vec::new();
    let threads = threads.max(1);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        reader.read_until(b'\n', &mut line).map_err(read)?;
        let (end, is_head) = (!line.ends_with(b"\n"), line.starts_with(MARK));
        if (end || is_head || batch.len() == BATCH * threads)
            && let Some(again) = &again
        {
            let lines = std::mem::take(&mut batch);
            run_batch(again, &lines, threads, &mut replayed, out)?;
            on_progress(&replayed);
        }
        if end {
            replayed.torn = !line.is_empty();
            break;
        }
        if is_head {
            let head = parse_head(path, number, &line)?;
            again = Some(Again::new(path, head, over)?);
        } else if again.is_none() {
            return Err(RolloutError::NoRecording { path: path.to_owned() });
        } else {
            batch.push((number, std::mem::take(&mut line)));
        }
    }
    if again.is_none() {
        return Err(RolloutError::NoRecording { path: path.to_owned() });
    }
    Ok(replayed)
}

/// What came of one episode: the line to write, and in what it differs; nothing where it was passed
/// over.
type One = Option<(Episode, Option<String>)>;

/// What the episodes of a head are run with.
struct Again<'a> {
    path: &'a Path,
    head: RolloutHead,
    retriever: &'a Arc<dyn Retriever>,
    pool: Arc<[Passage]>,
}

fn run_batch(
    again: &Again<'_>,
    lines: &[(usize, Vec<u8>)],
    threads: usize,
    replayed: &mut Replayed,
    out: &mut dyn Write,
) -> Result<(), RolloutError> {
    let mut results: Vec<Option<Result<One, RolloutError>>> = Vec::new();
    results.resize_with(lines.len(), || None);
    let share = lines.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        for (lines, results) in lines.chunks(share).zip(results.chunks_mut(share)) {
            scope.spawn(move || {
                for ((number, line), result) in lines.iter().zip(results) {
                    *result = Some(again.run(*number, line));
                }
            });
        }
    });
    for result in results.into_iter().flatten() {
        let Some((episode, difference)) = result? else {
            replayed.passed_over += 1;
            continue;
        };
        replayed.episodes += 1;
        match difference {
            None => replayed.same += 1,
            Some(what) if replayed.differences.len() < Replayed::MOST_NAMED => {
                replayed.differences.push((episode.task.id.clone(), episode.rollout, what));
            }
            Some(_) => {}
        }
        crate::lines::write_episode(out, &episode)
            .map_err(|source| RolloutError::Write { path: "the output".into(), source })?;
    }
    Ok(())
}

impl<'a> Again<'a> {
    fn new(path: &'a Path, head: RolloutHead, over: &ReplayOver<'a>) -> Result<Self, RolloutError> {
        let snapshot = over.retriever.snapshot().to_owned();
        let retrieval = head.quality.retrieval(over.retrieval, head.seed);
        for (what, expected, found) in
            [("snapshot", &head.store, snapshot), ("retrieval", &head.retrieval, retrieval)]
        {
            if *expected != found {
                return Err(RolloutError::OtherStore { what, expected: expected.clone(), found });
            }
        }
        let pool = if head.quality.needs_pool() { (over.pool)()? } else { Vec::new() };
        Ok(Self { path, head, retriever: over.retriever, pool: pool.into() })
    }

    fn run(&self, number: usize, line: &[u8]) -> Result<One, RolloutError> {
        let Self { path, head, retriever, pool } = self;
        let recorded: Episode =
            serde_json::from_slice(line).map_err(|source| LinesError::Malformed {
                path: (*path).to_owned(),
                line: number,
                what: "episode",
                source,
            })?;
        let judged = recorded.task.verifier == Verifier::Judge;
        match recorded.ending {
            Ending::Failed { boundary: Boundary::Store | Boundary::Log, .. } => return Ok(None),
            Ending::Failed { boundary: Boundary::Verifier, .. } if judged => return Ok(None),
            Ending::Failed { .. } | Ending::Scored { .. } => {}
        }
        let departed = Departed::default();
        let mut policy = self.policy(&recorded, &departed)?;
        let asked = AtomicU64::new(0);
        let stop_at = recorded.recording.stopped_at;
        let stop = || {
            let asked = asked.fetch_add(1, Ordering::Relaxed) + 1;
            stop_at.is_some_and(|at| asked >= at)
        };
        let retriever = at_quality(retriever, pool, head.quality, recorded.seed);
        let limits = (&head.budget, recorded.seed);
        let task = &recorded.task;
        let mut hunted =
            one::hunt(policy.as_mut(), task, retriever.as_ref(), limits, &StillClock, &stop);
        hunted.recording = recorded.recording.clone();
        let (rollout, seed, retries) = (recorded.rollout, recorded.seed, recorded.retries);
        let place = one::Place { head, task, rollout, seed, retries };
        let calls = recorded.verdict().map_or(&[][..], |verdict| &verdict.calls);
        let mut judge = RecordedJudge::new(calls);
        let verdict = |task: &Task, attempt: &Attempt| verify(task, attempt, Some(&mut judge));
        let replayed = one::judge(&place, hunted, verdict).without_times();
        let recorded = recorded.without_times();
        let difference = departed.take().or_else(|| {
            let value = |episode| serde_json::to_value(episode).unwrap_or_default();
            (replayed != recorded).then(|| difference(&value(&recorded), &value(&replayed), ""))
        });
        Ok(Some((replayed, difference)))
    }

    fn policy(
        &self,
        recorded: &Episode,
        departed: &Departed,
    ) -> Result<Box<dyn Policy>, RolloutError> {
        let head = &self.head;
        let unfit =
            |reason: String| RolloutError::Unreplayable { policy: head.policy.clone(), reason };
        let settings = head.settings.clone();
        let of_another = |error| unfit(format!("its settings are of another version: {error}"));
        match (head.policy.as_str(), &head.model) {
            ("trail", _) => {
                let options = serde_json::from_value(settings).map_err(of_another)?;
                Ok(Box::new(Trail { options }))
            }
            ("chat", Some(info)) => {
                let options = serde_json::from_value(settings).map_err(of_another)?;
                let calls = recorded.recording.calls.clone();
                let tape = Tape::new(info.clone(), calls, departed.clone());
                Ok(Box::new(Chat::new(Box::new(tape), options)))
            }
            _ => Err(unfit("only `trail` and `chat` can be made again".to_owned())),
        }
    }
}

/// Where two JSON values first differ, in words.
fn difference(recorded: &Value, replayed: &Value, at: &str) -> String {
    match (recorded, replayed) {
        (Value::Object(one), Value::Object(two)) => {
            let names = one.keys().chain(two.keys());
            for name in names {
                let (one, two) = (one.get(name), two.get(name));
                if one != two {
                    let (one, two) = (one.unwrap_or(&Value::Null), two.unwrap_or(&Value::Null));
                    return difference(one, two, &format!("{at}.{name}"));
                }
            }
        }
        (Value::Array(one), Value::Array(two)) => {
            for n in 0..one.len().max(two.len()) {
                let (one, two) = (one.get(n), two.get(n));
                if one != two {
                    let (one, two) = (one.unwrap_or(&Value::Null), two.unwrap_or(&Value::Null));
                    return difference(one, two, &format!("{at}[{n}]"));
                }
            }
        }
        _ => {}
    }
    let text = |value: &Value| value.to_string().chars().take(200).collect::<String>();
    format!(
        "{}: recorded {}, replayed {}",
        at.trim_start_matches('.'),
        text(recorded),
        text(replayed)
    )
}
