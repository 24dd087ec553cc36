//! Policies over stores.

use std::path::Path;

use expect_test::{Expect, expect};
use sleuth_eval::{Call, Matrix, MatrixError, MatrixPlan, Resampling, StoreNow};
use sleuth_records::Question;
use sleuth_tasks::{Boundary, Episode, Task, seed_of};

use crate::made::{by_model, episode, failed, started, task, write};

const PLAN: &str = r#"
out = "cells"
[budget]
searches = 16
[[policy]]
name = "trail"
policy = "trail"
tasks = 30
[[policy]]
name = "small, searching"
policy = "chat"
model = "gpt-x"
tasks = 10
[[store]]
name = "short"
over = ["docs"]
tasks = "short.jsonl"
[[store]]
name = "long"
over = ["more"]
tasks = "long.jsonl"
metrics = ["evidence_seen", "citations_exact"]
"#;

/// The plan, with the names of its models found.
fn plan(folder: &Path) -> MatrixPlan {
    let path = folder.join("plan.toml");
    fs_err::write(&path, PLAN).unwrap();
    let mut plan = MatrixPlan::read(&path).unwrap();
    for policy in &mut plan.policies {
        policy.model_name = policy.model.clone();
    }
    plan
}

fn tasks() -> Vec<Task> {
    (0..30).map(|n| task(&format!("t{n:02}"))).collect()
}

fn read_planned(plan: &MatrixPlan) -> Result<Matrix, MatrixError> {
    let resampling = Resampling { samples: 500, permutations: 500, ..Resampling::default() };
    Matrix::read(plan, &[tasks(), tasks()], None, &resampling)
}

fn read(folder: &Path) -> Matrix {
    read_planned(&plan(folder)).unwrap()
}

/// An episode of `trail`, by the plan's seed.
fn planned(n: usize, rollout: u32, is_right: bool) -> Episode {
    let mut episode = episode(&format!("t{n:02}"), rollout, is_right);
    episode.seed = seed_of(0, &episode.task.id, rollout);
    episode
}

fn by_chat(n: usize) -> Episode {
    by_model(planned(n, 0, false), 1_000)
}

#[test]
fn cells_are_read_as_far_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let trail: Vec<Episode> = (0..30).map(|n| planned(n, 0, n % 3 == 0)).collect();
    let chat: Vec<Episode> = (0..10).map(|n| by_chat(n * 3)).collect();
    write(folder.path(), "cells/short/trail.jsonl", &trail);
    write(folder.path(), "cells/short/small-searching.jsonl", &chat);
    write(folder.path(), "cells/long/trail.jsonl", &trail[..7]);
    write(folder.path(), "cells/long/small-searching.jsonl", &[]);
    let found = read(folder.path());
    assert_eq!(found.n_unfinished(), 2);
    assert!(found.breaches.is_empty());
    let rows: Vec<String> = found.table().rows.iter().map(|row| row[..5].join(" | ")).collect();
    expect![[r#"
        [
            "short | trail | 30 | 0.333 | 0.192 to 0.512",
            "short | small, searching | 10 | 0.000 | 0.000 to 0.278",
            "long | trail | 7 (unfinished) | – | –",
            "long | small, searching | none yet | – | –",
        ]
    "#]]
    .assert_debug_eq(&rows);
    // Compared on the ten tasks that both had, all of which trail got right.
    assert_eq!(found.against_first.len(), 1);
    let against = &found.against_first[0].compared;
    assert_eq!((against.tasks, against.call), (10, Call::FirstHigher));
}

#[test]
fn policies_are_compared_with_the_first_of_the_plan_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = plan(folder.path());
    let mut third = plan.policies[1].clone();
    third.name = "again".to_owned();
    plan.policies.push(third);
    let chat: Vec<Episode> = (0..10).map(|n| by_chat(n * 3)).collect();
    for store in ["short", "long"] {
        for policy in ["small-searching", "again"] {
            write(folder.path(), &format!("cells/{store}/{policy}.jsonl"), &chat);
        }
    }
    write(folder.path(), "cells/short/trail.jsonl", &[planned(0, 0, true)]);
    let found = read_planned(&plan).unwrap();
    let compared: Vec<[&str; 3]> = found
        .against_first
        .iter()
        .map(|against| [&*against.store, &*against.policy, &*against.compared.first])
        .collect();
    assert_eq!(compared, [["short", "small, searching", "trail"], ["short", "again", "trail"]]);
}

