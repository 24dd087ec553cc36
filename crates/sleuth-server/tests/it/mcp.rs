//! MCP in both its eras, as its clients speak it.

use expect_test::expect;
use serde_json::{Value, json};
use sleuth_server::Options;
use sleuth_tasks::Quality;

use super::client::{Reply, Served, options};

const ACCEPT: (&str, &str) = ("Accept", "application/json, text/event-stream");
const KIND: (&str, &str) = ("Content-Type", "application/json");
const MODERN: &str = "2026-07-28";

fn modern(served: &Served, method: &str, name: Option<&str>, mut params: Value) -> Reply {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": { "name": "c", "version": "0" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut headers = vec![ACCEPT, KIND, ("MCP-Protocol-Version", MODERN), ("Mcp-Method", method)];
    headers.extend(name.map(|name| ("Mcp-Name", name)));
    served.send("POST", "/mcp", &headers, body.to_string().as_bytes())
}

fn legacy(served: &Served, body: &Value) -> Reply {
    let headers = [ACCEPT, KIND, ("MCP-Protocol-Version", "2025-06-18")];
    served.send("POST", "/mcp", &headers, body.to_string().as_bytes())
}

fn call(served: &Served, tool: &str, arguments: Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments });
    let reply = modern(served, "tools/call", Some(tool), params);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["result"].clone()
}

