//! What episodes are worth: `eval answers`, `compare`, `curve`, `matrix` and `collapse`.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::place::{Place, code};

/// An episode of `trail`, judged; change it by its fields.
fn episode(id: &str, rollout: u32, is_right: bool) -> Value {
    let value = if is_right { 1.0 } else { 0.0 };
    json!({
        "schema": 1,
        "task": {
            "schema": 1, "id": id, "question": format!("What is {id}?"),
            "gold_answers": [format!("answer {id}")],
            "evidence": [{"document": format!("gold-{id}")}], "kind": "one_hop", "hops": 1,
        },
        "rollout": rollout,
        "policy": "trail",
        "store": "0123456789abcdef",
        "retrieval": "words",
        "seed": 0,
        "events": [{
            "seq": 0, "at_ms": 0, "type": "started", "schema": 1, "question": "?", "policy": "trail",
            "store": "0123456789abcdef", "budget": {"searches": 16, "pages": 16, "turns": 24}, "seed": 0,
        }],
        "attempt": {
            "answer": if is_right { format!("answer {id}") } else { "other".to_owned() },
            "not_found": false, "ended": true,
            "searches": [{"query": id, "documents": [format!("gold-{id}"), "other"]}],
            "opened": [format!("gold-{id}")], "turns": 3, "invalid_actions": 0,
            "ranking": [format!("gold-{id}"), "other"],
            "usage": {"searches": 1, "pages": 1, "turns": 3, "dollars": 0.0, "elapsed_ms": 20,
                "tokens": {"prompt_tokens": 0, "cached_tokens": 0, "completion_tokens": 0}},
        },
        "transcript": [],
        "ending": {
            "ended": "scored",
            "verdict": {"correct": is_right, "exact_match": value, "f1": value, "reason": "compared"},
            "reward": {"total": value, "parts": [{"name": "outcome", "value": value, "weight": 1.0}]},
        },
    })
}

fn failed(id: &str, boundary: &str) -> Value {
    let mut episode = episode(id, 0, false);
    episode["events"] = json!([]);
    episode["ending"] = json!({
        "ended": "failed", "boundary": boundary,
        "message": "judge gave no verdict: expected `yes` or `no`, found `maybe`",
    });
    episode
}

fn by_model(mut episode: Value) -> Value {
    episode["policy"] = json!("chat");
    episode["model"] = json!("gpt-x");
    episode["attempt"]["usage"]["tokens"] =
        json!({"prompt_tokens": 1000, "cached_tokens": 0, "completion_tokens": 50});
    episode
}

fn write(place: &Place, name: &str, episodes: &[Value]) {
    let lines: String = episodes.iter().map(|episode| format!("{episode}\n")).collect();
    place.write(name, lines);
}

/// Twelve tasks, of which the first `n_right` are right.
fn twelve(n_right: usize) -> Vec<Value> {
    (0..12).map(|n| episode(&format!("t{n:02}"), 0, n < n_right)).collect()
}

