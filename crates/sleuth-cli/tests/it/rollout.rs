//! Rollouts and their replay, by the real command: kills, resumes, refusals.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use expect_test::expect;
use serde_json::{Value, json};

use crate::place::{Place, code, stderr};

/// Two tasks over the usual documents, one of them for training.
fn with_tasks() -> Place {
    let place = Place::with_store();
    let task = |id: &str, question: &str, gold: &str, split: &str| {
        json!({
            "schema": 1, "id": id, "question": question, "gold_answers": [gold],
            "kind": "one_hop", "split": split,
        })
        .to_string()
    };
    let lines = [
        task("when", "When was the Marrow Point Lighthouse built?", "1911", "train"),
        task("who", "Who designed the Marrow Point Lighthouse?", "Ada Quill", "test"),
    ];
    place.write("tasks.jsonl", lines.join("\n") + "\n");
    place
}

const ROLLOUT: [&str; 7] =
    ["tasks", "rollout", "tasks.jsonl", "--in", "store", "--episodes", "out.jsonl"];

/// Each task and rollout in the file with the number of its episodes.
fn counted(place: &Place) -> HashMap<(String, u64), usize> {
    let mut counts = HashMap::new();
    for line in place.read("out.jsonl").lines().skip(1) {
        let episode: Value = serde_json::from_str(line).unwrap();
        let id = episode["task"]["id"].as_str().unwrap().to_owned();
        *counts.entry((id, episode["rollout"].as_u64().unwrap())).or_default() += 1;
    }
    counts
}

