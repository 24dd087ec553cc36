//! A tool made worse on purpose: how much, how, and the same each time.

use std::collections::BTreeMap;
use std::sync::Arc;

use sleuth_index::{IndexError, MemorySource, Query, Retriever, Store, SyncOptions, sync};
use sleuth_records::{Document, DocumentId};
use sleuth_tasks::{Degraded, Fault, Quality};

struct Kept {
    store: Arc<Store>,
    _folder: tempfile::TempDir,
}

/// Sixty documents, ten of which speak of falcons.
fn kept() -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let documents = (0..60).map(|at| {
        let about = if at < 10 { "falcon" } else { "harbour" };
        Document::new(DocumentId::new(format!("d{at:02}")), "", format!("A {about} number {at}."))
    });
    let options = SyncOptions { threads: 1, ..SyncOptions::default() };
    sync(&path, &MemorySource::new(documents), &options, &|_| (), &|| false).unwrap();
    Kept { store: Arc::new(Store::open(&path).unwrap()), _folder: folder }
}

fn degraded(kept: &Kept, quality: Quality, seed: u64) -> Degraded {
    let pool = kept.store.passages().unwrap();
    Degraded::new(Arc::clone(&kept.store) as Arc<dyn Retriever>, pool, quality, seed)
}

fn ids(degraded: &Degraded, query: &str) -> Vec<String> {
    let ranking = degraded.search(&Query::new(query, 10)).unwrap();
    ranking.hits.iter().map(|hit| hit.passage.document.to_string()).collect()
}

#[test]
fn words_for_qualities_are_read_as_they_are_written() {
    for word in ["good", "noisy:0.3", "empty", "random", "failing:0.2"] {
        let quality: Quality = word.parse().unwrap();
        assert_eq!(quality.to_string(), word);
        let json = serde_json::to_string(&quality).unwrap();
        assert_eq!(serde_json::from_str::<Quality>(&json).unwrap(), quality);
    }
    for word in ["", "bad", "noisy", "noisy:", "noisy:2", "noisy:-0.1", "noisy:NaN", "good:0.5"] {
        let error = word.parse::<Quality>().unwrap_err();
        assert!(error.to_string().contains(&format!("unknown quality `{word}`")), "{error}");
    }
}

#[test]
fn about_the_stated_share_of_hits_is_noise_and_the_same_each_time() {
    let kept = kept();
    let good = degraded(&kept, Quality::Good, 0);
    let count = |rate: f64, seed| {
        let noisy = degraded(&kept, Quality::Noisy { rate }, seed);
        let mut replaced = Vec::new();
        for at in 0..100 {
            let query = format!("falcon {at}");
            let (before, after) = (ids(&good, &query), ids(&noisy, &query));
            assert_eq!(before.len(), after.len());
            assert_eq!(after, ids(&noisy, &query));
            replaced.extend(before.iter().zip(&after).map(|(b, a)| b != a));
        }
        replaced
    };
    let share = |replaced: &[bool]| {
        replaced.iter().filter(|replaced| **replaced).count() as f64 / replaced.len() as f64
    };
    let (some, more) = (count(0.2, 1), count(0.6, 1));
    // A passage drawn that is in the ranking already replaces nothing.
    assert!((0.1..0.25).contains(&share(&some)), "{}", share(&some));
    assert!((0.4..0.65).contains(&share(&more)), "{}", share(&more));
    // What a lower rate replaces, a higher one does, too, but for draws that the first took away.
    let kept_by_more = some.iter().zip(&more).filter(|(some, more)| **some && !**more).count();
    assert!(kept_by_more < some.len() / 50, "{kept_by_more}");
    assert_ne!(some, count(0.2, 2));
}

#[test]
fn scores_of_noise_are_those_of_what_it_replaced() {
    let kept = kept();
    let score = |quality| {
        let ranking = degraded(&kept, quality, 0).search(&Query::new("falcon", 10)).unwrap();
        ranking.hits.iter().map(|hit| hit.score).collect::<Vec<_>>()
    };
    assert_eq!(score(Quality::Noisy { rate: 1.0 }), score(Quality::Good));
}

#[test]
fn random_passages_are_of_different_documents() {
    let kept = kept();
    let random = degraded(&kept, Quality::Random, 5);
    let mut found = ids(&random, "falcon");
    assert_eq!(found.len(), 10);
    assert_eq!(found, ids(&random, "falcon"));
    assert_ne!(found, ids(&random, "harbour"));
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 10);
    let all = random.search(&Query::new("falcon", 1000)).unwrap();
    assert!(all.hits.len() > 50 && all.hits.len() <= 60, "{}", all.hits.len());
    assert!(ids(&degraded(&kept, Quality::Empty, 0), "falcon").is_empty());
}

#[test]
fn faults_come_at_the_stated_rate_in_the_stated_mixture() {
    let kept = kept();
    let failing = degraded(&kept, Quality::Failing { rate: 0.5 }, 9);
    let n = 4000;
    let mut counts: BTreeMap<Fault, usize> = BTreeMap::new();
    for at in 0..n {
        if let Some(fault) = failing.fault(&format!("query {at}")) {
            *counts.entry(fault).or_default() += 1;
        }
    }
    let total: usize = counts.values().sum();
    assert!((0.47..0.53).contains(&(total as f64 / f64::from(n))), "{total}");
    assert!((Fault::SHARES.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-9);
    for (fault, share) in Fault::SHARES {
        let found = counts.get(&fault).copied().unwrap_or(0) as f64 / total as f64;
        // Four standard errors.
        let tolerance = 4.0 * (share * (1.0 - share) / total as f64).sqrt();
        assert!((found - share).abs() < tolerance, "{fault}: {found}, wanted {share}");
    }
}

#[test]
fn a_query_fares_differently_when_asked_again_and_the_same_in_the_next_run() {
    let kept = kept();
    let run = || {
        let failing = degraded(&kept, Quality::Failing { rate: 0.5 }, 0);
        (0..20).map(|_| failing.fault("falcon")).collect::<Vec<_>>()
    };
    let faults = run();
    assert_eq!(faults, run());
    assert!(faults.iter().any(Option::is_none) && faults.iter().any(Option::is_some));
}

#[test]
fn a_fault_is_an_error_or_takes_hits_away() {
    let kept = kept();
    let failing = degraded(&kept, Quality::Failing { rate: 1.0 }, 0);
    let asked_before = degraded(&kept, Quality::Failing { rate: 1.0 }, 0);
    let mut seen = BTreeMap::new();
    for at in 0..200 {
        let query = format!("falcon {at}");
        let fault = asked_before.fault(&query).unwrap();
        let result = failing.search(&Query::new(query, 10));
        *seen.entry(fault).or_insert(0) += 1;
        match (fault, result) {
            (Fault::PartialFailure, Ok(ranking)) => assert_eq!(ranking.hits.len(), 5),
            (Fault::EmptyResponse, Ok(ranking)) => assert!(ranking.hits.is_empty()),
            (fault, Err(IndexError::Unanswered { reason })) => {
                assert_eq!(Some(reason.as_str()), fault.message());
            }
            (fault, result) => panic!("{fault}: {result:?}"),
        }
    }
    assert!(seen.len() > 4, "{seen:?}");
}

#[test]
fn what_is_served_has_a_retrieval_id_of_its_own() {
    let id = |word: &str| word.parse::<Quality>().unwrap().retrieval("abc", 3);
    assert_eq!(id("good"), "abc");
    assert_eq!(id("empty"), "abc+empty");
    assert_eq!(id("noisy:0.3"), "abc+noisy:0.3+seed:3");
}