#[test]
fn answers_are_measured() {
    let place = Place::new();
    let mut episodes = twelve(4);
    episodes.push(failed("t12", "verifier"));
    episodes.push(failed("t13", "model"));
    write(&place, "a.jsonl", &episodes);
    place.check(&["eval", "answers", "a.jsonl"], &expect![[r#"
        exit 0
        --- stdout
        trail · 12 tasks, one rollout each
        store 0123456789abcdef · budget 16 searches, 16 pages, 24 turns
        errors, left out of all means: 2 of 14 episodes (model 1, verifier 1); 2 tasks have no other

        metric                mean   95 % interval  tasks  clusters
        correct              0.333  0.138 to 0.609     12        12
        exact_match          0.333  0.138 to 0.609     12        12
        f1                   0.333  0.083 to 0.583     12        12
        not_found_wrongly    0.000  0.000 to 0.242     12        12
        no_answer            0.000  0.000 to 0.242     12        12
        evidence_seen        1.000  0.758 to 1.000     12        12
        evidence_ranked      1.000  0.758 to 1.000     12        12
        reward               0.333  0.083 to 0.583     12        12
        searches               1.0               –     12        12
        pages                  1.0               –     12        12
        turns                  3.0               –     12        12
        tokens                   0               –     12        12
        seconds               0.02               –     12        12
        dollars            0.00000               –     12        12

        intervals: Wilson at the effective sample size for shares of rollouts, pass@k and pass^k, and where all is 0 or all is 1; else bootstrap over clusters, 10000 samples, seed 0
    "#]]);
    let object = place.json(&["eval", "answers", "a.jsonl", "--json"]);
    let system = &object["systems"][0];
    let keys: Vec<&String> = system.as_object().unwrap().keys().collect();
    expect![[r#"["protocol", "episodes", "tasks", "tasks_lost", "rollouts", "errors", "metrics", "passes", "groups", "calibration", "resampling"]"#]].assert_eq(&format!("{keys:?}"));
    expect![[r#"{"mean":0.3333333333333333,"tasks":12,"clusters":12,"standard_error":0.1421338109037403,"bootstrap":[0.08333333333333333,0.5833333333333334],"wilson":[0.13812009109121315,0.6093779111272004]}"#]].assert_eq(&system["metrics"]["correct"].to_string());
    expect![[r#"{"model":1,"verifier":1}"#]].assert_eq(&system["errors"].to_string());
}

#[test]
fn several_rollouts_and_systems_are_told_apart() {
    let place = Place::new();
    let mut episodes: Vec<Value> = (0..4)
        .flat_map(|n| (0..3).map(move |rollout| episode(&format!("t{n}"), rollout, rollout < n)))
        .collect();
    for (n, episode) in episodes.iter_mut().enumerate() {
        episode["task"]["kind"] = json!(if n < 6 { "one_hop" } else { "bridge" });
    }
    write(&place, "a.jsonl", &episodes);
    write(&place, "b.jsonl", &[by_model(episode("t0", 0, true))]);
    place.check(&["eval", "answers", "a.jsonl", "b.jsonl"], &expect![[r#"
        exit 0
        --- stdout
        trail · 4 tasks, 3 rollouts each
        store 0123456789abcdef · budget 16 searches, 16 pages, 24 turns

        metric                mean   95 % interval  tasks  clusters
        correct              0.500  0.205 to 0.795      4         4
        exact_match          0.500  0.205 to 0.795      4         4
        f1                   0.500  0.167 to 0.833      4         4
        not_found_wrongly    0.000  0.000 to 0.490      4         4
        no_answer            0.000  0.000 to 0.490      4         4
        evidence_seen        1.000  0.510 to 1.000      4         4
        evidence_ranked      1.000  0.510 to 1.000      4         4
        reward               0.500  0.167 to 0.833      4         4
        searches               1.0               –      4         4
        pages                  1.0               –      4         4
        turns                  3.0               –      4         4
        tokens                   0               –      4         4
        seconds               0.02               –      4         4
        dollars            0.00000               –      4         4

        k  pass@k   95 % interval  pass^k   95 % interval  tasks
        1   0.500  0.205 to 0.795   0.500  0.205 to 0.795      4
        2   0.667  0.284 to 0.910   0.333  0.090 to 0.716      4
        3   0.750  0.301 to 0.954   0.250  0.046 to 0.699      4

        by    group    tasks  correct   95 % interval  exact_match     f1  evidence_seen  searches
        kind  one_hop      2    0.167  0.030 to 0.564        0.167  0.167          1.000       1.0
        kind  bridge       2    0.833  0.436 to 0.970        0.833  0.833          1.000       1.0

        intervals: Wilson at the effective sample size for shares of rollouts, pass@k and pass^k, and where all is 0 or all is 1; else bootstrap over clusters, 10000 samples, seed 0

        chat with gpt-x · 1 task, one rollout each
        store 0123456789abcdef · budget 16 searches, 16 pages, 24 turns

        metric              mean   95 % interval  tasks  clusters
        correct            1.000  0.207 to 1.000      1         1
        exact_match        1.000  0.207 to 1.000      1         1
        f1                 1.000  0.207 to 1.000      1         1
        not_found_wrongly  0.000  0.000 to 0.793      1         1
        no_answer          0.000  0.000 to 0.793      1         1
        evidence_seen      1.000  0.207 to 1.000      1         1
        evidence_ranked    1.000  0.207 to 1.000      1         1
        reward             1.000               –      1         1
        searches             1.0               –      1         1
        pages                1.0               –      1         1
        turns                3.0               –      1         1
        tokens              1050               –      1         1
        seconds             0.02               –      1         1

        intervals: Wilson at the effective sample size for shares of rollouts, pass@k and pass^k, and where all is 0 or all is 1; else bootstrap over clusters, 10000 samples, seed 0
        --- stderr
        note: model `gpt-x` has no price; name a table with `--prices FILE` or SLEUTH_PRICES; its dollars are left out
    "#]]);
    place.write(
        "prices.json",
        r#"{"gpt-x": {"input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6}}"#,
    );
    let object =
        place.json(&["eval", "answers", "b.jsonl", "--prices", "prices.json", "--json", "--quiet"]);
    let dollars = object["systems"][0]["metrics"]["dollars"]["mean"].as_f64().unwrap();
    assert!((dollars - 0.0024).abs() < 1e-12, "{dollars}");
}

#[test]
fn two_systems_are_compared() {
    let place = Place::new();
    write(&place, "a.jsonl", &twelve(4));
    write(&place, "b.jsonl", &twelve(6).into_iter().map(by_model).collect::<Vec<_>>());
    write(&place, "c.jsonl", &twelve(12));
    place.check(&["eval", "compare", "a.jsonl", "b.jsonl", "--quiet"], &expect![[r#"
        exit 0
        --- stdout
        first a.jsonl (trail)
        second b.jsonl (chat with gpt-x)
        12 tasks in 12 clusters

        no difference shown: +0.167 in correct (95 % interval +0.000 to +0.417, p 0.5000)
        12 tasks in 12 clusters would show a difference of 0.315 four times in five; to show the one observed takes about 43 tasks

        metric             first  second  difference     95 % interval       p  more  equal  less
        correct            0.333   0.500      +0.167  +0.000 to +0.417  0.5000     2     10     0
        exact_match        0.333   0.500      +0.167  +0.000 to +0.417  0.5000     2     10     0
        f1                 0.333   0.500      +0.167  +0.000 to +0.417  0.5000     2     10     0
        not_found_wrongly  0.000   0.000      +0.000                 –  1.0000     0     12     0
        no_answer          0.000   0.000      +0.000                 –  1.0000     0     12     0
        evidence_seen      1.000   1.000      +0.000                 –  1.0000     0     12     0
        evidence_ranked    1.000   1.000      +0.000                 –  1.0000     0     12     0
        reward             0.333   0.500      +0.167  +0.000 to +0.417  0.5000     2     10     0
        searches             1.0     1.0        +0.0                 –  1.0000     0     12     0
        pages                1.0     1.0        +0.0                 –  1.0000     0     12     0
        turns                3.0     3.0        +0.0                 –  1.0000     0     12     0
        tokens                 0    1050       +1050                 –  0.0005    12      0     0
        seconds             0.02    0.02       +0.00                 –  1.0000     0     12     0

        McNemar: right only in the first 0, only in the second 2; mid-p 0.2500, exact p 0.5000
        p: randomisation test over clusters, two-sided, 10000 permutations; interval: bootstrap over clusters, 10000 samples; seed 0; no correction for many metrics; more, equal, less: tasks where the second has so much
    "#]]);
    place.check(&["eval", "compare", "a.jsonl", "c.jsonl"], &expect![[r#"
        exit 0
        --- stdout
        first a.jsonl (trail)
        second c.jsonl (trail)
        12 tasks in 12 clusters

        the second is higher: +0.667 in correct (95 % interval +0.417 to +0.917, p 0.0078)

        metric               first   second  difference     95 % interval       p  more  equal  less
        correct              0.333    1.000      +0.667  +0.417 to +0.917  0.0078     8      4     0
        exact_match          0.333    1.000      +0.667  +0.417 to +0.917  0.0078     8      4     0
        f1                   0.333    1.000      +0.667  +0.417 to +0.917  0.0078     8      4     0
        not_found_wrongly    0.000    0.000      +0.000                 –  1.0000     0     12     0
        no_answer            0.000    0.000      +0.000                 –  1.0000     0     12     0
        evidence_seen        1.000    1.000      +0.000                 –  1.0000     0     12     0
        evidence_ranked      1.000    1.000      +0.000                 –  1.0000     0     12     0
        reward               0.333    1.000      +0.667  +0.417 to +0.917  0.0078     8      4     0
        searches               1.0      1.0        +0.0                 –  1.0000     0     12     0
        pages                  1.0      1.0        +0.0                 –  1.0000     0     12     0
        turns                  3.0      3.0        +0.0                 –  1.0000     0     12     0
        tokens                   0        0          +0                 –  1.0000     0     12     0
        seconds               0.02     0.02       +0.00                 –  1.0000     0     12     0
        dollars            0.00000  0.00000    +0.00000                 –  1.0000     0     12     0

        McNemar: right only in the first 0, only in the second 8; mid-p 0.0039, exact p 0.0078
        p: randomisation test over clusters, two-sided, 10000 permutations; interval: bootstrap over clusters, 10000 samples; seed 0; no correction for many metrics; more, equal, less: tasks where the second has so much
    "#]]);
    let object = place.json(&["eval", "compare", "a.jsonl", "c.jsonl", "--json", "--metric", "f1"]);
    let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
    expect![[r#"["status", "files", "verdict", "first", "second", "across", "tasks", "clusters", "left_out", "contrasts", "mcnemar", "call", "detectable", "needed", "unseen", "resampling"]"#]].assert_eq(&format!("{keys:?}"));
    assert_eq!(
        (object["call"].as_str(), object["status"].as_str()),
        (Some("second_higher"), Some("compared"))
    );
    assert_eq!(object["contrasts"][0]["metric"], "f1");

    // A task can be judged and still have no value of a metric: here nobody cites but in one.
    let mut citing = twelve(4);
    citing[0]["attempt"]["citations"] = json!([{"claim": 0, "evidence": "e1", "mark": "exact"}]);
    write(&place, "d.jsonl", &citing);
    let output = place.run(&["eval", "compare", "d.jsonl", "d.jsonl", "--metric=citations_exact"]);
    expect!["note: 11 tasks without a value of citations_exact in one of the two, left out\n"]
        .assert_eq(&String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let place = Place::new();
    write(&place, "a.jsonl", &twelve(4));
    // Tasks of one id that ask for something else.
    let mut others = twelve(4);
    others[3]["task"]["gold_answers"] = json!(["another"]);
    write(&place, "others.jsonl", &others);
    place.check(
        &["eval", "compare", "a.jsonl", "others.jsonl"],
        &expect![[r#"
            exit 6
            --- stderr
            error: task `t03` is not the same everywhere: `others.jsonl` differs in the gold answers
            hint: tasks that differ need ids that differ
        "#]],
    );
    // Of two tasks, no difference of shares could be shown.
    write(&place, "few.jsonl", &twelve(1)[..2]);
    write(&place, "others.jsonl", &twelve(2)[..2]);
    let few = place.json(&["eval", "compare", "few.jsonl", "others.jsonl", "--json"]);
    assert!(
        few["verdict"].as_str().unwrap().ends_with("2 tasks in 2 clusters are too few to show any")
    );
    let check = |change: &dyn Fn(&mut Vec<Value>), expected: Expect| {
        let mut episodes = twelve(4);
        change(&mut episodes);
        write(&place, "b.jsonl", &episodes);
        place.check(&["eval", "compare", "a.jsonl", "b.jsonl"], &expected);
    };
    check(
        &|episodes| episodes.iter_mut().for_each(|e| e["store"] = json!("fedcba9876543210")),
        expect![[r#"
            exit 6
            --- stderr
            error: cannot compare `a.jsonl` with `b.jsonl`
            cause: the store of the first is `0123456789abcdef`, that of the second `fedcba9876543210`
            hint: a difference may be due to that; to compare all the same, add `--across store`
        "#]],
    );
    check(
        &|episodes| {
            for episode in episodes {
                episode["events"][0]["budget"]["searches"] = json!(4);
            }
        },
        expect![[r#"
            exit 6
            --- stderr
            error: cannot compare `a.jsonl` with `b.jsonl`
            cause: the budget of the first is `budget 16 searches, 16 pages, 24 turns`, that of the second `budget 4 searches, 16 pages, 24 turns`
            hint: a difference may be due to that; to compare all the same, add `--across budget`
        "#]],
    );
    check(
        &|episodes| drop(episodes.pop()),
        expect![[r#"
            exit 6
            --- stderr
            error: cannot compare `a.jsonl` with `b.jsonl`
            cause: the two are of different tasks: 1 only in the first, 0 only in the second, 11 in both, such as `t11` in one
            hint: a difference may be due to that; to compare all the same, over the tasks that both have, add `--across tasks`
        "#]],
    );
    check(
        &|episodes| episodes.push(by_model(episode("t00", 0, true))),
        expect![[r#"
        exit 6
        --- stderr
        note: model `gpt-x` has no price; name a table with `--prices FILE` or SLEUTH_PRICES; its dollars are left out
        error: `b.jsonl` has episodes of 2 systems (trail, chat with gpt-x): expected one
        hint: a system is one policy and model over one store within one budget; keep each in a file of its own
    "#]],
    );
    check(
        &|episodes| episodes.iter_mut().for_each(|e| *e = failed("t00", "model")),
        expect![[r#"
        exit 6
        --- stderr
        error: `b.jsonl` has rollout 0 of task `t00` again, by the same system, after `b.jsonl`
        hint: name each file once, and keep runs with other settings in files of their own
    "#]],
    );
    place.check(&["eval", "compare", "a.jsonl", "a.jsonl", "--across", "luck"], &expect![[r#"
        exit 2
        --- stderr
        error: invalid value 'luck' for '--across <LIST>': unknown part `luck`: expected store, retrieval, budget or tasks

        For more information, try '--help'.
    "#]]);
    place.check(&["eval", "compare", "a.jsonl", "a.jsonl", "--metric", "luck"], &expect![[r#"
        exit 2
        --- stderr
        error: invalid value 'luck' for '--metric <METRIC>': unknown metric `luck`: expected one of correct, exact_match, f1, not_found_wrongly, not_found_rightly, no_answer, evidence_seen, evidence_ranked, citations_exact, citations_supported, reward, searches, pages, turns, tokens, seconds, dollars

        For more information, try '--help'.
    "#]]);
}

#[test]
fn files_that_are_not_episodes() {
    let place = Place::new();
    let check = |content: &str, expected: Expect| {
        place.write("a.jsonl", content);
        place.check(&["eval", "answers", "a.jsonl"], &expected);
    };
    check(
        "",
        expect![[r#"
        exit 6
        --- stderr
        error: no episodes in `a.jsonl`
    "#]],
    );
    check(
        "{\"input\": \"Q\", \"output\": \"A\", \"score\": 1}\n",
        expect![[r#"
            exit 6
            --- stderr
            error: malformed line 1 of `a.jsonl`: expected an episode
            cause: missing field `schema` at column 41
            hint: files of episodes are written by `sleuth tasks rollout`; `sleuth eval collapse` also reads the logs of trainers
        "#]],
    );
    let line = format!("{}\n", episode("t0", 0, true));
    check(
        &format!("{line}{line}"),
        expect![[r#"
        exit 6
        --- stderr
        error: `a.jsonl` has rollout 0 of task `t0` again, by the same system, after `a.jsonl`
        hint: name each file once, and keep runs with other settings in files of their own
    "#]],
    );
    check(
        &line.replacen("\"schema\":1", "\"schema\":9", 1),
        expect![[r#"
        exit 6
        --- stderr
        error: line 1 of `a.jsonl` has the schema 9: expected 1 or older
        hint: it was written by a newer version of this program: update it
    "#]],
    );
    let drifted = line.replace("answer t0", "another").replace("\"rollout\":0", "\"rollout\":1");
    check(
        &format!("{line}{drifted}"),
        expect![[r#"
        exit 6
        --- stderr
        error: task `t0` is not the same everywhere: `a.jsonl` differs in the gold answers
        hint: tasks that differ need ids that differ
    "#]],
    );
    let output = {
        place.write("a.jsonl", format!("{line}{}", &line[..200]));
        place.run(&["eval", "answers", "a.jsonl"])
    };
    assert_eq!(code(&output), 0);
    expect![[r#"
        note: the last line of `a.jsonl` was being written when its writer ended; it is left out
    "#]]
    .assert_eq(&String::from_utf8_lossy(&output.stderr));
    place.check(
        &["eval", "answers", "none.jsonl"],
        &expect![[r#"
        exit 6
        --- stderr
        error: failed to open file `none.jsonl`: No such file or directory (os error 2)
    "#]],
    );
}

#[test]
fn the_formats_of_others_are_written() {
    let place = Place::new();
    write(&place, "a.jsonl", &twelve(1)[..2]);
    let arguments = [
        "eval",
        "answers",
        "a.jsonl",
        "--trec",
        "a.run",
        "--browsecomp",
        "runs",
        "--html",
        "a.html",
    ];
    assert_eq!(code(&place.run(&arguments)), 0);
    expect![[r#"
        t00 Q0 gold-t00 1 1 trail
        t00 Q0 other 2 0.5 trail
        t01 Q0 gold-t01 1 1 trail
        t01 Q0 other 2 0.5 trail
    "#]]
    .assert_eq(&place.read("a.run"));
    let run: Value = serde_json::from_str(&place.read("runs/run_00001.json")).unwrap();
    assert_eq!(
        (run["query_id"].as_str(), run["status"].as_str()),
        (Some("t00"), Some("completed"))
    );
    let summary: Value = serde_json::from_str(&place.read("runs/evaluation_summary.json")).unwrap();
    assert_eq!(
        (summary["LLM"].as_str(), summary["Accuracy (%)"].as_f64()),
        (Some("trail"), Some(50.0))
    );
    assert!(summary["Evaluation Date"].as_str().is_some_and(|date| date.len() == 10));
    assert!(place.read("a.html").starts_with("<!doctype html>"));
    write(&place, "b.jsonl", &[by_model(episode("t0", 0, true))]);
    place.check(
        &["eval", "answers", "a.jsonl", "b.jsonl", "--trec", "b.run", "--quiet"],
        &expect![[r#"
            exit 6
            --- stderr
            error: `--trec` takes episodes of one system, found 2
            hint: name the files of one policy and model over one store within one budget
        "#]],
    );
}

#[test]
fn a_curve_is_drawn() {
    let place = Place::new();
    let within = |searches: u32, n_right| -> Vec<Value> {
        let mut episodes = twelve(n_right);
        for episode in &mut episodes {
            episode["events"][0]["budget"]["searches"] = json!(searches);
            episode["attempt"]["usage"]["searches"] = json!(searches / 2);
        }
        episodes
    };
    write(&place, "4.jsonl", &within(4, 3));
    write(&place, "16.jsonl", &within(16, 6));
    place.check(&["eval", "curve", "16.jsonl", "4.jsonl"], &expect![[r#"
        exit 0
        --- stdout
        series              limits of a rollout  samples  right   95 % interval  tasks  searches  pages  tokens  seconds  dollars
        trail, in sequence  4s 16p 24t                 1  0.250  0.089 to 0.532     12       2.0    1.0       0     0.02  0.00000
        trail, in sequence  16s 16p 24t                1  0.500  0.254 to 0.746     12       8.0    1.0       0     0.02  0.00000

        intervals: Wilson at the effective sample size; subsets of rollouts drawn with seed 0
    "#]]);
    place.check(&["eval", "curve", "4.jsonl", "--by", "samples"], &expect![[r#"
        exit 6
        --- stderr
        error: nothing to draw against samples: no task has two judged rollouts
        hint: make several rollouts of each task, or draw against what was spent, as with `--by searches`
    "#]]);
    place.check(&["eval", "curve", "4.jsonl", "--by", "luck"], &expect![[r#"
        exit 2
        --- stderr
        error: invalid value 'luck' for '--by <AXIS>': unknown axis `luck`: expected searches, pages, turns, tokens, seconds, dollars or samples

        For more information, try '--help'.
    "#]]);
    let object =
        place.json(&["eval", "curve", "16.jsonl", "4.jsonl", "--json", "--html", "c.html"]);
    assert_eq!(object["series"][0]["points"].as_array().map(Vec::len), Some(2));
    assert!(place.read("c.html").contains("in sequence"));
}

#[test]
fn a_curve_makes_its_episodes() {
    let place = Place::with_docs();
    place.write(
        "tasks.jsonl",
        [
            task("built", "When was the Marrow Point Lighthouse built?", "1911"),
            task("patron", "Who is the patron of Larkhaven?", "Saint Osk"),
        ]
        .concat(),
    );
    let arguments = [
        "eval",
        "curve",
        "--tasks",
        "tasks.jsonl",
        "--over",
        "docs",
        "--at",
        "4,8",
        "--into",
        "made",
        "--json",
        "--quiet",
    ];
    let object = place.json(&arguments);
    let points = object["series"][0]["points"].as_array().unwrap();
    let limits: Vec<u64> =
        points.iter().map(|point| point["budget"]["searches"].as_u64().unwrap()).collect();
    assert_eq!((limits.len(), limits.contains(&4)), (2, true), "{object}");
    assert_eq!(points[1]["accuracy"]["mean"], 1.0);
    // Made once: the second time they are only read.
    let before = place.read("made/8.jsonl");
    assert_eq!(place.json(&arguments), object);
    assert_eq!(place.read("made/8.jsonl"), before);
    place.check(&["eval", "curve", "--tasks", "tasks.jsonl"], &expect![[r#"
        exit 2
        --- stderr
        error: the following required arguments were not provided:
          --over <PATH>...
          --at <LIST>
          --into <DIR>

        Usage: sleuth eval curve --over <PATH>... --at <LIST> --into <DIR> --tasks <FILE> [EPISODES]...

        For more information, try '--help'.
    "#]]);
}

const PLAN: &str = r#"
out = "cells"
seed = 3
[budget]
searches = 8
pages = 8
turns = 12
[[policy]]
name = "trail"
policy = "trail"
tasks = 3
[[policy]]
name = "trail, fewer"
policy = "trail"
tasks = 2
[[store]]
name = "lighthouse"
over = ["docs"]
tasks = "tasks.jsonl"
"#;

fn task(id: &str, question: &str, answer: &str) -> String {
    let task = json!({
        "schema": 1, "id": id, "question": question, "gold_answers": [answer], "kind": "one_hop",
        "hops": 1,
    });
    format!("{task}\n")
}

#[test]
fn a_matrix_is_filled_and_goes_on_where_it_ended() {
    let place = Place::with_docs();
    place.write(
        "tasks.jsonl",
        [
            task("built", "When was the Marrow Point Lighthouse built?", "1911"),
            task("designed", "Who designed the Marrow Point Lighthouse?", "Ada Quill"),
            task("patron", "Who is the patron of Larkhaven?", "Saint Osk"),
        ]
        .concat(),
    );
    place.write("plan.toml", PLAN);
    place.check(&["eval", "matrix", "plan.toml", "--no-rollouts", "--quiet"], &expect![[r#"
        exit 4
        --- stdout
        store       policy           tasks  exact_match  95 % interval  f1  95 % interval  searches  pages  tokens  seconds  dollars  errors
        lighthouse  trail         none yet            –              –   –              –         –      –       –        –        –       –
        lighthouse  trail, fewer  none yet            –              –   –              –         –      –       –        –        –       –

        intervals: Wilson at the effective sample size for shares, and where all is 0 or all is 1; else bootstrap over clusters, 10000 samples; p: randomisation test over clusters, 10000 permutations; seed 0; no correction for many comparisons
    "#]]);
    let output = place.run(&["eval", "matrix", "plan.toml", "--json", "--quiet"]);
    assert_eq!(code(&output), 0, "{}", place.show(&output));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (object["status"].as_str(), object["unfinished"].as_u64()),
        (Some("measured"), Some(0))
    );
    let cells = object["cells"].as_array().unwrap();
    assert_eq!((cells.len(), cells[0]["complete"].as_bool()), (2, Some(true)));
    assert_eq!(cells[0]["answers"]["tasks"], 3);
    assert_eq!(cells[0]["answers"]["metrics"]["exact_match"]["mean"], 1.0);

    // A cell that lost its end is filled again; one that is whole is left as it is.
    let cell = "cells/lighthouse/trail.jsonl";
    let whole = place.read(cell);
    let fewer = place.read("cells/lighthouse/trail-fewer.jsonl");
    let cut = whole.len() - whole.lines().last().unwrap().len() / 2;
    place.write(cell, &whole[..cut]);
    assert_eq!(code(&place.run(&["eval", "matrix", "plan.toml", "--quiet"])), 0);
    assert_eq!(place.read(cell).lines().count(), whole.lines().count());
    assert_eq!(place.read("cells/lighthouse/trail-fewer.jsonl"), fewer);
}

const TASKS: [[&str; 3]; 4] = [
    ["built", "When was the Marrow Point Lighthouse built?", "1911"],
    ["designed", "Who designed the Marrow Point Lighthouse?", "Ada Quill"],
    ["patron", "Who is the patron of Larkhaven?", "Saint Osk"],
    ["born", "Where was Ada Quill born?", "Larkhaven"],
];

fn with_matrix() -> Place {
    let place = Place::with_docs();
    place.write(
        "tasks.jsonl",
        TASKS.map(|[id, question, answer]| task(id, question, answer)).concat(),
    );
    place.write("plan.toml", PLAN.replacen("tasks = 3", "tasks = 4", 1));
    assert_eq!(code(&place.run(&["eval", "matrix", "plan.toml", "--quiet"])), 0);
    place
}

#[test]
fn cells_of_an_earlier_plan_are_refused() {
    let place = with_matrix();
    let (plan, tasks) = (place.read("plan.toml"), place.read("tasks.jsonl"));
    let cell = "cells/lighthouse/trail.jsonl";
    let whole = place.read(cell);
    let refused = |made_with_another: &str, rollouts: &[&str]| {
        let arguments = [&["eval", "matrix", "plan.toml", "--quiet"], rollouts].concat();
        let shown = place.show(&place.run(&arguments));
        let expected = format!(
            "exit 6\n--- stderr\nerror: `{cell}` differs from the plan in the {made_with_another}"
        );
        assert!(shown.starts_with(&expected), "{shown}");
        let hint = "hint: remove that file, or name another folder in the plan's `out`\n";
        assert!(shown.ends_with(hint), "{shown}");
        assert_eq!(place.read(cell), whole);
    };
    for rollouts in [&[][..], &["--no-rollouts"]] {
        place.write("plan.toml", plan.replace("seed = 3", "seed = 4"));
        refused("seed of rollout 0 of task `", rollouts);
        place.write("plan.toml", plan.replace("searches = 8", "searches = 9"));
        refused(
            "budget: expected `budget 9 searches, 8 pages, 12 turns`, found `budget 8 searches, 8 pages, 12 turns`",
            rollouts,
        );
        place.write("plan.toml", &plan);
        place.write("tasks.jsonl", tasks.replace("Saint Osk", "Saint Ulf"));
        refused(
            "gold answers of task `patron`: expected `[\"Saint Ulf\"]`, found `[\"Saint Osk\"]`",
            rollouts,
        );
        place.write("tasks.jsonl", &tasks);
    }
    // Other documents make another snapshot; without rollouts nobody looks at them.
    place.write("docs/more.md", "# More\n\nThe lighthouse has a keeper.\n");
    refused("snapshot: expected `", &[]);
    assert_eq!(code(&place.run(&["eval", "matrix", "plan.toml", "--no-rollouts", "--quiet"])), 0);
}

#[test]
fn a_half_made_cell_of_another_model_is_not_gone_on_with() {
    let place = Place::with_docs();
    let tasks = TASKS.map(|[id, question, answer]| task(id, question, answer));
    place.write("tasks.jsonl", tasks.concat());
    let row = "policy = \"closed_book\"\nmodel = \"http://127.0.0.1:9/v1#gpt-y\"";
    place.write("plan.toml", PLAN.replacen("policy = \"trail\"", row, 1));
    let mut half = by_model(episode("built", 0, true));
    half["policy"] = json!("closed_book");
    half["task"] = serde_json::from_str(&tasks[0]).unwrap();
    half["seed"] = json!(sleuth_tasks::seed_of(3, &sleuth_tasks::TaskId("built".to_owned()), 0));
    half["events"][0]["budget"] = json!({"searches": 8, "pages": 8, "turns": 12});
    write(&place, "cells/lighthouse/trail.jsonl", &[half]);
    let before = place.read("cells/lighthouse/trail.jsonl");
    place.check(&["eval", "matrix", "plan.toml", "--quiet"], &expect![[r#"
        exit 6
        --- stderr
        error: `cells/lighthouse/trail.jsonl` differs from the plan in the model: expected `gpt-y`, found `gpt-x`
        hint: remove that file, or name another folder in the plan's `out`
    "#]]);
    assert_eq!(place.read("cells/lighthouse/trail.jsonl"), before);
    // It is told before anything is made, in other cells too.
    assert!(!place.path("cells/lighthouse/trail-fewer.jsonl").exists());
}

#[test]
fn a_cell_goes_on_where_other_tasks_are_picked() {
    let place = with_matrix();
    // Of four tasks the second policy had taken the first and the third. Where three are taken at
    // most, it takes the first two of them.
    let cell = "cells/lighthouse/trail-fewer.jsonl";
    let whole = place.read(cell);
    assert!(!whole.contains("Who designed"));
    place.write("plan.toml", PLAN);
    let object = place.json(&["eval", "matrix", "plan.toml", "--no-rollouts", "--quiet", "--json"]);
    let told = |object: &Value| {
        let of = |cell: &Value| (cell["answers"]["episodes"].clone(), cell["complete"].clone());
        object["cells"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(told(&object), [(json!(3), json!(true)), (json!(1), json!(false))]);
    let object = place.json(&["eval", "matrix", "plan.toml", "--quiet", "--json"]);
    assert_eq!(told(&object), [(json!(3), json!(true)), (json!(2), json!(true))]);
    let now = place.read(cell);
    assert!(now.starts_with(&whole) && now.contains("Who designed"));
    assert_eq!(now.lines().count(), whole.lines().count() + 1);
}

#[test]
fn plans_that_cannot_be_followed() {
    let place = Place::with_docs();
    place.write("tasks.jsonl", task("built", "When was it built?", "1911"));
    let check = |plan: &str, expected: Expect| {
        place.write("plan.toml", plan);
        place.check(&["eval", "matrix", "plan.toml", "--no-rollouts"], &expected);
    };
    check(
        &PLAN.replace("tasks = 3", "tasks = 0"),
        expect![[r#"
        exit 6
        --- stderr
        error: `plan.toml`: policy `trail`: expected `tasks` from 1, found 0
    "#]],
    );
    check(
        &PLAN.replacen("trail\"\npolicy = \"trail\"", "x\"\npolicy = \"magic\"", 1),
        expect![[r#"
            exit 6
            --- stderr
            error: `plan.toml` is no plan of a matrix
            cause: TOML parse error at line 10, column 10
               |
            10 | policy = "magic"
               |          ^^^^^^^
            unknown variant `magic`, expected one of `trail`, `chat`, `closed_book`

        "#]],
    );
    check(
        &PLAN.replace("tasks.jsonl", "none.jsonl"),
        expect![[r#"
        exit 6
        --- stderr
        error: failed to open file `none.jsonl`: No such file or directory (os error 2)
    "#]],
    );
    place.write("plan.toml", PLAN);
    place.check(
        &["eval", "matrix", "none.toml"],
        &expect![[r#"
        exit 6
        --- stderr
        error: failed to open file `none.toml`: No such file or directory (os error 2)
    "#]],
    );
}

/// A training in verl's format: searching until `until`, then not.
fn training(place: &Place, n_steps: usize, until: usize) {
    for step in 1..=n_steps {
        let mut lines = String::new();
        for n in 0..16 {
            let searched = if step < until {
                "<search>a harbour</search><information>Doc 1: x</information>"
            } else {
                ""
            };
            // Two of three answers broken now and then, so that the shares are not all the same.
            let end = if (step * 7 + n * 5) % 11 == 0 { "" } else { "</answer>" };
            let line = json!({
                "input": format!("Answer in <answer>. Q{}", n / 4),
                "output": format!("{searched}<answer>x{end}"),
                "score": if (n + step) % 3 == 0 { 1.0 } else { 0.0 },
                "step": step,
            });
            lines += &format!("{line}\n");
        }
        place.write(&format!("logs/{step}.jsonl"), lines);
    }
}

#[test]
fn a_collapse_is_seen() {
    let place = Place::new();
    training(&place, 24, 15);
    place.check(&["eval", "collapse", "logs", "--html", "c.html"], &expect![[r#"
        exit 0
        --- stdout
        verl · 24 files · 384 rollouts in 24 steps
        tool use is collapsing since step 15
        alarm: searches per question fell from 1.00 to 0.00 at step 15 (p 0.0005)
        alarm: share of right answers without a search rose from -0.00 to 1.00 at step 15 (p 0.0005)

        step  rollouts  searches  easy  medium  hard  valid  right  unsearched  repeated  empty  reward  spread  equal groups
        1           16      1.00     –       –  1.00   0.94   0.31        0.00      0.00   0.00    0.31    0.45          0.00
        2           16      1.00     –       –  1.00   0.97   0.31        0.00      0.00   0.00    0.31    0.45          0.00
        3           16      1.00     –       –  1.00   0.97   0.38        0.00      0.00   0.00    0.38    0.47          0.00
        4           16      1.00     –       –  1.00   0.94   0.31        0.00      0.00   0.00    0.31    0.45          0.00
        5           16      1.00     –       –  1.00   0.94   0.31        0.00      0.00   0.00    0.31    0.45          0.00
        7           16      1.00     –       –  1.00   0.97   0.31        0.00      0.00   0.00    0.31    0.45          0.00
        8           16      1.00     –       –  1.00   0.94   0.31        0.00      0.00   0.00    0.31    0.45          0.00
        9           16      1.00     –       –  1.00   0.97   0.38        0.00      0.00   0.00    0.38    0.47          0.00
        10          16      1.00     –       –  1.00   0.97   0.31        0.00      0.00   0.00    0.31    0.45          0.00
        11          16      1.00     –       –  1.00   0.94   0.31        0.00      0.00   0.00    0.31    0.45          0.00
        13          16      1.00     –       –  1.00   0.97   0.31        0.00      0.00   0.00    0.31    0.45          0.00
        14          16      1.00     –       –  1.00   0.97   0.31        0.00      0.00   0.00    0.31    0.45          0.00
        15          16      0.00     –       –  0.00   0.88   0.38        1.00         –      –    0.38    0.47          0.00
        16          16      0.00     –       –  0.00   0.88   0.31        1.00         –      –    0.31    0.45          0.00
        17          16      0.00     –       –  0.00   0.94   0.31        1.00         –      –    0.31    0.45          0.00
        19          16      0.00     –       –  0.00   0.88   0.31        1.00         –      –    0.31    0.45          0.00
        20          16      0.00     –       –  0.00   0.94   0.31        1.00         –      –    0.31    0.45          0.00
        21          16      0.00     –       –  0.00   0.94   0.38        1.00         –      –    0.38    0.47          0.00
        22          16      0.00     –       –  0.00   0.88   0.31        1.00         –      –    0.31    0.45          0.00
        24          16      0.00     –       –  0.00   0.94   0.38        1.00         –      –    0.38    0.47          0.00

        rule: a lasting change of level with p below 0.01 / 6 and of a size that matters
        difficulty: thirds of the share of wrong answers that a question got in this log
    "#]]);
    assert!(place.read("c.html").contains("since 15"));
    let object = place.json(&["eval", "collapse", "logs", "--json"]);
    let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
    expect![[r#"["status", "verdict", "formats", "files", "torn", "failed", "by_window", "band_by_outcome", "steps", "alarms", "unsearching", "collapsing"]"#]].assert_eq(&format!("{keys:?}"));
    assert_eq!(
        (object["collapsing"].as_bool(), object["alarms"][0]["since"].as_u64()),
        (Some(true), Some(15))
    );
    let place = Place::new();
    training(&place, 14, 15);
    place.check(&["eval", "collapse", "logs/3.jsonl"], &expect![[r#"
        exit 0
        --- stdout
        verl · 1 file · 16 rollouts in 1 step
        too few steps to tell: 1, of at least 12

        step  rollouts  searches  easy  medium  hard  valid  right  unsearched  repeated  empty  reward  spread  equal groups
        3           16      1.00     –    1.00  1.00   0.97   0.38        0.00      0.00   0.00    0.38    0.47          0.00

        rule: a lasting change of level with p below 0.01 / 6 and of a size that matters
        difficulty: thirds of the share of wrong answers that a question got in this log
    "#]]);
    let output = place.run(&["eval", "collapse", "logs"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("no sign of collapse in 14 steps"));
}

#[test]
fn logs_that_cannot_be_watched() {
    let place = Place::new();
    assert_eq!(code(&place.run(&["eval", "collapse", "a.jsonl", "--right-from", "nan"])), 2);
    let check = |content: &[u8], expected: Expect| {
        place.write("log.jsonl", content);
        place.check(&["eval", "collapse", "log.jsonl"], &expected);
    };
    check(
        b"",
        expect![[r#"
        exit 6
        --- stderr
        error: no rollouts in `log.jsonl`
    "#]],
    );
    check(
        b"{\"messages\": [], \"reward\": 1}\n",
        expect![[r#"
        exit 6
        --- stderr
        error: unknown log format of `log.jsonl`: expected a line of sleuth, verl, skyrl or trl, found `messages`, `reward`
        hint: known are files of episodes (`task`, `attempt`, `ending`), and lines of verl (`input`, `output`, `score`), SkyRL (`input_prompt`, `output_response`, `score`) and TRL (`prompt`, `completion`)
    "#]],
    );
    check(
        b"PAR1\x00",
        expect![[r#"
        exit 6
        --- stderr
        error: `log.jsonl` is a Parquet file: expected JSON Lines
        hint: convert it: python -c "import sys, pandas; pandas.read_parquet(sys.argv[1]).to_json(sys.argv[2], orient='records', lines=True)" IN.parquet OUT.jsonl
    "#]],
    );
    check(
        b"{\"input\": \"Q\", \"output\": \"A\", \"score\": 1}\n{\"input\": \"Q\"}\n",
        expect![[r#"
            exit 6
            --- stderr
            error: malformed line 2 of `log.jsonl`: expected a line of verl with `output`
        "#]],
    );
    place.check(
        &["eval", "collapse", "none"],
        &expect![[r#"
        exit 6
        --- stderr
        error: failed to open file `none`: No such file or directory (os error 2)
    "#]],
    );
}
