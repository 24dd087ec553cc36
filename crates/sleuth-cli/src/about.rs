//! `sleuth index info STORE --document ID`.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;
use sleuth_index::{About, InGraph, Store};
use sleuth_records::DocumentId;

use crate::fail::{Exit, Failure};
use crate::print;
use crate::show::{bytes, count, one_line};

/// Documents of each kind that are listed for a person.
const LISTED: usize = 8;

pub(crate) fn about(path: &Path, id: &str, as_json: bool) -> Result<Exit, Failure> {
    let store = Store::open(path)?;
    let Some(about) = store.about(&DocumentId::new(id))? else {
        return Err(Failure::input(
            format!("no document `{id}` in store `{}`", path.display()),
            format!(
                "`sleuth search --in {} id:PREFIX` lists the documents whose ids begin so",
                path.display()
            ),
        ));
    };
    print(&if as_json { format!("{}\n", json!(about)) } else { text(&about) })?;
    Ok(Exit::Done)
}

fn text(about: &About) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:<10} {}", one_line(value, 200));
    };
    line("document", about.id.as_str());
    line("title", if about.title.is_empty() { "none" } else { &about.title });
    line("address", about.url.as_deref().unwrap_or("none"));
    line("date", about.date.as_deref().unwrap_or("none"));
    line("language", about.language.as_deref().unwrap_or("unknown"));
    line("text", &format!("{}, {}", bytes(about.bytes as u64), count(about.passages, "passage")));
    line("quality", &format!("{:.2}", about.quality));
    for reason in &about.reasons {
        line("", reason);
    }
    match &about.graph {
        None => line("graph", "not made: `sleuth index build` makes it"),
        Some(graph) => in_graph(graph, &mut line),
    }
    out
}

fn in_graph(graph: &InGraph, line: &mut impl FnMut(&str, &str)) {
    if let Some(original) = &graph.copy_of {
        line("copy of", &format!("{original}, which the default search puts before it"));
    }
    if let Some(original) = &graph.variant_of {
        line("variant of", &format!("{original}, of which this site has changed copies in masses"));
    }
    let mut list = |name: &str, entries: &mut dyn ExactSizeIterator<Item = String>| {
        let n = entries.len();
        let mut name = name;
        for entry in entries.take(LISTED) {
            line(name, &entry);
            name = "";
        }
        if n > LISTED {
            line("", &format!("and {} more", n - LISTED));
        }
    };
    list("stands for", &mut graph.stands_for.iter().map(ToString::to_string));
    list("names", &mut graph.names.iter().map(|(id, strength)| format!("{id} ({strength:.2})")));
    list("named by", &mut graph.named_by.iter().map(ToString::to_string));
}
