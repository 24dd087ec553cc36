//! Rollout logs: ours, and those that TRL, verl and SkyRL write.
//!
//! | format | a line has | who writes it |
//! |---|---|---|
//! | sleuth | `task`, `attempt`, `ending` | `sleuth tasks rollout`, `sleuth serve` |
//! | verl | `input`, `output`, `score`, `step` | `trainer.rollout_data_dir`, a file a step |
//! | skyrl | `input_prompt`, `output_response`, `score` | `trainer.dump_eval_results`, a folder a step |
//! | trl | `prompt`, `completion`, `step`, a column for each reward | `log_completions`, as JSON Lines |
//!
//! The first line decides which a file is, and every other line has to be the same. A step is what the
//! line says, else what the name of the file or of its folder says (`120.jsonl`, `step-120.jsonl`,
//! `global_step_120_evals/`); where nobody says, consecutive rollouts are put together by number.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use sleuth_records::Digest;
use sleuth_tasks::{Ending, Episode, LinesError, read_episodes};

use super::conduct::Conduct;
use crate::system::Band;

/// Longest line that is read, in bytes.
const LONGEST: u64 = 256 << 20;

/// A log that cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum LogReadError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A file of episodes of ours cannot be read.
    #[error(transparent)]
    Episodes(#[from] LinesError),
    /// There is nothing in it.
    #[error("no rollouts in `{}`", path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
    },
    /// The first line is of no known format.
    #[error(
        "unknown log format of `{}`: expected a line of sleuth, verl, skyrl or trl, found {found}",
        path.display()
    )]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The keys of the line, or what it is instead of an object.
        found: String,
    },
    /// It is a Parquet file.
    #[error("`{}` is a Parquet file: expected JSON Lines", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
    },
    /// A line is not of the format that the file began with.
    #[error("malformed line {line} of `{}`: expected a line of {format} with {expected}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
        /// The format.
        format: LogFormat,
        /// What is missing.
        expected: &'static str,
    },
}

/// Who wrote a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// This program.
    Sleuth,
    /// verl.
    Verl,
    /// SkyRL.
    SkyRl,
    /// TRL.
    Trl,
}

impl LogFormat {
    /// The word in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sleuth => "sleuth",
            Self::Verl => "verl",
            Self::SkyRl => "skyrl",
            Self::Trl => "trl",
        }
    }

    fn of(line: &Map<String, Value>) -> Option<Self> {
        let has = |keys: &[&str]| keys.iter().all(|key| line.contains_key(*key));
        // Our files may begin with what the episodes were made under.
        if has(&["task", "attempt", "ending"]) || has(&["rollouts"]) {
            Some(Self::Sleuth)
        } else if has(&["input", "output", "score"]) {
            Some(Self::Verl)
        } else if has(&["input_prompt", "output_response", "score"]) {
            Some(Self::SkyRl)
        } else if has(&["prompt", "completion"]) {
            Some(Self::Trl)
        } else {
            None
        }
    }
}

impl std::fmt::Display for LogFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One rollout of a log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Logged {
    /// The step it belongs to, where anybody says.
    pub(crate) step: Option<u64>,
    /// Rollouts of one group have the same question.
    pub(crate) group: String,
    /// Stated difficulty.
    pub(crate) band: Option<Band>,
    /// What the policy did.
    pub(crate) conduct: Conduct,
    /// Whether the answer is right.
    pub(crate) right: bool,
    /// What training got.
    pub(crate) reward: f64,
}

/// The rollouts of a file or folder, in order.
#[derive(Clone, Debug)]
pub(crate) struct ReadLog {
    pub(crate) format: LogFormat,
    pub(crate) rollouts: Vec<Logged>,
    /// Whether a last line was cut.
    pub(crate) torn: bool,
    /// Rollouts that ended in an error and are left out.
    pub(crate) n_failed: usize,
}

/// Files of a path: itself, or the logs in a folder and in its folders, by step and then by name.
/// SkyRL's file of means is no log.
pub(crate) fn files_at(path: &Path) -> Result<Vec<PathBuf>, LogReadError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if (name.ends_with(".jsonl") || name.ends_with(".jsonl.zst"))
                && !name.starts_with("aggregated_results")
            {
                files.push(path);
            }
        }
    }
    files.sort_by_key(|file| (step_in_name(file), file.clone()));
    if files.is_empty() {
        return Err(LogReadError::Empty { path: path.to_owned() });
    }
    Ok(files)
}

