//! Every dialect of retrieval: what is sent, and what comes back.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::client::Served;

/// The answer to `body` at `path`, with ids, scores and addresses that differ from run to run made
/// plain.
fn check(path: &str, body: &str, expected: Expect) {
    let served = Served::library();
    let reply = served.post(path, body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let mut value = reply.json();
    plain(&mut value);
    let text = serde_json::to_string_pretty(&value).unwrap();
    expected.assert_eq(&text.replace(&served.address.to_string(), "HOST"));
}

fn plain(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    "score" => *value = json!("SCORE"),
                    "scores" => *value = json!(value.as_array().unwrap().len()),
                    "snapshot" | "retrieval" => {
                        assert!(!value.as_str().unwrap().is_empty());
                        *value = json!("ID");
                    }
                    "search_time" => *value = json!("TIME"),
                    _ => plain(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(plain),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn search_r1_with_scores_has_documents_within() {
    check(
        "/retrieve",
        r#"{"queries": ["lighthouse keeper letters", "falcon voles"], "topk": 1, "return_scores": true}"#,
        expect![[r#"
            {
              "result": [
                [
                  {
                    "document": {
                      "id": "glass-harbour",
                      "contents": "\"The Glass Harbour\"\nThe Glass Harbour is a novel of 1911 by Mirela Tonkova. It tells of a lighthouse keeper who collects the letters of drowned sailors.",
                      "url": "http://HOST/d/glass-harbour"
                    },
                    "score": "SCORE"
                  }
                ],
                [
                  {
                    "document": {
                      "id": "kestrel",
                      "contents": "\"Kestrel\"\nThe kestrel is a small falcon that hovers over open fields while it looks for voles.",
                      "url": "http://HOST/d/kestrel"
                    },
                    "score": "SCORE"
                  }
                ]
              ],
              "snapshot": "ID",
              "retrieval": "ID"
            }"#]],
    );
}

#[test]
fn search_r1_without_scores_has_bare_documents() {
    check(
        "/retrieve",
        r#"{"queries": ["falcon voles"], "topk": 1, "return_scores": false}"#,
        expect![[r#"
            {
              "result": [
                [
                  {
                    "id": "kestrel",
                    "contents": "\"Kestrel\"\nThe kestrel is a small falcon that hovers over open fields while it looks for voles.",
                    "url": "http://HOST/d/kestrel"
                  }
                ]
              ],
              "snapshot": "ID",
              "retrieval": "ID"
            }"#]],
    );
}

#[test]
fn two_queries_without_scores_stay_two_lists() {
    let served = Served::library();
    let body = r#"{"queries": ["falcon voles", "pipe organ"], "topk": 1, "return_scores": false}"#;
    let reply = served.post("/retrieve", body).json();
    assert_eq!(reply["result"].as_array().unwrap().len(), 2);
    assert_eq!(reply["result"][0][0]["id"], "kestrel");
    assert_eq!(reply["result"][1][0]["id"], "organ");
}

#[test]
fn without_a_word_on_scores_both_readers_find_their_keys() {
    check(
        "/retrieve",
        r#"{"queries": ["falcon voles"], "topk": 1}"#,
        expect![[r#"
        {
          "result": [
            [
              {
                "id": "kestrel",
                "contents": "\"Kestrel\"\nThe kestrel is a small falcon that hovers over open fields while it looks for voles.",
                "url": "http://HOST/d/kestrel",
                "document": {
                  "id": "kestrel",
                  "contents": "\"Kestrel\"\nThe kestrel is a small falcon that hovers over open fields while it looks for voles.",
                  "url": "http://HOST/d/kestrel"
                },
                "score": "SCORE"
              }
            ]
          ],
          "snapshot": "ID",
          "retrieval": "ID"
        }"#]],
    );
}

#[test]
fn an_empty_batch_is_answered_with_an_empty_list() {
    let served = Served::library();
    for scores in ["true", "false", "null"] {
        let body = format!(r#"{{"queries": [], "topk": 3, "return_scores": {scores}}}"#);
        let reply = served.post("/retrieve", &body);
        assert_eq!((reply.status, &reply.json()["result"]), (200, &json!([])));
    }
}

#[test]
fn skyrl_sends_one_query_and_gets_a_list_of_lists() {
    check(
        "/retrieve",
        r#"{"query": "falcon voles", "topk": 1, "return_scores": true}"#,
        expect![[r#"
            {
              "result": [
                [
                  {
                    "document": {
                      "id": "kestrel",
                      "contents": "\"Kestrel\"\nThe kestrel is a small falcon that hovers over open fields while it looks for voles.",
                      "url": "http://HOST/d/kestrel"
                    },
                    "score": "SCORE"
                  }
                ]
              ],
              "snapshot": "ID",
              "retrieval": "ID"
            }"#]],
    );
}

#[test]
fn browsecomp_plus_gets_a_flat_list() {
    check(
        "/retrieve",
        r#"{"query": "falcon voles"}"#,
        expect![[r#"
        {
          "result": [
            {
              "document": {
                "title": "Kestrel",
                "text": "The kestrel is a small falcon that hovers over open fields while it looks for voles."
              },
              "docid": "kestrel",
              "score": "SCORE"
            }
          ],
          "snapshot": "ID",
          "retrieval": "ID"
        }"#]],
    );
}

#[test]
fn rllm_gets_results_with_their_number() {
    check(
        "/retrieve",
        r#"{"query": "falcon voles", "top_k": 1, "k": null}"#,
        expect![[r#"
        {
          "query": "falcon voles",
          "method": "sleuth",
          "results": [
            {
              "id": "kestrel",
              "content": {
                "id": "kestrel",
                "title": "Kestrel",
                "text": "The kestrel is a small falcon that hovers over open fields while it looks for voles.",
                "contents": "\"Kestrel\"\nThe kestrel is a small falcon that hovers over open fields while it looks for voles.",
                "url": "http://HOST/d/kestrel"
              },
              "score": "SCORE"
            }
          ],
          "num_results": 1,
          "snapshot": "ID",
          "retrieval": "ID"
        }"#]],
    );
}

#[test]
fn flashrag_gets_a_bare_list() {
    check(
        "/search",
        r#"{"query": "falcon voles", "top_n": 1}"#,
        expect![[r#"
        [
          {
            "id": "kestrel",
            "contents": "\"Kestrel\"\nThe kestrel is a small falcon that hovers over open fields while it looks for voles."
          }
        ]"#]],
    );
}

#[test]
fn flashrag_with_scores_gets_documents_and_scores() {
    let served = Served::library();
    let body = r#"{"query": "falcon voles", "top_n": 1, "return_score": true}"#;
    let reply = served.post("/search", body).json();
    assert_eq!(reply[0][0]["id"], "kestrel");
    assert!(reply[1][0].as_f64().unwrap() > 0.0);
    let body = r#"{"query": ["falcon voles", "organ pipes"], "top_n": 1, "return_score": true}"#;
    let reply = served.post("/batch_search", body).json();
    assert_eq!(
        (&reply[0][0][0]["id"], &reply[0][1][0]["id"]),
        (&json!("kestrel"), &json!("organ"))
    );
    assert!(reply[1][1][0].as_f64().unwrap() > 0.0);
}

#[test]
fn flashrag_gets_a_list_for_each_query() {
    check(
        "/batch_search",
        r#"{"query": ["falcon voles", "sea shanty"], "top_n": 1}"#,
        expect![[r#"
            [
              [
                {
                  "id": "kestrel",
                  "contents": "\"Kestrel\"\nThe kestrel is a small falcon that hovers over open fields while it looks for voles."
                }
              ],
              []
            ]"#]],
    );
}

#[test]
fn openresearcher_and_literesearcher_get_results() {
    check(
        "/search",
        r#"{"query": "falcon voles", "topn": 1}"#,
        expect![[r#"
        {
          "results": [
            {
              "url": "http://HOST/d/kestrel",
              "link": "http://HOST/d/kestrel",
              "title": "Kestrel",
              "summary": "The kestrel is a small falcon that hovers over open fields while it looks for voles.",
              "snippet": "The kestrel is a small falcon that hovers over open fields while it looks for voles.",
              "score": "SCORE"
            }
          ],
          "total": 1,
          "search_time": "TIME",
          "snapshot": "ID",
          "retrieval": "ID"
        }"#]],
    );
    let served = Served::library();
    let body = r#"{"query": "falcon voles", "limit": 1, "search_type": "hybrid", "sparse_weight": 0.7, "dense_weight": 1.0}"#;
    let reply = served.post("/search", body).json();
    assert_eq!((&reply["total"], &reply["results"][0]["title"]), (&json!(1), &json!("Kestrel")));
    assert!(reply["results"][0]["link"].as_str().unwrap().ends_with("/d/kestrel"));
}

#[test]
fn literesearcher_gets_results_by_query() {
    check(
        "/batch_search",
        r#"{"queries": ["falcon voles"], "limit": 1}"#,
        expect![[r#"
        {
          "query_results": [
            {
              "query": "falcon voles",
              "results": [
                {
                  "url": "http://HOST/d/kestrel",
                  "link": "http://HOST/d/kestrel",
                  "title": "Kestrel",
                  "summary": "The kestrel is a small falcon that hovers over open fields while it looks for voles.",
                  "snippet": "The kestrel is a small falcon that hovers over open fields while it looks for voles.",
                  "score": "SCORE"
                }
              ],
              "total": 1
            }
          ],
          "total_queries": 1,
          "search_time": "TIME",
          "snapshot": "ID",
          "retrieval": "ID"
        }"#]],
    );
}

#[test]
fn r1_searcher_gets_lines_of_a_table() {
    check(
        "/queries",
        r#"{"queries": ["falcon voles"], "k": 1}"#,
        expect![[r#"
        {
          "queries": [
            "falcon voles"
          ],
          "answers": [
            [
              "kestrel\tKestrel\tThe kestrel is a small falcon that hovers over open fields while it looks for voles."
            ]
          ],
          "snapshot": "ID",
          "retrieval": "ID"
        }"#]],
    );
}

#[test]
fn serper_gets_organic_results() {
    check(
        "/search",
        r#"{"q": "falcon voles", "num": 1}"#,
        expect![[r#"
        {
          "searchParameters": {
            "q": "falcon voles",
            "num": 1,
            "type": "search"
          },
          "organic": [
            {
              "title": "Kestrel",
              "link": "http://HOST/d/kestrel",
              "snippet": "The kestrel is a small falcon that hovers over open fields while it looks for voles.",
              "position": 1
            }
          ],
          "snapshot": "ID",
          "retrieval": "ID"
        }"#]],
    );
}

#[test]
fn massive_serve_gets_passages_by_query() {
    check(
        "/search",
        r#"{"query": "falcon voles", "n_docs": 1, "nprobe": 32}"#,
        expect![[r#"
        {
          "message": "searched `library`",
          "query": "falcon voles",
          "n_docs": 1,
          "nprobe": 32,
          "results": {
            "scores": 1,
            "passages": [
              [
                {
                  "text": "The kestrel is a small falcon that hovers over open fields while it looks for voles.",
                  "title": "Kestrel",
                  "source": "library",
                  "passage_id": "kestrel",
                  "url": "http://HOST/d/kestrel"
                }
              ]
            ]
          },
          "snapshot": "ID",
          "retrieval": "ID"
        }"#]],
    );
    let served = Served::library();
    let body = r#"{"queries": ["falcon voles", "organ pipes"], "n_docs": 1}"#;
    let reply = served.post("/search", body).json();
    assert_eq!(reply["results"]["passages"][1][0]["passage_id"], "organ");
}

#[test]
fn unknown_keys_are_named_beside_the_known_ones() {
    let served = Served::library();
    let message = |path: &str| {
        let reply = served.post(path, r#"{"question": "who", "n": 3}"#);
        assert_eq!((reply.status, reply.code().as_str()), (422, "unknown_dialect"));
        reply.json()["error"]["message"].as_str().unwrap().to_owned()
    };
    expect!["no dialect of `/retrieve` has these keys: expected `queries` (with `topk`, `return_scores`), `query` with `topk`, `query` with `top_k`, or `query` alone; found `question`, `n`"].assert_eq(&message("/retrieve"));
    expect!["no dialect of `/search` has these keys: expected `query` (with `top_n`, `topn`, `limit` or `n_docs`), or `q` (with `num`); found `question`, `n`"].assert_eq(&message("/search"));
    expect!["no dialect of `/batch_search` has these keys: expected `query` as a list (with `top_n`, `return_score`), or `queries` (with `limit`); found `question`, `n`"].assert_eq(&message("/batch_search"));
    expect!["no dialect of `/tool` has these keys: expected `session_id`, `name`, `arguments`, `remote_env_info`; found `question`, `n`"].assert_eq(&message("/tool"));
}

#[test]
fn values_of_another_kind_are_named() {
    let served = Served::library();
    let message = |body: &str| {
        let reply = served.post("/retrieve", body);
        assert_eq!((reply.status, reply.code().as_str()), (422, "invalid_request"), "{body}");
        reply.json()["error"]["message"].as_str().unwrap().to_owned()
    };
    let messages = [
        message(r#"{"queries": "who"}"#),
        message(r#"{"queries": ["who", 7]}"#),
        message(r#"{"queries": ["who"], "topk": 2.5}"#),
        message(r#"{"queries": ["who"], "topk": -1}"#),
        message(r#"{"queries": ["who"], "topk": 100000}"#),
        message(r#"{"queries": ["who"], "return_scores": "yes"}"#),
        message("[1, 2]"),
    ];
    expect![[r#"
        expected a list of strings for `queries`, found a string
        expected a string for `queries[1]`, found `7`
        expected a whole number from 0 for `topk`, found `2.5`
        expected a whole number from 0 for `topk`, found `-1`
        expected at most 1000 documents for a query, found 100000
        expected true or false for `return_scores`, found a string
        expected an object, found a list"#]]
    .assert_eq(&messages.join("\n"));
}

#[test]
fn zero_documents_are_none_and_words_that_nobody_wrote_find_none() {
    let served = Served::library();
    let result = |body: &str| served.post("/retrieve", body).json()["result"].clone();
    assert_eq!(result(r#"{"queries": ["falcon"], "topk": 0, "return_scores": true}"#), json!([[]]));
    assert_eq!(result(r#"{"queries": ["xyzzy"], "return_scores": true}"#), json!([[]]));
    assert_eq!(result(r#"{"queries": [""], "return_scores": true}"#), json!([[]]));
}

#[test]
fn a_large_batch_keeps_its_order() {
    let served = Served::library();
    let words = ["falcon voles", "organ pipes", "lighthouse keeper letters", "chalk hills"];
    let ids = ["kestrel", "organ", "glass-harbour", "okrin"];
    let queries: Vec<&str> = (0..300).map(|at| words[at % words.len()]).collect();
    let body = json!({ "queries": queries, "topk": 1, "return_scores": false }).to_string();
    let reply = served.post("/retrieve", &body).json();
    let lists = reply["result"].as_array().unwrap();
    assert_eq!(lists.len(), 300);
    for (at, list) in lists.iter().enumerate() {
        assert_eq!(list[0]["id"], ids[at % ids.len()], "{at}");
    }
}

#[test]
fn a_title_stays_on_the_first_line() {
    use sleuth_records::{Document, DocumentId};
    let title = "A \"quoted\" title\nof two lines";
    let document = Document::new(DocumentId::new("a"), title, "The zanzibar text.\nMore of it.");
    let served = Served::of(vec![("s", vec![document])], super::client::options());
    let reply = served.post("/retrieve", r#"{"queries": ["zanzibar"], "return_scores": false}"#);
    let reply = reply.json();
    let contents = reply["result"][0][0]["contents"].as_str().unwrap();
    let (first, rest) = contents.split_once('\n').unwrap();
    assert_eq!(first, "\"A \"quoted\" title of two lines\"");
    assert_eq!(rest, "The zanzibar text.\nMore of it.");
}

#[test]
fn other_stores_are_below_their_name() {
    use sleuth_testkit::chinese_library;
    let stores = vec![("library", sleuth_testkit::library()), ("zh", chinese_library())];
    let served = Served::of(stores, super::client::options());
    let body = r#"{"queries": ["小型猛禽"], "topk": 1, "return_scores": false}"#;
    let own = served.post("/stores/zh/retrieve", body);
    let reply = own.json();
    assert_eq!(reply["result"][0][0]["id"], "红隼");
    let url = reply["result"][0][0]["url"].as_str().unwrap().to_owned();
    assert_eq!(url, format!("http://{}/stores/zh/d/%E7%BA%A2%E9%9A%BC", served.address));
    let page = served.get(url.split_once(&served.address.to_string()).unwrap().1);
    assert!(page.text().starts_with("红隼\n\n红隼是一种小型猛禽"));
    let default = served.post("/retrieve", body);
    assert_eq!(default.json()["result"], json!([[]]));
    let named = served.post("/stores/library/retrieve", body);
    assert_eq!(named.header("x-sleuth-snapshot"), default.header("x-sleuth-snapshot"));
    assert_ne!(own.header("x-sleuth-snapshot"), default.header("x-sleuth-snapshot"));
    let unknown = served.post("/stores/fr/retrieve", body);
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "unknown_store"));
}

#[test]
fn health_says_what_is_served() {
    let served = Served::library();
    let reply = served.get("/health");
    let mut value = reply.json();
    assert_eq!(reply.header("x-sleuth-snapshot"), value["store"]["snapshot"].as_str());
    assert_eq!(reply.header("x-sleuth-retrieval"), value["store"]["retrieval"].as_str());
    assert_eq!(reply.header("x-sleuth-quality"), Some("good"));
    value["version"] = json!("VERSION");
    plain(&mut value);
    expect![[r#"
        {
          "status": "healthy",
          "version": "VERSION",
          "store": {
            "name": "library",
            "snapshot": "ID",
            "retrieval": "ID",
            "documents": 10
          },
          "stores": [
            {
              "name": "library",
              "snapshot": "ID",
              "retrieval": "ID",
              "documents": 10
            }
          ],
          "quality": "good",
          "retrievers": {
            "total": 1,
            "available": 1
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&value).unwrap());
    let stats = served.get("/stats").json();
    assert_eq!(stats["total_documents"], 10);
    assert_eq!(stats["requests"], 2);
}

#[test]
fn nothing_else_is_anywhere() {
    let served = Served::library();
    let reply = served.get("/nowhere");
    assert_eq!((reply.status, reply.code().as_str()), (404, "not_found"));
    let reply = served.get("/retrieve");
    assert_eq!((reply.status, reply.code().as_str()), (405, "method"));
}
