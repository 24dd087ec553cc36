//! `peers EXTRACTOR PAGES.json OUT.json`: main text of pages, by one single extractor.
//!
//! `PAGES.json` is a list of `{"id", "url", "path"}`, where `path` is a page in UTF-8. `OUT.json` gets
//! `{"seconds", "panics", "texts": {id: text}}`: wall time of extraction on two threads, without
//! reading files. A page on which the extractor fails or panics has an empty text.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

const THREADS: usize = 2;
/// Trees of odd pages are deep, and some extractors recurse.
const STACK: usize = 256 << 20;

type Extract = fn(&str, &str) -> Option<String>;

fn extractor(name: &str) -> Option<Extract> {
    Some(match name {
        "dom-content-extraction" => |page, _| {
            let tree = dom_content_extraction::scraper::Html::parse_document(page);
            dom_content_extraction::get_article(&tree).ok()
        },
        "dom_smoothie" => |page, url| {
            let config = dom_smoothie::Config {
                text_mode: dom_smoothie::TextMode::Formatted,
                ..dom_smoothie::Config::default()
            };
            let mut readability = dom_smoothie::Readability::new(page, Some(url), Some(config)).ok()?;
            Some(readability.parse().ok()?.text_content.to_string())
        },
        "legible" => |page, url| Some(legible::parse(page, Some(url), None).ok()?.text_content),
        "rs-trafilatura" => |page, url| {
            let options =
                rs_trafilatura::Options { url: Some(url.to_owned()), ..Default::default() };
            Some(rs_trafilatura::extract_with_options(page, &options).ok()?.content_text)
        },
        // Comments are part of what a forum page is for; its authors part them from the text.
        "trafilatura" => |page, _| {
            let options = trafilatura::Options::default().with_fallback(true);
            let result = trafilatura::extract(page, &options).ok()?;
            Some(format!("{}\n{}", result.content_text, result.comments_text))
        },
        _ => return None,
    })
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, pages, out] = arguments.as_slice() else {
        panic!("usage: peers EXTRACTOR PAGES.json OUT.json");
    };
    let extract = extractor(name).unwrap_or_else(|| panic!("no extractor is called `{name}`"));
    let pages: Vec<Value> =
        serde_json::from_slice(&std::fs::read(pages).expect("the list of pages is readable"))
            .expect("the list of pages is JSON");
    let pages: Vec<(String, String, String)> = pages
        .iter()
        .map(|page| {
            let field = |key: &str| page[key].as_str().expect("a string").to_owned();
            let text = std::fs::read_to_string(field("path")).expect("a page is UTF-8");
            (field("id"), field("url"), text)
        })
        .collect();
    std::panic::set_hook(Box::new(|_| ()));
    let texts = Mutex::new(BTreeMap::new());
    let (next, panics) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let work = || {
                while let Some((id, url, page)) = pages.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let text = std::panic::catch_unwind(|| extract(page, url)).unwrap_or_else(|_| {
                        panics.fetch_add(1, Ordering::Relaxed);
                        None
                    });
                    texts.lock().expect("no thread panics").insert(id.clone(), text.unwrap_or_default());
                }
            };
            std::thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, work)
                .expect("a thread starts");
        }
    });
    let seconds = begin.elapsed().as_secs_f64();
    let report = json!({
        "seconds": seconds,
        "panics": panics.into_inner(),
        "texts": texts.into_inner().expect("no thread panics"),
    });
    std::fs::write(out, report.to_string()).expect("the report is written");
}
