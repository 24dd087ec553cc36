//! Ctrl-C, and worse.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Child;
use std::time::{Duration, Instant};

use expect_test::expect;
use rustix::process::{Pid, Signal, kill_process};

use crate::place::{ASK, Place, WHEN, code};
use crate::servers::{call, read_request};

/// Longer than anything here should take.
const LONG: Duration = Duration::from_secs(20);

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn wait_until(what: &str, mut there: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !there() {
        assert!(begun.elapsed() < LONG, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A server that takes the first question and never answers it; later ones get the answer.
fn server_that_hangs_once() -> (String, std::sync::mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}/v1", listener.local_addr().unwrap());
    let (asked, was_asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            read_request(&mut stream);
            let _ = asked.send(());
            if open.is_empty() {
                open.push(stream);
                continue;
            }
            let answer = "{\"answer\": \"1911\", \"claims\": [{\"text\": \"The Marrow Point \
                          Lighthouse was built in 1911.\", \"evidence\": [\"e1\"]}]}";
            let _ = stream.write_all(call("answer", answer).as_bytes());
        }
    });
    (server, was_asked)
}

#[test]
fn the_first_writes_up_what_there_is() {
    let place = Place::with_docs();
    let (server, was_asked) = server_that_hangs_once();
    let child = place.spawn(&["ask", WHEN, "--over", "docs", "--model", &server]);
    was_asked.recv_timeout(LONG).unwrap();
    let begun = Instant::now();
    send(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert!(begun.elapsed() < LONG);
    expect![[r#"
        exit 4
        --- stdout
        1911

          [exact] “The Marrow Point Lighthouse was built in 1911.”
            Marrow Point Lighthouse · docs/marrow-point.md:5

        ended early: interrupted; 2 searches, 1 page read, [TIME], 110 tokens · run [RUN]
        --- stderr
        3 documents: 3 files read ([TIME])
        joined by 2 mentions and 1 name ([TIME])

        interrupted: writing up what there is; once more to abort
    "#]]
    .assert_eq(&place.show(&output));
    // The recording has the moment of the interrupt, so the run can be replayed.
    assert_eq!(place.json(&["trace", "replay", "--json"])["status"], "same");
}

/// Many files, each of which takes a while: a build looks up between files.
fn write_long_files(place: &Place) {
    for n in 0..12 {
        let words: String = (0..200_000).map(|word| format!("w{} ", word % 50_000)).collect();
        place.write(&format!("docs/a-long-{n}.txt"), words);
    }
}

#[test]
fn a_question_during_reading_is_put_to_what_was_read() {
    let place = Place::with_docs();
    write_long_files(&place);
    for flags in [["--quiet"].as_slice(), &["--quiet", "--json"]] {
        let ask = [ASK.as_slice(), flags].concat();
        let child = place.spawn(&ask);
        let stores = place.path(".cache/sleuth/stores");
        wait_until("a build", || {
            let stores = fs_err::read_dir(&stores).into_iter().flatten().flatten();
            stores.into_iter().any(|store| store.path().join("store.toml").exists())
        });
        send(&child, Signal::INT);
        let output = child.wait_with_output().unwrap();
        let shown = place.show(&output);
        assert_eq!(code(&output), 4, "{shown}");
        if flags.contains(&"--json") {
            let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(
                (&object["status"], &object["partial"]),
                (&"cancelled".into(), &true.into())
            );
            assert!(object["documents"].as_u64().unwrap() < 15, "{shown}");
        } else {
            assert!(
                shown.contains("\nNot everything was read before the interrupt: only "),
                "{shown}"
            );
        }
        fs_err::remove_dir_all(&stores).unwrap();
    }
}

#[test]
fn a_build_that_was_interrupted_says_what_is_kept_and_goes_on() {
    let place = Place::with_docs();
    write_long_files(&place);
    let build = ["index", "build", "docs", "--into", "store", "--quiet"];
    let child = place.spawn(&build);
    wait_until("a build", || place.path("store/store.toml").exists());
    send(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    let kept = place.json(&["index", "info", "store", "--json"])["n_documents"].as_u64().unwrap();
    assert!(kept < 15);
    let shown = place.show(&output).replace(&format!(" {kept} document"), " [N] document");
    expect![[r#"
        exit 4
        --- stderr

        interrupted: keeping what was read; once more to abort
        error: interrupted before all was read: store `store` holds [N] document
        hint: what was read is kept; run the same command again to go on from there
    "#]]
    .assert_eq(&shown.replace("documents", "document"));
    let output = place.run(&[build.as_slice(), &["--json"]].concat());
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&object["documents"], &object["files_unchanged"]), (&15.into(), &kept.into()));
}

#[test]
fn the_second_aborts() {
    let place = Place::with_docs();
    // One file that takes a while, since a build only looks up between files.
    let words: String = (0..3_000_000).map(|n| format!("w{} ", n % 50_000)).collect();
    place.write("docs/long.txt", words);
    let mut child = place.spawn(&["index", "build", "docs", "--into", "store"]);
    wait_until("a build", || place.path("store/store.toml").exists());
    send(&child, Signal::INT);
    // The first has been taken when its message comes.
    let mut seen = Vec::new();
    let mut stderr = child.stderr.take().unwrap();
    while !String::from_utf8_lossy(&seen).contains("once more to abort") {
        let mut byte = [0];
        assert_eq!(stderr.read(&mut byte).unwrap(), 1);
        seen.push(byte[0]);
    }
    send(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    // What is left can be built upon.
    let output = place.run(&["index", "build", "docs", "--into", "store"]);
    assert_eq!(code(&output), 0, "{}", place.show(&output));
}

#[test]
fn a_killed_run_leaves_a_log_that_opens() {
    let place = Place::with_docs();
    let (server, was_asked) = server_that_hangs_once();
    let child = place.spawn(&["ask", WHEN, "--over", "docs", "--model", &server]);
    was_asked.recv_timeout(LONG).unwrap();
    send(&child, Signal::KILL);
    child.wait_with_output().unwrap();
    let output = place.run(&["trace", "show"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 0, "{text}");
    assert!(text.contains("the log ends before the run did"), "{text}");
}

#[test]
fn a_run_that_is_interrupted_is_not_written() {
    let place = Place::with_docs();
    assert_eq!(code(&place.run(&["index", "build", "docs", "--into", "store"])), 0);
    let lines: String = (0..50_000)
        .map(|n| format!("{{\"_id\": \"{n}\", \"text\": \"who designed the lighthouse\"}}\n"))
        .collect();
    place.write("queries.jsonl", lines);
    let mut child =
        place.spawn(&["search", "--in", "store", "--queries", "queries.jsonl", "--run", "a.run"]);
    let mut said = [0; 9];
    child.stderr.as_mut().unwrap().read_exact(&mut said).unwrap();
    assert_eq!(&said, b"searching");
    send(&child, Signal::INT);
    assert_eq!(code(&child.wait_with_output().unwrap()), 4);
    let left = fs_err::read_dir(place.path(".")).unwrap();
    let names = left.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    assert_eq!(names.filter(|name| name.contains("run")).count(), 0);
}
