//! How much one request may ask for, and how much is held for those who do not take it.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;
use sleuth_records::{Document, DocumentId};
use sleuth_server::{Limits, Options};

use super::client::{Reply, Served, options};

/// Bytes of the long document.
const LONG: usize = 4 << 20;

/// A store with one long document of long lines and one with a long title.
fn long(limits: Limits) -> Served {
    let text = format!("{}\n", "x".repeat(63)).repeat(LONG / 64);
    let long = Document::new(DocumentId::new("long"), "Long", text);
    let title = "A title without an end. ".repeat(5000);
    let titled = Document::new(DocumentId::new("titled"), title, "The quagga page.");
    Served::of(vec![("s", vec![long, titled])], Options { limits, ..options() })
}

#[test]
fn queries_times_documents_are_bounded_and_the_largest_batches_pass() {
    let served = Served::library();
    let batch = |n: usize, k: usize| {
        json!({ "queries": vec!["falcon"; n], "topk": k, "return_scores": true }).to_string()
    };
    let refused = served.post("/retrieve", &batch(8192, 1000));
    assert_eq!((refused.status, refused.code().as_str()), (422, "invalid_request"));
    assert_eq!(
        refused.json()["error"]["message"],
        "expected at most 100000 documents for all queries together, found 8192 queries for 1000 \
         documents each"
    );
    assert!(refused.json()["error"]["hint"].as_str().unwrap().starts_with("ask for fewer"));
    let batches = json!({ "queries": vec!["falcon"; 101], "limit": 1000 }).to_string();
    assert_eq!(served.post("/batch_search", &batches).status, 422);
    for (n, k) in [(512, 10), (2560, 3), (1, 1000)] {
        let reply = served.post("/retrieve", &batch(n, k));
        assert_eq!(reply.status, 200, "{n} queries for {k} documents");
        assert_eq!(reply.json()["result"].as_array().unwrap().len(), n);
    }
}

#[test]
fn an_answer_that_would_be_too_long_is_refused() {
    let served = long(Limits::default());
    let urls = |n: usize| json!({ "urls": vec!["long"; n] }).to_string();
    assert_eq!(served.post("/access", &urls(2)).json()["result"].as_array().unwrap().len(), 2);
    let too_long = |path: &str, body: &str| {
        let refused = served.post(path, body);
        assert_eq!((refused.status, refused.code().as_str()), (422, "answer_too_long"), "{path}");
        assert!(refused.json()["error"]["message"].as_str().unwrap().contains("67108864 bytes"));
    };
    too_long("/access", &urls(1000));
    // To say that they are there takes no text of theirs.
    assert_eq!(served.post("/batch_check_url", &urls(1000)).json()["found"], 1000);
    too_long("/retrieve", &json!({ "queries": vec!["quagga"; 300], "topk": 1 }).to_string());
}

#[test]
fn answers_that_nobody_takes_are_bounded_together() {
    let served = long(Limits { answers: 32 << 20, ..Limits::default() });
    let body = json!({ "urls": vec!["long"; 7] }).to_string();
    let mut first = served.connect();
    first.write_all(&served.request("POST", "/access", &[], body.as_bytes())).unwrap();
    // Once it has begun to come it has its room: else one of those below could have taken that.
    let mut status = [0; 12];
    while first.peek(&mut status).unwrap() < status.len() {}
    assert_eq!(&status, b"HTTP/1.1 200");
    let until = |what: &str, is_so: &dyn Fn(&Reply) -> bool| {
        let begun = Instant::now();
        while !is_so(&served.post("/access", &body)) {
            assert!(begun.elapsed() < Duration::from_secs(20), "never: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    until("another finds no room", &|reply| {
        reply.status == 503 && reply.header("retry-after") == Some("1")
    });
    // Small answers need none.
    assert_eq!(served.post("/check_url", r#"{"url": "long"}"#).status, 200);
    assert_eq!(Reply::read(&mut first).status, 200);
    until("there is room again", &|reply| reply.status == 200);
}