#[test]
fn only_what_is_planned_counts() {
    let folder = tempfile::tempdir().unwrap();
    // Right: tasks that are not picked, and a second rollout; wrong: what is planned.
    let mut chat: Vec<Episode> = (0..9).map(|n| by_chat(n * 3)).collect();
    chat.extend((0..9).map(|n| by_model(planned(n * 3 + 1, 0, true), 1_000)));
    chat.extend((0..9).map(|n| by_model(planned(n * 3, 1, true), 1_000)));
    write(folder.path(), "cells/short/small-searching.jsonl", &chat);
    write(folder.path(), "cells/long/small-searching.jsonl", &[by_chat(1), by_chat(2)]);
    let found = read(folder.path());
    let cell = &found.cells[1];
    let answers = cell.answers.as_ref().unwrap();
    assert_eq!((answers.episodes, answers.tasks, cell.complete), (9, 9, false));
    assert_eq!(answers.get(sleuth_eval::Metric::Correct).unwrap().mean, 0.0);
    assert!(found.cells[3].answers.is_none());
}

#[test]
fn cells_of_another_plan_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let check = |cell: &str, episodes: &[Episode], expected: Expect| {
        let path = write(folder.path(), cell, episodes);
        let error = read_planned(&plan(folder.path())).unwrap_err().to_string();
        expected.assert_eq(&error.replace(&folder.path().display().to_string(), "DIR"));
        fs_err::remove_file(path).unwrap();
    };
    let (trail, chat) = ("cells/short/trail.jsonl", "cells/short/small-searching.jsonl");
    let changed = |change: &dyn Fn(&mut Episode)| {
        let mut episode = planned(3, 0, true);
        change(&mut episode);
        vec![planned(0, 0, true), episode]
    };
    check(
        trail,
        &[by_chat(0)],
        expect![
            "`DIR/cells/short/trail.jsonl` differs from the plan in the policy: expected `trail`, found `chat`"
        ],
    );
    let mut other = by_chat(0);
    other.model = Some("gpt-y".to_owned());
    check(
        chat,
        &[other],
        expect![
            "`DIR/cells/short/small-searching.jsonl` differs from the plan in the model: expected `gpt-x`, found `gpt-y`"
        ],
    );
    check(
        trail,
        &changed(&|episode| episode.events = vec![started(8)]),
        expect![
            "`DIR/cells/short/trail.jsonl` differs from the plan in the budget: expected `budget 16 searches`, found `budget 8 searches`"
        ],
    );
    check(
        trail,
        &changed(&|episode| episode.seed = seed_of(7, &episode.task.id, 0)),
        expect![
            "`DIR/cells/short/trail.jsonl` differs from the plan in the seed of rollout 0 of task `t03`: expected `1616519512` by `seed = 0`, found `180685935`"
        ],
    );
    check(
        trail,
        &changed(&|episode| episode.store = "another".to_owned()),
        expect![
            "`DIR/cells/short/trail.jsonl` differs from the plan in the snapshot: expected `snapshot`, found `another`"
        ],
    );
    check(
        trail,
        &changed(&|episode| episode.task.question = Question::new("Which?").unwrap()),
        expect![
            "`DIR/cells/short/trail.jsonl` differs from the plan in the question of task `t03`: expected `What is t03?`, found `Which?`"
        ],
    );
    check(
        trail,
        &changed(&|episode| episode.task.gold_answers.push("larch".to_owned())),
        expect![[
            r#"`DIR/cells/short/trail.jsonl` differs from the plan in the gold answers of task `t03`: expected `["answer of t03"]`, found `["answer of t03","larch"]`"#
        ]],
    );
}

#[test]
fn a_cell_is_held_against_the_store_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    // The second ended before its budget was said, which is no difference.
    let mut lost = failed("t01", 0, Boundary::Model);
    lost.seed = seed_of(0, &lost.task.id, 0);
    write(folder.path(), "cells/short/trail.jsonl", &[planned(0, 0, true), lost]);
    let (plan, tasks) = (plan(folder.path()), [tasks(), tasks()]);
    let cells = plan.cells(&tasks);
    let now = StoreNow { snapshot: "snapshot", retrieval: "retrieval" };
    let read =
        |now| cells[0].read(Some(now), None).map(|system| system.unwrap().observations.len());
    assert_eq!(read(now).unwrap(), 2);
    let check = |now, expected: &str| {
        let message = read(now).unwrap_err().to_string();
        assert!(message.ends_with(expected), "{message}");
    };
    check(
        StoreNow { snapshot: "later", ..now },
        "differs from the plan in the snapshot: expected `later`, found `snapshot`",
    );
    check(
        StoreNow { retrieval: "vectors", ..now },
        "differs from the plan in the retrieval: expected `vectors`, found `retrieval`",
    );
}

#[test]
fn cells_of_another_protocol_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = by_chat(0);
    other.store = "another".to_owned();
    write(folder.path(), "cells/short/trail.jsonl", &[planned(0, 0, true)]);
    write(folder.path(), "cells/short/small-searching.jsonl", &[other]);
    expect![[r#"
        [
            "store short: `small, searching` had another snapshot than `trail`; they are not of one protocol",
        ]
    "#]]
    .assert_debug_eq(&read(folder.path()).breaches);
}
