//! Policies over stores.

use std::path::Path;

use expect_test::expect;
use sleuth_eval::{Call, Matrix, MatrixPlan, Resampling};
use sleuth_tasks::Episode;

use crate::made::{by_model, episode, write};

const PLAN: &str = r#"
out = "cells"
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

fn read(folder: &Path) -> Matrix {
    let path = folder.join("plan.toml");
    fs_err::write(&path, PLAN).unwrap();
    let plan = MatrixPlan::read(&path).unwrap();
    let resampling = Resampling { samples: 500, permutations: 500, ..Resampling::default() };
    Matrix::read(&plan, &|_| 30, None, &resampling).unwrap()
}

#[test]
fn cells_are_read_as_far_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let trail: Vec<Episode> =
        (0..30).map(|n| episode(&format!("t{n:02}"), 0, n % 3 == 0)).collect();
    let chat: Vec<Episode> =
        (0..10).map(|n| by_model(episode(&format!("t{:02}", n * 3), 0, false), 1_000)).collect();
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
fn cells_of_another_protocol_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = by_model(episode("t00", 0, false), 1_000);
    other.store = "another".to_owned();
    write(folder.path(), "cells/short/trail.jsonl", &[episode("t00", 0, true)]);
    write(folder.path(), "cells/short/small-searching.jsonl", &[other.clone()]);
    expect![[r#"
        [
            "store short: `small, searching` had another snapshot than `trail`; they are not of one protocol",
        ]
    "#]]
    .assert_debug_eq(&read(folder.path()).breaches);
    write(folder.path(), "cells/short/trail.jsonl", &[other]);
    let plan = MatrixPlan::read(&folder.path().join("plan.toml")).unwrap();
    let error = Matrix::read(&plan, &|_| 1, None, &Resampling::default()).unwrap_err().to_string();
    assert!(error.contains("has episodes of chat with gpt-x: expected those of trail"), "{error}");
}
