//! The Model Context Protocol at `/mcp`, in both its eras.
//!
//! | tool | argument | result |
//! |---|---|---|
//! | `search` | `query` | `{"results": [{"id", "title", "url", "docid", "score", "snippet"}]}` |
//! | `fetch` | `id` | `{"id", "title", "text", "url", "metadata"}` |
//! | `get_document` | `docid` | `{"docid", "text"}` |
//!
//! `search` and `fetch` are what deep-research clients ask for, and `url` is never empty, since without it
//! they cite nothing: documents without an address have a page of this server. `search` and
//! `get_document` are what BrowseComp-Plus asks for. Both call `search` by one name with one argument, and
//! differ in what they want back, a list of `{"id", "title", "url"}` under `results` or a bare list of
//! `{"docid", "score", "snippet"}`; so each hit has the keys of both, under `results`. What reads the text
//! for `"docid"`, or hands it to a model, finds what it looks for; what parses the text as a list finds
//! an object.
//!
//! Every result is there twice, as structured content and as exactly one text item that holds the same
//! JSON. A search that fails is a result with `isError`, whose text the model gets to read, and no error
//! of the protocol.
//!
//! The tools keep nothing between calls, so no client is given a session: an `initialize` of the older
//! era is answered like any call, and ten thousand clients cost no memory. The older transport over two
//! addresses (SSE) is not served. Host and origin are checked at the [`door`](crate::door).

use std::sync::Arc;
use std::time::Instant;

use axum::http::StatusCode;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    Implementation, JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities,
    ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use sleuth_records::Document;

use crate::app::{App, Asked, Call};
use crate::refused::Refused;
use crate::served::Served;

/// Documents for a search: that of BrowseComp-Plus.
const K: usize = 5;

/// The service at `/mcp`.
pub(crate) fn service(app: &Arc<App>) -> StreamableHttpService<Tools, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(app.limits.body)
        // The door has checked it, and knows all the names of this machine.
        .disable_allowed_hosts();
    let tools = Tools(Arc::clone(app));
    StreamableHttpService::new(move || Ok(tools.clone()), Arc::default(), config)
}

/// See the [module](self).
#[derive(Clone)]
pub(crate) struct Tools(Arc<App>);

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("sleuth", env!("CARGO_PKG_VERSION")))
            .with_instructions(
                "Searches a fixed set of documents. Search first, then fetch documents by their id to \
                 read them whole.",
            )
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let call = context
            .extensions
            .get::<axum::http::request::Parts>()
            .and_then(|parts| parts.extensions.get::<Arc<Call>>().cloned())
            .ok_or_else(|| ErrorData::internal_error("the request has no store", None))?;
        let argument = |key: &str| {
            let value = request.arguments.as_ref().and_then(|arguments| arguments.get(key));
            value.and_then(Value::as_str).map(str::to_owned).ok_or_else(|| {
                let tool = &request.name;
                let message = format!("expected a string for `{key}` of the tool `{tool}`");
                ErrorData::invalid_params(message, None)
            })
        };
        let result = match request.name.as_ref() {
            "search" => self.search(&call, argument("query")?).await,
            "fetch" => self.fetch(&call, argument("id")?).await,
            "get_document" => self.get_document(&call, argument("docid")?).await,
            name => {
                let message =
                    format!("unknown tool `{name}`: expected `search`, `fetch` or `get_document`");
                return Err(ErrorData::invalid_params(message, None));
            }
        };
        Ok(match result {
            Ok(value) => CallToolResult::structured(value),
            Err(refused) => CallToolResult::error(vec![ContentBlock::text(refused.message)]),
        }
        .into())
    }
}

impl Tools {
    async fn search(&self, call: &Call, query: String) -> Result<Value, Refused> {
        let asked = Asked { dialect: "mcp", queries: vec![query], k: K, snippets: false };
        let hits = self.0.search(call, asked).await?.pop().unwrap_or_default();
        let results: Vec<Value> = hits
            .iter()
            .map(|found| {
                json!({
                    "id": found.id(),
                    "title": found.title,
                    "url": found.url(&call.base),
                    "docid": found.id(),
                    "score": found.score,
                    "snippet": &found.text,
                })
            })
            .collect();
        Ok(json!({ "results": results }))
    }

    async fn fetch(&self, call: &Call, id: String) -> Result<Value, Refused> {
        let document = self.read(call, id).await?;
        let (snapshot, retrieval) = call.store.ids();
        Ok(json!({
            "id": document.id,
            "title": document.title,
            "text": document.text,
            "url": Served::url(&document, &call.base),
            "metadata": { "store": call.store.name, "snapshot": snapshot, "retrieval": retrieval },
        }))
    }

    async fn get_document(&self, call: &Call, id: String) -> Result<Value, Refused> {
        let document = self.read(call, id).await?;
        Ok(json!({ "docid": document.id, "text": document.text }))
    }

    async fn read(&self, call: &Call, id: String) -> Result<Arc<Document>, Refused> {
        let begun = Instant::now();
        let (id, document) = self
            .0
            .read(call, move |store| {
                let document = store.named(&id)?;
                Ok((id, document))
            })
            .await?;
        self.0.note(call, "mcp", std::slice::from_ref(&id), 1, None, StatusCode::OK, begun, || {
            vec![document.iter().map(|document| document.id.as_str()).collect()]
        });
        document.ok_or_else(|| {
            Refused::new(StatusCode::NOT_FOUND, "no_document", format!("no document `{id}`"))
        })
    }
}

fn tools() -> Vec<Tool> {
    let text = json!({ "type": "string" });
    let hit = object(&[
        ("id", &text),
        ("title", &text),
        ("url", &text),
        ("docid", &text),
        ("score", &json!({ "type": "number" })),
        ("snippet", &text),
    ]);
    let found = object(&[("results", &json!({ "type": "array", "items": hit }))]);
    let document = object(&[
        ("id", &text),
        ("title", &text),
        ("text", &text),
        ("url", &text),
        ("metadata", &json!({ "type": "object" })),
    ]);
    vec![
        tool(
            "search",
            "Searches the documents by words and returns the best passages, best first.",
            ("query", "Words to look for, or a question"),
            found,
        ),
        tool(
            "fetch",
            "Returns the whole text of a document.",
            ("id", "Id of a document, as `search` gives it"),
            document,
        ),
        tool(
            "get_document",
            "Returns the whole text of a document by its docid.",
            ("docid", "Docid of a document, as `search` gives it"),
            object(&[("docid", &text), ("text", &text)]),
        ),
    ]
}

fn tool(
    name: &'static str,
    description: &'static str,
    (argument, about): (&str, &str),
    output: Value,
) -> Tool {
    let input = object(&[(argument, &json!({ "type": "string", "description": about }))]);
    Tool::new(name, description, schema(input))
        .with_raw_output_schema(Arc::new(schema(output)))
        .with_annotations(ToolAnnotations::new().read_only(true))
}

/// The schema of an object with these keys, all of which have to be there.
fn object(keys: &[(&str, &Value)]) -> Value {
    let properties: JsonObject =
        keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).clone())).collect();
    let required: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn schema(value: Value) -> JsonObject {
    if let Value::Object(schema) = value { schema } else { JsonObject::new() }
}
