//! Many at once, and those who go away.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use sleuth_records::{Document, DocumentId};
use sleuth_server::{Limits, Options};
use sleuth_tasks::Quality;

use super::client::{Reply, Served, options};

const BODY: &str = r#"{"queries": ["falcon voles"], "topk": 1, "return_scores": true}"#;

/// Waits until `is_so`, for as long as a slow machine may take.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Queries of the request that takes a while.
const SLOW: usize = 600;

/// A request that takes a while: many long queries.
fn slow() -> String {
    let words = "lighthouse keeper letters of drowned sailors novel port river hills falcon organ ";
    let queries: Vec<String> = (0..SLOW).map(|at| format!("{}{at}", words.repeat(10))).collect();
    json!({ "queries": queries, "topk": 3, "return_scores": true }).to_string()
}

#[test]
fn beyond_what_may_wait_requests_are_refused_and_told_when_to_come_again() {
    let limits = Limits { running: 1, waiting: 1, body: 16 << 20, ..Limits::default() };
    let served = Served::with(Options { limits, ..options() });
    let mut busy: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = served.connect();
            let request = served.request("POST", "/retrieve", &[], slow().as_bytes());
            stream.write_all(&request).unwrap();
            stream
        })
        .collect();
    until("both are inside", || served.get("/stats").json()["running_or_waiting"] == 2);
    let reply = served.post("/retrieve", BODY);
    assert_eq!((reply.status, reply.code().as_str()), (503, "overloaded"));
    assert_eq!(reply.header("retry-after"), Some("1"));
    // Those inside are answered, and then there is room again.
    for stream in &mut busy {
        assert_eq!(Reply::read(stream).status, 200);
    }
    assert_eq!(served.post("/retrieve", BODY).status, 200);
    assert!(served.get("/stats").json()["refused"].as_u64().unwrap() >= 1);
}

#[test]
fn who_waits_too_long_is_refused() {
    let limits = Limits {
        running: 1,
        waiting: 8,
        longest_wait: Duration::from_millis(1),
        body: 16 << 20,
        ..Limits::default()
    };
    let served = Served::with(Options { limits, ..options() });
    let mut stream = served.connect();
    stream.write_all(&served.request("POST", "/retrieve", &[], slow().as_bytes())).unwrap();
    until("it runs", || served.get("/stats").json()["running_or_waiting"] == 1);
    // Between two parts of the batch another request has its turn, so some come through.
    let statuses: Vec<u16> = (0..200).map(|_| served.post("/retrieve", BODY).status).collect();
    assert!(statuses.iter().all(|status| matches!(status, 200 | 503)), "{statuses:?}");
}

#[test]
fn a_client_that_goes_away_frees_its_place() {
    let limits = Limits { running: 1, waiting: 0, body: 16 << 20, ..Limits::default() };
    let served = Served::with(Options { limits, ..options() });
    for _ in 0..3 {
        let mut stream = served.connect();
        stream.write_all(&served.request("POST", "/retrieve", &[], slow().as_bytes())).unwrap();
        until("it runs", || served.get("/stats").json()["running_or_waiting"] == 1);
        drop(stream);
        until("its place is free", || served.get("/stats").json()["running_or_waiting"] == 0);
        until("the next one is answered", || served.post("/retrieve", BODY).status == 200);
    }
}

#[test]
fn half_a_request_holds_no_place_and_is_cut_off() {
    let limits = Limits { slowest: Duration::from_millis(300), ..Limits::default() };
    let served = Served::with(Options { limits, ..options() });
    let mut head = served.connect();
    head.write_all(b"POST /retrieve HTTP/1.1\r\nHost: loc").unwrap();
    let mut body = served.connect();
    let request = served.request("POST", "/retrieve", &[], BODY.as_bytes());
    body.write_all(&request[..request.len() - 5]).unwrap();
    let reply = Reply::read(&mut body);
    assert_eq!((reply.status, reply.code().as_str()), (408, "too_slow"));
    // The head that never ended gets an answer of the library, or none; the connection ends.
    if let Some(reply) = Reply::try_read(&mut head) {
        assert_eq!(reply.status, 408);
    }
    assert_eq!(served.get("/stats").json()["running_or_waiting"], 0);
}