/// Reads a log. An answer is right where the log says so, else where its score is at least
/// `right_from`.
pub(crate) fn read_log(path: &Path, right_from: f64) -> Result<ReadLog, LogReadError> {
    let file = fs_err::File::open(path)?;
    let is_compressed = path.extension().is_some_and(|extension| extension == "zst");
    let reader: Box<dyn Read> =
        if is_compressed { Box::new(zstd::Decoder::new(file)?) } else { Box::new(file) };
    let mut reader = BufReader::with_capacity(1 << 20, reader);
    if reader.fill_buf()?.starts_with(b"PAR1") {
        return Err(LogReadError::Parquet { path: path.to_owned() });
    }
    let of_name = step_in_name(path);
    let mut out: Option<ReadLog> = None;
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        if reader.by_ref().take(LONGEST).read_until(b'\n', &mut text)? == 0 {
            break;
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let parsed = serde_json::from_slice::<Value>(&text);
        let Some(log) = &mut out else {
            let unknown = |found| LogReadError::Unknown { path: path.to_owned(), found };
            let line = match parsed {
                Ok(Value::Object(line)) => line,
                Ok(_) => return Err(unknown("JSON that is no object".to_owned())),
                // The first line was in flight when the writer ended.
                Err(_) if !text.ends_with(b"\n") => break,
                Err(_) => return Err(unknown("a line that is no JSON".to_owned())),
            };
            let format = LogFormat::of(&line).ok_or_else(|| unknown(keys_of(&line)))?;
            if format == LogFormat::Sleuth {
                return ours(path, of_name);
            }
            let mut log = ReadLog { format, rollouts: Vec::new(), torn: false, n_failed: 0 };
            log.take(path, number, &line, of_name, right_from)?;
            out = Some(log);
            continue;
        };
        match parsed {
            Ok(Value::Object(line)) => log.take(path, number, &line, of_name, right_from)?,
            Err(_) if !text.ends_with(b"\n") => log.torn = true,
            _ => {
                let (path, line, format) = (path.to_owned(), number, log.format);
                let expected = "one JSON object";
                return Err(LogReadError::Malformed { path, line, format, expected });
            }
        }
    }
    out.ok_or_else(|| LogReadError::Empty { path: path.to_owned() })
}

fn keys_of(line: &Map<String, Value>) -> String {
    const SHOWN: usize = 8;
    let keys: Vec<String> = line.keys().take(SHOWN).map(|key| format!("`{key}`")).collect();
    let more = if line.len() > SHOWN { ", …" } else { "" };
    if keys.is_empty() {
        "an empty object".to_owned()
    } else {
        format!("{}{more}", keys.join(", "))
    }
}

/// Reads episodes of ours.
fn ours(path: &Path, of_name: Option<u64>) -> Result<ReadLog, LogReadError> {
    let format = LogFormat::Sleuth;
    let mut log = ReadLog { format, rollouts: Vec::new(), torn: false, n_failed: 0 };
    let torn = read_episodes(path, |episode| {
        match &episode.ending {
            Ending::Failed { .. } => log.n_failed += 1,
            Ending::Scored { verdict, reward } => log.rollouts.push(Logged {
                step: of_name,
                group: episode.task.id.0.clone(),
                band: episode.task.difficulty.map(Band::of),
                conduct: conduct_of(&episode),
                right: verdict.correct,
                reward: reward.total,
            }),
        }
        Ok::<(), LinesError>(())
    })?;
    log.torn = torn;
    Ok(log)
}

fn conduct_of(episode: &Episode) -> Conduct {
    let attempt = &episode.attempt;
    Conduct {
        queries: attempt.searches.iter().map(|searched| searched.query.clone()).collect(),
        actions: (attempt.turns as usize).max(attempt.invalid_actions as usize),
        invalid: attempt.invalid_actions as usize,
        results: attempt.searches.len(),
        empty: attempt.searches.iter().filter(|searched| searched.documents.is_empty()).count(),
    }
}

