//! Accuracy against spending, one rollout after the other and several beside each other.

use sleuth_eval::{Axis, Curve, Metric, Resampling, System, read_systems};
use sleuth_records::{Citation, EvidenceId, Mark};
use sleuth_tasks::Episode;

use crate::made::{episode, started, write};

fn systems(episodes: &[Episode]) -> Vec<System> {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "episodes.jsonl", episodes);
    read_systems(&[path], None).unwrap().systems
}

fn curve(episodes: &[Episode], axis: Axis) -> Curve {
    Curve::of(&systems(episodes), axis, &Resampling { samples: 500, ..Resampling::default() })
}

fn within(searches: u32, n_right: usize) -> Vec<Episode> {
    let make = |n: usize| {
        let mut episode = episode(&format!("t{n}"), 0, n < n_right);
        episode.events = vec![started(searches)];
        episode.attempt.usage.searches = searches / 2;
        episode
    };
    (0..10).map(make).collect()
}

#[test]
fn larger_budgets_are_points_of_one_curve() {
    let episodes = [within(16, 6), within(4, 3), within(64, 7)].concat();
    let found = curve(&episodes, Axis::Spent(Metric::Searches));
    assert_eq!(found.series.len(), 1);
    assert_eq!(found.series[0].name, "trail, in sequence");
    let points: Vec<(f64, f64)> =
        found.series[0].points.iter().map(|point| (point.x, point.accuracy.mean)).collect();
    assert_eq!(points, [(2.0, 0.3), (8.0, 0.6), (32.0, 0.7)]);
    assert!(curve(&episodes, Axis::Samples).series.is_empty());
}

#[test]
fn other_stores_and_retrievals_are_other_curves() {
    let with = |change: &dyn Fn(&mut Episode)| {
        let mut episodes = within(16, 6);
        episodes.iter_mut().for_each(change);
        episodes
    };
    let names = |episodes: &[Episode]| -> Vec<String> {
        let found = curve(episodes, Axis::Spent(Metric::Searches));
        found.series.into_iter().map(|series| series.name).collect()
    };
    let failing = with(&|episode| episode.retrieval += "+failing:0.5+seed:0");
    assert_eq!(
        names(&[within(4, 3), within(16, 6), failing.clone()].concat()),
        [
            "trail, retrieval retrieval, in sequence",
            "trail, retrieval retrieval+failing:0.5+seed:0, in sequence",
        ]
    );
    let elsewhere = with(&|episode| episode.store = "another".to_owned());
    assert_eq!(
        names(&[within(4, 3), elsewhere].concat()),
        ["trail, store another, in sequence", "trail, store snapshot, in sequence"]
    );
    // Beside each other, too.
    let twice = |episodes: Vec<Episode>| {
        let again = |episode: &Episode| Episode { rollout: 1, ..episode.clone() };
        let more: Vec<Episode> = episodes.iter().map(again).collect();
        [episodes, more].concat()
    };
    let found = names(&[twice(within(16, 6)), twice(failing)].concat());
    assert!(found.contains(&"trail, retrieval retrieval, oracle".to_owned()), "{found:?}");
}

/// Four tasks with three rollouts: `right` says which are right, `exact` how many citations of each
/// are exact.
fn sampled(answers: [&str; 3], right: [bool; 3], exact: [usize; 3]) -> Vec<Episode> {
    let mut out = Vec::new();
    for task in 0..4 {
        for rollout in 0..3 {
            let mut episode = episode(&format!("t{task}"), rollout as u32, right[rollout]);
            episode.attempt.answer = answers[rollout].to_owned();
            let mark = |mark| Citation { claim: 0, evidence: EvidenceId("e1".to_owned()), mark };
            episode.attempt.citations = vec![mark(Mark::Partial)];
            episode.attempt.citations.extend((0..exact[rollout]).map(|_| mark(Mark::Exact)));
            out.push(episode);
        }
    }
    out
}

fn at(found: &Curve, name: &str, k: usize) -> f64 {
    let series = found.series.iter().find(|series| series.name.ends_with(name)).unwrap();
    series.points[k - 1].accuracy.mean
}

#[test]
fn an_answer_is_taken_of_several() {
    // Two of three say the same wrong thing; the right one has the evidence.
    let found = curve(
        &sampled(["The Larch!", "larch", "oak"], [false, false, true], [0, 1, 2]),
        Axis::Samples,
    );
    let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}");
    close(at(&found, "oracle", 1), 1.0 / 3.0);
    close(at(&found, "oracle", 2), 2.0 / 3.0);
    close(at(&found, "oracle", 3), 1.0);
    close(at(&found, "majority", 3), 0.0);
    // Of two that disagree, the first: (larch, larch), (larch, oak), (larch, oak).
    close(at(&found, "majority", 2), 0.0);
    close(at(&found, "evidence", 3), 1.0);
    let efficiency = |name: &str| {
        found.series.iter().find(|series| series.name.ends_with(name)).unwrap().efficiency
    };
    assert_eq!(efficiency("oracle"), None);
    close(efficiency("evidence").unwrap(), 1.0);
    close(efficiency("majority").unwrap(), -0.5);
    // A majority that is right.
    let found =
        curve(&sampled(["x", "oak", "the oak"], [false, true, true], [0, 0, 0]), Axis::Samples);
    close(at(&found, "majority", 3), 1.0);
    assert!(found.series.iter().all(|series| !series.name.ends_with("confidence")));
}

#[test]
fn samples_stand_where_their_spending_is() {
    let found = curve(
        &sampled(["a", "b", "c"], [true, false, false], [0, 0, 0]),
        Axis::Spent(Metric::Pages),
    );
    let names: Vec<&str> = found.series.iter().map(|series| series.name.as_str()).collect();
    assert_eq!(
        names,
        ["trail, in sequence", "trail, oracle", "trail, majority", "trail, evidence"]
    );
    let xs: Vec<f64> = found.series[1].points.iter().map(|point| point.x).collect();
    assert_eq!(xs, [1.0, 2.0, 3.0]);
}
