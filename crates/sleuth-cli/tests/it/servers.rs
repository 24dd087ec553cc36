//! Servers that do not do what they should.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};

use crate::place::{Place, WHEN, code};

/// A server that answers each request with the bytes of `replies` in turn, the last one for ever.
pub(crate) fn serve(replies: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (at, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let reply = replies[at.min(replies.len() - 1)].clone();
            std::thread::spawn(move || {
                read_request(&mut stream);
                let _ = stream.write_all(reply.as_bytes());
            });
        }
    });
    format!("http://{address}/v1#test-model")
}

/// Reads a request to its end.
pub(crate) fn read_request(stream: &mut std::net::TcpStream) {
    let mut seen = Vec::new();
    let mut block = [0_u8; 4096];
    loop {
        let n = stream.read(&mut block).unwrap_or(0);
        seen.extend_from_slice(&block[..n]);
        let text = String::from_utf8_lossy(&seen);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if n == 0 { return } else { continue }
        };
        let length = head
            .lines()
            .filter_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned)
            })
            .find_map(|length| length.trim().parse::<usize>().ok());
        if n == 0 || length.is_none_or(|length| body.len() >= length) {
            return;
        }
    }
}

/// A whole HTTP reply.
pub(crate) fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A reply that calls a tool.
pub(crate) fn call(tool: &str, arguments: &str) -> String {
    let message = serde_json::json!({
        "role": "assistant",
        "tool_calls": [{
            "id": "c1", "type": "function",
            "function": {"name": tool, "arguments": arguments},
        }],
    });
    let body = serde_json::json!({
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10},
    });
    http("200 OK", &body.to_string())
}

fn ask(replies: Vec<String>, expected: &Expect) {
    let place = Place::with_docs();
    let server = serve(replies);
    let begun = Instant::now();
    let output = place.run(&["ask", WHEN, "--over", "docs", "--quiet", "--model", &server]);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    expected.assert_eq(&place.show(&output));
}

#[test]
fn it_fails() {
    ask(
        vec![http("500 Internal Server Error", "{\"error\": {\"message\": \"out of cake\"}}")],
        &expect![[r#"
        exit 5
        --- stderr
        error: model `test-model` is unavailable: the server answered 500 Internal Server Error: out of cake (tried 3 times)
        hint: `sleuth doctor` says what works; `--policy trail` needs no model
    "#]],
    );
}

#[test]
fn it_says_nothing() {
    ask(
        vec![String::new()],
        &expect![[r#"
        exit 5
        --- stderr
        error: model `test-model` is unavailable: error sending request: client error (SendRequest): connection closed before message completed (tried 3 times)
        hint: `sleuth doctor` says what works; `--policy trail` needs no model
    "#]],
    );
}

#[test]
fn it_is_not_there() {
    let place = Place::with_docs();
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let output =
        place.run(&["ask", WHEN, "--over", "docs", "--json", "--quiet", "--model", &server]);
    expect![[r#"
        exit 5
        --- stdout
        {"status":"failed","error":{"message":"model `default` is unavailable: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111) (tried 3 times)","hint":"`sleuth doctor` says what works; `--policy trail` needs no model","code":5}}
        --- stderr
        error: model `default` is unavailable: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111) (tried 3 times)
        hint: `sleuth doctor` says what works; `--policy trail` needs no model
    "#]].assert_eq(&place.show(&output));
}

#[test]
fn it_sends_half_a_json() {
    ask(
        vec![http("200 OK", "{\"choices\": [{\"message\": {\"role\": \"assist")],
        &expect![[r#"
            exit 5
            --- stderr
            error: malformed reply of `test-model`: expected a chat completion, found a body that is no JSON (EOF while parsing a string at line 1 column 41): {"choices": [{"message": {"role": "assist
            hint: this model does not hold to tool calls; take another one, or `--policy trail`
        "#]],
    );
}

#[test]
fn it_calls_a_tool_that_is_none() {
    ask(
        vec![call("launch", "{\"missiles\": 1}")],
        &expect![[r#"
            exit 5
            --- stderr
            error: malformed reply of `test-model`: expected one tool call, found a call of the unknown tool `launch`; known tools: [TOOLS]
            hint: this model does not hold to tool calls; take another one, or `--policy trail`
        "#]],
    );
}

#[test]
fn it_sends_arguments_that_are_none() {
    ask(
        vec![call("search", "not json")],
        &expect![[r#"
            exit 5
            --- stderr
            error: malformed reply of `test-model`: expected one tool call, found a call of `search` whose arguments are no JSON (expected ident at line 1 column 2): not json
            hint: this model does not hold to tool calls; take another one, or `--policy trail`
        "#]],
    );
}

#[test]
fn it_refuses_the_key_and_the_key_is_not_shown() {
    let place = Place::with_docs();
    let server = serve(vec![http(
        "401 Unauthorized",
        "{\"error\": {\"message\": \"bad key sk-secret-1234\"}}",
    )]);
    let output = place
        .sleuth(&["ask", WHEN, "--over", "docs", "--quiet", "--model", &server])
        .env("SLEUTH_API_KEY", "sk-secret-1234")
        .output()
        .unwrap();
    assert_eq!(code(&output), 5);
    let shown = place.show(&output);
    assert!(!shown.contains("sk-secret-1234"), "{shown}");
    expect![[r#"
        exit 5
        --- stderr
        error: model `test-model` is unavailable: the server answered 401 Unauthorized: bad key [key]
        hint: `sleuth doctor` says what works; `--policy trail` needs no model
    "#]].assert_eq(&shown);
}

#[test]
fn it_answers() {
    ask(
        vec![
            call("search", "{\"query\": \"Marrow Point Lighthouse built\"}"),
            call(
                "answer",
                "{\"answer\": \"1911\", \"claims\": [{\"text\": \"The Marrow Point Lighthouse was \
                 built in 1911.\", \"evidence\": [\"e1\"]}]}",
            ),
        ],
        &expect![[r#"
            exit 0
            --- stdout
            1911

              [exact] “The Marrow Point Lighthouse was built in 1911.”
                Marrow Point Lighthouse · docs/marrow-point.md:5

            3 searches, 1 page read, [TIME], 220 tokens · run [RUN]
        "#]],
    );
}
