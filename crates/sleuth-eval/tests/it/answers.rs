//! What one system's answers are worth, and files that cannot be measured.

use std::io::Write as _;

use expect_test::expect;
use sleuth_eval::{Answers, EpisodesError, Metric, Resampling, System, read_systems};
use sleuth_lm::PriceTable;
use sleuth_tasks::{Boundary, Episode, Kind, Segment, Source, Split, Verifier};

use crate::made::{by_model, episode, failed, started, write};

fn system(episodes: &[Episode]) -> System {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "episodes.jsonl", episodes);
    let mut loaded = read_systems(&[path], None).unwrap();
    assert_eq!(loaded.systems.len(), 1);
    loaded.systems.remove(0)
}

fn answers(episodes: &[Episode]) -> Answers {
    Answers::of(&system(episodes), &Resampling::default())
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
}

#[test]
fn means_are_over_tasks_and_errors_are_left_out() {
    let found = answers(&[
        episode("a", 0, true),
        episode("a", 1, true),
        episode("a", 2, false),
        episode("b", 0, false),
        failed("b", 1, Boundary::Model),
        failed("c", 0, Boundary::Verifier),
    ]);
    assert_eq!((found.episodes, found.tasks, found.tasks_lost), (6, 2, 1));
    assert_eq!(found.rollouts, (1, 3));
    assert_eq!(found.n_errors(), 2);
    // (2/3 + 0) / 2, not 2/4 and not 2/6.
    near(found.get(Metric::Correct).unwrap().mean, 1.0 / 3.0);
    near(found.get(Metric::F1).unwrap().mean, (2.25 / 3.0 + 0.25) / 2.0);
    near(found.get(Metric::EvidenceSeen).unwrap().mean, 1.0);
    near(found.get(Metric::Searches).unwrap().mean, 1.0);
    near(found.get(Metric::Seconds).unwrap().mean, 0.5);
    near(found.get(Metric::CitationsSupported).unwrap().mean, 1.0);
    assert!(found.get(Metric::NotFoundRightly).is_none());
    expect![[r#"
        errors, left out of all means: 2 of 6 episodes (model 1, verifier 1); 1 task has no other"#]]
    .assert_eq(&found.subtitle()[1]);
    // pass@k over the tasks with k rollouts: at 1 both, at 2 and 3 only the first.
    let passes: Vec<(usize, usize, f64, f64)> =
        found.passes.iter().map(|p| (p.k, p.at.tasks, p.at.mean, p.all.mean)).collect();
    assert_eq!(passes[0].1, 2);
    near(passes[0].2, 1.0 / 3.0);
    assert_eq!((passes[1].0, passes[1].1), (2, 1));
    near(passes[1].2, 1.0);
    near(passes[1].3, 1.0 / 3.0);
    near(passes[2].3, 0.0);
}

#[test]
fn not_found_is_right_where_nothing_answers() {
    let mut unanswerable = episode("u", 0, true);
    unanswerable.task.gold_answers.clear();
    unanswerable.task.kind = Kind::Unanswerable;
    unanswerable.attempt.answer.clear();
    unanswerable.attempt.not_found = true;
    let mut given_up = episode("g", 0, false);
    given_up.attempt.answer.clear();
    given_up.attempt.not_found = true;
    let mut silent = episode("s", 0, false);
    silent.attempt.ended = false;
    silent.attempt.citations.clear();
    let found = answers(&[unanswerable, given_up, silent, episode("a", 0, true)]);
    let mean = |metric| found.get(metric).unwrap().mean;
    near(mean(Metric::NotFoundRightly), 1.0);
    near(mean(Metric::NotFoundWrongly), 1.0 / 3.0);
    near(mean(Metric::NoAnswer), 0.25);
    assert_eq!(found.get(Metric::CitationsExact).unwrap().tasks, 3);
    let kinds: Vec<&str> =
        found.groups.iter().filter(|g| g.by == "kind").map(|g| g.name.as_str()).collect();
    assert_eq!(kinds, ["one_hop", "unanswerable"]);
}

#[test]
fn an_answer_that_nothing_is_known_of_has_no_exact_match() {
    let mut open = episode("o", 0, false);
    open.task.gold_answers.clear();
    open.task.verifier = Verifier::Supported;
    let found = answers(&[open.clone(), episode("a", 0, true)]);
    assert_eq!(found.get(Metric::ExactMatch).unwrap().tasks, 1);
    near(found.get(Metric::F1).unwrap().mean, 1.0);
    assert!(answers(&[open]).get(Metric::ExactMatch).is_none());
}

#[test]
fn tasks_of_one_family_are_one_cluster() {
    let tasks: Vec<Episode> = (0..40)
        .map(|n| {
            let mut episode = episode(&format!("t{n:02}"), 0, n / 10 % 2 == 0);
            episode.task.provenance.family = Some(format!("f{}", n / 10));
            episode.task.split = if n < 20 { Split::Dev } else { Split::Test };
            episode.task.difficulty = Some(f64::from(n) / 40.0);
            episode
        })
        .collect();
    let found = answers(&tasks);
    let correct = found.get(Metric::Correct).unwrap();
    assert_eq!((correct.tasks, correct.clusters), (40, 4));
    let wide = correct.wilson.unwrap();
    // Four clusters that are all right or all wrong say little: 40 independent tasks would give
    // .352 to .648.
    assert!(wide.low < 0.25 && wide.high > 0.75, "{wide:?}");
    let by: Vec<(&str, &str, usize)> =
        found.groups.iter().map(|g| (g.by, g.name.as_str(), g.tasks)).collect();
    assert_eq!(by[..2], [("split", "dev", 20), ("split", "test", 20)]);
    assert_eq!(
        by[2..],
        [("difficulty", "easy", 14), ("difficulty", "medium", 13), ("difficulty", "hard", 13)]
    );
}

#[test]
fn stated_confidence_is_calibrated() {
    let said = |id: &str, is_right, percent| {
        let mut episode = episode(id, 0, is_right);
        episode.transcript = vec![Segment {
            source: Source::Sampled,
            text: format!("Exact Answer: x\nConfidence: {percent}%"),
            tokens: Vec::new(),
            log_probabilities: Vec::new(),
        }];
        episode
    };
    let found = answers(&[said("a", true, 90), said("b", false, 90), said("c", false, 10)]);
    let calibration = found.calibration.as_ref().unwrap();
    // Two at .9, one of them right; one at .1, wrong: (2 · .4 + 1 · .1) / 3.
    near(calibration.error, 0.3);
    near(calibration.auroc.unwrap(), 0.75);
    assert!(answers(&[episode("a", 0, true)]).calibration.is_none());
}

#[test]
fn dollars_come_from_the_price_table() {
    let folder = tempfile::tempdir().unwrap();
    let prices = folder.path().join("prices.json");
    let table = r#"{"gpt-x": {"input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6}}"#;
    fs_err::write(&prices, table).unwrap();
    let table = PriceTable::read(&prices).unwrap();
    let path = write(folder.path(), "e.jsonl", &[by_model(episode("a", 0, true), 1_000)]);
    let dollars = |prices: Option<&PriceTable>| {
        let loaded = read_systems(std::slice::from_ref(&path), prices).unwrap();
        let answers = Answers::of(&loaded.systems[0], &Resampling::default());
        (answers.get(Metric::Dollars).map(|e| e.mean), loaded.unpriced.len())
    };
    let (priced, unpriced) = dollars(Some(&table));
    near(priced.unwrap(), 1_000.0 * 2e-6 + 100.0 * 8e-6);
    assert_eq!(unpriced, 0);
    // Without a price they are not 0: they are not known.
    assert_eq!(dollars(None), (None, 1));
}

#[test]
fn systems_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut small = episode("a", 0, true);
    small.events = vec![started(4)];
    let mut elsewhere = episode("a", 0, true);
    elsewhere.store = "another".to_owned();
    let episodes = [
        episode("a", 0, true),
        by_model(episode("a", 0, false), 1_000),
        small,
        elsewhere,
        // It says no budget, since it failed too early: of three that it could belong to, none.
        failed("b", 0, Boundary::Store),
    ];
    let path = write(folder.path(), "e.jsonl", &episodes);
    let loaded = read_systems(std::slice::from_ref(&path), None).unwrap();
    let names: Vec<String> = loaded
        .systems
        .iter()
        .map(|s| format!("{} {} {}", s.protocol.name(), s.protocol.store, s.protocol.limits()))
        .collect();
    expect![[r#"
        [
            "trail snapshot budget 16 searches",
            "chat with gpt-x snapshot budget 16 searches",
            "trail snapshot budget 4 searches",
            "trail another budget 16 searches",
            "trail snapshot budget not known",
        ]
    "#]]
    .assert_debug_eq(&names);
    let path =
        write(folder.path(), "f.jsonl", &[episode("a", 0, true), failed("b", 0, Boundary::Store)]);
    assert_eq!(read_systems(&[path], None).unwrap().systems.len(), 1);
}

#[test]
fn files_that_cannot_be_measured() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs_err::File::create(&path).unwrap().write_all(bytes).unwrap();
        read_systems(&[path], None)
            .map(|loaded| (loaded.systems[0].observations.len(), loaded.torn.len()))
    };
    let says = |name: &str, bytes: &[u8], expected: &str| {
        let message = read(name, bytes).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    says("empty.jsonl", b"", "no episodes in");
    says("blank.jsonl", b"\n\n", "no episodes in");
    says("tasks.jsonl", b"{\"id\": \"a\"}\n", "malformed line 1 of");
    let line = |episode: &Episode| {
        let mut bytes = Vec::new();
        sleuth_tasks::write_episode(&mut bytes, episode).unwrap();
        bytes
    };
    let a = line(&episode("a", 0, true));
    says("twice.jsonl", &[a.clone(), a.clone()].concat(), "has rollout 0 of task `a` again");
    let mut other = episode("a", 1, true);
    other.task.gold_answers = vec!["another".to_owned()];
    says("drift.jsonl", &[a.clone(), line(&other)].concat(), "differs in the gold answers");
    let newer = String::from_utf8(a.clone()).unwrap().replacen("\"schema\":1", "\"schema\":99", 1);
    says("newer.jsonl", &[a.clone(), newer.into_bytes()].concat(), "has the schema 99");
    let torn = [a.clone(), line(&episode("b", 0, true))[..90].to_vec()].concat();
    assert_eq!(read("torn.jsonl", &torn).unwrap(), (1, 1));
    says("damaged.jsonl", &[b"{]\n".to_vec(), a].concat(), "malformed line 1 of");
    assert!(matches!(
        read_systems(&[folder.path().join("none.jsonl")], None),
        Err(EpisodesError::Lines(_))
    ));
}
