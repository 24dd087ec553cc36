//! A tool that is made worse on purpose.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use sleuth_server::Options;
use sleuth_tasks::Quality;

use super::client::{Reply, Served, options};

fn served(quality: Quality, seed: u64) -> Served {
    Served::with(Options { quality, seed, stall: Duration::ZERO, ..options() })
}

fn search(served: &Served, query: &str) -> (Reply, Vec<String>) {
    let body = json!({ "queries": [query], "topk": 5, "return_scores": false }).to_string();
    let reply = served.post("/retrieve", &body);
    let ids = reply.json()["result"][0]
        .as_array()
        .map(|hits| hits.iter().map(|hit| hit["id"].as_str().unwrap().to_owned()).collect());
    (reply, ids.unwrap_or_default())
}

#[test]
fn every_answer_says_how_good_the_tool_is() {
    for quality in ["good", "noisy:0.5", "empty", "random", "failing:0.25"] {
        let served = served(quality.parse().unwrap(), 7);
        let reply = served.get("/health");
        assert_eq!(reply.header("x-sleuth-quality"), Some(quality));
        assert_eq!(reply.json()["quality"], quality);
        let retrieval = reply.header("x-sleuth-retrieval").unwrap().to_owned();
        assert_eq!(retrieval.contains('+'), quality != "good", "{retrieval}");
    }
}

#[test]
fn noise_empties_and_chance_are_what_they_say() {
    let good = search(&served(Quality::Good, 0), "lighthouse keeper letters").1;
    assert_eq!(good[0], "glass-harbour");
    assert!(search(&served(Quality::Empty, 0), "lighthouse keeper letters").1.is_empty());
    let random = search(&served(Quality::Random, 0), "lighthouse keeper letters").1;
    assert_eq!(random.len(), 5);
    assert_eq!(random, search(&served(Quality::Random, 0), "lighthouse keeper letters").1);
    assert_ne!(random, search(&served(Quality::Random, 1), "lighthouse keeper letters").1);
    let noisy = search(&served(Quality::Noisy { rate: 1.0 }, 0), "lighthouse keeper letters").1;
    assert_eq!(noisy.len(), good.len());
    assert_ne!(noisy, good);
    assert_eq!(
        search(&served(Quality::Noisy { rate: 0.0 }, 0), "lighthouse keeper letters").1,
        good
    );
}

/// The outcome of a call: the name of its fault, or `good`.
fn outcome(served: &Served, query: &str) -> String {
    let body = json!({ "queries": [query], "topk": 4, "return_scores": true }).to_string();
    let mut stream = served.connect();
    stream.write_all(&served.request("POST", "/retrieve", &[], body.as_bytes())).unwrap();
    let Some(reply) = Reply::try_read(&mut stream) else { return "network_error".to_owned() };
    let fault = reply.header("x-sleuth-fault").unwrap_or("good").to_owned();
    let hits = || reply.json()["result"][0].as_array().unwrap().len();
    match fault.as_str() {
        "timeout" => assert_eq!((reply.status, reply.code().as_str()), (504, "timeout")),
        "error_response" => assert_eq!(reply.status, 500),
        "rate_limit" => {
            assert_eq!((reply.status, reply.header("retry-after")), (429, Some("1")));
        }
        "partial_failure" => assert_eq!((reply.status, hits()), (200, 2)),
        "empty_response" => assert_eq!((reply.status, hits()), (200, 0)),
        "invalid_response" => {
            assert_eq!(reply.status, 200);
            assert!(serde_json::from_slice::<Value>(&reply.body).is_err());
        }
        "good" => assert_eq!((reply.status, hits()), (200, 4)),
        other => panic!("unknown fault {other}"),
    }
    fault
}

#[test]
fn faults_come_as_they_come_for_real_and_the_same_in_every_run() {
    let query = |at: usize| format!("novel novelist port river {at}");
    let run = |seed| {
        let served = served(Quality::Failing { rate: 1.0 }, seed);
        (0..150).map(|at| outcome(&served, &query(at))).collect::<Vec<_>>()
    };
    let faults = run(3);
    assert_eq!(faults, run(3));
    assert_ne!(faults, run(4));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for fault in &faults {
        *counts.entry(fault).or_default() += 1;
    }
    assert!(!counts.contains_key("good"));
    assert!(counts["timeout"] > counts["network_error"], "{counts:?}");
}

#[test]
fn it_is_worth_while_to_try_again() {
    let served = served(Quality::Failing { rate: 0.5 }, 0);
    let outcomes: Vec<String> =
        (0..12).map(|_| outcome(&served, "novel novelist port river")).collect();
    assert!(outcomes.iter().any(|outcome| outcome == "good"), "{outcomes:?}");
    assert!(outcomes.iter().any(|outcome| outcome != "good"), "{outcomes:?}");
    assert!(served.get("/stats").json()["faults"].as_u64().unwrap() > 0);
}
