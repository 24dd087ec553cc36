//! The client against a server that misbehaves in every way that servers do.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use sleuth_lm::{LanguageModel, LmError, Price, Remote, RemoteOptions, Reply, Request, ToolChoice};
use sleuth_records::{Message, Role, ToolCall, ToolSpec};

const CANARY: &str = "sk-canary-4f1d9c";

/// What the server does with one connection.
enum Answer {
    /// Sends these bytes and closes.
    Bytes(String),
    /// Sends these bytes and then nothing.
    Silence(String),
}

struct Server {
    base: String,
    seen: Arc<Mutex<Vec<String>>>,
}

fn serve(answers: Vec<Answer>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for answer in answers {
            let Ok((mut stream, _)) = listener.accept() else {
                return;
            };
            kept.lock().unwrap().push(read_request(&mut stream));
            match answer {
                Answer::Bytes(bytes) => drop(stream.write_all(bytes.as_bytes())),
                Answer::Silence(bytes) => {
                    drop(stream.write_all(bytes.as_bytes()));
                    open.push(stream);
                }
            }
        }
        sleep(Duration::from_secs(5));
    });
    Server { base, seen }
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |n| n.parse().unwrap()) {
                return text;
            }
        }
        match stream.read(&mut block) {
            Ok(n) if n > 0 => bytes.extend_from_slice(&block[..n]),
            _ => return text,
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> Answer {
    Answer::Bytes(format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
        body.len()
    ))
}

fn ok(body: &str) -> Answer {
    answer("200 OK", "content-type: application/json\r\n", body)
}

fn events(events: &[&str]) -> Answer {
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    answer("200 OK", "content-type: text/event-stream\r\n", &body)
}

fn plain(message: &Value) -> Answer {
    ok(&json!({
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 40}},
    })
    .to_string())
}

fn call(name: &str, arguments: &Value) -> Answer {
    let function = json!({"name": name, "arguments": arguments});
    plain(
        &json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": function}]}),
    )
}

fn options(base: &str) -> RemoteOptions {
    RemoteOptions {
        key: Some(CANARY.to_owned()),
        inactivity: Duration::from_millis(400),
        pause: Duration::from_millis(1),
        price: Some(Price { prompt_token: 0.01, cached_token: 0.001, completion_token: 0.1 }),
        ..RemoteOptions::new(base, "m")
    }
}

