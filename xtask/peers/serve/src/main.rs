//! `tantivy-axum CORPUS.jsonl`: what one writes in an hour with tantivy and axum, as their examples
//! show it: an index in memory, the default tokenizer, the query parser over title and text, BM25 as
//! tantivy has it, and the protocol of Search-R1. Prints its address when it answers.

use std::io::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tantivy::collector::TopDocs;
use tantivy::query::QueryParser;
use tantivy::schema::{Field, STORED, Schema, TEXT, Value as _};
use tantivy::{Index, IndexReader, TantivyDocument, doc};

struct App {
    reader: IndexReader,
    parser: QueryParser,
    id: Field,
    title: Field,
    text: Field,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    text: String,
}

#[derive(Deserialize)]
struct Request {
    queries: Vec<String>,
    topk: Option<usize>,
    #[serde(default)]
    return_scores: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("expected a corpus")?;
    let mut schema = Schema::builder();
    let id = schema.add_text_field("id", STORED);
    let title = schema.add_text_field("title", TEXT | STORED);
    let text = schema.add_text_field("text", TEXT | STORED);
    let index = Index::create_in_ram(schema.build());
    let mut writer = index.writer_with_num_threads(1, 50_000_000)?;
    for line in std::fs::read_to_string(path)?.lines().filter(|line| !line.trim().is_empty()) {
        let record: Record = serde_json::from_str(line)?;
        writer.add_document(doc!(id => record.id, title => record.title, text => record.text))?;
    }
    writer.commit()?;
    writer.wait_merging_threads()?;
    let reader = index.reader()?;
    reader.reload()?;
    let parser = QueryParser::for_index(&index, vec![title, text]);
    let app = Arc::new(App { reader, parser, id, title, text });
    let router = Router::new().route("/retrieve", post(retrieve)).with_state(app);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        axum::serve(listener, router).await?;
        Ok(())
    })
}

async fn retrieve(
    State(app): State<Arc<App>>,
    Json(request): Json<Request>,
) -> Result<Json<Value>, StatusCode> {
    let searched = tokio::task::spawn_blocking(move || {
        let k = request.topk.unwrap_or(3);
        let lists: Result<Vec<Value>, tantivy::TantivyError> =
            request.queries.iter().map(|query| app.search(query, k, request.return_scores)).collect();
        lists
    });
    match searched.await {
        Ok(Ok(lists)) => Ok(Json(json!({ "result": lists }))),
        _ => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

impl App {
    fn search(&self, query: &str, k: usize, scores: bool) -> Result<Value, tantivy::TantivyError> {
        let searcher = self.reader.searcher();
        let (query, _) = self.parser.parse_query_lenient(query);
        let mut hits = Vec::new();
        for (score, address) in searcher.search(&query, &TopDocs::with_limit(k).order_by_score())? {
            let stored: TantivyDocument = searcher.doc(address)?;
            let value =
                |field| stored.get_first(field).and_then(|value| value.as_str()).unwrap_or_default();
            let contents = format!("\"{}\"\n{}", value(self.title), value(self.text));
            let document = json!({ "id": value(self.id), "contents": contents });
            hits.push(if scores { json!({ "document": document, "score": score }) } else { document });
        }
        Ok(Value::Array(hits))
    }
}
