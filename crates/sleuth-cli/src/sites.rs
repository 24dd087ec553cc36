//! Lists of sites that are named on the command line.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use sleuth_index::{Effect, IndexError, SiteList, SiteLists, Store, Verdict};

use crate::fail::Failure;
use crate::progress::Progress;
use crate::show::count;

/// Reads the lists in `files`; what is passed over in one is told in one line. `None` without any files.
pub(crate) fn read(
    files: &[PathBuf],
    progress: &Progress,
) -> Result<Option<Arc<SiteLists>>, Failure> {
    let mut lists = Vec::with_capacity(files.len());
    for path in files {
        // No more than tells that it is too long: a device has no end.
        let most = SiteList::MOST_BYTES;
        let mut bytes = Vec::new();
        fs_err::File::open(path)
            .and_then(|file| file.take(most as u64 + 1).read_to_end(&mut bytes))
            .map_err(|source| Failure::Read { path: path.clone(), source })?;
        let name = path.display().to_string();
        if bytes.len() > most {
            let reason = format!("expected at most {most} bytes, found more");
            return Err(IndexError::Sites { name, reason }.into());
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Failure::input(
                format!("cannot use the list of sites `{name}`: expected UTF-8, found byte {at} to be none"),
                "save it as UTF-8",
            )
        })?;
        let list = SiteList::parse(&name, &text)?;
        if let [first, ..] = list.warnings() {
            let n = count(list.warnings().len() as u64, "line");
            progress.note(&format!("sites `{name}` ({}): {n} passed over; {first}", list.format()));
        }
        lists.push(list);
    }
    Ok((!lists.is_empty()).then(|| Arc::new(SiteLists::new(lists))))
}

/// The store, searched with `lists` in force.
pub(crate) fn in_force(store: Store, lists: Option<&Arc<SiteLists>>) -> Store {
    match lists {
        Some(lists) => store.with_sites(Arc::clone(lists)),
        None => store,
    }
}

/// The lists for machines.
pub(crate) fn to_json(lists: &SiteLists) -> Value {
    let one = |list: &SiteList| {
        json!({
            "name": list.name(),
            "format": list.format(),
            "rules": list.n_rules(),
            "warnings": list.warnings().len(),
        })
    };
    lists.lists().iter().map(one).collect()
}

/// The rule that weighs a document, for machines; null where none does.
pub(crate) fn rule_json(verdict: Option<&Verdict>, lists: &SiteLists) -> Value {
    let Some(Verdict { effect: Effect::Weight(weight), rule: Some(rule) }) = verdict else {
        return Value::Null;
    };
    let list = lists.lists().get(rule.list).map(SiteList::name);
    // As it is written, and not as the next 64-bit number is.
    let weight: Option<f64> = weight.to_string().parse().ok();
    json!({"list": list, "line": rule.line, "weight": weight})
}
