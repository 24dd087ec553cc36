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
    place.check(&["eval", "answers", "a.jsonl"], &expect![[""]]);
    let object = place.json(&["eval", "answers", "a.jsonl", "--json"]);
    let system = &object["systems"][0];
    let keys: Vec<&String> = system.as_object().unwrap().keys().collect();
    expect![[""]].assert_eq(&format!("{keys:?}"));
    expect![[""]].assert_eq(&system["metrics"]["correct"].to_string());
    expect![[""]].assert_eq(&system["errors"].to_string());
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
    place.check(&["eval", "answers", "a.jsonl", "b.jsonl"], &expect![[""]]);
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
    place.check(&["eval", "compare", "a.jsonl", "b.jsonl", "--quiet"], &expect![[""]]);
    place.check(&["eval", "compare", "a.jsonl", "c.jsonl"], &expect![[""]]);
    let object = place.json(&["eval", "compare", "a.jsonl", "c.jsonl", "--json", "--metric", "f1"]);
    let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
    expect![[""]].assert_eq(&format!("{keys:?}"));
    assert_eq!(
        (object["call"].as_str(), object["status"].as_str()),
        (Some("second_higher"), Some("compared"))
    );
    assert_eq!(object["contrasts"][0]["metric"], "f1");
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let place = Place::new();
    write(&place, "a.jsonl", &twelve(4));
    let check = |change: &dyn Fn(&mut Vec<Value>), expected: Expect| {
        let mut episodes = twelve(4);
        change(&mut episodes);
        write(&place, "b.jsonl", &episodes);
        place.check(&["eval", "compare", "a.jsonl", "b.jsonl"], &expected);
    };
    check(
        &|episodes| episodes.iter_mut().for_each(|e| e["store"] = json!("fedcba9876543210")),
        expect![[""]],
    );
    check(
        &|episodes| {
            for episode in episodes {
                episode["events"][0]["budget"]["searches"] = json!(4);
            }
        },
        expect![[""]],
    );
    check(&|episodes| drop(episodes.pop()), expect![[""]]);
    check(&|episodes| episodes.push(by_model(episode("t00", 0, true))), expect![[""]]);
    check(&|episodes| episodes.iter_mut().for_each(|e| *e = failed("t00", "model")), expect![[""]]);
    place.check(&["eval", "compare", "a.jsonl", "a.jsonl", "--across", "luck"], &expect![[""]]);
    place.check(&["eval", "compare", "a.jsonl", "a.jsonl", "--metric", "luck"], &expect![[""]]);
}

#[test]
fn files_that_are_not_episodes() {
    let place = Place::new();
    let check = |content: &str, expected: Expect| {
        place.write("a.jsonl", content);
        place.check(&["eval", "answers", "a.jsonl"], &expected);
    };
    check("", expect![[""]]);
    check("{\"input\": \"Q\", \"output\": \"A\", \"score\": 1}\n", expect![[""]]);
    let line = format!("{}\n", episode("t0", 0, true));
    check(&format!("{line}{line}"), expect![[""]]);
    check(&line.replacen("\"schema\":1", "\"schema\":9", 1), expect![[""]]);
    let drifted = line.replace("answer t0", "another").replace("\"rollout\":0", "\"rollout\":1");
    check(&format!("{line}{drifted}"), expect![[""]]);
    let output = {
        place.write("a.jsonl", format!("{line}{}", &line[..200]));
        place.run(&["eval", "answers", "a.jsonl"])
    };
    assert_eq!(code(&output), 0);
    expect![[""]].assert_eq(&String::from_utf8_lossy(&output.stderr));
    place.check(&["eval", "answers", "none.jsonl"], &expect![[""]]);
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
    expect![[""]].assert_eq(&place.read("a.run"));
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
        &expect![[""]],
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
    place.check(&["eval", "curve", "16.jsonl", "4.jsonl"], &expect![[""]]);
    place.check(&["eval", "curve", "4.jsonl", "--by", "samples"], &expect![[""]]);
    place.check(&["eval", "curve", "4.jsonl", "--by", "luck"], &expect![[""]]);
    let object =
        place.json(&["eval", "curve", "16.jsonl", "4.jsonl", "--json", "--html", "c.html"]);
    assert_eq!(object["series"][0]["points"].as_array().map(Vec::len), Some(2));
    assert!(place.read("c.html").contains("in sequence"));
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
    place.check(&["eval", "matrix", "plan.toml", "--no-rollouts", "--quiet"], &expect![[""]]);
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

#[test]
fn plans_that_cannot_be_followed() {
    let place = Place::with_docs();
    place.write("tasks.jsonl", task("built", "When was it built?", "1911"));
    let check = |plan: &str, expected: Expect| {
        place.write("plan.toml", plan);
        place.check(&["eval", "matrix", "plan.toml", "--no-rollouts"], &expected);
    };
    check(&PLAN.replace("tasks = 3", "tasks = 0"), expect![[""]]);
    check(
        &PLAN.replacen("trail\"\npolicy = \"trail\"", "x\"\npolicy = \"magic\"", 1),
        expect![[""]],
    );
    check(&PLAN.replace("tasks.jsonl", "none.jsonl"), expect![[""]]);
    place.write("plan.toml", PLAN);
    write(&place, "cells/lighthouse/trail.jsonl", &[by_model(episode("built", 0, true))]);
    place.check(&["eval", "matrix", "plan.toml", "--no-rollouts"], &expect![[""]]);
    place.check(&["eval", "matrix", "none.toml"], &expect![[""]]);
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
    place.check(&["eval", "collapse", "logs", "--html", "c.html"], &expect![[""]]);
    assert!(place.read("c.html").contains("since 15"));
    let object = place.json(&["eval", "collapse", "logs", "--json"]);
    let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
    expect![[""]].assert_eq(&format!("{keys:?}"));
    assert_eq!(
        (object["collapsing"].as_bool(), object["alarms"][0]["since"].as_u64()),
        (Some(true), Some(15))
    );
    let place = Place::new();
    training(&place, 14, 15);
    place.check(&["eval", "collapse", "logs/3.jsonl"], &expect![[""]]);
    let output = place.run(&["eval", "collapse", "logs"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("no sign of collapse in 14 steps"));
}

#[test]
fn logs_that_cannot_be_watched() {
    let place = Place::new();
    let check = |content: &[u8], expected: Expect| {
        place.write("log.jsonl", content);
        place.check(&["eval", "collapse", "log.jsonl"], &expected);
    };
    check(b"", expect![[""]]);
    check(b"{\"messages\": [], \"reward\": 1}\n", expect![[""]]);
    check(b"PAR1\x00", expect![[""]]);
    check(
        b"{\"input\": \"Q\", \"output\": \"A\", \"score\": 1}\n{\"input\": \"Q\"}\n",
        expect![[""]],
    );
    place.check(&["eval", "collapse", "none"], &expect![[""]]);
}
