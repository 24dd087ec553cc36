//! Two systems: what is called a difference, what is not, and what is refused.

use std::collections::BTreeSet;

use expect_test::{Expect, expect};
use sleuth_eval::{
    Across, Call, ComparedSystems, Metric, Resampling, System, compare_systems, read_systems,
};
use sleuth_tasks::{Boundary, Ending, Episode};
use sleuth_testkit::Random;

use crate::made::{by_model, episode, failed, started, write};

fn system(episodes: &[Episode]) -> System {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "episodes.jsonl", episodes);
    read_systems(&[path], None).unwrap().systems.remove(0)
}

fn systems(first: &[Episode], second: &[Episode]) -> (System, System) {
    (system(first), system(second))
}

fn compared((first, second): &(System, System)) -> ComparedSystems {
    compare_systems(first, second, Metric::Correct, &BTreeSet::new(), &Resampling::default())
        .unwrap()
}

/// `n` tasks of which each system gets those right that its function says.
fn verdicts(
    n: usize,
    first: impl Fn(usize) -> bool,
    second: impl Fn(usize) -> bool,
) -> (System, System) {
    let of = |f: &dyn Fn(usize) -> bool| -> Vec<Episode> {
        (0..n).map(|i| episode(&format!("t{i:04}"), 0, f(i))).collect()
    };
    systems(&of(&first), &of(&second))
}

#[test]
fn a_difference_is_called_one() {
    let found = compared(&verdicts(60, |i| i < 20, |i| i < 38));
    assert_eq!(found.call, Call::SecondHigher);
    let mcnemar = found.mcnemar.unwrap();
    assert_eq!((mcnemar.only_first, mcnemar.only_second), (0, 18));
    assert!(mcnemar.mid < 1e-4);
    expect!["the second is higher: +0.300 in correct (95 % interval +0.183 to +0.417, p < 0.0001)"]
        .assert_eq(&found.verdict());
    let back = compared(&verdicts(60, |i| i < 38, |i| i < 20));
    assert_eq!(back.call, Call::FirstHigher);
    assert!((found.contrasts[0].difference + back.contrasts[0].difference).abs() < 1e-12);
}

