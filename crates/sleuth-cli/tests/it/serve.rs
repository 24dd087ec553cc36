//! `sleuth serve`: what it says, whom it lets in, how it ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Output};

use expect_test::expect;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::place::{Place, code};

/// A server that has said where it is.
struct Serving {
    child: Child,
    told: Value,
}

impl Serving {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let arguments = [&["serve", "--port", "0", "--json"], arguments].concat();
        let mut child = place.spawn(&arguments);
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { child, told: serde_json::from_str(&line).unwrap_or_default() }
    }

    fn url(&self) -> &str {
        self.told["url"].as_str().unwrap()
    }

    /// Asks for the documents on lighthouses; `path` may name a store.
    fn ask(&self, path: &str, token: Option<&str>) -> (String, Value) {
        let mut stream = TcpStream::connect(self.url().strip_prefix("http://").unwrap()).unwrap();
        let body = r#"{"queries": ["lighthouse"], "topk": 1, "return_scores": false}"#;
        let key = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}Content-Length: {}\
             \r\n\r\n{body}",
            key.unwrap_or_default(),
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), serde_json::from_str(body).unwrap())
    }

    fn end(self, signal: Signal) -> Output {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.child.wait_with_output().unwrap()
    }
}

#[test]
fn a_folder_is_served_until_a_signal_comes() {
    let place = Place::with_docs();
    for signal in [Signal::TERM, Signal::INT] {
        let serving = Serving::start(&place, &["--store", "docs"]);
        let (head, answer) = serving.ask("/retrieve", None);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.contains("x-sleuth-quality: good"), "{head}");
        assert_eq!(answer["result"][0][0]["id"], "marrow-point.md");
        let url = serving.url().to_owned();
        let output = serving.end(signal);
        assert_eq!(code(&output), 0, "{}", place.show(&output));
        if signal == Signal::TERM {
            let shown = place.show(&output).replace(&url, "http://HOST");
            expect![[r#"
                exit 0
                --- stderr
                3 documents: 3 files read ([TIME])
                joined by 2 mentions and 1 name ([TIME])
                serving `docs`, 3 documents, at http://[SERVER]
                try: curl -s http://[SERVER]/retrieve -H 'Content-Type: application/json' -d '{"queries": ["words to look for"], "topk": 3, "return_scores": true}'
            "#]].assert_eq(&shown);
        }
    }
}

#[test]
fn stores_have_names_and_the_log_says_what_was_asked() {
    let place = Place::with_store();
    let arguments =
        ["--store", "one=store", "docs", "--quality", "noisy:0.5", "--seed", "3", "--log", "log"];
    let serving = Serving::start(&place, &arguments);
    let names: Vec<&str> = serving.told["stores"]
        .as_array()
        .unwrap()
        .iter()
        .map(|store| store["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["one", "docs"]);
    assert_eq!(serving.told["quality"], "noisy:0.5");
    let (head, _) = serving.ask("/stores/docs/retrieve", None);
    assert!(head.contains("x-sleuth-quality: noisy:0.5"), "{head}");
    serving.end(Signal::TERM);
    let log: Value = serde_json::from_str(place.read("log").lines().next().unwrap()).unwrap();
    assert_eq!((&log["store"], &log["queries"][0]), (&"docs".into(), &"lighthouse".into()));
}

#[test]
fn a_token_is_asked_for_and_never_shown() {
    let place = Place::with_docs();
    place.write("token", "canary-0123456789\n");
    let arguments = ["--store", "docs", "--bind", "0.0.0.0", "--token-file", "token"];
    let serving = Serving::start(&place, &arguments);
    let serving = Serving {
        told: serde_json::json!({ "url": serving.url().replace("0.0.0.0", "127.0.0.1") }),
        ..serving
    };
    assert!(serving.ask("/retrieve", None).0.starts_with("HTTP/1.1 401 "));
    assert!(serving.ask("/retrieve", Some("canary-0123456780")).0.starts_with("HTTP/1.1 401 "));
    assert!(serving.ask("/retrieve", Some("canary-0123456789")).0.starts_with("HTTP/1.1 200 "));
    let output = serving.end(Signal::TERM);
    let shown = place.show(&output);
    assert!(!shown.contains("canary") && shown.contains("Bearer $SLEUTH_TOKEN"), "{shown}");
}

#[test]
fn what_cannot_be_served_is_said() {
    let place = Place::with_docs();
    place.check(&["serve", "--store", "docs", "--bind", "0.0.0.0", "-q"], &expect![[r#"
        exit 2
        --- stderr
        error: to listen on `0.0.0.0:8000` takes a token: others than this machine can reach it
        hint: put a token into the variable SLEUTH_TOKEN, or name a file that holds one with `--token-file FILE`; without `--bind` only this machine can ask
    "#]]);
    place.check(
        &["serve", "--store", "docs", "a=docs", "a=docs", "-q"],
        &expect![[r#"
        exit 2
        --- stderr
        error: two stores are called `a`
        hint: give it a name with `--store NAME=PATH`
    "#]],
    );
    place.check(
        &["serve", "--store", "none"],
        &expect![[r#"
        exit 6
        --- stderr
        error: no file or folder at `none`
        hint: the path is taken from the current folder; check its spelling
    "#]],
    );
    place.check(&["serve", "--store", "docs", "--quality", "poor"], &expect![[r#"
        exit 2
        --- stderr
        error: invalid value 'poor' for '--quality <QUALITY>': unknown quality `poor`: expected good, noisy:RATE, empty, random or failing:RATE, with a rate from 0 to 1

        For more information, try '--help'.
    "#]]);
    place.check(&["serve", "--store", "docs", "--bind", "nowhere"], &expect![[r#"
        exit 2
        --- stderr
        error: invalid value 'nowhere' for '--bind <ADDRESS>': expected an address such as 127.0.0.1, 0.0.0.0:8000 or [::1]:8000

        For more information, try '--help'.
    "#]]);
}

#[test]
fn an_address_that_is_taken_is_said() {
    let place = Place::with_docs();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = place.run(&["serve", "--store", "docs", "--port", &port, "-q"]);
    expect![[r#"
        exit 5
        --- stderr
        error: cannot listen on `[SERVER]`
        cause: Address already in use (os error 98)
        hint: take another port, or `--port 0` for any that is free
    "#]]
    .assert_eq(&place.show(&output).replace(&port, "PORT"));
}

#[test]
fn numbers_that_cannot_be_counted_to_are_refused_or_cut() {
    let place = Place::with_docs();
    for (flag, seconds) in [("--idle", "1e20"), ("--idle", "0"), ("--idle", "-1")] {
        let output = place.run(&["serve", "--store", "docs", "--tasks", "none", flag, seconds]);
        assert_eq!(code(&output), 2, "{}", place.show(&output));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("expected seconds above 0, at most 1000000000"), "{told}");
    }
    let most = usize::MAX.to_string();
    let flags = ["--store", "docs", "--max-waiting", &most, "--max-connections", &most];
    let serving = Serving::start(&place, &flags);
    assert!(serving.ask("/retrieve", None).0.starts_with("HTTP/1.1 200 "));
    assert_eq!(code(&serving.end(Signal::TERM)), 0);
}

#[test]
fn a_log_that_is_none_and_vectors_that_are_not_there_are_refused() {
    let place = Place::with_store();
    place.write("notes.txt", "mine\n");
    place.check(
        &["serve", "--store", "store", "--port", "0", "--log", "notes.txt"],
        &expect![[r#"
            exit 6
            --- stderr
            error: `notes.txt` is no log of a server: its first line begins otherwise
            hint: name a new file for `--log`, or one that `sleuth serve --log` began
        "#]],
    );
    assert_eq!(place.read("notes.txt"), "mine\n");
    place.check(
        &["serve", "--store", "store", "--port", "0", "--dense"],
        &expect![[r#"
        exit 6
        --- stderr
        error: `store` has no vectors: expected some for `--dense`
        hint: `sleuth index embed store` makes them; without `--dense` none are needed
    "#]],
    );
}

#[test]
fn a_server_lists_its_addresses() {
    let place = Place::with_store();
    let serving = Serving::start(&place, &["--store", "store"]);
    let mut stream = TcpStream::connect(serving.url().strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("POST /retrieve") && answer.contains("Search-R1"), "{answer}");
    serving.end(Signal::TERM);
}