#[test]
fn rollouts_are_made_counted_and_replayed() {
    let place = with_tasks();
    let made = [&ROLLOUT[..], &["-k", "3", "--threads", "2"]].concat();
    place.check(
        &made,
        &expect![[r#"
            exit 0
            --- stdout
            6 episodes in `out.jsonl`
            right 1.000 (6 of 6) · exact match 1.000 · F1 1.000 · reward 1.000
            6.0 searches, 3.0 pages and 9.0 turns a rollout · [TIME]
        "#]],
    );
    let again = place.json(&[&made[..], &["--json"]].concat());
    assert_eq!((&again["before"], &again["tally"]["episodes"]), (&json!(6), &json!(6)));
    let replay = ["tasks", "replay", "out.jsonl", "--in", "store", "--threads"];
    place.check(
        &[&replay[..], &["1", "--out", "one.jsonl"]].concat(),
        &expect![[r#"
            exit 0
            --- stdout
            6 episodes replayed, 6 the same · [TIME]
        "#]],
    );
    assert_eq!(code(&place.run(&[&replay[..], &["4", "--out", "four.jsonl"]].concat())), 0);
    assert_eq!(place.read("one.jsonl"), place.read("four.jsonl"));
    let other = place.run(&[&ROLLOUT[..], &["--seed", "5"]].concat());
    assert_eq!(
        place.show(&other),
        "exit 6\n--- stderr\nerror: `out.jsonl` is of another run: under `seed` it has 0, expected 5\n\
         hint: run it with the settings that the file was begun with; for others name a new file, or of a curve a \
         new folder\n"
    );
    let changed = place.read("out.jsonl").replacen("\"answer\":\"1911\"", "\"answer\":\"1912\"", 1);
    place.write("out.jsonl", changed);
    let differs = place.run(&[&replay[..], &["2"]].concat());
    assert_eq!(code(&differs), 1);
    assert!(stderr(&differs).contains("recorded \"1912\", replayed \"1911\""), "{differs:?}");
}

#[test]
fn a_killed_run_goes_on_and_repeats_nothing() {
    let place = with_tasks();
    let all = [&ROLLOUT[..], &["-k", "400", "--threads", "2", "--quiet"]].concat();
    let mut kills = 0;
    for lines in [20, 120, 350] {
        let mut child = place.spawn(&all);
        let begun = Instant::now();
        let written = || {
            fs_err::read(place.path("out.jsonl"))
                .map_or(0, |bytes| bytes.iter().filter(|b| **b == b'\n').count())
        };
        while written() < lines && begun.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(1));
        }
        // SIGKILL on Unix.
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        kills += usize::from(!ended.success());
    }
    assert!(kills > 0, "no run was killed in the middle");
    let before = place.read("out.jsonl").lines().count();
    let state = place.json(&[&all[..], &["--json"]].concat());
    assert!(state["before"].as_u64().unwrap() as usize >= before - 2, "{state}");
    let counts = counted(&place);
    assert_eq!(counts.len(), 800);
    assert!(counts.values().all(|n| *n == 1));
    assert_eq!(state["tally"]["episodes"], 800);
}

#[test]
fn what_does_not_fit_is_refused() {
    let place = with_tasks();
    let task: Value =
        serde_json::from_str(place.read("tasks.jsonl").lines().next().unwrap()).unwrap();
    let mut drifted = task.clone();
    drifted["store"] = json!("0000");
    place.write("drifted.jsonl", format!("{drifted}\n"));
    let mut gone = task;
    gone["evidence"] = json!([{ "document": "gone.md" }]);
    place.write("gone.jsonl", format!("{gone}\n"));
    let run = |tasks: &str, more: &[&str]| {
        let arguments = ["tasks", "rollout", tasks, "--in", "store", "--episodes", "o.jsonl"];
        place.run(&[&arguments[..], more].concat())
    };
    assert_eq!(
        place.show(&run("drifted.jsonl", &[])),
        "exit 6\n--- stderr\nerror: 1 of 1 tasks were made from another snapshot of the store: expected \
         `0000`, as task `when` says, found `[SNAPSHOT]`\n\
         hint: name the store that the tasks were made from; `sleuth tasks rollout` and `sleuth serve` go on with \
         `--allow-drift`\n"
    );
    assert_eq!(
        place.show(&run("gone.jsonl", &[])),
        "exit 6\n--- stderr\nerror: the evidence of 1 of 1 tasks is not in the store: task `when` names \
         the document `gone.md`, which is not there\n\
         hint: name the store that the tasks were made from; `sleuth tasks rollout` and `sleuth serve` go on with \
         `--allow-drift`\n"
    );
    let endless = run("gone.jsonl", &["--deadline", "1e20"]);
    assert_eq!(code(&endless), 2, "{}", place.show(&endless));
    assert!(stderr(&endless).contains("expected seconds above 0, at most 1000000000"));
    let allowed = run("drifted.jsonl", &["--allow-drift", "--json"]);
    let state: Value = serde_json::from_slice(&allowed.stdout).unwrap();
    assert_eq!((&state["fit"]["drifted"], &state["accuracy"]), (&json!(1), &json!(1.0)));
    assert_eq!(code(&run("tasks.jsonl", &["--reward", "none"])), 2);
    assert_eq!(code(&run("tasks.jsonl", &["--lead", "3"])), 2);
    assert_eq!(code(&run("tasks.jsonl", &["--temperature", "1"])), 2);
    assert_eq!(code(&run("tasks.jsonl", &["--quality", "noisy"])), 2);
    let none = run("tasks.jsonl", &["--split", "dev"]);
    assert_eq!(code(&none), 6);
    assert!(stderr(&none).contains("no tasks of the split `dev` in `tasks.jsonl`: it has 2"));
    // A server of models that is not there: told, with the code of back ends, and nothing written.
    fs_err::remove_file(place.path("o.jsonl")).unwrap();
    let gone = run(
        "tasks.jsonl",
        &["--model", "http://127.0.0.1:9/v1#m", "--retries", "0", "--threads", "1", "-k", "9"],
    );
    assert_eq!(code(&gone), 5, "{}", place.show(&gone));
    assert!(stderr(&gone).contains("4 rollouts in a row failed"), "{}", place.show(&gone));
}

/// Nothing that is read is written over, whatever flag names it.
#[test]
fn outputs_that_are_inputs_are_refused_and_nothing_is_lost() {
    let place = with_tasks();
    assert_eq!(code(&place.run(&ROLLOUT)), 0);
    place.write("elsewhere/keep.txt", "mine\n");
    let kept = [("out.jsonl", place.read("out.jsonl")), ("tasks.jsonl", place.read("tasks.jsonl"))];
    let refused: [(&[&str], &str); 6] = [
        (
            &["tasks", "replay", "out.jsonl", "--in", "store", "--out", "./out.jsonl"],
            "`--out ./out.jsonl` is a file that is read",
        ),
        (
            &["eval", "answers", "out.jsonl", "--html", "out.jsonl"],
            "`--html out.jsonl` is a file that is read",
        ),
        (
            &["eval", "answers", "out.jsonl", "--trec", "out.jsonl"],
            "`--trec out.jsonl` is a file that is read",
        ),
        (
            &["eval", "curve", "out.jsonl", "--html", "out.jsonl"],
            "`--html out.jsonl` is a file that is read",
        ),
        (
            &["tasks", "import", "jsonl", "tasks.jsonl", "--into", "tasks.jsonl"],
            "`--into tasks.jsonl` is a file that is read",
        ),
        (
            &["tasks", "make", "store", "--into", "new.jsonl", "--report", "new.jsonl"],
            "`--report new.jsonl` is a file that another flag names",
        ),
    ];
    for (arguments, said) in refused {
        let output = place.run(arguments);
        assert_eq!(code(&output), 2, "{}", place.show(&output));
        assert!(stderr(&output).contains(said), "{}", place.show(&output));
    }
    for (name, text) in kept {
        assert_eq!(place.read(name), text, "{name}");
    }
    // A replay that cannot begin leaves alone what stands there.
    let output = place.run(&[
        "tasks",
        "replay",
        "tasks.jsonl",
        "--in",
        "store",
        "--out",
        "elsewhere/keep.txt",
    ]);
    assert_ne!(code(&output), 0);
    assert_eq!(place.read("elsewhere/keep.txt"), "mine\n");
}
