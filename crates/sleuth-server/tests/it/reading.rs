//! Reading documents, and the tool server.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sleuth_records::{Document, DocumentId};

use super::client::{Served, options};

fn recorded() -> Served {
    let mut page = Document::new(
        DocumentId::new("notes/one two.txt"),
        "A <b>bold</b> page",
        "First line.\n<script>alert('x')</script>\nThe zanzibar line.",
    );
    page.url = Some("https://example.org/one?a=1".to_owned());
    let local = Document::new(DocumentId::new("dir/../x d/%2F"), "Local", "A local quagga page.");
    Served::of(vec![("s", vec![page, local])], options())
}

#[test]
fn pages_are_read_by_the_addresses_that_searches_give() {
    let served = recorded();
    for words in ["zanzibar", "quagga"] {
        let body = json!({ "queries": [words], "topk": 1, "return_scores": false }).to_string();
        let found = served.post("/retrieve", &body).json()["result"][0][0].clone();
        let url = found["url"].as_str().unwrap().to_owned();
        let body = json!({ "urls": [url, found["id"], "https://example.org/none"] }).to_string();
        let pages = served.post("/access", &body).json()["result"].clone();
        for at in [0, 1] {
            assert!(pages[at]["contents"].as_str().unwrap().contains(words), "{words} {at}");
        }
        assert_eq!(pages[2], Value::Null);
        let body = json!({ "url": url }).to_string();
        assert!(
            served.post("/get_content", &body).json()["content"].as_str().unwrap().contains(words)
        );
        let parsed = served.post("/web_parser", &body).json();
        assert_eq!((&parsed["found"], &parsed["url"]), (&json!(true), &json!(url)));
        assert_eq!(served.post("/check_url", &body).json(), json!({ "exists": true, "url": url }));
    }
}

#[test]
fn ids_and_addresses_that_hold_a_hash_are_read_whole_first() {
    let document = |id: &str, url: Option<&str>| {
        let text = format!("The page of {id}.");
        let mut document = Document::new(DocumentId::new(id), id, text);
        document.url = url.map(str::to_owned);
        document
    };
    let documents = vec![
        document("C", None),
        document("C#", None),
        document("part", Some("https://example.org/app#part")),
        document("app", Some("https://example.org/app")),
    ];
    let served = Served::of(vec![("s", documents)], options());
    let here = format!("http://{}", served.address);
    for (url, id) in [
        ("C#".to_owned(), "C#"),
        ("C".to_owned(), "C"),
        ("C#L3".to_owned(), "C"),
        ("C##L3".to_owned(), "C#"),
        (format!("{here}/d/C%23"), "C#"),
        (format!("{here}/d/C%23#L3"), "C#"),
        (format!("{here}/d/C#L3"), "C"),
        ("https://example.org/app#part".to_owned(), "part"),
        ("https://example.org/app#other".to_owned(), "app"),
    ] {
        let body = json!({ "url": url }).to_string();
        let reply = served.post("/get_content", &body);
        assert_eq!(reply.status, 200, "{url}: {}", reply.text());
        assert_eq!(reply.json()["title"], id, "{url}");
    }
}

#[test]
fn an_address_without_a_document_has_none() {
    let served = recorded();
    let body = r#"{"url": "https://example.org/none"}"#;
    let reply = served.post("/get_content", body);
    assert_eq!((reply.status, reply.code().as_str()), (404, "no_document"));
    assert_eq!(served.post("/web_parser", body).json()["found"], false);
    assert_eq!(served.post("/check_url", body).json()["exists"], false);
    let many = r#"{"urls": ["https://example.org/none", "https://example.org/one?a=1"]}"#;
    let reply = served.post("/batch_check_url", many).json();
    assert_eq!((&reply["total"], &reply["found"]), (&json!(2), &json!(1)));
    assert_eq!(reply["results"]["https://example.org/one?a=1"], true);
}

