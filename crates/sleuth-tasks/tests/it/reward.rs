//! Rewards: the published ladders, and what a configuration may say.

use sleuth_records::{DocumentId, Mark};
use sleuth_tasks::{Attempt, RewardRule, Searched, Task, Verifier, verify};

use crate::sample::{attempt, citing, not_found, task};

fn london() -> Task {
    task(Verifier::Exact, &["London"])
}

fn reward(rule: &RewardRule, task: &Task, attempt: &Attempt) -> f64 {
    let verdict = verify(task, attempt, None).unwrap();
    rule.reward(task, attempt, &verdict).total
}

fn check(rule: &RewardRule, attempt: &Attempt, expected: f64) {
    let found = reward(rule, &london(), attempt);
    assert!((found - expected).abs() < 1e-12, "expected {expected}, found {found}: {attempt:?}");
}

fn with_a_slip(attempt: Attempt) -> Attempt {
    Attempt { invalid_actions: 1, ..attempt }
}

fn without_search(attempt: Attempt) -> Attempt {
    Attempt { searches: Vec::new(), ..attempt }
}

fn found_nothing(attempt: Attempt) -> Attempt {
    let searches = vec![Searched { query: "x".to_owned(), documents: Vec::new() }];
    Attempt { searches, ..attempt }
}

#[test]
fn the_ladder_of_search_r1() {
    let rule = RewardRule::search_r1();
    check(&rule, &attempt("London"), 1.0);
    check(&rule, &with_a_slip(attempt("London")), 0.8);
    check(&rule, &attempt("Paris"), 0.3);
    check(&rule, &found_nothing(attempt("Paris")), 0.2);
    check(&rule, &with_a_slip(attempt("Paris")), 0.1);
    // No answer, in a valid form or not.
    check(&rule, &not_found(), 0.3);
    check(&rule, &found_nothing(not_found()), 0.2);
    check(&rule, &with_a_slip(not_found()), 0.0);
    check(&rule, &Attempt::default(), 0.0);
    check(&rule, &without_search(attempt("London")), 1.0);
}

#[test]
fn all_or_nothing() {
    let rule = RewardRule::strict();
    check(&rule, &attempt("London"), 1.0);
    check(&rule, &with_a_slip(attempt("London")), 0.0);
    check(&rule, &Attempt { ended: false, ..attempt("London") }, 0.0);
    check(&rule, &attempt("Paris"), 0.0);
    check(&RewardRule::outcome_only(), &with_a_slip(attempt("London")), 1.0);
    check(&RewardRule::outcome_only(), &attempt("Paris"), 0.0);
}

#[test]
fn the_default_wants_a_search() {
    let rule = RewardRule::default();
    check(&rule, &attempt("London"), 1.0);
    check(&rule, &without_search(attempt("London")), 0.8);
    // One of two actions was no valid call.
    check(&rule, &with_a_slip(attempt("London")), 0.9);
    check(&rule, &attempt("Paris"), 0.2);
    check(&rule, &without_search(attempt("Paris")), 0.2);
    check(&rule, &Attempt::default(), 0.0);
    // Where there is no answer, saying so is right, and without having looked it is a guess.
    let nothing = task(Verifier::NotFound, &[]);
    assert!((reward(&rule, &nothing, &not_found()) - 1.0).abs() < 1e-12);
    assert!((reward(&rule, &nothing, &without_search(not_found())) - 0.8).abs() < 1e-12);
}

#[test]
fn evidence_and_citations_count_where_they_have_weight() {
    let rule: RewardRule = serde_json::from_str(
        r#"{"preset": "outcome", "outcome": "f1", "evidence_weight": 0.5, "citations_weight": 0.25}"#,
    )
    .unwrap();
    let mut both = london();
    both.evidence.push(both.evidence[0].clone());
    both.evidence[1].document = DocumentId::new("d2");
    let cited = citing(attempt("Greater London"), "d1", 10..20, Mark::Partial);
    let verdict = verify(&both, &cited, None).unwrap();
    let reward = rule.reward(&both, &cited, &verdict);
    assert!((reward.total - (2.0 / 3.0 + 0.25 + 0.25)).abs() < 1e-12, "{reward:?}");
    let names: Vec<&str> = reward.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["outcome", "evidence", "citations"]);
    let unsupported = citing(attempt("London"), "d1", 10..20, Mark::Unsupported);
    let verdict = verify(&both, &unsupported, None).unwrap();
    assert!((rule.reward(&both, &unsupported, &verdict).total - 1.25).abs() < 1e-12);
}

#[test]
fn a_configuration_says_what_differs() {
    let read = |text: &str| serde_json::from_str::<RewardRule>(text);
    assert_eq!(read("{}").unwrap(), RewardRule::default());
    for name in RewardRule::PRESETS {
        let rule = read(&format!("{{\"preset\": \"{name}\"}}")).unwrap();
        assert_eq!(Some(&rule), RewardRule::preset(name).as_ref());
        // What is written out reads back, whatever the preset was.
        assert_eq!(read(&serde_json::to_string(&rule).unwrap()).unwrap(), rule);
    }
    let rule = read(r#"{"preset": "search_r1", "no_search_penalty": 0.5}"#).unwrap();
    assert_eq!(rule, RewardRule { no_search_penalty: 0.5, ..RewardRule::search_r1() });
    let refused = |text: &str, expected: &str| {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused(
        r#"{"outcome_wieght": 1}"#,
        "unknown field `outcome_wieght`, expected one of `preset`, ",
    );
    refused(
        r#"{"preset": "mine"}"#,
        "unknown preset `mine`; known presets: `default`, `search_r1`",
    );
    refused(r#"{"outcome": "bleu"}"#, "unknown variant `bleu`, expected one of `verdict`, `exact`");
    refused(r#"{"no_search_penalty": -0.2}"#, "expected 0 or more");
}
