//! Logs of trainings: some give up their tools, some do not.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use sleuth_eval::{LogFormat, Signal, Watch, WatchOptions, watch};
use sleuth_tasks::Boundary;
use sleuth_testkit::Random;

use crate::made::{episode, failed, write};

/// What a made-up policy does at a step.
#[derive(Clone, Copy)]
struct Policy {
    /// Mean searches.
    searches: f64,
    /// Chance that its one action is broken.
    broken: f64,
    /// Chance of a right answer.
    right: f64,
    /// Chance that a result is empty.
    empty: f64,
    /// Chance that a query is sent again.
    again: f64,
}

const SOUND: Policy = Policy { searches: 1.6, broken: 0.05, right: 0.4, empty: 0.02, again: 0.05 };

/// One rollout in the syntax of Search-R1, and whether it is right.
fn rollout(policy: &Policy, random: &mut Random) -> (String, bool) {
    let mut text = String::new();
    let whole = policy.searches.floor();
    let n = whole as usize + usize::from(random.unit() < policy.searches - whole);
    for at in 0..n {
        let query = if at > 0 && random.unit() < policy.again { 0 } else { at };
        let result = if random.unit() < policy.empty { "" } else { "Doc 1(Title: \"T\") words" };
        let _ = write!(
            text,
            "<think>hm</think><search>query {query}</search>\n\n<information>{result}</information>\n\n",
        );
    }
    if random.unit() < policy.broken {
        text += "<answer>cut off";
    } else {
        text += "<answer>words</answer>";
    }
    (text, random.unit() < policy.right)
}

/// A training in verl's format, a file a step: 16 questions, 4 rollouts each.
fn training(folder: &Path, n_steps: usize, seed: u64, policy: impl Fn(usize) -> Policy) -> PathBuf {
    let mut random = Random(seed);
    for step in 1..=n_steps {
        let policy = policy(step);
        let mut lines = String::new();
        for question in 0..16 {
            for _ in 0..4 {
                let (output, is_right) = rollout(&policy, &mut random);
                let line = json!({
                    "input": format!("Answer between <answer> and </answer>. Question {step}.{question}"),
                    "output": output,
                    "gts": "words",
                    "score": if is_right { 1.0 } else { 0.0 },
                    "step": step,
                });
                let _ = writeln!(lines, "{line}");
            }
        }
        fs_err::write(folder.join(format!("{step}.jsonl")), lines).unwrap();
    }
    folder.to_owned()
}

fn watched(n_steps: usize, seed: u64, policy: impl Fn(usize) -> Policy) -> Watch {
    let folder = tempfile::tempdir().unwrap();
    let path = training(folder.path(), n_steps, seed, policy);
    watch(&[path], &WatchOptions::default()).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "an expectation is made in the call")]
fn check(found: &Watch, expected: Expect) {
    expected.assert_eq(&found.verdict().join("\n"));
}

#[test]
fn a_policy_that_stops_searching() {
    let found =
        watched(60, 1, |step| Policy { searches: if step < 40 { 1.6 } else { 0.3 }, ..SOUND });
    assert!(found.collapsing && !found.unsearching);
    assert_eq!(found.formats, [LogFormat::Verl]);
    let alarm = found.alarms.iter().find(|alarm| alarm.signal == Signal::Searches).unwrap();
    assert_eq!(alarm.since, 40);
    // Guessing goes with it.
    assert!(found.alarms.iter().any(|alarm| alarm.signal == Signal::RightUnsearched));
    assert!(found.verdict()[0].starts_with("tool use is collapsing since step 40"));
}

#[test]
fn a_policy_that_learns_to_search_and_then_gives_up() {
    // Up from 1.0 to 2.2, then down over twenty steps to 0.9: it ends near where it began.
    let found = watched(100, 2, |step| {
        let searches = if step < 60 {
            1.0 + step as f64 * 0.02
        } else {
            (2.2 - (step - 60) as f64 * 0.065).max(0.9)
        };
        Policy { searches, ..SOUND }
    });
    let alarm = found.alarms.iter().find(|alarm| alarm.signal == Signal::Searches).unwrap();
    assert!((60..=80).contains(&alarm.since), "{alarm:?}");
}