#[test]
fn who_does_not_read_its_answer_is_cut_off_and_who_reads_slowly_is_not() {
    let text = format!("{}\n", "x".repeat(63)).repeat(1 << 16);
    let long = Document::new(DocumentId::new("long"), "Long", text);
    let limits = Limits { slowest: Duration::from_secs(1), ..Limits::default() };
    let served = Served::of(vec![("s", vec![long])], Options { limits, ..options() });
    let body = json!({ "urls": vec!["long"; 10] }).to_string();
    let request = served.request("POST", "/access", &[], body.as_bytes());
    let mut deaf = served.connect();
    deaf.write_all(&request).unwrap();
    let mut slow = served.connect();
    slow.write_all(&request).unwrap();
    let mut read = 0;
    let mut part = vec![0; 1 << 20];
    let mut pauses = 0;
    while read < 40 << 20 {
        // Longer than that in all.
        if pauses < 30 {
            std::thread::sleep(Duration::from_millis(50));
            pauses += 1;
        }
        let n = slow.read(&mut part).unwrap();
        assert!(n > 0, "cut off after {read} bytes");
        read += n;
    }
    // The one that asks and the one that has read.
    until("the other is cut off", || served.get("/stats").json()["connections"] == 2);
    assert!(Reply::try_read(&mut deaf).is_none());
}

#[test]
fn bodies_are_bounded_together() {
    let limits = Limits { body: 1 << 20, bodies: 1 << 20, ..Limits::default() };
    let served = Served::with(Options { limits, ..options() });
    let mut large = served.connect();
    let head = format!(
        "POST /retrieve HTTP/1.1\r\nHost: {}\r\nContent-Length: 1000000\r\n\r\n{{",
        served.address
    );
    large.write_all(head.as_bytes()).unwrap();
    let large_body = json!({ "queries": [" ".repeat(100_000)] }).to_string();
    until("the first holds its bytes", || served.post("/retrieve", &large_body).status == 503);
    drop(large);
    until("they are given back", || served.post("/retrieve", &large_body).status == 413);
}

#[test]
fn a_thousand_connections_are_served_and_a_thousand_more_wait() {
    let limits = Limits { connections: 500, ..Limits::default() };
    let served = Served::with(Options { limits, ..options() });
    let answered = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut streams: Vec<_> = (0..125)
                    .map(|_| {
                        let mut stream = served.connect();
                        let request = served.request(
                            "POST",
                            "/retrieve",
                            &[("Connection", "close")],
                            BODY.as_bytes(),
                        );
                        stream.write_all(&request).unwrap();
                        stream
                    })
                    .collect();
                for stream in &mut streams {
                    let status = Reply::read(stream).status;
                    assert!(matches!(status, 200 | 503), "{status}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(answered.into_inner(), 1000);
}

#[test]
fn one_connection_takes_many_requests() {
    let served = Served::library();
    let mut stream = served.connect();
    for _ in 0..50 {
        stream.write_all(&served.request("POST", "/retrieve", &[], BODY.as_bytes())).unwrap();
        assert_eq!(Reply::read(&mut stream).status, 200);
    }
}

#[test]
fn at_the_end_what_was_asked_is_answered() {
    let limits = Limits { body: 16 << 20, ..Limits::default() };
    let mut served = Served::with(Options { limits, ..options() });
    let mut stream = served.connect();
    stream.write_all(&served.request("POST", "/retrieve", &[], slow().as_bytes())).unwrap();
    until("it runs", || served.get("/stats").json()["running_or_waiting"] == 1);
    served.stop();
    let reply = Reply::read(&mut stream);
    assert_eq!(reply.json()["result"].as_array().unwrap().len(), SLOW);
    assert!(std::net::TcpStream::connect(served.address).is_err());
}

#[test]
fn the_same_answer_at_any_number_of_clients() {
    let served = Served::with(Options { quality: Quality::Noisy { rate: 0.5 }, ..options() });
    let bodies: Vec<String> = ["falcon voles", "organ pipes", "novel of 1911", "river Selm"]
        .iter()
        .map(|query| json!({ "queries": [query], "topk": 3, "return_scores": true }).to_string())
        .collect();
    let alone: Vec<Vec<u8>> =
        bodies.iter().map(|body| served.post("/retrieve", body).body).collect();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    for (body, alone) in bodies.iter().zip(&alone) {
                        assert_eq!(&served.post("/retrieve", body).body, alone);
                    }
                }
            });
        }
    });
}

#[test]
fn limits_beyond_all_counting_are_as_good_as_none() {
    let most = usize::MAX;
    let limits = Limits {
        connections: most,
        body: most,
        bodies: most,
        queries: most,
        k: most,
        hits: most,
        answers: most,
        waiting: most,
        longest_wait: Duration::MAX,
        sessions: most,
        idle: Duration::MAX,
        ..Limits::default()
    };
    let mut served = Served::with(Options { limits, ..options() });
    assert_eq!(served.post("/retrieve", BODY).status, 200);
    until("they are counted", || served.get("/stats").json()["connections"] == 1);
    served.stop();
}