fn tools() -> Vec<ToolSpec> {
    vec![ToolSpec {
        name: "search".into(),
        description: "Finds passages.".into(),
        parameters: json!({"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}),
    }]
}

fn ask(server: &Server, choice: ToolChoice) -> Result<Reply, LmError> {
    let mut model = Remote::new(options(&server.base)).unwrap();
    assert!(!format!("{model:?}{:?}", options(&server.base)).contains(CANARY));
    let mut called = Message::text(Role::Assistant, "");
    called.tool_calls.push(ToolCall {
        id: "c0".into(),
        name: "search".into(),
        arguments: json!({"query": "x"}),
    });
    let messages = [
        Message::text(Role::System, "You hunt."),
        Message::text(Role::User, "Hi"),
        called,
        Message::tool_result("c0", "A page."),
    ];
    let tools = tools();
    let request = Request {
        messages: &messages,
        tools: &tools,
        choice,
        max_tokens: 50,
        temperature: 0.0,
        seed: 1,
    };
    let begun = Instant::now();
    let reply = model.complete(&request, &|| false);
    assert!(begun.elapsed() < Duration::from_secs(4), "it hung");
    reply
}

/// The error of a forced call, with its debug text free of the key.
fn fails(answers: Vec<Answer>, expected: &Expect) {
    let server = serve(answers);
    let error = ask(&server, ToolChoice::Call).unwrap_err();
    assert!(!format!("{error:?} {error}").contains(CANARY), "the key leaks: {error}");
    let address = server.base.trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    expected.assert_eq(&error.to_string().replace(&address, "ADDRESS"));
}

#[test]
fn a_stream_is_put_together() {
    let server = serve(vec![events(&[
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"search","arguments":""}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"que"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"ry\": \"Aln\"}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":40}}}"#,
        "[DONE]",
    ])]);
    let reply = ask(&server, ToolChoice::Call).unwrap();
    let call = &reply.message.tool_calls[0];
    assert_eq!((call.id.as_str(), call.name.as_str()), ("call_1", "search"));
    assert_eq!(call.arguments, json!({"query": "Aln"}));
    assert_eq!((reply.tokens.prompt_tokens, reply.tokens.cached_tokens), (100, 40));
    assert!((reply.dollars - (0.6 + 0.04 + 1.0)).abs() < 1e-9, "{}", reply.dollars);

    let seen = server.seen.lock().unwrap()[0].clone();
    assert!(seen.starts_with("POST /v1/chat/completions"), "{seen}");
    assert!(seen.contains(&format!("authorization: Bearer {CANARY}")));
    let body: Value = serde_json::from_str(seen.split_once("\r\n\r\n").unwrap().1).unwrap();
    expect![[r#"
        {
          "model": "m",
          "messages": [
            {
              "role": "system",
              "content": "You hunt."
            },
            {
              "role": "user",
              "content": "Hi"
            },
            {
              "role": "assistant",
              "content": "",
              "tool_calls": [
                {
                  "id": "c0",
                  "type": "function",
                  "function": {
                    "name": "search",
                    "arguments": "{\"query\":\"x\"}"
                  }
                }
              ]
            },
            {
              "role": "tool",
              "tool_call_id": "c0",
              "content": "A page."
            }
          ],
          "tools": [
            {
              "type": "function",
              "function": {
                "name": "search",
                "description": "Finds passages.",
                "parameters": {
                  "type": "object",
                  "properties": {
                    "query": {
                      "type": "string"
                    }
                  },
                  "required": [
                    "query"
                  ]
                }
              }
            }
          ],
          "tool_choice": "required",
          "parallel_tool_calls": false,
          "max_tokens": 50,
          "temperature": 0.0,
          "seed": 1,
          "stream": true,
          "stream_options": {
            "include_usage": true
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&body).unwrap());
}

#[test]
fn plain_bodies_and_calls_written_as_text_are_understood() {
    let text = |content: &str| plain(&json!({"role": "assistant", "content": content}));
    for server in [
        serve(vec![call("search", &json!("{\"query\": \"Aln\"}"))]),
        serve(vec![call("search", &json!({"query": "Aln"}))]),
        serve(vec![text(r#"{"tool": "search", "arguments": {"query": "Aln"}}"#)]),
        serve(vec![text(
            "<think>{no}</think>\n```json\n{\"name\": \"search\", \"parameters\": {\"query\": \"Aln\"}}\n```",
        )]),
        serve(vec![text(
            "<tool_call>\n{\"name\": \"search\", \"arguments\": \"{\\\"query\\\": \\\"Aln\\\"}\"}\n</tool_call>",
        )]),
    ] {
        let reply = ask(&server, ToolChoice::Call).unwrap();
        assert_eq!(reply.message.tool_calls[0].arguments, json!({"query": "Aln"}));
        assert!(!reply.message.tool_calls[0].id.is_empty());
    }
    let reply = ask(&serve(vec![text("It is 1832.")]), ToolChoice::Text).unwrap();
    assert_eq!(reply.message.content, "It is 1832.");
}

#[test]
fn a_server_without_tools_is_asked_in_plain_words() {
    let refusal = |text: &str| {
        answer("400 Bad Request", "", &json!({"error": {"message": text}}).to_string())
    };
    let server = serve(vec![
        refusal("Unsupported parameter: 'max_tokens'"),
        refusal("\"auto\" tool choice requires --enable-auto-tool-choice"),
        plain(
            &json!({"role": "assistant", "content": "{\"tool\": \"search\", \"arguments\": {\"query\": \"Aln\"}}"}),
        ),
    ]);
    assert_eq!(ask(&server, ToolChoice::Call).unwrap().message.tool_calls[0].name, "search");
    let seen = server.seen.lock().unwrap()[2].clone();
    let body: Value = serde_json::from_str(seen.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert!(body.get("tools").is_none() && body.get("max_completion_tokens").is_some(), "{body}");
    let messages = body["messages"].to_string();
    assert!(messages.contains("# Tools") && !messages.contains("tool_call_id"), "{messages}");
}

#[test]
fn faults_of_the_way_are_tried_again() {
    let server = serve(vec![
        answer("429 Too Many Requests", "retry-after: 0\r\n", ""),
        answer("503 Service Unavailable", "", "busy"),
        call("search", &json!("{\"query\": \"Aln\"}")),
    ]);
    assert!(ask(&server, ToolChoice::Call).is_ok());
    assert_eq!(server.seen.lock().unwrap().len(), 3);
}

#[test]
fn every_bad_answer_is_a_clear_error() {
    let five = || {
        answer(
            "500 Internal Server Error",
            "",
            &json!({"error": {"message": format!("bad key {CANARY}")}}).to_string(),
        )
    };
    fails(
        vec![five(), five(), five()],
        &expect![
            "model `m` is unavailable: the server answered 500 Internal Server Error: bad key [key] (tried 3 times)"
        ],
    );
    fails(
        vec![answer("401 Unauthorized", "", &format!("Incorrect API key provided: {CANARY}"))],
        &expect![
            "model `m` is unavailable: the server answered 401 Unauthorized: Incorrect API key provided: [key]"
        ],
    );
    fails(
        vec![answer("302 Found", "location: http://127.0.0.1:1/\r\n", "")],
        &expect!["model `m` is unavailable: the server answered 302 Found: no reason given"],
    );
    fails(
        vec![answer("400 Bad Request", "", r#"{"error": {"message": "no such model"}}"#)],
        &expect!["model `m` is unavailable: the server answered 400 Bad Request: no such model"],
    );
    fails(
        vec![ok("")],
        &expect!["malformed reply of `m`: expected a chat completion, found an empty body"],
    );
    fails(
        vec![ok("  ")],
        &expect!["malformed reply of `m`: expected a chat completion, found an empty body"],
    );
    fails(
        vec![ok(r#"{"choices": [{"message": {"content": "#)],
        &expect![[
            r#"malformed reply of `m`: expected a chat completion, found a body that is no JSON (EOF while parsing a value at line 1 column 37): {"choices": [{"message": {"content":"#
        ]],
    );
    fails(
        vec![ok("<html>a proxy</html>")],
        &expect![
            "malformed reply of `m`: expected a chat completion, found a body that is no JSON (expected value at line 1 column 1): <html>a proxy</html>"
        ],
    );
    fails(
        vec![ok(r#"{"detail": "x"}"#)],
        &expect![[
            r#"malformed reply of `m`: expected a chat completion, found JSON without `choices`: {"detail": "x"}"#
        ]],
    );
    fails(
        vec![ok(&format!(r#"{{"error": {{"message": "no {CANARY}"}}}}"#))],
        &expect![[
            r#"malformed reply of `m`: expected a chat completion, found the server's error {"message":"no [key]"}"#
        ]],
    );
    fails(
        vec![events(&[r#"{"choices":[{"delta":{"content":"a"}}]}"#])],
        &expect![
            "malformed reply of `m`: expected a chat completion, found a stream that ended before its end mark"
        ],
    );
    fails(
        vec![events(&[r#"{"choices":[{"del"#])],
        &expect![[
            r#"malformed reply of `m`: expected a chat completion, found an event that is no JSON (EOF while parsing a string at line 1 column 17): {"choices":[{"del"#
        ]],
    );
    fails(
        vec![Answer::Bytes("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"choices\"".into())],
        &expect![
            "model `m` is unavailable: the connection broke within the reply: error decoding response body: error reading a body from connection: end of file before message length reached"
        ],
    );
    fails(
        vec![Answer::Silence(String::new())],
        &expect!["model `m` is unavailable: the server sent nothing for 0.4 s"],
    );
    fails(
        vec![Answer::Silence(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"choices\":[]}\n\n"
                .into(),
        )],
        &expect!["model `m` is unavailable: the server sent nothing for 0.4 s"],
    );
}

#[test]
fn a_call_that_is_not_one_is_a_clear_error() {
    fails(
        vec![plain(&json!({"role": "assistant", "content": "I would search."}))],
        &expect![
            "malformed reply of `m`: expected one tool call, found the text `I would search.`"
        ],
    );
    fails(
        vec![plain(&json!({"role": "assistant", "content": null}))],
        &expect!["malformed reply of `m`: expected one tool call, found an empty reply"],
    );
    fails(
        vec![call("fetch", &json!("{}"))],
        &expect![
            "malformed reply of `m`: expected one tool call, found a call of the unknown tool `fetch`; known tools: `search`"
        ],
    );
    fails(
        vec![call("search", &json!("[1, 2]"))],
        &expect![
            "malformed reply of `m`: expected one tool call, found a call of `search` whose arguments are an array, not an object"
        ],
    );
    fails(
        vec![call("search", &json!("{\"query\": "))],
        &expect![[
            r#"malformed reply of `m`: expected one tool call, found a call of `search` whose arguments are no JSON (EOF while parsing a value at line 1 column 9): {"query":"#
        ]],
    );
    fails(
        vec![call("search", &json!("\"Aln\""))],
        &expect![
            "malformed reply of `m`: expected one tool call, found a call of `search` whose arguments are a string, not an object"
        ],
    );
}

#[test]
fn a_server_that_is_not_there_or_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let server = Server { base, seen: Arc::default() };
    let error = ask(&server, ToolChoice::Call).unwrap_err().to_string();
    assert!(error.contains("unavailable") && error.contains("tried 3 times"), "{error}");

    let closing = || Answer::Bytes(String::new());
    let error = ask(&serve(vec![closing(), closing(), closing()]), ToolChoice::Call).unwrap_err();
    assert!(matches!(error, LmError::Unavailable { .. }), "{error}");
}

#[test]
fn a_call_can_be_cancelled_while_the_server_is_silent() {
    let server = serve(vec![Answer::Silence(String::new())]);
    let slow = RemoteOptions { inactivity: Duration::from_secs(60), ..options(&server.base) };
    let mut model = Remote::new(slow).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let later = Arc::clone(&stop);
    std::thread::spawn(move || {
        sleep(Duration::from_millis(200));
        later.store(true, Ordering::Relaxed);
    });
    let messages = [Message::text(Role::User, "Hi")];
    let request = Request {
        messages: &messages,
        tools: &[],
        choice: ToolChoice::Text,
        max_tokens: 5,
        temperature: 0.0,
        seed: 1,
    };
    let begun = Instant::now();
    let error = model.complete(&request, &|| stop.load(Ordering::Relaxed)).unwrap_err();
    assert!(matches!(error, LmError::Cancelled), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn an_overlong_prompt_is_told_from_other_refusals() {
    let body = r#"{"error": {"message": "This model's maximum context length is 10 tokens", "code": "context_length_exceeded"}}"#;
    let error =
        ask(&serve(vec![answer("400 Bad Request", "", body)]), ToolChoice::Call).unwrap_err();
    assert!(matches!(error, LmError::ContextFull { reply: 50, .. }), "{error}");
}

#[test]
fn addresses_that_are_none_are_refused() {
    for base in ["", "localhost:8080", "ftp://a/b", "file:///etc/passwd"] {
        let error = Remote::new(RemoteOptions::new(base, "m")).unwrap_err();
        assert!(error.to_string().contains("is no URL"), "{error}");
    }
    let bad = RemoteOptions {
        key: Some(format!("{CANARY}\n")),
        ..RemoteOptions::new("http://a/v1", "m")
    };
    let error = Remote::new(bad).unwrap_err();
    assert!(!format!("{error:?}").contains(CANARY), "{error}");
}

#[test]
fn the_estimate_of_tokens_is_not_below_a_real_tokenizer() {
    use sleuth_lm::{Embedded, EmbeddedOptions};
    for file in [super::embedded::TINY, super::embedded::SMALL] {
        let Some(path) = super::embedded::model(file) else {
            continue;
        };
        let mut real =
            Embedded::load(&path, &EmbeddedOptions { context: 256, ..EmbeddedOptions::default() })
                .unwrap();
        let mut remote = Remote::new(RemoteOptions::new("http://127.0.0.1:1/v1", "m")).unwrap();
        for text in [
            "The bridge over the river Aln was opened in 1832, when the old ferry had sunk twice.",
            "fn main() { let x: Vec<Option<u8>> = vec![None; 16]; println!(\"{x:?}\"); }",
            "你好，世界。今天的天气很好，我们去公园散步吧。",
            "Die Donaudampfschifffahrtsgesellschaft übernahm 1846 die Schifffahrt auf der Theiß.",
            "| a | b |\n|---|---|\n|  1.25e-6 |  0xdeadbeef |\n\n\n\n\t\tindented",
            "Мост через реку был открыт в тысяча восемьсот тридцать втором году.",
        ] {
            let messages = [Message::text(Role::User, text)];
            let exact = real.count_tokens(&messages, &[]).unwrap();
            let upper = remote.count_tokens(&messages, &[]).unwrap();
            assert!(upper >= exact, "{file}: {upper} < {exact} for {text}");
            assert!(upper <= exact * 4, "{file}: {upper} for {exact}");
        }
    }
}