#[test]
fn calls_that_break() {
    let found =
        watched(40, 3, |step| Policy { broken: if step < 25 { 0.05 } else { 0.6 }, ..SOUND });
    check(
        &found,
        expect![[r#"
            tool use is collapsing since step 25
            alarm: share of valid actions fell from 0.98 to 0.77 at step 25 (p 0.0005)"#]],
    );
}

#[test]
fn a_dead_search_server_and_a_loop_are_warnings() {
    let found = watched(40, 4, |step| Policy {
        searches: 2.5,
        empty: if step < 20 { 0.02 } else { 1.0 },
        again: if step < 30 { 0.05 } else { 0.9 },
        ..SOUND
    });
    assert!(!found.collapsing);
    check(
        &found,
        expect![[r#"
            no sign of collapse in 40 steps
            warning: share of repeated queries rose from 0.03 to 0.53 at step 30 (p 0.0005)
            warning: share of empty results rose from 0.02 to 1.00 at step 20 (p 0.0005)
              is the search server up?"#]],
    );
}

#[test]
fn a_policy_that_never_searches() {
    let found = watched(14, 5, |_| Policy { searches: 0.01, ..SOUND });
    assert!(found.collapsing && found.unsearching);
    check(&found, expect!["the policy does not search"]);
}

#[test]
fn trainings_that_are_well_raise_no_alarm() {
    let mut alarms = Vec::new();
    for seed in 0..12 {
        // Steady; learning to search and to answer; getting everything right.
        alarms.extend(watched(40, 100 + seed, |_| SOUND).alarms);
        alarms.extend(
            watched(40, 200 + seed, |step| Policy {
                searches: 1.2 + step as f64 * 0.02,
                right: 0.2 + step as f64 * 0.01,
                broken: 0.2 - step as f64 * 0.004,
                ..SOUND
            })
            .alarms,
        );
    }
    assert!(alarms.is_empty(), "{alarms:?}");
}

#[test]
fn few_steps_say_nothing() {
    let found =
        watched(6, 6, |step| Policy { searches: if step < 4 { 2.0 } else { 0.5 }, ..SOUND });
    check(&found, expect!["too few steps to tell: 6, of at least 12"]);
    let found = watched(1, 7, |_| Policy { searches: 0.0, ..SOUND });
    assert!(!found.collapsing && !found.unsearching);
    check(&found, expect!["too few steps to tell: 1, of at least 12"]);
}

fn read(folder: &Path, name: &str, lines: &[Value]) -> Result<Watch, String> {
    let path = folder.join(name);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs_err::write(&path, text).unwrap();
    watch(&[path], &WatchOptions::default()).map_err(|error| error.to_string())
}

#[test]
fn the_formats_of_trainers() {
    let folder = tempfile::tempdir().unwrap();
    let call = "<tool_call>{\"name\": \"search\", \"arguments\": {\"query\": \"a\"}}</tool_call>\
                <tool_response>A is B.</tool_response>";
    let skyrl = json!({
        "input_prompt": "Q", "output_response": format!("{call}<answer>B</answer>"),
        "score": [0.0, 0.0, 1.0], "stop_reason": "stop", "env_class": "search", "data_source": "nq",
    });
    let found = read(folder.path(), "global_step_40_evals/nq.jsonl", &[skyrl]).unwrap();
    assert_eq!(
        (found.formats.as_slice(), found.steps[0].step),
        ([LogFormat::SkyRl].as_slice(), 40)
    );
    assert_eq!((found.steps[0].searches, found.steps[0].right), (1.0, 1.0));

    let trl = |step: u64, mode: &str| {
        json!({
            "mode": mode, "step": step, "prompt": [{"role": "user", "content": "Q"}],
            "completion": [
                {"role": "assistant", "content": "", "tool_calls": [{"type": "function",
                    "function": {"name": "search", "arguments": {"query": "a"}}}]},
                {"role": "tool", "name": "search", "content": "[]"},
                {"role": "assistant", "content": "B"},
            ],
            "exact_match": 1.0, "format": 0.2, "advantage": -0.3,
        })
    };
    let found = read(folder.path(), "trl.jsonl", &[trl(7, "train"), trl(7, "eval")]).unwrap();
    let step = &found.steps[0];
    assert_eq!(
        (found.formats.as_slice(), step.step, step.rollouts),
        ([LogFormat::Trl].as_slice(), 7, 1)
    );
    assert_eq!((step.valid_actions, step.empty_results), (Some(1.0), Some(1.0)));
    assert!((step.reward - 1.2).abs() < 1e-12);

    // Ours; an episode that ended in an error, as one whose judge failed, is left out and counted.
    let episodes =
        [episode("a", 0, true), failed("b", 0, Boundary::Verifier), episode("c", 0, false)];
    let path = write(folder.path(), "step-3.jsonl", &episodes);
    let found = watch(&[path], &WatchOptions::default()).unwrap();
    assert_eq!((found.failed, found.steps[0].step, found.steps[0].rollouts), (1, 3, 2));
    assert!(!found.by_window && found.band_by_outcome);
}

#[test]
fn one_file_without_steps_is_cut_into_windows() {
    let folder = tempfile::tempdir().unwrap();
    let episodes: Vec<_> = (0..25).map(|n| episode(&format!("t{n}"), 0, n % 2 == 0)).collect();
    let path = write(folder.path(), "episodes.jsonl", &episodes);
    let found = watch(&[path], &WatchOptions { window: 10, ..WatchOptions::default() }).unwrap();
    let sizes: Vec<(u64, usize)> =
        found.steps.iter().map(|step| (step.step, step.rollouts)).collect();
    assert_eq!(sizes, [(1, 10), (2, 10), (3, 5)]);
    assert!(found.by_window);
}

#[test]
fn logs_that_cannot_be_watched() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, bytes: &[u8], expected: Expect| {
        let path = folder.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        let message = watch(&[path], &WatchOptions::default()).unwrap_err().to_string();
        expected.assert_eq(&message.replace(&folder.path().display().to_string(), "DIR"));
    };
    check("empty.jsonl", b"", expect!["no rollouts in `DIR/empty.jsonl`"]);
    check(
        "other.jsonl",
        b"{\"messages\": [], \"reward\": 1}\n",
        expect![
            "unknown log format of `DIR/other.jsonl`: expected a line of sleuth, verl, skyrl or trl, found `messages`, `reward`"
        ],
    );
    check(
        "text.jsonl",
        b"step 1: reward .4\n",
        expect![
            "unknown log format of `DIR/text.jsonl`: expected a line of sleuth, verl, skyrl or trl, found a line that is no JSON"
        ],
    );
    check(
        "a.parquet",
        b"PAR1....",
        expect!["`DIR/a.parquet` is a Parquet file: expected JSON Lines"],
    );
    let good =
        "{\"input\": \"Q\", \"output\": \"<answer>B</answer>\", \"score\": 1, \"step\": 1}\n";
    check(
        "mixed.jsonl",
        format!("{good}{{\"prompt\": \"Q\", \"completion\": \"B\", \"r\": 1}}\n").as_bytes(),
        expect!["malformed line 2 of `DIR/mixed.jsonl`: expected a line of verl with `output`"],
    );
    check(
        "unscored.jsonl",
        format!("{good}{{\"input\": \"Q\", \"output\": \"B\", \"score\": null}}\n").as_bytes(),
        expect![
            "malformed line 2 of `DIR/unscored.jsonl`: expected a line of verl with a numeric `score`"
        ],
    );
    let torn = folder.path().join("torn.jsonl");
    fs_err::write(&torn, format!("{good}{{\"input\": \"Q\", \"out")).unwrap();
    let found = watch(std::slice::from_ref(&torn), &WatchOptions::default()).unwrap();
    assert_eq!((found.torn.as_slice(), found.steps[0].rollouts), ([torn].as_slice(), 1));
    let nothing = folder.path().join("nothing");
    fs_err::create_dir(&nothing).unwrap();
    assert!(watch(&[nothing], &WatchOptions::default()).is_err());
}