impl ReadLog {
    fn take(
        &mut self,
        path: &Path,
        number: usize,
        line: &Map<String, Value>,
        of_name: Option<u64>,
        right_from: f64,
    ) -> Result<(), LogReadError> {
        let malformed = |expected| LogReadError::Malformed {
            path: path.to_owned(),
            line: number,
            format: self.format,
            expected,
        };
        let (prompt, output) = match self.format {
            LogFormat::Verl => ("input", "output"),
            LogFormat::SkyRl => ("input_prompt", "output_response"),
            LogFormat::Trl | LogFormat::Sleuth => ("prompt", "completion"),
        };
        // TRL logs evaluations beside the training.
        if line.get("mode").is_some_and(|mode| mode != "train") {
            return Ok(());
        }
        let prompt = line.get(prompt).map(text_of).unwrap_or_default();
        let wants_tag = prompt.contains("<answer>");
        let conduct = match line.get(output) {
            Some(Value::String(text)) => Conduct::of_text(text, wants_tag),
            Some(Value::Array(messages)) => Conduct::of_messages(messages, wants_tag),
            _ if self.format == LogFormat::Trl => return Err(malformed("`completion`")),
            _ if self.format == LogFormat::Verl => return Err(malformed("`output`")),
            _ => return Err(malformed("`output_response`")),
        };
        let reward = match self.format {
            LogFormat::Trl => reward_columns(line).ok_or_else(|| malformed("a numeric reward"))?,
            LogFormat::Verl | LogFormat::SkyRl | LogFormat::Sleuth => {
                line.get("score").and_then(sum_of).ok_or_else(|| malformed("a numeric `score`"))?
            }
        };
        let said = ["acc", "em", "correct"].iter().find_map(|key| {
            let value = line.get(*key)?;
            value.as_bool().or_else(|| Some(value.as_f64()? >= right_from))
        });
        let step = line.get("step").or_else(|| line.get("global_step")).and_then(Value::as_u64);
        let mut digest = Digest::new();
        self.rollouts.push(Logged {
            step: step.or(of_name),
            group: digest.field(prompt.as_bytes()).hex(),
            band: line.get("difficulty").and_then(Value::as_f64).map(Band::of),
            conduct,
            right: said.unwrap_or(reward >= right_from),
            reward,
        });
        Ok(())
    }
}

/// A prompt as one text, whether it was logged as text or as messages.
fn text_of(value: &Value) -> String {
    if let Some(text) = value.as_str() {
        return text.to_owned();
    }
    let messages = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let content = |message: &Value| message["content"].as_str().map(str::to_owned);
    messages.iter().filter_map(content).collect::<Vec<_>>().join("\n")
}

/// A number, or the sum of one number a token.
fn sum_of(value: &Value) -> Option<f64> {
    match value.as_array() {
        Some(numbers) => numbers.iter().map(Value::as_f64).sum(),
        None => value.as_f64(),
    }
}

/// The sum of TRL's columns of rewards: every number that is not of the trainer itself.
fn reward_columns(line: &Map<String, Value>) -> Option<f64> {
    const OTHERS: [&str; 5] = ["step", "global_step", "advantage", "advantages", "difficulty"];
    let mut sum = None;
    for (key, value) in line {
        if let (false, Some(number)) = (OTHERS.contains(&key.as_str()), value.as_f64()) {
            sum = Some(sum.unwrap_or(0.0) + number);
        }
    }
    sum
}

/// The step that a file's name, or its folder's, speaks of.
fn step_in_name(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let stem = name.split('.').next().unwrap_or_default();
    if !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit()) {
        return stem.parse().ok();
    }
    let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy());
    after_step(stem).or_else(|| after_step(&folder?))
}

/// The number after the word *step*.
fn after_step(name: &str) -> Option<u64> {
    let lower = name.to_ascii_lowercase();
    let rest = &lower[lower.rfind("step")? + "step".len()..];
    let rest = rest.trim_start_matches(['s', '_', '-', ' ', '=']);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_speak_of_steps() {
        let check = |path: &str, expected: Option<u64>| {
            assert_eq!(step_in_name(Path::new(path)), expected, "{path}");
        };
        check("rollouts/120.jsonl", Some(120));
        check("rollouts/step-7.jsonl.zst", Some(7));
        check("dumped_evals/global_step_40_evals/nq.jsonl", Some(40));
        check("2wiki_101.jsonl", None);
        check("episodes.jsonl", None);
        check("stepwise.jsonl", None);
    }
}
