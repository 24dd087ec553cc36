//! Values computed by hand from the definitions, and what cannot be measured.

use sleuth_eval::{EvalError, Evaluation, Measure, Resampling, compare, evaluate};
use sleuth_records::{DocumentId, Qrels, RankedQuery, Run};

fn qrels(lines: &[(&str, &str, i32)]) -> Qrels {
    let mut qrels = Qrels::new();
    for (query, document, grade) in lines {
        qrels.entry((*query).to_owned()).or_default().insert((*document).to_owned(), *grade);
    }
    qrels
}

fn run(rankings: &[(&str, &[(&str, f32)])]) -> Run {
    let of = |&(query, documents): &(&str, &[(&str, f32)])| RankedQuery {
        query: query.to_owned(),
        documents: documents.iter().map(|&(id, score)| (DocumentId::new(id), score)).collect(),
    };
    Run { tag: "test".to_owned(), rankings: rankings.iter().map(of).collect() }
}

fn measures(names: &[&str]) -> Vec<Measure> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn check(evaluation: &Evaluation, query: &str, expected: &[f64]) {
    let scores = evaluation.queries.iter().find(|scores| scores.query == query).unwrap();
    for ((measure, value), expected) in evaluation.measures.iter().zip(&scores.values).zip(expected)
    {
        assert!((value - expected).abs() < 5e-6, "{query} {measure}: {value}, expected {expected}");
    }
}

/// Five judged queries: graded, tied, without results, without relevant documents, and found whole.
fn table() -> (Qrels, Run) {
    let qrels = qrels(&[
        ("graded", "a", 3),
        ("graded", "b", 2),
        ("graded", "c", 1),
        ("graded", "e", 1),
        ("graded", "d", 0),
        ("graded", "x", -1),
        ("tied", "a", 1),
        ("missing", "a", 1),
        ("hopeless", "a", 0),
        ("whole", "a", 1),
        ("whole", "b", 1),
    ]);
    let run = run(&[
        // Grades by rank: 1, −1, 3, 0, 2; and `e` is not found. Not in the order of the scores.
        ("graded", &[("b", 1.0), ("x", 4.0), ("c", 5.0), ("a", 3.0), ("d", 2.0)]),
        // Equal scores: the larger id comes first, so the relevant one is second.
        ("tied", &[("a", 1.0), ("b", 1.0)]),
        ("hopeless", &[("a", 1.0)]),
        ("nobody judged this", &[("a", 1.0)]),
        ("whole", &[("b", 2.0), ("a", 1.0)]),
    ]);
    (qrels, run)
}

#[test]
fn values_by_hand() {
    let (qrels, run) = table();
    let names =
        ["ndcg@3", "ndcg@10", "recall@3", "recall@10", "all@10", "p@5", "p@10", "map", "mrr"];
    let evaluation = evaluate(&qrels, &run, &measures(&names)).unwrap();
    // nDCG@3: (1 + 3/log2 4) / (3 + 2/log2 3 + 1/log2 4) = 2.5 / 4.761860
    // nDCG@10: (2.5 + 2/log2 6) / (4.761860 + 1/log2 5) = 3.273706 / 5.192536
    // MAP: (1/1 + 2/3 + 3/5) / 4
    check(&evaluation, "graded", &[0.525005, 0.630464, 0.5, 0.75, 0.0, 0.6, 0.3, 0.566667, 1.0]);
    // 1/log2 3 = .630930
    check(&evaluation, "tied", &[0.630930, 0.630930, 1.0, 1.0, 1.0, 0.2, 0.1, 0.5, 0.5]);
    check(&evaluation, "missing", &[0.0; 9]);
    check(&evaluation, "whole", &[1.0, 1.0, 1.0, 1.0, 1.0, 0.4, 0.2, 1.0, 1.0]);
    assert_eq!(evaluation.queries.len(), 4);
    assert_eq!((evaluation.missing, evaluation.without_relevant, evaluation.unjudged), (1, 1, 1));
    let map = evaluation.mean(Measure::Map(None)).unwrap();
    assert!((map - (0.566667 + 0.5 + 0.0 + 1.0) / 4.0).abs() < 1e-6, "{map}");
    assert_eq!(evaluation.mean(Measure::Ndcg(7)), None);
}

#[test]
fn cuts_count_ranks() {
    let (qrels, run) = table();
    let evaluation =
        evaluate(&qrels, &run, &measures(&["all@1", "all@2", "map@2", "mrr@1", "mrr@2"])).unwrap();
    check(&evaluation, "whole", &[0.0, 1.0, 1.0, 1.0, 1.0]);
    check(&evaluation, "tied", &[0.0, 1.0, 0.5, 0.0, 0.5]);
    check(&evaluation, "graded", &[0.0, 0.0, 0.25, 1.0, 1.0]);
}

#[test]
fn what_cannot_be_measured_says_why() {
    let (qrels, good) = table();
    let map = measures(&["map"]);
    assert_eq!(evaluate(&qrels, &run(&[]), &map), Err(EvalError::EmptyRun));
    let message =
        evaluate(&qrels, &run(&[("other", &[("a", 1.0)])]), &map).unwrap_err().to_string();
    assert!(message.contains("no query in common"), "{message}");
    assert!(message.contains("`other`") && message.contains("`graded`"), "{message}");
    let nothing = self::qrels(&[("graded", "a", 0)]);
    assert_eq!(evaluate(&nothing, &good, &map), Err(EvalError::NothingRelevant));
    assert_eq!(evaluate(&Qrels::new(), &good, &map), Err(EvalError::NothingRelevant));
}

#[test]
fn two_runs_are_compared_by_query() {
    let (qrels, first) = table();
    let second = run(&[
        ("graded", &[("a", 3.0), ("b", 2.0), ("c", 1.0)]),
        ("tied", &[("a", 1.0)]),
        ("whole", &[("b", 1.0)]),
    ]);
    let measures = measures(&["map"]);
    let first = evaluate(&qrels, &first, &measures).unwrap();
    let second = evaluate(&qrels, &second, &measures).unwrap();
    let comparison = compare(&first, &second, &Resampling::default()).unwrap()[0];
    // graded .75 − .566667, tied 1 − .5, missing 0 − 0, whole .5 − 1
    assert!((comparison.difference - 0.183333 / 4.0).abs() < 1e-6, "{comparison:?}");
    assert_eq!((comparison.wins, comparison.ties, comparison.losses), (2, 1, 1));
    // The sums of ±.183333 ±.5 ±.5 are ±.183333 four times and ±1.183333, ±.816667: all as far out.
    assert_eq!(comparison.p, 1.0);

    let other = evaluate(&qrels, &run(&[("tied", &[("a", 1.0)])]), &[Measure::Mrr(None)]).unwrap();
    assert_eq!(compare(&first, &other, &Resampling::default()), Err(EvalError::Unpaired));
}
