//! Files of tasks and episodes.

use std::io::Write as _;

use sleuth_records::Question;
use sleuth_tasks::{
    Attempt, Boundary, EPISODE_SCHEMA, Ending, Episode, EpisodeLog, Kind, LinesError, Provenance,
    Recording, Split, TASK_SCHEMA, Task, TaskId, TrainTask, Verifier, read_episodes, read_tasks,
    write_episode, write_tasks,
};

fn task(id: &str, split: Split) -> Task {
    Task {
        schema: TASK_SCHEMA,
        id: TaskId(id.to_owned()),
        question: Question::new("Who wrote Emma?").expect("a question"),
        gold_answers: vec!["Jane Austen".to_owned()],
        evidence: Vec::new(),
        kind: Kind::OneHop,
        hops: 1,
        difficulty: None,
        store: None,
        split,
        verifier: Verifier::F1 { least: 0.5 },
        steps: Vec::new(),
        provenance: Provenance::default(),
    }
}

fn episode(id: &str) -> Episode {
    Episode {
        schema: EPISODE_SCHEMA,
        task: task(id, Split::Test),
        rollout: 0,
        policy: "trail".to_owned(),
        model: None,
        store: "s".to_owned(),
        retrieval: "r".to_owned(),
        seed: 0,
        events: Vec::new(),
        attempt: Attempt::default(),
        transcript: Vec::new(),
        ending: Ending::Failed { boundary: Boundary::Client, message: "gone".to_owned() },
        retries: 0,
        recording: Recording::default(),
    }
}

#[test]
fn tasks_read_back_as_written() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["tasks.jsonl", "tasks.jsonl.zst", "tasks.jsonl.gz"] {
        let path = dir.path().join(name);
        let tasks = [task("a", Split::Train), task("b", Split::Test)];
        write_tasks(&path, &tasks).unwrap();
        assert_eq!(read_tasks(&path).unwrap(), tasks);
        let is_plain = fs_err::read(&path).unwrap().starts_with(b"{");
        assert_eq!(is_plain, name.ends_with("jsonl"));
    }
    assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 3, "nothing else is left there");
}

#[test]
fn bad_lines_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tasks.jsonl");
    let check = |text: &str, expected: &str| {
        fs_err::write(&path, text).unwrap();
        let error = read_tasks(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let line = serde_json::to_string(&task("a", Split::Test)).unwrap();
    check(&format!("{line}\n\n{line}\n"), "line 3 of");
    check(&format!("{line}\n\n{line}\n"), "has the task `a` again, after line 1");
    check(&format!("{line}\n{{}}\n"), "malformed line 2");
    let newer = line.replacen("\"schema\":1", "\"schema\":99", 1);
    check(&newer, "has the schema 99: expected 1 or older");
    assert!(read_tasks(&dir.path().join("none.jsonl")).is_err());
}

#[test]
fn an_episode_in_flight_is_cut_and_a_damaged_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("episodes.jsonl");
    let mut bytes = Vec::new();
    write_episode(&mut bytes, &episode("a")).unwrap();
    let whole = bytes.len();
    write_episode(&mut bytes, &episode("b")).unwrap();
    let read = |bytes: &[u8]| {
        fs_err::File::create(&path).unwrap().write_all(bytes).unwrap();
        let mut ids = Vec::new();
        let torn = read_episodes(&path, |episode| {
            ids.push(episode.task.id.0);
            Ok::<_, LinesError>(())
        });
        torn.map(|torn| (ids, torn))
    };
    let both = (vec!["a".to_owned(), "b".to_owned()], false);
    assert_eq!(read(&bytes).unwrap(), both);
    assert_eq!(read(&bytes[..whole + 40]).unwrap(), (vec!["a".to_owned()], true));
    let mut damaged = bytes.clone();
    damaged[10] = b'}';
    assert!(read(&damaged).unwrap_err().to_string().contains("malformed line 1"));
}

#[test]
fn a_log_cuts_nothing_but_an_episode_in_flight() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("episodes.jsonl");
    let of = |id: &str, rollout: u32| {
        let mut line = Vec::new();
        write_episode(&mut line, &Episode { rollout, ..episode(id) }).unwrap();
        String::from_utf8(line).unwrap()
    };
    let (one, two) = (of("a", 0), of("a", 4));
    let line = format!("{}\n", serde_json::to_string(&task("a", Split::Test)).unwrap());
    // Other files stay as they are.
    for text in ["one line", "{\"some\": 1}\n", "# Notes\n\nand more", &line, &line[..40], "\n"] {
        fs_err::write(&path, text).unwrap();
        let error = EpisodeLog::open(&path).unwrap_err().to_string();
        assert!(error.contains("is not a file of episodes"), "{text}: {error}");
        assert_eq!(fs_err::read_to_string(&path).unwrap(), text);
    }
    let damaged = format!("{one}{{}}\n{two}");
    fs_err::write(&path, &damaged).unwrap();
    let error = EpisodeLog::open(&path).unwrap_err().to_string();
    assert!(error.contains("malformed line 2"), "{error}");
    assert_eq!(fs_err::read_to_string(&path).unwrap(), damaged);
    for name in ["episodes.jsonl.zst", "episodes.jsonl.gz"] {
        let path = dir.path().join(name);
        let error = EpisodeLog::open(&path).unwrap_err().to_string();
        assert!(error.starts_with("episodes cannot be appended to the compressed"), "{error}");
        assert!(!path.exists());
    }
    // Nor is anything put behind the head of a run of rollouts, by which what follows is run again.
    let head = "{\"rollouts\":{}}\n";
    for text in [format!("{head}{one}"), format!("{two}\n{head}")] {
        fs_err::write(&path, &text).unwrap();
        let error = EpisodeLog::open(&path).unwrap_err().to_string();
        assert!(error.contains("is written by `sleuth tasks rollout`"), "{error}");
        assert_eq!(fs_err::read_to_string(&path).unwrap(), text);
    }
    // What stands there, and what is kept of it.
    for (text, kept, next) in [
        (String::new(), String::new(), None),
        ("{\"sch".to_owned(), String::new(), None),
        (one[..50].to_owned(), String::new(), None),
        (format!("{one}{two}{}", &one[..9]), format!("{one}{two}"), Some(5)),
        (format!("{two}\n{one}"), format!("{two}\n{one}"), Some(5)),
        (head[..7].to_owned(), String::new(), None),
    ] {
        fs_err::write(&path, &text).unwrap();
        let log = EpisodeLog::open(&path).unwrap();
        assert_eq!(log.begun().get(&TaskId("a".to_owned())).copied(), next, "{text}");
        log.append(&episode("b")).unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), format!("{kept}{}", of("b", 0)));
    }
}

#[test]
fn only_tasks_of_the_training_split_can_be_trained_on() {
    assert!(TrainTask::try_from(task("a", Split::Train)).is_ok());
    let refused = TrainTask::try_from(task("b", Split::Dev)).unwrap_err().to_string();
    assert_eq!(refused, "task `b` is of the split `dev`: expected `train`");
    // What does not say its split is a test.
    let mut line = serde_json::to_value(task("c", Split::Train)).unwrap();
    line.as_object_mut().unwrap().remove("split");
    let read: Task = serde_json::from_value(line).unwrap();
    assert_eq!(read.split, Split::Test);
}