#[test]
fn a_page_is_text_or_escaped_html_that_may_do_nothing() {
    let served = recorded();
    let path = "/d/notes%2Fone%20two.txt";
    let plain = served.get(path);
    assert_eq!(plain.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(plain.text().contains("<script>"));
    let html = served.send("GET", path, &[("Accept", "text/html,*/*")], b"");
    let text = html.text();
    assert!(!text.contains("<script>") && !text.contains("<b>"), "{text}");
    assert!(text.contains("<span id=L3>The zanzibar line.</span>"), "{text}");
    for reply in [plain, html] {
        assert!(reply.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
    assert_eq!(served.get("/d/none").status, 404);
}

fn tool(served: &Served, session: &str, name: &str, arguments: Value, about: Value) -> String {
    let body = json!({
        "session_id": session,
        "name": name,
        "arguments": arguments,
        "remote_env_info": about,
    });
    let reply = served.post("/tool", &body.to_string());
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["output"].as_str().unwrap().to_owned()
}

#[test]
fn the_tool_server_searches_opens_and_finds() {
    let served = Served::library();
    let none = json!({});
    let query = json!({ "query": "lighthouse keeper letters", "num": 2 });
    let hits = tool(&served, "s1", "browser.search", query.clone(), none.clone());
    assert!(hits.starts_with("[0] The Glass Harbour\nhttp://"), "{hits}");
    let page = tool(&served, "s1", "browser.open", json!({ "id": 0 }), none.clone());
    assert!(page.starts_with("The Glass Harbour\n\nThe Glass Harbour is a novel"), "{page}");
    let places = tool(&served, "s1", "browser.find", json!({ "pattern": "TONKOVA" }), none.clone());
    assert!(places.starts_with("[Match 1]\n") && places.contains("Mirela Tonkova"), "{places}");
    // Another session has another desk, and a closed one has none.
    let places = tool(&served, "s2", "find", json!({ "pattern": "Tonkova" }), none.clone());
    assert_eq!(places, "no document is open");
    tool(&served, "s1", "close_session", none.clone(), none.clone());
    let places = tool(&served, "s1", "find", json!({ "pattern": "Tonkova" }), none.clone());
    assert_eq!(places, "no document is open");
    // The same at the root, under the name without `browser.`.
    let body = json!({ "session_id": 7, "name": "search", "arguments": query }).to_string();
    assert!(
        served.post("/", &body).json()["output"].as_str().unwrap().starts_with("[0] The Glass")
    );
}

#[test]
fn documents_with_a_forbidden_text_are_neither_listed_nor_opened() {
    let served = Served::library();
    let query = json!({ "query": "lighthouse keeper letters" });
    for key in ["forbidden_texts", "search_forbidden_strs"] {
        let about = json!({ key: ["letters  of DROWNED sailors"] });
        let hits = tool(&served, key, "browser.search", query.clone(), about.clone());
        assert!(!hits.contains("The Glass Harbour") && hits.contains("Lamp oil"), "{hits}");
        let page = tool(&served, key, "browser.open", json!({ "id": "glass-harbour" }), about);
        assert_eq!(page, "no document is at `glass-harbour`");
    }
}

#[test]
fn only_so_many_sessions_are_kept() {
    let limits = sleuth_server::Limits { sessions: 2, ..Default::default() };
    let served = Served::with(sleuth_server::Options { limits, ..options() });
    let begin = |session: &str| {
        let body = json!({ "session_id": session, "name": "start_session" }).to_string();
        served.post("/tool", &body).status
    };
    assert_eq!([begin("a"), begin("b"), begin("c"), begin("a")], [200, 200, 503, 200]);
    let body = json!({ "session_id": "a", "name": "close_session" }).to_string();
    assert_eq!(served.post("/tool", &body).status, 200);
    assert_eq!(begin("c"), 200);
}

#[test]
fn the_id_of_a_session_is_bounded_and_an_idle_session_ends() {
    let limits = sleuth_server::Limits { idle: Duration::from_millis(200), ..Default::default() };
    let served = Served::with(sleuth_server::Options { limits, ..options() });
    let begin = |session: &str| {
        let body = json!({ "session_id": session, "name": "start_session" }).to_string();
        served.post("/tool", &body)
    };
    let refused = begin(&"s".repeat(256));
    assert_eq!((refused.status, refused.code().as_str()), (422, "invalid_request"));
    assert_eq!(
        refused.json()["error"]["message"],
        "expected at most 255 bytes for `session_id`, found 256"
    );
    assert_eq!(begin(&"s".repeat(255)).status, 200);
    // Nobody else comes whose session it would have to make room for.
    let begun = Instant::now();
    while served.get("/stats").json()["tool_sessions"] != 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "an idle session stays");
        std::thread::sleep(Duration::from_millis(20));
    }
}
