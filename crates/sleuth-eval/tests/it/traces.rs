//! Published reliability: pass^1 to pass^4 of the trajectories that come with tau-bench.
//!
//! The file is a JSON array of trials with `task_id`, `trial` and `reward`; a trial is right when its
//! reward is 1 to within a millionth, as the benchmark has it.

use std::collections::BTreeMap;

use serde_json::Value;
use sleuth_eval::statistics::{pass_all, pass_at};
use sleuth_testkit::SharedData;

/// Rollouts and right ones among them, by task.
fn counts(trials: &[Value]) -> BTreeMap<u64, (u64, u64)> {
    let mut counts: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for trial in trials {
        let (n, c) = counts.entry(trial["task_id"].as_u64().unwrap()).or_default();
        *n += 1;
        *c += u64::from((trial["reward"].as_f64().unwrap() - 1.0).abs() <= 1e-6);
    }
    counts
}

#[test]
fn the_published_pass_hat_k_comes_out() {
    let path = SharedData::find()
        .and_then(|data| data.path("traces/gpt-4o-airline.trajectories.json.zst"));
    let Some(path) = path else {
        println!("skipped: no trajectories of tau-bench");
        return;
    };
    let file = fs_err::File::open(path).unwrap();
    let trials: Vec<Value> = serde_json::from_slice(&zstd::decode_all(file).unwrap()).unwrap();
    assert_eq!(trials.len(), 200);
    let counts = counts(&trials);
    let mean = |chance: &dyn Fn(u64, u64) -> f64| {
        counts.values().map(|&(n, c)| chance(n, c)).sum::<f64>() / counts.len() as f64
    };
    let all: Vec<String> =
        (1..=4).map(|k| format!("{:.3}", mean(&|n, c| pass_all(n, c, k).unwrap()))).collect();
    assert_eq!(all, ["0.420", "0.273", "0.220", "0.200"]);
    // At least one right of one is the same as all right of one; of four it is the other end.
    let at = |k| mean(&|n, c| pass_at(n, c, k).unwrap());
    assert!((at(1) - 0.42).abs() < 1e-12);
    assert!(at(4) > at(1));
    assert!(pass_all(4, 4, 5).is_err());
}