#[test]
fn the_modern_era_discovers_lists_and_calls() {
    let served = Served::library();
    let reply = modern(&served, "server/discover", None, json!({}));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.header("content-type").unwrap().starts_with("application/json"));
    let result = reply.json()["result"].clone();
    assert!(result["supportedVersions"].as_array().unwrap().contains(&json!(MODERN)), "{result}");
    assert_eq!(result["resultType"], "complete");
    let name = result.pointer("/_meta/io.modelcontextprotocol~1serverInfo/name");
    assert_eq!(name, Some(&json!("sleuth")), "{result}");
    let tools = modern(&served, "tools/list", None, json!({})).json()["result"]["tools"].clone();
    let names: Vec<&str> =
        tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["search", "fetch", "get_document"]);
    expect![[r#"
        {
          "name": "search",
          "description": "Searches the documents by words and returns the best passages, best first.",
          "inputSchema": {
            "type": "object",
            "properties": {
              "query": {
                "type": "string",
                "description": "Words to look for, or a question"
              }
            },
            "required": [
              "query"
            ]
          },
          "outputSchema": {
            "type": "object",
            "properties": {
              "results": {
                "type": "array",
                "items": {
                  "type": "object",
                  "properties": {
                    "id": {
                      "type": "string"
                    },
                    "title": {
                      "type": "string"
                    },
                    "url": {
                      "type": "string"
                    },
                    "docid": {
                      "type": "string"
                    },
                    "score": {
                      "type": "number"
                    },
                    "snippet": {
                      "type": "string"
                    }
                  },
                  "required": [
                    "id",
                    "title",
                    "url",
                    "docid",
                    "score",
                    "snippet"
                  ]
                }
              }
            },
            "required": [
              "results"
            ]
          },
          "annotations": {
            "readOnlyHint": true
          }
        }"#]].assert_eq(&serde_json::to_string_pretty(&tools[0]).unwrap());
}

#[test]
fn a_search_has_the_keys_of_both_kinds_of_clients_twice() {
    let served = Served::library();
    let result = call(&served, "search", json!({ "query": "falcon voles" }));
    let content = result["content"].as_array().unwrap();
    assert_eq!(content.len(), 1);
    assert_eq!(content[0]["type"], "text");
    let text: Value = serde_json::from_str(content[0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, result["structuredContent"]);
    assert_eq!(result["isError"], false);
    let hit = &text["results"][0];
    assert_eq!((&hit["id"], &hit["docid"]), (&json!("kestrel"), &json!("kestrel")));
    assert_eq!(hit["url"], format!("http://{}/d/kestrel", served.address));
    assert_eq!(hit["title"], "Kestrel");
    assert!(hit["score"].as_f64().unwrap() > 0.0);
    assert!(hit["snippet"].as_str().unwrap().starts_with("The kestrel is a small falcon"));
}

#[test]
fn documents_are_fetched_by_either_name() {
    let served = Served::library();
    let fetched = call(&served, "fetch", json!({ "id": "kestrel" }))["structuredContent"].clone();
    assert_eq!((&fetched["id"], &fetched["title"]), (&json!("kestrel"), &json!("Kestrel")));
    assert!(fetched["url"].as_str().unwrap().ends_with("/d/kestrel"));
    assert!(fetched["metadata"]["snapshot"].is_string());
    let got = call(&served, "get_document", json!({ "docid": "kestrel" }));
    let got = got["structuredContent"].clone();
    assert_eq!(got, json!({ "docid": "kestrel", "text": fetched["text"] }));
    let none = call(&served, "get_document", json!({ "docid": "none" }));
    assert_eq!(none["isError"], true);
    assert_eq!(none["content"][0]["text"], "no document `none`");
}

#[test]
fn the_older_era_is_served_without_sessions() {
    let served = Served::library();
    let params = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": { "name": "c", "version": "0" },
    });
    let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    let reply = served.send("POST", "/mcp", &[ACCEPT, KIND], body.to_string().as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("mcp-session-id"), None);
    let result = reply.json()["result"].clone();
    assert_eq!(result["protocolVersion"], "2025-06-18");
    assert_eq!(result["serverInfo"]["name"], "sleuth");
    let noted =
        legacy(&served, &json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    assert_eq!(noted.status, 202);
    let params = json!({ "name": "search", "arguments": { "query": "falcon voles" } });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let result = legacy(&served, &body).json()["result"].clone();
    assert_eq!(result["structuredContent"]["results"][0]["id"], "kestrel");
    assert_eq!(result.get("resultType"), None);
}

#[test]
fn errors_of_the_protocol_have_their_codes() {
    let served = Served::library();
    let params = json!({ "name": "search", "arguments": { "query": "falcon" } });
    let reply = modern(&served, "tools/call", Some("fetch"), params);
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (400, &json!(-32020)));
    let reply = modern(&served, "no/such", None, json!({}));
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (404, &json!(-32601)));
    let params = json!({ "name": "search", "arguments": { "question": "falcon" } });
    let reply = modern(&served, "tools/call", Some("search"), params);
    assert_eq!(reply.json()["error"]["code"], -32602);
    let params = json!({ "name": "delete", "arguments": {} });
    let reply = modern(&served, "tools/call", Some("delete"), params);
    assert_eq!(reply.json()["error"]["code"], -32602);
    // What the library words in plain text is JSON here, too.
    let reply = served.send("POST", "/mcp", &[KIND], b"{}");
    assert!(reply.status >= 400 && reply.json()["error"].is_object(), "{}", reply.text());
    assert_eq!(served.get("/mcp").status, 405);
}

#[test]
fn a_search_that_fails_is_told_to_the_model() {
    let quality = Quality::Failing { rate: 1.0 };
    let served = Served::with(Options { quality, stall: std::time::Duration::ZERO, ..options() });
    let mut told = 0;
    for at in 0..20 {
        let params = json!({ "name": "search", "arguments": { "query": format!("falcon {at}") } });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let mut stream = served.connect();
        let headers = [ACCEPT, KIND, ("MCP-Protocol-Version", "2025-06-18")];
        let request = served.request("POST", "/mcp", &headers, body.to_string().as_bytes());
        std::io::Write::write_all(&mut stream, &request).unwrap();
        let Some(reply) = Reply::try_read(&mut stream) else { continue };
        let result = serde_json::from_slice::<Value>(&reply.body).unwrap_or_default();
        told += usize::from(result["result"]["isError"] == true);
    }
    assert!(told > 5, "{told}");
}