#[test]
fn noise_is_not() {
    let check = |systems: &(System, System), expected: Expect| {
        let found = compared(systems);
        assert_eq!(found.call, Call::NoDifferenceShown);
        expected.assert_eq(&found.verdict());
    };
    check(
        &verdicts(50, |i| i % 5 == 0, |i| i % 5 == 1 || i == 0 || i == 5),
        expect![[r#"
            no difference shown: +0.040 in correct (95 % interval -0.120 to +0.200, p 0.8088)
            50 tasks in 50 clusters would show a difference of 0.240 four times in five; to show the one observed takes about 1795 tasks"#]],
    );
    check(
        &verdicts(30, |i| i % 3 == 0, |i| i % 3 == 0),
        expect![[r#"
            no difference shown: +0.000 in correct (p 1.0000)
            no task came out differently; of 30 tasks, as large a share as 0.095 could, unseen"#]],
    );
    check(
        &verdicts(1, |_| true, |_| false),
        expect![[r#"
            no difference shown: -1.000 in correct (p 1.0000)
            1 task in 1 cluster: too few, or too equal, to show any"#]],
    );
}

#[test]
fn tasks_of_one_family_count_as_one() {
    // Twenty tasks better, all of one document: by themselves a clear case, together one event.
    let of = |family: &dyn Fn(usize) -> String| {
        let make = |right: &dyn Fn(usize) -> bool| -> Vec<Episode> {
            (0..60)
                .map(|i| {
                    let mut episode = episode(&format!("t{i:02}"), 0, right(i));
                    episode.task.provenance.family = Some(family(i));
                    episode
                })
                .collect()
        };
        compared(&systems(&make(&|i| i >= 40), &make(&|i| !(20..40).contains(&i))))
    };
    let apart = of(&|i| format!("f{i}"));
    assert_eq!(apart.call, Call::SecondHigher);
    assert!(apart.mcnemar.is_some());
    let together = of(&|i| format!("f{}", i / 20));
    assert_eq!((together.call, together.clusters), (Call::NoDifferenceShown, 3));
    assert_eq!(together.contrasts[0].p, 1.0);
    assert_eq!(together.mcnemar, None, "McNemar's test takes tasks to be independent");
}

/// Three tasks with these values of F1.
fn with_f1(values: [f64; 3]) -> System {
    let make = |(n, value): (usize, f64)| {
        let mut episode = episode(&format!("t{n}"), 0, false);
        let Ending::Scored { verdict, .. } = &mut episode.ending else { unreachable!() };
        verdict.f1 = value;
        episode
    };
    system(&values.into_iter().enumerate().map(make).collect::<Vec<_>>())
}

#[test]
fn rounding_is_no_difference() {
    // Summed in floating point the two means are 6e-17 apart.
    let (first, second) = (with_f1([0.1, 0.2, 0.3]), with_f1([0.3, 0.2, 0.1]));
    let resampling = Resampling::default();
    let found =
        compare_systems(&first, &second, Metric::F1, &BTreeSet::new(), &resampling).unwrap();
    assert_eq!((found.contrasts[0].difference, found.needed), (0.0, None));
    assert_eq!((found.contrasts[0].more, found.contrasts[0].less), (1, 1));
    expect![[r#"
        no difference shown: +0.000 in f1 (95 % interval -0.200 to +0.200, p 1.0000)
        3 tasks in 3 clusters would show a difference of 0.323 four times in five"#]]
    .assert_eq(&found.verdict());
}

#[test]
fn equal_systems_are_rarely_told_apart() {
    // 200 pairs of systems that are right by the same coin, 40 tasks each. At 5 %, ten pairs would be
    // called different by chance, give or take three; asking for p and interval makes it fewer.
    let mut random = Random(7);
    let resampling = Resampling { permutations: 1_000, samples: 1_000, ..Resampling::default() };
    let mut n_called = 0;
    for _ in 0..200 {
        let coins: Vec<[bool; 2]> =
            (0..40).map(|_| [random.below(2) == 0, random.below(2) == 0]).collect();
        let (first, second) = verdicts(40, |i| coins[i][0], |i| coins[i][1]);
        let found =
            compare_systems(&first, &second, Metric::Correct, &BTreeSet::new(), &resampling)
                .unwrap();
        n_called += usize::from(found.call != Call::NoDifferenceShown);
    }
    assert!(n_called <= 18, "{n_called} of 200");
}

#[test]
fn rollouts_are_averaged_and_errors_left_out() {
    let first = [
        episode("a", 0, true),
        episode("a", 1, false),
        episode("b", 0, false),
        failed("c", 0, Boundary::Model),
    ];
    let second = [
        episode("a", 0, true),
        episode("a", 1, true),
        episode("b", 0, false),
        episode("c", 0, true),
    ];
    let found = compared(&systems(&first, &second));
    assert_eq!((found.tasks, found.left_out), (2, 1));
    assert!((found.contrasts[0].difference - 0.25).abs() < 1e-12);
    assert_eq!(found.mcnemar, None, "McNemar's test is of single rollouts");
}

#[test]
fn what_is_not_comparable_is_refused() {
    let a = || vec![episode("a", 0, true), episode("b", 0, true)];
    let with = |change: &dyn Fn(&mut Episode)| {
        let mut episodes = a();
        episodes.iter_mut().for_each(change);
        system(&episodes)
    };
    let first = system(&a());
    let check = |second: &System, across: &[Across], expected: Expect| {
        let across: BTreeSet<Across> = across.iter().copied().collect();
        let result =
            compare_systems(&first, second, Metric::Correct, &across, &Resampling::default());
        expected.assert_eq(
            &result.map_or_else(|error| error.to_string(), |c| format!("{} tasks", c.tasks)),
        );
    };
    let elsewhere = with(&|episode| episode.store = "another".to_owned());
    check(
        &elsewhere,
        &[],
        expect!["the store of the first is `snapshot`, that of the second `another`"],
    );
    check(&elsewhere, &[Across::Store], expect!["2 tasks"]);
    let otherwise = with(&|episode| episode.retrieval = "words".to_owned());
    check(
        &otherwise,
        &[],
        expect!["the retrieval of the first is `retrieval`, that of the second `words`"],
    );
    let small = with(&|episode| episode.events = vec![started(4)]);
    check(
        &small,
        &[],
        expect![
            "the budget of the first is `budget 16 searches`, that of the second `budget 4 searches`"
        ],
    );
    check(&small, &[Across::Budget], expect!["2 tasks"]);
    let others = system(&[episode("b", 0, true), episode("c", 0, true)]);
    check(
        &others,
        &[],
        expect![
            "the two are of different tasks: 1 only in the first, 1 only in the second, 1 in both, such as `a` in one"
        ],
    );
    check(&others, &[Across::Tasks], expect!["1 tasks"]);
    // All that differs is named at once, and what is allowed is told of the comparison.
    let all = with(&|episode| {
        *episode = Episode { store: "another".to_owned(), ..episode.clone() };
        episode.events = vec![started(4)];
    });
    check(
        &all,
        &[Across::Tasks],
        expect![
            "the store of the first is `snapshot`, that of the second `another`; the budget of the first is `budget 16 searches`, that of the second `budget 4 searches`"
        ],
    );
    check(
        &all,
        &[Across::Store],
        expect![
            "the budget of the first is `budget 16 searches`, that of the second `budget 4 searches`"
        ],
    );
    let across = [Across::Store, Across::Budget].into();
    let found =
        compare_systems(&first, &all, Metric::Correct, &across, &Resampling::default()).unwrap();
    expect![[r#"
        compared although the store of the first is `snapshot`, that of the second `another`
        compared although the budget of the first is `budget 16 searches`, that of the second `budget 4 searches`"#]].assert_eq(&found.across_lines().join("\n"));
    let page = found.page(["a.jsonl", "b.jsonl"]).to_html();
    assert!(page.contains("second: b.jsonl (trail)"));
    assert!(page.contains("compared although the store of the first is"));
    let none = system(&[episode("x", 0, true)]);
    check(
        &none,
        &[Across::Tasks],
        expect![
            "the two have no task in common: the first has 2, such as `a`, the second 1, such as `x`"
        ],
    );
    // Another policy and another model are what a comparison is for.
    let model = with(&|episode| *episode = by_model(episode.clone(), 1_000));
    check(&model, &[], expect!["2 tasks"]);
}
