//! Who is let in.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sleuth_server::{Options, Server, ServerError};
use sleuth_testkit::library;

use super::client::{Served, Shared, options, store_in};

const TOKEN: &str = "canary-0123456789abcdef";
const BODY: &str = r#"{"queries": ["falcon"], "return_scores": true}"#;

fn with_token() -> Options {
    Options { token: Some(TOKEN.to_owned()), ..options() }
}

fn status(served: &Served, headers: &[(&str, &str)]) -> u16 {
    served.send("POST", "/retrieve", headers, BODY.as_bytes()).status
}

#[test]
fn only_the_token_lets_in() {
    let served = Served::with(with_token());
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(status(&served, &[("Authorization", &bearer)]), 200);
    assert_eq!(status(&served, &[("Authorization", &bearer.replace("Bearer", "bearer"))]), 200);
    assert_eq!(status(&served, &[("X-API-Key", TOKEN)]), 200);
    for wrong in ["Bearer ", "Bearer wrong", "Basic abc", TOKEN, "Bearer canary-0123456789abcdeg"] {
        let reply = served.send("POST", "/retrieve", &[("Authorization", wrong)], BODY.as_bytes());
        assert_eq!((reply.status, reply.code().as_str()), (401, "unauthorized"), "{wrong}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
    for path in ["/health", "/stats", "/d/kestrel", "/nowhere", "/mcp"] {
        assert_eq!(served.get(path).status, 401, "{path}");
    }
}

#[test]
fn to_listen_wider_takes_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let wide = || SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let store = store_in(&folder, "s", library());
    let result = Server::new([("s".to_owned(), store)], Options { bind: wide(), ..options() });
    let error = result.err().unwrap();
    assert!(matches!(error, ServerError::TokenNeeded { .. }), "{error}");
    assert!(error.hint().unwrap().contains("SLEUTH_TOKEN"));
    let store = store_in(&folder, "t", library());
    let short = Options { token: Some("short".to_owned()), bind: wide(), ..options() };
    let error = Server::new([("t".to_owned(), store)], short).err().unwrap();
    assert!(matches!(error, ServerError::Token { .. }), "{error}");
}

#[test]
fn names_of_stores_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let make = |names: &[&str]| {
        let stores: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(at, name)| ((*name).to_owned(), store_in(&folder, &format!("{at}"), library())))
            .collect();
        Server::new(stores, options()).err()
    };
    assert!(matches!(make(&["a", "a"]), Some(ServerError::SameName { .. })));
    assert!(matches!(make(&["a/b"]), Some(ServerError::Name { .. })));
    assert!(matches!(make(&[]), Some(ServerError::NoStore)));
}

#[test]
fn another_name_of_this_machine_is_refused() {
    let served = Served::library();
    let port = served.address.port();
    let reply = |host: &str| served.send("POST", "/retrieve", &[("Host", host)], BODY.as_bytes());
    for host in ["localhost", "127.0.0.1", "[::1]", &format!("LocalHost:{port}"), "localhost:1"] {
        assert_eq!(reply(host).status, 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "evil.example:80", "10.0.0.1", "", "::1"]
    {
        let reply = reply(host);
        assert_eq!((reply.status, reply.code().as_str()), (403, "host"), "{host}");
    }
    let two = served.send("GET", "/health", &[("Host", "localhost"), ("Host", "evil")], b"");
    assert_eq!(two.status, 403);
    // An address in the first line counts, whatever the header says.
    let absolute = served.send("GET", "http://evil.example/health", &[("Host", "localhost")], b"");
    assert_eq!(absolute.status, 403);
}

#[test]
fn further_names_and_addresses_in_numbers_are_known_where_told() {
    let bind = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let hosts = vec!["Retriever".to_owned()];
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(&folder, "s", library());
    let options = Options { bind, hosts, ..with_token() };
    let running = Server::new([("s".to_owned(), store)], options).unwrap().start().unwrap();
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, running.address().port()));
    let status = |host: &str| {
        use std::io::Write as _;
        let mut stream = std::net::TcpStream::connect(here).unwrap();
        let head = format!(
            "GET /health HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        super::client::Reply::read(&mut stream).status
    };
    assert_eq!(["retriever:80", "192.0.2.1:8000", "[2001:db8::1]"].map(status), [200, 200, 200]);
    assert_eq!(["other", "192.0.2.1.evil.example"].map(status), [403, 403]);
}

#[test]
fn another_origin_is_refused_on_every_route() {
    let served = Served::library();
    let own = format!("http://{}", served.address);
    assert_eq!(status(&served, &[("Origin", &own)]), 200);
    let foreign = [
        "http://evil.example",
        "null",
        "http://localhost:1",
        "https://localhost.evil.example",
        "file://",
        "",
    ];
    for origin in foreign {
        for path in ["/health", "/retrieve", "/mcp", "/d/kestrel", "/nowhere"] {
            let reply = served.send("GET", path, &[("Origin", origin)], b"");
            assert_eq!((reply.status, reply.code().as_str()), (403, "origin"), "{origin} {path}");
        }
    }
}

#[test]
fn the_log_tells_what_was_searched_and_no_secret() {
    let log = Shared::default();
    let clock = Arc::new(sleuth_agent::StepClock::new(1000, 1));
    let mut served =
        Served::with(Options { log: Some(Box::new(log.clone())), clock, ..with_token() });
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str()), ("X-Session-Id", "e7")];
    let body = format!(r#"{{"queries": ["falcon", "{TOKEN}"], "topk": 1}}"#);
    served.send("POST", "/retrieve", &headers, body.as_bytes());
    served.send("POST", "/access", &headers, br#"{"urls": ["organ", "none"]}"#);
    served.stop();
    let text = log.text();
    assert!(!text.contains(TOKEN), "{text}");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["at_ms"], 1000);
    assert_eq!(lines[0]["session"], "e7");
    assert_eq!(lines[0]["dialect"], "search_r1");
    assert_eq!(lines[0]["queries"], serde_json::json!(["falcon", "[REDACTED:token]"]));
    assert_eq!(lines[0]["found"][0], serde_json::json!(["kestrel"]));
    assert_eq!(lines[0]["status"], 200);
    assert_eq!(lines[1]["dialect"], "asearcher");
    assert_eq!(lines[1]["found"], serde_json::json!([["organ"], []]));
}

/// A disk that takes nothing until it is let go.
struct Stuck(Arc<Mutex<()>>);

impl std::io::Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _free = self.0.lock().unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_that_a_slow_disk_keeps_waiting_are_bounded_in_bytes() {
    let disk = Arc::<Mutex<()>>::default();
    let stuck = disk.lock().unwrap();
    let log = Box::new(Stuck(Arc::clone(&disk)));
    let served = Served::with(Options { log: Some(log), ..options() });
    let left_out = || served.get("/stats").json()["log_lines_left_out"].as_u64().unwrap();
    // Some 3 MiB each.
    let queries = vec!["q".repeat(32 << 10); 96];
    let body = serde_json::json!({ "queries": queries, "topk": 0 }).to_string();
    for _ in 0..4 {
        assert_eq!(served.post("/retrieve", &body).status, 200);
    }
    assert_eq!(left_out(), 0);
    for _ in 0..4 {
        assert_eq!(served.post("/retrieve", &body).status, 200);
    }
    let full = left_out();
    assert!(full >= 1, "all of 24 MiB wait");
    drop(stuck);
    // What the disk has taken makes room.
    let begun = Instant::now();
    loop {
        let before = left_out();
        served.post("/retrieve", &body);
        if left_out() == before {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "the log takes no more");
    }
}
